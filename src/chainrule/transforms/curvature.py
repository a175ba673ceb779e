"""hessian and gauss_newton: second derivatives as structured maps, symmetric by construction.

A Hessian is the Jacobian of the gradient. The gradient is itself a program whose local Jacobians are the rules that
made it, so every second derivative follows from the same rules as the first: for an elementwise step its curvature is
diag(z̄ f″), for a product it is the product with z̄ in the place of an operand. Where the parts meet as AᵀDA they stay
apart. Between several arguments only the blocks on and above the diagonal are derived; the others are their transposes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import GradientError, ShapeError
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.term import Term, pattern
from chainrule.transforms.gradient import grad
from chainrule.transforms.made import made_by
from chainrule.transforms.recorded import replaying
from chainrule.transforms.trace import Trace, with_own_points
from chainrule.transforms.trees import flatten, skeleton

__all__ = ["gauss_newton", "hessian"]


def hessian(function: Callable[..., Any], argnums: int | Sequence[int] = 0, weights: Any = None) -> Callable[..., Any]:
    """A function that returns the Hessian of a scalar ``function`` as a structured map, the Jacobian of its gradient.

    For several arguments, or nested ones: a block for each pair, in the containers of the arguments. The second call
    with arguments of the same shapes replays the first on the new numbers.

    Args:
        function: returns one number; with ``weights``, arrays.
        argnums: which positional arguments to differentiate.
        weights: λ, in the shape (and containers) of the function's result: the Hessian is that of ⟨λ, function⟩, as a
            Lagrangian needs it. Where λ changes from call to call, make it an argument instead:
            ``hessian(lambda x, λ: np.sum(λ * f(x)))(x, λ)``.

    Raises:
        NotScalarError: the function returns more than one number, and no weights are given.
        ShapeError: the weights are not of the result's shape.

    >>> H = hessian(lambda x: np.sum(np.exp(x)))(np.zeros(4))
    >>> H.shape, H.stored
    ((4, 4), 4)
    >>> hessian(lambda x: x**3, weights=np.array([1.0, 10.0]))(np.array([1.0, 1.0])).diagonal()
    array([ 6., 60.])
    """
    scalar = function if weights is None else _weighted(function, weights)
    gradient = grad(scalar, argnums)

    def derived(*arguments: Any, **options: Any) -> Any:
        trace = Trace(gradient, with_own_points(arguments, argnums, "hessian"), options, argnums, False, "hessian")
        if trace.is_of_complex:
            trace.check_holomorphic(False)
        blocks: dict[tuple[int, int], Jacobian] = {}
        for i, output in enumerate(trace.outputs):
            for j, found in enumerate(trace.jacobians(output, trace.inputs[i:]), start=i):
                _place(blocks, i, j, found)
        return _nested(trace, blocks)

    made = made_by(hessian, function, argnums=argnums, weights=weights)
    return replaying(made, derived, (function, weights), argnums)


def gauss_newton(
    function: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    weights: Any = None,
    loss: Callable[[Any], Any] | None = None,
) -> Callable[..., Any]:
    """A function that returns the Gauss-Newton matrix JᵀDJ of ``function``, kept factored where that stores less.

    Args:
        function: a model or a residual; returns arrays.
        argnums: which positional arguments to differentiate.
        weights: the diagonal of D, in the shape (and containers) of the result; D is the identity if not given.
        loss: a scalar function of the result, of which D is the Hessian: JᵀDJ is then the Hessian of loss(function)
            without the curvature of the function.

    Raises:
        GradientError: both ``weights`` and ``loss`` are given.
        ShapeError: the weights are not of the result's shape.

    >>> X, w = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.zeros(2)
    >>> G = gauss_newton(lambda w: X @ w)(w)
    >>> G.dense()
    array([[35., 44.],
           [44., 56.]])
    """
    if weights is not None and loss is not None:
        raise GradientError("gauss_newton: give the weights of the result or a loss of it, not both.")
    curvature = None if loss is None else hessian(loss)

    def derived(*arguments: Any, **options: Any) -> Any:
        points = with_own_points(arguments, argnums, "gauss_newton")
        trace = Trace(function, points, options, argnums, False, "gauss_newton")
        if trace.is_of_complex or trace.has_complex_results:
            trace.check_holomorphic(False)
        shapes = [tuple(np.shape(getattr(output, "value", output))) for output in trace.outputs]
        maps = [trace.jacobians(output, trace.inputs) for output in trace.outputs]
        middle = _middle(trace, shapes, weights, curvature)
        blocks: dict[tuple[int, int], Jacobian] = {}
        for i in range(len(trace.inputs)):
            for j in range(i, len(trace.inputs)):
                total: Any = None
                for (a, b), D in middle.items():
                    right = maps[b][j] if D is None else D @ maps[b][j]
                    part = maps[a][i].T @ right
                    total = part if total is None else total + part
                _place(blocks, i, j, total)
        return _nested(trace, blocks)

    made = made_by(gauss_newton, function, argnums=argnums, weights=weights, loss=loss)
    return replaying(made, derived, (function, weights, loss), argnums)


def _place(blocks: dict[tuple[int, int], Jacobian], i: int, j: int, made: Jacobian) -> None:
    """Put a block on or above the diagonal in its place, and its transpose in the mirrored one."""
    if i == j:  # known to be its own transpose
        known = {"symmetric": True}
        blocks[i, i] = Jacobian._of(made.terms, made.row_shape, made.column_shape, made.dtype, known)
    else:
        blocks[i, j], blocks[j, i] = made, made.T


def _nested(trace: Trace, blocks: dict[tuple[int, int], Jacobian]) -> Any:
    """The blocks in the containers of the arguments, twice."""
    count = range(len(trace.inputs))
    return trace.regroup([trace.regroup([blocks[i, j] for j in count]) for i in count])


def _checked(weights: Any, outputs: Sequence[Any], structure: Any) -> list[Any]:
    """The weights of each result, which must have its shape."""
    found, own = flatten(weights)
    if skeleton(own) != skeleton(structure):
        raise ShapeError(
            f"weights in the containers {skeleton(own)} were given for a function that returns {skeleton(structure)}"
        )
    for weight, output in zip(found, outputs, strict=True):
        shapes = [tuple(np.shape(getattr(value, "value", value))) for value in (weight, output)]
        if shapes[0] != shapes[1]:
            raise ShapeError(
                f"weights of shape {shapes[0]} were given for a result of shape {shapes[1]}: one weight for each entry"
            )
    return found


def _weighted(function: Callable[..., Any], weights: Any) -> Callable[..., Any]:
    """The sum of the function's results times their weights."""

    def scalar(*arguments: Any, **options: Any) -> Any:
        outputs, structure = flatten(function(*arguments, **options))
        parts = [np.sum(w * y) for w, y in zip(_checked(weights, outputs, structure), outputs, strict=True)]
        return sum(parts[1:], parts[0])

    return scalar


def _middle(trace: Trace, shapes: Sequence[Any], weights: Any, curvature: Any) -> dict[tuple[int, int], Any]:
    """D between each two results of the function: None for the identity; pairs that are left out are zero."""
    if curvature is not None:
        rows = flatten(curvature(trace.value))[0]
        count = len(shapes)
        return {(a, b): rows[a * count + b] for a in range(count) for b in range(count)}
    if weights is None:
        return {(a, a): None for a in range(len(shapes))}
    found = _checked(weights, trace.outputs, trace.result_structure)
    return {(a, a): _diagonal(weight, shape) for a, (weight, shape) in enumerate(zip(found, shapes, strict=True))}


def _diagonal(weight: Any, shape: tuple[int, ...]) -> Jacobian:
    """The diagonal map of an array."""
    labels = range(len(shape))
    array = getattr(weight, "value", weight)
    array = array if hasattr(array, "shape") else np.asarray(array, float)
    return Jacobian([Term(pattern(shape, labels, labels, [tuple(labels)])[0], (array,))], shape, shape)
