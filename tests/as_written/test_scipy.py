"""SciPy called as ever where something is tracked: solvers, integrals, distributions, filters, sparse constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft as sf
import scipy.integrate as sg
import scipy.interpolate as si
import scipy.ndimage as nd
import scipy.optimize as so
import scipy.signal as ss
import scipy.sparse as sparse
import scipy.spatial.distance as sd
import scipy.special as sp
import scipy.stats as st
from scipy import linalg
from scipy.cluster.vq import kmeans2

import chainrule as cr
from chainrule.errors import NoDerivativeError, NoRuleError
from tests.as_written.weighed import weighed

v = np.array([0.3, -1.2, 0.7, 2.1, 0.9])
places = np.arange(5.0)
band = sparse.csr_array(np.diag(np.arange(1.0, 6.0)) + np.diag(np.ones(4), 1))


def line(t: Any, a: Any, b: Any) -> Any:
    return a * t + b


def decay(t: Any, y: Any, a: Any) -> Any:
    return -a * y


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "brentq": lambda x: so.brentq(lambda t: t**3 - np.exp(x[0]), 0, 5) * x[1],
    "brentq, args": lambda x: so.brentq(lambda t, a: t**3 - a, 0, 5, args=(np.exp(x[0]),)),
    "brentq, full": lambda x: so.brentq(lambda t: t**3 - np.exp(x[0]), 0, 5, full_output=True)[0],
    "newton": lambda x: so.newton(lambda t: t**3 - np.exp(x[0]), 1.0),
    "root_scalar": lambda x: so.root_scalar(lambda t: t**3 - np.exp(x[0]), bracket=(0, 5)).root,
    "root": lambda x: so.root(lambda t: t**3 + t - x, np.zeros(5)).x,
    "fsolve": lambda x: so.fsolve(lambda t: [t[0] ** 3 - x[3], t[0] * t[1] - x[2]], [1.0, 1.0]),
    "fixed_point": lambda x: so.fixed_point(lambda t: 0.5 * np.cos(t) + 0.1 * x[0], 0.5),
    "minimize": lambda x: so.minimize(lambda t: np.sum((t - x) ** 4 + (t - x) ** 2 * np.exp(x)), v, tol=1e-10).x,
    "minimize, bounds": lambda x: so.minimize(lambda t: np.sum((t - x) ** 2), v, bounds=[(0.5, 1.5)] * 5, tol=1e-12).x,
    "least_squares": lambda x: so.least_squares(lambda t: np.concatenate([t - x, 0.3 * t**2 - 1]), v, xtol=1e-13).x,
    "curve_fit": lambda x: so.curve_fit(line, places, x)[0],
    "curve_fit, spread": lambda x: so.curve_fit(line, places, x)[1],
    "quad": lambda x: sg.quad(lambda t: np.exp(-t * x[0]), 0, 1)[0],
    "quad, ends": lambda x: sg.quad(lambda t: t * x[0], x[1], x[2])[0],
    "quad, infinite": lambda x: sg.quad(lambda t: np.exp(-t * t * np.exp(x[0])), -np.inf, np.inf)[0],
    "quad, half": lambda x: sg.quad(lambda t, a: np.exp(-a * t), 0, np.inf, args=(np.exp(x[0]),))[0],
    "quad, to the left": lambda x: sg.quad(lambda t: np.exp(x[3] * t), -np.inf, 1)[0],
    "quad, backwards": lambda x: sg.quad(lambda t: t * t * x[0], 2.0, x[1])[0] + sg.quad(lambda t: t, x[3], x[0])[0],
    "quad, from infinity": lambda x: sg.quad(lambda t: np.exp(-x[3] * t), np.inf, x[0])[0],
    "quad, singular": lambda x: sg.quad(lambda t: x[0] / np.sqrt(t) + x[3] * np.log(t), 0, 1)[0],
    "quad, kink": lambda x: sg.quad(lambda t: abs(t - x[0]) * x[3], 0, 1)[0],
    "quad, nothing": lambda x: sg.quad(lambda t: t * x[0], x[1], x[1])[0],
    "solve_ivp": lambda x: sg.solve_ivp(decay, (0, 1), [1.0, x[1]], args=(x[0],), rtol=1e-8, atol=1e-10).y[:, -1],
    "solve_ivp, times": lambda x: (
        sg.solve_ivp(
            lambda t, y: [-x[0] * y[0] + y[1], -y[1]], (0, 2), [x[1], 1.0], t_eval=[0.5, 1.0, 2.0], rtol=1e-9, atol=1e-9
        ).y
    ),
    "solve_ivp, back": lambda x: (
        sg.solve_ivp(lambda t, y: -x[0] * y, (1, 0), [2.0], "RK23", [0.7, 0.1], rtol=1e-8, atol=1e-9).y
    ),
    "odeint": lambda x: sg.odeint(lambda y, t: -x[0] * y, 1.0, [0.0, 0.5, 1.0]),
    "odeint, args": lambda x: sg.odeint(decay, [x[1], 1.0], [0.0, 1.0], (x[0],), tfirst=True),
    "solve_ivp, span": lambda x: sg.solve_ivp(decay, (x[1], x[3]), [1.0], args=(0.4,), rtol=1e-8, atol=1e-10).y[:, -1],
    "solve_ivp, its times": lambda x: sg.solve_ivp(decay, (0, x[3]), [1.0], "RK45", [x[1] + 2, x[3]], args=(1.0,)).t,
    "solve_ivp, moments": lambda x: (
        sg.solve_ivp(decay, (0, 3), [x[1]], t_eval=[x[2], x[3]], args=(x[0],), rtol=1e-9, atol=1e-9).y
    ),
    "odeint, moments": lambda x: sg.odeint(lambda y, t: -y * t, [x[2], 1.0], [x[1], x[0], x[3]]),
    "odeint, moments back": lambda x: sg.odeint(lambda y, t: -y * t, 1.0, [x[4], x[4], x[2], x[0]]),
    "simpson": lambda x: sg.simpson(x, dx=0.5),
    "simpson, named": lambda x: sg.simpson(y=x),
    "trapezoid": lambda x: sg.trapezoid(x) * x[0],
    "cumulative_trapezoid": lambda x: sg.cumulative_trapezoid(x, initial=0),
    "dct": lambda x: sf.dct(x, norm="ortho"),
    "dstn": lambda x: sf.dstn(x[None] * x[:, None]),
    "convolve": lambda x: ss.convolve(x, x),
    "convolve, plain": lambda x: ss.convolve(x, [1.0, 2.0], "same"),
    "convolve, plain first": lambda x: ss.fftconvolve(np.array([1.0, 2.0]), x),
    "convolve, valid": lambda x: ss.convolve(x, x[:3], "valid"),
    "correlate": lambda x: ss.correlate(x, x**2, "same"),
    "convolve, two axes": lambda x: ss.convolve(x[:, None] * x, x[:3, None] * x[:2], "same"),
    "correlate, two axes": lambda x: ss.correlate(x[:3, None] * x[:2], x[:, None] * x, "valid"),
    "lfilter": lambda x: ss.lfilter([1.0, 0.5], [1.0, 0.2], x),
    "lfilter, its coefficients": lambda x: ss.lfilter(x[:2], [1.0, 0.2], [1.0, 2.0, 3.0]) * x[0],
    "lfilter, from a state": lambda x: ss.lfilter([1.0, 0.5], [1.0, 0.2], x, zi=[0.3])[1],
    "convolve2d": lambda x: ss.convolve2d(np.eye(3), x[:4].reshape(2, 2), "same", "wrap") * x[0],
    "periodogram": lambda x: ss.periodogram(x, 10.0)[1],
    "sawtooth": lambda x: ss.sawtooth(x * 5, 0.3) + ss.square(x) * x,
    "detrend": lambda x: ss.detrend(x) * x,
    "savgol_filter": lambda x: ss.savgol_filter(x, 5, 2),
    "correlate1d": lambda x: nd.correlate1d(x, [1.0, 2.0, 1.0]),
    "correlate, its weights": lambda x: nd.correlate(np.arange(12.0).reshape(3, 4), x[:4].reshape(2, 2)),
    "zscore": lambda x: st.zscore(x) * x + st.iqr(x),
    "euclidean": lambda x: sd.euclidean(x[:2], x[2:4]) * x,
    "fht": lambda x: np.abs(sf.fht(x, 0.1, 0.0)),
    "cdist": lambda x: sd.cdist(x[:, None] * x, x[:2, None] + x * x, "cosine"),
    "cdist, by a matrix": lambda x: sd.cdist(x[:, None] * x, [x], "mahalanobis", VI=np.diag(x**2)),
    "pdist": lambda x: sd.squareform(sd.pdist(np.outer(x, places), "minkowski", p=3) * x[0]),
    "squareform back": lambda x: sd.squareform(x * x[:, None] - np.diag(x**2)),
    "CubicSpline, its derivative": lambda x: si.CubicSpline(places, x).derivative()(x[:2]),
    "gaussian_filter": lambda x: nd.gaussian_filter(x[None] * x[:, None], 1.0),
    "CubicSpline": lambda x: si.CubicSpline(places, x)(1.5),
    "CubicSpline, places": lambda x: si.CubicSpline(places, x)(0.3 * x + 1) + si.CubicSpline(places, x)(x, 1),
    "interp1d": lambda x: si.interp1d(places, x)(np.array([0.5, 1.5])),
    "RegularGridInterpolator": lambda x: si.RegularGridInterpolator((places,), x)([[1.5]]),
    "sparse @": lambda x: band @ x + x @ band + band.dot(x),
    "sparse @ matrix": lambda x: band @ (x[:, None] * x),
    "logsumexp": lambda x: sp.logsumexp(x) + sp.logsumexp(x, b=np.arange(1.0, 6.0), keepdims=True),
    "logsumexp, weights": lambda x: sp.logsumexp(x, b=np.stack([x[0] ** 2, *x[1:4] ** 2, 0.0 * x[0]])),
    "softmax": lambda x: sp.softmax(x) * sp.log_softmax(x),
    "multigammaln": lambda x: sp.multigammaln(3.2 + x[0], 2),
    "polygamma": lambda x: sp.polygamma(2, x**2) + sp.polygamma(0, x**2),
    "factorial": lambda x: sp.factorial(x**2) + sp.comb(5, x**2) + sp.comb(5, x**2, repetition=True),
    "factorial below 0": lambda x: sp.factorial(-0.3 * x, extend="complex") + sp.factorial(-0.3 * x),
    "spherical": lambda x: sp.spherical_jn(2, x**2) + sp.spherical_yn(1, x**2, derivative=True),
    "norm": lambda x: st.norm.logpdf(x) + st.norm.pdf(x) + st.norm.cdf(x) + st.norm.sf(x),
    "norm, parameters": lambda x: st.norm.logpdf(x[0], x[1], np.exp(x[2])) + st.norm.logcdf(x, scale=2.0),
    "norm, frozen": lambda x: st.norm(1.0, 2.0).logpdf(x),
    "norm, quantile": lambda x: st.norm.ppf(0.2 + 0.1 * x**2, loc=x),
    "t": lambda x: st.t.logpdf(x, 3.0),
    "gamma": lambda x: st.gamma.logpdf(x**2, 2.0, scale=np.exp(x[0])),
    "beta": lambda x: st.beta.logpdf(0.1 + 0.1 * x**2, 2.0, 3.0),
    "others": lambda x: st.expon.logpdf(x**2) + st.laplace.logpdf(x) + st.lognorm.pdf(x**2, 0.5) + st.chi2.pdf(x**2, 3),
    "outside": lambda x: st.expon.pdf(x) + st.uniform.logpdf(0.1 * x + 0.3),
    "vectors": lambda x: st.norminvgauss.sf(x[:2] ** 2, 1.25, 0.5),
    "quantiles": lambda x: st.gamma.ppf(np.array([0.3, 0.5]), 2.0, scale=np.exp(x[0])) + st.expon.isf(0.4, loc=x[1]),
    "counted": lambda x: st.binom.pmf([2, 3], 5, 0.3 + 0.1 * x[0]) + st.poisson.logpmf(3, np.exp(x[:2])),
    "counted up to": lambda x: st.poisson.cdf([-1, 0, 2.5], x[3]) + st.geom.logsf(2, 0.3 + 0.1 * x[0]),
    "singular": lambda x: st.multivariate_normal.logpdf(np.outer([1, 2], v) * x[0], v * x[1], np.outer(v, v), True),
    "methods": lambda x: sum(method(x) for method in (st.norm.logpdf, st.norm(1.0, 2.0).cdf)),
    "one variable": lambda x: st.multivariate_normal.logpdf(x) + st.multivariate_normal.pdf(x, 1.0, np.exp(x[0])),
    "variances": lambda x: st.multivariate_normal.logpdf(np.stack([x, x**2]), x, np.exp(x)),
    "poisson": lambda x: st.poisson.logpmf(3, x**2 + 1),
    "multivariate_normal": lambda x: st.multivariate_normal.logpdf(x, np.zeros(5), np.eye(5) + x[0] ** 2),
}


def by_differences(f: Callable[[Any], Any], x: Any, step: float = 1e-5) -> Any:
    found = np.empty_like(x)
    for k in range(len(x)):
        moved = np.zeros_like(x)
        moved[k] = step
        found[k] = (f(x + moved) - f(x - moved)) / (2 * step)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name: str) -> None:
    scalar = weighed(FUNCTIONS[name], v)
    value, gradient = cr.value_and_grad(scalar)(v)
    is_rough = name.startswith(("odeint", "minimize", "least_squares", "curve_fit"))  # what SciPy returns is
    loose, step = (1e-4, 1e-2) if is_rough else (1e-9, 1e-5)
    np.testing.assert_allclose(value, scalar(v), rtol=loose, atol=loose)
    slopes, size = by_differences(scalar, v, step), 1 + np.abs(gradient).max()
    np.testing.assert_allclose(gradient, slopes, rtol=10 * loose + 2e-4, atol=(10 * loose + 2e-5) * size)


@pytest.mark.parametrize("name", ["brentq", "root", "minimize", "quad, ends", "norm, parameters", "gamma"])
def test_second_derivatives(name: str) -> None:
    def scalar(x: Any) -> Any:
        return np.sum(FUNCTIONS[name](x) ** 2)

    found = cr.grad(lambda x: np.sum(cr.grad(scalar)(x) * np.arange(5)))(v)
    expected = by_differences(lambda x: np.sum(cr.grad(scalar)(x) * np.arange(5)), v, 1e-4)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * (1 + np.abs(found).max()))


def test_plain_numbers_get_what_scipy_gives() -> None:
    def f(x: Any) -> Any:
        assert isinstance(so.brentq(lambda t: t - 1, 0, 5), float)
        assert len(sg.quad(lambda t: t, 0, 1)) == 2
        assert len(sg.quad(lambda t: t, 0, 1, full_output=True)) == 3
        assert so.minimize(lambda t: np.sum(t**2), np.ones(2)).success
        assert so.least_squares(lambda t: t - 1, [0.0]).success
        assert so.root(lambda t: t - 1, [0.0]).success
        assert so.fixed_point(lambda t: 0.5 * t + 1, 0.5) == pytest.approx(2.0)
        assert so.curve_fit(line, places, 2 * places)[0][0] == pytest.approx(2.0)
        assert sg.solve_ivp(lambda t, y: -y, (0, 1), [1.0], method="Radau").success
        assert sg.odeint(lambda y, t: -y, 1.0, [0.0, 1.0]).shape == (2, 1)
        assert type(st.norm.logpdf(0.0)) is np.float64
        assert type(st.norm.ppf(0.5)) is np.float64
        assert st.multivariate_normal.pdf([0.0, 0.0]).shape == (2,)
        assert type(sp.logsumexp([1.0, 2.0])) is np.float64
        assert (band @ np.ones(5)).shape == (5,)
        assert type(si.CubicSpline(places, places)) is si.CubicSpline
        return so.brentq(lambda t: t - x[0], -5, 5)

    np.testing.assert_allclose(cr.grad(f)(v), [1, 0, 0, 0, 0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: st.poisson.logpmf(2.5, np.exp(x[0])),
        lambda x: st.norm.pdf(x, scale=-np.exp(x[0])),
        lambda x: st.norm.pdf(np.array([np.nan, 1.0, 2.0]), loc=x[0]),
        lambda x: st.gamma.logpdf(1.0, -np.exp(x[0])),
        lambda x: st.beta.ppf(np.array([0.0, 1.0, -0.1, 2.0]), 1.5, 2.0, scale=np.exp(x[0])),
        lambda x: st.expon.logcdf(np.array([-1.0, 2.0]), scale=np.exp(x[0])),
    ],
)
def test_numbers_that_no_formula_is_for(f: Any) -> None:
    expected = f(v)
    value, slopes = cr.value_and_grad(lambda x: np.sum(np.nan_to_num(f(x), nan=7.0, posinf=8.0, neginf=9.0)))(v)
    np.testing.assert_allclose(value, np.sum(np.nan_to_num(expected, nan=7.0, posinf=8.0, neginf=9.0)))
    assert np.isfinite(slopes).all()


def test_bounds_and_arguments_by_position() -> None:
    def inside(x: Any) -> Any:
        bounds = ((0.5, 1.5), (None, 2.0))
        least = so.minimize(lambda t: np.sum((t - x[2:4]) ** 2), np.ones(2), bounds=bounds, tol=1e-12).x
        others = so.least_squares(
            lambda t, k: k * (t - x[2:4]), [1.0, 1.0], "2-point", ([0.5, -9.0], 2.0), args=(2.0,)
        ).x
        named = so.least_squares(lambda t, k=1.0: k * (t - x[:2]), [1.0, 1.0], kwargs={"k": x[3]}).x
        return np.concatenate([least, others, named])

    slopes = cr.jacobian(inside)(v).dense()
    expected = np.zeros((6, 5))
    expected[[0, 2, 4, 5], [2, 2, 0, 1]] = 1.0  # the second variable is at its bound
    np.testing.assert_allclose(slopes, expected, atol=1e-9)


ERRORS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: st.multivariate_normal.logpdf(v, None, np.outer(x, x), True), "a tracked covariance that is singular"),
    (
        lambda x: so.minimize(lambda t: np.sum((t - x) ** 2), v, constraints=[{"type": "eq", "fun": np.sum}]).x,
        "constraints",
    ),
    (lambda x: so.least_squares(lambda t: t - x, v, loss="cauchy").x, "another loss than 'linear'"),
    (lambda x: so.curve_fit(line, places, x, sigma=np.eye(5))[0], "a matrix for sigma"),
    (lambda x: sg.quad(lambda t: t * x[0], 0, 1, weight="cos", wvar=1.0)[0], "weight= or complex_func=True"),
    (lambda x: sg.quad(lambda t: x[3] / t, 0, 1)[0], "has no rule where it warns"),
    (lambda x: sg.solve_ivp(decay, (0, 1), [1.0], "BDF", args=(x[0],)).y, "method='RK45' and 'RK23'"),
    (lambda x: np.abs(ss.lfilter(x[:2], [1.0, 0.5j], x)), "with complex coefficients a"),
    (lambda x: ss.upfirdn(x[:2], v, mode="wrap"), "has a rule with mode='constant'"),
    (lambda x: nd.median_filter(x, 3, cval=x[0]), "has a rule for tracked input alone"),
    (lambda x: nd.grey_erosion(x, 3, structure=np.arange(3.0)), "where each result is one of the entries"),
    (lambda x: sd.pdist(np.outer(x, x), "yule"), r"metric='yule' and \[\]: there are rules for euclidean, "),
    (lambda x: nd.shift(np.outer(v, v), x[0], mode="wrap"), "with mode='constant', 'mirror' or 'nearest'"),
    (
        lambda x: si.RegularGridInterpolator((places,), places)(x[:1, None] + 1, "nearest"),
        "at tracked places has a rule for method='linear'",
    ),
    (
        lambda x: si.griddata(np.stack([v, v**2], 1), v, x[None, :2], "cubic"),
        "griddata of tracked points or places has a rule for method='linear' and 'nearest'",
    ),
    (lambda x: si.UnivariateSpline(places, x, s=0.1)(0.5), "knots that depend on tracked values"),
    (lambda x: si.make_interp_spline(places + x, x)(0.5), "has a rule for tracked values alone"),
    (lambda x: si.PPoly(np.outer(x, v[:4]), -places)(-0.5), "where its breaks increase"),
    (lambda x: si.splev(x, si.splrep(places, v), ext=1), "with ext=0 alone"),
    (lambda x: si.splint(-1.0, 1.0, si.splrep(places, x)), "between their first and last place"),
    (lambda x: si.splint(0.0, 1.0, si.splrep(places, x), 1)[0], "no rule with full_output"),
    (lambda x: si.CubicSpline(places, x, extrapolate=False).integrate(0, 1), "where they are extrapolated"),
    (lambda x: si.make_interp_spline(places, x).integrate(0, 1, False), "where they are extrapolated"),
    (lambda x: nd.gaussian_filter(np.ones((90, 90)) * x[0], 1.0), "written as a matrix, which is too large"),
    (lambda x: kmeans2(np.outer(x, x), np.eye(5))[0], "does not take tracked values"),
    (lambda x: linalg.ldl(np.outer(x, x))[1], "scipy.linalg.ldl has no rule for tracked values"),
]


def test_an_answer_that_is_no_solution() -> None:
    rough = {"maxiter": 2}
    with pytest.raises(NoDerivativeError, match="no solution to many digits"):
        cr.grad(lambda x: np.sum(so.minimize(lambda t: np.sum((t - x) ** 4), np.zeros(5), options=rough).x))(v)


@pytest.mark.parametrize(("f", "said"), ERRORS)
def test_what_has_no_rule(f: Any, said: str) -> None:
    with pytest.raises(NoRuleError, match=said):
        cr.grad(lambda x: np.sum(f(x)))(v)
