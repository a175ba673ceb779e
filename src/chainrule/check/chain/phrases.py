"""How steps and shapes are spoken of: by the user's names, or as the operation they are the result of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.check.chain.reach import Reach
from chainrule.explain.computation import Computation, Step
from chainrule.explain.symbols import written

__all__ = ["axes_in_words", "called", "expression", "gradient", "named_below", "place", "shape_in_words"]

LONG = 48


def called(step: Step) -> str:
    """The user's name of a step, or an expression for it.

    >>> called(Step(3, np.ones(2), name="h", occurrence=2)), called(Step(4, 0.5))
    ('h[2]', '0.5')
    """
    return step.called if step.name else expression(step)


def gradient(step: Step) -> str:
    """The cotangent of a step: ``dh``, ``d(x * y)``.

    >>> gradient(Step(3, np.ones(2), name="h"))
    'dh'
    """
    return f"d{step.called}" if step.name else f"d({expression(step)})"


def expression(step: Step, depth: int = 3) -> str:
    """A step as the code on names that computes it, shortened where it is long."""
    if step.name:
        return step.called
    if step.operation is None:
        return _number(step.given)
    if depth == 0:
        return "…"
    inside = [expression(argument, depth - 1) for argument in step.arguments]
    told = written(step.operation, inside, step.params)
    return told if len(told) <= LONG or depth == 1 else expression(step, depth - 1)


def _number(value: Any) -> str:
    if np.size(value) == 1:
        return f"{float(np.asarray(value).reshape(())):.6g}"
    return f"an array of shape {np.shape(value)}"


def place(step: Step, computation: Computation | None = None) -> str:
    """Where something happens: the step's name, or its operation and the name of what it goes into.

    >>> place(Step(3, np.ones(2), name="h"))
    'h'
    """
    if step.name or step.operation is None:
        return step.called
    if computation is not None:
        known = {step}
        for later in computation.steps:
            if any(argument in known for argument in later.arguments):
                if later.name:
                    return f"{step.operation.name} → {later.called}"
                known.add(later)
    return step.operation.name


def named_below(number: int, reach: Reach) -> str:
    """The name of a step, or of the first named one on the way back from it."""
    while not reach.steps[number].name:
        further = [reach.number_of[argument] for argument in reach.steps[number].arguments]
        on_path = [source for source in further if source in reach.on_path]
        if not on_path:
            return ""
        number = on_path[0]
    return reach.steps[number].called


def shape_in_words(shape: Sequence[int]) -> str:
    """A shape as Python writes it."""
    return str(tuple(int(size) for size in shape))


def axes_in_words(axes: Sequence[int]) -> str:
    """``axis 0``, ``axes 0 and 1``."""
    if len(axes) == 1:
        return f"axis {axes[0]}"
    return f"axes {', '.join(map(str, axes[:-1]))} and {axes[-1]}"
