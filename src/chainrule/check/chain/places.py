"""Which steps of a run are the same place of the code, and which pass through a loop each belongs to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from chainrule.explain.computation import Step

__all__ = ["Places"]


class Places:
    """The places of the steps of a computation: ``of`` a step, its ``rank`` there, and all ``members`` of a place.

    A line that was run several times is a loop, or a function that was called again: the same operation there is the
    same place. On a line that was run once, operations on values of the same names are: a loop within the line.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.of: list[Any] = []
        self.rank: list[int] = []
        self.members: dict[Any, list[int]] = defaultdict(list)
        self._steps = steps
        self._into: list[str] | None = None
        runs = _runs(steps)
        often = Counter(line for line, first in {run for run in runs if run is not None})
        number_of = {step: number for number, step in enumerate(steps)}
        met: Counter[Any] = Counter()
        for number, step in enumerate(steps):
            run = runs[number]
            if run is None:
                place: Any = (step.name, step.shape) if step.name and step.occurrence is not None else number
            elif often[run[0]] > 1:
                what = (run[0], step.operation.name if step.operation else "", step.shape)
                met[run, what] += 1
                place = (*what, met[run, what])
            else:
                inside = tuple([_known_as(argument, number_of) for argument in step.arguments])
                place = (run[0], step.operation.name if step.operation else "", step.shape, inside)
            self.of.append(place)
            self.rank.append(len(self.members[place]))
            self.members[place].append(number)

    def is_repeated(self, number: int) -> bool:
        """Whether the place of a step was run several times."""
        return len(self.members[self.of[number]]) > 1

    def counterpart(self, number: int, here: int, there: int) -> int | None:
        """What step ``number`` is for ``here``, for ``there``: the same place as many passes earlier or later.

        A step that is no part of the loop stands for itself. None if the loop has not come so far.
        """
        members = self.members[self.of[number]]
        if len(members) == 1 or here == there:
            return number
        place = self.rank[number] + self.rank[there] - self.rank[here]
        return members[place] if 0 <= place < len(members) else None

    def into(self, number: int) -> str:
        """The name of the first value that a step goes into, its own if it has one: tells calls of a function apart."""
        if self._into is None:
            number_of = {step: number for number, step in enumerate(self._steps)}
            self._into = [step.name for step in self._steps]
            for later in range(len(self._steps) - 1, -1, -1):
                for argument in self._steps[later].arguments:
                    source = number_of[argument]
                    if not self._steps[source].name:
                        self._into[source] = self._into[later]
        return self._into[number]


def _runs(steps: Sequence[Step]) -> list[tuple[Any, int] | None]:
    """For each step its line, and the step at which the line began to be run without another one between."""
    found: list[tuple[Any, int] | None] = []
    line: Any = None
    first = 0
    for number, step in enumerate(steps):
        if step.operation is None:
            found.append(None)
            continue
        here = (step.file, step.line)
        if here != line:
            line, first = here, number
        found.append((here, first))
    return found


def _known_as(step: Step, number_of: dict[Step, int]) -> Any:
    """A name, or the operation and line, or the value itself."""
    if step.name:
        return step.name
    return number_of[step] if step.operation is None else (step.operation.name, step.line)
