"""Indices, and the matrix that says that two of them are equal."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import count

__all__ = ["Axes", "Delta", "Label", "delta", "fresh_axes", "next_order"]

_numbers = count()


def next_order() -> int:
    """A number that no index and no atom has yet, for sorting."""
    return next(_numbers)


class Label:
    """An index: two labels of the same size are different indices."""

    __slots__ = ("number", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.number = next(_numbers)

    def __repr__(self) -> str:
        return f"l{self.number}"


Axes = tuple[Label | None, ...]


def fresh_axes(shape: Iterable[int]) -> Axes:
    """A new label for each axis that is longer than 1."""
    return tuple(None if size == 1 else Label(size) for size in shape)


class Delta:
    """δ_ij, or the identity matrix."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.order = next_order()

    @property
    def shape(self) -> tuple[int, ...]:
        """Square."""
        return (self.size, self.size)


@cache
def delta(size: int) -> Delta:
    """The atom δ of a size."""
    return Delta(size)
