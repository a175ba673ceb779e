"""A residual handed to ``least_squares``, ``root`` and ``fsolve``: its Jacobian in the form that each method takes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import fsolve, least_squares, root
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator, lsmr

from chainrule.errors import DtypeError, OptionError, ShapeError, StartError
from chainrule.interop import scipy as solvers
from tests.interop import provoked

TIMES = np.linspace(0.0, 2.0, 40)
TRUTH = {"scale": np.array([3.0, 1.0]), "rate": np.array([0.5, 2.0])}


def decay(p: Any) -> Any:
    """A sum of two exponentials at all times."""
    return np.exp(-TIMES[:, None] * p["rate"]) @ p["scale"]


def miss(p: Any) -> Any:
    return decay(p) - decay(TRUTH)


GUESS = {"scale": np.array([2.5, 1.5]), "rate": np.array([0.3, 1.5])}


def broyden(x: Any) -> Any:
    """Broyden's tridiagonal equations."""
    before, after = np.concatenate([np.zeros(1), x[:-1]]), np.concatenate([x[1:], np.zeros(1)])
    return (3.0 - 2.0 * x) * x - before - 2.0 * after + 1.0


def broyden_jacobian(x: Any) -> Any:
    """By hand."""
    n = len(x)
    return np.diag(3.0 - 4.0 * x) + np.diag(np.full(n - 1, -1.0), -1) + np.diag(np.full(n - 1, -2.0), 1)


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "cauchy"])
@pytest.mark.parametrize(("method", "form", "solver"), [
    ("trf", "dense", None), ("trf", "dense", "exact"), ("trf", "csr", None), ("trf", "csr", "lsmr"),
    ("trf", "csc", "lsmr"), ("trf", "operator", "lsmr"), ("trf", "operator", None),
    ("dogbox", "dense", None), ("dogbox", "csr", None), ("dogbox", "operator", "lsmr"),
])  # fmt: skip
def test_least_squares(method: str, form: str, solver: str | None, loss: str) -> None:
    fit = solvers.residual(miss, GUESS, form=form)
    given = fit.derivatives(method)
    found = least_squares(fit, fit.x0, method=method, tr_solver=solver, loss=loss, xtol=1e-15, gtol=1e-14, **given)
    assert np.allclose(fit.tree(found.x)["rate"], TRUTH["rate"], atol=1e-4)
    assert np.allclose(fit.tree(found.x)["scale"], TRUTH["scale"], atol=1e-4)
    # SciPy scales the Jacobian in place where a loss is robust: what is computed next must not notice.
    assert np.allclose(fit.jacobian.dense(fit.x0), by_differences(fit, fit.x0), atol=1e-6)


def by_differences(function: Callable[..., Any], x: Any) -> Any:
    """Central differences."""
    steps = 1e-6 * np.eye(len(x))
    return np.stack([(function(x + step) - function(x - step)) / 2e-6 for step in steps], axis=1)


@pytest.mark.parametrize("form", ["auto", "csr", "operator"])
def test_levenberg_and_marquardt_get_a_dense_one(form: str) -> None:
    fit = solvers.residual(miss, GUESS, form=form)
    found = least_squares(fit, fit.x0, method="lm", **fit.derivatives("lm"))
    assert np.allclose(fit.tree(found.x)["rate"], TRUTH["rate"], atol=1e-6)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root(method: str) -> None:
    equations = solvers.residual(broyden, np.full(60, -1.0))
    assert equations.jacobian.form == "csr"
    found = root(equations, equations.x0, method=method, **equations.derivatives(method))
    assert found.success
    assert np.abs(broyden(found.x)).max() < 1e-6


@pytest.mark.parametrize("method", ["krylov", "df-sane"])
def test_root_without_a_jacobian(method: str) -> None:
    equations = solvers.residual(broyden, np.full(10, -1.0))
    assert equations.derivatives(method) == {}
    assert root(equations, equations.x0, method=method, **equations.derivatives(method)).success


def test_both_at_once() -> None:
    equations = solvers.residual(broyden, np.full(5, -1.0))
    assert root(equations.value_and_jacobian, equations.x0, jac=True).success
    assert np.abs(broyden(fsolve(equations, equations.x0, fprime=equations.jacobian.dense))).max() < 1e-8


def test_the_jacobian_in_each_form() -> None:
    x = np.linspace(-1.0, -0.5, 100)
    equations = solvers.residual(broyden, x)
    by_hand = broyden_jacobian(x)
    assert np.allclose(equations.jacobian.dense(x), by_hand)
    assert np.allclose(equations.jacobian.csr(x).toarray(), by_hand)
    assert np.allclose(equations.jacobian.csc(x).toarray(), by_hand)
    assert equations.jacobian.csc(x).format == "csc"
    assert np.array_equal(equations.jacobian.sparsity.toarray(), by_hand != 0)
    operator = equations.jacobian.operator(x)
    assert isinstance(operator, LinearOperator)
    step = lsmr(operator, broyden(x), atol=1e-14, btol=1e-14, maxiter=2000)[0]
    assert np.allclose(by_hand @ step, broyden(x))
    weights = np.linspace(1.0, 2.0, 100)
    second = np.diag(-4.0 * weights)
    assert np.allclose(equations.weighted_hessian.dense(x, weights), second)
    assert np.allclose(equations.weighted_hessian.csr(x, weights).toarray(), second)
    assert np.allclose(equations.weighted_hessian.operator(x, weights) @ weights, second @ weights)


def test_bounds_on_parameters_of_any_shape() -> None:
    fit = solvers.residual(miss, GUESS)
    given = fit.bounds({"scale": 0.0, "rate": np.zeros(2)}, {"scale": np.array([5.0, 5.0]), "rate": 1.8})
    found = least_squares(fit, fit.vector(GUESS), jac=fit.jacobian, bounds=given)
    assert np.isclose(fit.tree(found.x)["rate"].max(), 1.8, atol=1e-3)


def test_overlapping_terms_are_counted_together() -> None:
    everywhere = np.arange(60)
    many = solvers.residual(lambda x: sum(np.sin(x[everywhere]) * k for k in range(1, 12)), np.ones(60))
    assert many.jacobian.form == "csr"
    assert many.jacobian(many.x0).nnz == 60


def test_the_pattern_serves_finite_differences() -> None:
    equations = solvers.residual(broyden, np.full(50, -1.0))
    found = least_squares(broyden, equations.x0, jac_sparsity=equations.jacobian.sparsity)
    assert np.abs(found.fun).max() < 1e-6


def test_what_is_handed_out_may_be_overwritten() -> None:
    constant = np.arange(6.0).reshape(3, 2)
    linear = solvers.residual(lambda x: constant @ x, np.ones(2))
    for form in ("dense", "csr", "csc"):
        given = getattr(linear.jacobian, form)(np.ones(2))
        (given.data if issparse(given) else given)[...] = 7.0
        given = getattr(linear.jacobian, form)(np.ones(2))
        assert np.array_equal(given.toarray() if issparse(given) else given, np.arange(6.0).reshape(3, 2))
    values = linear(np.ones(2))
    values[:] = 0.0
    assert np.array_equal(linear(np.ones(2)), [1.0, 5.0, 9.0])


def test_a_function_may_overwrite_its_argument() -> None:
    def rude(x: Any) -> Any:
        y = x * 2.0
        x *= 0.0
        return y

    found = solvers.residual(rude, np.ones(2))
    x = np.array([1.0, 2.0])
    assert list(found(x)) == [2.0, 4.0]
    assert list(x) == [1.0, 2.0]
    assert list(found(x)) == [2.0, 4.0]
    assert list(found.x0) == [1.0, 1.0]


def test_one_evaluation_a_point() -> None:
    calls = []

    def counted(x: Any) -> Any:
        calls.append(1)
        return broyden(x)

    equations = solvers.residual(counted, np.full(4, -1.0))
    first = len(calls)
    x = np.full(4, -0.5)
    equations(x)
    assert len(calls) == first + 1
    x[0] = 0.0
    assert np.array_equal(equations(x), broyden(x))
    for _ in range(3):
        assert np.allclose(equations.jacobian(x), broyden_jacobian(x))
    x[1] = 3.0
    assert np.allclose(equations.jacobian(x), broyden_jacobian(x))


def test_a_solve_that_begins_where_another_ended_sees_other_data() -> None:
    for form in ("dense", "csr"):
        target = np.array([4.0, 9.0])
        equations = solvers.residual(lambda x: x**2 - target, np.ones(2), form=form)  # noqa: B023 (that is the point)
        x = equations.x0
        for target in (np.array([4.0, 16.0]), np.array([25.0, 16.0]), np.array([25.0, 36.0])):
            x = least_squares(equations, x, jac=equations.jacobian).x
            assert np.allclose(x, np.sqrt(target))
            target *= 4.0  # in place
            x = least_squares(equations, x, jac=equations.jacobian).x
            assert np.allclose(x, np.sqrt(target))


def test_arguments() -> None:
    fit = solvers.residual(lambda p, t, y: p[0] * np.exp(p[1] * t) - y, [1.0, 0.0], args=(TIMES, np.exp(-TIMES)))
    for scale in (1.0, 4.0):
        found = least_squares(fit, fit.x0, jac=fit.jacobian, args=(TIMES, scale * np.exp(-TIMES)))
        assert np.allclose(found.x, [scale, -1.0])
    assert np.allclose(least_squares(fit, fit.x0, jac=fit.jacobian).x, [1.0, -1.0])
    hybrid = solvers.residual(lambda x, a: x**3 - a, np.ones(2), args=(8.0,))
    assert np.allclose(root(hybrid, hybrid.x0, args=(27.0,), jac=hybrid.jacobian).x, 3.0)


@pytest.mark.parametrize("function", [
    lambda x: [x[0] - 1.0, x[1] ** 2 - 4.0],
    lambda x: (x[0] - 1.0, x[1] ** 2 - 4.0),
    lambda x: {"first": x[:1] - 1.0, "second": [x[1] ** 2 - 4.0]},
    lambda x: np.stack([x[0] - 1.0, x[1] ** 2 - 4.0])[:, None],
])  # fmt: skip
def test_values_in_any_containers(function: Callable[[Any], Any]) -> None:
    equations = solvers.residual(function, [3.0, 3.0])
    assert equations(np.array([3.0, 3.0])).shape == (2,)
    assert np.allclose(equations.jacobian([3.0, 3.0]), [[1.0, 0.0], [0.0, 6.0]])
    assert np.allclose(root(equations, equations.x0, jac=equations.jacobian).x, [1.0, 2.0])


def test_a_residual_goes_to_other_processes() -> None:
    equations = solvers.residual(broyden, np.full(3, -1.0), form="csr")
    copy = pickle.loads(pickle.dumps(equations))
    assert np.array_equal(copy.jacobian(copy.x0).toarray(), equations.jacobian.dense(equations.x0))


def another_length(x: Any) -> Any:
    return x if x[0] < 2.0 else x[:1]


def nan_behind(x: Any) -> Any:
    return np.sqrt(x)


MESSAGES: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (lambda: solvers.residual(broyden, np.arange(3)), DtypeError, ["integers", "x0.astype(float)"]),
    (lambda: solvers.residual(lambda x: None, np.ones(2)), DtypeError, ["the function returned None", "return"]),
    (lambda: solvers.residual(lambda x: [], np.ones(2)), DtypeError, ["the function returned []"]),
    (lambda: solvers.residual(lambda x: ["a"], np.ones(2)), DtypeError, ["the function returned str 'a'"]),
    (lambda: solvers.residual(lambda x: np.array(["a"]), np.ones(2)), DtypeError, ["an array of <U1"]),
    (lambda: solvers.residual(lambda x: np.ones(2) * 1j, np.ones(2)), DtypeError, ["an array of complex128"]),
    (lambda: solvers.residual(lambda x: x * np.array([1.0, np.nan]), np.ones(2)), StartError, ["nan", "in value 1"]),
    (lambda: solvers.residual(another_length, np.ones(3))(np.full(3, 3.0)), ShapeError, ["1 values, and 3"]),
    (
        lambda: solvers.residual(nan_behind, {"a": np.ones(1), "b": np.zeros(1)}["b"]).jacobian(np.zeros(1)),
        StartError,
        ["the Jacobian is inf", "in column [0]"],
    ),
    (lambda: solvers.residual(broyden, np.ones(3)).derivatives("newton"), OptionError, ["'newton'", "trf", "hybr"]),
    (lambda: solvers.residual(broyden, np.ones(3), form="coo"), OptionError, ["form='coo'"]),
    (lambda: solvers.residual(broyden, np.ones(3)).jacobian(np.ones(4)), ShapeError, ["(4,)", "expected (3,)"]),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(("provoke", "kind", "says"), MESSAGES)
def test_message(provoke: Callable[[], Any], kind: type[Exception], says: list[str]) -> None:
    provoked.says(provoke, kind, says)
