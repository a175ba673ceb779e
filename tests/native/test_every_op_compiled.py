"""Every operation of the registry, compiled: equal to what Python gives, as are its first and second derivatives."""

from __future__ import annotations

import os
import warnings
from copy import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import chainrule as cr
from chainrule.native.compiled import CompileWarning
from chainrule.op import OPERATIONS, Operation, Sample
from tests.native.agreement import agree
from tests.operations import draw, is_number, is_undefined, samples_of
from tests.random_programs import Program, programs, weights

# A function takes LLVM a tenth of a second, and there are thousands: all samples, and second derivatives, on request.
EVERY = bool(os.environ.get("CHAINRULE_SAMPLES"))


def arguments_of(operation: Operation, sample: Sample, dtype: Any) -> list[Any] | None:
    """Arguments of real results that the operation takes: real numbers, or else integers; None if it takes neither."""
    arguments = draw(operation, sample.arguments, 3, dtype)
    if any(map(np.iscomplexobj, arguments)):
        return None
    whole = [np.rint(3 * np.asarray(value)).astype(int) for value in arguments]
    for chosen in (arguments, whole):
        try:
            found = operation.forward(*chosen, **sample.params)
        except TypeError:
            continue
        return None if np.iscomplexobj(found) else chosen
    return None


# The functions of scipy.special take the same way, so these stand for all.
SPECIAL = {
    "erf",
    "psi",
    "zeta",
    "kn",
    "betaincinv",
    "airye_3",
    "ellipkinc",
    "hyp0f1",
    "voigt_profile",
    "pro_ang1_slope",
}


def is_tried(operation: Operation) -> bool:
    """Whether an operation is compiled without being asked for."""
    return not str(operation.notation.python).startswith("scipy.special.") or operation.name in SPECIAL


CASES = [
    pytest.param(operation, number, id=f"{operation.name}-{number}")
    for operation in OPERATIONS.values()
    for number, sample in enumerate(samples_of(operation))
    if ((number == 0 and is_tried(operation)) or EVERY)
    and operation.name != "empty_like"  # its numbers are whatever was in memory
    and arguments_of(operation, sample, float) is not None
]


def functions_of(operation: Operation, number: int, dtype: Any) -> tuple[dict[str, Any], list[Any]]:
    """The operation, its gradient and the gradient of that, as functions of the arguments that are numbers."""
    sample = samples_of(operation)[number]
    arguments: Any = arguments_of(operation, sample, dtype)
    params = dict(sample.params)
    places = [place for place, value in enumerate(arguments) if is_number(operation, place, value)]
    is_whole = not places
    places = places or list(range(len(arguments)))

    def value(*given: Any) -> Any:
        every = list(arguments)
        for place, argument in zip(places, given, strict=True):
            every[place] = argument
        return operation(*every, **params)

    found: dict[str, Any] = {"value": value}
    out = np.asarray(operation.forward(*arguments, **params))
    is_smooth = operation.differentiable and not is_undefined(operation)
    if is_smooth and not is_whole and out.dtype.kind == "f":
        weight = np.random.default_rng(5).normal(size=out.shape)
        argnums = tuple(range(len(places)))
        gradient = cr.grad(lambda *given: np.sum(value(*given) * weight), argnums=argnums)
        found["gradient"] = gradient
        if dtype is np.float64 and EVERY:
            found["second"] = cr.grad(
                lambda *given: sum(np.sum(part * part) for part in gradient(*given)), argnums=argnums
            )
    return found, [arguments[place] for place in places]


@pytest.mark.parametrize(("operation", "number"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_python(operation: Operation, number: int, dtype: Any) -> None:
    if dtype is np.float32 and not EVERY:
        pytest.skip("single precision is tried with CHAINRULE_SAMPLES=1")
    functions, arguments = functions_of(operation, number, dtype)
    for what, function in functions.items():
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = function(*arguments)
            compiled = cr.compile(function)
            for same in (arguments, arguments, [copy(argument) for argument in arguments]):
                agree(compiled(*same), expected)
        assert compiled.recordings == ["machine code"], what


COUNT = int(os.environ.get("CHAINRULE_PROGRAMS", "6"))
many = settings(
    max_examples=COUNT,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def arranged(array: Any, how: int) -> Any:
    """The same numbers in memory of another order, or with gaps."""
    if how == 0 or not array.ndim:
        return array.copy()
    if how == 1:
        return np.ascontiguousarray(array.T).T
    spread = np.repeat(array, 2, axis=-1)[..., ::2]
    return spread if how == 2 else np.ascontiguousarray(array[::-1])[::-1]


@many
@given(programs(10))
def test_random_programs(program: Program) -> None:
    f = program.function()
    argnums = tuple(range(len(program.arguments)))

    def scalar(*given: Any) -> Any:
        out = f(*given)
        return np.sum(out * weights(np.shape(out), 0.9))

    gradient = cr.value_and_grad(scalar, argnums=argnums)
    for function in (f, gradient):
        compiled = cr.compile(function)
        for dtype, how in [(np.float64, 0), (np.float32, 0), (np.float64, len(program.lines) % 3 + 1)]:
            arguments = [arranged(argument.astype(dtype), how) for argument in program.arguments]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CompileWarning)
                found = compiled(*arguments)
            agree(found, function(*arguments), 1.0 if dtype is np.float64 else 2e5)
        looked = any(["the truth of a value" in line for line in compiled.recordings])  # as some rules do
        assert looked or "machine code" in compiled.recordings


@many
@given(programs(10, in_place=True))
def test_random_programs_that_overwrite(program: Program) -> None:
    f = program.function()
    compiled = cr.compile(f)
    arguments = program.arguments
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            found = compiled(*[argument.copy() for argument in arguments])
        agree(found, f(*[argument.copy() for argument in arguments]))
