"""Quantiles: of sorted entries one, or a mean of two neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import OptionError, ShapeError
from chainrule.op import implements
from chainrule.ops.options import Axes, plain, plain_axis, plain_keepdims, refuse_out
from chainrule.ops.order import sort
from chainrule.ops.pick import take, take_along_axis
from chainrule.ops.reduce import reduced_axes
from chainrule.ops.shape import arrayed, by_rows, moveaxis, reshape

__all__: list[str] = []

# α and β of the methods that are continuous in q: entry n q + α + q (1 − α − β) − 1 of those that are counted from 0
CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
OTHERS = ("lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf", "closest_observation")


def sorted_over(name: str, a: Any, axis: Axes) -> tuple[Any, tuple[int, ...]]:
    """The entries of the reduced axes sorted along a last axis, and which axes these were."""
    gone = reduced_axes(plain_axis(axis), len(a.shape))
    lines = last_axis(a, gone)
    if lines.shape[-1] == 0:
        raise ShapeError(f"{name} of no entries: shape {tuple(a.shape)} along axis={axis}.")
    return sort(lines, axis=-1), gone


def last_axis(a: Any, gone: tuple[int, ...]) -> Any:
    """The entries along some axes as a last axis."""
    moved = moveaxis(a, gone, tuple(range(-len(gone), 0))) if gone else a
    shape = tuple(moved.shape)
    return reshape(moved, shape=(*shape[: len(shape) - len(gone)], prod(shape[len(shape) - len(gone) :])))


def restored(result: Any, gone: Sequence[int], shape: Sequence[int], keepdims: Any, ahead: int = 0) -> Any:
    """The result with its reduced axes kept as size 1, if that was asked; ``ahead`` axes stand before."""
    if not plain_keepdims(keepdims):
        return result
    kept = tuple([1 if k in gone else size for k, size in enumerate(shape)])
    return reshape(result, shape=tuple(result.shape[:ahead]) + kept)


def in_front(result: Any, rank: int) -> Any:
    """The result with the axes of the fractions, which stand last, in front."""
    return by_rows(moveaxis(result, tuple(range(-rank, 0)), tuple(range(rank)))) if rank else result


def spoilt(result: Any, ordered: Any) -> Any:
    """NaN where an entry is NaN: it was sorted to the end."""
    if not np.isnan(plain(ordered)).any():
        return result
    return np.where(np.isnan(plain(ordered)[..., -1]), np.asarray(np.nan, plain(result).dtype), result)


def place_of(q: Any, count: Any, method: str) -> Any:
    """Which of ``count`` sorted entries a quantile is, counted from 0; between two entries for a mean of them."""
    if method == "linear":
        return q * (count - 1)
    alpha, beta = CONTINUOUS[method]
    return np.clip(q * (count + 1 - alpha - beta) + (alpha - 1), 0.0, count - 1)


def fraction_of(name: str, q: Any, method: str, weights: Any) -> Any:
    """The fractions as an array or tensor, if they and the method can be used."""
    if method not in (*CONTINUOUS, *OTHERS) or (weights is not None and method != "inverted_cdf"):
        raise OptionError(
            f"{name}: method={method!r}{' with weights' if weights is not None else ''}; expected one of "
            f"{', '.join((*CONTINUOUS, *OTHERS))}, and inverted_cdf with weights."
        )
    q = arrayed(q)
    fraction = np.asarray(plain(q), dtype=float)
    if fraction.size and (fraction.min() < 0 or fraction.max() > 1):
        raise OptionError(
            f"{name}: q from {fraction.min()} to {fraction.max()}; a fraction lies in 0 … 1 (percent: 0 … 100)."
        )
    return q


@implements(np.median)
def median(a: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """np.median."""
    refuse_out("np.median", out)
    ordered, gone = sorted_over("np.median", a, axis)
    size = ordered.shape[-1]
    middle = ordered[..., (size - 1) // 2]
    if size % 2 == 0:
        middle = (middle + ordered[..., size // 2]) / 2
    return restored(spoilt(middle, ordered), gone, a.shape, keepdims)


@implements(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """np.quantile, by all of its methods; ``q`` may be a tensor too."""
    refuse_out("np.quantile", out)
    a, q = arrayed(a), fraction_of("np.quantile", q, method, weights)
    ordered, gone = sorted_over("np.quantile", a, axis)
    rank = len(q.shape)
    if weights is not None:
        result = at_entries(a, ordered, q, axis, method, weights)
    else:
        result = at_fractions(ordered, q, method)
    return restored(spoilt(in_front(result, rank), ordered), gone, a.shape, keepdims, rank)


def at_fractions(ordered: Any, q: Any, method: str) -> Any:
    """The entries at the same places of all lines, or in between; q's axes last."""
    size = ordered.shape[-1]
    if method in CONTINUOUS:
        place = place_of(q, size, method)
    else:
        place = np.quantile(np.arange(size, dtype=float), plain(q), method=method)  # type: ignore[call-overload]
    low = np.floor(plain(place)).astype(np.intp)
    below = take(ordered, low, -1)
    weight = place - low
    if q.shape or method in CONTINUOUS or weight:
        step = take(ordered, np.minimum(low + 1, size - 1), -1) - below
        below = below + step * weight.astype(plain(ordered).dtype)
    return below


def at_entries(a: Any, ordered: Any, q: Any, axis: Axes, method: str, weights: Any) -> Any:
    """The entries, or means of two, that a method without derivative in ``q`` chooses, NaN left out; q's axes last."""
    lead, rank = len(ordered.shape) - 1, len(q.shape)
    entries = np.where(np.isnan(plain(ordered)), np.nan, np.arange(ordered.shape[-1], dtype=float))
    options: dict[str, Any] = {"method": method}
    if weights is not None:
        gone = reduced_axes(plain_axis(axis), len(a.shape))
        aligned = np.asarray(plain(weights))
        if aligned.shape != tuple(a.shape):
            aligned = aligned.reshape([a.shape[k] if k in gone else 1 for k in range(len(a.shape))])
        lines = last_axis(np.broadcast_to(aligned, a.shape), gone)
        options["weights"] = np.take_along_axis(lines, np.argsort(plain(last_axis(a, gone)), -1, kind="stable"), -1)
    place = np.nan_to_num(np.nanquantile(entries, plain(q), axis=-1, **options))
    return between(ordered, moveaxis(place, tuple(range(rank)), tuple(range(lead, lead + rank))))


def between(ordered: Any, place: Any) -> Any:
    """The entries at places of their own for each line, or in between."""
    lead = tuple(ordered.shape[:-1])
    low = np.floor(plain(place)).astype(np.intp)
    high = np.minimum(low + 1, ordered.shape[-1] - 1)
    first, second = (take_along_axis(ordered, p.reshape((*lead, -1)), axis=len(lead)) for p in (low, high))
    weight = reshape((place - low).astype(plain(ordered).dtype), shape=(*lead, low.size // max(prod(lead), 1)))
    used = np.where(plain(weight) == 0, first, second)  # beyond the last number there may be NaN
    return reshape(first + (used - first) * weight, shape=(*lead, *place.shape[len(lead) :]))


@implements(np.percentile)
def percentile(a: Any, q: Any, *arguments: Any, **options: Any) -> Any:
    """np.percentile."""
    return quantile(a, arrayed(q) / 100, *arguments, **options)


@implements(np.nanquantile)
def nanquantile(
    a: Any,
    q: Any,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """np.nanquantile: what is not a number is sorted to the end and left out."""
    refuse_out("np.nanquantile", out)
    a, q = arrayed(a), fraction_of("np.nanquantile", q, method, weights)
    ordered, gone = sorted_over("np.nanquantile", a, axis)
    rank = len(q.shape)
    if method in CONTINUOUS:
        count = np.maximum(np.count_nonzero(~np.isnan(plain(ordered)), axis=-1), 1)
        result = between(ordered, place_of(q, count.reshape(count.shape + (1,) * rank), method))
    else:
        result = at_entries(a, ordered, q, axis, method, weights)
    return restored(in_front(result, rank), gone, a.shape, keepdims, rank)


@implements(np.nanpercentile)
def nanpercentile(a: Any, q: Any, *arguments: Any, **options: Any) -> Any:
    """np.nanpercentile."""
    return nanquantile(a, arrayed(q) / 100, *arguments, **options)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """np.nanmedian."""
    refuse_out("np.nanmedian", out)
    return nanquantile(a, 0.5, axis, keepdims=keepdims)
