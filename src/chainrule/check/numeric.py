"""Derivatives of a function that is only called: by differences, extrapolated, with an error bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["along", "by_differences", "sides"]

Array = np.ndarray[Any, np.dtype[Any]]
LEVELS = 4  # widths, each half of the one before
SAFETY = 4.0


def along(loss: Callable[[Array], float], point: Array, direction: Array, eps: float) -> tuple[float, float]:
    """The slope of a function along a direction, and how far off it may be.

    Symmetric differences of several widths are extrapolated (Richardson); the error is what the last extrapolation
    changed, and what rounding does to the narrowest difference.

    >>> slope, error = along(lambda x: float(np.sin(x).sum()), np.zeros(2), np.array([1.0, 0.0]), 2.0**-52)
    >>> bool(abs(slope - 1) <= error < 1e-9)
    True
    """
    scale = max(float(np.max(np.abs(point), initial=0.0)), 1.0) / max(float(np.max(np.abs(direction))), 1e-300)
    width = scale * (0.02 if eps < 1e-10 else 0.1)
    rows: list[list[float]] = []
    noise = 0.0
    for level in range(LEVELS):
        above, below = loss(point + width * direction), loss(point - width * direction)
        noise = eps * max(abs(above), abs(below)) / width
        row = [(above - below) / (2 * width)]
        for order in range(level):
            row.append(row[order] + (row[order] - rows[-1][order]) / (4 ** (order + 1) - 1))
        rows.append(row)
        width /= 2
    best = rows[-1][-1]
    change = max(abs(best - rows[-1][-2]), abs(best - rows[-2][-1]))
    return best, SAFETY * (change + 4 * noise) + eps * abs(best)


def by_differences(loss: Callable[[Array], float], point: Array, eps: float) -> tuple[Array, float]:
    """The gradient entry by entry, and the largest error of one; of a complex array ∂/∂x + i ∂/∂y.

    >>> gradient, error = by_differences(lambda x: float(np.sum(x**3)), np.array([1.0, 2.0]), 2.0**-52)
    >>> bool(np.max(np.abs(gradient - [3.0, 12.0])) <= error < 1e-8)
    True
    """
    is_complex = point.dtype.kind == "c"
    wide = point.astype(np.complex128 if is_complex else np.float64)
    found: Any = np.zeros(wide.shape, wide.dtype)
    worst = 0.0
    for place in np.ndindex(wide.shape):
        direction = np.zeros(wide.shape, wide.dtype)
        direction[place] = 1
        slope, error = along(loss, wide, direction, eps)
        found[place] = slope
        worst = max(worst, error)
        if is_complex:
            slope, error = along(loss, wide, 1j * direction, eps)
            found[place] += 1j * slope
            worst = max(worst, error)
    return found, worst


def sides(
    loss: Callable[[Array], float], point: Array, place: tuple[int, ...], eps: float
) -> tuple[float, float, float]:
    """The slopes along one entry to the left and to the right, and how far off they may be."""
    wide = point.astype(np.float64)
    scale = max(float(np.max(np.abs(wide), initial=0.0)), 1e-3)
    slopes: list[list[float]] = [[], []]
    here = loss(wide)
    widths = [scale * (1e-5 if eps < 1e-10 else 3e-2) / 2**level for level in range(3)]
    for width in widths:
        for side, sign in enumerate((-1, 1)):
            moved = wide.copy()
            moved[place] += sign * width
            slopes[side].append(sign * (loss(moved) - here) / width)
    ends = [2 * slope[-1] - slope[-2] for slope in slopes]
    change = max(abs(end - (2 * slope[-2] - slope[-3])) for end, slope in zip(ends, slopes, strict=True))
    noise = 8 * eps * abs(here) / widths[-1]
    return ends[0], ends[1], SAFETY * (change + noise)
