"""IPOPT: the structures are fixed and whole, the values in their order, and the solver, where it is, agrees."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from chainrule.errors import GradientError, LibraryMissingError
from chainrule.interop import ipopt

START = np.array([1.0, 5.0, 5.0, 1.0])
CONSTRAINTS: list[Any] = [(np.prod, 25.0, np.inf), (lambda x: np.sum(x**2), 40.0, 40.0)]


def hs71(x: Any) -> Any:
    return x[0] * x[3] * np.sum(x[:3]) + x[2]


def placed(structure: tuple[Any, Any], values: Any, shape: tuple[int, int]) -> Any:
    """The matrix with values at the places of a structure."""
    found = np.zeros(shape)
    np.add.at(found, structure, values)
    return found


def test_structures_and_values() -> None:
    problem = ipopt.problem(hs71, START, CONSTRAINTS)
    assert (problem.n, problem.m) == (4, 2)
    assert list(problem.lower) == [25.0, 40.0] and list(problem.upper) == [np.inf, 40.0]
    x = np.array([1.5, 2.0, 3.0, 4.0])
    assert problem.objective(x) == hs71(x)
    assert np.allclose(problem.gradient(x), [4.0 * 6.5 + 1.5 * 4.0, 6.0, 7.0, 1.5 * 6.5])
    assert np.allclose(problem.constraints(x), [36.0, np.sum(x**2)])
    jacobian = placed(problem.jacobianstructure(), problem.jacobian(x), (2, 4))
    assert np.allclose(jacobian, [36.0 / x, 2.0 * x])
    rows, columns = problem.hessianstructure()
    assert (rows >= columns).all()
    weights, factor = np.array([0.5, -2.0]), 3.0
    lower = placed((rows, columns), problem.hessian(x, weights, factor), (4, 4))
    of_product = 36.0 / np.outer(x, x) - np.diag(36.0 / x**2)
    of_objective = np.zeros((4, 4))
    of_objective[:, 0] = [2.0 * x[3], x[3], x[3], 2.0 * x[0] + x[1] + x[2]]
    of_objective[3, 1:3] = x[0]
    assert np.allclose(lower, np.tril(factor * of_objective + 0.5 * of_product - 4.0 * np.eye(4)))


def test_weights_of_zero_do_not_change_the_structure() -> None:
    problem = ipopt.problem(hs71, START, CONSTRAINTS)
    entries = len(problem.hessianstructure()[0])
    assert len(problem.hessian(START, np.zeros(2), 0.0)) == entries
    assert not problem.hessian(START, np.zeros(2), 0.0).any()


def test_a_sparse_problem_has_few_entries() -> None:
    n = 400
    problem = ipopt.problem(lambda x: np.sum(x**4), np.ones(n), [(lambda x: np.sin(x[1:]) - x[:-1] ** 2, 0.0, 0.0)])
    assert len(problem.jacobianstructure()[0]) == 2 * (n - 1)
    assert len(problem.hessianstructure()[0]) == n
    x = np.linspace(0.5, 1.0, n)
    found = placed(problem.jacobianstructure(), problem.jacobian(x), (n - 1, n))
    assert np.allclose(np.diag(found), -2.0 * x[:-1]) and np.allclose(np.diag(found, 1), np.cos(x[1:]))


def test_without_constraints() -> None:
    problem = ipopt.problem(lambda p: np.sum(p["a"] ** 2), {"a": np.ones((2, 2))})
    assert problem.m == 0
    assert len(problem.constraints(problem.x0)) == len(problem.jacobian(problem.x0)) == 0
    assert len(problem.jacobianstructure()[0]) == 0
    assert np.array_equal(problem.hessian(problem.x0, np.zeros(0), 1.0), np.full(4, 2.0))


def test_an_entry_that_comes_later_is_an_error() -> None:
    def branching(x: Any) -> Any:
        return x * 2.0 if x[0] < 3.0 else x * x[::-1]

    problem = ipopt.problem(np.sum, np.ones(2), [(branching, 0.0, 1.0)])
    with pytest.raises(GradientError, match=r"Jacobian has an entry in row 0, column 1 .* np.where, not if"):
        problem.jacobian(np.full(2, 4.0))


def test_no_ipopt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyipopt", None)
    with pytest.raises(LibraryMissingError, match=r"pip install 'chainrule\[ipopt\]'"):
        ipopt.problem(hs71, START, CONSTRAINTS).solve()


def test_ipopt_solves_it() -> None:
    pytest.importorskip("cyipopt")
    found, report = ipopt.problem(hs71, START, CONSTRAINTS).solve(1.0, 5.0, print_level=0, sb="yes")
    assert report["status"] == 0
    assert np.allclose(found, [1.0, 4.74299963, 3.82114998, 1.37940829], atol=1e-6)
    tree, report = ipopt.problem(lambda p: np.sum((p["a"] - 2.0) ** 2), {"a": np.zeros((2, 2))}).solve(
        {"a": np.full((2, 2), 2.5)}, print_level=0, sb="yes"
    )
    assert np.allclose(tree["a"], 2.5)
