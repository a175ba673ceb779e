"""A constraint lower ≤ g(x) ≤ upper as SciPy's minimisers take it: linear, or with its first and second derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import LinearConstraint, NonlinearConstraint

from chainrule.errors import OptionError, ShapeError
from chainrule.interop.scipy.degree import is_linear
from chainrule.interop.scipy.layout import to_vector
from chainrule.interop.scipy.residual import Residual

__all__ = ["Bounded", "bounded", "constraint"]


class Bounded(NamedTuple):
    """A function of many values and what they must lie between."""

    residual: Residual
    lower: Any
    upper: Any


def constraint(
    function: Callable[..., Any],
    lower: Any,
    upper: Any,
    x0: Any,
    *,
    args: Sequence[Any] = (),
    form: str = "auto",
    linear: bool | None = None,
    hessian: bool = True,
    keep_feasible: bool = False,
) -> LinearConstraint | NonlinearConstraint:
    """lower ≤ function(x) ≤ upper, for ``minimize(…, constraints=…)`` and ``differential_evolution``.

    Args:
        function: takes the parameters, in the shapes of ``x0``, and ``args``; returns an array of any shape, or a
            list, tuple or dict of arrays and numbers.
        lower: a number, or what the function returns: ``-np.inf`` where there is no bound.
        upper: the same; equal to ``lower`` where the function must have that value.
        x0: the parameters at the start, as given to `objective`.
        args: further arguments, not differentiated.
        form: of the Hessian, and of the Jacobian if that is "dense" or "csr"; "auto" looks at the structure of each.
            trust-constr wants the Jacobians of all constraints dense or all sparse: give ``form`` where "auto"
            chooses differently, or ``options={"sparse_jacobian": True}`` to the solver.
        linear: whether the function is linear; None finds out (see `chainrule.interop.scipy.linear`).
        hessian: whether to give the second derivative; False for methods that use none and say so (SLSQP).
        keep_feasible: as in SciPy: whether every iterate must satisfy it.

    Returns:
        SciPy's ``LinearConstraint`` if the function is linear, else its ``NonlinearConstraint`` with the Jacobian
        and with the Hessian of vᵀ·function.

    Raises:
        ShapeError: a bound has another shape than the values.
        OptionError: a lower bound is above the upper one, or is not a number.
        StartError, DtypeError: as for `residual`.

    >>> constraint(lambda x: x[0] + 2 * x[1], 0.0, 1.0, np.ones(2)).A
    array([[1., 2.]])
    >>> circle = constraint(lambda x: np.sum(x**2), 1.0, 1.0, np.array([3.0, 4.0]))
    >>> circle.jac(np.array([3.0, 4.0])), circle.hess(np.array([3.0, 4.0]), np.array([0.5]))
    (array([[6., 8.]]), array([[1., 0.],
           [0., 1.]]))
    """
    found, low, high = bounded(function, lower, upper, x0, args, form)
    # SciPy factorises the Jacobians of constraints: products alone will not do.
    matrix = found.jacobian.csr if found.jacobian.is_sparse else found.jacobian.dense
    if is_linear(found) if linear is None else linear:
        at_zero = found(np.zeros_like(found.x0))
        return LinearConstraint(matrix(found.x0), low - at_zero, high - at_zero, keep_feasible)
    second = {"hess": found.weighted_hessian} if hessian else {}
    return NonlinearConstraint(found, low, high, jac=matrix, keep_feasible=keep_feasible, **second)


def bounded(
    function: Callable[..., Any], lower: Any, upper: Any, x0: Any, args: Sequence[Any] = (), form: str = "auto"
) -> Bounded:
    """The function and its bounds as vectors, checked: see `constraint`."""
    found = Residual(function, x0, args, form)
    low, high = (_bound(bound, found, word) for bound, word in ((lower, "lower"), (upper, "upper")))
    crossed = np.flatnonzero(~(low <= high))
    if len(crossed):
        k = int(crossed[0])
        raise OptionError(
            f"constraint: the lower bound {low[k]} of value {k} is not below or equal to the upper one, {high[k]}: "
            "nothing can lie between them. Give (lower, upper), -np.inf or np.inf where there is no bound."
        )
    return Bounded(found, low, high)


def _bound(bound: Any, found: Residual, word: str) -> Any:
    """A bound as a vector of as many numbers as there are values."""
    vector = to_vector(bound, f"the {word} bound of a constraint is")
    if np.ndim(bound) == 0 and len(vector) == 1:
        vector = np.full(found.size, vector[0])
    if len(vector) != found.size:
        raise ShapeError(
            f"constraint: the {word} bound has {len(vector)} numbers, and the function returns {found.size}: give a "
            "number, or one for each value."
        )
    return vector
