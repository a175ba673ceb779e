"""What a derivation says: its steps with their local Jacobians, and the gradient as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from chainrule.explain.computation import Computation, Step
from chainrule.explain.formula import Formula
from chainrule.linear.jacobian import Jacobian

__all__ = ["Account", "Explained", "Local", "Telling"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Local:
    """The local Jacobian of a step with respect to one of its arguments.

    ``index`` is index notation (``∂z[i,k]/∂W[j,m] = X[i,j] δ_km``), ``matrix`` what the step hands on to the argument
    (``Xᵀ ∂L/∂z``; empty where no matrix notation fits), ``structure`` one line of words (``X ⊗ I₃``), ``jacobian`` the
    map itself, which can draw itself (``picture()``, ``_repr_html_``).
    """

    argument: Step
    position: int
    index: Formula
    matrix: Formula
    structure: str
    jacobian: Jacobian


@dataclass(frozen=True)
class Explained:
    """One step of a derivation, forward and backward.

    ``name`` is what the derivation calls it; ``forward`` is its formula, ``adjoint`` the formula of ∂L/∂step;
    ``reasons`` are plain sentences, one for each transpose, sum, mask or second path in it; ``source`` is the user's
    line of code. ``cotangent`` is the value of the adjoint.
    """

    step: Step
    name: str
    forward: Formula
    locals: tuple[Local, ...]
    adjoint: Formula
    reasons: tuple[str, ...]
    source: str
    cotangent: Array

    @property
    def value(self) -> Array:
        """The value of the step."""
        return self.step.value


class Telling(Sequence[Explained]):
    """Steps that are explained when they are asked for; ``told`` explains one."""

    def __init__(self, steps: Sequence[Step], told: Callable[[Step], Explained]) -> None:
        self._steps = steps
        self._told = told
        self._known: dict[Step, Explained] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Explained]:
        return map(self.of, self._steps)

    @overload
    def __getitem__(self, index: int) -> Explained: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Explained, ...]: ...
    def __getitem__(self, index: int | slice) -> Explained | tuple[Explained, ...]:
        if isinstance(index, slice):
            return tuple(map(self.of, self._steps[index]))
        return self.of(self._steps[index])

    def of(self, step: Step) -> Explained:
        """What is said of a step."""
        if step not in self._known:
            self._known[step] = self._told(step)
        return self._known[step]


@dataclass(frozen=True)
class Account:
    """How the derivative of a function follows, step by step and as a whole; a `Derivation` without its methods.

    ``explained`` are the steps in the order of the computation, inputs included, each worked out when it is asked for;
    ``outline`` are those of them that the text tells, None where turns of a long loop are left out. ``gradients`` are
    the simplified formula of each argument's derivative, ``jacobians`` that of its Jacobian where the function returns
    an array and a matrix says it, ``hessians`` the second derivatives if these were asked for; ``notes`` what letters
    stand for; ``source`` a NumPy function that computes the gradients, and ``arguments`` the values of its parameters.
    """

    title: str
    computation: Computation
    explained: Sequence[Explained]
    outline: Sequence[Explained | None]
    gradients: Mapping[str, Formula]
    notes: tuple[str, ...]
    source: str
    jacobians: Mapping[str, Formula] = field(default_factory=dict)
    arguments: tuple[Any, ...] = ()
    hessians: Mapping[str, Formula] = field(default_factory=dict)
