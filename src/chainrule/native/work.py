"""What is left to do when everything elementwise is read on the way: stores and reductions over labels, and calls.

A `Kept` array is one that takes memory. Statements fill it: each for all values of its labels puts an expression at a
place, or combines it with what is there. Whoever reads the array comes after all of its statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.native.scalar import Expression, Index, Label, Place, Read, Source, reads

__all__ = ["COMBINATIONS", "Kept", "Statement"]

COMBINATIONS: dict[Any, Any] = {np.add: 0, np.multiply: 1, np.maximum: -np.inf, np.minimum: np.inf}


class Kept(Source):
    """An array that is computed; ``combine`` is how statements add to it (None: each place is written once)."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, combine: Any = None, start: Any = None) -> None:
        super().__init__(shape, np.dtype(dtype))
        self.combine = combine
        self.start = COMBINATIONS[combine] if start is None and combine is not None else start
        self.statements: list[Statement] = []
        self.is_wanted = False  # whether it is memory that somebody outside sees


Make = Callable[[Sequence[Label]], tuple[Place, Expression]]


class Statement:
    """``target[place] = expression`` or ``combine= expression`` for all values of ``labels``."""

    def __init__(self, target: Kept, sizes: Sequence[int], make: Make) -> None:
        self.target = target
        self.make = make
        self.labels = [Label(size) for size in sizes]
        self.place, self.expression = make(self.labels)
        self.reads: list[Read] = list(reads(self.expression))
        for index in self.place:
            for value, _ in index.looked_up:
                self.reads += reads(value)
        target.statements.append(self)

    @property
    def summed(self) -> set[Label]:
        """The labels that the place does not depend on."""
        return set(self.labels) - {label for index in self.place for label, _ in index.steps}

    def order(self) -> list[Label]:
        """The labels from the outermost loop to the innermost: neighbours in memory come last."""
        scores = {label: 0 for label in self.labels}
        for place in [self.place, *[read.place for read in self.reads]]:
            for axis, index in enumerate(place):
                for label, by in index.steps:
                    scores[label] += 1 if axis == len(place) - 1 and abs(by) == 1 else -1
        return sorted(self.labels, key=lambda label: scores[label])


def is_at(index: Index, label: Label) -> bool:
    """Whether a position is just the index of a loop."""
    return index == Index(0, ((label, 1),))
