"""Complex numbers in machine code, as pairs of real ones: values and gradients equal Python's."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.native.build import Built
from chainrule.native.formulas import FORMULAS
from chainrule.op import OPERATIONS, Operation
from tests.native.agreement import agree
from tests.operations import draw, is_number, is_undefined, samples_of
from tests.test_complex_programs import N, loss_of, programs

random = np.random.default_rng(0)
x = random.random(5) + 0.2
z, w = random.normal(size=(2, 5)) + 1j * random.normal(size=(2, 5))
A = random.normal(size=(4, 5)) + 1j * random.normal(size=(4, 5))
places = np.array([0, 2, 2])


def in_a_buffer(x: Any) -> Any:
    filled = np.zeros(7, complex)
    filled[1:6] = x * (1 + 2j)
    filled[0] = x[0]
    return filled


def turned(z: Any) -> Any:
    for _ in range(40):
        z = z * np.exp(0.1j * np.abs(z)) * 0.9 + 0.1 * np.roll(z, 1)
    return z


CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "sums": (lambda z, x: x - z + (z + (2 - 1j)) + x * 1j, (z, x)),
    "products": (lambda z, w, x: x * z * (2 + 1j) * w, (z, w, x)),
    "quotients": (lambda z, w, x: z / w + z / x + x / w, (z, w, x)),
    "powers": (lambda z: z**3 + z**2 - z**1 + z**0, (z,)),
    "totals": (lambda A: A.sum(0) + A.mean() + np.mean(A, 1, keepdims=True) + np.sum(A, dtype=complex), (A,)),
    "matrices and vectors": (lambda A, z, x: A @ z - A @ x, (A, z, x)),
    "matrices": (lambda A: A.conj().T @ A + A.T @ A, (A,)),
    "named axes": (lambda A, z: np.einsum("ij,j,kj->ik", A, z, A.conj()), (A, z)),
    "other products": (
        lambda z, w: np.outer(z, w) + np.inner(z, w) + np.tensordot(z, w, 0) + np.vdot(z, w) + np.kron(z, w)[:5],
        (z, w),
    ),
    "convolved": (lambda z, x: np.convolve(z, x[:3]), (z, x)),
    "chosen": (lambda z: np.where(z.real > 0, z, 0) + np.where(z.imag > 0, 2j, z), (z,)),
    "put together": (lambda z, x: np.concatenate([z, x, 2 * z, np.stack([z, x * 1j], 1)[0]]), (z, x)),
    "parts": (lambda z: z[1:] * z[:-1] + z[::-2][0] + z[places][1], (z,)),
    "moved": (lambda A: np.tril(A) + A[::-1] - np.roll(A, 2, 1) + np.flip(A, 1) + np.diag(A[:, :4])[:, None], (A,)),
    "running sums": (lambda A: np.cumsum(A, axis=1), (A,)),
    "with zeros around": (lambda z: np.pad(z, 1) + np.tile(z, 2)[:7] + np.repeat(z, 2)[:7], (z,)),
    "zeros and ones": (lambda z: np.zeros_like(z) + np.ones_like(z) * z, (z,)),
    "a buffer": (in_a_buffer, (x,)),
    "real numbers made complex": (lambda x: np.exp(x.astype(complex) * 1j) + x.astype(complex), (x,)),
    "sizes": (lambda z: np.abs(z) + np.angle(z) * z.real - z.imag + np.linalg.norm(z) + np.max(np.abs(z)), (z,)),
    "compared": (lambda z, w: (z == z) * 1.0 + (z != w) + np.isfinite(z) + np.isnan(w) - np.isinf(z), (z, w)),
    "a loop": (turned, (z,)),
    "a loop of real numbers in all": (lambda x: np.sum(np.abs(turned(x + 0j)) ** 2), (x,)),
    "a number": (lambda c: c * c + 1j, (1.5 - 0.5j,)),
    "a number of NumPy's": (lambda c: np.exp(c) * 2, (np.complex128(1.5 - 0.5j),)),
    "in another order": (lambda A: A[::2, ::-1] * 2, (A.T,)),
    "several results": (lambda z: (z.real, [z * 1j, np.abs(z)], {"z": z}), (z,)),
    "an argument itself": (lambda z: z, (z,)),
    "single precision": (lambda z: np.sqrt(z) * z / (z + 1), (z.astype(np.complex64),)),
    "narrowed": (lambda z: z.astype(np.complex64) * 2, (z,)),
}
IN_PYTHON: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "a transform": (lambda z: np.fft.ifft(np.fft.fft(z) * z), (z,)),
    "of real numbers": (lambda x: np.abs(np.fft.rfft(x)) ** 2, (x,)),
    "to real numbers": (np.fft.irfft, (z,)),
    "a padded array": (lambda z: np.pad(z, (2, 0), constant_values=1j), (z,)),
    "a product of all": (lambda z: np.prod(z) * z, (z,)),
    "a solution": (lambda A, z: np.linalg.solve(A[:4, :4], z[:4]), (A, z)),
    "several results": (lambda A: np.linalg.qr(A[:4, :4])[1] * 2, (A,)),
    "some of them complex": (lambda A: np.linalg.eigvals(A[:4, :4].real) * 2, (A,)),
    "a power": (lambda z: z**2.5 + z ** (0.5 + 1j), (z,)),
    "inverse functions": (lambda z: np.arcsin(z) + np.arctanh(z), (z,)),
}


def total_of(function: Any) -> Any:
    """A real number that depends on all that a function returns."""

    def total(*arguments: Any) -> Any:
        found = function(*arguments)
        leaves = [*found[1], found[0], found[2]["z"]] if isinstance(found, tuple) else [found]
        weights = [np.linspace(1, 2, np.size(leaf)).reshape(np.shape(leaf)) for leaf in leaves]
        parts = [
            np.sum(np.abs(leaf) ** 2 * weight) + np.sum(np.real(leaf))
            for leaf, weight in zip(leaves, weights, strict=True)
        ]
        return sum(parts[1:], parts[0])

    return total


def compare(function: Any, arguments: tuple[Any, ...], recordings: list[str], rounding: float = 1.0) -> Any:
    """Compiled and not, twice; what was compiled."""
    compiled = cr.compile(function)
    expected = function(*arguments)
    for _ in range(2):
        agree(compiled(*arguments), expected, rounding)
    assert compiled.recordings == recordings
    return compiled


WIDE = {"single precision", "narrowed"}  # results in double precision that were computed in single


@pytest.mark.parametrize("name", CASES)
def test_equals_python(name: str, door: str) -> None:
    function, arguments = CASES[name]
    for each in (function, cr.value_and_grad(total_of(function), tuple(range(len(arguments))))):
        if each is function or name != "compared":
            compiled = compare(each, arguments, [door], 1e4 if name in WIDE else 1.0)
            made = next(iter(compiled.known.values()))
            assert not (isinstance(made, Built) and made.kernel.calls_python)


@pytest.mark.parametrize("name", IN_PYTHON)
def test_steps_in_python_get_complex_arrays(name: str) -> None:
    function, arguments = IN_PYTHON[name]
    compare(function, arguments, ["machine code"])
    compare(cr.grad(total_of(function), tuple(range(len(arguments)))), arguments, ["machine code"])


def test_results_are_put_into_complex_arrays(door: str) -> None:
    compiled = cr.compile(lambda z: (z * 1j, np.abs(z)))
    there = np.empty(5, complex), np.empty(5)
    for _ in range(2):
        assert compiled(z, out=there) is there
    agree(there, (z * 1j, np.abs(z)))
    with pytest.raises(cr.errors.OptionError, match="has the dtype float64, the result has complex128"):
        compiled(z, out=(np.empty(5), np.empty(5)))


def test_jacobians_of_complex_functions() -> None:
    made = cr.compile(cr.jacobian(lambda x: np.abs(np.exp(1j * x) + x) ** 2), form="dense")
    np.testing.assert_allclose(made(x), cr.jacobian(lambda x: np.abs(np.exp(1j * x) + x) ** 2)(x).dense(), rtol=1e-12)


UNARY = [function for function in FORMULAS if isinstance(function, np.ufunc) and function.nin == 1]
PARTS = [0.0, -0.0, 1.0, -1.0, 1e-300, -3e200, 1e-9, 0.5, -2.5, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("function", UNARY, ids=lambda function: function.__name__)
def test_functions_of_numbers_everywhere(function: Any) -> None:
    """Beside branch cuts, at zeros of either sign, and where squares would be too large or too small."""
    compiled = cr.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for real in PARTS:
            for imag in PARTS:
                point = np.array([complex(real, imag), 0.3 + 0.4j])
                expected, found = function(point), compiled(point)
                size = np.where(np.isfinite(expected), np.abs(expected), 0) + 0.0
                np.testing.assert_allclose(found, expected, rtol=0, atol=4e-15 * float(size[0] + size[1]) + 1e-323)
                if expected.dtype.kind == "c":
                    for part in ("real", "imag"):
                        near, exact = getattr(found, part)[0], getattr(expected, part)[0]
                        is_clear = np.abs(exact) > 1e-14 * size[0]
                        assert not is_clear or np.sign(near) == np.sign(exact), point


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1.0, 1e20, 1e150])
def test_quotients_are_not_too_large_on_the_way(scale: float) -> None:
    compiled = cr.compile(np.divide)
    for factor in (1.0, 1j, 1 + 1e-9j, 1e-9 + 1j):
        np.testing.assert_allclose(compiled(z * scale, w * scale * factor), z / (w * factor), rtol=1e-14)


TAKING_COMPLEX = [
    pytest.param(operation, number, id=f"{operation.name}-{number}")
    for operation in OPERATIONS.values()
    for number, sample in enumerate(samples_of(operation))
    if any(map(np.iscomplexobj, draw(operation, sample.arguments, 3, float)))
]


@pytest.mark.parametrize(("operation", "number"), TAKING_COMPLEX)
def test_every_operation_that_takes_complex_numbers(operation: Operation, number: int) -> None:
    sample = samples_of(operation)[number]
    arguments: Any = draw(operation, sample.arguments, 3, float)
    numbers = [place for place, value in enumerate(arguments) if is_number(operation, place, value)]

    def value(*given: Any) -> Any:
        every = list(arguments)
        for place, argument in zip(numbers, given, strict=True):
            every[place] = argument
        return operation(*every, **dict(sample.params))

    functions = [value]
    if operation.differentiable and not is_undefined(operation):
        functions.append(
            cr.grad(lambda *given: np.sum(np.real(value(*given) * (1 - 0.7j))), tuple(range(len(numbers))))
        )
    for function in functions:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = function(*[arguments[place] for place in numbers])
            agree(cr.compile(function)(*[arguments[place] for place in numbers]), expected)


@settings(
    max_examples=int(os.environ.get("CHAINRULE_PROGRAMS", "25")),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(programs, st.booleans(), st.integers(0, 1000))
def test_random_programs(program: list[tuple[int, int, int]], is_complex: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = rng.normal(size=N) + (1j * rng.normal(size=N) if is_complex else 0)
    function = cr.value_and_grad(loss_of(program))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = function(at)
        agree(cr.compile(function)(at), expected)
