"""SciPy's functions of samples in C: densities by kernels, nearest points, nearest centres.

Which point is nearest is decided by numbers; the distance to it is a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.as_written.making import choosing, instead, numbers_of, stacked
from chainrule.errors import NoRuleError
from chainrule.tensor import Tensor

__all__ = ["of_clusters", "of_distributions", "of_kernels", "of_trees"]

Places = list[tuple[Any, Mapping[str, Any]]]


def _kernels(points: Any, values: Any, xi: Any, cho_cov: Any) -> tuple[Any, Any]:
    """For each pair of a point and a place the weight, and half the squared distance in units of the spread."""
    apart = stacked(xi)[:, None] - stacked(points)[None]
    factor = stacked(cho_cov)
    scaled = np.linalg.solve(factor, np.transpose(np.reshape(apart, (-1, apart.shape[-1]))))
    exponents = np.reshape(-0.5 * np.sum(scaled**2, axis=0), apart.shape[:2])
    scale = np.prod(np.diagonal(factor)) * (2 * np.pi) ** (apart.shape[-1] / 2)
    return stacked(values)[:, 0] / scale, exponents


def _estimate(points: Any, values: Any, xi: Any, cho_cov: Any, *_: Any) -> Any:
    weights, exponents = _kernels(points, values, xi, cho_cov)
    return (np.exp(exponents) @ weights)[:, None]


def _logarithm(points: Any, values: Any, xi: Any, cho_cov: Any, *_: Any) -> Any:
    weights, exponents = _kernels(points, values, xi, cho_cov)
    top = np.max(numbers_of(exponents), axis=1)
    return (np.log(np.exp(exponents - top[:, None]) @ weights) + top)[:, None]


class _Chosen:
    """A function in C of several types of numbers, that is indexed by one of them."""

    def __init__(self, plain: Any, made: Callable[..., Any]) -> None:
        self.plain, self.made = plain, made

    def __getitem__(self, kind: Any) -> Any:
        return instead(self.plain[kind], self.made)


def of_kernels(module: Any) -> Places:
    """What takes the place of functions in C of SciPy's module of densities by kernels."""
    made = {"gaussian_kernel_estimate": _estimate, "gaussian_kernel_estimate_log": _logarithm}
    return [(module, {name: _Chosen(getattr(module, name), formula) for name, formula in made.items()})]


def of_distributions(module: Any) -> Places:
    """What takes the place of the distance of two samples, whose methods are called with what is tracked in either."""

    def distance(p: float, *given: Any) -> Any:
        return plain(
            p, *[Tensor(np.asarray(each)) if type(each) is np.ndarray else each for each in map(_array, given)]
        )

    plain = module._cdf_distance
    return [(module, {"_cdf_distance": instead(plain, distance)})]


def _array(value: Any) -> Any:
    return value if value is None else stacked(value)


# --- nearest points ---


def _to_nearest(points: Any, x: Any, found: tuple[Any, Any], p: float) -> tuple[Any, Any]:
    """Distances to the points that are ``found``; what is missing has an infinite one."""
    distances, indices = (np.asarray(each) for each in found)
    points, x = stacked(points), stacked(x)
    is_there = indices < len(points)
    several = indices.ndim - (x.ndim - 1)
    apart = points[np.where(is_there, indices, 0)] - np.reshape(x, (*x.shape[:-1], *(1,) * several, x.shape[-1]))
    made = np.linalg.norm(apart, ord=p, axis=-1)
    return (made if is_there.all() else np.where(is_there, made, distances)), found[1]


def _query(plain: Any) -> Any:
    def query(self: Any, x: Any, k: Any = 1, eps: float = 0.0, p: float = 2.0, *rest: Any, **options: Any) -> Any:
        return _to_nearest(self.data, x, plain(self, numbers_of(stacked(x)), k, eps, p, *rest, **options), p)

    return instead(plain, query)


class _Tree:
    """A tree of tracked points."""

    def __init__(self, plain: Any, data: Any, *arguments: Any, **options: Any) -> None:
        self.points = stacked(data)
        self.tree = plain(numbers_of(self.points), *arguments, **options)

    def query(self, x: Any, k: Any = 1, eps: float = 0.0, p: float = 2.0, *rest: Any, **options: Any) -> Any:
        found = self.tree.query(numbers_of(stacked(x)), k, eps, p, *rest, **options)
        return _to_nearest(self.points, x, found, p)

    def __getattr__(self, name: str) -> Any:
        if name in ("query_ball_point", "query_ball_tree", "query_pairs", "count_neighbors", "n", "m"):
            found = getattr(self.tree, name)
            return choosing(found) if callable(found) else found
        raise NoRuleError(f"KDTree(…).{name} of tracked points has no rule: query has; or take x.detach()")


def _tree(plain: Any) -> Any:
    return instead(plain, lambda data, *arguments, **options: _Tree(plain, data, *arguments, **options))


def of_trees(module: Any) -> Places:
    """What takes the place of trees in `scipy.spatial`."""
    kind = module.KDTree
    around = instead(kind.query_ball_point, choosing(kind.query_ball_point))
    methods = {"query": _query(kind.query), "query_ball_point": around}
    return [(kind, methods), (module, {name: _tree(vars(module)[name]) for name in _TREES})]


_TREES = ("KDTree", "cKDTree")


def of_clusters(module: Any) -> Places:
    """What takes the place of vector quantization in `scipy.cluster.vq`."""

    def vq(obs: Any, code_book: Any, check_finite: bool = True) -> Any:
        codes, _ = plain(numbers_of(stacked(obs)), numbers_of(stacked(code_book)), check_finite)
        apart = stacked(obs) - stacked(code_book)[codes]
        return codes, np.linalg.norm(apart, axis=-1) if apart.ndim > 1 else np.abs(apart)

    plain = module.vq
    return [(module, {"vq": instead(plain, vq)})]
