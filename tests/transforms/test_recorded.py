"""What is replayed is what a run of the transform gives: on every operation, and never when something has changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.op import Operation, Sample, Undefined
from tests.operations import differentiable_operations, draw, samples_of

CASES = [
    pytest.param(operation, sample, id=f"{operation.name}-{number}")
    for operation in differentiable_operations()
    for number, sample in enumerate(samples_of(operation))
]


def dense(tree: Any) -> list[Any]:
    """The dense arrays of a tree of Jacobians."""
    return [tree.dense()] if isinstance(tree, cr.Jacobian) else [array for entry in tree for array in dense(entry)]


def compare(transform: Any, first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    """Derive at one point, then be at another twice: as the transform by itself."""
    for point in (first, second, second, first):
        found, expected = dense(transform(*point)), dense(transform.recorded.transform(*point))
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("operation", "sample"), CASES)
def test_jacobian_and_hessian_replay(operation: Operation, sample: Sample) -> None:
    points = [tuple(draw(operation, sample.arguments, seed)) for seed in (3, 4)]
    positions = tuple(
        position
        for position, given in enumerate(points[0])
        if np.asarray(given).dtype.kind == "f" and not isinstance(operation.rule(position), Undefined)
    )
    if not positions:
        pytest.skip("no argument is differentiated")
    params = dict(sample.params)
    shape = np.asarray(operation.forward(*points[0], **params)).shape
    weight = np.random.default_rng(5).normal(size=shape)

    def function(*given: Any) -> Any:
        return operation(*given, **params)

    def value(*given: Any) -> Any:
        return np.sum(operation(*given, **params) * weight)

    compare(cr.jacobian(function, positions), *points)
    compare(cr.hessian(value, positions), *points)


def test_a_function_whose_data_change_each_time_is_not_recorded_each_time() -> None:
    scale = np.ones(3)
    transform: Any = cr.jacobian(lambda x: scale * x**2)
    for k in range(1, 6):
        scale[:] = k
        np.testing.assert_allclose(transform(np.ones(3)).diagonal(), 2.0 * k)
    assert transform.recorded.recordings == [
        "run each time: something that it reads changes from call to call: make it an argument"
    ]


def test_a_function_whose_data_change_now_and_then_is_recorded_anew() -> None:
    scale = np.ones(3)
    transform: Any = cr.jacobian(lambda x: scale * x**2)
    for k in range(1, 6):
        scale[:] = k
        for _ in range(2):
            np.testing.assert_allclose(transform(np.ones(3)).diagonal(), 2.0 * k)
    assert transform.recorded.recordings == ["replayed"]


def test_what_cannot_be_replayed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are those of the function; an error of its own is raised, and nothing is said of it."""
    x = np.array([1.0, 2.0])

    def refusing(*_: Any) -> Any:
        raise AssertionError("no such loop")

    transform: Any = cr.jacobian(np.sin)
    monkeypatch.setattr(transform.recorded, "compiling", refusing)
    for _ in range(2):
        np.testing.assert_allclose(transform(x).dense(), np.diag(np.cos(x)))
    (said,) = transform.recorded.recordings
    assert said == "run each time: replaying it raised AssertionError: no such loop"
    inverse: Any = cr.jacobian(np.linalg.inv)
    with pytest.raises(np.linalg.LinAlgError):
        inverse(np.zeros((2, 2)))
    assert inverse.recorded.recordings == []
    assert inverse(np.eye(2)).dense().shape == (2, 2, 2, 2)
    assert inverse.recorded.recordings == ["replayed"]
