"""Mistakes in the derivative of a function of one number, and in multiplying it by the upstream."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, K, N, draw, positive

__all__ = ["LISTED"]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def hyperbolic_tangent(x: Any) -> Any:
    y = np.tanh(x)
    return y


def squashed(x: Any) -> Any:
    y = 1 / (1 + np.exp(-x))
    return y


def rectified(x: Any) -> Any:
    y = np.maximum(x, 0)
    return y


def cubed(x: Any) -> Any:
    y = x**3
    return y


def neuron(X: Any, W: Any) -> Any:
    z = X @ W
    y = 1 / (1 + np.exp(-z))
    return y


def magnitude(x: Any) -> Any:
    y = np.abs(x)
    return y


def quotient(u: Any, v: Any) -> Any:
    y = u / v
    return y


ANY = draw(x=(N, D))

LISTED = (
    Case(
        "E1",
        "not multiplied by the upstream",
        hyperbolic_tangent,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": 1 - np.tanh(x) ** 2},
        right=lambda x, upstream: {"x": upstream * (1 - np.tanh(x) ** 2)},
        accepted=("upstream-missing",),
        upstream=True,
    ),
    Case(
        "E2",
        "1 − x² for 1 − tanh² x",
        hyperbolic_tangent,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * (1 - x**2)},
        right=lambda x, upstream: {"x": upstream * (1 - np.tanh(x) ** 2)},
        accepted=("wrong-tensor", "local-factor"),
        upstream=True,
    ),
    Case(
        "E3",
        "the activation applied once more in its derivative",
        squashed,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * sigmoid(sigmoid(x)) * (1 - sigmoid(sigmoid(x)))},
        right=lambda x, upstream: {"x": upstream * sigmoid(x) * (1 - sigmoid(x))},
        accepted=("local-factor", "wrong-tensor"),
        upstream=True,
    ),
    Case(
        "E4",
        "s(1 − x) for 1 − s(x)",
        squashed,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * sigmoid(x) * sigmoid(1 - x)},
        right=lambda x, upstream: {"x": upstream * sigmoid(x) * (1 - sigmoid(x))},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "E5",
        "the mask of ReLU is missing",
        rectified,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream},
        right=lambda x, upstream: {"x": upstream * (x > 0)},
        accepted=("mask-missing",),
        upstream=True,
    ),
    Case(
        "E7",
        "the value of ReLU for its mask",
        rectified,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * np.maximum(x, 0)},
        right=lambda x, upstream: {"x": upstream * (x > 0)},
        accepted=("wrong-mask", "local-factor", "wrong-tensor"),
        upstream=True,
    ),
    Case(
        "E8",
        "the power is not lowered",
        cubed,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * 3 * x**3},
        right=lambda x, upstream: {"x": upstream * 3 * x**2},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "E9",
        "the derivative of the activation is skipped",
        neuron,
        draw(X=(N, D), W=(D, K)),
        about=("X",),
        claimed=lambda X, W, upstream: {"X": upstream @ W.T},
        right=lambda X, W, upstream: {"X": (upstream * sigmoid(X @ W) * (1 - sigmoid(X @ W))) @ W.T},
        accepted=("local-factor",),
        upstream=True,
    ),
    Case(
        "E10",
        "the sign in the derivative of abs",
        magnitude,
        ANY,
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream},
        right=lambda x, upstream: {"x": upstream * np.sign(x)},
        accepted=("local-factor", "mask-missing", "sign"),
        upstream=True,
    ),
    Case(
        "E12",
        "the minus of the quotient rule",
        quotient,
        draw(u=(N,), v=positive(N)),
        about=("u", "v"),
        claimed=lambda u, v, upstream: {"u": upstream / v, "v": upstream * u / v**2},
        right=lambda u, v, upstream: {"u": upstream / v, "v": -upstream * u / v**2},
        accepted=("sign", "path-sign"),
        upstream=True,
    ),
)
