"""An operation of the registry as a step of a program: any numbers are brought to the shapes and domain of a sample."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from chainrule.op import OPERATIONS, Constant, Operation, Sample, Undefined
from tests.operations import is_number, is_undefined, samples_of

__all__ = ["SPECIAL", "USUAL", "operands", "registered"]

REACH = 0.2  # how far a sample's argument without a domain is moved
CHOSEN = [operation for operation in OPERATIONS.values() if operation.differentiable and not is_undefined(operation)]
SPECIAL = [made.name for made in CHOSEN if str(made.notation.python).startswith("scipy.special.")]
USUAL = [made.name for made in CHOSEN if made.name not in SPECIAL]


def _base(operation: Operation, position: int, given: Any, rng: Any) -> tuple[Any, float]:
    """An argument of a sample and how far it may be moved; 0 if it is no real or complex number to differentiate by."""
    interval = operation.domain[position] if position < len(operation.domain) else None
    if not isinstance(given, tuple):
        return np.asarray(given), 0.0
    if operation.arguments and operation.arguments[position] == "condition":
        return np.asarray(rng.normal(size=given) > 0), 0.0
    reach = REACH
    if not interval:
        base = rng.normal(size=given)
    else:
        low, high = interval
        reach *= high - low
        base = rng.uniform(low + 1.1 * reach, high - 1.1 * reach, size=given)
    if isinstance(operation.rule(position), Constant | Undefined) or not is_number(operation, position, base):
        reach = 0.0
    return base, reach


@cache
def _sample(name: str, number: int) -> tuple[Operation, Sample, tuple[tuple[Any, float], ...]]:
    operation = OPERATIONS[name]
    sample = samples_of(operation)[number]
    rng = np.random.default_rng(number)
    bases = [_base(operation, position, given, rng) for position, given in enumerate(sample.arguments)]
    return operation, sample, tuple(bases)


def operands(name: str, number: int) -> int:
    """How many arguments of a sample are moved."""
    return sum(reach > 0 for _, reach in _sample(name, number)[2])


def registered(name: str, number: int, *values: Any) -> Any:
    """The operation at its sample of a number, whose arguments are moved by the tanh of the values.

    Complex results are given as a sum of their parts.
    """
    operation, sample, bases = _sample(name, number)
    rest = iter(values)
    arguments = []
    for base, reach in bases:
        if not reach:
            arguments.append(base)
            continue
        flat = np.reshape(np.tanh(next(rest)), -1)
        moved = flat[np.arange(base.size) % max(flat.size, 1)] if flat.size else np.zeros(base.size)
        arguments.append(base + reach * np.reshape(moved, base.shape))
    out = operation(*arguments, **sample.params)
    return np.real(out) + 0.7 * np.imag(out) if out.dtype.kind == "c" else out
