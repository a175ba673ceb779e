"""Derivatives of a function that is only called: by differences, extrapolated, with an error bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["along", "jacobian_by_differences", "sides"]

Array = np.ndarray[Any, np.dtype[Any]]
LEVELS = 4  # widths, each half of the one before
SAFETY = 4.0


def along(f: Callable[[Array], Array], point: Array, direction: Array, eps: float) -> tuple[Array, float]:
    """The derivative of a function along a direction, and how far off an entry of it may be.

    Symmetric differences of several widths are extrapolated (Richardson); the error is what the last extrapolation
    changed, and what rounding does to the narrowest difference.

    >>> slope, error = along(lambda x: np.sin(x), np.zeros(2), np.array([1.0, 0.0]), 2.0**-52)
    >>> bool(abs(slope[0] - 1) <= error < 1e-9)
    True
    """
    scale = max(float(np.max(np.abs(point), initial=0.0)), 1.0) / max(float(np.max(np.abs(direction))), 1e-300)
    width = scale * (0.02 if eps < 1e-10 else 0.1)
    rows: list[list[Array]] = []
    noise = 0.0
    for level in range(LEVELS):
        above, below = np.asarray(f(point + width * direction)), np.asarray(f(point - width * direction))
        noise = eps * float(np.max(np.abs([above, below]), initial=0.0)) / width
        row = [(above - below) / (2 * width)]
        for order in range(level):
            row.append(row[order] + (row[order] - rows[-1][order]) / (4 ** (order + 1) - 1))
        rows.append(row)
        width /= 2
    best = rows[-1][-1]
    change = max(float(np.max(np.abs(best - other), initial=0.0)) for other in (rows[-1][-2], rows[-2][-1]))
    return best, SAFETY * (change + 4 * noise) + eps * float(np.max(np.abs(best), initial=0.0))


def jacobian_by_differences(f: Callable[[Array], Array], point: Array, eps: float) -> tuple[Array, float]:
    """∂f/∂x, of shape ``result.shape + x.shape``, and the largest error of an entry.

    Of a complex x it has a last axis more: the derivatives by the real and by the imaginary part.

    >>> J, error = jacobian_by_differences(lambda x: x**3, np.array([1.0, 2.0]), 2.0**-52)
    >>> bool(np.max(np.abs(J - np.diag([3.0, 12.0]))) <= error < 1e-8)
    True
    """
    is_complex = point.dtype.kind == "c"
    wide = point.astype(np.complex128 if is_complex else np.float64)
    columns, worst = [], 0.0
    for place in np.ndindex(wide.shape):
        for unit in (1, 1j) if is_complex else (1,):
            direction = np.zeros(wide.shape, wide.dtype)
            direction[place] = unit
            slope, error = along(f, wide, direction, eps)
            columns.append(slope)
            worst = max(worst, error)
    shape = wide.shape + ((2,) if is_complex else ())
    whole = np.stack(columns, axis=-1) if columns else np.zeros((*np.shape(f(wide)), 0))
    return whole.reshape(*whole.shape[:-1], *shape), worst


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
