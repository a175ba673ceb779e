"""SciPy's piecewise polynomials and splines where their coefficients or the places are tracked, as formulas.

Splines through values, or near them, are found by SciPy from numbers: their coefficients are linear in the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, instead, numbers_of, plainly, stacked
from chainrule.errors import NoRuleError

__all__ = ["fitted", "of_bsplines", "of_fitpack", "of_polynomial_pieces", "univariate"]

Linearly = Callable[[Callable[[Any], Any], Any], Any]


def _column(values: Any, like: Any) -> Any:
    """One number for each place, beside the axes that coefficients have more."""
    return np.reshape(values, (-1,) + (1,) * (len(like.shape) - 1))


def _require_plain(plain: Any, *others: Any) -> None:
    if follows(others):
        raise NoRuleError(f"scipy.interpolate.{plain.__name__} has a rule for tracked values alone, not for others")


def _require_extrapolated(spline: Any, extrapolate: Any) -> None:
    if (spline.extrapolate if extrapolate is None else extrapolate) is not True:
        raise NoRuleError("scipy.interpolate: integrals of tracked splines have a rule where they are extrapolated")


# --- polynomials between breaks ---


def _pieces(c: Any, breaks: Any, x: Any, nu: int) -> Any:
    """The value, or a derivative, at places ``x`` of polynomials in powers of the distance to the break before."""
    ends = np.asarray(numbers_of(breaks))
    if ends[0] > ends[-1]:
        raise NoRuleError("scipy.interpolate.PPoly of tracked values has a rule where its breaks increase")
    piece = np.clip(np.searchsorted(ends, numbers_of(x), side="right") - 1, 0, len(ends) - 2)
    coefficients = c[:, piece]
    apart = _column(x - breaks[piece], coefficients[0])
    found: Any = np.zeros(coefficients.shape[1:])
    for power in range(c.shape[0] - 1, nu - 1, -1):  # Horner's rule
        found = found * apart + float(prod(range(power - nu + 1, power + 1))) * coefficients[c.shape[0] - 1 - power]
    return found


def _evaluated(plain: Any) -> Callable[..., Any]:
    def evaluate(self: Any, x: Any, nu: int, extrapolate: Any, out: Any) -> None:
        c, breaks = self._c, self._x
        if not follows((c, breaks, x)):
            found = np.empty(out.shape, out.dtype)
            plain(_of_numbers(self), np.ascontiguousarray(numbers_of(x)), nu, extrapolate, found)
        else:
            found = _pieces(np.reshape(stacked(c), (*c.shape[:2], -1)), breaks, x, nu)
            if not extrapolate:
                numbers, ends = np.asarray(numbers_of(x)), np.asarray(numbers_of(breaks))
                found = np.where(_column((numbers < ends[0]) | (numbers > ends[-1]), found), np.nan, found)
        out[...] = found

    return evaluate


def _of_numbers(self: Any) -> Any:
    """A spline with plain arrays in it."""
    made = object.__new__(type(self))
    vars(made).update({name: numbers_of(value) for name, value in vars(self).items()})
    return made


def _integral(plain: Any) -> Callable[..., Any]:
    def integrate(self: Any, a: Any, b: Any, extrapolate: Any = None) -> Any:
        c, breaks = self._c, self._x
        if not follows((c, breaks, a, b)):
            return plainly(plain)(_of_numbers(self), a, b, extrapolate)
        _require_extrapolated(self, extrapolate)
        c = stacked(c)
        powers = np.reshape(np.arange(c.shape[0], 0, -1.0), (-1,) + (1,) * (c.ndim - 1))
        raised = np.concatenate([c / powers, np.zeros((1, *c.shape[1:]))])
        whole = np.stack(
            [_pieces(raised[:, k : k + 1], breaks[k : k + 2], breaks[k + 1 : k + 2], 0)[0] for k in range(c.shape[1])]
        )
        start = np.concatenate([np.zeros((1, *c.shape[2:])), np.cumsum(whole, axis=0)[:-1]])
        anti = np.concatenate([c / powers, start[None]])
        ends = np.reshape(stacked([a, b]), -1)
        found = _pieces(anti, breaks, ends, 0)
        return found[1] - found[0]

    return integrate


def of_polynomial_pieces(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of methods of SciPy's piecewise polynomials."""
    kind = module.PPoly
    return [(kind, {"_evaluate": _evaluated(kind._evaluate), "integrate": _integral(kind.integrate)})]


# --- B-splines ---


def _bspline(t: Any, c: Any, k: int, x: Any, nu: int = 0) -> Any:
    """The value, or a derivative, of a B-spline by de Boor's recursion."""
    size = len(t) - k - 1
    c = c[:size]
    for _ in range(nu):
        apart = t[k + 1 : k + len(c)] - t[1 : len(c)]
        is_one = np.asarray(numbers_of(apart)) == 0
        apart = np.where(is_one, 1.0, apart)
        c = _column(np.where(is_one, 0.0, k / apart), c) * (c[1:] - c[:-1])
        t, k = t[1:-1], k - 1
        if k < 0:
            return np.zeros((len(x), *c.shape[1:]))
    numbers = np.asarray(numbers_of(t))
    last = np.searchsorted(numbers, numbers[len(c)], side="left") - 1
    piece = np.clip(np.searchsorted(numbers, numbers_of(x), side="right") - 1, k, last)
    found = [c[piece - k + j] for j in range(k + 1)]
    for r in range(1, k + 1):
        for j in range(k, r - 1, -1):
            low, high = t[piece - k + j], t[piece + 1 - r + j]
            share = _column((x - low) / (high - low), found[j])
            found[j] = (1 - share) * found[j - 1] + share * found[j]
    return found[k]


def _called(plain: Any) -> Callable[..., Any]:
    def call(self: Any, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        t, c = self._t, self._c
        if not follows((t, c, x)):
            return plainly(plain)(_of_numbers(self), numbers_of(x), nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        x = stacked(x)
        places, c = np.reshape(x, -1), stacked(c)
        low, high = t[self.k], t[len(t) - self.k - 1]
        if extrapolate == "periodic":
            places = low + (places - low) % (high - low)
        found = _bspline(t, c, self.k, places, nu)
        if not extrapolate:
            numbers = np.asarray(numbers_of(places))
            is_outside = (numbers < numbers_of(low)) | (numbers > numbers_of(high))
            found = np.where(_column(is_outside, found), np.nan, found)
        found = np.reshape(found, (*x.shape, *c.shape[1:]))
        return np.moveaxis(found, range(x.ndim), range(self.axis, self.axis + x.ndim)) if self.axis else found

    return call


def _area(t: Any, c: Any, k: int, a: Any, b: Any) -> Any:
    """The integral of a B-spline: its antiderivative is one of a degree more."""
    size = len(t) - k - 1
    c = c[:size]
    steps = c * _column((t[k + 1 :] - t[: -k - 1]) / (k + 1), c)
    higher = np.concatenate([np.zeros((1, *c.shape[1:])), np.cumsum(steps, axis=0)])
    found = _bspline(np.concatenate([t[:1], t, t[-1:]]), higher, k + 1, np.reshape(stacked([a, b]), -1))
    return found[1] - found[0]


def _integrated(plain: Any) -> Callable[..., Any]:
    def integrate(self: Any, a: Any, b: Any, extrapolate: Any = None) -> Any:
        if not follows((self._t, self._c, a, b)):
            return plainly(plain)(_of_numbers(self), a, b, extrapolate)
        _require_extrapolated(self, extrapolate)
        return _area(self._t, stacked(self._c), self.k, a, b)

    return integrate


def of_bsplines(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of methods of SciPy's B-splines."""
    kind = module.BSpline
    return [(kind, {"__call__": _called(kind.__call__), "integrate": _integrated(kind.integrate)})]


def fitted(linearly: Linearly, plain: Any) -> Callable[..., Any]:
    """What makes a B-spline of places and tracked values."""

    def make(x: Any, y: Any, *arguments: Any, **options: Any) -> Any:
        _require_plain(plain, x, *arguments, *options.values())
        values = stacked(y)
        spline = plain(x, numbers_of(values), *arguments, **options)
        spline._c = linearly(lambda value: plain(x, value, *arguments, **options)._c, values)
        return spline

    return make


# --- FITPACK ---


class _Univariate:
    """A spline of one variable with tracked coefficients, with the methods that have a formula."""

    def __init__(self, t: Any, c: Any, k: int) -> None:
        self.t, self.c, self.k = t, c, k

    def __call__(self, x: Any, nu: int = 0, ext: Any = None) -> Any:
        return _at_places(self.t, self.c, self.k, x, nu, ext)

    def derivative(self, n: int = 1) -> Callable[..., Any]:
        """The derivative of some order, as a function of places."""
        return lambda x, nu=0: self(x, n + nu)

    def integral(self, a: Any, b: Any) -> Any:
        """The integral from a to b."""
        return _over(self.t, self.c, self.k, a, b)

    def get_coeffs(self) -> Any:
        """The coefficients of B-splines."""
        return self.c[: len(self.t) - self.k - 1]


def _at_places(t: Any, c: Any, k: int, x: Any, nu: int, ext: Any) -> Any:
    x = stacked(x)
    numbers = np.asarray(numbers_of(x))
    if ext not in (None, 0, "extrapolate") and ((numbers < t[k]) | (numbers > t[-k - 1])).any():
        raise NoRuleError(
            "scipy.interpolate: splines of FITPACK at tracked places outside have a rule with ext=0 alone"
        )
    return np.reshape(_bspline(t, stacked(c), k, np.reshape(x, -1), nu), x.shape)


def _over(t: Any, c: Any, k: int, a: Any, b: Any) -> Any:
    ends = np.asarray(numbers_of([a, b]))
    if ((ends < t[k]) | (ends > t[-k - 1])).any():
        raise NoRuleError(
            "scipy.interpolate: integrals of splines of FITPACK have a rule between their first and last place"
        )
    return _area(t, stacked(c), k, a, b)


def univariate(linearly: Linearly, plain: Any) -> Callable[..., Any]:
    """What makes a spline of FITPACK's of places and tracked values, as an object or as knots, coefficients, degree."""

    def make(x: Any, y: Any, *arguments: Any, **options: Any) -> Any:
        _require_plain(plain, x, *arguments, *options.values())

        def parts(value: Any) -> Any:
            made = plain(x, value, *arguments, **options)
            return made if isinstance(made, tuple) else made._eval_args

        values = stacked(y)
        t, c, k = parts(numbers_of(values))[:3]
        if any([parts(unit)[1].shape != c.shape for unit in np.eye(len(values))]):
            raise NoRuleError(
                f"scipy.interpolate.{plain.__name__}: knots that depend on tracked values have no rule; s=0"
            )
        c = linearly(lambda value: parts(value)[1], values)
        return (t, c, k) if plain.__name__ == "splrep" else _Univariate(t, c, k)

    return make


def _of_class(plain: Any) -> Callable[..., Any]:
    """The method of a spline from numbers that is given tracked places."""

    def call(self: Any, x: Any, nu: int = 0, ext: Any = None) -> Any:
        if not follows(x):
            return plain(self, numbers_of(x), nu, ext)
        t, c, k = self._eval_args
        return _at_places(t, c, k, x, nu, self.ext if ext is None else ext)

    return call


def _splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    t, c, k = tck
    return _at_places(t, c, k, x, der, ext)


def _splint(a: Any, b: Any, tck: Any, full_output: Any = 0) -> Any:
    if full_output:
        raise NoRuleError("scipy.interpolate.splint of tracked values has no rule with full_output")
    t, c, k = tck
    return _over(t, c, k, a, b)


def of_fitpack(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of FITPACK's functions, where coefficients or places are tracked."""
    kind = module.UnivariateSpline
    made = {"splev": instead(module.splev, _splev), "splint": instead(module.splint, _splint)}
    return [(module, made), (kind, {"__call__": _of_class(kind.__call__)})]
