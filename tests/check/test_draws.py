"""Arrays that are like given ones, and derivatives by differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.check.function.draws import another, jittered, upstream_like
from chainrule.check.function.numeric import along, jacobian_by_differences, sides


def fresh() -> np.random.Generator:
    return np.random.default_rng(37)


B = np.random.default_rng(1).normal(size=(5, 5))


@pytest.mark.parametrize(
    ("array", "keeps"),
    [
        (np.array([3, 1, 2]), np.array_equal),
        (np.array([True, False]), np.array_equal),
        (np.array([1.0, 0.0, 0.0, 1.0]), np.array_equal),
        (np.abs(B), lambda a, b: bool(np.all(b > 0)) and not np.allclose(a, b)),
        (
            B @ B.T,
            lambda a, b: np.allclose(b, b.T) and bool(np.all(np.linalg.eigvalsh(b) > 0)) and not np.allclose(a, b),
        ),
        (np.tril(B), lambda a, b: not np.any(np.triu(b, 1))),
        (np.zeros(4), lambda a, b: bool(np.all(b != 0))),
        (np.ones(4), lambda a, b: bool(np.all(b > 0)) and bool(np.ptp(b) > 0)),
        (np.arange(5.0), lambda a, b: bool(np.all(b >= 0))),
        (np.sort(B[0]), lambda a, b: bool(np.all(np.diff(b) > 0))),
        (np.full((3, 4), 0.25) + 0.1 * np.eye(3, 4) - 0.025, lambda a, b: np.allclose(b.sum(axis=1), 1)),
        (B + 1j, lambda a, b: b.dtype.kind == "c"),
        (np.array([np.inf, 1.0]), np.array_equal),
        (B.astype(np.float32), lambda a, b: b.dtype == np.float32),
        (np.zeros((0, 3)), lambda a, b: b.shape == (0, 3)),
    ],
)
def test_another_array_keeps_what_matters(array: Any, keeps: Any) -> None:
    found = another(array, fresh())
    assert found.shape == array.shape
    assert keeps(array, found)


def test_a_general_matrix_gets_no_structure() -> None:
    found = another(B, fresh())
    assert not np.allclose(found, found.T)
    assert np.any(found > 0)
    assert np.any(found < 0)


def test_a_jittered_array_keeps_signs_and_zeros() -> None:
    found = jittered(np.array([0.0, 1.0, -2.0]), fresh())
    assert np.array_equal(np.sign(found), [0, 1, -1])
    assert not np.array_equal(found, [0, 1, -2])
    assert jittered(np.array([1, 2]), fresh()).dtype.kind == "i"


def test_an_upstream_has_the_shape_and_the_kind_of_the_result() -> None:
    assert upstream_like(np.ones((2, 3), np.float32), fresh()).dtype == np.float32
    assert upstream_like(np.ones(2, complex), fresh()).dtype.kind == "c"
    assert upstream_like(np.ones(2, int), fresh()).dtype.kind == "f"


def test_differences_know_how_far_they_are_off() -> None:
    point = np.array([0.3, -1.2, 2.0])
    slope, error = along(lambda x: np.exp(np.sin(x)), point, np.ones(3), 2.0**-52)
    true = np.exp(np.sin(point)) * np.cos(point)
    assert np.max(np.abs(slope - true)) <= error < 1e-8
    J, error = jacobian_by_differences(lambda x: np.outer(x, x), point, 2.0**-52)
    assert J.shape == (3, 3, 3)
    true = np.einsum("ik,j->ijk", np.eye(3), point) + np.einsum("jk,i->ijk", np.eye(3), point)
    assert np.max(np.abs(J - true)) <= error < 1e-8


def test_the_parts_of_a_complex_derivative() -> None:
    J, _ = jacobian_by_differences(lambda z: np.real(z) + 2 * np.imag(z), np.array([1 + 1j, 2.0]), 2.0**-52)
    assert np.allclose(J, np.eye(2)[:, :, None] * [1.0, 2.0])


def test_the_two_sides_of_a_kink() -> None:
    left, right, error = sides(lambda x: float(np.abs(x).sum()), np.array([0.0, 1.0]), (0,), 2.0**-52)
    assert abs(left + 1) <= error + 1e-9
    assert abs(right - 1) <= error + 1e-9
