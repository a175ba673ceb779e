"""cr.debug(): the first number that is not finite, and an error in a derivative, name the operation and the line."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import NotFiniteError


def rooted(x: Any) -> Any:
    y = x * x
    root = np.sqrt(y)  # its derivative at 0
    return np.sum(root * 2)


def divided(x: Any) -> Any:
    y = x - 1
    z = np.log(y)  # of a number below 0
    return np.sum(z * 3)


def test_a_derivative_that_is_not_finite() -> None:
    x = np.array([1.0, 0.0])
    with (
        pytest.raises(
            NotFiniteError, match=r"the derivative with respect to x is not finite.*sqrt, in line \d+"
        ) as said,
        cr.debug(),
    ):
        cr.grad(rooted)(x)
    assert "root = np.sqrt(y)  # its derivative at 0" in str(said.value)
    assert __file__ in str(said.value)
    assert not np.isfinite(cr.grad(rooted)(x)).all()  # outside nothing is looked at


def test_a_result_that_is_not_finite() -> None:
    with np.errstate(all="ignore"):
        with pytest.raises(NotFiniteError, match="a result is not finite") as said, cr.debug():
            cr.grad(divided)(np.array([2.0, 0.5]))
        assert "z = np.log(y)" in str(said.value)
        with cr.debug():  # what comes in as NaN is not the fault of a step
            assert np.isnan(cr.grad(divided)(np.array([2.0, np.nan]))[1])


def test_tensors_and_second_derivatives() -> None:
    x = cr.tensor([0.0], requires_grad=True)
    with pytest.raises(NotFiniteError, match="sqrt"), cr.debug():
        np.sqrt(x).sum().backward()
    with pytest.raises(NotFiniteError, match="with respect to"), cr.debug():
        cr.grad(cr.grad(lambda x: np.sum(x**1.5)))(0.0)


def test_an_error_in_a_derivative_names_the_line() -> None:
    def slope(x: Any) -> Any:
        raise KeyError("a mistake in a rule")

    twice = cr.define(lambda x: 2 * x, slope)
    with pytest.raises(KeyError, match="a mistake in a rule") as said, cr.debug():
        cr.grad(lambda x: np.sum(twice(x)))(np.ones(3))
    assert any("in the derivative of" in line and "np.sum(twice(x))" in line for line in said.value.__notes__)
    assert "in the derivative of" in "".join(traceback.format_exception(said.value))


def test_what_is_right_stays_so() -> None:
    x = np.array([1.0, 2.0])
    with cr.debug():
        np.testing.assert_allclose(cr.grad(rooted)(x), [2.0, 2.0])
        assert cr.hessian(lambda x: np.sum(x**3))(x).diagonal().tolist() == [6.0, 12.0]

        @cr.debug()
        def inside(x: Any) -> Any:
            return cr.grad(rooted)(x)

    np.testing.assert_allclose(inside(x), [2.0, 2.0])
    with pytest.raises(NotFiniteError):
        inside(np.zeros(1))
