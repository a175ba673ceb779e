"""Loops that Python unrolled, found again: the same steps repeated, each time on what the time before left.

A run of steps is a loop if, from turn to turn, every argument is the same array, or was made a fixed number of steps
ago, or stands at a place that moves by a fixed amount: in an array, or among the results of an earlier loop (a sweep
back goes through those from the last turn to the first).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.program.deferred import Deferred

__all__ = ["Before", "Moving", "Numbers", "Roll", "Turn", "carried", "moves", "rolled"]

_TURNS = 4  # turns from which steps are a loop
_STEPS = 60  # steps that a loop has in all, at least
_EARLY = 3  # turns that may be left out at the beginning
_GRAM = 3  # steps that are compared at once to find repetitions


class Before(NamedTuple):
    """An argument: what step ``slot`` of the loop made ``turns`` turns ago; ``first`` are those of the first turns."""

    slot: int
    turns: int
    first: tuple[Any, ...]


class Turn(NamedTuple):
    """An argument: what step ``slot`` of an earlier loop made in its turn ``start + by·turn``."""

    roll: Roll
    slot: int
    start: int
    by: int


class Numbers(NamedTuple):
    """An argument: a number for each turn."""

    values: Any


class Moving(NamedTuple):
    """An integer: ``start + by·turn``."""

    start: int
    by: int


@dataclass(eq=False)
class Roll:
    """A loop: ``count`` turns of the steps ``body``, which are those of the first turn, with ``arguments`` of each."""

    count: int
    body: list[Deferred]
    arguments: list[tuple[Any, ...]]
    first: int  # the position of its first step

    @property
    def length(self) -> int:
        """The number of steps of one turn."""
        return len(self.body)


class _Place(NamedTuple):
    """Where the result of a step is: turn and slot of a loop."""

    roll: Roll
    turn: int
    slot: int


def rolled(steps: Sequence[Deferred]) -> list[Deferred | Roll]:
    """The steps in order, with loops in the place of those that repeat."""
    finder = _Finder(steps)
    found: list[Deferred | Roll] = []
    k = 0
    for start, length, count in _repetitions(_keys(steps)):
        gone = -(-max(k - start, 0) // length)  # turns that the loop before has taken
        roll = finder.loop(start + gone * length, length, count - gone)
        if roll is not None:
            found += [*steps[k : roll.first], roll]
            k = roll.first + roll.count * length
    return [*found, *steps[k:]]


def carried(roll: Roll) -> dict[int, tuple[Any, ...]] | None:
    """The steps whose results later turns need, and what the first turns find in their place.

    None if different arguments find different things there.
    """
    found: dict[int, tuple[Any, ...]] = {}
    for before in _of_kind(roll.arguments, Before):
        if before.turns:
            shorter, longer = sorted([found.get(before.slot, ()), before.first], key=len)
            if any([a is not b for a, b in zip(longer[len(longer) - len(shorter) :], shorter, strict=True)]):
                return None
            found[before.slot] = longer
    return found


def _of_kind(value: Any, kind: type) -> list[Any]:
    if type(value) is kind:
        return [value]
    if type(value) in (tuple, list):
        return [found for entry in value for found in _of_kind(entry, kind)]
    if type(value) is slice:
        return _of_kind((value.start, value.stop, value.step), kind)
    return []


# --- finding repetitions ---


def _keys(steps: Sequence[Deferred]) -> list[int]:
    """A number for each step; equal ones do the same to arrays of the same shapes."""
    known: dict[Any, int] = {}
    found = []
    for step in steps:
        key = (step.function, step.shape, step.dtype, *[_kind(value) for value in step.arguments])
        if step.options:
            key = (*key, *[(name, _option(value)) for name, value in step.options.items()])
        found.append(known.setdefault(key, len(known)))
    return found


def _option(value: Any) -> Any:
    """What options have in common; one that holds arrays is like no other."""
    kinds = (np.ndarray, Deferred)
    entries = value if isinstance(value, tuple | list) else (value,)
    return object() if any([isinstance(entry, kinds) for entry in entries]) else repr(value)


def _kind(value: Any) -> Any:
    kind = type(value)
    if kind is Deferred:
        return value.shape, value.dtype
    if kind in (tuple, list):
        return kind, *[_kind(entry) for entry in value]
    if kind is slice:
        return kind, _kind(value.start), _kind(value.stop), _kind(value.step)
    if kind is np.ndarray:
        return kind, value.shape, value.dtype
    return kind if kind in (int, float) else (kind, repr(value))


def _repetitions(keys: Sequence[int]) -> list[tuple[int, int, int]]:
    """Stretches in which the keys repeat: where they begin, the length of a turn, how many turns."""
    seen: dict[tuple[int, ...], int] = {}
    distance = []
    for k in range(len(keys)):
        gram = tuple(keys[max(k - _GRAM + 1, 0) : k + 1])
        distance.append(k - seen[gram] if gram in seen else 0)
        seen[gram] = k
    found = []
    k = 0
    while k < len(keys):
        length = distance[k]
        if not length:
            k += 1
            continue
        end = k
        while end < len(keys) and keys[end] == keys[end - length]:
            end += 1
        start = k - length
        while start > 0 and keys[start - 1] == keys[start - 1 + length]:
            start -= 1
        count = (end - start) // length
        if count >= _TURNS and count * length >= _STEPS:
            found.append((start, length, count))
            k = end
        else:
            k += 1
    return found


# --- checking that they are loops ---


class _Finder:
    """Finds the pattern that the turns of a loop follow; ``rolls`` are the loops so far."""

    def __init__(self, steps: Sequence[Deferred]) -> None:
        self.steps = steps
        self.position = {step.number: k for k, step in enumerate(steps)}
        self.rolls: list[Roll] = []

    def loop(self, start: int, length: int, count: int) -> Roll | None:
        """The loop in a stretch of repetitions: as many turns as follow one pattern."""
        roll = None
        for early in range(_EARLY):  # the first turns may start from something else than the others
            roll = roll or self._fitting(start + early * length, length, count - early)
        if roll is not None:
            self.rolls.append(roll)
        return roll

    def _place(self, value: Deferred) -> _Place | None:
        """Where a loop has made an array."""
        at = self.position.get(value.number, -1)
        for roll in self.rolls:
            if roll.first <= at < roll.first + roll.count * roll.length:
                return _Place(roll, *divmod(at - roll.first, roll.length))
        return None

    def _fitting(self, first: int, length: int, count: int) -> Roll | None:
        roll = Roll(count, list(self.steps[first : first + length]), [], first)
        while roll.count >= _TURNS and roll.count * length >= _STEPS:
            roll.arguments, good = [], roll.count
            for slot in range(length):
                column = [self.steps[first + turn * length + slot].arguments for turn in range(roll.count)]
                merged, turns = self._merged(column, roll)
                good = min(good, turns)
                roll.arguments.append(merged)
            if good == roll.count:
                return roll if carried(roll) is not None else None
            roll = Roll(good, roll.body, [], first)
        return None

    def _merged(self, column: Sequence[Any], roll: Roll) -> tuple[Any, int]:
        """One argument over all turns as one thing, and for how many turns that holds."""
        model = column[0]
        kind = type(model)
        if kind in (tuple, list):
            merged = [self._merged(entries, roll) for entries in zip(*column, strict=True)]
            return kind([part for part, _ in merged]), min([turns for _, turns in merged], default=len(column))
        if kind is slice:
            columns = [[getattr(value, name) for value in column] for name in ("start", "stop", "step")]
            merged = [self._merged(entries, roll) for entries in columns]
            return slice(*[part for part, _ in merged]), min([turns for _, turns in merged])
        if kind is Deferred:
            return self._array(column, roll)
        if kind is int:
            by = column[1] - column[0]
            good = _while([value == model + by * turn for turn, value in enumerate(column)])
            return (Moving(model, by) if by else model), good
        if kind is float and any([repr(value) != repr(model) for value in column]):
            return Numbers(np.array(column)), len(column)
        return model, _while([_same(value, model) for value in column])

    def _array(self, column: Sequence[Deferred], roll: Roll) -> tuple[Any, int]:
        length, first = roll.length, roll.first
        if column[1] is column[0]:
            same = _while([value is column[0] for value in column])
            if same >= min(_TURNS, len(column)):
                is_there = self.position.get(column[0].number, -1) < first  # not made by the first turn itself
                return column[0], same if is_there else 0
        at = [self.position.get(value.number, -1) for value in column]
        late = min(_TURNS, len(column)) - 1  # a turn by which what the first turns started from is gone
        if at[late] < first:
            return self._of_earlier(column)
        offset = at[late] - first - late * length  # from the beginning of its turn
        slot, turns = offset % length, -(offset // length)
        if any([a >= first for a in at[:turns]]):
            return None, 0
        expected = [first + (turn - turns) * length + slot for turn in range(len(column))]
        good = turns + _while([a == b for a, b in zip(at[turns:], expected[turns:], strict=True)])
        return Before(slot, turns, tuple(column[:turns])), good

    def _of_earlier(self, column: Sequence[Deferred]) -> tuple[Any, int]:
        """An argument that another loop made."""
        where = [self._place(value) for value in column]
        one, two = where[0], where[1]
        if one is None or two is None or one.roll is not two.roll or one.slot != two.slot:
            return None, 0
        by = two.turn - one.turn
        truths = [
            place is not None and (place.roll, place.slot, place.turn) == (one.roll, one.slot, one.turn + by * turn)
            for turn, place in enumerate(where)
        ]
        return Turn(one.roll, one.slot, one.turn, by), _while(truths)


def _same(a: Any, b: Any) -> bool:
    """Whether two arguments that are no deferred arrays are the same."""
    if isinstance(a, np.ndarray):
        return a is b or (isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b))
    return a is b or repr(a) == repr(b)


def _while(truths: Sequence[bool]) -> int:
    return next((k for k, truth in enumerate(truths) if not truth), len(truths))


def moves(value: Any) -> bool:
    """Whether an argument is another integer in each turn of a loop."""
    if isinstance(value, slice):
        return moves((value.start, value.stop, value.step))
    if type(value) in (tuple, list):
        return any([moves(entry) for entry in value])
    if type(value) is dict:
        return any([moves(entry) for entry in value.values()])
    return isinstance(value, Moving)
