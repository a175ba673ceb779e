"""Fourier transforms of real and of complex numbers, with all their options: gradients, second order, Jacobians."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft

import chainrule as cr
from tests.complex_points import along, complex_gradient

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(4, 6))
COMPLEX = REAL + 1j * RNG.normal(size=(4, 6))
ONE_AXIS: list[dict[str, Any]] = [{}, {"n": 5, "axis": 0}, {"n": 4}, {"n": 9, "norm": "ortho"}, {"norm": "forward"}]
AXES: list[dict[str, Any]] = [{}, {"s": (5, 4), "axes": (1, 0)}, {"s": (-1, 4), "axes": (0, 1)}, {"norm": "ortho"}]
ALONG_ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
ALONG_SEVERAL = ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"]
CASES = [
    pytest.param(name, options, x, id=f"{name}-{options}-{x.dtype}")
    for names, every in ((ALONG_ONE, ONE_AXIS), (ALONG_SEVERAL, AXES))
    for name in names
    for options in every
    for x in (REAL, COMPLEX)
    if x is REAL or name[0] == "f" or name in {"ifft", "irfft", "hfft", "ifft2", "ifftn", "irfft2", "irfftn"}
]


@pytest.mark.parametrize(("name", "options", "x"), CASES)
def test_a_transform(name: str, options: dict[str, Any], x: Any) -> None:
    transform = getattr(np.fft, name)
    plain = transform(x, **options)
    weight = np.exp(1j * np.arange(plain.size)).reshape(plain.shape)

    def loss(x: Any) -> Any:
        y = transform(x, **options)
        return np.sum(np.abs(y * weight + y**2) ** 2) / 10

    value, found = cr.value_and_grad(loss)(x)
    np.testing.assert_allclose(value, loss(x), rtol=1e-13)
    expected = complex_gradient(loss, x)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())
    direction = RNG.normal(size=x.shape) * (1 if x is REAL else 1 - 0.3j)
    second = along(cr.grad(loss), x, direction)
    np.testing.assert_allclose(cr.hvp(loss, x, direction), second, rtol=1e-6, atol=1e-7 * np.abs(second).max())
    if x is REAL:
        J = cr.jacobian(lambda x: transform(x, **options))(x)
        np.testing.assert_allclose(J @ direction, transform(direction, **options), atol=1e-12 * np.abs(plain).max())
        np.testing.assert_allclose(cr.hessian(loss)(x) @ direction, second, atol=1e-7 * np.abs(second).max())


def test_the_convolution_theorem_is_followed() -> None:
    def loss(x: Any, y: Any) -> Any:
        return np.sum(np.fft.irfft(np.fft.rfft(x, 12) * np.fft.rfft(y, 12), 12) ** 3)

    def direct(x: Any, y: Any) -> Any:
        return np.sum(np.convolve(x, y) ** 3)

    x, y = REAL[0], REAL[1]
    for found, expected in zip(cr.grad(loss, (0, 1))(x, y), cr.grad(direct, (0, 1))(x, y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_options_that_do_not_fit_are_errors() -> None:
    with pytest.raises(cr.errors.OptionError, match=r"fft2: s=\(2,\) for the axes \(-2, -1\)"):
        cr.grad(lambda x: np.sum(np.abs(np.fft.fft2(x, s=(2,)))))(REAL)
    with pytest.raises(cr.errors.OptionError, match="n=0"):
        cr.grad(lambda x: np.sum(np.abs(np.fft.fft(x, 0))))(REAL)


SCIPY = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]


@pytest.mark.parametrize("name", [f"{name}{several}" for name in SCIPY for several in ("", "2", "n")])
@pytest.mark.parametrize("options", [{}, {"norm": "ortho"}, {"norm": "forward", "overwrite_x": False}])
def test_the_transforms_of_scipy(name: str, options: dict[str, Any]) -> None:
    transform = getattr(scipy.fft, name)
    for x in (REAL,) if name.startswith(("rfft", "ihfft")) else (REAL, COMPLEX):

        def loss(x: Any) -> Any:
            return np.sum(np.abs(transform(x, **options) + 1j) ** 3)

        value, found = cr.value_and_grad(loss)(x)
        np.testing.assert_allclose(value, loss(x), rtol=1e-12)
        expected = complex_gradient(loss, x)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
