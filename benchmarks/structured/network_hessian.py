"""Hessians of networks: all parameters of a small one, dense; the first weights of a deep one, K ⊗ xxᵀ."""

from __future__ import annotations

from itertools import pairwise
from math import isqrt
from typing import Any

import numpy as np

from benchmarks.structured.problem import Family, Form, Goal, Problem, generator, to_dense

INPUTS, BATCH, DEPTH = 10, 100, 10
PEERS = ("jax", "torch.func", "torch.autograd")


def small(xp: Any, theta: Any, X: Any, y: Any) -> Any:
    """Half the mean square error of a network with two tanh layers of h units, all parameters in one vector."""
    h = width_of(theta.shape[0])
    first, second = h * INPUTS, h * INPUTS + h
    third, fourth = second + h * h, second + h * h + h
    a = xp.tanh(X @ theta[:first].reshape(h, INPUTS).T + theta[first:second])
    a = xp.tanh(a @ theta[second:third].reshape(h, h).T + theta[third:fourth])
    return 0.5 * xp.sum((a @ theta[fourth : fourth + h] + theta[fourth + h] - y) ** 2) / len(y)


def width_of(parameters: int) -> int:
    """The h of h² + (INPUTS + 3)h + 1 parameters."""
    b = INPUTS + 3
    return (isqrt(b * b + 4 * (parameters - 1)) - b) // 2


def by_hand(theta: Any, X: Any, y: Any) -> Any:
    """JᵀJ / B plus, block by block, the residual times the second derivatives of the network.

    With s, t the sums that enter the two layers, a = tanh s, c = tanh t and output w·c + β: the output's gradient is
    u = w(1 − c²) in t and v = (Uᵀu)(1 − a²) in s; its second derivative is diagonal in t, Q = −2wc(1 − c²).
    """
    h, B = width_of(len(theta)), len(y)
    ends = np.cumsum([0, h * INPUTS, h, h * h, h, h, 1])
    at = [slice(start, stop) for start, stop in pairwise(ends)]
    V, b, U, d = theta[at[0]].reshape(h, INPUTS), theta[at[1]], theta[at[2]].reshape(h, h), theta[at[3]]
    w, beta = theta[at[4]], theta[ends[5]]
    a = np.tanh(X @ V.T + b)
    c = np.tanh(a @ U.T + d)
    da, dc = 1 - a * a, 1 - c * c
    residual = c @ w + beta - y
    u = w * dc
    back = u @ U
    v = back * da
    J = np.empty((B, ends[-1]))
    np.multiply(v[:, :, None], X[:, None, :], out=J[:, at[0]].reshape(B, h, INPUTS))
    J[:, at[1]], J[:, at[3]], J[:, at[4]], J[:, ends[5]] = v, u, c, 1
    np.multiply(u[:, :, None], a[:, None, :], out=J[:, at[2]].reshape(B, h, h))
    H = J.T @ J

    r = residual[:, None]
    Q = r * (-2 * w * c * dc)  # in (t, t), times the residual
    ru = r * u
    T = U * da[:, None, :]  # ∂t_i/∂s_j for each example
    X1, a1 = np.column_stack([X, np.ones(B)]), np.column_stack([a, np.ones(B)])
    # First layer with itself: S_jk in (s_j, s_k), times x x.
    QT = Q[:, :, None] * T
    S = T.transpose(0, 2, 1) @ QT
    diagonal = np.arange(h)
    S[:, diagonal, diagonal] += r * back * (-2 * a * da)
    xx = (X1[:, :, None] * X1[:, None, :]).reshape(B, -1)
    block = (S.reshape(B, -1).T @ xx).reshape(h, h, INPUTS + 1, INPUTS + 1).transpose(0, 2, 1, 3)
    _add(H, block, (at[0], at[1]), (at[0], at[1]), symmetric=True)
    # Second layer with itself: Q_i a a, in the same row i of (U, d).
    aa = (a1[:, :, None] * a1[:, None, :]).reshape(B, -1)
    same = np.zeros((h, h + 1, h, h + 1))
    same[diagonal, :, diagonal] = (Q.T @ aa).reshape(h, h + 1, h + 1)
    _add(H, same, (at[2], at[3]), (at[2], at[3]), symmetric=True)
    # First with second: (Q T)_ij a_k x, and where the a of U_ij moves itself, u_i (1 − a_j²) x.
    mixed = QT[:, :, None, :] * a1[:, None, :, None]  # sample, i of t, k of a1, j of s
    mixed[:, :, diagonal, diagonal] += ru[:, :, None] * da[:, None, :]
    cross = (mixed.reshape(B, -1).T @ X1).reshape(h, h + 1, h, INPUTS + 1)
    _add(H, cross, (at[2], at[3]), (at[0], at[1]))
    # The last layer's w_i with the second, r(1 − c_i²) a, and with the first, r(1 − c_i²) T_i x.
    rdc = r * dc
    last = np.zeros((h, 1, h, h + 1))
    last[diagonal, 0, diagonal] = rdc.T @ a1
    _add(H, last, (at[4], None), (at[2], at[3]))
    first = ((rdc[:, :, None] * T).reshape(B, -1).T @ X1).reshape(h, 1, h, INPUTS + 1)
    _add(H, first, (at[4], None), (at[0], at[1]))
    H /= B
    return H


def _add(H: Any, block: Any, rows: Any, columns: Any, symmetric: bool = False) -> None:
    """Add a block whose axes are (unit, input with bias last) on both sides, and its transpose."""
    for place, row in enumerate(rows):
        for other, column in enumerate(columns):
            if row is None or column is None:
                continue
            left = slice(None, -1) if place == 0 and rows[1] is not None else slice(-1, None)
            right = slice(None, -1) if other == 0 else slice(-1, None)
            part = block[:, left][:, :, :, right].reshape(row.stop - row.start, column.stop - column.start)
            H[row, column] += part
            if not symmetric:
                H[column, row] += part.T


def make_small(width: int) -> Problem:
    count = width * width + (INPUTS + 3) * width + 1
    draw = generator(width).normal
    X, y = draw(size=(BATCH, INPUTS)), draw(size=BATCH)
    return Problem(
        row="network Hessian, all parameters",
        size=f"{INPUTS}-{width}-{width}-1, {count:,}²",
        function=small,
        order="hessian",
        points=[(draw(size=count) / 4, X, y) for _ in range(3)],
        forms={"dense": Form(by_hand, to_dense, goal=Goal(ratio=2))},
        reference=by_hand,
        peers=PEERS,
    )


def deep(xp: Any, W: Any, x: Any, others: Any) -> Any:
    """Softmax cross-entropy of ten layers with relu between them; class 0 is right."""
    z = W @ x
    for k in range(DEPTH - 1):
        z = others[k] @ xp.where(z > 0, z, 0.0)
    return xp.log(xp.sum(xp.exp(z))) - z[0]


def core(W: Any, x: Any, others: Any) -> tuple[Any, Any]:
    """By hand: H = K ⊗ xxᵀ with K = Aᵀ(diag p − ppᵀ)A, A the Jacobian of the logits in Wx."""
    z = W @ x
    active = [z > 0]
    for layer in others[:-1]:
        z = layer @ np.where(active[-1], z, 0)
        active.append(z > 0)
    chance = np.exp(others[-1] @ np.where(active[-1], z, 0))
    chance /= chance.sum()
    A = others[-1] * active[-1]
    for layer, mask in zip(others[-2::-1], active[-2::-1], strict=True):
        A = (A @ layer) * mask
    mean = chance @ A
    return A.T @ (chance[:, None] * A) - np.outer(mean, mean), x


def make_deep(width: int) -> Problem:
    draw = generator(width).normal

    def point() -> tuple[Any, ...]:
        scale = (2 / width) ** 0.5
        others = draw(size=(DEPTH - 1, width, width)) * scale
        return draw(size=(width, width)) * scale, draw(size=width), others

    probe = draw(size=(width, width))

    def written(*point: Any) -> Any:
        K, x = core(*point)
        return (K[:, None, :, None] * (x[:, None] * x)[None, :, None, :]).reshape(width**2, width**2)

    def applied(*point: Any) -> Any:
        K, x = core(*point)
        return np.outer(K @ (probe @ x), x)

    goal = Goal(replay=1e-3, stored=round(1.1 * width * (width + 1))) if width == 100 else Goal()
    return Problem(
        row="ten-layer network, Hessian in W₁",
        size=f"width {width}",
        function=deep,
        order="hessian",
        points=[point() for _ in range(3)],
        forms={"kept": Form(core, shown=lambda H: H @ probe, expected=applied, goal=goal)},
        reference=written if width <= 100 else None,
        peers=PEERS,
    )


FAMILIES = {
    "small_network": Family(make_small, (16,), (2, 4, 8, 16, 32, 64), 3),
    "deep_network": Family(make_deep, (20, 50, 100), (3, 10, 30, 100, 300, 1000), 4),
}
