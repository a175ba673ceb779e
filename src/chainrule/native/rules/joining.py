"""Arrays put together: concatenated, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.native.lowering import Lowering, Value, places, rule
from chainrule.native.scalar import Expression, Label, Place
from chainrule.program.deferred import Deferred


@rule(np.concatenate, np.stack)
def _joined(low: Lowering, step: Deferred, arrays: Sequence[Any], axis: int = 0) -> Value:
    parts = [low.value(array) for array in arrays]
    k = axis % len(step.shape)
    target = low.new(step.shape, step.dtype)
    start = 0
    for part in parts:
        if step.function is np.stack:
            part = low.reshaped(part, (*part.shape[:k], 1, *part.shape[k:]))
        low.fill(target, part.shape, _piece(low, part, k, start, step.dtype))
        start += part.shape[k]
    return low.memory(target)


def _piece(low: Lowering, part: Value, k: int, start: int, dtype: Any) -> Any:
    def make(labels: Sequence[Label]) -> tuple[Place, Expression]:
        place = places(labels)
        moved = (*place[:k], place[k].shifted(start), *place[k + 1 :])
        return moved, low.pool.cast(part.at(place), dtype)

    return make
