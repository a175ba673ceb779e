"""Derivatives of elementwise functions that take more than a line."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.ops.kinks import has_infinite_roots, indicator, nonzero, root
from chainrule.ops.options import are_known, is_complex

__all__ = ["over_square", "power_base", "power_exponent", "root_of", "sinc_derivative", "weight"]

TINY = 1e-290  # below which sums of squares have lost digits


def power_base(a: Any, b: Any) -> Any:
    """∂(aᵇ)/∂a = b·aᵇ⁻¹, and 0 for b = 0 (also at a = 0)."""
    if isinstance(b, (int, float, complex)):
        if b == 2:
            return 2 * a
        if not isinstance(b, complex) and 0 < b < 1:
            a = root(a)
        return b * a ** (b - 1) if b != 0 else 0.0
    if not has_infinite_roots() and not is_complex(b):
        a = np.where(np.logical_and(b > 0, b < 1), root(a), a)
    zero = b == 0
    return b * a ** np.where(zero, np.ones((), b.dtype), b - 1)


def power_exponent(out: Any, a: Any) -> Any:
    """∂(aᵇ)/∂b = aᵇ log a, and 0 for a = 0; a negative base has the logarithm that a complex exponent takes."""
    return out * np.log(nonzero(a) + 0j if is_complex(out) else nonzero(a))


def root_of(inside: Any, x: Any, inverse: Any, slope: Any) -> Any:
    """√ of what is ``inside``; of complex x by the slope at the inverse function, which knows the branch."""
    return slope(inverse(x)) if is_complex(x) else np.sqrt(inside)


def over_square(x: Any, a: Any, b: Any) -> Any:
    """x/(a² + b²), and 0 where both are 0; also where the squares leave the range of numbers."""
    square = a * a + b * b
    numbers = getattr(square, "value", square)
    if are_known(numbers) and np.all((numbers > TINY) & (numbers < np.inf)):
        return x / square
    size = nonzero(np.hypot(a, b))
    return x / size / size


def sinc_derivative(x: Any) -> Any:
    """sinc′(x) = (cos πx − sinc x)/x, by its series −π²x/3 (1 − π²x²/10 + π⁴x⁴/280) where that loses digits."""
    near = abs(x) < 1e-2
    y = np.where(near, np.ones((), x.dtype), x)
    z = (np.pi * x) ** 2
    series = -(np.pi**2 / 3) * x * (1 - z / 10 * (1 - z / 28 * (1 - z / 54)))
    return np.where(near, series, (np.cos(np.pi * y) - np.sinc(y)) / y)


def weight(power: Any, a: Any, out: Any) -> Any:
    """exp(a − out), the part that a term has of a sum; of an infinite sum 1 for infinite terms, of a sum 0 nothing."""
    numbers = getattr(out, "value", out)
    if not (are_known(numbers) and np.isinf(numbers).any()):  # whoever runs a recording looks for NaN, which ∞ − ∞ is
        return power(a - out)
    is_infinite = abs(out) == np.inf
    at_end = indicator(np.logical_and(a == out, out > 0), out)
    return np.where(is_infinite, at_end, power(np.where(is_infinite, np.zeros((), out.dtype), a - out)))
