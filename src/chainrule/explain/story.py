"""Tells a derivation step by step: what each named value is, its local Jacobians, its adjoint, and why."""

from __future__ import annotations

import linecache
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.explain.arrange import Arranger
from chainrule.explain.computation import Step
from chainrule.explain.cotangents import Sweep
from chainrule.explain.explained import Explained, Local, Telling
from chainrule.explain.form import ONE, Axes, Form, Monomial, fresh_axes, total
from chainrule.explain.formula import Formula
from chainrule.explain.indexed import below, brackets, jacobian_entry
from chainrule.explain.piece import Binding, on_paper
from chainrule.explain.progress import Progress
from chainrule.explain.reader import NotExpressibleError, Reader, adjoint
from chainrule.explain.reasons import Reasons, reasons_for
from chainrule.explain.series import outlined
from chainrule.explain.simplify import Simplifier
from chainrule.explain.turns import Loop
from chainrule.linear.describe import describe
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.notation import Names, written

__all__ = ["Story"]

Array = np.ndarray[Any, np.dtype[Any]]


class Story:
    """The steps of one derivation, told with the names that ``reader`` knows.

    ``steps`` are those on the way from the inputs to the output; ``values`` their cotangents in numbers; ``loop`` is
    the one that they are in, if there is one.
    """

    def __init__(
        self,
        reader: Reader,
        simplifier: Simplifier,
        arranger: Arranger,
        sweep: Sweep,
        values: Mapping[Step, Array],
        loop: Loop | None,
    ) -> None:
        self.reader = reader
        self.simplify = simplifier
        self.arranger = arranger
        self.naming = arranger.naming
        self.sweep = sweep
        self.steps = sweep.steps
        self.values = values
        self.loop = loop
        self.reasons = Reasons(reader, arranger)
        self._on_path = set(self.steps)
        self._equations: dict[tuple[Step, int], Formula] = {}

    def tell(self, progress: Progress) -> tuple[Telling, list[Explained | None]]:
        """Every named step, in the order of the computation; and those that an outline tells, None for what it omits.

        What the outline tells is worked out at once: the notes on it are among those of the derivation.
        """
        shown = self.shown
        every = Telling(shown, self._explained)
        outline = outlined(shown, self._line)
        return every, [every.of(step) if step else None for step in progress.over(outline, "telling the steps")]

    def _line(self, step: Step) -> object:
        """What the steps that a line of a loop makes have in common."""
        for loop in (self.loop, self.loop.following if self.loop else None):
            if loop is not None and step in loop.place:
                return loop.first, loop.offset(step)
        return (step.variable, step.file, step.line) if step.line and step.name else step

    @property
    def shown(self) -> list[Step]:
        """The named steps, in the order of the computation."""
        return [step for step in self.steps if self._is_shown(step)]

    def _is_shown(self, step: Step) -> bool:
        return step is self.steps[-1] or self.reader.is_name(step)

    def _explained(self, step: Step) -> Explained:
        forward = self._equation(step)
        locals_ = () if step.operation is None else tuple(self._locals(step))
        edges, uses = self._edges_from(step)
        source = linecache.getline(step.file, step.line).strip() if step.line else ""
        return Explained(
            step,
            self._name(step),
            forward,
            locals_,
            self.adjoint(step),
            reasons_for(self.reasons, step, [e for e in outlined(edges, self._use) if e], uses),
            source,
            self.values[step],
        )

    def _name(self, step: Step) -> str:
        if step is self.steps[-1] and not step.name:
            return self.naming.output
        return self.naming.text(step)

    def _latex(self, step: Step) -> str:
        return self.naming.latex(step) if step.name or step is not self.steps[-1] else self.naming.output_latex

    def _equation(self, step: Step) -> Formula:
        """``z = X W + b``; an input is only its name."""
        name, latex = self._name(step), self._latex(step)
        if step.operation is None:
            return Formula(name, latex, self.naming.python(step))
        piece = self.arranger.exact(self.reader.define(step))
        python = f"{self.naming.python_of(step)} = {piece.python}"
        left = name + brackets(piece.index), below(latex, piece.index)
        return Formula(f"{left[0]} = {piece.text}", f"{left[1]} = {piece.latex}", python)

    def adjoint(self, step: Step) -> Formula:
        """``∂L/∂z = …`` in the form that is the better to read."""
        return self.equation_of(step, self.sweep.found[step].chosen)

    def equation_of(self, step: Step, form: Form) -> Formula:
        """A formula for the cotangent of a step, with its left-hand side."""
        if (step, id(form)) not in self._equations:
            self._equations[step, id(form)] = self._cotangent_equation(step, form)
        return self._equations[step, id(form)]

    def _cotangent_equation(self, step: Step, form: Form) -> Formula:
        text, latex, python = self.naming.derivative(step)
        if form is self.sweep.seed and step.value.size != 1:
            return Formula(f"{text} arrives from further on", rf"{latex} \text{{ arrives from further on}}", python)
        piece = self.arranger.exact(form)
        if piece.index:
            text, latex = self.naming.derivative_entry(step, piece.index)
        return Formula(f"{text} = {piece.text}", f"{latex} = {piece.latex}", f"{python} = {piece.python}")

    # -- from one named step to the next ------------------------------------------------------------------------------

    def _inside(self, step: Step) -> tuple[list[Step], list[Step]]:
        """The steps without a name that a step is made of, latest first, and the named ones that it starts from."""
        inside: list[Step] = []
        starts: list[Step] = []
        seen = {step}
        pending = [step]
        while pending:
            current = pending.pop()
            for argument in current.arguments:
                if argument not in self._on_path or argument in seen:
                    continue
                seen.add(argument)
                if self._is_shown(argument):
                    starts.append(argument)
                else:
                    inside.append(argument)
                    pending.append(argument)
        return sorted([step, *inside], key=lambda s: -s.number), sorted(starts, key=lambda s: s.number)

    def _locals(self, step: Step) -> list[Local]:
        inside, starts = self._inside(step)
        try:
            rows = fresh_axes(step.shape)
            entries = self._swept(inside, step, Form((*rows, *rows), (Monomial(ONE, ()),)), rows)
        except NotExpressibleError:
            entries = {}
        try:
            products = self._swept(inside, step, adjoint(step), ())
        except NotExpressibleError:
            products = {}
        jacobians = self._jacobians(inside, step)
        found = []
        for position, start in enumerate(starts):
            jacobian = jacobians[start]
            found.append(
                Local(
                    start,
                    position,
                    self._indices(step, start, entries.get(start), jacobian),
                    self._product(start, products.get(start)),
                    self._structure(inside, jacobian),
                    jacobian,
                )
            )
        return found

    def _structure(self, inside: Sequence[Step], jacobian: Jacobian) -> str:
        """What kind of map a Jacobian is, with the names of the values that are in it."""
        near = [step for part in inside for step in (part, *part.arguments) if self.reader.is_name(step)]

        def called(array: Any) -> str:
            found = next(
                (s for s in near if s.name and s.shape == np.shape(array) and np.array_equal(s.value, array)), None
            )
            return self.naming.text(found) if found else ""

        told = describe(jacobian.terms, jacobian.is_symmetric, called)
        return f"{told}, {jacobian.stored} stored of {jacobian.size} entries"

    def _indices(self, step: Step, start: Step, form: Form | None, jacobian: Jacobian) -> Formula:
        out, arg = self._name(step), self.naming.text(start)
        if form is not None:
            left = partial(self.naming.jacobian_entry, step, start)
            return jacobian_entry(self.simplify(form), len(step.shape), left, self.arranger.indexer())
        names = Names(jacobian.terms)
        told = [written(term, names, out, arg) for term in jacobian.terms]
        text = "; ".join([f"{w.formula}{f' ({w.ranges})' if w.ranges else ''}" for w in told])
        return Formula(text or f"∂{out}/∂{arg} = 0", "")

    def _product(self, start: Step, form: Form | None) -> Formula:
        """What the step hands on to one of its arguments: ``Xᵀ ∂L/∂z``."""
        if form is None:
            return Formula("", "", "")
        piece = self.arranger.exact(self.simplify(form))
        return Formula(*on_paper(piece, Binding.SUM), piece.python)

    def _swept(self, inside: Sequence[Step], step: Step, seed: Form, prefix: Axes) -> dict[Step, Form]:
        """A cotangent of the step pulled back to the named steps that it starts from."""
        arrived: dict[Step, Form] = {step: seed}
        for current in inside:
            arriving = arrived.pop(current, None)
            if arriving is None:
                continue
            for position, argument in enumerate(current.arguments):
                if argument not in self._on_path:
                    continue
                axes = fresh_axes(argument.shape)
                made = self.reader.pulled(current, position, arriving, axes, prefix)
                before = arrived.get(argument)
                arrived[argument] = made if before is None else total([made, before.with_axes(made.axes)])
        return arrived

    def _jacobians(self, inside: Sequence[Step], step: Step) -> dict[Step, Jacobian]:
        """The local Jacobians in numbers, composed along the steps without a name."""
        arrived: dict[Step, Jacobian] = {step: Jacobian.identity(step.shape)}
        for current in inside:
            arriving = arrived.pop(current)
            for position, argument in enumerate(current.arguments):
                if argument in self._on_path:
                    local = Jacobian(current.local(position), current.shape, argument.shape, np.dtype(float))
                    made = local if current is step else arriving @ local
                    arrived[argument] = arrived[argument] + made if argument in arrived else made
        return arrived

    def _edges_from(self, step: Step) -> tuple[list[tuple[Step, int]], list[Step]]:
        """The uses of a step, through steps without a name up to the next named ones; and these."""
        edges: list[tuple[Step, int]] = []
        ends: list[Step] = []
        pending, seen = [step], {step}
        while pending:
            current = pending.pop()
            for consumer, position in self.sweep.consumers[current]:
                edges.append((consumer, position))
                if current is step:
                    ends.append(consumer)
                if consumer not in seen and not self._is_shown(consumer):
                    seen.add(consumer)
                    pending.append(consumer)
        return edges, [self._shown_above(end) for end in ends]

    def _use(self, edge: tuple[Step, int]) -> object:
        """What the uses of a step in the turns of a loop have in common."""
        line = self._line(edge[0])
        return edge if line is edge[0] else (line, edge[1])

    def _shown_above(self, step: Step) -> Step:
        """The named step that a step without a name goes into first."""
        current = step
        while not self._is_shown(current):
            current = self.sweep.consumers[current][0][0]
        return current
