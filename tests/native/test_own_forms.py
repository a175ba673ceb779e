"""Functions that have a form of their own in machine code: no call of Python is left, in values or gradients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr
from tests.native.agreement import agree

x = np.linspace(-0.7, 1.7, 8)
matrix = np.sin(np.arange(20.0)).reshape(4, 5)
stack = np.cos(np.arange(24.0)).reshape(2, 3, 4)


def rolled(a: Any) -> Any:
    for k in range(6):
        a = np.tanh(np.roll(a, k)) + np.pad(a[1:], (0, 1))
    return a


def swept(a: Any) -> Any:
    for _ in range(40):
        a = np.cumsum(np.sin(a)) / 3 + np.maximum.accumulate(a)
    return a


CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "running sums": (np.cumsum, (stack,)),
    "along an axis": (lambda a: np.cumsum(a, axis=1) * np.cumsum(a[..., ::-1], axis=-1), (stack,)),
    "of an expression": (lambda a: np.cumsum(np.exp(a) * a) + a, (x,)),
    "of integers": (lambda a: np.cumsum(np.arange(8)) * a, (x,)),
    "of truths": (lambda a: np.cumsum(a > 0) * a, (x,)),
    "maxima": (lambda a: np.maximum.accumulate(a, axis=0) - np.minimum.accumulate(a, axis=1), (matrix,)),
    "logaddexp": (lambda a: np.logaddexp.accumulate(a) * 2, (x,)),
    "in a loop": (swept, (x,)),
    "triangles": (lambda a: np.tril(a, -1) @ np.triu(a, 1).T + np.tril(x[:4]), (matrix,)),
    "triangles of a stack": (lambda a: np.tril(a) - np.triu(a, -1), (stack,)),
    "diagonals": (lambda a: np.diag(np.diag(a)) + np.diag(a[0, :3], 1) + np.diag(a[1, :3], -1), (matrix,)),
    "the trace": (lambda a: np.trace(a, 1) + np.trace(stack, 0, 1, 2) @ a[:2, :], (matrix,)),
    "rolled": (lambda a: np.roll(a, 2) + np.roll(a, (1, -1, 3), (0, 1, 0)) + np.roll(a, 5, 1), (matrix,)),
    "rolled in a loop": (rolled, (x,)),
    "padded": (lambda a: np.pad(a, ((1, 2), (0, 3)), constant_values=2) * 3, (matrix,)),
    "repeated": (lambda a: np.tile(a, (2, 1, 3)) + np.repeat(np.tile(a, 3), 2, axis=0)[:4], (matrix,)),
    "windows": (lambda a: sliding_window_view(np.pad(a, 1), (2, 3)).sum((2, 3)), (matrix,)),
    "convolved": (lambda a: np.convolve(a, a[:3], "same") + np.convolve(a[2:4], a)[1:], (x,)),
    "products of vectors": (lambda a: np.outer(a, a[::2]) @ np.inner(a[:4], matrix[:, 1:]), (x,)),
    "inner products": (lambda a: np.inner(a, stack[..., 1:, None] * np.ones(5)), (matrix,)),
    "products over joined axes": (
        lambda a, b: (np.exp(a).reshape(6, 4) @ a[0, 0]) @ a.reshape(6, 4) + b.reshape(6, 4).T @ b.ravel()[:6],
        (stack, stack + 1),
    ),
    "products over axes joined in other ways": (
        lambda a, b: np.einsum("i,i", np.sin(a).reshape(24), np.exp(b).reshape(6, 4).T.reshape(24)) * a.reshape(1, 24),
        (stack, stack + 1),
    ),
    "begun": (lambda a: np.max(a, initial=0.3) * np.sum(a, 0, initial=2) + np.min(a[:0], initial=-1.5), (matrix,)),
    "begun with what changes nothing": (
        lambda a: np.max(a, 1, initial=-np.inf) + np.prod(a, 1, initial=True),
        (matrix,),
    ),
    "softmax": (lambda a: scipy.special.softmax(a, axis=1) * scipy.special.logsumexp(a, axis=0), (matrix,)),
    "counted": (lambda a: a * np.any(a > 1, 1, keepdims=True) + np.all(a > -2) * np.count_nonzero(a > 0), (matrix,)),
}


def no_python(*_: Any) -> Any:
    """Instead of what makes a call of Python."""
    raise AssertionError("a step is left to Python")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_python(name: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.native.lowering.callback", no_python)
    f, given = CASES[name]

    def scalar(*arguments: Any) -> Any:
        return np.sum(np.sin(f(*arguments)))

    arguments = [argument.astype(dtype) for argument in given]
    for function in (f, cr.value_and_grad(scalar, tuple(range(len(arguments))))):
        compiled = cr.compile(function)
        expected = function(*arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(2):
                agree(compiled(*arguments), expected)
        assert compiled.recordings == ["machine code"]


def test_a_running_sum_that_is_not_finite_is_left_to_python() -> None:
    compiled = cr.compile(np.cumprod)
    for numbers in ([1.0, 2.0], [np.inf, 0.0], [np.nan, 1.0], [1e200, 1e200]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            np.testing.assert_array_equal(compiled(np.array(numbers)), np.cumprod(numbers))


@pytest.mark.parametrize("exponent", [-2.5, -1.5, -0.5, 0.5, 1.5, 7.5, 8.0, -3.0, 0.3, np.inf])
def test_powers(exponent: float) -> None:
    """Multiples of a half are multiplications and a root; where a result is not finite, NumPy's own."""
    compiled = cr.compile(lambda x: x**exponent)
    for x in (np.geomspace(0.01, 0.9, 9), np.array([0.0, -0.0, 1.0, -1.0, np.inf, np.nan])):
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(compiled(x), x**exponent, rtol=1e-14)
    assert compiled.recordings == ["machine code"] * 2
