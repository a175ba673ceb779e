"""Maps that only move numbers from slices to slices, by far the most frequent of those without factors.

y = x[1:3]     ∂y[i]/∂x[m] = δ(m, i+1): a cotangent is pulled back by writing it into a part of zeros, or adding it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.linear.functions import scatter
from chainrule.linear.term import Pattern

__all__ = ["add_pull", "move", "slice_of", "slices_of"]

Slices = tuple[tuple[Any, ...], tuple[Any, ...]]


def slice_of(offset: int, count: int, stride: int, size: int) -> slice:
    """The slice over ``offset + stride·k`` for ``k < count``, within an axis of ``size``."""
    stop = offset + stride * (count - 1) + (1 if stride > 0 else -1)
    if stride == 1 and offset == 0 and stop == size:
        return slice(None)
    if stride > 0:
        return slice(offset, stop, stride if stride > 1 else None)
    return slice(None if offset == size - 1 else offset, None if stop < 0 else stop, stride)


def slices_of(pattern: Pattern) -> Slices | None:
    """The basic indices (of the row, of the column) between which a map without factors moves numbers one to one.

    None if it does anything else. A program that reads or writes an array at a thousand places has as many patterns:
    these need no plan of their own text.
    """
    if pattern.factors or pattern.tables or 0 in pattern.sizes:
        return None
    if "slices" not in pattern.plans:
        pattern.plans["slices"] = _slices(pattern)
    found: Slices | None = pattern.plans["slices"]
    return found


def _slices(pattern: Pattern) -> Slices | None:
    sides: list[tuple[Any, ...]] = []
    orders: list[list[int]] = []
    for axes in (pattern.row, pattern.column):
        index: list[Any] = []
        order: list[int] = []
        for axis in axes:
            if axis.table >= 0 or len(axis.labels) > 1 or 0 in axis.strides:
                return None
            if axis.labels:
                count = pattern.sizes[axis.labels[0]]
                index.append(slice_of(axis.offset, count, axis.strides[0], axis.size))
                order += axis.labels
            else:
                index.append(axis.offset)
        while index and index[-1] == slice(None):
            index.pop()
        sides.append(tuple(index))
        orders.append(order)
    if orders[0] != orders[1] or len(set(orders[0])) < len(orders[0]):
        return None
    return sides[0], sides[1]


def move(row: tuple[Any, ...], column: tuple[Any, ...], shape: tuple[int, ...]) -> Callable[..., Any]:
    """The plan of a map that moves numbers from slices to slices."""

    def plan(cotangent: Any, factors: tuple[Any, ...], tables: tuple[Any, ...]) -> Any:
        part = cotangent[row] if row else cotangent
        return scatter(part, shape, column) if column else part

    return plan


def add_pull(pattern: Pattern, cotangent: Any, total: Any) -> bool:
    """Add what `pull` gives into ``total``, without an array of zeros, where the map moves numbers between slices.

    Returns False, and does nothing, for any other map.

    >>> import numpy as np
    >>> from chainrule.linear.term import affine, pattern as make
    >>> part, _ = make([2], [0], [affine(4, 0, 1, 1)])  # y = x[1:3]
    >>> total = np.ones(4)
    >>> add_pull(part, np.array([10.0, 20.0]), total)
    True
    >>> total
    array([ 1., 11., 21.,  1.])
    """
    moved = slices_of(pattern)
    if moved is None or (moved[0] and cotangent.shape != pattern.row_shape):
        return False
    row, column = moved
    total[column] += cotangent[row] if row else cotangent
    return True
