"""SciPy's distributions of tracked numbers and parameters: their own formulas, on tensors.

Each distribution has its density, or its logarithm, for location 0 and scale 1 as a formula (``_logpdf``, ``_cdf``, …)
of vectors of one length; what stands around it copies numbers into arrays. These methods take the place of what stands
around: they say which numbers the formula is for, and what there is elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.as_written.making import follows, instead, numbers_of, stacked
from chainrule.errors import NoRuleError
from chainrule.tensor import Tensor

__all__ = ["apply_where", "of_stats"]

_INFINITE = float("inf")


def apply_where(condition: Any, args: Any, f1: Any, f2: Any = None, *, fill_value: Any = None, **_: Any) -> Any:
    """One function of numbers where a condition holds, another where not: as SciPy's formulas choose."""
    args = args if isinstance(args, tuple) else (args,)
    condition = np.asarray(numbers_of(condition))
    if condition.all():
        return f1(*args)
    other = f2(*args) if f2 is not None else fill_value
    return np.where(condition, f1(*args) if condition.any() else 0.0, other)


class _Formula(NamedTuple):
    """A formula by its name, its values below and above the support, and how it goes with the scale."""

    name: str
    below: float
    above: float
    scaled: Callable[[Any, Any], Any] = lambda found, scale: found


_DENSITIES = {
    "pdf": _Formula("_pdf", 0.0, 0.0, lambda found, scale: found / scale),
    "logpdf": _Formula("_logpdf", -_INFINITE, -_INFINITE, lambda found, scale: found - np.log(scale)),
    "cdf": _Formula("_cdf", 0.0, 1.0),
    "logcdf": _Formula("_logcdf", -_INFINITE, 0.0),
    "sf": _Formula("_sf", 1.0, 0.0),
    "logsf": _Formula("_logsf", 0.0, -_INFINITE),
}
_MASSES = {"pmf": _Formula("_pmf", 0.0, 0.0), "logpmf": _Formula("_logpmf", -_INFINITE, -_INFINITE)}
_MASSES |= {name: _DENSITIES[name] for name in ("cdf", "logcdf", "sf", "logsf")}


def _vectors(self: Any, x: Any, arguments: Any, options: Any) -> tuple[Any, Any, Any, list[Any], tuple[int, ...]]:
    """Numbers, location, scale and parameters as vectors of one length, and the shape of the result."""
    arguments, loc, scale = self._parse_args(*arguments, **options)
    arrays = np.broadcast_arrays(*[stacked(value) for value in (x, loc, scale, *arguments)])
    x, loc, scale, *arguments = [np.ravel(array) for array in arrays]
    return x, loc, scale, arguments, arrays[0].shape


def _filled(formula: Callable[..., Any], chosen: Any, rest: Any, x: Any, arguments: Sequence[Any]) -> Any:
    """The formula at the ``chosen`` places, and the numbers ``rest`` elsewhere."""
    places = np.flatnonzero(chosen)
    result: Any = Tensor(np.array(rest, float))
    if len(places):
        result[places] = formula(x[places], *[argument[places] for argument in arguments])
    return result


def _density(self: Any, name: str, general: type) -> Callable[..., Any]:
    """The formula of a name; a density is the exponential of its logarithm, where that has a formula of its own."""
    logarithm = name.replace("_p", "_logp")
    if name in ("_pdf", "_pmf") and getattr(type(self), logarithm) is not getattr(general, logarithm):
        return lambda *given: np.exp(getattr(self, logarithm)(*given))
    found: Callable[..., Any] = getattr(self, name)
    return found


def _method(formula: _Formula, general: Any) -> Callable[..., Any]:
    """A method that is a formula of the standardised numbers; of those that are counted, where numbers are whole."""

    def method(self: Any, x: Any, *arguments: Any, **options: Any) -> Any:
        x, loc, scale, vectors, shape = _vectors(self, x, arguments, options)
        y = (x - loc) / scale
        given, numbers = [numbers_of(vector) for vector in vectors], np.asarray(numbers_of(y))
        low, high = self._get_support(*given)
        is_sound = self._argcheck(*given) & (np.asarray(numbers_of(scale)) > 0) & ~np.isnan(numbers)
        is_inside = is_sound & (low <= numbers) & (numbers <= high)
        if formula.name in ("_pmf", "_logpmf"):
            is_inside = is_inside & self._nonzero(numbers, *given)
        rest = np.where(is_sound, np.where(numbers < low, formula.below, formula.above), np.nan)
        found = _filled(_density(self, formula.name, general), is_inside, rest, y, vectors)
        return np.reshape(formula.scaled(found, scale), shape)

    return method


def _quantile(name: str) -> Callable[..., Any]:
    """A method that gives the number below, or above, which a share lies."""

    def method(self: Any, q: Any, *arguments: Any, **options: Any) -> Any:
        q, loc, scale, vectors, shape = _vectors(self, q, arguments, options)
        given, numbers = [numbers_of(vector) for vector in vectors], np.asarray(numbers_of(q))
        ends = self._get_support(*given)
        low, high = ends if name == "_ppf" else reversed(ends)
        is_sound = self._argcheck(*given) & (np.asarray(numbers_of(scale)) > 0)
        rest = np.where(is_sound & (numbers == 0), low, np.where(is_sound & (numbers == 1), high, np.nan))
        found = _filled(getattr(self, name), is_sound & (numbers > 0) & (numbers < 1), rest, q, vectors)
        return np.reshape(found * scale + loc, shape)

    return method


def _by_factor(spread: Any, points: Any, _: int) -> tuple[Any, Any]:
    """Independent standard normal numbers from points, and the logarithm of the determinant."""
    factor = np.linalg.cholesky(spread)
    return np.transpose(np.linalg.solve(factor, np.transpose(points))), 2 * np.sum(np.log(np.diagonal(factor)))


def _by_directions(spread: Any, points: Any, rank: int) -> tuple[Any, Any]:
    """The same along the directions in which there is any spread, for a matrix that is singular."""
    values, vectors = np.linalg.eigh(spread)
    values, vectors = values[-rank:], vectors[:, -rank:]
    return points @ vectors / np.sqrt(values), np.sum(np.log(values))


def _of_several(is_logarithm: bool) -> Callable[..., Any]:
    """The density of a normal distribution of several variables, or its logarithm."""

    def density(self: Any, x: Any, mean: Any = None, cov: Any = 1, allow_singular: Any = False, *_: Any) -> Any:
        size, _, numeric = self._process_parameters(numbers_of(mean), numbers_of(cov), allow_singular)
        x, cov = stacked(x), stacked(cov)
        points = np.reshape(x, (-1, size)) - (0.0 if mean is None else stacked(mean))
        spread = np.eye(size) * cov if cov.ndim == 0 else np.diag(cov) if cov.ndim == 1 else cov
        whiten = _by_factor if numeric.rank == size else _by_directions
        z, logarithm = whiten(spread, points, numeric.rank)
        found = -0.5 * (np.sum(z * z, axis=-1) + numeric.rank * np.log(2 * np.pi) + logarithm)
        if numeric.rank < size:
            if follows(cov):
                raise NoRuleError(
                    "scipy.stats.multivariate_normal: a tracked covariance that is singular has no rule: where there "
                    "is any density moves with it. Add a small multiple of the identity, or use detach()"
                )
            found = np.where(numeric._support_mask(numbers_of(points)), found, -_INFINITE)
        lead = x.shape if size == 1 and x.shape[-1:] != (1,) else x.shape[:-1]
        found = np.reshape(found, lead if len(found) > 1 else ())
        return found if is_logarithm else np.exp(found)

    return density


def of_stats(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of methods in `scipy.stats`."""
    continuous, discrete, several = module.rv_continuous, module.rv_discrete, type(module.multivariate_normal)
    made = {name: _method(formula, continuous) for name, formula in _DENSITIES.items()}
    made |= {name: _quantile(f"_{name}") for name in ("ppf", "isf")}
    counted = {name: _method(formula, discrete) for name, formula in _MASSES.items()}
    normal = {name: _of_several(name == "logpdf") for name in ("logpdf", "pdf")}
    return [
        (continuous, {name: instead(getattr(continuous, name), method) for name, method in made.items()}),
        (discrete, {name: instead(getattr(discrete, name), method) for name, method in counted.items()}),
        (several, {name: instead(getattr(several, name), method) for name, method in normal.items()}),
    ]
