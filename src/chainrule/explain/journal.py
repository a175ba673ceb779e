"""Notes every operation of a run, and builds the steps of a computation from the notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.errors import DtypeError
from chainrule.explain.computation import Step
from chainrule.explain.names import Line, Names
from chainrule.op import Operation
from chainrule.program.node import Node
from chainrule.tape import Tracked, journal, set_enabled
from chainrule.tensor import Tensor

__all__ = ["Journal"]

_LARGE = 1_000_000  # elements above which a constant is not copied


class Journal:
    """Notes every operation while it is open, and builds the steps that lead to a result.

    ``names`` says what the values are called. What a node computed is kept as long as the journal.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.steps: list[Step] = []
        self._step_of: dict[int, Step] = {}
        self._first_of: dict[int, Step] = {}  # what an array was before it was written into
        self._leaves: dict[Step, Tensor] = {}
        self._kept: list[Any] = []  # an object that is gone could lend its identity to another

    def note(
        self, node: Node | None, operation: Operation, values: Sequence[Any], out: Any, params: Mapping[str, Any]
    ) -> None:
        """One operation: what `chainrule.tape.journal` calls."""
        if node is not None and node.dtype.kind == "c":
            raise DtypeError(
                f"{operation.name} makes complex numbers of what is differentiated, of which formulas do not speak: "
                "cr.grad, cr.jacobian and cr.hessian take them."
            )
        parents = (None,) * len(values) if node is None else node.parents
        arguments = [self._argument(parent, value) for parent, value in zip(parents, values, strict=True)]
        line = self.names.line or Line("", 0)
        step = Step(
            len(self.steps),
            np.array(out),
            operation,
            tuple(arguments),
            dict(params),
            line=line.number or None,
            file=line.file,
            is_tracked=node is not None,
            node=node,
        )
        self._add(step, out, node, step.given)

    def hold(self, array: Any) -> None:
        """An array as it is before numbers that are differentiated are written into it."""
        self._argument(None, array)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Note what happens inside."""
        with journal(self.note, self.hold):
            yield

    @contextmanager
    def extended(self) -> Iterator[None]:
        """Note what happens inside, as steps that are no lines of the user's code."""
        self.names.line = None
        before = set_enabled(True)
        try:
            with np.errstate(all="ignore"), self.open():
                yield
        finally:
            set_enabled(before)

    def revived(self, step: Step) -> tuple[Any, list[Any]]:
        """The result and the arguments of a step as tensors, so that what is computed from them is noted."""
        return self.tensor(step), [self._argument_of(argument) for argument in step.arguments]

    def _argument_of(self, step: Step) -> Any:
        """An argument as a rule gets it: real arrays as tensors, tracked or not; indices and numbers as they are."""
        given = step.given
        if step.is_tracked or not isinstance(given, np.ndarray) or given.dtype.kind not in "fb":
            return self.tensor(step)
        return Tensor(given, None)

    def tensor(self, step: Step) -> Any:
        """The value of a step as a tensor that is known to be the step's, if it is tracked; else as it was given."""
        if not step.is_tracked:
            return step.given
        if step.node is not None:
            return Tensor(step.given, step.node, True)
        return self._leaves[step]

    def placeholder(self, value: Any) -> tuple[Step, Tensor]:
        """A new input, which stands for something that is known otherwise."""
        tensor = Tensor(np.array(value, dtype=float), None, True)
        return self.input("", tensor), tensor

    def input(self, name: str, tensor: Tensor, value: Any = None) -> Step:
        """An argument that derivatives can be taken at; ``value`` is what it held, if it holds something else now."""
        held = np.array(tensor.value if value is None else value)
        step = Step(len(self.steps), held, name=name, is_input=True, is_tracked=True)
        self._add(step, tensor, tensor.value)
        self._leaves[step] = tensor
        return step

    def find(self, value: Any) -> Step:
        """The step of a value: a tensor, an array, or a number."""
        if isinstance(value, Tracked):
            vertex = value.vertex
            return self._argument(vertex, value.value)
        return self._argument(None, value)

    def _argument(self, parent: Any, value: Any) -> Step:
        original = value if parent is None else parent
        found = self._step_of.get(id(original))
        if found is None:
            copied = value.copy() if isinstance(value, np.ndarray) and value.size <= _LARGE else value
            found = Step(len(self.steps), copied, is_tracked=parent is not None)
            self._add(found, original, copied)
        return found

    def _add(self, step: Step, *originals: Any) -> None:
        """Remember whose step it is: a vertex, and the array that code which is not differentiated sees instead."""
        self.steps.append(step)
        for original in originals:
            if original is not None:
                self._step_of[id(original)] = step
                self._first_of.setdefault(id(original), step)
                self._kept.append(original)

    def name_steps(self) -> None:
        """Give the steps the names that their values had; a name of several values is numbered."""
        order: dict[str, list[Step]] = {}
        taken = Counter([step.name for step in self.steps if step.is_input])
        for name, key in self.names.bound:
            step = self._first_of.get(key)
            if step is not None and name and not step.name:
                step.name = name
                order.setdefault(name, []).append(step)
        for name, steps in order.items():
            first = max(taken[name], 0 if steps[0].is_constant else 1)
            first += taken[name] > 1  # several arguments are numbered themselves
            if len(steps) > 1 or name in taken:
                for number, step in enumerate(steps, start=first):
                    step.occurrence = number
