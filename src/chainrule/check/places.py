"""Which steps of a run are the same place of the code, and which pass through a loop each belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from chainrule.explain.computation import Step

__all__ = ["Places"]


class Places:
    """The places of the steps of a computation: ``of`` a step, and all its ``members`` in order.

    Two steps are at one place if the same operation was called on the same line, on values of the same names. What
    stands on one line and is not in a loop can look alike; nothing that is said of a place relies on a loop.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.of: list[Any] = []
        self.members: dict[Any, list[int]] = defaultdict(list)
        self.rank: list[int] = []
        number_of = {step: number for number, step in enumerate(steps)}

        def key(step: Step) -> Any:
            if step.name:
                return step.name
            return number_of[step] if step.operation is None else (step.operation.name, step.line)

        for number, step in enumerate(steps):
            place: Any = number
            if step.operation is not None:
                inside = tuple([key(argument) for argument in step.arguments])
                place = (step.file, step.line, step.operation.name, step.name, step.shape, inside)
            elif step.name and step.occurrence is not None:
                place = (step.name, step.shape)
            self.of.append(place)
            self.rank.append(len(self.members[place]))
            self.members[place].append(number)

    def counterpart(self, number: int, here: int, there: int) -> int | None:
        """What step ``number`` is for ``here``, for ``there``: the same place as many passes earlier or later.

        A step that is no part of the loop stands for itself. None if the loop has not come so far.
        """
        members = self.members[self.of[number]]
        if len(members) == 1 or here == there:
            return number
        place = self.rank[number] + self.rank[there] - self.rank[here]
        return members[place] if 0 <= place < len(members) else None
