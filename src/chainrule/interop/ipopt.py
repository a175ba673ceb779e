"""IPOPT, handed a function and its constraints: values, sparse Jacobian, half of the Lagrangian's Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.errors import GradientError, LibraryMissingError
from chainrule.interop.scipy.constraint import bounded
from chainrule.interop.scipy.objective import Objective
from chainrule.transforms.curvature import hessian

__all__ = ["IpoptProblem", "problem"]


def problem(
    function: Callable[..., Any],
    x0: Any,
    constraints: Sequence[tuple[Callable[..., Any], Any, Any]] = (),
    *,
    args: Sequence[Any] = (),
) -> IpoptProblem:
    """Minimise a function under constraints by IPOPT, through the package cyipopt (``pip install chainrule[ipopt]``).

    Args:
        function: takes the parameters, in the shapes of ``x0``, and ``args``; returns one number.
        x0: where to start: an array, a number, or nested tuples, lists and dicts of arrays.
        constraints: tuples (g, lower, upper): g takes the same, and returns arrays of any shapes; the bounds are a
            number, or as many as g returns, equal where g must have that value.
        args: further arguments, not differentiated.

    Raises:
        The errors of `chainrule.interop.scipy.objective` and `chainrule.interop.scipy.constraint`.

    >>> hill = problem(lambda x: x[0] * x[1], np.array([1.0, 0.5]), [(lambda x: np.sum(x**2), -np.inf, 2.0)])
    >>> hill.hessianstructure()  # the lower triangle
    (array([0, 1, 1]), array([0, 0, 1]))
    >>> hill.hessian(np.array([1.0, 0.5]), np.array([10.0]), 1.0)
    array([20.,  1., 20.])
    """
    return IpoptProblem(function, x0, constraints, args)


class _Entries:
    """Which entries of a matrix are set, in the order in which their values are given; the same at every point."""

    def __init__(self, matrix: Any, what: str, lower_triangle: bool = False) -> None:
        self._what = what
        self._lower = lower_triangle
        self._seen: tuple[Any, Any, Any] | None = None  # index arrays as they came, and the order that sorts them
        self._columns = matrix.shape[1]
        self._keys = np.unique(self._keys_of(matrix)[1])
        self.rows, self.columns = np.divmod(self._keys, max(self._columns, 1))

    def _keys_of(self, matrix: Any) -> tuple[Any, Any]:
        """The entries that count, as positions in the data and as one number each."""
        rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
        used = np.flatnonzero(rows >= matrix.indices) if self._lower else np.arange(len(rows))
        return used, rows[used] * self._columns + matrix.indices[used]

    def values(self, matrix: Any) -> Any:
        """The values of a CSR matrix of this structure, or with fewer entries."""
        seen = self._seen
        if seen is None or not (np.array_equal(seen[0], matrix.indptr) and np.array_equal(seen[1], matrix.indices)):
            used, keys = self._keys_of(matrix)
            places = np.minimum(np.searchsorted(self._keys, keys), max(len(self._keys) - 1, 0))
            strange = keys != self._keys[places] if len(self._keys) else np.ones(len(keys), bool)
            if np.any(strange):
                row, column = divmod(int(keys[strange][0]), self._columns)
                raise GradientError(
                    f"the {self._what} has an entry in row {row}, column {column} that was not there at the starting "
                    "point: IPOPT wants to know beforehand which entries there are. Branches of the function that "
                    "depend on the parameters must use the same ones: np.where, not if."
                )
            self._seen = seen = (matrix.indptr.copy(), matrix.indices.copy(), (used, places))
        used, places = seen[2]
        return np.bincount(places, matrix.data[used], len(self._keys))


class IpoptProblem:
    """The methods that ``cyipopt.Problem`` calls by name; `solve` makes one and solves it.

    ``n`` and ``m`` are the numbers of unknowns and of constrained values, ``lower`` and ``upper`` what the latter must
    lie between, ``x0`` the start as a vector.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        x0: Any,
        constraints: Sequence[tuple[Callable[..., Any], Any, Any]],
        args: Sequence[Any],
    ) -> None:
        self._args = tuple(args)
        self._objective = Objective(function, x0, args, "auto")
        self._constraints = [bounded(g, low, high, x0, args, "csr") for g, low, high in constraints]
        self.x0 = self._objective.x0
        self.lower = np.concatenate([np.zeros(0), *[each.lower for each in self._constraints]])
        self.upper = np.concatenate([np.zeros(0), *[each.upper for each in self._constraints]])
        self.n, self.m = len(self.x0), len(self.lower)
        parts = tuple([(each.residual.flat, len(each.lower)) for each in self._constraints])
        self._lagrangian = hessian(_lagrangian(self._objective.flat, parts, self._args))
        self._jacobians = [_Entries(each.residual.jacobian.csr(self.x0), "Jacobian") for each in self._constraints]
        weights = np.random.default_rng(0).uniform(1.0, 2.0, self.m)  # none of them zero: every entry is there
        self._hessian = _Entries(self._curvature(self.x0, weights, 1.0), "Hessian", lower_triangle=True)

    def _curvature(self, x: Any, weights: Any, factor: float) -> Any:
        return self._lagrangian(np.array(x, np.float64), np.array(weights, np.float64), float(factor)).sparse()

    def tree(self, x: Any) -> Any:
        """The parameters that a vector holds, in the containers and shapes of ``x0``."""
        return self._objective.tree(x)

    def objective(self, x: Any) -> float:
        """The value to be minimised."""
        return self._objective(x)

    def gradient(self, x: Any) -> Any:
        """Its gradient, (n,)."""
        return self._objective.gradient(x)

    def constraints(self, x: Any) -> Any:
        """The constrained values, (m,)."""
        return np.concatenate([np.zeros(0), *[each.residual(x) for each in self._constraints]])

    def jacobian(self, x: Any) -> Any:
        """The entries of their Jacobian that `jacobianstructure` names."""
        pairs = zip(self._jacobians, self._constraints, strict=True)
        return np.concatenate([np.zeros(0), *[kept.values(each.residual.jacobian.csr(x)) for kept, each in pairs]])

    def jacobianstructure(self) -> tuple[Any, Any]:
        """Rows and columns of the entries of the Jacobian."""
        starts = np.cumsum([0, *[len(each.lower) for each in self._constraints]])[: len(self._jacobians)]
        none = np.zeros(0, np.int64)
        rows = [kept.rows + start for kept, start in zip(self._jacobians, starts, strict=True)]
        return np.concatenate([none, *rows]), np.concatenate([none, *[kept.columns for kept in self._jacobians]])

    def hessian(self, x: Any, lagrange: Any, obj_factor: float) -> Any:
        """The entries of obj_factor · ∂²f/∂x² + Σ lagrangeᵢ ∂²gᵢ/∂x² that `hessianstructure` names."""
        return self._hessian.values(self._curvature(x, lagrange, obj_factor))

    def hessianstructure(self) -> tuple[Any, Any]:
        """Rows and columns of the entries in the lower triangle of the Hessian."""
        return self._hessian.rows, self._hessian.columns

    def solve(self, lower: Any = -np.inf, upper: Any = np.inf, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Let IPOPT solve it: the parameters in the shapes of ``x0``, and what cyipopt reports.

        Args:
            lower: the least that the parameters may be: a number, or for each array of ``x0`` a number or an array.
            upper: the most, likewise.
            **options: IPOPT's own, ``tol=1e-9``, ``print_level=0``, ….

        Raises:
            LibraryMissingError: cyipopt is not installed.
        """
        try:
            cyipopt = import_module("cyipopt")
        except ImportError as problem:
            raise LibraryMissingError(
                "IPOPT is reached through the package cyipopt, which is not installed: pip install 'chainrule[ipopt]', "
                "or conda install -c conda-forge cyipopt, which brings IPOPT itself."
            ) from problem
        bounds = self._objective.bounds(lower, upper)
        solver = cyipopt.Problem(
            n=self.n, m=self.m, problem_obj=self, lb=bounds.lb, ub=bounds.ub, cl=self.lower, cu=self.upper
        )
        for name, value in options.items():
            solver.add_option(name, value)
        found, report = solver.solve(self.x0.copy())
        solver.close()
        return self.tree(found), report


def _lagrangian(
    objective: Callable[..., Any], parts: Sequence[tuple[Callable[..., Any], int]], args: tuple[Any, ...]
) -> Callable[..., Any]:
    """factor · objective(x) + Σ weights · constraints(x)."""

    def weighted(x: Any, weights: Any, factor: Any) -> Any:
        total, start = factor * np.sum(objective(x, *args)), 0
        for flat, count in parts:
            total = total + np.sum(weights[start : start + count] * flat(x, *args))
            start += count
        return total

    return weighted
