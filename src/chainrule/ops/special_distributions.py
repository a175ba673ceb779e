"""Distribution functions of scipy.special: the derivative is a density, that of an inverse one over it.

Counts of successes and events are rounded down to integers by SciPy, so nothing flows to them. With respect to degrees
of freedom and shapes, the derivatives are integrals with a logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.ops.special import INTEGER, UNKNOWN, complement, function, inverse
from chainrule.ops.special_error import ROOT_TWO_PI, quantile_slope
from chainrule.ops.special_information import exprel_slope
from chainrule.ops.special_moments import beta_by_first, beta_by_second, beta_density, gamma_by_shape, gamma_density

PROBABILITY = (0.1, 0.9)
POSITIVE = (0.5, 2.5)
SHAPE = (1.5, 4.0)


# binomial, negative binomial and Poisson: I(1 − p; n − k, k + 1), I(p; n, k + 1) and Q(k + 1, m), by each argument
def binomial_by_successes(k: Any, n: Any, p: Any) -> Any:
    """∂/∂k of the probability of at most k successes in n trials."""
    return beta_by_second(n - k, k + 1, 1 - p) - beta_by_first(n - k, k + 1, 1 - p)


def binomial_by_trials(k: Any, n: Any, p: Any) -> Any:
    """∂/∂n of it."""
    return beta_by_first(n - k, k + 1, 1 - p)


def binomial_by_chance(k: Any, n: Any, p: Any) -> Any:
    """∂/∂p of it."""
    return -beta_density(k + 1, n - k, p)


def waiting_by_failures(k: Any, n: Any, p: Any) -> Any:
    """∂/∂k of the probability of at most k failures before n successes."""
    return beta_by_second(n, k + 1, p)


def waiting_by_successes(k: Any, n: Any, p: Any) -> Any:
    """∂/∂n of it."""
    return beta_by_first(n, k + 1, p)


def waiting_by_chance(k: Any, n: Any, p: Any) -> Any:
    """∂/∂p of it."""
    return beta_density(n, k + 1, p)


def poisson_by_events(k: Any, m: Any) -> Any:
    """∂/∂k of the probability of at most k events where m are expected."""
    return -gamma_by_shape(k + 1, m)


def poisson_by_mean(k: Any, m: Any) -> Any:
    """∂/∂m of it."""
    return -gamma_density(k + 1, m)


def of_whole(slope: Callable[..., Any]) -> Callable[..., Any]:
    """The slope by the last argument where all the others are rounded down."""
    return lambda *given: slope(*map(np.floor, given[:-1]), given[-1])


SUCCESSES, TRIALS = [0, 1, 2], [3, 3, 4]
COUNTS = (SUCCESSES, TRIALS, PROBABILITY)
WHOLE_BINOMIAL = (INTEGER, INTEGER, of_whole(binomial_by_chance))
bdtr = function("bdtr", "k n p", *WHOLE_BINOMIAL, at=COUNTS)
bdtrc = complement("bdtrc", "k n p", *WHOLE_BINOMIAL, at=COUNTS)
bdtri = inverse("bdtri", "k n y", 2, *WHOLE_BINOMIAL, at=COUNTS)
WHOLE_WAITING = (INTEGER, INTEGER, of_whole(waiting_by_chance))
nbdtr = function("nbdtr", "k n p", *WHOLE_WAITING, at=COUNTS)
nbdtrc = complement("nbdtrc", "k n p", *WHOLE_WAITING, at=COUNTS)
nbdtri = inverse("nbdtri", "k n y", 2, *WHOLE_WAITING, at=COUNTS)
WHOLE_POISSON = (INTEGER, of_whole(poisson_by_mean))
pdtr = function("pdtr", "k m", *WHOLE_POISSON, at=(SUCCESSES, POSITIVE))
pdtrc = complement("pdtrc", "k m", *WHOLE_POISSON, at=(SUCCESSES, POSITIVE))
pdtri = inverse("pdtri", "k y", 1, *WHOLE_POISSON, at=(SUCCESSES, PROBABILITY))

# inverses for a count, which need be no integer
BINOMIAL = (binomial_by_successes, binomial_by_trials, binomial_by_chance)
bdtrik = inverse("bdtrik", "y n p", 0, *BINOMIAL, at=((0.6, 0.8), (6.0, 8.0), (0.4, 0.6)))
bdtrin = inverse("bdtrin", "k y p", 1, *BINOMIAL, at=((2.0, 3.0), (0.4, 0.6), (0.4, 0.6)))
WAITING = (waiting_by_failures, waiting_by_successes, waiting_by_chance)
nbdtrik = inverse("nbdtrik", "y n p", 0, *WAITING, at=((0.4, 0.6), (2.0, 3.0), (0.3, 0.5)))
nbdtrin = inverse("nbdtrin", "k y p", 1, *WAITING, at=((2.0, 3.0), (0.4, 0.6), (0.3, 0.5)))
pdtrik = inverse("pdtrik", "p m", 0, poisson_by_events, poisson_by_mean, at=((0.3, 0.7), (2.0, 4.0)))


# χ², gamma, F and t
def chi_square_density(v: Any, x: Any) -> Any:
    """The density of χ² with v degrees of freedom."""
    return gamma_density(v / 2, x / 2) / 2


def ratio_density(dfn: Any, dfd: Any, x: Any) -> Any:
    """The density of F with two degrees of freedom, n and d."""
    n, d = dfn, dfd
    power = special.xlogy(n / 2, n) + special.xlogy(d / 2, d) + special.xlogy(n / 2 - 1, x)
    return np.exp(power - (n + d) / 2 * np.log(d + n * x) - special.betaln(n / 2, d / 2))


def student_density(df: Any, t: Any) -> Any:
    """The density of Student's t."""
    return np.exp(-(df + 1) / 2 * np.log1p(t * t / df) - np.log(df) / 2 - special.betaln(0.5, df / 2))


def chi_square_by_degree(v: Any, x: Any) -> Any:
    """∂/∂v of the distribution function of χ²."""
    return gamma_by_shape(v / 2, x / 2) / 2


def ratio_by_first(dfn: Any, dfd: Any, x: Any) -> Any:
    """∂/∂n of the distribution function of F, which is I(z; n/2, d/2) at z = nx/(nx + d)."""
    n, d = dfn, dfd
    return beta_by_first(n / 2, d / 2, n * x / (n * x + d)) / 2 + ratio_density(n, d, x) * x / n


def ratio_by_second(dfn: Any, dfd: Any, x: Any) -> Any:
    """∂/∂d of it."""
    n, d = dfn, dfd
    return beta_by_second(n / 2, d / 2, n * x / (n * x + d)) / 2 - ratio_density(n, d, x) * x / d


def student_by_degree(df: Any, t: Any) -> Any:
    """∂/∂df of the distribution function of Student's t, which is ½ I(z; df/2, ½) at z = df/(df + t²) for t < 0."""
    side = np.where(t < 0, 1.0, -1.0)
    return side * beta_by_first(df / 2, 0.5, df / (df + t * t)) / 4 - student_density(df, t) * t / (2 * df)


CHI_SQUARE = (chi_square_by_degree, chi_square_density)
chdtr = function("chdtr", "v x", *CHI_SQUARE, at=(SHAPE, POSITIVE))
chdtrc = complement("chdtrc", "v x", *CHI_SQUARE, at=(SHAPE, POSITIVE))
chdtri = inverse("chdtri", "v p", 1, *CHI_SQUARE, sign=-1, at=(SHAPE, PROBABILITY))
chdtriv = inverse("chdtriv", "p x", 0, *CHI_SQUARE, at=((0.3, 0.7), POSITIVE))
RATIO = (ratio_by_first, ratio_by_second, ratio_density)
fdtr = function("fdtr", "dfn dfd x", *RATIO, at=(SHAPE, SHAPE, POSITIVE))
fdtrc = complement("fdtrc", "dfn dfd x", *RATIO, at=(SHAPE, SHAPE, POSITIVE))
fdtri = inverse("fdtri", "dfn dfd p", 2, *RATIO, at=(SHAPE, SHAPE, PROBABILITY))
fdtridfd = inverse("fdtridfd", "dfn p x", 1, *RATIO, at=((1.9, 2.1), (0.62, 0.66), (1.4, 1.6)))
STUDENT = (student_by_degree, student_density)
stdtr = function("stdtr", "df t", *STUDENT, at=(SHAPE, (-2.0, 2.0)))
stdtrit = inverse("stdtrit", "df p", 1, *STUDENT, at=(SHAPE, PROBABILITY))
stdtridf = inverse("stdtridf", "p t", 0, *STUDENT, at=((0.85, 0.9), (1.4, 1.8)))


# gamma
def scaled_by_rate(a: Any, b: Any, x: Any) -> Any:
    """∂/∂a of P(b, ax)."""
    return x * gamma_density(b, a * x)


def scaled_by_shape(a: Any, b: Any, x: Any) -> Any:
    """∂/∂b of it."""
    return gamma_by_shape(b, a * x)


def scaled_density(a: Any, b: Any, x: Any) -> Any:
    """∂/∂x of it."""
    return a * gamma_density(b, a * x)


SCALED = (scaled_by_rate, scaled_by_shape, scaled_density)
gdtr = function("gdtr", "a b x", *SCALED, at=(POSITIVE, SHAPE, POSITIVE))
gdtrc = complement("gdtrc", "a b x", *SCALED, at=(POSITIVE, SHAPE, POSITIVE))
gdtrib = inverse("gdtrib", "a p x", 1, *SCALED, at=(POSITIVE, (0.3, 0.7), POSITIVE))
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


NONCENTRAL = (noncentral_density, UNKNOWN, noncentral_shift)
chndtr = function("chndtr", "x df nc", *NONCENTRAL, at=(POSITIVE, SHAPE, POSITIVE))
chndtrix = inverse("chndtrix", "p df nc", 0, *NONCENTRAL, at=(PROBABILITY, SHAPE, POSITIVE))
chndtrinc = inverse("chndtrinc", "x df p", 2, *NONCENTRAL, at=((4.0, 6.0), SHAPE, (0.2, 0.4)))


# normal, with its mean or its deviation wanted
nrdtrimn = function(
    "nrdtrimn",
    "p std x",
    lambda out, std, x: -std * quantile_slope((x - out) / std),
    lambda out, std, x: (out - x) / std,
    1,
    at=(PROBABILITY, POSITIVE, POSITIVE),
)
nrdtrisd = function(
    "nrdtrisd",
    "mn p x",
    lambda mn, out, x: out / (mn - x),
    lambda mn, out, x: out * out / (mn - x) * quantile_slope((x - mn) / out),
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
    return np.where(few, right, ROOT_TWO_PI / (small * small) * left)


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
