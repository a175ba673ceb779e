"""Functional transforms: containers, aux, argnums, any order, nested and mixed modes, perturbation confusion."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(0)


def f(x: Any) -> Any:
    return np.sum(np.sin(x) * x**2)


def test_grad_and_value() -> None:
    x = rng.normal(size=4)
    value, gradient = cr.value_and_grad(f)(x)
    assert type(gradient) is np.ndarray
    assert np.isclose(value, f(x))
    np.testing.assert_allclose(gradient, np.cos(x) * x**2 + 2 * x * np.sin(x))


def test_python_numbers_in_numbers_out() -> None:
    gradient = cr.grad(lambda x: x**3)(2.0)
    assert gradient == 12.0
    assert np.ndim(gradient) == 0


def test_argnums_and_containers() -> None:
    class Layer(NamedTuple):
        W: Any
        b: Any

    def loss(layer: Any, data: Any) -> Any:
        return np.sum((data["x"] @ layer.W + layer.b) ** 2)

    layer = Layer(rng.normal(size=(3, 2)), np.zeros(2))
    data = {"x": rng.normal(size=(5, 3)), "unused": (np.ones(2), [])}
    by_layer, by_data = cr.grad(loss, argnums=(0, 1))(layer, data)
    residual = 2 * (data["x"] @ layer.W + layer.b)
    assert isinstance(by_layer, Layer)
    np.testing.assert_allclose(by_layer.W, data["x"].T @ residual)  # type: ignore[attr-defined]
    np.testing.assert_allclose(by_layer.b, residual.sum(0))
    np.testing.assert_allclose(by_data["x"], residual @ layer.W.T)
    assert by_data["unused"][0].tolist() == [0.0, 0.0]
    assert by_data["unused"][1] == []
    np.testing.assert_allclose(cr.grad(loss, argnums=-1)(layer, data)["x"], by_data["x"])


def test_keyword_arguments_and_aux() -> None:
    def g(x: Any, *, scale: float) -> Any:
        return np.sum(x) * scale, {"doubled": x * 2}

    gradient, aux = cr.grad(g, has_aux=True)(np.ones(2), scale=3.0)
    assert gradient.tolist() == [3.0, 3.0]
    assert type(aux["doubled"]) is np.ndarray
    (value, _), _ = cr.value_and_grad(g, has_aux=True)(np.ones(2), scale=3.0)
    assert value == 6.0
    J, aux = cr.jacobian(lambda x: (x * 2, x), has_aux=True)(np.ones(2))
    assert J.dense().tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert aux.tolist() == [1.0, 1.0]


def test_a_constant_has_gradient_zero() -> None:
    assert cr.grad(lambda x: 3.0)(np.ones(2)).tolist() == [0.0, 0.0]
    assert cr.jacobian(lambda x: np.ones(3))(np.ones(2)).dense().tolist() == np.zeros((3, 2)).tolist()


def test_any_order() -> None:
    g: Any = np.sin
    x = 0.7
    expected = [np.cos(x), -np.sin(x), -np.cos(x), np.sin(x), np.cos(x)]
    for value in expected:
        g = cr.grad(g)
        assert np.isclose(g(x), value)


def test_vjp_and_jvp_agree_with_the_jacobian() -> None:
    def g(x: Any, y: Any) -> Any:
        return {"a": np.outer(x, y), "b": np.sum(x) * y}

    x, y = rng.normal(size=3), rng.normal(size=2)
    value, pullback = cr.vjp(g, x, y)
    v = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    by_x, by_y = pullback(v)
    tangents = rng.normal(size=3), rng.normal(size=2)
    same, pushed = cr.jvp(g, (x, y), tangents)
    np.testing.assert_allclose(value["a"], same["a"])
    left = sum(np.sum(v[key] * pushed[key]) for key in v)
    right = by_x @ tangents[0] + by_y @ tangents[1]
    assert np.isclose(left, right)
    J = cr.jacobian(g, argnums=(0, 1))(x, y)
    np.testing.assert_allclose(J["a"][0] @ tangents[0] + J["a"][1] @ tangents[1], pushed["a"])
    np.testing.assert_allclose(J["b"][1].T @ v["b"] + J["a"][1].T @ v["a"], by_y)


def test_linearize_runs_the_function_once() -> None:
    calls: list[int] = []

    def g(x: Any) -> Any:
        calls.append(1)
        return np.exp(x)

    _, pushforward = cr.linearize(g, np.zeros(2))
    assert pushforward(np.array([1.0, 0.0])).tolist() == [1.0, 0.0]
    assert pushforward(np.array([0.0, 2.0])).tolist() == [0.0, 2.0]
    assert len(calls) == 1


def test_hessian_products_and_mixed_modes() -> None:
    x, v = rng.normal(size=4), rng.normal(size=4)

    def g(x: Any) -> Any:
        return np.sum(np.exp(x[1:] * x[:-1])) + np.sum(x) ** 3

    H = cr.hessian(g)(x)
    dense = H.dense()
    np.testing.assert_allclose(dense, dense.T, atol=1e-12)
    np.testing.assert_allclose(cr.hvp(g, x, v), dense @ v)
    reverse_over_forward = cr.grad(lambda x: cr.jvp(g, (x,), (v,))[1])(x)
    np.testing.assert_allclose(reverse_over_forward, dense @ v)
    forward_over_forward = cr.jvp(lambda x: cr.jvp(g, (x,), (v,))[1], (x,), (v,))[1]
    assert np.isclose(forward_over_forward, v @ dense @ v)
    reverse_over_reverse = cr.grad(lambda x: np.sum(cr.grad(g)(x) * v))(x)
    np.testing.assert_allclose(reverse_over_reverse, dense @ v)
    np.testing.assert_allclose(H @ v, dense @ v)
    third = cr.jacobian(cr.grad(lambda x: np.sum(cr.grad(g)(x) * v)))(x).dense()
    step = 1e-5
    numeric = (cr.hvp(g, x + step * v, v) - cr.hvp(g, x - step * v, v)) / (2 * step)
    np.testing.assert_allclose(third @ v, numeric, rtol=1e-6)


def test_hessian_between_arguments() -> None:
    x, y = rng.normal(size=2), rng.normal(size=3)
    blocks = cr.hessian(lambda x, y: np.sum(np.outer(x, y) ** 2), argnums=(0, 1))(x, y)
    np.testing.assert_allclose(blocks[0][1].dense(), 4 * np.outer(x, y))
    np.testing.assert_allclose(blocks[0][0].dense(), 2 * np.sum(y**2) * np.eye(2))


def test_perturbations_are_not_confused() -> None:
    # d/dx (x · d/dy (x + y)) = 1, not 2
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))(1.0) == 1.0

    def forward(g: Any) -> Any:
        return lambda x: cr.jvp(g, (x,), (1.0,))[1]

    assert forward(lambda x: x * forward(lambda y: x + y)(1.0))(1.0) == 1.0
    assert forward(lambda x: x * cr.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert cr.grad(lambda x: x * forward(lambda y: x + y)(1.0))(1.0) == 1.0
    assert cr.grad(lambda x: x * cr.grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert cr.grad(lambda x: cr.grad(lambda y: cr.grad(lambda z: x * y * z)(1.0))(1.0) * x)(3.0) == 6.0


def test_a_derivative_inside_can_be_differentiated() -> None:
    def inner(a: Any) -> Any:
        return cr.jacobian(lambda x: np.sin(a * x))(np.array([0.3, 0.7])).dense()

    def total(a: Any) -> Any:
        return np.sum(inner(a))

    step = 1e-6
    numeric = (total(1.2 + step) - total(1.2 - step)) / (2 * step)
    assert np.isclose(cr.grad(total)(1.2), numeric, rtol=1e-6)


def test_nothing_leaks_out() -> None:
    seen: list[Any] = []

    def g(x: Any) -> Any:
        seen.append(x)
        return np.sum(x**2)

    x = np.ones(3)
    value, gradient = cr.value_and_grad(g)(x)
    assert isinstance(value, float)
    assert type(gradient) is np.ndarray
    gradient[0] = 7.0
    assert x.tolist() == [1.0, 1.0, 1.0]
    with cr.no_grad():
        assert cr.grad(g)(x).tolist() == [2.0, 2.0, 2.0]


def test_tensors_in_tensors_out() -> None:
    x = cr.tensor([1.0, 2.0])
    assert isinstance(cr.grad(lambda x: np.sum(x**2))(x), cr.Tensor)
    x.requires_grad_()
    gradient = cr.grad(lambda x: np.sum(x**3))(x)
    gradient.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_float32_stays_float32() -> None:
    x = np.ones(3, np.float32)
    assert cr.grad(f)(x).dtype == np.float32
    assert cr.jvp(np.sin, (x,), (x,))[1].dtype == np.float32
    assert cr.jacobian(np.sin)(x).dense().dtype == np.float32


def test_the_gradient_has_the_arguments_shape_and_dtype_always() -> None:
    x = np.ones((1, 3), np.float32)
    y = np.ones((4, 1))
    by_x, by_y = cr.grad(lambda x, y: np.sum(x * y), argnums=(0, 1))(x, y)
    assert (by_x.shape, by_x.dtype) == ((1, 3), np.float32)
    assert (by_y.shape, by_y.dtype) == ((4, 1), np.float64)


@pytest.mark.parametrize("x", [np.zeros((0, 2)), np.ones(1), np.ones((1, 1))])
def test_small_and_empty(x: Any) -> None:
    assert cr.grad(f)(x).shape == x.shape
    assert cr.jacobian(np.sin)(x).dense().shape == x.shape + x.shape
    assert cr.hessian(f)(x).dense().shape == x.shape + x.shape


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("x", [0.0, -1.0, 2.0])
def test_a_path_not_taken_passes_nothing_at_any_order(x: float) -> None:
    g: Any = lambda x: np.where(x > 0, np.sqrt(x), 0.0)  # noqa: E731
    expected = [0.5 * x**-0.5, -0.25 * x**-1.5, 0.375 * x**-2.5] if x > 0 else [0.0, 0.0, 0.0]
    for value in expected:
        g = cr.grad(g)
        assert np.isclose(g(x), value)
    g = lambda x: cr.jvp(lambda x: np.where(x > 0, np.sqrt(x), 0.0), (x,), (1.0,))[1]  # noqa: E731
    assert np.isclose(g(x), expected[0])
