"""SciPy's densities by kernels, nearest points and centres, and distances of samples, where something is tracked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.spatial as ss
import scipy.spatial.distance as sd
import scipy.stats as st
from scipy.cluster import vq

import chainrule as cr
from chainrule.errors import NoRuleError
from tests.as_written.weighed import weighed

v = np.array([0.3, -1.2, 0.7, 2.1, 0.9, 1.4])
t = np.cos(np.arange(6.0))
points = np.sin(np.arange(16.0) ** 2).reshape(8, 2)
tree = ss.KDTree(points)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "kde, places": st.gaussian_kde(t),
    "kde, samples": lambda x: st.gaussian_kde(x, bw_method=0.4)(t),
    "kde, both": lambda x: st.gaussian_kde(np.stack([x, x**2]))(np.stack([t, x])),
    "kde, weights": lambda x: st.gaussian_kde(t, weights=x**2)(t),
    "kde, logarithm": lambda x: st.gaussian_kde(points.T).logpdf(np.reshape(x, (2, 3))),
    "kde, far away": lambda x: st.gaussian_kde(t).logpdf(100 + x),
    "kde, integral": lambda x: st.gaussian_kde(x).integrate_box_1d(x[0], 1.0),
    "query": lambda x: ss.KDTree(points).query(np.reshape(x, (3, 2)))[0],
    "query, several": lambda x: ss.KDTree(points).query(np.reshape(x, (3, 2)), k=3, p=3)[0],
    "query, one": lambda x: tree.query(x[:2], k=[2])[0],
    "query, within": lambda x: np.minimum(tree.query(np.reshape(x, (3, 2)), k=2, distance_upper_bound=0.9)[0], 5.0),
    "tracked points": lambda x: ss.KDTree(np.reshape(x, (3, 2))).query(points, k=2)[0],
    "tracked both": lambda x: ss.cKDTree(np.reshape(x, (3, 2))).query(x[:2] ** 2)[0],
    "around": lambda x: x * len(tree.query_ball_point(x[:2], 1.0)) * len(ss.KDTree(x[:, None]).query_pairs(1.0)),
    "vq": lambda x: vq.vq(np.reshape(x, (3, 2)), points)[1] + vq.vq(points[:3], np.reshape(x, (3, 2)))[1],
    "canberra": lambda x: sd.cdist(np.reshape(x, (3, 2)), np.concatenate([[[0.0, 0.5]], points])[:4], "canberra"),
    "braycurtis": lambda x: sd.pdist(np.reshape(x, (3, 2)), "braycurtis"),
    "seuclidean": lambda x: sd.cdist(np.reshape(x, (3, 2)), points, "seuclidean"),
    "seuclidean, V": lambda x: sd.pdist(np.reshape(x, (3, 2)), "seuclidean", V=np.exp(x[:2])),
    "mahalanobis": lambda x: sd.pdist(np.reshape(np.outer(x, [1, 0.3, 2]) + np.eye(6)[:, :3], (-1, 3)), "mahalanobis"),
    "jensenshannon": lambda x: sd.cdist(np.exp(np.reshape(x, (3, 2))), points**2 + 0.1, "jensenshannon"),
    "minkowski": lambda x: sd.cdist(np.reshape(x, (3, 2)), points, "minkowski", p=3, w=x[:2] ** 2),
    "by a function": lambda x: sd.cdist(np.reshape(x, (3, 2)), points, lambda a, b: np.sum(np.abs(a - b) ** 3)),
    "pairs by a function": lambda x: sd.pdist(np.reshape(x, (3, 2)), lambda a, b: float(np.sum((a - b) ** 2))),
    "hausdorff": lambda x: sd.directed_hausdorff(np.reshape(x, (3, 2)), points)[0],
    "wasserstein": lambda x: st.wasserstein_distance(x, t),
    "wasserstein, weights": lambda x: st.wasserstein_distance(t, 2 * t, x**2, np.abs(x)),
    "energy": lambda x: st.energy_distance(t, x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name: str) -> None:
    scalar = weighed(FUNCTIONS[name], v)
    value, gradient = cr.value_and_grad(scalar)(v)
    np.testing.assert_allclose(value, scalar(v), rtol=1e-9, atol=1e-12)
    slopes = [(scalar(v + h) - scalar(v - h)) / 2e-6 for h in 1e-6 * np.eye(6)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-6 * (1 + np.abs(gradient).max()))
    np.testing.assert_allclose(cr.jvp(scalar, (v,), (t,))[1], gradient @ t, rtol=1e-8, atol=1e-10)
    second = (cr.grad(scalar)(v + 1e-5 * t) - cr.grad(scalar)(v - 1e-5 * t)) / 2e-5
    np.testing.assert_allclose(cr.hvp(scalar, v, t), second, rtol=1e-4, atol=1e-5 * (1 + np.abs(second).max()))


def test_other_questions_to_a_tree() -> None:
    with pytest.raises(NoRuleError, match="sparse_distance_matrix of tracked points has no rule: query has"):
        cr.grad(lambda x: ss.KDTree(x[:, None]).sparse_distance_matrix(tree, 1.0).sum())(v)
