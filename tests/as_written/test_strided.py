"""`as_strided` of tracked arrays: elements by strides, views that see writes and can be written to, errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import chainrule as cr
from chainrule.errors import NoRuleError
from chainrule.native.compiled import CompileWarning

x0 = np.linspace(0.5, 2.0, 12)


def overlapping(x: Any) -> Any:
    return np.sum(as_strided(x, (10, 3), (x.itemsize, x.itemsize)) ** 3)


def with_gaps(x: Any) -> Any:
    return np.sum(np.sin(np.lib.stride_tricks.as_strided(x[1:], shape=(3, 2), strides=(24, 16), writeable=False)))


def backwards(x: Any) -> Any:
    back = x[::-1]
    return np.sum(as_strided(back, (4, 3), (back.strides[0], 2 * back.strides[0])) ** 2 * np.arange(3.0))


def repeated(x: Any) -> Any:
    return np.sum(as_strided(x, (3, 12), (0, 8)) ** 2 * np.arange(36.0).reshape(3, 12))


def blocks(x: Any) -> Any:
    a = x.reshape(3, 4) * 1
    rows, columns = a.strides
    return np.sum(as_strided(a, (2, 3, 2), (2 * columns, rows, columns)) ** 3 * np.arange(2.0))


def by_columns(x: Any) -> Any:
    a = (x.reshape(3, 4) * 1).T
    return np.sum(as_strided(a, (4, 2), a.strides) ** 2 + as_strided(a, (4, 1), (8, 8)) ** 3)


def without_options(x: Any) -> Any:
    return np.sum(as_strided(x) ** 2 * np.arange(12.0))


def seen_through(x: Any) -> Any:
    y = x * 2
    windows = as_strided(y, (10, 3), (8, 8))
    squares = windows * windows
    y[1] = x[0] * x[2]
    return np.sum(squares * windows)


def filled_later(x: Any) -> Any:
    y = np.zeros(12)
    windows = as_strided(y, (5, 3), (16, 8))
    y[:] = x
    return np.sum(windows**3)


def diagonal_written(x: Any) -> Any:
    a = np.outer(x[:4], x[4:8])
    diagonal = as_strided(a, (4,), (a.strides[0] + a.strides[1],))
    diagonal *= x[8:]
    diagonal[1] = x[0] ** 2
    return np.sum(a**2)


def buffer_written(x: Any) -> Any:
    a = np.zeros((3, 4))
    as_strided(a, (4, 3), (8, 32))[1:] = x[:9].reshape(3, 3)
    return np.sum(a**3 * np.arange(4.0))


FUNCTIONS = (
    *(overlapping, with_gaps, backwards, repeated, blocks, by_columns, without_options, seen_through, filled_later),
    *(diagonal_written, buffer_written),
)


def differences(f: Callable[[Any], Any], x: Any) -> Any:
    return np.array([(f(x + h) - f(x - h)) / 2e-6 for h in 1e-6 * np.eye(len(x))])


@pytest.mark.parametrize("f", FUNCTIONS)
def test_what_strides_lead_to(f: Any) -> None:
    for derivative in (cr.grad(f), cr.jacobian(f), cr.compile(cr.grad(f)), cr.compile(cr.jacobian(f))):
        for x in (x0, x0 + 0.1):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CompileWarning)
                found = np.asarray(derivative(x))
            np.testing.assert_allclose(found, differences(f, x), rtol=1e-5, atol=1e-7)
    assert cr.value_and_grad(f)(x0)[0] == pytest.approx(f(x0.copy()), rel=1e-14)
    direction = np.cos(np.arange(12.0))
    np.testing.assert_allclose(cr.jvp(f, (x0,), (direction,))[1], cr.grad(f)(x0) @ direction)
    second = differences(cr.grad(f), x0)
    np.testing.assert_allclose(cr.hessian(f)(x0).dense(), second, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cr.hvp(f, x0, direction), second @ direction, rtol=1e-5, atol=1e-6)


def test_complex_numbers_and_single_precision() -> None:
    def scaled(x: Any) -> Any:
        return np.sum(np.abs(as_strided(x * (1 + 2j), (8, 3), (16, 32)) ** 2)[:, :2])

    np.testing.assert_allclose(cr.grad(scaled)(x0), differences(scaled, x0), rtol=1e-5)
    single = x0.astype(np.float32)

    def narrow(x: Any) -> Any:
        return np.sum(as_strided(x, (10, 3), (4, 4)) ** 3)

    assert cr.grad(narrow)(single).dtype == np.float32
    np.testing.assert_allclose(cr.grad(narrow)(single), cr.grad(overlapping)(x0), rtol=1e-5)


def test_strides_at_random() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=30)
    for _ in range(60):
        shape = tuple(random.integers(0, 4, random.integers(0, 4)).tolist())
        strides = (8 * random.integers(0, 5, len(shape))).tolist()

        def f(x: Any, shape: Any = shape, strides: Any = strides) -> Any:
            return as_strided(x, shape, strides)

        def backwards(x: Any, shape: Any = shape, strides: Any = strides) -> Any:
            return as_strided(x[::-1], shape, [-step for step in strides])

        places = as_strided(np.arange(30), shape, strides)
        for function, expected in ((f, places), (backwards, 29 - places)):
            J = cr.jacobian(function)(x)
            np.testing.assert_array_equal(J.dense(), np.eye(30)[expected])
            v = random.normal(size=shape)
            np.testing.assert_allclose(cr.vjp(function, x)[1](v)[0], np.tensordot(v, J.dense(), len(shape)), atol=1e-12)


def test_the_jacobian_stores_nothing() -> None:
    J = cr.jacobian(lambda x: as_strided(x, (10, 3), (8, 8)))(x0)
    assert J.stored == 0
    assert J.shape == (10, 3, 12)


def test_what_overlaps_is_not_written_to() -> None:
    def written(x: Any) -> Any:
        y = x * 1
        as_strided(y, (10, 3), (8, 8))[0] = 1.0
        return np.sum(y)

    def told(x: Any) -> Any:
        y = x * 1
        as_strided(y, (6,), (16,), writeable=False)[0] = 1.0
        return np.sum(y)

    for f in (written, told):
        with pytest.raises(ValueError, match="read-only"):
            cr.grad(f)(x0)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: as_strided(x, (5, 9), (8, 8)), "leads to the elements 0 to 12 of a tracked array that has 12"),
        (lambda x: as_strided(x, (2,), (-8,)), "elements -1 to 0"),
        (lambda x: as_strided(x[::2], (3,), (16,)), "a part of a tracked array"),
        (lambda x: as_strided(x, (3,), (4,)), "multiples of the 8 bytes"),
        (lambda x: as_strided(x, (3, 2), (8,)), "one for each axis"),
    ],
)
def test_errors(use: Any, message: str) -> None:
    with pytest.raises(NoRuleError, match=message):
        cr.grad(lambda x: np.sum(use(x)))(x0)


def test_plain_arrays_are_numpys() -> None:
    constant = np.arange(6.0)

    def f(x: Any) -> Any:
        return np.sum(as_strided(constant, (4, 3), (8, 8)) @ x[:3])

    np.testing.assert_allclose(cr.grad(f)(x0)[:3], as_strided(constant, (4, 3), (8, 8)).sum(0))
