"""Which piece a number lies in is found again at each call."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native.compiled import CompileWarning
from tests.native.agreement import agree

nodes = np.linspace(0.0, 2.0, 9)
heights = nodes**2 + np.sin(5 * nodes)
points = np.array([0.1, 0.55, 1.9])

CASES: dict[str, tuple[Any, list[Any]]] = {
    "where": (lambda x: np.sum(np.interp(x, nodes, heights) ** 2), [points, points[::-1] / 3, nodes[[1, 4, 8]]]),
    "between which nodes": (lambda x: np.sum(np.interp(points, np.sort(x), heights)), [nodes, 2 - nodes[::-1] * 0.9]),
    "between which heights": (lambda x: np.sum(np.interp(points, nodes, x) ** 2), [heights, heights[::-1].copy()]),
    "bins": (lambda x: np.sum(x * np.digitize(x, [0.3, 1.0])), [points, points / 4]),
    "positions": (lambda x: np.sum(heights[np.clip(np.searchsorted(nodes, x), 0, 8)] * x), [points, points / 4]),
}


@pytest.mark.parametrize("name", CASES)
def test_other_pieces_are_met(name: str, door: str) -> None:
    function, arguments = CASES[name]
    gradient = cr.value_and_grad(function)
    compiled = cr.compile(gradient)
    for given in (*arguments, *arguments[::-1]):
        agree(compiled(given), gradient(given))
    assert compiled.recordings == [door]


def of_rows(A: Any, i: Any) -> Any:
    """What is written into a row that an integer chose is in the matrix, too."""
    B = A * 2
    row = B[i[0]]
    row *= A[1]
    B[:, i[1]] += A[0, i[2]]
    return B


BY_ENTRIES: list[Any] = [
    lambda A, i: A[i[0], i[1]] * A[i[2], 0] ** 2,
    lambda A, i: np.sin(A[i[0]]) * A[0] + A[0, i[1]],
    lambda A, i: A[i[0], [1, 0]] * A[1:, i[1]],
    lambda A, i: sum([A[1, i[k]] * A[k] for k in range(3)]),
    of_rows,
]


@pytest.mark.parametrize("function", BY_ENTRIES)
def test_entries_of_an_argument_as_positions(function: Any, door: str) -> None:
    A = np.sin(np.arange(12.0)).reshape(3, 4)
    compiled = cr.compile(function)
    for i in (np.array([2, 0, 1]), np.array([0, 1, -1]), np.array([1, 1, 0])):
        agree(compiled(A, i), function(A, i))
    assert compiled.recordings == [door]
    with pytest.raises(IndexError):
        compiled(A, np.array([9, 0, 0]))


@pytest.mark.parametrize("function", BY_ENTRIES)
def test_their_gradients(function: Any) -> None:
    A = np.sin(np.arange(12.0)).reshape(3, 4)
    gradient = cr.grad(lambda A, i: np.sum(function(A, i) ** 2))
    compiled = cr.compile(gradient)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)  # where rows are overwritten
        for i in (np.array([2, 0, 1]), np.array([0, 1, -1]), np.array([1, 1, 0])):
            agree(compiled(A, i), gradient(A, i))


def test_an_array_without_axes_chooses_a_copy() -> None:
    def f(A: Any) -> Any:
        B = A * 2
        row = B[np.array(1)]
        row[:] = 5.0
        return np.sum(B**2)

    A = np.arange(12.0).reshape(3, 4)
    for function in (cr.grad(f), cr.compile(cr.grad(f))):
        np.testing.assert_allclose(function(A), 8 * A)
