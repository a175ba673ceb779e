"""What is left to do when everything elementwise is read on the way: stores and reductions over labels, and calls.

A `Kept` array is one that takes memory. Statements fill it: each for all values of its labels puts an expression at a
place, or combines it with what is there. Whoever reads the array comes after all of its statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.scalar import Expression, Index, Label, Memory, Place, Read, Source, position, reads, row_major

__all__ = [
    "COMBINATIONS",
    "Callback",
    "Interpreted",
    "Kept",
    "Make",
    "Multiplication",
    "Operand",
    "Routine",
    "Statement",
    "Work",
    "base_of",
    "is_at",
    "stride_in_order",
    "stride_of",
    "used",
]

COMBINATIONS: dict[Any, Any] = {np.add: 0, np.multiply: 1, np.maximum: -np.inf, np.minimum: np.inf}


class Kept(Source):
    """An array that is computed; ``combine`` is how statements add to it (None: each place is written once)."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, combine: Any = None, start: Any = None) -> None:
        super().__init__(shape, np.dtype(dtype))
        self.combine = combine
        self.start = COMBINATIONS[combine] if start is None and combine is not None else start
        self.statements: list[Work] = []
        self.is_complex = False  # whether its last axis are the halves of complex numbers
        self.is_wanted = False  # whether it is memory that somebody outside sees
        self.turns: Any = None  # the loop that it belongs to, if it has an element for each turn, along its first axis
        self.ahead = 0  # turns that the first element lies before the first turn
        self.along: int | None = None  # the axis along which whoever reads it in whole would have neighbours

    @property
    def seen(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """The shape and the dtype that it has in Python."""
        if not self.is_complex:
            return super().seen
        return self.shape[:-1], np.result_type(self.dtype, np.complex64)


Make = Callable[[Place], tuple[Place, Expression]]  # the target's place and what goes there, from the labels' positions


class Statement:
    """``target[place] = expression`` or ``combine= expression`` for all values of ``labels``.

    If it is ``over`` what other statements wrote, it comes after all of them.
    """

    def __init__(
        self,
        target: Kept,
        labels: Sequence[Label],
        starts: Sequence[int],
        make: Make,
        turns: Any = None,
        over: bool = False,
    ) -> None:
        self.over = over
        self.target = target
        self.targets = (target,)
        self.make = make
        self.turns = turns  # the loop whose turns its first label counts
        self.labels = list(labels)
        self.starts = starts  # the positions at which labels begin
        self.place, self.expression = self.made(self.labels)
        self.reads: list[Read] = list(reads(self.expression))
        for index in self.place:
            for value, _ in index.looked_up:
                self.reads += reads(value)
        self.summed = set(self.labels) - {label for index in self.place for label, _ in index.steps}
        target.statements.append(self)

    def add_to(self, target: Kept) -> None:
        """Add to another array instead of its own."""
        self.target = target
        self.targets = (target,)
        target.statements.append(self)

    def made(self, labels: Sequence[Label]) -> tuple[Place, Expression]:
        """The place and the expression, with other labels."""
        return self.make(
            tuple([position(label).shifted(start) for label, start in zip(labels, self.starts, strict=True)])
        )

    @property
    def needs(self) -> list[tuple[Kept, Place | None]]:
        """The kept arrays that are read, and where; None: anywhere."""
        found = [(base_of(read.source), read) for read in self.reads]
        kept = [(source, read) for source, read in found if isinstance(source, Kept) and not self._is_old(source, read)]
        found_at = [(source, read.place if source is read.source else None) for source, read in kept]
        return [*found_at, (self.target, None)] if self.over else found_at

    def _is_old(self, source: Kept, read: Read) -> bool:
        """Whether an earlier turn of the same loop left it: it is there."""
        if self.turns is None or source.turns is not self.turns:
            return False
        return read.place[0].steps == ((self.labels[0], 1),) and read.place[0].start < source.ahead

    def order(self) -> list[Label]:
        """The labels from the outermost loop to the innermost, which is the one along which vectors cost least."""
        scores = dict.fromkeys(self.labels, 0)
        for place in [self.place, *[read.place for read in self.reads]]:
            for axis, index in enumerate(place):
                for label, by in index.steps:
                    scores[label] += 1 if axis == len(place) - 1 and abs(by) == 1 else -1
        outer = sorted(self.labels, key=lambda label: max(scores[label], 0))
        if len(outer) > 1 and prod([label.size for label in outer]) >= _LARGE:
            inner = min(outer, key=self._price)
            if self._price(inner) < _BETTER * self._price(outer[-1]):
                outer.remove(inner)
                outer.append(inner)
        return outer

    def _price(self, label: Label) -> float:
        """Roughly what an element costs if the loop over a label is the innermost."""
        lanes = _LINE // self.target.dtype.itemsize
        in_vectors = (label.size // lanes + label.size % lanes) / label.size
        price = in_vectors * (1 + len(self.reads)) + (_REDUCED if label in self.summed else _TURNED) / label.size
        for source, place in [(self.target, self.place), *[(read.source, read.place) for read in self.reads]]:
            if any([label in dict(index.steps) or index.looked_up for index in place]):
                price += in_vectors if stride_of(source, place, label) in (0, 1, -1, None) else 1.0
        return price


_LARGE = 1 << 14  # elements from which the order is looked at more closely
_BETTER = 0.75  # of the price, from which another order than that of memory is worth it
_LONG = 8  # times its width from which BLAS goes faster along a matrix than across
_LINE = 64  # bytes that the processor computes with at once
_REDUCED, _TURNED = 6.0, 3.0  # what a loop costs besides its turns, with and without a sum over it


def stride_of(source: Source, place: Place, label: Label) -> int | None:
    """How far apart neighbours along a label are in memory; None if the order of the memory is still open."""
    if isinstance(source, Kept) and not source.is_wanted:
        if source.along is None:
            return None
        return 1 if label in dict(place[source.along].steps) else prod(source.shape)
    return stride_in_order(source, place, label)


def stride_in_order(source: Source, place: Place, label: Label) -> int:
    """How far apart neighbours along a label are in memory that is somebody else's, or lies in C order."""
    strides = source.strides if isinstance(source, Memory) else row_major(source.shape)
    return sum([dict(index.steps).get(label, 0) * stride for index, stride in zip(place, strides, strict=True)])


class Operand(NamedTuple):
    """A matrix in memory, or a stack of matrices: ``place`` is that of an entry, for its row and its column."""

    source: Source
    place: Place
    row: Label
    column: Label


class Multiplication:
    """Matrix products by the machine's BLAS: ``target = left @ right`` for all values of ``labels``."""

    def __init__(
        self, target: Kept, labels: list[Label], operands: tuple[Operand, Operand, Operand], turns: Any = None
    ) -> None:
        self.target = target
        self.targets = (target,)
        self.turns = turns
        self.labels = labels  # the turn of a loop that it is done in, and those of a stack of matrices
        self.summed: set[Label] = set()
        self.left, self.right, self.result = operands
        self.place = self.result.place
        for source, place, row, column in operands:
            shorter, longer = sorted((row, column), key=lambda label: label.size)
            if isinstance(source, Kept) and longer.size >= _LONG * shorter.size:
                source.along = next(axis for axis, index in enumerate(place) if longer in dict(index.steps))
        target.statements.append(self)

    @property
    def needs(self) -> list[tuple[Kept, Place | None]]:
        """The kept arrays that are read, of each all of a matrix."""
        found = [(base_of(operand.source), operand) for operand in (self.left, self.right)]
        return [
            (source, operand.place if source is operand.source else None)
            for source, operand in found
            if isinstance(source, Kept)
        ]

    def order(self) -> list[Label]:
        """Its labels, from the outermost loop to the innermost."""
        return list(self.labels)


class Callback:
    """A call of a function outside on whole arrays in memory: it reads ``sources`` and fills ``targets``.

    Both come with the place of the first element.
    """

    place = None

    def __init__(
        self,
        targets: Sequence[tuple[Kept, Place]],
        sources: Sequence[tuple[Source, Place]],
        function: Any,
        turns: Any = None,
        labels: Sequence[Label] = (),
    ) -> None:
        self.targets = tuple([target for target, _ in targets])
        self.arrays: list[tuple[Source, Place]] = [*sources, *targets]
        self.function = function
        self.turns = turns
        self.labels = list(labels)  # the turn of a loop that it is done in
        self.summed: set[Label] = set()
        bases = [base_of(source) for source, _ in sources]
        self.needs: list[tuple[Kept, Place | None]] = [(base, None) for base in bases if isinstance(base, Kept)]
        for target in self.targets:
            target.statements.append(self)

    def order(self) -> list[Label]:
        """It joins no loop but that of its turns."""
        return list(self.labels)


class Routine:
    """Calls of a routine of LAPACK's for all values of ``labels``: it reads arrays, and overwrites ``targets``.

    Of arrays in ``arguments`` the place of the first element is given; integers and letters are handed over as they
    are. It says in one more argument whether it could do it.
    """

    place = None

    def __init__(
        self,
        name: str,
        targets: Sequence[Kept],
        arguments: Sequence[tuple[Source, Place] | int | str],
        labels: Sequence[Label],
        turns: Any = None,
    ) -> None:
        self.name = name
        self.targets = tuple(targets)
        self.arguments = arguments
        self.turns = turns
        self.labels = list(labels)
        self.summed: set[Label] = set()
        self.arrays: list[tuple[Source, Place]] = [argument for argument in arguments if isinstance(argument, tuple)]
        bases = [base_of(source) for source, _ in self.arrays]
        self.needs: list[tuple[Kept, Place | None]] = [(base, None) for base in bases if isinstance(base, Kept)]
        for target in self.targets:
            target.statements.append(self)

    def order(self) -> list[Label]:
        """Its labels, from the outermost loop to the innermost."""
        return list(self.labels)


class Interpreted:
    """A program for the interpreter, whose instructions are ``code``, on ``numbers`` that are there already.

    It knows ``operations``, and calls ``functions`` outside.
    """

    place = None
    turns = None

    def __init__(self, numbers: Kept, code: Source, operations: Sequence[Any], functions: Sequence[Any]) -> None:
        self.numbers = numbers
        self.targets = (numbers,)
        self.needs: list[tuple[Kept, Place | None]] = [(numbers, None)]
        self.code = code
        self.operations = operations
        self.functions = functions
        self.labels: list[Label] = []
        self.summed: set[Label] = set()
        numbers.statements.append(self)

    def order(self) -> list[Label]:
        """It is in no loop."""
        return []


Work = Statement | Multiplication | Callback | Routine | Interpreted


def used(works: Sequence[Work]) -> list[Work]:
    """The work that is for something that somebody outside sees, and all calls."""
    ahead = [made for made in works if not isinstance(made, Statement) or made.target.is_wanted]
    found = set[Work]()
    while ahead:
        made = ahead.pop()
        if made in found:
            continue
        found.add(made)
        read = [base_of(read.source) for read in made.reads] if isinstance(made, Statement) else dict(made.needs)
        for array in (*read, *made.targets):
            if isinstance(array, Kept):
                ahead += array.statements
    return [made for made in works if made in found]


def base_of(source: Source) -> Source:
    """The memory that is read."""
    return getattr(source, "base", source)


def is_at(index: Index, label: Label) -> bool:
    """Whether a position is that of a loop, from some start."""
    return index.steps == ((label, 1),) and not index.looked_up
