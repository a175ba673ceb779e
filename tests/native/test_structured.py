"""Jacobians and Hessians whose entries machine code computes: equal to those that NumPy computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native import abi, build
from chainrule.native.build import program
from chainrule.program.recording import Recording

RANDOM = np.random.default_rng(3)
X, W, Y = RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(6, 2))
LABELS = (X[:, 0] > 0) * 1.0


def stencil(x: Any) -> Any:
    return np.tanh(x[1:] * x[:-1])


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def layer(W: Any, b: Any) -> Any:
    return np.tanh(X @ W + b)


def logistic(w: Any) -> Any:
    return np.mean(np.logaddexp(0, X @ w) - LABELS * (X @ w))


CASES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (cr.jacobian(stencil), (np.linspace(0.1, 1.0, 7),)),
    (cr.jacobian(layer), (W, np.ones(2))),
    (cr.jacobian(layer, (0, 1)), (W, np.ones(2))),
    (cr.hessian(rosenbrock), (np.linspace(-1.0, 1.0, 8),)),
    (cr.hessian(logistic), (np.array([0.1, 0.2, -0.3]),)),
    (cr.gauss_newton(lambda w: X @ w - LABELS), (np.array([0.1, 0.2, -0.3]),)),
    (cr.jacobian(lambda x: np.sin(x) * 2.0), (1.5,)),
]


def dense(found: Any) -> list[Any]:
    """The entries of Jacobians in containers."""
    if isinstance(found, tuple | list):
        return [entry for part in found for entry in dense(part)]
    return [found.dense()]


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("usable", [True, False])
def test_the_entries_are_those_of_numpy(case: int, usable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    function, arguments = CASES[case]
    if not usable:
        monkeypatch.setattr(abi, "usable", lambda: False)
    compiled = cr.compile(function)
    for factor in (1.0, 0.5, -1.25):
        moved = [value * factor for value in arguments]
        found, expected = compiled(*moved), function(*moved)
        for a, b in zip(dense(found), dense(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert compiled.recorded.recordings == ["replayed"]


def test_the_structure_is_kept() -> None:
    found = cr.compile(cr.hessian(rosenbrock))(np.linspace(-1.0, 1.0, 8))
    assert found.sparse().nnz == 8 + 2 * 7


def test_what_is_not_finite_is_left_to_numpy() -> None:
    function = cr.jacobian(lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0.0))
    compiled = cr.compile(function)
    for point in (np.array([1.0, 4.0]), np.array([0.0, 4.0])):
        np.testing.assert_array_equal(compiled(point).dense(), function(point).dense())


def test_arrays_that_are_laid_out_otherwise_are_taken_too() -> None:
    compiled = cr.compile(cr.jacobian(stencil))
    point = np.linspace(0.1, 1.0, 14)
    compiled(np.ascontiguousarray(point[::2]))
    np.testing.assert_allclose(compiled(point[::2]).dense(), cr.jacobian(stencil)(point[::2]).dense())


def test_a_recording_as_a_function() -> None:
    recording = Recording()
    with recording:
        x, kept = recording.input(np.ones(3)), recording.captured(np.arange(3.0))
        function = program([x], [np.sin(x) * kept, kept])  # type: ignore[list-item]
    found = function(np.array([0.5, 1.0, 2.0]))
    assert found is not None
    np.testing.assert_allclose(found[0], np.sin([0.5, 1.0, 2.0]) * np.arange(3.0))
    assert found[1] is kept.known


def test_without_llvm_numpy_runs_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "llvm", None)
    compiled = cr.compile(cr.jacobian(stencil))
    point = np.linspace(0.1, 1.0, 7)
    np.testing.assert_allclose(compiled(point).dense(), cr.jacobian(stencil)(point).dense())
