"""The calls that the array API standard makes in another way than NumPy: with other names or another order.

All that only looks at an array in another shape is one call there, and so is all that puts its axes in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.linear.functions import overwritten, scatter
from chainrule.portable import helpers
from chainrule.program.deferred import METHOD, Deferred
from chainrule.program.recording import part_of_several

if TYPE_CHECKING:
    from chainrule.portable.standard import Standard

__all__ = ["FORMS", "Said", "UnsaidError"]

Said = tuple[str, bool]  # Python, and whether it can stand beside an operator as it is
Form = Callable[["Standard", Deferred], Said]


class UnsaidError(Exception):
    """A step that the standard has no words for."""


def _named(step: Deferred, names: Sequence[str] = (), first: int = 1) -> dict[str, Any]:
    """The arguments after the ``first`` by name; by NumPy's names if none are given."""
    function = getattr(np, step.function.__name__) if type(step.function) is METHOD else step.function
    names = names or [*signature(function).parameters][first:]
    if len(step.arguments) > len(names) + first:
        raise UnsaidError(f"{function.__name__}() with {len(step.arguments)} arguments is not part of the standard")
    return {**dict(zip(names, step.arguments[first:], strict=False)), **step.options}


def _by_name(name: str, names: Sequence[str] = (), first: int = 1, without: Sequence[str] = ()) -> Form:
    """A call with all but the ``first`` arguments by name, ``without`` some that are of no account."""

    def form(writer: Standard, step: Deferred) -> Said:
        options = _named(step, names, first)
        options = {key: value for key, value in options.items() if key not in without}
        return writer.called(f"xp.{name}", step.arguments[:first], options)

    return form


_REDUCE = ("axis", "dtype", "out", "keepdims", "initial", "where")
_USUAL = {"dtype": None, "out": None, "where": True, "keepdims": False}
_OF_TWO = {"max": "maximum", "min": "minimum"}


def _reduction(name: str, names: Sequence[str] = (), axis: Any = None) -> Form:
    """A sum, a maximum and their kind; ``axis`` is what NumPy takes if none is given."""

    def form(writer: Standard, step: Deferred) -> Said:
        options = {"axis": axis, **_named(step, names)}
        options = {
            key: value
            for key, value in options.items()
            if value is not np._NoValue and (key not in _USUAL or value is not _USUAL[key])
        }
        least = options.pop("initial", None)
        if set(options) - {"axis", "keepdims", "dtype"} or (least is not None and name not in _OF_TWO):
            raise UnsaidError(f"{name}() with {', '.join(sorted(step.options))} is not part of the standard")
        text, is_atom = writer.called(f"xp.{name}", step.arguments[:1], options)
        return (text, is_atom) if least is None else (f"xp.{_OF_TWO[name]}({text}, {writer.text(least)})", True)

    return form


# --- looks ------------------------------------------------------------------------------------------------------------


def _reshape(writer: Standard, step: Deferred) -> Said:
    """Every look at an array that keeps its entries in order."""
    if any([type(value) is str and value != "C" for value in (*step.arguments, *step.options.values())]):
        raise UnsaidError("an order of entries in memory is not part of the standard")
    if step.shape == step.arguments[0].shape:
        return _same(writer, step)
    return writer.called("xp.reshape", (step.arguments[0], tuple(step.shape)), {})


def _permute(writer: Standard, step: Deferred) -> Said:
    """Every look at an array with its axes in another order."""
    rank = len(step.shape)
    sample = np.empty(range(2, rank + 2), np.int8)  # an axis is known by its size
    function: Any = step.function
    seen: Any = function(sample, *step.arguments[1:], **step.options)
    axes = tuple([size - 2 for size in seen.shape])
    if axes == tuple(range(rank)):
        return _same(writer, step)
    if rank == 2:
        return f"{writer.operand(step.arguments[0])}.T", True
    return f"xp.permute_dims({writer.inside(step.arguments[0])}, {axes})", True


def _broadcast(writer: Standard, step: Deferred) -> Said:
    if step.shape == step.arguments[0].shape:
        return _same(writer, step)
    return writer.called("xp.broadcast_to", (step.arguments[0], tuple(step.shape)), {})


def _same(writer: Standard, step: Deferred) -> Said:
    """A copy: nothing is ever written to."""
    return writer.operand(step.arguments[0]), True


def _astype(writer: Standard, step: Deferred) -> Said:
    return writer.called("xp.astype", (step.arguments[0], step.dtype), {})


def _on_last_axes(name: str) -> Form:
    """A function of the last two axes, which NumPy takes from any two."""

    def form(writer: Standard, step: Deferred) -> Said:
        options = {"offset": 0, "axis1": 0, "axis2": 1, **_named(step, ("offset", "axis1", "axis2", "dtype", "out"))}
        array, rank = step.arguments[0], len(step.arguments[0].shape)
        last = [options["axis1"] % rank, options["axis2"] % rank]
        order = (*[axis for axis in range(rank) if axis not in last], *last)
        text = writer.inside(array)
        if order != tuple(range(rank)):
            text = f"xp.permute_dims({text}, {order})"
        return f"xp.linalg.{name}({text}, offset={writer.text(options['offset'])})", True

    return form


# --- parts ------------------------------------------------------------------------------------------------------------

_ALL, _REVERSED = slice(None), slice(None, None, -1)


def _getitem(writer: Standard, step: Deferred) -> Said:
    array, index = step.arguments
    entries = index if type(index) is tuple else (index,)
    if any([getattr(entry, "dtype", None) == np.bool_ for entry in entries]):
        raise UnsaidError("how many entries a mask chooses depends on numbers: write np.where(mask, x, 0)")
    if all([type(entry) is slice for entry in entries]) and _REVERSED in entries:  # PyTorch does not step backwards
        axes = tuple([axis for axis, entry in enumerate(entries) if entry == _REVERSED])
        rest = [_ALL if entry == _REVERSED else entry for entry in entries]
        whole = all([entry == _ALL for entry in rest])
        text = writer.inside(array) if whole else _part_of(writer, array, rest)
        return f"xp.flip({text}, axis={axes})", True
    return _part_of(writer, array, entries), True


def _part_of(writer: Standard, array: Any, entries: Sequence[Any]) -> str:
    """Python for a part of an array."""
    index = _for_all_axes(entries, array.ndim)
    return f"{writer.operand(array)}[{writer.index(index if len(index) > 1 else index[0])}]"


def _for_all_axes(entries: Sequence[Any], rank: int) -> tuple[Any, ...]:
    """An index that says something of every axis, as the standard wants it."""
    named = [entry for entry in entries if entry is not None]
    is_whole = len(named) >= rank or any([entry is Ellipsis for entry in named])
    return (*entries,) if is_whole and entries else (*entries, ...)


def _take(writer: Standard, step: Deferred) -> Said:
    axis = _named(step, ("indices", "axis", "out", "mode")).get("axis")
    array, indices = step.arguments[:2]
    if axis is None and array.ndim != 1:
        return f"xp.reshape({writer.inside(array)}, (-1,))[{writer.index(indices)}]", True
    return _part_of(writer, array, [*[_ALL] * ((axis or 0) % array.ndim), indices]), True


def _scatter(writer: Standard, step: Deferred) -> Said:
    values, shape, index = step.arguments
    index = _for_all_axes(index, len(shape))
    return writer.helped(helpers.scatter, "xp", *map(writer.text, (values, tuple(shape), index)))


def _overwritten(writer: Standard, step: Deferred) -> Said:
    array, values, index = step.arguments
    index = _for_all_axes(index, array.ndim)
    return writer.helped(helpers.overwritten, "xp", *map(writer.text, (array, values, index, step.dtype)))


def _part(writer: Standard, step: Deferred) -> Said:
    whole, place = step.arguments
    return f"{writer.operand(whole)}[{place}]", True


# --- products and matrices --------------------------------------------------------------------------------------------


def _factors(writer: Standard, step: Deferred, first: int = 0) -> list[str]:
    """The arrays of a product in the dtype of the result: PyTorch multiplies none of two kinds."""
    arrays = [value for value in step.arguments[first:] if hasattr(value, "dtype")]
    return [
        writer.operand(value)
        if value.dtype == step.dtype
        else f"xp.astype({writer.inside(value)}, {writer.text(step.dtype)})"
        for value in arrays
    ]


def _matmul(writer: Standard, step: Deferred) -> Said:
    return " @ ".join(_factors(writer, step)), False


def _dot(writer: Standard, step: Deferred) -> Said:
    ranks = [np.ndim(value) for value in step.arguments]
    if not min(ranks):
        return " * ".join(map(writer.operand, step.arguments)), False
    if max(ranks) < 3:
        return _matmul(writer, step)
    return _contracted(writer, step, [ranks[0] - 1], [max(ranks[1] - 2, 0)])


def _inner(writer: Standard, step: Deferred) -> Said:
    ranks = [np.ndim(value) for value in step.arguments]
    if not min(ranks):
        return " * ".join(map(writer.operand, step.arguments)), False
    return _contracted(writer, step, [ranks[0] - 1], [ranks[1] - 1])


def _tensordot(writer: Standard, step: Deferred) -> Said:
    axes = {"axes": 2, **_named(step, first=2)}["axes"]
    if type(axes) is int:
        rank = step.arguments[0].ndim
        axes = list(range(rank - axes, rank)), list(range(axes))
    return _contracted(writer, step, *axes)


def _contracted(writer: Standard, step: Deferred, left: Any, right: Any) -> Said:
    """A sum over axes of one array and of another."""
    axes = [[side] if type(side) is int else list(side) for side in (left, right)]
    return f"xp.tensordot({', '.join(_factors(writer, step))}, axes=({axes[0]}, {axes[1]}))", True


def _einsum(writer: Standard, step: Deferred) -> Said:
    # Each library has ways of its own to choose an order.
    return f"xp.einsum({', '.join([repr(step.arguments[0]), *_factors(writer, step, 1)])})", True


def _symmetric(writer: Standard, step: Deferred) -> str:
    """The matrix of a step that is a function of symmetric ones: NumPy reads the lower half, others both."""
    array, *rest = [*step.arguments, *step.options.values()]
    if any([value not in ("L", False) for value in rest]):
        raise UnsaidError(f"{step.function.__name__}() of the upper half is not part of the standard")
    return writer.helped(helpers.symmetric, "xp", writer.inside(array))[0]


def _eigh(writer: Standard, step: Deferred) -> Said:
    return f"xp.linalg.eigh({_symmetric(writer, step)})", True


def _cholesky(writer: Standard, step: Deferred) -> Said:
    return writer.helped(helpers.cholesky, "xp", _symmetric(writer, step))


FORMS: dict[Any, Form] = {
    **dict.fromkeys([np.reshape, np.ravel, np.squeeze, np.expand_dims], _reshape),
    **dict.fromkeys([np.ndarray.reshape, np.ndarray.ravel, np.ndarray.flatten, np.ndarray.squeeze], _reshape),
    **dict.fromkeys([np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose], _permute),
    **dict.fromkeys([np.ndarray.transpose, np.ndarray.swapaxes], _permute),
    **dict.fromkeys([np.copy, np.ndarray.copy, np.ascontiguousarray], _same),
    **{getattr(np, name): _reduction(name) for name in ("sum", "prod", "max", "min", "all", "any", "mean")},
    np.add.reduce: _reduction("sum", _REDUCE, axis=0),
    np.multiply.reduce: _reduction("prod", _REDUCE, axis=0),
    np.maximum.reduce: _reduction("max", _REDUCE, axis=0),
    np.minimum.reduce: _reduction("min", _REDUCE, axis=0),
    np.broadcast_to: _broadcast,
    np.ndarray.astype: _astype,
    np.ndarray.__getitem__: _getitem,
    np.diagonal: _on_last_axes("diagonal"),
    np.trace: _on_last_axes("trace"),
    np.take: _take,
    np.take_along_axis: _by_name("take_along_axis", first=2),
    np.argmax: _by_name("argmax"),
    np.argmin: _by_name("argmin"),
    np.sort: _by_name("sort", without=("kind", "stable")),
    np.argsort: _by_name("argsort", without=("kind", "stable")),
    np.cumsum: _by_name("cumulative_sum"),
    np.cumprod: _by_name("cumulative_prod"),
    np.concatenate: _by_name("concat", ("axis",)),
    np.stack: _by_name("stack", ("axis",)),
    np.roll: _by_name("roll"),
    np.repeat: _by_name("repeat", first=2),
    np.round: _by_name("round"),
    np.tril: _by_name("tril"),
    np.triu: _by_name("triu"),
    np.matmul: _matmul,
    np.dot: _dot,
    np.inner: _inner,
    np.tensordot: _tensordot,
    np.einsum: _einsum,
    np.outer: _by_name("linalg.outer", first=2),
    np.linalg.pinv: _by_name("linalg.pinv", ("rtol",)),
    np.linalg.eigh: _eigh,
    np.linalg.cholesky: _cholesky,
    scatter: _scatter,
    overwritten: _overwritten,
    part_of_several: _part,
}
