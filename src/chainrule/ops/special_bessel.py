"""Bessel functions of scipy.special, of all kinds, with Struve's, Kelvin's, and the integrals of them.

The derivative of an order is half the sum or the difference of its neighbours, which is right also at 0, where the
recurrences with x in a denominator are not. Those that are scaled by exp(−|x|) have a kink at 0, with the slope 0.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.op import REGISTRY, Operation
from chainrule.ops.special import INTEGER, UNKNOWN, function, part, result, same, several

POSITIVE = (0.5, 3.0)
WHOLE = [0, 1, 3]


def letter(symbol: str, index: str = "") -> dict[str, Any]:
    """The notation of a function whose index is its first argument, or is given."""
    small = index.translate(str.maketrans("01", "₀₁"))
    if index:
        return {"text": f"{symbol}{small}({{0}})", "latex": rf"{symbol}_{index}\left({{0}}\right)"}
    return {"text": f"{symbol}_{{0}}({{1}})", "latex": rf"{symbol}_{{{{{{0}}}}}}\left({{1}}\right)"}


def half_difference(of: Any, v: Any, x: Any) -> Any:
    """½ (f of order v − 1, minus f of order v + 1)."""
    return (of(v - 1, x) - of(v + 1, x)) / 2


def half_sum(of: Any, v: Any, x: Any) -> Any:
    """½ (f of order v − 1, plus f of order v + 1)."""
    return (of(v - 1, x) + of(v + 1, x)) / 2


# J and Y
ORDER = (0.3, 2.5)
AT = (ORDER, POSITIVE)
j0 = function("j0", "x", lambda x: -special.j1(x), **letter("J", "0"))
j1 = function("j1", "x", lambda x: (special.j0(x) - special.jv(2, x)) / 2, **letter("J", "1"))
y0 = function("y0", "x", lambda x: -special.y1(x), at=POSITIVE, **letter("Y", "0"))
y1 = function("y1", "x", lambda x: (special.y0(x) - special.yn(2, x)) / 2, at=POSITIVE, **letter("Y", "1"))
jv = function("jv", "v z", UNKNOWN, lambda v, z: half_difference(special.jv, v, z), at=AT, **letter("J"))
jve = function("jve", "v z", UNKNOWN, lambda v, z: half_difference(special.jve, v, z), at=AT, **letter("J"))
yv = function("yv", "v z", UNKNOWN, lambda v, z: half_difference(special.yv, v, z), at=AT, **letter("Y"))
yve = function("yve", "v z", UNKNOWN, lambda v, z: half_difference(special.yve, v, z), at=AT, **letter("Y"))
yn = function("yn", "n x", INTEGER, lambda n, x: half_difference(special.yn, n, x), at=(WHOLE, POSITIVE), **letter("Y"))

# I and K
i0 = function("i0", "x", lambda x: special.i1(x), **letter("I", "0"))
REGISTRY[np.i0] = i0
i1 = function("i1", "x", lambda x: (special.i0(x) + special.iv(2, x)) / 2, **letter("I", "1"))
k0 = function("k0", "x", lambda x: -special.k1(x), at=POSITIVE, **letter("K", "0"))
k1 = function("k1", "x", lambda x: -(special.k0(x) + special.kn(2, x)) / 2, at=POSITIVE, **letter("K", "1"))
iv = function("iv", "v z", UNKNOWN, lambda v, z: half_sum(special.iv, v, z), at=AT, **letter("I"))
kv = function("kv", "v z", UNKNOWN, lambda v, z: -half_sum(special.kv, v, z), at=AT, **letter("K"))
kn = function("kn", "n x", INTEGER, lambda n, x: -half_sum(special.kn, n, x), at=(WHOLE, POSITIVE), **letter("K"))
i0e = function("i0e", "x", lambda x, out: special.i1e(x) - np.sign(x) * out)
i1e = function("i1e", "x", lambda x, out: (special.i0e(x) + special.ive(2, x)) / 2 - np.sign(x) * out)
k0e = function("k0e", "x", lambda x, out: out - special.k1e(x), at=POSITIVE)
k1e = function("k1e", "x", lambda x, out: out - (special.k0e(x) + special.kve(2, x)) / 2, at=POSITIVE)
ive = function("ive", "v z", UNKNOWN, lambda v, z, out: half_sum(special.ive, v, z) - np.sign(z) * out, at=AT)
kve = function("kve", "v z", UNKNOWN, lambda v, z, out: out - half_sum(special.kve, v, z), at=AT)


# spherical: (2n + 1) f′ = ±n f of order n − 1 ∓ (n + 1) f of order n + 1; these are functions in Python
def spherical(symbol: str, before: int, after: int) -> None:
    """A spherical Bessel function, and its derivative; order 0 has no neighbour below, and needs none."""
    name = f"spherical_{symbol}n"

    def slope(n: Any, z: Any) -> Any:
        return (before * n * made(n - 1 + (n == 0), z) + after * (n + 1) * made(n + 1, z)) / (2 * n + 1)

    made: Operation = part(
        name,
        lambda n, z: getattr(special, name)(n, z),
        "n z",
        INTEGER,
        lambda n, z: slope(n, z),
        called=name,
        at=(WHOLE, POSITIVE),
        **letter(symbol),
    )
    same(f"_{name}", made)
    same(f"_{name}_d", slope)


for symbol, before, after in (("j", 1, -1), ("y", 1, -1), ("i", 1, 1), ("k", -1, -1)):
    spherical(symbol, before, after)


# Struve's: as Bessel functions, and a power of x
def struve_term(v: Any, x: Any) -> Any:
    """(x/2)ᵛ/(2√π Γ(v + 3/2))."""
    return (x / 2) ** v * special.rgamma(v + 1.5) / (2 * sqrt(pi))


struve = function(
    "struve", "v x", UNKNOWN, lambda v, x: half_difference(special.struve, v, x) + struve_term(v, x), at=AT,
    **letter("H"),
)  # fmt: skip
modstruve = function(
    "modstruve", "v x", UNKNOWN, lambda v, x: half_sum(special.modstruve, v, x) + struve_term(v, x), at=AT,
    **letter("L"),
)  # fmt: skip

# Kelvin's: ber + i bei and ker + i kei solve x² f″ + x f′ = i x² f
ber = function("ber", "x", lambda x: special.berp(x), at=POSITIVE)
bei = function("bei", "x", lambda x: special.beip(x), at=POSITIVE)
ker = function("ker", "x", lambda x: special.kerp(x), at=POSITIVE)
kei = function("kei", "x", lambda x: special.keip(x), at=POSITIVE)
berp = function("berp", "x", lambda x, out: -special.bei(x) - out / x, at=POSITIVE, text="ber′({0})")
beip = function("beip", "x", lambda x, out: special.ber(x) - out / x, at=POSITIVE, text="bei′({0})")
kerp = function("kerp", "x", lambda x, out: -special.kei(x) - out / x, at=POSITIVE, text="ker′({0})")
keip = function("keip", "x", lambda x, out: special.ker(x) - out / x, at=POSITIVE, text="kei′({0})")

# integrals: each pair is ∫ from 0 to x, or of (1 − J₀)/t, (I₀ − 1)/t from 0 to x and of Y₀/t, K₀/t from x to infinity
INTEGRALS: dict[str, tuple[Any, Any]] = {
    "itj0y0": (lambda x: special.j0(x), lambda x: special.y0(x)),
    "iti0k0": (lambda x: special.i0(x), lambda x: special.k0(x)),
    "it2j0y0": (lambda x: (1 - special.j0(x)) / x, lambda x: -special.y0(x) / x),
    "it2i0k0": (lambda x: (special.i0(x) - 1) / x, lambda x: -special.k0(x) / x),
}


def pair(name: str) -> None:
    """A function of two results."""
    first, second = [
        result(name, place, f"{name}_{place}", "x", slope, at=POSITIVE) for place, slope in enumerate(INTEGRALS[name])
    ]
    several(name, first, second)


for name in INTEGRALS:
    pair(name)
itstruve0 = function("itstruve0", "x", lambda x: special.struve(0, x), at=POSITIVE)
it2struve0 = function("it2struve0", "x", lambda x: -special.struve(0, x) / x, at=POSITIVE)
itmodstruve0 = function("itmodstruve0", "x", lambda x: special.modstruve(0, x), at=POSITIVE)
besselpoly = function(  # the integral of x^λ J_ν(2ax) from 0 to 1
    "besselpoly",
    "a lmb nu",
    lambda a, lmb, nu: special.besselpoly(a, lmb + 1, nu - 1) - special.besselpoly(a, lmb + 1, nu + 1),
    UNKNOWN,
    UNKNOWN,
    at=(POSITIVE, (1.2, 2.0), (1.3, 2.5)),
)

# Wright's: Φ(a, b; x) is the sum of xᵏ/(k! Γ(ak + b))
WRIGHT = ((0.3, 1.5), (0.3, 1.5), (0.3, 1.5))
wright_bessel = function(
    "wright_bessel", "a b x", UNKNOWN, UNKNOWN, lambda a, b, x: special.wright_bessel(a, a + b, x), at=WRIGHT
)
log_wright_bessel = function(
    "log_wright_bessel",
    "a b x",
    UNKNOWN,
    UNKNOWN,
    lambda a, b, x, out: np.exp(special.log_wright_bessel(a, a + b, x) - out),
    at=WRIGHT,
)
