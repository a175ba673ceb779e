"""Constraints and programs: linear ones are recognised, nonlinear ones come with both derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import (
    Bounds,
    LinearConstraint,
    NonlinearConstraint,
    differential_evolution,
    linprog,
    milp,
    minimize,
)
from scipy.sparse import bmat, issparse
from scipy.sparse.linalg import spsolve

from chainrule.errors import DegreeError, DtypeError, OptionError, ShapeError
from chainrule.interop import scipy as solvers
from tests.interop import provoked

random = np.random.default_rng(0)
MATRIX = random.normal(size=(3, 4))
TREE = {"a": np.ones(2), "b": np.ones((2, 2))}

LINEAR: list[tuple[Callable[[Any], Any], Any]] = [
    (lambda x: MATRIX @ x - 1.0, np.ones(4)),
    (lambda x: x[0] + 2.0 * x[3], np.ones(4)),
    (np.diff, np.ones(4)),
    (lambda x: np.cumsum(x) / 3.0 + 1e6, np.ones(4)),
    (lambda x: [x[0], np.sum(x), x[1:] - x[:-1]], np.ones(4)),
    (lambda p: p["b"] @ np.array([1.0, 2.0]) - p["a"], TREE),
    (lambda x: np.ones(2), np.ones(4)),
    (lambda x: x.reshape(2, 2).T.reshape(-1)[::-1], np.ones(4)),
]  # fmt: skip
NONLINEAR: list[Callable[[Any], Any]] = [
    lambda x: x**2,
    np.sin,
    lambda x: x[0] * x[1],
    lambda x: x[0] / x[1],
    np.abs,
    lambda x: np.maximum(x, 0.0),
    lambda x: x * (x > 0.0),
    lambda x: np.where(x > 20.0, 2.0 * x, x),
    np.sort,
    np.max,
    lambda x: x if x[0] < 50.0 else 2.0 * x,
    lambda x: 1e-3 * x**2 + x,
    lambda x: np.clip(x, -1e5, 1e5),
]


@pytest.mark.parametrize(("function", "start"), LINEAR)
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_a_linear_function_is_recognised(function: Callable[[Any], Any], start: Any, form: str) -> None:
    found = solvers.constraint(function, -1.0, 2.0, start, form=form)
    assert isinstance(found, LinearConstraint)
    assert issparse(found.A) == (form == "csr")
    same = solvers.residual(function, start)
    for x in random.normal(size=(3, len(same.x0))):
        # lower - A x keeps its distance from the values.
        assert np.allclose(found.lb - found.A @ x, -1.0 - same(x), atol=1e-9)
        assert np.allclose(found.ub - found.A @ x, 2.0 - same(x), atol=1e-9)


@pytest.mark.parametrize("function", NONLINEAR)
def test_a_function_that_is_not_linear_is_not_taken_for_it(function: Callable[[Any], Any]) -> None:
    assert isinstance(solvers.constraint(function, 0.0, 1.0, np.array([1.0, 3.0, 2.0])), NonlinearConstraint)


def test_a_function_that_is_not_defined_everywhere_is_not_linear() -> None:
    def careful(x: Any) -> Any:
        if not np.all(np.abs(x) < 100.0):
            raise ValueError("too far")
        return 2.0 * x

    assert isinstance(solvers.constraint(careful, 0.0, 1.0, np.ones(2)), NonlinearConstraint)


def test_a_promise_is_believed() -> None:
    straight = solvers.constraint(lambda x: x**2 / x, 0.0, 1.0, np.ones(2))
    assert isinstance(straight, NonlinearConstraint)
    bent = solvers.constraint(lambda x: 2.0 * x, 0.0, 1.0, np.ones(2), linear=False)
    assert isinstance(bent, NonlinearConstraint)
    promised = solvers.constraint(lambda x: 2.0 * x, 0.0, 1.0, np.ones(2), linear=True)
    assert isinstance(promised, LinearConstraint)


def test_the_second_derivative_is_that_of_the_weighted_sum() -> None:
    cubic = solvers.constraint(lambda x: x**3, 0.0, 1.0, np.ones(3))
    x, v = np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0, 0.5])
    assert np.allclose(cubic.jac(x), np.diag(3.0 * x**2))
    assert np.allclose(cubic.hess(x, v), np.diag(6.0 * x * v))
    assert np.allclose(cubic.hess(x, 2.0 * v), np.diag(12.0 * x * v))
    x *= 2.0
    assert np.allclose(cubic.hess(x, v), np.diag(6.0 * x * v))
    assert np.allclose(cubic.fun(x), x**3)


# Hock and Schittkowski's problem 71 and its solution.
HS71 = np.array([1.0, 4.74299963, 3.82114998, 1.37940829])


def hs71(x: Any) -> Any:
    return x[0] * x[3] * np.sum(x[:3]) + x[2]


@pytest.mark.parametrize("form", ["auto", "dense", "csr"])
def test_trust_constr(form: str) -> None:
    start = np.array([1.0, 5.0, 5.0, 1.0])
    objective = solvers.objective(hs71, start, form="auto" if form == "auto" else form)
    constraints = [
        solvers.constraint(np.prod, 25.0, np.inf, start, form=form),
        solvers.constraint(lambda x: np.sum(x**2), 40.0, 40.0, start, form=form),
        solvers.constraint(lambda x: x[0] + x[3], -np.inf, 100.0, start, form=form),
    ]
    assert isinstance(constraints[2], LinearConstraint)
    given = objective.derivatives("trust-constr")
    found = minimize(
        objective, objective.x0, method="trust-constr", bounds=Bounds(1.0, 5.0), constraints=constraints, **given,
        options={"gtol": 1e-9, "xtol": 1e-12},
    )  # fmt: skip
    assert np.allclose(found.x, HS71, atol=1e-5)


def test_slsqp() -> None:
    start = np.array([1.0, 5.0, 5.0, 1.0])
    objective = solvers.objective(hs71, start)
    constraints = [
        solvers.constraint(np.prod, 25.0, np.inf, start, hessian=False),
        solvers.constraint(lambda x: np.sum(x**2), 40.0, 40.0, start, hessian=False, form="csr"),
    ]
    found = minimize(
        objective, objective.x0, method="SLSQP", bounds=[(1.0, 5.0)] * 4, constraints=constraints,
        **objective.derivatives("SLSQP"),
    )  # fmt: skip
    assert np.allclose(found.x, HS71, atol=1e-5)


def test_differential_evolution_takes_the_constraints() -> None:
    objective = solvers.objective(lambda x: np.sum(x**2), np.ones(2))
    outside = solvers.constraint(lambda x: x[0] * x[1], 1.0, np.inf, np.ones(2))
    found = differential_evolution(objective, [(0.1, 3.0)] * 2, constraints=(outside,), polish=False, seed=0)
    fine = objective.polish(objective, found.x, bounds=Bounds(0.1, 3.0), constraints=(outside,))
    assert np.allclose(fine.x, 1.0, atol=1e-3)


def test_constraints_on_parameters_of_any_shape() -> None:
    start = {"W": np.full((2, 2), 0.5), "b": np.zeros(2)}
    objective = solvers.objective(lambda p: np.sum((p["W"] - np.eye(2) * 3.0) ** 2) + np.sum(p["b"] ** 2), start)
    unit = solvers.constraint(
        lambda p: {"rows": np.sum(p["W"] ** 2, 1) + p["b"]}, [1.0, 1.0], {"rows": np.ones(2)}, start
    )
    found = minimize(
        objective, objective.x0, method="trust-constr", constraints=unit, **objective.derivatives("trust-constr")
    )
    result = objective.tree(found.x)
    assert np.allclose(np.sum(result["W"] ** 2, 1) + result["b"], 1.0, atol=1e-6)


def test_both_derivatives_are_derived_once_and_replayed() -> None:
    found = solvers.residual(lambda p: (np.sin(p["a"]), p["a"] * p["b"]), {"a": np.ones(3), "b": np.ones(3)})
    for k in range(3):
        found.jacobian(found.x0 + k)
        found.weighted_hessian(found.x0 + k, np.full(6, float(k)))
    assert found.jacobian.recordings == found.weighted_hessian.recordings == ["replayed"]


def test_a_sparse_constraint_stays_sparse() -> None:
    start = np.ones(300)
    found = solvers.constraint(lambda x: x[1:] - np.sin(x[:-1]), 0.0, 0.0, start)
    assert found.jac(start).nnz == 598
    assert found.hess(start, np.ones(299)).nnz == 299


# ---------------------------------------------------------------------------------------------------- matrices
def test_linear() -> None:
    A, b = solvers.linear(lambda p: p["b"] @ np.array([1.0, 2.0]) - p["a"] + 7.0, TREE)
    assert np.array_equal(A.toarray(), [[-1, 0, 1, 2, 0, 0], [0, -1, 0, 0, 1, 2]])
    assert list(b) == [7.0, 7.0]
    assert solvers.linear(np.diff, np.ones(3), form="dense").A.shape == (2, 3)


QUADRATIC: list[Callable[[Any], Any]] = [
    lambda x: np.sum((MATRIX @ x - 1.0) ** 2),
    lambda x: 0.5 * x @ MATRIX.T @ MATRIX @ x + x[0] + 3.0,
    lambda x: x[0] * x[1] - x[2] * x[3],
    lambda x: np.sum(np.diff(x) ** 2) - np.mean(x),
    lambda x: np.dot(x, x),
    np.sum,
]


@pytest.mark.parametrize("function", QUADRATIC)
@pytest.mark.parametrize("form", ["csc", "dense"])
def test_quadratic(function: Callable[[Any], Any], form: str) -> None:
    P, q, constant = solvers.quadratic(function, random.normal(size=4), form=form)
    P = P.toarray() if issparse(P) else P
    assert np.allclose(P, P.T)
    for x in random.normal(size=(4, 4)):
        assert np.isclose(0.5 * x @ P @ x + q @ x + constant, function(x))


@pytest.mark.parametrize("function", [
    lambda x: np.sum(x**3), lambda x: np.sum(np.abs(x)), lambda x: np.sum(np.exp(x)), np.max,
    lambda x: np.sum(np.maximum(x, 0.0) ** 2), lambda x: np.sum(x**2 * (x < 30.0)),
])  # fmt: skip
def test_a_function_that_is_not_quadratic_is_refused(function: Callable[[Any], Any]) -> None:
    with pytest.raises(DegreeError, match="is not ½ xᵀ P x"):
        solvers.quadratic(function, np.array([1.0, 2.0]))


def test_a_quadratic_program_is_solved_by_its_matrices() -> None:
    start = {"x": np.ones(30), "y": np.ones(30)}
    target = np.sin(np.arange(30.0))
    program = solvers.quadratic_program(
        lambda p: np.sum((p["x"] - target) ** 2) + 5.0 * np.sum(p["y"] ** 2),
        start,
        [(lambda p: np.diff(p["x"]) - p["y"][:-1], 0.0, 0.0), (lambda p: p["x"][0], 1.0, 1.0)],
    )
    assert program.P.format == "csc" and program.A.format == "csr"
    # With equalities alone, the conditions for a minimum are linear.
    system = bmat([[program.P, program.A.T], [program.A, None]], format="csc")
    by_matrices = spsolve(system, np.concatenate([-program.q, program.lower]))[:60]
    objective = solvers.objective(lambda p: np.sum((p["x"] - target) ** 2) + 5.0 * np.sum(p["y"] ** 2), start)
    found = minimize(
        objective, objective.x0, method="trust-constr", constraints=program.constraint, options={"gtol": 1e-10},
        **objective.derivatives("trust-constr"),
    )  # fmt: skip
    assert np.allclose(found.x, by_matrices, atol=1e-6)
    x = by_matrices
    assert np.isclose(0.5 * x @ (program.P @ x) + program.q @ x + program.constant, objective(x))
    for refused in (program.linprog, program.milp):
        with pytest.raises(DegreeError, match="has a quadratic part"):
            refused()


def test_a_linear_program() -> None:
    cost = np.array([1.0, 2.0, -1.0])
    program = solvers.quadratic_program(
        lambda x: cost @ x + 4.0,
        np.zeros(3),
        [(lambda x: x, -2.0, 3.0), (lambda x: x[0] + x[1] + x[2], 1.0, 1.0), (lambda x: x[0] - x[2], -np.inf, 0.5)],
    )
    by_hand = np.array([0.0, -2.0, 3.0])  # x2 at its greatest, x1 at its least, x0 what is left
    for found in (linprog(**program.linprog()), milp(**program.milp())):
        assert np.allclose(found.x, by_hand)
        assert np.isclose(found.fun + program.constant, cost @ by_hand + 4.0)


ONES = np.ones(3)
MESSAGES: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (lambda: solvers.constraint(np.sin, np.zeros(2), 1.0, ONES), ShapeError, ["lower bound has 2", "returns 3"]),
    (lambda: solvers.constraint(np.sin, 0.0, np.ones(4), ONES), ShapeError, ["upper bound has 4", "returns 3"]),
    (lambda: solvers.constraint(np.sin, 1.0, 0.0, ONES), OptionError, ["lower bound 1.0 of value 0", "upper one, 0.0"]),
    (lambda: solvers.constraint(np.sin, np.nan, 0.0, ONES), OptionError, ["lower bound nan"]),
    (lambda: solvers.constraint(np.sin, "a", 0.0, ONES), DtypeError, ["the lower bound of a constraint is str"]),
    (lambda: solvers.constraint(np.sin, 0.0, 1.0, np.arange(3)), DtypeError, ["x0 holds integers"]),
    (lambda: solvers.linear(np.sin, ONES), DegreeError, ["not A x + b", "does not vanish", "residual(f, x0)"]),
    (lambda: solvers.linear(lambda x: x * (x > 0), ONES), DegreeError, ["leaves its tangent at points away"]),
    (lambda: solvers.quadratic(lambda x: np.sum(x**3), ONES), DegreeError, ["gradient is not linear", "objective(f"]),
    (
        lambda: solvers.quadratic_program(np.sum, ONES, [(np.sin, 0.0, 1.0)]),
        DegreeError,
        ["quadratic_program: a constraint is not linear", "does not vanish"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("provoke", "kind", "says"), MESSAGES)
def test_message(provoke: Callable[[], Any], kind: type[Exception], says: list[str]) -> None:
    provoked.says(provoke, kind, says)
