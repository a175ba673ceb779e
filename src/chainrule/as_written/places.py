"""Interpolation on grids and between scattered points at tracked places: where they lie is decided by numbers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import comb, factorial
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, numbers_of, plain_function, plainly, stacked
from chainrule.errors import NoRuleError
from chainrule.linear._scipy import spatial

__all__ = ["affine_transform", "checked", "griddata", "map_coordinates", "on_grid", "shift"]

_PADDED = 12  # entries that SciPy adds at each end for mode="nearest"


def checked(found: Any, expected: Any, name: str) -> Any:
    """What was found at tracked places, if it is what SciPy finds there."""
    if not np.allclose(numbers_of(found), expected, rtol=1e-7, atol=1e-9, equal_nan=True):
        raise NoRuleError(f"{name} at tracked places has no rule with these options: write it with NumPy's functions")
    return found


def _side_by_side(xi: Any) -> Any:
    """Places whose coordinates are the last axis; they may be given as an array for each."""
    return np.stack(np.broadcast_arrays(*map(stacked, xi)), -1) if isinstance(xi, tuple) else stacked(xi)


# --- grids ---


def on_grid(grid: Any, values: Any, xi: Any) -> Any:
    """The multilinear interpolation of values on a grid of increasing coordinates, extrapolated."""
    places = _side_by_side(xi)
    flat = np.reshape(places, (-1, len(grid)))
    cells, shares = [], []
    for axis, ticks in enumerate(map(np.asarray, grid)):
        cell = np.clip(np.searchsorted(ticks, numbers_of(flat[:, axis]), side="right") - 1, 0, len(ticks) - 2)
        cells.append(cell)
        shares.append((flat[:, axis] - ticks[cell]) / (ticks[cell + 1] - ticks[cell]))
    found: Any = 0.0
    for corner in product((0, 1), repeat=len(grid)):
        weight: Any = 1.0
        for share, side in zip(shares, corner, strict=True):
            weight = weight * (share if side else 1 - share)
        entries = values[tuple([cell + side for cell, side in zip(cells, corner, strict=True)])]
        found = found + np.reshape(weight, (-1,) + (1,) * (entries.ndim - 1)) * entries
    return np.reshape(found, (*places.shape[:-1], *values.shape[len(grid) :]))


# --- images at places between their entries ---


def _basis(order: int, u: Any) -> Any:
    """The centred B-spline of an order, as a sum of powers of what is positive."""
    half = (order + 1) / 2
    parts = [(-1) ** k * comb(order + 1, k) * np.maximum(u + half - k, 0.0) ** order for k in range(order + 2)]
    return sum(parts) / factorial(order)


def map_coordinates(linearly: Callable[..., Any], linear: Callable[..., Any]) -> Callable[..., Any]:
    """`scipy.ndimage.map_coordinates` where the coordinates are tracked; ``linear`` is that for the image alone."""

    def call(
        input: Any,  # noqa: A002
        coordinates: Any,
        output: Any = None,
        order: int = 3,
        mode: str = "constant",
        cval: float = 0.0,
        prefilter: bool = True,
    ) -> Any:
        if not follows(coordinates):
            return linear(input, coordinates, output, order, mode, cval, prefilter)
        if order < 1 or output is not None or mode not in ("constant", "mirror", "nearest"):
            raise NoRuleError(
                "scipy.ndimage at tracked coordinates has a rule for order ≥ 1, without output=, and with "
                f"mode='constant', 'mirror' or 'nearest'; here order={order}, mode={mode!r}"
            )
        image, at = stacked(input), stacked(coordinates)
        expected = plainly(plain_function("scipy.ndimage", "map_coordinates"))(
            numbers_of(image), numbers_of(at), None, order, mode, cval, prefilter
        )
        ends = np.reshape(np.array(image.shape) - 1.0, (-1,) + (1,) * (at.ndim - 1))
        is_outside = np.any((numbers_of(at) < 0) | (numbers_of(at) > ends), axis=0)
        if mode == "nearest":
            at, image = np.clip(at + _PADDED, 0.0, ends + 2 * _PADDED), np.pad(image, _PADDED, mode="edge")
        if prefilter and order > 1:
            smooth = plainly(plain_function("scipy.ndimage", "spline_filter"))
            image = (
                linearly(lambda value: smooth(value, order, float, mode), image)
                if follows(image)
                else smooth(image, order, float, mode)
            )
        found = _weighted(image, at, order)
        found = np.where(is_outside, cval, found) if mode == "constant" else found
        return checked(found, expected, "scipy.ndimage.map_coordinates")

    return call


def _weighted(coefficients: Any, at: Any, order: int) -> Any:
    """The sum of the coefficients around each place; beyond the ends they are those of the mirror image."""
    taps, weights = [], []
    for axis, size in enumerate(coefficients.shape):
        first = np.floor(numbers_of(at[axis]) + (0.0 if order % 2 else 0.5)).astype(int) - order // 2
        near = [first + j for j in range(order + 1)]
        weights.append([_basis(order, at[axis] - tap) for tap in near])
        period = max(2 * size - 2, 1)
        taps.append([np.minimum(tap % period, period - tap % period) for tap in near])
    found: Any = 0.0
    for chosen in product(range(order + 1), repeat=len(taps)):
        part = coefficients[tuple([tap[j] for tap, j in zip(taps, chosen, strict=True)])]
        for weight, j in zip(weights, chosen, strict=True):
            part = part * weight[j]
        found = found + part
    return found


def _grid_of(shape: Any) -> Any:
    return np.stack(np.meshgrid(*[np.arange(float(size)) for size in shape], indexing="ij"))


def shift(linear: Callable[..., Any], mapped: Callable[..., Any]) -> Callable[..., Any]:
    """`scipy.ndimage.shift` by tracked lengths."""

    def call(input: Any, shift: Any, output: Any = None, *rest: Any, **options: Any) -> Any:  # noqa: A002
        if not follows(shift):
            return linear(input, shift, output, *rest, **options)
        image = stacked(input)
        lengths = np.reshape(np.broadcast_to(stacked(shift), (image.ndim,)), (-1,) + (1,) * image.ndim)
        return mapped(image, _grid_of(image.shape) - lengths, output, *rest, **options)

    return call


def affine_transform(linear: Callable[..., Any], mapped: Callable[..., Any]) -> Callable[..., Any]:
    """`scipy.ndimage.affine_transform` by a tracked matrix or offset."""

    def call(input: Any, matrix: Any, offset: Any = 0.0, output_shape: Any = None, *rest: Any, **options: Any) -> Any:  # noqa: A002
        if not follows((matrix, offset)):
            return linear(input, matrix, offset, output_shape, *rest, **options)
        image, matrix = stacked(input), stacked(matrix)
        if matrix.ndim == 1:
            matrix = np.diag(matrix)
        if matrix.shape[1] > image.ndim:
            matrix, offset = matrix[: image.ndim, :-1], matrix[: image.ndim, -1]
        start = np.reshape(np.broadcast_to(stacked(offset), (image.ndim,)), (-1,) + (1,) * image.ndim)
        places = np.tensordot(matrix, _grid_of(output_shape or image.shape), axes=1) + start
        return mapped(image, places, *rest, **options)

    return call


# --- scattered points ---


def griddata(linearly: Callable[..., Any], plain: Any) -> Callable[..., Any]:
    """`scipy.interpolate.griddata`: by triangles in points, values and places; by nearest points; cubic in values."""

    def call(
        points: Any, values: Any, xi: Any, method: str = "linear", fill_value: float = np.nan, rescale: bool = False
    ) -> Any:
        numbers = numbers_of((points, values, xi))
        expected = plain(*numbers, method, fill_value, rescale)
        points, values = stacked(points), stacked(values)
        if not follows((points, xi)):
            return linearly(lambda value: plain(numbers[0], value, xi, method, fill_value, rescale), values)
        places = _side_by_side(xi)
        if points.ndim != 2 or places.shape[-1] != points.shape[1] or method == "cubic" or rescale:
            raise NoRuleError(
                "scipy.interpolate.griddata of tracked points or places has a rule for method='linear' and 'nearest' "
                "in two dimensions and more, without rescale"
            )
        flat = np.reshape(places, (-1, points.shape[1]))
        found = _between(points, values, flat, fill_value) if method == "linear" else _nearest(points, values, flat)
        found = np.reshape(found, (*places.shape[:-1], *values.shape[1:]))
        return checked(found, expected, "scipy.interpolate.griddata")

    return call


def _nearest(points: Any, values: Any, flat: Any) -> Any:
    apart = np.sum((numbers_of(flat)[:, None] - numbers_of(points)) ** 2, axis=-1)
    return values[np.argmin(apart, axis=1)]


def _between(points: Any, values: Any, flat: Any, fill_value: float) -> Any:
    """By the shares that each place has of the corners of its triangle."""
    triangles = plainly(spatial.Delaunay)(numbers_of(points))
    place = plainly(triangles.find_simplex)(numbers_of(flat))
    corners = triangles.simplices[place]
    rows = np.concatenate([np.swapaxes(points[corners], 1, 2), np.ones((len(flat), 1, corners.shape[1]))], 1)
    wanted = np.concatenate([flat, np.ones((len(flat), 1))], 1)
    shares = np.linalg.solve(rows, wanted[..., None])
    parts = values[corners]
    found = np.sum(np.reshape(shares, (*corners.shape, *(1,) * (parts.ndim - 2))) * parts, axis=1)
    return np.where(np.reshape(place < 0, (-1,) + (1,) * (found.ndim - 1)), fill_value, found)
