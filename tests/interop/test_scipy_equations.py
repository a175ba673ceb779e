"""Differential equations handed to ``solve_ivp`` and ``solve_bvp``: same answers, with the true Jacobian."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_bvp, solve_ivp
from scipy.sparse import issparse

from chainrule.errors import DtypeError, OptionError, ShapeError, StartError
from chainrule.interop import scipy as solvers
from tests.interop import provoked


def robertson(t: Any, y: Any) -> Any:
    """Three reactions at three speeds."""
    a, b, c = y
    return [-0.04 * a + 1e4 * b * c, 0.04 * a - 1e4 * b * c - 3e7 * b**2, 3e7 * b**2]


def diffusion(t: Any, state: Any) -> Any:
    """A reaction on a line: u spreads, v does not."""
    u, v = state["u"], state["v"]
    spread = np.concatenate([u[1:], u[-1:]]) - 2.0 * u + np.concatenate([u[:1], u[:-1]])
    return {"u": 50.0 * spread + u * (1.0 - u) - v * u, "v": np.cos(t) * u - v}


LINE = {"u": np.linspace(0.1, 1.0, 40), "v": np.zeros(40)}


@pytest.mark.parametrize("method", ["BDF", "Radau", "LSODA", "RK45", "RK23", "DOP853"])
@pytest.mark.parametrize("form", ["auto", "dense", "csc", "csr", "operator"])
def test_solve_ivp(method: str, form: str) -> None:
    problem = solvers.initial_problem(diffusion, 0.0, LINE, form=form)
    given = problem.derivatives(method)
    span, tight = (0.0, 0.2), {"rtol": 1e-8, "atol": 1e-10}
    found = solve_ivp(problem, span, problem.y0, method=method, **tight, **given)
    assert found.success
    reference = solve_ivp(problem, span, problem.y0, method="DOP853", rtol=1e-11, atol=1e-13)
    assert np.allclose(found.y[:, -1], reference.y[:, -1], atol=1e-6)
    end = problem.tree(found.y[:, -1])
    assert end["u"].shape == (40,)
    assert np.array_equal(problem.vector(end), found.y[:, -1])


@pytest.mark.parametrize("method", ["BDF", "Radau", "LSODA"])
def test_a_stiff_problem(method: str) -> None:
    problem = solvers.initial_problem(robertson, 0.0, [1.0, 0.0, 0.0])
    given = problem.derivatives(method)
    found = solve_ivp(problem, (0.0, 40.0), problem.y0, method=method, rtol=1e-6, atol=1e-10, **given)
    # Hairer and Wanner's solution.
    assert np.allclose(found.y[:, -1], [0.7158, 9.185e-6, 0.2842], rtol=1e-3)


def test_the_jacobian() -> None:
    problem = solvers.initial_problem(robertson, 0.0, [1.0, 0.0, 0.0])
    y = np.array([0.5, 2e-5, 0.25])
    by_hand = [[-0.04, 1e4 * y[2], 1e4 * y[1]], [0.04, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]], [0.0, 6e7 * y[1], 0.0]]
    for form in ("dense", "csr", "csc"):
        found = getattr(problem.jacobian, form)(0.0, y)
        assert np.allclose(found.toarray() if issparse(found) else found, by_hand)
    assert problem.jacobian.form == "dense"
    sparse = solvers.initial_problem(diffusion, 0.0, LINE)
    assert sparse.jacobian.form == "csr"
    early, late = sparse.jacobian.dense(0.0, sparse.y0), sparse.jacobian.dense(1.0, sparse.y0)
    assert np.allclose(early[40:, :40], np.eye(40))
    assert np.allclose(late[40:, :40], np.cos(1.0) * np.eye(40))
    assert sparse.jacobian.sparsity.nnz == np.count_nonzero(early)


def test_the_state_may_be_overwritten() -> None:
    problem = solvers.initial_problem(lambda t, y: t * y**2, 1.0, np.ones(2))
    y = np.ones(2)
    assert np.array_equal(problem.jacobian(1.0, y), np.diag([2.0, 2.0]))
    y *= 3.0
    assert np.array_equal(problem.jacobian(1.0, y), np.diag([6.0, 6.0]))
    assert np.array_equal(problem.jacobian(2.0, y), np.diag([12.0, 12.0]))
    assert np.array_equal(problem(2.0, y), [18.0, 18.0])


def test_arguments_come_through_solve_ivp() -> None:
    problem = solvers.initial_problem(lambda t, y, rate: -rate * y, 0.0, np.ones(2), args=(1.0,))
    for rate in (1.0, 3.0):
        found = solve_ivp(
            problem, (0.0, 1.0), problem.y0, "BDF", args=(rate,), jac=problem.jacobian, rtol=1e-7, atol=1e-9
        )
        assert np.allclose(found.y[:, -1], np.exp(-rate), atol=1e-5)
        assert np.array_equal(problem.jacobian(0.0, problem.y0, rate), -rate * np.eye(2))


def test_the_jacobian_is_derived_once_and_replayed() -> None:
    problem = solvers.initial_problem(diffusion, 0.0, LINE)
    for k in range(3):
        problem.jacobian(np.float64(k), problem.y0 + k)
    assert problem.jacobian.recordings == ["replayed"]


def test_a_problem_goes_to_other_processes() -> None:
    problem = solvers.initial_problem(robertson, 0.0, [1.0, 0.0, 0.0])
    copy = pickle.loads(pickle.dumps(problem))
    assert np.array_equal(copy.jacobian(0.0, copy.y0), problem.jacobian(0.0, problem.y0))


# --------------------------------------------------------------------------------------------------- boundary values
def bratu(x: Any, y: Any) -> Any:
    return np.vstack([y[1], -np.exp(y[0])])


def fixed(ya: Any, yb: Any) -> Any:
    return [ya[0], yb[0]]


def test_solve_bvp() -> None:
    x = np.linspace(0.0, 1.0, 6)
    problem = solvers.boundary_problem(bratu, fixed, x, np.zeros((2, 6)))
    found = solve_bvp(problem.fun, problem.bc, x, np.zeros((2, 6)), tol=1e-8, **problem.derivatives())
    assert found.success
    # The lower of the two solutions: y(1/2) = 2 log(cosh θ) with 4 θ = √2 cosh(θ).
    theta = 0.5
    for _ in range(100):
        theta = np.sqrt(2.0) / 4.0 * np.cosh(theta)
    assert np.isclose(found.sol(0.5)[0], 2.0 * np.log(np.cosh(theta)), atol=1e-7)


def wave(x: Any, y: Any, p: Any) -> Any:
    """Sturm and Liouville: y'' + k² y = 0."""
    return np.vstack([y[1], -(p[0] ** 2) * y[0]])


def ends(ya: Any, yb: Any, p: Any) -> Any:
    return np.stack([ya[0], yb[0], ya[1] - p[0]])


def test_solve_bvp_with_an_unknown_parameter() -> None:
    x = np.linspace(0.0, 1.0, 5)
    y = np.zeros((2, 5))
    y[0, 1], y[0, 3] = 1.0, -1.0
    problem = solvers.boundary_problem(wave, ends, x, y, [6.0])
    found = solve_bvp(problem.fun, problem.bc, x, y, p=[6.0], tol=1e-6, **problem.derivatives())
    assert np.isclose(found.p[0], 2.0 * np.pi, atol=1e-5)


def test_the_jacobians_of_a_boundary_problem() -> None:
    random = np.random.default_rng(0)
    x, y, p = np.linspace(0.0, 1.0, 4), random.normal(size=(2, 4)), np.array([3.0])
    problem = solvers.boundary_problem(wave, ends, x, y, p)
    by_value, by_parameter = problem.fun_jac(x, y, p)
    assert by_value.shape == (2, 2, 4) and by_parameter.shape == (2, 1, 4)
    assert np.allclose(by_value[0, 1], 1.0) and np.allclose(by_value[1, 0], -9.0)
    assert not by_value[0, 0].any() and not by_value[1, 1].any()
    assert np.allclose(by_parameter[1, 0], -6.0 * y[0]) and not by_parameter[0].any()
    at_a, at_b, at_p = problem.bc_jac(y[:, 0], y[:, -1], p)
    assert np.array_equal(at_a, [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert np.array_equal(at_b, [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert np.array_equal(at_p, [[0.0], [0.0], [-1.0]])
    # Other points, other lengths of the mesh.
    x, y = np.linspace(0.0, 1.0, 9), random.normal(size=(2, 9))
    assert np.allclose(problem.fun_jac(x, y, np.array([2.0]))[1][1, 0], -4.0 * y[0])


MESH, VALUES = np.linspace(0.0, 1.0, 5), np.zeros((2, 5))
MESSAGES: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (lambda: solvers.initial_problem(lambda t, y: y[:1], 0.0, np.ones(2)), ShapeError, ["returned 1 numbers"]),
    (lambda: solvers.initial_problem(lambda t, y: y, 0.0, np.arange(2)), DtypeError, ["y0 holds integers"]),
    (lambda: solvers.initial_problem(lambda t, y: None, 0.0, np.ones(2)), DtypeError, ["the function returned None"]),
    (lambda: solvers.initial_problem(lambda t, y: y * np.nan, 0.0, np.ones(2)), StartError, ["dy/dt is nan", "[0]"]),
    (
        lambda: solvers.initial_problem(lambda t, y: y, 0.0, np.ones(2)).derivatives("CVODE"),
        OptionError,
        ["'CVODE'", "BDF", "LSODA"],
    ),
    (lambda: solvers.initial_problem(lambda t, y: y, 0.0, np.ones(2))(0.0, np.ones(3)), ShapeError, ["y0 has 2"]),
    (
        lambda: solvers.boundary_problem(bratu, fixed, MESH, np.zeros(5)),
        ShapeError,
        ["x of shape (m,)", "(5,) and (5,)"],
    ),
    (lambda: solvers.boundary_problem(bratu, fixed, MESH, np.zeros((2, 4))), ShapeError, ["(5,) and (2, 4)"]),
    (
        lambda: solvers.boundary_problem(lambda x, y: y[0], fixed, MESH, VALUES),
        ShapeError,
        ["the function of a boundary problem returned shape (5,)", "(n, m) = (2, 5)"],
    ),
    (
        lambda: solvers.boundary_problem(bratu, lambda ya, yb: [ya[0]], MESH, VALUES),
        ShapeError,
        ["the conditions of a boundary problem returned shape (1,)", "(n + k,) = (2,)"],
    ),
    (
        lambda: solvers.boundary_problem(lambda x, y: np.cumsum(y, 1), fixed, MESH, VALUES).fun_jac(MESH, VALUES),
        ShapeError,
        ["depends on other columns"],
    ),
    (lambda: solvers.boundary_problem(bratu, fixed, MESH, np.zeros((2, 5), int)), DtypeError, ["y holds integers"]),
    (lambda: solvers.boundary_problem(wave, ends, MESH, VALUES, [1]), DtypeError, ["p holds integers"]),
]  # fmt: skip


@pytest.mark.parametrize(("provoke", "kind", "says"), MESSAGES)
def test_message(provoke: Callable[[], Any], kind: type[Exception], says: list[str]) -> None:
    provoked.says(provoke, kind, says)
