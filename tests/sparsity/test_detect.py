"""The sparsity of a black box found by trying; what such a search can miss is missed, and said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import SparsityError
from chainrule.sparsity import detect
from tests.linear.test_colouring import matrices, numbers


@given(matrices(), st.sampled_from(["change", "nan", "jvp"]), st.integers(0, 5))
def test_a_linear_map_is_found_exactly(matrix: Any, method: str, seed: int) -> None:
    dense = numbers(matrix)

    def product(vector: Any) -> Any:  # a sum over the entries that are there, so that 0 · nan is not in it
        return np.array([np.sum(row[row != 0] * vector[row != 0]) for row in dense])

    def function(x: Any, *tangent: Any) -> Any:
        return product(*tangent) if tangent else product(x)

    found = detect(function, np.linspace(1, 2, matrix.shape[1]), method, seed=seed)
    assert np.array_equal(found.pattern.toarray(), matrix)


@pytest.mark.parametrize("method", ["change", "nan"])
def test_a_band_takes_few_runs(method: str) -> None:
    calls = 0

    def function(x: Any) -> Any:
        nonlocal calls
        calls += 1
        x = x.reshape(-1)
        return np.convolve(x**2, [1.0, -2.0, 1.0], "same").reshape(20, -1)

    found = detect(function, np.linspace(1, 2, 1000).reshape(10, 100), method, points=1)
    assert found.pattern.nnz == 2998
    assert found.calls == calls < 90


def test_several_points_see_several_branches() -> None:
    def function(x: Any) -> Any:
        return np.where(x > 1, x, 0 * x[::-1] + 1) + 0 * x

    x = np.full(8, 1.0)
    assert detect(function, x, points=1).pattern.nnz < 8
    assert detect(function, x, points=8).pattern.nnz == 8


def test_what_is_missed_is_said() -> None:
    hidden = detect(lambda x: np.where(np.isnan(x), 0.0, x), np.ones(3), "nan")
    assert hidden.pattern.nnz == 0
    assert "NaN is removed" in hidden.caveat
    small = detect(lambda x: 1e20 + x, np.ones(3))
    assert small.pattern.nnz == 0
    assert "less than rounding" in small.caveat
    zero = detect(lambda x, t: 2 * x * t, np.zeros(3), "jvp", points=1)
    assert zero.pattern.nnz == 0
    assert "zero at the given points" in zero.caveat
    wide = detect(lambda x: x + 0 * x.sum(), np.ones(3), "nan")
    assert wide.pattern.nnz == 9
    assert "0 · x" in wide.caveat


def test_the_argument_is_left_alone() -> None:
    def function(x: Any) -> Any:
        x *= 2
        return x

    x = np.ones(4)
    assert detect(function, x).pattern.nnz == 4
    assert (x == 1).all()


def test_sizes_zero_and_one() -> None:
    assert detect(lambda x: x, np.zeros(0)).pattern.shape == (0, 0)
    assert detect(lambda x: x, 2.0).pattern.nnz == 1
    assert detect(lambda x: np.ones(3), np.ones(2)).pattern.nnz == 0
    assert detect(lambda x: x.astype(int), np.array([1, 2])).pattern.shape == (2, 2)


def test_messages() -> None:
    with pytest.raises(SparsityError, match="change, nan, jvp"):
        detect(lambda x: x, np.ones(2), "guess")
    with pytest.raises(SparsityError, match=r"output 1 is inf.*points=1"), np.errstate(divide="ignore"):
        detect(lambda x: 1 / x, np.array([1.0, 0.0]), points=1)
