"""The chain rule through a loop: what its turns hand to each other, take from outside, and hand back, as formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.explain.computation import Computation, Step
from chainrule.explain.cotangents import Sweep, referred
from chainrule.explain.form import Form
from chainrule.explain.reader import NotExpressibleError, Reader
from chainrule.explain.running import NotRegularError
from chainrule.explain.turns import Loop

__all__ = ["Recurrence", "handed_over", "to_be_named"]

Part = tuple[Step, int, Form]


def to_be_named(loop: Loop, computation: Computation, reader: Reader) -> set[Step]:
    """The steps of a loop that need a name: what goes over its border, and sums whose derivative is used repeatedly."""
    found: set[Step] = set()
    for step in computation.steps:
        for position, argument in enumerate(step.arguments):
            if argument.operation is None:
                continue
            if loop.turn(argument) != loop.turn(step):
                found.add(argument)
            elif step in loop.place and not reader.is_name(argument) and _starts(argument, loop, reader) > 1:
                found |= {argument} if _weighs(step, position, reader) else set()
    offsets = {loop.place[step][1] for step in found if step in loop.place}
    return found | {turn[offset] for turn in loop.turns for offset in offsets}


def handed_over(loop: Loop) -> set[Step]:
    """The steps of a loop, and what its first turn takes where later ones take what the turn before made."""
    return {*loop.place, *[taken[0] for *_, taken in loop.taken() if loop.turn(taken[1]) == 0]}


def _starts(step: Step, loop: Loop, reader: Reader) -> int:
    """From how many values with names a step without a name is made."""
    told = 0
    for argument in step.arguments:
        inside = argument in loop.place and not reader.is_name(argument)
        told += _starts(argument, loop, reader) if inside else argument.is_tracked
    return told


def _weighs(step: Step, position: int, reader: Reader) -> bool:
    """Whether the derivative of an argument is more than that of the step, arranged otherwise."""
    try:
        return any(factor.labels for made, *_ in reader.local(step, position) for factor in made.factors)
    except NotExpressibleError:
        return False


class Recurrence:
    """The derivatives of ``wanted`` through a loop.

    ``initial`` is what the first turn takes instead of the values that later turns take over, by their place in a turn;
    ``needed`` are the steps whose derivatives need a name, ``offsets`` those in the loop by their place, latest first.
    """

    def __init__(self, loop: Loop, sweep: Sweep, reader: Reader, wanted: Sequence[Step]) -> None:
        self.loop = loop
        self.sweep = sweep
        self.reader = reader
        self.wanted = list(wanted)
        self.initial: dict[int, Step] = {}
        for turn in range(1, len(loop.turns)):
            self._note_initial(turn)
        self.needed = self._needed()
        self.offsets = sorted({loop.place[s][1] for s in self.needed if s in loop.place}, reverse=True)

    def _note_initial(self, turn: int) -> None:
        for offset, step in enumerate(self.loop.turns[turn]):
            for position, argument in enumerate(step.arguments):
                before = self.loop.place.get(argument)
                if before is None or before[0] == turn:
                    continue
                first = self.loop.turns[0][offset].arguments[position]
                same = self.initial.setdefault(before[1], first) is first
                if before[0] != turn - 1 or first in self.loop.place or not same:
                    raise NotRegularError

    def _needed(self) -> set[Step]:
        found: set[Step] = set()
        pending = list(self.wanted)
        while pending:
            step = pending.pop()
            cotangent = self.sweep.found[step]
            whole = step not in self.loop.place and not self.enters(step)
            forms = [cotangent.chosen] if whole else [form for *_, form in cotangent.parts]
            new = {other for form in forms for other in referred(form)} - found
            found |= new
            pending += new
        return found

    def enters(self, step: Step) -> bool:
        """Whether a step outside goes into the loop."""
        return any(consumer in self.loop.place for consumer, *_ in self.sweep.found[step].parts)

    def is_outside(self, offset: int) -> bool:
        """Whether a step of a turn is made of values from outside alone."""
        return offset not in self.initial and not set(self.loop.turns[self.loop.middle][offset].arguments) & set(
            self.loop.place
        )

    # -- shares of a derivative ---------------------------------------------------------------------------------------

    def _share(self, step: Step, parts: Sequence[Part]) -> Form | None:
        return self.sweep.summed([form for *_, form in parts], step.shape) if parts else None

    def _parts(self, step: Step, select: Callable[[int | None, Step], bool]) -> list[Part]:
        found = self.sweep.found.get(step)  # what is given has none
        return [part for part in found.parts if select(self.loop.turn(part[0]), part[0])] if found else []

    def _behind(self, step: Step) -> list[Part]:
        return self._parts(step, lambda turn, consumer: turn is None and consumer.number > self.loop.first)

    def _own(self, turn: int, offset: int) -> list[Part]:
        every = {consumer for consumer, *_ in self._behind(self.loop.turns[self.loop.middle][offset])}
        step = self.loop.turns[turn][offset]
        return self._parts(step, lambda k, consumer: k == turn or (k is None and consumer in every))

    def own(self, turn: int, offset: int) -> Form | None:
        """What a step of a turn gets from this turn, and from what takes the values of all turns."""
        return self._share(self.loop.turns[turn][offset], self._own(turn, offset))

    def handed(self, turn: int, offset: int) -> Form | None:
        """What a turn hands back to a value that it took over."""
        step = self.loop.turns[turn - 1][offset] if turn else self.initial[offset]
        return self._share(step, self._parts(step, lambda k, _: k == turn))

    def final(self, offset: int) -> Form | None:
        """What the last of the values that turns hand on gets from behind the loop."""
        step = self.loop.turns[-1][offset]
        if step is self.sweep.steps[-1]:
            return self.sweep.seed
        own = self._own(len(self.loop.turns) - 1, offset)
        return self._share(step, [part for part in self._behind(step) if part not in own])

    def late(self, step: Step) -> Form | None:
        """What a step from before the loop gets from behind it."""
        return self._share(step, self._behind(step))

    def early(self, step: Step) -> Form | None:
        """What a step from before the loop gets from before it."""
        return self._share(step, self._parts(step, lambda k, c: k is None and c.number < self.loop.first))

    def used(self, turn: int, step: Step, but: Callable[[int], bool]) -> Form | None:
        """What the uses of a step outside in a turn contribute, ``but`` those at some places of the turn."""
        place = self.loop.place
        return self._share(step, self._parts(step, lambda k, consumer: k == turn and not but(place[consumer][1])))

    def chosen(self, turn: int, offsets: Sequence[int]) -> Form:
        """The derivatives of some steps of a turn, added up."""
        steps = [self.loop.turns[turn][offset] for offset in offsets]
        forms = [self.sweep.found[step].chosen for step in steps if step in self.sweep.found]
        return forms[0] if len(forms) == 1 else self.sweep.summed(forms, steps[0].shape)
