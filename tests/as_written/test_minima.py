"""SciPy's other ways to minima, to least squares and to corners, where something is tracked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize as so

import chainrule as cr
from chainrule.errors import NoRuleError
from tests.as_written.weighed import weighed

v = np.array([0.3, 0.8, 0.5, 0.6])
t = np.array([0.4, -0.7, 0.2, 0.9])
matrix = np.cos(np.arange(12.0)).reshape(4, 3) + np.eye(4)[:, :3]


def bowl(u: Any, a: Any) -> Any:
    return np.sum((u - a) ** 2) + np.sum(u**4)


def with_slope(u: Any, a: Any) -> Any:
    return bowl(u, a), 2 * (u - a) + 4 * u**3


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "minimize_scalar": lambda x: so.minimize_scalar(lambda u: (u - x[0]) ** 2 + x[1] * u**4).x,
    "minimize_scalar, fun": lambda x: so.minimize_scalar(bowl, args=(x[0],)).fun,
    "minimize_scalar, bounds": lambda x: (
        so.minimize_scalar(bowl, args=(x[0],), bounds=(0, 1), options={"xatol": 1e-9}).x
    ),
    "brent": lambda x: so.brent(bowl, args=(x[0],), full_output=True)[1],
    "golden": lambda x: so.golden(lambda u: (u - x[0]) ** 2 + x[1] * u**4),
    "fminbound": lambda x: so.fminbound(bowl, 0, 1, args=(x[0],), xtol=1e-10),
    "fmin": lambda x: so.fmin(bowl, np.zeros(2), args=(x[:2],), disp=0, xtol=1e-9, ftol=1e-15),
    "fmin_bfgs": lambda x: so.fmin_bfgs(bowl, np.zeros(4), args=(x,), disp=0),
    "fmin_l_bfgs_b": lambda x: so.fmin_l_bfgs_b(with_slope, np.zeros(4), args=(x,), bounds=[(0, 0.3)] * 4)[0],
    "fmin_l_bfgs_b, value": lambda x: so.fmin_l_bfgs_b(with_slope, np.zeros(4), args=(x,))[1],
    "differential_evolution": lambda x: (
        so.differential_evolution(bowl, [(0, 1)] * 2, args=(x[:2],), seed=1, tol=1e-9).x
    ),
    "leastsq": lambda x: so.leastsq(lambda u: np.concatenate([u**2 - x, 0.1 * u]), np.ones(4))[0],
    "nnls": lambda x: so.nnls(matrix * x[0], t)[0],
    "nnls, what is left": lambda x: so.nnls(matrix, t * x)[1],
    "lsq_linear": lambda x: so.lsq_linear(matrix * x[0], t + x).x,
    "lsq_linear, bounds": lambda x: so.lsq_linear(matrix, t + x, bounds=(0, 0.1)).cost,
    "newton_krylov": lambda x: so.newton_krylov(lambda u: u**2 - x, np.ones(4), f_tol=1e-11),
    "anderson": lambda x: so.anderson(lambda u: u + 0.1 * u**2 - x, np.ones(4), f_tol=1e-11),
    "linprog, costs": lambda x: so.linprog(x, A_ub=-np.eye(4), b_ub=-v).fun,
    "linprog": lambda x: so.linprog([1.0, 2.0], -np.eye(2) - 0.1 * np.outer(x[:2], x[:2]), -x[2:]).x,
    "linprog, equations": lambda x: so.linprog([1.0, 2.0, 0.0], None, None, np.outer([1.0], x[:3]), x[3:]).x,
    "isotonic": lambda x: so.isotonic_regression(x, weights=x[::-1]).x,
    "assignment": lambda x: x[so.linear_sum_assignment(np.outer(x, t))[1]],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name: str) -> None:
    scalar = weighed(FUNCTIONS[name], v)
    value, gradient = cr.value_and_grad(scalar)(v)
    np.testing.assert_allclose(value, scalar(v), rtol=1e-5, atol=1e-6)  # SciPy stops before it is exact
    slopes = [(scalar(v + h) - scalar(v - h)) / 2e-3 for h in 1e-3 * np.eye(4)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(cr.jvp(scalar, (v,), (t,))[1], gradient @ t, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["golden", "nnls", "lsq_linear", "linprog", "isotonic", "leastsq"])
def test_second_derivatives(name: str) -> None:
    def scalar(x: Any) -> Any:
        return np.sum(FUNCTIONS[name](x) ** 3)

    slopes = (cr.grad(scalar)(v + 1e-4 * t) - cr.grad(scalar)(v - 1e-4 * t)) / 2e-4
    np.testing.assert_allclose(cr.hvp(scalar, v, t), slopes, rtol=1e-4, atol=1e-4)


def test_a_programme_whose_answer_is_no_corner() -> None:
    with pytest.raises(NoRuleError, match="as many active constraints as there are variables"):
        cr.grad(lambda x: so.linprog([1.0, 1.0], A_ub=[[-1.0, -1.0], [-2.0, -2.0]], b_ub=[-x[0], -2 * x[0]]).fun)(v)


def test_what_is_no_value_beside_an_answer_stays_what_it_is() -> None:
    def f(a: Any) -> Any:
        def apart(x: Any) -> Any:
            return np.sum((x - a) ** 2)

        x, count, _ = so.fmin_tnc(apart, np.zeros(2), approx_grad=True, disp=0)
        y, way = so.fmin(apart, np.zeros(2), retall=True, disp=0, xtol=1e-9, ftol=1e-9)
        z, value, *_ = so.fmin(apart, np.zeros(2), full_output=True, disp=0, xtol=1e-9, ftol=1e-9)
        assert isinstance(count, int) and isinstance(way, list)
        return np.sum(x) + 2 * np.sum(y) + 3 * np.sum(z) + value

    np.testing.assert_allclose(cr.grad(f)(np.array([1.0, 2.0])), [6.0, 6.0], rtol=1e-5)
