"""Loops that are done some turns at a time: all that is computed stays the same, in memory for a strip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import chainrule as cr
from chainrule.native import strips
from chainrule.native.schedule import Schedule
from tests.native.agreement import agree
from tests.native.test_every_op_compiled import many
from tests.native.test_every_op_compiled import test_random_programs as tried
from tests.random_programs import Program, programs

RANDOM = np.random.default_rng(3)
X, LABELS = RANDOM.normal(size=(1100, 30)) / 3, RANDOM.integers(0, 2, 1100)
W = RANDOM.normal(size=30)

FUNCTIONS: list[Any] = [
    lambda w, X: np.sum(np.log1p(np.exp(X @ w)) - LABELS * (X @ w)),
    lambda w, X: np.sum(np.tanh(X @ w)[1:] * np.sin(X @ w)[:-1]),
    lambda w, X: np.max(np.exp(np.sum(X * w, 1))) + np.prod(np.cos(X[:600] @ w)),
    lambda w, X: np.sum((X.T * np.exp(-np.linalg.norm(X - w, axis=1))) ** 2),
    lambda w, X: np.sum(np.cumsum(np.exp(-np.abs(X @ w))) * np.arctan(X @ w)),
    lambda w, X: np.sum(np.exp(np.sin(X[:550] @ w))[:, None] * np.cos(X[550:] @ w) ** 3),
]


def cut(schedule: Schedule) -> bool:
    """Whether there are strips."""
    return any([loop.length > 1 for leaf in schedule.leaves.values() for loop in leaf.path])


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("length", [110, 128])  # without and with a last strip that is shorter
def test_functions_of_many_rows(
    function: Any, kind: Any, length: int, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = W.astype(kind), X.astype(kind)
    monkeypatch.setattr(strips, "_LENGTH", length)
    for made in (function, cr.value_and_grad(function, (0, 1))):
        agree(cr.compile(made)(*given), made(*given), 1.0 if kind is np.float64 else 1e3)


def test_a_dear_function_between_loops_makes_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    whole = strips.cut_into_strips
    monkeypatch.setattr(
        "chainrule.native.kernels.cut_into_strips", lambda schedule: seen.append((whole(schedule), cut(schedule))[1])
    )
    for function, expected in [
        (FUNCTIONS[0], True),
        (lambda w, X: np.sum((X @ w) ** 2), False),  # nothing is dear
        (lambda w, X: np.sum(np.exp(X * w)), False),  # it is computed for many numbers as it is
    ]:
        compiled = cr.compile(cr.grad(function))
        agree(compiled(W, X), cr.grad(function)(W, X))
        assert seen.pop() == expected
        assert compiled.recordings == ["machine code"]


def test_what_a_strip_leaves_takes_memory_for_a_strip() -> None:
    compiled = cr.compile(cr.value_and_grad(FUNCTIONS[0]))
    compiled(W, X)
    assert compiled.memory[0] < 8 * len(X)


@many
@given(programs(10))
def test_random_programs_in_strips(program: Program) -> None:
    """As if everything were dear, and every loop long."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"_LENGTH": 3, "_LONG": 2, "_DEAR": 0.0, "_SHARE": 1e9}.items():
            patch.setattr(strips, name, value)
        tried.hypothesis.inner_test(program)  # type: ignore[attr-defined]
