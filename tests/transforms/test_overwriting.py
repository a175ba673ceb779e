"""Code that overwrites what derivatives need: transforms run it again with copies kept, and are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ModifiedError
from chainrule.native.compiled import CompileWarning

random = np.random.default_rng(8)
A = random.normal(size=(5, 5)) + 5 * np.eye(5)


def triangles(A: Any) -> Any:
    A = A.copy()
    for k in range(len(A)):
        for i in range(k + 1, len(A)):
            A[i, k] /= A[k, k]
            A[i, k + 1 :] -= A[i, k] * A[k, k + 1 :]
    return np.sum(A**3)


def rescaled(A: Any) -> Any:
    y = np.exp(0.1 * A)
    y *= A
    y += 1
    y *= y
    z = y[1:] * y[:-1]
    y[0] = 0.0
    return np.sum(z) + np.sum(y)


def by_complex_steps(f: Any, A: Any) -> Any:
    found = np.empty_like(A)
    for place in np.ndindex(A.shape):
        moved = A.astype(complex)
        moved[place] += 1e-30j
        found[place] = f(moved).imag / 1e-30
    return found


@pytest.mark.parametrize("f", [triangles, rescaled])
def test_derivatives_are_those_of_the_code(f: Any) -> None:
    truth = by_complex_steps(f, A)
    np.testing.assert_allclose(cr.grad(f)(A), truth, rtol=1e-12)
    np.testing.assert_allclose(cr.jacobian(f)(A).dense(), truth, rtol=1e-12)
    direction = random.normal(size=A.shape)
    _, slope = cr.jvp(f, (A,), (direction,))
    np.testing.assert_allclose(slope, np.sum(truth * direction), rtol=1e-12)
    along = cr.grad(lambda A: np.sum(cr.grad(f)(A) * direction))(A)
    expected = (
        by_complex_steps_of_gradient(f, direction, 1e-5) - by_complex_steps_of_gradient(f, direction, -1e-5)
    ) / 2e-5
    np.testing.assert_allclose(along, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def by_complex_steps_of_gradient(f: Any, direction: Any, size: float) -> Any:
    return by_complex_steps(f, A + size * direction)


def test_it_is_run_again_only_where_that_is_needed() -> None:
    runs = []

    def harmless(A: Any) -> Any:
        runs.append(1)
        y = A * 2
        y[0] = 0.0
        return np.sum(y)

    cr.grad(harmless)(A)
    assert len(runs) == 1


def test_tensors_that_live_on_cannot_be_run_again() -> None:
    x = cr.tensor(A, requires_grad=True)
    y = x * x
    z = (y * y).sum()
    y += 1
    with pytest.raises(ModifiedError, match="overwritten by an in-place operation"):
        z.backward()


@pytest.mark.parametrize("size", [3, 5000])
def test_plain_arrays_may_be_overwritten_after_they_were_used(size: int) -> None:
    """NumPy does not say that a plain array is written to: what is kept of it is compared."""

    def reused(x: Any) -> Any:
        y = x
        for k in range(1, 4):
            buffer[...] = k
            y = y * buffer + np.sin(x) * buffer.reshape(-1)[::-1].reshape(buffer.shape)
        return np.sum(y * y)

    def fresh(x: Any) -> Any:
        y = x
        for k in range(1, 4):
            y = y * float(k) + np.sin(x) * float(k)
        return np.sum(y * y)

    buffer = np.ones(size)
    x = np.linspace(0.1, 0.9, size)
    expected = cr.grad(fresh)(x)
    np.testing.assert_allclose(cr.grad(reused)(x), expected)
    np.testing.assert_allclose(cr.jvp(reused, (x,), (x,))[1], expected @ x)
    np.testing.assert_allclose(cr.jacobian(reused)(x).dense(), expected)
    compiled = cr.compile(cr.grad(reused))
    with pytest.warns(CompileWarning, match="it overwrites an array that it has used|writes|changes"):
        np.testing.assert_allclose(compiled(x), expected)
    if size < 10:
        curved = cr.hessian(reused)(x).dense()
        np.testing.assert_allclose(curved, cr.hessian(fresh)(x).dense())
