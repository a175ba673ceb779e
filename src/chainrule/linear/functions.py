"""Array functions that NumPy lacks: the pure forms of writing into an array of zeros and of reading from one.

They follow NumPy's own protocol, so that a tracked tensor is handed on to whoever defines their derivative.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

__all__ = ["beneath", "frozen", "gather", "overwritten", "scatter", "steps_of"]


def scatter(values: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``: the transpose of `gather`.

    Args:
        values: an array that broadcasts to the shape of ``zeros[index]``.
        shape: the shape of the result.
        index: a tuple of integers, slices and integer arrays, with the meaning of NumPy's indexing. Positions that
            integer arrays name twice receive both values.

    Returns:
        An array of the dtype of ``values``.

    Raises:
        IndexError: a position lies outside ``shape``.
        ValueError: ``values`` do not broadcast to the positions.

    >>> scatter(np.array([1.0, 2.0, 4.0]), (4,), (np.array([0, 2, 0]),))
    array([5., 0., 2., 0.])
    >>> scatter(np.array([1.0, 2.0]), (4,), (slice(None, None, -2),))
    array([0., 2., 0., 1.])
    """
    kind = type(values)
    if kind is not np.ndarray:
        if hasattr(kind, "__array_function__") and not issubclass(kind, np.generic):
            return values.__array_function__(scatter, (kind,), (values, shape, index), {})
        values = np.asarray(values)
    arrays = 0
    for entry in index:
        if isinstance(entry, _ARRAYS):
            arrays += 1
        elif hasattr(type(entry), "__array_function__") and not isinstance(entry, np.generic):
            return entry.__array_function__(scatter, (type(entry),), (values, shape, index), {})
    result = np.zeros(shape, values.dtype)
    if not arrays:
        result[index] = values
    elif len(shape) == 1:
        np.add.at(result, index[0], values)
    else:
        _add_at(result, index, arrays, values)
    return result


_ARRAYS = (np.ndarray, list)
_FLAT_FROM = 256  # values from which it pays to compute positions in the flat array


def _add_at(result: Any, index: tuple[Any, ...], arrays: int, values: Any) -> None:
    """Add ``values`` into several axes: by positions in the flat array, where `np.add.at` is many times faster."""
    shape = result.shape
    positions = None
    if values.size >= _FLAT_FROM and all(isinstance(entry, _ARRAYS) for entry in index[:arrays]):
        try:
            positions = np.ravel_multi_index(index[:arrays], shape[:arrays])
        except ValueError:  # positions below zero count from the end; those outside are for `np.add.at` to report
            positions = None
    if positions is None:
        np.add.at(result, index, values)
        return
    if len(shape) > arrays:
        inner = np.arange(prod(shape[arrays:])).reshape(shape[arrays:])[index[arrays:]]
        positions = positions.reshape(positions.shape + (1,) * inner.ndim) * prod(shape[arrays:]) + inner
    if values.shape != positions.shape:
        values = np.broadcast_to(values, positions.shape)
    np.add.at(result.reshape(-1), positions.reshape(-1), values.reshape(-1))


def gather(values: Any, index: tuple[Any, ...]) -> Any:
    """``values[index]``: the transpose of `scatter`.

    >>> gather(np.array([1.0, 2.0, 4.0]), (np.array([0, 2, 0]),))
    array([1., 4., 1.])
    """
    return values[index]


def overwritten(array: Any, values: Any, index: tuple[Any, ...]) -> Any:
    """A copy of ``array`` in which ``array[index]`` is ``values``; floating point if either is.

    >>> overwritten(np.array([1, 2, 3]), 0.5, (slice(1, None),))
    array([1. , 0.5, 0.5])
    """
    for value in (array, values):
        kind = type(value)
        if kind is not np.ndarray and hasattr(kind, "__array_function__") and not issubclass(kind, np.generic):
            return value.__array_function__(overwritten, (kind,), (array, values, index), {})
    array, other = np.asarray(array), getattr(values, "dtype", np.dtype(type(values)))
    kept = array.dtype.kind in "fc" or other.kind not in "fc"
    result = np.array(array, array.dtype if kept else np.result_type(array.dtype, other))
    result[index] = values
    return result


def steps_of(positions: Any) -> tuple[int, list[int]] | None:
    """``start, strides`` if ``positions[i, j, …] = start + i·strides[0] + j·strides[1] + …``; else None.

    An axis of one position has stride 0. There must be a position.

    >>> steps_of(np.arange(12).reshape(3, 4)[::2, ::-1])
    (3, [8, -1])
    >>> steps_of(np.array([0, 1, 3])) is None
    True
    """
    rank = positions.ndim
    start = int(positions[(0,) * rank])
    strides = [
        int(positions[tuple([int(k == axis) for k in range(rank)])]) - start if size > 1 else 0
        for axis, size in enumerate(positions.shape)
    ]
    reach = sum([stride * (size - 1) for stride, size in zip(strides, positions.shape, strict=True)])
    if int(positions[(-1,) * rank]) != start + reach:
        return None
    rest = positions
    for stride in strides:  # in steps along this axis: then its first position stands for all of them
        if not (rest[1:] - rest[:-1] == stride).all():
            return None
        rest = rest[0]
    return start, strides


def beneath(array: Any) -> Any:
    """The array whose memory ``array`` shares; None if it has its own.

    NumPy's windows, and what it lays out by strides, stand on an object that holds that array.

    >>> x = np.zeros(3)
    >>> beneath(np.lib.stride_tricks.sliding_window_view(x, 2)) is x, beneath(x[1:]) is x, beneath(x) is None
    (True, True, True)
    """
    base = array.base
    return base if base is None or hasattr(base, "shape") else getattr(base, "base", None)


def frozen(array: Any) -> bool:
    """Whether nobody can change an array any more: it is read-only, and so is what it is a view of.

    >>> array = np.zeros(3)
    >>> view = array[:2]
    >>> view.flags.writeable = False
    >>> frozen(view)
    False
    """
    while isinstance(array, np.ndarray) and not array.flags.writeable:
        if array.base is None:
            return True
        array = array.base
    return False
