"""Values of several terms written into one array, each place once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.writing import Member, Store, Writing, written
from chainrule.native.lowering import Lowering, Value
from chainrule.native.registry import LATER, rule
from chainrule.native.scalar import Expression, Index, Place, row_major
from chainrule.native.work import Make
from chainrule.program.deferred import Deferred


@rule(written, data=LATER)
def _written(low: Lowering, step: Deferred, how: Writing, *values: Any) -> Value:
    parts = [low.value(value) for value in values]
    places = [_axes_of(store, how.shape) for store in how.stores]
    shape = step.shape if None not in places else (prod(step.shape),)
    target = low.new(shape, step.dtype, np.add if how.adds else None, 0 if how.gaps else None)
    for store, axes in zip(how.stores, places, strict=True):
        low.fill(target, store.shape, _stored(low, store, axes if len(shape) > 1 else None, parts, step.dtype))
    return low.reshaped(low.memory(target), step.shape)


def _axes_of(store: Store, shape: tuple[int, ...]) -> list[tuple[int, list[tuple[int, int]]]] | None:
    """Where a store begins along each axis, with the steps of its own axes for labels; None if it goes across axes."""
    if store.index is not None:
        return None
    rest, found = store.offset, []
    sizes = row_major(shape)
    steps: list[list[tuple[int, int]]] = [[] for _ in shape]
    for own, stride in enumerate(store.strides):
        axis = next((k for k, size in enumerate(sizes) if stride % size == 0), None)
        if axis is None:
            return None
        steps[axis].append((own, stride // sizes[axis]))
    for size, extent, along in zip(sizes, shape, steps, strict=True):
        start, rest = divmod(rest, size)
        if start + sum([step * (store.shape[own] - 1) for own, step in along]) >= extent:
            return None
        found.append((start, along))
    return found


def _stored(low: Lowering, store: Store, axes: Any, parts: Sequence[Value], dtype: Any) -> Make:
    index = None if store.index is None else low.capture(store.index)

    def make(place: Place) -> tuple[Place, Expression]:
        total: Any = None
        for member in store.members:
            read = low.pool.cast(parts[member.term].broadcast_at(_read_at(member, place)), dtype)
            total = read if total is None else low.pool.apply(np.add, (total, read), dtype)
        if index is not None:
            return (Index(0, (), ((low.pool.cast(index.at(place), np.int64), 1),)),), total
        if axes is not None:
            return tuple([_along(start, along, place) for start, along in axes]), total
        return (_along(store.offset, enumerate(store.strides), place),), total

    return make


def _along(start: int, steps: Iterable[tuple[Any, int]], place: Place) -> Index:
    """A position from some start in steps of the positions along other axes."""
    found = Index(start)
    for own, step in steps:
        found = found.plus(place[own].shifted(0, step))
    return found


def _read_at(member: Member, place: Place) -> Place:
    """Where a member's values are read."""
    return tuple([Index(start) if axis < 0 else place[axis].shifted(start, by) for start, axis, by in member.axes])
