"""A function that can only be called, as a computation of one step whose local Jacobians were measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explain.computation import Computation, Step
from chainrule.linear.term import Term, diagonal, pattern
from chainrule.op import Call, Operation, Rule

__all__ = ["measured"]

Array = np.ndarray[Any, np.dtype[Any]]
RELATIVE = 1e-6  # of the largest entry: what is smaller is nothing


class _Measured(Rule):
    """A Jacobian in numbers: elementwise if it is, else dense."""

    def __init__(self, jacobian: Array, error: float) -> None:
        self.jacobian, self.error = jacobian, error

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        row, column = call.shape, call.shapes[position]
        least = max(4 * self.error, RELATIVE * float(np.max(np.abs(self.jacobian), initial=0.0)))
        derivative = _elementwise(self.jacobian, row, column, least)
        if derivative is not None:
            made, shape = diagonal(row, column, derivative.shape)
            return (Term(made, (derivative if shape is None else derivative.reshape(shape),)),)
        labels = range(len(row) + len(column))
        made, _ = pattern([*row, *column], labels[: len(row)], labels[len(row) :], [tuple(labels)])
        return (Term(made, (self.jacobian,)),)


def _elementwise(jacobian: Array, row: tuple[int, ...], column: tuple[int, ...], least: float) -> Array | None:
    """The derivative, of the shape of the result, if each entry depends on the one entry that broadcasts to it."""
    padded = (1,) * (len(row) - len(column)) + column
    if not row or len(padded) != len(row) or any(b not in (1, a) for a, b in zip(row, padded, strict=True)):
        return None
    whole = jacobian.reshape(*row, *padded)
    places = np.indices(row)
    index = (
        *places,
        *[place if size > 1 else np.zeros_like(place) for place, size in zip(places, padded, strict=True)],
    )
    derivative = whole[index]
    rest = whole.copy()
    rest[index] = 0.0
    return derivative if np.max(np.abs(rest), initial=0.0) <= least else None


def measured(
    call: Callable[[Mapping[str, Array]], Array],
    values: Mapping[str, Array],
    out: Array,
    jacobians: Mapping[str, tuple[Array, float]],
) -> Computation:
    """The computation ``result = f(arguments)``.

    Args:
        call: the function of some arguments, the others as they were.
        values: the arguments by name, those that a Jacobian was measured of.
        out: the result.
        jacobians: ∂f/∂argument and its error, by name.
    """
    names = list(values)
    inputs = {
        name: Step(number, np.array(value, dtype=float), name=name, is_input=True, is_tracked=True)
        for number, (name, value) in enumerate(values.items())
    }

    def forward(*given: Any) -> Array:
        return np.asarray(call(dict(zip(names, map(np.asarray, given), strict=True))), dtype=float)

    rules = [_Measured(*jacobians[name]) for name in names]
    operation = Operation("f", forward, [f"x{k}" for k in range(len(names))], rules)
    step = Step(
        len(names), np.array(out, dtype=float), operation, tuple(inputs.values()), name="result", is_tracked=True
    )
    return Computation((*inputs.values(), step), inputs, (step,))
