"""The random programs, run in PyTorch: the same values and the same gradients."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import chainrule as cr
from chainrule.errors import ModifiedError
from tests.programs.elsewhere import UnsharedError, in_torch
from tests.random_programs import Program, programs, weights

pytestmark = pytest.mark.oracle
many = settings(
    max_examples=int(os.environ.get("CHAINRULE_PROGRAMS", "60")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def compare(program: Program) -> None:
    """Values and gradients, here and there."""
    pytest.importorskip("torch", exc_type=ImportError)
    try:
        there = in_torch(program)
    except UnsharedError:
        there = None
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
    np.testing.assert_allclose(out.value, value, rtol=1e-10, atol=1e-10)
    for mine, expected in zip(leaves, theirs, strict=True):
        found = np.zeros(mine.shape) if mine.grad is None else mine.grad.value
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@many
@given(programs(14))
def test_programs(program: Program) -> None:
    compare(program)


@many
@given(programs(14, in_place=True))
def test_programs_that_overwrite(program: Program) -> None:
    compare(program)
