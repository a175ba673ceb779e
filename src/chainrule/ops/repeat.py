"""Entries repeated, shifted and turned round: tile, repeat, roll, flip; a few affine runs, nothing is stored.

y = tile(x, r)         ∂y[n·k+i]/∂x[i] = 1
y = repeat(x, r)       ∂y[r·i+k]/∂x[i] = 1
y = roll(x, s)         two runs: ∂y[i+s]/∂x[i] = 1 and ∂y[i]/∂x[i+n-s] = 1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from chainrule.linear.term import Axis, Pattern, Term, affine, pattern
from chainrule.op import Call, Sample, Structural, define, implements
from chainrule.ops.index import getitem
from chainrule.ops.region import FULL
from chainrule.ops.shape import integers_of, ravel, reshape, swapaxes
from chainrule.ops.writing import calling

__all__ = ["flip", "repeat", "roll", "roll_of", "tile"]


def tile_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[n·r + i]/∂x[i] = 1 for every repetition r."""
    shape, given = call.shape, call.shapes[0]
    ahead = len(shape) - len(given)
    sizes: list[int] = []
    row: list[Axis] = []
    column: list[int] = []
    for axis, size in enumerate(shape):
        extent = given[axis - ahead] if axis >= ahead else 1
        row.append(Axis(size, (len(sizes), len(sizes) + 1), (extent, 1)))
        column.append(len(sizes) + 1)
        sizes += [size // extent if extent else 0, extent]
    return () if 0 in sizes else (Term(_without_ones(sizes, row, column[ahead:])),)


def _without_ones(sizes: Sequence[int], row: Sequence[Axis], column: Sequence[int]) -> Pattern:
    """The pattern without the labels of size 1: they do not move a position."""

    def kept(axis: Axis) -> Axis:
        pairs = [(n, stride) for n, stride in zip(axis.labels, axis.strides, strict=True) if sizes[n] != 1]
        return Axis(axis.size, tuple([n for n, _ in pairs]), tuple([stride for _, stride in pairs]), axis.offset)

    return pattern(sizes, [kept(axis) for axis in row], [kept(affine(sizes[n], n)) for n in column])[0]


tile = define(
    "tile",
    lambda x, reps: np.tile(x, reps),
    Structural(tile_terms),
    label="Repeat",
    samples=[
        Sample(((3,),), {"reps": (2,)}),
        Sample(((2, 3),), {"reps": (3, 1, 2)}),
        Sample(((2, 1),), {"reps": (2,)}),
        Sample(((2, 3),), {"reps": (0, 2)}),
    ],
    notation=calling("np.tile", first="reps"),
)


@implements(np.tile)
def tile_of(A: Any, reps: Any) -> Any:
    """np.tile."""
    return tile(A, reps=integers_of(reps))


def repeat_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[r·i + k]/∂x[i] = 1 for k < r."""
    shape, axis, count = call.shapes[0], call.params["axis"], call.params["repeats"]
    if 0 in call.shape:
        return ()
    row = [affine(size, k) for k, size in enumerate(shape)]
    row[axis] = Axis(shape[axis] * count, (axis, len(shape)), (count, 1))
    return (Term(_without_ones([*shape, count], row, range(len(shape)))),)


repeat = define(
    "repeat",
    lambda x, repeats, axis: np.repeat(x, repeats, axis),
    Structural(repeat_terms),
    label="RepeatInterleave",
    samples=[
        Sample(((3,),), {"repeats": 2, "axis": 0}),
        Sample(((2, 3),), {"repeats": 3, "axis": 1}),
        Sample(((1, 3),), {"repeats": 0, "axis": 1}),
    ],
    notation=calling("np.repeat", first="repeats"),
)


@implements(np.repeat)
def repeat_of(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """np.repeat, the same number of times each or not."""
    if axis is None:
        a, axis = ravel(a), 0
    axis = normalize_axis_index(axis, len(a.shape))
    counts = integers_of(repeats)
    if len(counts) == 1:
        return repeat(a, repeats=counts[0], axis=axis)
    positions = np.repeat(np.arange(a.shape[axis]), counts)
    return getitem(a, positions, index=(FULL,) * axis + (("array",),))


# --- shifts and turns ---


def roll_terms(call: Call, position: int) -> Iterator[Term]:
    """∂y[i+s]/∂x[i] = 1 for i < n-s, and ∂y[i]/∂x[i+n-s] = 1 for i < s; for all combinations of the axes."""
    shape = call.shapes[0]
    shifts = [0] * len(shape)
    for shift, axis in zip(call.params["shift"], call.params["axis"], strict=True):
        shifts[axis] += shift
    choices: list[list[tuple[int, int, int]]] = []  # for each axis: where a run starts in the row, the column; length
    for size, shift in zip(shape, shifts, strict=True):
        start = shift % size if size else 0
        choices.append([(start, 0, size - start), *([(0, size - start, start)] if start else [])])
    for runs in product(*choices):
        sizes = [length for _, _, length in runs]
        row = [affine(size, k, 1, run[0]) for k, (size, run) in enumerate(zip(shape, runs, strict=True))]
        column = [affine(size, k, 1, run[1]) for k, (size, run) in enumerate(zip(shape, runs, strict=True))]
        yield Term(pattern(sizes, row, column)[0])


roll = define(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    Structural(roll_terms),
    samples=[
        Sample(((5,),), {"shift": (2,), "axis": (0,)}),
        Sample(((3, 4),), {"shift": (-1, 6), "axis": (0, 1)}),
        Sample(((3, 4),), {"shift": (2, 2), "axis": (1, 1)}),
        Sample(((1, 0),), {"shift": (1, 1), "axis": (0, 1)}),
    ],
    notation=calling("np.roll", first="shift"),
)


@implements(np.roll)
def roll_of(a: Any, shift: Any, axis: Any = None) -> Any:
    """np.roll."""
    if axis is None:
        return reshape(roll(ravel(a), shift=(sum(integers_of(shift)),), axis=(0,)), shape=a.shape)
    shifts, axes = np.broadcast_arrays(
        integers_of(shift), normalize_axis_tuple(integers_of(axis), len(a.shape), None, True)
    )
    return roll(a, shift=tuple(shifts.tolist()), axis=tuple(axes.tolist()))


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """np.flip."""
    rank = len(m.shape)
    chosen = range(rank) if axis is None else normalize_axis_tuple(integers_of(axis), rank)
    return getitem(m, index=tuple([("slice", None, None, -1) if k in chosen else FULL for k in range(rank)]))


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """np.fliplr."""
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """np.flipud."""
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """np.rot90."""
    first, second = normalize_axis_tuple(integers_of(axes), len(m.shape))
    k = k % 4
    if k == 0:
        return m[...]
    if k == 2:
        return flip(m, (first, second))
    return swapaxes(flip(m, second), first, second) if k == 1 else flip(swapaxes(m, first, second), second)
