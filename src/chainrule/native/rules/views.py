"""Calls that move or choose no numbers, but say where each is found: reshapes, transposes, flips; and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.native.lowering import Lowering, NotLowerableError, Value
from chainrule.native.registry import FIRST, both, rule
from chainrule.native.scalar import Expression, Number, Place
from chainrule.program.deferred import Deferred

_AXES = 18  # up to which NumPy has arrays of the sizes 2, 3, 4, …


@rule(*both("reshape"), *both("ravel"), np.ndarray.flatten, *both("squeeze"), np.expand_dims, data=FIRST)
def _reshape(low: Lowering, step: Deferred, array: Any, *_: Any, **options: Any) -> Value:
    if options.get("order", "C") != "C":
        raise NotLowerableError("a reshape in another order")
    return low.reshaped(low.value(array), step.shape)


@rule(*both("copy"), np.ascontiguousarray, np.ndarray.astype, data=FIRST)
def _same(low: Lowering, step: Deferred, array: Any, *_: Any, **__: Any) -> Value:
    return low.reshaped(low.value(array), step.shape)


@rule(np.zeros_like, np.ones_like)
def _filled(low: Lowering, step: Deferred, array: Any, *_: Any, **__: Any) -> Value:
    number = Number(step.dtype.type(step.function is np.ones_like), step.dtype)
    return Value(step.shape, step.dtype, lambda place: number, 0.0)


@rule(*both("transpose"), *both("swapaxes"), np.moveaxis, np.matrix_transpose, np.permute_dims, data=FIRST)
def _transpose(low: Lowering, step: Deferred, array: Any, *rest: Any, **options: Any) -> Value:
    value = low.value(array)
    if len(value.shape) > _AXES:
        raise NotLowerableError(f"axes of more than {_AXES} are moved")
    probe = np.broadcast_to(np.int8(0), tuple(range(2, 2 + len(value.shape))))  # sizes that tell the axes apart
    axes = [n - 2 for n in step.function(probe, *rest, **options).shape]

    def read(place: Place) -> Expression:
        return value.at(tuple([place[axes.index(k)] for k in range(len(axes))]))

    made = value.like(read, step.shape)
    if len(axes) > 1 and axes == [*range(len(axes) - 2), len(axes) - 1, len(axes) - 2]:
        made.matrix = value.as_matrix._replace(transposed=not value.as_matrix.transposed)
    return made


@rule(np.broadcast_to, data=FIRST)
def _broadcast(low: Lowering, step: Deferred, array: Any, *_: Any, **__: Any) -> Value:
    value = low.value(array)
    return value.like(value.broadcast_at, step.shape)


@rule(np.flip, data=FIRST)
def _flip(low: Lowering, step: Deferred, array: Any, axis: Any = None) -> Value:
    value = low.value(array)
    rank = len(value.shape)
    axes = range(rank) if axis is None else [k % rank for k in ((axis,) if isinstance(axis, int) else axis)]

    def read(place: Place) -> Expression:
        turned = [
            index.shifted(n - 1, -1) if k in axes else index
            for k, (index, n) in enumerate(zip(place, value.shape, strict=True))
        ]
        return value.at(tuple(turned))

    return value.like(read, step.shape)


@rule(*both("diagonal"), data=FIRST)
def _diagonal(low: Lowering, step: Deferred, array: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    return diagonal(low.value(array), offset, axis1, axis2)


def diagonal(value: Value, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """A diagonal of matrices whose axes are given; it is the last axis."""
    rank = len(value.shape)
    down, across = axis1 % rank, axis2 % rank
    probe: Any = np.broadcast_to(np.int8(0), value.shape)

    def read(place: Place) -> Expression:
        rest, turn = iter(place[:-1]), place[-1]
        own = {down: turn.shifted(max(-offset, 0)), across: turn.shifted(max(offset, 0))}
        return value.at(tuple([own[k] if k in own else next(rest) for k in range(rank)]))

    return value.like(read, probe.diagonal(offset, axis1, axis2).shape)


@rule(np.where)
def _where(low: Lowering, step: Deferred, condition: Any, a: Any, b: Any) -> Value:
    parts = [low.value(value) for value in (condition, a, b)]

    def read(place: Place) -> Expression:
        chosen, first, second = (part.broadcast_at(place) for part in parts)
        return low.pool.apply(
            np.where,
            (low.pool.cast(chosen, bool), low.pool.cast(first, step.dtype), low.pool.cast(second, step.dtype)),
            step.dtype,
        )

    boxes = 1 + sum([part.parts - 1 for part in parts])
    return Value(step.shape, step.dtype, read, 1 + sum([part.cost for part in parts]), parts=boxes)
