"""Recursive filters: y with a[0] y[n] + a[1] y[n-1] + … = x[n], in the signals and in the coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.linear._scipy import signal
from chainrule.op import Operation
from chainrule.ops.external import external

__all__ = ["delayed", "recursive"]


def delayed(x: Any, steps: int, size: int) -> Any:
    """Signals along the last axis ``steps`` later, in ``size`` moments: zeros before them and after them."""
    kept = x[..., : max(0, size - steps)]
    before, after = min(steps, size), max(0, size - steps - kept.shape[-1])
    lead = tuple(x.shape[:-1])
    return np.concatenate([np.zeros((*lead, before)), kept, np.zeros((*lead, after))], -1)


def _filtered(a: Any, x: Any) -> Any:
    return np.asarray(signal.lfilter([1.0], a, x))


def _turned(a: Any, x: Any) -> Any:
    """The transposed map: the filter that runs backwards."""
    return np.flip(recursive(a, np.flip(x, -1)), -1)


def _of_change(a: Any, x: Any, tangent: Any) -> Any:
    y = recursive(a, x)
    size = x.shape[-1]
    return -recursive(a, sum([tangent[k] * delayed(y, k, size) for k in range(len(a))], np.zeros(x.shape)))


def _change_of(a: Any, x: Any, cotangent: Any) -> Any:
    y, back = recursive(a, x), _turned(a, cotangent)
    return -np.stack([np.sum(back * delayed(y, k, x.shape[-1])) for k in range(len(a))])


recursive: Operation = external(
    _filtered,
    jvp=[_of_change, lambda a, x, tangent: recursive(a, tangent)],
    vjp=[_change_of, lambda a, x, cotangent: _turned(a, cotangent)],
    sparsity=[None, ("bi, bj", "lower")],
    differentiable=True,
    name="recursive",
)
"""The rows of ``x`` (2-D) filtered by the coefficients ``a``."""
