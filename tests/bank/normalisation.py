"""Mistakes in batch and layer normalisation: mean and variance depend on the input too."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, N, draw, positive

__all__ = ["LISTED"]


def batch_norm(X: Any, gamma: Any, beta: Any) -> Any:
    m = X.mean(axis=0)
    s = np.sqrt(X.var(axis=0) + 1e-5)
    xhat = (X - m) / s
    Y = gamma * xhat + beta
    return Y


def layer_norm(X: Any, gamma: Any, beta: Any) -> Any:
    m = X.mean(axis=1, keepdims=True)
    s = np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    xhat = (X - m) / s
    Y = gamma * xhat + beta
    return Y


def three_terms(X: Any, gamma: Any, upstream: Any, mean: float = 1.0, variance: float = 1.0, axis: int = 0) -> Any:
    """The gradient of batch norm, with a coefficient for the path through the mean and that through the variance."""
    s = np.sqrt(X.var(axis=0, keepdims=True) + 1e-5)
    xhat = (X - X.mean(axis=0, keepdims=True)) / s
    dxhat = upstream * gamma
    through_mean = dxhat.mean(axis=axis, keepdims=True)
    through_variance = xhat * (dxhat * xhat).mean(axis=axis, keepdims=True)
    return (dxhat - mean * through_mean - variance * through_variance) / s


def layer_norm_gradient(X: Any, gamma: Any, upstream: Any, axis: int = 1) -> Arrays:
    s = np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    xhat = (X - X.mean(axis=1, keepdims=True)) / s
    dxhat = upstream * gamma
    inner = dxhat.mean(axis=axis, keepdims=True) + xhat * (dxhat * xhat).mean(axis=axis, keepdims=True)
    return {"X": (dxhat - inner) / s}


POINT = draw(X=(N, D), gamma=positive(D), beta=(D,))

LISTED = (
    Case(
        "N1",
        "batch norm with mean and variance as constants",
        batch_norm,
        POINT,
        about=("X",),
        claimed=lambda X, gamma, beta, upstream: {"X": upstream * gamma / np.sqrt(X.var(axis=0) + 1e-5)},
        right=lambda X, gamma, beta, upstream: {"X": three_terms(X, gamma, upstream)},
        accepted=("path-missing", "diagonal-for-full"),
        upstream=True,
    ),
    Case(
        "N2",
        "batch norm without the path through the mean",
        batch_norm,
        POINT,
        about=("X",),
        claimed=lambda X, gamma, beta, upstream: {"X": three_terms(X, gamma, upstream, mean=0)},
        right=lambda X, gamma, beta, upstream: {"X": three_terms(X, gamma, upstream)},
        accepted=("path-missing",),
        upstream=True,
    ),
    Case(
        "N3",
        "batch norm without the path through the variance",
        batch_norm,
        POINT,
        about=("X",),
        claimed=lambda X, gamma, beta, upstream: {"X": three_terms(X, gamma, upstream, variance=0)},
        right=lambda X, gamma, beta, upstream: {"X": three_terms(X, gamma, upstream)},
        accepted=("path-missing",),
        upstream=True,
    ),
    Case(
        "N5",
        "layer norm with the means of its gradient over the batch",
        layer_norm,
        POINT,
        about=("X",),
        claimed=lambda X, gamma, beta, upstream: layer_norm_gradient(X, gamma, upstream, axis=0),
        right=lambda X, gamma, beta, upstream: layer_norm_gradient(X, gamma, upstream),
        accepted=("wrong-axis",),
        upstream=True,
    ),
)
