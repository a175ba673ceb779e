"""Deferred arrays: what is written down, what is looked at, what is refused, and that equal steps are one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.program.deferred import UnrecordableError
from chainrule.program.recording import Recording
from chainrule.program.replay import ChangedError, compiled, steps_for

ARRAY = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def given(array: Any = ARRAY) -> tuple[Recording, Any]:
    recording = Recording()
    return recording, recording.input(array)


LOOKS: list[Callable[[Any], Any]] = [
    lambda x: bool(x[0, 0] > 0),
    lambda x: float(x[0, 0]),
    lambda x: int(x[0, 0]),
    lambda x: complex(x[0, 0]),
    lambda x: x[0, 0].item(),
    lambda x: x.item(1),
    lambda x: x.tolist(),
    np.asarray,
    lambda x: [1, 2, 3][np.argmax(x[0])],
    lambda x: np.array_equal(x, x),
    np.array2string,
    lambda x: max(x[0]),
    lambda x: 3.0 in x[0],
]


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_at_numbers_is_noted(look: Any) -> None:
    recording, x = given()
    assert np.array_equal(look(x), look(ARRAY))
    assert recording.looked is not None
    assert "test_deferred.py" in recording.looked


WRITES: list[Callable[[Any], Any]] = [
    lambda x: x.__setitem__(0, 1.0),
    lambda x: np.copyto(x, 1.0),
    lambda x: np.fill_diagonal(x, 1.0),
    lambda x: np.put(x, [0], 1.0),
    lambda x: x.fill(1.0),
    lambda x: x.sort(),
    lambda x: np.add(x, 1, out=np.zeros((2, 3))),
    lambda x: np.add(ARRAY, 1, out=x),
    lambda x: np.add.at(np.zeros(3), [0], x[0]),
    lambda x: np.sum(x, out=np.zeros(())),
    lambda x: x.flags,
    lambda x: x.strides,
]


@pytest.mark.parametrize("write", WRITES)
def test_writing_is_refused_and_cannot_be_swallowed(write: Any) -> None:
    _, x = given()

    def swallowing() -> None:
        try:
            write(x)
        except Exception:
            pytest.fail("code that catches errors would go on")

    with pytest.raises(UnrecordableError):
        swallowing()


STEPS: list[Callable[[Any], Any]] = [
    lambda x: x.T @ x,
    lambda x: x @ np.array([[2.0], [1.0], [0.5]]),
    lambda x: x[:, :1] @ np.array([[2.0]]),
    lambda x: np.array([[2.0]]) @ x[:1],
    lambda x: np.transpose(x, axes=(1, 0)) @ x,
    lambda x: x.reshape(-1)[[0, 2, 1]] + 1,
    lambda x: np.where(x > 2, x, -x),
    lambda x: 2 - x / 3 + x % 2 - x // 2,
    lambda x: 2**x - x**3 + abs(-x),
    lambda x: x.sum(axis=0, keepdims=True) * x.mean(),
    lambda x: np.take(x, np.argsort(-x[0]), axis=1),
    lambda x: np.einsum("ij,kj->ik", x, x),
    lambda x: np.linalg.svd(x)[1],
    lambda x: np.linalg.qr(x)[0],
    lambda x: np.concatenate([x, 2 * x], axis=1)[:, ::-2],
    lambda x: (x > 2) & (x < 5) | (x == 1),
    lambda x: np.add.reduce(x, axis=1) + np.maximum.reduce(x, 1),
    lambda x: np.float64(2.0) * x + np.float32(1.0),
    lambda x: x.astype(np.float32) * 2.5,
    lambda x: np.cumsum(x, axis=1).ravel().squeeze(),
    lambda x: np.dot(x, 2.0),
    lambda x: x[np.arange(2), np.array([2, 0])],
    lambda x: x[..., None, 0],
]


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_steps_give_what_numpy_gives_and_again_at_another_point(number: int) -> None:
    recording, x = given()
    step, expected = STEPS[number](x), STEPS[number](ARRAY)
    assert (step.shape, step.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(step.numbers(), expected, rtol=1e-13)
    run = compiled(recording.inputs, [step])
    for seed in range(3):
        other = np.random.default_rng(seed).uniform(0.5, 6, size=(2, 3))
        (found,), expected = run(other), STEPS[number](other)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert np.asarray(found).dtype == expected.dtype
    assert recording.looked is None


def test_equal_steps_are_one_and_unequal_ones_are_not() -> None:
    _, x = given()
    other = np.ones(3)
    assert np.sin(x) is np.sin(x)
    assert x * other is x * other
    assert x[1:] is x[1:]
    different: list[Any] = [
        x[1:],
        x[:1],
        x[0],
        x[True],
        x[1],
        x.sum(0),
        x.sum(1),
        x.sum(0, keepdims=True),
        x * 2,
        x * 2.5,
    ]
    assert len({step.number for step in different}) == len(different)
    assert x * np.ones(3) is not x * np.zeros(3)


def test_transposes_are_known_by_their_axes() -> None:
    _, x = given(np.arange(24.0).reshape(2, 3, 4))
    ways: list[tuple[Any, Any]] = [
        (x.transpose((1, 2, 0)), (1, 2, 0)),
        (x.transpose((-2, -1, 0)), (1, 2, 0)),
        (np.transpose(x, [2, 0, 1]), (2, 0, 1)),
        (x.T, (2, 1, 0)),
        (np.transpose(x, axes=(1, 2, 0)), None),
    ]
    for way, axes in ways:
        assert way.axes_of(x) == axes
        if axes is not None:
            assert np.transpose(way.numbers(), x.axes_of(way)).shape == x.shape


def test_a_shape_that_was_seen_is_checked() -> None:
    recording, x = given(np.array([1.0, -2.0, 3.0]))
    run = compiled(recording.inputs, [x[x > 0] * 2])
    assert run(np.array([-1.0, 5.0, 2.0]))[0].tolist() == [10.0, 4.0]
    with pytest.raises(ChangedError, match="another shape"):
        run(np.array([-1.0, -5.0, 2.0]))


def test_only_what_is_wanted_is_computed() -> None:
    _, x = given()
    useful: Any = np.sin(x)
    wanted: Any = np.cos(useful)
    np.exp(x @ x.T)
    assert steps_for([wanted])[0] is useful
    assert len(steps_for([wanted])) == 2


def test_a_constant_that_nobody_can_write_to_is_computed_at_once() -> None:
    recording, x = given()
    fixed = np.array([1.0, 4.0, 9.0])
    fixed.flags.writeable = False
    step = x * np.sqrt(recording.captured(fixed))
    assert len(steps_for([step])) == 1
    np.testing.assert_array_equal(step.numbers(), ARRAY * [1.0, 2.0, 3.0])


def test_the_base_of_many_views() -> None:
    """Views of views are views of the first array, found without asking each on the way again."""
    _, x = given()
    view = x
    for _ in range(2000):
        view = view[::-1]
    assert view.base is x
    assert x.base is None
    assert (view + 1)[0].base.function is np.add
    assert view[[0, 1]].base is None
    assert view[0, 0].base is None
