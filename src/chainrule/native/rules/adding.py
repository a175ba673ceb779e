"""Sums of arrays: what is a sum itself, or zero but for a box, is added in the memory of what it is added to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.native.lowering import MOST_PARTS, Lowering, Value
from chainrule.native.registry import rule
from chainrule.native.work import Kept, Make, Statement
from chainrule.program.deferred import Deferred


@rule(np.add)
def _add(low: Lowering, step: Deferred, *arguments: Any, **options: Any) -> Value:
    if low.turns is not None or options or not step.shape or step.dtype.kind != "f":
        return low.elementwise(step)
    a, b = [_once(low, step, argument) for argument in arguments]
    if arguments[0] is arguments[1] or (a is None and b is None):
        return low.elementwise(step)
    if a is not None and b is not None:
        for one, other in ((a, b), (b, a)):
            if _add_to(low, one, other):
                return one
    made = low.elementwise(step)
    if made.parts > MOST_PARTS and any([value is not None and value.boxes for value in (a, b)]):
        return _summed(low, step, [low.value(argument) for argument in arguments])
    if a is not None and b is not None and a.boxes and b.boxes:
        made.boxes = [*a.boxes, *b.boxes]
    made.total = next((value.total for value in (a, b) if value is not None and value.total is not None), None)
    return made


def _once(low: Lowering, step: Deferred, argument: Any) -> Value | None:
    """An argument that nothing else reads, if it is like the sum."""
    if type(argument) is not Deferred or argument.shape != step.shape or argument.dtype != step.dtype:
        return None
    return low.value(argument) if low.uses.get(argument.number) == 1 else None


def _add_to(low: Lowering, one: Value, other: Value) -> bool:
    """Add the other to the sum that the one ends in, if it is made for that."""
    target: Kept | None = one.total
    source = other.total
    if target is None:
        return False
    if isinstance(source, Kept) and other.source is source:
        statements = [made for made in source.statements if isinstance(made, Statement)]
        if len(statements) == len(source.statements):
            low.kept.remove(source)
            for made in statements:
                made.add_to(target)
            return True
    for sizes, make in other.boxes:
        low.fill(target, sizes, make)
    return bool(other.boxes)


def _summed(low: Lowering, step: Deferred, terms: Sequence[Value]) -> Value:
    """A sum in memory."""
    target = low.new(step.shape, step.dtype, np.add)
    for term in terms:
        is_like = term.shape == step.shape and term.dtype == step.dtype
        for sizes, make in (term.boxes if is_like else []) or [(step.shape, _whole(low, term, step.dtype))]:
            low.fill(target, sizes, make)
    return low.summed(target)


def _whole(low: Lowering, value: Value, dtype: Any) -> Make:
    return lambda place: (place, low.pool.cast(value.broadcast_at(place), dtype))
