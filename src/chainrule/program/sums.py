"""Sums over an axis of a matrix product: the factor that has the axis is summed before it is multiplied.

    Σᵢ (A B)ᵢⱼ          (Σᵢ Aᵢₖ) B
    Σⱼ (A B)ᵢⱼ          A (Σⱼ Bₖⱼ)

So are sums of several terms, of which one is such a product; what does not have the axis is multiplied afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["summed_before"]

_SUMS = (np.ndarray.sum, np.add.reduce, np.sum)
_TERMS = (np.add, np.subtract)
_MOST = 64  # terms and factors
_USUAL = {"dtype": None, "keepdims": False}


def summed_before(function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What ``function(*arguments, **options)`` is the same as, if it is the sum of a matrix product; None if not."""
    if function not in _SUMS or not 1 <= len(arguments) <= 2:
        return None
    array, axis = arguments[0], options.get("axis") if len(arguments) == 1 else arguments[1]
    if type(axis) is not int or any(
        [name != "axis" and _USUAL.get(name, 0) != value for name, value in options.items()]
    ):
        return None
    rank = len(array.shape)
    return _sum(array, axis % rank) if _is_small(array) and _has_product(array, axis % rank - rank) else None


def _is_small(total: Any) -> bool:
    """Whether few terms and factors are looked through: what is added up may be itself again and again."""
    pending, count = [total], 0
    while pending and count <= _MOST:
        array = pending.pop()
        count += 1
        if _made_by(array) in (*_TERMS, np.multiply):
            pending += [part for part in array.arguments if _is_term(part, total)]
    return not pending


def _made_by(array: Any) -> Any:
    """The function that makes a deferred array of floating point; None of other arrays."""
    return getattr(array, "function", None) if getattr(array, "dtype", np.dtype(bool)).kind == "f" else None


def _has_product(array: Any, axis: int) -> bool:
    """Whether a matrix product is a term of an array that is summed over an axis, counted from the last."""
    function = _made_by(array)
    if function is np.matmul:
        a, b = [factor.shape for factor in array.arguments]
        if not len(a) == len(b) == len(array.shape) or axis < -2 or array.shape[axis] == 1:
            return False
        factor = array.arguments[axis + 2]
        is_cheap = a[-1] <= b[-1]  # if the product is needed anyhow
        return is_cheap and hasattr(factor, "function") and bool(factor.dtype == array.dtype)
    if function not in _TERMS or not all([_is_term(term, array) for term in array.arguments]):
        return False
    return any([_has_product(term, axis) for term in array.arguments])


def _is_term(term: Any, total: Any) -> bool:
    return bool(getattr(term, "shape", None) == total.shape and term.dtype == total.dtype)


def _sum(array: Any, axis: int) -> Any:
    """The sum over an axis, counted from the first."""
    function, rank = _made_by(array), len(array.shape)
    if function is np.matmul and _has_product(array, axis - rank):
        a, b = array.arguments
        bare = array.shape[:axis] + array.shape[axis + 1 :]
        if axis == rank - 2:
            a = a.sum(axis).reshape(*a.shape[:axis], 1, a.shape[-1])
        else:
            b = b.sum(axis).reshape(*b.shape[:axis], 1)
        return (a @ b).reshape(bare)
    if function in _TERMS and _has_product(array, axis - rank):
        return function(*[_sum(term, axis) for term in array.arguments])
    if function is np.multiply:
        for once, each in (array.arguments, array.arguments[::-1]):
            shape = getattr(once, "shape", ())
            if _is_term(each, array) and len(shape) == rank and shape[axis] == 1 and once.dtype == array.dtype:
                return _sum(each, axis) * once.reshape(shape[:axis] + shape[axis + 1 :])
    return array.sum(axis)
