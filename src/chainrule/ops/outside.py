"""What an overwritten region leaves: the identity outside it, and of several writes to one position the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.functions import steps_of
from chainrule.linear.term import Axis, Term, affine, constant, identity, pattern
from chainrule.ops.region import Region, placed

__all__ = ["as_slices", "last_written", "outside", "outside_arrays", "tabled_identity"]

SHORT_STEP = 4  # the positions that a slice of this step or less skips are written as affine runs, not as a table

Run = tuple[int, int, int]  # start, step, length of positions along one axis


def skipped(place: Axis, length: int) -> list[Run] | None:
    """The positions along an axis that the ``length`` positions of ``place`` leave out; None: many short runs."""
    if length == 0:
        return [(0, 1, place.size)]
    step = place.strides[0] if place.labels else 1
    first = min(place.offset, place.offset + (length - 1) * step)
    last = max(place.offset, place.offset + (length - 1) * step)
    runs = [(0, 1, first), (last + 1, 1, place.size - last - 1)]
    if length > 1 and abs(step) > SHORT_STEP:
        return None
    runs += [(first + k, abs(step), length - 1) for k in range(1, abs(step))] if length > 1 else []
    return [run for run in runs if run[2] > 0]


def outside(found: Region) -> Iterator[Term]:
    """The identity outside an affine region: for each axis in turn, what it leaves out within the ones before."""
    lengths = [found.sizes[place.labels[0]] if place.labels else 1 for place in found.places]
    extents = [place.size for place in found.places]
    for axis, place in enumerate(found.places):
        if not all(lengths[:axis]):
            return  # an axis before was left out as a whole
        inside = [
            (before.offset, before.strides[0] if before.labels else 1, length)
            for before, length in zip(found.places[:axis], lengths[:axis], strict=True)
        ]
        after = [(0, 1, size) for size in extents[axis + 1 :]]
        runs = skipped(place, lengths[axis])
        if runs is None:
            kept = np.delete(np.arange(place.size), place.offset + place.strides[0] * np.arange(lengths[axis]))
            yield same([*inside, (0, 1, len(kept)), *after], extents, axis, kept)
        else:
            for run in runs:
                yield same([*inside, run, *after], extents)


def same(runs: Sequence[Run], extents: Sequence[int], tabled: int = -1, table: Any = None) -> Term:
    """The identity on a box of positions, one of whose axes may be given by a table."""
    axes: list[Axis] = []
    sizes: list[int] = []
    tables: list[tuple[int, ...]] = []
    for axis, ((start, step, length), extent) in enumerate(zip(runs, extents, strict=True)):
        if length == 1 and axis != tabled:
            axes.append(constant(extent, start))
            continue
        if axis == tabled:
            tables.append((len(sizes),))
            axes.append(Axis(extent, (len(sizes),), (0,), 0, 0))
        else:
            axes.append(affine(extent, len(sizes), step, start))
        sizes.append(length)
    return Term(pattern(sizes, axes, axes, (), tables)[0], (), (table,) if tables else ())


def outside_arrays(found: Region, tables: Sequence[Any]) -> Iterator[Term]:
    """The identity outside a region of index arrays: full axes stay labels, the others get tables of what is kept."""
    free = [
        axis
        for axis, place in enumerate(found.places)
        if place.table < 0 and place.labels and place.strides == (1,) and place.size == found.sizes[place.labels[0]]
    ]
    bound = [axis for axis in range(len(found.places)) if axis not in free]
    if not found.places:  # an array without axes, at x[True] or x[False]
        if 0 in found.sizes:
            yield Term(identity(()))
        return
    shape = [found.places[axis].size for axis in bound]
    kept = np.ones(shape, bool)
    kept[points(found, tables, bound)] = False
    yield tabled_identity([place.size for place in found.places], bound, kept.nonzero())


def tabled_identity(extents: Sequence[int], bound: Sequence[int], positions: Sequence[Any]) -> Term:
    """The identity on the listed positions of the axes ``bound``, and on all of the other axes."""
    sizes = [len(positions[0])] if bound else []
    axes: list[Axis] = []
    for axis, extent in enumerate(extents):
        if axis in bound:
            axes.append(Axis(extent, (0,), (0,), 0, bound.index(axis)))
        else:
            axes.append(affine(extent, len(sizes)))
            sizes.append(extent)
    return Term(pattern(sizes, axes, axes, (), [(0,)] * len(bound))[0], (), tuple(positions))


def points(found: Region, tables: Sequence[Any], axes: Sequence[int]) -> tuple[Any, ...]:
    """Index arrays, over the labels that ``axes`` use in order, of their positions in the region."""
    used = sorted({label for axis in axes for label in found.places[axis].labels})
    index: list[Any] = []
    for axis in axes:
        place = found.places[axis]
        if place.table >= 0:
            shape = [found.sizes[label] if label in place.labels else 1 for label in used]
            index.append(tables[place.table].reshape(shape))
        elif place.labels:
            shape = [-1 if label in place.labels else 1 for label in used]
            index.append((place.offset + place.strides[0] * np.arange(found.sizes[place.labels[0]])).reshape(shape))
        else:
            index.append(np.full((1,) * len(used), place.offset))
    return tuple(np.broadcast_arrays(*index)) if index else ()


def last_written(found: Region, tables: Sequence[Any], shape: tuple[int, ...]) -> Term:
    """Where the entries of an array of ``shape`` are put; of several for one position the last one counts."""
    bound = [axis for axis, place in enumerate(found.places) if place.table >= 0]
    whole_term = Term(placed(found, shape), (), tuple(tables))
    if not any([found.places[axis].labels for axis in bound]):
        return whole_term  # one position
    index = points(found, tables, bound)
    flat = np.ravel_multi_index(index, [found.places[axis].size for axis in bound]).reshape(-1)
    order = np.arange(flat.size)
    last = np.zeros(prod([found.places[axis].size for axis in bound]), np.intp)
    np.maximum.at(last, flat, order)
    winners = np.nonzero(last[flat] == order)[0]
    if len(winners) == flat.size:
        return whole_term
    # One label runs over the winners; the axes of the index arrays, on both sides, are tables of it.
    joint = sorted({label for axis in bound for label in found.places[axis].labels})
    sizes = [*found.sizes, len(winners)]
    run = len(found.sizes)
    new_tables = [part.reshape(-1)[winners] for part in index]
    row = [
        Axis(place.size, (run,), (0,), 0, bound.index(axis)) if axis in bound else place
        for axis, place in enumerate(found.places)
    ]
    where = np.unravel_index(winners, [found.sizes[label] for label in joint])
    column: list[Axis | int | None] = []
    for label, size in zip(found.aligned(shape), shape, strict=True):
        if label in joint:
            column.append(Axis(size, (run,), (0,), 0, len(new_tables)))
            new_tables.append(where[joint.index(label)])
        else:
            column.append(label)
    return Term(pattern(sizes, row, column, (), [(run,)] * len(new_tables))[0], (), tuple(new_tables))


def as_slices(shape: tuple[int, ...], positions: Any) -> tuple[Region, list[int]] | None:
    """The affine region that flat positions are, with the order of its axes; None if they are not one."""
    if positions.size == 0 or 0 in shape:
        return None
    steps = steps_of(positions)
    if steps is None:
        return None
    start, strides = steps
    offsets = [int(offset) for offset in np.unravel_index(start, shape)] if shape else []
    places = [constant(size, offset) for size, offset in zip(shape, offsets, strict=True)]
    labels: list[int | None] = []
    for label, (length, stride) in enumerate(zip(positions.shape, strides, strict=True)):
        if length == 1:
            labels.append(None)
            continue
        for axis, size in enumerate(shape):
            step, rest = divmod(stride, prod(shape[axis + 1 :]))
            last = offsets[axis] + step * (length - 1)
            if rest == 0 and step != 0 and 0 <= last < size and not places[axis].labels:
                places[axis] = affine(size, label, step, offsets[axis])
                break
        else:
            return None
        labels.append(label)
    return Region(positions.shape, tuple(places), tuple(labels)), []
