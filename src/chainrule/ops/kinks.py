"""Slopes where there is no derivative, at ties, edges and zeros, by the conventions in force."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.choices import chosen
from chainrule.ops.options import is_complex

__all__ = [
    "above", "at_edge", "chosen_of_ties", "first_of_two", "has_infinite_roots", "indicator", "length",
    "modulus_derivative", "no_length", "nonzero", "root", "second_of_two", "share",
]  # fmt: skip


def indicator(condition: Any, like: Any) -> Any:
    """1 where the condition holds and 0 elsewhere, in the dtype of ``like``."""
    return np.asarray(condition, dtype=like.dtype) if isinstance(condition, np.bool_) else condition.astype(like.dtype)


def nonzero(x: Any) -> Any:
    """``x`` with its zeros replaced by ones: a divisor where the quotient is 0 by convention."""
    return np.where(x == 0, np.ones((), getattr(x, "dtype", None)), x)


# --- ties -------------------------------------------------------------------------------------------------------------


def above(a: Any, b: Any, part: float) -> Any:
    """1 where a > b, ``part`` where they tie, else 0, in the dtype of the array among them."""
    like = a if hasattr(a, "dtype") else b
    if part in (0, 1):
        return indicator(a >= b if part else a > b, like)
    return indicator(a > b, like) + part * indicator(a == b, like)


def first_of_two() -> float:
    """What the first of two arguments gets of a tie."""
    return {"share": 0.5, "first": 1.0, "last": 0.0}[chosen().ties]


def second_of_two() -> float:
    """What the second of two arguments gets of a tie."""
    return 1.0 - first_of_two()


def share(a: Any, b: Any, out: Any, part: float) -> Any:
    """1 where ``a`` is the result, 0 where ``b`` is, ``part`` where they tie."""
    won = indicator(a == out, out)
    return won - (1.0 - part) * won * indicator(b == out, out)


def chosen_of_ties(hit: Any, gone: tuple[int, ...]) -> Any:
    """Of the entries that are largest along the axes ``gone``, those that get the derivative, in equal parts."""
    ties = chosen().ties
    if ties == "share" or not gone:
        return hit
    rest = [k for k in range(len(hit.shape)) if k not in gone]
    order = [*rest, *gone]
    lines = np.transpose(hit, order)
    shape = lines.shape
    lines = np.reshape(lines, (*shape[: len(rest)], -1))
    step = slice(None, None, -1 if ties == "last" else 1)
    lines = lines[..., step]
    found = np.logical_and(lines, np.cumsum(lines.astype(int), axis=-1) == 1)[..., step]
    return np.transpose(np.reshape(found, shape), [order.index(k) for k in range(len(order))])


# --- edges and zeros --------------------------------------------------------------------------------------------------


def at_edge() -> float:
    """The slope of clip at an edge; that in the edge is what is left of 1."""
    return chosen().clip


def modulus_derivative(x: Any) -> Any:
    """sign x, and the slope that is chosen at 0; of complex z, conj(z)/|z|, whose product with dz has the real part
    d|z|, and 0 at 0.
    """
    if is_complex(x):
        return np.conjugate(np.sign(x))
    slope = chosen().abs
    return np.sign(x) + slope * indicator(x == 0, x) if slope else np.sign(x)


def length(out: Any) -> Any:
    """A length as a divisor of what is 0 where it is 0; the quotient is 0 or NaN there."""
    return nonzero(out) if chosen().norm == "zero" else out


def no_length(like: Any) -> Any:
    """That quotient, in the dtype of ``like``."""
    return np.asarray(0.0 if chosen().norm == "zero" else np.nan, like.dtype)


def has_infinite_roots() -> bool:
    """Whether the slope of a root at 0 is infinite."""
    return chosen().roots == "infinite"


def root(out: Any) -> Any:
    """A root, or what it is of, as a divisor; where it is 0, the quotient is infinite or 0."""
    return out if has_infinite_roots() else np.where(out == 0, np.asarray(np.inf, out.dtype), out)
