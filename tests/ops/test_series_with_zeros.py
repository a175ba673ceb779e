"""Coefficients that are 0 at a point have derivatives, though NumPy leaves out those at the end of a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import Legendre, Polynomial, hermite, laguerre, legendre, polynomial

import chainrule as cr
from chainrule.errors import NoDerivativeError

POINTS = [np.array([2.0, 0.0, 2.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), np.zeros(3)]
AT = np.array([0.3, -1.2])

SERIES: dict[str, Callable[[Any], Any]] = {
    "legpow": lambda c: legendre.legval(AT, legendre.legpow(c, 2)),
    "lagpow": lambda c: laguerre.lagval(AT, laguerre.lagpow(c, 3)),
    "hermmul": lambda c: hermite.hermval(AT, hermite.hermmul(c, [0.0, 3.0])),
    "polyadd": lambda c: polynomial.polyval(AT, polynomial.polyadd(c, [0.0, 0.0, -2.0])),
    "polysub": lambda c: polynomial.polyval(AT, polynomial.polysub(c, c[::-1])),
    "conversion": lambda c: polynomial.polyval(AT, legendre.leg2poly(c)),
    "and back": lambda c: legendre.legval(AT, legendre.poly2leg(c)),
    "a product of series": lambda c: (Legendre(c) * Legendre([0.0, 3.0]))(0.3),
    "a power of one": lambda c: (Polynomial(c) ** 2 + Polynomial([1.0, 2.0]))(0.3),
    "np.polymul": lambda c: np.polyval(np.polymul(c, c[::-1]), AT),
}


def by_differences(f: Callable[[Any], Any], x: Any) -> Any:
    """The Jacobian; no entry of the moved points is 0."""
    return np.stack([(f(x + 1e-5 * unit) - f(x - 1e-5 * unit)) / 2e-5 for unit in np.eye(len(x))], -1)


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize("name", SERIES)
def test_series(name: str, point: Any) -> None:
    f = SERIES[name]
    np.testing.assert_allclose(cr.vjp(f, point)[0], f(point))
    np.testing.assert_allclose(cr.jacobian(f)(point).dense(), by_differences(f, point), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("coefficients", [[1.0, 2.0, 0.0], [0.0, 1.0, -2.0], [0.0, 1.0, -3.0, 2.0, 0.0]])
def test_roots_beside_a_root_at_zero_or_at_infinity(coefficients: Any) -> None:
    """∂r/∂pₖ = −rᵏ/p′(r), and so on."""
    point = np.array(coefficients)
    kept = np.sort(np.roots(point))

    def f(p: Any) -> Any:
        return np.sort(np.real(np.roots(p)))

    slopes = -np.stack([np.polyval(unit, kept) / np.polyval(np.polyder(point), kept) for unit in np.eye(len(point))], 1)
    np.testing.assert_array_equal(cr.vjp(f, point)[0], kept)
    np.testing.assert_allclose(cr.jacobian(f)(point).dense(), slopes)
    moved = 1e-5 * np.random.default_rng(0).normal(size=len(point))
    moved[point == 0] = 0
    ahead, behind = (
        cr.grad(lambda p: np.sum(f(p) ** 2))(point + moved),
        cr.grad(lambda p: np.sum(f(p) ** 2))(point - moved),
    )
    second = cr.hessian(lambda p: np.sum(f(p) ** 2))(point).dense() @ moved
    np.testing.assert_allclose(second, (ahead - behind) / 2, rtol=1e-5, atol=1e-12)


def test_a_degree_that_changes_is_an_error() -> None:
    for f in (lambda c: polynomial.polydiv(c, [1.0, 2.0])[0], legendre.legroots):
        with pytest.raises(NoDerivativeError, match="leading coefficient is 0"):
            cr.vjp(f, np.array([1.0, 1.0, 0.0]))
    with pytest.raises(NoDerivativeError, match="a root that occurs twice"):
        cr.vjp(np.roots, np.array([1.0, 2.0, 0.0, 0.0]))
