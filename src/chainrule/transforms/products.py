"""Products with a Jacobian that is never formed: vjp, jvp, linearize, and hvp with a Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.transforms.gradient import grad
from chainrule.transforms.made import Made
from chainrule.transforms.trace import Trace
from chainrule.transforms.trees import flatten, map_tree, skeleton, unflatten

__all__ = ["hvp", "jvp", "linearize", "vjp"]


def matched(tree: Any, leaves: Sequence[Any], structure: Any, what: str) -> list[Any]:
    """The leaves of ``tree``, checked to have the structure and shapes of ``leaves``."""
    found, shape = flatten(tree)
    if skeleton(shape) != skeleton(structure):
        raise ShapeError(f"{what}: expected the containers {skeleton(structure)}, got {skeleton(shape)}")
    for given, like in zip(found, leaves, strict=True):
        if np.shape(getattr(given, "value", given)) != np.shape(getattr(like, "value", like)):
            raise ShapeError(
                f"{what}: expected shape {np.shape(getattr(like, 'value', like))}, got "
                f"{np.shape(getattr(given, 'value', given))}"
            )
    return found


def copied(tree: Any) -> Any:
    """The tree with arrays of its own: a trace that lives on stays right when the user overwrites theirs."""
    return map_tree(lambda leaf: leaf.copy(order="K") if isinstance(leaf, np.ndarray) else leaf, tree)


def vjp(function: Callable[..., Any], *arguments: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """``function(*arguments)`` and its pullback: ``pullback(v)`` is vᵀJ, one for each argument (a tuple).

    ``v`` has the containers and shapes of the result. With ``has_aux`` returns (value, pullback, aux).

    >>> import numpy as np
    >>> value, pullback = vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    points = copied(arguments)
    trace = Trace(function, points, {}, range(len(arguments)), has_aux, "vjp")

    def pullback(cotangent: Any) -> Any:
        leaves = matched(cotangent, trace.outputs, trace.result_structure, "the cotangent given to a pullback")
        return trace.regroup(trace.pull(leaves))

    value, pulls = copied(trace.value), Made(_pullback, function, {"arguments": points, "has_aux": has_aux}, pullback)
    return (value, pulls, trace.aux) if has_aux else (value, pulls)


def _pullback(function: Callable[..., Any], arguments: Sequence[Any], has_aux: bool) -> Any:
    return vjp(function, *arguments, has_aux=has_aux)[1]


def linearize(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Callable[..., Any]]:
    """``function(*arguments)`` and its pushforward: ``pushforward(*tangents)`` is J·t, the function not run again.

    >>> import numpy as np
    >>> value, pushforward = linearize(np.sin, np.array([0.0, 1.0]))
    >>> pushforward(np.array([2.0, 0.0]))
    array([2., 0.])
    """
    points = copied(arguments)
    trace = Trace(function, points, {}, range(len(arguments)), False, "linearize")

    def pushforward(*tangents: Any) -> Any:
        if len(tangents) != len(arguments):
            raise ShapeError(f"linearize: {len(arguments)} arguments need as many tangents, got {len(tangents)}")
        leaves: list[Any] = []
        start = 0
        for tangent, structure, count in zip(tangents, trace.structures, trace.counts, strict=True):
            leaves += matched(tangent, trace.given[start : start + count], structure, "a tangent")
            start += count
        return unflatten(trace.result_structure, trace.push(leaves))

    return copied(trace.value), Made(_pushforward, function, {"arguments": points}, pushforward)


def _pushforward(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    return linearize(function, *arguments)[1]


def jvp(function: Callable[..., Any], arguments: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(function(*arguments), J·tangents)`` in forward mode.

    >>> import numpy as np
    >>> jvp(lambda x, y: x * y, (np.array([2.0, 3.0]), 10.0), (np.array([1.0, 0.0]), 1.0))
    (array([20., 30.]), array([12.,  3.]))
    """
    if not isinstance(arguments, tuple | list) or not isinstance(tangents, tuple | list):
        raise ShapeError("jvp: the arguments and the tangents are given as two tuples: jvp(f, (x,), (t,))")
    value, pushforward = linearize(function, *arguments)
    return value, pushforward(*tangents)


def hvp(function: Callable[..., Any], arguments: Any, vectors: Any) -> Any:
    """The Hessian of a scalar function times a vector, forward over reverse: ``hvp(f, (x,), (v,))``, ``hvp(f, x, v)``.

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    single = not isinstance(arguments, tuple)
    points = (arguments,) if single else arguments
    tangents = (vectors,) if single else vectors
    _, product = jvp(grad(function, argnums=tuple(range(len(points)))), points, tangents)
    return product[0] if single else product
