"""What a row of the benchmark is: a function, points, the derivative written by hand, and the forms it is wanted in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import scipy.sparse

Point = tuple[Any, ...]
Call = Callable[..., Any]


@dataclass(frozen=True)
class Goal:
    """What a form should reach: times in seconds, the ratio of a replay to the limit, numbers kept."""

    ratio: float | None = None
    replay: float | None = None
    first: float | None = None
    stored: int | None = None


def unchanged(value: Any) -> Any:
    """The value itself."""
    return value


@dataclass(frozen=True)
class Form:
    """One form in which the derivative is wanted: kept, as a SciPy matrix, dense, or used in a Newton step.

    Args:
        limit: the derivative by hand in this form, at a point: nothing but the arithmetic of its entries.
        ours: from what `chainrule.jacobian` or `chainrule.hessian` returns to this form.
        shown: from our form to arrays that can be compared.
        expected: those arrays by hand, at a point (default: `limit`).
        also: other things that a person could write, to be timed beside the limit.
        goal: what to reach.
    """

    limit: Call
    ours: Callable[[Any], Any] = unchanged
    shown: Callable[[Any], Any] = unchanged
    expected: Call | None = None
    also: Mapping[str, Call] = field(default_factory=dict)
    goal: Goal = Goal()

    def error(self, result: Any, point: Point) -> float:
        """The relative error of our result at a point."""
        return relative_error(self.shown(result), (self.expected or self.limit)(*point))


@dataclass(frozen=True)
class Problem:
    """One row at one size.

    Args:
        row: the name of the row.
        size: its size, in words.
        function: ``function(xp, *point)`` in the words of any namespace like NumPy's.
        order: "jacobian" or "hessian".
        points: several points; what is differentiated comes first.
        forms: the forms by name; the last one is what peers are compared with.
        reference: all entries by hand at a point: a SciPy matrix or an array with two axes.
        argnums: what to differentiate with respect to.
        peers: the names of the libraries to compare with.
        casadi: ``casadi(module, *symbols)``, the function in CasADi's words, where it differs.
        custom: for a peer, ``build(problem, point)`` and ``show(result)`` that only this problem has.
        dense: the direction in which dense peers differentiate, "reverse" or "forward".
        widest: how many numbers the largest intermediate holds, which a dense Hessian repeats for every column.
    """

    row: str
    size: str
    function: Call
    order: str
    points: Sequence[Point]
    forms: Mapping[str, Form]
    reference: Call | None = None
    argnums: int | tuple[int, ...] = 0
    peers: Sequence[str] = ()
    casadi: Call | None = None
    custom: Mapping[str, tuple[Call, Call]] = field(default_factory=dict)
    dense: str = "reverse"
    widest: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the argument that is differentiated."""
        return tuple(self.points[0][0].shape)

    @property
    def unknowns(self) -> int:
        """How many numbers that argument holds."""
        return prod(self.shape)

    def in_numpy(self, *point: Any) -> Any:
        """The function in NumPy's words."""
        return self.function(np, *point)


@dataclass(frozen=True)
class Family:
    """One row at any size: ``make(size)``, the sizes of the table, those of the growth plot, and a tiny one."""

    make: Callable[[int], Problem]
    sizes: Sequence[int]
    growth: Sequence[int]
    tiny: int


def relative_error(found: Any, expected: Any) -> float:
    """The largest difference over the largest entry, of arrays, SciPy matrices, or sequences of them.

    >>> relative_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    0.5
    """
    if isinstance(expected, list | tuple):
        if len(found) != len(expected):
            return float("inf")
        return max(relative_error(one, other) for one, other in zip(found, expected, strict=True))
    if tuple(found.shape) != tuple(expected.shape):
        return float("inf")
    if scipy.sparse.issparse(expected) and not scipy.sparse.issparse(found):
        expected = expected.toarray()
    if scipy.sparse.issparse(found) and not scipy.sparse.issparse(expected):
        found = found.toarray()
    if scipy.sparse.issparse(expected):
        # Copies, because SciPy sorts a matrix in place, and by hand all matrices of a row share their columns.
        found, expected = found.tocsr(copy=True), expected.tocsr(copy=True)
    difference = abs(found - expected)
    return float(difference.max()) / max(float(abs(expected).max()), np.finfo(float).tiny)


def to_sparse(derivative: Any) -> Any:
    """A structured map as a SciPy matrix in rows."""
    return derivative.sparse()


def to_dense(derivative: Any) -> Any:
    """A structured map as an array."""
    return derivative.dense()


def generator(size: int) -> np.random.Generator:
    """The numbers of a problem of this size, the same on every machine."""
    return np.random.default_rng(size)
