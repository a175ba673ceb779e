"""Numbers that nobody wrote are said by the sizes they are made of; those that stand in the code stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.explain.test_source import assert_source_is_the_gradient

RNG = np.random.default_rng(0)
X, W, Y = RNG.normal(size=(5, 3)), RNG.normal(size=3), RNG.normal(size=5)


def mean(w: Any, X: Any, y: Any) -> Any:
    return np.sum((X @ w - y) ** 2) * 2 / len(X)


def half(w: Any, X: Any, y: Any) -> Any:
    m = len(y)
    return 1 / (2 * m) * np.sum((X @ w - y) ** 2)


def ridge(w: Any, X: Any, y: Any, lam: Any = 0.4) -> Any:
    return np.sum((X @ w - y) ** 2) / X.shape[0] + lam / 2 * np.sum(w**2)


def both(w: Any, X: Any, y: Any) -> Any:
    N, D = X.shape
    r = X @ w - y
    return r @ r / (2 * N) + 0.01 * np.sum(w**2) / D


def entries(w: Any, X: Any, y: Any) -> Any:
    return np.sum((X * w) ** 2) / X.size + np.sum(y)


def written(w: Any, X: Any, y: Any) -> Any:
    return np.sum((X @ w - y) ** 2) * 0.4


def counted(w: Any, X: Any, y: Any) -> Any:
    for k in range(6):
        w = np.sin(w) / (k + 1)
    return np.sum(w) + np.sum(X) + np.sum(y)


SETTINGS = SimpleNamespace(weight=0.4)


class Model:
    samples = 5

    def loss(self, w: Any, X: Any, y: Any) -> Any:
        return np.sum((X @ w - y) ** 2) / self.samples


def set_elsewhere(w: Any, X: Any, y: Any) -> Any:
    return SETTINGS.weight * np.sum((X @ w - y) ** 2)


def root(w: Any, X: Any, y: Any) -> Any:
    return np.linalg.norm(X @ w - y) / np.sqrt(len(y))


def two_that_a_rule_has(w: Any, X: Any, y: Any) -> Any:
    return 0.4 * np.sum(np.square(X @ w - y)) + X.shape[0]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (mean, "4/N Xᵀ (X w − y)"),
        (half, "Xᵀ (X w − y)/m"),
        (ridge, "2/N Xᵀ (X w − y) + 0.4 w"),
        (both, "Xᵀ r / N + 0.02/D w"),
        (entries, "2/(N D) w ⊙ (1ᵀ X²)"),
        (written, "0.8 Xᵀ (X w − y)"),
        (counted, "cos(w) ⊙ ∂counted/∂w₁"),
        (Model().loss, "2/N Xᵀ (X w − y)"),
        (set_elsewhere, "0.8 Xᵀ (X w − y)"),
        (root, "Xᵀ (X w − y) / (√5 ‖X w − y‖)"),
        (two_that_a_rule_has, "0.8 Xᵀ (X w − y)"),
    ],
)
def test_a_number_is_said_by_what_it_is_made_of(function: Callable[..., Any], told: str) -> None:
    derivation = assert_source_is_the_gradient(function, (W, X, Y))
    assert derivation.gradients["w"].text.partition(" = ")[2] == told


def test_the_source_is_right_for_another_number_of_samples() -> None:
    gradient = assert_source_is_the_gradient(ridge, (W, X, Y)).function()
    more, labels = RNG.normal(size=(8, 3)), RNG.normal(size=8)
    np.testing.assert_allclose(gradient(W, more, labels)[0], 2 / 8 * more.T @ (more @ W - labels) + 0.4 * W)
