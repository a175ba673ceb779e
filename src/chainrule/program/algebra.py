"""The algebra of ones, signs and numbers that makes a step on arrays unnecessary, or two steps one.

    x * 1, x + 0, x / 1, x ** 1          x
    -x + c, -x - c, -x + y               c - x, -c - x, y - x
    x * -1, 0 - x                        -x
    (x * a) * b, (x * a) / b             x * (a b), x * (a / b)
    -(-x), -(x * a), (-x) * a            x, x * -a, x * -a
    (x * a) @ y                          (x @ y) * a

``a`` and ``b`` are Python numbers: such a number never decides the dtype, so neither does leaving it out. Results may
differ in rounding from the steps as they were written, and 0 may lose its sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.linear.functions import overwritten

__all__ = ["simpler", "without_numbers"]

_MODERATE = {2: 1e2, 4: 1e15}  # by the bytes of a number; 1e100 for those of double precision


def simpler(function: Any, arguments: Sequence[Any]) -> Any:
    """What ``function(*arguments)`` is the same as: an argument, another ``(function, arguments)``, or None."""
    if function is np.negative:
        return _negative(arguments[0])
    if len(arguments) != 2:
        return _twice(*arguments) if function is overwritten else None
    a, b = arguments
    if function is np.ndarray.__getitem__:
        return _read(a, b)
    if function is np.multiply:
        if type(a) in (int, float):
            a, b = b, a
        if type(b) in (int, float):
            return _scaled(a, b, turned=a is not arguments[0])
        if a is b and _is_float(a):
            return np.square, (a,)
        return None
    if type(b) in (int, float):
        if function is np.divide and _is_float(a):
            return _divided(a, b)
        if function in (np.add, np.subtract) and _is_float(a):
            if b == 0:
                return a
            if a.function is np.negative and a.dtype == np.float64:
                return np.subtract, (b if function is np.add else -b, a.arguments[0])
        if function is np.power and _is_float(a):
            return a if b == 1 else (np.square, (a,)) if b == 2 else None
    elif function is np.add and _is_float(a) and _is_float(b) and a.function is np.negative and _alike(a, b):
        return np.subtract, (b, a.arguments[0])
    elif function is np.add and _is_float(a) and _is_float(b) and b.function is np.negative and _alike(a, b):
        return np.subtract, (a, b.arguments[0])
    elif type(a) in (int, float) and a == 0 and _is_float(b):
        if function is np.add:
            return b
        if function is np.subtract:
            return np.negative, (b,)
    return None


def _read(a: Any, index: Any) -> Any:
    """What was written where it is read."""
    if getattr(a, "function", None) is overwritten and _same_place(a.arguments[2], index):
        values = a.arguments[1]
        if hasattr(values, "function") and values.dtype == a.dtype and values.shape == _shape_at(a, index):
            return values
    return None


def _twice(array: Any, values: Any, index: tuple[Any, ...]) -> Any:
    """What is overwritten at once need not have been written."""
    if getattr(array, "function", None) is overwritten and _same_place(array.arguments[2], index):
        before = array.arguments[0]
        if before.dtype == array.dtype:
            return overwritten, (before, values, index)
    return None


def _same_place(written: tuple[Any, ...], index: Any) -> bool:
    index = index if type(index) is tuple else (index,)
    return bool(repr(written) == repr(index) and not any([hasattr(entry, "dtype") for entry in (*written, *index)]))


def _shape_at(a: Any, index: Any) -> tuple[int, ...]:
    whole: Any = np.broadcast_to(np.int8(0), a.shape)
    shape: tuple[int, ...] = whole[index].shape
    return shape


def without_numbers(arguments: Sequence[Any]) -> tuple[tuple[Any, ...], float]:
    """The arrays of a product without the numbers that they are multiplied by, and the product of these.

    A number is better multiplied into the result, where that is smaller.
    """
    bare, number = [], 1.0
    smallest = _product_size(arguments)
    for value in arguments:
        inner = _factored(value) if _is_float(value) and value.size >= smallest else None
        if inner is not None and _times(inner[1], 1, value.dtype) is not None:
            value, other = inner
            number *= other
        bare.append(value)
    return tuple(bare), number


def _product_size(arguments: Sequence[Any]) -> int:
    """Roughly how many numbers the matrix product of two arrays has."""
    a, b = arguments
    if not (hasattr(a, "shape") and hasattr(b, "shape") and a.shape and b.shape):
        return 0
    columns: int = b.shape[-1] if len(b.shape) > 1 else 1
    return int(a.size) // max(int(a.shape[-1]), 1) * columns


def _alike(a: Any, b: Any) -> bool:
    """Whether two arrays have one shape and one dtype."""
    return bool(a.shape == b.shape and a.dtype == b.dtype)


def _is_float(a: Any) -> bool:
    return bool(hasattr(a, "function") and a.dtype.kind == "f")


def _factored(a: Any) -> tuple[Any, float] | None:
    """``(x, number)`` if ``a`` is the step x * number or -x."""
    if a.function is np.multiply and type(a.arguments[1]) in (int, float):
        return a.arguments[0], a.arguments[1]
    if a.function is np.negative:
        return a.arguments[0], -1
    return None


def _times(a: float, b: float, dtype: np.dtype[Any]) -> float | None:
    """The product of two numbers; None if it is so large or small that the order of multiplications would matter."""
    product = a * b
    largest = _MODERATE.get(dtype.itemsize, 1e100)
    moderate = product == 0 if a == 0 or b == 0 else 1 / largest <= abs(product) <= largest
    return product if moderate else None


def _scaled(a: Any, number: float, turned: bool = False) -> Any:
    if not _is_float(a):
        return None
    if number == 1:
        return a
    inner = _factored(a)
    if inner is not None:
        base, other = inner
        product = _times(other, number, a.dtype)
        if product is None:
            return None
        number = product
        if number == 1:
            return base
        return (np.negative, (base,)) if number == -1 else (np.multiply, (base, number))
    if number == -1:
        return np.negative, (a,)
    return (np.multiply, (a, number)) if turned else None


def _negative(a: Any) -> Any:
    if not _is_float(a):
        return None
    inner = _factored(a)
    if inner is None:
        return None
    base, number = inner
    return base if number == -1 else (np.multiply, (base, -number))


def _divided(a: Any, number: float) -> Any:
    if number == 1:
        return a
    inner = _factored(a)
    if inner is None or number == 0:
        return None
    base, other = inner
    return None if _times(other, 1 / number, a.dtype) is None else (np.multiply, (base, other / number))
