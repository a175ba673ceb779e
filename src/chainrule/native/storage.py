"""Where arrays that are computed live: which of their axes need memory, and along which neighbours are neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from chainrule.native.scalar import Index, row_major
from chainrule.native.schedule import Leaf, Loop
from chainrule.native.work import Kept, Multiplication, is_at

__all__ = ["Storage", "stored"]


class Strip(NamedTuple):
    """An axis of which only the part for the turns of one strip is there, and the element where the first begins."""

    loop: Loop
    axis: int
    start: int


class Storage:
    """How a kept array lies in memory: the stride of each of its axes (None: the axis needs no memory).

    ``last`` is the axis along which neighbours are next to each other.
    """

    def __init__(self, shape: tuple[int, ...], dropped: Sequence[bool], last: int, strip: Strip | None = None) -> None:
        self.strip = strip
        if strip is not None:
            shape = (*shape[: strip.axis], strip.loop.length, *shape[strip.axis + 1 :])
        order = [axis for axis in range(len(shape)) if axis != last and not dropped[axis]]
        order += [last] if shape and not dropped[last] else []
        self.sizes = [shape[axis] for axis in order]
        steps = dict(zip(order, row_major(self.sizes), strict=True))
        self.strides = [steps.get(axis) for axis in range(len(shape))]

    @property
    def before(self) -> Index:
        """How far from the beginning of its memory an element 0 would be."""
        if self.strip is None:
            return Index()
        stride = self.strides[self.strip.axis] or 0
        return Index(-self.strip.start * stride, ((self.strip.loop.label, -stride),))

    @property
    def size(self) -> int:
        return prod(self.sizes)


def stored(
    target: Kept, leaves: Sequence[Leaf], readers: Sequence[Any], rows: int | None = None
) -> tuple[Storage, list[Loop]]:
    """The memory of an array that ``leaves`` write; and the outer loops of which each turn has its own part of it.

    There may be fewer ``rows`` than the first axis has; they are one after the other.
    """
    last = _last(target, leaves, readers)
    if rows is not None:
        shape = (rows, *target.shape[1:])
        return Storage(shape, [False] * len(shape), last or len(shape) - 1), []
    prefix = [] if target.is_wanted else _own_turns(leaves, [leaf for leaf, _ in readers])
    dropped = [
        not target.is_wanted and _is_turn(axis, size, prefix, leaves, readers) for axis, size in enumerate(target.shape)
    ]
    return Storage(target.shape, dropped, last, _strip(target, dropped, prefix, leaves, readers)), prefix


def _strip(
    target: Kept, dropped: Sequence[bool], prefix: Sequence[Loop], leaves: Sequence[Leaf], readers: Sequence[Any]
) -> Strip | None:
    """An axis of which each strip has its own part."""
    everyone = _places(leaves, readers)
    if target.is_wanted or any([place is None for _, place in everyone]):
        return None
    for loop in [loop for loop in prefix if loop.length > 1]:
        for axis in [axis for axis, is_dropped in enumerate(dropped) if not is_dropped]:
            at = [(place[axis], leaf.label_of(loop)) for leaf, place in everyone]
            starts = {index.start if label is not None and is_at(index, label) else None for index, label in at}
            if len(starts) == 1 and (start := starts.pop()) is not None:
                return Strip(loop, axis, start)
    return None


def _places(leaves: Sequence[Leaf], readers: Sequence[Any]) -> list[Any]:
    """Who writes an array and who reads it, with where."""
    return [*[(leaf, leaf.statement.place) for leaf in leaves], *readers]


def _last(target: Kept, leaves: Sequence[Leaf], readers: Sequence[Any]) -> int:
    """The axis along which most of the innermost loops go that write and read an array."""
    last = len(target.shape) - 1
    everyone = _places(leaves, readers)
    if last < 1 or target.is_wanted or any([place is None for _, place in everyone]):
        return last
    if target.along is not None:
        return target.along if _is_a_side(target, target.along, everyone) else last
    turns = [0] * len(target.shape)
    for leaf, place in everyone:
        inner = next((label for label, loop in leaf.loops.items() if loop is leaf.path[-1]), None)
        for axis, index in enumerate(place):
            if inner is not None and is_at(index, inner):
                turns[axis] += prod([loop.turns for loop in leaf.path])
    sides = [axis for axis in range(last) if _is_a_side(target, axis, everyone)]
    best: int = max([last, *sides], key=lambda axis: turns[axis])
    return best


def _is_a_side(target: Kept, axis: int, everyone: Sequence[Any]) -> bool:
    """Whether an axis is the rows or the columns of every matrix that an array is, or consists of."""
    works = [leaf.statement for leaf, _ in everyone if isinstance(leaf.statement, Multiplication)]
    operands = [operand for made in works for operand in (made.left, made.right, made.result)]
    sides = [
        any([label in (operand.row, operand.column) for label, _ in operand.place[axis].steps])
        for operand in operands
        if operand.source is target
    ]
    return all(sides)


def _own_turns(leaves: Sequence[Leaf], readers: Sequence[Leaf]) -> list[Loop]:
    """The outer loops that all share and of which no writer sums over a turn."""
    prefix: list[Loop] = []
    for depth, loop in enumerate(leaves[0].path):
        everyone = [*leaves, *readers]
        if any([len(leaf.path) <= depth or leaf.path[depth] is not loop for leaf in everyone]):
            break
        if any([leaf.label_of(loop) in leaf.statement.summed for leaf in leaves]):
            break
        prefix.append(loop)
    return prefix


def _is_turn(axis: int, size: int, prefix: Sequence[Loop], leaves: Sequence[Leaf], readers: Sequence[Any]) -> bool:
    """Whether each turn of one of these loops writes and reads its own element of an axis only."""
    everyone = _places(leaves, readers)
    loops: set[tuple[Loop | None, int]] = set()
    for leaf, place in everyone:
        if place is None:
            return False
        index = place[axis]
        if index == Index() and size == 1:
            loops.add((None, 0))
            continue
        label = next((label for label, loop in leaf.loops.items() if loop in prefix and is_at(index, label)), None)
        if label is None:
            return False
        loops.add((leaf.loops[label], index.start))
    return len(loops) == 1
