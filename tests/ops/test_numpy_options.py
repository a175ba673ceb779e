"""The methods of NumPy's functions of two arguments, and options of many other functions, against differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AssignmentError, OptionError

POINT = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))
FOLDED = (
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.logaddexp, np.logaddexp2, np.hypot, np.fmax,
    np.fmin, np.copysign, np.float_power,
)  # fmt: skip


def written_at(function: Any) -> Callable[[Any], Any]:
    """``function.at`` with an entry that is named twice."""

    def run(x: Any) -> Any:
        y = x * 1
        function.at(y, [0, 2, 0], x[1])
        return y

    return run


METHODS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "reduce": lambda f: f.reduce,
    "along": lambda f: lambda x: f.reduce(x, axis=1, keepdims=True),
    "initial": lambda f: lambda x: f.reduce(x, initial=1.5),
    "where": lambda f: lambda x: f.reduce(x, initial=1.5, where=np.array([True, False, True, False])),
    "accumulate": lambda f: lambda x: f.accumulate(x, axis=1),
    "reduceat": lambda f: lambda x: f.reduceat(x, [0, 2, 1], axis=1),
    "outer": lambda f: lambda x: f.outer(x[0], x[:, 0]),
    "at": written_at,
}


def differences(function: Callable[[Any], Any], x: Any) -> Any:
    steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
    return np.stack([(function(x + step) - function(x - step)) / 2e-6 for step in steps], -1)


def jacobian(function: Callable[[Any], Any], x: Any) -> Any:
    found = cr.jacobian(function)(x).dense()
    return np.reshape(found, (*np.shape(function(x)), x.size))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("function", FOLDED, ids=lambda function: function.__name__)
def test_methods(function: Any, method: str) -> None:
    run = METHODS[method](function)
    np.testing.assert_allclose(jacobian(run, POINT), differences(run, POINT), rtol=1e-5, atol=1e-5)


def test_all_axes_and_none() -> None:
    assert np.allclose(cr.grad(lambda x: np.logaddexp.reduce(x, axis=None))(POINT), np.exp(POINT) / np.exp(POINT).sum())
    assert np.allclose(cr.grad(lambda x: np.exp(np.logaddexp.reduce(x[:0, 0])))(POINT), 0)
    with pytest.raises(ValueError, match="not reorderable"):
        cr.grad(lambda x: np.subtract.reduce(x, axis=(0, 1)))(POINT)
    with pytest.raises(OptionError, match="no identity to begin with"):
        cr.grad(lambda x: np.subtract.reduce(x[:0, 0]))(POINT)
    with pytest.raises(AssignmentError, match="writes into its first argument"):
        np.multiply.at(np.ones(3), [0], cr.tensor([1.0], requires_grad=True))


@np.vectorize
def steep(number: Any) -> Any:
    return number**2 if number > 1 else 3 * number


def quantiles_by(method: Any) -> Callable[[Any], Any]:
    return lambda x: np.quantile(x, [0.15, 0.62], axis=1, method=method)


vecdot: Any = np.vecdot  # the stubs know no axis
AXES: Any = [(2, 1), (0, 1), (0, 1)]
USES: dict[str, Callable[[Any], Any]] = {
    "interp period": lambda x: np.interp(x[0] * 3, np.array([0.1, 0.5, 1.2]), x[1, :3], period=2.0),
    "interp nodes": lambda x: np.interp(np.linspace(-1, 8, 9), np.cumsum(x[0]), x[1]),
    "cross of two": lambda x: np.cross(x[:, :2], x[:, 1:3] ** 2),
    "cross of two and three": lambda x: np.cross(x[:, :2], x[:, 1:] ** 2),
    "density": lambda x: np.histogram(x, bins=3, density=True)[0],
    "density of weights": lambda x: np.histogram2d(x[0], x[1], bins=2, weights=x[2], density=True)[0],
    "no differences": lambda x: np.diff(x, n=0, prepend=0.0, append=x[:, :1]),
    "edges": lambda x: np.histogram(x, bins="sqrt")[1],
    "cells": lambda x: np.histogramdd(x[:, :2], bins=([0.5, 1.0, 2.0], 2), weights=x[:, 2])[0],
    "fit": lambda x: np.polyfit(np.cumsum(x[0]), x[1], 1, w=x[2]),
    "covariance of a fit": lambda x: np.polyfit(np.arange(4.0), x[0], 1, cov=True)[1],
    "fits": lambda x: np.polyfit(np.arange(3.0), x, 1, cov="unscaled")[0],
    "residuals": lambda x: np.linalg.lstsq(x[:, :2], x[:, 2], rcond=None)[1],
    "of integers": lambda x: np.linalg.lstsq(np.array([[1, 2], [3, 4], [5, 7], [6, 6]]), x.T, rcond=None)[0],
    "underdetermined": lambda x: np.linalg.lstsq(x[:2], x[:2, 0], rcond=None)[0],
    "division": lambda x: np.polydiv(x[0], x[1, :2])[0],
    "remainder": lambda x: np.polydiv(x[0], x[1, :3])[1],
    "roots": lambda x: np.roots(np.append(np.poly(x[0]), 0.0)),
    "composition": lambda x: np.poly1d(x[0])(np.poly1d([1.0, 2.0])).coeffs,
    "arithmetic": lambda x: (np.poly1d(x[0]) * np.poly1d(x[1]) - 2.0).integ().deriv(2).coeffs,
    "coefficients": lambda x: np.polyval(np.poly1d([1.0, 2.0, 3.0]), x),
    "values of series": lambda x: np.polynomial.chebyshev.chebval(x[0], x[1]),
    "values from roots": lambda x: np.polynomial.polynomial.polyvalfromroots(x[0], r=x[1]),
    "product of series": lambda x: np.polynomial.chebyshev.chebmul(x[0], x[1]),
    "integral of a series": lambda x: np.polynomial.hermite.hermint(x[0], k=[2.0], lbnd=1.0),
    "derivative of a series": lambda x: np.polynomial.Legendre(x[0]).deriv()(x[1]),
    "powers of series": lambda x: np.polynomial.laguerre.lagvander(x[0], 3),
    "fit of a series": lambda x: np.polynomial.Polynomial.fit(np.arange(4.0), x[0], 2)(1.5),
    "two variables": lambda x: np.polynomial.polynomial.polyval2d(x, x**2, x[:, :2]),
    "a grid": lambda x: np.polynomial.polynomial.polygrid2d(x[0], x[1], x),
    "axes": lambda x: np.matmul(np.stack([x, x**2]), x, axes=AXES),
    "axis": lambda x: vecdot(x, x**2, axis=0, keepdims=True),
    "vectors": lambda x: np.vectorize(lambda a, b: a @ b, signature="(n,m),(m)->(n)")(x, x[:2]),
    "numbers and vectors": lambda x: np.vectorize(lambda a, b: a * b @ b, signature="(),(n)->()")(x[:, 0], x),
    "excluded": lambda x: np.vectorize(lambda a, p: np.polyval(p, a), excluded=[1])(x, [1.0, 2.0, 3.0]),
    "made before": steep,
    "of objects": lambda x: np.frompyfunc(lambda a, b: a * b, 2, 1)(x, x[0]).astype(float),
    "one by one": lambda x: sum([place[0] * number**2 for place, number in np.ndenumerate(x)]),
    "in order": lambda x: np.stack([number * 2 for number in x.flat]),
    "in order of memory": lambda x: np.stack([number * 2 for number in np.nditer(x.T)]),
    "items": lambda x: x.item((0, 1)) * x.item(2) * x.item(1, 2),
    "trimmed": lambda x: np.trim_zeros(np.pad(x, 1), axis=0),
    "padded": lambda x: np.pad(x, ((1, 0), (2, 1)), constant_values=((x[0, 0], x[0, 1]), (x[0, 2], 3.0))),
    "ramp": lambda x: np.pad(x, 1, mode="linear_ramp", end_values=x[0, 0]),
    "padded by a function": lambda x: np.pad(x, 1, mode=doubled),
    "unwrapped": lambda x: np.unwrap(x * 4, period=x[0, 0]),
    "geometric": lambda x: np.geomspace(-x[0], -x[1], 5, axis=-1, endpoint=False),
    "geometric from an integer": lambda x: np.geomspace(1, x[0], 5),
    "bases": lambda x: np.logspace(0, x[0] / 2, 5, base=x[1], axis=1),
    "written": lambda x: np.modf(x, out=(np.zeros((3, 4)), np.zeros((3, 4))))[0],
    "weighted covariance": lambda x: np.cov(x, aweights=x[0]),
    "in the domain": lambda x: np.nan_to_num(np.emath.sqrt(np.where(x > 1, x, np.nan))),
    "sets": lambda x: np.union1d(np.setdiff1d(x[0], x[1]), np.setxor1d(x[1], x[2])),
    "complete R": lambda x: np.linalg.qr(x.T, mode="complete").R,
    "a part of full U": lambda x: np.abs(np.linalg.svd(x.T)[0][:, :2]),
    "a part of full V": lambda x: np.abs(np.linalg.svd(x)[2][:2]),
    "full S": lambda x: np.linalg.svd(x)[1],
    **{
        f"quantile {method}": quantiles_by(method)
        for method in """inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull
            median_unbiased normal_unbiased lower higher midpoint nearest""".split()
    },
    "quantile in q": lambda x: np.quantile(x, x[0] / 3, method="hazen"),
    "quantile of numbers": lambda x: np.nanquantile(np.where(x > 1.8, np.nan, x), [0.3, 0.6], axis=1, method="lower"),
    "weighted quantile": lambda x: np.quantile(x, 0.4, axis=1, weights=[1, 2, 1, 3], method="inverted_cdf"),
}


def doubled(line: Any, width: tuple[int, int], axis: int, options: Any) -> None:
    line[: width[0]] = 2 * line[width[0]]
    line[-width[1] :] = line[0] ** 2


@pytest.mark.parametrize("name", USES)
def test_uses(name: str) -> None:
    run = USES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value, expected = run(POINT.copy()), differences(run, POINT)
        found = jacobian(run, POINT)
        weights = np.cos(np.arange(np.size(value))).reshape(np.shape(value))
        gradient = cr.grad(lambda x: np.sum(run(x) * weights))(POINT)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    along = np.tensordot(weights, expected, np.ndim(value)).reshape(POINT.shape)
    np.testing.assert_allclose(gradient, along, rtol=1e-5, atol=1e-5)


def test_a_tracked_coefficient_that_is_0_stays_in_a_poly1d() -> None:
    points = np.array([0.5, 2.0])
    found = cr.grad(lambda c: np.sum(np.poly1d(c)(points)))(np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(found, np.sum(np.vander(points, 3), axis=0))
    multiplied = cr.grad(lambda c: (np.poly1d(c) * np.poly1d([0.0, 1.0, 2.0])).deriv()(1.0))(np.array([0.0, 1.0]))
    np.testing.assert_allclose(multiplied, [4.0, 1.0])
    np.testing.assert_allclose(cr.grad(lambda c: np.sum(np.trim_zeros(c) ** 2))(np.array([0.0, 1.0])), [0.0, 2.0])
