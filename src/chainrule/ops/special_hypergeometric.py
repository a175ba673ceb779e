"""Hypergeometric functions of scipy.special, exponential and trigonometric integrals, and what is made of these."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import NoRuleError
from chainrule.linear._scipy import special
from chainrule.ops.special import INTEGER, UNKNOWN, function, part, result, same, several

POSITIVE = (0.4, 2.5)
PARAMETER = (0.4, 1.8)

# the derivative raises every parameter by one
hyp0f1 = function(
    "hyp0f1",
    "v z",
    UNKNOWN,
    lambda v, z: special.hyp0f1(v + 1, z) / v,
    at=(PARAMETER, (-2.0, 2.0)),
    text="₀F₁({0}; {1})",
    latex=r"{{}}_0F_1\left({0}; {1}\right)",
)
hyp1f1 = function(
    "hyp1f1",
    "a b x",
    UNKNOWN,
    UNKNOWN,
    lambda a, b, x: a / b * special.hyp1f1(a + 1, b + 1, x),
    at=(PARAMETER, PARAMETER, (-2.0, 2.0)),
    text="₁F₁({0}; {1}; {2})",
    latex=r"{{}}_1F_1\left({0}; {1}; {2}\right)",
)
hyp2f1 = function(
    "hyp2f1",
    "a b c z",
    UNKNOWN,
    UNKNOWN,
    UNKNOWN,
    lambda a, b, c, z: a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, z),
    at=(PARAMETER, PARAMETER, PARAMETER, (-0.7, 0.7)),
    text="₂F₁({0}, {1}; {2}; {3})",
    latex=r"{{}}_2F_1\left({0}, {1}; {2}; {3}\right)",
)
hyperu = function(
    "hyperu",
    "a b x",
    UNKNOWN,
    UNKNOWN,
    lambda a, b, x: -a * special.hyperu(a + 1, b + 1, x),
    at=(PARAMETER, PARAMETER, POSITIVE),
    text="U({0}, {1}, {2})",
    latex=r"U\left({0}, {1}, {2}\right)",
)


# exponential integrals
def next_lower(n: Any, x: Any) -> Any:
    """E of order n − 1; below order 0 it is elementary."""
    return np.where(n > 0, special.expn(n - 1 + (n == 0), x), np.exp(-x) * (1 + 1 / x) / x)


exp1 = function("exp1", "z", lambda z: -np.exp(-z) / z, at=POSITIVE, text="E₁({0})", latex=r"E_1\left({0}\right)")
expi = function(
    "expi", "x", lambda x: np.exp(x) / x, at=POSITIVE, text="Ei({0})", latex=r"\operatorname{{Ei}}\left({0}\right)"
)
expn = function(
    "expn",
    "n x",
    INTEGER,
    lambda n, x: -next_lower(n, x),
    at=([0, 1, 3], POSITIVE),
    text="E_{0}({1})",
    latex=r"E_{{{0}}}\left({1}\right)",
)

# sine and cosine integrals, of circles and hyperbolas; sin x/x and sinh x/x are functions without a gap at 0
TRIGONOMETRIC = {
    "Si": (lambda x: np.sinc(x / np.pi), POSITIVE),
    "Ci": (lambda x: np.cos(x) / x, POSITIVE),
    "Shi": (lambda x: special.hyp0f1(1.5, x * x / 4), POSITIVE),
    "Chi": (lambda x: np.cosh(x) / x, POSITIVE),
}


def trigonometric(name: str, place: int, symbol: str) -> Any:
    """One of the two results of an integral."""
    slope, at = TRIGONOMETRIC[symbol]
    latex = rf"\operatorname{{{{{symbol}}}}}\left({{0}}\right)"
    return result(name, place, symbol, "x", slope, at=at, text=f"{symbol}({{0}})", latex=latex)


sine_integral, cosine_integral = trigonometric("sici", 0, "Si"), trigonometric("sici", 1, "Ci")
hyperbolic_sine_integral = trigonometric("shichi", 0, "Shi")
hyperbolic_cosine_integral = trigonometric("shichi", 1, "Chi")
several("sici", sine_integral, cosine_integral)
several("shichi", hyperbolic_sine_integral, hyperbolic_cosine_integral)


# Spence's dilogarithm, and the solution of ω + log ω = x
def log_quotient(z: Any) -> Any:
    """log z/(1 − z): near 1 the series −₂F₁(1, 1; 2; 1 − z)."""
    near = abs(z - 1) < 0.5
    far = np.where(near, 2.0, z)
    return np.where(near, -special.hyp2f1(1.0, 1.0, 2.0, 1 - np.where(near, z, 1.0)), np.log(far) / (1 - far))


spence = function(
    "spence",
    "z",
    lambda z: log_quotient(z),
    at=(0.2, 3.0),
    text="Li₂(1 − {0})",
    latex=r"\operatorname{{Li}}_2\left(1 - {0}\right)",
)
wrightomega = function("wrightomega", "z", lambda out: out / (1 + out), text="ω({0})", latex=r"\omega\left({0}\right)")


# Lambert's W: the solution of w exp(w) = z; SciPy gives it as a complex number, this is its real part where it is real
def lambert_forward(z: Any, k: Any) -> Any:
    """W of real numbers, as real numbers."""
    w = special.lambertw(np.asarray(z), np.asarray(k))
    if np.any(w.imag):
        raise NoRuleError(
            "scipy.special.lambertw has complex values here (z < −1/e, or a branch but 0 and −1), and a rule for "
            "real ones only.\nRestrict z, or take z.detach() where no gradient is wanted."
        )
    return w.real


lambertw = part(
    "lambertw",
    lambert_forward,
    "z k",
    lambda out: np.exp(-out) / (1 + out),
    INTEGER,
    called="lambertw",
    at=((0.2, 3.0), [0, 0, 0]),
    text="W({0})",
    latex=r"W\left({0}\right)",
    python="scipy.special.lambertw({0}, {1}).real",
)
same("_lambertw", lambda z, k, tol: lambertw(z, k))
