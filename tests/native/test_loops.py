"""Loops that Python unrolled are loops in machine code: found, right, and as good as written out."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native.recorded import Recorded
from chainrule.native.rolling import Before, Moving, Numbers, Roll, Turn, rolled
from chainrule.program.deferred import Deferred
from chainrule.program.replay import steps_for
from chainrule.transforms.guard import Reads
from tests.native.agreement import agree

RANDOM = np.random.default_rng(11)
SERIES = RANDOM.normal(size=60)
INPUTS = RANDOM.normal(size=(40, 3))
NUMBERS = [float(number) for number in RANDOM.normal(size=40)]


def recurrence(w: Any, u: Any) -> Any:
    h = 0.0
    for x in SERIES:
        h = np.tanh(w * h + u * x)
    return (h - 0.25) ** 2


def network(W: Any, V: Any, b: Any) -> Any:
    h, total = np.zeros(4), 0.0
    for x in INPUTS:
        h = np.tanh(h @ W + x @ V + b)
        total = total + np.sum(h**2)
    return total


def momentum(x: Any) -> Any:
    v = 0.0 * x
    for _ in range(30):
        v = 0.9 * v - 0.1 * np.sin(x)
        x = x + v
    return np.sum(x * x)


def second_order(x: Any) -> Any:
    before, now = x, x * 0.5
    for _ in range(40):
        before, now = now, np.sin(now) - 0.3 * before
    return np.sum(now)


def numbers(x: Any) -> Any:
    for number in NUMBERS:
        x = np.cos(x + number)
    return np.sum(x)


def heat(u: Any, k: Any) -> Any:
    u = u.copy()
    for _ in range(25):
        u[1:-1] += k * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def from_the_end(x: Any) -> Any:
    total = x[-1]
    for place in range(len(x) - 2, -1, -1):
        total = np.tanh(total * x[place])
    return total


CASES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (recurrence, (0.8, 0.5)),
    (network, (RANDOM.normal(size=(4, 4)) / 2, RANDOM.normal(size=(3, 4)), RANDOM.normal(size=4))),
    (momentum, (RANDOM.normal(size=5),)),
    (second_order, (RANDOM.normal(size=3),)),
    (numbers, (RANDOM.normal(size=3),)),
    (heat, (RANDOM.normal(size=20), np.full(18, 0.2))),
    (from_the_end, (RANDOM.normal(size=50),)),
]


def loops(function: Callable[..., Any], arguments: tuple[Any, ...]) -> list[Roll]:
    """The loops that are found in a recording."""
    made = Recorded(function, arguments, arguments, Reads(function), True)
    return [item for item in rolled(steps_for(made.wanted)) if isinstance(item, Roll)]


@pytest.mark.parametrize(("function", "arguments"), CASES, ids=[function.__name__ for function, _ in CASES])
def test_value_and_gradient_are_right(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    both = cr.value_and_grad(function, tuple(range(len(arguments))))
    compiled = cr.compile(both)
    for factor in (1.0, 0.7):
        moved = [value * factor for value in arguments]
        value, gradients = compiled(*moved)
        expected, right = both(*moved)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        for found, true in zip(gradients, right, strict=True):
            np.testing.assert_allclose(found, true, rtol=1e-9, atol=1e-13)
    assert compiled.recordings == ["machine code"]


@pytest.mark.parametrize(("function", "arguments"), CASES, ids=[function.__name__ for function, _ in CASES])
def test_there_and_back_are_two_loops(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    found = loops(cr.value_and_grad(function, tuple(range(len(arguments)))), arguments)
    assert len(found) == 2
    there, back = found
    assert any(isinstance(value, Turn) and value.roll is there for line in back.arguments for value in line)


def test_what_differs_from_turn_to_turn_is_told() -> None:
    (roll,) = loops(recurrence, (0.8, 0.5))
    kinds = {type(value) for line in roll.arguments for value in line}
    assert kinds >= {Before, Moving}
    (roll,) = loops(numbers, (np.ones(3),))
    (found,) = [value for line in roll.arguments for value in line if isinstance(value, Numbers)]
    assert [round(number, 12) for number in found.values] == [
        round(number, 12) for number in NUMBERS[-len(found.values) :]
    ]


def test_a_few_steps_are_no_loop() -> None:
    def short(x: Any) -> Any:
        for _ in range(3):
            x = np.sin(x)
        return x

    assert loops(short, (np.ones(2),)) == []
    np.testing.assert_allclose(cr.compile(short)(np.ones(2)), short(np.ones(2)))


def test_steps_of_other_arrays_are_no_loop() -> None:
    tables = [np.arange(2000.0) + (np.arange(2000) == 1000) * k for k in range(80)]  # alike at both ends

    def function(x: Any) -> Any:
        for table in tables:
            x = np.tanh(x) + 0.001 * table
        return np.sum(x)

    x = RANDOM.normal(size=2000)
    np.testing.assert_allclose(cr.compile(function)(x), function(x), rtol=1e-12)


def test_long_chains_that_are_no_loop() -> None:
    """What is elementwise is read through, but not through hundreds of steps: Python's stack has an end."""
    tables = np.random.default_rng(8).normal(size=(300, 5))
    rows = [np.array(row) for row in tables]

    def function(x: Any) -> Any:
        for k, row in enumerate(rows):
            x = np.sin(x) * 1.1 + row if k % 2 else x * row - 0.1
        return np.sum(x)

    x = RANDOM.normal(size=5)
    both = cr.value_and_grad(function)
    for whole in (function, both):
        compiled = cr.compile(whole)
        agree(compiled(x), whole(x))
        assert compiled.recordings == ["machine code"]


def test_the_text_grows_with_the_function_and_not_with_the_turns() -> None:
    def lines(turns: int) -> int:
        def function(x: Any) -> Any:
            for _ in range(turns):
                x = np.sin(x) * 1.5
            return np.sum(x)

        compiled = cr.compile(cr.value_and_grad(function))
        compiled(np.ones(3))
        (built,) = compiled.known.values()
        return int(built.code.text.count("\n"))

    assert abs(lines(400) - lines(50)) < 20


def test_a_recording_is_gone_when_there_is_machine_code() -> None:
    compiled = cr.compile(cr.value_and_grad(recurrence, (0, 1)))
    compiled(0.8, 0.5)
    gc.collect()
    before = sum([type(found) is Deferred for found in gc.get_objects()])
    other = cr.compile(cr.value_and_grad(recurrence, (0, 1)))
    other(0.8, 0.5)
    gc.collect()
    assert sum([type(found) is Deferred for found in gc.get_objects()]) == before
    assert other.recordings == ["machine code"]


def test_products_of_what_is_another_part_in_each_turn() -> None:
    """Read with steps, by many: it is brought together, in whichever turn that is."""
    frames, points = np.random.default_rng(4).normal(size=(40, 4, 8)), np.ones((4, 70))

    def moved(frames: Any, points: Any) -> Any:
        total = np.zeros((4, 70))
        for k in range(40):
            total = np.tanh(total + frames[k, :, ::2] @ points)
        return np.sum(total**2)

    whole = cr.value_and_grad(moved, (0, 1))
    compiled = cr.compile(whole)
    agree(compiled(frames, points), whole(frames, points))
    assert compiled.recordings == ["machine code"]


def test_what_the_first_turn_makes_for_all() -> None:
    table = np.random.default_rng(5).normal(size=(20, 4))

    def function(x: Any) -> Any:
        total = 0.0
        for k in range(12):
            total = total + np.sum(np.sin(np.exp(-np.abs(x * (table[0] * table[k][::-1])))))
        return total

    whole = cr.value_and_grad(function)
    agree(cr.compile(whole)(np.ones(4)), whole(np.ones(4)))
