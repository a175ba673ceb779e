"""Functions of scipy.special that are written in Python, of tracked values: in terms of its ufuncs, which have rules.

SciPy's own turn what they are given into plain arrays. Those that are not here, and are not made of ufuncs alone, are
refused by their full name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, stacked
from chainrule.errors import NoRuleError
from chainrule.linear._scipy import special
from chainrule.ops import softmax as s
from chainrule.ops.special import SPECIAL
from chainrule.protocol import without_rule
from chainrule.tensor import Tensor

__all__ = ["functions_of_special"]

# These hand what they are given to ufuncs, or to NumPy, and need nothing.
AS_THEY_STAND = {"assoc_laguerre", "ivp", "jvp", "kvp", "lambertw", "yvp", "sinc", "softplus", "zeta"}


def _number(value: Any, name: str, argument: str) -> Any:
    """An argument that is an integer or a choice; it can be no tracked value."""
    if isinstance(value, Tensor):
        raise NoRuleError(
            f"scipy.special.{name} has no derivative with respect to {argument}: give it as a number, or as x.detach()"
        )
    return value


def _inexact(name: str, exact: Any) -> None:
    if exact:
        raise NoRuleError(f"scipy.special.{name} of a tracked value has no rule with exact=True; leave it out")


def polygamma(n: Any, x: Any) -> Any:
    n = np.asarray(_number(n, "polygamma", "n"))
    if not n.any():
        return special.psi(x)
    higher = (-1.0) ** (n + 1) * special.gamma(n + 1.0) * special.zeta(np.maximum(n, 1) + 1, x)
    return higher if n.all() else np.where(n == 0, special.psi(x), higher)


def multigammaln(a: Any, d: Any) -> Any:
    if np.any(a <= (d - 1) / 2):
        raise ValueError(f"condition a > 0.5 * (d-1) ({0.5 * (d - 1)}) not met")
    return d * (d - 1) / 4 * np.log(np.pi) + sum([special.gammaln(a - j / 2) for j in range(d)])


def factorial(n: Any, exact: Any = False, extend: str = "zero") -> Any:
    _inexact("factorial", exact)
    if extend == "complex":
        return np.where((n < 0) & (n == np.floor(n)), np.nan, special.gamma(n + 1))
    return np.where(n < 0, 0.0, special.gamma(np.where(n < 0, 1.0, n) + 1))


def comb(N: Any, k: Any, *, exact: Any = False, repetition: bool = False) -> Any:
    _inexact("comb", exact)
    if repetition:
        return comb(N + k - 1, k)
    return np.where((k <= N) & (N >= 0) & (k >= 0), special.binom(N, k), 0.0)


def perm(N: Any, k: Any, exact: Any = False) -> Any:
    _inexact("perm", exact)
    return np.where((k <= N) & (N >= 0) & (k >= 0), special.poch(N - k + 1, k), 0.0)


def diric(x: Any, n: Any) -> Any:
    n = np.asarray(_number(n, "diric", "n"))
    valid = (n > 0) & (n == np.floor(n))
    return np.where(valid, special.eval_chebyu(np.where(valid, n, 1) - 1, np.cos(x / 2)) / n, np.nan)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    a = stacked(a)
    if b is None and not return_sign:
        return s.logsumexp(a, axis, keepdims)
    if b is not None and not follows(b):  # what has no weight is not to be the largest
        a = np.where(np.asarray(b) == 0, -np.inf, a)
    plain = a.detach().value if isinstance(a, Tensor) else a
    top = np.max(plain, axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.sum((1.0 if b is None else b) * np.exp(a - top), axis, keepdims=True)
    out = np.log(abs(total) if return_sign else total) + top
    found = [value if keepdims else np.squeeze(value, axis) for value in (out, np.sign(total))]
    return tuple(found) if return_sign else found[0]


def softmax(x: Any, axis: Any = None) -> Any:
    return s.softmax(stacked(x), axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    return s.log_softmax(stacked(x), axis)


def _spherical(name: str, n: Any, z: Any, derivative: bool = False) -> Any:
    n = np.asarray(_number(n, name, "n"), int)
    return SPECIAL[f"_{name}_d" if derivative else f"_{name}"](n, z)


INSTEAD_OF: dict[str, Callable[..., Any]] = {
    made.__name__: made
    for made in (polygamma, multigammaln, factorial, comb, perm, diric, logsumexp, softmax, log_softmax)
} | {name: partial(_spherical, name) for name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn")}


def functions_of_special(module: Any) -> dict[str, tuple[Any, Callable[..., Any]]]:
    """The functions of scipy.special in Python, each with what takes its place: a formula, or an error."""
    found = {}
    for name in module.__all__:
        plain = getattr(module, name)
        if isinstance(plain, FunctionType) and name not in AS_THEY_STAND:
            found[name] = (plain, INSTEAD_OF.get(name) or partial(_refused, plain))
    return found


def _refused(plain: Any, *arguments: Any, **options: Any) -> Any:
    return without_rule(plain, arguments, options)
