"""Mistakes of time and bookkeeping: weights after the update, other points, directions, conjugates, rounding."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, N, draw

__all__ = ["LISTED"]

W_LATER = np.random.default_rng(2).normal(size=(D, K))
X_BEFORE = np.random.default_rng(3).normal(size=(N,))
KEEP = 0.8
KEPT = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0])[:, None]


def product(X: Any, W: Any) -> Any:
    Z = X @ W
    return Z


def dropout(x: Any) -> Any:
    y = x * KEPT / KEEP
    return y


def bumpy(x: Any) -> Any:
    y = np.sin(x) * x
    L = np.sum(y**2)
    return L


def bumpy_gradient(x: Any) -> Any:
    return 2 * np.sin(x) * x * (np.sin(x) + x * np.cos(x))


def network(X: Any, W: Any, b: Any) -> Any:
    h = np.tanh(X @ W + b)
    L = np.mean(h**2)
    return L


def network_gradient(X: Any, W: Any, b: Any) -> Arrays:
    h = np.tanh(X @ W + b)
    dz = 2 * h / h.size * (1 - h**2)
    return {"W": X.T @ dz, "b": dz.sum(axis=0)}


def clipped(gradient: Any) -> Any:
    return gradient / np.linalg.norm(gradient)


def turned(a: Any, z: Any) -> Any:
    y = a * z
    return y


def complex_normal(*shape: int) -> Any:
    return lambda rng: rng.normal(size=shape) + 1j * rng.normal(size=shape)


def single(*arrays: Any) -> Any:
    return [array.astype(np.float32) for array in arrays]


def network_in_float32(X: Any, W: Any, b: Any) -> Arrays:
    return {name: value.astype(float) for name, value in network_gradient(*single(X, W, b)).items()}


NETWORK = draw(X=(N, D), W=(D, K), b=(K,))

LISTED = (
    Case(
        "T1",
        "the weight after the update",
        product,
        draw(X=(N, D), W=(D, K)),
        about=("X",),
        claimed=lambda X, W, upstream: {"X": upstream @ W_LATER.T},
        right=lambda X, W, upstream: {"X": upstream @ W.T},
        accepted=("stale", "wrong-tensor"),
        upstream=True,
        context=lambda X, W: {"W_later": W_LATER},
    ),
    Case(
        "T3",
        "dropout without the division by the share that is kept",
        dropout,
        draw(x=(N, D)),
        about=("x",),
        claimed=lambda x, upstream: {"x": upstream * KEPT},
        right=lambda x, upstream: {"x": upstream * KEPT / KEEP},
        accepted=("factor",),
        upstream=True,
    ),
    Case(
        "T4",
        "the gradient at the point of the step before",
        bumpy,
        draw(x=(N,)),
        about=("x",),
        claimed=lambda x: {"x": bumpy_gradient(X_BEFORE)},
        right=lambda x: {"x": bumpy_gradient(x)},
        accepted=("stale", "wrong-tensor"),
        context=lambda x: {"x_before": X_BEFORE},
    ),
    Case(
        "T5",
        "the direction of the step in place of the gradient",
        network,
        NETWORK,
        about=("W", "b"),
        claimed=lambda X, W, b: {name: -value for name, value in network_gradient(X, W, b).items()},
        right=network_gradient,
        accepted=("sign",),
    ),
    Case(
        "T6",
        "the gradient after it was normalised",
        network,
        NETWORK,
        about=("W",),
        claimed=lambda X, W, b: {"W": clipped(network_gradient(X, W, b)["W"])},
        right=lambda X, W, b: {"W": network_gradient(X, W, b)["W"]},
        accepted=("factor",),
    ),
    Case(
        "T7",
        "the conjugate is missing",
        turned,
        draw(a=complex_normal(N), z=complex_normal(N)),
        about=("z",),
        claimed=lambda a, z, upstream: {"z": upstream * a},
        right=lambda a, z, upstream: {"z": upstream * np.conj(a)},
        accepted=("conjugate",),
        upstream=True,
    ),
    Case(
        "T8",
        "computed in float32",
        network,
        NETWORK,
        about=("W", "b"),
        claimed=network_in_float32,
        right=network_gradient,
        accepted=("rounding",),
    ),
)
