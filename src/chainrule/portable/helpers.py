"""What the standard lacks, as functions that are written into a program: the namespaces differ here and nowhere else.

JAX's arrays are not written to but answer ``.at``; of the others a slice is overwritten. To add at positions that an
array holds, where one may be there twice, NumPy and CuPy have ``add.at``, PyTorch ``index_add_``, Dask nothing.
Special functions are elsewhere in each library.
"""

from __future__ import annotations

from importlib import import_module
from math import prod
from typing import Any

__all__ = ["cholesky", "overwritten", "scatter", "shaped", "special", "symmetric"]


def scatter(xp: Any, values: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    """Zeros of ``shape`` to which ``values`` are added at ``index``."""
    zeros = xp.zeros(shape, dtype=values.dtype)
    if hasattr(zeros, "at"):
        return zeros.at[index].add(values)
    if not any(hasattr(entry, "dtype") for entry in index):
        zeros[index] = values
        return zeros
    positions = xp.reshape(xp.arange(prod(shape)), shape)[index]
    values = xp.reshape(xp.broadcast_to(values, positions.shape), (-1,))
    flat, positions = xp.reshape(zeros, (-1,)), xp.reshape(positions, (-1,))
    if hasattr(flat, "index_add_"):
        flat.index_add_(0, positions, values)
    elif hasattr(getattr(xp, "add", None), "at"):
        xp.add.at(flat, positions, values)
    else:
        raise TypeError(f"{xp.__name__} cannot add at positions that an array holds")
    return xp.reshape(flat, shape)


def cholesky(xp: Any, array: Any) -> Any:
    """The lower Cholesky factor, also where a library gives the upper one."""
    factor = xp.linalg.cholesky(array)
    return xp.tril(factor) + xp.matrix_transpose(xp.triu(factor, k=1))


def overwritten(xp: Any, array: Any, values: Any, index: tuple[Any, ...], dtype: Any) -> Any:
    """A copy of ``array`` in which ``array[index]`` is ``values``."""
    array = xp.astype(array, dtype, copy=True)
    if hasattr(array, "at"):
        return array.at[index].set(values)
    array[index] = values
    return array


def shaped(array: Any, shape: tuple[int, ...]) -> Any:
    """``array``, if it has the shape that it had when the program was made."""
    if tuple(array.shape) != shape:
        raise ValueError(f"an array of shape {tuple(array.shape)} was made, of which the program expects {shape}")
    return array


def special(xp: Any) -> Any:
    """The special functions of a library, which have SciPy's names."""
    places = {"jax.numpy": "jax.scipy", "array_api_compat.torch": "torch", "array_api_compat.cupy": "cupyx.scipy"}
    return import_module(f"{places.get(xp.__name__, 'scipy')}.special")


def symmetric(xp: Any, array: Any) -> Any:
    """Matrices whose upper half mirrors the lower."""
    return xp.tril(array) + xp.matrix_transpose(xp.tril(array, k=-1))
