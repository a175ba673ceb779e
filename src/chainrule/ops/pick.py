"""Entries picked by position, by NumPy's names: take, diagonals, triangles, choices; and their places filled.

y = take_along_axis(x, p)      ∂y[i,k]/∂x[i,m] = δ(m, p[i,k])
y = diagonal(x)                ∂y[i]/∂x[i,i] = 1
y = tril(x)                    ∂y[i,j]/∂x[i,j] = 1 for j ≤ i
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from chainrule.errors import NoRuleError, OptionError, ShapeError
from chainrule.linear.term import Axis, Term, affine, pattern
from chainrule.op import Call, Constant, General, Sample, Structural, define, implements
from chainrule.ops.elementwise import copied
from chainrule.ops.index import getitem
from chainrule.ops.join import along, stack
from chainrule.ops.options import is_deferred, plain, refuse_out
from chainrule.ops.repeat import tile
from chainrule.ops.shape import arrayed, broadcast_arrays, broadcast_to, by_rows, integers_of, moveaxis, ravel, reshape
from chainrule.ops.writing import calling

__all__ = ["along_axis", "diag_embed", "diagonal", "take", "take_along_axis", "tril", "triu"]


# --- take ---


@implements(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
    """np.take."""
    refuse_out("np.take", out)
    a = arrayed(a)
    if axis is None:
        a, axis = ravel(a), 0
    axis = normalize_axis_index(axis, len(a.shape))
    positions = plain(indices)
    if not is_deferred(positions):
        positions = np.asarray(positions)
        positions = positions.astype(np.intp) if positions.size == 0 else positions
    size = a.shape[axis]
    if mode == "wrap":
        positions = positions % size
    elif mode == "clip":
        positions = np.clip(positions, 0, size - 1)
    if positions.ndim == 0:
        return copied(getitem(a, index=along(axis, ("int", int(positions)))))
    return by_rows(getitem(a, positions, index=along(axis, ("array",))))


def along_axis(call: Call, axis: int, positions: Any) -> Term:
    """The term of reading along one axis at ``positions``, which has the shape of the result."""
    shape, given = call.shape, call.shapes[0]
    column: list[Axis | int | None] = [None if size == 1 and shape[k] != 1 else k for k, size in enumerate(given)]
    labels = tuple(range(len(shape)))
    column[axis] = Axis(given[axis], labels, (0,) * len(labels), 0, 0)
    return Term(pattern(shape, labels, column, (), [labels])[0], (), (positions,))


def take_along_axis_terms(call: Call, position: int, indices: Any) -> Iterable[Term]:
    """∂y[i,k]/∂x[i,m] = δ(m, p[i,k])."""
    axis = call.params["axis"] % len(call.shape)
    size = call.shapes[0][axis]
    positions = np.where(indices < 0, indices + size, indices)
    return (along_axis(call, axis, np.broadcast_to(positions, call.shape)),)


take_along_axis = define(
    "take_along_axis",
    lambda x, indices, axis: np.take_along_axis(x, indices, axis),
    General(take_along_axis_terms, ("indices",), ("x", "indices")),
    Constant(),
    arguments=("x", "indices"),
    label="Gather",
    samples=[
        Sample(((4,), np.array([3, 0, 0, -1, 2])), {"axis": 0}),
        Sample(((2, 3), np.array([[0, 2, 2, 1], [1, 0, -1, 1]])), {"axis": 1}),
        Sample(((2, 3), np.array([[1, 0, 1]])), {"axis": 0}),
        Sample(((1, 3), np.array([[1], [0], [-1]])), {"axis": 1}),
        Sample(((2, 3), np.zeros((2, 0), int)), {"axis": 1}),
    ],
    takes_complex=True,
)


@implements(np.take_along_axis)
def take_along_axis_of(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """np.take_along_axis."""
    indices = np.asarray(plain(indices))
    if axis is None:
        return take_along_axis(ravel(arr), indices, axis=0)
    return take_along_axis(arrayed(arr), indices, axis=normalize_axis_index(axis, len(arr.shape)))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """np.put_along_axis: written into the tensor."""
    indices = np.asarray(plain(indices))
    if axis is None:
        arr[np.unravel_index(indices, arr.shape)] = values
        return
    axis = normalize_axis_index(axis, len(arr.shape))
    grid = np.ogrid[tuple([slice(size) for size in arr.shape])]
    arr[tuple([indices if k == axis else part for k, part in enumerate(grid)])] = values


@implements(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """np.compress."""
    return take(a, np.flatnonzero(plain(condition)), axis, out)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """np.extract."""
    return take(ravel(arrayed(arr)), np.flatnonzero(plain(condition)), 0)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """np.resize: the entries repeated, or cut off, to fill the new shape."""
    shape = integers_of(new_shape)
    flat, size = ravel(a), prod(shape)
    count = flat.shape[0]
    if count == 0 or size == 0:
        return np.zeros(shape, plain(a).dtype)
    whole = tile(flat, reps=(-(-size // count),)) if size > count else copied(flat)
    return reshape(getitem(whole, index=(("slice", None, size, None),)), shape=shape)


# --- diagonals and triangles ---


def diagonal_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[…, i]/∂x[…, i + a, i + b] = 1."""
    shape = call.shapes[0]
    offset, rank = call.params["offset"], len(shape)
    first, second = call.params["axis1"] % rank, call.params["axis2"] % rank
    run = rank
    rest = [k for k in range(rank) if k not in (first, second)]
    column: list[Axis | int] = list(range(rank))
    column[first] = affine(shape[first], run, 1, max(-offset, 0))
    column[second] = affine(shape[second], run, 1, max(offset, 0))
    return (Term(pattern([*shape, call.shape[-1]], [*rest, run], column)[0]),) if call.shape[-1] else ()


diagonal = define(
    "diagonal",
    lambda x, offset, axis1, axis2: np.diagonal(x, offset, axis1, axis2),
    Structural(diagonal_terms),
    samples=[
        Sample(((3, 4),), {"offset": 0, "axis1": 0, "axis2": 1}),
        Sample(((3, 4),), {"offset": -1, "axis1": 0, "axis2": 1}),
        Sample(((3, 2, 4),), {"offset": 2, "axis1": -1, "axis2": 0}),
        Sample(((2, 2),), {"offset": 5, "axis1": 0, "axis2": 1}),
    ],
    notation=calling("np.diagonal", defaults={"offset": 0, "axis1": 0, "axis2": 1}),
)


@implements(np.diagonal)
def diagonal_of(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """np.diagonal."""
    return diagonal(a, offset=int(offset), axis1=axis1, axis2=axis2)


def diag_embed_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[i + a, i + b]/∂x[i] = 1."""
    (size,), (extent, _), offset = call.shapes[0], call.shape, call.params["offset"]
    row = [affine(extent, 0, 1, max(-offset, 0)), affine(extent, 0, 1, max(offset, 0))]
    return (Term(pattern([size], row, [0])[0]),)


def _offset_alone(write: Callable[..., str]) -> Callable[..., str]:
    return lambda x, offset: write(x, k=offset or None)


diag_embed = define(
    "diag_embed",
    lambda x, offset: np.diag(x, offset),
    Structural(diag_embed_terms),
    samples=[Sample(((3,),), {"offset": 0}), Sample(((2,),), {"offset": -2}), Sample(((1,),), {"offset": 1})],
    notation=tuple([_offset_alone(write) for write in calling("np.diag", first="k")]),
)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """np.diag: a matrix from its diagonal, or the diagonal of a matrix."""
    if len(v.shape) == 1:
        return diag_embed(v, offset=int(k))
    if len(v.shape) != 2:
        raise ShapeError(
            f"np.diag needs one axis or two, got shape {tuple(v.shape)}; np.diagonal takes the diagonals of more."
        )
    return diagonal_of(v, k)


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """np.diagflat."""
    return diag_embed(ravel(v), offset=int(k))


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """np.fill_diagonal: written into the tensor."""
    if len(a.shape) != 2 and len(set(a.shape)) != 1:
        raise ShapeError(f"np.fill_diagonal: shape {tuple(a.shape)}; more than two axes must be of equal length.")
    if len(a.shape) == 2:
        end = None if wrap else a.shape[1] * a.shape[1]
        where = np.unravel_index(np.arange(prod(a.shape))[: end : a.shape[1] + 1], a.shape)
    else:
        where = (np.arange(a.shape[0]),) * len(a.shape)
    count = len(where[0])
    value = arrayed(val)
    if value.shape and value.shape != (count,):
        value = resize(value, (count,))
    a[where] = value


def _kept(call: Call) -> Any:
    """Which entries of a matrix are in its triangle."""
    rows, columns = call.shape[-2:]
    below = np.tri(rows, columns, call.params["k"] - (not call.params["lower"]), dtype=bool)
    return below if call.params["lower"] else ~below


def triangle_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[…, i, j]/∂x[…, i, j] = 1 for the entries that are kept."""
    *batch, rows, columns = call.shape
    where = np.nonzero(_kept(call))
    run = len(batch)
    axes: list[Axis | int] = [*range(run), Axis(rows, (run,), (0,), 0, 0), Axis(columns, (run,), (0,), 0, 1)]
    return (Term(pattern([*batch, len(where[0])], axes, axes, (), [(run,), (run,)])[0], (), where),)


class TriangleRule(Structural):
    """In a formula a product with zeros and ones."""

    def written(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        axes = range(len(call.shape))
        return (Term(pattern(call.shape, axes, axes, [axes[-2:]])[0], (_kept(call) * 1.0,)),)


def _of_one_side(spelled: int) -> Callable[..., str]:
    return lambda x, k, lower: calling("np.tril" if lower else "np.triu", first="k")[spelled](x, k=k or None)


triangle = define(
    "triangle",
    lambda x, k, lower: np.tril(x, k) if lower else np.triu(x, k),
    TriangleRule(triangle_terms),
    samples=[
        Sample(((3, 4),), {"k": 0, "lower": True}),
        Sample(((2, 3, 3),), {"k": 1, "lower": False}),
        Sample(((2, 3),), {"k": -5, "lower": True}),
        Sample(((1, 1),), {"k": 0, "lower": False}),
    ],
    notation=tuple([_of_one_side(spelled) for spelled in range(3)]),
)


@implements(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """np.tril."""
    return triangle(at_least_matrix(m), k=int(k), lower=True)


@implements(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """np.triu."""
    return triangle(at_least_matrix(m), k=int(k), lower=False)


def at_least_matrix(m: Any) -> Any:
    """The matrix; rows repeated for a vector, as NumPy does."""
    return broadcast_to(m, shape=(m.shape[0], m.shape[0])) if len(m.shape) == 1 else m


# --- choices ---


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """np.choose: entry by entry one of several arrays."""
    refuse_out("np.choose", out)
    which = np.asarray(plain(a))
    parts = list(choices) if not hasattr(choices, "shape") else [choices[k] for k in range(choices.shape[0])]
    if mode == "wrap":
        which = which % len(parts)
    elif mode == "clip":
        which = np.clip(which, 0, len(parts) - 1)
    which, *values = broadcast_arrays(which, *parts)
    if which.size and (which.min() < 0 or which.max() >= len(parts)):
        raise OptionError(
            f"np.choose: an entry that names none of the choices 0 … {len(parts) - 1}; mode='wrap' or 'clip' allow it."
        )
    chosen = stack(*values, axis=0)
    return by_rows(getitem(take_along_axis(chosen, which[None], axis=0), index=(("int", 0),)))


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """np.select: the first choice whose condition holds."""
    if len(condlist) != len(choicelist):
        raise OptionError(
            f"np.select: {len(condlist)} conditions and {len(choicelist)} choices; give one choice for each."
        )
    result = default
    for condition, choice in zip(list(condlist)[::-1], list(choicelist)[::-1], strict=True):
        result = np.where(plain(condition), choice, result)
    return by_rows(result)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """np.piecewise: each function sees only the entries where its condition holds."""
    conditions = [np.asarray(plain(c)) for c in condlist] if isinstance(condlist, list | tuple) else [plain(condlist)]
    if len(conditions) == 1 and conditions[0].ndim == len(x.shape) + 1:
        conditions = list(conditions[0])
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.logical_or.reduce(conditions))
    if len(funclist) != len(conditions):
        raise OptionError(
            f"np.piecewise: {len(funclist)} functions for {len(conditions)} conditions; give one for each, and "
            "one more for the rest if you like."
        )
    result = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        result[condition] = function(x[condition], *args, **kw) if callable(function) else function
    return result


# --- writes by NumPy's names, into a tensor ---


def refuse_plain(name: str, target: Any) -> None:
    """Refuse to write into an array that is not a tensor."""
    if not hasattr(type(target), "__chainrule_record__"):
        raise NoRuleError(
            f"{name} writes into its first argument, which is a plain array: the values of a tensor would be forgotten "
            "there. Make the target a tensor."
        )


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """np.copyto, into a tensor."""
    refuse_plain("np.copyto", dst)
    dst[...] = src if where is True else np.where(plain(where), src, dst)


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """np.put, into a tensor."""
    refuse_plain("np.put", a)
    positions = np.asarray(plain(ind)).reshape(-1)
    size = prod(a.shape)
    if mode == "raise" and np.any((positions < -size) | (positions >= size)):
        raise IndexError(f"np.put: a position outside {-size} … {size - 1}; mode='wrap' or 'clip' allow it.")
    positions = positions % size if mode != "clip" else np.clip(positions, 0, size - 1)
    if isinstance(v, list | tuple) and v:
        v = [v[k % len(v)] for k in range(positions.size)]  # a tensor takes lists with tensors in them
    else:
        v = resize(arrayed(v), positions.shape)
    a[np.unravel_index(positions, a.shape)] = v


@implements(np.putmask)
def putmask(a: Any, /, mask: Any, values: Any) -> None:
    """np.putmask, into a tensor."""
    refuse_plain("np.putmask", a)
    values = arrayed(values)
    values = values if values.shape == tuple(a.shape) else resize(values, a.shape)
    a[...] = np.where(plain(mask), values, a)


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """np.place, into a tensor."""
    refuse_plain("np.place", arr)
    mask = np.asarray(plain(mask), bool).reshape(arr.shape)
    arr[mask] = resize(arrayed(vals), (int(mask.sum()),))


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """np.apply_along_axis: one call for each line, and the results stacked."""
    axis = normalize_axis_index(axis, len(arr.shape))
    lines = moveaxis(arr, axis, -1)
    lead = tuple(lines.shape[:-1])
    results: Sequence[Any] = [arrayed(func1d(lines[place], *args, **kwargs)) for place in np.ndindex(*lead)]
    if not results:
        raise ShapeError(
            f"np.apply_along_axis: shape {tuple(arr.shape)} has no line along axis {axis} to call the function with."
        )
    inner = tuple(results[0].shape)
    whole = reshape(stack(*results, axis=0), shape=(*lead, *inner))
    return moveaxis(whole, tuple(range(len(lead), len(lead) + len(inner))), tuple(range(axis, axis + len(inner))))


@implements(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """np.apply_over_axes: one axis after the other, each of which stays, with one entry."""
    a = arrayed(a)
    rank = len(a.shape)
    for axis in integers_of(axes):
        axis = normalize_axis_index(axis, rank)
        result = func(a, axis)
        a = result if len(result.shape) == rank else np.expand_dims(result, axis)
        if len(a.shape) != rank:
            raise ShapeError(
                f"np.apply_over_axes: the function made shape {tuple(result.shape)} along axis {axis} of {rank} axes; "
                "expected that axis to be gone, or to have one entry."
            )
    return a
