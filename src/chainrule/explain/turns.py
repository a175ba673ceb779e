"""Finds the loop in a computation: the same operations, on the same lines of the user's code, again and again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.explain.computation import Computation, Step

__all__ = ["Loop", "longest_loop"]

_FEWEST = 4  # turns that are worth a loop


@dataclass(frozen=True)
class Loop:
    """The turns of a loop, each with its steps in their order; ``place`` is the turn of a step and its place in it.

    ``following`` is another loop, as of a sum of what the turns of the first collected.
    """

    turns: Sequence[Sequence[Step]]
    place: dict[Step, tuple[int, int]]
    following: Loop | None = None

    @property
    def first(self) -> int:
        """The number of the first step."""
        return self.turns[0][0].number

    @property
    def middle(self) -> int:
        """A turn that is neither among the first nor, like the one after it, the last; 1 of four turns."""
        return min(2, len(self.turns) - 3)

    def turn(self, step: Step) -> int | None:
        """The turn that a step is in; None outside."""
        found = self.place.get(step)
        return None if found is None else found[0]

    def offset(self, step: Step) -> int | None:
        """The place of a step in its turn; None outside."""
        found = self.place.get(step)
        return None if found is None else found[1]

    def taken(self) -> Iterator[tuple[int, int, tuple[Step, ...]]]:
        """For each place in a turn and each position of an argument there: the argument in every turn."""
        for offset, column in enumerate(zip(*self.turns, strict=True)):
            for position, arguments in enumerate(zip(*[step.arguments for step in column], strict=True)):
                yield offset, position, arguments


def longest_loop(computation: Computation, apart: Collection[Step] = ()) -> Loop | None:
    """The loop of at least four turns that most steps on the way to the output, ``apart`` from some, are in, if any.

    >>> from chainrule.explain.record import record
    >>> def power(x):
    ...     y = x
    ...     for _ in range(5):
    ...         y = np.sin(y * x)
    ...     return y + 1
    >>> [[step.called for step in turn] for turn in longest_loop(record(power, (2.0,))).turns][:2]
    [['#1', 'y[1]'], ['#3', 'y[2]']]
    """
    below = {computation.output}
    for step in reversed(computation.steps):
        if step in below:
            below.update(step.arguments)
    steps = [s for s in computation.steps if s in below and s.operation is not None and s not in apart]
    kinds: dict[tuple[object, ...], int] = {}
    signs = np.array([kinds.setdefault(_sign(step), len(kinds)) for step in steps], dtype=int)
    best = 0, 1, 0  # turns times period, period, start
    for period in range(1, len(steps) // _FEWEST + 1):
        start, length = _longest_run(signs[:-period] == signs[period:])
        turn = range(start, min(start + period, len(steps) - period))
        begin = next((k for k in turn if _begins(steps[k], steps[k + period - 1])), start)
        turns = (start + length + period - begin) // period
        if turns >= _FEWEST:
            best = max(best, (turns * period, -period, begin))
    covered, period, start = best[0], abs(best[1]), best[2]
    if not covered:
        return None
    rows = [steps[k : k + period] for k in range(start, start + covered, period)]
    place = {step: (turn, k) for turn, row in enumerate(rows) for k, step in enumerate(row)}
    return Loop(rows, place, None if apart else longest_loop(computation, place))


def _sign(step: Step) -> tuple[object, ...]:
    """What steps of different turns have in common."""
    assert step.operation is not None
    return step.operation.name, step.file, step.line, step.variable, len(step.arguments), len(step.shape)


def _begins(step: Step, before: Step) -> bool:
    """Whether a step is on an earlier line than the one before it, as at the begin of a turn."""
    return step.file == before.file and (step.line or 0) < (before.line or 0)


def _longest_run(same: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Where the longest run of True starts, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(int), [0]])))
    if not len(edges):
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    k = int(np.argmax(ends - starts))
    return int(starts[k]), int(ends[k] - starts[k])
