"""A recorded computation: its values, its names, its adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError
from chainrule.explain.arguments import argument_names
from chainrule.explain.record import record

Y = np.arange(6.0).reshape(3, 2)


def sigmoid(x: Any) -> Any:
    s = 1 / (1 + np.exp(-x))
    return s


def loss(X: Any, W: Any, b: Any) -> Any:
    z = X @ W + b
    h = sigmoid(z)
    mask = h > 0.5
    r = h * mask - Y
    for _ in range(3):
        h = np.tanh(h)
    return (r**2).mean() + h.sum()


def arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=2)


def test_names_are_the_users_and_those_of_the_outer_function_first() -> None:
    names = [step.called for step in record(loss, arguments()).steps if step.name]
    assert names == ["X", "W", "b", "z", "h[1]", "mask", "Y", "r", "h[2]", "h[3]", "h[4]"]


def test_lines_are_those_of_the_users_code() -> None:
    computation = record(loss, arguments())
    first = loss.__code__.co_firstlineno
    assert [step.line for step in computation.steps if step.called in ("z", "r")] == [first + 1, first + 4]


def test_a_line_goes_on_where_a_call_returns() -> None:
    def doubled(x: Any) -> Any:
        return 2 * x

    def f(x: Any) -> Any:
        return np.sum(doubled(x))

    steps = [step for step in record(f, (np.ones(3),)).steps if step.operation is not None]
    assert [step.line for step in steps] == [g.__code__.co_firstlineno + 1 for g in (doubled, f)]


def test_adjoints_are_the_gradients() -> None:
    given = arguments()
    computation = record(loss, given)
    for position, name in enumerate("XWb"):
        expected = cr.grad(loss, position)(*given)
        np.testing.assert_allclose(computation.adjoints()[computation.inputs[name]], expected, rtol=1e-12)


def test_values_are_copies() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        z = y * x
        y *= 0
        return z.sum() + y.sum()

    computation = record(f, (np.array([3.0]),))
    assert [step.value.tolist() for step in computation.steps if step.operation is not None][:2] == [[6.0], [18.0]]


def test_arguments_in_containers_have_the_names_of_their_keys() -> None:
    computation = record(lambda p, *xs: p["W"] @ xs[0] + p["b"], ({"W": np.ones((2, 3)), "b": np.ones(2)}, np.ones(3)))
    assert list(computation.inputs) == ["W", "b", "xs[0]"]


def test_integers_stay_integers_unless_they_are_named() -> None:
    assert list(record(lambda x, n: x * n, (2.0, 3)).inputs) == ["x"]
    assert list(record(lambda x, n: x * n, (2.0, 3), integers=("n",)).inputs) == ["x", "n"]


def test_names_of_arguments() -> None:
    assert argument_names(lambda x, *, scale: x, (1,), {"scale": 2}) == ["x", "scale"]
    assert argument_names(max, (1, 2), {}) == ["argument0", "argument1"]


def test_a_function_of_no_numbers_is_refused() -> None:
    with pytest.raises(DtypeError, match="returned str 'a'"):
        record(lambda x: "a", (1.0,))
