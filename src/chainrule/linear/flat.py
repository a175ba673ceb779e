"""Where the entries of a term lie in the flattened matrix: one affine or tabulated position for each side."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.term import Axis, Pattern, Term
from chainrule.linear.unify import injective

__all__ = ["Place", "Side", "axis_table", "place_of", "same_table", "steps_along", "window"]


class Side(NamedTuple):
    """The flat position of an entry: ``offset + Σ stride·label + table[labels]`` on the grid of a place.

    ``strides`` has one entry for each axis of the grid; ``table``, if there is one, broadcasts to the grid.
    """

    offset: int
    strides: tuple[int, ...]
    table: Any = None

    def moves(self, axis: int) -> bool:
        """Whether the position depends on this axis of the grid."""
        return self.strides[axis] != 0 or self.tabled(axis)

    def tabled(self, axis: int) -> bool:
        """Whether the table varies along this axis of the grid."""
        return self.table is not None and self.table.shape[axis] > 1

    def middle(self, shape: Sequence[int]) -> int:
        """The position in the middle of the grid."""
        found = self.offset + sum([stride * (size // 2) for stride, size in zip(self.strides, shape, strict=True)])
        if self.table is not None:
            found += int(self.table[tuple([size // 2 for size in self.table.shape])])
        return found

    def written_out(self, shape: Sequence[int], kind: Any) -> Any:
        """The positions as an array that broadcasts to ``shape``: of size 1 along axes that do not move it."""
        rank = len(shape)
        grid = (
            np.full((1,) * rank, self.offset, kind) if self.table is None else (self.table + self.offset).astype(kind)
        )
        for axis in reversed(range(rank)):
            if self.strides[axis]:
                grid = grid + steps_along(axis, shape, self.strides[axis], kind)
        return grid


def steps_along(axis: int, shape: Sequence[int], stride: int, kind: Any = np.int64) -> Any:
    """``stride·label`` for the label of one axis of a grid: of size 1 along the others.

    >>> steps_along(0, (3, 2), 5)
    array([[ 0],
           [ 5],
           [10]])
    """
    steps = np.arange(shape[axis], dtype=kind)
    steps *= kind(stride)
    return steps.reshape([-1 if k == axis else 1 for k in range(len(shape))])


class Place(NamedTuple):
    """The positions of a term: the sizes of its outer labels, the row and the column of an entry on that grid."""

    shape: tuple[int, ...]
    row: Side
    column: Side

    @property
    def leading(self) -> tuple[int, ...]:
        """The axes of the grid that the row depends on."""
        return tuple([k for k in range(len(self.shape)) if self.row.moves(k)])

    @property
    def names_once(self) -> bool:
        """Whether it is known that no position is named twice."""
        if self.row.table is not None:
            return False
        if self.column.table is not None:  # chosen by the row: within a row, a run of columns
            leading = self.leading
            rest = [axis for axis in range(len(self.shape)) if axis not in leading]
            alone = injective([(self.row.strides[axis], self.shape[axis]) for axis in leading])
            runs = injective([(self.column.strides[axis], self.shape[axis]) for axis in rest])
            return alone and runs and all([self.column.table.shape[axis] == 1 for axis in rest])
        far = 1 + sum([abs(s) * (n - 1) for s, n in zip(self.column.strides, self.shape, strict=True)])
        strides = [far * r + c for r, c in zip(self.row.strides, self.column.strides, strict=True)]
        return injective(zip(strides, self.shape, strict=True))


def _affine(axes: Sequence[Axis], outer: Sequence[int], sizes: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """The offset and the strides, along the outer labels, of the flat position without what comes from tables."""
    offset, unit, strides = 0, 1, dict.fromkeys(outer, 0)
    for axis in reversed(axes):
        offset += axis.offset * unit
        if axis.table < 0:
            for label, stride in zip(axis.labels, axis.strides, strict=True):
                if sizes[label] > 1:
                    strides[label] += stride * unit
        unit *= axis.size
    return offset, tuple(strides.values())


def axis_table(table: Any, names: Sequence[int], outer: Sequence[int], sizes: Sequence[int]) -> Any:
    """A table on the grid of the outer labels, of size 1 along those that it does not have."""
    names = list(names)
    while len(set(names)) < len(names):  # table[i, i]
        again = next(name for name in names if names.count(name) > 1)
        a, b = [k for k, name in enumerate(names) if name == again][:2]
        table, names = np.diagonal(table, 0, a, b), [n for k, n in enumerate(names) if k not in (a, b)] + [again]
    order = sorted(range(len(names)), key=lambda k: outer.index(names[k]))
    return np.transpose(table, order).reshape([sizes[label] if label in names else 1 for label in outer])


def _side(p: Pattern, axes: Sequence[Axis], tables: Sequence[Any], kind: Any, memo: dict[Any, Any]) -> Side:
    outer, unit, total = p.outer, 1, None
    for axis in reversed(axes):
        if axis.table >= 0:
            key = (id(tables[axis.table]), unit, kind)
            if key not in memo:  # equal tables need to be made small only once
                small = np.asarray(tables[axis.table]).astype(kind)
                memo[key] = small if unit == 1 else small * kind(unit)
            table = axis_table(memo[key], axis.labels, outer, p.sizes)
            total = table if total is None else total + table
        unit *= axis.size
    return Side(*_affine(axes, outer, p.sizes), total)


def place_of(term: Term, memo: dict[Any, Any] | None = None) -> Place:
    """The positions of the entries of a term; ``memo`` keeps what terms with the same tables can share.

    >>> from chainrule.linear.term import pattern
    >>> place = place_of(Term(pattern([2, 3], [1], [0, 1])[0]))
    >>> place.shape, place.row.strides, place.column.strides
    ((3, 2), (1, 0), (1, 3))
    """
    p = term.pattern
    found: Place | None = p.plans.get("place")
    if found is None:
        large = max(prod(p.row_shape), prod(p.column_shape)) >= 2**31
        kind = np.int64 if large else np.int32
        memo = {} if memo is None else memo
        sides = [_side(p, axes, term.tables, kind, memo) for axes in (p.row, p.column)]
        found = Place(tuple([p.sizes[label] for label in p.outer]), *sides)
        if not p.tables:
            p.plans["place"] = found
    return found


def same_table(a: Any, b: Any) -> bool:
    """Whether two tables (or None) hold the same positions."""
    if a is None or b is None:
        return a is b
    return a is b or (a.shape == b.shape and bool(np.array_equal(a, b)))


def window(flat: Any, offset: int, shape: tuple[int, ...], strides: Sequence[int]) -> Any:
    """The view of a one-dimensional contiguous array that starts at ``offset``, with strides counted in entries.

    >>> window(np.arange(10), 1, (2, 3), (4, 1))
    array([[1, 2, 3],
           [5, 6, 7]])
    """
    size = flat.itemsize
    return np.ndarray(shape, flat.dtype, flat, offset * size, tuple([stride * size for stride in strides]))
