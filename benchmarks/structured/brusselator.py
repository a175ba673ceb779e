"""The Jacobian of the 2-D Brusselator on a periodic grid: 12 N² entries, of which 4 N² depend on the state."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_sparse


def function(xp: Any, state: Any) -> Any:
    """The right-hand side; N follows from the length of the state, (u, v) flattened."""
    N = isqrt(state.shape[0] // 2)
    u, v = state[: N * N].reshape(N, N), state[N * N :].reshape(N, N)

    def diffusion(w: Any) -> Any:
        return 10 * N * N * (xp.roll(w, 1, 0) + xp.roll(w, -1, 0) + xp.roll(w, 1, 1) + xp.roll(w, -1, 1) - 4 * w)

    reaction = u * u * v
    du = 1 + reaction - 4.4 * u + diffusion(u)
    dv = 3.4 * u - reaction + diffusion(v)
    return xp.concatenate([du.reshape(-1), dv.reshape(-1)])


def in_casadi(ca: Any, state: Any) -> Any:
    """The same where matrices lie column by column and nothing rolls; on this grid both ways are alike."""
    N = isqrt(state.shape[0] // 2)
    u, v = ca.reshape(state[: N * N], N, N), ca.reshape(state[N * N :], N, N)

    def neighbours(w: Any) -> Any:
        return ca.vertcat(w[-1, :], w[:-1, :]) + ca.vertcat(w[1:, :], w[0, :])

    def diffusion(w: Any) -> Any:
        return 10 * N * N * (neighbours(w) + neighbours(w.T).T - 4 * w)

    reaction = u * u * v
    du = 1 + reaction - 4.4 * u + diffusion(u)
    dv = 3.4 * u - reaction + diffusion(v)
    return ca.vertcat(ca.vec(du), ca.vec(dv))


def diagonals(state: Any) -> Any:
    """By hand: what depends on the state, the diagonals of the four blocks without the constants of diffusion."""
    u, v = state.reshape(2, -1)
    product, square = 2 * u * v, u * u
    return product - 4.4, square, 3.4 - product, -square


def pattern(N: int) -> tuple[Any, Any]:
    """The columns, six a row (itself, the other species, four neighbours), and the row starts."""
    n = N * N
    cells = np.arange(n, dtype=np.int32).reshape(N, N)
    around = [np.roll(cells, shift, axis).ravel() for axis in (0, 1) for shift in (1, -1)]
    columns = np.empty((2, n, 6), np.int32)
    for species in (0, 1):
        columns[species, :, 0] = cells.ravel() + species * n
        columns[species, :, 1] = cells.ravel() + (1 - species) * n
        for place, cell in enumerate(around):
            columns[species, :, 2 + place] = cell + species * n
    return columns.ravel(), np.arange(0, 12 * n + 1, 6, dtype=np.int32)


def make(N: int) -> Problem:
    n, rate = N * N, 10.0 * N * N
    columns, starts = pattern(N)
    constant = np.full((2, n, 6), rate)
    y, x = np.meshgrid(np.arange(N) / N, np.arange(N) / N, indexing="ij")
    start = np.concatenate([(22 * (y * (1 - y)) ** 1.5).ravel(), (27 * (x * (1 - x)) ** 1.5).ravel()])

    def values(state: Any) -> Any:
        """A copy of the constant entries, and the 4 N² others written into it."""
        filled = constant.copy()
        u, v = state[:n], state[n:]
        product, square = 2 * u * v, u * u
        filled[0, :, 0] = product - (4.4 + 4 * rate)
        filled[0, :, 1] = square
        filled[1, :, 0] = -4 * rate - square
        filled[1, :, 1] = 3.4 - product
        return filled.ravel()

    def matrix(state: Any) -> Any:
        return csr_array((values(state), columns, starts), shape=(2 * n, 2 * n))

    return Problem(
        row="Brusselator Jacobian",
        size=f"N = {N}, {12 * n:,} entries",
        function=function,
        order="jacobian",
        points=[(start + 0.1 * generator(N + k).random(2 * n),) for k in range(3)],
        forms={
            "kept": Form(diagonals, shown=to_sparse, expected=matrix),
            "csr": Form(
                matrix,
                to_sparse,
                also={"values": values},
                goal=Goal(ratio=2, first=15e-3 if N == 128 else None),
            ),
        },
        reference=matrix,
        peers=("asdex", "sparsejac", "casadi", "jax", "torch.func", "torch.autograd"),
        casadi=in_casadi,
        dense="forward",
    )


FAMILIES = {"brusselator": Family(make, (32, 64, 128), (8, 16, 32, 64, 128, 256), 4)}
