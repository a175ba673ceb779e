"""What is not chosen passes nothing: no infinity and no NaN of it, in every mode, at any order, compiled as well."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import chainrule as cr

x0 = np.array([0.0, -1.5, 2.0])
ones = np.ones(3)


def piecewise(x: Any) -> Any:
    return np.piecewise(x, [x > 0], [np.sqrt, lambda t: t**2])


def filled(x: Any) -> Any:
    y = np.zeros_like(x)
    chosen = x > 0
    y[chosen] = np.log(x[chosen])
    return y


def placed(x: Any) -> Any:
    y = x * 0.0
    np.copyto(y, np.sqrt(x), where=x > 0)
    return y


def masked_ufunc(x: Any) -> Any:
    y = np.zeros(3)
    np.sqrt(x, out=y, where=x > 0)
    return y


# what is computed for all entries, and what of it is chosen: above 0, and elsewhere
CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), np.sqrt, lambda t: 0.0 * t),
    "log": (lambda x: np.where(x > 0, np.log(x), x**2), np.log, lambda t: t**2),
    "division": (lambda x: np.where(x > 0, 1 / x, 2 * x), lambda t: 1 / t, lambda t: 2 * t),
    "sin(x)/x": (lambda x: np.where(x > 0, np.sin(x) / x, x), lambda t: np.sin(t) / t, lambda t: t),
    "power": (lambda x: np.where(x > 0, x**1.5, 0.0), lambda t: t**1.5, lambda t: 0.0 * t),
    "several": (
        lambda x: np.where(x > 0, np.log(x) / x * np.sqrt(x), 0.0),
        lambda t: np.log(t) / t * np.sqrt(t),
        lambda t: 0.0 * t,
    ),
    "nested": (
        lambda x: np.where(x > 0, np.where(x > 1, np.log(x - 1) + x, np.sqrt(x)), x**2),
        lambda t: np.log(t - 1) + t,
        lambda t: t**2,
    ),
    "outside": (lambda x: np.exp(np.where(x > 0, np.log(x), x)) * x, lambda t: t * t, lambda t: np.exp(t) * t),
    "inside": (lambda x: np.sqrt(np.where(x > 0, x, 0.0)) * x, lambda t: t**1.5, lambda t: 0.0 * t),
    "logsumexp": (
        lambda x: np.where(x > 0, special.logsumexp(np.stack([np.log(x), x]), axis=0), x),
        lambda t: np.log(t + np.exp(t)),
        lambda t: t,
    ),
    "norm": (
        lambda x: np.where(x > 0, np.linalg.norm(np.stack([np.sqrt(x), x]), axis=0), x),
        lambda t: np.sqrt(t + t * t),
        lambda t: t,
    ),
    "gammaln": (lambda x: np.where(x > 0, special.gammaln(x), 0.0), special.gammaln, lambda t: 0.0 * t),
    "select": (
        lambda x: np.select([x > 1, x > 0], [np.log(x - 1) + x, np.sqrt(x)], x),
        lambda t: np.log(t - 1) + t,
        lambda t: t,
    ),
    "choose": (lambda x: np.choose((x > 0).astype(int), [x * 2, np.sqrt(x)]), np.sqrt, lambda t: t * 2),
    "piecewise": (piecewise, np.sqrt, lambda t: t**2),
    "mask": (filled, np.log, lambda t: 0.0 * t),
    "copyto": (placed, np.sqrt, lambda t: 0.0 * t),
    "out and where": (masked_ufunc, np.sqrt, lambda t: 0.0 * t),
}
Derivative = Callable[[Any], Any]


def total(f: Derivative) -> Derivative:
    """The sum of what a function gives."""
    return lambda x: np.sum(f(x))


def tangent(f: Derivative) -> Derivative:
    """The derivative along all coordinates, by the forward mode."""
    return lambda x: cr.jvp(f, (x,), (ones,))[1]


MODES: dict[str, tuple[int, Callable[[Derivative], Derivative]]] = {
    "reverse": (1, lambda f: cr.grad(total(f))),
    "forward": (1, tangent),
    "jacobian": (1, lambda f: lambda x: np.asarray(cr.jacobian(f)(x)) @ ones),
    "forward over reverse": (2, lambda f: lambda x: cr.hvp(total(f), x, ones)),
    "reverse over forward": (2, lambda f: cr.grad(total(tangent(f)))),
    "reverse over reverse": (2, lambda f: cr.grad(total(cr.grad(total(f))))),
    "forward over forward": (2, lambda f: tangent(tangent(f))),
    "hessian": (2, lambda f: lambda x: cr.hessian(total(f))(x) @ ones),
    "third": (3, lambda f: cr.grad(total(lambda x: cr.hvp(total(f), x, ones)))),
    "third, forward": (3, lambda f: tangent(tangent(tangent(f)))),
}


def expected(order: int, above: Derivative, elsewhere: Derivative) -> Any:
    """Derivatives of what is chosen, one number after the other."""
    numbers = []
    for x in x0:
        g = above if x > 0 else elsewhere
        for _ in range(order):
            g = cr.grad(g)
        numbers.append(g(x))
    return np.array(numbers)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::chainrule.native.compiled.CompileWarning")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("mode", MODES)
def test_derivatives_are_those_of_what_is_chosen(name: str, mode: str) -> None:
    f, above, elsewhere = CASES[name]
    order, derivative = MODES[mode]
    wanted = expected(order, above, elsewhere)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(derivative(f)(x0), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::chainrule.native.compiled.CompileWarning")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("mode", ["reverse", "forward over reverse", "third"])
def test_compiled(name: str, mode: str) -> None:
    f, above, elsewhere = CASES[name]
    order, derivative = MODES[mode]
    with np.errstate(all="ignore"):
        found = cr.compile(derivative(f))(x0)
        np.testing.assert_allclose(found, expected(order, above, elsewhere), rtol=1e-9, atol=1e-12)


REDUCED: dict[str, tuple[Derivative, Any]] = {
    "sum": (lambda x: np.sum(np.sqrt(x), where=x > 0), np.sqrt),
    "mean": (lambda x: np.mean(np.log(x), where=x > 0), np.log),
    "prod": (lambda x: np.prod(np.sqrt(x), where=x > 0), np.sqrt),
    "max": (lambda x: np.max(np.log(x), where=x > 0, initial=-9.0), np.log),
    "masked": (lambda x: np.sum(np.log(x[x > 0])), np.log),
    "compress": (lambda x: np.sum(np.log(np.compress(x > 0, x))), np.log),
    "extract": (lambda x: np.sum(np.log(np.extract(x > 0, x))), np.log),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", REDUCED)
def test_reductions_of_what_is_chosen(name: str) -> None:
    f, above = REDUCED[name]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(cr.grad(f)(x0), [0.0, 0.0, cr.grad(above)(2.0)])
        np.testing.assert_allclose(cr.jvp(f, (x0,), (ones,))[1], cr.grad(above)(2.0))
        np.testing.assert_allclose(cr.hvp(f, x0, ones), [0.0, 0.0, cr.grad(cr.grad(above))(2.0)])
        np.testing.assert_allclose(cr.compile(cr.grad(f))(x0), [0.0, 0.0, cr.grad(above)(2.0)])
