"""Elementwise functions, from NumPy and `scipy.special`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from tests.oracle.opinfo.arguments import Function, in_words, view_as_real

__all__ = ["ELEMENTWISE"]


def clamp(x: Any, least: Any = None, most: Any = None, **bounds: Any) -> Any:
    return np.clip(x, bounds.get("min", least), bounds.get("max", most))


def fused(function: Function) -> Function:
    return lambda x, a, b, value=1: x + value * function(a, b)


def scaled(function: Function) -> Function:
    return lambda x, y, alpha=1: function(x, np.multiply(alpha, y))


def divided(x: Any, y: Any, rounding_mode: Any = None) -> Any:
    return np.floor_divide(x, y) if rounding_mode == "floor" else np.trunc(x / y)


def multigammaln(x: Any, p: int) -> Any:
    return special.multigammaln(x, p)


def polynomial(function: Function) -> Function:
    """PyTorch counts degrees in floating point, and cuts them to whole numbers."""
    return lambda x, n: np.where(np.trunc(n) < 0, 0.0, function(np.maximum(n, 0).astype(int), x))


ELEMENTWISE = {
    **in_words(
        "abs acos=arccos acosh=arccosh asin=arcsin asinh=arcsinh atan=arctan atan2=arctan2 atanh=arctanh ceil "
        "clone=copy positive conj conj_physical=conj resolve_conj=array resolve_neg=array alias_copy=array "
        "contiguous=array copysign cos cosh deg2rad rad2deg exp exp2 expm1 floor fmax fmin fmod remainder=mod "
        "__rmod__=mod i0 log1p log log2 log10 imag real logaddexp2 max/binary=maximum maximum min/binary=minimum "
        "minimum mul=multiply neg=negative pow=power float_power=float_power reciprocal sin sinc sinh sign "
        "sgn=sign tan tanh trunc sqrt square hypot true_divide div/no_rounding_mode=true_divide nan_to_num angle "
        "heaviside nextafter signbit isfinite isinf isposinf isneginf isreal isnan eq=equal ne=not_equal lt=less "
        "gt=greater le=less_equal ge=greater_equal logical_and logical_or logical_xor logical_not isin "
        "floor_divide equal=array_equal all any argmax argmin argwhere count_nonzero isclose allclose",
        np,
    ),
    **in_words(
        "erf erfc erfinv digamma lgamma=gammaln xlogy special.i0e special.i1 special.i1e special.ndtr "
        "special.ndtri special.log_ndtr special.entr special.erfcx special.xlog1py igamma=gammainc igammac=gammaincc "
        "special.bessel_j0=j0 special.bessel_j1=j1 special.bessel_y0=y0 special.bessel_y1=y1 special.zeta "
        "special.modified_bessel_i0=i0 special.modified_bessel_i1=i1 special.modified_bessel_k0=k0 "
        "special.modified_bessel_k1=k1 special.scaled_modified_bessel_k0=k0e special.scaled_modified_bessel_k1=k1e",
        special,
    ),
    "add": scaled(np.add),
    "sub": scaled(np.subtract),
    "rsub": lambda x, y, alpha=1: y - np.multiply(alpha, x),
    "__radd__": lambda x, y: y + x,
    "__rsub__": lambda x, y: y - x,
    "__rmul__": lambda x, y: y * x,
    "__rdiv__": lambda x, y: y / x,
    "__rmod__": lambda x, y: y % x,
    "__rpow__": lambda x, y: y**x,
    "div/trunc_rounding": divided,
    "div/floor_rounding": divided,
    "addcmul": fused(np.multiply),
    "addcdiv": fused(np.divide),
    "clamp": clamp,
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
    "complex": lambda x, y: x + 1j * y,
    "polar": lambda size, angle: size * np.exp(1j * angle),
    "view_as_real": view_as_real,
    "view_as_complex": lambda x: x[..., 0] + 1j * x[..., 1],
    "frac": lambda x: x - np.trunc(x),
    "frexp": lambda x: np.frexp(x)[0],
    "ldexp": lambda x, y: x * 2.0**y,
    "lerp": lambda x, y, weight: x + weight * (y - x),
    "logaddexp": lambda x, y: np.log(np.exp(x) + np.exp(y)) if np.iscomplexobj(x) else np.logaddexp(x, y),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)) if np.iscomplexobj(x) else special.expit(x),
    "nonzero": lambda x, as_tuple=False: np.nonzero(np.atleast_1d(x)) if as_tuple else np.argwhere(x),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "round": np.round,
    **{f"round/decimals_{n}": np.round for n in ("0", "3", "neg_3")},
    "where": lambda x, condition, y: np.where(condition, x, y),
    "logit": lambda x, eps=None: special.logit(x if eps is None else np.clip(x, eps, 1 - eps)),
    **{f"polygamma/polygamma_n_{n}": lambda x, n: special.polygamma(n, x) for n in range(5)},
    "special.polygamma/special_polygamma_n_0": lambda x, n: special.polygamma(n, x),
    **{f"mvlgamma/mvlgamma_p_{p}": multigammaln for p in (1, 3, 5)},
    **{
        f"special.{kind}": polynomial(getattr(special, f"eval_{ours}"))
        for kind, ours in (
            *((f"chebyshev_polynomial_{letter}", f"cheby{letter}") for letter in "tu"),
            *((f"shifted_chebyshev_polynomial_{letter}", f"sh_cheby{letter}") for letter in "tu"),
            ("hermite_polynomial_h", "hermite"),
            ("hermite_polynomial_he", "hermitenorm"),
            ("laguerre_polynomial_l", "laguerre"),
            ("legendre_polynomial_p", "legendre"),
        )
    },
    **{name: lambda x: x.astype(float) for name in ("double",)},
    **{name: lambda x: x.astype(complex) for name in ("cdouble",)},
    "special.airy_ai": lambda x: special.airy(x)[0],
    "special.spherical_bessel_j0": lambda x: special.spherical_jn(0, x),
    "masked_fill": lambda x, mask, value: np.where(mask, value, x),
    "fill": lambda x, value: np.full_like(x, value),
    "zero_": np.zeros_like,
    "item": lambda x: x.item(),
}
