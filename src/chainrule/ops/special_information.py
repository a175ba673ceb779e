"""Entropies, logistic functions, losses and power transforms of scipy.special, and its elementary functions.

xlogy(0, y) is 0 whatever y is: a factor 0 is a path that is not taken. So ∂/∂y is 0 there, even at y = 0, and ∂/∂x is
log y for y > 0 and 0 for y ≤ 0, as PyTorch has it. The entropy −x log x has an infinite slope at 0.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.op import OPERATIONS
from chainrule.ops.elementwise import DEGREE, POSITIVE
from chainrule.ops.kinks import nonzero
from chainrule.ops.special import INTEGER, function, same

PROBABILITY = (0.1, 0.9)


# A formula is read where no numbers happen to be equal, so it is written without the branches of x == 0.
def log_or_nothing(x: Any, y: Any, logarithm: Any, edge: float) -> Any:
    """log y, but 0 where x is 0 and y not in the domain of the logarithm."""
    zero, outside = x == 0, y <= edge
    at_zero = np.where(outside, 0.0, logarithm(np.where(outside, 1.0, y)))
    return np.where(zero, at_zero, logarithm(np.where(zero, 1.0, y)))


def quotient(x: Any, y: Any) -> Any:
    """x/y, but 0 where x is 0 and y not positive, with all its derivatives."""
    zero, outside = x == 0, y <= 0
    return np.where(zero, np.where(outside, 0.0, x / np.where(outside, 1.0, y)), x / np.where(zero, 1.0, y))


def log_ratio(x: Any, y: Any) -> Any:
    """log(x/y); where x is 0 in two parts, of which one depends on y alone."""
    zero = x == 0
    return np.where(zero, np.log(np.where(zero, x, 1.0)) - np.log(y), np.log(np.where(zero, 1.0, x) / y))


def exprel_slope(x: Any) -> Any:
    """The derivative of (eˣ − 1)/x, which is ½ ₁F₁(2; 3; x): exact also near 0."""
    return special.hyp1f1(2.0, 3.0, x) / 2


def log1p_slope(t: Any) -> Any:
    """The derivative of log(1 + t)/t, which is −½ ₂F₁(2, 2; 3; −t): exact also near 0."""
    near = abs(t) < 0.5
    small = np.where(near, t, 0.0)
    large = np.where(near, 1.0, t)
    away = (large - (1 + large) * np.log1p(large)) / (large * large * (1 + large))
    return np.where(near, -special.hyp2f1(2.0, 2.0, 3.0, -small) / 2, away)


# entropies
xlogy = function(
    "xlogy",
    "x y",
    lambda x, y: log_or_nothing(x, y, np.log, 0.0),
    lambda x, y: quotient(x, y),
    at=POSITIVE,
    text="{0} log({1})",
    latex=r"{0} \log\left({1}\right)",
)
xlog1py = function(
    "xlog1py",
    "x y",
    lambda x, y: log_or_nothing(x, y, np.log1p, -1.0),
    lambda x, y: quotient(x, 1 + y),
    at=POSITIVE,
    text="{0} log(1 + {1})",
    latex=r"{0} \log\left(1 + {1}\right)",
)
entr = function("entr", "x", lambda x: -np.log(x) - 1, at=POSITIVE, text="H({0})", latex=r"H\left({0}\right)")
rel_entr = function("rel_entr", "x y", lambda x, y: log_ratio(x, y) + 1, lambda x, y: -quotient(x, y), at=POSITIVE)
kl_div = function("kl_div", "x y", lambda x, y: log_ratio(x, y), lambda x, y: 1 - quotient(x, y), at=POSITIVE)

# logistic functions
expit = function("expit", "x", lambda out: out * (1 - out), text="σ({0})", latex=r"\sigma\left({0}\right)")
log_expit = function(
    "log_expit", "x", lambda x: special.expit(-x), text="log σ({0})", latex=r"\log \sigma\left({0}\right)"
)
logit = function("logit", "x", lambda x: 1 / (x * (1 - x)), at=PROBABILITY)

# losses
huber = function(
    "huber",
    "delta r",
    lambda delta, r: np.maximum(abs(r) - delta, 0.0),
    lambda delta, r: np.clip(r, -delta, delta),
    at=((0.5, 1.0), (1.2, 2.0)),
)


def pseudo_huber_width(delta: Any, r: Any) -> Any:
    """∂/∂δ of δ² (√(1 + q) − 1) with q = (r/δ)², without cancellation."""
    q = (r / delta) ** 2
    s = np.sqrt(1 + q)
    return delta * q * q / (s * (1 + s) ** 2)


pseudo_huber = function(
    "pseudo_huber",
    "delta r",
    lambda delta, r: pseudo_huber_width(delta, r),
    lambda delta, r: r / np.sqrt(1 + (r / delta) ** 2),
    at=POSITIVE,
)

# power transforms: (x^λ − 1)/λ = log x · exprel(λ log x), and its inverse exp(y · log(1 + λy)/(λy))
boxcox = function(
    "boxcox",
    "x lmbda",
    lambda x, lmbda: x ** (lmbda - 1),
    lambda x, lmbda: np.log(x) ** 2 * exprel_slope(lmbda * np.log(x)),
    at=POSITIVE,
)
boxcox1p = function(
    "boxcox1p",
    "x lmbda",
    lambda x, lmbda: (1 + x) ** (lmbda - 1),
    lambda x, lmbda: np.log1p(x) ** 2 * exprel_slope(lmbda * np.log1p(x)),
    at=POSITIVE,
)
inv_boxcox = function(
    "inv_boxcox",
    "y lmbda",
    lambda out, lmbda: out ** (1 - lmbda),
    lambda out, y, lmbda: out * y * y * log1p_slope(lmbda * y),
    at=POSITIVE,
)
inv_boxcox1p = function(
    "inv_boxcox1p",
    "y lmbda",
    lambda out, lmbda: (1 + out) ** (1 - lmbda),
    lambda out, y, lmbda: (1 + out) * y * y * log1p_slope(lmbda * y),
    at=POSITIVE,
)
powm1 = function(
    "powm1",
    "x y",
    lambda x, y: y * x ** (y - 1),
    lambda x, out: (1 + out) * np.log(nonzero(x)),
    at=POSITIVE,
    text="{0}^{1} − 1",
    latex="{{{0}}}^{{{1}}} - 1",
)

# elementary functions
for name in ("exp2", "expm1", "log1p", "cbrt"):
    same(name, OPERATIONS[name])
exp10 = function("exp10", "x", lambda out: log(10.0) * out, text="10^{0}", latex="10^{{{0}}}")
exprel = function("exprel", "x", lambda x: exprel_slope(x))
cosm1 = function("cosm1", "x", lambda x: -np.sin(x), text="cos({0}) − 1", latex=r"\cos\left({0}\right) - 1")
sindg = function(
    "sindg", "x", lambda x: DEGREE * special.cosdg(x), text="sin({0}°)", latex=r"\sin\left({{{0}}}^{{\circ}}\right)"
)
cosdg = function(
    "cosdg", "x", lambda x: -DEGREE * special.sindg(x), text="cos({0}°)", latex=r"\cos\left({{{0}}}^{{\circ}}\right)"
)
tandg = function(
    "tandg", "x", lambda out: DEGREE * (1 + out * out), text="tan({0}°)", latex=r"\tan\left({{{0}}}^{{\circ}}\right)"
)
cotdg = function(
    "cotdg",
    "x",
    lambda out: -DEGREE * (1 + out * out),
    at=(20.0, 70.0),
    text="cot({0}°)",
    latex=r"\cot\left({{{0}}}^{{\circ}}\right)",
)
radian = function("radian", "d m s", pi / 180, pi / 10800, pi / 648000)
nearest = function("round", "x", INTEGER, at=(0.1, 0.4), key="nearest")
