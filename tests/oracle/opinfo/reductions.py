"""Functions along axes: sums and extremes, moments, running ones, sorting, quantiles, masked ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from tests.oracle.opinfo.arguments import Function, along, either, over, part, vector_norm

__all__ = ["REDUCTIONS", "softmax"]


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


def renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    axes = tuple(k for k in range(x.ndim) if k != dim % x.ndim)
    size = vector_norm(x, p, axes, True)
    return x * np.where(size > maxnorm, maxnorm / (size + 1e-7), 1)


def logcumsumexp(x: Any, dim: int) -> Any:
    if np.ndim(x) == 0:
        return x
    if np.iscomplexobj(x):
        most = np.max(x.real, axis=dim, keepdims=True)
        return np.log(np.cumsum(np.exp(x - most), axis=dim)) + most
    return np.logaddexp.accumulate(x, axis=dim)


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


def unique(x: Any, sorted: Any = True, return_inverse: Any = False, return_counts: Any = False, dim: Any = None) -> Any:
    return np.unique(x, return_inverse=return_inverse, return_counts=return_counts, axis=dim)


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
