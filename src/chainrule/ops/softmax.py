"""Softmax and the logarithm of a sum of exponentials, along axes.

p = softmax(x)      ∂p[i]/∂x[j] = p[i] δ_ij − p[i] p[j]        two terms; p is stored, not p ⊗ p
l = logsumexp(x)    ∂l/∂x[i]    = exp(x[i] − l)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linear.term import Pattern, Term, identity, pattern
from chainrule.op import Call, General, Sample, cached_by_call, define
from chainrule.ops.options import Axes, plain_axis
from chainrule.ops.reduce import kept_shape, reduced_axes, reduction, samples_of
from chainrule.ops.writing import as_python, calling, literal, options

__all__ = ["log_softmax", "logsumexp", "softmax"]


def largest(x: Any, axis: Any) -> Any:
    """The largest entries along ``axis``, kept; 0 where they are infinite."""
    top = np.max(x.real, axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(top), top, np.zeros((), top.dtype))


# --- log Σ exp --------------------------------------------------------------------------------------------------------


def logsumexp_forward(x: Any, axis: Any, keepdims: bool) -> Any:
    """log Σ exp(x), without overflow."""
    top = largest(x, axis)
    with np.errstate(divide="ignore"):
        out = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    return out if keepdims else out.reshape(np.sum(x, axis).shape)


def logsumexp_terms(call: Call, position: int, out: Any, x: Any) -> list[Term]:
    """∂out[r]/∂x[r,s] = exp(x[r,s] − out[r]); 0 where nothing is finite."""
    made = cached_by_call(_logsumexp_patterns, call, position, lambda: reduction(call, "column"))
    total = out.reshape(kept_shape(call))
    empty = total == -np.inf
    return [Term(made, (np.exp(x - np.where(empty, np.zeros((), total.dtype), total)),))]


_logsumexp_patterns: dict[Any, Pattern] = {}

_logsumexp = define(
    "logsumexp",
    logsumexp_forward,
    General(logsumexp_terms, ("out", "x"), ("x",)),
    samples=samples_of((), (1, 1)),
    notation=(
        *calling("logsumexp")[:2],
        lambda x, axis, keepdims: as_python(
            "np.logaddexp.reduce", [x, f"axis={literal(axis)}"], options({"keepdims": keepdims})
        ),
    ),
    takes_complex=True,
)


def logsumexp(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """log Σ exp(x) along ``axis`` (all axes by default), without overflow.

    >>> float(logsumexp(np.array([1000.0, 1000.0])))
    1000.693...
    """
    return _logsumexp(x, axis=plain_axis(axis), keepdims=bool(keepdims))


# --- softmax ----------------------------------------------------------------------------------------------------------


def softmax_forward(x: Any, axis: Any) -> Any:
    """exp(x) / Σ exp(x), without overflow."""
    raised = np.exp(x - largest(x, axis))
    return raised / np.sum(raised, axis, keepdims=True)


def pairs(call: Call, factors: Sequence[str]) -> Pattern:
    """Row (r, i), column (r, j): each output along the axes with each input; factors over "row", "column", "number"."""
    shape = call.shapes[0]
    gone = reduced_axes(call.params["axis"], len(shape))
    rank = len(shape)
    column = [rank + k if k in gone else k for k in range(rank)]
    labels: dict[str, list[int]] = {"row": list(range(rank)), "column": column, "number": []}
    return pattern([*shape, *shape], range(rank), column, [labels[factor] for factor in factors])[0]


def softmax_terms(call: Call, position: int, out: Any) -> list[Term]:
    """∂p[i]/∂x[j] = p[i] δ_ij − p[i] p[j]."""
    own, all_pairs = cached_by_call(
        _softmax_patterns,
        call,
        position,
        lambda: (diagonal_pattern(call.shape), pairs(call, ("row", "column", "number"))),
    )
    return [Term(own, (out,)), Term(all_pairs, (out, out, -1.0))]


def diagonal_pattern(shape: tuple[int, ...]) -> Pattern:
    """∂out[i]/∂x[i] = factor[i]."""
    labels = range(len(shape))
    return pattern(shape, labels, labels, [labels])[0]


_softmax_patterns: dict[Any, tuple[Pattern, Pattern]] = {}
ALONG = [
    Sample(((4,),), {"axis": -1}),
    Sample(((2, 3),), {"axis": 1}),
    Sample(((3, 2),), {"axis": 0}),
    Sample(((2, 3),), {"axis": None}),
    Sample(((2, 3, 2),), {"axis": (0, 2)}),
    Sample(((2, 1),), {"axis": 1}),
]


def along_the_last(name: str) -> tuple[Callable[..., str], ...]:
    """The notation of a function along axes; it goes without saying that these are the last, or all."""
    return calling(f"scipy.special.{name}", defaults={"axis": -1})[:2] + calling(f"scipy.special.{name}")[2:]


_softmax = define(
    "softmax",
    softmax_forward,
    General(softmax_terms, ("out",), ("x",)),
    samples=ALONG,
    notation=along_the_last("softmax"),
)


def softmax(x: Any, axis: Axes = None) -> Any:
    """exp(x) / Σ exp(x) along ``axis`` (all axes by default), without overflow.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    return _softmax(x, axis=plain_axis(axis))


def log_softmax_forward(x: Any, axis: Any) -> Any:
    """x − log Σ exp(x), without overflow."""
    moved = x - largest(x, axis)
    return moved - np.log(np.sum(np.exp(moved), axis, keepdims=True))


def log_softmax_terms(call: Call, position: int, out: Any) -> list[Term]:
    """∂out[i]/∂x[j] = δ_ij − exp(out[j])."""
    made = cached_by_call(_log_softmax_patterns, call, position, lambda: pairs(call, ("column", "number")))
    return [Term(identity(call.shape)), Term(made, (np.exp(out), -1.0))]


_log_softmax_patterns: dict[Any, Pattern] = {}

_log_softmax = define(
    "log_softmax",
    log_softmax_forward,
    General(log_softmax_terms, ("out",), ("x",)),
    samples=ALONG,
    notation=along_the_last("log_softmax"),
)


def log_softmax(x: Any, axis: Axes = None) -> Any:
    """x − log Σ exp(x) along ``axis`` (all axes by default), without overflow.

    >>> log_softmax(np.array([1000.0, 1000.0]))
    array([-0.69..., -0.69...])
    """
    return _log_softmax(x, axis=plain_axis(axis))
