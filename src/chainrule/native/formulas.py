"""Functions of complex numbers as functions of their real and imaginary parts, written in NumPy.

The formulas are those of textbooks (Abramowitz and Stegun, chapters 3.7 and 4); a quotient is Smith's (1962), a root
Kahan's (1987).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["FORMULAS", "IMAG", "REAL", "Halves", "minus", "plus"]

REAL, IMAG = np.real, np.imag  # while code runs as it stands there may be others under these names


class Halves(NamedTuple):
    """A complex array; ``imag`` is None where it is 0."""

    real: Any
    imag: Any = None


def plus(a: Any, b: Any) -> Any:
    """The sum of two halves."""
    return b if a is None else a if b is None else a + b


def minus(a: Any, b: Any) -> Any:
    """The difference of two halves."""
    return a if b is None else -b if a is None else a - b


def _times(a: Any, b: Any) -> Any:
    return None if a is None or b is None else a * b


def _multiply(z: Halves, w: Halves) -> Halves:
    real = minus(z.real * w.real, _times(z.imag, w.imag))
    return Halves(real, plus(_times(z.real, w.imag), _times(z.imag, w.real)))


def _divide(z: Halves, w: Halves) -> Halves:
    if w.imag is None:
        return Halves(z.real / w.real, None if z.imag is None else z.imag / w.real)
    a, b, c, d = z.real, 0.0 if z.imag is None else z.imag, w.real, w.imag
    is_flat = np.abs(c) >= np.abs(d)
    large, small = np.where(is_flat, c, d), np.where(is_flat, d, c)
    first, second = np.where(is_flat, a, b), np.where(is_flat, b, a)
    ratio = small / large
    size = large + small * ratio
    imag = (second - first * ratio) / size
    return Halves((first + second * ratio) / size, np.where(is_flat, imag, -imag))


def _absolute(z: Halves) -> Any:
    return np.hypot(z.real, z.imag)


def _angle(z: Halves) -> Any:
    return np.arctan2(z.imag, z.real)


def _sign(z: Halves) -> Halves:
    size = _absolute(z)
    size = np.where(size == 0, 1.0, size)
    return Halves(z.real / size, z.imag / size)


def _sqrt(z: Halves) -> Halves:
    larger = np.sqrt(0.5 * (_absolute(z) + np.abs(z.real)))
    smaller = np.abs(z.imag) / np.where(larger == 0, 1.0, 2.0 * larger)
    is_right = z.real >= 0
    return Halves(np.where(is_right, larger, smaller), np.copysign(np.where(is_right, smaller, larger), z.imag))


def _exp(z: Halves) -> Halves:
    size = np.exp(z.real)
    return Halves(size * np.cos(z.imag), size * np.sin(z.imag))


def _expm1(z: Halves) -> Halves:
    half = np.sin(0.5 * z.imag)
    return Halves(np.expm1(z.real) * np.cos(z.imag) - 2.0 * half * half, np.exp(z.real) * np.sin(z.imag))


def _log(z: Halves) -> Halves:
    size, first, second = _absolute(z), np.abs(z.real), np.abs(z.imag)
    large, small = np.maximum(first, second), np.minimum(first, second)
    near_one = 0.5 * np.log1p((large - 1.0) * (large + 1.0) + small * small)  # log(size) would lose digits
    return Halves(np.where(np.abs(size - 1.0) < 0.25, near_one, np.log(size)), _angle(z))


def _tan(z: Halves) -> Halves:
    cos, sinh = np.cos(z.real), np.sinh(z.imag)
    size = cos * cos + sinh * sinh
    return Halves(np.sin(z.real) * cos / size, sinh * np.cosh(z.imag) / size)


def _tanh(z: Halves) -> Halves:
    sinh, cos = np.sinh(z.real), np.cos(z.imag)
    size = sinh * sinh + cos * cos
    return Halves(sinh * np.cosh(z.real) / size, np.sin(z.imag) * cos / size)


def _scaled(function: Callable[[Halves], Halves], by: float) -> Callable[[Halves], Halves]:
    def made(z: Halves) -> Halves:
        found = function(z)
        return Halves(found.real * by, found.imag * by)

    return made


def _power(z: Halves, exponent: Halves) -> Halves | None:
    if type(exponent.real) not in (int, float) or exponent.imag is not None or exponent.real not in range(9):
        return None
    found = z if exponent.real else Halves(np.ones_like(z.real))
    for _ in range(int(exponent.real) - 1):
        found = _multiply(found, z)
    return found


def _where(condition: Any, z: Halves, w: Halves) -> Halves:
    imag = [0.0 if half is None else half for half in (z.imag, w.imag)]
    return Halves(np.where(condition.real, z.real, w.real), np.where(condition.real, *imag))


_TAKING_ZEROS: dict[Any, Callable[..., Any]] = {
    np.add: lambda z, w: Halves(z.real + w.real, plus(z.imag, w.imag)),
    np.subtract: lambda z, w: Halves(z.real - w.real, minus(z.imag, w.imag)),
    np.multiply: _multiply,
    np.divide: _divide,
    np.positive: lambda z: z,
    np.square: lambda z: _multiply(z, z),
    np.power: _power,
    np.real: lambda z: z.real,
    np.where: _where,
    np.ndarray.astype: lambda z, *_: z,
    np.zeros_like: lambda z: Halves(np.zeros_like(z.real)),
    np.ones_like: lambda z: Halves(np.ones_like(z.real)),
}
"""Those that take an imaginary part None."""

_OTHERS: dict[Any, Callable[..., Any]] = {
    np.reciprocal: lambda z: _divide(Halves(1.0), z),
    np.negative: lambda z: Halves(-z.real, -z.imag),
    np.conjugate: lambda z: Halves(z.real, -z.imag),
    np.absolute: _absolute,
    np.angle: _angle,
    np.imag: lambda z: z.imag,
    np.sign: _sign,
    np.sqrt: _sqrt,
    np.exp: _exp,
    np.expm1: _expm1,
    np.log: _log,
    np.log1p: lambda z: _log(Halves(z.real + 1.0, z.imag)),
    np.log2: _scaled(_log, 1 / np.log(2)),
    np.log10: _scaled(_log, 1 / np.log(10)),
    np.sin: lambda z: Halves(np.sin(z.real) * np.cosh(z.imag), np.cos(z.real) * np.sinh(z.imag)),
    np.cos: lambda z: Halves(np.cos(z.real) * np.cosh(z.imag), -np.sin(z.real) * np.sinh(z.imag)),
    np.tan: _tan,
    np.sinh: lambda z: Halves(np.sinh(z.real) * np.cos(z.imag), np.cosh(z.real) * np.sin(z.imag)),
    np.cosh: lambda z: Halves(np.cosh(z.real) * np.cos(z.imag), np.sinh(z.real) * np.sin(z.imag)),
    np.tanh: _tanh,
    np.equal: lambda z, w: (z.real == w.real) & (z.imag == w.imag),
    np.not_equal: lambda z, w: (z.real != w.real) | (z.imag != w.imag),
    np.isnan: lambda z: np.isnan(z.real) | np.isnan(z.imag),
    np.isinf: lambda z: np.isinf(z.real) | np.isinf(z.imag),
    np.isfinite: lambda z: np.isfinite(z.real) & np.isfinite(z.imag),
}


def _with_zeros(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A formula of numbers of which some may have the imaginary part None."""

    def call(*given: Halves) -> Any:
        return formula(*[Halves(z.real, np.zeros_like(z.real) if z.imag is None else z.imag) for z in given])

    return call


FORMULAS = {**_TAKING_ZEROS, **{function: _with_zeros(formula) for function, formula in _OTHERS.items()}}
"""By function: of one argument, of two, or of a condition and two; the result is real where it is no `Halves`."""
