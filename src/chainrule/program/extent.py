"""The shape and dtype of a NumPy call's result without computing it, for the calls that programs are made of.

What is not listed here is computed to be seen, so nothing has to be complete: this is a matter of speed. Calls that
return views are made on an array that takes no memory; of the others, the shape is worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.functions import overwritten, scatter
from chainrule.linear.writing import Writing, written

__all__ = ["UNKNOWN", "VIEWS", "Extent", "extent_of", "shadow"]

Extent = tuple[tuple[int, ...], np.dtype[Any]]
UNKNOWN = None


def extent_of(function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Extent | None:
    """The shape and dtype of ``function(*arguments, **options)``; UNKNOWN where it has to be computed to know.

    Arguments are arrays (deferred or not), numbers, tuples, slices, None.

    >>> extent_of(np.add, (np.ones((3, 1)), np.ones(2, np.float32)), {})
    ((3, 2), dtype('float64'))
    >>> extent_of(np.linalg.inv, (np.ones((3, 3)),), {}) is UNKNOWN
    True
    """
    if type(function) is np.ufunc:
        if options or function.nout != 1:
            return UNKNOWN
        if function.signature is not None:
            return _matmul(*arguments) if function is np.matmul else UNKNOWN
        return _elementwise(function, arguments)
    if function in VIEWS:
        return _seen(function, arguments, options)
    rule = _RULES.get(function)
    if rule is None:
        return UNKNOWN
    try:
        return rule(*arguments, **options)
    except (
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
    ):  # unusual options, or an error that the call itself should report
        return UNKNOWN


_NUMBERS = (int, float, bool, complex, np.float64, np.float32, np.int64, np.bool_)
_dtypes: dict[Any, np.dtype[Any]] = {}


def _elementwise(function: Any, arguments: Sequence[Any]) -> Extent | None:
    """One loop, because programs have hundreds of thousands of such steps. The dtype is found by trying it on ones."""
    shapes, key = [], [function]
    for value in arguments:
        kind = type(value)
        if hasattr(value, "shape"):
            shapes.append(value.shape)
            key.append(value.dtype)
        elif kind in _NUMBERS:
            key.append(kind)
        else:
            return UNKNOWN
    dtype = _dtypes.get(tuple(key))
    if dtype is None:
        ones = [np.ones((), kind) if isinstance(kind, np.dtype) else kind(1) for kind in key[1:]]
        with np.errstate(all="ignore"):  # it may be at a pole
            dtype = _dtypes[tuple(key)] = np.asarray(function(*ones)).dtype
    shape = shapes[0] if shapes else ()
    for other in shapes:
        if other != shape:
            return np.broadcast_shapes(*shapes), dtype
    return shape, dtype


def shadow(value: Any, dtype: Any = None) -> Any:
    """An array of the same shape and dtype that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype or value.dtype), value.shape)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _seen(function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Extent | None:
    """By making the call on an array without memory, where the result is a view of it."""
    array, *rest = arguments
    if not _is_array(array) or any([_is_array(value) for value in rest]):
        return UNKNOWN
    found = function(shadow(array), *rest, **options)
    return found.shape, found.dtype


VIEWS = {
    np.reshape,
    np.ndarray.reshape,
    np.transpose,
    np.ndarray.transpose,
    np.swapaxes,
    np.ndarray.swapaxes,
    np.moveaxis,
    np.expand_dims,
    np.squeeze,
    np.ndarray.squeeze,
    np.broadcast_to,
    np.diagonal,
    np.ndarray.diagonal,
    np.flip,
    np.rot90,
    np.permute_dims,
    np.matrix_transpose,
    np.real,
    np.imag,
    np.lib.stride_tricks.sliding_window_view,
}


# --- products ---------------------------------------------------------------------------------------------------------


def _matmul(a: Any, b: Any) -> Extent | None:
    if not (_is_array(a) and _is_array(b) and a.shape and b.shape):
        return UNKNOWN
    left = a.shape if len(a.shape) > 1 else (1, *a.shape)
    right = b.shape if len(b.shape) > 1 else (*b.shape, 1)
    if left[-1] != right[-2]:
        return UNKNOWN
    shape = np.broadcast_shapes(left[:-2], right[:-2])
    shape += left[-2:-1] if len(a.shape) > 1 else ()
    shape += right[-1:] if len(b.shape) > 1 else ()
    return shape, np.result_type(a.dtype, b.dtype)


def _dot(a: Any, b: Any) -> Extent | None:
    return _matmul(a, b) if len(a.shape) < 3 and len(b.shape) < 3 else UNKNOWN


def _einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Extent | None:
    if not isinstance(subscripts, str) or "->" not in subscripts or "." in subscripts:
        return UNKNOWN
    inputs, output = subscripts.replace(" ", "").split("->")
    sizes: dict[str, int] = {}
    for labels, operand in zip(inputs.split(","), operands, strict=True):
        if len(set(labels)) < len(labels) and len(set(operand.shape)) > 1:
            return UNKNOWN
        for label, size in zip(labels, operand.shape, strict=True):
            before = sizes.get(label, 1)
            if before not in (1, size) and size != 1:
                return UNKNOWN
            sizes[label] = size if before == 1 else before  # an axis of size 1 is stretched
    if len(set(output)) < len(output):
        return UNKNOWN
    return tuple([sizes[label] for label in output]), np.result_type(*[operand.dtype for operand in operands])


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Extent | None:
    if isinstance(axes, int):
        if axes > min(len(a.shape), len(b.shape)):
            return UNKNOWN
        axes = list(range(len(a.shape) - axes, len(a.shape))), list(range(axes))
    first, second = ([side] if isinstance(side, int) else list(side) for side in axes)
    first, second = [_place(k, len(a.shape)) for k in first], [_place(k, len(b.shape)) for k in second]
    if [a.shape[k] for k in first] != [b.shape[k] for k in second]:
        return UNKNOWN
    left = [size for k, size in enumerate(a.shape) if k not in first]
    right = [size for k, size in enumerate(b.shape) if k not in second]
    return (*left, *right), np.result_type(a.dtype, b.dtype)


# --- reductions -------------------------------------------------------------------------------------------------------


def _place(axis: Any, rank: int) -> int:
    """The axis counted from the front; IndexError if there is none, TypeError if it is no integer."""
    if type(axis) is not int:
        raise TypeError(f"axis {axis!r}")
    if not -rank <= axis < rank:
        raise IndexError(f"axis {axis} of {rank}")
    return axis % rank


def _reduced(a: Any, axis: Any, keepdims: bool) -> tuple[int, ...]:
    rank = len(a.shape)
    axes = range(rank) if axis is None else [_place(k, rank) for k in ((axis,) if isinstance(axis, int) else axis)]
    if len(set(axes)) < len(axes):
        raise ValueError("an axis is named twice")
    if keepdims:
        return tuple([1 if k in axes else size for k, size in enumerate(a.shape)])
    return tuple([size for k, size in enumerate(a.shape) if k not in axes])


def _reduction(function: Callable[..., Any]) -> Callable[..., Extent | None]:
    def rule(a: Any, axis: Any = None, *, keepdims: Any = False) -> Extent | None:
        if not _is_array(a) or a.dtype.kind != "f" or (0 in a.shape and function in (np.max, np.min)):
            return UNKNOWN
        return _reduced(a, axis, bool(keepdims)), a.dtype

    return rule


# --- joining, choosing, filling ---------------------------------------------------------------------------------------


def _concatenate(arrays: Any, axis: Any = 0) -> Extent | None:
    shapes = [array.shape for array in arrays]
    if axis is None:
        return (sum([prod(shape) for shape in shapes]),), np.result_type(*[array.dtype for array in arrays])
    k = _place(axis, len(shapes[0]))
    rest = {shape[:k] + shape[k + 1 :] for shape in shapes}
    if len(rest) != 1:
        return UNKNOWN
    total = sum([shape[k] for shape in shapes])
    return shapes[0][:k] + (total,) + shapes[0][k + 1 :], np.result_type(*[array.dtype for array in arrays])


def _stack(arrays: Any, axis: int = 0) -> Extent | None:
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        return UNKNOWN
    (shape,) = shapes
    k = _place(axis, len(shape) + 1)
    return shape[:k] + (len(arrays),) + shape[k:], np.result_type(*[array.dtype for array in arrays])


def _where(condition: Any, a: Any, b: Any) -> Extent | None:
    shapes = [value.shape if hasattr(value, "shape") else () for value in (condition, a, b)]
    kinds = [value.dtype if hasattr(value, "shape") else value for value in (a, b)]
    return np.broadcast_shapes(*shapes), np.result_type(*kinds)


def _take(a: Any, indices: Any, axis: Any = None) -> Extent | None:
    k = 0 if axis is None else _place(axis, len(a.shape))
    count = prod(a.shape) if axis is None else a.shape[k]
    if not count:
        return UNKNOWN
    if hasattr(indices, "function"):  # deferred: what it holds is not known
        shape = indices.shape
    else:
        indices = np.asarray(indices)
        shape = indices.shape
        if indices.size and not -count <= indices.min() <= indices.max() < count:
            return UNKNOWN
    if axis is None:
        return shape, a.dtype
    return a.shape[:k] + shape + a.shape[k + 1 :], a.dtype


def _getitem(a: Any, index: Any) -> Extent | None:
    entries = index if type(index) is tuple else (index,)
    bare = []
    for entry in entries:
        if not _is_array(entry):
            if isinstance(entry, list):
                return UNKNOWN
            bare.append(entry)
        elif type(entry) is np.ndarray:
            bare.append(entry)
        elif entry.dtype.kind in "iu":
            bare.append(shadow(entry))
        else:
            return UNKNOWN  # how many a mask chooses is not known
    return shadow(a, np.int8)[tuple(bare)].shape, a.dtype


def _scatter(values: Any, shape: tuple[int, ...], index: Any) -> Extent | None:
    return tuple(shape), values.dtype


def _written(how: Writing, *values: Any) -> Extent | None:
    return how.shape, how.dtype


def _overwritten(a: Any, values: Any, index: tuple[Any, ...]) -> Extent | None:
    kinds = [value.dtype if _is_array(value) else np.dtype(type(value)) for value in (a, values)]
    kept = kinds[0].kind in "fc" or kinds[1].kind not in "fc"
    return a.shape, kinds[0] if kept else np.result_type(*kinds)


def _ravel(a: Any, order: str = "C") -> Extent | None:
    return (prod(a.shape),), a.dtype


def _same(a: Any, *_: Any, **__: Any) -> Extent | None:
    return (a.shape, a.dtype) if _is_array(a) else UNKNOWN


def _astype(a: Any, dtype: Any, **_: Any) -> Extent | None:
    return a.shape, np.dtype(dtype)


def _roll(a: Any, shift: Any, axis: Any = None) -> Extent | None:
    for k in () if axis is None else axis if isinstance(axis, tuple) else (axis,):
        _place(k, len(a.shape))
    return a.shape, a.dtype


def _sort(a: Any, axis: Any = -1, kind: Any = None) -> Extent | None:
    if axis is None:
        return (prod(a.shape),), a.dtype
    _place(axis, len(a.shape))
    return a.shape, a.dtype


def _like(a: Any, dtype: Any = None) -> Extent | None:
    return a.shape, np.dtype(dtype or a.dtype)


def _arg(a: Any, axis: Any = None) -> Extent | None:
    if 0 in a.shape or isinstance(axis, tuple):
        return UNKNOWN
    return _reduced(a, axis, False), np.dtype(np.intp)


def _argsort(a: Any, axis: Any = -1, kind: Any = None) -> Extent | None:
    return (_sort(a, axis) or ((), None))[0], np.dtype(np.intp)


def _searchsorted(a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Extent | None:
    return (v.shape, np.dtype(np.intp)) if _is_array(v) else UNKNOWN


def _clip(a: Any, low: Any = None, high: Any = None) -> Extent | None:
    kinds = {"i": (int,), "u": (int,), "f": (int, float)}.get(a.dtype.kind, ()) if _is_array(a) else ()
    return (a.shape, a.dtype) if {type(low), type(high)} <= {type(None), *kinds} else UNKNOWN


def _digitize(x: Any, bins: Any, right: bool = False) -> Extent | None:
    return _searchsorted(bins, x)


_RULES: dict[Any, Callable[..., Extent | None]] = {
    np.einsum: _einsum,
    np.tensordot: _tensordot,
    np.dot: _dot,
    np.ndarray.dot: _dot,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.where: _where,
    np.take: _take,
    np.ndarray.take: _take,
    np.ndarray.__getitem__: _getitem,
    scatter: _scatter,
    overwritten: _overwritten,
    written: _written,
    np.ravel: _ravel,
    np.ndarray.ravel: _ravel,
    np.ndarray.flatten: _ravel,
    np.copy: _same,
    np.ndarray.copy: _same,
    np.sort: _sort,
    np.ascontiguousarray: lambda a: (a.shape or (1,), a.dtype),
    np.ndarray.astype: _astype,
    np.roll: _roll,
    np.zeros_like: _like,
    np.ones_like: _like,
    np.argmax: _arg,
    np.argmin: _arg,
    np.ndarray.argmax: _arg,
    np.ndarray.argmin: _arg,
    np.clip: _clip,
    np.ndarray.clip: _clip,
    np.searchsorted: _searchsorted,
    np.ndarray.searchsorted: _searchsorted,
    np.digitize: _digitize,
    np.argsort: _argsort,
    np.ndarray.argsort: _argsort,
}
for _function in (np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std):
    _RULES[_function] = _RULES[getattr(np.ndarray, _function.__name__)] = _reduction(_function)


def _ufunc_reduce(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Extent | None:
    if not _is_array(a) or a.dtype.kind != "f" or dtype is not None or out is not None or 0 in a.shape:
        return UNKNOWN
    return _reduced(a, axis, bool(keepdims)), a.dtype


for _ufunc in (np.add, np.multiply, np.maximum, np.minimum):
    _RULES[_ufunc.reduce] = _ufunc_reduce
