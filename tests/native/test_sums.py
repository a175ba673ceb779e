"""Sums of sums, and of arrays that are zero but for a box: added in one place in memory, the result is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.native.agreement import agree

x = np.sin(np.arange(2 * 3 * 7 * 6.0)).reshape(2, 3, 7, 6)
w = np.cos(np.arange(4 * 3 * 3 * 3.0)).reshape(4, 3, 3, 3)
table = np.array([0, 2, 2, 5, 1])


def convolved(x: Any, w: Any) -> Any:
    y = 0.1
    for i in range(3):
        for j in range(3):
            y = y + np.einsum("nchw,kc->nkhw", x[:, :, i : i + 5, j : j + 4], w[:, :, i, j])
    return np.sum(np.tanh(y) ** 2)


def boxes(x: Any, w: Any) -> Any:
    total = np.zeros(3, x.dtype)
    for i in range(5):
        total = total + np.sum(np.sin(x[:, :, i : i + 2, 4 - i : 6 - i]), axis=(0, 2, 3))
    return np.sum(total**2)


def stencil(x: Any, w: Any) -> Any:
    inner = x[:, :, 1:-1, 1:-1]
    around = x[:, :, 2:, 1:-1] + x[:, :, :-2, 1:-1] + x[:, :, 1:-1, 2:] + x[:, :, 1:-1, :-2]
    return np.sum((inner * around - 4 * inner) ** 2)


def on_the_way(x: Any, w: Any) -> Any:
    a, trace = x[0, 0], 0.0
    for i in range(6):
        trace = trace + np.tanh(a[i, i]) * a[6 - i, 0]
    return np.sum((a + trace) ** 2)


def looked_up(x: Any, w: Any) -> Any:
    total = 0.0
    for i in range(60):
        total = total + np.sin(x[i % 2, 0, table[i % 5]]) * w[1, 1, i % 3, 0]
    return np.sum(np.tanh(total) ** 2)


def turning(x: Any, w: Any) -> Any:
    flat, total = x.reshape(-1), 0.0
    for i in range(100):
        total = total + np.sin(flat[i]) * flat[i + 3 : i + 5]
    return np.sum(np.tanh(total) ** 2)


CASES: dict[str, Any] = {
    "entries of a matrix": on_the_way,
    "entries looked up": looked_up,
    "entries in turn": turning,
    "a convolution": convolved,
    "boxes": boxes,
    "a stencil": stencil,
    "a sum that is read twice": lambda x, w: np.sum((np.sum(x, 0) + np.sum(2 * x, 0)) ** 2 + np.sum(x, 0)),
    "a sum with itself": lambda x, w: np.sum(np.exp(np.sum(x, 0) + np.sum(x, 0))),
    "sums and what is no sum": lambda x, w: np.sum(np.tanh(x[0] + np.sum(x, 0) + x[1] + np.sum(x**2, 0)) ** 2),
    "places known late": lambda x, w: np.sum((x[0, 0][table] + x[0, 1][table[::-1]] + x[1, 0, 1:6]) ** 3),
    "axes joined": lambda x, w: np.sum(np.tanh(x.transpose(0, 2, 3, 1).reshape(84, 1, 3) @ w.reshape(3, 36)) ** 2),
    "large products of joined axes": lambda x, w: np.sum(
        (np.tile(x, (4, 2, 2, 2)).transpose(2, 0, 3, 1).reshape(-1, 6) @ np.tile(w.reshape(6, 18), 2)) ** 2
    ),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [*CASES])
def test_equals_python(name: str, dtype: Any) -> None:
    function, arguments = CASES[name], (x.astype(dtype), w.astype(dtype))
    for made in (function, cr.value_and_grad(function, (0, 1))):
        compiled = cr.compile(made)
        for _ in range(2):
            agree(compiled(*arguments), made(*arguments))
        assert compiled.recordings == ["machine code"]


def test_sums_are_results_themselves() -> None:
    def several(x: Any) -> Any:
        once, again = np.sum(x, 0), np.sum(x**2, 0)
        return once + again, once, (x[0] + np.sum(x, 0)) + np.sum(3 * x, 0)

    compiled = cr.compile(several)
    for _ in range(2):
        agree(compiled(x), several(x))
    assert compiled.recordings == ["machine code"]


def doubled(x: Any) -> Any:
    """What is added up is itself, again and again."""
    y = x @ x + x
    for _ in range(40):
        y = y + y
    return np.sum(np.tanh(2.0**-40 * y.sum(axis=0)))


def of_many_terms(x: Any) -> Any:
    y = x @ x
    for k in range(500):
        y = y + np.float64(k) * x
    return np.sum(np.tanh(1e-5 * y.sum(axis=0)))


@pytest.mark.parametrize("function", [doubled, of_many_terms])
def test_sums_of_more_terms_than_are_looked_through(function: Any) -> None:
    given = x[0, 0, :6]
    for made in (function, cr.value_and_grad(function)):
        compiled = cr.compile(made)
        agree(compiled(given), made(given))
        assert compiled.recordings == ["machine code"]


def test_terms_of_a_sum_are_added_where_they_are_made() -> None:
    def wave(x: Any) -> Any:
        return np.sum(3 * np.cos(x) - np.sin(x) ** 2)

    made = cr.value_and_grad(wave)
    compiled = cr.compile(made)
    given = np.linspace(-3, 3, 500)
    agree(compiled(given), made(given))
    (built,) = compiled.known.values()
    kernel = built.kernel.text
    assert kernel.count("phi i64") == 1  # the finite check of the gradient waits for no value: one loop does all
    given[7] = np.inf
    with np.errstate(invalid="ignore"):
        agree(compiled(given), made(given))
