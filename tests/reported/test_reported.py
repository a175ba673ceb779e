"""Derivatives that other libraries were reported to get wrong: backward, forward, and twice where that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import NoDerivativeError
from tests.reported.arrays import ARRAYS
from tests.reported.case import Reported
from tests.reported.elementwise import ELEMENTWISE
from tests.reported.programs import PROGRAMS

EVERY = [*ELEMENTWISE, *ARRAYS, *PROGRAMS]


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def named(reported: Reported) -> str:
    return reported.trap


def units(point: Any) -> list[Any]:
    """A tangent for each entry of the point."""
    return list(np.eye(np.size(point)).reshape(-1, *np.shape(point)))


@pytest.mark.parametrize("reported", EVERY, ids=named)
def test_gradient_backward_and_forward(reported: Reported) -> None:
    point, slope = reported.point, np.asarray(reported.slope)
    with np.errstate(all="ignore"):
        value, gradient = cr.value_and_grad(reported.function)(point)
        same(value, reported.function(np.copy(point)))
        same(gradient, slope)
        pushed = [cr.jvp(reported.function, (point,), (unit[()],))[1] for unit in units(point)]
    same(np.reshape(pushed, slope.shape), np.real(slope))


@pytest.mark.parametrize("reported", [each for each in EVERY if each.curvature is not None], ids=named)
def test_hessian_in_every_order_of_modes(reported: Reported) -> None:
    point, curvature = reported.point, np.asarray(reported.curvature)
    with np.errstate(all="ignore"):
        found = [
            cr.hessian(reported.function)(point).dense(),
            np.stack([cr.grad(lambda x, u=u: np.sum(cr.grad(reported.function)(x) * u))(point) for u in units(point)]),
            np.stack([cr.jvp(cr.grad(reported.function), (point,), (u[()],))[1] for u in units(point)]),
            np.stack([cr.grad(lambda x, u=u: cr.jvp(reported.function, (x,), (u,))[1])(point) for u in units(point)]),
        ]
    for each in found:
        same(np.reshape(each, curvature.shape), curvature)


def test_what_has_no_derivative_is_an_error() -> None:
    """Vectors of equal singular values are any that span their space (jax-ml/jax#8732)."""

    def put_together(a: Any) -> Any:
        u, s, v = np.linalg.svd(a, full_matrices=False)
        return np.linalg.norm((u * s) @ v)

    with pytest.raises(NoDerivativeError, match="the singular value 1 occurs twice"):
        cr.grad(put_together)(np.diag([1.0, 1.0, 2.0, 3.0]))


def test_they_are_many_and_different() -> None:
    assert len({each.trap for each in EVERY}) == len(EVERY) >= 90
    assert len({each.where for each in EVERY}) >= 60
