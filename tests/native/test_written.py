"""What is written in place: new arrays are written alone, though their numbers are an argument's; views never alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.native.agreement import agree

x = np.array([0.7, -1.3, 2.1, 0.4, 1.9, 0.8])
limits = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
limits.flags.writeable = False


MAKING: dict[str, Any] = {
    "times one": lambda u: u * 1.0,
    "plus nothing": lambda u: u + 0,
    "over one": lambda u: u / 1,
    "to the first": lambda u: u**1,
    "minus minus": lambda u: np.negative(-u),
    "turned, times one": lambda u: u[::-1] * 1.0,
    "reshaped, times one": lambda u: (u.reshape(2, 3) * 1.0)[1],
    "a part": lambda u: u[2:],
    "a part of a new one": lambda u: (u * 1.0)[1:],
    "an axis more": lambda u: u[None][0],
    "the conjugate": lambda u: u.conj(),
    "of constants": lambda u: (limits * 2)[:3],
}


def and_its_parts(u: Any, making: Any, writes_first: bool) -> Any:
    y = making(u)
    written, other = (u, y) if writes_first else (y, u)
    written[0] = 5.0
    written[1:] *= 3.0
    return np.concatenate([u, y, other * 2])


@pytest.mark.parametrize("making", MAKING)
@pytest.mark.parametrize("writes_first", [False, True])
def test_new_arrays_and_views_of_what_was_computed(making: str, writes_first: bool, door: str) -> None:
    def f(x: Any) -> Any:
        return and_its_parts(np.sin(x), MAKING[making], writes_first)

    compiled = cr.compile(f)
    for _ in range(2):
        agree(compiled(x), f(x))
    assert compiled.recordings == [door]


@pytest.mark.parametrize("making", ["times one", "minus minus", "a part of a new one", "reshaped, times one"])
def test_new_arrays_of_an_argument(making: str, door: str) -> None:
    def f(x: Any, w: Any) -> Any:
        return np.sum(w * np.resize(and_its_parts(MAKING[making](x), np.square, True), 5) ** 2)

    for function in (f, cr.grad(f, 0)):
        compiled = cr.compile(function)
        for _ in range(2):
            agree(compiled(x, limits[:5]), function(x, limits[:5]))
        assert compiled.recordings == [door]


def twice(x: Any) -> Any:
    u = x.copy()
    for _ in range(2):
        part = u[1:]
        part[...] = 3 * part
    values = 2 * u[1:]
    u[1:] = values
    part = u[1:]
    part *= 7
    return u


def test_what_was_just_written_is_read_as_a_view(door: str) -> None:
    expected = np.diag([1.0, *[126.0] * 5])
    agree(cr.compile(twice)(x), twice(x))
    agree(cr.compile(cr.grad(lambda x: np.sum(twice(x))))(x), np.sum(expected, 0))
    slopes = cr.jacobian(twice)
    for _ in range(2):
        agree(slopes(x).dense(), expected)


def test_an_argument_is_not_written() -> None:
    def f(x: Any) -> Any:
        x[1:][0] = 3.0
        return x * 1.0

    compiled = cr.compile(f)
    with pytest.warns(cr.native.compiled.CompileWarning, match="it writes into an array that it was given"):
        agree(compiled(x.copy()), f(x.copy()))


SAME_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "x * 1.0": lambda x: x * 1.0,
    "x + 0": lambda x: x + 0,
    "x - 0.0": lambda x: x - 0.0,
    "x / 1": lambda x: x / 1,
    "x ** 1": lambda x: x**1,
    "-(-x)": lambda x: np.negative(-x),
    "zeros + x": lambda x: np.zeros(len(x)) + x,
    "twice": lambda x: (x * 1.0) * 1.0,
    "conj": np.conj,
    "concatenate": lambda x: np.concatenate([x]),
}


@pytest.mark.parametrize("fresh", SAME_NUMBERS.values(), ids=SAME_NUMBERS)
def test_an_array_of_the_same_numbers_is_another_array(fresh: Callable[[Any], Any], door: str) -> None:
    def f(x: Any) -> Any:
        y = fresh(x)
        part = y[2:]
        y[0], part[1] = 5.0, 7.0
        return np.sum(y * y * x) + np.sum(part)

    kept, here = np.ones(len(x)), np.ones(len(x))
    kept[[0, 3]], here[[0, 3]] = 0.0, (25.0, 49.0)
    expected = kept * 3 * x**2 + here * (1 - kept)
    expected[2:] += kept[2:]
    for compiled, want in ((cr.compile(f), f(x)), (cr.compile(cr.grad(f)), expected)):
        for _ in range(2):
            agree(compiled(x), want)
        assert compiled.recordings == [door]


def test_what_was_written_is_read_as_a_view_and_written_again(door: str) -> None:
    def f(x: Any) -> Any:
        z = x * 2
        z[1:4] = x[:3]
        part = z[1:4]
        part[0] = 9.0
        return np.sum(z * z)

    compiled = cr.compile(f)
    for _ in range(2):
        agree(compiled(x), f(x))
    assert compiled.recordings == [door]


def before_it_is_filled(x: Any) -> Any:
    A, v = np.zeros((4, 4)), np.zeros(4)
    for i in range(4):
        A[i] = x[i] + v * x
        v[i] = i + 1
    return A


def through_a_view(x: Any) -> Any:
    A, v = np.zeros(4), np.zeros(4)
    tail = v[1:]
    for i in range(4):
        A[i] = np.sum(x[1:] * tail)
        v[...] = i
    return A


def by_functions(x: Any) -> Any:
    A, B = np.zeros(4), np.ones((2, 4))
    for i in range(4):
        A[i] = np.dot(x, B[0])
        np.add(B, 1, out=B)
        np.multiply(B[0], 2, out=B[0])
    return A


def by_copying(x: Any) -> Any:
    A, v = np.zeros(4), np.arange(4.0)
    for i in range(4):
        A[i] = x @ v
        np.copyto(v, v + 1)
        np.put(v, 0, 9.0)
    return A


@pytest.mark.parametrize("function", [before_it_is_filled, through_a_view, by_functions, by_copying])
def test_a_buffer_of_plain_numbers_is_read_as_it_is_at_the_time(function: Any, door: str) -> None:
    x = np.arange(1.0, 5.0)
    ways = [(function(x + 1e-6 * d) - function(x - 1e-6 * d)) / 2e-6 for d in np.eye(4)]
    jacobian = cr.jacobian(function)
    for _ in range(3):
        np.testing.assert_allclose(jacobian(x).dense(), np.stack(ways, -1), atol=1e-7)
    compiled = cr.compile(function)
    for point in (x, x, 2 * x):
        agree(compiled(point), function(point))
    assert compiled.recordings == [door]
