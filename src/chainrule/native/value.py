"""An array as what one element of it is: at a place, and in the turn of the loop that is being written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.scalar import Expression, Index, Place, Reader, Source

__all__ = ["Box", "Matrix", "Value", "at_turn", "now"]


class _Clock(threading.local):
    """The turn of the loop that is being written, as an index; None outside of loops."""

    now: Index | None = None


_clock = _Clock()


@contextmanager
def at_turn(turn: Index | None) -> Iterator[None]:
    """Read values as they are in one turn of their loop."""
    before = _clock.now
    _clock.now = turn
    try:
        yield
    finally:
        _clock.now = before


def now() -> Index:
    """The turn that is being written."""
    assert _clock.now is not None
    return _clock.now


Box = tuple[tuple[int, ...], Callable[[Place], tuple[Place, Expression]]]
"""The shape of a part of an array, and from a place in that part: the place in the array, and what is there."""


class Matrix(NamedTuple):
    """A value as matrices: those of another value or a triangle of them, as they stand or transposed."""

    of: Value
    transposed: bool = False
    lower: bool | None = None  # the triangle of ``of`` that holds all numbers but zeros


@dataclass
class Value:
    """An array as what one element of it is; ``cost`` is roughly that of computing it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Reader
    cost: float = 1.0
    source: Source | None = None  # where it is memory as it stands
    parts: int = 1  # boxes that it consists of, which are read in different ways
    boxes: list[Box] = field(default_factory=list)  # all of it that is not zero, if that is known
    total: Any = None  # the sum in memory that is part of it, to which more may be added
    known: dict[Any, Expression] = field(default_factory=dict)
    matrix: Matrix | None = None  # what is known of it as matrices
    several: Sequence[Value] = ()  # what it consists of, if it is no array but several
    before: Value | None = None  # the same elements in the shape that they had before it was reshaped

    def at(self, place: Place) -> Expression:
        """The element at a place."""
        key = _clock.now, place
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.read(place)
        return found

    def like(self, read: Reader, shape: tuple[int, ...] | None = None, dtype: Any = None) -> Value:
        """Another value of the same cost and parts."""
        return Value(self.shape if shape is None else shape, dtype or self.dtype, read, self.cost, parts=self.parts)

    @property
    def as_matrix(self) -> Matrix:
        """What is known of it as matrices: that of a transpose is told of what it is the transpose of."""
        return self.matrix or Matrix(self)

    def broadcast_at(self, place: Place) -> Expression:
        """The element for a place in a result that it is stretched to."""
        own = place[len(place) - len(self.shape) :]
        if 1 not in self.shape:
            return self.at(own)
        return self.at(tuple([Index() if size == 1 else index for index, size in zip(own, self.shape, strict=True)]))
