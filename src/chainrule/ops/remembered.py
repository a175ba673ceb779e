"""Decompositions remembered while their matrix lives: the parts of a result and its derivatives share one.

What is asked for is compared with what was decomposed by value, which costs far less than to decompose it again; so a
matrix that was overwritten meanwhile is never mistaken for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

__all__ = ["remembered"]

LIMIT = 2  # decompositions that are kept


class _Kept(NamedTuple):
    """What was asked, the matrix (weakly), its entries then, and the parts."""

    kind: Any
    matrix: Any
    entries: Any
    parts: tuple[Any, ...]


_kept: list[_Kept] = []


def _forget(_: Any) -> None:
    """Drop what belongs to matrices that are gone."""
    _kept[:] = [entry for entry in _kept if entry.matrix() is not None]


def remembered(kind: Any, function: Callable[[Any], tuple[Any, ...]], matrix: Any) -> tuple[Any, ...]:
    """``function(matrix)``, computed once; the parts are shared, so that callers must not write into them.

    >>> a = np.eye(2)
    >>> remembered("eigh", np.linalg.eigh, a)[1] is remembered("eigh", np.linalg.eigh, a)[1]
    True
    """
    if type(matrix) is not np.ndarray:  # its numbers come later: the recording sees what is equal
        return tuple(function(matrix))
    for entry in tuple(_kept):
        if entry.kind == kind and entry.entries.dtype == matrix.dtype and np.array_equal(entry.entries, matrix):
            return entry.parts
    parts = tuple(function(matrix))
    _kept[:] = [_Kept(kind, ref(matrix, _forget), matrix.copy(), parts), *_kept[: LIMIT - 1]]
    return parts
