"""Values of several terms written into one array, each place once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.linear.writing import Member, Store, Writing, written
from chainrule.native.lowering import Lowering, Value, rule
from chainrule.native.scalar import Expression, Index, Place
from chainrule.native.work import Make
from chainrule.program.deferred import Deferred


@rule(written)
def _written(low: Lowering, step: Deferred, how: Writing, *values: Any) -> Value:
    parts = [low.value(value) for value in values]
    target = low.new(step.shape, step.dtype, np.add if how.adds else None, 0 if how.gaps else None)
    for store in how.stores:
        low.fill(target, store.shape, _stored(low, store, parts, step.dtype))
    return low.memory(target)


def _stored(low: Lowering, store: Store, parts: Sequence[Value], dtype: Any) -> Make:
    index = None if store.index is None else low.capture(store.index)

    def make(place: Place) -> tuple[Place, Expression]:
        total: Any = None
        for member in store.members:
            read = low.pool.cast(parts[member.term].broadcast_at(_read_at(member, place)), dtype)
            total = read if total is None else low.pool.apply(np.add, (total, read), dtype)
        if index is not None:
            return (Index(0, (), ((low.pool.cast(index.at(place), np.int64), 1),)),), total
        where = Index(store.offset)
        for at, stride in zip(place, store.strides, strict=True):
            where = where.plus(at.shifted(0, stride))
        return (where,), total

    return make


def _read_at(member: Member, place: Place) -> Place:
    """Where a member's values are read."""
    return tuple([Index(start) if axis < 0 else place[axis].shifted(start, by) for start, axis, by in member.axes])
