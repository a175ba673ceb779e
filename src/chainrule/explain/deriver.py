"""Works out the derivation of a recorded computation: its parts, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chainrule.errors import GradientError, NotScalarError
from chainrule.explain.arrange import Arranger
from chainrule.explain.atoms import Point, Value, atoms_in
from chainrule.explain.computation import Computation, Step
from chainrule.explain.cotangents import Sweep
from chainrule.explain.derivation import Derivation
from chainrule.explain.form import ONE, Form, Monomial, fresh_axes
from chainrule.explain.formula import Formula
from chainrule.explain.indexed import brackets, jacobian_entry
from chainrule.explain.length import cost
from chainrule.explain.looks import compares
from chainrule.explain.looped import Looped
from chainrule.explain.naming import Naming
from chainrule.explain.origins import Origins
from chainrule.explain.progress import Progress
from chainrule.explain.reader import NotExpressibleError, Reader, adjoint
from chainrule.explain.recurrence import Recurrence, handed_over, to_be_named
from chainrule.explain.running import NotRegularError
from chainrule.explain.series import shortened
from chainrule.explain.simplify import Simplifier
from chainrule.explain.source import function_of, gradient_source, literal, needed_values, straight
from chainrule.explain.story import Story
from chainrule.explain.symmetry import Symmetry
from chainrule.explain.turns import longest_loop
from chainrule.transforms.trees import flatten

__all__ = ["Deriver"]

_WHOLE = 16.0  # length up to which the gradient is written in terms of values alone
_TURNS = 200  # up to which all turns of a loop are looked at
_DISTANCES = (0.2, 1.0, 1.0)  # of further points at which numbers are looked at, in terms of the arguments' size


class Deriver:
    """One derivation in the making: of the output of a computation, by the ``wanted`` inputs.

    ``function`` is what the output is called if it has no name, ``integers`` the user's names for whole numbers.
    """

    def __init__(
        self,
        computation: Computation,
        wanted: Sequence[Step],
        title: str,
        function: str = "",
        integers: Mapping[str, int] | None = None,
    ) -> None:
        self.computation = computation
        self.title = title
        self.output = self._output()
        self.progress = Progress("derive")
        self.steps = computation.between(list(wanted))
        if self.output not in self.steps:
            raise GradientError(
                f"derive: the result does not depend on {', '.join([step.called for step in wanted])}, so there is "
                "nothing to derive."
            )
        self.wanted = [step for step in wanted if step in self.steps]
        random = np.random.default_rng(0)
        self.points = [Point({step: step.given for step in computation.steps})]
        self.points += [self._moved(random, distance, self.wanted) for distance in _DISTANCES]
        given = [step for step in computation.steps if step.operation is None]
        self.elsewhere = self._moved(random, 1.0, given)  # the data are others too
        names = computation.journal.names.integers if integers is None else integers
        self.naming = Naming(computation, names, function)
        self.symmetry = Symmetry(self.points)
        self.arranger = Arranger(self.naming, self.symmetry)
        self._loop = longest_loop(computation)
        self._origins = Origins(computation, names, self._loop)

    def _output(self) -> Step:
        if len(self.computation.outputs) != 1:
            raise NotScalarError(
                f"derive: the function returned {len(self.computation.outputs)} values; derive one at a time: "
                "derive(lambda *a: f(*a)[0])."
            )
        return self.computation.output

    def _moved(self, random: Any, distance: float, moving: Sequence[Step]) -> Point:
        """The steps computed again where some of what is given is something else."""
        values: dict[Step, Any] = {}
        with np.errstate(all="ignore"):
            for step in self.computation.steps:
                if step.operation is None:
                    values[step] = _perturbed(step.given, random, distance) if step in moving else step.given
                    continue
                try:
                    values[step] = step.forward([values[argument] for argument in step.arguments])
                except (ValueError, ArithmeticError):  # out of its domain there
                    values[step] = np.full(step.shape, np.nan)
        return Point(values)

    # -- the parts ----------------------------------------------------------------------------------------------------

    def derivation(self) -> Derivation:
        """All of it."""
        with self.progress:
            return self._derivation()

    def _derivation(self) -> Derivation:
        plain = self._plain()
        reader, sweep = plain.reader, plain.sweep
        whole = {step: self._whole(sweep, step) for step in self.wanted}
        gradients = {step.called: plain.equation_of(step, form) for step, form in whole.items()}
        upstream = self.output.value.size != 1
        source, given = self._with_loop(plain.values) or gradient_source(
            straight(plain, self.wanted), reader, self.arranger, self.wanted
        )
        told, outline = self._finest(plain).tell(self.progress)
        jacobians = {s.called: self.jacobian(self.naming.jacobian(s), s) for s in self.wanted} if upstream else {}
        needed = sweep.needed(whole.values())
        where = [plain.equation_of(step, sweep.found[step].chosen).text for step in needed]
        told_forms = [*whole.values(), *[sweep.found[step].chosen for step in needed]]
        given_values = self._given(reader, sweep, told_forms)
        made = Derivation(
            self.title,
            self.computation,
            told,
            outline,
            gradients,
            (
                *shortened([f"with {equation}" for equation in where]),
                *shortened([f"where {equation}" for equation in given_values]),
                *self._assumed(reader),
                *self._read_off(plain.simplify, told_forms),
                *self._constants(told_forms),
                *self._symmetric(gradients.values()),
            ),
            source,
            {name: formula for name, formula in jacobians.items() if formula.text},
            given,
        )
        places = len(shortened(where)) + len(shortened(given_values))
        notes = self._notes(made.text, upstream)
        return replace(made, notes=(*made.notes[:places], *notes, *made.notes[places:]))

    def _with_loop(self, values: Mapping[Step, Any]) -> tuple[str, tuple[Any, ...]] | None:
        """The source with a loop, if there is one whose turns are alike and the source computes the gradients."""
        loop = self._loop
        if loop is None:
            return None
        reader = self._reader(to_be_named(loop, self.computation, self._reader()))
        simplifier = Simplifier(reader, self.symmetry)
        sweep = Sweep(reader, simplifier, self.steps, self._seed(), values, (), handed_over(loop), loop, self.progress)
        for thorough in (False, True) if len(loop.turns) <= _TURNS else (False,):
            arranger = Arranger(self.naming.afresh(), self.symmetry)
            try:
                looped = Looped(Recurrence(loop, sweep, reader, self.wanted), arranger, thorough=thorough)
            except NotRegularError:
                continue
            source, given = gradient_source(looped.lines, reader, arranger, self.wanted, looped.returned)
            if self._computes(source, given, values):
                return source, given
        return None

    def _computes(self, source: str, given: Sequence[Any], values: Mapping[Step, Any]) -> bool:
        """Whether a source computes the gradients: turns may only have looked alike."""
        try:
            found = flatten(function_of(source)(*given))[0]
        except Exception:
            return False
        expected = {self.computation.leaf(step): values[step] for step in self.wanted}
        names = self.returned()
        return len(found) == len(names) and all(
            np.shape(one) == expected[name].shape and np.allclose(one, expected[name], rtol=1e-6, equal_nan=True)
            for name, one in zip(names, found, strict=True)
            if name in expected
        )

    def returned(self) -> list[str]:
        """The names of the arrays that the source returns, in their order."""
        leaves = [leaf for argument in self.computation.arguments_of(self.wanted) for leaf in argument.leaves]
        return [leaf for leaf in leaves if leaf in self.computation.inputs]

    def story(self) -> Story:
        """The steps with their gradients, nothing of it told yet."""
        with self.progress:
            return self._finest(self._plain())

    def _reader(self, named: Iterable[Step] | None = None) -> Reader:
        return Reader(self.computation, named, self._loop, self._origins)

    def _plain(self) -> Story:
        """The story with the names that the user gave."""
        return self._story(self._reader(), self.computation.adjoints(inputs=self.wanted))

    def _story(self, reader: Reader, values: Mapping[Step, Any]) -> Story:
        simplifier = Simplifier(reader, self.symmetry)
        sweep = Sweep(reader, simplifier, self.steps, self._seed(), values, loop=self._loop, progress=self.progress)
        return Story(reader, simplifier, self.arranger, sweep, values, self._loop)

    def _seed(self) -> Form:
        if self.output.value.size == 1:
            return Form(fresh_axes(self.output.shape), (Monomial(ONE, ()),))
        return adjoint(self.output)

    def _whole(self, sweep: Sweep, step: Step) -> Form:
        found = sweep.found[step]
        return found.full if cost(found.full) <= _WHOLE else found.chosen

    def _finest(self, plain: Story) -> Story:
        """Where the user named nothing on the way, every operation is a step of the story."""
        operations = [step for step in self.steps if step.operation is not None and step is not self.output]
        if not operations or any(step.name for step in operations):
            return plain
        return self._story(self._reader(operations), plain.values)

    def jacobian(
        self, left: tuple[str, str, str], step: Step | None = None, entry: Callable[..., tuple[str, str]] | None = None
    ) -> Formula:
        """∂output/∂step (the only wanted one by default) in matrix notation, or with indices if it is no matrix.

        ``left`` is the left-hand side in text, LaTeX and Python, ``entry`` gives it with the indices of the output and
        of the step. The formula is empty where labels cannot say it.
        """
        step = self.wanted[0] if step is None else step
        reader = self._reader()
        rows = fresh_axes(self.output.shape)
        seed = Form((*rows, *rows), (Monomial(ONE, ()),))
        try:
            steps = self.computation.between([step])
            sweep = Sweep(reader, Simplifier(reader, self.symmetry), steps, seed, {}, rows, loop=self._loop)
        except NotExpressibleError:
            return Formula("", "", "")
        form = sweep.found[step].full
        apart = form.with_axes(fresh_axes(form.shape)) if sum(size > 1 for size in form.shape) > 2 else form
        piece = self.arranger.exact(apart, is_map=True)
        if apart is not form or piece.index:
            named = entry or partial(self.naming.jacobian_entry, self.output, step)
            told = jacobian_entry(form, len(rows), named, self.arranger.indexer())
            return replace(told, python=f"{left[2]} = {piece.python}")
        return Formula(f"{left[0]} = {piece.text}", f"{left[1]} = {piece.latex}", f"{left[2]} = {piece.python}")

    def _given(self, reader: Reader, sweep: Sweep, formulas: Sequence[Form]) -> list[str]:
        """What the named values are that formulas lead to and that do not depend on what is differentiated."""
        on_path = set(sweep.steps)
        steps = [step for step in needed_values(formulas, reader) if step not in on_path]
        told = []
        for step in steps:
            piece = self.arranger.exact(reader.define(step))
            told.append(f"{self.naming.text(step)}{brackets(piece.index)} = {piece.text}")
        return told

    def _notes(self, text: str, upstream: bool) -> list[str]:
        """What the letters in a text stand for that the function has no name for."""
        words = set(re.findall(r"\w+", text + "".join(self.arranger.diagonals.values())))
        sizes = [(letter, size) for size, letter in self.naming.sizes.items() if letter != str(size)]
        notes = [f"{letter} = {size}" for letter, size in sizes if letter in words]
        told = ["where " + ", ".join(notes)] if notes else []
        told += [f"{name} = {text}" for name, text in self.arranger.diagonals.items()]
        if upstream:
            text = self.naming.derivative_text(self.output)
            told.append(
                f"{text} is what arrives from further on; for a Jacobian, one row after the other of the identity"
            )
        return told

    def _read_off(self, simplifier: Simplifier, formulas: Sequence[Form]) -> list[str]:
        """What the formulas owe to the data: sums that are the numbers they are because of them."""
        told = []
        asks = any(compares(form) for form in formulas)  # where none does, what was compared has cancelled
        for form, number in simplifier.looks.known_constants():
            equation = f"{self.arranger.exact(form).text} = {number}"
            if compares(form):
                told += [f"this rests on there being no ties: {equation}, as it is here"] if asks else []
            elif not simplifier.looks.holds_at(self.elsewhere, form, number):
                told.append(f"this rests on the data: {equation}")
        for form in simplifier.looks.rests_on_data(self.elsewhere):
            told.append(f"this rests on the data: {self.arranger.exact(form).text} = I")
        return list(dict.fromkeys(told))

    def _constants(self, formulas: Sequence[Form]) -> list[str]:
        """What the arrays are that formulas refer to and nobody has named."""
        atoms = [atom for form in formulas for atom in atoms_in(form) if isinstance(atom, Value)]
        steps = dict.fromkeys([a.step for a in atoms if a.step.is_constant and a.step.shape and not a.step.name])
        told = [(step, literal(step.value)) for step in steps]
        return [f"{self.naming.text(step)} = {text}" for step, text in told if text is not None]

    def _symmetric(self, gradients: Iterable[Formula]) -> list[str]:
        """Where A + Aᵀ is 2 A: matrices that were given, and are symmetric this time."""
        told = []
        for step in self.computation.steps:
            is_square = step.operation is None and step.name and len(step.shape) == 2 and step.shape[0] == step.shape[1]
            if is_square and np.array_equal(step.value, step.value.T):
                name = self.naming.text(step)
                if any(f"{name} + {name}ᵀ" in formula.text for formula in gradients):
                    told.append(f"{name} is symmetric here, so {name} + {name}ᵀ is 2 {name}")
        return told

    def _assumed(self, reader: Reader) -> list[str]:
        """Where the formulas do not hold: comparisons that they take to come out as they do here."""
        told = []
        for step in reader.assumed:
            left, right = [self.arranger.exact(reader.refer(argument)).text for argument in step.arguments]
            told.append(f"{left} = {right}")
        return [f"this does not hold where {condition}, which is nowhere here" for condition in dict.fromkeys(told)]


def _perturbed(value: Any, random: Any, distance: float) -> Any:
    """Another point near a real argument."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    scale = max(float(np.mean(np.abs(array))) if array.size else 0.0, 0.1)
    moved = array + distance * scale * random.normal(size=array.shape)
    return np.asarray(moved, dtype=array.dtype)
