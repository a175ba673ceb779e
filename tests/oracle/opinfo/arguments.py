"""How PyTorch's arguments become NumPy's: other names, all axes or none, stacks of matrices; shared helpers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "NAMES",
    "Function",
    "along",
    "chosen",
    "either",
    "flat",
    "in_words",
    "matrix_norm",
    "named",
    "norm",
    "on_axis",
    "over",
    "part",
    "vector_norm",
    "view_as_real",
]

Function = Callable[..., Any]


NAMES = {"dim": "axis", "dims": "axis", "keepdim": "keepdims"}


def named(function: Function, **names: str | None) -> Function:
    """The function with PyTorch's names of options; an option whose name is None is left out."""

    def call(*arguments: Any, **options: Any) -> Any:
        renamed = {names.get(key, NAMES.get(key, key)): value for key, value in options.items()}
        return function(*arguments, **{key: value for key, value in renamed.items() if key is not None})

    return call


def over(x: Any, dim: Any) -> Any:
    """The axes that PyTorch means: all of them by none, and none of a number's."""
    return None if dim is None or dim == () or dim == [] or np.ndim(x) == 0 else tuple(dim) if np.ndim(dim) else dim


def either(function: Function) -> Function:
    """A function of an array and a shape that may be given in one or one by one."""
    return lambda x, *shape: function(x, tuple(shape[0]) if len(shape) == 1 and np.ndim(shape[0]) else shape)


def flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def in_words(names: str, module: Any) -> dict[str, Function]:
    """Functions with one name on both sides, or with ``PyTorch's=ours``."""
    pairs = (pair.partition("=") for pair in names.split())
    return {there: named(getattr(module, here or there.rpartition(".")[2])) for there, _, here in pairs}


def chosen(x: Any, dim: int, index: Any, values: Any, add: bool = False) -> Any:
    """``values`` written at places of one axis."""
    y = np.array(x) if np.ndim(x) else np.reshape(x, (1,)).copy()
    at: Any = (slice(None),) * (dim % y.ndim) + (np.atleast_1d(index),)
    if add:
        np.add.at(y, at, values)
    else:
        y[at] = values
    return np.reshape(y, x.shape)


def along(x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    """The places of ``take_along_axis``, for writing too."""
    grid = list(np.indices(index.shape))
    grid[dim] = index
    return tuple(grid)


def on_axis(dim: int, index: Any) -> Any:
    return (slice(None),) * dim + (index,) if dim >= 0 else (..., index, *(slice(None),) * (-dim - 1))


def part(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return x[on_axis(dim, slice(start, end, step))]


def view_as_real(z: Any) -> Any:
    return np.stack([z.real, z.imag], -1)


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    x = x if dtype is None else x.astype(dtype)
    axes = over(x, dim)
    if np.ndim(x) == 0:
        return np.linalg.norm(np.reshape(x, 1), ord, axis=0)
    if axes is None or np.ndim(axes):
        axes = tuple(range(x.ndim)) if axes is None else axes
        if len(axes) != 1:
            rest = [k for k in range(x.ndim) if k not in {axis % x.ndim for axis in axes}]
            flat = np.reshape(np.transpose(x, (*rest, *axes)), (*(x.shape[k] for k in rest), -1))
            found = np.linalg.norm(flat, ord, axis=-1)
            kept = [1 if k not in rest else x.shape[k] for k in range(x.ndim)]
            return np.reshape(found, kept) if keepdim else found
        axes = axes[0]
    return np.linalg.norm(np.atleast_1d(x), ord, axis=axes, keepdims=keepdim)


def matrix_norm(x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, dtype: Any = None) -> Any:
    return np.linalg.norm(x if dtype is None else x.astype(dtype), ord, axis=tuple(dim), keepdims=keepdim)


def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    if p == "nuc":
        return matrix_norm(x, p, (0, 1) if dim is None else dim, keepdim, dtype)
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim, dtype)
