"""Rows like NPBench's on matrices: elimination number by number, recurrences of growing length, products, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.native.row import Row

draw = np.random.default_rng(6).normal
GOAL = 1.5


def eliminated(xp: Any, A: Any) -> Any:
    """LU without pivots, in place."""
    A = A.copy()
    for i in range(len(A)):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, len(A)):
            A[i, j] -= A[i, :i] @ A[:i, j]
    return xp.sum(A * A)


def eliminated_in_jax(jax: Any, A: Any) -> Any:
    def step(A: Any, k: Any) -> Any:
        below = jax.numpy.arange(len(A)) > k
        column = jax.numpy.where(below, A[:, k] / A[k, k], A[:, k])
        A = A.at[:, k].set(column)
        update = jax.numpy.outer(jax.numpy.where(below, column, 0.0), jax.numpy.where(below, A[k], 0.0))
        return A - update, None

    A, _ = jax.lax.scan(step, A, jax.numpy.arange(len(A)))
    return jax.numpy.sum(A * A)


def eliminated_anew(xp: Any, A: Any) -> Any:
    """By rows and columns of what is left, without writing in place."""
    total = 0.0
    for _ in range(len(A)):
        column = A[1:, 0] / A[0, 0]
        total = total + xp.sum(A[0] ** 2) + xp.sum(column**2)
        A = A[1:, 1:] - column[:, None] * A[0, 1:]
    return total


def lu(size: int) -> Row:
    own = {"jax": eliminated_in_jax, "torch": eliminated_anew, "autograd": eliminated_anew, "casadi": None}
    A = draw(size=(size, size)) + size * np.eye(size)
    return Row(f"lu, {size}²", eliminated, (A,), 1, "lu", (size,), GOAL, own)


def rooted(xp: Any, A: Any) -> Any:
    """Cholesky's factor, in place in the lower triangle; its logarithmic determinant and the sum of its squares."""
    A = A.copy()
    for i in range(len(A)):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[j, :j]
            A[i, j] /= A[j, j]
        A[i, i] -= A[i, :i] @ A[i, :i]
        A[i, i] = xp.sqrt(A[i, i])
    return xp.sum(xp.tril(A) ** 3) + xp.sum(xp.log(xp.diagonal(A)))


def _rooted_by(factor: Any, xp: Any, A: Any) -> Any:
    """From the lower triangle alone, as a loop reads it, although the library's function reads both."""
    low = xp.tril(A)
    L = factor(low + xp.tril(A, -1).T)
    return xp.sum(L**3) + xp.sum(xp.log(xp.diag(L)))


def cholesky(size: int) -> Row:
    """Beside the libraries' own factorisations."""
    own = {
        "jax": lambda jax, A: _rooted_by(lambda B: jax.numpy.linalg.cholesky(B, symmetrize_input=False), jax.numpy, A),
        "torch": lambda torch, A: _rooted_by(torch.linalg.cholesky, torch, A),
        "autograd": lambda np, A: _rooted_by(np.linalg.cholesky, np, A),
        "casadi": None,
    }
    M = draw(size=(size, size))
    return Row(f"cholesky, {size}²", rooted, (M @ M.T + size * np.eye(size),), 1, "cholesky", (size,), GOAL, own)


def substituted(xp: Any, L: Any, b: Any) -> Any:
    """Forward substitution."""
    x = xp.zeros_like(b)
    for i in range(len(b)):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
    return xp.sum(x * x)


def substituted_in_jax(jax: Any, L: Any, b: Any) -> Any:
    return jax.numpy.sum(jax.scipy.linalg.solve_triangular(L, b, lower=True) ** 2)


def substituted_in_torch(torch: Any, L: Any, b: Any) -> Any:
    return torch.linalg.solve_triangular(L, b[:, None], upper=False).square().sum()


def substituted_in_autograd(np: Any, L: Any, b: Any) -> Any:
    return np.sum(np.linalg.solve(np.tril(L), b) ** 2)


def trisolv(size: int) -> Row:
    """Beside the libraries' own substitution."""
    own = {
        "jax": substituted_in_jax,
        "torch": substituted_in_torch,
        "autograd": substituted_in_autograd,
        "casadi": None,
    }
    arguments = (np.tril(draw(size=(size, size))) / size + np.eye(size), draw(size=size))
    return Row(f"trisolv, {size}²", substituted, arguments, 2, "trisolv", (size,), GOAL, own)


def toeplitz(xp: Any, r: Any) -> Any:
    """Durbin's recursion for a Toeplitz system, whose vectors grow with every step."""
    y = xp.zeros_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, len(r)):
        beta = beta * (1.0 - alpha * alpha)
        alpha = -(r[k] + r[:k][::-1] @ y[:k]) / beta
        y[:k] += alpha * y[:k][::-1]
        y[k] = alpha
    return xp.sum(y * y)


def toeplitz_in_jax(jax: Any, r: Any) -> Any:
    n, place = len(r), jax.numpy.arange(len(r))

    def step(now: Any, k: Any) -> Any:
        y, alpha, beta = now
        there = jax.numpy.where(place < k, (k - 1 - place), n - 1)  # backwards; the last entry is nought until the end
        beta = beta * (1.0 - alpha * alpha)
        turned = jax.numpy.where(place < k, y[there], 0.0)
        alpha = -(r[k] + r @ turned) / beta
        return ((y + alpha * turned).at[k].set(alpha), alpha, beta), None

    start = jax.numpy.zeros_like(r).at[0].set(-r[0]), -r[0], 1.0
    (y, _, _), _ = jax.lax.scan(step, start, jax.numpy.arange(1, n))
    return jax.numpy.sum(y * y)


def _toeplitz_anew(flip: Any, join: Any, r: Any) -> Any:
    y, alpha, beta = -r[:1], -r[:1], 1.0
    for k in range(1, len(r)):
        beta = beta * (1.0 - alpha * alpha)
        turned = flip(y)
        alpha = -(r[k] + r[:k] @ turned) / beta
        y = join([y + alpha * turned, alpha])
    return (y * y).sum()


def durbin(size: int) -> Row:
    own: dict[str, Any] = {
        "jax": toeplitz_in_jax,
        "torch": lambda torch, r: _toeplitz_anew(lambda y: torch.flip(y, (0,)), torch.cat, r),
        "autograd": lambda np, r: np.sum(_toeplitz_anew(lambda y: y[::-1], np.concatenate, r)),
        "casadi": None,
    }
    return Row(f"durbin, {size}", toeplitz, (draw(size=size) / size,), 1, "durbin", (size,), GOAL, own)


def updated(xp: Any, A: Any, u: Any, v: Any, p: Any, q: Any, y: Any, z: Any) -> Any:
    """Two outer products, then two products with the matrix."""
    A = A + xp.outer(u, v) + xp.outer(p, q)
    x = 1.2 * y @ A + z
    w = 1.5 * A @ x
    return xp.sum(w * w)


def gemver(size: int) -> Row:
    arguments = (draw(size=(size, size)) / size, *draw(size=(6, size)))
    return Row(f"gemver, {size}²", updated, arguments, 7, "gemver", (size,), GOAL, {"casadi": None})


def ranked(xp: Any, C: Any, A: Any) -> Any:
    """The lower triangle of 1.5 A Aᵀ + 1.2 C, a part of a row at a time."""
    C = C.copy()
    for i in range(len(A)):
        C[i, : i + 1] *= 1.2
        for k in range(A.shape[1]):
            C[i, : i + 1] += 1.5 * A[i, k] * A[: i + 1, k]
    return xp.sum(C * C)


def ranked_at_once(xp: Any, C: Any, A: Any) -> Any:
    C = xp.tril(1.2 * C + 1.5 * A @ A.T) + xp.triu(C, 1)
    return xp.sum(C * C)


def syrk(size: int, inner: int) -> Row:
    """Beside the product at once: a loop over parts of rows is what no other library's user would write."""
    own: dict[str, Any] = {"torch": ranked_at_once, "autograd": ranked_at_once, "casadi": None}
    own["jax"] = lambda jax, C, A: ranked_at_once(jax.numpy, C, A)
    arguments = (draw(size=(size, size)), draw(size=(size, inner)))
    return Row(f"syrk, {size}²×{inner}", ranked, arguments, 2, "syrk", (size, inner), GOAL, own)


def shares(xp: Any, x: Any, weight: Any) -> Any:
    most = xp.max(x, axis=-1, keepdims=True)
    e = xp.exp(x - most)
    return xp.sum(weight * (e / xp.sum(e, axis=-1, keepdims=True)))


def softmax(batch: int, size: int) -> Row:
    arguments = (draw(size=(batch, batch, size, size)), draw(size=size))
    title = f"softmax, {batch}²×{size}²"
    return Row(title, shares, arguments, 2, "softmax", (batch * batch * size, size), GOAL, {"casadi": None})


def aligned(xp: Any, likeness: Any, gap: Any) -> Any:
    """Smith and Waterman's table, filled number by number; the sum of all scores."""
    rows, columns = likeness.shape
    H = xp.zeros((rows + 1, columns + 1))
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            met = xp.maximum(H[i - 1, j - 1] + likeness[i - 1, j - 1], 0.0)
            H[i, j] = xp.maximum(met, xp.maximum(H[i - 1, j], H[i, j - 1]) - gap)
    return xp.sum(H)


def aligned_in_jax(jax: Any, likeness: Any, gap: Any) -> Any:
    def along(left: Any, here: Any) -> Any:
        met, above = here
        new = jax.numpy.maximum(met, jax.numpy.maximum(above, left) - gap)
        return new, new

    def row(H: Any, likely: Any) -> Any:
        met = jax.numpy.maximum(H[:-1] + likely, 0.0)
        _, new = jax.lax.scan(along, 0.0, (met, H[1:]))
        return jax.numpy.concatenate([jax.numpy.zeros(1), new]), jax.numpy.sum(new)

    _, sums = jax.lax.scan(row, jax.numpy.zeros(likeness.shape[1] + 1), likeness)
    return jax.numpy.sum(sums)


def aligned_by_diagonals(torch: Any, likeness: Any, gap: Any) -> Any:
    """Numbers on one diagonal do not depend on each other."""
    rows, columns = likeness.shape
    turned, none = torch.flip(likeness, (0,)), torch.zeros(rows + 2, dtype=likeness.dtype)
    before, last, total = none, none, 0.0  # by row, with a border on both sides
    for d in range(rows + columns - 1):
        first, end = max(0, d - columns + 1), min(rows, d + 1)
        likely = torch.flip(torch.diagonal(turned, d - rows + 1), (0,))
        met = torch.clamp_min(before[first:end] + likely, 0.0)
        new = torch.maximum(met, torch.maximum(last[first:end], last[first + 1 : end + 1]) - gap)
        total = total + new.sum()
        padded = torch.cat([none[: first + 1], new, none[: rows + 1 - end]])
        before, last = last, padded
    return total


def alignment(rows: int, columns: int) -> Row:
    own = {"jax": aligned_in_jax, "torch": aligned_by_diagonals, "autograd": None, "casadi": None}
    title = f"smith_waterman, {rows}×{columns}"
    return Row(title, aligned, (draw(size=(rows, columns)), 0.3), 2, "alignment", (rows, columns), GOAL, own)
