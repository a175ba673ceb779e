"""Mistakes in the derivatives of activations and other functions of one number."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, K, N, draw, positive

__all__ = ["BEYOND"]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def swish(x: Any) -> Any:
    s = 1 / (1 + np.exp(-x))
    y = x * s
    return y


def softplus(x: Any) -> Any:
    y = np.log(1 + np.exp(x))
    return y


def leaky(x: Any) -> Any:
    y = np.where(x > 0, x, 0.1 * x)
    return y


def exponential_linear(x: Any) -> Any:
    y = np.where(x > 0, x, np.exp(x) - 1)
    return y


def gelu(x: Any) -> Any:
    inner = 0.8 * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    y = 0.5 * x * (1 + t)
    return y


def gelu_gradient(x: Any, upstream: Any, inside: Any = lambda x: 1 + 3 * 0.044715 * x**2, first: float = 1) -> Any:
    t = np.tanh(0.8 * (x + 0.044715 * x**3))
    return {"x": upstream * (first * 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * 0.8 * inside(x))}


def hard_tanh(x: Any) -> Any:
    y = np.clip(x, -1, 1)
    return y


def root(x: Any) -> Any:
    y = np.sqrt(x)
    return y


def inverse(x: Any) -> Any:
    y = 1 / x
    return y


def gaussian(x: Any) -> Any:
    y = np.exp(-(x**2) / 2)
    return y


def shrunk(x: Any) -> Any:
    y = np.exp(-3 * x)
    return y


def arc(x: Any) -> Any:
    y = np.arctan(x)
    return y


def wave(x: Any) -> Any:
    y = np.cos(x)
    return y


def power(x: Any, p: Any) -> Any:
    y = x**p
    return y


def exponential(x: Any) -> Any:
    y = 2.0**x
    return y


def nested(x: Any) -> Any:
    u = x**2
    y = np.sin(u)
    return y


def logistic_of_ratio(u: Any, v: Any) -> Any:
    r = u / v
    y = 1 / (1 + np.exp(-r))
    return y


def logarithm_of_one_plus(x: Any) -> Any:
    y = np.log1p(x**2)
    return y


def squared_rectifier(X: Any, W: Any) -> Any:
    z = X @ W
    r = np.maximum(z, 0)
    L = np.sum(r**2)
    return L


def mish(x: Any) -> Any:
    w = np.log1p(np.exp(x))
    y = x * np.tanh(w)
    return y


def mish_gradient(x: Any, upstream: Any, link: Any = sigmoid) -> Any:
    t = np.tanh(np.log1p(np.exp(x)))
    return {"x": upstream * (t + x * (1 - t**2) * link(x))}


def gated(a: Any, b: Any) -> Any:
    g = 1 / (1 + np.exp(-b))
    y = a * g
    return y


ANY = draw(x=(N, D))
ABOVE_ZERO = draw(x=positive(N, D))


def one(identity: str, title: str, forward: Any, claimed: Any, right: Any, accepted: str, arguments: Any = ANY) -> Case:
    """A case of one argument x, given the derivative alone: the upstream is multiplied here."""
    return Case(
        identity,
        title,
        forward,
        arguments,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * claimed(x)},
        right=lambda x, upstream: {"x": upstream * right(x)},
        accepted=tuple(accepted.split()),
        upstream=True,
    )


BEYOND = (
    one(
        "X40",
        "SiLU: the product rule forgets x s′",
        swish,
        sigmoid,
        lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
        "path-missing local-factor",
    ),
    one(
        "X41",
        "SiLU: s (1 − s) as for the logistic function alone",
        swish,
        lambda x: sigmoid(x) * (1 - sigmoid(x)),
        lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
        "local-factor path-missing",
    ),
    one("X42", "softplus: tanh for the logistic function", softplus, np.tanh, sigmoid, "local-factor"),
    one(
        "X43",
        "softplus: 1 / (1 + eˣ), the sign in the exponent",
        softplus,
        lambda x: sigmoid(-x),
        sigmoid,
        "local-factor",
    ),
    one(
        "X44",
        "log(1 + x²): the inner derivative forgotten",
        logarithm_of_one_plus,
        lambda x: 1 / (1 + x**2),
        lambda x: 2 * x / (1 + x**2),
        "local-factor",
    ),
    one(
        "X45",
        "leaky ReLU: nothing below zero",
        leaky,
        lambda x: (x > 0) * 1.0,
        lambda x: np.where(x > 0, 1, 0.1),
        "wrong-mask local-factor path-missing",
    ),
    one(
        "X46",
        "leaky ReLU: the slopes exchanged",
        leaky,
        lambda x: np.where(x > 0, 0.1, 1),
        lambda x: np.where(x > 0, 1, 0.1),
        "wrong-mask swapped local-factor",
    ),
    one(
        "X47",
        "ELU: y for y + 1 below zero",
        exponential_linear,
        lambda x: np.where(x > 0, 1, np.exp(x) - 1),
        lambda x: np.where(x > 0, 1, np.exp(x)),
        "local-factor wrong-tensor",
    ),
    Case(
        "X48",
        "GELU: the 3 of the inner cube forgotten",
        gelu,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: gelu_gradient(x, upstream, inside=lambda x: 1 + 0.044715 * x**2),
        right=gelu_gradient,
        accepted=("local-factor", "factor"),
        upstream=True,
    ),
    Case(
        "X49",
        "GELU: the term of the first factor forgotten",
        gelu,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: gelu_gradient(x, upstream, first=0),
        right=gelu_gradient,
        accepted=("path-missing", "local-factor"),
        upstream=True,
    ),
    one(
        "X50",
        "clip: passed outside, stopped inside",
        hard_tanh,
        lambda x: (np.abs(x) > 1) * 1.0,
        lambda x: (np.abs(x) < 1) * 1.0,
        "wrong-mask",
    ),
    one(
        "X51",
        "clip: only the upper edge is masked",
        hard_tanh,
        lambda x: (x < 1) * 1.0,
        lambda x: (np.abs(x) < 1) * 1.0,
        "wrong-mask mask-missing",
    ),
    one(
        "X52",
        "square root: ½ √x for ½ / √x",
        root,
        lambda x: 0.5 * np.sqrt(x),
        lambda x: 0.5 / np.sqrt(x),
        "local-factor",
        ABOVE_ZERO,
    ),
    one(
        "X53",
        "square root: the ½ forgotten",
        root,
        lambda x: 1 / np.sqrt(x),
        lambda x: 0.5 / np.sqrt(x),
        "factor local-factor",
        ABOVE_ZERO,
    ),
    one(
        "X54",
        "reciprocal: 1 / x² without the minus",
        inverse,
        lambda x: 1 / x**2,
        lambda x: -1 / x**2,
        "sign local-factor",
        ABOVE_ZERO,
    ),
    one(
        "X55",
        "reciprocal: ln x, its integral",
        inverse,
        np.log,
        lambda x: -1 / x**2,
        "local-factor",
        ABOVE_ZERO,
    ),
    one(
        "X56",
        "Gaussian: the inner −x forgotten",
        gaussian,
        lambda x: np.exp(-(x**2) / 2),
        lambda x: -x * np.exp(-(x**2) / 2),
        "local-factor",
    ),
    one(
        "X57",
        "exponential: the inner constant forgotten",
        shrunk,
        lambda x: np.exp(-3 * x),
        lambda x: -3 * np.exp(-3 * x),
        "factor local-factor",
    ),
    one("X58", "arctan: 1 − x² for 1 + x²", arc, lambda x: 1 / (1 - x**2), lambda x: 1 / (1 + x**2), "local-factor"),
    one("X59", "cosine: sine without the minus", wave, np.sin, lambda x: -np.sin(x), "sign local-factor"),
    one(
        "X60",
        "exponential of base 2: x 2^(x − 1) as for a power",
        exponential,
        lambda x: x * 2 ** (x - 1),
        lambda x: 2**x * np.log(2),
        "local-factor",
    ),
    one(
        "X61",
        "sin(x²): the inner derivative forgotten",
        nested,
        lambda x: np.cos(x**2),
        lambda x: 2 * x * np.cos(x**2),
        "local-factor",
    ),
    one(
        "X62",
        "sin(x²): the outer derivative at x, not at x²",
        nested,
        lambda x: 2 * x * np.cos(x),
        lambda x: 2 * x * np.cos(x**2),
        "wrong-tensor local-factor",
    ),
    Case(
        "X63",
        "Mish: the derivative of the inner softplus skipped",
        mish,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: mish_gradient(x, upstream, link=np.ones_like),
        right=mish_gradient,
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "X64",
        "general power: the exponent's gradient without the logarithm",
        power,
        draw(x=positive(N), p=positive(N)),
        about=("x", "p"),
        claimed=lambda x, p, upstream: {"x": upstream * p * x ** (p - 1), "p": upstream * x**p},
        right=lambda x, p, upstream: {"x": upstream * p * x ** (p - 1), "p": upstream * x**p * np.log(x)},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "X65",
        "logistic of a ratio: u / v for u / v² in the denominator's gradient",
        logistic_of_ratio,
        draw(u=(N,), v=positive(N)),
        about=("v",),
        claimed=lambda u, v, upstream: {"v": -upstream * sigmoid(u / v) * (1 - sigmoid(u / v)) * u / v},
        right=lambda u, v, upstream: {"v": -upstream * sigmoid(u / v) * (1 - sigmoid(u / v)) * u / v**2},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "X66",
        "squared ReLU: the mask for the value, the power not kept",
        squared_rectifier,
        draw(X=(N, D), W=(D, K)),
        about=("W",),
        claimed=lambda X, W: {"W": X.T @ (2.0 * (X @ W > 0))},
        right=lambda X, W: {"W": X.T @ (2 * np.maximum(X @ W, 0))},
        accepted=("local-factor", "wrong-tensor", "wrong-mask"),
    ),
    Case(
        "X67",
        "gated unit: the gates of the two factors exchanged",
        gated,
        draw(a=(N, D), b=(N, D)),
        about=("a", "b"),
        claimed=lambda a, b, upstream: {
            "a": upstream * a * sigmoid(b) * (1 - sigmoid(b)),
            "b": upstream * sigmoid(b),
        },
        right=lambda a, b, upstream: {"a": upstream * sigmoid(b), "b": upstream * a * sigmoid(b) * (1 - sigmoid(b))},
        accepted=("swapped", "wrong-tensor"),
        upstream=True,
    ),
    Case(
        "X68",
        "gated unit: the gate's derivative skipped",
        gated,
        draw(a=(N, D), b=(N, D)),
        about=("b",),
        claimed=lambda a, b, upstream: {"b": upstream * a},
        right=lambda a, b, upstream: {"b": upstream * a * sigmoid(b) * (1 - sigmoid(b))},
        accepted=("local-factor",),
        upstream=True,
    ),
)
