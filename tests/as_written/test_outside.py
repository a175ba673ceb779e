"""Arrays that code reads outside may meet tracked numbers in methods of theirs, and in copies that are written to."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AssignmentError

X = np.array([[0.2, 0.5, -0.3], [0.7, 0.1, 0.4]])
w = np.array([0.3, 0.8, 0.5])
row = np.array([1.0, 2.0, 3.0])


def closed_over() -> Callable[[Any], Any]:
    data = X.copy()
    return lambda w: np.sum(data.dot(w) ** 2)


class Model:
    def __init__(self) -> None:
        self.data = X

    def loss(self, w: Any) -> Any:
        return np.sum(self.data.dot(w) ** 2)


def with_default(w: Any, data: Any = X) -> Any:
    return np.sum(data.dot(w) ** 2)


def written(w: Any) -> Any:
    changed = row.copy()
    changed[1:] = w[1:] * 2
    changed *= w[0]
    return np.sum(changed**2)


def added_at_places(w: Any) -> Any:
    changed = row.copy()
    changed[[0, 2]] += w[:2]
    return np.sum(changed**2)


def put_out(w: Any) -> Any:
    changed = row.copy()
    np.multiply(w, row, out=changed)
    return np.sum(changed**2)


space = SimpleNamespace(data=[X])
CASES: dict[str, Callable[[Any], Any]] = {
    "a method": lambda w: np.sum(X.dot(w) ** 2),
    "closed over": closed_over(),
    "an attribute": Model().loss,
    "a default": with_default,
    "in a container": lambda w: np.sum(space.data[0].dot(w) ** 2),
    "a copy that is written": written,
    "a copy that is added to": added_at_places,
    "a copy that takes a result": put_out,
    "of math": lambda w: math.erf(w[0]) + math.erfc(w[1]) * math.gamma(w[2]) + math.lgamma(w[0]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_differences(name: str) -> None:
    function = CASES[name]
    before = X.copy(), row.copy()
    step = 1e-6 * np.eye(3)
    expected = [(function(w + h) - function(w - h)) / 2e-6 for h in step]
    for _ in range(3):  # the second time it is known what the function needs
        value, gradient = cr.value_and_grad(function)(w)
        np.testing.assert_allclose(value, function(w))
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-7)
    moved = cr.grad(function)(w * (1 + 1e-6))
    np.testing.assert_allclose(cr.hvp(function, w, w), (moved - gradient) / 1e-6, rtol=1e-4, atol=1e-4)
    assert np.array_equal(X, before[0]) and np.array_equal(row, before[1])


def test_the_arrays_are_read_at_each_call() -> None:
    data = X.copy()
    gradient = cr.grad(lambda w: np.sum(data.dot(w)))
    np.testing.assert_allclose(gradient(w), X.sum(0))
    data *= 2
    np.testing.assert_allclose(gradient(w), 2 * X.sum(0))


def test_code_with_effects_outside_is_still_refused() -> None:
    seen: list[Any] = []

    def noting(w: Any) -> Any:
        seen.append(len(seen))
        return np.sum(X.dot(w))

    with pytest.raises(AssignmentError, match="a tracked tensor cannot become part of a plain NumPy array"):
        cr.grad(noting)(w)
