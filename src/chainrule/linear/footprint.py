"""Which entries a sum of terms can fill: sets of places, each named once, counted and cut into blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.flat import Place, Side, place_of, same_table
from chainrule.linear.term import Term
from chainrule.linear.unify import injective

__all__ = ["Count", "at", "counted", "cut", "ends", "footprint", "is_affine", "moved"]

_RUN = 32  # an axis of a table that is this short is written out, so that the same column is known again
_PARTS = 1024  # parts into which the tables of a map may be taken
_COUNTED = 1 << 21  # entries that are looked at one by one to count them
_WORD = 1 << 62  # entries, zeros included, that can be numbered
_MARKED = 1 << 22  # entries, zeros included, for which a mark each is cheaper than sorting


# --- one set of entries -----------------------------------------------------------------------------------------------


def is_affine(place: Place) -> bool:
    """Whether there are no tables."""
    return place.row.table is None and place.column.table is None


def at(side: Side, index: Sequence[Any]) -> Any:
    """The positions on one side where the axes of the grid have the values ``index``, arrays that broadcast.

    >>> at(Side(1, (10, 1)), [np.array([[0], [2]]), np.array([[3, 4]])])
    array([[ 4,  5],
           [24, 25]])
    """
    found: Any = np.int64(side.offset)
    for stride, values in zip(side.strides, index, strict=True):
        if stride:
            found = found + stride * values
    if side.table is not None:
        picked = [0 if size == 1 else values for size, values in zip(side.table.shape, index, strict=True)]
        found = found + side.table[tuple(picked)]
    return found


def ends(side: Side, shape: Sequence[int]) -> tuple[int, int]:
    """Bounds of the positions on one side, both included; reached unless a table and strides work against each other.

    >>> ends(Side(1, (10, -1)), (2, 2))
    (0, 11)
    """
    steps = [stride * (size - 1) for stride, size in zip(side.strides, shape, strict=True)]
    low = side.offset + sum([step for step in steps if step < 0])
    high = side.offset + sum([step for step in steps if step > 0])
    if side.table is not None:
        low, high = low + int(side.table.min()), high + int(side.table.max())
    return low, high


def moved(place: Place, rows: int, columns: int) -> Place:
    """The same entries counted from a later row and column on."""
    row, column = place.row, place.column
    return Place(place.shape, row._replace(offset=row.offset - rows), column._replace(offset=column.offset - columns))


def _codes(place: Place, columns: int) -> Any:
    """The entries one by one, as ``row·columns + column``."""
    row, column = (side.written_out(place.shape, np.int64) for side in (place.row, place.column))
    found = row * columns + column
    return np.broadcast_to(found, place.shape).reshape(-1)


# --- one name for one set ---------------------------------------------------------------------------------------------


def _fixed(place: Place, values: dict[int, int]) -> Place:
    """The entries where some axes of the grid have a value; these axes are gone."""
    kept = [k for k in range(len(place.shape)) if k not in values]

    def side(of: Side) -> Side:
        offset = of.offset + sum([of.strides[k] * value for k, value in values.items()])
        strides = tuple([of.strides[k] for k in kept])
        if of.table is None:
            return Side(offset, strides)
        table = of.table[tuple([min(values[k], size - 1) if k in values else slice(None)
                                for k, size in enumerate(of.table.shape)])]  # fmt: skip
        if table.size == 1:
            return Side(offset + int(table.reshape(-1)[0]), strides)
        return Side(offset, strides, table)

    return Place(tuple([place.shape[k] for k in kept]), side(place.row), side(place.column))


def _tabled(place: Place) -> list[int]:
    """The axes of the grid that a table depends on."""
    tables = [side.table for side in (place.row, place.column) if side.table is not None]
    return [k for k in range(len(place.shape)) if any([table.shape[k] > 1 for table in tables])]


def _untabled(side: Side) -> Side:
    """The same side with strides for a table that rises evenly along each of its axes."""
    table = side.table
    if table is None or not table.size:
        return side
    flat = table.reshape(-1)
    first, unit, steps = int(flat[0]), 1, []
    for size in reversed(table.shape):
        steps.append(int(flat[unit]) - first if size > 1 else 0)
        unit *= size
    steps.reverse()
    if int(flat[-1]) != first + sum([step * (size - 1) for step, size in zip(steps, table.shape, strict=True)]):
        return side
    strides = tuple([stride + step for stride, step in zip(side.strides, steps, strict=True)])
    even = Side(first, tuple(steps)).written_out(table.shape, np.int64)
    return Side(side.offset + first, strides) if np.array_equal(even, table) else side


def _parts(place: Place) -> Iterable[Place]:
    """A set in parts: each short axis that moves one side only has a fixed value in each.

    Done to axes of tables, and to windows (``i + k``): each part of a window is a diagonal.
    """
    axes = _tabled(place)
    if not axes:
        sliding = [not injective(zip(side.strides, place.shape, strict=True)) for side in (place.row, place.column)]
        axes = [k for k in range(len(place.shape)) if (place.row if sliding[0] else place.column).strides[k]]
        axes = axes if any(sliding) else []
    short = [k for k in axes if place.shape[k] <= _RUN and not (place.row.moves(k) and place.column.moves(k))]
    if not short or prod([place.shape[k] for k in short]) > _RUN:
        return [place]
    choices = product(*[range(place.shape[k]) for k in short])
    return [_fixed(place, dict(zip(short, values, strict=True))) for values in choices]


def _normal(place: Place) -> Place:
    """The same set with axes that run upwards along the rows, fused where one runs on where another ends."""
    tabled = _tabled(place)
    offsets, runs = [place.row.offset, place.column.offset], list[tuple[int, int, int]]()
    for k, size in enumerate(place.shape):
        if k in tabled:
            continue
        pair = place.row.strides[k], place.column.strides[k]
        if (pair[0] or pair[1]) < 0:
            offsets = [offset + stride * (size - 1) for offset, stride in zip(offsets, pair, strict=True)]
            pair = -pair[0], -pair[1]
        runs.append((*pair, size))
    fused: list[tuple[int, int, int]] = []
    for row, column, size in sorted(runs, reverse=True):
        if fused and fused[-1][:2] == (row * size, column * size):
            fused[-1] = row, column, size * fused[-1][2]
        else:
            fused.append((row, column, size))

    def side(of: Side, which: int) -> Side:
        strides = tuple([run[which] for run in fused]) + tuple([of.strides[k] for k in tabled])
        if of.table is None:
            return Side(offsets[which], strides)
        return Side(
            offsets[which], strides, of.table.reshape((1,) * len(fused) + tuple([of.table.shape[k] for k in tabled]))
        )

    shape = tuple([run[2] for run in fused]) + tuple([place.shape[k] for k in tabled])
    return Place(shape, side(place.row, 0), side(place.column, 1))


def _equal(one: Place, other: Place) -> bool:
    """Whether two sets of equal shape, offsets and strides have equal tables."""
    pairs = [(one.row.table, other.row.table), (one.column.table, other.column.table)]
    # The corners tell most tables apart; all numbers are compared where they do not
    corners = all([a is b or (a.flat[0] == b.flat[0] and a.flat[-1] == b.flat[-1]) for a, b in pairs])
    return corners and all([same_table(a, b) for a, b in pairs])


def footprint(terms: Iterable[Term]) -> list[Place]:
    """The sets of entries that the terms can fill, each once however many terms fill it.

    >>> from chainrule.linear.term import pattern
    >>> linear, _ = pattern([2, 3], [1], [0, 1], [(0,)])  # y = x @ W, with respect to W
    >>> [(place.shape, place.row.strides, place.column.strides) for place in footprint([Term(linear)] * 2)]
    [((3, 2), (1, 0), (1, 3))]
    """
    known: dict[Any, list[Place]] = {}
    found: list[Place] = []
    for term in terms:
        if 0 in term.pattern.sizes:
            continue
        place = place_of(term)
        place = _fixed(place, {k: 0 for k, size in enumerate(place.shape) if size == 1})
        place = Place(place.shape, _untabled(place.row), _untabled(place.column))
        for part in [place] if len(found) > _PARTS else _parts(place):
            part = _normal(part)
            kinds = tuple([None if side.table is None else side.table.shape for side in part[1:]])
            alike = known.setdefault((part.shape, part.row[:2], part.column[:2], kinds), [])
            if not any([_equal(part, other) for other in alike]):
                alike.append(part)
                found.append(part)
    return _joined(found)


def _joined(places: Sequence[Place]) -> list[Place]:
    """The same sets, with runs along one diagonal that overlap made one."""
    runs: dict[int, list[tuple[int, int]]] = {}
    found = []
    for place in places:
        if is_affine(place) and place.row.strides == place.column.strides == (1,):
            first = place.row.offset
            runs.setdefault(place.column.offset - first, []).append((first, first + place.shape[0]))
        else:
            found.append(place)
    for shift, bounds in sorted(runs.items()):
        start, stop = min(bounds)
        for first, last in [*sorted(bounds), (-1, -1)]:
            if 0 <= first < stop:
                stop = max(stop, last)
            else:
                found.append(Place((stop - start,), Side(start, (1,)), Side(start + shift, (1,))))
                start, stop = first, last
    return found


# --- many sets --------------------------------------------------------------------------------------------------------


def cut(places: Sequence[Place], side: int, size: int) -> list[int]:
    """Where one side (0: the rows, 1: the columns) falls apart, so that no set of entries lies across: the starts.

    >>> halves = [Place((5,), Side(start, (1,)), Side(0, (1,))) for start in (0, 5)]
    >>> cut(halves, 0, 10), cut(halves, 1, 5)
    ([0, 5], [0])
    """
    starts, reach = [0], -1
    for low, high in sorted([ends((place.row, place.column)[side], place.shape) for place in places]):
        if low > max(reach, 0):
            starts.append(low)
        reach = max(reach, high)
    if places and reach + 1 < size:
        starts.append(reach + 1)
    return starts


class Count(NamedTuple):
    """How many entries there are, and in one row: fewest (0 if not known) and most (None if not known)."""

    entries: int
    is_exact: bool
    fewest: int
    most: int | None


def counted(places: Sequence[Place], rows: int, columns: int) -> Count:
    """How many different entries the sets hold: exactly if they are few or do not overlap, else at most.

    >>> counted([Place((5,), Side(0, (1,)), Side(0, (1,)))], 5, 5)
    Count(entries=5, is_exact=True, fewest=1, most=1)
    """
    named = sum([prod(place.shape) for place in places])
    if named <= _COUNTED and rows * columns < _WORD:
        in_rows = _one_by_one(places, rows, columns)
        return Count(int(in_rows.sum()), True, int(in_rows.min(initial=columns)), int(in_rows.max(initial=0)))
    if any([prod(place.shape) == rows * columns and place.names_once for place in places]):
        return Count(rows * columns, True, columns, columns)
    lines = [_in_a_row(place) for place in places]
    most = min(columns, _crowded(places, [line or 0 for line in lines])) if None not in lines else None
    exact = (len(places) == 1 and places[0].names_once) or _apart(places)
    bound = rows * (columns if most is None else most)
    return Count(min(named, bound), exact, 0, most)


def _one_by_one(places: Sequence[Place], rows: int, columns: int) -> Any:
    """How many entries each row has, by looking at every entry."""
    codes = [_codes(place, columns) for place in places]
    if rows * columns <= _MARKED:
        marked = np.zeros(rows * columns, np.bool_)
        for code in codes:
            marked[code] = True
        return marked.reshape(rows, columns).sum(axis=1)
    every = np.sort(np.concatenate([np.zeros(0, np.int64), *codes]))
    distinct = every[np.diff(every, prepend=-1) > 0]
    return np.bincount(distinct // max(columns, 1), minlength=rows)


def _in_a_row(place: Place) -> int | None:
    """The most entries that a set has in one row; None if that is not certain."""
    leading = place.leading
    others = prod([size for k, size in enumerate(place.shape) if k not in leading])
    if place.row.table is None:
        steps = [(place.row.strides[k], place.shape[k]) for k in leading]
        return others if injective(steps) else None
    if len(leading) == 1:
        index = [np.arange(size) if k in leading else 0 for k, size in enumerate(place.shape)]
        return others * int(np.unique(at(place.row, index), return_counts=True)[1].max())
    return None


def _crowded(places: Sequence[Place], lines: Sequence[int]) -> int:
    """The most entries in one row if every set has so many in each row between its ends."""
    bounds = [ends(place.row, place.shape) for place in places]
    events = [(low, 0, line) for (low, _), line in zip(bounds, lines, strict=True)]
    events += [(high, 1, -line) for (_, high), line in zip(bounds, lines, strict=True)]
    here = most = 0
    for _, _, line in sorted(events):
        here += line
        most = max(most, here)
    return most


def _apart(places: Sequence[Place]) -> bool:
    """Whether it is certain that no two sets share an entry: each lies on a diagonal of its own."""
    along = [place for place in places if is_affine(place) and place.row.strides == place.column.strides]
    once = all([injective(zip(place.row.strides, place.shape, strict=True)) for place in along])
    return once and len({place.column.offset - place.row.offset for place in along}) == len(places)
