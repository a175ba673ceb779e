"""SciPy's distributions of tracked numbers and parameters: their own formulas, on tensors.

Each distribution has its density, or its logarithm, for location 0 and scale 1 as a formula (``_logpdf``, ``_cdf``, …);
what stands around it copies numbers into arrays. These methods take the place of what stands around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, numbers_of

__all__ = ["apply_where", "of_stats"]


def apply_where(condition: Any, args: Any, f1: Any, f2: Any = None, *, fill_value: Any = None, **_: Any) -> Any:
    """One function of numbers where a condition follows, another where not: as SciPy's formulas choose."""
    args = args if isinstance(args, tuple) else (args,)
    condition = np.asarray(numbers_of(condition))
    if condition.all():
        return f1(*args)
    other = f2(*args) if f2 is not None else fill_value
    return np.where(condition, f1(*args) if condition.any() else 0.0, other)


def _method(plain: Any, formula: str, outside: Any, scaled: str = "") -> Callable[..., Any]:
    """A method that is ``formula`` of the standardised numbers; ``outside`` is below and above the support."""

    @wraps(plain)
    def method(self: Any, x: Any, *arguments: Any, **options: Any) -> Any:
        if not any(map(follows, (x, *arguments, *options.values()))):
            return plain(self, x, *arguments, **options)
        arguments, loc, scale = self._parse_args(*arguments, **options)
        y = (x - loc) / scale if hasattr(self, "_pdf") else x - loc
        low, high = self._get_support(*[numbers_of(argument) for argument in arguments])
        inside = (numbers_of(y) >= low) & (numbers_of(y) <= high)
        where = np.where(inside, y, _inside(self, arguments))
        found = getattr(self, formula)(where, *arguments)
        if scaled == "divide":
            found = found / scale
        elif scaled == "subtract":
            found = found - np.log(scale)
        below, above = outside
        return np.where(inside, found, np.where(numbers_of(y) < low, below, above))

    return method


def _inside(distribution: Any, arguments: Any) -> Any:
    """A number in the support, so that a path that is not taken passes nothing."""
    return numbers_of(distribution.median(*[numbers_of(argument) for argument in arguments]))


def _quantile(plain: Any, formula: str) -> Callable[..., Any]:
    @wraps(plain)
    def method(self: Any, q: Any, *arguments: Any, **options: Any) -> Any:
        if not any(map(follows, (q, *arguments, *options.values()))):
            return plain(self, q, *arguments, **options)
        arguments, loc, scale = self._parse_args(*arguments, **options)
        return getattr(self, formula)(q, *arguments) * scale + loc

    return method


def _log_density(x: Any, mean: Any = None, cov: Any = 1, *_: Any, **__: Any) -> Any:
    """The logarithm of the density of a normal distribution of several variables."""
    size = x.shape[-1]
    cov = cov if np.ndim(numbers_of(cov)) == 2 else np.eye(size) * cov
    apart = x if mean is None else x - mean
    factor = np.linalg.cholesky(cov)
    z = np.linalg.solve(factor, np.reshape(apart, (-1, size)).T)
    found = -0.5 * (np.sum(z * z, axis=0) + size * np.log(2 * np.pi)) - np.sum(np.log(np.diagonal(factor)))
    return np.reshape(found, apart.shape[:-1])


def of_stats(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of methods in `scipy.stats`."""
    continuous, discrete = module.rv_continuous, module.rv_discrete
    infinite = float("inf")
    parts = {
        "pdf": ("_pdf", (0.0, 0.0), "divide"),
        "logpdf": ("_logpdf", (-infinite, -infinite), "subtract"),
        "cdf": ("_cdf", (0.0, 1.0), ""),
        "logcdf": ("_logcdf", (-infinite, 0.0), ""),
        "sf": ("_sf", (1.0, 0.0), ""),
        "logsf": ("_logsf", (0.0, -infinite), ""),
    }
    made = {name: _method(getattr(continuous, name), *how) for name, how in parts.items()}
    made |= {name: _quantile(getattr(continuous, name), f"_{name}") for name in ("ppf", "isf")}
    counted = {"pmf": ("_pmf", (0.0, 0.0)), "logpmf": ("_logpmf", (-infinite, -infinite))}
    several = module.multivariate_normal

    def of_several(function: Callable[..., Any], plain: Any) -> Any:
        @wraps(plain)
        def call(x: Any, *arguments: Any, **options: Any) -> Any:
            if any(map(follows, (x, *arguments, *options.values()))):
                return function(x, *arguments, **options)
            return plain(x, *arguments, **options)

        return call

    return [
        (continuous, made),
        (discrete, {name: _method(getattr(discrete, name), *how) for name, how in counted.items()}),
        (
            vars(several),
            {
                "logpdf": of_several(_log_density, several.logpdf),
                "pdf": of_several(lambda *given, **options: np.exp(_log_density(*given, **options)), several.pdf),
            },
        ),
    ]
