"""Newton steps H⁻¹g from the function, where H is a Kronecker product, tridiagonal, or diagonal plus low rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solveh_banded
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

from benchmarks.structured import factorisation, peers
from benchmarks.structured.problem import Call, Family, Form, Goal, Problem, generator

RANK = 10
DENSE = 6_000  # a dense matrix of more unknowns is not written out


def chain(xp: Any, x: Any) -> Any:
    """A convex chain: its Hessian is tridiagonal and positive definite."""
    return xp.sum((x[1:] - x[:-1]) ** 4) + xp.sum(xp.exp(x)) + xp.sum(x * x)


def chain_bands(x: Any) -> Any:
    """By hand: the upper form that LAPACK's banded solver reads."""
    bend = 12 * (x[1:] - x[:-1]) ** 2
    bands = np.zeros((2, len(x)))
    bands[0, 1:] = -bend
    bands[1] = np.exp(x) + 2
    bands[1, 1:] += bend
    bands[1, :-1] += bend
    return bands


def ridge(xp: Any, x: Any, A: Any) -> Any:
    """exp on each entry and a square of ten projections: diag(eˣ) + AAᵀ."""
    return xp.sum(xp.exp(x)) + 0.5 * xp.sum((x @ A) ** 2)


def woodbury(x: Any, A: Any, right: Any) -> Any:
    """By hand: (D + AAᵀ)⁻¹ g through a system of the rank's size."""
    diagonal = np.exp(x)
    scaled, plain = A / diagonal[:, None], right / diagonal
    return plain - scaled @ np.linalg.solve(np.eye(A.shape[1]) + A.T @ scaled, A.T @ plain)


def dense_step(H: Any, right: Any) -> Any:
    """Dense Cholesky, as one does who holds an array."""
    return cho_solve(cho_factor(H, check_finite=False), right.ravel(), check_finite=False).reshape(right.shape)


def by_asdex(right: Any) -> tuple[Call, Call]:
    """The sparse Hessian from asdex, factored by SciPy."""

    def build(problem: Problem, point: Any) -> Any:
        hessian = peers.build_asdex(problem, point)

        def step(*point: Any) -> Any:
            H = peers.coordinates_shown(problem, hessian(*point))
            return splu(H.tocsc()).solve(right.ravel()).reshape(right.shape)

        return step

    return build, np.asarray


def by_jax(right: Any) -> tuple[Call, Call]:
    """The dense Hessian from JAX, and its solver."""

    def build(problem: Problem, point: Any) -> Any:
        import jax  # noqa: PLC0415

        hessian = peers.build_jax(problem, point)
        return jax.jit(lambda *point: jax.numpy.linalg.solve(hessian(*point), right.ravel()).reshape(right.shape))

    return build, np.asarray


def make_kronecker(unknowns: int) -> Problem:
    k = factorisation.RANK
    n = max(unknowns // k, 1)
    draw = generator(n).normal
    rows = max(min(n, 1000), 4 * k)
    right, T = draw(size=(n, k)), draw(size=(n, rows))

    def step(U: Any, V: Any, T: Any) -> Any:
        return np.linalg.solve(factorisation.block(U, V, T), right.T).T

    def sparse_step(U: Any, V: Any, T: Any) -> Any:
        values = np.broadcast_to(factorisation.block(U, V, T), (n, k, k)).ravel()
        H = csr_array((values, *factorisation.pattern(n, k)), shape=(n * k, n * k))
        return splu(H.tocsc()).solve(right.ravel()).reshape(n, k)

    def full_step(U: Any, V: Any, T: Any) -> Any:
        return dense_step(np.kron(np.eye(n), factorisation.block(U, V, T)), right)

    return Problem(
        row="Newton step, Kronecker",
        size=f"{n * k:,} unknowns",
        function=factorisation.plain,
        order="hessian",
        points=[(draw(size=(n, k)), draw(size=(rows, k)), T) for _ in range(3)],
        forms={
            "step": Form(
                step,
                lambda H: H.solve(right),
                also={"SciPy splu": sparse_step, **({"dense Cholesky": full_step} if n * k <= DENSE else {})},
                goal=Goal(replay=0.3e-3) if n * k == 5000 else Goal(),
            )
        },
        reference=step,
        peers=("asdex, SciPy splu", "jax, dense solve"),
        custom={"asdex, SciPy splu": by_asdex(right), "jax, dense solve": by_jax(right)},
        widest=n * rows,
    )


def make_tridiagonal(n: int) -> Problem:
    draw = generator(n).normal
    right = draw(size=n)

    def step(x: Any) -> Any:
        return solveh_banded(chain_bands(x), right, overwrite_ab=True, check_finite=False)

    def sparse_step(x: Any) -> Any:
        bands = chain_bands(x)
        H = diags_array([bands[0, 1:], bands[1], bands[0, 1:]], offsets=[-1, 0, 1], format="csc")
        return splu(H).solve(right)

    return Problem(
        row="Newton step, tridiagonal",
        size=f"{n:,} unknowns",
        function=chain,
        order="hessian",
        points=[(draw(size=n),) for _ in range(3)],
        forms={"step": Form(step, lambda H: H.solve(right), also={"SciPy splu": sparse_step})},
        reference=step,
        peers=("asdex, SciPy splu", "jax, dense solve"),
        custom={"asdex, SciPy splu": by_asdex(right), "jax, dense solve": by_jax(right)},
    )


def make_low_rank(n: int) -> Problem:
    draw = generator(n).normal
    right, A = draw(size=n), draw(size=(n, RANK)) / n**0.5

    def step(x: Any, A: Any) -> Any:
        return woodbury(x, A, right)

    def full_step(x: Any, A: Any) -> Any:
        return dense_step(np.diag(np.exp(x)) + A @ A.T, right)

    return Problem(
        row=f"Newton step, diagonal + rank {RANK}",
        size=f"{n:,} unknowns",
        function=ridge,
        order="hessian",
        points=[(draw(size=n), A) for _ in range(3)],
        forms={
            "step": Form(
                step,
                lambda H: H.solve(right),
                also={"dense Cholesky": full_step} if n <= DENSE else {},
            )
        },
        reference=step,
        peers=("asdex, SciPy splu", "jax, dense solve"),
        custom={"asdex, SciPy splu": by_asdex(right), "jax, dense solve": by_jax(right)},
    )


GROWTH = (1_000, 10_000, 100_000, 1_000_000)
FAMILIES = {
    "newton_kronecker": Family(make_kronecker, (5_000,), (50, 500, 5_000, 50_000), 15),
    "newton_tridiagonal": Family(make_tridiagonal, (10_000,), GROWTH, 8),
    "newton_low_rank": Family(make_low_rank, (5_000,), GROWTH, 30),
}
