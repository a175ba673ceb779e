"""Which piece a number lies in is found again at each call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
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
