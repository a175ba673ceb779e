"""A Jacobian keeps the numbers that a person would write: how many, and that dense and sparse forms are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(7)
D, K, N, n = 4, 3, 5, 6
x, X = rng.normal(size=D), rng.normal(size=(N, D))
W, W2, b = rng.normal(size=(D, K)), rng.normal(size=(K, 2)), rng.normal(size=K)
V, T = rng.normal(size=(7, 3)), rng.normal(size=(6, 7))
data = rng.normal(size=(20, D))


def softmax(z: Any) -> Any:
    e = np.exp(z)
    return e / np.sum(e)


def relu(z: Any) -> Any:
    return np.maximum(z, 0)


def second_difference(u: Any) -> Any:
    return u[2:] - 2 * u[1:-1] + u[:-2]


JACOBIANS: list[tuple[str, Callable[[Any], Any], Any, int, int]] = [
    ("x @ W by W stores x", lambda W: x @ W, W, D, D * K),
    ("X @ W + b by b", lambda b: X @ W + b, b, 1, N * K),
    ("tanh(x @ W) by W", lambda W: np.tanh(x @ W), W, D + K, D * K),
    ("two layers by W stay factored", lambda W: relu(X @ W) @ W2, W, N * D + N * K + K * 2, N * 2 * D * K),
    ("softmax", softmax, rng.normal(size=n), 5 * n, n * n),
    ("second difference", second_difference, rng.normal(size=9), 10, 21),
    ("inverse", np.linalg.inv, rng.normal(size=(D, D)) + 3 * np.eye(D), 2 * D * D + 1, D**4),
    ("elementwise", lambda u: np.sin(u) * u, rng.normal(size=n), n, n),
    ("sum of a row", lambda X: np.sum(X, axis=1), X, 1, N * D),
    ("transpose", lambda X: X.T, X, 0, N * D),
    ("rolled", lambda u: np.roll(u, 2), rng.normal(size=n), 0, n),
]


def differences(f: Callable[[Any], Any], at: Any) -> Any:
    """The Jacobian by central differences."""
    base = np.asarray(f(at))
    result = np.zeros(base.shape + at.shape)
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[index] = 1e-6
        result[(..., *index)] = (np.asarray(f(at + step)) - np.asarray(f(at - step))) / 2e-6
    return result


def check_forms(kept: Any, expected: Any) -> None:
    """Dense, sparse and operator forms, and both products, against the dense truth."""
    rows = int(np.prod(kept.row_shape))
    matrix = expected.reshape(rows, int(np.prod(kept.column_shape)))
    np.testing.assert_allclose(kept.dense(), expected, rtol=1e-6, atol=1e-7)
    sparse = kept.sparse()
    np.testing.assert_allclose(sparse.toarray(), matrix, rtol=1e-6, atol=1e-7)
    assert not sparse.has_sorted_indices or all(
        (np.diff(sparse.indices[sparse.indptr[row] : sparse.indptr[row + 1]]) > 0).all() for row in range(rows)
    )
    v, u = rng.normal(size=kept.column_shape), rng.normal(size=kept.row_shape)
    np.testing.assert_allclose(np.ravel(kept @ v), matrix @ v.ravel(), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.ravel(kept.T @ u), u.ravel() @ matrix, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(kept.operator().matvec(v.ravel()), matrix @ v.ravel(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "f", "at", "most", "entries"), JACOBIANS, ids=[case[0] for case in JACOBIANS])
def test_jacobian(name: str, f: Callable[[Any], Any], at: Any, most: int, entries: int) -> None:
    kept = cr.jacobian(f)(at)
    assert kept.stored <= most, name
    assert kept.entries == entries, name
    check_forms(kept, differences(f, at))


def test_what_is_stored_is_the_users_own_array() -> None:
    kept = cr.jacobian(lambda W: x @ W)(W)
    assert any(factor is x for term in kept.terms for factor in term.factors)


def test_hessian_of_logistic_regression_stays_a_product() -> None:
    w = rng.normal(size=D)

    def loss(w: Any) -> Any:
        return np.sum(np.log(1 + np.exp(data @ w)))

    H = cr.hessian(loss)(w)
    assert len(H.terms) == 1
    assert sum(factor is data for factor in H.terms[0].factors) == 2
    assert H.stored <= data.size + 3 * len(data)
    check_forms(H, differences(cr.grad(loss), w))


def test_hessian_of_a_matrix_factorisation_is_small() -> None:
    U = rng.normal(size=(6, 3))

    def loss(U: Any) -> Any:
        return np.sum((U @ V.T - T) ** 2)

    H = cr.hessian(loss)(U)
    assert H.stored <= 3 * 3 + 1
    assert H.entries == 6 * 3 * 3
    check_forms(H, differences(cr.grad(loss), U))


def test_per_sample_gradients_stay_factored() -> None:
    kept = cr.jacobian(lambda W: np.sum((X @ W - T[:5, :3]) ** 2, axis=1))(W)
    assert kept.shape == (N, D, K)
    assert kept.stored <= N * D + N * K + 1
    check_forms(kept, differences(lambda W: np.sum((X @ W - T[:5, :3]) ** 2, axis=1), W))


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_a_stencil_on_few_points(size: int) -> None:
    def ring(u: Any) -> Any:
        return np.roll(u, 1) - 2 * u + np.roll(u, -1)

    u = rng.normal(size=size)
    check_forms(cr.jacobian(ring)(u), differences(ring, u))


def test_repeated_indices_add_up() -> None:
    index = np.array([0, 2, 0, 0])

    def f(u: Any) -> Any:
        return u[index] ** 2 * u[2]

    u = rng.normal(size=4)
    check_forms(cr.jacobian(f)(u), differences(f, u))
