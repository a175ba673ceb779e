"""Error functions of scipy.special and their kin: erf, Dawson's integral, Fresnel's integrals, Voigt's profile, …."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from chainrule.linear._scipy import special
from chainrule.op import Operation
from chainrule.ops.special import function, part, result, several

ROOT_PI = sqrt(pi)
ROOT_TWO_PI = sqrt(2 * pi)
ROOT_TWO = sqrt(2.0)
PROBABILITY = (0.1, 0.9)


def normal_density(x: Any) -> Any:
    """φ(x) = exp(−x²/2)/√(2π)."""
    return np.exp(-x * x / 2) / ROOT_TWO_PI


def quantile_slope(z: Any) -> Any:
    """The derivative of Φ⁻¹ where it is z."""
    return ROOT_TWO_PI * np.exp(z * z / 2)


def inverse_mills(x: Any, out: Any) -> Any:
    """φ(x)/Φ(x), where ``out`` is log Φ(x); by erfcx on the left, where the logarithm loses digits."""
    left = x < -1
    far = np.where(left, x, -np.ones((), x.dtype))
    return np.where(left, sqrt(2 / pi) / special.erfcx(-far / ROOT_TWO), np.exp(-x * x / 2 - out) / ROOT_TWO_PI)


erf = function("erf", "x", lambda x: 2 / ROOT_PI * np.exp(-x * x), takes_complex=True)
erfc = function("erfc", "x", lambda x: -2 / ROOT_PI * np.exp(-x * x), takes_complex=True)
erfcx = function("erfcx", "x", lambda x, out: 2 * x * out - 2 / ROOT_PI, takes_complex=True)
erfi = function("erfi", "x", lambda x: 2 / ROOT_PI * np.exp(x * x), takes_complex=True)
dawsn = function(
    "dawsn",
    "x",
    lambda x, out: 1 - 2 * x * out,
    text="D({0})",
    latex=r"D\left({0}\right)",
    takes_complex=True,
)
erfinv = function(
    "erfinv",
    "y",
    lambda out: ROOT_PI / 2 * np.exp(out * out),
    at=(-0.8, 0.8),
    text="erf⁻¹({0})",
    latex=r"\operatorname{{erf}}^{{-1}}\left({0}\right)",
)
erfcinv = function(
    "erfcinv",
    "y",
    lambda out: -ROOT_PI / 2 * np.exp(out * out),
    at=(0.2, 1.8),
    text="erfc⁻¹({0})",
    latex=r"\operatorname{{erfc}}^{{-1}}\left({0}\right)",
)

# the normal distribution
ndtr = function("ndtr", "x", lambda x: normal_density(x), text="Φ({0})", latex=r"\Phi\left({0}\right)")
log_ndtr = function(
    "log_ndtr",
    "x",
    lambda x, out: inverse_mills(x, out),
    at=(-3.0, 2.0),
    text="log Φ({0})",
    latex=r"\log \Phi\left({0}\right)",
)
ndtri = function(
    "ndtri",
    "y",
    lambda out: quantile_slope(out),
    at=PROBABILITY,
    text="Φ⁻¹({0})",
    latex=r"\Phi^{{-1}}\left({0}\right)",
)
ndtri_exp = function(
    "ndtri_exp",
    "y",
    lambda y, out: ROOT_TWO_PI * np.exp(y + out * out / 2),
    at=(-2.0, -0.2),
    text="Φ⁻¹(exp({0}))",
    latex=r"\Phi^{{-1}}\left(e^{{{0}}}\right)",
)
owens_t = function(
    "owens_t",
    "h a",
    lambda h, a: -normal_density(h) * special.erf(a * h / ROOT_TWO) / 2,
    lambda h, a: np.exp(-h * h * (1 + a * a) / 2) / (2 * pi * (1 + a * a)),
    text="T({0}, {1})",
    latex=r"T\left({0}, {1}\right)",
)

# Fresnel's integrals: S(z) and C(z)
fresnel_sine = result(
    "fresnel", 0, "fresnel_sine", "z", lambda z: np.sin(pi / 2 * z * z), text="S({0})", latex=r"S\left({0}\right)"
)
fresnel_cosine = result(
    "fresnel", 1, "fresnel_cosine", "z", lambda z: np.cos(pi / 2 * z * z), text="C({0})", latex=r"C\left({0}\right)"
)
several("fresnel", fresnel_sine, fresnel_cosine)


# Faddeeva's function w(x + iy) = K + iL, of which w′ = −2 (x + iy) w + 2i/√π, so that ∂K/∂x = ∂L/∂y, ∂L/∂x = −∂K/∂y
def faddeeva(x: Any, y: Any) -> Any:
    """The function at numbers; not as steps of a recording, which would be of complex numbers."""
    return special.wofz(np.asarray(x) + 1j * np.asarray(y))


faddeeva_real: Operation = part(
    "faddeeva_real",
    lambda x, y: faddeeva(x, y).real,
    "x y",
    lambda x, y, out: 2 * (y * faddeeva_imaginary(x, y) - x * out),
    lambda x, y, out: 2 * (y * out + x * faddeeva_imaginary(x, y)) - 2 / ROOT_PI,
    called="wofz",
    at=(0.2, 2.0),
    python="scipy.special.wofz({0} + 1j * {1}).real",
    text="Re w({0} + i {1})",
    latex=r"\operatorname{{Re}} w\left({0} + i {1}\right)",
)
faddeeva_imaginary: Operation = part(
    "faddeeva_imaginary",
    lambda x, y: faddeeva(x, y).imag,
    "x y",
    lambda x, y, out: 2 / ROOT_PI - 2 * (y * faddeeva_real(x, y) + x * out),
    lambda x, y, out: 2 * (y * out - x * faddeeva_real(x, y)),
    called="wofz",
    at=(0.2, 2.0),
    python="scipy.special.wofz({0} + 1j * {1}).imag",
    text="Im w({0} + i {1})",
    latex=r"\operatorname{{Im}} w\left({0} + i {1}\right)",
)


def voigt_slopes(x: Any, sigma: Any, gamma: Any) -> tuple[Any, Any]:
    """∂V/∂x and ∂V/∂γ of V = K(x/(σ√2), γ/(σ√2))/(σ√(2π))."""
    u, v = x / (ROOT_TWO * sigma), gamma / (ROOT_TWO * sigma)
    K, L = faddeeva_real(u, v), faddeeva_imaginary(u, v)
    scale = 1 / (ROOT_PI * sigma * sigma)
    return scale * (v * L - u * K), scale * (v * K + u * L - 1 / ROOT_PI)


def voigt_width(x: Any, sigma: Any, gamma: Any, out: Any) -> Any:
    """∂V/∂σ: V is homogeneous of degree −1, so x ∂V/∂x + σ ∂V/∂σ + γ ∂V/∂γ = −V."""
    along, across = voigt_slopes(x, sigma, gamma)
    return -(out + x * along + gamma * across) / sigma


voigt_profile = function(
    "voigt_profile",
    "x sigma gamma",
    lambda x, sigma, gamma: voigt_slopes(x, sigma, gamma)[0],
    lambda x, sigma, gamma, out: voigt_width(x, sigma, gamma, out),
    lambda x, sigma, gamma: voigt_slopes(x, sigma, gamma)[1],
    at=(0.4, 1.5),
    text="V({0}; {1}, {2})",
    latex=r"V\left({0}; {1}, {2}\right)",
)
