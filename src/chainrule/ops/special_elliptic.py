"""Elliptic integrals and functions of scipy.special; derivatives are Carlson's symmetric integrals, exact at m = 0 too.

∂/∂m of Legendre's integrals divides by m in the books. In Carlson's form nothing cancels: with s = sin φ, c = cos φ and
Δ² = 1 − m s² they are F = s R_F(c², Δ², 1) and E = F − m/3 s³ R_D(c², Δ², 1), and ∂R_F(x, y, z)/∂z = −R_D(x, y, z)/6.
Derivatives of R_D, R_G and R_J are integrals of the same kind with other exponents, which `carlson` computes.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.op import Operation
from chainrule.ops.special import INTEGER, function, part, result, several
from chainrule.ops.special_moments import columns

# ∫ of h(t) dt from 0 to infinity is that of h(eˢ) eˢ ds: equal steps are exact to the last digit, because h(eˢ) has no
# singularity nearer to the real axis than π; the ends reach what decays like √t or 1/√t.
STEP = 0.5
NODES = np.exp(np.arange(-160.0, 76.0, STEP))


def carlson_forward(w: Any, x: Any, y: Any, z: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """∫ (t + w)^−a (t + x)^−b (t + y)^−c (t + z)^−d dt from 0 to infinity."""
    total = STEP * NODES
    w, x, y, z, a, b, c, d = columns(w, x, y, z, a, b, c, d)
    for base, exponent in ((w, a), (x, b), (y, c), (z, d)):
        total = total * (NODES + base) ** -exponent
    return np.sum(total, axis=-1)


CARLSON_HELPER = """def carlson(w, x, y, z, a, b, c, d):
    t = np.exp(np.arange(-160.0, 76.0, 0.5))
    total = 0.5 * t
    for base, exponent in ((w, a), (x, b), (y, c), (z, d)):
        total = total * (t + np.asarray(base)[..., None]) ** -np.asarray(exponent)[..., None]
    return np.sum(total, axis=-1)"""

carlson: Operation = part(
    "carlson",
    carlson_forward,
    "w x y z a b c d",
    lambda w, x, y, z, a, b, c, d: -a * carlson(w, x, y, z, a + 1, b, c, d),
    lambda w, x, y, z, a, b, c, d: -b * carlson(w, x, y, z, a, b + 1, c, d),
    lambda w, x, y, z, a, b, c, d: -c * carlson(w, x, y, z, a, b, c + 1, d),
    lambda w, x, y, z, a, b, c, d: -d * carlson(w, x, y, z, a, b, c, d + 1),
    *[INTEGER] * 4,  # half of one
    called="elliprj",
    python="carlson({0}, {1}, {2}, {3}, {4}, {5}, {6}, {7})",
    helper=CARLSON_HELPER,
    at=((0.4, 0.9), (1.0, 1.6), (1.7, 2.4), (2.5, 3.0), [1, 1, 1], [1, 1, 2], [0, 1, 1], [1, 0, 1]),
    text="R({0}, {1}, {2}, {3}; {4}, {5}, {6}, {7})",
    latex=r"R\left({0}, {1}, {2}, {3}; {4}, {5}, {6}, {7}\right)",
)

CARLSON = ((0.4, 0.9), (1.0, 1.6), (1.7, 2.4), (2.5, 3.0))


def symmetric(symbol: str, count: int) -> dict[str, Any]:
    """The notation of Carlson's integrals, and where to try them."""
    told = ", ".join([f"{{{k}}}" for k in range(count)])
    return {"at": CARLSON[:count], "text": f"R_{symbol}({told})", "latex": rf"R_{symbol}\left({told}\right)"}


# Carlson's integrals
elliprf = function(
    "elliprf",
    "x y z",
    lambda x, y, z: -special.elliprd(y, z, x) / 6,
    lambda x, y, z: -special.elliprd(x, z, y) / 6,
    lambda x, y, z: -special.elliprd(x, y, z) / 6,
    **symmetric("F", 3),
)
elliprc = function(  # R_F(x, y, y)
    "elliprc",
    "x y",
    lambda x, y: -special.elliprd(y, y, x) / 6,
    lambda x, y: -special.elliprd(x, y, y) / 3,
    **symmetric("C", 2),
)
elliprd = function(
    "elliprd",
    "x y z",
    lambda x, y, z: -0.75 * carlson(x, y, z, 1.0, 1.5, 0.5, 1.5, 0.0),
    lambda x, y, z: -0.75 * carlson(x, y, z, 1.0, 0.5, 1.5, 1.5, 0.0),
    lambda x, y, z: -2.25 * carlson(x, y, z, 1.0, 0.5, 0.5, 2.5, 0.0),
    **symmetric("D", 3),
)
elliprg = function(
    "elliprg",
    "x y z",
    lambda x, y, z: carlson(x, y, z, 0.0, 1.5, 0.5, 0.5, -1.0) / 8,
    lambda x, y, z: carlson(x, y, z, 0.0, 0.5, 1.5, 0.5, -1.0) / 8,
    lambda x, y, z: carlson(x, y, z, 0.0, 0.5, 0.5, 1.5, -1.0) / 8,
    **symmetric("G", 3),
)
elliprj = function(
    "elliprj",
    "x y z p",
    lambda x, y, z, p: -0.75 * carlson(x, y, z, p, 1.5, 0.5, 0.5, 1.0),
    lambda x, y, z, p: -0.75 * carlson(x, y, z, p, 0.5, 1.5, 0.5, 1.0),
    lambda x, y, z, p: -0.75 * carlson(x, y, z, p, 0.5, 0.5, 1.5, 1.0),
    lambda x, y, z, p: -1.5 * carlson(x, y, z, p, 0.5, 0.5, 0.5, 2.0),
    **symmetric("J", 4),
)
agm = function(  # π/2 over R_F(0, a², b²)
    "agm",
    "a b",
    lambda a, b, out: 2 / (3 * pi) * abs(a) * out * out * special.elliprd(0.0, b * b, a * a),
    lambda a, b, out: 2 / (3 * pi) * abs(b) * out * out * special.elliprd(0.0, a * a, b * b),
    at=(0.5, 2.0),
)


# Legendre's
def complete_first(m: Any) -> Any:
    """dK/dm."""
    return special.elliprd(0.0, 1.0, 1 - m) / 6


def complete_second(m: Any) -> Any:
    """dE/dm."""
    return -special.elliprd(0.0, 1 - m, 1.0) / 6


def first_by_parameter(phi: Any, m: Any) -> Any:
    """∂F/∂m; F grows by 2 K with every half turn."""
    turns = np.rint(phi / pi)
    s, c = np.sin(phi - pi * turns), np.cos(phi)
    return s**3 / 6 * special.elliprd(c * c, 1.0, 1 - m * s * s) + 2 * turns * complete_first(m)


def second_by_parameter(phi: Any, m: Any) -> Any:
    """∂E/∂m; E grows by 2 E(m) with every half turn."""
    turns = np.rint(phi / pi)
    s, c = np.sin(phi - pi * turns), np.cos(phi)
    return -(s**3) / 6 * special.elliprd(c * c, 1 - m * s * s, 1.0) + 2 * turns * complete_second(m)


PARAMETER = (-0.5, 0.8)
ANGLE = (0.3, 4.0)
ellipk = function("ellipk", "m", lambda m: complete_first(m), at=PARAMETER, text="K({0})", latex=r"K\left({0}\right)")
ellipkm1 = function(
    "ellipkm1",
    "p",
    lambda p: -special.elliprd(0.0, 1.0, p) / 6,
    at=(0.2, 1.5),
    text="K(1 − {0})",
    latex=r"K\left(1 - {0}\right)",
)
ellipe = function("ellipe", "m", lambda m: complete_second(m), at=PARAMETER, text="E({0})", latex=r"E\left({0}\right)")
ellipkinc = function(
    "ellipkinc",
    "phi m",
    lambda phi, m: 1 / np.sqrt(1 - m * np.sin(phi) ** 2),
    lambda phi, m: first_by_parameter(phi, m),
    at=(ANGLE, PARAMETER),
    text="F({0}, {1})",
    latex=r"F\left({0}, {1}\right)",
)
ellipeinc = function(
    "ellipeinc",
    "phi m",
    lambda phi, m: np.sqrt(1 - m * np.sin(phi) ** 2),
    lambda phi, m: second_by_parameter(phi, m),
    at=(ANGLE, PARAMETER),
    text="E({0}, {1})",
    latex=r"E\left({0}, {1}\right)",
)


# Jacobi's: φ = am(u, m) is the inverse of F(φ, m) = u, so ∂φ/∂u = dn and ∂φ/∂m = −dn ∂F/∂m
def amplitude_slope(u: Any, m: Any) -> Any:
    """∂φ/∂m."""
    return -jacobi_dn(u, m) * first_by_parameter(jacobi_am(u, m), m)


def jacobi(place: int, symbol: str, by_argument: Any, by_parameter: Any) -> Operation:
    """One of the four results of ellipj."""
    return result(
        "ellipj",
        place,
        f"jacobi_{symbol}",
        "u m",
        by_argument,
        by_parameter,
        at=((0.3, 3.0), (0.1, 0.8)),
        text=f"{symbol}({{0}}, {{1}})",
        latex=rf"\operatorname{{{{{symbol}}}}}\left({{0}}, {{1}}\right)",
    )


jacobi_sn: Operation = jacobi(
    0,
    "sn",
    lambda u, m: jacobi_cn(u, m) * jacobi_dn(u, m),
    lambda u, m: jacobi_cn(u, m) * amplitude_slope(u, m),
)
jacobi_cn: Operation = jacobi(
    1,
    "cn",
    lambda u, m: -jacobi_sn(u, m) * jacobi_dn(u, m),
    lambda u, m: -jacobi_sn(u, m) * amplitude_slope(u, m),
)
jacobi_dn: Operation = jacobi(
    2,
    "dn",
    lambda u, m: -m * jacobi_sn(u, m) * jacobi_cn(u, m),
    lambda u, m, out: -jacobi_sn(u, m) * (jacobi_sn(u, m) / 2 + m * jacobi_cn(u, m) * amplitude_slope(u, m)) / out,
)
jacobi_am = jacobi(3, "am", lambda u, m: jacobi_dn(u, m), lambda u, m: amplitude_slope(u, m))
several("ellipj", jacobi_sn, jacobi_cn, jacobi_dn, jacobi_am)
