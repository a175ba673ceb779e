"""Sparse Jacobians and Hessians of black boxes from products alone, and what is said when that cannot be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainrule.errors import ShapeError, SparsityError
from chainrule.sparsity import color, differences, hessian_by_products, jacobian_by_products
from tests.linear.test_colouring import arrow, matrices, numbers


class Counted:
    """A matrix that can only be multiplied by, and counts how often."""

    def __init__(self, matrix: Any) -> None:
        self.matrix, self.calls, self.vectors = matrix, 0, 0

    def push(self, vector: Any) -> Any:
        self.calls += 1
        self.vectors += len(vector) if vector.ndim > 1 else 1
        return vector @ self.matrix.T

    def pull(self, vector: Any) -> Any:
        self.calls += 1
        self.vectors += len(vector) if vector.ndim > 1 else 1
        return vector @ self.matrix


@given(matrices(), st.booleans(), st.sampled_from(["jvp", "vjp", "both"]))
def test_jacobian(matrix: Any, batched: bool, given_: str) -> None:
    dense = numbers(matrix)
    box = Counted(dense)
    jvp = None if given_ == "vjp" else box.push
    vjp = None if given_ == "jvp" else box.pull
    found = jacobian_by_products(jvp, sparse.csr_array(matrix), vjp=vjp, batched=batched)
    assert found.format == "csr" and found.has_sorted_indices
    assert np.array_equal(found.toarray(), dense)


@given(matrices(symmetric=True), st.booleans(), st.sampled_from(["star", "acyclic"]))
def test_hessian(matrix: Any, batched: bool, method: str) -> None:
    dense = numbers(matrix, symmetric=True)
    found = hessian_by_products(Counted(dense).push, np.triu(matrix), method=method, batched=batched)
    assert np.array_equal(found.toarray(), dense)
    assert np.array_equal(found.toarray(), found.T.toarray())


def test_the_number_of_products() -> None:
    pattern = arrow(40).matrix()
    dense = numbers(pattern.toarray() != 0)
    box = Counted(dense)
    jacobian_by_products(box.push, pattern, vjp=box.pull)
    assert box.calls == 3 + 1
    jacobian_by_products(box.push, pattern, vjp=box.pull, check=False)
    assert box.calls == 4 + 3
    jacobian_by_products(box.push, pattern, check=False, batched=True)
    assert box.vectors == 7 + 40


def test_colour_once_multiply_often() -> None:
    coloring = color(arrow(20).matrix(), symmetric=True)
    for seed in range(3):
        dense = np.random.default_rng(seed).random((20, 20)) * arrow(20).matrix().toarray()
        dense = dense + dense.T
        assert np.allclose(hessian_by_products(Counted(dense).push, coloring).toarray(), dense)


def test_single_precision() -> None:
    dense = np.eye(4, dtype=np.float32)
    assert jacobian_by_products(Counted(dense).push, dense, dtype=np.float32).dtype == np.float32


def test_products_of_whole_numbers() -> None:
    assert jacobian_by_products(lambda v: np.zeros(2, int), np.eye(2)).toarray().tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_an_entry_that_the_pattern_leaves_out() -> None:
    dense = np.diag(np.arange(1.0, 8.0))
    dense[5, 2] = 0.5
    calls: tuple[Callable[[], Any], ...] = (
        lambda: jacobian_by_products(Counted(dense).push, np.eye(7)),
        lambda: jacobian_by_products(None, np.eye(7), vjp=Counted(dense).pull),
        lambda: hessian_by_products(Counted(dense).push, np.eye(7)),
    )
    for call in calls:
        with pytest.raises(SparsityError, match=r"leaves out entries.*random vector.*too many are allowed"):
            call()


def test_a_hessian_that_is_not_symmetric() -> None:
    dense = np.array([[1.0, 2.0], [3.0, 1.0]])
    with pytest.raises(SparsityError, match="one linear map"):
        hessian_by_products(Counted(dense).push, dense)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_differences_are_good_enough_to_be_checked(dtype: Any) -> None:
    """They take the place of products; a place too few is still found."""
    x = np.linspace(-2, 3, 40).astype(dtype)

    def function(x: Any) -> Any:
        return np.exp(x) * np.roll(x, 1) - 1e3 * x

    pattern = (np.eye(40) + np.roll(np.eye(40), -1, 1)).astype(bool)
    found = jacobian_by_products(differences(function, x), pattern, dtype=dtype)
    expected = np.diag(np.exp(x) * np.roll(x, 1) - 1e3) + np.diag(np.exp(x)) @ np.roll(np.eye(40), -1, 1)
    assert np.allclose(found.toarray(), expected, rtol=1e-6 if dtype is np.float64 else 2e-2, atol=1e-2)
    with pytest.raises(SparsityError):
        jacobian_by_products(differences(function, x), np.eye(40), dtype=dtype)


def test_differences_of_a_gradient() -> None:
    def gradient(x: Any) -> Any:  # of Σ (x[k+1] - x[k]²)²
        inner = x[1:] - x[:-1] ** 2
        return np.pad(2 * inner, (1, 0)) - np.pad(4 * x[:-1] * inner, (0, 1))

    x = np.linspace(0, 1, 50)
    tridiagonal = np.eye(50) + np.eye(50, k=1)
    found = hessian_by_products(differences(gradient, x), tridiagonal, method="acyclic").toarray()
    numeric = np.stack([differences(gradient, x)(v) for v in np.eye(50)], 1)
    assert np.allclose(found, numeric, atol=1e-6)


def test_messages() -> None:
    with pytest.raises(SparsityError, match="give jvp"):
        jacobian_by_products(None, np.eye(2))
    with pytest.raises(SparsityError, match=r"2 products with the transposed map.*color\(pattern, 'columns'\)"):
        jacobian_by_products(lambda v: v, color(np.ones((2, 3)), "rows"))
    with pytest.raises(ShapeError, match=r"vector of 2 numbers and returned 3.*says 2"):
        jacobian_by_products(lambda v: np.ones(3), np.eye(2))
