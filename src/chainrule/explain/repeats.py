"""Cotangents in the turns of a loop: those of the last turns are worked out, and continued as long as turns are alike.

A turn is trusted when the one after it came out as its own two followers said it would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from chainrule.explain.computation import Step
from chainrule.explain.form import Form
from chainrule.explain.likeness import Continuation, NotAlikeError
from chainrule.explain.simplify import Simplifier
from chainrule.explain.turns import Loop

__all__ = ["Cotangent", "Repeats", "Shares"]

Use = tuple[Step, int]
Uses = Mapping[Step, Sequence[Use]]
Fact = tuple[Form, Fraction | None]
_FEWEST = 8  # trusted turns that are worth it


@dataclass
class Cotangent:
    """The derivative of the output with respect to a step.

    ``parts`` are its contributions, one for each use of the step: (consumer, position, formula). ``local`` is their sum
    in terms of the derivatives of the consumers, ``full`` in terms of values alone, as far as that is not too long;
    ``chosen`` is the better to read; ``reference`` is how others speak of it.
    """

    step: Step
    parts: list[tuple[Step, int, Form]] = field(default_factory=list)
    local: Form = field(default_factory=lambda: Form((), ()))
    full: Form = field(default_factory=lambda: Form((), ()))
    chosen: Form = field(default_factory=lambda: Form((), ()))
    reference: Form = field(default_factory=lambda: Form((), ()))

    @property
    def forms(self) -> list[Form]:
        """All formulas, those of the parts first."""
        return [*[form for *_, form in self.parts], self.local, self.full, self.chosen, self.reference]


@dataclass
class Shares:
    """What some uses of a step contribute: each of them; and their sum, in terms of derivatives and of values alone."""

    parts: list[Form]
    local: Form
    full: Form


class Repeats:
    """Goes through the turns of a loop, latest first; ``found`` are the cotangents so far."""

    def __init__(self, loop: Loop, uses: Uses, simplify: Simplifier, found: Mapping[Step, Cotangent]) -> None:
        self.loop = loop
        self.uses = uses
        self.found = found
        self.looks = simplify.looks
        self.continuation = Continuation(loop, simplify.reader.is_name, simplify.symmetry.holds)
        self.trusted: set[int] = set()
        self._turn = len(loop.turns)
        self._follows = False
        self._facts: dict[int, Sequence[Fact]] = {}  # what was seen in numbers, by the turn
        self._before = 0

    def continued(self, step: Step) -> Cotangent | None:
        """The cotangent of a step of the loop as those of the next two turns go on, if that is sure to be right."""
        turn = self.loop.place[step][0]
        if turn != self._turn:
            self._begin(turn)
        return self._guess(step) if turn in self.trusted else None

    def compared(self, step: Step, real: Cotangent) -> Cotangent:
        """The cotangent as it was worked out; whether it could have been guessed is kept in mind."""
        guess = None if self._turn in self.trusted or not self._follows else self._guess(step)
        if guess is None or [f.key() for f in guess.forms] != [f.key() for f in real.forms]:
            self._follows = False
        return real

    def _begin(self, turn: int) -> None:
        self._facts.setdefault(self._turn, self.looks.seen[self._before :])
        self._before = len(self.looks.seen)
        if self._follows and self._is_alike(turn):
            facts = self._next_facts(self._facts.get(turn + 2), self._facts.get(turn + 1))
            if facts is not None:
                self._facts[turn] = facts
                self.trusted.add(turn)
        self._follows, self._turn = True, turn

    def _is_alike(self, turn: int) -> bool:
        """Whether the steps of a turn follow on those of the next two."""
        turns = self.loop.turns[turn : turn + 3][::-1]
        return len(turns) == 3 and all(
            self.continuation.follows(first, second, third, self.uses)
            for first, second, third in zip(*turns, strict=True)
        )

    def _next_facts(self, first: Sequence[Fact] | None, second: Sequence[Fact] | None) -> list[Fact] | None:
        """What was seen in two turns, if it is to be seen in the one that follows too."""
        if first is None or second is None or [n for _, n in first] != [n for _, n in second]:
            return None
        forms = self._next([form for form, _ in first], [form for form, _ in second])
        facts = None if forms is None else [(form, n) for form, (_, n) in zip(forms, first, strict=True)]
        return facts if facts is not None and all(self.looks.sees(*fact) for fact in facts) else None

    def _guess(self, step: Step) -> Cotangent | None:
        turn, offset = self.loop.place[step]
        if turn + 2 >= len(self.loop.turns):
            return None
        one, two = [self.found.get(self.loop.turns[turn + k][offset]) for k in (2, 1)]
        if one is None or two is None:
            return None
        forms = self._next(one.forms, two.forms)
        if forms is None:
            return None
        uses = self.uses[step]
        parts = [(consumer, position, form) for (consumer, position), form in zip(uses, forms, strict=False)]
        return Cotangent(step, parts, *forms[-4:])

    def _next(self, first: Sequence[Form], second: Sequence[Form]) -> list[Form] | None:
        """Formulas that follow on those of two turns; what is the same object stays it."""
        if len(first) != len(second):
            return None
        made: dict[tuple[int, int], Form] = {}
        try:
            for one, two in zip(first, second, strict=True):
                if (id(one), id(two)) not in made:
                    made[id(one), id(two)] = self.continuation.form(one, two)
        except NotAlikeError:
            return None
        return [made[id(one), id(two)] for one, two in zip(first, second, strict=True)]

    def shares(self, uses: Sequence[Use], worked_out: Callable[[Sequence[Use]], Shares]) -> list[Shares] | None:
        """What each turn contributes to a step outside that many trusted turns use; None if it is not so used.

        The first and the last are what uses outside contribute.
        """
        by_turn: dict[int, list[Use]] = {}
        for use in uses:
            inside = self.loop.turn(use[0])
            outside = -1 if use[0].number < self.loop.first else len(self.loop.turns)
            by_turn.setdefault(outside if inside is None else inside, []).append(use)
        if len(self.trusted & by_turn.keys()) < _FEWEST:
            return None
        found: dict[int, Shares] = {}
        facts: dict[int, Sequence[Fact]] = {}
        for turn in sorted(by_turn, reverse=True):
            share = None
            if turn in self.trusted and turn + 2 in found and turn + 1 in found:
                share = self._next_share(found[turn + 2], found[turn + 1], len(by_turn[turn]))
                seen = self._next_facts(facts[turn + 2], facts[turn + 1])
                share, facts[turn] = (None if seen is None else share), seen or []
            if share is None:
                before = len(self.looks.seen)
                share = worked_out(by_turn[turn])
                facts[turn] = self.looks.seen[before:]
            found[turn] = share
        return [found[turn] for turn in sorted(found)]

    def _next_share(self, first: Shares, second: Shares, count: int) -> Shares | None:
        forms = self._next([*first.parts, first.local, first.full], [*second.parts, second.local, second.full])
        return None if forms is None or len(forms) != count + 2 else Shares(forms[:-2], *forms[-2:])
