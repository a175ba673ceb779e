"""Mistakes in networks that are unrolled through time: steps that are not counted, weights not transposed."""

# ruff: noqa: RET504  (a value has a name before it is returned: checkers speak in the names of variables)

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bank.case import Arrays, Case, D, T, draw

__all__ = ["LISTED"]


def last_state(W: Any, x: Any) -> Any:
    h = np.zeros(D)
    for t in range(len(x)):
        h = np.tanh(h @ W + x[t])
    L = np.sum(h**2)
    return L


def through_time(W: Any, x: Any, steps: int | None = None, transposed: bool = True) -> Arrays:
    """The gradient of W; ``steps`` counts the steps that are gone back, all of them if it is not given."""
    states = [np.zeros(D)]
    for t in range(len(x)):
        states.append(np.tanh(states[-1] @ W + x[t]))
    dW = np.zeros_like(W)
    dh = 2 * states[-1]
    first = 0 if steps is None else len(x) - steps
    for t in reversed(range(first, len(x))):
        dz = dh * (1 - states[t + 1] ** 2)
        dW += np.outer(states[t], dz)
        dh = dz @ (W.T if transposed else W)
    return {"W": dW}


POINT = draw(W=lambda rng: 0.6 * rng.normal(size=(D, D)), x=lambda rng: 0.7 * rng.normal(size=(T, D)))

LISTED = (
    Case(
        "R1",
        "only the last step is counted",
        last_state,
        POINT,
        about=("W",),
        claimed=lambda W, x: through_time(W, x, steps=1),
        right=through_time,
        accepted=("path-missing",),
    ),
    Case(
        "R3",
        "truncated after three steps",
        last_state,
        POINT,
        about=("W",),
        claimed=lambda W, x: through_time(W, x, steps=3),
        right=through_time,
        accepted=("path-missing",),
    ),
    Case(
        "R4",
        "the weight is not transposed on the way back through time",
        last_state,
        POINT,
        about=("W",),
        claimed=lambda W, x: through_time(W, x, transposed=False),
        right=through_time,
        accepted=("operand-not-transposed",),
    ),
)
