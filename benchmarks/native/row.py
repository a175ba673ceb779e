"""One row: a function of arrays, the arguments that it is measured with, the limit by hand, and the goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Builder = Callable[[Any, Sequence[Any]], Any]


@dataclass(frozen=True)
class Row:
    """What is computed: ``function(xp, *arguments)``, and its gradient in the first ``count`` arguments.

    If ``entries`` is given, the function's result is an array and what is computed is its Jacobian instead: for each of
    these arguments the entries that are not zero, row by row; a limit in C writes arrays of those shapes. What a peer
    has in its own words is then the Jacobian, and it gets the library: ``peers["jax"](jax, *arguments)``.
    """

    title: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    count: int
    limit: str | Callable[..., Any]  # the name of a kernel in C, or a function of NumPy that works like one
    sizes: tuple[int, ...] = ()  # what the kernel has to know besides
    goal: float | None = None  # times the limit
    peers: Mapping[str, Callable[..., Any] | None] = field(default_factory=dict)  # in their own words; None: cannot
    tolerance: float = 1e-9
    entries: tuple[tuple[int, ...], ...] = ()
    ahead: Mapping[str, float] = field(default_factory=dict)  # how many times the peers' time ours is to fit into
    first: float | None = None  # seconds that recording and compiling are to take at most
    reason: str = ""  # why the goal is missed, as far as it is known

    @property
    def given(self) -> tuple[Any, ...]:
        """What the gradient is taken in."""
        return self.arguments[: self.count]


def difference(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """The largest difference of two answers, value first, each over its largest entry; infinite if shapes differ."""
    worst = 0.0 if len(found) == len(expected) else np.inf
    for one, other in zip(found, expected, strict=False):
        one, other = np.asarray(one, float), np.asarray(other, float)
        if one.shape != other.shape:
            return np.inf
        scale = np.abs(other).max(initial=0.0)
        apart = np.abs(one - other).max(initial=0.0)
        worst = max(worst, float(apart / scale if scale else apart))
        if np.isnan(apart):
            return np.inf
    return worst
