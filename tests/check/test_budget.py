"""A diagnosis that has no time left says so, and what is simple is found all the same."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.check.chain.budget import Budget
from chainrule.check.mistakes.diagnosis import Claim, diagnose
from chainrule.explain.record import record


def claim(claimed: Any) -> Claim:
    def loss(x: Any) -> Any:
        return np.sum(np.tanh(x) * np.exp(x))

    x = np.linspace(0.1, 1.0, 6)
    run = record(loss, (x,))
    true = np.asarray(cr.grad(loss)(x))
    return Claim("x", true * claimed, true, run, run.inputs["x"])


def test_without_time_it_is_said_that_not_all_was_tried() -> None:
    (found,) = diagnose(claim(np.array([1.0, 1.3, 0.2, 5.0, -1.0, 2.0])), seconds=0.0)
    assert found.mistake == "unknown"
    assert "could be tried in 0 s" in found.message


def test_without_time_what_the_arrays_show_is_found() -> None:
    assert diagnose(claim(-1.0), seconds=0.0)[0].mistake == "sign"


def test_with_time_nothing_is_said_where_nothing_fits() -> None:
    assert diagnose(claim(np.array([1.0, 1.3, 0.2, 5.0, -1.0, 2.0])), seconds=1000.0) == ()


def test_a_stage_leaves_time_to_the_next() -> None:
    budget = Budget(1000.0)
    budget.next_stage()
    assert list(budget.each("ab")) == ["a", "b"]
    assert not budget.is_cut_short
