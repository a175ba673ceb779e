"""Loops that Python unrolled, found again: the same steps repeated, each time on what the time before left.

A run of steps is a loop if, from turn to turn, every argument is the same array, or was made a fixed number of steps
ago, or stands at a place that moves by a fixed amount: in an array, or among the results of an earlier loop (a sweep
back goes through those from the last turn to the first).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.program.deferred import Deferred

__all__ = ["Before", "Moving", "Numbers", "Roll", "Turn", "rolled"]

_TURNS = 4  # turns from which steps are a loop
_STEPS = 60  # steps that a loop has in all, at least
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
    keys = _keys(steps)
    position = {step.number: k for k, step in enumerate(steps)}
    found: list[Deferred | Roll] = []
    places: dict[int, _Place] = {}
    k = 0
    for start, length, count in _repetitions(keys):
        if start < k:
            count -= -(-(k - start) // length)
            start += length * -(-(k - start) // length)
        roll = _made(steps, position, places, start, length, count)
        if roll is None:
            continue
        found += steps[k : roll.first]
        found.append(roll)
        for turn in range(roll.count):
            for slot in range(length):
                places[steps[roll.first + turn * length + slot].number] = _Place(roll, turn, slot)
        k = roll.first + roll.count * length
    return [*found, *steps[k:]]


# --- finding repetitions ---


def _keys(steps: Sequence[Deferred]) -> list[int]:
    """A number for each step; equal ones do the same to arrays of the same shapes."""
    known: dict[Any, int] = {}
    found = []
    for step in steps:
        options = repr(step.options) if step.options else ""
        key = (step.function, step.shape, step.dtype, options, *[_kind(value) for value in step.arguments])
        found.append(known.setdefault(key, len(known)))
    return found


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


def _made(
    steps: Sequence[Deferred],
    position: Mapping[int, int],
    places: Mapping[int, _Place],
    start: int,
    length: int,
    count: int,
) -> Roll | None:
    """The loop in a stretch of repetitions: as many turns as follow one pattern."""
    for first in range(start, min(start + length, start + (count - _TURNS) * length + 1)):
        turns = (count * length - (first - start)) // length
        for begin in (first, first + length):  # the first turn may start from something else than the others
            fits = _fitting(steps, position, places, begin, length, turns - (begin != first))
            if fits is not None:
                return fits
        break
    return None


def _fitting(
    steps: Sequence[Deferred],
    position: Mapping[int, int],
    places: Mapping[int, _Place],
    first: int,
    length: int,
    count: int,
) -> Roll | None:
    roll = Roll(count, list(steps[first : first + length]), [], first)
    while roll.count >= _TURNS and roll.count * length >= _STEPS:
        arguments, good = [], roll.count
        for slot in range(length):
            column = [steps[first + turn * length + slot].arguments for turn in range(roll.count)]
            merged, turns = _merged(column, roll, slot, position, places)
            good = min(good, turns)
            arguments.append(merged)
        if good == roll.count:
            roll.arguments = arguments
            return roll
        roll = Roll(good, roll.body, [], first)
    return None


def _merged(
    column: Sequence[Any], roll: Roll, slot: int, position: Mapping[int, int], places: Mapping[int, _Place]
) -> tuple[Any, int]:
    """One argument over all turns as one thing, and for how many turns that holds."""
    model = column[0]
    kind = type(model)
    if kind in (tuple, list):
        parts, good = [], len(column)
        for k in range(len(model)):
            part, turns = _merged([value[k] for value in column], roll, slot, position, places)
            parts.append(part)
            good = min(good, turns)
        return kind(parts), good
    if kind is slice:
        parts = [
            _merged([getattr(v, n) for v in column], roll, slot, position, places) for n in ("start", "stop", "step")
        ]
        return slice(*[part for part, _ in parts]), min([turns for _, turns in parts])
    if kind is Deferred:
        return _array(column, roll, position, places)
    if kind is int:
        by = column[1] - column[0]
        good = _while([value == model + by * turn for turn, value in enumerate(column)])
        return (Moving(model, by) if by else model), good
    if kind is float and any([repr(value) != repr(model) for value in column]):
        return Numbers(np.array(column)), len(column)
    return model, _while([value is model or repr(value) == repr(model) for value in column])


def _while(truths: Sequence[bool]) -> int:
    return next((k for k, truth in enumerate(truths) if not truth), len(truths))


def _array(
    column: Sequence[Deferred], roll: Roll, position: Mapping[int, int], places: Mapping[int, _Place]
) -> tuple[Any, int]:
    length, first = roll.length, roll.first
    if column[1] is column[0]:
        same = _while([value is column[0] for value in column])
        if same >= min(_TURNS, len(column)):
            return column[0], same
    at = [position.get(value.number, -1) for value in column]
    late = min(3, len(column) - 1)
    if at[late] >= first:
        offset = at[late] - first - late * length  # from the beginning of its turn
        slot, turns = offset % length, -(offset // length)
        expected = [first + (turn - turns) * length + slot for turn in range(len(column))]
        good = turns + _while([a == b for a, b in zip(at[turns:], expected[turns:], strict=True)])
        initial = tuple(column[:turns])
        if any([a >= first for a in at[:turns]]):
            return None, 0
        return Before(slot, turns, initial), good
    return _of_earlier(column, places)


def _of_earlier(column: Sequence[Deferred], places: Mapping[int, _Place]) -> tuple[Any, int]:
    where = [places.get(value.number) for value in column]
    one, two = where[0], where[1]
    if one is None or two is None or one.roll is not two.roll or one.slot != two.slot:
        return None, 0
    by = two.turn - one.turn
    truths = [
        place is not None and (place.roll, place.slot, place.turn) == (one.roll, one.slot, one.turn + by * turn)
        for turn, place in enumerate(where)
    ]
    return Turn(one.roll, one.slot, one.turn, by), _while(truths)
