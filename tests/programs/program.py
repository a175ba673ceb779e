"""A differentiable program of NumPy operations, as Python source that a person can read and run again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.programs.draws import Draw
from tests.programs.registered import registered

__all__ = ["GAP", "MOST", "Program", "Step", "Values", "apart", "moderate", "pick", "run", "weights"]

LARGEST = 30.0  # in absolute value, of any number on the way: differences stay accurate
GAP = 0.02  # between numbers that a maximum, a sort or a branch compares
MOST = 36  # elements in one array


def weights(shape: Sequence[int], phase: float = 0.3) -> Any:
    """Fixed numbers of which no two are equal: the cotangents, directions and constants of programs."""
    count = int(np.prod(shape))
    return np.reshape(np.cos(phase + 1.7 * np.arange(count)) + 0.1, tuple(shape))


@dataclass
class Program:
    """Inputs and the lines of a function; ``torch_lines`` say the same in PyTorch, where spellings differ.

    The inputs are the `weights` of their shapes with these ``phases``.
    """

    inputs: dict[str, Any]
    phases: list[float]
    lines: list[str] = field(default_factory=list)
    torch_lines: list[str] = field(default_factory=list)
    result: str = ""
    writes: bool = False  # whether a tensor is overwritten in place

    def __str__(self) -> str:
        shapes = "".join(
            f"{name} = weights({value.shape}, {phase})\n"
            for phase, (name, value) in zip(self.phases, self.inputs.items(), strict=True)
        )
        return f"{shapes}\n{self.source()}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"Program:\n{self}")

    def source(self, torch: bool = False) -> str:
        """The program as a Python function called ``program``."""
        lines = self.torch_lines if torch else self.lines
        body = "".join(f"    {line}\n" for line in lines)
        return f"def program({', '.join(self.inputs)}):\n{body}    return {self.result}\n"

    def function(self, namespace: Any = np, constants: Any = weights) -> Callable[..., Any]:
        """The function; ``np`` in it is ``namespace``, and ``weights`` is ``constants``."""
        scope: dict[str, Any] = {"np": namespace, "weights": constants, "registered": registered}
        exec(compile(self.source(torch=namespace is not np), "<program>", "exec"), scope)
        made: Callable[..., Any] = scope["program"]
        return made

    @property
    def arguments(self) -> list[Any]:
        """The inputs in order."""
        return list(self.inputs.values())


Values = dict[str, Any]


@dataclass
class Step:
    """One statement or several: ``{new}`` stands for the name of what is made; ``check`` refuses kinks."""

    text: str
    torch: str | None = None
    check: Callable[[Values], bool] = lambda values: True


def pick(draw: Draw, values: Values, fits: Callable[[Any], bool] = lambda value: True) -> str | None:
    """The name of a value, recent ones first when an example shrinks; None if none fits."""
    names = [name for name in reversed(values) if fits(values[name])]
    return draw.one_of(names[:2] * 2 + names) if names else None


def apart(*arrays: Any) -> bool:
    """Whether no two numbers, of all arrays together, are nearly equal."""
    numbers = np.sort(np.concatenate([np.ravel(array) for array in arrays]))
    return numbers.size < 2 or float(np.min(np.diff(numbers))) > GAP


SCOPE = {"np": np, "weights": weights, "registered": registered}
HIDDEN = {*SCOPE, "__builtins__", "part", "k"}


def run(lines: Sequence[str], values: Values) -> Values:
    """All variables after the lines; every warning of NumPy is an error."""
    scope = {**SCOPE, **{name: value.copy() for name, value in values.items()}}
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        exec("\n".join(lines), scope)
    made = {name: np.asarray(value) for name, value in scope.items() if name not in HIDDEN}
    if any(value.dtype.kind != "f" for value in made.values()):
        raise TypeError("an intermediate is not of real numbers")
    return made


def moderate(value: Any) -> bool:
    """Whether an array is small enough, in its size and in its numbers."""
    return value.size <= MOST and (not value.size or bool(np.max(np.abs(value)) < LARGEST))
