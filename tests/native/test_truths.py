"""Rules that look at numbers are compiled for what they saw; where that is otherwise, Python answers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native.compiled import CompileWarning
from tests.native.agreement import agree

x = np.array([0.7, -1.3, 2.1, 0.4, 1.9])
A = np.array([[2.0, 0.3, 0.1], [0.2, 3.0, 0.4], [0.5, 0.1, 2.5]])
singular = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, 0.1, 2.5]])
with_zero, with_nan, tied = x.copy(), x.copy(), x.copy()
with_zero[2], with_nan[1], tied[3] = 0, np.nan, x[0]

CASES: dict[str, tuple[Any, list[Any]]] = {
    "running products": (lambda x: np.sum(np.cumprod(x) ** 2), [x, with_zero]),
    "determinants": (lambda A: np.linalg.det(A) ** 2, [A, singular]),
    "medians": (lambda x: np.median(x) ** 2, [x, with_nan]),
    "quantiles": (lambda x: np.sum(np.quantile(x, [0.2, 0.7]) ** 2), [x, with_nan]),
    "sorted": (lambda x: np.sum(np.sort(x) * np.arange(5)), [x, tied]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("first", [0, 1])
def test_what_was_seen_may_be_otherwise(name: str, first: int, door: str) -> None:
    function, points = CASES[name]
    gradient = cr.value_and_grad(function)
    compiled = cr.compile(gradient)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for point in (points[first], points[1 - first], points[first], points[1 - first]):
            agree(compiled(point), gradient(point))
    assert compiled.recordings == [door]


def test_what_is_written_into_arrays_is_right_too(door: str) -> None:
    gradient = cr.grad(CASES["running products"][0])
    compiled, there = cr.compile(gradient), np.empty(5)
    for point in (x, with_zero, x):
        agree(compiled(point, out=there), gradient(point))


def test_code_of_the_users_that_looks_at_numbers_themselves_is_still_said() -> None:
    compiled = cr.compile(cr.grad(lambda x: np.sum(np.cumprod(x)) * int(np.argmin(x))))
    with pytest.warns(CompileWarning, match=r"int\(\) was called on a value in line .* of .*test_truths.py"):
        agree(compiled(x), cr.grad(lambda x: np.sum(np.cumprod(x)))(x))
    agree(compiled(-x), 2 * cr.grad(lambda x: np.sum(np.cumprod(x)))(-x))
