"""Random programs of complex and real steps: gradients by differences, forward = reverse, second order, replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from tests.complex_points import along, complex_gradient, pairing

N = 3
M = np.array([[0.5, -0.2j, 0.1], [0.3 + 0.1j, 0.4, -0.3], [0.2j, -0.1, 0.6]])
# each takes what was computed before and another such thing, and keeps sizes near 1
STEPS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a * b / (2 + np.abs(b)),
    lambda a, b: a + 1j * b,
    lambda a, b: a - b,
    lambda a, b: np.conj(a) * 0.7,
    lambda a, b: np.real(a) + 0.2,
    lambda a, b: np.imag(a * (1 + 0.5j)),
    lambda a, b: np.abs(a + 0.3) + 0.1 * b,
    lambda a, b: np.angle(a + 4) * b,
    lambda a, b: np.exp(1j * a * 0.5),
    lambda a, b: np.sqrt(a + 5),
    lambda a, b: np.log(a + 6j),
    lambda a, b: a / (3 + b * 0.5),
    lambda a, b: (a + 4) ** (0.5 + 0.3j),
    lambda a, b: M @ a,
    lambda a, b: np.fft.fft(a) * 0.4,
    lambda a, b: np.fft.ifft(a),
    lambda a, b: np.fft.irfft(a, 3),
    lambda a, b: np.cumsum(a) * 0.4,
    lambda a, b: np.vdot(a, b) * 0.2 + a,
    lambda a, b: np.where(np.abs(a) > 0.5, a, b),
    lambda a, b: np.concatenate([a[1:], b[:1]]),
    lambda a, b: np.outer(a, b)[::-1].sum(0) * 0.3,
    lambda a, b: np.linalg.norm(a) * b * 0.5,
    lambda a, b: np.tanh(a * 0.3),
    lambda a, b: np.linalg.solve(M, a) * 0.3,
    lambda a, b: np.convolve(a, b, "same") * 0.3,
    lambda a, b: np.sin(a * 0.4),
    lambda a, b: a.astype(complex),
]
programs = st.lists(
    st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=7
)


def loss_of(program: list[tuple[int, int, int]]) -> Callable[[Any], Any]:
    def loss(x: Any) -> Any:
        values = [x]
        for step, first, second in program:
            values.append(STEPS[step](values[-1 - first % len(values)], values[-1 - second % len(values)]))
        return np.sum(np.real(values[-1] * (1 - 0.7j))) + 0.1 * np.sum(np.abs(values[-1] + 2) ** 2)

    return loss


@given(programs, st.booleans(), st.integers(0, 1000))
def test_a_program(program: list[tuple[int, int, int]], is_complex: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N) + (1j * rng.normal(size=N) if is_complex else 0)
    direction = rng.normal(size=N) + (1j * rng.normal(size=N) if is_complex else 0)
    loss = loss_of(program)
    with np.errstate(all="ignore"):
        value, found = cr.value_and_grad(loss)(x)
        expected = complex_gradient(loss, x)
        size = 1 + np.abs(expected).max()
        np.testing.assert_allclose(value, loss(x), rtol=1e-12)
        np.testing.assert_allclose(found, expected, atol=1e-6 * size)
        assert found.dtype == x.dtype
        _, pushed = cr.jvp(loss, (x,), (direction,))
        np.testing.assert_allclose(pushed, pairing(found, direction), atol=1e-10 * size)
        second = along(cr.grad(loss), x, direction)
        scale = 1 + np.abs(second).max()
        np.testing.assert_allclose(cr.hvp(loss, x, direction), second, atol=1e-5 * scale)
        if not is_complex:
            hessian = cr.hessian(loss)
            np.testing.assert_allclose(hessian(x) @ direction, cr.hvp(loss, x, direction), atol=1e-9 * scale)
            moved = x * 1.001
            np.testing.assert_allclose(hessian(moved) @ direction, cr.hvp(loss, moved, direction), atol=1e-9 * scale)
