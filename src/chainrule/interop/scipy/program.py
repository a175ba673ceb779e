"""A quadratic function under linear constraints as the matrices that solvers for such programs take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint
from scipy.sparse import csc_array, csr_array, vstack

from chainrule.errors import DegreeError
from chainrule.interop.scipy.constraint import bounded
from chainrule.interop.scipy.degree import quadratic, why_not_linear

__all__ = ["QuadraticProgram", "quadratic_program"]


class QuadraticProgram(NamedTuple):
    """Minimise ½ xᵀ P x + qᵀ x + constant with lower ≤ A x ≤ upper: what solvers for such programs take."""

    P: Any
    q: Any
    constant: float
    A: Any
    lower: Any
    upper: Any

    @property
    def constraint(self) -> LinearConstraint:
        """lower ≤ A x ≤ upper as SciPy's ``LinearConstraint``."""
        return LinearConstraint(self.A, self.lower, self.upper)

    def milp(self) -> dict[str, Any]:
        """The keywords of ``scipy.optimize.milp``; without ``bounds`` of its own it would want x ≥ 0.

        Raises:
            DegreeError: P is not zero.
        """
        self._without_curvature("milp")
        return {"c": self.q, "constraints": self.constraint, "bounds": Bounds(-np.inf, np.inf)}

    def linprog(self) -> dict[str, Any]:
        """The keywords of ``scipy.optimize.linprog``; without ``bounds`` of its own it would want x ≥ 0.

        Raises:
            DegreeError: P is not zero.
        """
        self._without_curvature("linprog")
        equal = self.lower == self.upper
        below, above = np.isfinite(self.upper) & ~equal, np.isfinite(self.lower) & ~equal
        return {
            "c": self.q,
            "A_ub": vstack([self.A[below], -self.A[above]], format="csr"),
            "b_ub": np.concatenate([self.upper[below], -self.lower[above]]),
            "A_eq": self.A[equal],
            "b_eq": self.lower[equal],
            "bounds": (None, None),
        }

    def _without_curvature(self, name: str) -> None:
        if np.any(self.P.data):
            raise DegreeError(
                f"{name} minimises linear functions, and this one has a quadratic part "
                f"({np.count_nonzero(self.P.data)} entries in P): give P, q, A, lower, upper to a solver for quadratic "
                "programs, or use minimize."
            )


def quadratic_program(
    function: Callable[..., Any], x0: Any, constraints: Sequence[tuple[Callable[..., Any], Any, Any]] = ()
) -> QuadraticProgram:
    """The matrices of: minimise a quadratic function under linear constraints.

    Args:
        function: takes the parameters, in the shapes of ``x0``; returns one number.
        x0: parameters of the shapes that the functions take; where, does not matter.
        constraints: tuples (function, lower, upper), bounds as in `constraint`.

    Returns:
        P as ``csc_array`` (symmetric, both triangles), q, the constant, A as ``csr_array``, lower and upper: what
        OSQP, HiGHS, Clarabel and their kind take; `linprog` and `milp` have SciPy's keywords if P is zero.

    Raises:
        DegreeError: the function is not quadratic, or a constraint not linear.

    >>> from scipy.optimize import linprog
    >>> program = quadratic_program(
    ...     lambda x: x[0] + x[1], np.zeros(2), [(lambda x: x[0] - 2 * x[1], 4.0, 4.0), (lambda x: x, -1.0, np.inf)]
    ... )
    >>> linprog(**program.linprog()).x
    array([ 2., -1.])
    """
    P, q, constant = quadratic(function, x0)
    blocks, lows, highs = [csr_array((0, len(q)))], [np.zeros(0)], [np.zeros(0)]
    for constrained, lower, upper in constraints:
        found, low, high = bounded(constrained, lower, upper, x0, (), "csr")
        if why := why_not_linear(found):
            raise DegreeError(f"quadratic_program: a constraint is not linear: {why}.")
        at_zero = found(np.zeros_like(q))
        blocks.append(found.jacobian.csr(found.x0))
        lows.append(low - at_zero)
        highs.append(high - at_zero)
    return QuadraticProgram(
        csc_array(P), q, constant, vstack(blocks, format="csr"), np.concatenate(lows), np.concatenate(highs)
    )
