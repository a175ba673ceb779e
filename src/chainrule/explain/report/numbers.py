"""Numbers as people read them: few digits, one format for all of an array, and a summary in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["is_numeric", "number", "shape_in_words", "sides", "summary", "written"]

Array = np.ndarray[Any, np.dtype[Any]]
_DIGITS = 4
_PLAIN = (1e-3, 1e5)  # magnitudes that are written without an exponent


def is_numeric(array: Array) -> bool:
    """Whether the entries are numbers."""
    return array.dtype.kind in "biufc"


def number(value: Any) -> str:
    """One number in four digits.

    >>> number(-0.5), number(1 / 3), number(2.0), number(1.5e-7), number(float("nan"))
    ('−0.5', '0.3333', '2', '1.5e−7', 'nan')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, complex | np.complexfloating):
        sign = "−" if value.imag < 0 else "+"
        return f"{number(value.real)} {sign} {number(abs(value.imag))}i"
    if isinstance(value, int | np.integer):
        return str(value).replace("-", "−")
    told = f"{value:.{_DIGITS}g}".replace("inf", "∞")
    mantissa, _, exponent = told.partition("e")
    told = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return told.replace("-", "−")


def written(matrix: Array) -> list[list[str]]:
    """The entries of a matrix, with the same number of decimals where that keeps a digit of each.

    >>> written(np.array([[1.0, -0.25], [1 / 3, 0.0]]))
    [['1.000', '−0.250'], ['0.333', '0.000']]
    >>> written(np.array([[1.0, 2.0]])), written(np.array([[1e-9, 2.0]]))
    ([['1', '2']], [['1e−9', '2']])
    """
    decimals = _decimals(matrix)
    if decimals is None:
        return [[number(entry) for entry in row] for row in matrix]
    return [
        [f"{entry:.{decimals}f}".replace("-", "−") if np.isfinite(entry) else number(entry) for entry in row]
        for row in matrix
    ]


def _decimals(matrix: Array) -> int | None:
    """The decimals that give the largest entry its digits; None where whole numbers or exponents read better."""
    if matrix.dtype.kind != "f":
        return None
    magnitudes = np.abs(matrix[np.isfinite(matrix) & (matrix != 0)])
    if not magnitudes.size or bool(np.all(magnitudes == np.round(magnitudes))):
        return None
    largest, smallest = float(magnitudes.max()), float(magnitudes.min())
    if not _PLAIN[0] <= largest < _PLAIN[1] or smallest < largest * 10.0**-_DIGITS:
        return None
    return max(_DIGITS - 1 - max(int(np.floor(np.log10(largest))), -2), 0)


def sides(shape: Sequence[int]) -> str:
    """A shape in signs: ``7×4``; nothing for a number.

    >>> sides((7, 4)), sides((3,)), sides(())
    ('7×4', '3', '')
    """
    return "×".join([f"{size:,}" for size in shape])


def shape_in_words(shape: Sequence[int]) -> str:
    """A shape as it is read aloud.

    >>> shape_in_words((7, 4)), shape_in_words(())
    ('shape 7 by 4', 'a number')
    """
    return "shape " + " by ".join([f"{size:,}" for size in shape]) if shape else "a number"


def summary(array: Array) -> str:
    """The size of the entries in a line.

    >>> summary(np.array([[3.0, -4.0], [0.0, 0.0]]))
    'from −4 to 3, norm 5, 2 zeros'
    """
    if not array.size or not is_numeric(array):
        return "empty" if not array.size else f"no numbers: dtype {array.dtype}"
    values = np.abs(array) if array.dtype.kind == "c" else array.astype(float)
    finite = values[np.isfinite(values)]
    told = []
    if finite.size:
        told.append(f"from {number(float(finite.min()))} to {number(float(finite.max()))}")
        told.append(f"norm {number(_norm(finite))}")
    zeros, odd = int(np.sum(finite == 0)), values.size - finite.size
    if zeros:
        told.append(f"{zeros:,} zero{'' if zeros == 1 else 's'}")
    if odd:
        told.append(f"{odd:,} not finite")
    return ", ".join(told)


def _norm(values: Array) -> float:
    """The Euclidean norm, also of numbers whose squares are too large or too small."""
    scale = float(np.abs(values).max())
    with np.errstate(all="ignore"):
        return float(np.float64(scale) * np.linalg.norm(values / (scale or 1.0)))
