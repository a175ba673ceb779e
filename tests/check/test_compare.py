"""The verdict on two arrays of numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule.check.verdicts.compare import Truth, Value, judge

SINGLE, DOUBLE = 2.0**-23, 2.0**-52


def value(numbers: Any, eps: float = DOUBLE, **more: Any) -> Value:
    return Value(np.asarray(numbers, dtype=complex if np.iscomplexobj(numbers) else float), eps, "float64", **more)


CUBE = np.arange(24.0).reshape(2, 3, 4)
TRUE = value([[1.0, -2.0, 3.0], [0.5, 4.0, -0.25]])


def test_equal_is_right() -> None:
    assert judge(TRUE, Truth(TRUE)).verdict == "right"
    assert judge(value([0.0]), Truth(value([-0.0]))).verdict == "right"
    assert judge(value([np.inf, 1.0]), Truth(value([np.inf, 1.0]))).verdict == "right"


@pytest.mark.parametrize("eps", [SINGLE, DOUBLE])
def test_rounding_is_right_up_to_rounding(eps: float) -> None:
    true = replace(TRUE, eps=eps)
    judgement = judge(replace(true, array=true.array * (1 + 2 * eps)), Truth(true))
    assert judgement.verdict == "right up to rounding"
    assert judgement.ok
    assert judgement.details["units"] == pytest.approx(2, rel=0.3)


def test_the_less_precise_side_counts() -> None:
    rounded = TRUE.array * (1 + 1e-7)
    assert judge(value(rounded, SINGLE), Truth(TRUE)).ok
    assert judge(value(rounded), Truth(replace(TRUE, eps=SINGLE))).ok
    assert not judge(value(rounded), Truth(TRUE)).ok


@pytest.mark.parametrize("eps", [SINGLE, DOUBLE])
@pytest.mark.parametrize("factor", [1.034, 0.999, 1 + 1e-4, -1.0, 2.0])
@pytest.mark.parametrize("loss", [None, 10.0])
def test_a_wrong_factor_never_passes(eps: float, factor: float, loss: float | None) -> None:
    true = replace(TRUE, eps=eps)
    known = None if loss is None else np.full(true.shape, loss)
    assert judge(replace(true, array=true.array * factor), Truth(true, loss=known)).verdict == "wrong"


def test_a_factor_within_what_half_precision_loses_is_undecidable() -> None:
    true = replace(TRUE, eps=2.0**-7)
    judgement = judge(replace(true, array=true.array * 1.034), Truth(true))
    assert judgement.verdict == "undecidable"
    assert "wider dtype" in judgement.message


def test_elements_are_judged_by_their_own_contributions() -> None:
    true = value([1e6, 1e-3], SINGLE)
    claimed = replace(true, array=np.array([1e6, 2e-3]))
    assert judge(claimed, Truth(true, loss=np.array([1e6, 1e-3]))).verdict == "wrong"
    assert judge(claimed, Truth(true, loss=np.array([1e6, 1e6]))).verdict == "right up to rounding"


def test_noise_about_zero_is_zero() -> None:
    judgement = judge(value([0.0, 0.0], SINGLE), Truth(value([1e-8, -2e-8], SINGLE), loss=np.ones(2)))
    assert judgement.verdict == "right up to rounding"
    assert "zero up to rounding" in judgement.message


def test_the_worst_element_is_named() -> None:
    claimed = TRUE.array.copy()
    claimed[1, 1] = 7.0
    judgement = judge(replace(TRUE, array=claimed), Truth(TRUE))
    assert judgement.verdict == "wrong"
    assert judgement.details["index"] == [1, 1]
    assert judgement.details["claimed"] == 7.0
    assert judgement.details["true"] == 4.0
    assert "worst at [1, 1]: 7, true 4; 1 of 6 elements are off" in judgement.message


@pytest.mark.parametrize(
    ("claimed", "true", "mistake", "words"),
    [
        (np.ones(1), np.ones(()), "shape", ".squeeze()"),
        (np.ones((3, 1)), np.ones(3), "shape", ".reshape(3)"),
        (np.ones(3), np.ones((3, 1)), "shape", ".reshape(3, 1)"),
        (np.arange(6.0), np.arange(6.0).reshape(2, 3), "shape", ".reshape(2, 3)"),
        (np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(2, 3), "shape", ".reshape(2, 3)"),
        (np.arange(6.0).reshape(2, 3).T, np.arange(6.0).reshape(2, 3), "transposed", ".T"),
        (np.arange(4.0).reshape(2, 2).T, np.arange(4.0).reshape(2, 2), "transposed", ".T"),
        (CUBE.transpose(2, 0, 1), CUBE, "transposed", ".transpose(1, 2, 0)"),
        (np.ones((1, 3)), np.ones((2, 3)), "shape", "stretched"),
    ],
)  # fmt: skip
def test_right_value_wrong_shape(claimed: Any, true: Any, mistake: str, words: str) -> None:
    judgement = judge(value(claimed), Truth(value(true)))
    assert judgement.verdict == "right value, wrong shape"
    assert not judgement.ok
    assert judgement.mistake == mistake
    assert words in judgement.message


def test_a_symmetric_matrix_has_no_layout() -> None:
    symmetric = value([[1.0, 2.0], [2.0, 5.0]])
    assert judge(symmetric, Truth(symmetric)).verdict == "right"


@pytest.mark.parametrize(
    ("claimed", "true", "mistake", "words"),
    [
        (np.ones((4, 3)) * 0.5, np.full(3, 2.0), "missing-sum", ".sum(0)"),
        (-TRUE.array, TRUE.array, "sign", "sign"),
        (TRUE.array * 3, TRUE.array, "factor", "3 times"),
        (np.array([1.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0]), "mask-missing", "1 elements should be 0"),
        (np.ones(3), np.ones((2, 2)), "unknown", "do not fit"),
        (np.ones((2, 2)) * 2, np.ones(4), "unknown", "do not fit"),
    ],
)
def test_wrong(claimed: Any, true: Any, mistake: str, words: str) -> None:
    judgement = judge(value(claimed), Truth(value(true)))
    assert judgement.verdict == "wrong"
    assert judgement.mistake == mistake
    assert words in judgement.message


def test_numbers_have_no_shape_to_be_wrong_in() -> None:
    number = value(2.0, shaped=False)
    assert judge(number, Truth(value([2.0]))).verdict == "right"
    assert judge(number, Truth(value([[2.0, 2.0]]))).verdict == "right"
    assert judge(number, Truth(value([2.0, 3.0]))).verdict == "wrong"
    assert judge(value([2.0]), Truth(number)).verdict == "right"


def test_nan_and_nothing() -> None:
    assert judge(value([1.0]), Truth(value([np.nan]))).verdict == "undecidable"
    assert judge(value([np.nan, 1.0]), Truth(value([1.0, 1.0]))).verdict == "wrong"
    assert judge(value([np.inf]), Truth(value([1.0]))).verdict == "wrong"
    assert judge(value(np.zeros((0, 2))), Truth(value(np.zeros((0, 2))))).verdict == "undecidable"
    assert judge(value(np.zeros(0)), Truth(value([1.0]))).verdict == "undecidable"


def test_complex_numbers() -> None:
    true = value(np.array([1 + 2j, 3 - 1j]))
    assert judge(true, Truth(true)).verdict == "right"
    assert judge(replace(true, array=true.array.conj()), Truth(true)).verdict == "wrong"


def test_written_digits() -> None:
    typed = value(0.7648, shaped=False, slack=5e-5, reason="within the digits that are written")
    judgement = judge(typed, Truth(value(0.76484219)))
    assert judgement.verdict == "right up to rounding"
    assert "digits" in judgement.message
    assert judge(replace(typed, array=np.asarray(0.7658)), Truth(value(0.76484219))).verdict == "wrong"
