"""Loops that were found again, lowered: one body for all turns, and memory for what one turn leaves to the next.

Inside, a value is read as it is in one turn (`at_turn`). What a step makes is also a value with an axis more, the
turns, from which whoever comes after the loop reads: the last turn, or every turn of a sweep back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.native.lowering import Lowering, NotLowerableError, Value, at_turn, now
from chainrule.native.registry import DATA, PLACES
from chainrule.native.rolling import Before, Moving, Numbers, Roll, Turn, carried, moves
from chainrule.native.scalar import Expression, Index, Place
from chainrule.native.work import Kept
from chainrule.program.deferred import Deferred

__all__ = ["Turns"]

_WORTH_STORING = 12  # the cost of an element from which it is stored for all turns of a loop


class _Notes:
    """What stands for arguments that differ from turn to turn needs a number of its own."""

    count = 1 << 40  # the next


class Turns:
    """Lowers the loops of one recording; ``numbers`` are those of all its steps, in order."""

    def __init__(self, low: Lowering, steps: Sequence[Deferred]) -> None:
        self.low = low
        self.steps = steps
        self.values: dict[Roll, list[Value]] = {}
        self.rolls: list[Roll] = []
        self.notes = _Notes()
        low.elsewhere = self.elsewhere

    def elsewhere(self, number: int) -> Value | None:
        """What a step made in one turn of a loop."""
        at = bisect_left(self.steps, number, key=lambda step: step.number)
        for roll in self.rolls:
            turn, slot = divmod(at - roll.first, roll.length)
            if 0 <= turn < roll.count:
                return self.in_turn(roll, slot, turn)
        return None

    def in_turn(self, roll: Roll, slot: int, turn: int) -> Value:
        """The value of one turn."""
        whole = self.values[roll][slot]
        return whole.like(lambda place: whole.at((Index(turn), *place)), whole.shape[1:])

    def add(self, roll: Roll) -> None:
        """Lower a loop."""
        low = self.low
        firsts = carried(roll) or {}
        summed = {slot for slot in firsts if self._is_sum(roll, slot)}
        memories = {slot: self._memory(roll, slot, first) for slot, first in firsts.items() if slot not in summed}
        low.turns, low.ahead, start = roll, [], len(low.statements)
        try:
            inner = self._body(roll, memories, summed)
        finally:
            low.turns = None
        low.statements[start:start] = low.ahead
        self.rolls.append(roll)
        self.values[roll] = [self._over_turns(roll, value) for value in inner]
        for slot in summed:
            low.values[self._number(roll, slot, roll.count - 1)] = self._total(roll, slot, firsts[slot], inner[slot])

    # --- what goes from turn to turn ---

    def _memory(self, roll: Roll, slot: int, first: Sequence[Any]) -> Kept:
        """Memory for what a step makes in all turns, and for what is there before."""
        low, step = self.low, roll.body[slot]
        target = low.new((len(first) + roll.count, *step.shape), step.dtype)
        target.turns, target.ahead = roll, len(first)
        for row, given in enumerate(first):
            value = low.value(given)
            low.fill(target, step.shape, _at_row(low, value, row, step.dtype))
        return target

    def _is_sum(self, roll: Roll, slot: int) -> bool:
        """Whether a step only adds to what it made the turn before, and nobody looks at it on the way."""
        step, arguments = roll.body[slot], roll.arguments[slot]
        if step.function is not np.add or step.dtype.kind != "f":
            return False
        own = [type(value) is Before and value.slot == slot and value.turns == 1 for value in arguments]
        if sum(own) != 1:
            return False
        other = arguments[own.index(False)]
        if getattr(other, "shape", step.shape) != step.shape:
            return False
        return all([self.low.uses.get(self._number(roll, slot, turn)) == 1 for turn in range(roll.count - 1)])

    def _number(self, roll: Roll, slot: int, turn: int) -> int:
        return self.steps[roll.first + turn * roll.length + slot].number

    def _total(self, roll: Roll, slot: int, first: Sequence[Any], total: Value) -> Value:
        low, step = self.low, roll.body[slot]
        before = low.value(first[0])

        def read(place: Place) -> Expression:
            return low.pool.apply(np.add, (before.broadcast_at(place), total.at(place)), step.dtype)

        return Value(step.shape, step.dtype, read, before.cost + 1)

    # --- the body ---

    def _body(self, roll: Roll, memories: Mapping[int, Kept], summed: set[int]) -> list[Value]:
        low = self.low
        inner: list[Value] = []
        outer: list[Value] = []  # as later loops read it: what is cheap is computed again, not stored for all turns
        for slot, step in enumerate(roll.body):
            if slot in summed:
                (other,) = [value for value in roll.arguments[slot] if type(value) is not Before or value.slot != slot]
                inner.append(self._summed(step, self._stand_in(roll, inner, memories, other)))
                outer.append(inner[-1])
                continue
            arguments = _in_numbers(step.function, roll.arguments[slot], roll.count)
            stands: Any = tuple([self._stand_in(roll, inner, memories, value) for value in arguments])
            pseudo = Deferred(self.notes, step.function, stands, step.options, step.shape, step.dtype)  # type: ignore[arg-type]
            made = low.lowered(pseudo)
            target = memories.get(slot)
            if target is not None:
                low.fill(target, step.shape, low.copying(made, step.dtype))
                made = low.memory(target)
            cheap = made.cost < _WORTH_STORING
            if cheap:
                outer.append(made)
            if low.is_worth_keeping(made, low.uses.get(self._number(roll, slot, roll.count // 2), 0)):
                made = low.keep(made)
            if not cheap:
                outer.append(made)
            inner.append(made)
        return outer

    def _summed(self, step: Deferred, argument: Any) -> Value:
        """The sum over all turns."""
        low = self.low
        value = low.value(argument)
        roll, low.turns = low.turns, None
        target = low.new(step.shape, step.dtype, np.add)
        low.turns = roll
        spread = Value(step.shape, value.dtype, value.broadcast_at, parts=value.parts)
        low.fill(target, step.shape, low.copying(spread, step.dtype))
        return Value(step.shape, step.dtype, lambda place: low.pool.read(target, place), 1.0, target)

    def _stand_in(self, roll: Roll, inner: Sequence[Value], memories: Mapping[int, Kept], value: Any) -> Any:
        """An argument as it is in a turn."""
        kind = type(value)
        if kind is Before:
            step = roll.body[value.slot]
            if not value.turns and value.slot < len(inner):
                return self._noted(inner[value.slot])
            return self._noted(self._earlier(memories[value.slot], value.turns, step))
        if kind is Turn:
            if value.roll not in self.values:
                raise NotLowerableError("a loop over what is no loop itself")
            return self._noted(_moved(self.values[value.roll][value.slot], value.start, value.by))
        if kind is Numbers:
            array = self.low.capture(value.values)
            return self._noted(Value((), array.dtype, lambda place: array.at((now(),)), 1.0))
        if kind in (tuple, list):
            return kind([self._stand_in(roll, inner, memories, entry) for entry in value])
        return value

    def _earlier(self, target: Kept, turns: int, step: Deferred) -> Value:
        """What a step made some turns ago."""
        low, start = self.low, target.ahead - turns
        return Value(step.shape, step.dtype, lambda place: low.pool.read(target, (now().shifted(start), *place)), 1.0)

    def _noted(self, value: Value) -> Deferred:
        made = Deferred(self.notes, None, (), {}, value.shape, value.dtype)  # type: ignore[arg-type]
        self.low.values[made.number] = value
        return made

    def _over_turns(self, roll: Roll, inner: Value) -> Value:
        def read(place: Place) -> Expression:
            with at_turn(place[0]):
                return inner.at(place[1:])

        return inner.like(read, (roll.count, *inner.shape))


def _in_numbers(function: Any, arguments: Sequence[Any], turns: int) -> Sequence[Any]:
    """Arguments of which integers that move are numbers, unless they say where."""
    numbers = slice(None) if type(function) is np.ufunc else DATA.get(function, slice(0))
    found = list(arguments)
    found[numbers] = [_each(value, turns) if type(value) is Moving else value for value in found[numbers]]
    if function not in PLACES and moves(found):
        raise NotLowerableError(f"{getattr(function, '__name__', function)} with other integers in each turn of a loop")
    return found


def _each(moving: Moving, turns: int) -> Numbers:
    """The integer of every turn."""
    last = moving.start + moving.by * (turns - 1)
    if max(abs(moving.start), abs(last)) > np.iinfo(np.int64).max:
        raise NotLowerableError("integers that are too large for the machine")
    return Numbers(moving.start + moving.by * np.arange(turns))


def _moved(whole: Value, start: int, by: int) -> Value:
    """Of what a loop made in all turns, that of turn ``start + by·now``."""
    return whole.like(lambda place: whole.at((now().shifted(start, by), *place)), whole.shape[1:])


def _at_row(low: Lowering, value: Value, row: int, dtype: Any) -> Any:
    def make(place: Place) -> Any:
        return (Index(row), *place), low.pool.cast(value.broadcast_at(place), dtype)

    return make
