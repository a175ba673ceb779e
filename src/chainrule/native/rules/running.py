"""Running sums, products and maxima: each element along an axis is made of the one before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.native.lowering import Lowering, NotLowerableError, Value
from chainrule.native.registry import FIRST, Rule, both, rule
from chainrule.native.scalar import Expression, Place
from chainrule.program.deferred import Deferred

_CHEAP = 2  # the cost of an element up to which it is computed in the loop, which is not one of vectors


def _running(function: Any, default: Any = None) -> Rule:
    def made(
        low: Lowering, step: Deferred, array: Any, axis: Any = default, dtype: Any = None, out: Any = None
    ) -> Value:
        value, kind = low.value(array), step.dtype
        if out is not None or not np.can_cast(value.dtype, kind):
            raise NotLowerableError(f"running results of {value.dtype} as {kind}")
        combined = low.function_of_numbers(function, (kind, kind), kind)
        if value.cost > _CHEAP or value.parts > 1:
            value = low.held(array, value)
        if axis is None:
            value, axis = low.reshaped(value, step.shape), 0
        k = axis % len(step.shape)
        target = low.new(step.shape, kind)
        before = low.memory(target)
        low.fill(target, (*step.shape[:k], 1, *step.shape[k + 1 :]), low.copying(value, kind))

        def following(place: Place) -> tuple[Place, Expression]:
            here = (*place[:k], place[k].shifted(1), *place[k + 1 :])
            return here, low.pool.apply(combined, (before.at(place), low.pool.cast(value.at(here), kind)), kind)

        low.fill(target, (*step.shape[:k], step.shape[k] - 1, *step.shape[k + 1 :]), following)
        return low.in_shape(target, step.shape)

    return made


for _function in {found for found in vars(np).values() if isinstance(found, np.ufunc)}:
    if (_function.nin, _function.nout) == (2, 1):
        rule(_function.accumulate)(_running(_function, default=0))
rule(*both("cumsum"), data=FIRST)(_running(np.add))
rule(*both("cumprod"))(_running(np.multiply))
