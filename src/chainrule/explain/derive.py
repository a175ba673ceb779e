"""derive: the derivation of a function's gradient, in the user's own names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from chainrule.errors import DtypeError, GradientError, NotScalarError
from chainrule.explain.arrange import Arranger
from chainrule.explain.atoms import Point
from chainrule.explain.computation import Computation, Step
from chainrule.explain.cotangents import Sweep
from chainrule.explain.derivation import Derivation
from chainrule.explain.form import ONE, Form, Monomial, fresh_axes
from chainrule.explain.formula import Formula
from chainrule.explain.naming import Naming
from chainrule.explain.reader import NotExpressibleError, Reader, adjoint
from chainrule.explain.record import argument_names, record
from chainrule.explain.simplify import Simplifier, cost
from chainrule.explain.source import gradient_source
from chainrule.explain.story import Story

__all__ = ["derivation_of", "derive"]

_WHOLE = 16.0  # length up to which the gradient is written in terms of values alone
_DISTANCES = (0.2, 1.0, 1.0)  # of further points at which numbers are looked at, in terms of the arguments' size


def derive(function: Callable[..., Any], argnums: int | Sequence[int] | None = None) -> Callable[..., Derivation]:
    """A function that returns the derivation of the gradient at its arguments.

    ``argnums`` says which arguments to differentiate by (all real ones by default). If the function returns an array,
    the gradient is that of ⟨v, f⟩, where v = ∂L/∂f is what arrives from further on, and the Jacobian is given as well
    where a matrix says it. Raises :class:`~chainrule.errors.GradientError` if the result does not depend on the
    arguments and :class:`~chainrule.errors.NotScalarError` if there are several results.

    >>> def mse(X, W, Y):
    ...     r = X @ W - Y
    ...     return np.mean(r**2)
    >>> derivation = derive(mse, 1)(np.ones((7, 5)), np.ones((5, 3)), np.zeros((7, 3)))
    >>> print(derivation.gradients["W"])
    ∂mse/∂W = 2/(N K) Xᵀ r
    >>> print(derivation.source)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def gradient(X, W, Y):
        N = X.shape[0]
        K = W.shape[1]
        r = X @ W - Y
        dW = 2 / (N * K) * (X.T @ r)
        return dW
    <BLANKLINE>
    """

    @wraps(function)
    def derived(*arguments: Any, **options: Any) -> Derivation:
        call = _Call(function, arguments, options, argnums)
        return _Deriver(call.computation, call.wanted, call.title, call.name, call.moved).derivation()

    return derived


def derivation_of(computation: Computation, wanted: Sequence[Step], title: str) -> Derivation:
    """The derivation of the output of a computation that was recorded elsewhere, by some of its inputs.

    Raises what `derive` raises.
    """
    return _Deriver(
        computation, wanted, title, "", lambda random, distance: _replayed(computation, wanted, random, distance)
    ).derivation()


def _replayed(computation: Computation, wanted: Sequence[Step], random: Any, distance: float) -> Point:
    """The steps computed again where the wanted inputs are others."""
    values: dict[Step, Any] = {}
    with np.errstate(all="ignore"):
        for step in computation.steps:
            if step.operation is not None:
                values[step] = step.forward([values[argument] for argument in step.arguments])
            else:
                values[step] = _perturbed(step.given, random, distance) if step in wanted else step.given
    return Point(values)


class _Call:
    """A call of a function: what it computed, and by which of its arguments to differentiate."""

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        options: Mapping[str, Any],
        argnums: int | Sequence[int] | None,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.options = options
        self.name = getattr(function, "__name__", "")
        self.computation = record(function, arguments, options)
        self.wanted = self._wanted(argnums)

    @property
    def title(self) -> str:
        """The function with its arguments."""
        return f"{(self.name or 'f').replace('<lambda>', 'f')}({', '.join(self.computation.inputs)})"

    def _wanted(self, argnums: int | Sequence[int] | None) -> list[Step]:
        inputs = self.computation.inputs
        if argnums is None:
            found = list(inputs.values())
            if not found:
                raise DtypeError("derive: no argument is a real number or an array of real numbers (1.0, not 1).")
            return found
        names = argument_names(self.function, self.arguments, self.options)
        positions = [argnums] if isinstance(argnums, int | np.integer) else list(argnums)
        found = []
        for position in positions:
            if not -len(self.arguments) <= position < len(self.arguments):
                raise GradientError(
                    f"derive: argnums={argnums!r} names argument {position}, but the function was called with "
                    f"{len(self.arguments)} arguments."
                )
            name = names[position]
            if name not in inputs:
                kind = type(self.arguments[position]).__name__
                raise DtypeError(
                    f"derive: cannot differentiate with respect to {name}, which is {kind}: a derivative needs real "
                    "numbers (1.0, not 1; for a list or dict of arrays, leave argnums out)."
                )
            found.append(inputs[name])
        return found

    def moved(self, random: Any, distance: float) -> Point | None:
        """The values where the wanted arguments are others; None if the function does something else there."""
        wanted = {step.name for step in self.wanted}
        names = argument_names(self.function, self.arguments, self.options)
        if not wanted <= set(names):
            return None
        values = [*self.arguments, *self.options.values()]
        moved = [
            _perturbed(value, random, distance) if name in wanted else value
            for name, value in zip(names, values, strict=True)
        ]
        try:
            again = record(
                self.function,
                moved[: len(self.arguments)],
                dict(zip(self.options, moved[len(self.arguments) :], strict=True)),
            )
        except Exception:  # another point is a favour that the function need not do
            return None
        same = len(again.steps) >= len(self.computation.steps) and all(
            a.operation is b.operation and a.shape == b.shape
            for a, b in zip(self.computation.steps, again.steps, strict=False)
        )
        pairs = zip(self.computation.steps, again.steps, strict=False)
        return Point({a: b.given for a, b in pairs}) if same else None


class _Deriver:
    """One derivation in the making; ``moved`` gives the values of the steps at another point."""

    def __init__(
        self,
        computation: Computation,
        wanted: Sequence[Step],
        title: str,
        function: str,
        moved: Callable[[Any, float], Point | None],
    ) -> None:
        self.computation = computation
        self.title = title
        self.output = self._output()
        self.steps = self.computation.between(list(wanted))
        if self.output not in self.steps:
            raise GradientError(
                f"derive: the result does not depend on {', '.join([step.name for step in wanted])}, so there is "
                "nothing to derive."
            )
        self.wanted = [step for step in wanted if step in self.steps]
        self.points = self._points(moved)
        self.naming = Naming(self.computation, self.computation.journal.names.integers, function)
        self.arranger = Arranger(self.naming)

    def _output(self) -> Step:
        if len(self.computation.outputs) != 1:
            raise NotScalarError(
                f"derive: the function returned {len(self.computation.outputs)} values; derive one at a time: "
                "derive(lambda *a: f(*a)[0])."
            )
        return self.computation.output

    def _points(self, moved: Callable[[Any, float], Point | None]) -> list[Point]:
        """The recorded point, and further ones where the wanted arguments are others."""
        random = np.random.default_rng(0)
        points = [moved(random, distance) for distance in _DISTANCES]
        recorded = Point({step: step.given for step in self.computation.steps})
        return [recorded, *[point for point in points if point is not None]]

    # -- the parts ----------------------------------------------------------------------------------------------------

    def derivation(self) -> Derivation:
        """All of it."""
        reader = Reader(self.computation)
        simplifier = Simplifier(reader, self.points)
        values = self.computation.adjoints(inputs=self.wanted)
        sweep = Sweep(reader, simplifier, self.steps, self._seed(), values)
        story = Story(reader, simplifier, self.arranger, sweep, values)
        gradients = {step.name: story.equation_of(step, self._whole(sweep, step)) for step in self.wanted}
        upstream = self.output.value.size != 1
        source = gradient_source(sweep, reader, self.arranger, self.wanted, upstream)
        explained = self._finer(reader, values) or story
        told = explained.tell()
        jacobians = self._jacobians(reader, simplifier, values) if upstream else {}
        return Derivation(
            self.title, self.computation, told, gradients, tuple(self._notes(upstream)), source, jacobians
        )

    def _seed(self) -> Form:
        if self.output.value.size == 1:
            return Form(fresh_axes(self.output.shape), (Monomial(ONE, ()),))
        return adjoint(self.output)

    def _whole(self, sweep: Sweep, step: Step) -> Form:
        found = sweep.found[step]
        return found.full if cost(found.full) <= _WHOLE else found.chosen

    def _finer(self, reader: Reader, values: Mapping[Step, Any]) -> Story | None:
        """Where the user named nothing on the way, every operation is a step of the story."""
        operations = [step for step in self.steps if step.operation is not None and step is not self.output]
        if not operations or any(reader.is_name(step) for step in operations):
            return None
        fine = Reader(self.computation, operations)
        simplifier = Simplifier(fine, self.points)
        sweep = Sweep(fine, simplifier, self.steps, self._seed(), values)
        return Story(fine, simplifier, self.arranger, sweep, values)

    def _jacobians(self, reader: Reader, simplifier: Simplifier, values: Mapping[Step, Any]) -> dict[str, Formula]:
        """The Jacobians that are matrices, in matrix notation."""
        found: dict[str, Formula] = {}
        rank = sum(size != 1 for size in self.output.shape)
        for step in self.wanted:
            if rank + sum(size != 1 for size in step.shape) > 2:
                continue
            rows = fresh_axes(self.output.shape)
            seed = Form((*rows, *rows), (Monomial(ONE, ()),))
            try:
                sweep = Sweep(reader, simplifier, self.computation.between([step]), seed, values, rows)
            except NotExpressibleError:
                continue
            form = sweep.found[step].full
            text, latex, python = self.naming.jacobian(step)
            piece = self.arranger.exact(form)
            found[step.name] = Formula(
                f"{text} = {piece.text}", f"{latex} = {piece.latex}", f"{python} = {piece.python}"
            )
        return found

    def _notes(self, upstream: bool) -> list[str]:
        notes = [f"{letter} = {size}" for size, letter in self.naming.sizes.items() if letter != str(size)]
        told = ["where " + ", ".join(notes)] if notes else []
        told += [f"{name} = {text}" for name, text in self.arranger.diagonals.items()]
        if upstream:
            text = self.naming.derivative_text(self.output)
            told.append(
                f"{text} is what arrives from further on; for a Jacobian, one row after the other of the identity"
            )
        return told


def _perturbed(value: Any, random: Any, distance: float) -> Any:
    """Another point near a real argument."""
    array = np.asarray(getattr(value, "value", value))
    if array.dtype.kind != "f":
        return value
    scale = max(float(np.mean(np.abs(array))) if array.size else 0.0, 0.1)
    moved = array + distance * scale * random.normal(size=array.shape)
    return np.asarray(moved, dtype=array.dtype)
