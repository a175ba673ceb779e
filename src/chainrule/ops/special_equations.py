"""Functions of scipy.special that come with their derivative, whose own slope their differential equation gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.op import Operation
from chainrule.ops.special import INTEGER, UNKNOWN, function, result, several

DEGREE = pi / 180
POSITIVE = (0.4, 2.0)


# Airy's: f″ = x f
def airy(place: int, symbol: str, slope: Any) -> Operation:
    """One of the four results of airy."""
    text, latex = f"{symbol}({{0}})", rf"\operatorname{{{{{symbol[:2]}}}}}{symbol[2:]}\left({{0}}\right)"
    return result("airy", place, symbol.replace("′", "_slope"), "z", slope, text=text, latex=latex.replace("′", "'"))


airy_a: Operation = airy(0, "Ai", lambda z: airy_a_slope(z))
airy_a_slope: Operation = airy(1, "Ai′", lambda z: z * airy_a(z))
airy_b: Operation = airy(2, "Bi", lambda z: airy_b_slope(z))
airy_b_slope: Operation = airy(3, "Bi′", lambda z: z * airy_b(z))
several("airy", airy_a, airy_a_slope, airy_b, airy_b_slope)


# The same times exp(±2/3 z √z); for z < 0 the first two are not real, and the others not scaled.
def root(z: Any) -> Any:
    """√z, and 0 for z < 0."""
    return np.sqrt(np.maximum(z, 0.0))


scaled_a: Operation = result(
    "airye", 0, "airye_0", "z", lambda z, out: scaled_a_slope(z) + np.sqrt(z) * out, at=POSITIVE
)
scaled_a_slope: Operation = result(
    "airye", 1, "airye_1", "z", lambda z, out: z * scaled_a(z) + np.sqrt(z) * out, at=POSITIVE
)
scaled_b: Operation = result("airye", 2, "airye_2", "z", lambda z, out: scaled_b_slope(z) - root(z) * out, at=POSITIVE)
scaled_b_slope: Operation = result(
    "airye", 3, "airye_3", "z", lambda z, out: z * scaled_b(z) - root(z) * out, at=POSITIVE
)
several("airye", scaled_a, scaled_a_slope, scaled_b, scaled_b_slope)

# ∫ of Ai(t), Bi(t), Ai(−t), Bi(−t) from 0 to x
AIRY_INTEGRALS = [
    result("itairy", 0, "itairy_0", "x", lambda x: airy_a(x)),
    result("itairy", 1, "itairy_1", "x", lambda x: airy_b(x)),
    result("itairy", 2, "itairy_2", "x", lambda x: airy_a(-x)),
    result("itairy", 3, "itairy_3", "x", lambda x: airy_b(-x)),
]
several("itairy", *AIRY_INTEGRALS)


# parabolic cylinder functions: f″ = (±x²/4 + …) f
def parabolic(name: str, order: str, factor: Callable[[Any, Any], Any]) -> None:
    """A function of an order and x with f″ = factor · f."""
    at = ((0.4, 1.8), POSITIVE)
    f = result(name, 0, name, "v x", UNKNOWN, lambda v, x: slope(v, x), at=at, text=f"{order}_{{0}}({{1}})")
    slope = result(
        name,
        1,
        f"{name}_slope",
        "v x",
        UNKNOWN,
        lambda v, x: factor(v, x) * f(v, x),
        at=at,
        text=f"{order}′_{{0}}({{1}})",
    )
    several(name, f, slope)


parabolic("pbdv", "D", lambda v, x: x * x / 4 - v - 0.5)
parabolic("pbvv", "V", lambda v, x: x * x / 4 - v - 0.5)
parabolic("pbwa", "W", lambda a, x: a - x * x / 4)

# Mathieu's: f″ = (2q cos 2x − a) f, of an angle in degrees, and f″ = (a − 2q cosh 2x) f
function("mathieu_a", "m q", INTEGER, UNKNOWN, at=([0, 1, 2], POSITIVE))
function("mathieu_b", "m q", INTEGER, UNKNOWN, at=([1, 2, 3], POSITIVE))


def mathieu(name: str, factor: Callable[[Any, Any, Any], Any], scale: float, at: tuple[float, float]) -> None:
    """A function of m, q and x with f″ = factor · f, where x is given in units of ``scale``."""
    places = ([1, 2, 3], POSITIVE, at)
    f = result(name, 0, name, "m q x", INTEGER, UNKNOWN, lambda m, q, x: scale * slope(m, q, x), at=places)
    slope = result(
        name,
        1,
        f"{name}_slope",
        "m q x",
        INTEGER,
        UNKNOWN,
        lambda m, q, x: scale * factor(m, q, scale * x) * f(m, q, x),
        at=places,
    )
    several(name, f, slope)


def ordinary(characteristic: str) -> Callable[[Any, Any, Any], Any]:
    """f″/f, with the characteristic value that a function of scipy.special gives."""
    return lambda m, q, x: 2 * q * np.cos(2 * x) - getattr(special, characteristic)(m, q)


def modified(characteristic: str) -> Callable[[Any, Any, Any], Any]:
    """The same at ix."""
    return lambda m, q, x: getattr(special, characteristic)(m, q) - 2 * q * np.cosh(2 * x)


for parity, characteristic in (("c", "mathieu_a"), ("s", "mathieu_b")):
    mathieu(f"mathieu_{parity}em", ordinary(characteristic), DEGREE, (10.0, 80.0))
    for kind in "12":
        mathieu(f"mathieu_mod{parity}em{kind}", modified(characteristic), 1.0, (0.4, 1.0))


# Spheroidal: ((1 ∓ x²) f′)′ + (λ ∓ c²x² − m²/(1 ∓ x²)) f = 0, with x² for −x² in radial oblate functions
def curvature(f: Any, slope: Any, m: Any, c: Any, value: Any, x: Any, sign: int, is_imaginary: bool) -> Any:
    """f″, where sign is that of c²x²; in oblate radial functions x stands for ix."""
    if is_imaginary:
        w = 1 + x * x
        return (-2 * x * slope + (value - c * c * x * x - m * m / w) * f) / w
    w = 1 - x * x
    return (2 * x * slope - (value + sign * c * c * x * x - m * m / w) * f) / w


ORDERS = ([0, 1, 1], [2, 2, 3])
VALUES = {  # characteristic values for c = 1
    "pro_cv": [6.533471800523824, 6.424699143775136, 12.46791533039147],
    "obl_cv": [5.486800053818676, 5.567527453869735, 11.534818451738873],
}


def spheroidal(name: str, arguments: str, value: str, sign: int, is_imaginary: bool, at: Sequence[Any]) -> None:
    """A function of m, n, c and x; the characteristic value may be an argument before x."""

    def bent(*given: Any) -> Any:
        m, n, c, *characteristic, x = given
        (cv,) = characteristic or [getattr(special, value)(m, n, c)]
        return curvature(f(*given), slope(*given), m, c, cv, x, sign, is_imaginary)

    fixed = (INTEGER, INTEGER, *[UNKNOWN] * (len(at) - 3))
    f = result(name, 0, name, arguments, *fixed, lambda *given: slope(*given), at=at)
    slope = result(name, 1, f"{name}_slope", arguments, *fixed, bent, at=at)
    several(name, f, slope)


for prefix, sign in (("pro", -1), ("obl", 1)):
    value = f"{prefix}_cv"
    function(value, "m n c", INTEGER, INTEGER, UNKNOWN, at=(*ORDERS, (0.5, 1.5)))
    for kind in ("ang1", "rad1", "rad2"):
        is_imaginary = prefix == "obl" and kind != "ang1"
        inside = (0.1, 0.8) if kind == "ang1" else (2.5, 4.0)
        free, given = (*ORDERS, (0.5, 1.5), inside), (*ORDERS, [1.0, 1.0, 1.0], VALUES[value], inside)
        spheroidal(f"{prefix}_{kind}", "m n c x", value, sign, is_imaginary, free)
        spheroidal(f"{prefix}_{kind}_cv", "m n c cv x", value, sign, is_imaginary, given)
