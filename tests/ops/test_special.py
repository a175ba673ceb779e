"""Functions of scipy.special against mpmath to second order; their edges, by every transform, and their errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule import errors

half = mp.mpf(1) / 2


def normal(x: Any) -> Any:
    return mp.ncdf(x)


def incomplete_beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def incomplete_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


# a function, the same in mpmath, its arguments, and the positions to differentiate by (all, if none are given)
Case = tuple[Any, Callable[..., Any], tuple[float, ...], tuple[int, ...]]
CASES: dict[str, Case] = {
    "erf": (special.erf, mp.erf, (0.7,), ()),
    "erfc": (special.erfc, mp.erfc, (1.7,), ()),
    "erfcx": (special.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), (1.3,), ()),
    "erfi": (special.erfi, mp.erfi, (0.7,), ()),
    "dawsn": (special.dawsn, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), (0.9,), ()),
    "erfinv": (special.erfinv, mp.erfinv, (0.6,), ()),
    "ndtr": (special.ndtr, normal, (-0.4,), ()),
    "log_ndtr": (special.log_ndtr, lambda x: mp.log(normal(x)), (-0.4,), ()),
    "log_ndtr far left": (special.log_ndtr, lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), (-30.0,), ()),
    "ndtri": (special.ndtri, lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), (0.2,), ()),
    "owens_t": (
        special.owens_t,
        lambda h, a: mp.quad(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * mp.pi),
        (0.6, 0.8),
        (),
    ),
    "voigt_profile": (
        special.voigt_profile,
        lambda x, s, g: (
            mp.re(mp.exp(-(((x + 1j * g) / (s * mp.sqrt(2))) ** 2)) * mp.erfc(-1j * (x + 1j * g) / (s * mp.sqrt(2))))
            / (s * mp.sqrt(2 * mp.pi))
        ),
        (0.4, 0.9, 0.7),
        (),
    ),
    "fresnel S": (lambda x: special.fresnel(x)[0], mp.fresnels, (0.8,), ()),
    "fresnel C": (lambda x: special.fresnel(x)[1], mp.fresnelc, (0.8,), ()),
    "gamma": (special.gamma, mp.gamma, (2.3,), ()),
    "gamma left": (special.gamma, mp.gamma, (-1.3,), ()),
    "gammaln": (special.gammaln, mp.loggamma, (2.3,), ()),
    "loggamma": (special.loggamma, mp.loggamma, (12.5,), ()),
    "rgamma": (special.rgamma, mp.rgamma, (2.3,), ()),
    "rgamma at a pole": (special.rgamma, mp.rgamma, (-2.0,), ()),
    "psi": (special.psi, mp.digamma, (0.7,), ()),
    "psi left": (special.psi, mp.digamma, (-0.7,), ()),
    "digamma": (special.digamma, mp.digamma, (3.7,), ()),
    "zeta": (special.zeta, mp.zeta, (2.5, 1.2), (1,)),
    "beta": (special.beta, mp.beta, (1.3, 2.2), ()),
    "betaln": (special.betaln, lambda a, b: mp.log(mp.beta(a, b)), (1.3, 2.2), ()),
    "poch": (special.poch, mp.rf, (1.3, 0.7), ()),
    "binom": (special.binom, mp.binomial, (4.3, 1.7), ()),
    "gammainc": (special.gammainc, incomplete_gamma, (1.7, 2.2), ()),
    "gammaincc": (special.gammaincc, lambda a, x: 1 - incomplete_gamma(a, x), (20.0, 31.0), ()),
    "betainc": (special.betainc, incomplete_beta, (1.7, 2.2, 0.4), ()),
    "j0": (special.j0, lambda x: mp.besselj(0, x), (1.7,), ()),
    "j1": (special.j1, lambda x: mp.besselj(1, x), (0.0,), ()),
    "y0": (special.y0, lambda x: mp.bessely(0, x), (1.7,), ()),
    "y1": (special.y1, lambda x: mp.bessely(1, x), (1.7,), ()),
    "jv": (special.jv, mp.besselj, (1.5, 2.2), (1,)),
    "yn": (lambda x: special.yn(2, x), lambda x: mp.bessely(2, x), (2.2,), ()),
    "yv": (special.yv, mp.bessely, (1.5, 2.2), (1,)),
    "iv": (special.iv, mp.besseli, (1.5, 2.2), (1,)),
    "kv": (special.kv, mp.besselk, (1.5, 2.2), (1,)),
    "kn": (lambda x: special.kn(1, x), lambda x: mp.besselk(1, x), (2.2,), ()),
    "i0e": (special.i0e, lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), (-1.2,), ()),
    "i1": (special.i1, lambda x: mp.besseli(1, x), (0.0,), ()),
    "ive": (special.ive, lambda v, x: mp.exp(-x) * mp.besseli(v, x), (0.5, 1.2), (1,)),
    "kve": (special.kve, lambda v, x: mp.exp(x) * mp.besselk(v, x), (0.5, 1.2), (1,)),
    "struve": (special.struve, mp.struveh, (0.5, 1.2), (1,)),
    "modstruve": (special.modstruve, mp.struvel, (0.5, 1.2), (1,)),
    "ber": (special.ber, lambda x: mp.ber(0, x), (1.4,), ()),
    "kei": (special.kei, lambda x: mp.kei(0, x), (1.4,), ()),
    "airy Ai": (lambda x: special.airy(x)[0], mp.airyai, (-1.4,), ()),
    "airy Bi'": (lambda x: special.airy(x)[3], lambda x: mp.airybi(x, derivative=1), (0.4,), ()),
    "airye": (lambda x: special.airye(x)[0], lambda x: mp.exp(2 * x * mp.sqrt(x) / 3) * mp.airyai(x), (0.7,), ()),
    "pbdv": (lambda x: special.pbdv(1.5, x)[0], lambda x: mp.pcfd(1.5, x), (0.7,), ()),
    "ellipk": (special.ellipk, mp.ellipk, (0.4,), ()),
    "ellipk at 0": (special.ellipk, mp.ellipk, (0.0,), ()),
    "ellipe": (special.ellipe, mp.ellipe, (-2.0,), ()),
    "ellipe at 0": (special.ellipe, mp.ellipe, (0.0,), ()),
    "ellipkm1": (special.ellipkm1, lambda p: mp.ellipk(1 - p), (0.1,), ()),
    "ellipkinc": (special.ellipkinc, mp.ellipf, (0.9, 0.4), ()),
    "ellipkinc at 0": (special.ellipkinc, mp.ellipf, (0.9, 0.0), ()),
    "ellipkinc beyond a turn": (special.ellipkinc, mp.ellipf, (5.1, 0.4), ()),
    "ellipeinc": (special.ellipeinc, mp.ellipe, (-2.1, 0.4), ()),
    "ellipj sn": (lambda u, m: special.ellipj(u, m)[0], lambda u, m: mp.ellipfun("sn", u, m=m), (0.9, 0.3), ()),
    "ellipj dn": (lambda u, m: special.ellipj(u, m)[2], lambda u, m: mp.ellipfun("dn", u, m=m), (0.9, 0.3), ()),
    "elliprf": (special.elliprf, mp.elliprf, (0.7, 1.2, 2.1), ()),
    "elliprf equal": (special.elliprf, mp.elliprf, (1.2, 1.2, 1.2), ()),
    "elliprd": (special.elliprd, mp.elliprd, (0.7, 1.2, 2.1), ()),
    "elliprc": (special.elliprc, mp.elliprc, (0.7, 1.2), ()),
    "elliprg": (special.elliprg, mp.elliprg, (0.7, 1.2, 2.1), ()),
    "elliprj": (special.elliprj, mp.elliprj, (0.7, 1.2, 2.1, 0.9), ()),
    "agm": (special.agm, mp.agm, (0.7, 1.9), ()),
    "hyp0f1": (special.hyp0f1, mp.hyp0f1, (1.3, -0.7), (1,)),
    "hyp1f1": (special.hyp1f1, mp.hyp1f1, (1.3, 2.1, -0.7), (2,)),
    "hyp2f1": (special.hyp2f1, mp.hyp2f1, (1.3, 0.4, 2.1, 0.6), (3,)),
    "hyperu": (special.hyperu, mp.hyperu, (1.3, 0.4, 1.1), (2,)),
    "exp1": (special.exp1, mp.e1, (1.1,), ()),
    "expi": (special.expi, mp.ei, (1.1,), ()),
    "expn": (lambda x: special.expn(1, x), lambda x: mp.expint(1, x), (1.1,), ()),
    "exprel": (special.exprel, lambda x: mp.expm1(x) / x if x else mp.mpf(1), (0.003,), ()),
    "sici Si at 0": (lambda x: special.sici(x)[0], mp.si, (0.0,), ()),
    "sici Ci": (lambda x: special.sici(x)[1], mp.ci, (0.8,), ()),
    "shichi Shi": (lambda x: special.shichi(x)[0], mp.shi, (0.8,), ()),
    "spence": (special.spence, lambda z: mp.polylog(2, 1 - z), (0.9,), ()),
    "spence at 1": (special.spence, lambda z: mp.polylog(2, 1 - z), (1.0,), ()),
    "lambertw": (lambda x: special.lambertw(x).real, mp.lambertw, (0.7,), ()),
    "lambertw lower": (lambda x: special.lambertw(x, -1).real, lambda x: mp.lambertw(x, -1), (-0.2,), ()),
    "lambertw at 0": (lambda x: special.lambertw(x).real, mp.lambertw, (0.0,), ()),
    "eval_legendre": (lambda x: special.eval_legendre(3.5, x), lambda x: mp.legendre(3.5, x), (0.3,), ()),
    "eval_jacobi": (lambda x: special.eval_jacobi(3, 0.5, 1.5, x), lambda x: mp.jacobi(3, 0.5, 1.5, x), (0.3,), ()),
    "eval_chebyt": (lambda x: special.eval_chebyt(4, x), lambda x: mp.chebyt(4, x), (1.0,), ()),
    "eval_chebyu": (lambda x: special.eval_chebyu(4, x), lambda x: mp.chebyu(4, x), (0.2,), ()),
    "eval_gegenbauer": (
        lambda x: special.eval_gegenbauer(4, 0.7, x),
        lambda x: mp.gegenbauer(4, 0.7, x),
        (0.2,),
        (),
    ),
    "eval_hermite": (lambda x: special.eval_hermite(5, x), lambda x: mp.hermite(5, x), (0.2,), ()),
    "eval_genlaguerre": (
        lambda x: special.eval_genlaguerre(3, 0.5, x),
        lambda x: mp.laguerre(3, 0.5, x),
        (0.2,),
        (),
    ),
    "boxcox": (special.boxcox, lambda x, k: (x**k - 1) / k if k else mp.log(x), (1.7, 0.3), ()),
    "inv_boxcox": (special.inv_boxcox, lambda y, k: (1 + k * y) ** (1 / k), (0.7, 0.3), ()),
    "logit": (special.logit, lambda p: mp.log(p / (1 - p)), (0.1,), ()),
    "log_expit": (special.log_expit, lambda x: -mp.log1p(mp.exp(-x)), (0.7,), ()),
    "stdtr": (
        special.stdtr,
        lambda k, t: 1 - incomplete_beta(k / 2, half, k / (k + t * t)) / 2,
        (3.5, 0.7),
        (),
    ),
    "fdtr": (special.fdtr, lambda n, d, x: incomplete_beta(n / 2, d / 2, n * x / (n * x + d)), (3.5, 2.7, 0.8), ()),
    "gdtr": (special.gdtr, lambda a, b, x: incomplete_gamma(b, a * x), (1.5, 2.7, 0.8), ()),
    "bdtr": (
        lambda p: special.bdtr(2, 5, p),
        lambda p: mp.fsum([mp.binomial(5, k) * p**k * (1 - p) ** (5 - k) for k in range(3)]),
        (0.3,),
        (),
    ),
    "chndtr": (
        special.chndtr,
        lambda x, k, c: mp.nsum(
            lambda j: mp.exp(-c / 2) * (c / 2) ** j / mp.factorial(j) * incomplete_gamma(k / 2 + j, x / 2), [0, 40]
        ),
        (1.5, 2.5, 0.8),
        (0, 2),
    ),
    "kolmogorov": (
        special.kolmogorov,
        lambda y: 2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * mp.exp(-2 * k * k * y * y), [1, 60]),
        (0.6,),
        (),
    ),
}


def partial(function: Any, point: tuple[float, ...], orders: dict[int, int]) -> float:
    """A partial derivative in thirty digits."""
    counts = tuple(orders.get(position, 0) for position in range(len(point)))
    with mp.workdps(30):
        wanted: Any = counts if len(point) > 1 else counts[0]
        place: Any = tuple(map(mp.mpf, point)) if len(point) > 1 else mp.mpf(point[0])
        return float(mp.re(mp.diff(function, place, wanted)))


@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives_are_those_of_mpmath(name: str) -> None:
    ours, theirs, point, chosen = CASES[name]
    argnums = chosen or tuple(range(len(point)))
    gradient = cr.grad(ours, argnums=argnums)(*point)
    for found, position in zip(gradient, argnums, strict=True):
        np.testing.assert_allclose(found, partial(theirs, point, {position: 1}), rtol=1e-10, atol=1e-13)
    for row in argnums:
        second = cr.grad(lambda *given, row=row: cr.grad(ours, argnums=row)(*given), argnums=argnums)(*point)
        for found, column in zip(second, argnums, strict=True):
            orders = {row: 2} if row == column else {row: 1, column: 1}
            np.testing.assert_allclose(found, partial(theirs, point, orders), rtol=1e-8, atol=1e-10)


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        (special.xlogy, (0.0, 2.0), (np.log(2.0), 0.0)),
        (special.xlogy, (0.0, 0.0), (0.0, 0.0)),
        (special.xlogy, (0.0, -1.0), (0.0, 0.0)),
        (special.xlog1py, (0.0, -1.0), (0.0, 0.0)),
        (special.kl_div, (0.0, 2.0), (-np.inf, 1.0)),
        (special.rel_entr, (0.0, 2.0), (-np.inf, 0.0)),
        (special.entr, (0.0,), (np.inf,)),
        (special.boxcox, (2.0, 0.0), (0.5, np.log(2.0) ** 2 / 2)),
        (special.inv_boxcox, (0.5, 0.0), (np.exp(0.5), -0.125 * np.exp(0.5))),
        (special.huber, (1.0, 3.0), (2.0, 1.0)),
        (special.huber, (1.0, -0.5), (0.0, -0.5)),
        (special.pseudo_huber, (1.0, 0.0), (0.0, 0.0)),
        (special.i0e, (0.0,), (0.0,)),
        (special.gammainc, (1.0, 0.0), (None, 1.0)),
        (special.rgamma, (-3.0,), (-6.0,)),
        (special.rgamma, (200.0,), (0.0,)),
        (special.bdtr, (3.0, 3, 0.4), (None, None, 0.0)),
        (special.tklmbda, (3.0, 2.0), (0.0, 0.0)),
        (special.expit, (-1000.0,), (0.0,)),
        (special.log_expit, (-1000.0,), (1.0,)),
        (special.log_ndtr, (-1e5,), (1e5,)),
        (special.log_ndtr, (40.0,), (0.0,)),
    ],
)
def test_edges(function: Any, point: tuple[float, ...], expected: tuple[float | None, ...]) -> None:
    argnums = tuple(position for position, slope in enumerate(expected) if slope is not None)
    with np.errstate(all="ignore"):
        found = cr.grad(function, argnums=argnums)(*point)
    for slope, position in zip(found, argnums, strict=True):
        np.testing.assert_allclose(slope, float(expected[position] or 0), rtol=1e-9)


@pytest.mark.parametrize("point", [(0.0, 2.0), (0.0, 0.0), (0.0, -1.0), (1.5, 2.0)])
def test_second_derivatives_where_a_factor_is_zero_agree_both_ways(point: tuple[float, float]) -> None:
    for function in (special.xlogy, special.rel_entr):
        by_y = cr.grad(lambda x, y, f=function: cr.grad(f, argnums=0)(x, y), argnums=1)
        by_x = cr.grad(lambda x, y, f=function: cr.grad(f, argnums=1)(x, y), argnums=0)
        if function is special.xlogy:
            assert by_y(*point) == by_x(*point) == (1 / point[1] if point[1] > 0 else 0.0)
        elif point[1] > 0:
            assert by_y(*point) == by_x(*point) == -1 / point[1]


def test_noncentral_density_far_out() -> None:
    x, df, nc, step = 2100.0, 3.5, 2000.0, 1e-2
    slopes = cr.grad(special.chndtr, argnums=(0, 2))(x, df, nc)
    moved = [(x + step, df, nc), (x - step, df, nc), (x, df, nc + step), (x, df, nc - step)]
    values = [special.chndtr(*point) for point in moved]
    expected = [(values[0] - values[1]) / (2 * step), (values[2] - values[3]) / (2 * step)]
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("inverse", "function", "point", "position"),
    [
        (special.btdtria, special.betainc, (1.3, 2.2, 0.4), 0),
        (special.btdtrib, special.betainc, (1.3, 2.2, 0.4), 1),
        (special.betaincinv, special.betainc, (1.3, 2.2, 0.4), 2),
        (special.gammaincinv, special.gammainc, (30.0, 25.0), 1),
        (special.chdtriv, special.chdtr, (3.3, 2.2), 0),
        (special.stdtridf, special.stdtr, (2.5, 1.4), 0),
        (special.stdtrit, special.stdtr, (2.5, -1.4), 1),
        (special.gdtrib, special.gdtr, (1.3, 2.2, 0.9), 1),
        (special.fdtridfd, special.fdtr, (2.0, 3.0, 1.5), 1),
    ],
)
def test_an_inverse_undoes_its_function(inverse: Any, function: Any, point: tuple[float, ...], position: int) -> None:
    def back(*given: Any) -> Any:
        moved = list(given)
        moved[position] = function(*given)
        return inverse(*moved)

    expected = np.eye(len(point))[position]
    np.testing.assert_allclose(cr.grad(back, argnums=tuple(range(len(point))))(*point), expected, atol=1e-6)


def test_degree_zero_is_constant() -> None:
    polynomials: tuple[Any, ...] = (
        special.eval_legendre,
        special.eval_chebyt,
        special.eval_chebyu,
        special.eval_hermite,
        special.eval_laguerre,
        special.eval_sh_legendre,
    )
    for polynomial in polynomials:
        assert cr.grad(lambda x, polynomial=polynomial: polynomial(0, x))(0.3) == 0.0


@pytest.mark.filterwarnings("ignore")  # SciPy says that it rounds
def test_counts_are_constant_and_rounded_down() -> None:
    assert cr.grad(lambda k: special.pdtr(k, 1.5))(2.5) == 0.0
    assert cr.grad(lambda m: special.pdtr(2.5, m))(1.5) == cr.grad(lambda m: special.pdtr(2, m))(1.5)
    assert cr.grad(lambda p: special.pdtri(2.5, p))(0.4) == cr.grad(lambda p: special.pdtri(2, p))(0.4)
    for function in (special.bdtr, special.bdtrc, special.bdtri, special.nbdtr, special.nbdtrc, special.nbdtri):
        found, expected = (
            cr.grad(lambda p, function=function, counts=counts: function(*counts, p))(0.4)
            for counts in ((2.5, 5.7), (2, 5))
        )
        assert found == expected


# --- transforms -------------------------------------------------------------------------------------------------------


def model(x: Any) -> Any:
    sine, cosine = special.sici(x)
    return special.betainc(2.0, 3.0, x) * special.jv(1, x) + sine * cosine + special.ellipj(x, 0.3)[1]


def test_all_transforms_agree() -> None:
    x, step = np.array([0.2, 0.5, 0.9]), 1e-6
    slopes = (model(x + step) - model(x - step)) / (2 * step)
    jacobian: Any = cr.jacobian(model)
    assert "diagonal, 3 stored" in repr(jacobian(x + 0.01))
    np.testing.assert_allclose(jacobian(x).diagonal(), slopes, rtol=1e-8)
    assert jacobian.recorded.recordings == ["replayed"]
    np.testing.assert_allclose(cr.jvp(model, (x,), (np.ones(3),))[1], slopes, rtol=1e-8)
    gradient = cr.grad(lambda x: np.sum(model(x)))
    np.testing.assert_allclose(gradient(x), slopes, rtol=1e-8)
    np.testing.assert_allclose(cr.compile(gradient)(x), gradient(x), rtol=1e-12)
    hessian = cr.hessian(lambda x: np.sum(model(x)))(x)
    np.testing.assert_allclose(hessian.diagonal(), (gradient(x + step) - gradient(x - step)) / (2 * step), rtol=1e-7)


def test_functions_of_a_recording_among_tensors() -> None:
    order, x = np.array([0.5, 1.5]), np.array([0.7, 1.2])
    jacobian: Any = cr.jacobian(cr.grad(lambda x: np.sum(special.pbwa(order, x)[0])))
    jacobian(x + 0.1)
    expected = (order - x * x / 4) * special.pbwa(order, x)[0]
    np.testing.assert_allclose(jacobian(x).diagonal(), expected, rtol=1e-12)
    assert jacobian.recorded.recordings == ["replayed"]


def test_a_tensor_goes_backward() -> None:
    x = cr.tensor([0.5, 1.5], requires_grad=True)
    special.gammaln(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), special.psi([0.5, 1.5]))


def test_a_third_derivative() -> None:
    third = cr.grad(cr.grad(cr.grad(special.erf)))(0.4)
    np.testing.assert_allclose(third, (4 * 0.16 - 2) * 2 / np.sqrt(np.pi) * np.exp(-0.16))


def test_formulas_are_as_people_write_them() -> None:
    derivation = cr.derive(special.gamma)(1.5)
    (formula,) = derivation.gradients.values()
    assert formula.text.endswith("= Γ(x) ψ(x)")
    derivation = cr.derive(lambda p, q: np.sum(special.kl_div(p, q)), 0)(np.array([0.3]), np.array([0.5]))
    (entropy,) = derivation.gradients.values()
    assert entropy.text.endswith("= log(p / q)")
    assert r"\Gamma\left(x\right)" in formula.latex and r"\psi\left(x\right)" in formula.latex


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "position", "named"),
    [
        (special.jv, 0, "scipy.special.jv: its derivative with respect to v"),
        (special.iv, 0, "scipy.special.iv: its derivative with respect to v"),
        (special.zeta, 0, "scipy.special.zeta: its derivative with respect to x"),
        (special.hyp0f1, 0, "scipy.special.hyp0f1: its derivative with respect to v"),
        (special.eval_chebyt, 0, "scipy.special.eval_chebyt: its derivative with respect to n"),
    ],
)
def test_an_argument_without_derivative_is_named(function: Any, position: int, named: str) -> None:
    with pytest.raises(errors.NoDerivativeError) as problem:
        cr.grad(function, argnums=position)(2.0, 1.5)
    for words in (named, "x.detach()", "chainrule.define"):
        assert words in str(problem.value)


@pytest.mark.parametrize("name", ["hankel1", "hankel2e", "kelvin", "wofz", "modfresnelp"])
def test_functions_of_complex_results_are_refused_by_their_full_name(name: str) -> None:
    function = getattr(special, name)
    with pytest.raises(errors.NoRuleError, match=rf"scipy\.special\.{name} has no derivative rule"):
        cr.grad(lambda x: np.real(function(*[1.0] * (function.nin - 1), x)))(0.5)
    plain = cr.tensor(0.5)
    assert np.shape(function(*[1.0] * (function.nin - 1), plain)) in ((), (4,), (2,))


def test_lambertw_beyond_its_real_branches() -> None:
    with pytest.raises(errors.NoRuleError, match=r"scipy\.special\.lambertw has complex values here"):
        cr.grad(lambda x: special.lambertw(x).real)(-0.7)


def test_methods_of_ufuncs_and_where_without_out() -> None:
    x = cr.tensor([0.5, 1.5], requires_grad=True)
    np.testing.assert_allclose(special.agm.outer(x, x).detach(), special.agm.outer(x.detach(), x.detach()))
    with pytest.raises(errors.NoRuleError, match=r"scipy\.special\.erf with where="):
        special.erf(x, where=np.array([True, False]))
