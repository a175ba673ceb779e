"""Sums, products, maxima and minima over axes."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from chainrule.native.lowering import Lowering, NotLowerableError, Value
from chainrule.native.registry import FIRST, RULES, Rule, both, rule
from chainrule.native.scalar import Expression, Number, Place
from chainrule.native.work import COMBINATIONS
from chainrule.program.deferred import Deferred


def _axes(axis: Any, rank: int) -> list[int]:
    return list(range(rank)) if axis is None else [k % rank for k in ((axis,) if isinstance(axis, int) else axis)]


def _require_usual(options: Iterable[Any]) -> None:
    """Refuse all but a dtype, and whether axes are kept: the step's shape and dtype say those."""
    for value in options:
        if value is not None and value is not np._NoValue and not isinstance(value, bool | type | np.dtype):
            raise NotLowerableError("a reduction that begins with an array, or leaves elements out")


def _reduction(combine: Any, default: Any = None) -> Rule:
    def made(low: Lowering, step: Deferred, array: Any, axis: Any = default, *rest: Any, **options: Any) -> Value:
        initial = options.pop("initial", None)
        has_number = isinstance(initial, int | float)
        _require_usual([*rest, *options.values(), *([] if has_number else [initial])])
        value = low.value(array)
        axes = _axes(axis, len(value.shape))
        total = low.reduced(combine, step.dtype, value.shape, axes, value.at, step.shape)
        if not has_number or initial == COMBINATIONS[combine]:
            return total
        begin = Number(step.dtype.type(initial), step.dtype)
        return total.like(lambda place: low.pool.apply(combine, (total.at(place), begin), step.dtype))

    return made


for _name, _combine in (("sum", np.add), ("prod", np.multiply), ("max", np.maximum), ("min", np.minimum)):
    _data = FIRST if _combine is np.add else None
    rule(*both(_name), data=_data)(_reduction(_combine))
    rule(_combine.reduce, data=_data)(_reduction(_combine, default=0))


@rule(*both("mean"), data=FIRST)
def _mean(low: Lowering, step: Deferred, array: Any, axis: Any = None, *rest: Any, **options: Any) -> Value:
    _require_usual([*rest, *options.values()])
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


def _counted(test: Any) -> Rule:
    """How many elements are not zero; or, with a test, how that number compares with 0 (any) or with all (all)."""

    def made(low: Lowering, step: Deferred, array: Any, axis: Any = None, *rest: Any, **options: Any) -> Value:
        _require_usual([*rest, *options.values()])
        value, whole = low.value(array), np.dtype(np.int64)
        axes = _axes(axis, len(value.shape))

        def read(place: Place) -> Expression:
            return low.pool.cast(low.pool.cast(value.at(place), bool), whole)

        count = low.reduced(np.add, whole, value.shape, axes, read, step.shape)
        if test is None:
            return count
        limit = Number(prod([value.shape[k] for k in axes]) if test is np.equal else 0, whole)
        return count.like(lambda place: low.pool.apply(test, (count.at(place), limit), bool), dtype=np.dtype(bool))

    return made


rule(np.count_nonzero)(_counted(None))
rule(*both("all"))(_counted(np.equal))
rule(*both("any"))(_counted(np.not_equal))
