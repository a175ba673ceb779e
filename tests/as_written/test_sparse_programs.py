"""Random programs of sparse arrays, in all formats, have the gradients of the same programs of dense ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import chainrule as cr

SIZE = 4
FORMATS = ("coo", "csr", "csc", "bsr", "dia", "lil", "dok")
ORDER = [2, 0, 1, 3]


def assigned(A: Any, x: Any) -> Any:
    A = A.tolil() if sp.issparse(A) else A.copy()
    A[1, 2] = x[3] * A[0, 0]
    A[2, 1] = 2.0
    return A


def converted(name: str, A: Any, *_: Any) -> Any:
    return A.asformat(name) if sp.issparse(A) else A


STEPS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {  # of the array, two others, the numbers
    "add": lambda A, B, C, x: A + B,
    "subtract": lambda A, B, C, x: C - A,
    "product": lambda A, B, C, x: A @ B,
    "multiply": lambda A, B, C, x: A.multiply(C) if sp.issparse(A) else A * C,
    "transpose": lambda A, B, C, x: A.T,
    "negative": lambda A, B, C, x: -A,
    "power": lambda A, B, C, x: A.power(2) if sp.issparse(A) else A**2,
    "scale": lambda A, B, C, x: A * x[1] + x[2] * B,
    "divide": lambda A, B, C, x: A / x[1],
    "assign": lambda A, B, C, x: assigned(A, x),
    "slice": lambda A, B, C, x: (A.tocsr() if sp.issparse(A) else A)[::-1, ORDER],
    **{name: partial(converted, name) for name in FORMATS},
}


def program(seed: int, is_sparse: bool) -> Callable[[Any], Any]:
    numbers, chosen = np.random.default_rng(seed), random.Random(seed)
    one, two, three = np.where(numbers.random((3, SIZE, SIZE)) < 0.5, numbers.normal(size=(3, SIZE, SIZE)), 0.0)
    rows, columns = np.nonzero(one)
    first, second = chosen.choices(FORMATS, k=2)
    ending, steps = chosen.choice(("array", "matrix")), chosen.choices(list(STEPS), k=6)
    coo, csr, other = [getattr(sp, f"{name}_{ending}") for name in ("coo", "csr", second)]

    def f(x: Any) -> Any:
        data = one[rows, columns] * x[rows]
        if is_sparse:
            A = coo((data, (rows, columns)), shape=(SIZE, SIZE)).asformat(first)
            B, C = other(two), csr(three) * x[0]
        else:
            A, B, C = np.zeros((SIZE, SIZE)), two, three * x[0]
            A[rows, columns] = data
        for step in steps:
            A = STEPS[step](A, B, C, x)
        dense = A.toarray() if is_sparse else A
        ahead = A @ x + np.ravel(A.sum(axis=0))
        return np.sum(np.sin(ahead)) + np.sum(np.cos(dense) * np.arange(SIZE * SIZE).reshape(SIZE, SIZE))

    return f


@pytest.mark.parametrize("seed", range(60))
def test_gradients_are_those_of_dense_arrays(seed: int) -> None:
    both, dense = cr.value_and_grad(program(seed, True)), cr.value_and_grad(program(seed, False))
    for x in (np.array([0.7, 1.2, -0.4, 0.9]), np.array([0.6, -1.1, 0.5, 1.3])):
        value, slopes = both(x)
        expected, expected_slopes = dense(x)
        np.testing.assert_allclose(value, expected, rtol=1e-9)
        np.testing.assert_allclose(value, program(seed, True)(x), rtol=1e-9)
        np.testing.assert_allclose(slopes, expected_slopes, rtol=1e-7, atol=1e-9 * (1 + np.abs(expected_slopes).max()))
