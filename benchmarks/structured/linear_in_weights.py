"""W ↦ Wx and W ↦ tanh(Wx): ∂h_i/∂W_jk = δ_ij x_k, of which a person keeps x."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_sparse

PEERS = ("jax", "asdex", "casadi", "torch.func", "torch.autograd")


def linear(xp: Any, W: Any, x: Any) -> Any:
    return W @ x


def squashed(xp: Any, W: Any, x: Any) -> Any:
    return xp.tanh(W @ x)


def make(n: int, slope: bool = False) -> Problem:
    """Weights of shape (2n/3, n)."""
    m = max(2 * n // 3, 1)
    draw = generator(n).normal
    places, starts = np.arange(m * n, dtype=np.int32), np.arange(0, m * n + 1, n, dtype=np.int32)

    def kept(W: Any, x: Any) -> Any:
        if not slope:
            return (x,)
        value = np.tanh(W @ x)
        return 1 - value * value, x

    def values(W: Any, x: Any) -> Any:
        return np.outer(*kept(W, x)).ravel() if slope else np.tile(x, m)

    def matrix(W: Any, x: Any) -> Any:
        return csr_array((values(W, x), places, starts), shape=(m, m * n))

    goals = (Goal(stored=m + n), Goal(ratio=3)) if slope else (Goal(replay=10e-6, stored=n), Goal(ratio=3))
    return Problem(
        row="W ↦ tanh(Wx)" if slope else "W ↦ Wx",
        size=f"{m}×{n}",
        function=squashed if slope else linear,
        order="jacobian",
        points=[(draw(size=(m, n)) / n**0.5, draw(size=n)) for _ in range(3)],
        forms={
            "kept": Form(kept, shown=to_sparse, expected=matrix, goal=goals[0]),
            "csr": Form(matrix, to_sparse, also={"values": values}, goal=goals[1]),
        },
        reference=matrix,
        peers=PEERS,
        casadi=lambda ca, W, x: ca.tanh(ca.mtimes(W, x)) if slope else ca.mtimes(W, x),
    )


def make_squashed(n: int) -> Problem:
    return make(n, slope=True)


GROWTH = (10, 30, 100, 300, 1000, 3000)
FAMILIES = {"linear": Family(make, (300,), GROWTH, 6), "tanh": Family(make_squashed, (300,), GROWTH, 6)}
