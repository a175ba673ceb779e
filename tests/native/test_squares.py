"""Products A Aᵀ of large matrices: BLAS computes half of them, and the other half is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.native.agreement import agree

X = np.random.default_rng(3).normal(size=(101, 83))
STACK = np.random.default_rng(4).normal(size=(3, 70, 90))


def centred(a: Any) -> Any:
    b = a - a.mean(0)
    return b.T @ b


def turning(a: Any) -> Any:
    b = a @ a.T / 100
    for _ in range(20):
        b = np.tanh(b @ b.T / 100)
    return b


SQUARES: dict[str, tuple[Any, Any]] = {
    "rows": (lambda a: a @ a.T, X),
    "columns": (lambda a: a.T @ a, X),
    "einsum": (lambda a: np.einsum("ij,kj->ik", a, a), X),
    "tensordot": (lambda a: np.tensordot(a, a, (0, 0)), X),
    "inner": (lambda a: np.inner(a, a), X),
    "times a number": (lambda a: 2 * a.T @ a, X),
    "of a function": (lambda a: np.tanh(a) @ np.tanh(a).T, X),
    "of what is centred": (centred, X),
    "of a part": (lambda a: a[7:90, 3:70] @ a[7:90, 3:70].T, X),
    "in the order of Fortran": (lambda a: a @ a.T, np.asfortranarray(X)),
    "in a stack": (lambda a: a @ np.swapaxes(a, 1, 2), STACK),
    "in a loop": (turning, X),
    "in a gradient": (cr.grad(lambda a: np.sum((a @ a.T) ** 2)), X),
    "in normal equations": (lambda a: np.linalg.solve(a.T @ a, a.T @ a[:, 0]), X),
}
OTHERS: dict[str, tuple[Any, Any]] = {
    "other rows": (lambda a: a[:80] @ a[20:100].T, X),
    "scaled on one side": (lambda a: (a * a[0]) @ a.T, X),
    "few rows": (lambda a: a[:63] @ a[:63].T, X),
    "few columns": (lambda a: a[:, :63] @ a[:, :63].T, X),
    "a matrix with itself": (lambda a: a[:83] @ a[:83], X),
}


def called(function: Any, x: Any) -> set[str]:
    """What of BLAS is called; the results agree with those in Python."""
    compiled = cr.compile(function)
    for _ in range(2):
        agree(compiled(x), function(x))
    assert compiled.recordings == ["machine code"]
    (built,) = compiled.known.values()
    return {found[1] for found in built.kernel.functions if found[0] == "blas"}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [*SQUARES])
def test_half_is_computed(name: str, dtype: Any) -> None:
    function, x = SQUARES[name]
    assert f"{'d' if dtype is np.float64 else 's'}syrk" in called(function, x.astype(dtype, order="K"))


@pytest.mark.parametrize("name", [*OTHERS])
def test_all_is_computed_of_what_is_no_square_or_small(name: str) -> None:
    function, x = OTHERS[name]
    assert called(function, x) == {"dgemm"}


@pytest.mark.parametrize("size", [64, 65, 71, 72, 73])
def test_both_halves_are_the_same(size: int) -> None:
    a = np.random.default_rng(size).normal(size=(size, 70))
    found = cr.compile(lambda a: a @ a.T)(a)
    np.testing.assert_array_equal(found, found.T)
    out = np.full((size, size), np.nan)
    np.testing.assert_array_equal(cr.compile(lambda a: a @ a.T)(a, out=out), found)


def test_an_object_file_calls_it_too(tmp_path: Path) -> None:
    made = cr.export(lambda a: a @ a.T, X, path=tmp_path / "square", blas=True)
    symbols = made.object_file.read_bytes()
    assert b"dsyrk_" in symbols
    assert b"dgemm_" not in symbols
