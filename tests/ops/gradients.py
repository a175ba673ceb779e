"""A NumPy function on tracked tensors against NumPy itself: its value, its gradient and the gradient of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

__all__ = ["check_function", "gradient", "numbers"]

STEP = 1e-5


def numbers(*shape: int, seed: int = 0) -> Any:
    """Random numbers, none near 0 and both signs."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(0.4, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


def gradient(function: Callable[..., Any], weight: Any, arrays: list[Any]) -> list[Any]:
    """∂ Σ weight·function / ∂ arrays."""
    tensors = [cr.tensor(x, requires_grad=True) for x in arrays]
    np.sum(function(*tensors) * weight).backward()
    return [np.zeros(x.shape) if x.grad is None else x.grad.value for x in tensors]


def check_function(function: Callable[..., Any], *arrays: Any, second: bool = True) -> None:
    """Compare on tensors and on arrays; then the gradient, and its own, with differences along random directions."""
    given = [np.asarray(x, float) for x in arrays]
    expected = np.asarray(function(*given))
    tensors = [cr.tensor(x, requires_grad=True) for x in given]
    out = function(*tensors)
    assert out.requires_grad
    np.testing.assert_allclose(out.value, expected, rtol=1e-12, atol=1e-12)
    assert out.dtype == expected.dtype
    assert out.shape == expected.shape
    rng = np.random.default_rng(3)
    weight = rng.normal(size=expected.shape)
    directions = [rng.normal(size=x.shape) for x in given]
    above = [x + STEP * d for x, d in zip(given, directions, strict=True)]
    below = [x - STEP * d for x, d in zip(given, directions, strict=True)]
    difference = np.sum(weight * (np.asarray(function(*above)) - np.asarray(function(*below)))) / (2 * STEP)
    found = gradient(function, weight, given)
    assert [g.shape for g in found] == [x.shape for x in given]
    along = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    np.testing.assert_allclose(along, difference, rtol=1e-6, atol=1e-7)
    if second:
        check_second(function, weight, given, directions, above, below)


def check_second(
    function: Callable[..., Any], weight: Any, given: list[Any], directions: list[Any], above: Any, below: Any
) -> None:
    """The derivative of the gradient along ``directions``, in both orders of the product."""
    rng = np.random.default_rng(4)
    others = [rng.normal(size=x.shape) for x in given]
    tensors = [cr.tensor(x, requires_grad=True) for x in given]
    np.sum(function(*tensors) * weight).backward(create_graph=True)
    gradients = [x.grad for x in tensors]
    total = sum([np.sum(g * v) for g, v in zip(gradients, others, strict=True) if g is not None], cr.tensor(0.0))
    for x in tensors:
        x.grad = None
    if total.requires_grad:
        total.backward()
    found = sum(np.sum(x.grad.value * d) for x, d in zip(tensors, directions, strict=True) if x.grad is not None)
    high, low = gradient(function, weight, above), gradient(function, weight, below)
    expected = sum(np.sum(v * (a - b)) for v, a, b in zip(others, high, low, strict=True)) / (2 * STEP)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
