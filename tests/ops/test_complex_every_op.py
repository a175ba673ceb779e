"""Every operation that takes complex numbers, and every function of NumPy, at complex points against differences."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.op import OPERATIONS, Operation, Sample
from tests.complex_points import along, complex_gradient, pairing
from tests.operations import draw, is_number, samples_of
from tests.ops.test_numpy_uses import EVERY, POINT, numbers

CASES = [
    pytest.param(operation, sample, id=f"{operation.name}-{number}")
    for operation in OPERATIONS.values()
    if operation.takes_complex and operation.differentiable
    for number, sample in enumerate(samples_of(operation))
]
REAL_ARGUMENTS = {"rfft"}  # NumPy takes no others


def complex_draw(operation: Operation, sample: Sample) -> tuple[list[Any], list[int]]:
    """Arguments with imaginary parts where there are real numbers, and their positions."""
    real, other = draw(operation, sample.arguments, 3), draw(operation, sample.arguments, 4)
    places = [k for k, value in enumerate(real) if is_number(operation, k, value) or np.iscomplexobj(value)]
    if operation.name not in REAL_ARGUMENTS:
        for k in places:
            real[k] = real[k] + 0.4j * other[k]
    return real, places


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize(("operation", "sample"), CASES)
def test_gradients_products_and_second_order(operation: Operation, sample: Sample) -> None:
    arguments, places = complex_draw(operation, sample)
    out = np.asarray(operation.forward(*arguments, **sample.params))
    rng = np.random.default_rng(5)
    weight = rng.normal(size=out.shape) + 1j * rng.normal(size=out.shape)

    for place in places:
        x = np.asarray(arguments[place])

        def result(value: Any, place: int = place) -> Any:
            return operation(*[value if k == place else given for k, given in enumerate(arguments)], **sample.params)

        def loss(value: Any, result: Callable[[Any], Any] = result) -> Any:
            return np.sum(np.real(result(value) * weight))

        gradient = cr.grad(loss)
        found = gradient(x)
        assert found.dtype == x.dtype
        np.testing.assert_allclose(found, complex_gradient(loss, x), rtol=1e-6, atol=1e-7)
        tangent = (rng.normal(size=x.shape) + 1j * rng.normal(size=x.shape)).astype(x.dtype)
        cotangent = weight if np.iscomplexobj(out) else np.real(weight)
        _, pushed = cr.jvp(result, (x,), (tangent,))
        _, pull = cr.vjp(result, x)
        np.testing.assert_allclose(
            pairing(cotangent, pushed), pairing(pull(cotangent)[0], tangent), rtol=1e-9, atol=1e-9
        )
        second = cr.hvp(loss, x, tangent)
        np.testing.assert_allclose(second, along(gradient, x, tangent), rtol=2e-5, atol=1e-6)


Z = POINT + 1j * np.array([[0.3, -0.7, 0.2], [0.47, 0.1, -0.4], [-0.6, 0.9, 0.8]])


# an order of complex numbers, parts of them, vectors of any phase; and methods that tensors do not have
REFUSED = set(
    """
clip nan_to_num rint fmax fmin maximum minimum ndarray.clip
linalg.eigh linalg.svd
ndarray.dump ndarray.dumps ndarray.tobytes ndarray.ctypes ndarray.byteswap ndarray.getfield ndarray.resize
ndarray.data ndarray.setfield ndarray.to_device ndarray.tofile
""".split()
)


def is_taken(name: str) -> bool:
    """Whether NumPy itself takes complex numbers there, and gives what does not jump."""
    if name == "unique_values":  # in the order of a hash table
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            use(name)(Z.copy())
        except (TypeError, ValueError):
            return False
    return True


def use(name: str) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = eval(
        f"lambda x: {EVERY[name]}", {"np": np, "file": io.BytesIO, "nowhere": os.devnull}
    )
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in EVERY if is_taken(name)])
def test_a_use_of_numpy_is_right_or_an_error(name: str) -> None:
    function = use(name)
    weight = np.exp(1j * (np.arange(numbers(function(Z.copy())).size) + 0.5))

    def value(x: Any) -> Any:
        return np.sum(np.real(numbers(function(x)) * weight)) + 0 * np.sum(np.real(x))

    if name in REFUSED:
        with pytest.raises((cr.errors.ChainruleError, AttributeError)):
            cr.grad(value)(Z)
        return
    computed, found = cr.value_and_grad(value)(Z)
    np.testing.assert_allclose(computed, value(Z.copy()), rtol=1e-10)
    np.testing.assert_allclose(found, complex_gradient(value, Z), rtol=1e-5, atol=1e-6)


def test_a_planted_wrong_rule_is_caught() -> None:
    square = OPERATIONS["square"]
    arguments, _ = complex_draw(square, Sample(((3,),)))
    wrong = cr.grad(lambda z: np.sum(np.real(np.conj(z) ** 2)))(arguments[0])
    right = complex_gradient(lambda z: np.sum(np.real(z**2)), arguments[0])
    with warnings.catch_warnings(), pytest.raises(AssertionError):
        np.testing.assert_allclose(np.conj(wrong), right, rtol=1e-6)
