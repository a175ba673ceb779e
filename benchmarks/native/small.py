"""Rows with a handful of numbers, where a call is all that costs, and one function over growing arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.native.row import Row

draw = np.random.default_rng(1).normal


def cubic(xp: Any, x: Any, y: Any) -> Any:
    return 3 * x**3 - y**2


def linear(xp: Any, W: Any, b: Any, x: Any, t: Any) -> Any:
    residual = W @ x + b - t
    return xp.mean(residual * residual)


def net(xp: Any, W: Any, b: Any, V: Any, c: Any, x: Any, t: Any) -> Any:
    hidden = xp.maximum(W @ x + b, 0.0)
    return xp.sum((1 / (1 + xp.exp(-(V @ hidden + c))) - t) ** 2)


def layers(xp: Any, V: Any, W: Any, x: Any, t: Any) -> Any:
    residual = W @ (V @ x) - t
    return 0.5 * xp.sum(residual * residual)


def recurrence(xp: Any, w: Any, u: Any, b: Any, inputs: Any, t: Any) -> Any:
    h = 0.0
    for x in inputs:
        h = xp.tanh(w * h + u * x + b)
    return (h - t) ** 2


def recurrence_in_casadi(xp: Any, w: Any, u: Any, b: Any, inputs: Any, t: Any) -> Any:
    return recurrence(xp, w, u, b, xp.split(inputs), t)


def wave(xp: Any, x: Any) -> Any:
    return xp.sum(3 * xp.cos(x) - xp.sin(x) ** 2)


def seed(name: str) -> Row:
    """One of the four computations that one begins with."""
    bias = np.array([0.1, -5.0, 0.2])
    small = (abs(draw(size=(3, 2))), bias, draw(size=(1, 3)), draw(size=1), np.array([0.5, 1.2]), np.array([0.3]))
    two = (draw(size=(4, 3)), draw(size=(2, 4)), draw(size=3), draw(size=2))
    known: dict[str, tuple[str, Any, tuple[Any, ...], int]] = {
        "cubic": ("3x³ − y², scalars", cubic, (1.7, -0.6), 2),
        "linear": ("linear layer 3×3", linear, (draw(size=(3, 3)), *draw(size=(3, 3))), 2),
        "net": ("network 2-3-1", net, small, 4),
        "layers": ("two layers 3-4-2", layers, two, 2),
    }
    return Row(*known[name], name, goal=1, ahead={"jax": 25, "torch": 100})


def steps(count: int) -> Row:
    """A recurrence in scalars."""
    own = {"casadi": recurrence_in_casadi}
    arguments = (0.8, 0.5, 0.05, draw(size=count), 0.25)
    return Row(f"recurrence, {count} steps", recurrence, arguments, 3, "recurrence", (count,), 1.2, own, first=0.04)


def waves(n: int) -> Row:
    """A sum over an array. CasADi writes a statement for every number, so it is asked for few only."""
    own = {"casadi": None} if n > 1000 else {}
    return Row(f"Σ(3cos x − sin²x), n = {n:,}", wave, (draw(size=n),), 1, "wave", (n,), 1.2 if n >= 1000 else None, own)
