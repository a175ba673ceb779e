"""NumPy's functions on tensors, followed: the value, the gradient and the gradient of the gradient of each case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

__all__ = ["follow", "parts", "values"]


def parts(result: Any) -> list[Any]:
    """The arrays or tensors in a result."""
    return [part for entry in result for part in parts(entry)] if isinstance(result, list | tuple) else [result]


def values(result: Any) -> list[Any]:
    """The arrays in a result."""
    return [np.asarray(getattr(part, "value", part)) for part in parts(result)]


def follow(function: Callable[[Any], Any], x: Any, tracked: bool = True) -> None:
    """Check ``function`` of a tensor: values as NumPy's, first and second derivatives as differences."""
    expected = values(function(x))
    tensor = cr.tensor(x, requires_grad=True)
    result = function(tensor)
    found = values(result)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype, f"{a.shape} {a.dtype} instead of {b.shape} {b.dtype}"
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    if not tracked:
        assert not any(getattr(part, "requires_grad", False) for part in parts(result))
        return
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=part.shape) for part in expected]

    def value(x: Any) -> Any:
        terms = [np.sum(np.sin(part) * w) for part, w in zip(parts(function(x)), weights, strict=True)]
        return sum(terms[1:], terms[0])

    gradient = cr.grad(value)
    direction = rng.normal(size=x.shape)
    step = 1e-6
    slope = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    np.testing.assert_allclose(np.sum(np.asarray(gradient(x)) * direction), slope, rtol=1e-6, atol=1e-7)
    second = cr.grad(lambda x: np.sum(gradient(x) * direction))(x)
    change = (np.asarray(gradient(x + step * direction)) - np.asarray(gradient(x - step * direction))) / (2 * step)
    np.testing.assert_allclose(np.asarray(second), change, rtol=1e-5, atol=1e-6)
    for number, part in enumerate(expected):
        if part.ndim <= 2:
            compare_jacobian(function, number, x, step)


def compare_jacobian(function: Callable[[Any], Any], number: int, x: Any, step: float) -> None:
    """The structured Jacobian of one part, composed with squares, against differences of the part."""

    def chosen(x: Any) -> Any:
        return parts(function(x * x))[number]

    made = chosen(cr.tensor(x, requires_grad=True))
    if not getattr(made, "requires_grad", False):
        return
    found = np.asarray(cr.jacobian(chosen)(x).dense())
    for place in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[place] += step
        below[place] -= step
        column = (np.asarray(chosen(above)) - np.asarray(chosen(below))) / (2 * step)
        np.testing.assert_allclose(found[(..., *place)], column, rtol=1e-5, atol=1e-6)
