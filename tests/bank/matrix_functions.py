"""Mistakes with functions of a whole matrix: inverse, determinant, trace, decompositions."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Case, D, draw

__all__ = ["LISTED"]


def regular(rng: np.random.Generator) -> Any:
    """A matrix far from singular, not symmetric, of positive determinant."""
    return rng.normal(size=(D, D)) + 4 * np.eye(D)


def log_determinant(A: Any) -> Any:
    L = np.linalg.slogdet(A)[1]
    return L


LISTED = (
    Case(
        "M2",
        "the gradient of a log-determinant is not transposed",
        log_determinant,
        draw(A=regular),
        about=("A",),
        claimed=lambda A: {"A": np.linalg.inv(A)},
        right=lambda A: {"A": np.linalg.inv(A).T},
        accepted=("transposed", "operand-not-transposed"),
    ),
)
