"""Sums of arrays that are zero but for a region, as writes into that region, for programs of very many steps.

On the way back from reading one entry of an array, a whole array is added that is zero elsewhere; on the way back from
writing one, what is left is a sum of all regions around it. Both are an array that is overwritten in one place, and if
nobody needs it as it was, that is done where it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.functions import overwritten, scatter
from chainrule.program.deferred import Deferred, needed

__all__ = ["bounds", "is_plain", "with_writes"]


class _Part(NamedTuple):
    """An array as it is in some regions, and zero elsewhere."""

    whole: Deferred
    regions: tuple[Any, ...]


def with_writes(steps: Sequence[Deferred], wanted: Sequence[Deferred]) -> list[Deferred]:
    """The steps with writes in the place of such sums; those that others refer to keep their numbers."""
    steps = _past_writes(steps)
    parts: dict[int, _Part] = {}
    added: dict[int, list[Deferred]] = {}
    for step in steps:
        if step.function is scatter:
            part = _as_part(step)
            if part is not None:
                parts[step.number] = part
        elif step.function is np.add and (kept := _kept(step)) is not None:
            nothing = (slice(0, 0),) * len(step.shape)
            added[step.number] = [_step(step, overwritten, (kept, 0.0, nothing), step.shape, step.number)]
        elif step.function is np.add and _is_of_one_kind(step):
            one, other = step.arguments
            first, second = parts.get(one.number), parts.get(other.number)
            if first is not None and second is not None and first.whole is second.whole:
                parts[step.number] = _Part(first.whole, first.regions + second.regions)
            elif other.function is scatter and is_plain(other.arguments[2]):
                added[step.number] = _added(step, one, other, first)
            elif one.function is scatter and is_plain(one.arguments[2]):
                added[step.number] = _added(step, other, one, second)
    left = {number: made for number, part in parts.items() if (made := _left(part)) is not None}
    found: list[Deferred] = []
    for step in steps:
        if step.number in left:
            part = parts[step.number]
            found.append(_step(step, overwritten, (part.whole, 0.0, left[step.number]), step.shape, step.number))
        else:
            found += added.get(step.number, [step])
    return _late(_alive(found, wanted), left)


def _past_writes(steps: Sequence[Deferred]) -> list[Deferred]:
    """The steps, where what is read beside a region is read from the array before that was overwritten.

    That is done if the array is overwritten more than once: only one of the writes can be done where it is.
    """
    writes = Counter([step.arguments[0].number for step in steps if step.function is overwritten])
    found: list[Deferred] = []
    for step in steps:
        if step.function is np.ndarray.__getitem__ and step.arguments[0].function is overwritten:
            array, index = step.arguments
            before, _, region = array.arguments
            if writes[before.number] > 1 and not writes[array.number] and _are_apart(index, region, array.shape):
                step = _step(step, step.function, (before, index), step.shape, step.number)
        found.append(step)
    return found


def _are_apart(one: Any, other: Any, shape: tuple[int, ...]) -> bool:
    """Whether two plain indices name different entries of an array."""
    one = one if type(one) is tuple else (one,)
    if not (is_plain(one) and is_plain(other)):
        return False
    for size, a, b in zip(shape, one, other, strict=False):
        first, second = _stretch(a, size), _stretch(b, size)
        if first.stop <= second.start or second.stop <= first.start:
            return True
    return False


def _stretch(entry: Any, size: int) -> range:
    """The part of an axis in which an entry of an index lies."""
    found = range(size)[entry] if type(entry) is slice else range(entry % size, entry % size + 1)
    return range(min(found, default=0), max(found, default=-1) + 1)


def is_plain(index: Any) -> bool:
    """Whether an index is a tuple of integers, and of slices between such."""
    kinds = (int, type(None))
    return type(index) is tuple and all(
        [type(entry) is int or (type(entry) is slice and {*map(type, bounds(entry))} <= {*kinds}) for entry in index]
    )


def bounds(entry: Any) -> tuple[Any, ...]:
    """What an entry of an index consists of."""
    return (entry.start, entry.stop, entry.step) if type(entry) is slice else (entry,)


def _kept(step: Deferred) -> Deferred | None:
    """The array that is left as it is by adding zeros, such as come of reading no entries."""
    for array, other in (step.arguments, step.arguments[::-1]):
        if type(array) is Deferred and type(other) is np.ndarray and step.shape and not step.options:
            is_like = (array.shape, array.dtype) == (step.shape, step.dtype) == (other.shape, other.dtype)
            if is_like and not other.any():
                return array
    return None


def _is_of_one_kind(step: Deferred) -> bool:
    """Whether a sum is of two arrays of its own shape and dtype."""
    return len(step.arguments) == 2 and all(
        [type(value) is Deferred and (value.shape, value.dtype) == (step.shape, step.dtype) for value in step.arguments]
    )


def _as_part(step: Deferred) -> _Part | None:
    """What a step is, if it leaves a region of an array where that was."""
    values, _, index = step.arguments
    if type(values) is not Deferred or values.function is not np.ndarray.__getitem__ or not is_plain(index):
        return None
    whole, read = values.arguments
    read = read if type(read) is tuple else (read,)
    if type(whole) is not Deferred or not is_plain(read) or read != index:
        return None
    return _Part(whole, (index,)) if (whole.shape, whole.dtype) == (step.shape, step.dtype) else None


def _left(part: _Part) -> tuple[slice, ...] | None:
    """The one box in which a part of an array is zero, if there is one; it may be empty."""
    regions = tuple([tuple(map(bounds, index)) for index in part.regions])
    return _box_left(part.whole.shape, regions)


@cache
def _box_left(shape: tuple[int, ...], regions: tuple[Any, ...]) -> tuple[slice, ...] | None:
    times = np.zeros(shape, np.int64)
    for region in regions:
        times[tuple([slice(*bounds) if len(bounds) == 3 else bounds[0] for bounds in region])] += 1
    places = np.nonzero(times == 0)
    if times.max(initial=0) > 1:
        return None
    box = tuple([slice(int(at.min()), int(at.max()) + 1) if len(at) else slice(0, 0) for at in places])
    return box if times[box].max(initial=0) == 0 else None


def _added(step: Deferred, array: Deferred, region: Deferred, part: _Part | None) -> list[Deferred]:
    """An array with something added in a region, as a write of what is there and more: of that alone, if it is zero."""
    values, _, index = region.arguments
    box = None if part is None else _left(part)
    if part is not None and box is not None and _is_box(index, box, step.shape):
        return [_step(step, overwritten, (part.whole, values, index), step.shape, step.number)]
    shape = np.broadcast_to(np.int8(0), step.shape)[index].shape
    before = _step(step, np.ndarray.__getitem__, (array, index), shape)
    after = _step(step, np.add, (before, values), shape)
    return [before, after, _step(step, overwritten, (array, after, index), step.shape, step.number)]


def _is_box(index: Any, box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Whether an index names the entries of a box."""
    entries = (*index, *[slice(None)] * (len(shape) - len(index)))
    is_dense = all([type(entry) is int or entry.step in (None, 1, -1) for entry in entries])
    return is_dense and [_stretch(entry, size) for entry, size in zip(entries, shape, strict=True)] == [
        _stretch(entry, size) for entry, size in zip(box, shape, strict=True)
    ]


def _step(like: Deferred, function: Any, arguments: Any, shape: tuple[int, ...], number: int | None = None) -> Deferred:
    """A step of the same recording and dtype; in the place of another, if it gets the number of that."""
    made = Deferred(like.recording, function, arguments, {}, shape, like.dtype)
    if number is not None:
        made.number = number
    return made


def _alive(steps: Sequence[Deferred], wanted: Sequence[Deferred]) -> list[Deferred]:
    """The steps that are needed."""
    asked = {step.number for step in wanted}
    found: list[Deferred] = []
    for step in reversed(steps):
        if step.number in asked:
            found.append(step)
            asked.update([other.number for other in needed(step)])
    return found[::-1]


def _late(steps: Sequence[Deferred], which: Any) -> list[Deferred]:
    """The steps, of which some come just before they are needed: what they overwrite may be read until then."""
    found: list[Deferred] = []
    waiting: dict[int, Deferred] = {}
    for step in steps:
        for other in needed(step):
            if other.number in waiting:
                found.append(waiting.pop(other.number))
        if step.number in which:
            waiting[step.number] = step
        else:
            found.append(step)
    return [*found, *waiting.values()]
