"""What derivatives at complex numbers are checked against: differences along the real and the imaginary axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["along", "complex_gradient", "pairing"]


def along(function: Callable[[Any], Any], x: Any, direction: Any) -> Any:
    """The derivative along a direction, by central differences of two steps (Richardson)."""

    def central(h: float) -> Any:
        return (np.asarray(function(x + h * direction)) - np.asarray(function(x - h * direction))) / (2 * h)

    return (4 * central(1e-4) - central(2e-4)) / 3


def complex_gradient(function: Callable[[Any], Any], x: Any) -> Any:
    """∂L/∂Re x + i ∂L/∂Im x of a real function; of a real x the gradient."""
    x = np.asarray(x)
    found = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape, x.dtype)
        unit[place] = 1
        found[place] = along(function, x, unit)
        if np.iscomplexobj(x):
            found[place] += 1j * along(function, x, 1j * unit)
    return found


def pairing(a: Any, b: Any) -> float:
    """Re⟨a, b⟩, by which gradients and tangents are paired."""
    return float(np.real(np.vdot(np.asarray(a), np.asarray(b))))
