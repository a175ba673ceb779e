"""The memory of a kernel besides what its caller hands over: on the stack, or in rooms that arrays take in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.native.scalar import Source
from chainrule.native.schedule import Schedule
from chainrule.native.text import Body, memory_type
from chainrule.native.work import Kept

__all__ = ["Rooms", "lifetimes"]

_ON_STACK = 1 << 13  # bytes of an array up to which it is put on the stack
_STACK = 1 << 16  # bytes of all of them together


def lifetimes(schedule: Schedule) -> dict[Kept, tuple[int, int]]:
    """The first and the last item of the schedule that touches each array."""
    at = {id(item): place for place, item in enumerate(schedule.body)}
    found = {}
    for target, leaves in schedule.writers.items():
        everyone = [*leaves, *[leaf for leaf, _ in schedule.readers.get(target, ())]]
        places = [at[id(leaf.path[0] if leaf.path else leaf)] for leaf in everyone]
        found[target] = min(places), max(places)
    return found


class Rooms:
    """Memory for arrays that are no longer than a call.

    ``arrays`` are the kernel's arguments: those that are given, and the rooms. ``stack`` counts bytes on the stack.
    """

    def __init__(self, given: Sequence[Source]) -> None:
        self.arrays = list(given)
        self.stack = 0
        self._until: dict[int, int] = {}  # by the number of a room, the last item that uses it

    def room(self, body: Body, size: int, dtype: np.dtype[Any], lifetime: tuple[int, int] | None = None) -> str:
        """A pointer to memory; with a ``lifetime`` maybe to what others had before, who come in the order of theirs.

        >>> rooms, double = Rooms([]), np.dtype(float)
        >>> [rooms.room(Body(), 5000, double, lifetime) for lifetime in [(0, 1), (1, 2), (2, 3)]]
        ['%a0', '%a1', '%a0']
        """
        found = self.on_stack(body, size, dtype)
        if found is not None or lifetime is None:
            return found or self.in_memory(size, dtype)
        begin, end = lifetime
        free = [place for place, last in self._until.items() if last < begin]
        wanted = Source((size,), dtype)
        enough = [place for place in free if self.arrays[place].room >= wanted.room]
        if not free:
            place = len(self.arrays)
            self.arrays.append(wanted)
        elif enough:
            place = min(enough, key=lambda place: self.arrays[place].room)
        else:
            place = max(free, key=lambda place: self.arrays[place].room)
            self.arrays[place] = wanted
        self._until[place] = end
        return f"%a{place}"

    def on_stack(self, body: Body, size: int, dtype: np.dtype[Any]) -> str | None:
        """A pointer to memory of the function that is written, if that is not too much."""
        kind, needed = memory_type(dtype), size * dtype.itemsize
        if size == 1:
            return body.reserve(f"alloca {kind}")
        if needed > _ON_STACK or self.stack + needed > _STACK:
            return None
        self.stack += needed
        return body.reserve(f"alloca [{size} x {kind}], align 64")

    def in_memory(self, size: int, dtype: np.dtype[Any]) -> str:
        """A pointer to memory that the kernel is handed."""
        self.arrays.append(Source((size,), dtype))
        return f"%a{len(self.arrays) - 1}"
