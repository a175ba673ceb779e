"""Rings and windows of the turns of loops in LLVM's assembly: where a row is, and loops that are run in segments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from chainrule.native.retained import Retained, Ring, Segments, Window
from chainrule.native.scalar import Index, Label, Source
from chainrule.native.schedule import Leaf, Loop, Schedule
from chainrule.native.storage import Storage
from chainrule.native.text import Body, memory_type
from chainrule.native.work import Interpreted, Kept

__all__ = ["Segmented", "said"]


class Writer(Protocol):
    """What is needed of whoever writes the code of loops."""

    body: Body
    index: dict[Label, str]
    storages: dict[Kept, Storage]
    pointers: dict[Source, str]

    def room(self, size: int, dtype: np.dtype[Any]) -> str:
        """A pointer to memory."""

    def offset(self, index: Index) -> str:
        """A position as a number."""

    def element(self, dtype: np.dtype[Any], pointer: str, flat: Index) -> str:
        """The pointer to an element of an array."""

    def fill(self, target: Kept, pointer: str = "", size: int = 0) -> None:
        """The first value of every element, or of some."""

    def turns(self, loop: Loop, end: int | str, begin: str = "0", only: set[Loop | Leaf] | None = None) -> None:
        """Turns of a loop; of what is done in them perhaps only some statements."""


class _Rooms(NamedTuple):
    """Where rows that a window does not have are: those that segments begin with, and single ones."""

    kept: str
    single: str


class Segmented:
    """Writes what concerns the arrays of which not all turns stay."""

    def __init__(self, writer: Writer, plan: Retained) -> None:
        self.writer = writer
        self.rings: Mapping[Kept, Ring] = plan.rings
        self.windows: dict[Kept, Window] = {
            key: window for made in plan.segments for key, window in made.windows.items()
        }
        self.rooms: dict[Kept, _Rooms] = {}
        self.there = {made.loop: made for made in plan.segments}
        self.back = {made.back: made for made in plan.segments}

    # --- where rows are ---

    def rows(self, target: Kept) -> int | None:
        """How many rows an array has in memory, if that is not all of them."""
        kept = self.rings.get(target) or self.windows.get(target)
        return kept.rows if kept is not None else None

    def reserve(self, target: Kept) -> None:
        """Memory for what a window does not have."""
        window = self.windows.get(target)
        if window is not None:
            row = self._row(target)
            rooms = [self.writer.room(count * row, target.dtype) for count in (window.kept, len(window.single))]
            self.rooms[target] = _Rooms(*rooms)

    def located(self, target: Kept, row: Index) -> tuple[str, Index]:
        """The pointer to where a row is, and the position of the row from there."""
        pointer, own = self.writer.pointers[target], self._row(target)
        ring, window = self.rings.get(target), self.windows.get(target)
        if ring is not None:
            if not row.steps:
                return pointer, Index((row.start & (ring.rows - 1)) * own)
            slot = Label(ring.rows)
            self.writer.index[slot] = self.writer.body.put(f"and i64 {self.writer.offset(row)}, {ring.rows - 1}")
            return pointer, Index(0, ((slot, own),))
        assert window is not None
        if row.steps:
            before = window.carried - window.ahead
            return pointer, row.plus(Index(before, ((window.segments.first, -1),))).shifted(0, own)
        if row.start < window.ahead:
            return self.rooms[target].kept, Index((window.carried - window.ahead + row.start) * own)
        return self.rooms[target].single, Index(window.single.index(row.start) * own)

    def _row(self, target: Kept) -> int:
        """The elements of a row, which are next to each other."""
        step = self.writer.storages[target].strides[0]
        assert step is not None
        return step

    # --- loops ---

    def begin(self, loop: Loop) -> None:
        """What a turn of a loop begins with: first values in rings."""
        for target, ring in self.rings.items():
            if target.start is not None and ring.loop is loop:
                pointer, row = self.located(target, Index(0, ((loop.label, 1),)))
                start = self.writer.element(target.dtype, pointer, row)
                self.writer.fill(target, start, self._row(target))

    def writes(self, loop: Loop) -> bool:
        """Write a loop if it is run in segments."""
        if loop in self.there:
            self._there(self.there[loop])
        elif loop in self.back:
            self._back(self.back[loop])
        return loop in self.there or loop in self.back

    def _there(self, made: Segments) -> None:
        """All turns, and what segments begin with."""
        body = self.writer.body
        with body.loop(made.count) as number:
            turns = self._run(made, number)
            following = body.put(f"add i64 {number}, 1")
            for target, window in made.windows.items():
                rooms = self.rooms[target]
                if window.carried:
                    begin = self._kept(target, window, following)
                    self._copy(target, self._at(target, turns), begin, window.carried)
                for place, row in enumerate(window.single):
                    segment, turn = divmod(row - window.ahead, made.length)
                    with body.when(body.put(f"icmp eq i64 {number}, {segment}")):
                        source = self._at(target, str(window.carried + turn))
                        self._copy(target, source, self._at(target, str(place), rooms.single), 1)

    def _back(self, made: Segments) -> None:
        """The segments from the last to the first: their turns again, and then the loop back over them."""
        body, count = self.writer.body, made.back.label.size
        done = body.reserve("alloca i64")
        body.do(f"store i64 0, ptr {done}")
        with body.loop(made.count) as passed:
            number = body.put(f"sub i64 {made.count - 1}, {passed}")
            self._run(made, number, made.again)
            first = body.put(f"load i64, ptr {done}")
            stop = body.put(f"sub i64 {made.last + 1}, {self.writer.index[made.first]}")
            stop = self._chosen("sgt", stop, first)
            stop = self._chosen("slt", stop, str(count))
            is_last = body.put(f"icmp eq i64 {number}, 0")
            stop = body.put(f"select i1 {is_last}, i64 {count}, i64 {stop}")
            body.do(f"store i64 {stop}, ptr {done}")
            with body.when(body.put(f"icmp slt i64 {first}, {stop}")):
                self.writer.turns(made.back, stop, first)

    def _run(self, made: Segments, number: str, only: set[Loop | Leaf] | None = None) -> str:
        """The turns of a segment, from what it begins with; how many there are."""
        writer, body = self.writer, self.writer.body
        first = writer.index[made.first] = body.put(f"mul i64 {number}, {made.length}")
        stop = self._chosen("slt", body.put(f"add i64 {first}, {made.length}"), str(made.loop.label.size))
        for target, window in made.windows.items():
            if target.start is not None:
                writer.fill(target)
            if window.carried:
                self._copy(target, self._kept(target, window, number), self._at(target, "0"), window.carried)
        writer.turns(made.loop, stop, first, only)
        return body.put(f"sub i64 {stop}, {first}")

    def _chosen(self, test: str, one: str, other: str) -> str:
        """The one number if it passes the test with the other, else that."""
        return self.writer.body.put(
            f"select i1 {self.writer.body.put(f'icmp {test} i64 {one}, {other}')}, i64 {one}, i64 {other}"
        )

    def _kept(self, target: Kept, window: Window, segment: str) -> str:
        """Where the rows are that a segment begins with."""
        rows = self.writer.body.put(f"mul i64 {segment}, {window.carried}")
        return self._at(target, rows, self.rooms[target].kept)

    def _at(self, target: Kept, row: str, pointer: str = "") -> str:
        """Where a row is in a window, or in other memory."""
        body, pointer = self.writer.body, pointer or self.writer.pointers[target]
        start = body.put(f"mul i64 {row}, {self._row(target)}")
        return body.put(f"getelementptr inbounds {memory_type(target.dtype)}, ptr {pointer}, i64 {start}", "p")

    def _copy(self, target: Kept, source: str, destination: str, rows: int) -> None:
        body, kind = self.writer.body, memory_type(target.dtype)
        with body.loop(rows * self._row(target)) as index:
            at = [
                body.put(f"getelementptr inbounds {kind}, ptr {start}, i64 {index}", "p")
                for start in (source, destination)
            ]
            body.do(f"store {kind} {body.put(f'load {kind}, ptr {at[0]}')}, ptr {at[1]}")


def said(plan: Retained, schedule: Schedule, storages: Mapping[Kept, Storage]) -> str:
    """What stays of the turns of loops, in words."""
    whole = [
        target
        for target, storage in storages.items()
        if target.turns is not None and storage.strides[0] is not None and target not in plan.arrays
    ]
    parts = [f"{made.loop.label.size} turns in segments of {made.length}" for made in plan.segments]
    if whole:
        parts.append(f"all turns of {len(whole)} array{'s' * (len(whole) != 1)} kept")
    if any([isinstance(made, Interpreted) for made in schedule.leaves]):
        parts.append("all kept: the steps are no loop")
    return f", {', '.join(parts or ['no turns to keep'])}"
