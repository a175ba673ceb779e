"""Pictures of arrays: a square for each entry, its area the magnitude, filled if positive and hollow if negative.

So the sign shows without colour, and two hues are left for what the numbers are: values or adjoints.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from chainrule.explain.report.markup import Markup, element, joined, shape

__all__ = ["as_matrix", "largest", "picture", "reduced", "squares"]

Array = np.ndarray[Any, np.dtype[Any]]
_UNIT = 10  # units of length along a cell, so that all coordinates are whole
_FULL = 9  # side of the largest square
_SMALLEST = 2  # side of the smallest square that is not zero
_WIDEST = 264.0  # pixels
_LARGEST_CELL = 14.0


def as_matrix(array: Array) -> Array:
    """An array of any rank as a matrix: a vector is a row, and leading axes are laid one below the other."""
    return array.reshape(prod(array.shape[:-1]), array.shape[-1] if array.ndim else 1)


def largest(array: Array) -> float:
    """The largest magnitude, not counting what is not finite; 0 if there is none."""
    magnitudes = np.abs(array[np.isfinite(array)])
    return float(magnitudes.max()) if magnitudes.size else 0.0


def reduced(matrix: Array, rows: int, columns: int) -> Array:
    """A matrix of at most ``rows`` by ``columns``: of each block the entry of largest magnitude; nan if one is odd.

    >>> reduced(np.array([[1.0, -5.0, 0.0, 2.0]]), 4, 2)
    array([[-5.,  2.]])
    """
    if matrix.dtype.kind == "c":
        matrix = np.abs(matrix)
    matrix = matrix.astype(float)
    for axis, most in ((0, rows), (1, columns)):
        size = matrix.shape[axis]
        if size <= most:
            continue
        starts = np.arange(most) * size // most
        high = np.maximum.reduceat(matrix, starts, axis=axis)  # nan and infinity pass
        low = np.minimum.reduceat(matrix, starts, axis=axis)
        matrix = np.where(high >= -low, high, low)
        matrix[np.isnan(high)] = np.nan
    return matrix


def squares(grid: Array, scale: float, hue: str) -> Markup:
    """The squares of a grid, in cells of ten units; ``scale`` is the magnitude that fills a cell."""
    filled, hollow, odd = "", "", ""
    for (row, column), value in np.ndenumerate(grid):
        x, y = column * _UNIT, row * _UNIT
        if not np.isfinite(value):
            odd += f"M{x + 2} {y + 2}l6 6m0-6l-6 6"
        elif value and scale:
            side = max(_SMALLEST, round(_FULL * (min(abs(float(value)) / scale, 1.0)) ** 0.5))
            at = (_UNIT - side) / 2
            if value > 0:
                filled += f"M{x + at:g} {y + at:g}h{side}v{side}h-{side}z"
            else:
                inner = side - 1
                hollow += f"M{x + at + 0.5:g} {y + at + 0.5:g}h{inner}v{inner}h-{inner}z"
    return joined(
        [
            shape("path", class_=f"{kind} {hue}", d=path)
            for kind, path in (("filled", filled), ("hollow", hollow), ("odd", odd))
            if path
        ]
    )


def picture(array: Array, hue: str, label: str, cells: int, scale: float | None = None, pixels: float = 0) -> Markup:
    """An array as SVG, down-sampled to ``cells`` along each side; ``hidden`` where styles are stripped."""
    matrix = as_matrix(array)
    grid = reduced(matrix, cells, max(cells, min(2 * cells, cells * cells // max(min(matrix.shape[0], cells), 1))))
    high, wide = grid.shape
    unit = min(_LARGEST_CELL, (pixels or _WIDEST) / max(wide, 1), (pixels or _WIDEST) / max(high, 1))
    drawing = element(
        "svg",
        element("title", label),
        squares(grid, largest(grid) if scale is None else scale, hue),
        class_="squares",
        role="img",
        aria_label=label,
        width=f"{wide * unit:.0f}",
        height=f"{high * unit:.0f}",
        viewBox=f"0 0 {wide * _UNIT} {high * _UNIT}",
    )
    return element("span", drawing, class_="drawn", hidden=True)
