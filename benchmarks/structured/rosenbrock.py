"""The Hessian of the chained Rosenbrock function: three bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_sparse


def function(xp: Any, x: Any) -> Any:
    return xp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def bands(x: Any) -> tuple[Any, Any]:
    """By hand: the diagonal and the band beside it."""
    left, right = x[:-1], x[1:]
    diagonal = np.zeros(len(x))
    diagonal[:-1] = 1200 * left * left - 400 * right + 2
    diagonal[1:] += 200
    return diagonal, -400 * left


def make(n: int) -> Problem:
    draw = generator(n).uniform
    columns = (np.arange(n, dtype=np.int32)[:, None] + np.arange(-1, 2, dtype=np.int32)).ravel()[1:-1]
    starts = np.clip(np.arange(-1, 3 * n, 3), 0, 3 * n - 2).astype(np.int32)

    def values(x: Any) -> Any:
        rows = np.empty((n, 3))
        rows[:, 1], beside = bands(x)
        rows[1:, 0] = rows[:-1, 2] = beside
        return rows.ravel()[1:-1]

    def matrix(x: Any) -> Any:
        return csr_array((values(x), columns, starts), shape=(n, n))

    goal = Goal(ratio=2, replay=20e-3 if n == 1_000_000 else None)
    return Problem(
        row="Rosenbrock Hessian",
        size=f"n = {n:,}",
        function=function,
        order="hessian",
        points=[(draw(-1, 1, size=n),) for _ in range(3)],
        forms={
            "kept": Form(bands, shown=to_sparse, expected=matrix, goal=goal),
            "csr": Form(matrix, to_sparse, also={"values": values}, goal=Goal(ratio=2)),
        },
        reference=matrix,
        peers=("asdex", "sparsejac", "casadi", "jax", "torch.func", "torch.autograd", "autograd"),
        casadi=lambda ca, x: ca.sum1(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    )


FAMILIES = {"rosenbrock": Family(make, (1_000, 10_000, 1_000_000), (1_000, 10_000, 100_000, 1_000_000), 6)}
