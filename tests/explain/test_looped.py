"""Loops in the printed source: a loop forward, a loop backward, and the gradients that `cr.grad` computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.explain.derive import derive
from chainrule.explain.record import record
from chainrule.explain.turns import longest_loop
from tests.explain.test_source import assert_source_is_the_gradient

RNG = np.random.default_rng(0)


def draw(*shape: int) -> Any:
    return 0.5 * RNG.normal(size=shape)


def recurrence(x: Any, Wh: Any, Wx: Any, b: Any, h0: Any) -> Any:
    h = h0
    for t in range(len(x)):
        h = np.tanh(h @ Wh + x[t] @ Wx + b)
    return np.sum(h**2)


def losses(xs: Any, ys: Any, W: Any, V: Any, h: Any) -> Any:
    loss = 0.0
    for x, y in zip(xs, ys, strict=True):
        z = W @ h + x
        h = np.tanh(z)
        p = V @ h
        loss = loss + np.sum((p - y) ** 2)
    return loss


def backwards(xs: Any, W: Any, h: Any) -> Any:
    for t in range(len(xs)):
        h = np.sin(W @ h + xs[len(xs) - 1 - t])
    return np.sum(h)


def memory(x: Any, U: Any, V: Any, b: Any, h0: Any, c0: Any) -> Any:
    h, c = h0, c0
    for t in range(len(x)):
        a = h @ U + x[t] @ V + b
        i = 1 / (1 + np.exp(-a[:3]))
        f = 1 / (1 + np.exp(-a[3:6]))
        o = 1 / (1 + np.exp(-a[6:9]))
        g = np.tanh(a[9:])
        c = f * c + i * g
        h = o * np.tanh(c)
    return np.sum(h**2)


def collected(xs: Any, W: Any, h0: Any) -> Any:
    h, hs = h0, []
    for x in xs:
        h = np.tanh(W @ h + x)
        hs.append(h)
    return np.sum(np.stack(hs) ** 2)


def layers(Ws: Any, bs: Any, X: Any, Y: Any) -> Any:
    h = X
    for W, b in zip(Ws, bs, strict=True):
        h = np.tanh(h @ W + b)
    return np.mean((h - Y) ** 2)


def network(params: Any, X: Any) -> Any:
    h = X
    for layer in params:
        z = h @ layer["W"] + layer["b"]
        h = np.maximum(z, 0)
    return np.mean(h**2)


def descent(w: Any, A: Any, y: Any, turns: int) -> Any:
    v = 0.0 * w
    for _ in range(turns):
        g = A.T @ (A @ w - y)
        v = 0.9 * v - 0.05 * g
        w = w + v
    return np.sum((A @ w - y) ** 2)


def oscillator(q: Any, p: Any, k: Any, turns: int) -> Any:
    for _ in range(turns):
        q, p = q + 0.1 * p, p - 0.1 * k * np.sin(q)
    return np.sum(q * p)


def power(A: Any, x: Any, turns: int) -> Any:
    y = x @ x
    for _ in range(turns):
        x = A @ x
        x = x / np.linalg.norm(x)
    return x @ A @ x + y


def arguments_of(function: Callable[..., Any], turns: int) -> tuple[Any, ...]:
    x, W, h = draw(turns, 3), draw(3, 3), draw(3)
    return {
        recurrence: (draw(turns, 4), W, draw(4, 3), draw(3), h),
        losses: (x, draw(turns, 2), W, draw(2, 3), h),
        backwards: (x, W, h),
        memory: (x, draw(3, 12), draw(3, 12), draw(12), h, draw(3)),
        collected: (x, W, h),
        layers: ([draw(3, 3) for _ in range(turns)], tuple([draw(3) for _ in range(turns)]), draw(5, 3), draw(5, 3)),
        network: ([{"W": draw(3, 3), "b": draw(3)} for _ in range(turns)], draw(5, 3)),
    }[function]


FUNCTIONS = [recurrence, losses, backwards, memory, collected, layers, network]


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_source_with_a_loop_computes_the_gradients(function: Callable[..., Any], turns: int) -> None:
    source = assert_source_is_the_gradient(function, arguments_of(function, turns)).source
    assert source.count("for t in ") == (2 if turns > 3 else 0)
    assert turns <= 3 or len(source.splitlines()) < 40


@pytest.mark.parametrize("turns", [5, 20])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (descent, (draw(3), draw(4, 3), draw(4))),
        (oscillator, (draw(2), draw(2), 1.5)),
        (power, (draw(3, 3), draw(3))),
    ],
)
def test_a_loop_that_only_counts(function: Callable[..., Any], arguments: Any, turns: int) -> None:
    def counted(*values: Any) -> Any:
        return function(*values, turns)

    assert assert_source_is_the_gradient(counted, arguments).source.count("for t in ") == 2


def test_fifty_turns_are_as_short_as_five() -> None:
    lines = [derive(recurrence)(*arguments_of(recurrence, turns)).source for turns in (5, 50)]
    assert lines[0] == lines[1]
    assert_source_is_the_gradient(recurrence, arguments_of(recurrence, 50))


def test_a_recurrence_is_what_a_person_writes() -> None:
    source = derive(recurrence)(*arguments_of(recurrence, 6)).source
    assert source.partition("(x, Wh, Wx, b, h0):\n")[2] == (
        "    hs = [h0]\n"
        "    for t in range(len(x)):\n"
        "        z = hs[t] @ Wh + x[t] @ Wx + b\n"
        "        hs.append(np.tanh(z))\n"
        "    dh, dx, dWh, dWx = 2 * hs[-1], np.zeros_like(x), np.zeros_like(Wh), np.zeros_like(Wx)\n"
        "    db = np.zeros_like(b)\n"
        "    for t in reversed(range(len(x))):\n"
        "        dz = (1 - hs[t + 1] ** 2) * dh\n"
        "        dx[t] = Wx @ dz\n"
        "        dWh += np.outer(hs[t], dz)\n"
        "        dWx += np.outer(x[t], dz)\n"
        "        db += dz\n"
        "        dh = Wh @ dz\n"
        "    dh0 = dh\n"
        "    return dx, dWh, dWx, db, dh0\n"
    )


def test_the_source_is_right_for_other_numbers_of_turns_where_it_counts_an_argument() -> None:
    gradient = derive(recurrence)(*arguments_of(recurrence, 6)).function()
    longer = arguments_of(recurrence, 9)
    for found, expected in zip(gradient(*longer), derive(recurrence)(*longer).function()(*longer), strict=True):
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("weights", "what"), [([1.0, 3.0, 2.0, 5.0, 4.0], "constants"), ([0.1, 0.2, 0.3, 0.4, 0.5], "a schedule")]
)
def test_turns_that_are_not_alike_stay_as_they_are(weights: list[float], what: str) -> None:
    def weighted(x: Any) -> Any:
        y = x
        for weight in weights:
            y = np.sin(weight * y)
        return np.sum(y)

    assert longest_loop(record(weighted, (draw(3),))) is not None
    assert_source_is_the_gradient(weighted, (draw(3),))


def test_the_first_turn_may_be_another() -> None:
    def started(w: Any, A: Any) -> Any:
        v = np.zeros(3)
        for _ in range(6):
            v = 0.9 * v - 0.1 * (A @ w)
            w = w + v
        return np.sum(w)

    assert "for t in range(5):" in assert_source_is_the_gradient(started, (draw(3), draw(3, 3))).source


def test_what_reaches_back_two_turns_has_no_loop() -> None:
    def fibonacci(a: Any, b: Any) -> Any:
        for _ in range(6):
            a, b = b, np.sin(a + b)
        return np.sum(b)

    assert "for t" not in assert_source_is_the_gradient(fibonacci, (draw(3), draw(3))).source
