"""Recordings as Python to be read: the lines compute what the recording does, whatever steps it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import chainrule as cr
from chainrule.native.recorded import Recorded, recorded
from chainrule.program.listing import Listing, array_text
from tests.native.test_doors import same
from tests.random_programs import Program, programs

x = np.linspace(0.3, 1.7, 4)


def listed(f: Any, *arguments: Any) -> Listing:
    """The listing of a function."""
    made = recorded(f, arguments, arguments)
    assert isinstance(made, Recorded)
    return Listing({step.number: f"x{k}" for k, step in enumerate(made.inputs)}, made.wanted)


def run(listing: Listing, *arguments: Any) -> list[Any]:
    """What the lines compute."""
    space: dict[str, Any] = {f"x{k}": value for k, value in enumerate(arguments)}
    space.update(listing.arrays)
    exec("\n".join([*listing.imports, *listing.lines]), space)
    return [eval(text, space) for text in listing.results]


@pytest.mark.parametrize(
    ("f", "lines", "results"),
    [
        (lambda a: np.sin(a) * 2 + 1, [], ["(np.sin(x0) * 2) + 1"]),
        (lambda a: -a[1:, None] / a[..., :3], [], ["(-x0[1:, None]) / x0[..., :3]"]),
        (lambda a: a[::-1].reshape((2, 2)).T, [], ["np.transpose(np.reshape(x0[::-1], (2, 2)), None)"]),
        (lambda a: np.exp(a) - 1 / np.exp(a), ["v0 = np.exp(x0)"], ["v0 - (1 / v0)"]),
        (lambda a: np.where(a > 1, a, 0.0), [], ["np.where(x0 > 1, x0, 0.0)"]),
        (lambda a: a * np.arange(4.0), [], ["x0 * np.array([0.0, 1.0, 2.0, 3.0])"]),
        (lambda a: np.sum(a * np.ones((4, 4)), axis=0) @ np.ones((4, 4)), None, None),
        (lambda a: a * np.arange(40.0)[:4] + np.arange(40.0)[36:], None, None),
        (lambda a: np.concatenate([a, a * 2])[[0, 5, 7]], None, None),
    ],
)
def test_lines(f: Any, lines: list[str] | None, results: list[str] | None) -> None:
    listing = listed(f, x)
    if results is not None:
        assert (listing.lines, listing.results) == (lines, results)
    same(run(listing, x), [f(x)])


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs())
def test_random_programs(program: Program) -> None:
    f = program.function()
    arrays = list(program.inputs.values())
    made = recorded(cr.value_and_grad(lambda *a: np.sum(f(*a))), arrays, arrays)
    if isinstance(made, str):
        return
    listing = Listing({step.number: f"x{k}" for k, step in enumerate(made.inputs)}, made.wanted)
    same(tuple(run(listing, *arrays)), cr.value_and_grad(lambda *a: np.sum(f(*a)))(*arrays))


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.1, -0.0, np.inf, -np.inf]),
        np.array([[0.1, np.nan]], np.float32),
        np.array([1, -2]),
        np.array([1, 2], np.uint8),
        np.array([True, False]),
        np.array(3.5),
    ],
)
def test_arrays_are_written_to_the_last_bit(array: Any) -> None:
    found = eval(array_text(array), {"np": np})
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
