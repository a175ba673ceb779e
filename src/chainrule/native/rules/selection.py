"""Indexing with slices, integers and integer arrays, and its transpose: reading at places, adding at places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linear.functions import overwritten, scatter
from chainrule.native.lowering import Lowering, NotLowerableError, Value, now
from chainrule.native.registry import BOTH, FIRST, rule
from chainrule.native.rolling import Moving, moves
from chainrule.native.scalar import Expression, Index, Number, Place, Reader, part_of
from chainrule.native.work import Make
from chainrule.program.deferred import Deferred


@rule(np.ndarray.__getitem__, places=True, data=FIRST)
def _getitem(low: Lowering, step: Deferred, array: Any, index: Any) -> Value:
    value = low.value(array)
    index = _positions(index)
    if value.parts > 1 and _is_far(index):
        value = low.keep(value)
    axes = selection(low, value.shape, index, step.shape)

    def read(place: Place) -> Expression:
        return value.at(tuple([chosen(place) for chosen in axes]))

    return value.like(read, step.shape)


def _positions(index: Any) -> tuple[Any, ...]:
    """An index with the positions where masks are true in their place."""
    found: list[Any] = []
    for entry in index if type(index) is tuple else (index,):
        if np.dtype(getattr(entry, "dtype", type(entry))).kind != "b":
            found.append(entry)
        elif isinstance(entry, np.ndarray) and entry.shape:
            found += np.nonzero(entry)
        else:
            raise NotLowerableError("a mask in an index that is known late, or that is one truth value")
    return tuple(found)


def _is_far(index: Any) -> bool:
    """Whether an index reads in long steps, or at places known late."""
    for entry in index if type(index) is tuple else (index,):
        if hasattr(entry, "shape") or isinstance(entry, Moving):
            return True
        if isinstance(entry, slice) and (isinstance(entry.start, Moving) or entry.step not in (None, 1, -1)):
            return True
    return False


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


@rule(np.take, np.ndarray.take, places=True, data=FIRST)
def _take(low: Lowering, step: Deferred, array: Any, indices: Any, axis: Any = None) -> Value:
    if axis is None or isinstance(axis, Moving):
        raise NotLowerableError("take from the flat array, or along another axis in each turn of a loop")
    before = (slice(None),) * (axis % len(array.shape))
    return _getitem(low, step, array, (*before, indices))


@rule(scatter, places=True, data=FIRST)
def _scatter(low: Lowering, step: Deferred, values: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Value:
    value = low.value(values)
    index = _positions(index)
    entries = tuple([_known(entry) for entry in index])
    sizes = _extent(shape, entries)
    spread = Value(sizes, value.dtype, value.broadcast_at, value.cost, parts=value.parts)
    if not _is_far(index) and not any([entry is None for entry in index]):
        zero = Number(step.dtype.type(0), step.dtype)
        value = inside(low, step, spread, entries, lambda place: zero, 0.0)
        value.boxes = [(sizes, _putting(low, spread, _region(step.shape, entries), step.dtype))]
        return value
    axes = selection(low, shape, tuple(index), sizes)
    target = low.new(step.shape, step.dtype, np.add)
    low.fill(target, sizes, _at_places(low, spread, axes, step.dtype))
    return low.summed(target)


def _at_places(low: Lowering, value: Value, axes: Sequence[Callable[[Place], Index]], dtype: Any) -> Make:
    """The making of a statement that puts a value at the places that a selection chooses."""
    return lambda place: (tuple([chosen(place) for chosen in axes]), low.pool.cast(value.at(place), dtype))


def _known(entry: Any) -> Any:
    """An entry of an index, as an array where it is one that is read outside."""
    return entry.known if type(entry) is Deferred and entry.is_captured else entry


def _putting(low: Lowering, value: Value, regions: Sequence[tuple[range, bool]], dtype: Any) -> Make:
    """The making of a statement that puts a value where a region is."""

    def make(place: Place) -> tuple[Place, Expression]:
        rest = iter(place)
        where = []
        for region, kept in regions:
            where.append(next(rest).shifted(region.start, region.step) if kept else Index(region.start))
        return tuple(where), low.pool.cast(value.at(place), dtype)

    return make


@rule(overwritten, places=True, data=BOTH)
def _overwritten(low: Lowering, step: Deferred, array: Any, values: Any, index: tuple[Any, ...]) -> Value:
    if moves(index):
        raise NotLowerableError("writing at other places in each turn of a loop")
    old, value = low.value(array), low.value(values)
    index = _positions(index)
    sizes = _extent(step.shape, [_known(entry) for entry in index])
    spread = Value(sizes, value.dtype, value.broadcast_at, value.cost, parts=value.parts)
    if not _is_far(index) and not any([entry is None for entry in index]):
        return inside(low, step, spread, index, old.at, old.cost, old.parts)
    axes = selection(low, step.shape, index, sizes)
    target = low.new(step.shape, step.dtype)
    low.fill(target, step.shape, low.copying(old, step.dtype))
    low.fill(target, sizes, _at_places(low, spread, axes, step.dtype), over=True)
    return low.memory(target)


def inside(
    low: Lowering,
    step: Deferred,
    value: Value,
    index: tuple[Any, ...],
    otherwise: Reader,
    cost: float,
    parts: int = 1,
    shape: tuple[int, ...] | None = None,
) -> Value:
    """A value in the region that an index names, and what is read otherwise outside of it."""
    shape = step.shape if shape is None else shape
    regions = _region(shape, index)

    def read(place: Place) -> Expression:
        inner: list[Index] = []
        for at, (region, kept), size in zip(place, regions, shape, strict=True):
            first, last = min(region, default=0), max(region, default=-1)
            if len(region) < size and part_of(at, (first, last + 1)) != 1:
                return low.pool.cast(otherwise(place), step.dtype)
            if kept:
                inner.append(at.shifted(-region.start) if region.step > 0 else at.shifted(region.start, -1))
        return low.pool.cast(value.at(tuple(inner)), step.dtype)

    cuts = sum([len(region) < size for (region, _), size in zip(regions, shape, strict=True)])
    return Value(shape, step.dtype, read, value.cost + cost, parts=value.parts + parts - 1 + 2 * cuts)


def _region(shape: tuple[int, ...], index: tuple[Any, ...]) -> list[tuple[range, bool]]:
    """For each axis the positions that an index names, and whether the region has an axis for them."""
    entries = list(index)
    if Ellipsis in entries:
        at = entries.index(Ellipsis)
        entries[at : at + 1] = [slice(None)] * (len(shape) - len(entries) + 1)
    entries += [slice(None)] * (len(shape) - len(entries))
    return [
        (range(size)[entry], True) if isinstance(entry, slice) else (range(entry % size, entry % size + 1), False)
        for size, entry in zip(shape, entries, strict=True)
    ]


def _extent(shape: tuple[int, ...], index: Sequence[Any]) -> tuple[int, ...]:
    whole: Any = np.broadcast_to(np.int8(0), shape)
    found: tuple[int, ...] = whole[
        tuple([np.zeros(entry.shape, int) if hasattr(entry, "shape") and entry.shape else entry for entry in index])
    ].shape
    return found
