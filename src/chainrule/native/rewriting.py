"""When the places of an array that is overwritten step after step are written to next.

A view of such an array may be read where it lies, as long as nothing is written to the places that it shows: a row that
is finished stays as it is, although the rows after it are still being computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linear.functions import overwritten
from chainrule.native.regions import bounds
from chainrule.native.scalar import Place
from chainrule.program.deferred import Deferred

__all__ = ["Rewriting", "are_apart"]

_NEVER = np.iinfo(np.int32).max


class Rewriting:
    """For each array that steps overwrite where it is, which of them writes next to each of its places."""

    def __init__(self, steps: Sequence[Deferred], is_in_place: Callable[[int, Deferred], bool]) -> None:
        self._following: dict[int, Any] = {}  # for each step whose value is overwritten, as it is now
        self._after: dict[int, Any] = {}  # for each step that overwrites, what holds in its region afterwards
        for k in range(len(steps) - 1, -1, -1):
            step = steps[k]
            if step.function is not overwritten or not is_in_place(k, step):
                continue
            following = self._following.pop(step.number, None)
            if following is None:
                following = np.full(step.shape, _NEVER, np.int32)
            region = _plain(step.arguments[2])
            after = following[region]
            uniform = after.size > 0 and np.all(after == after.flat[0])
            self._after[step.number] = after.flat[0] if uniform else after.copy()
            following[region] = k
            self._following[step.arguments[0].number] = following

    def done(self, step: Deferred) -> None:
        """Note that a step has overwritten what it does; one that does so in a copy leaves the array as it is."""
        if step.number in self._after:
            following = self._following.pop(step.arguments[0].number)
            following[_plain(step.arguments[2])] = self._after.pop(step.number)
            self._following[step.number] = following

    def before(self, end: float, owner: Deferred, place: Place | None) -> bool:
        """Whether something is written before a step, where a loop reads at ``place``; anywhere, if that is None."""
        following = self._following.get(owner.number)
        if following is None:
            return False
        seen = following if place is None else following[tuple(map(_extent, place))]
        return bool(seen.min(initial=_NEVER) < end)


def are_apart(one: Place, other: Place) -> bool:
    """Whether loops at two places of an array never meet."""
    stretches = [(_extent(a), _extent(b)) for a, b in zip(one, other, strict=True)]
    return any([a.stop <= b.start or b.stop <= a.start for a, b in stretches])


def _extent(index: Any) -> slice:
    """The stretch of an axis that a loop goes over; all of it, if that is known late."""
    if index.looked_up:
        return slice(0, _NEVER)
    ends = [by * (label.size - 1) for label, by in index.steps]
    first = index.start + sum([min(end, 0) for end in ends])
    return slice(first, index.start + sum([max(end, 0) for end in ends]) + 1)


def _plain(index: Any) -> Any:
    """An index as NumPy takes it; the whole array, if it is known late."""
    entries = index if type(index) is tuple else (index,)
    kinds = {type(bound) for entry in entries for bound in bounds(entry)}
    return index if kinds <= _PLAIN else ...


_PLAIN = {int, type(None), type(Ellipsis)}
