"""Complex numbers are not differentiated: wherever one enters a tracked computation, an error says so at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

ENTRIES: dict[str, Callable[[Any], Any]] = {
    "multiply": lambda x: np.imag(x * (1 + 2j)),
    "add": lambda x: np.abs(x + 2j),
    "power": lambda x: np.abs(x**1j),
    "astype": lambda x: np.real(x.astype(complex)),
    "concatenate": lambda x: np.real(np.concatenate([x, np.array([1j])])),
    "where": lambda x: np.real(np.where(x > 1, x, 1j)),
    "matmul": lambda x: np.real(x @ np.array([[1j, 2], [3, 4]])),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_complex_result_is_an_error(name: str) -> None:
    function, x = ENTRIES[name], np.array([1.0, 2.0])
    function(x)  # as NumPy alone has it
    for differentiate in (
        lambda: cr.grad(lambda x: np.sum(function(x)))(x),
        lambda: cr.jacobian(function)(x),
        lambda: cr.jvp(function, (x,), (np.ones(2),)),
        lambda: function(cr.tensor(x, requires_grad=True)),
    ):
        with pytest.raises(cr.errors.DtypeError, match=f"{name}: the result is complex128.*not differentiated"):
            differentiate()


def test_constants_may_be_complex() -> None:
    factor = np.abs(np.fft.fft(np.array([1.0, 2.0])))
    assert np.allclose(cr.grad(lambda x: np.sum(x * factor))(np.ones(2)), factor)
    with cr.no_grad():
        assert (cr.tensor([1.0], requires_grad=True) * 1j).dtype == complex


def test_a_complex_number_of_a_tracked_one_is_refused() -> None:
    with pytest.raises(cr.errors.AssignmentError, match="a plain number was wanted"):
        cr.grad(lambda x: np.real(complex(x[0]) * 2))(np.ones(2))
