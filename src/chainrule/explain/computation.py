"""A computation as it was recorded: its steps in order, each with its operation, its arguments, its value and its name.

Everything that explains or checks reads this: a step offers the local Jacobian of its operation at the recorded values,
and asks nobody which operation it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.explain.arguments import Argument, Leaf
from chainrule.linear.apply import pull, push
from chainrule.linear.term import Term
from chainrule.op import Operation
from chainrule.program.node import Node

__all__ = ["Computation", "Step"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(eq=False)
class Step:
    """One value of a computation: an input, a constant, or the result of an operation on earlier steps.

    ``given`` is the value as the operation saw it (a Python number stays one), ``value`` the same as an array.
    ``name`` is the user's variable, without a number; where one variable held several values one after the other,
    ``occurrence`` numbers them (None where there is only one). ``node`` is the vertex on the tape, if it is tracked.
    A step is what a rule asks for as its call: it has ``shapes``, ``shape`` and ``params``.
    """

    number: int
    given: Any
    operation: Operation | None = None
    arguments: tuple[Step, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    occurrence: int | None = None
    line: int | None = None
    file: str = ""
    is_input: bool = False
    is_tracked: bool = False
    node: Node | None = None

    @property
    def value(self) -> Array:
        """The value as an array."""
        return np.asarray(self.given)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return tuple(np.shape(self.given))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return self.value.dtype

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the arguments."""
        return tuple([argument.shape for argument in self.arguments])

    @property
    def is_constant(self) -> bool:
        """Whether this is neither an input nor the result of an operation."""
        return self.operation is None and not self.is_input

    @property
    def variable(self) -> str:
        """The variable, without the place in a list: ``losses`` for ``losses[3]``."""
        return self.name.partition("[")[0]

    @property
    def called(self) -> str:
        """The name with its number, or the number of the step: ``h``, ``h[2]``, ``#7``.

        >>> Step(7, 0.5).called, Step(7, 0.5, name="h", occurrence=2).called
        ('#7', 'h[2]')
        """
        if not self.name:
            return f"#{self.number}"
        return self.name if self.occurrence is None else f"{self.name}[{self.occurrence}]"

    def local(self, position: int, out: Any = None, arguments: Sequence[Any] | None = None) -> Sequence[Term]:
        """The local Jacobian ∂step/∂argument as terms, at the recorded values or at those given."""
        assert self.operation is not None, f"{self.called} is no result of an operation"
        values = [argument.given for argument in self.arguments] if arguments is None else arguments
        return self.operation.rule(position).terms(self, position, self.value if out is None else out, values)

    def written(self, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        """The local Jacobian as it stands in a formula: what follows from values is said by functions of them."""
        assert self.operation is not None, f"{self.called} is no result of an operation"
        return self.operation.rule(position).written(self, position, out, arguments)

    def pull(self, position: int, cotangent: Any) -> Array:
        """The cotangent of an argument from the cotangent of this step: the local Jacobian, transposed, applied."""
        total: Any = np.zeros(self.arguments[position].shape)
        for made, factors, tables in self.local(position):
            total = total + pull(made, cotangent, factors, tables)
        return np.asarray(total)

    def push(self, position: int, tangent: Any) -> Array:
        """The tangent of this step from the tangent of an argument: the local Jacobian applied."""
        total: Any = np.zeros(self.shape)
        for made, factors, tables in self.local(position):
            total = total + push(made, tangent, factors, tables)
        return np.asarray(total)

    def forward(self, arguments: Sequence[Any]) -> Any:
        """The operation computed again on other arguments."""
        assert self.operation is not None, f"{self.called} is no result of an operation"
        return self.operation.forward(*arguments, **self.params)

    def __repr__(self) -> str:
        made = "input" if self.is_input else "constant" if self.operation is None else self.operation.name
        inside = ", ".join([argument.called for argument in self.arguments])
        return f"<{self.called} = {made}{f'({inside})' if inside else ''} of shape {self.shape}>"


@dataclass(frozen=True)
class Computation:
    """The steps of one run, earliest first; ``inputs`` by the names of the arguments; ``outputs`` in their order.

    ``steps`` holds everything that was computed, also what the outputs do not depend on. ``journal`` is the book that
    it was noted in, where more can be noted; ``arguments`` are those of the call, real or not.
    """

    steps: tuple[Step, ...]
    inputs: Mapping[str, Step]
    outputs: tuple[Step, ...]
    journal: Any = None
    arguments: tuple[Argument, ...] = ()

    @property
    def output(self) -> Step:
        """The only output."""
        (output,) = self.outputs
        return output

    @property
    def parameters(self) -> tuple[Argument, ...]:
        """The arguments of the call; the inputs, where it is not known."""
        inputs = [Argument(name, name, {name: Leaf(name, name)}, step.given) for name, step in self.inputs.items()]
        return self.arguments or tuple(inputs)

    def arguments_of(self, inputs: Sequence[Step]) -> list[Argument]:
        """The arguments that some inputs are in, in the order of these."""
        owner = {leaf: argument for argument in self.parameters for leaf in argument.leaves}
        names = [owner[self.leaf(step)] for step in inputs]
        return list({argument.name: argument for argument in names}.values())

    def leaf(self, step: Step) -> str:
        """The name of an array of the arguments; empty for other steps."""
        if step.is_input:
            return next(name for name, other in self.inputs.items() if other is step)
        known = step.is_constant and any(step.name in argument.arrays for argument in self.parameters)
        return step.name if known else ""

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def between(self, inputs: Sequence[Step]) -> list[Step]:
        """The steps on the paths from ``inputs`` to the outputs, both ends included, earliest first."""
        below = set(inputs)
        for step in self.steps:
            if step.is_tracked and any(argument in below for argument in step.arguments):
                below.add(step)
        wanted = set(self.outputs)
        for step in reversed(self.steps):
            if step in wanted and step in below:
                wanted.update(step.arguments)
        return [step for step in self.steps if step in below and step in wanted]

    def consumers(self, steps: Sequence[Step]) -> dict[Step, list[tuple[Step, int]]]:
        """For each of ``steps``, who uses it: (later step among them, position of the argument), in order."""
        found: dict[Step, list[tuple[Step, int]]] = {step: [] for step in steps}
        for step in steps:
            for position, argument in enumerate(step.arguments):
                if argument in found:
                    found[argument].append((step, position))
        return found

    def adjoints(self, upstream: Any = None, inputs: Sequence[Step] | None = None) -> dict[Step, Array]:
        """The cotangent of every step on the way to ``inputs`` (all by default), from the cotangent of the output.

        >>> from chainrule.explain.record import record
        >>> computation = record(lambda x: np.sum(x * x), (np.array([1.0, 2.0]),))
        >>> computation.adjoints()[computation.inputs["x"]]
        array([2., 4.])
        """
        steps = self.between(list(self.inputs.values()) if inputs is None else inputs)
        output = self.output
        arrived: dict[Step, Array] = {step: np.zeros(step.shape) for step in steps}
        if output in arrived:
            seed = np.ones(output.shape) if upstream is None else upstream
            arrived[output] = np.array(np.broadcast_to(np.asarray(seed, dtype=float), output.shape))
        with np.errstate(all="ignore"):
            for step in reversed(steps):
                for position, argument in enumerate(step.arguments):
                    if argument in arrived:
                        part = step.pull(position, arrived[step])
                        arrived[argument] = arrived[argument] + np.broadcast_to(part, argument.shape)
        return arrived
