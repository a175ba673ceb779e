"""Arrays put together and taken apart: concatenate, stack, split; each part is a run of the result.

z = concatenate(x, y)      ∂z[i]/∂x[i] = 1,  ∂z[i+n]/∂y[i] = 1
z = stack(x, y)            ∂z[k,i]/∂(part k)[i] = 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from chainrule.errors import OptionError, ShapeError
from chainrule.linear.term import Axis, Term, affine, constant, pattern
from chainrule.op import Call, Sample, Structural, define, implements
from chainrule.ops.index import getitem
from chainrule.ops.options import plain, refuse_out
from chainrule.ops.region import FULL
from chainrule.ops.shape import (
    arrayed,
    at_least,
    broadcast_to,
    integers_of,
    lying_as,
    moveaxis,
    ravel,
    reshape,
    swapaxes,
)
from chainrule.ops.writing import as_latex, as_python, as_text, options

__all__ = ["along", "concatenate", "slice_along", "split", "stack"]


def along(axis: int, entry: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    """The index template that has ``entry`` at one axis and all of the axes before."""
    return (FULL,) * axis + (entry,)


def slice_along(x: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    """``x[…, start:stop:step, …]`` at one axis."""
    return getitem(x, index=along(axis % len(x.shape), ("slice", start, stop, step)))


# --- concatenate and stack ---


def concatenate_terms(call: Call, position: int) -> Iterable[Term]:
    """∂z[i + offset]/∂part[i] = 1."""
    axis = call.params["axis"] % len(call.shape)
    shape = call.shapes[position]
    offset = sum([before[axis] for before in call.shapes[:position]])
    row: list[Axis | int] = list(range(len(shape)))
    row[axis] = affine(call.shape[axis], axis, 1, offset)
    return (Term(pattern(shape, row, range(len(shape)))[0]),)


def side_by_side(axis: int, parts: Sequence[str]) -> str:
    """[a; b] for arrays below each other, [a, b] for arrays beside each other; empty for further axes."""
    return f"[{('; ' if axis == 0 else ', ').join(parts)}]" if axis in (0, 1, -1) else ""


def in_a_list(name: str) -> Callable[..., str]:
    """Writes a call of a function that takes a list of arrays, and the axis 0 by default."""
    return lambda *parts, axis: as_python(name, [f"[{', '.join(parts)}]"], options({"axis": axis}, {"axis": 0}))


_concatenate = Structural(concatenate_terms)
concatenate = define(
    "concatenate",
    lambda *parts, axis: np.concatenate(parts, axis),
    variadic=lambda position: _concatenate,
    label="Cat",
    samples=[
        Sample(((2,), (3,)), {"axis": 0}),
        Sample(((2, 3), (2, 0), (2, 1)), {"axis": -1}),
        Sample(((1, 2),), {"axis": 0}),
    ],
    notation=(
        lambda *parts, axis: side_by_side(axis, parts) or as_text("concatenate", parts, options({"axis": axis})),
        lambda *parts, axis: (
            rf"\left{row[:-1]}\right]"
            if (row := side_by_side(axis, parts))
            else as_latex("concatenate", parts, options({"axis": axis}))
        ),
        in_a_list("np.concatenate"),
    ),
)


def _cast(parts: Sequence[Any], dtype: Any) -> list[Any]:
    return [part.astype(np.dtype(dtype)) for part in parts] if dtype is not None else list(parts)


@implements(np.concatenate)  # np.concat is the same function
def concatenate_of(
    arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """np.concatenate."""
    refuse_out("np.concatenate", out)
    parts = _cast([arrayed(part) for part in sequence(arrays)], dtype)
    if axis is None:
        parts, axis = [ravel(part) for part in parts], 0
    return concatenate(*parts, axis=int(axis))


def sequence(arrays: Any) -> list[Any]:
    """What a function of several arrays was given: a sequence of arrays, or one array that is taken apart."""
    return [arrays[k] for k in range(arrays.shape[0])] if hasattr(arrays, "shape") else list(arrays)


def stack_terms(call: Call, position: int) -> Iterable[Term]:
    """∂z[position, i]/∂part[i] = 1."""
    axis = call.params["axis"] % len(call.shape)
    shape = call.shapes[position]
    row: list[Axis | int] = list(range(len(shape)))
    row.insert(axis, constant(len(call.shapes), position))
    return (Term(pattern(shape, row, range(len(shape)))[0]),)


_stack = Structural(stack_terms)
stack = define(
    "stack",
    lambda *parts, axis: np.stack(parts, axis),
    variadic=lambda position: _stack,
    samples=[
        Sample(((), (), ()), {"axis": 0}),
        Sample(((2, 3), (2, 3)), {"axis": 1}),
        Sample(((2, 0), (2, 0)), {"axis": -1}),
        Sample(((3,),), {"axis": 0}),
    ],
    notation=(
        lambda *parts, axis: as_text("stack", parts, options({"axis": axis}, {"axis": 0})),
        lambda *parts, axis: as_latex("stack", parts, options({"axis": axis}, {"axis": 0})),
        in_a_list("np.stack"),
    ),
)


@implements(np.stack)
def stack_of(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """np.stack."""
    refuse_out("np.stack", out)
    return stack(*_cast([arrayed(part) for part in sequence(arrays)], dtype), axis=int(axis))


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """np.vstack."""
    return concatenate(*_cast([at_least(part, 2) for part in sequence(tup)], dtype), axis=0)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """np.hstack."""
    parts = _cast([at_least(part, 1) for part in sequence(tup)], dtype)
    return concatenate(*parts, axis=0 if len(parts[0].shape) == 1 else 1)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    """np.dstack."""
    return concatenate(*[at_least(part, 3) for part in sequence(tup)], axis=2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    """np.column_stack."""
    parts = [arrayed(part) for part in sequence(tup)]
    columns = [swapaxes(at_least(part, 2), 0, 1) if len(part.shape) < 2 else part for part in parts]
    return concatenate(*columns, axis=1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """np.append."""
    arr, values = arrayed(arr), arrayed(values)
    if axis is None:
        return concatenate(ravel(arr), ravel(values), axis=0)
    return concatenate(arr, values, axis=axis)


@implements(np.block)
def block(arrays: Any) -> Any:
    """np.block."""

    def depth_of(entry: Any) -> int:
        return 1 + max([depth_of(part) for part in entry], default=0) if isinstance(entry, list) else 0

    def rank_of(entry: Any) -> int:
        return max([rank_of(part) for part in entry]) if isinstance(entry, list) else len(arrayed(entry).shape)

    depth = depth_of(arrays)
    rank = max(rank_of(arrays), depth)

    def put_together(entry: Any, level: int) -> Any:
        if level < depth:
            if not isinstance(entry, list):
                raise ShapeError(
                    f"np.block: an array at depth {level} of the lists and others at {depth}; nest all equally deep."
                )
            return concatenate(*[put_together(part, level + 1) for part in entry], axis=level - depth)
        part = arrayed(entry)
        return reshape(part, shape=(1,) * (rank - len(part.shape)) + tuple(part.shape))

    return put_together(arrays, 0)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """np.insert."""
    arr, values = arrayed(arr), arrayed(values)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis_index(axis, len(arr.shape))
    where = plain(obj)
    if not isinstance(where, slice):
        where = np.asarray(where)
        where = where.nonzero()[0] if where.dtype == bool else where.astype(np.intp)
    size = arr.shape[axis]
    values = reshape(values, shape=(1,) * (len(arr.shape) - len(values.shape)) + tuple(values.shape))
    if isinstance(where, slice):
        count = len(range(size)[where])
    elif where.ndim == 0:
        values = moveaxis(values, 0, axis)
        count = values.shape[axis]
        where = np.repeat(where, count)
    else:
        count = values.shape[axis] if where.size == 1 else where.size
    shape = tuple([count if k == axis else n for k, n in enumerate(arr.shape)])
    whole = concatenate(arr, values if values.shape == shape else broadcast_to(values, shape=shape), axis=axis)
    if not isinstance(where, slice) and where.size == 1 and count > 1:
        where = np.repeat(where, count)
    order = np.insert(np.arange(size), where, size + np.arange(count))
    return lying_as(getitem(whole, order, index=along(axis, ("array",))), arr)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """np.delete."""
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis_index(axis, len(arr.shape))
    kept = np.delete(np.arange(arr.shape[axis]), plain(obj))
    return lying_as(getitem(arr, kept, index=along(axis, ("array",))), arr)


# --- taking apart ---


def cut(x: Any, bounds: Sequence[int | None], axis: int) -> list[Any]:
    """The pieces between successive bounds."""
    return [slice_along(x, axis, first, last) for first, last in pairwise(bounds)]


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """np.array_split."""
    given = plain(indices_or_sections)
    if np.ndim(given):
        return cut(ary, [0, *integers_of(given), None], axis)
    count = int(given)
    if count <= 0:
        raise OptionError(f"np.array_split: {count} sections; expected at least 1.")
    each, extra = divmod(ary.shape[axis], count)
    return cut(ary, np.cumsum([0] + extra * [each + 1] + (count - extra) * [each]).tolist(), axis)


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """np.split."""
    given = plain(indices_or_sections)
    if not np.ndim(given) and ary.shape[axis] % int(given):
        raise ShapeError(
            f"array split does not result in an equal division: axis {axis} has {ary.shape[axis]} entries, "
            f"which {int(given)} does not divide. np.array_split makes pieces of unequal length."
        )
    return array_split(ary, given, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """np.hsplit."""
    if not ary.shape:
        raise ShapeError(f"np.hsplit needs an array of 1 or more axes, got shape {tuple(ary.shape)}.")
    return split(ary, indices_or_sections, 1 if len(ary.shape) > 1 else 0)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """np.vsplit."""
    if len(ary.shape) < 2:
        raise ShapeError(f"np.vsplit needs an array of 2 or more axes, got shape {tuple(ary.shape)}.")
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """np.dsplit."""
    if len(ary.shape) < 3:
        raise ShapeError(f"np.dsplit needs an array of 3 or more axes, got shape {tuple(ary.shape)}.")
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """np.unstack."""
    axis = normalize_axis_index(axis, len(x.shape))
    return tuple([getitem(x, index=along(axis, ("int", k))) for k in range(x.shape[axis])])


if hasattr(np, "unstack"):  # NumPy 2.1
    implements(np.unstack)(unstack)
