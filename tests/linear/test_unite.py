"""Terms that are made one are the sum that they were: transposed arrays, numbers in front, shared and thin factors."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from chainrule.linear.jacobian import Jacobian
from chainrule.linear.merge import merge
from chainrule.linear.term import Term, pattern
from chainrule.linear.unite import unite

SIDES = [([0, 1], [2, 3]), ([0, 1], [0, 2]), ([0], [1]), ([0, 1], [0, 1]), ([0, 1], [1, 0]), ([0, 1], [2])]


def entries(terms: Any, shape: tuple[int, ...], column_shape: tuple[int, ...]) -> Any:
    """The sum of the entries of each term by itself."""
    return sum([Jacobian([term], shape, column_shape).dense() for term in terms], np.zeros(shape + column_shape))


def some_terms(rng: np.random.Generator, sides: tuple[list[int], list[int]]) -> tuple[list[Term], Any, Any]:
    """Terms on the same positions whose factors are few arrays, along labels in any order; all axes are alike."""
    row, column = sides
    labels = sorted({*row, *column})
    size = int(rng.integers(1, 4))
    summed = max(labels) + 1
    arrays = {rank: [rng.normal(size=(size,) * rank) for _ in range(2)] for rank in (1, 2)}
    terms = []
    for _ in range(int(rng.integers(2, 6))):
        inner = [summed] if rng.random() < 0.3 else []
        carried = []
        for _ in range(int(rng.integers(1, 4))):
            rank = int(rng.integers(1, 3)) if len(labels) + len(inner) > 1 else 1
            choices = list(permutations([*labels, *inner], rank))
            carried.append(choices[int(rng.integers(len(choices)))])
        inner = [label for label in inner if any(label in factor for factor in carried)]
        factors: list[Any] = [arrays[len(factor)][int(rng.integers(2))] for factor in carried]
        if rng.random() < 0.4:
            carried.append(())
            factors.append(float(rng.integers(-2, 3)))
        made, names = pattern([size] * (len(labels) + len(inner)), row, column, carried)
        assert names == tuple(range(len(labels) + len(inner)))
        terms.append(Term(made, tuple(factors)))
    return terms, (size,) * len(row), (size,) * len(column)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_the_sum_stays_the_same(sides: tuple[list[int], list[int]], seed: int) -> None:
    terms, rows, columns = some_terms(np.random.default_rng(seed), sides)
    expected = entries(terms, rows, columns)
    np.testing.assert_allclose(entries(unite(terms), rows, columns), expected, atol=1e-12)
    np.testing.assert_allclose(entries(merge(terms), rows, columns), expected, atol=1e-12)
    assert len(merge(terms)) <= len(terms)


def test_an_array_and_its_transpose_are_two_factors() -> None:
    rng = np.random.default_rng(0)
    square, left, right = rng.normal(size=(2, 2)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    upright, _ = pattern([2, 3, 2, 3], [0, 1], [2, 3], [(0, 2), (1, 3)])
    turned, _ = pattern([2, 3, 2, 3], [0, 1], [2, 3], [(2, 0), (1, 3)])
    terms = [Term(upright, (square, left)), Term(turned, (square, right))]
    expected = np.einsum("ac,bd->abcd", square, left) + np.einsum("ca,bd->abcd", square, right)
    np.testing.assert_allclose(Jacobian(terms, (2, 3), (2, 3)).dense(), expected)
