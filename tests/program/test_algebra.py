"""What a step is said to be the same as is the same, up to rounding, in value, shape and dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.program.algebra import simpler
from chainrule.program.deferred import Deferred
from chainrule.program.recording import Recording
from chainrule.program.replay import steps_for

STEPS: list[Callable[[Any], Any]] = [
    lambda x: x * 1,
    lambda x: 1 * x,
    lambda x: x + 0,
    lambda x: 0 + x,
    lambda x: x - 0,
    lambda x: 0 - x,
    lambda x: x / 1,
    lambda x: x**1,
    lambda x: x**2,
    lambda x: x * x,
    lambda x: x * -1,
    lambda x: -1.0 * x,
    lambda x: np.negative(-x),
    lambda x: -(x * 3),
    lambda x: (-x) * 3.5,
    lambda x: (x * 3) * 0.25,
    lambda x: 0.5 * (x * 2),
    lambda x: (x * 3) / 7,
    lambda x: (-x) / 4,
    lambda x: (2 / x) * 0.5,
    lambda x: -(x - 1),
    lambda x: (x * 2) @ np.ones((3, 2)),
    lambda x: np.ones((2, 3)) @ (-x).T,
    lambda x: (x * 2.0) @ (x * -0.5).T,
    lambda x: (x * 0) * 5,
    lambda x: x**0.5 * 1,
    lambda x: True * x,
    lambda x: np.float64(2) * (x * 3),
    lambda x: np.float32(2) * (x * 3),
    lambda x: np.add.reduce(x @ x.T, axis=0),
    lambda x: np.sum(x @ x.T, axis=-1),
    lambda x: (x @ x.T).sum(1),
    lambda x: np.sum(x[None] @ x.T[None], axis=-2),
    lambda x: np.sum(x.T @ x - 2 * (x.T @ x) + x[:3] * x[:1], axis=0),
    lambda x: np.sum((x @ x.T)[:, :3] + x, axis=0),
    lambda x: np.sum(x @ x.T @ np.ones((4, 5)), axis=1),
]


@pytest.mark.parametrize("number", range(len(STEPS)))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_simplified_step_gives_the_same(number: int, dtype: Any) -> None:
    array = np.random.default_rng(number).uniform(0.5, 2, size=(4, 3)).astype(dtype)
    found, expected = STEPS[number](Recording().input(array)), STEPS[number](array)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found.numbers(), expected, rtol=1e-5 if dtype is np.float32 else 1e-14)


@pytest.mark.parametrize(("first", "second"), [(1e-200, 1e-200), (1e200, 1e200), (1e-320, 5.0), (1e300, 1e10)])
def test_numbers_whose_product_is_no_number_are_multiplied_one_after_the_other(first: float, second: float) -> None:
    array = np.array([1e-300, 1e300, 0.0, 1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(((Recording().input(array) * first) * second).numbers(), (array * first) * second)


def test_single_precision_overflows_earlier() -> None:
    array = np.array([1e-30, 1.0], np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(((Recording().input(array) * 1e30) * 1e30).numbers(), (array * 1e30) * 1e30)


@pytest.mark.parametrize(
    ("function", "other"),
    [(np.add, 1), (np.power, 3), (np.divide, 0), (np.multiply, 0), (np.maximum, 0), (np.subtract, np.ones(3))],
)
def test_nothing_is_said_of_other_steps(function: Any, other: Any) -> None:
    assert simpler(function, (Recording().input(np.ones(3)), other)) is None


def test_a_product_is_not_computed_for_its_sum() -> None:
    x, y = Recording().input(np.ones((50, 3))), np.ones((3, 4))
    steps = steps_for([np.sum(x @ y + x[:, :1] * np.ones(4), axis=0)])
    assert [step.shape for step in steps if step.function is np.matmul] == [(1, 4)]


def test_a_product_with_a_longer_sum_than_its_own_stays() -> None:
    x, y = Recording().input(np.ones((5, 30))), np.ones((30, 4))
    steps = steps_for([np.sum(x @ y, axis=0)])
    assert [step.shape for step in steps if step.function is np.matmul] == [(5, 4)]


def test_integers_and_truth_values_are_left_alone() -> None:
    whole = Recording().input(np.array([1, 2]))
    assert simpler(np.multiply, (whole, 1)) is None
    assert simpler(np.add, (whole, 0.0)) is None
    assert simpler(np.negative, (whole,)) is None


def test_zeros_of_different_sign_are_different_steps() -> None:
    x = Recording().input(np.array([1.0, 2.0]))
    for zero in (0.0, np.float64(0.0), np.float32(0.0)):
        above, below = np.arctan2(zero, -x), np.arctan2(-zero, -x)
        assert type(above) is Deferred
        assert above is not below
        np.testing.assert_allclose(above.numbers(), -below.numbers())
    assert np.arctan2(0.0, -x) is np.arctan2(0.0, -x)
