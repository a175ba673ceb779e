"""Incomplete gamma and beta integrals with logarithms under them: what their derivatives by a and b are made of.

    G(a, x, k) = ∫ (log t)ᵏ t^(a−1) e^(−t) dt / Γ(a)                            from 0 to x
    B(a, b, x, j, k) = ∫ (log t)ʲ (log(1−t))ᵏ t^(a−1) (1−t)^(b−1) dt / B(a, b)      from 0 to x

In w = log t, and w = log(t/(1−t)), the integrands without their logarithms are log-concave: one peak, left of it a tail
like exp(aw). To the left of the peak (or of the upper end, if that comes first) the nodes lie doubly exponentially on a
half-line, to the right of it on an interval, as far as there is more than e^−40 of the peak.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.op import Operation
from chainrule.ops.special import INTEGER, part

STEP = 1 / 12
SPREAD = np.arange(-4.0, 4.0, STEP)
LINE = np.exp(SPREAD - np.exp(-SPREAD))
LINE_WEIGHTS = STEP * LINE * (1 + np.exp(-SPREAD))
PART = (1 + np.tanh(np.pi / 2 * np.sinh(SPREAD))) / 2
PART_WEIGHTS = STEP * np.pi / 4 * np.cosh(SPREAD) / np.cosh(np.pi / 2 * np.sinh(SPREAD)) ** 2


def integral(function: Callable[[Any], Any], peak: Any, end: Any, left: Any, right: Any) -> Any:
    """∫ function(w) dw over (−∞, end], around a peak that reaches ``left`` and ``right``."""
    start = np.minimum(peak, end)
    width = np.minimum(end, start + right) - start
    tail = np.sum(left / 40 * LINE_WEIGHTS * function(start - left / 40 * LINE), axis=-1)
    return tail + np.sum(width * PART_WEIGHTS * function(start + width * PART), axis=-1)


def columns(*values: Any) -> list[Any]:
    """Arrays with an axis for the nodes."""
    return [value[..., None] if hasattr(value, "shape") else value for value in values]


def gamma_moment_forward(a: Any, x: Any, k: Any) -> Any:
    """G(a, x, k)."""
    a, x, k = columns(a, x, k)
    reach = 40 / a + np.sqrt(80 / a)

    def integrand(w: Any) -> Any:
        return w**k * np.exp(a * w - np.exp(w) - special.gammaln(a))

    return integral(integrand, np.log(a), np.log(np.maximum(x, 1e-300)), reach, 1.2 * np.log1p(reach))


def beta_moment_forward(a: Any, b: Any, x: Any, j: Any, k: Any) -> Any:
    """B(a, b, x, j, k)."""
    a, b, x, j, k = columns(a, b, x, j, k)
    reach = np.sqrt(80 * (a + b) / (a * b))

    def integrand(w: Any) -> Any:
        t, rest = -np.logaddexp(0, -w), -np.logaddexp(0, w)  # log t and log(1 − t)
        return t**j * rest**k * np.exp(a * t + b * rest - special.betaln(a, b))

    end = np.log(np.maximum(x, 1e-300)) - np.log(np.maximum(1 - x, 1e-300))
    return integral(integrand, np.log(a / b), end, 40 / a + reach, 40 / b + reach)


def gamma_density(a: Any, x: Any) -> Any:
    """x^(a−1) exp(−x)/Γ(a)."""
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a−1) (1−x)^(b−1)/B(a, b)."""
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


NODES = """    s = np.arange(-4.0, 4.0, 1 / 12)
    line, part = np.exp(s - np.exp(-s)), (1 + np.tanh(np.pi / 2 * np.sinh(s))) / 2
    slopes = np.pi / 4 * np.cosh(s) / np.cosh(np.pi / 2 * np.sinh(s)) ** 2
    width = np.minimum(end, np.minimum(peak, end) + right) - np.minimum(peak, end)
    places = [np.minimum(peak, end) - left / 40 * line, np.minimum(peak, end) + width * part]
    w = np.concatenate(np.broadcast_arrays(*places), axis=-1)
    weights = [left / 480 * line * (1 + np.exp(-s)), width / 12 * slopes]
    weights = np.concatenate(np.broadcast_arrays(*weights), axis=-1)
"""
GAMMA_HELPER = f"""def gamma_moment(a, x, k, scale):
    a, x, k, scale = [np.asarray(value)[..., None] for value in (a, x, k, scale)]
    left = 40 / a + np.sqrt(80 / a)
    peak, end, right = np.log(a), np.log(np.maximum(x, 1e-300)), 1.2 * np.log1p(left)
{NODES}    return np.sum(weights * w**k * np.exp(a * w - np.exp(w) - scale), axis=-1)"""
BETA_HELPER = f"""def beta_moment(a, b, x, j, k, scale):
    a, b, x, j, k, scale = [np.asarray(value)[..., None] for value in (a, b, x, j, k, scale)]
    reach = np.sqrt(80 * (a + b) / (a * b))
    end = np.log(np.maximum(x, 1e-300)) - np.log(np.maximum(1 - x, 1e-300))
    peak, left, right = np.log(a / b), 40 / a + reach, 40 / b + reach
{NODES}    t, rest = -np.logaddexp(0, -w), -np.logaddexp(0, w)
    return np.sum(weights * t**j * rest**k * np.exp(a * t + b * rest - scale), axis=-1)"""

PARAMETER = (0.5, 2.5)
gamma_moment: Operation = part(
    "gamma_moment",
    gamma_moment_forward,
    "a x k",
    lambda a, x, k: gamma_moment(a, x, k + 1) - special.psi(a) * gamma_moment(a, x, k),
    lambda a, x, k: np.log(x) ** k * gamma_density(a, x),
    INTEGER,
    called="gammainc",
    at=(PARAMETER, PARAMETER, [0, 1, 2]),
    python="gamma_moment({0}, {1}, {2}, scipy.special.gammaln({0}))",
    helper=GAMMA_HELPER,
    text="G({0}, {1}, {2})",
    latex=r"G\left({0}, {1}, {2}\right)",
)
beta_moment: Operation = part(
    "beta_moment",
    beta_moment_forward,
    "a b x j k",
    lambda a, b, x, j, k: (
        beta_moment(a, b, x, j + 1, k) - (special.psi(a) - special.psi(a + b)) * beta_moment(a, b, x, j, k)
    ),
    lambda a, b, x, j, k: (
        beta_moment(a, b, x, j, k + 1) - (special.psi(b) - special.psi(a + b)) * beta_moment(a, b, x, j, k)
    ),
    lambda a, b, x, j, k: np.log(x) ** j * np.log1p(-x) ** k * beta_density(a, b, x),
    INTEGER,
    INTEGER,
    called="betainc",
    at=(PARAMETER, PARAMETER, (0.1, 0.9), [0, 1, 1], [1, 0, 1]),
    python="beta_moment({0}, {1}, {2}, {3}, {4}, scipy.special.betaln({0}, {1}))",
    helper=BETA_HELPER,
    text="B({0}, {1}, {2}, {3}, {4})",
    latex=r"B\left({0}, {1}, {2}, {3}, {4}\right)",
)


def gamma_by_shape(a: Any, x: Any) -> Any:
    """∂/∂a of the incomplete gamma function P(a, x)."""
    return gamma_moment(a, x, 1) - special.psi(a) * special.gammainc(a, x)


def beta_by_first(a: Any, b: Any, x: Any) -> Any:
    """∂/∂a of the incomplete beta function I(x; a, b)."""
    return beta_moment(a, b, x, 1, 0) - (special.psi(a) - special.psi(a + b)) * special.betainc(a, b, x)


def beta_by_second(a: Any, b: Any, x: Any) -> Any:
    """∂/∂b of the incomplete beta function I(x; a, b)."""
    return beta_moment(a, b, x, 0, 1) - (special.psi(b) - special.psi(a + b)) * special.betainc(a, b, x)
