"""The same entries in another shape: reshape, axes in another order, repetition, shifts; nothing is stored.

y = x.reshape(…)       the row and the column are the same labels, grouped in two ways
y = x.T                ∂y[j,i]/∂x[i,j] = 1
y = broadcast(x)       ∂y[i,j]/∂x[j] = 1
y = roll(x, s)         two runs: ∂y[i+s]/∂x[i] = 1 and ∂y[i]/∂x[i+n-s] = 1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from chainrule.linear.term import Axis, Pattern, Term, affine, pattern
from chainrule.op import REGISTRY, Call, Constant, Diagonal, Operation, Sample, Structural, define, implements
from chainrule.ops.elementwise import clone
from chainrule.ops.index import getitem
from chainrule.ops.options import plain
from chainrule.ops.region import FULL

__all__ = ["arrayed", "broadcast_to", "regroup", "repeat", "reshape", "roll", "tile", "transpose"]

Shape = tuple[int, ...]


def arrayed(value: Any) -> Any:
    """A tensor or array as it is; a number or a nested list as an array (a tensor, if there is one in it)."""
    if hasattr(value, "shape"):
        return value
    if isinstance(value, list | tuple) and holds_tensor(value):
        return REGISTRY[np.stack]([arrayed(entry) for entry in value])
    return np.asarray(value)


def holds_tensor(value: Any) -> bool:
    """Whether a tensor lies somewhere in nested lists."""
    if isinstance(value, list | tuple):
        return any([holds_tensor(entry) for entry in value])
    return hasattr(type(value), "__chainrule_record__")


def integers_of(values: Any) -> Shape:
    """An integer or a sequence of them as a tuple of Python's integers."""
    values = plain(values)
    return tuple([int(plain(value)) for value in values]) if np.ndim(values) else (int(values),)


# --- reshape ---


def regroup(row: Shape, column: Shape) -> tuple[Pattern, tuple[Any, ...]]:
    """The pattern of a reshape to ``row`` from ``column``, and its tables (none, unless the splits do not nest).

    >>> regroup((2, 3, 4), (6, 4))[0]
    Pattern((0, 1, 2) <- (3·0+1, 2); factors -; sizes (2, 3, 4))
    """
    sizes: list[int] = []
    places: dict[str, list[Axis | None]] = {"row": [], "column": []}
    tables: list[tuple[int, ...]] = []
    arrays: list[Any] = []
    for left, right in blocks(row, column):
        labels = nested(left, right, sizes)
        if labels is not None:
            places["row"].extend(labels[0])
            places["column"].extend(labels[1])
            continue
        named = tuple(range(len(sizes), len(sizes) + len(left)))
        sizes.extend(left)
        places["row"].extend([affine(size, label) for size, label in zip(left, named, strict=True)])
        for size, positions in zip(right, np.unravel_index(np.arange(prod(left)).reshape(left), right), strict=True):
            places["column"].append(Axis(size, named, (0,) * len(named), 0, len(tables)))
            tables.append(named)
            arrays.append(positions)
    whole = []
    for side, shape in (("row", row), ("column", column)):
        following = iter(places[side])
        whole.append([None if size == 1 else next(following) for size in shape])
    return pattern(sizes, whole[0], whole[1], (), tables)[0], tuple(arrays)


def blocks(row: Shape, column: Shape) -> Iterator[tuple[list[int], list[int]]]:
    """The smallest runs of axes that hold the same number of entries on both sides; axes of size 1 are left out."""
    left, right = [n for n in row if n != 1], [n for n in column if n != 1]
    i = j = 0
    while i < len(left):
        start = i, j
        many, few = left[i], right[j]
        i, j = i + 1, j + 1
        while many != few:
            if many < few:
                many, i = many * left[i], i + 1
            else:
                few, j = few * right[j], j + 1
        yield left[start[0] : i], right[start[1] : j]


def nested(left: Sequence[int], right: Sequence[int], sizes: list[int]) -> tuple[list[Axis], list[Axis]] | None:
    """Both sides as groups of the same labels, which are added to ``sizes``; None if the splits do not nest."""
    cuts = [list(np.cumprod([1, *side[::-1]])[::-1]) for side in (left, right)]
    common = sorted({int(cut) for side in cuts for cut in side}, reverse=True)
    if any([large % small for large, small in zip(common, common[1:], strict=False)]):
        return None
    first = len(sizes)
    sizes.extend([large // small for large, small in zip(common, common[1:], strict=False)])
    made: list[list[Axis]] = []
    for side, extents in zip(cuts, (left, right), strict=True):
        axes = []
        for extent, large, small in zip(extents, side, side[1:], strict=False):
            inside = range(common.index(large), common.index(small))
            labels = tuple([first + k for k in inside])
            axes.append(Axis(extent, labels, tuple([common[k + 1] // int(small) for k in inside])))
        made.append(axes)
    return made[0], made[1]


def reshape_terms(call: Call, position: int) -> Iterable[Term]:
    """The entries in C order are the same on both sides."""
    if 0 in call.shape:
        return ()
    made, tables = regroup(call.shape, call.shapes[0])
    return (Term(made, (), tables),)


reshape = define(
    "reshape",
    lambda x, shape: x.reshape(shape) if isinstance(x, np.ndarray) else np.reshape(x, shape),
    Structural(reshape_terms),
    label="View",
    samples=[
        Sample(((6,),), {"shape": (2, 3)}),
        Sample(((2, 3, 4),), {"shape": (6, -1)}),
        Sample(((4, 6),), {"shape": (6, 4)}),
        Sample(((5, 4, 6, 1),), {"shape": (1, 5, 6, 2, 2)}),
        Sample(((12, 2),), {"shape": (2, 3, 4)}),
        Sample(((1, 1),), {"shape": ()}),
        Sample(((),), {"shape": (1, 1)}),
        Sample(((0, 3),), {"shape": (7, 0)}),
    ],
)


@implements(np.reshape)
def reshape_of(a: Any, shape: Any = None, order: str = "C", *, copy: bool | None = None, newshape: Any = None) -> Any:
    """np.reshape."""
    shape = integers_of(newshape if shape is None else shape)
    a = clone(a) if copy else arrayed(a)
    if is_fortran(a, order):
        return transpose_of(reshape(transpose_of(a), shape=shape[::-1]))
    return reshape(a, shape=shape)


def is_fortran(a: Any, order: str) -> bool:
    """Whether ``order`` means that the first axis varies fastest."""
    if order == "C" or order == "F":
        return order == "F"
    flags = plain(a).flags
    return bool(flags.f_contiguous and not flags.c_contiguous)


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """np.ravel."""
    return reshape_of(a, (-1,), order)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """np.squeeze."""
    shape = a.shape
    if axis is None:
        return reshape(a, shape=tuple([size for size in shape if size != 1]))
    gone = normalize_axis_tuple(integers_of(axis), len(shape))
    if any([shape[k] != 1 for k in gone]):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return reshape(a, shape=tuple([size for k, size in enumerate(shape) if k not in gone]))


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """np.expand_dims."""
    chosen = integers_of(axis)
    rank = len(a.shape) + len(chosen)
    new = normalize_axis_tuple(chosen, rank)
    following = iter(a.shape)
    return reshape(a, shape=tuple([1 if k in new else next(following) for k in range(rank)]))


def at_least(value: Any, rank: int) -> Any:
    """One value with at least ``rank`` axes, placed as np.atleast_3d places them."""
    value = arrayed(value)
    shape = value.shape
    if len(shape) >= rank:
        return value
    ahead = {0: (1,) * rank, 1: (1,) * (rank > 1) + shape + (1,) * (rank > 2), 2: (*shape, 1)}[len(shape)]
    return reshape(value, shape=ahead)


def _at_least(rank: int) -> Any:
    def adapter(*values: Any) -> Any:
        made = [at_least(value, rank) for value in values]
        return made[0] if len(made) == 1 else tuple(made)

    return adapter


REGISTRY[np.atleast_1d] = _at_least(1)
REGISTRY[np.atleast_2d] = _at_least(2)
REGISTRY[np.atleast_3d] = _at_least(3)


# --- axes in another order ---


def transpose_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[i_a, i_b, …]/∂x[i_0, i_1, …] = 1 with the axes a, b, … of the parameter."""
    shape, axes = call.shapes[0], call.params.get("axes")
    order = range(len(shape))[::-1] if axes is None else normalize_axis_tuple(axes, len(shape))
    return (Term(pattern(shape, order, range(len(shape)))[0]),)


transpose = define(
    "transpose",
    lambda x, axes=None: np.transpose(x, axes),
    Structural(transpose_terms),
    label="Permute",
    samples=[
        Sample(((2, 3),)),
        Sample(((2, 3, 4),), {"axes": (2, 0, -2)}),
        Sample(((0, 1, 3),), {"axes": (1, 0, 2)}),
    ],
)


@implements(np.transpose)  # np.permute_dims is the same function
def transpose_of(a: Any, axes: Any = None) -> Any:
    """np.transpose, np.permute_dims."""
    a = arrayed(a)
    return transpose(a) if axes is None else transpose(a, axes=integers_of(axes))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """np.matrix_transpose."""
    if len(x.shape) < 2:
        raise ValueError(f"matrix_transpose needs at least two axes, got shape {tuple(x.shape)}")
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """np.swapaxes."""
    order = list(range(len(a.shape)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(a, axes=tuple(order))


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """np.moveaxis."""
    rank = len(a.shape)
    moved = normalize_axis_tuple(integers_of(source), rank, "source")
    places = normalize_axis_tuple(integers_of(destination), rank, "destination")
    if len(moved) != len(places):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [axis for axis in range(rank) if axis not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        order.insert(place, axis)
    return transpose(a, axes=tuple(order))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """np.rollaxis."""
    rank = len(a.shape)
    axis = normalize_axis_index(axis, rank)
    start = start + rank if start < 0 else start
    return moveaxis(a, axis, start - 1 if axis < start else start)


# --- repetition ---


def broadcast_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[i, j]/∂x[j] = 1: the label i stands in the row alone."""
    shape, given = call.shape, call.shapes[0]
    ahead = len(shape) - len(given)
    column = [None if size == 1 and shape[ahead + k] != 1 else ahead + k for k, size in enumerate(given)]
    return (Term(pattern(shape, range(len(shape)), column)[0]),)


broadcast_to = define(
    "broadcast_to",
    np.broadcast_to,
    Structural(broadcast_terms),
    label="Expand",
    samples=[
        Sample(((3,),), {"shape": (2, 3)}),
        Sample(((2, 1, 3),), {"shape": (4, 2, 5, 3)}),
        Sample(((),), {"shape": (2,)}),
        Sample(((1, 3),), {"shape": (0, 3)}),
    ],
)


@implements(np.broadcast_to)
def broadcast_to_of(array: Any, shape: Any, subok: bool = False) -> Any:
    """np.broadcast_to."""
    return broadcast_to(arrayed(array), shape=integers_of(shape))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """np.broadcast_arrays."""
    values = [arrayed(value) for value in args]
    shape = np.broadcast_shapes(*[value.shape for value in values])
    return tuple([value if value.shape == shape else broadcast_to(value, shape=shape) for value in values])


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


# --- new arrays like another, and facts about arrays: nothing to differentiate ---


def _like(function: Any) -> Operation:
    """An operation whose result does not depend on the entries; a tensor, so that it can be filled with tracked ones."""
    return define(
        function.__name__, lambda x, **options: function(x, **options), Constant(), samples=[Sample(((2, 3),))]
    )


zeros_like, ones_like, empty_like = _like(np.zeros_like), _like(np.ones_like), _like(np.empty_like)


def _implement_like(function: Any, operation: Operation) -> None:
    @implements(function)
    def adapter(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        options: dict[str, Any] = {} if dtype is None else {"dtype": np.dtype(dtype)}
        return operation(a, **options, **({} if shape is None else {"shape": integers_of(shape)}))


for _function, _operation in ((np.zeros_like, zeros_like), (np.ones_like, ones_like), (np.empty_like, empty_like)):
    _implement_like(_function, _operation)


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """np.full_like; the value may be a tensor."""
    kind = np.dtype(plain(a).dtype if dtype is None else dtype)
    made = clone(broadcast_to(arrayed(fill_value), shape=a.shape if shape is None else integers_of(shape)))
    return made if made.dtype == kind else made.astype(kind)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """np.copy."""
    return clone(a)


@implements(np.real)
def real(val: Any) -> Any:
    """np.real of real numbers."""
    return val[...]


@implements(np.imag)
def imag(val: Any) -> Any:
    """np.imag of real numbers: zeros."""
    return zeros_like(val)


nan_to_num = define(
    "nan_to_num",
    lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    Diagonal(lambda x: np.isfinite(x).astype(x.dtype), ("x",)),
    samples=[Sample(((2, 3),)), Sample(((3,),), {"nan": 1.0, "posinf": 2.0, "neginf": None})],
)


@implements(np.nan_to_num)
def nan_to_num_of(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """np.nan_to_num: what is replaced passes no derivative."""
    return nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
