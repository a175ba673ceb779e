"""The compact forms of a Jacobian, each recognised, named, and not mistaken for a right one when it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.check.verdicts.compact import judge_form
from chainrule.check.verdicts.compare import Truth, Value

X = np.array([1.0, 2.0])
U = np.array([0.5, -2.0, 3.0])


def truth(array: Any, rank: int) -> Truth:
    array = np.asarray(array, dtype=float)
    return Truth(Value(array, 2.0**-52, "float64"), array.shape[:rank], array.shape[rank:])


def claim(array: Any, shaped: bool = True) -> Value:
    return Value(np.asarray(array, dtype=float), 2.0**-52, "float64", shaped)


VECTOR_BY_MATRIX = truth(np.einsum("j,ik->ijk", X, np.eye(3)), 1)  # h = x @ W
DIAGONAL = truth(np.diag(U), 1)
BATCH = truth(np.einsum("nj,ik->nijk", np.arange(8.0).reshape(4, 2), np.eye(3)), 2)  # H = X @ W
TAKE = truth(np.eye(5)[[3, 0]], 1)
DENSE = truth(np.arange(6.0).reshape(2, 3), 1)


@pytest.mark.parametrize(
    ("claimed", "true", "form"),
    [
        (VECTOR_BY_MATRIX.value.array, VECTOR_BY_MATRIX, "equal to the last bit"),
        (np.outer(X, np.ones(3)), VECTOR_BY_MATRIX, "the entries on the delta, 6 of 18"),
        (np.outer(np.ones(3), X), VECTOR_BY_MATRIX, "the entries on the delta, 6 of 18"),
        (X, VECTOR_BY_MATRIX, "the 2 different entries on the delta, 6 of 18"),
        (VECTOR_BY_MATRIX.value.array.reshape(3, 6), VECTOR_BY_MATRIX, "the Jacobian as a matrix"),
        (VECTOR_BY_MATRIX.value.array.transpose(1, 2, 0), VECTOR_BY_MATRIX, "in the transposed layout"),
        (U, DIAGONAL, "the diagonal, 3 of 9"),
        (np.arange(8.0).reshape(4, 2), BATCH, "the 8 different entries on the delta, 24 of 72"),
        (np.arange(8.0).reshape(4, 2).sum(0)[:, None] * np.ones(3), BATCH, "the rows summed (v = 1)"),
        (np.array([1.0, 0.0, 0.0, 1.0, 0.0]), TAKE, "the non-zero entries, 2 of 10, each where its column is"),
        (DENSE.value.array.sum(0), DENSE, "the rows summed (v = 1)"),
        (DENSE.value.array.T, DENSE, "in the transposed layout"),
    ],
)
def test_forms(claimed: Any, true: Truth, form: str) -> None:
    judgement = judge_form(claim(claimed), true)
    assert judgement.verdict == "right"
    assert judgement.message.startswith(form)
    assert judge_form(claim(np.asarray(claimed) * 1.034), true).verdict == "wrong"


def test_one_number_for_all_entries() -> None:
    ones = truth(np.einsum("ik->ik", np.eye(3)), 1)
    assert judge_form(claim(1.0, shaped=False), ones).message.startswith(
        "the one number that all entries on the delta have"
    )
    assert judge_form(claim(2.0, shaped=False), ones).verdict == "wrong"


def test_a_zero_on_the_pattern_is_compared() -> None:
    relu = truth(np.diag([0.0, 1.0, 1.0]), 1)
    assert judge_form(claim([0.0, 1.0, 1.0]), relu).verdict == "right"
    assert judge_form(claim([1.0, 1.0, 1.0]), relu).verdict == "wrong"


def test_the_diagonal_of_a_full_jacobian_is_not_the_jacobian() -> None:
    s = np.array([0.2, 0.3, 0.5])
    softmax = truth(np.diag(s) - np.outer(s, s), 1)
    judgement = judge_form(claim(s * (1 - s)), softmax)
    assert judgement.verdict == "wrong"
    assert judgement.mistake == "diagonal-for-full"
    assert "6 entries off it are not zero" in judgement.message


@pytest.mark.parametrize("rows", [(), (1,), (1, 1)])
def test_gradients_of_one_number(rows: tuple[int, ...]) -> None:
    gradient = np.arange(6.0).reshape(2, 3)
    true = truth(gradient.reshape(rows + (2, 3)), len(rows))
    assert judge_form(claim(gradient), true).verdict == "right"
    assert judge_form(claim(gradient.T), true).message.startswith("in the transposed layout")
    assert judge_form(claim(gradient * 2), true).mistake == "factor"


def test_a_square_gradient_in_the_wrong_layout_is_not_right() -> None:
    true = truth(np.arange(4.0).reshape(2, 2), 0)
    assert judge_form(claim(np.arange(4.0).reshape(2, 2).T), true).mistake == "transposed"


def test_nothing_fits() -> None:
    judgement = judge_form(claim(np.ones(7)), VECTOR_BY_MATRIX)
    assert judgement.verdict == "wrong"
    assert "do not fit" in judgement.message
