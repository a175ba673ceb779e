"""Loops in the printed source: a loop forward, a loop backward, and the gradients that `cr.grad` computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.derive import derive
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
    ("weights", "told"),
    [
        ([1.0, 3.0, 2.0, 5.0, 4.0], "weights = [1, 3, 2, 5, 4]"),
        ([0.1, 0.3, 0.2, 0.5, 0.4], "weights = [0.1, 0.3, 0.2, 0.5, 0.4]"),
        ([3.0, 5.0, 7.0, 9.0, 11.0], "(2 * t + 3)"),
        ([1.0, 0.5, 0.25, 0.125, 0.0625], "0.5 ** t"),
        ([0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0], "t % 3"),
    ],
)
def test_numbers_that_change_from_turn_to_turn(weights: list[float], told: str) -> None:
    def weighted(x: Any) -> Any:
        y = x
        for weight in weights:
            y = np.sin(weight + y)
        return np.sum(y)

    source = assert_source_is_the_gradient(weighted, (draw(3),)).source
    assert source.count("for t in ") == 2 and told in source


def test_entries_that_are_taken_in_any_order_add_up() -> None:
    def jumping(w: Any, xs: Any) -> Any:
        h = 0 * w
        for k in [3, 1, 4, 1, 5, 2, 0]:
            h = np.tanh(h * w + xs[k])
        return np.sum(h)

    source = assert_source_is_the_gradient(jumping, (draw(3), draw(6, 3))).source
    assert "ks = [3, 1, 4, 1, 5, 2, 0]" in source and "dxs[ks[t]] += " in source


def test_a_loop_in_a_loop_goes_through_entries_again() -> None:
    def epochs(w: Any, X: Any) -> Any:
        for _ in range(3):
            for i in range(4):
                w = w - 0.1 * np.sin(X[i] @ w) * X[i]
        return np.sum(w)

    source = assert_source_is_the_gradient(epochs, (draw(3), draw(4, 3))).source
    assert "for t in range(12):" in source and "X[t % 4]" in source and "dX[t % 4] += " in source


def test_arrays_that_turns_add_to_are_nobody_elses() -> None:
    def filtered(F: Any, Q: Any, R: Any, ys: Any) -> Any:
        P, m, loss = np.eye(3), np.zeros(3), 0.0
        for y in ys:
            m, P = F @ m, F @ P @ F.T + Q
            S, v = P + R, y - m
            K = P @ np.linalg.inv(S)
            loss = loss + v @ np.linalg.solve(S, v) + np.linalg.slogdet(S)[1]
            m, P = m + K @ v, P - K @ S @ K.T
        return loss

    arguments = draw(3, 3), np.eye(3), 2 * np.eye(3), draw(7, 3)
    assert assert_source_is_the_gradient(filtered, arguments).source.count("for t in ") == 2


def test_an_entry_that_a_turn_takes_twice_gets_both_shares() -> None:
    def gated(W: Any, V: Any, xs: Any) -> Any:
        h = np.zeros(3)
        for t in range(len(xs)):
            z = np.sin(W @ np.concatenate([h, xs[t]]))
            h = np.tanh(V @ np.concatenate([h, xs[t]])) * z
        return h @ h

    assert "dxs[t] = " in assert_source_is_the_gradient(gated, (draw(3, 6), draw(3, 6), draw(6, 3))).source


def test_what_the_first_turn_takes_may_be_computed() -> None:
    def forward(P: Any, start: Any, seen: Any) -> Any:
        a = start * P[:, 0]
        for t in range(len(seen)):
            a = (a @ P) * seen[t]
        return np.log(a.sum())

    arguments = tuple(np.abs(draw(*shape)) for shape in ((3, 3), (3,), (6, 3)))
    assert assert_source_is_the_gradient(forward, arguments).source.count("for t in ") == 2


def test_a_line_that_sets_two_variables() -> None:
    def summed(a: Any, b: Any) -> Any:
        y, s = 0.0, 0.0
        for t in range(9):
            y = a * y + b * np.cos(t * a); s = s + y * y  # fmt: skip # noqa: E702
        return s

    assert "np.cos(t * a)" in assert_source_is_the_gradient(summed, (0.5, 0.3)).source


TURNS = 6


def test_the_source_says_for_how_many_turns_it_holds() -> None:
    def written(x: Any) -> Any:
        for _ in range(5):
            x = np.sin(x) * 2
        return np.sum(x)

    def given(x: Any, n: int) -> Any:
        for _ in range(n):
            x = np.sin(x) * 2
        return np.sum(x)

    def outside(x: Any) -> Any:
        for _ in range(TURNS):
            x = np.sin(x) * 2
        return np.sum(x)

    def until(x: Any) -> Any:
        turns = 0
        while turns < 5:
            x, turns = np.sin(x) * 2, turns + 1
        return np.sum(x)

    assert "    for t in range(5):\n" in derive(written)(draw(3)).source
    told = derive(given)(draw(3), 5)
    assert "def gradient(x, n):" in told.source and "for t in range(n):\n" in told.source
    x = draw(3)
    np.testing.assert_allclose(told.function()(x, 8), derive(given)(x, 8).function()(x, 8))
    assert "    for t in range(6):  # this holds for 6 turns\n" in derive(outside)(draw(3)).source
    assert "    for t in range(5):  # this holds for 5 turns\n" in derive(until)(draw(3)).source


def test_a_count_in_the_function_goes_before_the_length_of_an_argument() -> None:
    def written(h: Any, xs: Any) -> Any:
        for k in range(5):
            h = np.tanh(h + xs[k])
        return np.sum(h)

    def given(h: Any, xs: Any, n: int) -> Any:
        for k in range(n):
            h = np.tanh(h + xs[k])
        return np.sum(h)

    h, xs, longer = draw(3), draw(5, 3), draw(8, 3)
    for function, counts in ((written, ()), (given, (5,))):
        found = derive(function)(h, xs, *counts).function()(h, longer, *counts)
        for one, expected in zip(found, cr.grad(function, (0, 1))(h, longer, *counts), strict=True):
            np.testing.assert_allclose(one, expected)


def test_a_list_of_which_turns_take_a_part_has_no_loop() -> None:
    def some(Ws: Any, x: Any) -> Any:
        for W in Ws[:6]:
            x = np.tanh(W @ x)
        return np.sum(x)

    assert "for t" not in assert_source_is_the_gradient(some, ([draw(3, 3) for _ in range(8)], draw(3))).source


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
