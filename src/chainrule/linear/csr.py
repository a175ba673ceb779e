"""The structure of the sparse matrix of a sum of terms: which entries there are, and where each term writes its own.

The direct way moves no entries. Terms that lie on one diagonal, or name the same positions, share a *slot*. In a row,
slots stand side by side: counting what each row holds gives the row pointers, and with them the place of every entry.
Where columns do not rise within a row, a sorted copy of them tells whether one is named twice. Where a row is filled by
a term in no fixed order, or terms of different slots meet in one position, the entries are counted into their rows and
sorted there: the general way.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear._scipy import sparse
from chainrule.linear.flat import Place, steps_along, window
from chainrule.linear.pieces import Piece, pieces_of
from chainrule.linear.slots import Layout, Part, cut, parted, seen, split

__all__ = ["Structure", "Write", "structure_of"]


class Write(NamedTuple):
    """Where a term writes: strided pieces, or an index array in the order of its flattened grid.

    ``adds`` says that something was written there before; ``repeats`` that the term itself may name a place twice.
    """

    pieces: tuple[Piece, ...] = ()
    index: Any = None
    adds: bool = False
    repeats: bool = False


class Structure(NamedTuple):
    """Column indices and row pointers of a CSR matrix, and for each place where its values go.

    ``needs_zeros`` says that some values are added where nothing was written before.
    """

    indices: Any
    indptr: Any
    is_sorted: bool
    writes: tuple[Write, ...]
    needs_zeros: bool


def structure_of(places: Sequence[Place], row_count: int, column_count: int) -> Structure:
    """The structure for terms at these places, none of them empty; positions named twice are one entry.

    >>> from chainrule.linear.flat import Side
    >>> diagonal = Place((3,), Side(0, (1,)), Side(0, (1,)))
    >>> above = Place((2,), Side(0, (1,)), Side(1, (1,)))
    >>> found = structure_of([diagonal, above], 3, 3)
    >>> found.indices.tolist(), found.indptr.tolist()
    ([0, 1, 1, 2, 2], [0, 2, 4, 5])
    """
    large = max(sum([prod(place.shape) for place in places]), row_count, column_count) >= 2**31
    kind = np.int64 if large else np.int32
    found = _direct(places, row_count, kind)
    return _general(places, row_count, column_count, kind) if found is None else found


def _direct(places: Sequence[Place], row_count: int, kind: Any) -> Structure | None:
    """Slots side by side in every row; None if the rows of a place repeat, or two slots meet."""
    layout = Layout(row_count, kind)
    filled = _filled(places, layout)
    if filled is None:
        return None
    indptr = np.zeros(row_count + 1, kind)
    counts = indptr[1:]
    for slot in layout.in_order():
        slot.before = {rows: _copied(rows.of(counts)) for rows in slot.rows}
        if len(slot.rows) == 1:
            slot.rows[0].add(counts, slot.width)
        else:  # ranges of one diagonal, which may overlap
            slot.written = np.zeros(row_count, bool)
            for rows in slot.rows:
                rows.mark(slot.written)
            counts += slot.written
            slot.written[...] = False
    np.cumsum(counts, out=counts)
    indices = np.empty(int(indptr[-1]), kind)
    writes, needs_zeros = list[Write](), False
    known: dict[Any, Write] = {}
    for place, parts in zip(places, filled, strict=True):
        key = (place.shape, *[id(thing) for part in parts for thing in (part.rows, *part.slots)])
        if key in known:
            writes.append(known[key]._replace(adds=True))
            continue
        write = known[key] = _write(place, parts, indptr[:-1])
        some, every = _marked(parts)
        if not every:
            _store(indices, write, place.column.written_out(place.shape, kind), place.shape)
        writes.append(write._replace(adds=some))
        needs_zeros = needs_zeros or (some and not every)
    is_sorted = not layout.others or _rising(indices, indptr)  # diagonals were taken in order
    if not is_sorted and _repeated(indices, indptr):
        return None
    return Structure(indices, indptr, is_sorted, tuple(writes), needs_zeros)


def _filled(places: Sequence[Place], layout: Layout) -> list[list[Part]] | None:
    """The slots that each place fills, part by part; None if it may put two entries into one position."""
    found: list[list[Part]] = []
    in_parts = parted(places)
    for place in places:
        found.append([])
        if not layout.rows_of(place).once:
            return None
        for where, part in split(place) if in_parts else [((slice(None),) * len(place.shape), place)]:
            rows = layout.rows_of(part)
            slots = layout.slots_of(part, rows)
            if len(set(slots)) < len(slots):
                return None
            found[-1].append(Part(where, part, rows, slots))
    return found


def _copied(view: Any) -> Any:
    """A copy; one number if all are equal."""
    if not view.size:
        return view.copy()
    first = view[(0,) * view.ndim]
    return first if first == view[(-1,) * view.ndim] and (view == first).all() else view.copy()


def _marked(parts: Sequence[Part]) -> tuple[bool, bool]:
    """Whether some, and whether all of the entries of a place were written before; from now on they are."""
    some, every = False, True
    for part in parts:
        for slot in part.slots:
            if len(slot.rows) == 1:
                here = all_here = bool(slot.written)
                slot.written = True
            else:
                before = part.rows.of(slot.written)
                here, all_here = bool(before.any()), bool(before.all())
                part.rows.mark(slot.written)
            some, every = some or here, every and all_here
    return some, every


def _write(place: Place, parts: Sequence[Part], starts: Any) -> Write:
    """How to write the values of a place into its slots; ``starts`` is where each row of the matrix begins."""
    if len(parts) == 1 and len(parts[0].slots) == 1:
        return _write_block(place, parts[0].rows.of(starts) + parts[0].slots[0].before[parts[0].rows])
    first = [part.rows.starts(starts) for part in parts]
    regular = first[0] is not None and all([each is not None and each[1:] == first[0][1:] for each in first])
    if regular and all([s.width == 1 and np.ndim(s.before[part.rows]) == 0 for part in parts for s in part.slots]):
        return _write_regular(place, parts, first)
    grid = np.empty(place.shape, starts.dtype)
    for part in parts:
        axes = part.place.leading
        rest = [axis for axis in range(len(place.shape)) if axis not in axes]
        here, begin = grid[part.where].transpose([*axes, *rest]), part.rows.of(starts)
        if part.slots[0].width > 1:
            strides, within = _block_strides(part.place), np.zeros((), starts.dtype)
            for axis in rest:
                steps = np.arange(part.place.shape[axis], dtype=starts.dtype) * starts.dtype.type(strides[axis])
                within = within[..., None] + steps
            begin = begin + part.slots[0].before[part.rows]
            here[...] = begin.reshape(begin.shape + (1,) * len(rest)) + within
            continue
        for at, slot in zip(np.ndindex(here.shape[len(axes) :]), part.slots, strict=True):
            here[(..., *at)] = begin + slot.before[part.rows]
    pieces = pieces_of(grid)
    return Write(index=grid.reshape(-1).astype(np.intp)) if pieces is None else Write(tuple(pieces))


def _write_regular(place: Place, parts: Sequence[Part], first: Sequence[Any]) -> Write:
    """The same, where all rows of a part begin at equal distances: only one of them is looked at."""
    axes = parts[0].place.leading
    small = np.empty([1 if axis in axes else size for axis, size in enumerate(place.shape)], np.int64)
    for part, begin in zip(parts, first, strict=True):
        slots = [begin.offset + int(slot.before[part.rows]) for slot in part.slots]
        here = small[tuple([slice(None) if k in axes else bounds for k, bounds in enumerate(part.where)])]
        here[...] = np.reshape(slots, here.shape)
    found = pieces_of(small)
    if found is None:
        grid = small
        for axis, stride in zip(axes, first[0].strides, strict=True):
            grid = grid + steps_along(axis, place.shape, stride)
        return Write(index=grid.reshape(-1).astype(np.intp))
    pieces = []
    for offset, shape, strides, part_of in found:
        full, wide = list(shape), list(strides)
        for axis, stride, size in zip(axes, first[0].strides, first[0].shape, strict=True):
            full[axis], wide[axis] = size, stride
        if part_of is not None:
            part_of = tuple([slice(None) if k in axes else bounds for k, bounds in enumerate(part_of)])
        pieces.append(Piece(offset, tuple(full), tuple(wide), part_of))
    return Write(tuple(pieces))


def _block_strides(place: Place) -> list[int]:
    """How far apart the entries of a block lie in its row, for each axis: in the order of their columns, as a rule."""
    strides, unit = [0] * len(place.shape), 1
    rest = [axis for axis in range(len(place.shape)) if axis not in place.leading]
    for axis in sorted(rest, key=lambda axis: abs(place.column.strides[axis])):
        strides[axis] = unit
        unit *= place.shape[axis]
    return strides


def _write_block(place: Place, leading: Any) -> Write:
    """How to write one block into each row, given where it begins, on the grid of the leading axes."""
    shape, axes, strides = place.shape, place.leading, _block_strides(place)
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    found = pieces_of(leading)
    if found is None:
        index = leading.reshape([size if axis in axes else 1 for axis, size in enumerate(shape)]).astype(np.intp)
        for axis in rest:
            index = index + steps_along(axis, shape, strides[axis])
        return Write(index=index.reshape(-1))
    pieces = []
    for piece in found:
        full, part = list(shape), [slice(None)] * len(shape)
        for k, axis in enumerate(axes):
            full[axis], strides[axis] = piece.shape[k], piece.strides[k]
            if piece.part is not None:
                part[axis] = piece.part[k]
        pieces.append(Piece(piece.offset, tuple(full), tuple(strides), None if piece.part is None else tuple(part)))
    return Write(tuple(pieces))


def _store(vector: Any, write: Write, values: Any, shape: tuple[int, ...]) -> None:
    """Write ``values``, which broadcast to ``shape``, to their places."""
    if write.index is not None:
        vector[write.index] = np.broadcast_to(values, shape).reshape(-1)
    for offset, extent, strides, part in write.pieces:
        window(vector, offset, extent, strides)[...] = values if part is None else values[cut(part, values.shape)]


def _in_turn(writes: Sequence[Write], count: int) -> tuple[tuple[Write, ...], bool]:
    """The same writes, each told whether one before it has written to its places; whether zeros must be there first."""
    covered, done, needs_zeros = np.zeros(count, bool), list[Write](), False
    for write in writes:
        if write.index is not None:
            views = [covered[write.index]]
            covered[write.index] = True
        else:
            views = [window(covered, piece.offset, piece.shape, piece.strides) for piece in write.pieces]
        adds = any([bool(view.any()) for view in views])
        needs_zeros = needs_zeros or write.repeats or (adds and not all([bool(view.all()) for view in views]))
        for view in views:
            view[...] = True
        done.append(write._replace(adds=adds))
    return tuple(done), needs_zeros


def _row_starts(indptr: Any, count: int) -> Any:
    inner = indptr[1:-1]
    return inner[(inner > 0) & (inner < count)]


def _rising(indices: Any, indptr: Any) -> bool:
    """Whether the columns rise within each row."""
    rises = indices[1:] > indices[:-1]
    rises[_row_starts(indptr, len(indices)) - 1] = True
    return bool(rises.all())


def _repeated(indices: Any, indptr: Any) -> bool:
    """Whether a row names a column twice."""
    shape = (len(indptr) - 1, int(indices.max(initial=0)) + 1)
    matrix = sparse.csr_array((np.empty(len(indices), np.int8), indices.copy(), indptr), shape=shape)
    matrix.sort_indices()
    same = matrix.indices[1:] == matrix.indices[:-1]
    same[_row_starts(indptr, len(indices)) - 1] = False
    return bool(same.any())


# ------------------------------------------------------------------------------------------------------- any positions
def _general(places: Sequence[Place], row_count: int, column_count: int, kind: Any) -> Structure:
    """Entries counted into their rows, and sorted there."""
    total = sum([prod(place.shape) for place in places])
    rows, columns, start = np.empty(total, kind), np.empty(total, kind), 0
    for place in places:
        stop = start + prod(place.shape)
        for vector, side in ((rows, place.row), (columns, place.column)):
            vector[start:stop].reshape(place.shape)[...] = side.written_out(place.shape, kind)
        start = stop
    numbered = sparse.coo_array((np.arange(total, dtype=kind), (rows, columns)), shape=(row_count, column_count))
    numbered.has_canonical_format = True  # or else entries of one position would be added up: here they are numbers
    matrix = numbered.tocsr()
    matrix.has_sorted_indices = False
    matrix.sort_indices()
    new = np.empty(total, bool)
    new[:1] = True
    np.not_equal(matrix.indices[1:], matrix.indices[:-1], out=new[1:])
    new[_row_starts(matrix.indptr, total)] = True
    rank = np.cumsum(new, dtype=kind)
    destination = np.empty(total, kind)
    destination[matrix.data] = rank - 1
    indptr = np.concatenate([np.zeros(1, kind), rank])[matrix.indptr]
    writes, start = [], 0
    for place in places:
        stop = start + prod(place.shape)
        grid = destination[start:stop].reshape(place.shape)
        repeats = not place.names_once and seen(grid, total) != grid.size
        pieces = None if repeats else pieces_of(grid)
        index = grid.reshape(-1).astype(np.intp) if pieces is None else None
        writes.append(Write(tuple(pieces or ()), index, repeats=repeats))
        start = stop
    return Structure(matrix.indices[new], indptr, True, *_in_turn(writes, len(matrix.indices)))
