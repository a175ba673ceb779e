"""Distribution functions of scipy.special: the derivative is a density, that of an inverse one over it.

Counts of successes and events are rounded down to integers by SciPy, so nothing flows to them. With respect to degrees
of freedom and shapes, the derivatives are integrals with a logarithm.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.ops.special import INTEGER, UNKNOWN, function
from chainrule.ops.special_error import ROOT_TWO_PI
from chainrule.ops.special_information import exprel_slope
from chainrule.ops.special_moments import beta_by_first, beta_by_second, beta_density, gamma_by_shape, gamma_density

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


def chi_square_by_degree(v: Any, x: Any) -> Any:
    """∂/∂v of the distribution function of χ²."""
    return gamma_by_shape(v / 2, x / 2) / 2


def ratio_by_first(n: Any, d: Any, x: Any) -> Any:
    """∂/∂n of the distribution function of F, which is I(z; n/2, d/2) at z = nx/(nx + d)."""
    return beta_by_first(n / 2, d / 2, n * x / (n * x + d)) / 2 + ratio_density(n, d, x) * x / n


def ratio_by_second(n: Any, d: Any, x: Any) -> Any:
    """∂/∂d of it."""
    return beta_by_second(n / 2, d / 2, n * x / (n * x + d)) / 2 - ratio_density(n, d, x) * x / d


def student_by_degree(df: Any, t: Any) -> Any:
    """∂/∂df of the distribution function of Student's t, which is ½ I(z; df/2, ½) at z = df/(df + t²) for t < 0."""
    side = np.where(t < 0, 1.0, -1.0)
    return side * beta_by_first(df / 2, 0.5, df / (df + t * t)) / 4 - student_density(df, t) * t / (2 * df)


CHI = (SHAPE, POSITIVE)
chdtr = function("chdtr", "v x", lambda v, x: chi_square_by_degree(v, x), lambda v, x: chi_square_density(v, x), at=CHI)
chdtrc = function(
    "chdtrc", "v x", lambda v, x: -chi_square_by_degree(v, x), lambda v, x: -chi_square_density(v, x), at=CHI
)
chdtri = function(
    "chdtri",
    "v p",
    lambda v, out: -chi_square_by_degree(v, out) / chi_square_density(v, out),
    lambda v, out: -1 / chi_square_density(v, out),
    at=(SHAPE, PROBABILITY),
)
chdtriv = function(
    "chdtriv",
    "p x",
    lambda out, x: 1 / chi_square_by_degree(out, x),
    lambda out, x: -chi_square_density(out, x) / chi_square_by_degree(out, x),
    at=((0.3, 0.7), POSITIVE),
)
RATIO = (SHAPE, SHAPE, POSITIVE)
fdtr = function(
    "fdtr",
    "dfn dfd x",
    lambda dfn, dfd, x: ratio_by_first(dfn, dfd, x),
    lambda dfn, dfd, x: ratio_by_second(dfn, dfd, x),
    lambda dfn, dfd, x: ratio_density(dfn, dfd, x),
    at=RATIO,
)
fdtrc = function(
    "fdtrc",
    "dfn dfd x",
    lambda dfn, dfd, x: -ratio_by_first(dfn, dfd, x),
    lambda dfn, dfd, x: -ratio_by_second(dfn, dfd, x),
    lambda dfn, dfd, x: -ratio_density(dfn, dfd, x),
    at=RATIO,
)
fdtri = function(
    "fdtri",
    "dfn dfd p",
    lambda dfn, dfd, out: -ratio_by_first(dfn, dfd, out) / ratio_density(dfn, dfd, out),
    lambda dfn, dfd, out: -ratio_by_second(dfn, dfd, out) / ratio_density(dfn, dfd, out),
    lambda dfn, dfd, out: 1 / ratio_density(dfn, dfd, out),
    at=(SHAPE, SHAPE, PROBABILITY),
)
stdtr = function(
    "stdtr",
    "df t",
    lambda df, t: student_by_degree(df, t),
    lambda df, t: student_density(df, t),
    at=(SHAPE, (-2.0, 2.0)),
)
stdtrit = function(
    "stdtrit",
    "df p",
    lambda df, out: -student_by_degree(df, out) / student_density(df, out),
    lambda df, out: 1 / student_density(df, out),
    at=(SHAPE, PROBABILITY),
)
GAMMA = (POSITIVE, SHAPE, POSITIVE)
gdtr = function(
    "gdtr",
    "a b x",
    lambda a, b, x: x * gamma_density(b, a * x),
    lambda a, b, x: gamma_by_shape(b, a * x),
    lambda a, b, x: a * gamma_density(b, a * x),
    at=GAMMA,
)
gdtrc = function(
    "gdtrc",
    "a b x",
    lambda a, b, x: -x * gamma_density(b, a * x),
    lambda a, b, x: -gamma_by_shape(b, a * x),
    lambda a, b, x: -a * gamma_density(b, a * x),
    at=GAMMA,
)
gdtrix = function(  # x with gdtr(a, b, x) = p: a function of b and p, over a
    "gdtrix",
    "a b p",
    lambda a, out: -out / a,
    lambda a, b, out: -gamma_by_shape(b, a * out) / (a * gamma_density(b, a * out)),
    lambda a, b, out: 1 / (a * gamma_density(b, a * out)),
    at=(POSITIVE, SHAPE, PROBABILITY),
)
gdtria = function(
    "gdtria",
    "p b x",
    lambda out, b, x: 1 / (x * gamma_density(b, out * x)),
    lambda out, b, x: -gamma_by_shape(b, out * x) / (x * gamma_density(b, out * x)),
    lambda out, x: -out / x,
    at=(PROBABILITY, SHAPE, POSITIVE),
)
gdtrib = function(
    "gdtrib",
    "a p x",
    lambda a, out, x: -x * gamma_density(out, a * x) / gamma_by_shape(out, a * x),
    lambda a, out, x: 1 / gamma_by_shape(out, a * x),
    lambda a, out, x: -a * gamma_density(out, a * x) / gamma_by_shape(out, a * x),
    at=(POSITIVE, (0.3, 0.7), POSITIVE),
)
pdtrik = function(  # of gammaincc(k + 1, m) = p, where k need be no integer
    "pdtrik",
    "p m",
    lambda out, m: -1 / gamma_by_shape(out + 1, m),
    lambda out, m: -gamma_density(out + 1, m) / gamma_by_shape(out + 1, m),
    at=((0.3, 0.7), (2.0, 4.0)),
)


stdtridf = function(
    "stdtridf",
    "p t",
    lambda out, t: 1 / student_by_degree(out, t),
    lambda out, t: -student_density(out, t) / student_by_degree(out, t),
    at=((0.85, 0.9), (1.4, 1.8)),
)
fdtridfd = function(
    "fdtridfd",
    "dfn p x",
    lambda dfn, out, x: -ratio_by_first(dfn, out, x) / ratio_by_second(dfn, out, x),
    lambda dfn, out, x: 1 / ratio_by_second(dfn, out, x),
    lambda dfn, out, x: -ratio_density(dfn, out, x) / ratio_by_second(dfn, out, x),
    at=((1.9, 2.1), (0.62, 0.66), (1.4, 1.6)),
)


# inverses for a count, which need be no integer: of I(1 − p; n − k, k + 1) = y, and of I(p; n, k + 1) = y
def by_failures(k: Any, n: Any, p: Any) -> tuple[Any, Any, Any]:
    """∂/∂k, ∂/∂n and ∂/∂p of the first."""
    first = beta_by_first(n - k, k + 1, 1 - p)
    return beta_by_second(n - k, k + 1, 1 - p) - first, first, -beta_density(n - k, k + 1, 1 - p)


def by_successes(k: Any, n: Any, p: Any) -> tuple[Any, Any, Any]:
    """∂/∂k, ∂/∂n and ∂/∂p of the second."""
    return beta_by_second(n, k + 1, p), beta_by_first(n, k + 1, p), beta_density(n, k + 1, p)


def counts(name: str, wanted: str, slopes: Any, at: Any) -> None:
    """An inverse for k (of y, n, p) or for n (of k, y, p)."""
    if wanted == "k":
        function(
            name,
            "y n p",
            lambda out, n, p: 1 / slopes(out, n, p)[0],
            lambda out, n, p: -slopes(out, n, p)[1] / slopes(out, n, p)[0],
            lambda out, n, p: -slopes(out, n, p)[2] / slopes(out, n, p)[0],
            at=at,
        )
    else:
        function(
            name,
            "k y p",
            lambda k, out, p: -slopes(k, out, p)[0] / slopes(k, out, p)[1],
            lambda k, out, p: 1 / slopes(k, out, p)[1],
            lambda k, out, p: -slopes(k, out, p)[2] / slopes(k, out, p)[1],
            at=at,
        )


counts("bdtrik", "k", by_failures, ((0.6, 0.8), (6.0, 8.0), (0.4, 0.6)))
counts("bdtrin", "n", by_failures, ((2.0, 3.0), (0.4, 0.6), (0.4, 0.6)))
counts("nbdtrik", "k", by_successes, ((0.4, 0.6), (2.0, 3.0), (0.3, 0.5)))
counts("nbdtrin", "n", by_successes, ((2.0, 3.0), (0.4, 0.6), (0.3, 0.5)))


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

# what has no density in scipy.special
for name, arguments in (
    ("chndtridf", "x p nc"),
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
