"""Mistakes where a value is used in several places: a path lost, counted twice, or with the wrong sign."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, K, N, draw

__all__ = ["LISTED"]


def fan_out(x: Any, a: Any) -> Any:
    u = x * a
    v = np.sin(x)
    y = u + v
    return y


def doubled(x: Any) -> Any:
    y = x + x
    return y


def two_branches(x: Any) -> Any:
    u = np.exp(0.5 * x)
    v = np.tanh(x)
    y = u + v
    return y


def product_rule(x: Any) -> Any:
    y = x * np.sin(x)
    return y


def difference(x: Any) -> Any:
    a = np.sin(x)
    b = x**2
    y = a - b
    return y


def loss(X: Any, W: Any, Y: Any) -> Any:
    R = X @ W - Y
    L = np.sum(R**2)
    return L


PREVIOUS = np.random.default_rng(1).normal(size=(D, K))

LISTED = (
    Case(
        "P1",
        "one branch lost",
        fan_out,
        draw(x=(N,), a=(N,)),
        about=("x",),
        claimed=lambda x, a, upstream: {"x": upstream * a},
        right=lambda x, a, upstream: {"x": upstream * a + upstream * np.cos(x)},
        accepted=("path-missing",),
        upstream=True,
    ),
    Case(
        "P2",
        "= for +=: one of two equal paths",
        doubled,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream},
        right=lambda x, upstream: {"x": 2 * upstream},
        accepted=("path-missing", "factor"),
        upstream=True,
    ),
    Case(
        "P3",
        "one branch twice",
        two_branches,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * (2 * 0.5 * np.exp(0.5 * x) + 1 - np.tanh(x) ** 2)},
        right=lambda x, upstream: {"x": upstream * (0.5 * np.exp(0.5 * x) + 1 - np.tanh(x) ** 2)},
        accepted=("path-doubled",),
        upstream=True,
    ),
    Case(
        "P4",
        "one term of the product rule",
        product_rule,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * np.sin(x)},
        right=lambda x, upstream: {"x": upstream * (np.sin(x) + x * np.cos(x))},
        accepted=("path-missing",),
        upstream=True,
    ),
    Case(
        "P5",
        "the sign of one branch",
        difference,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * (np.cos(x) + 2 * x)},
        right=lambda x, upstream: {"x": upstream * (np.cos(x) - 2 * x)},
        accepted=("path-sign",),
        upstream=True,
    ),
    Case(
        "P8",
        "the gradient of the step before is still in the buffer",
        loss,
        draw(X=(N, D), W=(D, K), Y=(N, K)),
        about=("W",),
        claimed=lambda X, W, Y: {"W": PREVIOUS + 2 * X.T @ (X @ W - Y)},
        right=lambda X, W, Y: {"W": 2 * X.T @ (X @ W - Y)},
        accepted=("stale",),
        context=lambda X, W, Y: {"W_grad": PREVIOUS},
    ),
)
