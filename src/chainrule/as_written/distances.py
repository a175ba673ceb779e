"""Distances of SciPy's between all pairs of points: those that have a formula, of tracked points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.as_written.making import instead, numbers_of, stacked
from chainrule.errors import NoRuleError
from chainrule.linear._scipy import special

__all__ = ["of_distance"]


def _cosine(a: Any, b: Any) -> Any:
    return 1 - np.sum(a * b, -1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


def _correlation(a: Any, b: Any) -> Any:
    return _cosine(a - np.mean(a, -1, keepdims=True), b - np.mean(b, -1, keepdims=True))


def _minkowski(a: Any, b: Any, p: float = 2, w: Any = None) -> Any:
    if w is None:
        return np.linalg.norm(a - b, ord=p, axis=-1)
    return np.sum(stacked(w) * np.abs(a - b) ** p, -1) ** (1 / p)


def _mahalanobis(a: Any, b: Any, VI: Any) -> Any:
    return np.sqrt(np.sum((a - b) @ stacked(VI) * (a - b), -1))


def _canberra(a: Any, b: Any) -> Any:
    size = np.abs(a) + np.abs(b)
    return np.sum(np.where(size == 0, 0.0, np.abs(a - b) / np.where(size == 0, 1.0, size)), -1)


def _jensenshannon(a: Any, b: Any) -> Any:
    a, b = a / np.sum(a, -1, keepdims=True), b / np.sum(b, -1, keepdims=True)
    middle = (a + b) / 2
    both = np.sum(special.rel_entr(a, middle), -1) + np.sum(special.rel_entr(b, middle), -1)
    return np.sqrt(both / 2)


_FORMULAS: dict[str, Callable[..., Any]] = {
    "euclidean": _minkowski,
    "sqeuclidean": lambda a, b: np.sum((a - b) ** 2, -1),
    "cityblock": lambda a, b: _minkowski(a, b, 1),
    "chebyshev": lambda a, b: _minkowski(a, b, np.inf),
    "minkowski": _minkowski,
    "cosine": _cosine,
    "correlation": _correlation,
    "mahalanobis": _mahalanobis,
    "seuclidean": lambda a, b, V: np.sqrt(np.sum((a - b) ** 2 / stacked(V), -1)),
    "canberra": _canberra,
    "braycurtis": lambda a, b: np.sum(np.abs(a - b), -1) / np.sum(np.abs(a + b), -1),
    "jensenshannon": _jensenshannon,
}
_OPTIONS = {"minkowski": {"p", "w"}, "mahalanobis": {"VI"}, "seuclidean": {"V"}}
_SPREAD: dict[str, Callable[[Any], dict[str, Any]]] = {  # what an option is by default, of all points
    "mahalanobis": lambda points: {"VI": np.linalg.inv(np.cov(np.transpose(points)))},
    "seuclidean": lambda points: {"V": np.var(points, axis=0, ddof=1)},
}


def _pairs(a: Any, b: Any, metric: Any, options: Mapping[str, Any], points: Any) -> Any:
    """Distances between the last axes of two arrays; ``points`` are all that there are."""
    if callable(metric):
        one, other = np.broadcast_arrays(a, b)
        places = list(np.ndindex(*one.shape[:-1]))
        return np.reshape(stacked([metric(one[k], other[k], **options) for k in places]), one.shape[:-1])
    formula = _FORMULAS.get(metric)
    if formula is None or options.keys() - _OPTIONS.get(metric, set()):
        raise NoRuleError(
            f"scipy.spatial.distance of tracked points with metric={metric!r} and {sorted(options)}: there are rules "
            f"for {', '.join(_FORMULAS)} with p=, w=, V= or VI= alone, and for functions. Write it with NumPy's."
        )
    given = {name: value for name, value in options.items() if value is not None}
    return formula(a, b, **(given or _SPREAD.get(metric, lambda points: {})(points)))


def _hausdorff(plain: Any) -> Any:
    def directed_hausdorff(u: Any, v: Any, *rest: Any, **options: Any) -> Any:
        _, k, j = plain(numbers_of(stacked(u)), numbers_of(stacked(v)), *rest, **options)
        return np.linalg.norm(stacked(u)[k] - stacked(v)[j]), k, j

    return instead(plain, directed_hausdorff)


def _cdist(XA: Any, XB: Any, metric: Any = "euclidean", **options: Any) -> Any:
    a, b = stacked(XA), stacked(XB)
    return _pairs(a[:, None, :], b[None, :, :], metric, options, np.concatenate([a, b]))


def _pdist(X: Any, metric: Any = "euclidean", **options: Any) -> Any:
    points = stacked(X)
    first, second = np.triu_indices(len(points), 1)
    return _pairs(points[first], points[second], metric, options, points)


def _squareform(X: Any, *_: Any, **__: Any) -> Any:
    values = stacked(X)
    if values.ndim == 2:
        return values[np.triu_indices(len(values), 1)]
    size = round((1 + np.sqrt(1 + 8 * len(values))) / 2)
    numbers = np.zeros((size, size), int)
    numbers[np.triu_indices(size, 1)] = np.arange(1, len(values) + 1)
    return np.concatenate([np.zeros(1), values])[numbers + numbers.T]


def of_distance(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of functions in `scipy.spatial.distance`."""
    made: dict[str, Callable[..., Any]] = {"cdist": _cdist, "pdist": _pdist, "squareform": _squareform}
    places = {name: instead(getattr(module, name), function) for name, function in made.items()}
    return [(module, {**places, "directed_hausdorff": _hausdorff(module.directed_hausdorff)})]
