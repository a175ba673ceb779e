"""Elements in other places than they were, or in several: padded, rolled, repeated, in windows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.native.lowering import Lowering, NotLowerableError, Value
from chainrule.native.registry import BOTH, FIRST, rule
from chainrule.native.rules.selection import inside
from chainrule.native.scalar import Expression, Number, Place, part_of
from chainrule.program.deferred import Deferred


@rule(np.pad, data=FIRST)
def _pad(low: Lowering, step: Deferred, array: Any, widths: Any, constant_values: Any = 0) -> Value:
    if np.ndim(constant_values) or hasattr(constant_values, "number"):
        raise NotLowerableError("a pad with several numbers")
    value = low.value(array)
    region = [slice(before, before + size) for (before, _), size in zip(widths, value.shape, strict=True)]
    number = Number(step.dtype.type(constant_values), step.dtype)
    return inside(low, step, value, tuple(region), lambda place: number, 0.0)


@rule(np.roll, data=FIRST)
def _roll(low: Lowering, step: Deferred, array: Any, shifts: Sequence[int], axes: Sequence[int]) -> Value:
    value = low.value(array)
    by = [sum([shift for shift, axis in zip(shifts, axes, strict=True) if axis == k]) for k in range(len(value.shape))]
    starts = [shift % size for shift, size in zip(by, value.shape, strict=True)]

    def read(place: Place) -> Expression:
        moved = []
        for index, start, size in zip(place, starts, value.shape, strict=True):
            moved.append(index.shifted(-start if not start or part_of(index, (start,)) else size - start))
        return value.at(tuple(moved))

    parts = value.parts * 2 ** sum([start > 0 for start in starts])
    return Value(step.shape, step.dtype, read, value.cost, parts=parts)


@rule(np.tile, data=FIRST)
def _tile(low: Lowering, step: Deferred, array: Any, times: Sequence[int]) -> Value:
    value = low.value(array)
    rank = len(step.shape)
    own = (1,) * (rank - len(value.shape)) + value.shape
    value = low.reshaped(value, own)
    apart = tuple([size for k in range(rank) for size in (step.shape[k] // own[k], own[k])])
    return low.reshaped(value.like(lambda place: value.at(place[1::2]), apart), step.shape)


@rule(np.repeat, data=FIRST)
def _repeat(low: Lowering, step: Deferred, array: Any, times: int, axis: int) -> Value:
    value, k = low.value(array), axis % len(step.shape)
    apart = (*value.shape[: k + 1], times, *value.shape[k + 1 :])
    repeated = value.like(lambda place: value.at((*place[: k + 1], *place[k + 2 :])), apart)
    return low.reshaped(repeated, step.shape)


@rule(sliding_window_view, data=FIRST)
def _windows(low: Lowering, step: Deferred, array: Any, _: Any, axes: Sequence[int]) -> Value:
    return windows(low, low.value(array), step.shape, axes)


def windows(low: Lowering, value: Value, shape: tuple[int, ...], axes: Sequence[int]) -> Value:
    """The windows that slide along axes, as more axes."""
    if value.parts > 1:
        value = low.keep(value)
    rank = len(value.shape)

    def read(place: Place) -> Expression:
        first = [*place[:rank]]
        for axis, index in zip(axes, place[rank:], strict=True):
            first[axis] = first[axis].plus(index)
        return value.at(tuple(first))

    return value.like(read, shape)


@rule(np.convolve, factors=BOTH)
def _convolve(low: Lowering, step: Deferred, a: Any, b: Any) -> Value:
    long, short = sorted([low.value(a), low.value(b)], key=lambda value: -prod(value.shape))
    size, width = step.shape[0], short.shape[0]
    zero = Number(long.dtype.type(0), long.dtype)
    region = (slice(width - 1, size),)
    padded = inside(low, step, long, region, lambda place: zero, 0.0, shape=(size + width - 1,))
    seen = windows(low, padded, (size, width), [0])

    def read(place: Place) -> Expression:
        kernel = short.at((place[1].shifted(width - 1, -1),))
        factors = [low.pool.cast(part, step.dtype) for part in (seen.at(place), kernel)]
        return low.pool.apply(np.multiply, factors, step.dtype)

    return low.reduced(np.add, step.dtype, (size, width), [1], read, step.shape)
