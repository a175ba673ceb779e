"""Positions that are arguments: read, added to and differentiated by machine code, other ones at each call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.native.agreement import agree

rng = np.random.default_rng(0)
x, table, cube = rng.normal(size=6), rng.normal(size=(6, 4)), rng.normal(size=(6, 4, 3))
few, many = np.array([0, 5, -1]), np.array([[2, 2], [-6, 0], [3, 2]])


def classified(W: Any, X: Any, labels: Any) -> Any:
    Z = X @ W
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -np.log(P[np.arange(len(labels)), labels]).mean()


FUNCTIONS: list[tuple[Any, Any, Any]] = [
    (lambda x, i: np.sum(np.sin(x[i])), x, few),
    (lambda x, i: np.sum(x[i] ** 2), x, many),
    (lambda x, i: np.sum(np.tanh(x[i])), table, many),
    (lambda x, i: np.sum(x[i, 1:3] * x[i, ::-2]), table, few),
    (lambda x, i: np.sum(x[::2, i % 4] ** 2), table, few),
    (lambda x, i: np.sum(np.take(x, i % 4, axis=1) ** 2), cube, many),
    (lambda x, i: np.sum(np.take(x, i) ** 2), cube, many),
    (lambda x, i: np.sum(x[i, i // 2] ** 2), table, few),
    (lambda x, i: np.sum(x[np.arange(3), i // 2] ** 2), table, few),
    (lambda x, i: np.sum(x[i, :, i // 3] ** 2), cube, few),
    (lambda x, i: np.sum(x[i.astype(np.int32)] ** 2), x, few),
    (lambda W, labels: classified(W, table, labels), rng.normal(size=(4, 3)), np.array([0, 2, 1, -1, 1, 0])),
]


@pytest.mark.parametrize(("function", "array", "positions"), FUNCTIONS)
def test_other_positions_at_each_call(function: Any, array: Any, positions: Any) -> None:
    both = cr.value_and_grad(function)
    compiled = cr.compile(both)
    for given in (positions, positions, positions[::-1].copy(), np.sort(positions, axis=0)):
        agree(compiled(array, given), both(array, given))
    assert compiled.recordings == ["machine code"]


def test_forward_mode() -> None:
    def tangent(x: Any, i: Any) -> Any:
        return cr.jvp(lambda x: np.sin(x[i]) * 2, (x,), (np.cos(x),))

    compiled = cr.compile(tangent)
    for given in (few, few[::-1].copy()):
        agree(compiled(x, given), tangent(x, given))
    assert compiled.recordings == ["machine code"]


def written(index: Any, shape: tuple[int, ...], values: Any) -> Any:
    """A function that writes what it makes of its argument into a buffer, at places that stay."""

    def function(x: Any) -> Any:
        buffer = np.zeros(shape)
        buffer[index] = values(x)
        return np.sum(buffer**3 * np.arange(1.0, buffer.size + 1).reshape(shape)) + np.sum(buffer[0])

    return function


WRITTEN: list[tuple[Any, Any]] = [
    (written(np.array([3, 0, 7, 1, -2, 5]), (9,), np.sin), x),
    (written(np.array([3, 0, 3, 1, 3, 1]), (4,), lambda x: x * 2), x),  # what is written last stays
    (written(slice(None, None, 3), (16,), np.tanh), x),
    (written(slice(None, None, -2), (11,), lambda x: x + 1), x),
    (written((few, slice(1, 3)), (6, 4), lambda x: x[:3, None]), x),
    (written((slice(None), np.array([2, 0, 0, 3])), (6, 5), np.square), table),
    (written((many, None), (7,), lambda x: x[many % 6, None]), x),
    (written((np.array([1, 0]), np.array([2, 2])), (3, 4), lambda x: x[:2]), x),
    (written(np.array([True, False] * 6), (12,), np.cos), x),
    (written(few, (6, 4), lambda x: 2.0 * x[0]), table),
]


@pytest.mark.parametrize(("function", "array"), WRITTEN)
def test_writing_at_places_that_stay(function: Any, array: Any) -> None:
    for whole in (function, cr.value_and_grad(function)):
        compiled = cr.compile(whole)
        for given in (array, array * 0.5):
            agree(compiled(given), whole(given))
        (built,) = compiled.known.values()
        assert not built.kernel.calls_python


def test_writing_at_other_places_at_each_call() -> None:
    def function(x: Any, i: Any) -> Any:
        x = x.copy()
        x[i] = np.sin(x[i])
        return x

    compiled = cr.compile(function)
    for given in (few, few[::-1].copy(), np.array([1, 1, 0])):
        agree(compiled(x, given), function(x, given))
    with pytest.raises(IndexError, match="index 6 is out of bounds"):
        compiled(x, np.array([0, 6, 1]))


@pytest.mark.parametrize("outside", [6, -7])
def test_a_position_outside_is_an_error(outside: int) -> None:
    compiled = cr.compile(cr.grad(lambda x, i: np.sum(x[i] ** 2)))
    compiled(x, few)
    with pytest.raises(IndexError, match=f"index {outside} is out of bounds"):
        compiled(x, np.array([0, outside, 1]))


def test_a_mask_is_looked_at() -> None:
    with pytest.warns(cr.native.compiled.CompileWarning, match="a value was taken as a plain array"):
        agree(cr.compile(lambda x, mask: x[mask])(x, x > 0), x[x > 0])


odd = np.arange(6) % 2 == 1  # a mask that functions read, and one in their code
MASKED: list[Any] = [
    lambda x: x[odd],
    lambda x: x[[False, True, True, False, False, True], 1:],
    lambda x: x[None, :, [True, False, False, True]],
    lambda x: x[..., [True, False, False, False]],
    lambda x: x[[False, True, False, False, False, True], [0, 3]],
    lambda x: x[table > 0],
]


@pytest.mark.parametrize("choose", MASKED)
def test_a_mask_that_stays_names_positions(choose: Any) -> None:
    compiled = cr.compile(choose)
    agree(compiled(table), choose(table))
    both = cr.value_and_grad(lambda x: np.sum(np.sin(choose(x))))
    agree(cr.compile(both)(table), both(table))
    assert compiled.recordings == ["machine code"]


def test_a_mask_that_was_changed() -> None:
    mask = odd.copy()
    compiled = cr.compile(lambda x: x[mask])
    agree(compiled(x), x[mask])
    mask[:2] = True
    agree(compiled(x), x[mask])
