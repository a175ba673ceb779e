"""The same entries in another shape: reshape, axes in another order, broadcasting; nothing is stored.

y = x.reshape(…)       the row and the column are the same labels, grouped in two ways
y = x.T                ∂y[j,i]/∂x[i,j] = 1
y = broadcast(x)       ∂y[i,j]/∂x[j] = 1
y = roll(x, s)         two runs: ∂y[i+s]/∂x[i] = 1 and ∂y[i]/∂x[i+n-s] = 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from chainrule.errors import OptionError, ShapeError
from chainrule.linear.term import Axis, Pattern, Term, affine, pattern
from chainrule.op import REGISTRY, Call, Sample, Structural, define, implements
from chainrule.ops.elementwise import clone, copied
from chainrule.ops.options import plain
from chainrule.ops.writing import as_latex, as_text, calling, literal, upright

__all__ = [
    "arrayed",
    "at_least",
    "broadcast_to",
    "by_rows",
    "integers_of",
    "lying_as",
    "moveaxis",
    "ravel",
    "regroup",
    "reshape",
    "swapaxes",
    "transpose",
]

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
    if any([large % small for large, small in pairwise(common)]):
        return None
    first = len(sizes)
    sizes.extend([large // small for large, small in pairwise(common)])
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
    notation=(
        lambda x, shape: as_text("reshape", [x, literal(shape)]),
        lambda x, shape: as_latex("reshape", [x, upright(literal(shape))]),
        lambda x, shape: f"{x}.reshape({', '.join(map(str, shape)) or '()'})",
    ),
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
    return by_rows(reshape_of(a, (-1,), order))


def by_rows(a: Any) -> Any:
    """The same with its entries in C order in memory, copied unless they are: whether a reshape is a view shows it."""
    value = plain(a)
    return copied(a) if isinstance(value, np.ndarray) and not value.flags.c_contiguous else a


def lying_as(made: Any, a: Any) -> Any:
    """The same with its entries by columns in memory if those of ``a`` are and not by rows, else in C order."""
    if isinstance(plain(a), np.ndarray) and is_fortran(a, "A"):
        return transpose(by_rows(transpose(made)))
    return by_rows(made)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """np.squeeze."""
    shape = a.shape
    if axis is None:
        return reshape(a, shape=tuple([size for size in shape if size != 1]))
    gone = normalize_axis_tuple(integers_of(axis), len(shape))
    if any([shape[k] != 1 for k in gone]):
        raise ShapeError(f"np.squeeze: axes {gone} of shape {tuple(shape)}: only axes of size 1 can be dropped.")
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


def transposed(template: str, spelled: int) -> Callable[..., str]:
    """Writes a transpose: as ``template`` where the axes are reversed or the last two swapped, else as a call."""
    write = calling("np.transpose", first="axes")[spelled]

    def told(x: str, axes: Shape | None = None) -> str:
        order = None if axes is None else tuple([axis % len(axes) for axis in axes])
        if order is None or order == tuple(range(len(order)))[::-1]:
            return template.format(x, "T")
        last = len(order) - 1
        if order == (*range(last - 1), last, last - 1):
            return template.format(x, "mT")
        return write(x, axes=order)

    return told


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
    notation=(transposed("{0}ᵀ", 0), transposed(r"{{{0}}}^{{\top}}", 1), transposed("{0}.{1}", 2)),
)


@implements(np.transpose)  # np.permute_dims is the same function
def transpose_of(a: Any, axes: Any = None) -> Any:
    """np.transpose, np.permute_dims."""
    a = arrayed(a)
    return transpose(a) if axes is None else transpose(a, axes=integers_of(axes))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """np.matrix_transpose."""
    if len(x.shape) < 2:
        raise ShapeError(f"np.matrix_transpose needs at least two axes, got shape {tuple(x.shape)}.")
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
        raise OptionError(f"np.moveaxis: {len(moved)} axes to move and {len(places)} places; give one place for each.")
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


# --- broadcasting ---


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
    notation=calling("np.broadcast_to", first="shape"),
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
