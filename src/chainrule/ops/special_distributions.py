"""Distribution functions of scipy.special: the derivative is a density, that of an inverse one over it.

Counts of successes and events are rounded down to integers by SciPy, so nothing flows to them. With respect to degrees
of freedom and shapes, the derivatives are no expressions in functions that SciPy has.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.ops.special import INTEGER, UNKNOWN, function
from chainrule.ops.special_error import ROOT_TWO_PI
from chainrule.ops.special_gamma import beta_density, gamma_density
from chainrule.ops.special_information import exprel_slope

PROBABILITY = (0.1, 0.9)
POSITIVE = (0.5, 2.5)
SHAPE = (1.5, 4.0)

# binomial, negative binomial and Poisson
SUCCESSES, TRIALS = [0, 1, 2], [3, 3, 4]


def binomial_density(k: Any, n: Any, p: Any) -> Any:
    """−∂/∂p of the probability of at most k successes in n trials."""
    k = np.floor(k)
    return beta_density(k + 1, n - k, p)


COUNTS = (SUCCESSES, TRIALS, PROBABILITY)
bdtr = function("bdtr", "k n p", INTEGER, INTEGER, lambda k, n, p: -binomial_density(k, n, p), at=COUNTS)
bdtrc = function("bdtrc", "k n p", INTEGER, INTEGER, lambda k, n, p: binomial_density(k, n, p), at=COUNTS)
bdtri = function("bdtri", "k n y", INTEGER, INTEGER, lambda k, n, out: -1 / binomial_density(k, n, out), at=COUNTS)
nbdtr = function("nbdtr", "k n p", INTEGER, INTEGER, lambda k, n, p: beta_density(n, k + 1, p), at=COUNTS)
nbdtrc = function("nbdtrc", "k n p", INTEGER, INTEGER, lambda k, n, p: -beta_density(n, k + 1, p), at=COUNTS)
nbdtri = function("nbdtri", "k n y", INTEGER, INTEGER, lambda k, n, out: 1 / beta_density(n, k + 1, out), at=COUNTS)
EVENTS = (SUCCESSES, POSITIVE)
pdtr = function("pdtr", "k m", INTEGER, lambda k, m: -gamma_density(np.floor(k) + 1, m), at=EVENTS)
pdtrc = function("pdtrc", "k m", INTEGER, lambda k, m: gamma_density(np.floor(k) + 1, m), at=EVENTS)
pdtri = function("pdtri", "k y", INTEGER, lambda k, out: -1 / gamma_density(k + 1, out), at=(SUCCESSES, PROBABILITY))


# χ², gamma, F and t
def chi_square_density(v: Any, x: Any) -> Any:
    """The density of χ² with v degrees of freedom."""
    return gamma_density(v / 2, x / 2) / 2


def ratio_density(n: Any, d: Any, x: Any) -> Any:
    """The density of F with n and d degrees of freedom."""
    z = n * x
    power = special.xlogy(n / 2, n) + special.xlogy(d / 2, d) + special.xlogy(n / 2 - 1, x)
    return np.exp(power - (n + d) / 2 * np.log(d + z) - special.betaln(n / 2, d / 2))


def student_density(df: Any, t: Any) -> Any:
    """The density of Student's t."""
    return np.exp(-(df + 1) / 2 * np.log1p(t * t / df) - np.log(df) / 2 - special.betaln(0.5, df / 2))


CHI = (SHAPE, POSITIVE)
chdtr = function("chdtr", "v x", UNKNOWN, lambda v, x: chi_square_density(v, x), at=CHI)
chdtrc = function("chdtrc", "v x", UNKNOWN, lambda v, x: -chi_square_density(v, x), at=CHI)
chdtri = function("chdtri", "v p", UNKNOWN, lambda v, out: -1 / chi_square_density(v, out), at=(SHAPE, PROBABILITY))
RATIO = (SHAPE, SHAPE, POSITIVE)
fdtr = function("fdtr", "dfn dfd x", UNKNOWN, UNKNOWN, lambda dfn, dfd, x: ratio_density(dfn, dfd, x), at=RATIO)
fdtrc = function("fdtrc", "dfn dfd x", UNKNOWN, UNKNOWN, lambda dfn, dfd, x: -ratio_density(dfn, dfd, x), at=RATIO)
fdtri = function(
    "fdtri",
    "dfn dfd p",
    UNKNOWN,
    UNKNOWN,
    lambda dfn, dfd, out: 1 / ratio_density(dfn, dfd, out),
    at=(SHAPE, SHAPE, PROBABILITY),
)
stdtr = function("stdtr", "df t", UNKNOWN, lambda df, t: student_density(df, t), at=(SHAPE, (-2.0, 2.0)))
stdtrit = function("stdtrit", "df p", UNKNOWN, lambda df, out: 1 / student_density(df, out), at=(SHAPE, PROBABILITY))
GAMMA = (POSITIVE, SHAPE, POSITIVE)
gdtr = function(
    "gdtr",
    "a b x",
    lambda a, b, x: x * gamma_density(b, a * x),
    UNKNOWN,
    lambda a, b, x: a * gamma_density(b, a * x),
    at=GAMMA,
)
gdtrc = function(
    "gdtrc",
    "a b x",
    lambda a, b, x: -x * gamma_density(b, a * x),
    UNKNOWN,
    lambda a, b, x: -a * gamma_density(b, a * x),
    at=GAMMA,
)
gdtrix = function(  # x with gdtr(a, b, x) = p: a function of p over a
    "gdtrix",
    "a b p",
    lambda a, out: -out / a,
    UNKNOWN,
    lambda a, b, out: 1 / (a * gamma_density(b, a * out)),
    at=(POSITIVE, SHAPE, PROBABILITY),
)
gdtria = function(
    "gdtria",
    "p b x",
    lambda out, b, x: 1 / (x * gamma_density(b, out * x)),
    UNKNOWN,
    lambda out, x: -out / x,
    at=(PROBABILITY, SHAPE, POSITIVE),
)


# noncentral χ²: the mean over k ~ Poisson(λ/2) of χ² with df + 2k degrees of freedom
def noncentral_density(x: Any, df: Any, nc: Any) -> Any:
    """The density of noncentral χ²: by ₀F₁, or by a scaled Bessel function where that would overflow."""
    z = nc * x
    near = z < 1000.0
    small, p, q = np.where(near, z, 0.0), np.where(near, 1.0, x), np.where(near, 1.0, nc)
    central = np.exp(-nc / 2) * special.hyp0f1(df / 2, small / 4) * chi_square_density(df, x)
    away = -((np.sqrt(p) - np.sqrt(q)) ** 2) / 2 + (df - 2) / 4 * np.log(p / q)
    return np.where(near, central, np.exp(away) * special.ive(df / 2 - 1, np.sqrt(p * q)) / 2)


def noncentral_shift(x: Any, df: Any, nc: Any) -> Any:
    """∂/∂λ of its distribution function."""
    return -noncentral_density(x, df + 2, nc)


NONCENTRAL = (POSITIVE, SHAPE, POSITIVE)
chndtr = function(
    "chndtr",
    "x df nc",
    lambda x, df, nc: noncentral_density(x, df, nc),
    UNKNOWN,
    lambda x, df, nc: noncentral_shift(x, df, nc),
    at=NONCENTRAL,
)
chndtrix = function(
    "chndtrix",
    "p df nc",
    lambda out, df, nc: 1 / noncentral_density(out, df, nc),
    UNKNOWN,
    lambda out, df, nc: -noncentral_shift(out, df, nc) / noncentral_density(out, df, nc),
    at=(PROBABILITY, SHAPE, POSITIVE),
)
chndtrinc = function(
    "chndtrinc",
    "x df p",
    lambda x, df, out: -noncentral_density(x, df, out) / noncentral_shift(x, df, out),
    UNKNOWN,
    lambda x, df, out: 1 / noncentral_shift(x, df, out),
    at=((4.0, 6.0), SHAPE, (0.2, 0.4)),
)


# normal, with its mean or its deviation wanted
def score_slope(z: Any) -> Any:
    """The derivative of Φ⁻¹ where it is z."""
    return ROOT_TWO_PI * np.exp(z * z / 2)


nrdtrimn = function(
    "nrdtrimn",
    "p std x",
    lambda out, std, x: -std * score_slope((x - out) / std),
    lambda out, std, x: (out - x) / std,
    1,
    at=(PROBABILITY, POSITIVE, POSITIVE),
)
nrdtrisd = function(
    "nrdtrisd",
    "mn p x",
    lambda mn, out, x: out / (mn - x),
    lambda mn, out, x: out * out / (mn - x) * score_slope((x - mn) / out),
    lambda mn, out, x: out / (x - mn),
    at=((-1.0, 0.0), (0.6, 0.9), (1.0, 2.0)),
)


# Tukey's λ: the inverse of (p^λ − (1 − p)^λ)/λ, which is 0 or 1 beyond its ends
def tukey_slopes(x: Any, lmbda: Any, out: Any) -> tuple[Any, Any]:
    """∂F/∂x and ∂F/∂λ."""
    inside = (out > 0) & (out < 1)
    p = np.where(inside, out, 0.5)
    density = 1 / (p ** (lmbda - 1) + (1 - p) ** (lmbda - 1))
    left, right = np.log(p), np.log1p(-p)
    by_shape = left**2 * exprel_slope(lmbda * left) - right**2 * exprel_slope(lmbda * right)
    return np.where(inside, density, 0.0), np.where(inside, -by_shape * density, 0.0)


tklmbda = function(
    "tklmbda",
    "x lmbda",
    lambda x, lmbda, out: tukey_slopes(x, lmbda, out)[0],
    lambda x, lmbda, out: tukey_slopes(x, lmbda, out)[1],
    at=((-1.0, 1.0), (0.2, 0.6)),
)


# Kolmogorov's: 2 Σ (−1)^(k−1) exp(−2k²y²), or 1 − √(2π)/y Σ exp(−(2k−1)²π²/(8y²)) where that has fewer terms
def kolmogorov_slope(y: Any) -> Any:
    """The derivative, by four terms of the series that converges faster at y."""
    few = y > 0.8
    large, small = np.where(few, y, 1.0), np.where(few, 1.0, y)
    right: Any = 0.0
    left: Any = 0.0
    for k in (1, 2, 3, 4):
        right = right + (-1) ** k * 8 * k * k * large * np.exp(-2 * k * k * large * large)
        rate = (2 * k - 1) ** 2 * pi * pi / 8
        left = left + (1 - 2 * rate / (small * small)) * np.exp(-rate / (small * small))
    return np.where(few, right, sqrt(2 * pi) / (small * small) * left)


kolmogorov = function("kolmogorov", "y", lambda y: kolmogorov_slope(y), at=(0.5, 1.5))
kolmogi = function("kolmogi", "p", lambda out: 1 / kolmogorov_slope(out), at=PROBABILITY)

# inverses for a count, a shape, or degrees of freedom; and what has no density in scipy.special
for name, arguments in (
    ("bdtrik", "y n p"),
    ("bdtrin", "k y p"),
    ("nbdtrik", "y n p"),
    ("nbdtrin", "k y p"),
    ("pdtrik", "p m"),
    ("btdtria", "p b x"),
    ("btdtrib", "a p x"),
    ("chdtriv", "p x"),
    ("chndtridf", "x p nc"),
    ("fdtridfd", "dfn p x"),
    ("gdtrib", "a p x"),
    ("stdtridf", "p t"),
    ("nctdtr", "df nc t"),
    ("nctdtridf", "p nc t"),
    ("nctdtrinc", "df p t"),
    ("nctdtrit", "df nc p"),
    ("ncfdtr", "dfn dfd nc f"),
    ("ncfdtri", "dfn dfd nc p"),
    ("ncfdtridfd", "dfn p nc f"),
    ("ncfdtridfn", "p dfd nc f"),
    ("ncfdtrinc", "dfn dfd p f"),
):
    function(name, arguments, *[UNKNOWN] * len(arguments.split()))
for name, arguments in (("smirnov", "n d"), ("smirnovi", "n p")):
    function(name, arguments, INTEGER, UNKNOWN, at=([1, 2, 4], PROBABILITY))
