"""The entries of several terms written into one array, each place once: where terms meet, their values are added first.

Where each term writes is known beforehand. Boxes with the same strides that share places are cut into boxes of which
each has its own terms; so the array is filled in one pass, from values that are needed nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.flat import window
from chainrule.linear.functions import scatter
from chainrule.linear.pieces import Piece

__all__ = ["Member", "Store", "Writing", "spread", "writing", "written"]

_NARROW = 8  # positions along an axis up to which each is written by itself, where terms meet
_MOST = 512  # boxes


class Member(NamedTuple):
    """A part of a term's values: for each axis of its grid the first position, the axis of the store, and ±1.

    The axis is -1 where the position is the same everywhere.
    """

    term: int
    axes: tuple[tuple[int, int, int], ...]


class Store(NamedTuple):
    """A sum of values, and where it goes: ``offset + Σ stride·position``, or the places in ``index``."""

    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]
    members: tuple[Member, ...]
    index: Any = None


class Writing:
    """How values become an array of a shape: ``adds`` if stores share places, ``gaps`` if some places have none.

    Places are counted along the flat array.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: Any, grids: Sequence[tuple[int, ...]], stores: Sequence[Store]
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.grids = grids  # of the terms
        self.stores = stores
        counts = np.zeros(prod(shape), np.int8)
        self.adds = False
        for store in stores:
            here = _target(counts, store)
            self.adds = self.adds or bool(here.any()) or (store.index is not None and _repeats(store.index))
            _put(counts, store, 1)
        self.gaps = not counts.all()


def _repeats(index: Any) -> bool:
    return bool(len(np.unique(index)) < index.size)


def _target(vector: Any, store: Store) -> Any:
    if store.index is not None:
        return vector[store.index]
    return window(vector, store.offset, store.shape, store.strides)


def _put(vector: Any, store: Store, values: Any) -> None:
    if store.index is not None:
        vector[store.index] = values
    else:
        window(vector, store.offset, store.shape, store.strides)[...] = values


def writing(
    shape: Sequence[int], dtype: Any, grids: Sequence[tuple[int, ...]], where: Sequence[Sequence[Piece] | Any]
) -> Writing:
    """How terms with values on ``grids`` are written; ``where`` has for each its pieces, or an array of places.

    >>> twice = [Piece(0, (12,), (1,))], [Piece(3, (9,), (1,))]
    >>> how = writing([12], np.float64, [(12,), (9,)], twice)
    >>> [(store.offset, store.shape, len(store.members)) for store in how.stores], how.adds
    ([(3, (9,), 2), (0, (3,), 1)], False)
    >>> written(how, np.ones(12), 10.0)[:5]
    array([ 1.,  1.,  1., 11., 11.])
    """
    boxes: dict[Any, list[_Box]] = {}
    stores: list[Store] = []
    pieces = [(term, piece) for term, found in enumerate(where) if isinstance(found, list | tuple) for piece in found]
    narrow = len(where) > 1 and sum([_lines(piece.shape) for _, piece in pieces]) <= _MOST
    for term, piece in pieces:
        for box in _boxes(term, piece, narrow):
            _insert(boxes.setdefault(box.strides, []), box)
    for strides, found in boxes.items():
        stores += [Store(box.shape, box.offset, strides, tuple(box.members)) for box in found]
    tables: dict[bytes, list[Any]] = {}
    for term, index in enumerate(where):
        if isinstance(index, np.ndarray):
            grid = index.reshape(grids[term])
            whole = Member(term, tuple([(0, axis, 1) for axis in range(grid.ndim)]))
            like = tables.setdefault(repr(grid.shape).encode() + grid.tobytes(), [grid, []])
            like[1].append(whole)
    stores += [Store(grid.shape, 0, (), tuple(members), grid) for grid, members in tables.values()]
    return Writing(tuple(shape), dtype, grids, stores)


def _lines(shape: Sequence[int]) -> int:
    return prod([size for size in shape if size <= _NARROW])


class _Box(NamedTuple):
    """Places ``offset + Σ stride·position``, the largest stride first, all above zero."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    members: list[Member]

    def part(self, starts: Sequence[int], shape: Sequence[int]) -> _Box:
        """The box from other first positions."""
        offset = self.offset + sum([start * stride for start, stride in zip(starts, self.strides, strict=True)])
        members = [
            Member(
                term,
                tuple([(at + by * starts[axis], axis, by) if axis >= 0 else (at, axis, by) for at, axis, by in axes]),
            )
            for term, axes in self.members
        ]
        return _Box(offset, tuple(shape), self.strides, members)


def _boxes(term: int, piece: Piece, narrow: bool) -> Iterator[_Box]:
    """A piece as boxes: narrow axes are taken position by position."""
    begin = [0] * len(piece.shape) if piece.part is None else [bounds.start or 0 for bounds in piece.part]
    fixed = [axis for axis, size in enumerate(piece.shape) if size == 1 or (narrow and size <= _NARROW)]
    order = sorted(set(range(len(piece.shape))) - {*fixed}, key=lambda axis: -abs(piece.strides[axis]))
    shape, strides = [piece.shape[axis] for axis in order], [piece.strides[axis] for axis in order]
    for at in product(*[range(piece.shape[axis]) for axis in fixed]):
        offset = piece.offset + sum([piece.strides[axis] * k for axis, k in zip(fixed, at, strict=True)])
        axes = [(begin[axis], -1, 0) for axis in range(len(piece.shape))]
        for axis, k in zip(fixed, at, strict=True):
            axes[axis] = begin[axis] + k, -1, 0
        for place, (axis, size, stride) in enumerate(zip(order, shape, strides, strict=True)):
            last = size - 1 if stride < 0 else 0
            offset += last * stride
            axes[axis] = begin[axis] + last, place, -1 if stride < 0 else 1
        yield _Box(offset, tuple(shape), tuple(map(abs, strides)), [Member(term, tuple(axes))])


def _insert(found: list[_Box], box: _Box) -> None:
    """Add a box to others of its strides that share no places: where it meets one, both are cut."""
    pending = [box]
    while pending:
        new = pending.pop()
        for place, old in enumerate(found if len(found) < _MOST else ()):
            shift = _shift(new.offset - old.offset, new.strides)
            if shift is None:
                continue
            first = [max(0, step) for step in shift]
            last = [min(a, step + b) for a, step, b in zip(old.shape, shift, new.shape, strict=True)]
            if any([a >= b for a, b in zip(first, last, strict=True)]):
                continue
            shape = [b - a for a, b in zip(first, last, strict=True)]
            start = [a - step for a, step in zip(first, shift, strict=True)]
            common = old.part(first, shape)
            common.members.extend(new.part(start, shape).members)
            found[place : place + 1] = [common, *_around(old, first, shape)]
            pending += _around(new, start, shape)
            break
        else:
            found.append(new)


def _shift(apart: int, strides: Sequence[int]) -> list[int] | None:
    """``apart`` as steps along the axes, the smallest that there are; None if it is no sum of such."""
    found = []
    for stride in strides:
        step = (2 * apart + stride) // (2 * stride) if stride else 0
        found.append(step)
        apart -= step * stride
    return None if apart else found


def _around(box: _Box, first: Sequence[int], shape: Sequence[int]) -> list[_Box]:
    """What is left of a box without an inner one, as boxes."""
    found = []
    starts, sizes = [0] * len(shape), list(box.shape)
    for axis, (a, size) in enumerate(zip(first, shape, strict=True)):
        for begin, end in ((0, a), (a + size, box.shape[axis])):
            if begin < end:
                part_starts, part_sizes = [*starts], [*sizes]
                part_starts[axis], part_sizes[axis] = begin, end - begin
                found.append(box.part(part_starts, part_sizes))
        starts[axis], sizes[axis] = a, size
    return found


def written(how: Writing, *values: Any) -> Any:
    """The array that the values of the terms become, each on its grid or on one that broadcasts to it."""
    others = [value for value in values if not isinstance(value, np.ndarray | np.generic | int | float | complex)]
    for value in others:
        found = value.__array_function__(written, tuple(map(type, others)), (how, *values), {})
        if found is not NotImplemented:
            return found
    result = (np.zeros if how.gaps or how.adds else np.empty)(prod(how.shape), how.dtype)
    grids = [np.broadcast_to(value, grid) for value, grid in zip(values, how.grids, strict=True)]
    for store in how.stores:
        parts = [_read(grids[term], axes, store.shape) for term, axes in store.members]
        total = sum(parts[1:], parts[0])
        if not how.adds:
            _put(result, store, total)
        elif store.index is not None:
            np.add.at(result, store.index, total)
        else:
            _put(result, store, _target(result, store) + total)
    return result.reshape(how.shape)


def spread(how: Writing, values: Sequence[Any]) -> Any:
    """The same as `written`, by functions that dispatch."""
    flat = np.arange(prod(how.shape))
    total: Any = None
    for store in how.stores:
        where = _target(flat, store).reshape(-1)
        for term, axes in store.members:
            part = np.reshape(_read(np.broadcast_to(values[term], how.grids[term]), axes, store.shape), (-1,))
            part = scatter(part, (len(flat),), (where,))
            total = part if total is None else total + part
    return np.reshape(total, how.shape)


def _read(grid: Any, axes: Sequence[tuple[int, int, int]], shape: tuple[int, ...]) -> Any:
    """The values of a member in the axes of its store."""
    index: list[Any] = []
    for at, axis, by in axes:
        stop = at + by * shape[axis] if axis >= 0 else 0
        index.append(at if axis < 0 else slice(at, None if stop < 0 else stop, by))
    kept = [axis for _, axis, _ in axes if axis >= 0]
    return np.transpose(grid[tuple(index)], np.argsort(kept).tolist()) if kept else grid[tuple(index)]
