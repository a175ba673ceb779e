"""One function at an odd point: run as it is, backward and forward, and beside the point.

What it returns or raises must be the same each time, and an entry of its Jacobian the same both ways. The slopes at
neighbours tell kinks from mistakes: where they agree the derivative is theirs, and else it lies among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule.errors import ChainruleError

__all__ = ["POINTS", "Finding", "findings"]

Function = Callable[[Any], Any]
STEP, APART, FEW, MANY = 1e-6, 1e-4, 5, 100


class Finding(NamedTuple):
    """What is not as it should be, and what says so."""

    what: str
    given: Any
    expected: Any


def chosen_from(*pool: float) -> Callable[[Any], Any]:
    return lambda rng: rng.choice(np.array(pool), size=(3, 3))


def positive(rng: Any) -> Any:
    return rng.uniform(0.2, 3.0, size=(3, 3))


def with_a_nan(rng: Any) -> Any:
    x = positive(rng)
    x.flat[rng.integers(9)] = np.nan
    return x


def definite(rng: Any) -> Any:
    a = rng.normal(size=(3, 3))
    return a @ a.T + 0.1 * np.eye(3)


POINTS: dict[str, Callable[[Any], Any]] = {
    "positive": positive,
    "of any sign": lambda rng: rng.normal(size=(3, 3)),
    "whole": lambda rng: rng.integers(-2, 4, size=(3, 3)).astype(float),
    "equal": lambda rng: np.full((3, 3), rng.uniform(0.2, 3.0)),
    "zero": lambda rng: np.zeros((3, 3)),
    "some zero": chosen_from(0.0, -0.0, 0.5, 1.0, 2.0),
    "definite": definite,
    "single": lambda rng: positive(rng).astype(np.float32),
    "strided": lambda rng: rng.uniform(0.2, 3.0, size=(6, 6))[::-2, ::2].T,
    "by columns": lambda rng: np.asfortranarray(positive(rng)),
    "with a NaN": with_a_nan,
    "not finite": chosen_from(np.nan, np.inf, -np.inf, 1.0, -2.0, 0.5),
    "huge": lambda rng: positive(rng) * 1e160,
    "tiny": lambda rng: positive(rng) * 1e-160,
    "subnormal": chosen_from(5e-324, -5e-324, 1e-310, 0.0, 1.0),
}
"""Matrices of three rows that functions may be surprised by."""


def tried(run: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return run(), None
    except Exception as problem:
        return None, problem


def is_beyond(x: Any) -> bool:
    """Whether there are numbers in it whose squares are none, or none at all."""
    size = np.abs(x[x != 0])
    return not np.isfinite(x).all() or bool(np.any((size > 1e100) | (size < 1e-100)))


def is_same_value(found: Any, expected: Any, x: Any) -> bool:
    """Equal up to rounding, where there is a number at all; a series may have zeros before it, or after it."""
    found, expected = np.asarray(found), np.asarray(expected)
    if len(found) > len(expected):
        found, expected = np.trim_zeros(found), np.trim_zeros(expected)
    if len(found) != len(expected):
        return False
    known = np.isfinite(expected) & (np.isfinite(found) | ~np.isfinite(x).all() | (not is_beyond(x)))
    scale = np.max(np.abs(expected[known]), initial=1e-300)
    rounding = 1e-5 if x.dtype == np.float32 else 1e-2 if is_beyond(x) else 1e-12
    return np.allclose(found[known], expected[known], rtol=rounding, atol=rounding * scale)


def findings(function: Function, x: Any, rng: Any) -> Iterator[Finding]:
    """What differs for a function that returns a vector of real numbers. An error that says why it is one is none."""
    value, failed = tried(lambda: function(x.copy(order="K")))
    column = int(rng.integers(x.size))
    unit = np.zeros_like(x)
    unit.flat[column] = 1
    pulled, backward = tried(lambda: cr.vjp(function, x))
    pushed, forward = tried(lambda: cr.jvp(function, (x,), (unit,)))
    if failed is not None:
        if backward is None or forward is None:
            yield Finding("an error is lost", (backward, forward), failed)
        return
    for problem in (backward, forward):
        if problem is not None and not isinstance(problem, ChainruleError):
            yield Finding("an error", problem, value)
    if backward is not None or forward is not None:
        return
    for other in (pulled[0], pushed[0]):
        if not is_same_value(other, value, x):
            yield Finding("another value", other, value)
    if len(value) and not is_beyond(x) and x.dtype == float:
        yield from of_an_entry(function, x, column, value, pulled, pushed[1], rng)


def of_an_entry(
    function: Function, x: Any, column: int, value: Any, pulled: Any, tangent: Any, rng: Any
) -> Iterator[Finding]:
    """What is wrong with one entry of the Jacobian."""
    row = int(rng.integers(len(value)))
    cotangent = np.zeros_like(np.asarray(pulled[0]))
    cotangent[row] = 1
    gradient, problem = tried(lambda: pulled[1](cotangent)[0])
    if problem is not None:
        if not isinstance(problem, ChainruleError):
            yield Finding("an error", problem, value)
        return
    entries = np.array([gradient.flat[column], tangent[row]])
    if np.isinf(entries).all():  # the slope of a root at 0
        return
    slopes = slopes_beside(function, x, (row, column), len(value), rng, FEW)
    if len(slopes) and not is_among(entries, slopes):  # a place where many pieces meet may have more of them
        slopes = slopes_beside(function, x, (row, column), len(value), rng, MANY)
    if not len(slopes) or np.max(np.abs(slopes)) > 1e6:
        return
    if np.ptp(slopes) < 1e-2 * scale_of(slopes) and abs(entries[0] - entries[1]) > 1e-7 * scale_of(slopes):
        yield Finding("backward is not forward", *entries)
    if not is_among(entries, slopes):
        yield Finding("neighbours have other slopes", entries, slopes)


def scale_of(slopes: Any) -> float:
    return float(max(np.max(np.abs(slopes)), 1e-3))


def is_among(entries: Any, slopes: Any) -> bool:
    slack = 2e-3 * scale_of(slopes)
    return bool(np.all((np.min(slopes) - slack <= entries) & (entries <= np.max(slopes) + slack)))


def slopes_beside(function: Function, x: Any, entry: tuple[int, int], size: int, rng: Any, count: int) -> Any:
    """One entry of the Jacobian by differences at the point and near it; none where there is no number."""
    found = []
    row, column = entry
    scale = np.max(np.abs(x), initial=0.0) or 1.0
    for number in range(count + 1):
        near = x + (number > 0) * APART * scale * rng.uniform(-1, 1, size=x.shape)
        for sign in (1, -1):
            moved = near.copy()
            moved.flat[column] += sign * STEP * scale
            pair = [tried(partial(function, place))[0] for place in (moved, near)]
            if any([part is None or len(part) != size or not np.isfinite(part[row]) for part in pair]):
                return np.zeros(0)
            found.append(sign * (pair[0][row] - pair[1][row]) / (STEP * scale))
    return np.array(found)
