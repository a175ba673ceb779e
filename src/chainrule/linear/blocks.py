"""Dense blocks of one size in the entries of all terms, found from their positions: what BSR stores."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from chainrule.linear.csr import Structure, Write, structure_of
from chainrule.linear.flat import Place, Side, steps_along
from chainrule.linear.pieces import Piece

__all__ = ["block_size", "block_structure"]


class _Runs(NamedTuple):
    """Axes of the grid that one side alone depends on; the first ``n`` fill ``sizes[n]`` neighbouring positions."""

    axes: tuple[int, ...]
    sizes: tuple[int, ...]


def _runs(place: Place, side: Side, other: Side) -> _Runs:
    """The innermost axes of one side that are filled without a gap, and the sizes of blocks that start in step."""
    free = {
        side.strides[axis]: axis
        for axis, size in enumerate(place.shape)
        if size > 1 and side.strides[axis] > 0 and not other.moves(axis) and not side.tabled(axis)
    }
    axes, sizes, unit = [], [1], 1
    while unit in free:
        axis = free[unit]
        unit *= place.shape[axis]
        axes.append(axis)
        sizes.append(unit)
    allowed = [0]
    for count in range(1, len(axes) + 1):
        rest = [stride for axis, stride in enumerate(side.strides) if axis not in axes[:count]]
        in_step = all([number % sizes[count] == 0 for number in [side.offset, *rest]])
        if in_step and (side.table is None or not (side.table % sizes[count]).any()):
            allowed.append(count)
    return _Runs(tuple(axes), tuple([sizes[count] if count in allowed else 0 for count in range(len(axes) + 1)]))


def block_size(places: Sequence[Place]) -> tuple[int, int]:
    """Rows and columns of the largest block that every place consists of; (1, 1) if there is none.

    >>> kron = Place((5, 2, 3), Side(0, (2, 1, 0)), Side(0, (3, 0, 1)))  # δ_ij K_ab
    >>> block_size([kron])
    (2, 3)
    """
    sizes = []
    for sides in ("row", "column"):
        other = "column" if sides == "row" else "row"
        found = [set(_runs(place, getattr(place, sides), getattr(place, other)).sizes) - {0} for place in places]
        sizes.append(max(set.intersection(*found)))
    return sizes[0], sizes[1]


def block_structure(places: Sequence[Place], row_count: int, column_count: int, size: tuple[int, int]) -> Structure:
    """The structure of the matrix of blocks, whose writes go to the entries of an array (blocks, rows, columns)."""
    taken = []
    for place in places:
        found: list[tuple[int, int]] = []  # (axis, stride within a block)
        for side, other, height, unit in (
            (place.row, place.column, size[0], size[1]),
            (place.column, place.row, size[1], 1),
        ):
            runs = _runs(place, side, other)
            for axis in runs.axes[: runs.sizes.index(height)]:
                found.append((axis, unit))
                unit *= place.shape[axis]
        taken.append(dict(found))
    small = [_without(place, inside, size) for place, inside in zip(places, taken, strict=True)]
    structure = structure_of(small, row_count // size[0], column_count // size[1])
    writes = [
        _widened(write, place, inside, prod(size))
        for write, place, inside in zip(structure.writes, places, taken, strict=True)
    ]
    return structure._replace(writes=tuple(writes))


def _without(place: Place, inside: dict[int, int], size: tuple[int, int]) -> Place:
    """The positions of the blocks."""
    sides = []
    for (offset, strides, table), unit in zip((place.row, place.column), size, strict=True):
        kept = tuple([0 if axis in inside else stride // unit for axis, stride in enumerate(strides)])
        sides.append(Side(offset // unit, kept, None if table is None else table // unit))
    return Place(tuple([1 if axis in inside else n for axis, n in enumerate(place.shape)]), *sides)


def _widened(write: Write, place: Place, inside: dict[int, int], area: int) -> Write:
    """Where the entries go, given where their blocks go."""
    if write.index is not None:
        index = write.index.reshape([1 if axis in inside else n for axis, n in enumerate(place.shape)]) * area
        for axis, stride in inside.items():
            index = index + steps_along(axis, place.shape, stride)
        return write._replace(index=index.reshape(-1))
    pieces = []
    for offset, shape, strides, part in write.pieces:
        full = tuple([place.shape[axis] if axis in inside else n for axis, n in enumerate(shape)])
        wide = tuple([inside.get(axis, stride * area) for axis, stride in enumerate(strides)])
        if part is not None:
            part = tuple([slice(None) if axis in inside else bounds for axis, bounds in enumerate(part)])
        pieces.append(Piece(offset * area, full, wide, part))
    return write._replace(pieces=tuple(pieces))
