"""Gamma, beta and zeta functions of scipy.special, and the incomplete ones with their inverses."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.ops.special import INTEGER, UNKNOWN, complement, function, inverse
from chainrule.ops.special_moments import beta_by_first, beta_by_second, beta_density, gamma_by_shape, gamma_density

POSITIVE = (0.5, 2.5)
PROBABILITY = (0.1, 0.9)


def reciprocal_slope(x: Any, out: Any) -> Any:
    """(1/Γ)′ = −ψ/Γ; where 1/Γ is 0, ψ has a pole, and 1/Γ(x) = Γ(1−x) sin(πx)/π has none."""
    zero = out == 0
    z = np.where(zero, 1 - np.minimum(x, 0.0), 1.0)
    turned = special.gamma(z) * (np.cos(pi * x) - np.sin(pi * x) * special.psi(z) / pi)
    return np.where(zero, np.where(x > 0, 0.0, turned), -special.psi(np.where(zero, 1.0, x)) * out)


# Γ and its kin
gamma = function(
    "gamma", "z", lambda z, out: out * special.psi(z), at=POSITIVE, text="Γ({0})", latex=r"\Gamma\left({0}\right)"
)
LOG_GAMMA = {"at": POSITIVE, "text": "log Γ({0})", "latex": r"\log \Gamma\left({0}\right)"}
gammaln = function("gammaln", "x", lambda x: special.psi(x), **LOG_GAMMA)
loggamma = function("loggamma", "z", lambda z: special.psi(z), **LOG_GAMMA)
rgamma = function(
    "rgamma",
    "z",
    lambda z, out: reciprocal_slope(z, out),
    at=(-2.5, 2.5),
    text="1 / Γ({0})",
    latex=r"\frac{{1}}{{\Gamma\left({0}\right)}}",
)
gammasgn = function("gammasgn", "x", INTEGER, at=POSITIVE)
psi = function("psi", "z", lambda z: special.zeta(2, z), at=POSITIVE, text="ψ({0})", latex=r"\psi\left({0}\right)")
poch = function(
    "poch",
    "z m",
    lambda z, m, out: out * (special.psi(z + m) - special.psi(z)),
    lambda z, m, out: out * special.psi(z + m),
    at=POSITIVE,
    text="({0})_{1}",
    latex=r"\left({0}\right)_{{{1}}}",
)
binom = function(
    "binom",
    "x y",
    lambda x, y, out: out * (special.psi(x + 1) - special.psi(x - y + 1)),
    lambda x, y, out: out * (special.psi(x - y + 1) - special.psi(y + 1)),
    at=((3.1, 4.5), (0.3, 1.8)),
    text="({0} choose {1})",
    latex=r"\binom{{{0}}}{{{1}}}",
)

# ζ: of two arguments, by which polygamma is defined; of one, the Riemann zeta function
hurwitz_zeta = function(
    "_zeta",
    "x q",
    UNKNOWN,
    lambda x, q: -x * special.zeta(x + 1, q),
    at=((2.2, 4.0), POSITIVE),
    key="zeta",
    text="ζ({0}, {1})",
    latex=r"\zeta\left({0}, {1}\right)",
)
riemann_zeta = function(
    "_riemann_zeta", "x", UNKNOWN, at=(2.2, 4.0), key="riemann_zeta", text="ζ({0})", latex=r"\zeta\left({0}\right)"
)
zetac = function("zetac", "x", UNKNOWN, at=(2.2, 4.0), text="ζ({0}) − 1", latex=r"\zeta\left({0}\right) - 1")

# B and its kin
beta = function(
    "beta",
    "a b",
    lambda a, b, out: out * (special.psi(a) - special.psi(a + b)),
    lambda a, b, out: out * (special.psi(b) - special.psi(a + b)),
    at=POSITIVE,
    text="B({0}, {1})",
    latex=r"B\left({0}, {1}\right)",
)
betaln = function(
    "betaln",
    "a b",
    lambda a, b: special.psi(a) - special.psi(a + b),
    lambda a, b: special.psi(b) - special.psi(a + b),
    at=POSITIVE,
    text="log B({0}, {1})",
    latex=r"\log B\left({0}, {1}\right)",
)

# incomplete: ∂/∂x is a density
gammainc = function(
    "gammainc",
    "a x",
    gamma_by_shape,
    gamma_density,
    at=POSITIVE,
    text="P({0}, {1})",
    latex=r"P\left({0}, {1}\right)",
)
gammaincc = complement(
    "gammaincc",
    "a x",
    gamma_by_shape,
    gamma_density,
    at=POSITIVE,
    text="Q({0}, {1})",
    latex=r"Q\left({0}, {1}\right)",
)
gammaincinv = inverse(
    "gammaincinv",
    "a y",
    1,
    gamma_by_shape,
    gamma_density,
    at=(POSITIVE, PROBABILITY),
    text="P⁻¹({0}, {1})",
    latex=r"P^{{-1}}\left({0}, {1}\right)",
)
gammainccinv = inverse(
    "gammainccinv",
    "a y",
    1,
    gamma_by_shape,
    gamma_density,
    sign=-1,
    at=(POSITIVE, PROBABILITY),
    text="Q⁻¹({0}, {1})",
    latex=r"Q^{{-1}}\left({0}, {1}\right)",
)
BETA = (beta_by_first, beta_by_second, beta_density)
BETA_AT = (POSITIVE, POSITIVE, PROBABILITY)
betainc = function(
    "betainc", "a b x", *BETA, at=BETA_AT, text="I({2}; {0}, {1})", latex=r"I_{{{2}}}\left({0}, {1}\right)"
)
betaincc = complement("betaincc", "a b x", *BETA, at=BETA_AT)
betaincinv = inverse("betaincinv", "a b y", 2, *BETA, at=BETA_AT)
betainccinv = inverse("betainccinv", "a b y", 2, *BETA, sign=-1, at=BETA_AT)
btdtria = inverse("btdtria", "p b x", 0, *BETA, at=((0.3, 0.7), POSITIVE, (0.3, 0.7)))
btdtrib = inverse("btdtrib", "a p x", 1, *BETA, at=(POSITIVE, (0.3, 0.7), (0.3, 0.7)))
