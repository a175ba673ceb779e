"""An elementwise map, sin(x)·exp(−x): its Jacobian is a diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_sparse


def function(xp: Any, x: Any) -> Any:
    return xp.sin(x) * xp.exp(-x)


def diagonal(x: Any) -> Any:
    """By hand: (cos x − sin x)·exp(−x)."""
    return (np.cos(x) - np.sin(x)) * np.exp(-x)


def make(n: int) -> Problem:
    draw = generator(n).normal
    places, starts = np.arange(n, dtype=np.int32), np.arange(n + 1, dtype=np.int32)

    def matrix(x: Any) -> Any:
        return csr_array((diagonal(x), places, starts), shape=(n, n))

    return Problem(
        row="elementwise",
        size=f"n = {n:,}",
        function=function,
        order="jacobian",
        points=[(draw(size=n),) for _ in range(3)],
        forms={
            "kept": Form(diagonal, shown=lambda J: J.diagonal(), goal=Goal(stored=n)),
            "csr": Form(matrix, to_sparse, also={"values": diagonal}, goal=Goal(ratio=1.3)),
        },
        reference=matrix,
        peers=("jax", "asdex", "sparsejac", "casadi", "torch.func", "torch.autograd"),
        casadi=lambda ca, x: ca.sin(x) * ca.exp(-x),
    )


FAMILIES = {"elementwise": Family(make, (10_000,), (1_000, 10_000, 100_000, 1_000_000), 7)}
