"""Mistakes by a constant: means that are not divided, divided twice, or by the wrong size."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, K, N, T, draw, positive

__all__ = ["LISTED"]


def squared_error(P: Any, Y: Any) -> Any:
    R = P - Y
    L = (R**2).mean()
    return L


def reversed_error(P: Any, Y: Any) -> Any:
    R = Y - P
    L = (R**2).mean()
    return L


def regression(X: Any, W: Any, Y: Any) -> Any:
    Z = X @ W
    R = Z - Y
    L = np.sum(R**2) / len(X)
    return L


def regression_gradient(X: Any, W: Any, Y: Any) -> Any:
    return X.T @ (2 / len(X) * (X @ W - Y))


def logarithm(x: Any) -> Any:
    y = np.log2(x)
    return y


def summed_over_time(w: Any, x: Any) -> Any:
    h = np.tanh(x * w)  # (T, D)
    L = np.sum(h)
    return L


def summed_over_time_gradient(w: Any, x: Any) -> Any:
    h = np.tanh(x * w)
    return ((1 - h**2) * x).sum(axis=0)


RESIDUALS = draw(P=(N, K), Y=(N, K))
REGRESSION = draw(X=(N, D), W=(D, K), Y=(N, K))

LISTED = (
    Case(
        "S1",
        "a mean that is not divided",
        squared_error,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": 2 * (P - Y)},
        right=lambda P, Y: {"P": 2 * (P - Y) / P.size},
        accepted=("factor",),
    ),
    Case(
        "S2",
        "a mean over all elements divided by the number of rows",
        squared_error,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": 2 * (P - Y) / len(P)},
        right=lambda P, Y: {"P": 2 * (P - Y) / P.size},
        accepted=("factor",),
    ),
    Case(
        "S3",
        "the 2 of the square dropped",
        squared_error,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": (P - Y) / P.size},
        right=lambda P, Y: {"P": 2 * (P - Y) / P.size},
        accepted=("factor",),
    ),
    Case(
        "S4",
        "the sign of the residual",
        reversed_error,
        RESIDUALS,
        about=("P",),
        claimed=lambda P, Y: {"P": 2 * (Y - P) / P.size},
        right=lambda P, Y: {"P": -2 * (Y - P) / P.size},
        accepted=("sign",),
    ),
    Case(
        "S5",
        "1/N applied in the loss and again in the weight",
        regression,
        REGRESSION,
        about=("W",),
        claimed=lambda X, W, Y: {"W": regression_gradient(X, W, Y) / len(X)},
        right=lambda X, W, Y: {"W": regression_gradient(X, W, Y)},
        accepted=("factor",),
    ),
    Case(
        "S7",
        "the base of the logarithm",
        logarithm,
        draw(x=positive(N)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream / x},
        right=lambda x, upstream: {"x": upstream / (x * np.log(2))},
        accepted=("factor", "local-factor"),
        upstream=True,
    ),
    Case(
        "S9",
        "averaged over time where the loss sums",
        summed_over_time,
        draw(w=(D,), x=(T, D)),
        about=("w",),
        claimed=lambda w, x: {"w": summed_over_time_gradient(w, x) / len(x)},
        right=lambda w, x: {"w": summed_over_time_gradient(w, x)},
        accepted=("averaged", "factor"),
    ),
    Case(
        "S10",
        "the learning rate is part of the gradient",
        regression,
        REGRESSION,
        about=("W",),
        claimed=lambda X, W, Y: {"W": 0.01 * regression_gradient(X, W, Y)},
        right=lambda X, W, Y: {"W": regression_gradient(X, W, Y)},
        accepted=("factor",),
    ),
)
