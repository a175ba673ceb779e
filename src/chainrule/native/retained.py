"""How many turns of a loop stay in memory: all of them, a ring of the last ones, or a window with checkpoints.

An array that has a row for each turn needs a ring only if nobody but the next few turns, and whoever wants the last
ones, reads it. One that a loop back reads, from the last turn to the first, can do with a window of so many turns: the
loop is cut into segments, what goes from one segment to the next is kept, and the loop back runs segment by segment,
after the turns of each have been computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isqrt, prod
from typing import Any, NamedTuple

from chainrule.native.scalar import Index, Label
from chainrule.native.schedule import Leaf, Loop, Schedule
from chainrule.native.work import Callback, Interpreted, Kept, Multiplication, Routine, Statement, base_of, is_at

__all__ = ["Retained", "Ring", "Segments", "Window", "retained"]

_SMALL = 1 << 13  # bytes up to which all turns of an array stay, unless somebody asks for less


class Ring(NamedTuple):
    """Of an array the last ``rows`` rows stay, a power of two: row ``r`` is at ``r`` modulo ``rows``."""

    rows: int
    loop: Loop


@dataclass(eq=False)
class Window:
    """Of an array the rows of one segment stay: those that it begins with, ``carried``, and those of its turns.

    ``ahead`` rows lie before the first turn and ``carried - ahead`` are of turns that the loop back still looks at. The
    carried rows of all segments are kept, and ``single`` rows that are read by themselves.
    """

    segments: Segments
    ahead: int
    carried: int
    single: list[int]

    @property
    def rows(self) -> int:
        """The rows of a segment."""
        return self.carried + self.segments.length

    @property
    def kept(self) -> int:
        """The rows that are kept for segments to begin with."""
        return self.carried * (self.segments.count + 1)

    @property
    def size(self) -> int:
        """All rows in memory."""
        return self.rows + self.kept + len(self.single)


@dataclass(eq=False)
class Segments:
    """A loop in segments of ``length`` turns, and the loop ``back`` that needs its turns again.

    Turn ``t`` goes with turn ``last - t`` of the loop back. Statements and loops in ``again`` are what is done again.
    """

    length: int
    loop: Loop
    back: Loop
    last: int
    windows: dict[Kept, Window] = field(default_factory=dict)
    again: set[Loop | Leaf] = field(default_factory=set)
    first: Label = field(default_factory=lambda: Label(0))  # the first turn of the segment that is being written

    @property
    def count(self) -> int:
        """The number of segments."""
        return -(-self.loop.label.size // self.length)


class Retained(NamedTuple):
    """What stays of the arrays of which not all turns do; and the loops that are run in segments."""

    rings: dict[Kept, Ring]
    segments: list[Segments]

    @property
    def arrays(self) -> set[Kept]:
        """Those arrays."""
        return {*self.rings, *[target for made in self.segments for target in made.windows]}


@dataclass
class _Uses:
    """Where the rows of an array are touched: in loops back, and by themselves.

    ``is_clear`` says whether that is all but what its own loop touches, from the present turn on.
    """

    target: Kept
    loop: Loop
    back: dict[Loop, list[int]] = field(default_factory=dict)  # a loop reads row ``start - turn``
    single: list[int] = field(default_factory=list)
    is_clear: bool = True

    @property
    def count(self) -> int:
        """The number of all rows."""
        return self.target.shape[0]

    @property
    def bytes(self) -> int:
        """The bytes of a row."""
        return prod(self.target.shape[1:]) * self.target.dtype.itemsize


def retained(schedule: Schedule, checkpoint: int | None = None) -> Retained:
    """What stays in memory of the turns of loops: less with a ``checkpoint`` every so many turns (0: their root)."""
    uses = [found for found in _uses(schedule) if found.is_clear]
    segments = _segments(schedule, uses, checkpoint) if checkpoint is not None else []
    windows = [window for made in segments for window in made.windows]
    rings = {}
    in_order = {found.loop for found in uses if found.target.ahead}  # loops whose turns follow one another
    for found in uses:
        rows = _ring(found) if found.loop in in_order else None
        large = checkpoint is not None or found.count * found.bytes > _SMALL
        if found.target not in windows and rows is not None and large and 2 * rows <= found.count:
            rings[found.target] = Ring(rows, found.loop)
    return Retained(rings, segments)


def _ring(found: _Uses) -> int | None:
    """The rows of a ring that would do; None if none does."""
    ahead, first = found.target.ahead, min(found.single, default=found.count)
    if found.back or not (ahead or found.single) or first < ahead or (ahead and found.target.start is not None):
        return None
    return int(1 << max(ahead, found.count - first - 1).bit_length())


# --- who reads what ---


def _accesses(leaf: Leaf) -> Iterator[tuple[Kept, Index, bool]]:
    """The rows of arrays with turns that a statement touches, and whether it writes there."""
    made = leaf.statement
    found: list[tuple[Any, Any, bool]] = []
    if isinstance(made, Statement):
        found = [(made.target, made.place, True), *[(read.source, read.place, False) for read in made.reads]]
    elif isinstance(made, Multiplication):
        pairs = [(made.left, False), (made.right, False), (made.result, True)]
        found = [(operand.source, operand.place, writes) for operand, writes in pairs]
    elif isinstance(made, Callback | Routine):
        found = [(source, place, base_of(source) in made.targets) for source, place in made.arrays]
    else:
        assert isinstance(made, Interpreted)  # it is in no loop, and reads from none
    for source, place, writes in found:
        base = base_of(source)
        if isinstance(base, Kept) and base.turns is not None:
            yield base, place[0], writes


def _uses(schedule: Schedule) -> list[_Uses]:
    found: dict[Kept, _Uses] = {}
    at = {id(item): k for k, item in enumerate(schedule.body)}
    for leaf in schedule.leaves.values():
        for target, row, writes in _accesses(leaf):
            loop = schedule.turns[target.turns]
            uses = found.setdefault(target, _Uses(target, loop))
            outer = leaf.path[0] if leaf.path else leaf
            label = leaf.label_of(outer) if isinstance(outer, Loop) else None
            if outer is loop:
                uses.is_clear &= label is not None and is_at(row, label) and 0 <= row.start <= target.ahead
            elif not row.steps and not row.looked_up:
                if at[id(outer)] > at[id(loop)]:
                    uses.single.append(row.start)
                    uses.is_clear &= not writes
                else:
                    uses.is_clear &= row.start < target.ahead
            elif isinstance(outer, Loop) and row.steps == ((label, -1),) and not row.looked_up and not writes:
                uses.back.setdefault(outer, []).append(row.start)
            else:
                uses.is_clear = False
    return list(found.values())


# --- segments ---


def _segments(schedule: Schedule, uses: Sequence[_Uses], checkpoint: int) -> list[Segments]:
    """The loops that are run in segments, each with the loop back that reads most of it."""
    pairs: dict[tuple[Loop, Loop], list[_Uses]] = {}
    for found in uses:
        if len(found.back) == 1:
            pairs.setdefault((found.loop, *found.back), []).append(found)  # type: ignore[arg-type]
    made: list[Segments] = []
    for (loop, back), read in sorted(pairs.items(), key=lambda pair: -sum([f.count * f.bytes for f in pair[1]])):
        if {loop, back} <= {*schedule.turns.values()} - {used for other in made for used in (other.loop, other.back)}:
            own = {found.target: found for found in uses if found.loop is loop}
            segments = _paired(loop, back, read, checkpoint)
            if _is_closed(schedule, segments, own) and _saves(segments, own):
                made.append(segments)
    return made


def _paired(loop: Loop, back: Loop, read: Sequence[_Uses], checkpoint: int) -> Segments:
    """A loop in segments, of which another one reads some arrays."""
    count = loop.label.size
    length = min(checkpoint or isqrt(count - 1) + 1, count)
    last = max([max(found.back[back]) - found.target.ahead for found in read])  # no turn is read before it is made
    segments = Segments(length, loop, back, last)
    for found in read:
        _window(segments, found, max(last - min(found.back[back]), 0))
    return segments


def _window(segments: Segments, found: _Uses, extra: int = 0) -> None:
    ahead = found.target.ahead
    single = sorted({row for row in found.single if row >= ahead})
    segments.windows[found.target] = Window(segments, ahead, ahead + extra, single)


def _is_closed(schedule: Schedule, segments: Segments, known: dict[Kept, _Uses]) -> bool:
    """Find what has to be done again for the arrays with windows: what goes in has to be there again, and gets windows.

    False if something goes in that is not of the turn.
    """
    pending = list(segments.windows)
    seen = set(pending)
    while pending:
        for leaf in _inside(schedule, segments, pending.pop()):
            segments.again |= {leaf, *leaf.path}
            for source in dict.fromkeys([*leaf.statement.targets, *_sources(leaf)]):
                if source in seen or not _inside(schedule, segments, source):
                    continue
                if source.turns is None:
                    return False
                found = known.get(source)
                if found is None or found.back:
                    continue  # all its turns are there
                if source.ahead or found.single:
                    _window(segments, found)
                seen.add(source)
                pending.append(source)
    return True


def _inside(schedule: Schedule, segments: Segments, target: Kept) -> list[Leaf]:
    """The statements in the loop that write an array."""
    return [leaf for leaf in schedule.writers.get(target, ()) if segments.loop in leaf.path]


def _sources(leaf: Leaf) -> list[Kept]:
    """The arrays that a statement reads, those of earlier turns too."""
    made = leaf.statement
    if not isinstance(made, Statement):
        return [source for source, _ in made.needs]
    bases = [base_of(read.source) for read in made.reads]
    return [base for base in bases if isinstance(base, Kept)]


def _saves(segments: Segments, own: dict[Kept, _Uses]) -> bool:
    """Whether less is kept in segments."""
    pairs = [(own[target], window) for target, window in segments.windows.items()]
    return sum([(found.count - window.size) * found.bytes for found, window in pairs]) > 0
