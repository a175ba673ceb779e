"""Mistakes in what is divided by a norm, a deviation or a sum of its own, beyond batch norm's three terms."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, N, T, draw, positive, slipping

__all__ = ["BEYOND"]


def bessel(hprebn: Any, gain: Any, bias: Any) -> Any:
    bnmeani = hprebn.mean(axis=0)
    bndiff = hprebn - bnmeani
    bnvar = 1 / (len(hprebn) - 1) * (bndiff**2).sum(axis=0)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = gain * bnraw + bias
    return hpreact


def bessel_backward(
    hprebn: Any,
    gain: Any,
    bias: Any,
    upstream: Any,
    *,
    size: int = N - 1,
    half: float = -0.5,
    power: float = -1.5,
    raw: Any = lambda bnraw, hprebn: bnraw,
    through_mean: float = 1,
    gained: Any = lambda dout, gain: dout * gain,
) -> Arrays:
    n = len(hprebn)
    bndiff = hprebn - hprebn.mean(axis=0)
    bnvar = (bndiff**2).sum(axis=0) / (n - 1)
    inverse = (bnvar + 1e-5) ** -0.5
    dbnraw = gained(upstream, gain)
    dbnvar = (dbnraw * bndiff).sum(axis=0) * half * (bnvar + 1e-5) ** power
    dbndiff = dbnraw * inverse + 2 * bndiff / size * dbnvar
    dmean = -dbndiff.sum(axis=0)
    return {
        "hprebn": dbndiff + through_mean * dmean / n,
        "gain": (upstream * raw(bndiff * inverse, hprebn)).sum(axis=0),
        "bias": upstream.sum(axis=0),
    }


makemore = slipping(bessel, draw(hprebn=(N, D), gain=positive(D), bias=(D,)), bessel_backward, upstream=True)


def rms_norm(x: Any, g: Any) -> Any:
    ms = np.mean(x**2, axis=1, keepdims=True)
    r = 1 / np.sqrt(ms + 1e-6)
    y = x * r * g
    return y


def rms_backward(
    x: Any, g: Any, upstream: Any, *, inner: float = 1, divide: float = D, axis: int = 1, weighted: bool = True
) -> Arrays:
    r = 1 / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-6)
    dxg = upstream * g if weighted else upstream
    return {
        "x": r * dxg - inner * x * r**3 * np.sum(dxg * x, axis=axis, keepdims=True) / divide,
        "g": (upstream * x * r).sum(axis=0),
    }


root_mean = slipping(rms_norm, draw(x=(N, D), g=positive(D)), rms_backward, upstream=True)


def unit_rows(x: Any) -> Any:
    norm = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    y = x / norm
    return y


def unit_rows_gradient(x: Any, upstream: Any) -> Arrays:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    y = x / norm
    return {"x": (upstream - y * (upstream * y).sum(axis=1, keepdims=True)) / norm}


def weight_norm(X: Any, v: Any, g: Any) -> Any:
    w = g * v / np.linalg.norm(v)
    z = X @ w
    L = np.sum(np.tanh(z))
    return L


def weight_norm_backward(X: Any, v: Any, g: Any, *, projected: float = 1, direction: bool = True) -> Arrays:
    norm = np.linalg.norm(v)
    dw = X.T @ (1 - np.tanh(X @ (g * v / norm)) ** 2)
    return {
        "v": g / norm * (dw - projected * v * (v @ dw) / norm**2),
        "g": dw @ v / norm if direction else np.asarray(dw.sum()),
    }


weighing = slipping(
    weight_norm, draw(X=(N, D), v=(D,), g=lambda rng: np.asarray(rng.uniform(0.5, 2))), weight_norm_backward
)


def proportions(x: Any) -> Any:
    total = x.sum(axis=1, keepdims=True)
    y = x / total
    return y


def standardised(X: Any, w: Any) -> Any:
    centred = X - X.mean(axis=0)
    Z = centred / centred.std(axis=0)
    L = np.sum(np.tanh(Z @ w))
    return L


def standardised_backward(X: Any, w: Any, *, mean: float = 1, deviation: float = 1) -> Arrays:
    s = X.std(axis=0)
    Z = (X - X.mean(axis=0)) / s
    dZ = np.outer(1 - np.tanh(Z @ w) ** 2, w)
    return {"X": (dZ - mean * dZ.mean(axis=0) - deviation * Z * (dZ * Z).mean(axis=0)) / s}


standard = slipping(standardised, draw(X=(N, D), w=(D,)), standardised_backward)


def centred(X: Any) -> Any:
    Y = X - X.mean(axis=0)
    return Y


def deviation(x: Any) -> Any:
    s = np.std(x)
    return s


def column_softmax(x: Any) -> Any:
    e = np.exp(x)
    s = e / e.sum(axis=0, keepdims=True)
    return s


def column_softmax_gradient(x: Any, upstream: Any, axis: int | None = 0) -> Arrays:
    s = np.exp(x) / np.exp(x).sum(axis=0, keepdims=True)
    return {"x": s * (upstream - (upstream * s).sum(axis=axis, keepdims=True))}


BEYOND = (
    makemore("X120", "batch norm with N − 1, whose gradient divides by N", "hprebn", "factor local-factor", size=N),
    makemore("X121", "batch norm: the exponent is not lowered", "hprebn", "local-factor", power=-0.5),
    makemore("X122", "batch norm: the −½ of the power forgotten", "hprebn", "factor local-factor path-sign", half=1),
    makemore("X123", "batch norm step by step: the mean gets nothing", "hprebn", "path-missing", through_mean=0),
    makemore("X124", "batch norm step by step: the mean with the wrong sign", "hprebn", "path-sign", through_mean=-1),
    makemore(
        "X125",
        "batch norm: the gain takes the input before it was normalised",
        "gain",
        "wrong-tensor",
        raw=lambda bnraw, hprebn: hprebn,
    ),
    makemore(
        "X126",
        "batch norm: the gain is left out on the way back",
        "hprebn",
        "local-factor",
        gained=lambda dout, gain: dout,
    ),
    root_mean("X127", "RMSNorm: the norm taken for a constant", "x", "path-missing diagonal-for-full", inner=0),
    root_mean("X128", "RMSNorm: the mean of squares not divided", "x", "factor path-doubled local-factor", divide=1),
    root_mean("X129", "RMSNorm: summed over the batch", "x", "wrong-axis", axis=0),
    root_mean("X130", "RMSNorm: the gain left out on the way back", "x", "local-factor", weighted=False),
    Case(
        "X131",
        "unit rows: the norm taken for a constant",
        unit_rows,
        draw(x=(N, D)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream / np.linalg.norm(x, axis=1, keepdims=True)},
        right=unit_rows_gradient,
        accepted=("path-missing", "diagonal-for-full"),
        upstream=True,
    ),
    Case(
        "X132",
        "unit rows: projected, but not divided by the norm",
        unit_rows,
        draw(x=(N, D)),
        about=("x",),
        claimed=lambda x, upstream: {
            "x": unit_rows_gradient(x, upstream)["x"] * np.linalg.norm(x, axis=1, keepdims=True)
        },
        right=unit_rows_gradient,
        accepted=("local-factor", "factor"),
        upstream=True,
    ),
    weighing("X133", "weight norm: the direction's gradient is not projected", "v", "path-missing", projected=0),
    weighing("X134", "weight norm: the gain's gradient forgets the direction", "g", "local-factor", direction=False),
    Case(
        "X135",
        "proportions: the total taken for a constant",
        proportions,
        draw(x=positive(N, K)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream / x.sum(axis=1, keepdims=True)},
        right=lambda x, upstream: {
            "x": (upstream - (upstream * x).sum(1, keepdims=True) / x.sum(1, keepdims=True)) / x.sum(1, keepdims=True)
        },
        accepted=("path-missing", "diagonal-for-full"),
        upstream=True,
    ),
    standard("X136", "standardised inputs: the deviation taken for a constant", "X", "path-missing", deviation=0),
    standard("X137", "standardised inputs: the mean added", "X", "path-sign", mean=-1),
    Case(
        "X138",
        "centring taken for the identity",
        centred,
        draw(X=(N, D)),
        about=("X",),
        claimed=lambda X, upstream: {"X": upstream},
        right=lambda X, upstream: {"X": upstream - upstream.mean(axis=0)},
        accepted=("path-missing", "diagonal-for-full"),
        upstream=True,
    ),
    Case(
        "X139",
        "centring: the sum subtracted instead of the mean",
        centred,
        draw(X=(N, D)),
        about=("X",),
        claimed=lambda X, upstream: {"X": upstream - upstream.sum(axis=0)},
        right=lambda X, upstream: {"X": upstream - upstream.mean(axis=0)},
        accepted=("factor", "path-doubled", "local-factor"),
        upstream=True,
    ),
    Case(
        "X140",
        "standard deviation: not divided by itself, as for half the variance",
        deviation,
        draw(x=(T,)),
        about=("x",),
        claimed=lambda x: {"x": (x - x.mean()) / len(x)},
        right=lambda x: {"x": (x - x.mean()) / len(x) / x.std()},
        accepted=("local-factor", "factor"),
    ),
    Case(
        "X141",
        "softmax over columns with the sum over rows",
        column_softmax,
        draw(x=(N, K)),
        about=("x",),
        claimed=lambda x, upstream: column_softmax_gradient(x, upstream, axis=1),
        right=column_softmax_gradient,
        accepted=("wrong-axis",),
        upstream=True,
    ),
    Case(
        "X142",
        "softmax: the sum over everything",
        column_softmax,
        draw(x=(N, K)),
        about=("x",),
        claimed=lambda x, upstream: column_softmax_gradient(x, upstream, axis=None),
        right=column_softmax_gradient,
        accepted=("extra-sum", "wrong-axis"),
        upstream=True,
    ),
)
