"""Windows that slide over an array see what is written into the array later, and so do their derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr
from chainrule.errors import ModifiedError
from chainrule.native.compiled import CompileWarning

x0 = np.linspace(0.5, 2.0, 6)


def overwritten_by_a_number(x: Any) -> Any:
    y = x * 1
    windows = sliding_window_view(y, 3)
    y[0] = 7
    return np.sum(windows * windows)


def filled_later(x: Any) -> Any:
    y = np.zeros(6)
    windows = sliding_window_view(y, 3)
    y[:] = x
    return np.sum(windows * windows)


def read_before_and_after(x: Any) -> Any:
    y = x * 2
    windows = sliding_window_view(y, 3)
    squares = windows * windows
    y[1] = x[0] * x[2]
    return np.sum(squares * windows)


def of_a_view(x: Any) -> Any:
    y = x * 2
    windows = sliding_window_view(y.reshape(2, 3), (2, 2))[..., 1:]
    y[1:3] *= x[0]
    return np.sum(windows**3)


FUNCTIONS = (overwritten_by_a_number, filled_later, read_before_and_after, of_a_view)


def differences(f: Callable[[Any], Any], x: Any) -> Any:
    return np.array([(f(x + h) - f(x - h)) / 2e-6 for h in 1e-6 * np.eye(len(x))])


@pytest.mark.parametrize("f", FUNCTIONS)
def test_what_is_written_under_windows(f: Any) -> None:
    made = [cr.grad(f), cr.jacobian(f), cr.compile(cr.grad(f)), cr.compile(cr.jacobian(f))]
    for derivative in made:
        for x in (x0, x0 + 0.1, x0 + 0.2):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CompileWarning)
                found = np.asarray(derivative(x))
            np.testing.assert_allclose(found, differences(f, x), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(cr.hessian(f)(x0).dense(), cr.jacobian(cr.grad(f))(x0).dense(), rtol=1e-10, atol=1e-12)
    slope = cr.jvp(f, (x0,), (np.ones(6),))[1]
    np.testing.assert_allclose(slope, np.sum(cr.grad(f)(x0)))


def test_windows_of_an_array_that_is_overwritten_on_the_tape() -> None:
    x = cr.tensor(x0, requires_grad=True)
    y = x * 1
    windows = sliding_window_view(y, 3)
    squares = windows * windows
    y[0] = 7
    with pytest.raises(ModifiedError):
        squares.sum().backward()


def test_windows_are_not_written_to() -> None:
    def written(x: Any) -> Any:
        y = x * 1
        sliding_window_view(y, 3)[0] = 1.0
        return np.sum(y)

    with pytest.raises(ValueError, match="read-only"):
        cr.grad(written)(x0)
