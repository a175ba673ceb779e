"""Parts of matrices: triangles, diagonals, the trace."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from chainrule.native.lowering import Lowering, Value
from chainrule.native.registry import FIRST, Rule, both, rule
from chainrule.native.rules.views import diagonal
from chainrule.native.scalar import Expression, Number, Place
from chainrule.program.deferred import Deferred


@cache
def positions(start: int, size: int) -> Any:
    """The positions along an axis, counted from a start: one array for all who ask."""
    return np.arange(start, start + size)


def triangle(low: Lowering, value: Value, offset: int, lower: bool) -> Value:
    """A stack of matrices with zeros above a diagonal, or below it."""
    starts = (offset, 0)
    rows, columns = (low.capture(positions(*pair)) for pair in zip(starts, value.shape[-2:], strict=True))
    zero = Number(value.dtype.type(0), value.dtype)

    def read(place: Place) -> Expression:
        ends = columns.at(place[-1:]), rows.at(place[-2:-1])
        within = low.pool.apply(np.less_equal if lower else np.greater_equal, ends, bool)
        return low.pool.apply(np.where, (within, value.at(place), zero), value.dtype)

    made = Value(value.shape, value.dtype, read, value.cost + 2, parts=value.parts)
    whole = value.as_matrix
    if offset == 0 and whole.lower in (None, lower != whole.transposed):
        made.matrix = whole._replace(lower=lower != whole.transposed)
    return made


def _triangle(lower: bool) -> Rule:
    def made(low: Lowering, step: Deferred, array: Any, k: int = 0) -> Value:
        value = low.value(array)
        if len(value.shape) < 2:
            value = value.like(value.broadcast_at, step.shape)
        return triangle(low, value, k, lower)

    return made


rule(np.tril, data=FIRST)(_triangle(lower=True))
rule(np.triu, data=FIRST)(_triangle(lower=False))


@rule(np.diag, data=FIRST)
def _diag(low: Lowering, step: Deferred, array: Any, k: int = 0) -> Value:
    value = low.value(array)
    if len(value.shape) == 2:
        return diagonal(value, k)
    target = low.new(step.shape, step.dtype, np.add)

    def make(place: Place) -> tuple[Place, Expression]:
        return (place[0].shifted(max(-k, 0)), place[0].shifted(max(k, 0))), value.at(place)

    low.fill(target, value.shape, make)
    return low.memory(target)


@rule(*both("trace"), data=FIRST)
def _trace(low: Lowering, step: Deferred, array: Any, *where: Any) -> Value:
    value = diagonal(low.value(array), *where[:3])
    return low.reduced(np.add, step.dtype, value.shape, [len(value.shape) - 1], value.at, step.shape)
