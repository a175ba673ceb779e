"""Functions of scipy.special that are no ufuncs, of tracked numbers: in terms of those that are."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.as_written.making import stacked
from chainrule.errors import NoRuleError

__all__ = ["SPECIAL"]


def _of(name: str) -> Any:
    """A ufunc of scipy.special, which is loaded if code called one of its functions."""
    return getattr(sys.modules["scipy.special"], name)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    if return_sign:
        raise NoRuleError("scipy.special.logsumexp of tracked values with return_sign=True has no rule")
    a = stacked(a)
    most = np.max(a, axis=axis, keepdims=True)
    most = np.where(np.isfinite(most), most, 0.0)
    terms = np.exp(a - most) if b is None else b * np.exp(a - most)
    found = np.log(np.sum(terms, axis=axis, keepdims=True)) + most
    return found if keepdims else np.squeeze(found, axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    x = stacked(x)
    return x - logsumexp(x, axis=axis, keepdims=True)


def softmax(x: Any, axis: Any = None) -> Any:
    x = stacked(x)
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def multigammaln(a: Any, d: Any) -> Any:
    total = 0.25 * d * (d - 1) * math.log(math.pi)
    for k in range(int(d)):
        total = total + _of("gammaln")(a - 0.5 * k)
    return total


def polygamma(n: Any, x: Any) -> Any:
    if n == 0:
        return _of("psi")(x)
    return (-1.0) ** (n + 1) * math.factorial(int(n)) * _of("zeta")(n + 1.0, x)


def factorial(n: Any, exact: bool = False, **_: Any) -> Any:
    return _of("gamma")(n + 1)


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    return comb(N + k - 1, k) if repetition else _of("binom")(N, k)


def spherical_jn(n: Any, z: Any, derivative: bool = False) -> Any:
    found = np.sqrt(0.5 * math.pi / z) * _of("jv")(n + 0.5, z)
    return spherical_jn(n - 1, z) - (n + 1) / z * found if derivative else found


def spherical_yn(n: Any, z: Any, derivative: bool = False) -> Any:
    found = np.sqrt(0.5 * math.pi / z) * _of("yv")(n + 0.5, z)
    return spherical_yn(n - 1, z) - (n + 1) / z * found if derivative else found


SPECIAL: dict[str, Callable[..., Any]] = {
    made.__name__: made
    for made in (
        *(logsumexp, log_softmax, softmax, multigammaln, polygamma, factorial, comb, spherical_jn, spherical_yn),
    )
}
"""By SciPy's names, what takes the place of functions in `scipy.special` where a number is tracked."""
