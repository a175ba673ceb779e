"""Every operation in the registry against its own forward function: first and second order, both modes, float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.op import OPERATIONS, Diagonal, Operation, Sample
from tests.operations import (
    differentiable_operations,
    draw,
    is_elementwise,
    is_number,
    samples_of,
    wrong_local_jacobian,
)

CASES = [
    pytest.param(operation, sample, id=f"{operation.name}-{number}")
    for operation in differentiable_operations()
    for number, sample in enumerate(samples_of(operation))
]


@pytest.mark.parametrize("operation", list(differentiable_operations()), ids=lambda operation: operation.name)
def test_has_samples(operation: Operation) -> None:
    assert samples_of(operation), f"{operation.name} is not elementwise: give it samples=[Sample(...)]"


@pytest.mark.parametrize(("operation", "sample"), CASES)
def test_local_jacobian(operation: Operation, sample: Sample) -> None:
    assert wrong_local_jacobian(operation, sample) is None


def test_a_planted_wrong_rule_is_caught() -> None:
    right = OPERATIONS["sin"]
    wrong = Operation("wrong sine", np.sin, ("x",), [Diagonal(lambda x: np.cos(x) * 1.001, ("x",))])
    assert wrong_local_jacobian(right, Sample(((3,),))) is None
    assert wrong_local_jacobian(wrong, Sample(((3,),))) is not None


def tracked_arguments(operation: Operation, sample: Sample, dtype: Any = float) -> tuple[list[Any], list[Any]]:
    arguments = draw(operation, sample.arguments, 3, dtype)
    made = [
        cr.tensor(argument, requires_grad=True) if is_number(operation, position, argument) else argument
        for position, argument in enumerate(arguments)
    ]
    return made, [tensor for tensor in made if isinstance(tensor, cr.Tensor)]


@pytest.mark.parametrize(("operation", "sample"), CASES)
def test_gradient_of_the_gradient(operation: Operation, sample: Sample) -> None:
    """The directional derivative of the gradient, recorded, against differences of the gradient."""
    arguments = draw(operation, sample.arguments, 3)
    positions = tuple(
        position for position, argument in enumerate(arguments) if is_number(operation, position, argument)
    )
    out = np.asarray(operation.forward(*arguments, **sample.params))
    weight = np.random.default_rng(5).normal(size=out.shape)

    def value(*given: Any) -> Any:
        return np.sum(operation(*given, **sample.params) * weight)

    gradient = cr.grad(value, argnums=positions)
    rng = np.random.default_rng(6)
    directions = tuple(rng.normal(size=np.shape(arguments[position])) for position in positions)

    def along(*given: Any) -> Any:
        found = gradient(*given)
        return sum(np.sum(part * direction) for part, direction in zip(found, directions, strict=True))

    found = cr.grad(along, argnums=positions)(*arguments)
    step = 1e-5

    def moved(sign: float) -> list[Any]:
        result = list(arguments)
        for position, direction in zip(positions, directions, strict=True):
            result[position] = arguments[position] + sign * step * direction
        return result

    above, below = gradient(*moved(1.0)), gradient(*moved(-1.0))
    for part, high, low in zip(found, above, below, strict=True):
        np.testing.assert_allclose(part, (np.asarray(high) - np.asarray(low)) / (2 * step), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("operation", "sample"), CASES)
def test_float32_stays_float32(operation: Operation, sample: Sample) -> None:
    arguments, tensors = tracked_arguments(operation, sample, np.float32)
    out = operation(*arguments, **sample.params)
    plain = [argument.value if isinstance(argument, cr.Tensor) else argument for argument in arguments]
    assert out.dtype == np.asarray(operation.forward(*plain, **sample.params)).dtype  # NumPy's own choice
    if not out.requires_grad:
        return
    out.backward(np.ones(out.shape, np.float32))
    for tensor in tensors:
        if tensor.grad is not None:
            assert tensor.grad.dtype == np.float32
            assert tensor.grad.shape == tensor.shape


def test_constants_are_not_tracked() -> None:
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    for operation in OPERATIONS.values():
        if not operation.differentiable and is_elementwise(operation) and operation.arguments == ("a", "b"):
            try:
                assert not operation(x, x).requires_grad
            except cr.errors.DtypeError:
                continue  # integers only
