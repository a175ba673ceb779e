"""Arrays that are not needed any longer lend their memory to later ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native.rooms import Rooms
from chainrule.native.text import Body
from tests.native.agreement import agree

random = np.random.default_rng(0)
A = random.normal(size=(60, 60)) / 8
B = random.normal(size=(60, 90)) / 8


def chain(A: Any, B: Any) -> Any:
    """Products of which each needs the one before; no two steps are alike."""
    X = np.tanh(A @ A)
    X = np.sin(X @ B)
    X = X @ B.T + A
    X = np.exp(-(X @ A))
    X = np.cumsum(X @ B, axis=0)
    return np.cos(X @ B.T) @ A


def test_a_chain_takes_the_memory_of_a_few_arrays(door: str) -> None:
    compiled = cr.compile(chain)
    agree(compiled(A, B), chain(A, B))
    if door == "machine code":
        assert compiled.memory[0] < 5 * B.nbytes  # there are ten of them


def test_the_way_back_needs_them_longer(door: str) -> None:
    gradient = cr.value_and_grad(lambda A, B: np.sum(np.sin(chain(A, B))), (0, 1))
    for checkpoint in (False, True):
        compiled = cr.compile(gradient, checkpoint=checkpoint)
        for _ in range(2):
            agree(compiled(A, B), gradient(A, B))


def test_products_over_joined_axes_are_in_the_loops_of_others(door: str) -> None:
    """A normalised row and its cotangent are a few numbers at a time, however the axes before it were joined."""
    x, weight = random.normal(size=(6, 5, 40)), random.normal(size=40)

    def shares(x: Any, weight: Any) -> Any:
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return np.sum(weight * (e / np.sum(e, axis=-1, keepdims=True)))

    gradient = cr.value_and_grad(shares, (0, 1))
    compiled = cr.compile(gradient)
    agree(compiled(x, weight), gradient(x, weight))
    if door == "machine code":
        assert compiled.memory[0] < x.nbytes / 2


def test_rooms_are_taken_by_the_smallest_waste_and_grow() -> None:
    rooms, double = Rooms([]), np.dtype(float)

    def taken(*each: tuple[int, int, int]) -> list[str]:
        return [rooms.room(Body(), size, double, (begin, end)) for size, begin, end in each]

    assert taken((2000, 0, 0), (5000, 0, 1), (1900, 1, 1)) == ["%a0", "%a1", "%a0"]
    assert taken((8000, 2, 4), (1500, 2, 2), (1600, 3, 3)) == ["%a1", "%a0", "%a0"]
    assert taken((1100, 3, 3)) == ["%a2"] and [array.shape for array in rooms.arrays] == [(2000,), (8000,), (1100,)]
    assert taken((3, 5, 5))[0].startswith("%m") and rooms.stack == 24


@pytest.mark.parametrize("count", [3, 40])
def test_loops_whose_turns_are_kept_are_not_lent_too_early(count: int) -> None:
    def swept(A: Any, B: Any) -> Any:
        X = A
        for _ in range(count):
            X = np.tanh(X @ A) + 0.1 * X
        Y = X @ B
        for _ in range(count):
            Y = np.sin(Y) @ B.T @ B / 9
        return np.sum(Y * Y)

    gradient = cr.value_and_grad(swept, (0, 1))
    for checkpoint in (False, 4):
        agree(cr.compile(gradient, checkpoint=checkpoint)(A, B), gradient(A, B))
