"""Arrays put together: concatenated, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from chainrule.native.lowering import Lowering, Value
from chainrule.native.registry import FIRST, rule
from chainrule.native.scalar import Expression, Place, part_of
from chainrule.program.deferred import Deferred

_FEW = 4  # arrays that are read where they are; more are put in memory, one after the other


@rule(np.concatenate, np.stack, data=FIRST)
def _joined(low: Lowering, step: Deferred, arrays: Sequence[Any], axis: int = 0) -> Value:
    parts = [low.value(array) for array in arrays]
    k = axis % len(step.shape)
    if step.function is np.stack:
        parts = [low.reshaped(part, (*part.shape[:k], 1, *part.shape[k:])) for part in parts]
    parts = [part for part in parts if part.shape[k]]
    starts = [0, *accumulate([part.shape[k] for part in parts])]
    if len(parts) > _FEW:
        target = low.new(step.shape, step.dtype)
        for part, start in zip(parts, starts, strict=False):
            low.fill(target, part.shape, _piece(low, part, k, start, step.dtype))
        return low.memory(target)

    def read(place: Place) -> Expression:
        which = part_of(place[k], starts[1:-1])
        moved = (*place[:k], place[k].shifted(-starts[which]), *place[k + 1 :])
        return low.pool.cast(parts[which].at(moved), step.dtype)

    return Value(
        step.shape, step.dtype, read, max([part.cost for part in parts]), parts=sum([part.parts for part in parts])
    )


def _piece(low: Lowering, part: Value, k: int, start: int, dtype: Any) -> Any:
    def make(place: Place) -> tuple[Place, Expression]:
        moved = (*place[:k], place[k].shifted(start), *place[k + 1 :])
        return moved, low.pool.cast(part.at(place), dtype)

    return make
