"""Random programs: reverse, forward, structured and second derivatives agree with each other and with differences."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings

import chainrule as cr
from chainrule.errors import ModifiedError
from tests.programs.differences import directional, inner
from tests.programs.verdicts import judged
from tests.random_programs import Program, programs, weights

# CHAINRULE_PROGRAMS=20000 for a night; every run of a given number is the same
COUNT = int(os.environ.get("CHAINRULE_PROGRAMS", "60"))
LENGTH = int(os.environ.get("CHAINRULE_LENGTH", "12"))
many = settings(
    max_examples=COUNT,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def close(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    """Equal shapes, and equal numbers up to a tolerance relative to the largest."""
    assert np.shape(found) == np.shape(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


def functions(program: Program) -> tuple[Any, Any, list[Any], list[Any]]:
    """The program, a number made of its result, its inputs, and directions."""
    f = program.function()

    def scalar(*given: Any) -> Any:
        out = f(*given)
        return np.sum(out * weights(np.shape(out), 0.9))

    at = program.arguments
    return f, scalar, at, [weights(x.shape, 4.0 + k) for k, x in enumerate(at)]


@many
@given(programs(LENGTH))
def test_first_derivatives(program: Program) -> None:
    f, scalar, at, directions = functions(program)
    gradient = cr.grad(scalar, argnums=tuple(range(len(at))))(*at)
    for part, x in zip(gradient, at, strict=True):
        assert (part.shape, part.dtype) == (x.shape, x.dtype)
    numeric = directional(scalar, at, directions)
    assume(numeric is not None)
    close(inner(gradient, directions), numeric, 1e-6)

    value, pushed = cr.jvp(f, tuple(at), tuple(directions))
    close(value, f(*at))
    same, pullback = cr.vjp(f, *at)
    close(same, f(*at))
    cotangent = weights(np.shape(value), 0.9)
    pulled = pullback(cotangent)
    for part, expected in zip(pulled, gradient, strict=True):
        close(part, expected)
    close(float(np.sum(pushed * cotangent)), inner(pulled, directions))


@many
@given(programs(LENGTH))
def test_structured_jacobians(program: Program) -> None:
    f, _, at, directions = functions(program)
    value, pullback = cr.vjp(f, *at)
    shape = np.shape(value)
    for k, J in enumerate(cr.jacobian(f, argnums=tuple(range(len(at))))(*at)):
        assert J.shape == shape + at[k].shape
        rows = np.zeros((int(np.prod(shape)), at[k].size))
        for row in range(len(rows)):
            unit = np.zeros(shape)
            unit.reshape(-1)[row] = 1.0
            rows[row] = pullback(unit)[k].ravel()
        close(J.dense(), rows.reshape(J.shape))
        close(J.sparse().toarray(), rows)
        close(np.ravel(J @ directions[k]), rows @ directions[k].ravel())
        cotangent = weights(shape, 0.9)
        close(np.ravel(J.T @ cotangent), cotangent.ravel() @ rows)
        assert J.entries >= np.count_nonzero(np.abs(rows) > 1e-9)


@many
@given(programs(LENGTH))
def test_second_derivatives(program: Program) -> None:
    _, scalar, at, directions = functions(program)
    argnums = tuple(range(len(at)))
    gradient = cr.grad(scalar, argnums=argnums)
    product = cr.hvp(scalar, tuple(at), tuple(directions))
    over_reverse = cr.grad(
        lambda *given: sum(np.sum(g * d) for g, d in zip(gradient(*given), directions, strict=True)), argnums=argnums
    )(*at)
    for k, (forward, reverse) in enumerate(zip(product, over_reverse, strict=True)):
        numeric = directional(lambda *given, k=k: gradient(*given)[k], at, directions)
        assume(numeric is not None)
        close(forward, numeric, 2e-6)
        close(reverse, forward, 1e-8)


@many
@given(programs(8))
def test_hessians(program: Program) -> None:
    _, scalar, at, directions = functions(program)
    product = cr.hvp(scalar, tuple(at), tuple(directions))
    blocks = cr.hessian(scalar, argnums=tuple(range(len(at))))(*at)
    for row, expected in zip(blocks, product, strict=True):
        close(sum(block @ direction for block, direction in zip(row, directions, strict=True)), expected, 1e-8)
        for block in row:
            close(block.sparse().toarray(), np.reshape(block.dense(), block.sparse().shape))


@many
@given(programs(LENGTH))
def test_the_tape(program: Program) -> None:
    """backward(): twice through a retained graph, recorded, and in single precision."""
    _, scalar, at, _ = functions(program)
    gradient = cr.grad(scalar, argnums=tuple(range(len(at))))(*at)
    leaves = [cr.tensor(x, requires_grad=True) for x in at]
    out = scalar(*leaves)
    assume(out.requires_grad)
    for options in ({"retain_graph": True}, {"create_graph": True}, {}):
        for leaf in leaves:
            leaf.grad = None
        out.backward(**options)
        for leaf, x, expected in zip(leaves, at, gradient, strict=True):
            assert np.array_equal(leaf.value, x)
            found = np.zeros(x.shape) if leaf.grad is None else leaf.grad.value
            close(found, expected, 1e-12)

    single = [cr.tensor(x.astype(np.float32), requires_grad=True) for x in at]
    scalar(*single).backward()
    for leaf, expected in zip(single, gradient, strict=True):
        if leaf.grad is not None:
            assert leaf.grad.dtype == np.float32
            assert leaf.grad.shape == expected.shape


@many
@given(programs(LENGTH, in_place=True))
def test_programs_that_overwrite(program: Program) -> None:
    """Writes to tensors and to views of them: the right gradient, or ModifiedError."""
    _, scalar, at, directions = functions(program)
    leaves = [cr.tensor(x, requires_grad=True) for x in at]
    out = scalar(*leaves)
    close(out.detach().value, scalar(*at), 1e-12)
    if out.requires_grad:
        try:
            out.backward(retain_graph=True)
        except ModifiedError:
            assume(False)
    gradient = [np.zeros(x.shape) if leaf.grad is None else leaf.grad.value for leaf, x in zip(leaves, at, strict=True)]
    numeric = directional(scalar, at, directions)
    assume(numeric is not None)
    close(inner(gradient, directions), numeric, 1e-6)
    _, pushed = cr.jvp(scalar, tuple(at), tuple(directions))
    close(pushed, inner(gradient, directions))
    blocks = cr.jacobian(scalar, argnums=tuple(range(len(at))))(*at)
    for J, expected in zip(blocks, gradient, strict=True):
        close(J.dense(), expected)


@many
@given(programs(LENGTH, wider=True))
def test_programs_of_the_whole_registry(program: Program) -> None:
    """Values, both modes, differences, second order in three ways: as `python -m tests.programs` judges them."""
    assert judged(program).wrong == []
