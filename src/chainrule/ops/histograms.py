"""Histograms: linear in the weights; the edges follow the extent of the data, and a density follows both."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.linear.functions import scatter
from chainrule.op import implements
from chainrule.ops.options import plain, shape_of
from chainrule.ops.shape import arrayed

__all__ = ["histogramdd"]


def edges_of(values: Any, bins: Any, range: Any = None, weights: Any = None) -> Any:
    """The edges of the bins: as given, or equal steps from the smallest to the largest value, or through a range."""
    if np.ndim(plain(bins)) == 1:
        return arrayed(bins)
    count = len(np.histogram_bin_edges(plain(values), plain(bins), plain_pair(range), plain(weights))) - 1
    low, high = (np.min(values), np.max(values)) if range is None else (arrayed(end) for end in range)
    if plain(low) == plain(high):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, count + 1)


def plain_pair(range: Any) -> Any:
    """Two ends as plain numbers."""
    return None if range is None else tuple([float(plain(end)) for end in range])


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """np.histogram_bin_edges."""
    return edges_of(np.ravel(a), bins, range, weights)


def counts(columns: Sequence[Any], edges: Sequence[Any], weights: Any) -> Any:
    """The sum of the weights (None: the number) of the points in each cell; the last edge belongs to the last cell."""
    inside: Any = True
    places = []
    for column, ends in zip(columns, edges, strict=True):
        values, bounds = np.asarray(plain(column)), np.asarray(plain(ends))
        place = np.searchsorted(bounds, values, side="right") - 1
        place = np.where(values == bounds[-1], len(bounds) - 2, place)
        inside = inside & (place >= 0) & (place < len(bounds) - 1)
        places.append(place)
    shape = tuple([shape_of(ends)[0] - 1 for ends in edges])
    index = tuple([place[inside] for place in places])
    if weights is None:
        found = np.zeros(shape, int)
        np.add.at(found, index, 1)
        return found
    return scatter(weights[np.flatnonzero(inside)], shape, index)


def per_volume(found: Any, edges: Sequence[Any]) -> Any:
    """Sums as a density, which integrates to 1."""
    result = found / np.sum(found)
    for axis, ends in enumerate(edges):
        widths = ends[1:] - ends[:-1]
        result = result / np.reshape(widths, tuple([-1 if k == axis else 1 for k, _ in enumerate(edges)]))
    return result


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple[Any, Any]:
    """np.histogram."""
    a = np.ravel(arrayed(a))
    weights = None if weights is None else np.ravel(arrayed(weights))
    if weights is not None and weights.shape != a.shape:
        raise ShapeError(f"np.histogram: {weights.shape[0]} weights for {a.shape[0]} values; give one for each.")
    edges = edges_of(a, bins, range, weights)
    found = counts([a], [edges], weights)
    return (per_volume(found, [edges]) if density else found), edges


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, tuple[Any, ...]]:
    """np.histogramdd: points are the rows of an array, or the columns of a list."""
    if hasattr(sample, "shape"):
        columns = [sample[:, k] for k in builtins.range(shape_of(sample)[1])] if len(sample.shape) == 2 else [sample]
    else:
        columns = [arrayed(column) for column in sample]
    many = list(bins) if isinstance(bins, list | tuple) or np.ndim(plain(bins)) else [bins] * len(columns)
    ranges = [None] * len(columns) if range is None else list(range)
    if len(many) != len(columns) or len(ranges) != len(columns):
        raise ShapeError(
            f"np.histogramdd: {len(many)} bins and {len(ranges)} ranges for points of {len(columns)} coordinates; give "
            "one for each."
        )
    edges = tuple([edges_of(*given) for given in zip(columns, many, ranges, strict=True)])
    found = counts(columns, edges, None if weights is None else np.ravel(arrayed(weights)))
    found = found.astype(float) if weights is None else found
    return (per_volume(found, edges) if density else found), edges


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any, Any]:
    """np.histogram2d."""
    several = len(bins) if isinstance(bins, list | tuple) or hasattr(bins, "shape") else 1
    found, edges = histogramdd([x, y], [bins, bins] if several not in (1, 2) else bins, range, density, weights)
    return found, edges[0], edges[1]
