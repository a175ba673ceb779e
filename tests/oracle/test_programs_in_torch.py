"""The random programs, run in PyTorch: the same values and the same gradients."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import chainrule as cr
from chainrule.errors import ModifiedError
from tests.oracle.numpy_in_torch import numpy_in_torch
from tests.random_programs import Program, programs, weights

pytestmark = pytest.mark.oracle
many = settings(
    max_examples=int(os.environ.get("CHAINRULE_PROGRAMS", "60")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


REFUSED = ("in-place operation", "modified by an inplace", "step must be greater than zero")


class Weights:
    """The constants of a program as PyTorch tensors."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch

    def __call__(self, shape: Any, phase: float = 0.3) -> Any:
        return self.torch.tensor(weights(tuple(shape), phase))


def in_torch(program: Program) -> tuple[Any, list[Any]] | None:
    """The value and the leaves with their gradients; None where PyTorch refuses to write in place."""
    torch = pytest.importorskip("torch", exc_type=ImportError)
    function = program.function(numpy_in_torch(torch), Weights(torch))
    leaves = [torch.tensor(x, requires_grad=True) for x in program.arguments]
    try:
        out = function(*leaves)
        if out.requires_grad:
            (out * torch.tensor(weights(tuple(out.shape), 0.9))).sum().backward()
    except (RuntimeError, ValueError) as problem:
        if any(text in str(problem) for text in REFUSED):
            return None
        raise
    return out.detach(), leaves


def compare(program: Program) -> None:
    """Values and gradients, here and there."""
    there = in_torch(program)
    leaves = [cr.tensor(x, requires_grad=True) for x in program.arguments]
    out = program.function()(*leaves)
    try:
        if out.requires_grad:
            np.sum(out * weights(out.shape, 0.9)).backward()
    except ModifiedError:
        assert there is None or program.writes
        assume(False)
    assume(there is not None)
    assert there is not None
    value, theirs = there
    np.testing.assert_allclose(out.value, value.numpy(), rtol=1e-10, atol=1e-10)
    for mine, other in zip(leaves, theirs, strict=True):
        found = np.zeros(mine.shape) if mine.grad is None else mine.grad.value
        expected = np.zeros(mine.shape) if other.grad is None else other.grad.numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@many
@given(programs(14))
def test_programs(program: Program) -> None:
    compare(program)


@many
@given(programs(14, in_place=True))
def test_programs_that_overwrite(program: Program) -> None:
    compare(program)
