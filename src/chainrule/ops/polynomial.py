"""Polynomials as arrays of coefficients, made of other operations: the highest power first, but in two variables."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from chainrule.errors import NoDerivativeError, OptionError, ShapeError
from chainrule.op import implements
from chainrule.ops.join import concatenate
from chainrule.ops.options import is_tracked, plain, shape_of
from chainrule.ops.products import convolve
from chainrule.ops.shape import arrayed, at_least, integers_of
from chainrule.ops.spectrum import eigenvalues_of

__all__ = ["polyval", "roots"]


def coefficients(p: Any) -> Any:
    """The coefficients of a polynomial that is given as such, as a list, or as a number."""
    return at_least(arrayed(p.coeffs if isinstance(p, np.poly1d) else p), 1)


def zeros(count: int, like: Any) -> Any:
    """Further coefficients that are 0."""
    return np.zeros(max(count, 0), plain(like).dtype)


def joined(*parts: Any) -> Any:
    """Coefficients one after the other."""
    return concatenate(*[part for part in parts if shape_of(part) != (0,)] or parts[:1], axis=0)


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """np.polyval, by Horner's scheme; ``x`` may be a polynomial too."""
    p = coefficients(p)
    result = 0 if isinstance(x, np.poly1d) else arrayed(x) * 0
    for k in range(shape_of(p)[0]):
        result = result * x + p[k]
    return result


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """np.polyadd."""
    a, b = coefficients(a1), coefficients(a2)
    more = shape_of(a)[0] - shape_of(b)[0]
    return joined(zeros(-more, a), a) + joined(zeros(more, b), b)


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """np.polysub."""
    return polyadd(coefficients(a1), -coefficients(a2))


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """np.trim_zeros: what is left out is constant; but a np.poly1d keeps tracked coefficients, as below."""
    if is_tracked(filt) and _is_for_poly1d():
        return filt
    if set(trim.lower()) - set("fb"):
        raise OptionError(f"np.trim_zeros: trim={trim!r}; expected 'f' (front), 'b' (back) or 'fb'.")
    rank = len(shape_of(filt))
    chosen = range(rank) if axis is None else normalize_axis_tuple(integers_of(axis), rank)
    index = [slice(None)] * rank
    for k, used in enumerate(np.nonzero(plain(filt))):
        if k in chosen:
            start = int(used.min()) if used.size and "f" in trim.lower() else 0
            stop = int(used.max()) + 1 if used.size and "b" in trim.lower() else None
            index[k] = slice(start, stop if used.size else 0)
    return filt[tuple(index)]


def _is_for_poly1d() -> bool:
    """Whether it is a np.poly1d that asks for its coefficients: the caller outside this library."""
    frame: Any = sys._getframe(2)
    while str(frame.f_globals.get("__name__")).startswith("chainrule."):
        frame = frame.f_back
    return frame.f_code is np.poly1d.__init__.__code__


def without_leading_zeros(p: Any) -> Any:
    """The coefficients from the first that is not 0; one 0 if there is none. Tracked ones are only 0 at this point."""
    if is_tracked(p):
        return p
    kept = trim_zeros(p, "f")
    return kept if shape_of(kept)[0] else p[-1:]


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """np.polymul."""
    return convolve(without_leading_zeros(coefficients(a1)), without_leading_zeros(coefficients(a2)))


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """np.polydiv: quotient and remainder, by long division."""
    rest, divisor = coefficients(u) + 0.0, coefficients(v) + 0.0
    size, degree = shape_of(rest)[0], shape_of(divisor)[0] - 1
    found = []
    for k in range(size - degree):
        found.append(rest[k] / divisor[0])
        rest = rest - joined(zeros(k, rest), found[-1] * divisor, zeros(size - degree - 1 - k, rest))
    quotient = np.stack(found) if found else zeros(1, rest)
    is_used = ~np.isclose(plain(rest), 0, rtol=1e-14)
    start = int(np.argmax(is_used)) if np.any(is_used) else size - 1
    return quotient, rest[start:]


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """np.polyder."""
    if m < 0:
        raise OptionError(f"np.polyder: m={m} derivatives; m must be 0 or more.")
    result = coefficients(p)
    for _ in range(int(m)):
        count = shape_of(result)[0]
        result = result[:-1] * np.arange(count - 1, 0, -1)
    return result


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """np.polyint; the constants of integration may be tensors."""
    if m < 0:
        raise OptionError(f"np.polyint: m={m} integrals; m must be 0 or more.")
    constants = np.zeros(m) if k is None else at_least(arrayed(k), 1)
    if constants.shape[0] == 1 and m > 1:
        constants = constants[0] * np.ones(m)
    if constants.shape[0] < m:
        raise ShapeError(f"np.polyint: {constants.shape[0]} constants for m={m} integrals; give one, or one for each.")
    result = coefficients(p)
    for step in range(int(m)):
        count = shape_of(result)[0]
        result = joined(result / np.arange(count, 0, -1), constants[step : step + 1])
    return result


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """np.poly: the polynomial with these zeros, or with the eigenvalues of a matrix."""
    zeros_of = at_least(arrayed(seq_of_zeros), 1)
    if len(zeros_of.shape) == 2:
        zeros_of = eigenvalues_of(zeros_of)
    one = np.ones(1, plain(zeros_of).dtype)
    result = one
    for k in range(zeros_of.shape[0]):
        result = convolve(result, joined(one, -zeros_of[k : k + 1]))
    return result


@implements(np.roots)
def roots(p: Any) -> Any:
    """np.roots: the eigenvalues of the companion matrix; by Newton's method where the coefficients end with a 0.

    Two of its steps from the roots in numbers leave these as they are, and have their derivatives up to the third.
    """
    p = coefficients(p)
    started = trim_zeros(p, "f")
    kept = trim_zeros(started, "b")
    if is_tracked(p) and shape_of(kept) != shape_of(p):
        found: Any = np.roots(p.value)
        if np.any(np.polyval(np.polyder(p.value), found) == 0):
            raise NoDerivativeError(
                "np.roots: a root that occurs twice has no derivative; leave zeros at the ends out."
            )
        for _ in range(2):
            found = found - polyval(p, found) / polyval(polyder(p), found)
        return found
    degree = shape_of(kept)[0] - 1
    trailing = zeros(shape_of(started)[0] - degree - 1, p) if degree >= 0 else zeros(0, p)
    if degree < 1:
        return trailing
    top = (-kept[1:] / kept[0])[None]
    below = np.eye(degree - 1, degree, dtype=plain(p).dtype)
    return joined(eigenvalues_of(np.concatenate([top, below])), trailing)


def powers(x: Any, count: int) -> Any:
    """The powers of all entries, from the power 0: one row for each."""
    flat = np.ravel(x)
    return flat[None] ** np.arange(count)[:, None].astype(plain(flat).dtype)


def in_two(x: Any, y: Any, c: Any, subscripts: str) -> tuple[Any, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Sums over both powers, and the shapes of what there are several polynomials of, of ``x`` and of ``y``."""
    x, y, c = arrayed(x) * 1.0, arrayed(y) * 1.0, arrayed(c)
    first, second, *rest = shape_of(c)
    table = np.reshape(c, (first, second, -1))
    found = np.einsum(subscripts, table, powers(x, first), powers(y, second))
    return found, tuple(rest), shape_of(x), shape_of(y)


@implements(np.polynomial.polynomial.polyval2d)
def polyval2d(x: Any, y: Any, c: Any) -> Any:
    """np.polynomial.polynomial.polyval2d: at points."""
    if shape_of(x) != shape_of(y):
        raise ShapeError(f"polyval2d: x of shape {shape_of(x)} and y of shape {shape_of(y)}; expected one shape.")
    found, rest, shape, _ = in_two(x, y, c, "ijk,ip,jp->kp")
    return np.reshape(found, rest + shape)


@implements(np.polynomial.polynomial.polygrid2d)
def polygrid2d(x: Any, y: Any, c: Any) -> Any:
    """np.polynomial.polynomial.polygrid2d: at all pairs of points."""
    found, rest, shape, other = in_two(x, y, c, "ijk,ip,jq->kpq")
    return np.reshape(found, rest + shape + other)
