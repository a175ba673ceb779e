"""Hessians with weights and between arguments, and Gauss-Newton matrices, against dense references."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError, NotScalarError, ShapeError

random = np.random.default_rng(7)
X = random.normal(size=(6, 4))


def model(W: Any, b: Any) -> Any:
    """Arrays of shape (6, 3)."""
    return np.tanh(X @ W + b)


W, B = random.normal(size=(4, 3)), random.normal(size=3)


def full(blocks: Any) -> Any:
    """The dense matrix of a square of blocks."""
    return np.block(
        [[block.dense().reshape(np.prod(block.row_shape, dtype=int), -1) for block in row] for row in blocks]
    )


def test_weights_make_the_hessian_of_the_weighted_sum() -> None:
    weights = random.normal(size=(6, 3))
    transform: Any = cr.hessian(model, argnums=(0, 1), weights=weights)
    expected = cr.hessian(lambda W, b: np.sum(weights * model(W, b)), argnums=(0, 1))
    for scale in (1.0, 2.0):
        np.testing.assert_allclose(full(transform(scale * W, B)), full(expected(scale * W, B)), rtol=1e-12, atol=1e-13)
    assert transform.recorded.recordings == ["replayed"]


def test_weights_are_read_at_each_call() -> None:
    weights = np.ones(3)
    transform: Any = cr.hessian(lambda x: x**3, weights=weights)
    first = transform(np.ones(3)).diagonal()
    weights[:] = 2.0
    np.testing.assert_allclose(transform(np.ones(3)).diagonal(), 2 * first)


def test_weights_of_a_function_that_returns_several_arrays() -> None:
    def several(x: Any) -> Any:
        return {"a": x**2, "b": np.sum(x**3)}

    found = cr.hessian(several, weights={"a": np.array([1.0, 2.0]), "b": 10.0})(np.array([1.0, 2.0]))
    np.testing.assert_allclose(found.dense(), np.diag([2 + 60.0, 4 + 120.0]))


def test_blocks_between_arguments_are_each_others_transposes() -> None:
    H = cr.hessian(lambda W, b: np.sum(model(W, b) ** 2), argnums=(0, 1))(W, B)
    matrix = full(H)
    np.testing.assert_array_equal(H[1][0].dense(), H[0][1].T.dense())
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12, atol=1e-13)

    def flat(z: Any) -> Any:
        return np.sum(model(z[:12].reshape(4, 3), z[12:]) ** 2)

    joined = cr.hessian(flat)(np.concatenate([W.ravel(), B])).dense()
    np.testing.assert_allclose(matrix, joined, rtol=1e-11, atol=1e-12)


def test_blocks_of_a_tree_have_its_containers() -> None:
    H = cr.hessian(lambda p: np.sum(np.sin(p["u"]) * p["v"]))({"u": np.ones(3), "v": np.ones(3)})
    assert {(a, b): H[a][b].structure.split(",")[0] for a in H for b in H[a]} == {
        ("u", "u"): "diagonal",
        ("u", "v"): "diagonal",
        ("v", "u"): "diagonal",
        ("v", "v"): "zero",
    }


@pytest.mark.parametrize("weighted", [False, True])
def test_gauss_newton_is_the_product(weighted: bool) -> None:
    weights = random.uniform(0.5, 2.0, size=(6, 3))
    transform: Any = cr.gauss_newton(model, argnums=(0, 1), weights=weights if weighted else None)
    for scale in (1.0, -1.5):
        blocks = cr.jacobian(model, argnums=(0, 1))(scale * W, B)
        J = np.concatenate([block.dense().reshape(18, -1) for block in blocks], axis=1)
        D = np.diag(weights.ravel()) if weighted else np.eye(18)
        np.testing.assert_allclose(full(transform(scale * W, B)), J.T @ D @ J, rtol=1e-11, atol=1e-12)
    assert transform.recorded.recordings == ["replayed"]


def test_gauss_newton_with_a_loss_leaves_out_the_curvature_of_the_model() -> None:
    def loss(z: Any) -> Any:
        return np.sum(np.log(np.sum(np.exp(z), axis=1)))

    found = cr.gauss_newton(model, argnums=(0, 1), loss=loss)(W, B)
    blocks = cr.jacobian(model, argnums=(0, 1))(W, B)
    J = np.concatenate([block.dense().reshape(18, -1) for block in blocks], axis=1)
    D = cr.hessian(loss)(model(W, B)).dense().reshape(18, 18)
    np.testing.assert_allclose(full(found), J.T @ D @ J, rtol=1e-11, atol=1e-12)


def test_gauss_newton_of_a_linear_model_stays_a_product() -> None:
    A, d = random.normal(size=(300, 20)), random.uniform(1.0, 2.0, size=300)
    G = cr.gauss_newton(lambda w: A @ w, weights=d)(np.ones(20))
    np.testing.assert_allclose(G.dense(), A.T @ (d[:, None] * A), rtol=1e-12)
    assert G.structure.startswith("product AᵀDA")


def test_wrong_weights_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"weights of shape \(2,\) were given for a result of shape \(6, 3\)"):
        cr.hessian(model, weights=np.ones(2))(W, B)
    with pytest.raises(ShapeError, match=r"weights in the containers \(\*, \*\) were given for a function"):
        cr.gauss_newton(model, weights=(1.0, 2.0))(W, B)
    with pytest.raises(GradientError, match=r"give the weights of the result or a loss of it, not both"):
        cr.gauss_newton(model, weights=np.ones((6, 3)), loss=np.sum)
    with pytest.raises(NotScalarError, match=r"a gradient is of one number"):
        cr.hessian(model)(W, B)


def test_a_hessian_is_known_to_be_symmetric() -> None:
    transform: Any = cr.hessian(lambda z: np.sum(model(z[:12].reshape(4, 3), z[12:]) ** 2))
    for scale in (1.0, 2.0):
        H = transform(scale * np.concatenate([W.ravel(), B]))
        assert H.is_symmetric
        assert H.T is H
        assert "symmetric" in H.structure
        assert pickle.loads(pickle.dumps(H)).is_symmetric
        np.testing.assert_allclose(H.dense(), H.dense().T, rtol=1e-12, atol=1e-13)
    assert not cr.jacobian(lambda x: X @ x)(np.ones(4)).is_symmetric
