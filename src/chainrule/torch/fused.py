"""Multiply and add with a single rounding, as the processor's FMA instruction does it, on NumPy arrays.

Compiled numerical code rounds ``a·b + c`` once, NumPy twice. Whoever wants the same bits must do as the processor does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

Floats32 = np.ndarray[Any, np.dtype[np.float32]]
Floats64 = np.ndarray[Any, np.dtype[np.float64]]

_SPLITTER = 134217729.0  # 2**27 + 1 cuts a float64 into two halves of 26 bits
_BELOW_FLOAT32 = 0x1FFFFFFF  # the 29 bits of a float64 that a float32 does not keep
_HALFWAY = 0x10000000  # those bits when the value lies exactly between two float32


def fused_multiply_add_32(a: Floats32 | np.float32, b: Floats32 | np.float32, c: Floats32 | np.float32) -> Floats32:
    """``a * b + c`` in float32 with one rounding, elementwise with broadcasting.

    The product of two float32 is exact in float64. Only the sum is rounded, and rounding it a second time to float32
    goes wrong just where the float64 sum lies halfway between two float32: there the lost part decides.

    >>> a = np.float32(1 + 2**-12)
    >>> float(fused_multiply_add_32(a, a, np.float32(-1))), float(a * a - np.float32(1))
    (0.0004883408546447754, 0.00048828125)
    """
    product = np.multiply(a, b, dtype=np.float64)
    addend = np.asarray(c, dtype=np.float64)
    total = np.asarray(product + addend)
    bits = total.view(np.int64)
    doubtful = ((bits & _BELOW_FLOAT32) == _HALFWAY) | (np.abs(total) < np.finfo(np.float32).tiny)
    if doubtful.any():
        exact_parts = np.broadcast_arrays(product, addend)
        total[doubtful] = _odd_sum(exact_parts[0][doubtful], exact_parts[1][doubtful])
    return total.astype(np.float32)


def fused_multiply_add_64(a: Floats64, b: Floats64 | float, c: Floats64 | float) -> Floats64:
    """``a * b + c`` in float64 with one rounding, for values far from overflow and underflow.

    The product and the sums are kept with their rounding errors, the errors are added so that the last bit remembers
    what was lost ("rounding to odd"), and the final addition then rounds rightly.

    >>> a = np.array([1 + 2.0**-30])
    >>> float(fused_multiply_add_64(a, a, -1.0)[0]), float((a * a - 1.0)[0])
    (1.8626451500983188e-09, 1.862645149230957e-09)
    """
    left, right, addend = np.broadcast_arrays(a, np.float64(b), np.float64(c))
    high, low = _product_with_error(left, right)
    middle, rest = _sum_with_error(addend, low)
    total, error = _sum_with_error(high, middle)
    return np.asarray(total + _odd_sum(error, rest))


def stored_as(dtype: DTypeLike, values: Floats64) -> np.ndarray[Any, np.dtype[Any]]:
    """Float64 values rounded to a dtype as PyTorch does it: a float16 is reached by way of float32."""
    kind = np.dtype(dtype)
    with np.errstate(over="ignore"):
        return (values.astype(np.float32) if kind == np.float16 else values).astype(kind)


def _product_with_error(a: Floats64, b: Floats64) -> tuple[Floats64, Floats64]:
    """The rounded product and what rounding took from it."""
    product = a * b
    scaled = a * _SPLITTER
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = b * _SPLITTER
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _sum_with_error(a: Floats64, b: Floats64) -> tuple[Floats64, Floats64]:
    """The rounded sum and what rounding took from it."""
    total = a + b
    share = total - a
    return total, (a - (total - share)) + (b - share)


def _odd_sum(a: Floats64, b: Floats64) -> Floats64:
    """``a + b``; if inexact, that neighbour of the exact sum whose last bit is one, so a later rounding is right."""
    total, error = _sum_with_error(a, b)
    even = (total.view(np.int64) & 1) == 0
    return np.where((error != 0) & even, np.nextafter(total, np.copysign(np.inf, error)), total)
