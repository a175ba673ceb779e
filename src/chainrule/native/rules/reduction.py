"""Sums, products, maxima and minima over axes."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from chainrule.native.lowering import RULES, Lowering, Rule, Value, both, rule
from chainrule.native.scalar import Number
from chainrule.program.deferred import Deferred


def _axes(axis: Any, rank: int) -> list[int]:
    return list(range(rank)) if axis is None else [k % rank for k in ((axis,) if isinstance(axis, int) else axis)]


def _reduction(combine: Any) -> Rule:
    def made(low: Lowering, step: Deferred, array: Any, axis: Any = None, **options: Any) -> Value:
        value = low.value(array)
        axes = _axes(axis, len(value.shape))
        dtype = step.dtype
        return low.reduced(combine, dtype, value.shape, axes, value.at, step.shape)

    return made


def _ufunc_reduction(combine: Any) -> Rule:
    whole = _reduction(combine)

    def made(
        low: Lowering,
        step: Deferred,
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
    ) -> Value:
        return whole(low, step, array, axis)

    return made


for _name, _combine in (("sum", np.add), ("prod", np.multiply), ("max", np.maximum), ("min", np.minimum)):
    rule(*both(_name))(_reduction(_combine))
    rule(_combine.reduce)(_ufunc_reduction(_combine))


@rule(*both("mean"))
def _mean(low: Lowering, step: Deferred, array: Any, axis: Any = None, **options: Any) -> Value:
    value = low.value(array)
    number = prod([value.shape[k] for k in _axes(axis, len(value.shape))])
    total = RULES[np.sum](low, step, array, axis)
    divisor = Number(step.dtype.type(number), step.dtype)
    return Value(
        step.shape,
        step.dtype,
        lambda place: low.pool.apply(np.divide, (total.at(place), divisor), step.dtype),
        total.cost + 3,
    )
