"""Distances of SciPy's between all pairs of points: those that have a formula, of tracked points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.as_written.making import instead, stacked
from chainrule.errors import NoRuleError

__all__ = ["of_distance"]


def _cosine(a: Any, b: Any) -> Any:
    return 1 - np.sum(a * b, -1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


def _correlation(a: Any, b: Any) -> Any:
    return _cosine(a - np.mean(a, -1, keepdims=True), b - np.mean(b, -1, keepdims=True))


def _minkowski(a: Any, b: Any, p: float = 2) -> Any:
    return np.linalg.norm(a - b, ord=p, axis=-1)


def _mahalanobis(a: Any, b: Any, VI: Any) -> Any:
    return np.sqrt(np.sum((a - b) @ stacked(VI) * (a - b), -1))


_FORMULAS: dict[str, Callable[..., Any]] = {
    "euclidean": _minkowski,
    "sqeuclidean": lambda a, b: np.sum((a - b) ** 2, -1),
    "cityblock": lambda a, b: _minkowski(a, b, 1),
    "chebyshev": lambda a, b: _minkowski(a, b, np.inf),
    "minkowski": _minkowski,
    "cosine": _cosine,
    "correlation": _correlation,
    "mahalanobis": _mahalanobis,
}


def _pairs(a: Any, b: Any, metric: Any, options: Mapping[str, Any]) -> Any:
    formula = _FORMULAS.get(metric) if isinstance(metric, str) else None
    names = {"minkowski": {"p"}, "mahalanobis": {"VI"}}.get(metric, set()) if formula else set()
    if formula is None or options.keys() - names or (metric == "mahalanobis" and "VI" not in options):
        raise NoRuleError(
            f"scipy.spatial.distance of tracked points with metric={metric!r} and {sorted(options)}: there are rules "
            f"for {', '.join(_FORMULAS)} with p= or VI= alone. Write it with NumPy's functions."
        )
    return formula(a, b, **options)


def _cdist(XA: Any, XB: Any, metric: Any = "euclidean", **options: Any) -> Any:
    a, b = stacked(XA), stacked(XB)
    return _pairs(a[:, None, :], b[None, :, :], metric, options)


def _pdist(X: Any, metric: Any = "euclidean", **options: Any) -> Any:
    points = stacked(X)
    first, second = np.triu_indices(len(points), 1)
    return _pairs(points[first], points[second], metric, options)


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
    return [(module, {name: instead(getattr(module, name), function) for name, function in made.items()})]
