"""Formulas of what people write every day: pairs of rows, filled arrays, triangles, factors of a covariance, masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

Function = Callable[..., Any]


def pairs(x: Any) -> Any:
    d = x[:, None] - x[None, :]
    return np.sum(np.exp(-(d**2)))


def energy(q: Any, m: Any) -> Any:
    diff = q[:, None, :] - q[None, :, :]
    dist = np.sqrt(np.sum(diff**2, axis=-1) + 0.01)
    return -0.5 * np.sum(m[:, None] * m[None, :] / dist)


def kernel(X: Any, C: Any) -> Any:
    K = np.exp(-0.5 * ((X[:, None] - C[None]) ** 2).sum(axis=-1))
    return np.sum(K**2)


def convolution(x: Any, w: Any) -> Any:
    out = np.zeros(len(x) - len(w) + 1)
    for i in range(len(out)):
        out[i] = np.sum(x[i : i + len(w)] * w)
    return np.sum(np.maximum(out, 0) ** 2)


def table(x: Any) -> Any:
    T = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            T[i][j] = x[i] * np.sin(x[j])
    return np.sum(T**2)


def stress(Z: Any) -> Any:
    dist = np.sqrt(((Z[:, None, :] - Z[None, :, :]) ** 2).sum(axis=2) + 1)
    return np.sum(np.tril(dist, -1) ** 2)


def heads(Q: Any, K: Any, V: Any) -> Any:
    P = np.tanh(Q @ K.transpose(0, 2, 1))
    out = P @ V
    return np.sum(out**2)


def triplet(a: Any, b: Any) -> Any:
    far = np.sqrt(np.sum((a - b) ** 2, axis=1))
    return np.mean(np.maximum(0.5 - far, 0))


def whitened(K: Any, y: Any) -> Any:
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return 0.5 * y @ alpha + np.sum(np.log(np.diag(L)))


def centred(L: Any, X: Any) -> Any:
    mu = X.mean(axis=0)
    d = X - mu
    S = L @ L.T + np.eye(4)
    return 0.5 * np.sum(d @ np.linalg.inv(S) * d)


def distances(s: Any, X: Any) -> Any:
    sq = np.sum(X**2, axis=1)[:, None] + np.sum(X**2, axis=1)[None, :] - 2 * X @ X.T
    return np.sum(np.exp(-s * sq))


def drawn(*shape: int) -> Any:
    return np.random.default_rng(3).normal(size=shape)


COVARIANCE = drawn(4, 4) @ drawn(4, 4).T + 4 * np.eye(4)
CASES: list[tuple[Function, int, tuple[Any, ...], list[str]]] = [
    (pairs, 1, (drawn(5),), ["d[i,j] = x[i] − x[j]"]),
    (
        energy,
        1,
        (drawn(4, 3), np.arange(1.0, 5.0)),
        ["diff[i,j,k] = q[i,k] − q[j,k]", "∂energy/∂diff[i,j,k] = 1/2 diff[i,j,k] dist[i,j]⁻³ m[i] m[j]"],
    ),
    (kernel, 2, (drawn(5, 2), drawn(3, 2)), ["K[i,j] = exp(−1/2 Σ_k (X[i,k] − C[j,k])²)"]),
    (convolution, 2, (drawn(12), drawn(3)), ["out₁ = [x[:3]ᵀ w; out₀[1:]]", "out₁₀ = [out₉[:-1]; x[9:]ᵀ w]"]),
    (table, 1, (drawn(3),), ["T₁ = [[x[0] sin(x[0]); T₀[0, 1:]]; T₀[1:]]"]),
    (stress, 1, (drawn(6, 3),), ["∂stress/∂dist = 2 v₁₄ ⊙ dist", "v₁₄ = np.tril(np.ones((6, 6)), -1)"]),
    (heads, 3, (drawn(2, 4, 3), drawn(2, 4, 3), drawn(2, 4, 3)), ["∂heads/∂P = 2 out Vᵀ"]),
    (triplet, 2, (0.1 * drawn(3, 2), 0.2 * drawn(3, 2)), ["∂triplet/∂far = −[1/2 − far > 0] / N"]),
    (whitened, 1, (COVARIANCE, drawn(4)), ["alpha = L⁻ᵀ L⁻¹ y", "∂whitened/∂L = I / diag(L) − alpha (L⁻¹ y)ᵀ"]),
    (centred, 1, (drawn(4, 4), drawn(7, 4)), ["where mu = 1ᵀ X / D", "where d = X − mu"]),
    (distances, 1, (np.array(0.3), drawn(5, 2)), ["where sq = X² 1 + (X² 1)ᵀ − 2 X Xᵀ"]),
]


@pytest.mark.parametrize(("function", "count", "arguments", "told"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_is_told_and_what_its_source_computes(
    function: Function, count: int, arguments: tuple[Any, ...], told: list[str]
) -> None:
    derivation = cr.derive(function, tuple(range(count)))(*arguments)
    for line in told:
        assert line in derivation.text
    made = derivation.function()(*derivation.arguments)
    expected = cr.grad(function, tuple(range(count)))(*arguments)
    for one, other in zip(made if count > 1 else (made,), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_an_array_that_is_filled_is_made_in_the_source() -> None:
    derivation = cr.derive(convolution, (0, 1))(drawn(12), drawn(3))
    assert derivation.source.count("np.zeros(10)") == 1
    assert "def gradient(x, w):" in derivation.source


def test_letters_that_nothing_uses_are_not_explained() -> None:
    text = cr.derive(heads, (0, 1, 2))(drawn(2, 4, 3), drawn(2, 4, 3), drawn(2, 4, 3)).text
    assert "where" not in text


def test_a_triangle_with_another_diagonal_is_written_short() -> None:
    derivation = cr.derive(whitened)(COVARIANCE, drawn(4))
    assert "np.tril(np.ones((4, 4)), -1) + 0.5 * np.eye(4)" in derivation.source
