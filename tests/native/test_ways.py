"""Code that chooses its way by numbers: each way is machine code, used where the numbers choose it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native.build import Ways
from chainrule.native.compiled import CompileWarning
from tests.native.agreement import agree

x = np.array([0.7, -1.3, 2.1, 0.4])


def branch(x: Any) -> Any:
    return np.sum(x**2) if x[0] > 0 else np.sum(np.sin(x))


def clipped(x: Any) -> Any:
    return min(max(x[0] * x[1], -1.0), x[2]) * abs(x[3])


def halved(x: Any) -> Any:
    total = np.sum(x * x)
    while total > 1.0:
        total = total / 2 * np.cos(x[0]) ** 2
    return total * x[0]


def written(x: Any) -> Any:
    y = x * 1.0
    for k in range(4):
        if y[k] < 0:
            y[k] = -2 * y[k]
            y[0] -= 1.0
    return y if y[0] > 0 else y * y


def counted(x: Any) -> Any:
    kept: list[Any] = []
    for value in x:
        if value:
            kept.append(value * len(kept))
    return sum(kept) + np.sum(x)


def long(x: Any) -> Any:
    state = x[0]
    for _ in range(300):
        state = np.sin(state) * 1.1 + x[1] * 0.1
        if state > 5.0:
            state = state - 5.0
    return state


POINTS = [x, -x, x[::-1].copy(), x * 3, np.zeros(4), -x * 3, x]


@pytest.mark.parametrize("function", [branch, clipped, halved, written, counted, long])
def test_each_way_is_what_python_gives(function: Any, door: str) -> None:
    for one in (function, cr.value_and_grad(lambda x: np.sum(function(x)))):
        compiled = cr.compile(one)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            for point in POINTS * 2:
                agree(compiled(point), one(point))
        assert compiled.recordings[0].startswith(door)


def test_ways_are_known_again_and_counted() -> None:
    compiled = cr.compile(branch)
    for point in (x, -x, x, -x):
        agree(compiled(point), branch(point))
    assert compiled.recordings == ["machine code for 2 ways that numbers choose"]
    assert compiled.memory[0] is not None
    there = np.empty(())
    for point in (x, -x):
        assert compiled(point, out=there) is there
        agree(np.float64(there), branch(point))


def test_numbers_that_are_none_choose_as_in_python(door: str) -> None:
    compiled = cr.compile(branch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for first in (x[0], np.nan, np.inf, -np.inf, 0.0, -0.0):
            point = np.array([first, *x[1:]])
            agree(compiled(point), branch(point))
    assert compiled.recordings[0].startswith(door)


def test_more_ways_than_are_kept_are_python_s_and_that_is_said_once() -> None:
    def f(x: Any) -> Any:
        total = x[0]
        while total < 100:
            total = total + x[1]
        return total

    compiled = cr.compile(f)
    points = [np.array([0.5, 100 / count]) for count in range(1, Ways.most + 4)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for point in points * 2:
            agree(compiled(point), f(point))
    assert [warning.category for warning in said] == [CompileWarning]
    assert "runs in Python where numbers choose other ways than the 8" in str(said[0].message)


def test_errors_are_raised_on_the_way_that_has_them() -> None:
    def f(x: Any) -> Any:
        if x[0] < 0:
            raise ValueError("it is negative")
        return x * 2

    compiled = cr.compile(f)
    for _ in range(5):
        agree(compiled(x), f(x))
        with pytest.raises(ValueError, match="it is negative"):
            compiled(-x)
    assert compiled.recordings == ["machine code"]


def test_results_of_another_shape_on_another_way(door: str) -> None:
    def f(x: Any) -> Any:
        return (x * 2, np.sum(x)) if np.sum(x) > 0 else (x[1:] * 3, np.sum(x))

    compiled, there = cr.compile(f), (np.empty(3), np.empty(()))
    for point in (x, -x, x, -x):
        agree(compiled(point), f(point))
    assert compiled(-x, out=there) is there
    agree(there[0], f(-x)[0])
    with pytest.raises(cr.errors.OptionError):
        compiled(x, out=there)


def test_what_is_read_outside_is_looked_at_on_each_way() -> None:
    scale = np.array([2.0])

    def f(x: Any) -> Any:
        return x * scale if x[0] > scale[0] else x - scale

    compiled = cr.compile(f)
    for scale[0] in (2.0, 0.5, -5.0, 2.0):
        for point in (x, -x):
            agree(compiled(point), f(point))


def test_a_way_that_turns_too_often_is_python_s() -> None:
    def f(x: Any) -> Any:
        total = x[0]
        for k in range(600):
            total = total + 1 if total % 2 < 1 else total * x[1] + k
        return total

    compiled = cr.compile(f)
    with pytest.warns(CompileWarning, match="the truth of values decides too often, .* in line .*test_ways.py"):
        agree(compiled(np.array([0.0, 1.0])), f(np.array([0.0, 1.0])))


def test_a_long_loop_that_always_decides_alike_is_a_loop() -> None:
    def f(x: Any) -> Any:
        total, slope = x[0], x[1]
        for _ in range(1000):
            if total < 100:
                total = total + 0.001 * slope * np.cos(total)
        return total

    for one in (f, cr.grad(f)):
        compiled = cr.compile(one)
        for _ in range(2):
            agree(compiled(x), one(x))
        assert compiled.recordings == ["machine code"]
