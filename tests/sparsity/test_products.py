"""Sparse Jacobians and Hessians of black boxes from products alone, and what is said when that cannot be right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainrule.errors import ShapeError, SparsityError
from chainrule.sparsity import color, hessian_by_products, jacobian_by_products
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


def test_an_entry_that_the_pattern_leaves_out() -> None:
    dense = np.diag(np.arange(1.0, 8.0))
    dense[5, 2] = 0.5
    for box in (
        lambda: jacobian_by_products(Counted(dense).push, np.eye(7)),
        lambda: jacobian_by_products(None, np.eye(7), vjp=Counted(dense).pull),
        lambda: hessian_by_products(Counted(dense).push, np.eye(7)),
    ):
        with pytest.raises(SparsityError, match=r"leaves out entries.*random vector.*too many are allowed"):
            box()


def test_a_hessian_that_is_not_symmetric() -> None:
    dense = np.array([[1.0, 2.0], [3.0, 1.0]])
    with pytest.raises(SparsityError, match="one linear map"):
        hessian_by_products(Counted(dense).push, dense)


def test_messages() -> None:
    with pytest.raises(SparsityError, match="give jvp"):
        jacobian_by_products(None, np.eye(2))
    with pytest.raises(SparsityError, match=r"2 products with the transposed map.*color\(pattern, 'columns'\)"):
        jacobian_by_products(lambda v: v, color(np.ones((2, 3)), "rows"))
    with pytest.raises(ShapeError, match=r"vector of 2 numbers and returned 3.*says 2"):
        jacobian_by_products(lambda v: np.ones(3), np.eye(2))
