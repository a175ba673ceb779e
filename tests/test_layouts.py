"""How the entries of a copy lie, which decides whether a reshape is a view that can be written through: as in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

x0 = np.arange(6.0).reshape(2, 3) + 1.0
COPIES: dict[str, Any] = {
    "copy": lambda x: x.T.copy(),
    "copy F": lambda x: x.reshape(3, 2).copy("F"),
    "copy A": lambda x: (x * 1.0).T.copy("A"),
    "copy K": lambda x: x.T.copy("K"),
    "np.copy": lambda x: np.copy(x.T),
    "np.copy C": lambda x: np.copy(x.T, order="C"),
    "ascontiguousarray": lambda x: np.ascontiguousarray(x.T),
    "asfortranarray": lambda x: np.asfortranarray(x.reshape(3, 2)),
    "array": lambda x: np.array(x.T),
    "array C": lambda x: np.array(x.T, order="C"),
    "array of rows": lambda x: np.array([x[0, :2], x[1, :2], x[1, 1:]]),
    "full": lambda x: np.full((3, 2), x[0, :2]),
    "full_like": lambda x: np.full_like(x.reshape(3, 2), x[0, 0]),
    "meshgrid": lambda x: np.meshgrid(x[0, :2], x[1])[0],
    "meshgrid sparse": lambda x: np.meshgrid(x[0, :2], x[1], sparse=True)[1] * np.ones((3, 2)),
    "select": lambda x: np.select([x.T > 2.5], [x.T], 0.5),
    "take": lambda x: np.take(x, [0, 1], axis=1).reshape(4)[[0, 1, 2, 3, 0, 1]].reshape(3, 2),
    "take rows": lambda x: np.take(x.T, [0, 1], axis=1),
    "delete": lambda x: np.delete(np.stack([x, x], axis=1)[0], 0, axis=-1)[[0, 1, 0]] * 1.0,
    "pad": lambda x: np.pad(x[:1, :1], [(1, 1), (0, 1)], mode="edge"),
    "choose": lambda x: np.choose([[0, 1], [1, 0], [0, 0]], [x.T, 2 * x.T]),
    "product": lambda x: x.T * 1.0,
    "a view": lambda x: (x * 1.0).T,
}


@pytest.mark.parametrize("name", COPIES)
def test_writing_through_a_reshape(name: str) -> None:
    weights = np.arange(1.0, 7.0).reshape(3, 2)

    def f(x: Any) -> Any:
        y = COPIES[name](x)
        part = y.reshape(-1)
        part[1] = 0.0
        part[2:4] *= 10.0
        return np.sum(y * weights)

    value, gradient = cr.value_and_grad(f)(x0)
    assert value == f(x0)
    steps = 0.25 * np.eye(6).reshape(6, 2, 3)
    differences = [2 * (f(x0 + step) - f(x0 - step)) for step in steps]
    np.testing.assert_allclose(gradient.ravel(), differences, rtol=1e-12, atol=1e-12)


ROW = np.array([[1.0, 2.0, 3.0]])
NO_VIEWS: dict[str, Any] = {
    "flatten": lambda x: x.flatten(),
    "take": lambda x: np.take(x, 0, axis=0),
    "resize": lambda x: np.resize(x, (3,)),
    "reduce": lambda x: np.logaddexp.reduce(x, axis=0),
    "subtract.reduce": lambda x: np.subtract.reduce(x, axis=0),
    "flat": lambda x: x.flat[0:3],
    "sum": lambda x: np.sum(x, axis=0),
    "tile": lambda x: np.tile(x, 1)[0],
    "concatenate": lambda x: np.concatenate([x])[0],
    "roll": lambda x: np.roll(x, 0)[0],
}


@pytest.mark.parametrize("name", NO_VIEWS)
def test_what_is_no_view_may_be_written_to(name: str) -> None:
    def f(x: Any) -> Any:
        y = NO_VIEWS[name](x)
        y[0] = 7.0
        return np.sum(x**2) + np.sum(y**2)

    expected = f(ROW.copy())
    value, gradient = cr.value_and_grad(f)(ROW)
    assert value == expected
    assert gradient.tolist() == [[2.0, 8.0, 12.0]]


def test_ravel_of_every_second_entry_is_a_copy() -> None:
    def f(x: Any) -> Any:
        y = np.ravel(x[::2])
        y[0] = 7.0
        z = np.reshape(x[1::2], -1)  # which is a view
        z[0] *= 3.0
        return np.sum(x**2)

    given = np.array([1.0, 2.0, 3.0, 4.0])
    assert cr.grad(f)(given).tolist() == [2.0, 36.0, 6.0, 8.0]
    assert f(given.copy()) == cr.value_and_grad(f)(given)[0]


def test_flat() -> None:
    def f(x: Any) -> Any:
        x = x * 1.0
        first = next(x.flat)
        x.flat[[1, -1]] = x.flat[0] * 3.0
        x.flat[x.flat[:] > 5.5] *= 2.0
        y: Any = np.zeros((3, 2)).T
        y.flat = x.flat[::-1]
        return np.sum(y * np.arange(6.0).reshape(2, 3)) * first + sum(t * t for t in x.flat) + len(x.flat)

    value, gradient = cr.value_and_grad(f)(x0)
    assert value == f(x0)
    differences = [2 * (f(x0 + step) - f(x0 - step)) for step in 0.25 * np.eye(6).reshape(6, 2, 3)]
    np.testing.assert_allclose(gradient.ravel(), differences, atol=1e-9)


def test_what_meshgrid_gives_may_be_written_to() -> None:
    def f(x: Any) -> Any:
        grid = np.meshgrid(x, x)[0]
        grid[0] = 0.0
        return np.sum(grid**2)

    np.testing.assert_allclose(cr.grad(f)(np.array([1.0, 2.0])), [2.0, 4.0])


PUT_TOGETHER: dict[str, Any] = {
    "insert": lambda x: np.insert(x, 1, 0.0, axis=0),
    "insert in rows": lambda x: np.insert(x, 1, 0.0, axis=1),
    "delete": lambda x: np.delete(x, 1, axis=0),
    "partition": lambda x: np.partition(x, 1, axis=0),
    "pad": lambda x: np.pad(x, 1),
    "pad with edges": lambda x: np.pad(x, 1, mode="edge"),
    "pad with reflections": lambda x: np.pad(x, 1, mode="reflect"),
}


@pytest.mark.parametrize("name", PUT_TOGETHER)
@pytest.mark.parametrize("shape", [(3, 4), (3, 3, 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_put_together_lies_as_in_numpy(name: str, shape: tuple[int, ...], order: Any) -> None:
    x = np.array(np.random.default_rng(0).normal(size=shape), order=order)
    seen = []

    def f(x: Any) -> Any:
        made = PUT_TOGETHER[name](x)
        seen.append(made.strides)
        return np.sum(made**2)

    cr.grad(f)(x)
    assert seen == [PUT_TOGETHER[name](x).strides]
