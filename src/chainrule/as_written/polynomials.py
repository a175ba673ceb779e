"""The series of `np.polynomial` at tracked points: their code asks whether it was given an array, and a tensor is none.

Where there are several series at once, the axes of the coefficients stand before those of the points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, numbers_of, stacked
from chainrule.errors import NoDerivativeError
from chainrule.tensor import Tensor

__all__ = ["VALUES", "of_polynomials"]

_SERIES = ("polynomial", "chebyshev", "legendre", "laguerre", "hermite", "hermite_e")
_PREFIXES = ("poly", "cheb", "leg", "lag", "herm", "herme")

VALUES = {
    *[prefix + name for prefix in _PREFIXES for name in ("val", "val2d", "val3d", "grid2d", "grid3d")],
    "polyvalfromroots",
}
"""The functions that would otherwise take points of several axes for coefficients of fewer."""


def _values(plain: Callable[..., Any]) -> Callable[..., Any]:
    form = signature(plain)  # x, the coefficients or roots, tensor

    @wraps(plain)
    def call(*arguments: Any, **options: Any) -> Any:
        given = form.bind(*arguments, **options)
        given.apply_defaults()
        x, c, tensor = given.args
        if not isinstance(x, Tensor):
            return plain(x, c, tensor)
        c = np.atleast_1d(stacked(c))
        return plain(x, c.reshape(c.shape + (1,) * x.ndim) if tensor else c, False)

    return call


def _trimmed(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Coefficients without the zeros at their end; those that are tracked stay, since they are only 0 at this point."""

    @wraps(plain)
    def trim(series: Any) -> Any:
        return series if follows(series) else plain(series)

    return trim


def _times_x(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A series times x, for which the series 0 is not one of its own kind."""

    @wraps(plain)
    def call(c: Any) -> Any:
        if follows(c) and (series := np.reshape(stacked(c), -1)).shape == (1,):
            return series[0] * plain([1.0])
        return plain(c)

    return call


def _of_a_degree(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A function that divides by the leading coefficient, or has as many results as it has coefficients."""

    @wraps(plain)
    def call(*arguments: Any, **options: Any) -> Any:
        for series in filter(follows, arguments):
            if numbers_of(stacked(series))[-1] == 0:
                raise NoDerivativeError(
                    f"np.polynomial: {plain.__name__} of a series whose leading coefficient is 0 at this point: "
                    "there is another degree beside it. Leave that coefficient out where it is always 0."
                )
        return plain(*arguments, **options)

    return call


def of_polynomials(package: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of the functions that give values or need a degree, and of what leaves zeros out."""
    found: list[tuple[Any, Mapping[str, Any]]] = [(package.polyutils, {"trimseq": _trimmed(package.polyutils.trimseq)})]
    for name, prefix in zip(_SERIES, _PREFIXES, strict=True):
        module = getattr(package, name)
        plain = vars(module)
        values = {each: _values(plain[each]) for each in plain if each in VALUES and not each.endswith("d")}
        checked = {each: _of_a_degree(plain[prefix + each]) for each in ("div", "roots", "companion")}
        longer = {f"{prefix}mulx": _times_x(plain[f"{prefix}mulx"])}
        found.append((module, {**values, **longer, **{prefix + each: made for each, made in checked.items()}}))
        methods = {f"_{each}": staticmethod(made) for each, made in checked.items() if each != "companion"}
        found += [(kind, methods) for kind in plain.values() if isinstance(kind, type) and "_div" in vars(kind)]
    return found
