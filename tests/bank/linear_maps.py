"""Mistakes in products with matrices: layouts, transposes, what is summed over the batch."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, K, N, draw

__all__ = ["LISTED"]


def product(X: Any, W: Any) -> Any:
    Z = X @ W
    return Z


def layer(X: Any, W: Any, b: Any) -> Any:
    Z = X @ W + b
    return Z


def matrix_vector(W: Any, x: Any) -> Any:
    y = W @ x
    return y


def quadratic_form(x: Any, A: Any) -> Any:
    L = x @ A @ x
    return L


LISTED = (
    Case(
        "L1",
        "the gradient of a weight, transposed",
        product,
        draw(X=(N, D), W=(D, K)),
        about=("W",),
        claimed=lambda X, W, upstream: {"W": upstream.T @ X},
        right=lambda X, W, upstream: {"W": X.T @ upstream},
        accepted=("transposed",),
        upstream=True,
    ),
    Case(
        "L2",
        "a square weight is not transposed on the way back",
        product,
        draw(X=(N, D), W=(D, D)),
        about=("X",),
        claimed=lambda X, W, upstream: {"X": upstream @ W},
        right=lambda X, W, upstream: {"X": upstream @ W.T},
        accepted=("operand-not-transposed",),
        upstream=True,
    ),
    Case(
        "L3",
        "the gradient of a bias is not summed over the batch",
        layer,
        draw(X=(N, D), W=(D, K), b=(K,)),
        about=("b",),
        claimed=lambda X, W, b, upstream: {"b": upstream},
        right=lambda X, W, b, upstream: {"b": upstream.sum(axis=0)},
        accepted=("missing-sum",),
        upstream=True,
    ),
    Case(
        "L4",
        "the gradient of a bias is averaged over the batch",
        layer,
        draw(X=(N, D), W=(D, K), b=(K,)),
        about=("b",),
        claimed=lambda X, W, b, upstream: {"b": upstream.mean(axis=0)},
        right=lambda X, W, b, upstream: {"b": upstream.sum(axis=0)},
        accepted=("averaged", "factor"),
        upstream=True,
    ),
    Case(
        "L5",
        "the gradient of a bias is summed over the wrong axis",
        layer,
        draw(X=(N, D), W=(D, K), b=(K,)),
        about=("b",),
        claimed=lambda X, W, b, upstream: {"b": upstream.sum(axis=1)},
        right=lambda X, W, b, upstream: {"b": upstream.sum(axis=0)},
        accepted=("wrong-axis",),
        upstream=True,
    ),
    Case(
        "L7",
        "an outer product in the wrong order",
        matrix_vector,
        draw(W=(K, D), x=(D,)),
        about=("W",),
        claimed=lambda W, x, upstream: {"W": np.outer(x, upstream)},
        right=lambda W, x, upstream: {"W": np.outer(upstream, x)},
        accepted=("transposed",),
        upstream=True,
    ),
    Case(
        "L8",
        "the result itself in place of its gradient",
        product,
        draw(X=(N, D), W=(D, K)),
        about=("W",),
        claimed=lambda X, W, upstream: {"W": X.T @ (X @ W)},
        right=lambda X, W, upstream: {"W": X.T @ upstream},
        accepted=("wrong-tensor", "upstream-missing"),
        upstream=True,
    ),
    Case(
        "L9",
        "a Jacobian handed in for a gradient",
        matrix_vector,
        draw(W=(K, D), x=(D,)),
        about=("x",),
        claimed=lambda W, x, upstream: {"x": W},
        right=lambda W, x, upstream: {"x": W.T @ upstream},
        accepted=("jacobian-for-gradient",),
        upstream=True,
    ),
    Case(
        "L11",
        "J v for Jᵀ v",
        matrix_vector,
        draw(W=(D, D), x=(D,)),
        about=("x",),
        claimed=lambda W, x, upstream: {"x": W @ upstream},
        right=lambda W, x, upstream: {"x": W.T @ upstream},
        accepted=("operand-not-transposed",),
        upstream=True,
    ),
    Case(
        "L12",
        "2 A x for a quadratic form whose matrix is not symmetric",
        quadratic_form,
        draw(x=(D,), A=(D, D)),
        about=("x",),
        claimed=lambda x, A: {"x": 2 * A @ x},
        right=lambda x, A: {"x": (A + A.T) @ x},
        accepted=("path-missing", "path-doubled", "operand-not-transposed"),
    ),
)
