"""What is left to do when everything elementwise is read on the way: stores and reductions over labels, and calls.

A `Kept` array is one that takes memory. Statements fill it: each for all values of its labels puts an expression at a
place, or combines it with what is there. Whoever reads the array comes after all of its statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.scalar import Expression, Index, Label, Place, Read, Source, position, reads

__all__ = [
    "COMBINATIONS",
    "Callback",
    "Interpreted",
    "Kept",
    "Make",
    "Multiplication",
    "Operand",
    "Statement",
    "Work",
    "base_of",
    "is_at",
]

COMBINATIONS: dict[Any, Any] = {np.add: 0, np.multiply: 1, np.maximum: -np.inf, np.minimum: np.inf}


class Kept(Source):
    """An array that is computed; ``combine`` is how statements add to it (None: each place is written once)."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, combine: Any = None, start: Any = None) -> None:
        super().__init__(shape, np.dtype(dtype))
        self.combine = combine
        self.start = COMBINATIONS[combine] if start is None and combine is not None else start
        self.statements: list[Work] = []
        self.is_wanted = False  # whether it is memory that somebody outside sees
        self.turns: Any = None  # the loop that it belongs to, if it has an element for each turn, along its first axis
        self.ahead = 0  # turns that the first element lies before the first turn


Make = Callable[[Place], tuple[Place, Expression]]  # the target's place and what goes there, from the labels' positions


class Statement:
    """``target[place] = expression`` or ``combine= expression`` for all values of ``labels``."""

    def __init__(
        self, target: Kept, labels: Sequence[Label], starts: Sequence[int], make: Make, turns: Any = None
    ) -> None:
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
        return [(source, read.place if source is read.source else None) for source, read in kept]

    def _is_old(self, source: Kept, read: Read) -> bool:
        """Whether an earlier turn of the same loop left it: it is there."""
        if self.turns is None or source.turns is not self.turns:
            return False
        return read.place[0].steps == ((self.labels[0], 1),) and read.place[0].start < source.ahead

    def order(self) -> list[Label]:
        """The labels from the outermost loop to the innermost: neighbours in memory come last."""
        scores = dict.fromkeys(self.labels, 0)
        for place in [self.place, *[read.place for read in self.reads]]:
            for axis, index in enumerate(place):
                for label, by in index.steps:
                    scores[label] += 1 if axis == len(place) - 1 and abs(by) == 1 else -1
        return sorted(self.labels, key=lambda label: scores[label])


class Operand(NamedTuple):
    """A matrix in memory, or a stack of matrices: where each begins, and the strides of its two axes."""

    source: Source
    place: Place  # of the first entry, for the labels of the stack
    strides: tuple[int, int]


class Multiplication:
    """Matrix products by the machine's BLAS: ``target = left @ right`` for all values of ``labels``."""

    place = None

    def __init__(
        self,
        target: Kept,
        stack: list[Label],
        sizes: tuple[int, int, int],
        operands: tuple[Operand, Operand, Operand],
        turns: Any = None,
        labels: list[Label] | None = None,
    ) -> None:
        self.target = target
        self.targets = (target,)
        self.turns = turns
        self.labels = labels or []  # the turn of a loop that it is done in
        self.summed: set[Label] = set()
        self.stack = stack
        self.sizes = sizes
        self.left, self.right, self.result = operands
        target.statements.append(self)

    @property
    def needs(self) -> list[tuple[Kept, Place | None]]:
        """The kept arrays that are read, all of them."""
        found = [base_of(operand.source) for operand in (self.left, self.right)]
        return [(source, None) for source in found if isinstance(source, Kept)]

    def order(self) -> list[Label]:
        """It joins no loop but that of its turns."""
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


Work = Statement | Multiplication | Callback | Interpreted


def base_of(source: Source) -> Source:
    """The memory that is read."""
    return getattr(source, "base", source)


def is_at(index: Index, label: Label) -> bool:
    """Whether a position is that of a loop, from some start."""
    return index.steps == ((label, 1),) and not index.looked_up
