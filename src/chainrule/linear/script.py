"""The text of a plan while it is written: variables with labelled axes, constants, one compiled function.

A plan is generated Python: a function with no branches on shapes and no loops, whose text is compiled once however
many sizes it serves (sizes are constants that it closes over). So the price of generality is paid when a structure
is first met, and a call costs little more than the NumPy calls in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.functions import scatter

__all__ = ["THIN", "Script", "Value", "layout_of", "reshaped", "size_of", "transposed", "write_layout"]

THIN = -1  # in place of a label: an axis of size 1 that belongs to no label


class Value(NamedTuple):
    """A variable of a plan: its name in the text, and the label (or THIN) of each axis.

    ``shaped`` says that it has the methods of an array; a factor without labels may be a Python number.
    """

    name: str
    axes: tuple[int, ...]
    opaque: bool = False
    shaped: bool = True

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels without the thin axes."""
        return tuple([label for label in self.axes if label >= 0])


class Script:
    """The text of a plan while it is written."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.lines: list[str] = []
        self.constants: list[Any] = []

    def let(self, expression: str) -> str:
        """Name the value of ``expression``."""
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {expression}")
        return name

    def constant(self, value: Any) -> str:
        """Name a constant: it is closed over, so that equal texts serve all constants."""
        self.constants.append(value)
        return f"k{len(self.constants) - 1}"

    def finish(self, result: str) -> Callable[..., Any]:
        """Compile the function that returns ``result``."""
        if self.lines and self.lines[-1].startswith(f"{result} = "):
            result = self.lines.pop().removeprefix(f"{result} = ")
        names = [f"k{k}" for k in range(len(self.constants))]
        body = "".join([f"        {line}\n" for line in self.lines])
        head = f"def make({', '.join(names)}):\n    def plan({', '.join(self.arguments)}):\n"
        text = f"{head}{body}        return {result}\n    return plan\n"
        plan: Callable[..., Any] = _compiled(text)(*self.constants)
        return plan


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Callable[..., Callable[..., Any]]:
    # The text holds names, labels and small numbers alone: all of it is written here.
    namespace: dict[str, Any] = {"np": np, "ndarray": np.ndarray, "scatter": scatter}
    exec(compile(text, "<plan>", "exec"), namespace)
    make: Callable[..., Callable[..., Any]] = namespace["make"]
    return make


def size_of(axes: Iterable[int], sizes: Sequence[int]) -> int:
    """How many numbers an array with these axes holds."""
    return prod([sizes[label] for label in axes if label >= 0])


def layout_of(value: Value, target: Sequence[int], full: bool) -> tuple[tuple[int, ...] | None, list[int] | None, int]:
    """How to bring ``value`` to the axes ``target``: a permutation or None, new axes or None, the rank reached.

    Unless ``full``, axes of size 1 at the front are left out: broadcasting against the other factor supplies them.
    """
    present = set(value.axes)
    wanted = [label if label in present else THIN for label in target]
    axes = list(value.axes)
    if axes == wanted:
        return None, None, len(axes)
    if not full:
        first = next((k for k, label in enumerate(wanted) if label >= 0), len(wanted))
        trimmed = wanted[first:]
        if len(axes) <= len(wanted) and [THIN] * (len(axes) - len(trimmed)) + trimmed == axes:
            return None, None, len(axes)
        wanted = trimmed
    labels = [label for label in wanted if label >= 0]
    order = None
    if list(value.labels) != labels:
        thin = [k for k, label in enumerate(axes) if label < 0]
        if len(axes) == len(wanted):
            spare = iter(thin)
            order = tuple([axes.index(label) if label >= 0 else next(spare) for label in wanted])
        else:
            order = tuple([axes.index(label) for label in labels] + thin)
        axes = [axes[k] for k in order]
    return order, None if axes == wanted else wanted, len(wanted)


def transposed(name: str, order: Sequence[int]) -> str:
    """The text that permutes axes."""
    if list(order) == list(range(len(order))):
        return name
    if list(order) == list(range(len(order)))[::-1]:
        return f"{name}.transpose()"
    return f"{name}.transpose({tuple(order)!r})"


def reshaped(script: Script, text: str, shape: Sequence[int]) -> str:
    """The text that reshapes."""
    return f"{text}.reshape({script.constant(tuple(shape))})"


def write_layout(script: Script, value: Value, target: Sequence[int], sizes: Sequence[int], full: bool = True) -> str:
    """The text of ``value`` with the axes ``target``; labels that it does not carry give axes of size 1.

    Unless ``full``, axes of size 1 at the front may be missing.
    """
    order, axes, _ = layout_of(value, target, full)
    text = value.name
    if order is not None:
        text = transposed(text, order)
    if axes is not None:
        text = reshaped(script, text, [sizes[label] if label >= 0 else 1 for label in axes])
    return text
