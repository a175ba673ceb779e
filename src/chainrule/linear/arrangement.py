"""Say how entries lie in a matrix: on which diagonals, as which stencil, in which blocks, how many in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from chainrule.linear.flat import Place, same_table
from chainrule.linear.footprint import counted, cut, ends, is_affine, moved

__all__ = ["arrangement", "band", "bands", "is_one_band"]

_BLOCKS = 12  # blocks that are named one by one
_LENGTH = 110  # letters that naming them may take
_POINTS = 125  # neighbours that a stencil may have: 5 along each of three axes
_TABLE = 1 << 20  # numbers of a table that are looked through
_DENSE = 0.5  # from this share of entries on, a block is called dense


# --- diagonals and stencils -------------------------------------------------------------------------------------------


class _Stencil(NamedTuple):
    """Entries at fixed distances from the diagonal of a grid, and whether they continue on the opposite side."""

    grid: tuple[int, ...]
    column_grid: tuple[int, ...]
    shifts: frozenset[tuple[int, ...]]
    is_periodic: bool


def _grid(strides: Sequence[int], size: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The strides of a grid, slowest first, and its extents: None if the strides do not divide each other."""
    units = sorted({*strides, 1}, reverse=True)
    bounds = [size, *units]
    if any([large % small for large, small in pairwise(bounds)]):
        return None
    return tuple(units), tuple([large // small for large, small in pairwise(bounds)])


def _digits(position: int, units: Sequence[int], extents: Sequence[int]) -> list[int]:
    return [position // unit % extent for unit, extent in zip(units, extents, strict=True)]


def _shift(place: Place, grids: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> tuple[int, ...] | None:
    """How far column is from row along each axis of the grid, if that is the same for all entries of a set."""
    (units, extents), (column_units, column_extents) = grids
    row, column = _digits(place.row.offset, units, extents), _digits(place.column.offset, column_units, column_extents)
    steps = [0] * len(units)
    for along, across, size in zip(place.row.strides, place.column.strides, place.shape, strict=True):
        if across not in column_units or units.index(along) != column_units.index(across):
            return None
        steps[units.index(along)] += size - 1
    carry = 0
    for k in reversed(range(len(units))):
        reach = steps[k] + carry
        carry = 0
        if row[k] + reach >= extents[k] or column[k] + reach >= column_extents[k]:
            # An axis that runs over into the next does so on both sides at once, or the distance changes
            if row[k] != column[k] or extents[k] != column_extents[k]:
                return None
            carry = (row[k] + reach) // extents[k]
    return tuple([b - a for a, b in zip(row, column, strict=True)])


def _stencil(places: Sequence[Place], rows: int, columns: int) -> _Stencil | None:
    """The stencil whose entries these are (one that is narrower at the edges, if need be), None if they are none."""
    if not all([is_affine(place) for place in places]):
        return None
    grids = []
    for size, sides in ((rows, [place.row for place in places]), (columns, [place.column for place in places])):
        strides = [stride for side in sides for stride in side.strides]
        grid = _grid(strides, size) if all([stride > 0 for stride in strides]) else None
        if grid is None:
            return None
        grids.append(grid)
    if len(grids[0][0]) != len(grids[1][0]):
        return None
    shifts = []
    for place in places:
        shift = _shift(place, grids)
        if shift is None:
            return None
        shifts.append(shift)
    (_, extents), (_, column_extents) = grids
    if extents == column_extents:
        near = [tuple([_nearest(s, n) for s, n in zip(shift, extents, strict=True)]) for shift in shifts]
        filled = Counter[tuple[int, ...]]()
        for place, shift in zip(places, near, strict=True):
            filled[shift] += prod(place.shape)
        if near != shifts and set(filled.values()) == {rows}:
            return _Stencil(extents, extents, frozenset(near), True)
    return _Stencil(extents, column_extents, frozenset(shifts), False)


def _nearest(shift: int, extent: int) -> int:
    """The shortest way to the same place if the axis is a circle."""
    if 2 * abs(shift) <= extent:
        return shift
    return shift - extent if shift > 0 else shift + extent


def band(offsets: Sequence[int]) -> str:
    """The name of a set of diagonals.

    >>> band([-1, 0, 1]), band([2]), band([-2, 0, 1])
    ('tridiagonal', 'diagonal shifted by +2', 'banded from -2 to +1')
    """
    low, high = min(offsets), max(offsets)
    if low == high:
        return "diagonal" if low == 0 else f"diagonal shifted by {low:+d}"
    if (low, high) == (-1, 1):
        return "tridiagonal" if 0 in offsets else "diagonals -1 and +1"
    if high - low == 1 and 0 in (low, high):
        return "upper bidiagonal" if high else "lower bidiagonal"
    if 2 * len(set(offsets)) > high - low:
        return f"banded from {_signed(low)} to {_signed(high)}"
    named = [_signed(offset) for offset in sorted(set(offsets))]
    if len(named) == 2:
        return f"diagonals {named[0]} and {named[1]}"
    return f"{len(named)} diagonals from {_signed(low)} to {_signed(high)}"


def _signed(offset: int) -> str:
    return f"{offset:+d}" if offset else "0"


def is_one_band(name: str) -> bool:
    """Whether a name that `bands` gave says all, so that blocks need not be told."""
    return "stencil" not in name and not name.startswith("diagonals")


def bands(places: Sequence[Place], rows: int, columns: int) -> str | None:
    """What the diagonals that hold all entries are called: None if they do not make a band or a stencil.

    >>> from chainrule.linear.flat import Side
    >>> pieces = [(0, 1, 3), (1, 0, 3), (0, 0, 4)]  # first row, first column, length
    >>> bands([Place((n,), Side(row, (1,)), Side(column, (1,))) for row, column, n in pieces], 4, 4)
    'tridiagonal'
    """
    if not places:
        return None
    affine = all([_is_along(place) for place in places])
    offsets = [place.column.offset - place.row.offset for place in places]
    if affine and len(set(offsets)) == 1:
        return band(offsets)
    stencil = _stencil(places, rows, columns)
    is_periodic = stencil is not None and stencil.is_periodic
    width = max(offsets) - min(offsets)
    is_narrow = width <= 2 or stencil is None or len(stencil.grid) == 1
    if affine and not is_periodic and is_narrow and 2 * len(set(offsets)) > width:
        return band(offsets)
    if stencil is None or len(stencil.shifts) > _POINTS:
        return band(offsets) if affine and len(set(offsets)) <= 3 else None
    around = "periodic " if stencil.is_periodic else ""
    if len(stencil.grid) == 1:
        shifts = [shift for (shift,) in stencil.shifts]
        # np.roll(x, 1) takes from one place before
        return f"cyclic shift by {-shifts[0]:+d}" if around and len(shifts) == 1 else around + band(shifts)
    grids = [" × ".join(map(str, grid)) for grid in (stencil.grid, stencil.column_grid)]
    if len(stencil.shifts) == 1:
        return f"cyclic shift on {grids[0]}" if around else None
    where = f"on {grids[0]}" if grids[0] == grids[1] else f"from {grids[1]} to {grids[0]}"
    return f"{around}{len(stencil.shifts)}-point stencil {where}"


def _is_along(place: Place) -> bool:
    """Whether all entries of a set lie on one diagonal."""
    return place.row.strides == place.column.strides and same_table(place.row.table, place.column.table)


# --- blocks -----------------------------------------------------------------------------------------------------------


def _is_a_permutation(place: Place, rows: int, columns: int) -> bool:
    if prod(place.shape) != rows or rows != columns:
        return False
    sides = (place.row, place.column)
    if is_affine(place):
        return all([_covers(list(zip(side.strides, place.shape, strict=True)), rows) for side in sides])
    if rows > _TABLE:
        return False
    return all([len(np.unique(side.written_out(place.shape, np.int64))) == rows for side in sides])


def _covers(pairs: Sequence[tuple[int, int]], size: int) -> bool:
    """Whether ``Σ stride·label`` takes every value below ``size`` once."""
    reach = 1
    for stride, count in sorted([(abs(stride), count) for stride, count in pairs]):
        if stride != reach:
            return False
        reach *= count
    return reach == size


def _block_diagonal(places: Sequence[Place], rows: int, columns: int) -> tuple[int, int, int] | None:
    """Equal dense blocks along the diagonal, all filled by one set of entries: how many, their rows and columns."""
    if len(places) != 1 or not is_affine(places[0]):
        return None
    (place,) = places
    steps = list(zip(place.row.strides, place.column.strides, place.shape, strict=True))
    shared = [(row, column, size) for row, column, size in steps if row and column]
    if len(shared) != 1:
        return None
    high, wide = (prod([size for *ends, size in steps if not ends[1 - k]]) for k in (0, 1))
    inside = [[(ends[k], size) for *ends, size in steps if not ends[1 - k]] for k in (0, 1)]
    ((row, column, count),) = shared
    fits = (row, column, row * count, column * count) == (high, wide, rows, columns)
    if not fits or not all([_covers(pairs, size) for pairs, size in zip(inside, (high, wide), strict=True)]):
        return None
    return count, high, wide


def _simple(places: Sequence[Place], rows: int, columns: int) -> str:
    """What one block is called, without a comma: names are listed."""
    if not places:
        return "0"
    found = bands(places, rows, columns)
    if found is not None and rows * columns > 1:
        return found
    blocks = _block_diagonal(places, rows, columns)
    if blocks is not None:
        return f"{blocks[0]} diagonal blocks of {blocks[1]} × {blocks[2]}"
    if len(places) == 1 and _is_a_permutation(places[0], rows, columns) and rows > 1:
        return "permutation"
    count = counted(places, rows, columns)
    if count.is_exact and count.entries > _DENSE * rows * columns:
        return "dense"
    if count.most is None:
        return "sparse"
    if count.fewest == count.most:
        return f"{count.most} a row"
    return f"{count.fewest} to {count.most} a row" if count.is_exact and count.fewest else f"≤ {count.most} a row"


def _grid_of_blocks(places: Sequence[Place], rows: int, columns: int) -> tuple[list[list[str]], bool]:
    """The names of the blocks, row by row, and whether all are dense."""
    starts = cut(places, 0, rows), cut(places, 1, columns)
    names = []
    for top, bottom in pairwise([*starts[0], rows]):
        line = []
        for left, right in pairwise([*starts[1], columns]):
            inside = [
                moved(place, top, left)
                for place in places
                if top <= ends(place.row, place.shape)[0] < bottom
                and left <= ends(place.column, place.shape)[0] < right
            ]
            line.append(_simple(inside, bottom - top, right - left))
        names.append(line)
    return names, {name for line in names for name in line} <= {"dense"}


def arrangement(places: Sequence[Place], rows: int, columns: int) -> str:
    """How the entries lie in a matrix of ``rows`` and ``columns``, in a line of about a hundred letters.

    >>> from chainrule.linear.flat import Side
    >>> arrangement([Place((2, 3), Side(0, (1, 0)), Side(0, (3, 1)))], 2, 6)
    'block diagonal, 2 blocks of 1 × 3'
    >>> corner = Place((2, 2), Side(0, (1, 0)), Side(0, (0, 1)))
    >>> arrangement([corner, Place((3,), Side(2, (1,)), Side(2, (1,)))], 5, 5)
    '2 × 2 blocks: dense, 0; 0, diagonal'
    """
    stencil = bands(places, rows, columns)
    starts = cut(places, 0, rows), cut(places, 1, columns)
    count = len(starts[0]) * len(starts[1])
    if stencil is not None and (count == 1 or is_one_band(stencil)):
        return stencil
    if 1 < count <= _BLOCKS and len(places) > 1:
        names, all_dense = _grid_of_blocks(places, rows, columns)
        several = len([name for line in names for name in line if name != "0"]) > 1
        told = f"{len(starts[0])} × {len(starts[1])} blocks"
        if all_dense:
            return f"dense, in {told}"
        every = "; ".join([", ".join(line) for line in names])
        if several and len(every) <= _LENGTH:
            return f"{told}: {every}"
    if stencil is not None:
        return stencil
    blocks = _block_diagonal(places, rows, columns)
    if blocks is not None:
        return f"block diagonal, {blocks[0]} blocks of {blocks[1]} × {blocks[2]}"
    simple = _simple(places, rows, columns)
    in_blocks = f" in {len(starts[0])} × {len(starts[1])} blocks" if count > 1 and len(places) > 1 else ""
    if simple.endswith("a row"):
        return f"sparse{in_blocks}, {simple.replace('≤', 'at most')}"
    return simple + in_blocks
