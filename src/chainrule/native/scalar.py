"""Scalar expressions over loop indices: what one element of an array is, as a graph without repetitions.

An `Index` is a position along one axis: a number, multiples of loop labels, and multiples of integers read from arrays.
Equal expressions are the same object, so that a loop body computes each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Apply",
    "BetweenError",
    "Expression",
    "Flat",
    "Half",
    "Index",
    "Label",
    "Memory",
    "Number",
    "Place",
    "Pool",
    "Read",
    "Source",
    "merged",
    "merges",
    "part_of",
    "parts",
    "position",
    "reads",
    "row_major",
]


class Label:
    """The index of a loop, from 0 to ``size`` - 1."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def __repr__(self) -> str:
        return f"<label {id(self) % 997} of {self.size}>"


class Index(NamedTuple):
    """A position along an axis: ``start + Σ label·step + Σ integer·step``."""

    start: int = 0
    steps: tuple[tuple[Label, int], ...] = ()
    looked_up: tuple[tuple[Any, int], ...] = ()

    def shifted(self, start: int, step: int = 1) -> Index:
        """``start + step · self``."""
        if start == 0 and step == 1:
            return self
        return Index(
            start + step * self.start,
            tuple([(label, step * by) for label, by in self.steps]),
            tuple([(value, step * by) for value, by in self.looked_up]),
        )

    def plus(self, other: Index) -> Index:
        """The sum of two positions."""
        steps = dict(self.steps)
        for label, by in other.steps:
            steps[label] = steps.get(label, 0) + by
        kept = tuple([(label, by) for label, by in steps.items() if by])
        return Index(self.start + other.start, kept, self.looked_up + other.looked_up)


Place = tuple[Index, ...]


def position(label: Label) -> Index:
    """The index of a loop as a position; along an axis of size 1 there is only one."""
    return Index(0, ((label, 1),)) if label.size != 1 else Index()


class BetweenError(Exception):
    """A loop passes from one part of an axis into another at turn ``turn``: it has to be done as two."""

    def __init__(self, label: Label | None, turn: int = 0) -> None:
        self.label = label
        self.turn = turn


def part_of(index: Index, cuts: Sequence[int]) -> int:
    """Which part of an axis a position lies in: how many of the ascending ``cuts`` are not above it.

    Raises:
        BetweenError: not all turns of a loop are in one part.
    """
    if not index.steps and not index.looked_up:
        return sum([cut <= index.start for cut in cuts])
    if len(index.steps) > 1 or index.looked_up or abs(index.steps[0][1]) != 1:
        raise BetweenError(None)
    ((label, by),) = index.steps
    last = index.start + by * (label.size - 1)
    part = sum([cut <= index.start for cut in cuts])
    if part == sum([cut <= last for cut in cuts]):
        return part
    turn = cuts[part] - index.start if by > 0 else index.start - cuts[part - 1] + 1
    raise BetweenError(label, turn)


def merges(bare: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether every axis of ``bare`` is a product of neighbours in ``wanted``."""
    k = 0
    for size in bare:
        product = 1
        while product < size and k < len(wanted):
            product *= wanted[k]
            k += 1
        if product != size:
            return False
    return k == len(wanted)


def merged(inside: Sequence[Index], wanted: Sequence[int], bare: Sequence[int]) -> list[Index]:
    """Positions along axes of which each is a product of neighbours in ``wanted``."""
    found, k = [], 0
    for size in bare:
        product, index = 1, Index()
        while product < size:
            index = index.shifted(0, wanted[k]).plus(inside[k])
            product *= wanted[k]
            k += 1
        found.append(index)
    return found


_LINE = 64  # bytes of a line of the cache


class Source:
    """An array in memory that expressions read."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def seen(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """The shape and the dtype that it has in Python."""
        return self.shape, self.dtype

    @property
    def room(self) -> int:
        """The bytes that it takes without gaps, in whole lines of the cache."""
        return -(-prod(self.shape) * self.dtype.itemsize // _LINE) * _LINE


class Flat(Source):
    """Memory in C order seen in another shape."""

    def __init__(self, base: Source, shape: tuple[int, ...]) -> None:
        super().__init__(shape, base.dtype)
        self.base = getattr(base, "base", base)


class Memory(Source):
    """An array that is handed in: its strides are counted in elements."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> None:
        super().__init__(shape, np.dtype(dtype))
        self.strides = strides
        self.begin = 0  # the element of what is pointed to that is its first

    @classmethod
    def of(cls, array: Any) -> Memory:
        """Where an array of NumPy's lies."""
        return cls(array.shape, array.dtype, tuple([step // array.itemsize for step in array.strides]))


class Half(Memory):
    """The real numbers at one place (0 or 1) of the pairs that complex numbers in memory are."""

    def __init__(self, base: Memory, place: int, dtype: Any) -> None:
        super().__init__(base.shape, dtype, tuple([2 * stride for stride in base.strides]))
        self.base = base
        self.begin = place


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of an array in C order, in elements."""
    return tuple([prod(shape[k + 1 :]) for k in range(len(shape))])


class Number(NamedTuple):
    """A number known when the code is made."""

    value: Any
    dtype: np.dtype[Any]


class Read(NamedTuple):
    """One element of an array."""

    source: Source
    place: Place
    dtype: np.dtype[Any]


class Apply:
    """A function of numbers: ``function`` is a ufunc of NumPy's, `np.where`, or None for a cast."""

    __slots__ = ("dtype", "function", "parts")

    def __init__(self, function: Any, parts: tuple[Expression, ...], dtype: np.dtype[Any]) -> None:
        self.function = function
        self.parts = parts
        self.dtype = dtype


Expression = Number | Read | Apply


class Pool:
    """Makes expressions, each once."""

    def __init__(self) -> None:
        self._known: dict[Any, Apply] = {}
        self._reads: dict[Any, Read] = {}

    def read(self, source: Source, place: Place) -> Read:
        """One element of an array."""
        found = self._reads.get((source, place))
        if found is None:
            found = self._reads[source, place] = Read(source, place, source.dtype)
        return found

    def apply(self, function: Any, parts: Sequence[Expression], dtype: Any) -> Expression:
        """A function of numbers, in the precision of its result."""
        dtype = np.dtype(dtype)
        if function is np.add and dtype.kind == "f":  # what is padded with zeros is added
            for zero, other in (parts, parts[::-1]):
                if type(zero) is Number and zero.value == 0 and other.dtype == dtype:
                    return other
        key = (function, dtype, *[_identity(part) for part in parts])
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Apply(function, tuple(parts), dtype)
        return found

    def cast(self, part: Expression, dtype: Any) -> Expression:
        """The number in another precision."""
        dtype = np.dtype(dtype)
        if part.dtype == dtype:
            return part
        if type(part) is Number:
            return Number(dtype.type(part.value), dtype)
        return self.apply(None, (part,), dtype)


def _identity(part: Expression) -> Any:
    if type(part) is Number:
        return part.dtype, repr(part.value)
    return id(part)


def parts(expression: Expression) -> Iterator[Expression]:
    """All that an expression consists of, each once; what its positions consist of too."""
    seen: set[int] = set()
    pending = [expression]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if type(current) is Read:
            pending += [value for index in current.place for value, _ in index.looked_up]
        elif type(current) is Apply:
            pending += current.parts


def reads(expression: Expression) -> Iterator[Read]:
    """The elements of arrays that an expression needs."""
    return (part for part in parts(expression) if type(part) is Read)


Reader = Callable[[Place], Expression]
