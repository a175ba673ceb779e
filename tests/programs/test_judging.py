"""Programs are judged: a wrong derivative is seen, shrunk to the line that shows it, and told; a right one is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.op import OPERATIONS
from tests.programs.__main__ import main
from tests.programs.made import seeded
from tests.programs.program import Program, weights
from tests.programs.shrinking import shrunk
from tests.programs.verdicts import judged

LINES = ["v0 = x0 * 2.0", "v1 = np.sin(x0)", "v2 = np.exp2(v1) + x1", "v3 = np.tanh(v2) * v0"]
PROGRAM = Program({"x0": weights((3,)), "x1": weights((3,), 1.0)}, [0.3, 1.0], LINES, LINES, "v3 * v1")


@pytest.fixture
def wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """exp2 with the derivative of exp."""
    operation = OPERATIONS["exp2"]
    monkeypatch.setattr(operation, "plans", {})
    monkeypatch.setattr(operation.rules[0], "function", lambda out: out)


@pytest.mark.parametrize("number", range(20, 26))
def test_the_program_of_a_number_is_always_the_same(number: int) -> None:
    one, other = seeded(number), seeded(number)
    assert str(one) == str(other)
    assert judged(one).wrong == []
    np.testing.assert_array_equal(one.function()(*one.arguments), other.function()(*other.arguments))


def test_a_right_program() -> None:
    assert judged(PROGRAM, compiled=True).wrong == []


def test_a_wrong_rule_is_seen_and_the_program_shrunk_to_it(wrong_rule: None) -> None:
    found = judged(PROGRAM).wrong
    assert [what for what, _ in found] == ["reverse and differences", "second order and differences"]
    short = shrunk(PROGRAM, lambda other: bool(judged(other).wrong))
    assert len(short.lines) == 1
    assert "np.exp2(x" in short.lines[0]
    assert list(short.inputs) in (["x0"], ["x0", "x1"])


def test_an_error_is_a_disagreement() -> None:
    broken = replace(PROGRAM, lines=["v0 = x0 * 1.0", "v0 = np.array(v0, dtype='U8')"], result="v0")
    assert judged(broken).wrong[0][0] == "error in first order"


def test_a_peer_that_disagrees() -> None:
    def peer(program: Program) -> Any:
        out, gradient = program.function()(*program.arguments), [np.zeros(3), np.zeros(3)]
        return out, gradient

    assert {what for what, _ in judged(PROGRAM, other=peer).wrong} == {"gradient in other"}


def test_the_runner(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["programs", "--seed", "7", "--count", "3"])
    assert main() == 0
    assert "3 programs from 7 on, 0 disagree" in capsys.readouterr().out
    monkeypatch.setattr(cr, "hvp", lambda f, at, along: [2 * part for part in along])
    assert main() == 1
    assert "--- program 7:" in capsys.readouterr().out
