"""What is kept with a wrong claim so that its cause can be looked for: the claim, the truth, and what was at hand."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from chainrule.check.rewriting.site import cell_of_file
from chainrule.check.verdicts.compare import Truth, Value
from chainrule.check.watching.backend import Backend
from chainrule.check.watching.containers import entries

__all__ = ["Evidence", "Pass", "pool_of", "scope_of"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST_VARIABLES = 64
MOST_NUMBERS = 200_000  # of one variable


@dataclass(frozen=True, eq=False)
class Pass:
    """A backward pass: the library, what was differentiated, with which cotangent, and by which tensor."""

    backend: Backend
    root: Any
    cotangent: Any
    target: Any


@dataclass(frozen=True, eq=False)
class Evidence:
    """A wrong claim, what it should be, the backward passes it may speak of, and the numbers that were at hand.

    ``passes`` is empty where no graph is known. ``scope`` are the variables by name, tensors as they are, and ``pool``
    the numbers that they held when the claim was judged.
    """

    claimed: Value
    truth: Truth
    passes: Sequence[Pass] = ()
    scope: Mapping[str, Any] = field(default_factory=dict)
    pool: Mapping[str, Array] = field(default_factory=dict)


def scope_of(frame: FrameType | None) -> ChainMap[str, Any]:
    """The variables that the notebook's code sees in a frame: its own, those of its callers, those of the notebook."""
    maps: list[dict[str, Any]] = []
    namespace: dict[str, Any] = {}
    while frame is not None:
        if cell_of_file(frame.f_code.co_filename) is not None:
            namespace = frame.f_globals
            if frame.f_locals is not frame.f_globals:
                maps.append(dict(frame.f_locals))
        frame = frame.f_back
    return ChainMap(*maps, namespace)


def _count(value: Any) -> float:
    """How many numbers a value says that it has; infinitely many if it cannot say."""
    try:
        shape = getattr(value, "shape", ())
        return math.prod(shape) if isinstance(shape, tuple) else math.inf
    except Exception:  # an object of the notebook's may raise anything
        return math.inf


def pool_of(
    scope: Mapping[str, Any], value_of: Callable[[Any], Value | None], without: Iterable[Any] = ()
) -> dict[str, Array]:
    """The numbers that the variables hold, a bounded number of them, as arrays of their own.

    >>> pool_of(
    ...     {"x": 2.0, "f": len, "W": np.ones(2), "dW": 5.0}, lambda v: None if v is len else Value(v, 0, ""), [5.0]
    ... )
    {'x': array(2.), 'W': array([1., 1.])}
    """
    left_out = [id(value) for value in without]
    found: dict[str, Array] = {}
    for name, value in entries(scope):
        if len(found) >= MOST_VARIABLES:
            break
        if name in found or id(value) in left_out or isinstance(value, list | tuple):
            continue
        if isinstance(value, type | ModuleType) or _count(value) > MOST_NUMBERS:
            continue
        numbers = value_of(value)
        if numbers is not None:
            found[name] = np.asarray(numbers.array)
    return found
