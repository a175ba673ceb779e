"""Mistakes where entries are picked, repeated, shifted or masked."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, K, N, T, draw

__all__ = ["LISTED"]

INDEX = np.array([4, 1, 4, 0, 1, 4, 10])
MASK = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])[:, None]


def row_maximum(x: Any) -> Any:
    m = x.max(axis=1)
    return m


def row_maximum_gradient(x: Any, upstream: Any) -> Arrays:
    dx = np.zeros_like(x)
    dx[np.arange(len(x)), x.argmax(axis=1)] = upstream
    return {"x": dx}


def embedding(E: Any) -> Any:
    rows = E[INDEX]
    return rows


def embedding_overwritten(E: Any, upstream: Any) -> Arrays:
    dE = np.zeros_like(E)
    dE[INDEX] = upstream
    return {"E": dE}


def embedding_gradient(E: Any, upstream: Any) -> Arrays:
    dE = np.zeros_like(E)
    np.add.at(dE, INDEX, upstream)
    return {"E": dE}


def running_sum(x: Any) -> Any:
    y = np.cumsum(x)
    return y


def convolved(x: Any, k: Any) -> Any:
    y = np.stack([np.sum(x[t : t + len(k)] * k) for t in range(len(x) - len(k) + 1)])
    return y


def masked_loss(P: Any, Y: Any) -> Any:
    R = (P - Y) * MASK
    L = np.sum(R**2)
    return L


LISTED = (
    Case(
        "I1",
        "the gradient of a maximum goes to all entries",
        row_maximum,
        draw(x=(N, D)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.ones_like(x) * upstream[:, None]},
        right=row_maximum_gradient,
        accepted=("mask-missing", "wrong-mask"),
        upstream=True,
    ),
    Case(
        "I2",
        "a repeated index overwrites",
        embedding,
        draw(E=(T, D)),
        about=("E",),
        claimed=embedding_overwritten,
        right=embedding_gradient,
        accepted=("path-missing",),
        upstream=True,
    ),
    Case(
        "I4",
        "a running sum is not reversed on the way back",
        running_sum,
        draw(x=(T,)),
        about=("x",),
        claimed=lambda x, upstream: {"x": np.cumsum(upstream)},
        right=lambda x, upstream: {"x": np.cumsum(upstream[::-1])[::-1]},
        accepted=("permuted", "operand-not-transposed", "shifted"),
        upstream=True,
    ),
    Case(
        "I6",
        "the kernel is not flipped on the way back",
        convolved,
        draw(x=(T,), k=(K,)),
        about=("x",),
        claimed=lambda x, k, upstream: {"x": np.correlate(upstream, k, mode="full")},
        right=lambda x, k, upstream: {"x": np.convolve(upstream, k, mode="full")},
        accepted=("permuted", "operand-not-transposed", "shifted"),
        upstream=True,
    ),
    Case(
        "I7",
        "the mask of the loss is ignored",
        masked_loss,
        draw(P=(N, D), Y=(N, D)),
        about=("P",),
        claimed=lambda P, Y: {"P": 2 * (P - Y)},
        right=lambda P, Y: {"P": 2 * (P - Y) * MASK},
        accepted=("mask-missing",),
    ),
)
