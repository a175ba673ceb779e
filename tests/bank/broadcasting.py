"""Mistakes where one array was stretched over another: summed too far, not summed, not divided."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, N, draw

__all__ = ["LISTED"]


def scaled(X: Any, g: Any) -> Any:
    Z = X * g
    return Z


def column_means(X: Any) -> Any:
    m = X.mean(axis=0)
    return m


LISTED = (
    Case(
        "B1",
        "summed over more than the stretched axis",
        scaled,
        draw(X=(N, D), g=(D,)),
        about=("g",),
        claimed=lambda X, g, upstream: {"g": (upstream * X).sum()},
        right=lambda X, g, upstream: {"g": (upstream * X).sum(axis=0)},
        accepted=("extra-sum",),
        upstream=True,
    ),
    Case(
        "B3",
        "not summed over the stretched axis",
        scaled,
        draw(X=(N, D), g=(D,)),
        about=("g",),
        claimed=lambda X, g, upstream: {"g": upstream * X},
        right=lambda X, g, upstream: {"g": (upstream * X).sum(axis=0)},
        accepted=("missing-sum",),
        upstream=True,
    ),
    Case(
        "B5",
        "a mean over rows, not divided",
        column_means,
        draw(X=(N, D)),
        about=("X",),
        claimed=lambda X, upstream: {"X": np.ones_like(X) * upstream},
        right=lambda X, upstream: {"X": np.ones_like(X) * upstream / len(X)},
        accepted=("factor",),
        upstream=True,
    ),
)
