"""Functions that move entries: shapes, parts, joining, indexing and writing."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from scipy import linalg

from tests.oracle.opinfo.arguments import Function, along, chosen, either, in_words, on_axis, over, part

__all__ = ["SHAPES", "padded"]


def listed(function: Function) -> Function:
    """A function of a list of arrays."""
    return lambda parts, dim=0: function(list(parts), axis=dim)


def several(function: Function) -> Function:
    """A function of arrays one by one."""
    return lambda *parts: function(*(parts[0] if isinstance(parts[0], list | tuple) else parts))


def scatter(x: Any, dim: int, index: Any, source: Any, add: bool = False, reduce: Any = None) -> Any:
    y, index = np.atleast_1d(x) * 1, np.atleast_1d(index)
    at = along(y, dim, index)
    values = np.atleast_1d(source)[tuple(map(slice, index.shape))] if np.ndim(source) else source
    if add or reduce == "add":
        np.add.at(y, at, values)
    elif reduce == "multiply":
        np.multiply.at(y, at, values)
    else:
        y[at] = values
    return np.reshape(y, x.shape)


def gather(x: Any, dim: int, index: Any) -> Any:
    if np.ndim(x) == 1 and np.ndim(index) > 1:  # PyTorch takes an empty index of any shape
        return np.take(x, index)
    return np.reshape(np.atleast_1d(x)[along(x, dim, np.atleast_1d(index))], index.shape)


def written(at: Function) -> Function:
    """A copy of an array with a part of it overwritten."""

    def call(x: Any, values: Any, *arguments: Any, **options: Any) -> Any:
        y = np.array(x)
        y[at(*arguments, **options)] = values
        return y

    return call


def slice_scatter(x: Any, values: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    y = np.array(x)
    y[on_axis(dim, slice(start, end, step))] = values
    return y


def diagonal_scatter(x: Any, values: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    y = np.array(x)
    places = np.diagonal(np.arange(x.size).reshape(x.shape), offset, dim1, dim2)
    y.reshape(-1)[places] = values
    return y


def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n = x.shape[-1] + abs(offset)
    rows = np.arange(x.shape[-1]) + max(-offset, 0)
    y = np.zeros((*x.shape[:-1], n, n), x.dtype)
    y[..., rows, rows + offset] = x
    return np.moveaxis(y, (-2, -1), (dim1, dim2))


def strided(x: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    return np.ravel(x)[strided_places(size, stride, storage_offset)]


def strided_places(size: Any, stride: Any, storage_offset: Any = None) -> Any:
    grid = np.indices(tuple(size)) if len(size) else np.zeros((0,), int)
    return (storage_offset or 0) + sum((step * at for step, at in zip(stride, grid, strict=True)), np.zeros(size, int))


def strided_scatter(x: Any, values: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    y = np.array(np.ravel(x))
    y[strided_places(size, stride, storage_offset)] = values
    return np.reshape(y, x.shape)


def unbind(x: Any, dim: int = 0) -> Any:
    return tuple(np.moveaxis(x, dim, 0))


def split(x: Any, size: Any, dim: int = 0) -> Any:
    ends = np.cumsum(size)[:-1] if np.ndim(size) else np.arange(size, x.shape[dim], size)
    return np.split(x, ends, axis=dim)


def chunk(x: Any, count: int, dim: int = 0) -> Any:
    return split(x, -(-x.shape[dim] // count), dim)


def unfold(x: Any, dim: int, size: int, step: int) -> Any:
    if np.ndim(x) == 0:
        return np.reshape(x, (1,))[:size]
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return windows[on_axis(dim % np.ndim(x), slice(None, None, step))]


def spread(x: Any, shape: Any) -> Any:
    """A shape in which −1 stands for the length that is there."""
    own = (1,) * (len(shape) - x.ndim) + x.shape
    return tuple(o if n == -1 else n for n, o in zip(shape, own, strict=True))


def squeezed(x: Any, dim: Any, everything: bool = False) -> Any:
    axes = range(x.ndim) if everything else (k % x.ndim for k in (dim if np.ndim(dim) else (dim,)) if x.ndim)
    return np.squeeze(x, tuple(k for k in axes if x.shape[k] == 1))


def flattened(x: Any, first: int, last: int) -> Any:
    if np.ndim(x) == 0:
        return np.reshape(x, 1)
    first, last = first % x.ndim, last % x.ndim
    return np.reshape(x, (*x.shape[:first], int(np.prod(x.shape[first : last + 1])), *x.shape[last + 1 :]))


def put_at(x: Any, at: Any, values: Any, accumulate: bool) -> Any:
    y = np.array(x)
    if accumulate:
        np.add.at(y, at, values)
    else:
        y[at] = values
    return y


def masked_scatter(x: Any, mask: Any, values: Any) -> Any:
    x, mask = np.broadcast_arrays(x, mask)
    y = np.array(x)
    y[mask] = np.ravel(values)[: np.count_nonzero(mask)]
    return y


def padded(x: Any, width: Any, mode: str = "constant", value: Any = None) -> Any:
    """PyTorch names widths from the last axis on; negative ones cut."""
    pairs = [(0, 0)] * (x.ndim - len(width) // 2) + [*zip(width[::2], width[1::2], strict=True)][::-1]
    modes: Any = {"replicate": "edge", "circular": "wrap", "constant": "constant", "reflect": "reflect"}
    options: Any = {"constant_values": value or 0} if mode == "constant" else {}
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True))
    more = [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode != "replicate":
        return np.pad(x[cut], more, modes[mode], **options)
    x = np.pad(x, more, modes[mode])
    return x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True))]


SHAPES = {
    **in_words(
        "fliplr flipud ravel rot90 kron inner outer trace tril triu "
        " zeros_like ones_like full_like column_stack hstack vstack dstack",
        np,
    ),
    **{name: either(np.reshape) for name in "reshape view view_copy".split()},
    **{name: lambda x, like: np.reshape(x, like.shape) for name in "reshape_as view_as".split()},
    **{name: either(np.transpose) for name in "permute permute_copy".split()},
    **{name: lambda x, a, b: np.swapaxes(x, a, b) if np.ndim(x) else x for name in ("transpose", "transpose_copy")},
    **{name: lambda x: np.transpose(x) for name in "T t t_copy".split()},
    **{name: lambda x: np.swapaxes(x, -1, -2) for name in ("mT",)},
    **{name: lambda x: np.conj(np.swapaxes(x, -1, -2)) if np.ndim(x) else np.conj(x) for name in ("H", "mH")},
    **{
        name: either(lambda x, shape: np.broadcast_to(x, spread(x, shape)))
        for name in "broadcast_to expand expand_copy".split()
    },
    "expand_as": lambda x, like: np.broadcast_to(x, like.shape),
    "broadcast_tensors": several(np.broadcast_arrays),
    "block_diag": several(linalg.block_diag),
    "combinations": lambda x, r=2, with_replacement=False: x[
        np.array(
            list((combinations_with_replacement if with_replacement else combinations)(range(len(x)), r)), int
        ).reshape(-1, r)
    ],
    "cartesian_prod": lambda *parts: np.squeeze(
        np.stack([np.ravel(grid) for grid in np.meshgrid(*parts, indexing="ij")], -1),
        *(() if len(parts) > 1 else (-1,)),
    ),
    "chunk": chunk,
    "unsafe_chunk": chunk,
    "split": split,
    "split/list_args": split,
    "unsafe_split": split,
    "split_with_sizes": split,
    "split_with_sizes_copy": split,
    "tensor_split": lambda x, at, dim=0: np.array_split(x, at, axis=dim),
    **{name: lambda x, at, name=name: getattr(np, name)(x, at) for name in "hsplit vsplit dsplit".split()},
    "unbind": unbind,
    "unbind_copy": unbind,
    "cat": lambda parts, dim=0: np.concatenate(
        [each for each in parts if np.shape(each) != (0,)] or list(parts), axis=dim
    ),
    "stack": listed(np.stack),
    "movedim": lambda x, a, b: np.moveaxis(x, a, b),
    "flip": lambda x, dims: np.flip(x, dims),
    "roll": lambda x, shifts, dims=None: np.roll(x, shifts, over(x, dims)),
    "repeat": either(lambda x, counts: np.tile(x, counts)),
    "tile": either(lambda x, counts: np.tile(x, counts)),
    "repeat_interleave": lambda x, repeats, dim=None, output_size=None: np.repeat(x, repeats, axis=dim),
    "squeeze": lambda x, dim=None: squeezed(x, () if dim is None else (dim,), dim is None),
    "squeeze/multiple": lambda x, dim: squeezed(x, dim),
    "unsqueeze": np.expand_dims,
    "unsqueeze_copy": np.expand_dims,
    "unflatten": lambda x, dim, sizes: np.reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim % x.ndim + 1 :])),
    "meshgrid/variadic_tensors": lambda *parts, indexing: np.meshgrid(*parts, indexing=indexing),
    "meshgrid/list_of_tensors": lambda parts, indexing: np.meshgrid(*parts, indexing=indexing),
    **{name: several(getattr(np, name)) for name in "atleast_1d atleast_2d atleast_3d".split()},
    "flatten": lambda x, start_dim=0, end_dim=-1: flattened(x, start_dim, end_dim),
    "diagflat": lambda x, offset=0: np.diagflat(x, offset),
    "squeeze_copy": lambda x, dim=None: squeezed(x, () if dim is None else dim, dim is None),
    "diag": np.diag,
    "diag_embed": diag_embed,
    **{
        name: lambda x, offset=0, dim1=axes[0], dim2=axes[1]: np.diagonal(x, offset, dim1, dim2)
        for name, axes in (("diagonal", (0, 1)), ("diagonal_copy", (0, 1)), ("linalg.diagonal", (-2, -1)))
    },
    "diagonal_scatter": diagonal_scatter,
    "as_strided": strided,
    "as_strided_copy": strided,
    "as_strided_scatter": strided_scatter,
    "unfold": unfold,
    "unfold_copy": unfold,
    "narrow": lambda x, dim, start, length: part(
        x, dim, int(start), int(start) + length if start >= 0 else x.shape[dim] + int(start) + length
    ),
    "select": lambda x, dim, index: x[on_axis(dim, index)],
    "slice": part,
    "slice_scatter": slice_scatter,
    "select_scatter": written(lambda dim, index: on_axis(dim, index)),
    "__getitem__": lambda x, *index: x[index[0] if len(index) == 1 else index],
    "gather": gather,
    "take": lambda x, index: np.take(x, index),
    "take_along_dim": lambda x, index, dim=None: (
        np.take_along_axis(np.ravel(x), np.ravel(index), 0) if dim is None else np.take_along_axis(x, index, dim)
    ),
    "index_select": lambda x, dim, index: (
        np.take(np.atleast_1d(x), index, dim) if np.ndim(x) else np.reshape(x, np.shape(index) and ())
    ),
    "index_fill": lambda x, dim, index, value: chosen(x, dim, index, value),
    "index_copy": lambda x, dim, index, values: chosen(x, dim, index, values),
    "index_add": lambda x, dim, index, values, alpha=1: chosen(x, dim, index, np.multiply(alpha, values), add=True),
    "index_put": lambda x, index, values, accumulate=False: put_at(x, tuple(index), values, accumulate),
    "put": lambda x, index, values, accumulate=False: np.reshape(
        put_at(np.reshape(x, -1), (np.ravel(index),), np.ravel(values), accumulate), x.shape
    ),
    "masked_select": lambda x, mask: np.broadcast_arrays(x, mask)[0][np.broadcast_arrays(x, mask)[1]],
    "masked_scatter": lambda x, mask, values: masked_scatter(x, mask, values),
    "scatter": scatter,
    "scatter_add": lambda x, dim, index, source: scatter(x, dim, index, source, add=True),
    "constant_pad_nd": lambda x, width, value=0: padded(x, width, "constant", value),
}
