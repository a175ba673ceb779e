"""Terms whose entries lie in one small block for each position of a shared label, made that block.

    δ_ab D + a ⊗ b + c δ_b2 + …  = one array of the block's size for each position, if all of it is filled

as they come from paths through slices and components: beside each other they would hold more numbers than entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.convert import dtype_of, values
from chainrule.linear.functions import steps_of
from chainrule.linear.numbers import stored
from chainrule.linear.pieces import Piece
from chainrule.linear.term import Axis, Pattern, Term, pattern
from chainrule.linear.writing import writing, written

__all__ = ["tiled"]

_MOST = 64  # numbers in a block
_LONG = 256  # blocks from which their numbers count for more than the terms do

Box = tuple[tuple[int, int], ...]  # along each axis of the block, the first position and one after the last


class _Step(NamedTuple):
    """Positions along an axis of the block: an offset and strides of labels, from a table or from ``unit`` · label."""

    offset: int
    strides: dict[int, int]
    unit: int = 0  # 0 where the axis does not go along the label of the frame
    table: int = -1  # among those of `_Tables`


class _Frame(NamedTuple):
    """How a term lies in blocks, one for each position of ``label``; ``key`` is what such terms have in common."""

    key: Any
    label: int
    steps: tuple[_Step, ...]
    box: Box


def tiled(terms: Sequence[Term]) -> list[Term]:
    """The same sum, where blocks are made of terms that overlap in them, if that stores no more.

    >>> both = pattern([300, 2], [0, 1], [0, 1], [(0, 1)])[0]
    >>> all_of_it = pattern([300, 2, 2], [0, 1], [0, 2], [(0, 1), (0, 2)])[0]
    >>> D, a, b = (np.full((300, 2), number) for number in (1.0, 2.0, 3.0))
    >>> (term,) = tiled([Term(both, (D,)), Term(all_of_it, (a, b))])
    >>> term.factors[0][0]
    array([[7., 6.],
           [6., 7.]])
    """
    groups: dict[Any, list[int]] = {}
    tables = _Tables()
    frames = [_frame_of(term, tables) for term in terms]
    for place, frame in enumerate(frames):
        if frame is not None:
            groups.setdefault(frame.key, []).append(place)
    made: list[Term] = []
    gone: set[int] = set()
    for members in groups.values():
        for box, cluster in _clusters([(frames[k].box, [k]) for k in members]):  # type: ignore[union-attr]
            chosen = [terms[k] for k in cluster]
            some = frames[cluster[0]]
            assert some is not None
            size = prod([stop - start for start, stop in box])
            if len(cluster) < 2 or size > _MOST or size * chosen[0].pattern.sizes[some.label] > stored(chosen):
                continue
            apart = all(
                [0 <= stop - start <= (step.unit or size) for (start, stop), step in zip(box, some.steps, strict=True)]
            )
            if not apart or not _filled(box, [frames[k] for k in cluster], chosen):
                continue
            made.append(_block(box, [frames[k] for k in cluster], chosen, tables))
            gone.update(cluster)
    return [*[term for k, term in enumerate(terms) if k not in gone], *made] if gone else list(terms)


def _clusters(boxes: list[tuple[Box, list[int]]]) -> list[tuple[Box, list[int]]]:
    """Boxes that overlap, together with all others that their common box overlaps."""
    found: list[tuple[Box, list[int]]] = []
    for box, members in boxes:
        together = [*members]
        while True:
            touched = next((place for place, (other, _) in enumerate(found) if _overlap(box, other)), None)
            if touched is None:
                break
            other, more = found.pop(touched)
            box = tuple([(min(a, c), max(b, d)) for (a, b), (c, d) in zip(box, other, strict=True)])
            together = more + together
        found.append((box, together))
    return found


def _overlap(one: Box, other: Box) -> bool:
    return all([a < d and c < b for (a, b), (c, d) in zip(one, other, strict=True)])


class _Tables:
    """Tables that are one column of positions, and steps from there that are the same in all rows."""

    def __init__(self) -> None:
        self.columns: list[Any] = []
        self.known: dict[Any, tuple[Any, Any]] = {}

    def step(self, table: Any, names: Sequence[int], label: int) -> _Step | None:
        """The positions in a table as steps from a column; None if they are not equal in all rows."""
        key = id(table), names.index(label)
        if key not in self.known:
            self.known[key] = table, self._found(np.moveaxis(np.asarray(table), names.index(label), 0))
        found = self.known[key][1]
        if found is None:
            return None
        which, offset, strides = found
        others = [name for name in names if name != label]
        return _Step(offset, dict(zip(others, strides, strict=True)), 0, which)

    def _found(self, table: Any) -> Any:
        steps = steps_of(table[0]) if table.ndim > 1 else (int(table[0]), [])
        column = table[(slice(None),) + (0,) * (table.ndim - 1)]
        if (
            steps is None
            or not (table - table[:1] == (column - column[0]).reshape([-1] + [1] * (table.ndim - 1))).all()
        ):
            return None
        for which, known in enumerate(self.columns):
            apart = int(column[0]) - int(known[0])
            if len(known) == len(column) and (column - known == apart).all():
                return which, apart, steps[1]
        self.columns.append(column)
        return len(self.columns) - 1, 0, steps[1]


def _frame_of(term: Term, tables: _Tables) -> _Frame | None:
    p = term.pattern
    if p.tables:
        return _frame(term, tables)
    if "frame" not in p.plans:
        p.plans["frame"] = _frame(term, tables)
    found: _Frame | None = p.plans["frame"]
    return found


def _frame(term: Term, tables: _Tables) -> _Frame | None:
    """The frame of a term: the row and the column both go along the longest label, and fill it in equal steps."""
    p = term.pattern
    if p.inner or not p.outer or any([f.opaque or len(set(f.labels)) < len(f.labels) for f in p.factors]):
        return None
    label, steps, key = max(p.outer, key=lambda each: p.sizes[each]), [], []
    if p.sizes[label] < _LONG:
        return None
    for axes in (p.row, p.column):
        if sum([label in axis.labels for axis in axes]) != 1:
            return None
        for axis in axes:
            step = _step(term, axis, label, tables)
            if step is None:
                return None
            steps.append(step)
            key.append((axis.size, step.unit, step.table))
    return _Frame((p.sizes[label], len(p.row), *key), label, tuple(steps), tuple(_bounds(p, steps)))


def _step(term: Term, axis: Axis, label: int, tables: _Tables) -> _Step | None:
    """How a term goes along one axis of the block; None if not in the same way in every block."""
    if len(set(axis.labels)) < len(axis.labels):
        return None
    if axis.table >= 0:
        there = label in axis.labels and 0 not in np.shape(term.tables[axis.table])
        return tables.step(term.tables[axis.table], axis.labels, label) if there else None
    strides = dict(zip(axis.labels, axis.strides, strict=True))
    unit = strides.pop(label, 0)
    made = _Step(axis.offset, strides, unit)
    if label in axis.labels:
        ((start, stop),) = _bounds(term.pattern, [made])
        if unit < stop - start:
            return None  # neighbouring blocks would overlap
    return made


def _bounds(p: Pattern, steps: Sequence[_Step]) -> Iterator[tuple[int, int]]:
    for offset, strides, _, _ in steps:
        reach = [stride * (p.sizes[label] - 1) for label, stride in strides.items()]
        yield offset + sum([min(r, 0) for r in reach]), offset + sum([max(r, 0) for r in reach]) + 1


def _piece(box: Box, frame: _Frame, p: Pattern, per_block: int) -> Piece:
    """Where a term's values go in an array of blocks."""
    strides, offset, unit = dict.fromkeys(p.outer, 0), 0, 1
    for (start, stop), (at, along, _, _) in zip(reversed(box), reversed(frame.steps), strict=True):
        offset += (at - start) * unit
        for label, stride in along.items():
            strides[label] += stride * unit
        unit *= stop - start
    strides[frame.label] = per_block
    return Piece(offset, tuple([p.sizes[label] for label in p.outer]), tuple(strides.values()))


def _filled(box: Box, frames: Sequence[Any], terms: Sequence[Term]) -> bool:
    """Whether terms have entries everywhere in a box."""
    seen = np.zeros(prod([stop - start for start, stop in box]), bool)
    for frame, term in zip(frames, terms, strict=True):
        offset, shape, strides, _ = _piece(box, frame, term.pattern, 0)
        grid: Any = offset
        for axis, (size, stride) in enumerate(zip(shape, strides, strict=True)):
            grid = grid + stride * np.arange(size if stride else 1).reshape([-1] + [1] * (len(shape) - axis - 1))
        seen[grid] = True
    return bool(seen.all())


def _block(box: Box, frames: Sequence[Any], terms: Sequence[Term], tables: _Tables) -> Term:
    """The sum of terms as one array of blocks."""
    p, frame = terms[0].pattern, frames[0]
    shape = [stop - start for start, stop in box]
    grids = [tuple([term.pattern.sizes[label] for label in term.pattern.outer]) for term in terms]
    pieces = [[_piece(box, its, term.pattern, prod(shape))] for its, term in zip(frames, terms, strict=True)]
    sizes, axes, places = [p.sizes[frame.label]], list[Axis](), list[Any]()
    for axis, step, size, (start, stop) in zip((*p.row, *p.column), frame.steps, shape, box, strict=True):
        own = (len(sizes),) if size > 1 else ()
        sizes += [size] if size > 1 else []
        if step.table >= 0:
            column = tables.columns[step.table]
            places.append(
                (column[:, None] + np.arange(start, stop, dtype=column.dtype)).reshape([-1, *[size] * len(own)])
            )
            axes.append(Axis(axis.size, (0, *own), (), 0, len(places) - 1))
        else:
            along = (0,) if step.unit else ()
            axes.append(Axis(axis.size, (*along, *own), (*[step.unit for _ in along], *[1 for _ in own]), start))
    rank, labels = len(p.row), tuple(range(len(sizes)))
    named = [axis.labels for axis in axes if axis.table >= 0]
    made, _ = pattern(sizes, axes[:rank], axes[rank:], [labels], named)
    how = writing(sizes, dtype_of(terms), grids, pieces)
    return Term(made, (written(how, *[values(term) for term in terms]),), tuple(places))
