"""The methods of NumPy's functions of two arguments: `reduce`, `accumulate`, `reduceat`, `outer` and `at`.

Where a method is known under another name (``np.add.reduce`` is ``np.sum``) it is that; else the function is applied
again and again, as its name says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from chainrule.errors import AssignmentError, OptionError
from chainrule.linear.functions import scatter
from chainrule.op import REGISTRY
from chainrule.ops.elementwise import copied
from chainrule.ops.options import UNSET, Axes, plain, shape_of
from chainrule.ops.pick import take
from chainrule.ops.shape import arrayed, moveaxis

__all__ = ["METHODS", "along_axes"]

Ufunc = Callable[..., Any]

REDUCTIONS: dict[Ufunc, Ufunc] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
ACCUMULATIONS: dict[Ufunc, Ufunc] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: np.maximum.accumulate,
    np.minimum: np.minimum.accumulate,
}


def reduced(function: Any, array: Any, axis: Axes = 0, dtype: Any = None, **options: Any) -> Any:
    """``function.reduce``: of the entries along an axis, from the first to the last."""
    array = array if dtype is None else array.astype(dtype)
    if function in REDUCTIONS:
        options = {name: value for name, value in options.items() if value is not None}
        return REGISTRY[REDUCTIONS[function]](array, axis=axis, **options)
    return folded(function, array, axis, **options)


def folded(
    function: Any, array: Any, axis: Axes, keepdims: bool = False, initial: Any = UNSET, where: Any = True
) -> Any:
    """The function applied to what it has made so far and the next entry, for all entries along the axes."""
    shape = shape_of(array)
    gone = tuple(range(len(shape))) if axis is None else normalize_axis_tuple(axis, len(shape))
    if len(gone) > 1:
        function.reduce(np.ones((1,) * len(shape), plain(array).dtype), axis=gone)  # NumPy's error, if order matters
    lines, chosen = in_front(array, gone), None if where is True else in_front(np.broadcast_to(where, shape), gone)
    has_start = initial is not UNSET and initial is not None
    if not has_start and (chosen is not None or not lines.shape[0]):
        if function.identity is None:
            raise OptionError(
                f"np.{function.__name__}.reduce has no identity to begin with: give initial= for an axis of no "
                "entries, or with where=."
            )
        initial, has_start = function.identity, True
    parts = [lines[k] for k in range(lines.shape[0])]
    if len(parts) == 1 and not has_start:  # which is no view
        parts = [copied(parts[0])]
    result = np.full(lines.shape[1:], initial, plain(array).dtype) if has_start else parts.pop(0)
    for k, part in enumerate(parts):
        following = function(result, part)
        result = following if chosen is None else np.where(chosen[k], following, result)
    return np.expand_dims(result, gone) if keepdims is True else result


def in_front(array: Any, axes: Sequence[int]) -> Any:
    """All entries along some axes as the first axis."""
    moved = moveaxis(array, tuple(axes), tuple(range(len(axes))))
    rest = tuple(moved.shape[len(axes) :])
    return np.reshape(moved, (prod(moved.shape[: len(axes)]), *rest))


def accumulated(function: Any, array: Any, axis: int = 0, dtype: Any = None) -> Any:
    """``function.accumulate``: all that `reduce` has made on its way."""
    if function in ACCUMULATIONS:
        return REGISTRY[ACCUMULATIONS[function]](array, axis=axis, dtype=dtype)
    array = array if dtype is None else array.astype(dtype)
    axis = normalize_axis_index(axis, len(shape_of(array)))
    lines = moveaxis(array, axis, 0)
    made = [lines[k] for k in range(min(lines.shape[0], 1))]
    for k in range(1, lines.shape[0]):
        made.append(function(made[-1], lines[k]))
    return np.stack(made, axis) if made else array


def reduced_at(function: Any, array: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    """``function.reduceat``: of the entries from each index up to the next, or of one entry if that is not after it."""
    array = array if dtype is None else array.astype(dtype)
    axis = normalize_axis_index(axis, len(shape_of(array)))
    starts = np.asarray(plain(indices))
    ends = np.append(starts[1:], shape_of(array)[axis])
    runs = [np.arange(i, max(j, i + 1)) for i, j in zip(starts.tolist(), ends.tolist(), strict=True)]
    lines = moveaxis(array, axis, 0)
    if function is np.add and runs:
        segment = np.repeat(np.arange(len(runs)), [len(run) for run in runs])
        found = scatter(take(lines, np.concatenate(runs), 0), (len(runs), *lines.shape[1:]), (segment,))
    else:
        found = np.stack([reduced(function, lines[run[0] : run[-1] + 1]) for run in runs])
    return moveaxis(found, 0, axis)


def outer(function: Any, a: Any, b: Any, **options: Any) -> Any:
    """``function.outer``: of every entry of ``a`` with every entry of ``b``."""
    return function(arrayed(a)[(..., *[None] * len(shape_of(b)))], b, **options)


def along_axes(function: Any, inputs: Sequence[Any], axes: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """A function of the last axes, such as `np.matmul`, along others: ``axes`` for each argument and for the result."""
    if axes is None:
        axes = [(-1 if axis is None else axis,)] * len(inputs)
    places = [(place,) if isinstance(place, int) else tuple(place) for place in axes]
    moved = [
        moveaxis(arrayed(value), place, tuple(range(-len(place), 0)))
        for value, place in zip(inputs, places, strict=False)
    ]
    result = function(*moved)
    if len(places) > len(inputs):
        place = places[-1]
        return moveaxis(result, tuple(range(-len(place), 0)), place) if place else result
    return np.expand_dims(result, places[0]) if keepdims else result


def applied_at(function: Any, target: Any, index: Any, *values: Any) -> None:
    """``function.at``: the entries at the index are overwritten one after the other, also if one is named twice."""
    if not hasattr(type(target), "__chainrule_record__"):
        raise AssignmentError(
            f"np.{function.__name__}.at writes into its first argument, which is a plain array: the values of a tensor "
            "would be forgotten there. Make the target a tensor (cr.zeros(n))."
        )
    shape = shape_of(target)
    positions = np.arange(prod(shape)).reshape(shape)[plain(index)]
    given = [np.broadcast_to(value, positions.shape) for value in values]
    if function in (np.add, np.subtract):
        target[...] = function(target, scatter(given[0], shape, index if isinstance(index, tuple) else (index,)))
        return
    flat = positions.reshape(-1)
    order = np.argsort(flat, kind="stable")
    first = np.searchsorted(flat[order], flat[order])
    turn = np.empty_like(flat)
    turn[order] = np.arange(flat.size) - first  # how often an entry was named before
    for k in range(int(turn.max(initial=-1)) + 1):
        now = turn == k
        place = np.unravel_index(flat[now], shape)
        target[place] = function(target[place], *[np.reshape(value, -1)[now] for value in given])


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": reduced,
    "accumulate": accumulated,
    "reduceat": reduced_at,
    "outer": outer,
    "at": applied_at,
}
