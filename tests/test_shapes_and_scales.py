"""Arrays of odd shapes and layouts, numbers near the ends of their range, infinities and NaN: right derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import chainrule as cr

# --- shapes -----------------------------------------------------------------------------------------------------------

base = np.arange(1.3, 13.0)
ARRAYS: dict[str, Any] = {
    "()": np.array(2.2),
    "(0,)": np.zeros(0),
    "(1, 0, 3)": np.zeros((1, 0, 3)),
    "20 axes": np.full((*(1,) * 19, 2), 1.5) + np.arange(2.0),
    "32 axes": np.full((*(1,) * 31, 2), 1.5) + np.arange(2.0),
    "64 axes": np.full((*(1,) * 63, 2), 1.5) + np.arange(2.0),
    "stride 0": np.broadcast_to(2.2, (3, 4)),
    "negative strides": base.reshape(3, 4)[::-1, ::-1],
    "Fortran": np.asfortranarray(base.reshape(3, 4)),
    "steps": np.arange(1.3, 49.0).reshape(6, 8)[::2, ::-2],
    "unaligned": np.frombuffer(b"\0" + base.tobytes(), np.uint8)[1:].view(np.float64),
    "big-endian": base.astype(">f8"),
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: np.sum(np.sin(x) * x),
    "sums": lambda x: np.sum(x * np.sum(x, axis=0) if x.ndim else x * x),
    "transposed": lambda x: np.sum(np.transpose(x) * np.transpose(x) ** 2),
    "flat": lambda x: np.sum(np.reshape(x, -1)[::-1] * np.ravel(x)),
    "flipped": lambda x: np.sum(np.flip(x) * x),
    "spread": lambda x: np.var(x) + np.sum(x**3) if x.size else np.sum(x),
    "chosen": lambda x: np.sum(np.where(x > 2.0, x, x * x)),
    "joined": lambda x: np.sum(np.concatenate([np.ravel(x), np.ravel(x) ** 2]) ** 2),
    "written": lambda x: np.sum(doubled(x) * x),
    "tiled": lambda x: np.sum(np.tile(x, 2) ** 2) if x.ndim < 60 else np.sum(x**2),
}


def doubled(x: Any) -> Any:
    y = np.array(x * 1.0)
    y[...] = y * 2.0
    return y


@pytest.mark.filterwarnings("ignore::chainrule.native.compiled.CompileWarning")
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", ARRAYS)
def test_shapes_and_layouts(name: str, function: str) -> None:
    x, f = ARRAYS[name], FUNCTIONS[function]
    u = np.cos(np.arange(x.size)).reshape(x.shape)
    value, gradient = cr.value_and_grad(f)(x)
    assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
    np.testing.assert_allclose(value, f(np.array(x)))
    plain, step = np.array(x, float), 1e-4
    expected = (f(plain + step * u) - f(plain - step * u)) / (2 * step)
    np.testing.assert_allclose(np.sum(gradient * u), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cr.jvp(f, (x,), (u.astype(x.dtype),))[1], np.sum(gradient * u), rtol=1e-12)
    product = cr.hvp(f, x, u.astype(x.dtype))
    slope = (cr.grad(f)(plain + step * u) - cr.grad(f)(plain - step * u)) / (2 * step)
    np.testing.assert_allclose(product, slope, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cr.compile(cr.grad(f))(x), gradient, rtol=1e-12)
    if x.ndim <= 32:  # a Hessian has twice as many axes
        np.testing.assert_allclose(cr.hessian(f)(x) @ u.astype(x.dtype), product, rtol=1e-9, atol=1e-12)


# --- scales -----------------------------------------------------------------------------------------------------------

SCALES = [1e-310, 1e-200, 1e-160, 1.0, 1e160, 1e200, 1e300]
HOMOGENEOUS: dict[str, tuple[Callable[[Any], Any], int]] = {  # f(s x) = sᵏ f(x), so that f′(s x) = sᵏ⁻¹ f′(x)
    "norm": (np.linalg.norm, 1),
    "norm of rows": (lambda x: np.sum(np.linalg.norm(np.stack([x, x[::-1]]), axis=1)), 1),
    "vector norm": (lambda x: np.linalg.norm(x, ord=3), 1),
    "hypot": (lambda x: np.hypot(x[0], x[1]), 1),
    "std": (np.std, 1),
    "complex modulus": (lambda x: np.abs(x[0] + 1j * x[1]), 1),
    "max": (np.max, 1),
    "mean": (np.mean, 1),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]), 0),
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_huge_and_tiny_scales(name: str, scale: float) -> None:
    """Also where NumPy's own value leaves the range of numbers."""
    f, degree = HOMOGENEOUS[name]
    x = np.array([3.0, 4.0])
    with np.errstate(all="ignore"):
        expected = cr.grad(f)(x) * (1.0 if degree else 1.0 / scale)
        np.testing.assert_allclose(cr.grad(f)(x * scale), expected, rtol=1e-9)
        pushed = cr.jvp(f, (x * scale,), (np.array([1.0, 2.0]),))[1]
        np.testing.assert_allclose(pushed, expected @ [1.0, 2.0], rtol=1e-9)


def test_zeros_among_rows_that_leave_the_range() -> None:
    x = np.array([[3e200, 4e200], [0.0, 0.0], [3e-200, 4e-200], [3.0, 4.0]])
    with np.errstate(all="ignore"):
        gradient = cr.grad(lambda x: np.sum(np.linalg.norm(x, axis=1)))(x)
        np.testing.assert_allclose(gradient, [[0.6, 0.8], [0.0, 0.0], [0.6, 0.8], [0.6, 0.8]], rtol=1e-12)
        spread = cr.grad(lambda x: np.sum(np.std(x, axis=1)))(x)
        np.testing.assert_allclose(spread, [[-0.5, 0.5], [0.0, 0.0], [-0.5, 0.5], [-0.5, 0.5]], rtol=1e-9)


LARGE: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (special.logsumexp, [1000.0, 1000.0], [0.5, 0.5]),
    (special.logsumexp, [-1000.0, -1001.0], special.softmax([0.0, -1.0])),
    (special.logsumexp, [1e308, 0.0], [1.0, 0.0]),
    (lambda x: np.logaddexp(x[0], x[1]), [1e308, -1e308], [1.0, 0.0]),
    (lambda x: np.logaddexp(x[0], x[1]), [-1e4, -1e4], [0.5, 0.5]),
    (lambda x: special.softmax(x)[0], [1e308, -1e308], [0.0, 0.0]),
    (lambda x: special.softmax(x)[0], [800.0, 800.0], [0.25, -0.25]),
    (lambda x: special.log_softmax(x)[0], [1e300, 0.0], [0.0, 0.0]),
    (lambda x: np.sum(special.expit(x)), [1e308, -1e308], [0.0, 0.0]),
    (lambda x: np.sum(special.log_expit(x)), [-1e10, 1e10], [1.0, 0.0]),
    (lambda x: np.sum(np.tanh(x)), [1e308, -5e-324], [0.0, 1.0]),
    (lambda x: np.sum(np.arctan(x)), [1e308, 5e-324], [0.0, 1.0]),
    (lambda x: np.sum(np.log1p(x)), [5e-324, 1e-310], [1.0, 1.0]),
    (lambda x: np.sum(np.expm1(x)), [5e-324, -1e308], [1.0, 0.0]),
    (lambda x: np.sum(x * 2.0), [5e-324, 1e-310], [2.0, 2.0]),
    (np.prod, [1e200, 1e-200], [1e-200, 1e200]),
    (lambda x: np.linalg.slogdet(np.diag(x))[1], [1e200, 1e200], [1e-200, 1e-200]),
]


@pytest.mark.parametrize(("f", "x", "expected"), LARGE)
def test_nothing_overflows_on_the_way(f: Callable[[Any], Any], x: Any, expected: Any) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(cr.grad(f)(np.array(x)), expected, rtol=1e-9)
        np.testing.assert_allclose(cr.jvp(f, (np.array(x),), (np.array([1.0, 0.0]),))[1], expected[0], rtol=1e-9)


# --- NaN and infinities -----------------------------------------------------------------------------------------------

ENTRYWISE: dict[str, Callable[[Any], Any]] = {
    "square": lambda x: x**2,
    "product": lambda x: x * np.array([1.0, 2.0, 3.0, 4.0]),
    "tanh": np.tanh,
    "exp": np.exp,
    "arctan": np.arctan,
    "maximum": lambda x: np.maximum(x, 1.0),
    "clip": lambda x: np.clip(x, -1.0, 1.0),
    "where": lambda x: np.where(np.isfinite(x), x**2, 0.0),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ENTRYWISE)
def test_numbers_that_are_not_finite_stay_where_they_are(name: str) -> None:
    """The derivative of each entry is what it is by itself: the others are not spoilt."""
    f, x = ENTRYWISE[name], np.array([0.7, np.nan, np.inf, -np.inf])
    with np.errstate(all="ignore"):
        together = cr.grad(lambda x: np.sum(f(x)))(x)
        alone = [cr.grad(lambda x, k=k: f(x)[k])(np.where(np.arange(4) == k, x, 0.3))[k] for k in range(4)]
        np.testing.assert_array_equal(together, alone)
        assert np.isfinite(together[0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reductions_that_pass_nan_by() -> None:
    x = np.array([1.0, np.nan, 3.0])
    np.testing.assert_allclose(cr.grad(np.nansum)(x), [1.0, 0.0, 1.0])
    np.testing.assert_allclose(cr.grad(np.nanmean)(x), [0.5, 0.0, 0.5])
    np.testing.assert_allclose(cr.grad(np.nanmax)(x), [0.0, 0.0, 1.0])
    np.testing.assert_allclose(cr.grad(np.nanstd)(x), [-0.5, 0.0, 0.5])
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(np.nan_to_num(x) ** 2))(x), [2.0, 0.0, 6.0])
