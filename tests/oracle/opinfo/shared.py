"""NumPy's and SciPy's functions for PyTorch's: each takes PyTorch's arguments, with arrays for tensors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from scipy import fft, linalg, signal, special

__all__ = ["COMPARED", "SHARED"]

Function = Callable[..., Any]
NAMES = {"dim": "axis", "dims": "axis", "keepdim": "keepdims"}


# -- how arguments are named ------------------------------------------------------------------------------------------
def named(function: Function, **names: str | None) -> Function:
    """The function with PyTorch's names of options; an option whose name is None is left out."""

    def call(*arguments: Any, **options: Any) -> Any:
        renamed = {names.get(key, NAMES.get(key, key)): value for key, value in options.items()}
        return function(*arguments, **{key: value for key, value in renamed.items() if key is not None})

    return call


def over(x: Any, dim: Any) -> Any:
    """The axes that PyTorch means: all of them by none, and none of a number's."""
    return None if dim is None or dim == () or dim == [] or np.ndim(x) == 0 else tuple(dim) if np.ndim(dim) else dim


def reduced(function: Function) -> Function:
    def call(x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None, **options: Any) -> Any:
        return function(x if dtype is None else x.astype(dtype), axis=over(x, dim), keepdims=keepdim, **options)

    return call


def moments(function: Function) -> Function:
    """Variances and their kin: what is taken off the count has two names."""

    def call(x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: Any = None) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = correction if correction is not None else 1 if unbiased is None else int(unbiased)
        return function(x, axis=over(x, dim), ddof=ddof, keepdims=keepdim)

    return call


def running(function: Function) -> Function:
    def call(x: Any, dim: int, dtype: Any = None) -> Any:
        return np.reshape(function(x if dtype is None else x.astype(dtype), axis=dim if np.ndim(x) else None), x.shape)

    return call


def listed(function: Function) -> Function:
    """A function of a list of arrays."""
    return lambda parts, dim=0: function(list(parts), axis=dim)


def several(function: Function) -> Function:
    """A function of arrays one by one."""
    return lambda *parts: function(*(parts[0] if isinstance(parts[0], list | tuple) else parts))


def either(function: Function) -> Function:
    """A function of an array and a shape that may be given in one or one by one."""
    return lambda x, *shape: function(x, tuple(shape[0]) if len(shape) == 1 and np.ndim(shape[0]) else shape)


def transformed(function: Function) -> Function:
    """A Fourier transform: NumPy asks for the axes where PyTorch takes the last ones."""

    def call(x: Any, n: Any = None, dim: Any = -1, norm: Any = None, s: Any = None) -> Any:
        return function(x, n, dim, norm)

    return call


def transformed_over(function: Function, two: bool = False) -> Function:
    def call(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
        dim = (-2, -1) if dim is None and two else dim
        axes = tuple(range(-len(s), 0)) if dim is None and s is not None else dim
        return function(x, s, axes if axes is None or np.ndim(axes) else (axes,), norm=norm)

    return call


def batched(function: Function) -> Function:
    """SciPy's function of one matrix for each in a stack."""

    def call(*stacks: Any, **options: Any) -> Any:
        if np.ndim(stacks[0]) == 2:
            return function(*stacks, **options)
        if not len(stacks[0]):  # what it makes of none is the shape of what it makes of one
            one = call(*(np.ones(stack.shape[1:], stack.dtype) for stack in stacks), **options)
            none = [np.zeros((0, *np.shape(part)), stacks[0].dtype) for part in flat(one)]
            return tuple(none) if isinstance(one, tuple) else none[0] * sum(np.sum(stack) for stack in stacks)
        results = [call(*parts, **options) for parts in zip(*stacks, strict=True)]
        if isinstance(results[0], tuple):
            return tuple(np.stack(parts) for parts in zip(*results, strict=True))
        return np.stack(results)

    return call


def flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def in_words(names: str, module: Any) -> dict[str, Function]:
    """Functions with one name on both sides, or with ``PyTorch's=ours``."""
    pairs = (pair.partition("=") for pair in names.split())
    return {there: named(getattr(module, here or there.rpartition(".")[2])) for there, _, here in pairs}


# -- one by one -------------------------------------------------------------------------------------------------------
def swapped(x: Any, upper: bool) -> Any:
    return np.conj(np.swapaxes(x, -1, -2)) if upper else x


def mul(x: Any, y: Any) -> Any:
    return x * y


def clamp(x: Any, least: Any = None, most: Any = None, **bounds: Any) -> Any:
    return np.clip(x, bounds.get("min", least), bounds.get("max", most))


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


def on_axis(dim: int, index: Any) -> Any:
    return (slice(None),) * dim + (index,) if dim >= 0 else (..., index, *(slice(None),) * (-dim - 1))


def part(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return x[on_axis(dim, slice(start, end, step))]


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


def extreme(function: Function) -> Function:
    def call(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return function(x, axis=over(x, dim), keepdims=keepdim)

    return call


def ordered(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    if np.ndim(x) == 0:
        return x
    return np.flip(np.sort(x, axis=dim), dim) if descending else np.sort(x, axis=dim)


def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return x if np.ndim(x) == 0 else part(ordered(x, dim, largest), dim, 0, k)


def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if np.ndim(x) == 0:
        return x
    found = np.take(np.sort(x, axis=dim), k - 1, axis=dim)
    return np.expand_dims(found, dim) if keepdim else found


def median(quantile: Function) -> Function:
    """PyTorch takes the lower of the two numbers in the middle."""

    def call(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return quantile(x, 0.5, axis=over(x, dim), method="lower", keepdims=keepdim)

    return call


def quantile(function: Function) -> Function:
    def call(x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear") -> Any:
        return function(x, q, axis=over(x, dim), method=interpolation, keepdims=keepdim)

    return call


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


def view_as_real(z: Any) -> Any:
    return np.stack([z.real, z.imag], -1)


def gradient(x: Any, dim: Any = None, spacing: Any = None, edge_order: Any = 1) -> Any:
    steps: Any = () if spacing is None else tuple(spacing) if isinstance(spacing, list | tuple) else (spacing,)
    return np.gradient(x, *steps, axis=dim, edge_order=edge_order)


def trapezoid(function: Function) -> Function:
    def call(y: Any, x: Any = None, dx: float = 1.0, dim: int = -1) -> Any:
        return function(y, x=x, dx=dx, axis=dim)

    return call


def cumulative_trapezoid(y: Any, x: Any = None, dx: float = 1.0, dim: int = -1) -> Any:
    widths = dx if x is None else np.diff(x, axis=dim if np.ndim(x) > 1 else -1)
    return np.cumsum((part(y, dim, 1) + part(y, dim, 0, -1)) / 2 * widths, axis=dim)


def cross(x: Any, y: Any, dim: Any = None) -> Any:
    return np.cross(x, y, axis=-1 if dim is None else dim)


def renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    axes = tuple(k for k in range(x.ndim) if k != dim % x.ndim)
    size = vector_norm(x, p, axes, True)
    return x * np.where(size > maxnorm, maxnorm / (size + 1e-7), 1)


def pool(function: Function) -> Function:
    """Products added to an array: PyTorch's fused forms."""

    def call(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
        return beta * x + alpha * function(a, b)

    return call


def fused(function: Function) -> Function:
    return lambda x, a, b, value=1: x + value * function(a, b)


def scaled(function: Function) -> Function:
    return lambda x, y, alpha=1: function(x, np.multiply(alpha, y))


def divided(x: Any, y: Any, rounding_mode: Any = None) -> Any:
    return np.floor_divide(x, y) if rounding_mode == "floor" else np.trunc(x / y)


def logcumsumexp(x: Any, dim: int) -> Any:
    if np.ndim(x) == 0:
        return x
    if np.iscomplexobj(x):
        most = np.max(x.real, axis=dim, keepdims=True)
        return np.log(np.cumsum(np.exp(x - most), axis=dim)) + most
    return np.logaddexp.accumulate(x, axis=dim)


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


def either_norm(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    matrix = np.ndim(x) == 2 if dim is None else np.ndim(dim) and len(dim) == 2
    if matrix and (ord is not None or isinstance(ord, str)):
        return matrix_norm(x, ord, (0, 1) if dim is None else dim, keepdim, dtype)
    return vector_norm(x, 2 if ord is None else ord, dim, keepdim, dtype)


def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    if p == "nuc":
        return matrix_norm(x, p, (0, 1) if dim is None else dim, keepdim, dtype)
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim, dtype)


def lu_solve(lu: Any, pivots: Any, b: Any, left: bool = True, adjoint: bool = False) -> Any:
    """SciPy counts pivots from zero."""

    def one(lu: Any, b: Any, pivots: Any) -> Any:
        if left:
            return linalg.lu_solve((lu, pivots - 1), b, trans=2 * adjoint)
        return np.conj(linalg.lu_solve((lu, pivots - 1), np.conj(b.T), trans=2 * (not adjoint))).T

    return batched(one)(lu, b, pivots)


def solve_triangular(
    a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False, trans: int = 0
) -> Any:
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, shape + a.shape[-2:]), np.broadcast_to(b, shape + b.shape[-2:])

    def one(a: Any, b: Any) -> Any:
        if left:
            return linalg.solve_triangular(a, b, lower=not upper, unit_diagonal=unitriangular, trans=trans)
        return linalg.solve_triangular(a.T, b.T, lower=upper, unit_diagonal=unitriangular).T

    return batched(one)(a, b)


def eigen(values: Any, vectors: Any) -> Any:
    """Values in an order of their own, and of the vectors what no phase changes."""
    return values, np.abs(vectors)


def vander(x: Any, N: Any = None) -> Any:
    count = x.shape[-1] if N is None and np.ndim(x) else N
    return np.power(np.expand_dims(np.atleast_1d(x), -1), np.arange(count))


def matrix_rank(a: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    size = np.max(np.linalg.svd(a, compute_uv=False), -1, initial=0)
    least = (
        None
        if atol is None and rtol is None
        else np.maximum(0 if atol is None else atol, (0 if rtol is None else rtol) * size)
    )
    return np.linalg.matrix_rank(a, least, hermitian)


def logdet(a: Any) -> Any:
    sign, size = np.linalg.slogdet(a)
    return size + np.log(sign) if np.iscomplexobj(a) else np.where(sign == -1, np.nan, size)


def triangular_solve(b: Any, a: Any, upper: bool = False, **_: Any) -> Any:
    """The database hands over one triangle, and none of the other options."""
    a = np.triu(a) if upper else np.tril(a)
    return solve_triangular(a, b, upper=upper), a * 1


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The database puts ones on the diagonal."""
    part = (np.triu(x, 1) if upper else np.tril(x, -1)) + np.eye(x.shape[-1])
    other = np.conj(np.swapaxes(part, -1, -2))
    return np.linalg.inv(other @ part if upper else part @ other)


def cholesky_solve(b: Any, x: Any, upper: bool = False) -> Any:
    return batched(lambda b, x: linalg.cho_solve((x, not upper), b))(b, x)


def householder(a: Any, tau: Any) -> Any:
    q = np.eye(a.shape[-2], dtype=a.dtype)
    for k in range(tau.shape[-1]):
        v = np.concatenate([np.zeros((*a.shape[:-2], k)), np.ones((*a.shape[:-2], 1)), a[..., k + 1 :, k]], axis=-1)
        q = q - (q @ v[..., None]) * tau[..., k, None, None] * np.conj(v[..., None, :])
    return q[..., : a.shape[-1]] + np.zeros(a.shape)


def einsum(subscripts: str, operands: Any) -> Any:
    """NumPy wants the axes of an ellipsis named in the result: PyTorch sums over those that are not."""
    into = subscripts.partition("->")[2]
    if "..." in subscripts and into and "..." not in into:
        widest = max(
            np.ndim(x) - len(part.replace("...", "").strip())
            for x, part in zip(operands, subscripts.partition("->")[0].split(","), strict=True)
        )
        return np.sum(np.einsum(subscripts.replace("->", "->..."), *operands), tuple(range(widest)))
    return np.einsum(subscripts, *operands)


def tensordot(x: Any, y: Any, dims: Any = 2) -> Any:
    if np.ndim(dims):  # PyTorch sums a single number along an axis over the other's
        (first, second), shape = dims, list(y.shape)
        for a, b in zip(first, second, strict=True):
            shape[b] = x.shape[a] if y.shape[b] == 1 else y.shape[b]
            x = np.repeat(x, shape[b], a) if x.shape[a] == 1 else x
        y = np.broadcast_to(y, shape)
    return np.tensordot(x, y, axes=dims)


def multigammaln(x: Any, p: int) -> Any:
    return special.multigammaln(x, p)


def masked(function: Function, otherwise: Any) -> Function:
    """A reduction that leaves out what the mask does not choose."""

    def call(x: Any, *arguments: Any, mask: Any = None, dtype: Any = None, **options: Any) -> Any:
        x = x if dtype is None else x.astype(dtype)
        return function(x if mask is None else np.where(mask, x, otherwise), *arguments, **options)

    return call


def searchsorted(
    edges: Any, x: Any, right: bool = False, side: Any = None, out_int32: bool = False, sorter: Any = None
) -> Any:
    """NumPy searches one list: rows one by one."""
    if np.ndim(edges) > 1:
        orders = [None] * len(edges) if sorter is None else sorter
        rows = [searchsorted(e, each, right, side, out_int32, o) for e, each, o in zip(edges, x, orders, strict=True)]
        return np.reshape(np.array(rows, int), np.shape(x))
    return np.searchsorted(edges, x, side or ("right" if right else "left"), sorter)


def logsumexp(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.reshape(special.logsumexp(x, axis=over(x, dim), keepdims=keepdim), shape_of_sum(x, dim, keepdim))


def masked_logsumexp(x: Any, dim: Any = None, keepdim: bool = False, mask: Any = None, dtype: Any = None) -> Any:
    found = masked(logsumexp, -np.inf)(x, dim, keepdim, mask=mask, dtype=dtype)
    return (
        found
        if mask is None
        else np.where(np.any(np.broadcast_to(mask, x.shape), over(x, dim), keepdims=keepdim), found, 0)
    )


def masked_norm(x: Any, ord: Any, dim: Any = None, keepdim: bool = False, mask: Any = None, dtype: Any = None) -> Any:
    chosen = np.broadcast_to(True if mask is None else mask, x.shape)
    found = vector_norm(np.where(chosen, x, np.inf if ord < 0 else 0), ord, dim, keepdim, dtype)
    return np.where(np.reshape(np.any(chosen, over(x, dim), keepdims=keepdim), np.shape(found)), found, 0)


def shape_of_sum(x: Any, dim: Any, keepdim: bool) -> Any:
    return np.sum(np.zeros(np.shape(x)), over(x, dim), keepdims=keepdim).shape


def moments_where(function: Function) -> Function:
    def call(x: Any, unbiased: Any = None, correction: Any = None, **options: Any) -> Any:
        return function(
            x, ddof=correction if correction is not None else 1 if unbiased is None else unbiased, **options
        )

    return call


ACCUMULATE = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amin": np.minimum, "amax": np.maximum}
NEUTRAL = {"sum": 0, "mean": 0, "prod": 1, "amin": np.inf, "amax": -np.inf}


def accumulated(x: Any, at: Any, values: Any, reduce: str, include_self: bool) -> Any:
    """``values`` combined with what is at their places, or with each other alone."""
    y, counts = np.array(x), np.zeros(x.shape, int)
    np.add.at(counts, at, 1)
    if not include_self:
        y[at] = NEUTRAL[reduce]
    ACCUMULATE[reduce].at(y, at, values)
    return y / np.maximum(counts + include_self, 1) if reduce == "mean" else y


def scatter_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True) -> Any:
    y, index = np.reshape(x, x.shape or 1), np.atleast_1d(index)
    values = np.reshape(source, source.shape or 1)[tuple(map(slice, index.shape))]
    return np.reshape(accumulated(y, along(y, dim, index), values, reduce, include_self), x.shape)


def index_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True) -> Any:
    y = np.reshape(x, x.shape or 1)
    at = (slice(None),) * (dim % y.ndim) + (np.atleast_1d(index),)
    values = np.reshape(source, source.shape or 1)
    return np.reshape(accumulated(y, at, values, reduce, include_self), x.shape)


def chosen_by(function: Function) -> Function:
    """A reduction of the entries that a mask chooses, by NumPy's ``where``; of none the database takes 0."""

    def call(
        x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None, mask: Any = None, **options: Any
    ) -> Any:
        x, axis = x if dtype is None else x.astype(dtype), over(x, dim)
        mask = np.broadcast_to(True if mask is None else mask, x.shape)
        found = function(x, axis=axis, keepdims=keepdim, where=mask, **options)
        return np.where(np.any(mask, axis, keepdims=keepdim), found, 0).astype(x.dtype)

    return call


def polynomial(function: Function) -> Function:
    """PyTorch counts degrees in floating point, and cuts them to whole numbers."""
    return lambda x, n: np.where(np.trunc(n) < 0, 0.0, function(np.maximum(n, 0).astype(int), x))


def unique(x: Any, sorted: Any = True, return_inverse: Any = False, return_counts: Any = False, dim: Any = None) -> Any:
    return np.unique(x, return_inverse=return_inverse, return_counts=return_counts, axis=dim)


def stft(
    x: Any,
    n_fft: int,
    hop_length: Any = None,
    window: Any = None,
    center: bool = True,
    onesided: bool = True,
    return_complex: bool = True,
) -> Any:
    """Windows of the signal, the Fourier transform of each."""
    onesided = onesided and not np.iscomplexobj(x)
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], "reflect")
    frames = np.lib.stride_tricks.sliding_window_view(x, n_fft, axis=-1)[..., :: hop_length or n_fft // 4, :]
    frames = frames if window is None else frames * window
    found = np.swapaxes(np.fft.rfft(frames) if onesided else np.fft.fft(frames), -1, -2)
    return found if return_complex else view_as_real(found)


def lu_parts(lu: Any, pivots: Any) -> Any:
    """Rows in the order of LAPACK's interchanges, and the two triangles."""
    rows, least = lu.shape[-2], min(lu.shape[-2:])

    def turned(each: Any) -> Any:
        order = np.arange(rows)
        for k, other in enumerate(each - 1):
            order[[k, other]] = order[[other, k]]
        return np.eye(rows, dtype=lu.dtype)[:, order]

    flat_pivots = np.reshape(pivots, (-1, pivots.shape[-1]))
    p = np.reshape([turned(each) for each in flat_pivots], (*lu.shape[:-2], rows, rows)).astype(lu.dtype)
    return p, np.tril(lu[..., :least], -1) + np.eye(rows, least), np.triu(lu[..., :least, :])


def masked_along(function: Function, otherwise: Any) -> Function:
    """A function along an axis; what stands at places that the mask leaves out is not looked at."""

    def call(x: Any, dim: int, mask: Any = None, dtype: Any = None) -> Any:
        found = masked(function, otherwise)(x, dim, mask=mask, dtype=dtype)
        return found if mask is None else np.where(mask, found, 0)

    return call


def softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    x = x if dtype is None else x.astype(dtype)
    return special.softmax(x, axis=dim if np.ndim(x) else None) if np.size(x) else x * 1


def log_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    x = x if dtype is None else x.astype(dtype)
    return special.log_softmax(x, axis=dim if np.ndim(x) else None) if np.size(x) else x * 1


def window(name: str, *parameters: str) -> Function:
    def call(count: int, sym: bool = True, dtype: Any = None, **options: Any) -> Any:
        if count == 0:  # SciPy has none of this length
            return np.zeros(0)
        return signal.get_window((name, *(options[each] for each in parameters)), count, fftbins=not sym)

    return call


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


def svd(a: Any, some: bool = True, compute_uv: bool = True) -> Any:
    u, values, v = np.linalg.svd(a, not some)
    return (u, values, np.conj(np.swapaxes(v, -1, -2))) if compute_uv else values


def qr(a: Any, mode: Any) -> Any:
    return (np.zeros(0, a.dtype), np.linalg.qr(a, "r")) if mode == "r" else tuple(np.linalg.qr(a, mode))


def hermitian(a: Any) -> Any:
    """The matrix that PyTorch's database makes of a sample, before it hands it to a function of Hermitian ones."""
    return a + np.conj(np.swapaxes(a, -1, -2))


def solve(a: Any, b: Any, left: bool = True) -> Any:
    vector = b.ndim == 1 or b.shape == a.shape[:-1]
    if vector:
        return np.linalg.solve(a, b[..., None])[..., 0]
    if left:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


def lstsq(a: Any, b: Any) -> Any:
    return (batched(lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0])(a, b),)


ELEMENTWISE = {
    **in_words(
        "abs acos=arccos acosh=arccosh asin=arcsin asinh=arcsinh atan=arctan atan2=arctan2 atanh=arctanh ceil "
        "clone=copy positive conj conj_physical=conj resolve_conj=array resolve_neg=array alias_copy=array "
        "contiguous=array copysign cos cosh deg2rad rad2deg exp exp2 expm1 floor fmax fmin fmod remainder=mod "
        "__rmod__=mod i0 log1p log log2 log10 imag real logaddexp2 max/binary=maximum maximum min/binary=minimum "
        "minimum mul=multiply neg=negative pow=power float_power=float_power reciprocal sin sinc sinh sign "
        "sgn=sign tan tanh trunc sqrt square hypot true_divide div/no_rounding_mode=true_divide nan_to_num angle "
        "heaviside nextafter signbit isfinite isinf isposinf isneginf isreal isnan eq=equal ne=not_equal lt=less "
        "gt=greater le=less_equal ge=greater_equal logical_and logical_or logical_xor logical_not isin "
        "floor_divide equal=array_equal all any argmax argmin argwhere count_nonzero isclose allclose",
        np,
    ),
    **in_words(
        "erf erfc erfinv digamma lgamma=gammaln xlogy special.i0e special.i1 special.i1e special.ndtr "
        "special.ndtri special.log_ndtr special.entr special.erfcx special.xlog1py igamma=gammainc igammac=gammaincc "
        "special.bessel_j0=j0 special.bessel_j1=j1 special.bessel_y0=y0 special.bessel_y1=y1 special.zeta "
        "special.modified_bessel_i0=i0 special.modified_bessel_i1=i1 special.modified_bessel_k0=k0 "
        "special.modified_bessel_k1=k1 special.scaled_modified_bessel_k0=k0e special.scaled_modified_bessel_k1=k1e",
        special,
    ),
    "add": scaled(np.add),
    "sub": scaled(np.subtract),
    "rsub": lambda x, y, alpha=1: y - np.multiply(alpha, x),
    "__radd__": lambda x, y: y + x,
    "__rsub__": lambda x, y: y - x,
    "__rmul__": lambda x, y: y * x,
    "__rdiv__": lambda x, y: y / x,
    "__rmod__": lambda x, y: y % x,
    "__rpow__": lambda x, y: y**x,
    "div/trunc_rounding": divided,
    "div/floor_rounding": divided,
    "addcmul": fused(np.multiply),
    "addcdiv": fused(np.divide),
    "clamp": clamp,
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
    "complex": lambda x, y: x + 1j * y,
    "polar": lambda size, angle: size * np.exp(1j * angle),
    "view_as_real": view_as_real,
    "view_as_complex": lambda x: x[..., 0] + 1j * x[..., 1],
    "frac": lambda x: x - np.trunc(x),
    "frexp": lambda x: np.frexp(x)[0],
    "ldexp": lambda x, y: x * 2.0**y,
    "lerp": lambda x, y, weight: x + weight * (y - x),
    "logaddexp": lambda x, y: np.log(np.exp(x) + np.exp(y)) if np.iscomplexobj(x) else np.logaddexp(x, y),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)) if np.iscomplexobj(x) else special.expit(x),
    "nonzero": lambda x, as_tuple=False: np.nonzero(np.atleast_1d(x)) if as_tuple else np.argwhere(x),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "round": np.round,
    **{f"round/decimals_{n}": np.round for n in ("0", "3", "neg_3")},
    "where": lambda x, condition, y: np.where(condition, x, y),
    "logit": lambda x, eps=None: special.logit(x if eps is None else np.clip(x, eps, 1 - eps)),
    **{f"polygamma/polygamma_n_{n}": lambda x, n: special.polygamma(n, x) for n in range(5)},
    "special.polygamma/special_polygamma_n_0": lambda x, n: special.polygamma(n, x),
    **{f"mvlgamma/mvlgamma_p_{p}": multigammaln for p in (1, 3, 5)},
    **{
        f"special.{kind}": polynomial(getattr(special, f"eval_{ours}"))
        for kind, ours in (
            *((f"chebyshev_polynomial_{letter}", f"cheby{letter}") for letter in "tu"),
            *((f"shifted_chebyshev_polynomial_{letter}", f"sh_cheby{letter}") for letter in "tu"),
            ("hermite_polynomial_h", "hermite"),
            ("hermite_polynomial_he", "hermitenorm"),
            ("laguerre_polynomial_l", "laguerre"),
            ("legendre_polynomial_p", "legendre"),
        )
    },
    **{name: lambda x: x.astype(float) for name in ("double",)},
    **{name: lambda x: x.astype(complex) for name in ("cdouble",)},
    "special.airy_ai": lambda x: special.airy(x)[0],
    "special.spherical_bessel_j0": lambda x: special.spherical_jn(0, x),
    "masked_fill": lambda x, mask, value: np.where(mask, value, x),
    "fill": lambda x, value: np.full_like(x, value),
    "zero_": np.zeros_like,
    "item": lambda x: x.item(),
}
REDUCTIONS = {
    **{name: reduced(getattr(np, name)) for name in "mean nanmean prod sum nansum".split()},
    **{name: extreme(getattr(np, name)) for name in "amax amin".split()},
    **{name: extreme(getattr(np, name)) for name in "all any argmax argmin count_nonzero".split()},
    **{name: moments(getattr(np, name[:3])) for name in "std var std/unbiased var/unbiased".split()},
    **{
        f"{name}_mean{variant}": lambda x, *a, name=name, **k: (
            moments(getattr(np, name))(x, *a, **k),
            moments(lambda x, axis, ddof, keepdims: np.mean(x, axis, keepdims=keepdims))(x, *a, **k),
        )
        for name in ("std", "var")
        for variant in ("", "/unbiased")
    },
    **{
        f"{name}/reduction_{how}": extreme(getattr(np, name))
        for name in ("max", "min")
        for how in ("with_dim", "no_dim")
    },
    "aminmax": lambda x, dim=None, keepdim=False: (
        np.min(x, axis=over(x, dim), keepdims=keepdim),
        np.max(x, axis=over(x, dim), keepdims=keepdim),
    ),
    "logsumexp": logsumexp,
    "cumsum": running(np.cumsum),
    "cumprod": running(np.cumprod),
    "cummax": lambda x, dim: np.maximum.accumulate(x, axis=dim) if np.ndim(x) else x,
    "cummin": lambda x, dim: np.minimum.accumulate(x, axis=dim) if np.ndim(x) else x,
    "logcumsumexp": logcumsumexp,
    "sort": ordered,
    "msort": lambda x: np.sort(x, axis=0) if np.ndim(x) else x,
    "argsort": lambda x, dim=-1, descending=False, stable=False: np.argsort(
        -x if descending else x, axis=dim if np.ndim(x) else None, kind="stable"
    ).reshape(np.shape(x)),
    "topk": topk,
    "kthvalue": kthvalue,
    "median": median(np.quantile),
    "nanmedian": median(np.nanquantile),
    "quantile": quantile(np.quantile),
    "nanquantile": quantile(np.nanquantile),
    "diff": lambda x, n=1, dim=-1, prepend=None, append=None: np.diff(
        x, n, dim, **{k: v for k, v in {"prepend": prepend, "append": append}.items() if v is not None}
    ),
    "gradient": gradient,
    "trapz": trapezoid(np.trapezoid),
    "trapezoid": trapezoid(np.trapezoid),
    "cumulative_trapezoid": cumulative_trapezoid,
    "cov": lambda x, correction=1, fweights=None, aweights=None: np.cov(
        x, ddof=correction, fweights=fweights, aweights=aweights
    ),
    "corrcoef": np.corrcoef,
    "dist": lambda x, y, p=2: vector_norm(x - y, p),
    "renorm": renorm,
    "softmax": softmax,
    "softmax/with_dtype": softmax,
    "log_softmax": log_softmax,
    "log_softmax/with_dtype": log_softmax,
    "masked.sum": masked(reduced(np.sum), 0),
    "masked.prod": masked(reduced(np.prod), 1),
    **{f"index_reduce/{how}": index_reduce for how in ("mean", "prod", "amin", "amax")},
    **{f"scatter_reduce/{how}": scatter_reduce for how in ACCUMULATE},
    "masked.mean": chosen_by(np.mean),
    "masked.var": chosen_by(moments_where(np.var)),
    "masked.std": chosen_by(moments_where(np.std)),
    "masked.norm": masked_norm,
    "masked.normalize": lambda x, ord, dim, mask=None, eps=1e-12, dtype=None: masked_along(
        lambda x, dim: x / np.maximum(vector_norm(x, ord, dim, True), eps), 0
    )(x, dim, mask, dtype),
    "masked.logaddexp": lambda x, y, input_mask=None, other_mask=None, dtype=None: np.where(
        True if input_mask is None else input_mask & other_mask, np.logaddexp(x, y), 0
    ),
    "masked.amax": chosen_by(lambda x, **options: np.max(x, initial=-np.inf, **options)),
    "masked.amin": chosen_by(lambda x, **options: np.min(x, initial=np.inf, **options)),
    "masked.logsumexp": masked_logsumexp,
    "masked.softmax": masked_along(softmax, -np.inf),
    "masked.log_softmax": masked_along(log_softmax, -np.inf),
    "masked.softmin": masked_along(lambda x, dim: softmax(-x, dim), np.inf),
    "unique": unique,
    "histc": lambda x, bins=100, min=0, max=0: np.histogram(x, bins, (min, max) if min != max else None)[0] * 1.0,
    "histogram": lambda x, bins, range=None, weight=None, density=False: tuple(
        part * 1.0 for part in np.histogram(x, bins, range, density, weight)
    ),
    "masked.cumsum": masked_along(running(np.cumsum), 0),
    "masked.cumprod": masked_along(running(np.cumprod), 1),
    "sum_to_size": either(
        lambda x, shape: np.reshape(
            np.sum(x, tuple(k for k in range(x.ndim) if k < x.ndim - len(shape) or shape[k - x.ndim] == 1)), shape
        )
    ),
    "searchsorted": searchsorted,
    "bucketize": lambda x, edges, right=False, out_int32=False: np.searchsorted(edges, x, "right" if right else "left"),
}
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


PRODUCTS = {
    **in_words("dot vdot mm=matmul mv=matmul bmm=matmul matmul", np),
    "addmm": pool(np.matmul),
    "addmm/decomposed": pool(np.matmul),
    "addmv": pool(np.matmul),
    "addr": pool(np.outer),
    "baddbmm": pool(np.matmul),
    "addbmm": pool(lambda a, b: np.sum(a @ b, 0)),
    "__rmatmul__": lambda x, y: y @ x,
    "cross": cross,
    "linalg.cross": cross,
    "einsum": lambda operands, subscripts: einsum(subscripts, operands),
    "tensordot": tensordot,
    "linalg.vecdot": lambda x, y, dim=-1: np.sum(np.conj(x) * y, axis=dim),
    "linalg.multi_dot": np.linalg.multi_dot,
    "linalg.matrix_power": np.linalg.matrix_power,
    "linalg.vander": vander,
    "linalg.householder_product": householder,
    "cdist": lambda x, y, p=2.0, compute_mode=None: vector_norm(x[..., :, None, :] - y[..., None, :, :], p, -1),
}
MATRICES = {
    **in_words("linalg.inv linalg.det linalg.slogdet linalg.solve linalg.cond ", np.linalg),
    "linalg.tensorsolve": lambda a, b, dims=None: np.linalg.tensorsolve(a, b, axes=dims),
    "linalg.tensorinv": lambda a, ind=2: np.linalg.tensorinv(a, ind),
    "linalg.eigvals": lambda a: np.linalg.eigvals(a) + 0j,
    "linalg.eig": lambda a: tuple(part + 0j for part in np.linalg.eig(a)),
    "linalg.eigh": lambda a, UPLO="L": tuple(np.linalg.eigh(hermitian(a), UPLO)),
    "linalg.svd": lambda a, full_matrices=True, driver=None: tuple(np.linalg.svd(a, full_matrices)),
    "svd": svd,
    "linalg.qr": lambda a, mode="reduced": qr(a, mode),
    "qr": lambda a, some=True: qr(a, "reduced" if some else "complete"),
    "linalg.inv_ex": lambda a, check_errors=False: np.linalg.inv(a),
    "linalg.solve": lambda a, b, left=True: solve(a, b, left),
    "linalg.solve_ex": lambda a, b, left=True, check_errors=False: solve(a, b, left),
    "logdet": logdet,
    "cholesky": lambda a, upper=False: swapped(np.linalg.cholesky(hermitian(a)), upper),
    "linalg.cholesky": lambda a, upper=False: swapped(np.linalg.cholesky(hermitian(a)), upper),
    "linalg.cholesky_ex": lambda a, upper=False, check_errors=False: swapped(np.linalg.cholesky(hermitian(a)), upper),
    "cholesky_inverse": cholesky_inverse,
    "cholesky_solve": cholesky_solve,
    "linalg.eigvalsh": lambda a, UPLO="L": np.linalg.eigvalsh(hermitian(a), UPLO),
    "linalg.svdvals": lambda a, driver=None: np.linalg.svd(a, compute_uv=False),
    "linalg.pinv": lambda a, rtol=None, hermitian=False: np.linalg.pinv(a, rcond=rtol, hermitian=hermitian),
    "linalg.pinv/hermitian": lambda a, hermitian=True: np.linalg.pinv(
        a + np.conj(np.swapaxes(a, -1, -2)), hermitian=True
    ),
    "linalg.pinv/singular": lambda a, b: np.linalg.pinv(a @ np.swapaxes(b, -1, -2)),
    "pinverse": lambda a, rcond=1e-15: np.linalg.pinv(a, rcond),
    "linalg.lstsq": lambda a, b, driver=None: lstsq(a, b),
    "linalg.lstsq/grad_oriented": lambda a, b, driver=None: lstsq(a, b),
    "linalg.matrix_rank": matrix_rank,
    "linalg.matrix_rank/hermitian": matrix_rank,
    "linalg.matrix_norm": matrix_norm,
    "linalg.vector_norm": vector_norm,
    "linalg.norm": either_norm,
    "linalg.norm/subgradients_at_zero": either_norm,
    "norm": norm,
    "norm/nuc": norm,
    "norm/fro": norm,
    "norm/inf": norm,
    "matrix_exp": batched(linalg.expm),
    "lu": lambda a, pivot=True, get_infos=False: batched(linalg.lu_factor)(a)[0],
    "lu_unpack": lambda lu, pivots, unpack_data=True, unpack_pivots=True: lu_parts(lu, pivots),
    "lu_solve": lambda b, lu, pivots: lu_solve(lu, pivots, b),
    "linalg.lu_solve": lu_solve,
    "linalg.lu": lambda a, pivot=True: batched(lambda a: tuple(part.astype(a.dtype) for part in linalg.lu(a)))(a),
    "linalg.lu_factor": lambda a, pivot=True: batched(linalg.lu_factor)(a)[0],
    "linalg.lu_factor_ex": lambda a, pivot=True, check_errors=False: batched(linalg.lu_factor)(a)[0],
    "linalg.solve_triangular": solve_triangular,
    "triangular_solve": triangular_solve,
}


FOURIER = {
    **{f"fft.{name}": transformed(getattr(np.fft, name)) for name in "fft ifft rfft irfft hfft ihfft".split()},
    **{
        f"fft.{name}": transformed_over(getattr(np.fft, name), name.endswith("2"))
        for name in "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn".split()
    },
    **{
        f"fft.{name}": transformed_over(getattr(fft, name), name.endswith("2"))
        for name in "hfft2 hfftn ihfft2 ihfftn".split()
    },
    "stft": stft,
    "fft.fftshift": lambda x, dim=None: np.fft.fftshift(x, dim),
    "fft.ifftshift": lambda x, dim=None: np.fft.ifftshift(x, dim),
}
MADE = {
    "arange": lambda *a, end=None, dtype=None: np.arange(*a, **({"stop": end} if end is not None else {}), dtype=dtype),
    "linspace": np.linspace,
    "logspace": lambda start, end, steps, base=10.0, dtype=None: np.logspace(start, end, steps, base=base, dtype=dtype),
    "eye": lambda *shape, dtype=None: np.eye(*shape, dtype=dtype),
    "ones": lambda *shape, dtype=None: np.ones(shape[0] if np.ndim(shape[0]) else shape, dtype=dtype),
    "zeros": lambda *shape, dtype=None: np.zeros(shape[0] if np.ndim(shape[0]) else shape, dtype=dtype),
    "new_zeros": lambda x, shape, dtype=None: np.zeros(shape, dtype or x.dtype),
    "new_ones": lambda x, shape, dtype=None: np.ones(shape, dtype or x.dtype),
    "new_full": lambda x, shape, value, dtype=None: np.full(shape, value, dtype or x.dtype),
    "full": lambda shape, value, dtype=None: np.full(shape, value, dtype=dtype),
    **{f"signal.windows.{name}": window(name) for name in "hamming hann bartlett blackman cosine nuttall".split()},
    "signal.windows.gaussian": window("gaussian", "std"),
    "signal.windows.kaiser": window("kaiser", "beta"),
    "signal.windows.general_cosine": window("general_cosine", "a"),
    "signal.windows.general_hamming": window("general_hamming", "alpha"),
}

# What of the results is compared, in words that both libraries understand; of others it is all of them.
COMPARED: dict[str, Function] = {
    "linalg.lstsq": lambda x, *_: (x,),
    "linalg.lstsq/grad_oriented": lambda x, *_: (x,),
    # vectors without their phase
    "linalg.eig": lambda values, vectors: (values, abs(vectors)),
    "linalg.eigh": lambda values, vectors: (values, abs(vectors)),
    # and without those that complete a basis
    "linalg.svd": lambda u, s, v: (abs(u[..., : s.shape[-1]]), s, abs(v[..., : s.shape[-1], :])),
    "svd": lambda u, s, v: (abs(u[..., : s.shape[-1]]), s, abs(v[..., : s.shape[-1]])),
}
SHARED = {**ELEMENTWISE, **REDUCTIONS, **SHAPES, **PRODUCTS, **MATRICES, **FOURIER, **MADE}
