"""Turns what a notebook compares into values: tensors of any library, arrays, Python's numbers, lists of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.check.verdicts.compare import Value
from chainrule.check.watching.backend import Backend

__all__ = ["as_value"]

DOUBLE = 2.0**-52
LARGEST = 20_000_000
# A number written with at least so many digits is taken to be rounded to them; fewer are meant exactly.
WRITTEN_DIGITS = 3
NUMBER = re.compile(r"(\d*)\.(\d*)(?:[eE]([-+]?\d+))?")


def as_value(value: Any, backends: Sequence[Backend], literal: str | None = None) -> Value | None:
    """The numbers in ``value``, copied; None if it is not numeric.

    ``literal`` is its source if it was written out as digits: `0.7853` stands for anything that rounds to it.

    >>> as_value(2, []).shaped, as_value(True, []), as_value("2", [])
    (False, None, None)
    >>> as_value(0.7853, [], "0.7853").slack
    5e-05
    """
    found = _numbers(value, backends)
    if found is None or literal is None:
        return found
    slack = max((_slack(*match.groups()) for match in NUMBER.finditer(literal)), default=0.0)
    return replace(found, slack=slack, reason="within the digits that are written")


def _numbers(value: Any, backends: Sequence[Backend]) -> Value | None:
    if isinstance(value, bool | np.bool_ | str | bytes | type(None)):
        return None
    if isinstance(value, int | float | complex):
        try:
            return Value(np.asarray(complex(value) if isinstance(value, complex) else float(value)), DOUBLE, "", False)
        except OverflowError:
            return None
    for backend in backends:
        if backend.owns(value):
            array, dtype, eps = backend.array(value)
            return _array(array, dtype, eps)
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in "fciu":
            return None
        eps = float(np.finfo(value.dtype).eps) if value.dtype.kind in "fc" else DOUBLE
        return _array(np.asarray(value), str(value.dtype), eps, shaped=isinstance(value, np.ndarray))
    if type(value) is tuple and len(value) == 1:
        return _numbers(value[0], backends)  # what functions return that differentiate by several arguments
    if type(value) in {list, tuple} and value:
        return _listed(value, backends)
    return None


def _array(array: Any, dtype: str, eps: float, shaped: bool = True) -> Value | None:
    if array.dtype.kind not in "fciu" or array.size > LARGEST:
        return None
    wide = np.complex128 if array.dtype.kind == "c" else np.float64
    return Value(np.array(array, dtype=wide), max(eps, DOUBLE), dtype, shaped)


def _listed(items: Sequence[Any], backends: Sequence[Backend]) -> Value | None:
    """A list of numbers, or of equal shapes, is an array that was written out."""
    if len(items) > 100_000:
        return None
    parts: list[Value] = []
    for item in items:
        part = _numbers(item, backends)
        if part is None or (parts and part.shape != parts[0].shape):
            return None
        parts.append(part)
    return Value(np.stack([part.array for part in parts]), max(part.eps for part in parts), parts[0].dtype)


def _slack(whole: str, fraction: str, exponent: str | None) -> float:
    if len((whole + fraction).strip("0")) < WRITTEN_DIGITS:
        return 0.0
    # as a decimal literal, so that 0.7853 gives 5e-05 and not its neighbour
    return float(f"5e{int(exponent or 0) - len(fraction) - 1}")
