"""The chain rule in formulas: the derivative of the output with respect to every step, latest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explain.atoms import Adjoint, atoms_in
from chainrule.explain.computation import Step
from chainrule.explain.form import Axes, Form, fresh_axes, total
from chainrule.explain.length import cost
from chainrule.explain.progress import Progress
from chainrule.explain.reader import NotExpressibleError, Reader, adjoint
from chainrule.explain.repeats import Cotangent, Repeats, Shares
from chainrule.explain.simplify import Simplifier
from chainrule.explain.turns import Loop
from chainrule.linear.apply import pull

__all__ = ["Cotangent", "Sweep"]

_LONG = 24.0  # length of a formula that is not carried on
_SHORT = 2.7  # length of one that is put in everywhere instead of getting a name
Array = np.ndarray[Any, np.dtype[Any]]


class Sweep:
    """The cotangents of ``steps`` (of a computation, earliest first), from the ``seed``, that of the last.

    With a ``prefix`` every cotangent has these axes first: it is a Jacobian. ``values`` are the cotangents in numbers.
    The derivatives of the steps in ``always`` are not put into others. Of the turns of a ``loop`` that are alike, all
    but the last few are continued from these. ``progress`` shows how many steps are done.
    """

    def __init__(
        self,
        reader: Reader,
        simplifier: Simplifier,
        steps: Sequence[Step],
        seed: Form,
        values: Mapping[Step, Array],
        prefix: Axes = (),
        always: Container[Step] = (),
        loop: Loop | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.reader = reader
        self.simplify = simplifier
        self.steps = list(steps)
        self.seed = seed
        self.values = values
        self.prefix = prefix
        self.always = always
        self.found: dict[Step, Cotangent] = {}
        self._inputs: dict[Step, set[Step]] = {}  # those that a step depends on
        self._stories: dict[Step, float] = {}
        self._turns = Counter([_place(step) for step in self.steps])
        self.consumers = reader.computation.consumers(self.steps)
        for step in self.steps:
            below = [self._inputs[argument] for argument in step.arguments if argument in self.consumers]
            self._inputs[step] = set().union(*below) if below else {step}
        self._repeats = None if loop is None else Repeats(loop, self.consumers, simplifier, self.found)
        latest = self.steps[::-1]
        for step in progress.over(latest, "the chain rule at each step") if progress else latest:
            if self._repeats is None or step not in self._repeats.loop.place:
                self.found[step] = self._cotangent(step)
                continue
            known = self._repeats.continued(step)
            self.found[step] = known or self._repeats.compared(step, self._cotangent(step))
            # not all stories at once later: that would be as deep as turns are many
            self._story(self.found[step].reference)

    def _cotangent(self, step: Step) -> Cotangent:
        found = Cotangent(step)
        if step is self.steps[-1]:
            found.local = found.full = found.chosen = found.reference = self.seed
            return found
        axes = fresh_axes(step.shape)
        uses = self.consumers[step]
        shares = None
        if self._repeats is not None and step not in self._repeats.loop.place:
            shares = self._repeats.shares(uses, lambda some: self._shares(some, axes, apart=True))
        told = self._shares(uses, axes) if shares is None else self._together(shares, axes)
        found.parts = [(*use, part) for use, part in zip(uses, told.parts, strict=True)]
        found.local, found.full = told.local, told.full
        self._decide(found)
        return found

    def _shares(self, uses: Sequence[tuple[Step, int]], axes: Axes, *, apart: bool = False) -> Shares:
        """What some uses of a step contribute to its cotangent."""
        parts: list[Form] = []
        full: list[Form] = []
        for consumer, position in uses:
            arriving = self.found[consumer]
            parts.append(self._contribution(consumer, position, arriving, arriving.reference, axes))
            same = arriving.full is arriving.reference
            full.append(parts[-1] if same else self._contribution(consumer, position, arriving, arriving.full, axes))
        everything = (*self.prefix, *axes)
        local = self.simplify(_sum(parts, everything), apart=apart)
        same = all(form is part for form, part in zip(full, parts, strict=True))
        return Shares(parts, local, local if same else self.simplify(_sum(full, everything), apart=apart))

    def _together(self, shares: Sequence[Shares], axes: Axes) -> Shares:
        """What all turns of a loop, and the uses outside, contribute."""
        everything = (*self.prefix, *axes)
        local = self.simplify.together(_sum([share.local for share in shares], everything))
        same = all(share.full is share.local for share in shares)
        full = local if same else self.simplify.together(_sum([share.full for share in shares], everything))
        return Shares([part for share in shares for part in share.parts], local, full)

    def _decide(self, found: Cotangent) -> None:
        """Which form is the better to read, and whether others refer to it by a name."""
        shorter = cost(found.full) <= max(cost(found.local) + 0.35, 0.85 * self._story(found.local))
        found.chosen = found.full if shorter else found.local
        named = self.reader.is_name(found.step) and not found.step.is_input
        if self.prefix:  # a Jacobian is one formula
            found.reference = found.chosen = found.full
            return
        if found.step in self.always and self.reader.is_name(found.step):
            found.chosen = found.local
            varies = next(atoms_in(found.local), None) is not None
            found.full = found.reference = adjoint(found.step) if varies else found.local
            return
        if found.chosen.is_zero or cost(found.chosen) <= _SHORT or not named:
            found.reference = found.chosen
        else:
            found.reference = adjoint(found.step, tuple(1 if l is None else l.size for l in self.prefix))
        if cost(found.full) > _LONG or (named and self._turns[_place(found.step)] > 1):  # a loop is not written out
            found.full = found.reference if named else found.chosen

    def _story(self, form: Form) -> float:
        """The length of a formula with that of the derivatives that it refers to, shared with their other uses."""
        told = cost(form)
        for step in referred(form) - {self.steps[-1]}:
            uses = len({argument for argument in step.arguments if argument in self.consumers})
            if step not in self._stories:  # a step's formula is settled when it is referred to
                self._stories[step] = self._story(self.found[step].chosen)
            told += self._stories[step] / max(min(uses, len(self._inputs[step])), 1)
        return told

    def summed(self, forms: Sequence[Form], shape: tuple[int, ...]) -> Form:
        """The sum of contributions to a derivative of this shape."""
        return self.simplify(_sum(forms, fresh_axes(shape)))

    def needed(self, forms: Iterable[Form]) -> list[Step]:
        """The steps whose derivatives formulas refer to, at once or through each other, latest first."""
        found: set[Step] = set()
        pending = list(forms)
        while pending:
            for step in referred(pending.pop()) - found - {self.steps[-1]}:
                found.add(step)
                pending.append(self.found[step].chosen)
        return sorted(found, key=lambda step: -step.number)

    def _contribution(self, consumer: Step, position: int, arriving: Cotangent, form: Form, axes: Axes) -> Form:
        """What one use of a step contributes to its cotangent."""
        everything = (*self.prefix, *axes)
        if form.is_zero:
            return Form(everything, ())
        try:
            return self.reader.pulled(consumer, position, form, axes, self.prefix)
        except NotExpressibleError:
            return self._recorded(consumer, position, everything)

    def _recorded(self, consumer: Step, position: int, axes: Axes) -> Form:
        """A contribution whose positions have no names: as the operations that compute it from a given cotangent."""
        if self.prefix:
            raise NotExpressibleError
        journal = self.reader.journal
        tensor = self.reader.stand_in(consumer, self.values[consumer])
        with journal.extended():
            out, arguments = journal.revived(consumer)
            result: Any = None
            for made, factors, tables in consumer.written(position, out, arguments):
                part = pull(made, tensor, factors, tables)
                result = part if result is None else result + part
        if result is None:
            return Form(axes, ())
        form = self.reader.refer(journal.find(result))
        return form.with_axes(axes)


def _place(step: Step) -> tuple[str, str, int | None]:
    """The variable, and the line that set it: what is set there several times is set in a loop."""
    return step.variable, step.file, step.line


def referred(form: Form) -> set[Step]:
    """The steps whose derivatives a formula refers to by name."""
    return {atom.step for atom in atoms_in(form) if isinstance(atom, Adjoint)}


def _sum(parts: Sequence[Form], axes: Axes) -> Form:
    return total([part.with_axes(axes) for part in parts]) if parts else Form(axes, ())
