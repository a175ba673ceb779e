"""Slots: the columns that entries of a row stand in, side by side, and the rows that have them.

Terms that lie on one diagonal, or name the same positions by equal tables, share a slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.flat import Place, Side, same_table, window
from chainrule.linear.pieces import Piece, pieces_of
from chainrule.linear.unify import injective

__all__ = ["Layout", "Part", "Rows", "Slot", "cut", "parted", "seen", "split"]

_NARROW = 16  # columns of a block up to which each is compared with those of other terms
_FEW = 4  # positions along an axis of the row up to which each is looked at by itself, where that may help


def seen(positions: Any, bound: int) -> int:
    """How many different positions there are."""
    seen = np.zeros(bound, bool)
    seen[positions] = True
    return int(np.count_nonzero(seen))


def cut(part: Sequence[slice], shape: Sequence[int]) -> tuple[slice, ...]:
    """The same part of an array that is of size 1 along axes where it does not vary."""
    return tuple([slice(None) if size == 1 else bounds for bounds, size in zip(part, shape, strict=True)])


class Rows:
    """The rows of a place, each once: to read from and write to a vector over all rows."""

    def __init__(self, place: Place, row_count: int, kind: Any) -> None:
        axes = place.leading
        self.shape = tuple([place.shape[k] for k in axes])
        self.row = place.row
        self.strides = tuple([place.row.strides[k] for k in axes])
        self.index: Any = None
        self.piece: Piece | None = None
        self.known = False
        self.once = injective(zip(self.strides, self.shape, strict=True))
        if place.row.table is not None:
            grid = tuple([size if k in axes else 1 for k, size in enumerate(place.shape)])
            self.index = np.broadcast_to(place.row.written_out(place.shape, kind), grid).reshape(self.shape)
            self.once = seen(self.index, row_count) == self.index.size

    def starts(self, vector: Any) -> Piece | None:
        """Where these rows begin, given where each row does, if that is at equal distances; worked out once."""
        if not self.known:
            found = pieces_of(self.of(vector))
            self.piece = found[0] if found is not None and len(found) == 1 else None
            self.known = True
        return self.piece

    def of(self, vector: Any) -> Any:
        """The vector at these rows: a view where the rows are regular."""
        if self.index is not None:
            return vector[self.index]
        return window(vector, self.row.offset, self.shape, self.strides)

    def add(self, vector: Any, number: int) -> None:
        """Add a number at these rows."""
        if self.index is not None:
            vector[self.index] += number
        else:
            view = self.of(vector)
            view += number

    def mark(self, vector: Any) -> None:
        """Write True at these rows."""
        if self.index is not None:
            vector[self.index] = True
        else:
            self.of(vector)[...] = True


# --------------------------------------------------------------------------------------------------------------- slots
class Slot:
    """One column for each row, or a block of ``width`` of them, that all members name alike.

    ``shift`` is column minus row if that is the same everywhere: then the members may have different rows.
    """

    def __init__(self, column: Any, width: int, shift: int | None, middle: int) -> None:
        self.column, self.width, self.shift, self.middle = column, width, shift, middle
        self.rows: list[Rows] = []
        self.written: Any = False  # whether its entries have been written: for all rows, or for each
        self.before: dict[Rows, Any] = {}  # how many entries each row holds before those of this slot


class Layout:
    """Which slots each place fills."""

    def __init__(self, row_count: int, kind: Any) -> None:
        self.row_count, self.kind = row_count, kind
        self.rows: dict[Any, list[Rows]] = {}
        self.shifts: dict[int, Slot] = {}
        self.others: dict[Any, list[Slot]] = {}

    def rows_of(self, place: Place) -> Rows:
        """The rows of a place; those of an earlier place if they are the same."""
        row, axes = place.row, place.leading
        key = (row.offset, *[(place.shape[k], row.strides[k]) for k in axes])
        like = self.rows.setdefault(key, [])
        for rows in like:
            if same_table(rows.row.table, row.table):
                return rows
        like.append(Rows(place, self.row_count, self.kind))
        return like[-1]

    def slots_of(self, place: Place, rows: Rows) -> list[Slot]:
        """The slots that a place fills: one for each column of a narrow block in the order of the grid, or one."""
        leading, column = place.leading, place.column
        rest = [axis for axis in range(len(place.shape)) if axis not in leading]
        strides = tuple([column.strides[axis] for axis in leading])
        width = prod([place.shape[axis] for axis in rest])
        row_middle = place.row.middle(place.shape)
        if width > _NARROW:
            key: Any = (id(rows), place.shape, leading, column.offset, column.strides)
            return [self._slot(key, rows, column.table, width, column.middle(place.shape) - row_middle)]
        found = []
        for at in np.ndindex(*[place.shape[axis] for axis in rest]):
            offset = column.offset + sum([column.strides[axis] * k for axis, k in zip(rest, at, strict=True)])
            table = column.table
            if table is None and place.row.table is None and strides == rows.strides:
                shift = offset - place.row.offset
                slot = self.shifts.setdefault(shift, Slot(None, 1, shift, shift))
                if rows not in slot.rows:
                    slot.rows.append(rows)
                found.append(slot)
                continue
            middle = offset + sum([stride * (size // 2) for stride, size in zip(strides, rows.shape, strict=True)])
            if table is not None:
                part: list[Any] = [slice(None)] * table.ndim
                for axis, k in zip(rest, at, strict=True):
                    part[axis] = min(k, table.shape[axis] - 1)
                table = table[tuple(part)]
                if offset:
                    table = table + table.dtype.type(offset)
                middle += int(table[tuple([size // 2 for size in table.shape])]) - offset
                offset = 0
            found.append(self._slot((id(rows), offset, strides), rows, table, 1, middle - row_middle))
        return found

    def _slot(self, key: Any, rows: Rows, table: Any, width: int, middle: int) -> Slot:
        like = self.others.setdefault((key, width, middle), [])
        for slot in like:
            if same_table(slot.column, table):
                return slot
        like.append(Slot(table, width, None, middle))
        like[-1].rows.append(rows)
        return like[-1]

    def in_order(self) -> list[Slot]:
        """All slots, as a rule in the order of their columns."""
        found = [*self.shifts.values(), *[slot for like in self.others.values() for slot in like]]
        return sorted(found, key=lambda slot: slot.middle)


# --------------------------------------------------------------------------------------------------------------- parts
class Part(NamedTuple):
    """A part of a place (all of it, as a rule): where it is on the grid, its rows, the slots that it fills."""

    where: tuple[slice, ...]
    place: Place
    rows: Rows
    slots: list[Slot]


def _few(place: Place) -> list[int]:
    """The axes of the grid that move the row to few positions."""
    return [axis for axis in place.leading if place.shape[axis] <= _FEW]


def parted(places: Sequence[Place]) -> bool:
    """Whether a column is chosen by a table along such an axis: two terms may then meet in some of the rows."""
    return any([place.column.tabled(axis) for place in places for axis in _few(place)])


def split(place: Place) -> list[tuple[tuple[slice, ...], Place]]:
    """The parts of a place with one position along each axis that has few."""
    axes, found = _few(place), []
    for at in np.ndindex(*[place.shape[axis] for axis in axes]):
        where = [slice(None)] * len(place.shape)
        for axis, k in zip(axes, at, strict=True):
            where[axis] = slice(k, k + 1)
        sides = []
        for offset, strides, table in (place.row, place.column):
            offset += sum([strides[axis] * k for axis, k in zip(axes, at, strict=True)])
            strides = tuple([0 if axis in axes else stride for axis, stride in enumerate(strides)])
            sides.append(Side(offset, strides, None if table is None else table[cut(where, table.shape)]))
        shape = tuple([1 if axis in axes else size for axis, size in enumerate(place.shape)])
        found.append((tuple(where), Place(shape, *sides)))
    return found
