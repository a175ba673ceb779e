"""What a point cannot show: symmetric weights, a batch of one, ones and zeros, sizes that coincide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

RANDOM = np.random.default_rng(29)


def layer(X: Any, W: Any, b: Any) -> Any:
    return np.sum(np.tanh(X @ W + b) ** 2)


def gradients(X: Any, W: Any, b: Any) -> dict[str, Any]:
    h = np.tanh(X @ W + b)
    dz = 2 * h * (1 - h**2)
    return {"X": dz @ W.T, "W": X.T @ dz, "b": dz.sum(axis=0)}


def report(X: Any, W: Any, b: Any) -> cr.Report:
    found = cr.check(layer, gradients, X, W, b)
    assert found.ok
    return found


SYMMETRIC = RANDOM.normal(size=(4, 4))
SYMMETRIC = SYMMETRIC + SYMMETRIC.T


@pytest.mark.parametrize(
    ("X", "W", "b", "says"),
    [
        (RANDOM.normal(size=(7, 4)), SYMMETRIC, RANDOM.normal(size=4), "W is symmetric here"),
        (RANDOM.normal(size=(1, 5)), RANDOM.normal(size=(5, 3)), RANDOM.normal(size=3), "length 1 here"),
        (RANDOM.normal(size=(7, 5)), np.zeros((5, 3)), RANDOM.normal(size=3), "W is all zeros here"),
        (RANDOM.normal(size=(5, 5)), RANDOM.normal(size=(5, 3)), RANDOM.normal(size=3), "same length 5"),
    ],
    ids=["symmetric", "batch of one", "zeros", "sizes"],
)
def test_a_weak_point_says_why(X: Any, W: Any, b: Any, says: str) -> None:
    found = report(X, W, b)
    assert any(says in note for note in found.notes), found.notes


def test_a_strong_point_has_nothing_to_say() -> None:
    found = report(RANDOM.normal(size=(7, 5)), RANDOM.normal(size=(5, 3)), RANDOM.normal(size=3))
    assert found.notes == []
    assert found.strength == 1.0


def test_a_weak_point_is_weaker() -> None:
    strong = report(RANDOM.normal(size=(7, 4)), RANDOM.normal(size=(4, 4)), RANDOM.normal(size=4))
    weak = report(RANDOM.normal(size=(1, 4)), SYMMETRIC, RANDOM.normal(size=4))
    assert weak.strength < strong.strength


def test_ones_that_multiply() -> None:
    X, g = RANDOM.normal(size=(7, 5)), np.ones(5)
    found = cr.check(lambda X, g: np.sum(np.sin(X * g)), {"X": np.cos(X)}, X, g)
    assert found.ok
    assert any("g is all ones here" in note for note in found.notes)


def test_what_is_said_not_to_show_does_not_show() -> None:
    """The transpose that is missing passes at a symmetric weight, as the note says."""
    X, b = RANDOM.normal(size=(7, 4)), RANDOM.normal(size=4)
    h = np.tanh(X @ SYMMETRIC + b)
    assert cr.check(layer, {"X": 2 * h * (1 - h**2) @ SYMMETRIC}, X, SYMMETRIC, b).ok
