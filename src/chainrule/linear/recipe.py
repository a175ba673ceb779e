"""A recipe: the few array instructions that are left of a composition once its structure has been worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.linear.functions import scatter
from chainrule.linear.term import Opaque

__all__ = ["Recipe", "Selected", "gather_axes"]


class Recipe:
    """A straight list of instructions on registers; equal instructions are written once, constant ones done at once.

    Registers ``0 … inputs-1`` hold what :meth:`run` is given. Every instruction makes one new register.

    >>> recipe = Recipe(1)
    >>> last = recipe.add("double", lambda array: 2 * array, [0])
    >>> recipe.add("double", lambda array: 2 * array, [0]) == last
    True
    >>> recipe.run([21])[last]
    42
    """

    __slots__ = ("_known", "constants", "steps")

    def __init__(self, inputs: int, known: Sequence[Any] | None = None) -> None:
        self.steps: list[tuple[Callable[..., Any] | None, tuple[int, ...], Any]] = [(None, (), None)] * inputs
        self.constants: dict[int, Any] = {}  # register -> its value, known before any run
        self._known: dict[Any, int] = {}
        if known is not None:
            self.constants = {k: value for k, value in enumerate(known) if value is not None}

    def add(self, key: Any, function: Callable[..., Any], arguments: Sequence[int]) -> int:
        """The register of ``function(*arguments)``; ``key`` (hashable) stands for the function."""
        name = (key, *arguments)
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = len(self.steps)
            self.steps.append((function, tuple(arguments), None))
            if all([a in self.constants for a in arguments]):
                self.constants[found] = function(*[self.constants[a] for a in arguments])
        return found

    def constant(self, value: Any) -> int:
        """A register that always holds ``value``."""
        register = len(self.steps)
        self.steps.append((None, (), None))
        self.constants[register] = value
        return register

    def compiled(self, inputs: int, outputs: Iterable[int]) -> tuple[Recipe, dict[int, int]]:
        """The instructions that ``outputs`` need, in a new recipe, and the new number of every register kept."""
        needed, pending = set(range(inputs)), list(outputs)
        while pending:
            register = pending.pop()
            if register not in needed:
                needed.add(register)
                if register not in self.constants:
                    pending += self.steps[register][1]
        short, names = Recipe(inputs), {k: k for k in range(inputs)}
        for register in sorted(needed)[inputs:]:
            if register in self.constants:
                names[register] = short.constant(self.constants[register])
            else:
                function, arguments, _ = self.steps[register]
                names[register] = len(short.steps)
                short.steps.append((function, tuple([names[a] for a in arguments]), None))
        # Registers that a run has to fill in, in order: the constants are laid down beforehand.
        short.steps = [
            (function, arguments, short.constants.get(register))
            for register, (function, arguments, _) in enumerate(short.steps)
        ]
        return short, names

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """All registers, given the first ones."""
        registers = list(inputs)
        for function, arguments, constant in self.steps[len(registers) :]:
            registers.append(constant if function is None else function(*[registers[a] for a in arguments]))
        return registers


def gather_axes(array: Any, axes: Sequence[int], indices: Sequence[Any]) -> Any:
    """Index several axes of ``array`` at once; the axes of the indices come where the first indexed axis was.

    >>> gather_axes(np.arange(12).reshape(3, 4), [0, 1], [np.array([0, 2]), np.array([3, 1])])
    array([3, 9])
    """
    first, rank = axes[0], len(array.shape)
    if axes[-1] - first != len(axes) - 1:  # NumPy would put the new axes in front
        rest = [axis for axis in range(rank) if axis not in axes]
        array = np.transpose(array, [*rest[:first], *axes, *rest[first:]])
    return array[(slice(None),) * first + tuple(indices)]


class Selected(Opaque):
    """An opaque map of which only some outputs (or inputs) are taken, in any order, repeats allowed."""

    def __init__(self, base: Opaque, index: Any, *, outputs: bool) -> None:
        self.base, self.index, self.outputs, self.dtype = base, index, outputs, base.dtype
        self.claimed, self.by_products, self.method = base.claimed, base.by_products, base.method
        self.name, self.tracked = base.name, base.tracked
        if base.sparsity is not None:
            self.sparsity = base.sparsity.selected(index, rows=outputs)
        *batch, rows, columns = base.shape
        self.shape = (*batch, len(index), columns) if outputs else (*batch, rows, len(index))

    def _pick(self, vectors: Any) -> Any:
        return np.take(vectors, self.index, axis=-2)

    def _spread(self, vectors: Any, size: int) -> Any:
        *batch, _, columns = vectors.shape
        return scatter(vectors, (*batch, size, columns), (slice(None),) * len(batch) + (self.index,))

    def apply(self, vectors: Any) -> Any:
        if self.outputs:
            return self._pick(self.base.apply(vectors))
        return self.base.apply(self._spread(vectors, self.base.shape[-1]))

    def apply_transposed(self, vectors: Any) -> Any:
        if self.outputs:
            return self.base.apply_transposed(self._spread(vectors, self.base.shape[-2]))
        return self._pick(self.base.apply_transposed(vectors))

    def dense(self) -> Any:
        if self.by_products and len(self.index) < self.base.shape[-2 if self.outputs else -1]:
            return super().dense()
        return np.take(self.base.dense(), self.index, axis=-2 if self.outputs else -1)

    @property
    def stored(self) -> int:
        return self.base.stored
