"""Functions that are linear or quadratic, recognised: their derivatives end by structure, and samples agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import DegreeError
from chainrule.interop.scipy.objective import Objective
from chainrule.interop.scipy.residual import Residual
from chainrule.transforms.gradient import grad

__all__ = ["Linear", "Quadratic", "is_linear", "linear", "quadratic", "why_not_linear"]

# A comparison of the parameters leaves no trace in the derivatives of x * (x > 1): points near and far are tried too.
_DISTANCES = [10.0**power for power in range(-3, 10)]
_ROUNDING = 1e-9


class Linear(NamedTuple):
    """g(x) = A x + b."""

    A: Any
    b: Any


class Quadratic(NamedTuple):
    """f(x) = ½ xᵀ P x + qᵀ x + constant, P symmetric."""

    P: Any
    q: Any
    constant: float


def is_linear(function: Residual) -> bool:
    """Whether g(x) = A x + b: the second derivative has no entries, and the values at some points far and near agree.

    A function that is linear but does not look it, like ``x**2 / x``, counts as not linear.
    """
    return not why_not_linear(function)


def why_not_linear(function: Residual) -> str:
    """What speaks against A x + b, in words; empty if nothing does."""
    weights = np.random.default_rng(0).normal(size=function.size)
    second = function.weighted_hessian.structured(function.x0, weights)
    if not _vanishes(second):
        return f"the second derivative does not vanish ({second.structure})"
    return "" if _agrees(function) else "it leaves its tangent at points away from x0"


def _vanishes(matrix: Any) -> bool:
    """Whether a structured map has no entries, or only such as are zero numbers."""
    return all(
        [any([np.ndim(f) == 0 and f == 0 for f in t.factors if isinstance(f, float | int)]) for t in matrix.terms]
    )


def _agrees(function: Residual) -> bool:
    """Whether the tangent at the start is the function at points in many distances from there."""
    start, at_start = function.x0, function(function.x0)
    slope = function.jacobian.structured(start)
    random = np.random.default_rng(1)
    scale = 1.0 + np.abs(start)
    for distance in _DISTANCES:
        step = random.normal(size=len(start)) * scale * distance
        moved = slope @ step
        try:
            with np.errstate(all="ignore"):
                found = function(start + step)
        except (ArithmeticError, ValueError):
            return False  # it is not defined everywhere
        size = np.abs(at_start) + np.abs(moved) + np.max(np.abs(moved), initial=0.0) + distance
        if not np.all(np.abs(found - at_start - moved) <= _ROUNDING * size):
            return False
    return True


def linear(function: Callable[..., Any], x0: Any, *, args: Sequence[Any] = (), form: str = "csr") -> Linear:
    """A and b of a function g(x) = A x + b, ``x`` being the parameters in one vector.

    Args:
        function: takes the parameters, in the shapes of ``x0``, and ``args``; returns arrays of any shapes.
        x0: parameters of the shapes that the function takes; where, does not matter.
        args: further arguments.
        form: of A: "csr", "csc", "dense" or "operator".

    Raises:
        DegreeError: the function is not linear, or not by the look of its derivatives.

    >>> A, b = linear(lambda x: np.diff(x) - 1.0, np.zeros(3), form="dense")
    >>> A, b
    (array([[-1.,  1.,  0.],
           [ 0., -1.,  1.]]), array([-1., -1.]))
    """
    found = Residual(function, x0, args, form)
    if why := why_not_linear(found):
        raise DegreeError(
            f"linear: the function is not A x + b: {why}. Give it to a solver for nonlinear "
            "functions: residual(f, x0), constraint(g, lower, upper, x0)."
        )
    return Linear(found.jacobian(found.x0), found(np.zeros_like(found.x0)))


def quadratic(function: Callable[..., Any], x0: Any, *, args: Sequence[Any] = (), form: str = "csc") -> Quadratic:
    """P, q and the constant of a function f(x) = ½ xᵀ P x + qᵀ x + constant, ``x`` the parameters in one vector.

    Args:
        function: takes the parameters, in the shapes of ``x0``, and ``args``; returns one number.
        x0: parameters of the shapes that the function takes; where, does not matter.
        args: further arguments.
        form: of P: "csc", "csr", "dense" or "operator".

    Raises:
        DegreeError: the function is not quadratic, or not by the look of its derivatives.

    >>> P, q, constant = quadratic(lambda x: (x[0] - x[1]) ** 2 + x[0] + 5.0, np.zeros(2), form="dense")
    >>> P, q, constant
    (array([[ 2., -2.],
           [-2.,  2.]]), array([1., 0.]), 5.0)
    """
    whole = Objective(function, x0, args, form)
    # The gradient of a quadratic function is linear, and its slope is P.
    slope = Residual(grad(whole.flat), whole.x0, args, form)
    if why := why_not_linear(slope):
        raise DegreeError(
            f"quadratic: the function is not ½ xᵀ P x + qᵀ x + c: its gradient is not linear, as {why}. "
            "Give it to a solver for nonlinear functions: objective(f, x0)."
        )
    zero = np.zeros_like(whole.x0)
    return Quadratic(slope.jacobian(whole.x0), slope(zero), whole(zero))
