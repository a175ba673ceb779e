"""The structure of the sparse matrix of a sum of terms: which entries there are, and where each term writes its own.

The direct way sorts nothing. Terms that lie on one diagonal, or name the same positions, share a *slot*. In a row,
slots stand side by side: counting what each row holds gives the row pointers, and with them the place of every
entry. Where a row is filled by a term in no fixed order, or terms of different slots meet in one position, the
entries are counted into their rows and sorted there: the general way.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear._scipy import sparse
from chainrule.linear.flat import Place, Side, same_table, window
from chainrule.linear.pieces import Piece, pieces_of
from chainrule.linear.unify import injective

__all__ = ["Structure", "Write", "cut", "structure_of"]

_NARROW = 16  # columns of a block up to which each is compared with those of other terms
_FEW = 4  # positions along an axis of the row up to which each is looked at by itself, where that may help


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


# ---------------------------------------------------------------------------------------------------------------- rows
class _Rows:
    """The rows of a place, each once: to read from and write to a vector over all rows."""

    def __init__(self, place: Place, row_count: int, kind: Any) -> None:
        axes = place.leading
        self.shape = tuple([place.shape[k] for k in axes])
        self.row = place.row
        self.strides = tuple([place.row.strides[k] for k in axes])
        self.index: Any = None
        self.once = injective(zip(self.strides, self.shape, strict=True))
        if place.row.table is not None:
            grid = tuple([size if k in axes else 1 for k, size in enumerate(place.shape)])
            self.index = np.broadcast_to(place.row.written_out(place.shape, kind), grid).reshape(self.shape)
            self.once = _seen(self.index, row_count) == self.index.size

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
class _Slot:
    """One column for each row, or a block of ``width`` of them, that all members name alike.

    ``shift`` is column minus row if that is the same everywhere: then the members may have different rows.
    """

    def __init__(self, column: Any, width: int, shift: int | None, middle: int) -> None:
        self.column, self.width, self.shift, self.middle = column, width, shift, middle
        self.rows: list[_Rows] = []
        self.before: dict[_Rows, Any] = {}  # how many entries each row holds before those of this slot


class _Layout:
    """Which slots each place fills."""

    def __init__(self, row_count: int, kind: Any) -> None:
        self.row_count, self.kind = row_count, kind
        self.rows: dict[Any, list[_Rows]] = {}
        self.shifts: dict[int, _Slot] = {}
        self.others: dict[Any, list[_Slot]] = {}

    def rows_of(self, place: Place) -> _Rows:
        """The rows of a place; those of an earlier place if they are the same."""
        row, axes = place.row, place.leading
        key = (row.offset, *[(place.shape[k], row.strides[k]) for k in axes])
        like = self.rows.setdefault(key, [])
        for rows in like:
            if same_table(rows.row.table, row.table):
                return rows
        like.append(_Rows(place, self.row_count, self.kind))
        return like[-1]

    def slots_of(self, place: Place, rows: _Rows) -> list[_Slot]:
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
                slot = self.shifts.setdefault(shift, _Slot(None, 1, shift, shift))
                if rows not in slot.rows:
                    slot.rows.append(rows)
                found.append(slot)
                continue
            middle = offset + sum([stride * (size // 2) for stride, size in zip(strides, rows.shape, strict=True)])
            if table is not None:
                part: list[Any] = [slice(None)] * table.ndim
                for axis, k in zip(rest, at, strict=True):
                    part[axis] = min(k, table.shape[axis] - 1)
                table = table[tuple(part)] + table.dtype.type(offset)
                middle += int(table[tuple([size // 2 for size in table.shape])]) - offset
                offset = 0
            found.append(self._slot((id(rows), offset, strides), rows, table, 1, middle - row_middle))
        return found

    def _slot(self, key: Any, rows: _Rows, table: Any, width: int, middle: int) -> _Slot:
        like = self.others.setdefault((key, width, middle), [])
        for slot in like:
            if same_table(slot.column, table):
                return slot
        like.append(_Slot(table, width, None, middle))
        like[-1].rows.append(rows)
        return like[-1]

    def in_order(self) -> list[_Slot]:
        """All slots, as a rule in the order of their columns."""
        found = [*self.shifts.values(), *[slot for like in self.others.values() for slot in like]]
        return sorted(found, key=lambda slot: slot.middle)


class _Part(NamedTuple):
    """A part of a place (all of it, as a rule): where it is on the grid, its rows, the slots that it fills."""

    where: tuple[slice, ...]
    place: Place
    rows: _Rows
    slots: list[_Slot]


def _direct(places: Sequence[Place], row_count: int, kind: Any) -> Structure | None:
    """Slots side by side in every row; None if the rows of a place repeat, or two slots meet."""
    layout = _Layout(row_count, kind)
    filled: list[list[_Part]] = []
    parted = _parted(places)
    for place in places:
        filled.append([])
        if not layout.rows_of(place).once:
            return None
        for where, part in _split(place) if parted else [((slice(None),) * len(place.shape), place)]:
            rows = layout.rows_of(part)
            slots = layout.slots_of(part, rows)
            if len(set(slots)) < len(slots):
                return None
            filled[-1].append(_Part(where, part, rows, slots))
    indptr = np.zeros(row_count + 1, kind)
    counts = indptr[1:]
    for slot in layout.in_order():
        slot.before = {rows: _copied(rows.of(counts)) for rows in slot.rows}
        if len(slot.rows) == 1:
            slot.rows[0].add(counts, slot.width)
        else:  # ranges of one diagonal, which may overlap
            mark = np.zeros(row_count, bool)
            for rows in slot.rows:
                rows.mark(mark)
            counts += mark
    np.cumsum(counts, out=counts)
    indices = np.empty(int(indptr[-1]), kind)
    writes: list[Write] = []
    known: dict[Any, Write] = {}
    stored: set[Any] = set()
    for place, parts in zip(places, filled, strict=True):
        key = (place.shape, *[id(thing) for part in parts for thing in (part.rows, *part.slots)])
        if key not in known:
            known[key] = _write(place, parts, indptr[:-1])
            columns = {(part.rows, slot) for part in parts for slot in part.slots}
            if not columns <= stored:
                stored |= columns
                _store(indices, known[key], place.column.written_out(place.shape, kind), place.shape)
        writes.append(known[key])
    is_sorted = not layout.others or _rising(indices, indptr)  # diagonals were taken in order
    if not is_sorted and _repeated(indices, indptr):
        return None
    return Structure(indices, indptr, is_sorted, *_in_turn(writes, len(indices)))


def _copied(view: Any) -> Any:
    """A copy; one number if all are equal."""
    if not view.size:
        return view.copy()
    first = view[(0,) * view.ndim]
    return first if first == view[(-1,) * view.ndim] and (view == first).all() else view.copy()


def _few(place: Place) -> list[int]:
    """The axes of the grid that move the row to few positions."""
    return [axis for axis in place.leading if place.shape[axis] <= _FEW]


def _parted(places: Sequence[Place]) -> bool:
    """Whether a column is chosen by a table along such an axis: two terms may then meet in some of the rows."""
    tables = [(place, place.column.table) for place in places]
    return any([t is not None and any([t.shape[axis] > 1 for axis in _few(place)]) for place, t in tables])


def _split(place: Place) -> list[tuple[tuple[slice, ...], Place]]:
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


def _write(place: Place, parts: Sequence[_Part], starts: Any) -> Write:
    """How to write the values of a place into its slots; ``starts`` is where each row of the matrix begins."""
    if len(parts) == 1 and len(parts[0].slots) == 1:
        return _write_block(place, parts[0].rows.of(starts) + parts[0].slots[0].before[parts[0].rows])
    grid = np.empty(place.shape, starts.dtype)
    for part in parts:
        axes = part.place.leading
        order = [*axes, *[axis for axis in range(len(place.shape)) if axis not in axes]]
        here, first = grid[part.where].transpose(order), part.rows.of(starts)
        if part.slots[0].width > 1:
            here[...] = (first + part.slots[0].before[part.rows]).reshape(first.shape + (1,) * (here.ndim - len(axes)))
            strides = _block_strides(part.place)
            for k, axis in enumerate(order[len(axes) :], len(axes)):
                here += (
                    (strides[axis] * np.arange(here.shape[k]))
                    .reshape([-1] + [1] * (here.ndim - k - 1))
                    .astype(here.dtype)
                )
            continue
        for at, slot in zip(np.ndindex(here.shape[len(axes) :]), part.slots, strict=True):
            here[(..., *at)] = first + slot.before[part.rows]
    pieces = pieces_of(grid)
    return Write(index=grid.reshape(-1).astype(np.intp)) if pieces is None else Write(tuple(pieces))


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
            index = index + (strides[axis] * np.arange(shape[axis])).reshape([-1] + [1] * (len(shape) - axis - 1))
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


def cut(part: Sequence[slice], shape: Sequence[int]) -> tuple[slice, ...]:
    """The same part of an array that is of size 1 along axes where it does not vary."""
    return tuple([slice(None) if size == 1 else bounds for bounds, size in zip(part, shape, strict=True)])


def _in_turn(writes: Sequence[Write], count: int) -> tuple[tuple[Write, ...], bool]:
    """The same writes, each told whether one before it has written to its places; whether zeros must be there first."""
    covered, done, needs_zeros = np.zeros(count, bool), list[Write](), False
    seen: set[int] = set()
    for write in writes:
        if id(write) in seen:
            done.append(write._replace(adds=True))
            continue
        seen.add(id(write))
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


def _seen(positions: Any, bound: int) -> int:
    """How many different positions there are."""
    seen = np.zeros(bound, bool)
    seen[positions] = True
    return int(np.count_nonzero(seen))


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
        repeats = not place.names_once and _seen(grid, total) != grid.size
        pieces = None if repeats else pieces_of(grid)
        index = grid.reshape(-1).astype(np.intp) if pieces is None else None
        writes.append(Write(tuple(pieces or ()), index, repeats=repeats))
        start = stop
    return Structure(matrix.indices[new], indptr, True, *_in_turn(writes, len(matrix.indices)))
