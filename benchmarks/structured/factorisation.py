"""The Hessian of a matrix factorisation ‖UVᵀ − T‖² in U: I ⊗ 2VᵀV, or one block per row where entries are masked."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_sparse

RANK = 5


def plain(xp: Any, U: Any, V: Any, T: Any) -> Any:
    return xp.sum((U @ V.T - T) ** 2)


def masked(xp: Any, U: Any, V: Any, T: Any, mask: Any) -> Any:
    return xp.sum(mask * (U @ V.T - T) ** 2)


def block(U: Any, V: Any, T: Any) -> Any:
    """By hand: one k×k block for all rows."""
    return 2 * (V.T @ V)


def blocks(U: Any, V: Any, T: Any, mask: Any) -> Any:
    """By hand: a k×k block for each row, by one product."""
    n, k = V.shape
    pairs = (V[:, :, None] * V[:, None, :]).reshape(n, k * k)
    return (2 * (mask @ pairs)).reshape(n, k, k)


def pattern(n: int, k: int) -> tuple[Any, Any]:
    """Columns and row starts of n blocks of k×k."""
    columns = np.repeat(np.arange(n * k, dtype=np.int32).reshape(n, k), k, axis=0).ravel()
    return columns, np.arange(0, n * k * k + 1, k, dtype=np.int32)


def make(n: int) -> Problem:
    draw = generator(n).normal
    T = draw(size=(n, n))
    columns, starts = pattern(n, RANK)

    def matrix(*point: Any) -> Any:
        values = np.broadcast_to(block(*point), (n, RANK, RANK)).ravel()
        return csr_array((values, columns, starts), shape=(n * RANK, n * RANK))

    return Problem(
        row="factorisation Hessian",
        size=f"n = {n:,}, k = {RANK}",
        function=plain,
        order="hessian",
        points=[(draw(size=(n, RANK)), draw(size=(n, RANK)), T) for _ in range(3)],
        forms={
            "kept": Form(
                block,
                shown=to_sparse,
                expected=matrix,
                goal=Goal(first=100e-6 if n >= 1000 else None, stored=RANK**2),
            ),
            "csr": Form(matrix, to_sparse),
        },
        reference=matrix,
        peers=("asdex", "jax", "torch.func", "torch.autograd", *(("casadi",) if n <= 100 else ())),
        widest=n * n,
        casadi=lambda ca, U, V, T: ca.sumsqr(ca.mtimes(U, V.T) - T),
    )


def make_masked(n: int) -> Problem:
    draw = generator(n).normal
    T, mask = draw(size=(n, n)), (generator(n + 1).random((n, n)) < 0.3).astype(float)
    columns, starts = pattern(n, RANK)

    def matrix(*point: Any) -> Any:
        return csr_array((blocks(*point).ravel(), columns, starts), shape=(n * RANK, n * RANK))

    return Problem(
        row="factorisation Hessian, masked",
        size=f"n = {n:,}, k = {RANK}",
        function=masked,
        order="hessian",
        points=[(draw(size=(n, RANK)), draw(size=(n, RANK)), T, mask) for _ in range(3)],
        forms={
            "kept": Form(blocks, shown=to_sparse, expected=matrix, goal=Goal(ratio=1.3)),
            "csr": Form(matrix, to_sparse),
        },
        reference=matrix,
        peers=("asdex", "jax", "torch.func", "torch.autograd", *(("casadi",) if n <= 100 else ())),
        widest=n * n,
        casadi=lambda ca, U, V, T, mask: ca.sum1(ca.sum2(mask * (ca.mtimes(U, V.T) - T) ** 2)),
    )


SIZES, GROWTH = (100, 300, 1000), (3, 10, 30, 100, 300, 1000, 3000)
FAMILIES = {
    "factorisation": Family(make, SIZES, GROWTH, 6),
    "masked": Family(make_masked, SIZES, GROWTH, 6),
}
