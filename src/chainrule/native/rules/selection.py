"""Indexing with slices, integers and integer arrays, and its transpose: reading at places, adding at places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linear.functions import overwritten, scatter
from chainrule.native.lowering import Lowering, NotLowerableError, Value, now, places, rule
from chainrule.native.rolling import Moving
from chainrule.native.scalar import Expression, Index, Label, Number, Place
from chainrule.native.work import Make
from chainrule.program.deferred import Deferred


@rule(np.ndarray.__getitem__)
def _getitem(low: Lowering, step: Deferred, array: Any, index: Any) -> Value:
    value = low.value(array)
    axes = selection(low, value.shape, index, step.shape)

    def read(place: Place) -> Expression:
        return value.at(tuple([chosen(place) for chosen in axes]))

    return Value(step.shape, value.dtype, read, value.cost + 1)


def selection(
    low: Lowering, shape: Sequence[int], index: Any, result: tuple[int, ...]
) -> list[Callable[[Place], Index]]:
    """For each axis of an array, the position in it of an element of ``array[index]``."""
    entries = list(index) if type(index) is tuple else [index]
    taken = sum([entry is not None and entry is not Ellipsis for entry in entries])
    if Ellipsis not in [entry for entry in entries if not hasattr(entry, "shape")]:
        entries.append(Ellipsis)
    at = next(k for k, entry in enumerate(entries) if entry is Ellipsis)
    entries[at : at + 1] = [slice(None)] * (len(shape) - taken)
    tables = [k for k, entry in enumerate(entries) if hasattr(entry, "shape") and entry.shape]
    block = max([len(entries[k].shape) for k in tables], default=0)
    together = not tables or tables[-1] - tables[0] + 1 == len(tables)
    if tables and not together:
        raise NotLowerableError("integer arrays apart from each other in an index")
    found: list[Callable[[Place], Index]] = []
    sizes, out, start = iter(shape), 0, None
    for k, entry in enumerate(entries):
        if entry is None:
            out += 1
        elif k in tables:
            if start is None:
                start, out = out, out + block
            found.append(_looked_up(low, low.value(entry), start, block, next(sizes)))
        elif isinstance(entry, slice):
            found.append(_sliced(entry, next(sizes), out))
            out += 1
        elif isinstance(entry, Moving):
            found.append(_moving(entry, next(sizes)))
        elif isinstance(entry, int | np.integer):
            found.append(_fixed(int(entry) % next(sizes)))
        else:
            raise NotLowerableError(f"an index with {entry!r}")
    if out != len(result):
        raise NotLowerableError(f"an index whose axes are not in order: {index}")
    return found


def _fixed(at: int) -> Callable[[Place], Index]:
    return lambda place: Index(at)


def _moving(entry: Moving, size: int) -> Callable[[Place], Index]:
    """A position that is another in each turn of a loop."""
    start = entry.start % size
    return lambda place: now().shifted(start, entry.by)


def _sliced(entry: slice, size: int, out: int) -> Callable[[Place], Index]:
    if isinstance(entry.start, Moving):
        if isinstance(entry.step, Moving) or entry.step not in (None, 1):
            raise NotLowerableError("a slice in moving steps")
        first = _moving(entry.start, size)
        return lambda place: first(place).plus(place[out])
    if isinstance(entry.stop, Moving) or isinstance(entry.step, Moving):
        raise NotLowerableError("a slice whose length moves")
    start, _, step = entry.indices(size)
    return lambda place: place[out].shifted(start, step)


def _looked_up(low: Lowering, table: Value, start: int, block: int, size: int) -> Callable[[Place], Index]:
    def at(place: Place) -> Index:
        entry = low.pool.cast(table.broadcast_at(place[start : start + block]), np.int64)
        return Index(0, (), ((low.pool.apply("within", (entry, Number(size, np.dtype(np.int64))), np.int64), 1),))

    return at


@rule(np.take, np.ndarray.take)
def _take(low: Lowering, step: Deferred, array: Any, indices: Any, axis: Any = None) -> Value:
    if axis is None:
        raise NotLowerableError("take from the flat array")
    before = (slice(None),) * (axis % len(array.shape))
    return _getitem(low, step, array, (*before, indices))


@rule(scatter)
def _scatter(low: Lowering, step: Deferred, values: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Value:
    value = low.value(values)
    entries = [entry.known if type(entry) is Deferred and entry.is_captured else entry for entry in index]
    sizes = _extent(shape, entries)
    axes = selection(low, shape, tuple(index), sizes)
    target = low.new(step.shape, step.dtype, np.add)

    def make(labels: Sequence[Label]) -> tuple[Place, Expression]:
        place = places(labels)
        return tuple([chosen(place) for chosen in axes]), low.pool.cast(value.broadcast_at(place), step.dtype)

    low.fill(target, sizes, make)
    return low.memory(target)


@rule(overwritten)
def _overwritten(low: Lowering, step: Deferred, array: Any, values: Any, index: tuple[Any, ...]) -> Value:
    """The array outside of the region, as boxes, and the values inside."""
    if any([isinstance(entry, Moving) or hasattr(entry, "shape") for entry in index]):
        raise NotLowerableError("writing at places that are known late")
    old, value = low.value(array), low.value(values)
    target = low.new(step.shape, step.dtype)
    axes = selection(low, step.shape, tuple(index), _extent(step.shape, index))
    for box in _outside(step.shape, index):
        low.fill(target, [stop - start for start, stop in box], _copied(low, old, box, step.dtype))

    def make(labels: Sequence[Label]) -> tuple[Place, Expression]:
        place = places(labels)
        return tuple([chosen(place) for chosen in axes]), low.pool.cast(value.broadcast_at(place), step.dtype)

    low.fill(target, _extent(step.shape, index), make)
    return low.memory(target)


def _copied(low: Lowering, old: Value, box: Sequence[tuple[int, int]], dtype: Any) -> Make:
    def make(labels: Sequence[Label]) -> tuple[Place, Expression]:
        place = tuple([index.shifted(start) for index, (start, _) in zip(places(labels), box, strict=True)])
        return place, low.pool.cast(old.at(place), dtype)

    return make


def _outside(shape: tuple[int, ...], index: tuple[Any, ...]) -> list[list[tuple[int, int]]]:
    """Disjoint boxes that hold everything but what an index names."""
    entries = [entry for entry in index if entry is not None]
    if Ellipsis in entries:
        at = entries.index(Ellipsis)
        entries[at : at + 1] = [slice(None)] * (len(shape) - len(entries) + 1)
    entries += [slice(None)] * (len(shape) - len(entries))
    found: list[list[tuple[int, int]]] = []
    inside: list[tuple[int, int]] = []
    for axis, (size, entry) in enumerate(zip(shape, entries, strict=True)):
        bounds = range(size)[entry] if isinstance(entry, slice) else range(entry % size, entry % size + 1)
        if abs(bounds.step) != 1 and len(bounds) > 1:
            raise NotLowerableError("writing in steps")
        low, high = (min(bounds), max(bounds) + 1) if len(bounds) else (0, 0)
        rest = [(0, n) for n in shape[axis + 1 :]]
        for start, stop in ((0, low), (high, size)):
            if start < stop:
                found.append([*inside, (start, stop), *rest])
        inside.append((low, high))
    return found


def _extent(shape: tuple[int, ...], index: Sequence[Any]) -> tuple[int, ...]:
    whole: Any = np.broadcast_to(np.int8(0), shape)
    found: tuple[int, ...] = whole[
        tuple([np.zeros(entry.shape, int) if hasattr(entry, "shape") and entry.shape else entry for entry in index])
    ].shape
    return found
