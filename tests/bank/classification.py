"""Mistakes with softmax, sigmoid and cross-entropy: the Jacobian is not diagonal, and much of it cancels."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, K, N, draw

__all__ = ["LISTED"]

LABELS = np.array([2, 0, 1, 1, 2, 0, 2])
Y = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def normalised(x: Any) -> Any:
    e = np.exp(x)
    s = e / e.sum(axis=1, keepdims=True)
    return s


def cross_entropy(z: Any) -> Any:
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    L = -np.log(p[np.arange(len(z)), LABELS]).mean()
    return L


def binary_cross_entropy(z: Any) -> Any:
    p = 1 / (1 + np.exp(-z))
    L = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    return L


def softmax_back(s: Any, ds: Any) -> Any:
    return s * (ds - (ds * s).sum(axis=1, keepdims=True))


def error(z: Any) -> Any:
    return softmax(z) - np.eye(K)[LABELS]


LISTED = (
    Case(
        "C1",
        "the Jacobian of softmax taken for its diagonal",
        normalised,
        draw(x=(N, D)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * softmax(x) * (1 - softmax(x))},
        right=lambda x, upstream: {"x": softmax_back(softmax(x), upstream)},
        accepted=("diagonal-for-full", "path-missing"),
        upstream=True,
    ),
    Case(
        "C2",
        "the rule of softmax applied once more to p − y",
        cross_entropy,
        draw(z=(N, K)),
        about=("z",),
        claimed=lambda z: {"z": softmax_back(softmax(z), error(z) / N)},
        right=lambda z: {"z": error(z) / N},
        accepted=("local-factor",),
    ),
    Case(
        "C3",
        "mean cross-entropy not divided by the batch",
        cross_entropy,
        draw(z=(N, K)),
        about=("z",),
        claimed=lambda z: {"z": error(z)},
        right=lambda z: {"z": error(z) / N},
        accepted=("factor",),
    ),
    Case(
        "C6",
        "p (1 − p) left in the gradient of sigmoid and cross-entropy",
        binary_cross_entropy,
        draw(z=(N,)),
        about=("z",),
        claimed=lambda z: {"z": (sigmoid(z) - Y) * sigmoid(z) * (1 - sigmoid(z)) / N},
        right=lambda z: {"z": (sigmoid(z) - Y) / N},
        accepted=("local-factor",),
    ),
)
