"""Complex numbers: the convention, programs that are complex in part, holomorphic derivatives, and what is an error."""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.complex_points import along, complex_gradient

Z = np.array([1 + 2j, 3 - 1j, -2 + 0.5j])
X = np.array([1.0, -0.5, 2.0])


def power(x: Any) -> Any:
    """The sum of a spectrum's squares, weighted: real numbers, complex ones, real ones."""
    return np.sum(np.abs(np.fft.fft(x)) ** 2 * np.arange(1, len(x) + 1)) + np.sum(np.abs(np.exp(1j * x) + x))


# --- the convention ---------------------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_the_parts() -> None:
    """As in PyTorch: ∂L/∂Re z + i ∂L/∂Im z, which is 2 z for |z|²."""
    np.testing.assert_allclose(cr.grad(lambda z: np.sum(np.abs(z) ** 2))(Z), 2 * Z)
    np.testing.assert_allclose(cr.grad(lambda z: np.sum(z.real))(Z), np.ones(3))
    np.testing.assert_allclose(cr.grad(lambda z: np.sum(z.imag))(Z), 1j * np.ones(3))
    np.testing.assert_allclose(cr.grad(lambda z: np.sum(np.exp(z)).real)(Z), np.conj(np.exp(Z)))


def test_tensors_follow_it() -> None:
    z = cr.tensor(Z, requires_grad=True)
    np.sum(np.abs(z) ** 2).backward()
    np.testing.assert_allclose(z.grad.value, 2 * Z)
    w = z * 1j
    w.retain_grad()
    seen = []
    w.register_hook(lambda gradient: seen.append(gradient.value))
    np.sum(np.abs(w) ** 2).backward()
    np.testing.assert_allclose(w.grad.value, 2j * Z)
    np.testing.assert_allclose(seen[0], 2j * Z)
    y = cr.tensor(2j, requires_grad=True)
    (y * y).backward(np.array(1.0 + 0j))
    np.testing.assert_allclose(y.grad.value, np.conj(4j))


def test_a_hook_may_change_a_complex_gradient() -> None:
    z = cr.tensor(Z, requires_grad=True)
    w = z * 2
    w.register_hook(lambda gradient: gradient * 1j)
    np.sum(np.abs(w) ** 2).backward()
    np.testing.assert_allclose(z.grad.value, 2 * 1j * (2 * 2 * Z))


def test_a_real_argument_has_a_real_gradient() -> None:
    found = cr.grad(power)(X)
    assert found.dtype == float
    np.testing.assert_allclose(found, complex_gradient(power, X), rtol=1e-8)
    real, complex_ = cr.grad(lambda x, z: np.sum(np.abs(x * z) ** 2), (0, 1))(X, Z)
    np.testing.assert_allclose(real, 2 * X * np.abs(Z) ** 2)
    np.testing.assert_allclose(complex_, 2 * X**2 * Z)


@pytest.mark.parametrize("dtype", [np.complex64, np.float32])
def test_single_precision_stays(dtype: Any) -> None:
    point = (Z if dtype is np.complex64 else X).astype(dtype)
    found = (
        cr.grad(power)(point) if dtype is np.float32 else cr.grad(lambda z: np.sum(np.abs(np.fft.ifft(z * z))))(point)
    )
    assert found.dtype == dtype
    _, pushed = cr.jvp(lambda x: np.fft.fft(x) * 1j, (point,), (point,))
    assert pushed.dtype == np.complex64


def test_where_there_is_no_derivative() -> None:
    """As PyTorch gives: 0 for |z| and arg z at 0, and for what is made of them."""
    for function in (np.abs, np.angle, np.linalg.norm, lambda z: np.sum(np.sign(z)).real):
        zero = cr.grad(lambda z, function=function: np.sum(function(z)))(np.zeros(2, complex))
        np.testing.assert_array_equal(zero, np.zeros(2))
    for function in (np.abs, np.angle):
        second = cr.hvp(lambda z, function=function: np.sum(function(z)), np.zeros(2, complex), Z[:2])
        np.testing.assert_array_equal(second, np.zeros(2))


# --- products, second order -------------------------------------------------------------------------------------------


def test_products_in_both_directions() -> None:
    def function(z: Any) -> Any:
        return np.conj(z) * np.exp(z) + z.real

    tangent = np.array([1 - 1j, 2j, 0.3])
    _, pushed = cr.jvp(function, (Z,), (tangent,))
    np.testing.assert_allclose(pushed, along(function, Z, tangent), rtol=1e-9)
    _, pull = cr.vjp(function, Z)
    expected = complex_gradient(lambda z: np.sum(np.real(np.conj(tangent) * function(z))), Z)
    np.testing.assert_allclose(pull(tangent)[0], expected, rtol=1e-8)


def test_second_order_through_complex_numbers() -> None:
    direction = np.array([0.3, -1.0, 0.7])
    expected = along(cr.grad(power), X, direction)
    np.testing.assert_allclose(cr.hvp(power, X, direction), expected, rtol=1e-7)
    hessian = cr.hessian(power)
    H = hessian(X)
    assert H.dtype == float
    np.testing.assert_allclose(H @ direction, expected, rtol=1e-7)
    np.testing.assert_allclose(hessian(X + 1) @ direction, cr.hvp(power, X + 1, direction), rtol=1e-9)
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(cr.grad(power)(x) * direction))(X), expected, rtol=1e-7)


def test_the_hvp_of_complex_arguments_is_the_change_of_the_gradient() -> None:
    def loss(z: Any) -> Any:
        return np.sum(np.abs(z) ** 4) + np.sum(z**3).imag

    np.testing.assert_allclose(cr.hvp(loss, Z, 1j * Z), along(cr.grad(loss), Z, 1j * Z), rtol=1e-8)


# --- Jacobians --------------------------------------------------------------------------------------------------------


def test_jacobians_of_real_arguments_keep_their_structure() -> None:
    J = cr.jacobian(lambda x: np.abs(np.exp(1j * x) + x))(X)
    assert J.stored == 3
    assert J.dtype == float
    np.testing.assert_allclose(J.diagonal(), cr.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + x)))(X))
    turned = cr.jacobian(lambda x: np.conj(np.exp(1j * x)) * (2 + 1j * np.real(np.exp(1j * x))))
    units = np.eye(3)
    expected = np.stack([along(lambda x: np.exp(-1j * x) * (2 + 1j * np.cos(x)), X, unit) for unit in units], 1)
    np.testing.assert_allclose(turned(X).dense(), expected, rtol=1e-9)
    np.testing.assert_allclose(turned(X).dense(), turned(X).dense())


def test_a_jacobian_of_a_real_result_goes_backwards() -> None:
    def function(x: Any) -> Any:
        return np.real(np.fft.ifft(np.fft.fft(x) ** 2 * np.conj(np.fft.fft(x))))

    J = cr.jacobian(function)(X)
    expected = np.stack([along(function, X, unit) for unit in np.eye(3)], 1)
    np.testing.assert_allclose(J.dense(), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(J.T @ X, cr.vjp(function, X)[1](X)[0], rtol=1e-12)


def test_holomorphic_derivatives() -> None:
    J = cr.jacobian(lambda z: z * np.exp(z), holomorphic=True)(Z)
    assert J.stored == 3
    np.testing.assert_allclose(J.diagonal(), (1 + Z) * np.exp(Z))
    np.testing.assert_allclose(cr.grad(lambda z: np.sum(z**3), holomorphic=True)(Z), 3 * Z**2)
    A = np.array([[1.0, 2j], [0.5, 1 - 1j]])
    np.testing.assert_allclose(cr.jacobian(lambda z: A @ z, holomorphic=True)(Z[:2]).dense(), A)


# --- parts that are written to ----------------------------------------------------------------------------------------


def test_buffers_of_complex_numbers() -> None:
    def fill(x: Any) -> Any:
        y = np.zeros(3, complex)
        for i in range(3):
            y[i] = x[i] * (1 + 1j * i)
        y += 1j * x**2
        return np.sum(np.abs(y) ** 2)

    np.testing.assert_allclose(cr.grad(fill)(X), complex_gradient(fill, X), rtol=1e-8)


def test_real_and_imaginary_parts_are_written_to() -> None:
    def change(z: Any) -> Any:
        z = z * 1
        z.real = z.imag**2
        z.imag[1:] *= 2
        z.real[0] *= z.imag[1]
        turned = z[::-1]
        turned.real[0] = turned.imag[1] ** 3
        return np.sum(np.abs(z) ** 2)

    np.testing.assert_allclose(cr.grad(change)(Z), complex_gradient(change, Z), rtol=1e-7, atol=1e-9)
    x = cr.tensor(X)
    with pytest.raises(cr.errors.DtypeError, match="does not have an imaginary part"):
        x.imag = 1.0


# --- questions and other readers --------------------------------------------------------------------------------------


def test_questions_are_answered() -> None:
    z: Any = cr.tensor(Z, requires_grad=True)
    assert np.iscomplexobj(z)
    assert not np.iscomplexobj(z.real)
    close: Any = np.real_if_close(z * (1 - 1e-20j) * np.conj(z))
    assert close.dtype == float
    np.testing.assert_allclose(close.value, np.abs(Z) ** 2)
    assert np.iscomplexobj(np.real_if_close(z))
    sorted_: list[Any] = [np.sort_complex(z), np.sort_complex(z.real), np.angle(z, deg=True)]
    for found, expected in zip(
        sorted_, (np.sort_complex(Z), np.sort_complex(Z.real), np.angle(Z, deg=True)), strict=True
    ):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.value, expected)


@pytest.mark.parametrize("x", [X, np.abs(X) / 3])
def test_the_continued_functions_of_numpy(x: Any) -> None:
    for function in (np.emath.sqrt, np.emath.log, np.emath.log2, np.emath.arcsin, np.emath.arctanh):

        def loss(x: Any, function: Any = function) -> Any:
            return np.sum(np.real(function(x) * (1 + 2j)))

        np.testing.assert_allclose(cr.grad(loss)(x * 0.9), complex_gradient(loss, x * 0.9), rtol=1e-6)


def test_a_negative_base_has_the_logarithm_of_a_complex_exponent() -> None:
    def loss(x: Any) -> Any:
        return np.sum(np.real((-2.0) ** (x + 0.5j)))

    np.testing.assert_allclose(cr.grad(loss)(X), complex_gradient(loss, X), rtol=1e-7)


def test_compiled_functions_run_complex_steps() -> None:
    compiled = cr.compile(cr.value_and_grad(power))
    for x in (X, X + 1):
        value, gradient = compiled(x)
        np.testing.assert_allclose(value, power(x))
        np.testing.assert_allclose(gradient, cr.grad(power)(x))
    np.testing.assert_allclose(cr.compile(cr.grad(lambda z: np.sum(np.abs(z) ** 2)))(Z), 2 * Z)


def test_checks_of_complex_gradients() -> None:
    def loss(z: Any) -> Any:
        return np.sum(z * np.conj(z)).real

    assert cr.check(loss, lambda z: 2 * z, Z).ok
    (finding,) = cr.check(loss, lambda z: 2 * np.conj(z), Z).findings
    assert finding.mistake == "conjugate"
    assert cr.check(power, cr.grad(power), X).ok
    assert not cr.check(power, lambda x: 2 * cr.grad(power)(x), X).ok


# --- errors -----------------------------------------------------------------------------------------------------------

ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: cr.grad(np.exp)(1j), cr.errors.HolomorphicError, "holomorphic=True"),
    (lambda: cr.grad(np.abs, holomorphic=True)(1j), cr.errors.HolomorphicError, "leave it out"),
    (lambda: cr.grad(np.conj, holomorphic=True)(1j), cr.errors.HolomorphicError, "conjugate.*no holomorphic step"),
    (lambda: cr.grad(lambda z: z * z.real, holomorphic=True)(1j), cr.errors.HolomorphicError, "real"),
    (lambda: cr.jacobian(np.exp)(Z), cr.errors.HolomorphicError, "as arguments of their own"),
    (lambda: cr.jacobian(np.abs)(Z), cr.errors.HolomorphicError, "as arguments of their own"),
    (lambda: cr.jacobian(np.conj, holomorphic=True)(Z), cr.errors.HolomorphicError, "conjugate"),
    (lambda: cr.hessian(np.abs)(1j), cr.errors.HolomorphicError, "hessian"),
    (lambda: cr.gauss_newton(lambda x: np.exp(1j * x))(X), cr.errors.HolomorphicError, "gauss_newton"),
    (lambda: cr.tensor(1j, requires_grad=True).backward(), cr.errors.NotScalarError, "real scalar outputs"),
    (lambda: cr.vjp(np.abs, Z)[1](1j * Z), cr.errors.DtypeError, "made of real numbers"),
    (lambda: cr.jvp(np.sin, (X,), (1j * X,)), cr.errors.DtypeError, "made of real numbers"),
    (lambda: cr.grad(np.max)(Z), cr.errors.HolomorphicError, "that is no gradient of a real result"),
    (lambda: cr.grad(lambda z: np.maximum(z, 1j))(1.0), cr.errors.DtypeError, "maximum.*complex128"),
    (lambda: cr.derive(power)(X), cr.errors.DtypeError, "formulas do not speak"),
    (lambda: cr.derive(np.abs)(Z), cr.errors.DtypeError, "no argument is a real number"),
    (lambda: cr.grad(lambda x: cmath.acos(x[0]).real)(X), cr.errors.AssignmentError, "a plain number was wanted"),
]


@pytest.mark.parametrize(("run", "kind", "says"), ERRORS)
def test_errors(run: Callable[[], Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        run()


def test_constants_may_be_complex() -> None:
    factor = np.abs(np.fft.fft(np.array([1.0, 2.0])))
    assert np.allclose(cr.grad(lambda x: np.sum(x * factor))(np.ones(2)), factor)
    with cr.no_grad():
        assert (cr.tensor([1.0], requires_grad=True) * 1j).dtype == complex


def test_sources_have_the_standard_s_names() -> None:
    def loss(z: Any) -> Any:
        return np.sum(np.abs(np.fft.fft(z)) ** 2) + np.sum(np.conj(z) * z**2).real

    for x in (X, Z):
        text = str(cr.source(cr.grad(loss))(x))
        names: dict[str, Any] = {}
        exec(text, names)
        np.testing.assert_allclose(names["loss"](np, x), cr.grad(loss)(x))
        assert "conjugate" not in text
    assert "xp.conj(" in text
    assert "xp.fft.fft(" in text
