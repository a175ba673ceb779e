"""SciPy's functions of complex arrays, as they are called: SciPy's own values, and gradients by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg as sl
import scipy.ndimage as nd
import scipy.optimize as so
import scipy.signal as ss

import chainrule as cr
from tests.complex_points import complex_gradient

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
B = A[0] * 2j + A[1] + 1
H = A @ A.conj().T + np.eye(3)
USES: dict[str, Callable[[Any], Any]] = {
    "solve": lambda a: sl.solve(a, B),
    "solve her": lambda a: sl.solve(a, B, assume_a="her"),
    "solve pos": lambda a: sl.solve(a, B, assume_a="pos"),
    "solve sym": lambda a: sl.solve(a, B, assume_a="sym"),
    "cholesky": sl.cholesky,
    "cho_solve": lambda a: sl.cho_solve(sl.cho_factor(a), B),
    "cho_solve lower": lambda a: sl.cho_solve(sl.cho_factor(a, lower=True), B),
    "lu_solve": lambda a: sl.lu_solve(sl.lu_factor(a), B),
    "lu_solve transposed": lambda a: sl.lu_solve(sl.lu_factor(a), B, trans=1),
    "lu_solve adjoint": lambda a: sl.lu_solve(sl.lu_factor(a), B, trans=2),
    "triangular": lambda a: sl.solve_triangular(a, B),
    "triangular transposed": lambda a: sl.solve_triangular(a, B, trans="T"),
    "triangular adjoint": lambda a: sl.solve_triangular(a, B, trans="C"),
    "expm": sl.expm,
    "logm": sl.logm,
    "sqrtm": sl.sqrtm,
    "sinm": sl.sinm,
    "polar": lambda a: sl.polar(a)[1],
    "eigh": lambda a: np.abs(sl.eigh(a, lower=False)[1] @ np.diag([1.0, 2, 3]) @ B),
    "svdvals": sl.svdvals,
    "toeplitz": lambda a: sl.toeplitz(a[0]),
    "sylvester": lambda a: sl.solve_sylvester(a, a.T, A),
    "continuous": lambda a: sl.solve_continuous_lyapunov(a, A),
    "discrete": lambda a: sl.solve_discrete_lyapunov(a / 9, A),
    "correlate": lambda a: ss.correlate(a[0], a[1]),
    "convolve": lambda a: ss.convolve(a[0], a[1]),
    "lfilter": lambda a: ss.lfilter([1, 0.5], [1, 0.2], a[0]),
    "gaussian": lambda a: nd.gaussian_filter(a, 1.0),
    "newton": lambda a: so.newton(lambda t: t**3 - a[0, 0], 1 + 1j),
}
# the modulus of a sum of vectors with phases of their own is none of the matrix
DEPENDS_ON_PHASES = {"eigh"}
DEFINITE = {"solve her", "solve pos", "cholesky", "cho_solve", "cho_solve lower", "eigh"}


@pytest.mark.parametrize("name", USES)
def test_a_use(name: str) -> None:
    function, x = USES[name], H if name in DEFINITE else A
    weight = np.exp(1j * np.arange(np.size(function(x.copy())))).reshape(np.shape(function(x.copy())))

    def loss(a: Any) -> Any:
        return np.sum(np.real(weight * function(a)))

    if name in DEPENDS_ON_PHASES:
        with pytest.raises(cr.errors.NoDerivativeError, match="any phase"):
            cr.grad(loss)(x)
        return
    value, found = cr.value_and_grad(loss)(x)
    np.testing.assert_allclose(value, loss(x), rtol=1e-9, atol=1e-12)
    expected = complex_gradient(loss, x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
