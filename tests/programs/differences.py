"""Derivatives along directions by differences, extrapolated; and the comparison of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["directional", "extrapolated", "inner"]


def extrapolated(f: Any, at: Sequence[Any], directions: Sequence[Any]) -> tuple[Any, float]:
    """The derivative along ``directions`` by extrapolated differences, and how far its last steps differ."""

    def central(h: float) -> Any:
        ahead = f(*[x + h * d for x, d in zip(at, directions, strict=True)])
        behind = f(*[x - h * d for x, d in zip(at, directions, strict=True)])
        return (np.asarray(ahead) - np.asarray(behind)) / (2 * h)

    coarse, fine, finer = central(4e-4), central(2e-4), central(1e-4)
    first, second = (4 * fine - coarse) / 3, (4 * finer - fine) / 3
    return (16 * second - first) / 15, float(np.max(np.abs(second - first), initial=0.0))


def directional(f: Any, at: Sequence[Any], directions: Sequence[Any]) -> Any:
    """The derivative along ``directions``; None where a kink is near."""
    best, spread = extrapolated(f, at, directions)
    return best if spread < 1e-5 * np.max(np.abs(best), initial=1.0) else None


def inner(a: Any, b: Any) -> float:
    """The sum of the products of all numbers."""
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))
