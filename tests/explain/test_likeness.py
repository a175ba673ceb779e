"""Turns that are alike: continued formulas are those that would be worked out, and irregular turns are seen."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.explain import progress
from chainrule.explain.computation import Step
from chainrule.explain.cotangents import Sweep
from chainrule.explain.derive import derive
from chainrule.explain.deriver import Deriver
from chainrule.explain.progress import Progress
from chainrule.explain.reader import Reader
from chainrule.explain.record import record
from chainrule.explain.simplify import Simplifier
from chainrule.explain.turns import longest_loop
from tests.explain.test_source import assert_source_is_the_gradient

RNG = np.random.default_rng(0)
TURNS = 14
XS = RNG.normal(size=(TURNS, 3))
A = RNG.normal(size=(3, 3))


def recurrence(W: Any, U: Any, xs: Any) -> Any:
    h, loss = np.zeros(3), 0.0
    for x in xs:
        h = np.tanh(W @ h + U @ x)
        loss = loss + np.sum(h**2)
    return loss


def collected(W: Any, U: Any, xs: Any) -> Any:
    h, losses = np.zeros(3), []
    for x in xs:
        h = np.tanh(W @ h + U @ x)
        losses.append(np.sum(h**2))
    return sum(losses)


def attention(W: Any, xs: Any) -> Any:
    h = np.ones(3)
    for x in xs:
        s = np.exp(W @ (h * x))
        p = s / s.sum()
        h = h + p * x
    return np.sum(h**2)


def filtered(F: Any, Q: Any, R: Any, ys: Any) -> Any:
    P, m, loss = np.eye(3), np.zeros(3), 0.0
    for y in ys:
        m = F @ m
        P = F @ P @ F.T + Q
        S = P + R
        v = y - m
        K = P @ np.linalg.inv(S)
        loss = loss + v @ np.linalg.solve(S, v) + np.linalg.slogdet(S)[1]
        m = m + K @ v
        P = P - K @ S @ K.T
    return loss


def layers(Ws: Any, x: Any) -> Any:
    for W in Ws:
        x = np.tanh(W @ x)
    return np.sum(x)


def gated(Wz: Any, Wh: Any, xs: Any) -> Any:
    h = np.zeros(3)
    for t in range(len(xs)):
        z = 1 / (1 + np.exp(-(Wz @ np.concatenate([h, xs[t]]))))
        c = np.tanh(Wh @ np.concatenate([h, xs[t]]))
        h = (1 - z) * h + z * c
    return h @ h


def descent(w: Any, X: Any, y: Any) -> Any:
    for _ in range(TURNS):
        r = X @ w - y
        w = w - 0.1 * X.T @ r / len(y)
    return np.sum((X @ w - y) ** 2)


ALIKE: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (recurrence, (A, A, XS)),
    (collected, (A, A, XS)),
    (attention, (A, XS)),
    (filtered, (A / 3, np.eye(3) / 2, np.eye(3), XS)),
    (layers, ([RNG.normal(size=(3, 3)) for _ in range(TURNS)], XS[0])),
    (gated, (RNG.normal(size=(3, 6)), RNG.normal(size=(3, 6)), XS)),
    (descent, (XS[0], XS, XS[:, 0])),
]


@pytest.mark.parametrize(("function", "arguments"), ALIKE, ids=[f.__name__ for f, _ in ALIKE])
def test_continued_formulas_are_those_that_would_be_worked_out(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    computation = record(function, arguments)
    loop = longest_loop(computation)
    assert loop is not None
    deriver = Deriver(computation, list(computation.inputs.values()), "")
    values = computation.adjoints()
    reader = Reader(computation, loop=loop)
    sweep = Sweep(reader, Simplifier(reader, deriver.symmetry), deriver.steps, deriver._seed(), values, loop=loop)
    assert sweep._repeats is not None and len(sweep._repeats.trusted) >= TURNS - 6
    plain = Reader(computation)
    worked_out = Sweep(plain, Simplifier(plain, deriver.symmetry), deriver.steps, deriver._seed(), values)

    def keys(found: Sweep, step: Step) -> list[Any]:
        return [form.key() for form in found.found[step].forms]

    for step in deriver.steps:
        assert reader.define(step).key() == plain.define(step).key() if step.operation else step.is_input
        if step in loop.place:
            assert keys(sweep, step) == keys(worked_out, step), step.called


def epochs(w: Any, X: Any) -> Any:
    y = w
    for _ in range(4):
        for i in range(4):
            y = np.sin(y * X[i])
    return np.sum(y)


def jumping(w: Any, xs: Any) -> Any:
    h = 0 * w
    for t in [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7]:
        h = np.tanh(h * w + xs[t])
    return np.sum(h)


def fading(w: Any, xs: Any) -> Any:
    y = w
    for t in range(TURNS):
        y = np.sin(y * w) + 0.9**t * xs[0]
    return np.sum(y)


def chosen_before(w: Any, xs: Any) -> Any:
    taken = [xs[t] for t in [0, 1, 2, 3, 4, 5, 6, 3, 8, 9, 10, 11]]
    h = 0 * w
    for x in taken:
        h = np.tanh(h * w + x)
    return np.sum(h)


@pytest.mark.parametrize("function", [epochs, jumping, fading, chosen_before])
def test_turns_that_only_look_alike_are_worked_out(function: Callable[..., Any]) -> None:
    assert_source_is_the_gradient(function, (XS[0], XS))


def test_a_long_loop_is_told_in_a_few_lines_and_every_step_on_demand() -> None:
    told = derive(recurrence)(A, A, RNG.normal(size=(40, 3)))
    assert len([line for line in told.text.splitlines() if " = tanh" in line]) == 3
    assert "∂loss₄₀/∂xs = [∂loss₄₀/∂xₜ for t = 1…40]" in told.text
    assert r"\frac{\partial \mathit{loss}_{40}}{\partial x_{t}} \text{ for } t = 1, \dots, 40\right]" in told.latex
    assert "in h₁, h₂, …, h₄₀" in told.text
    names = [entry.name for entry in told.explained]
    assert names[3:5] == ["x₁", "h₁"]
    middle = told.explained[names.index("h₂₀")]
    assert str(middle.forward) == "h₂₀ = tanh(W h₁₉ + U x₂₀)"
    assert [entry.name for entry in told.explained[:2]] == ["W", "U"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_once_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, file = _Terminal(), io.StringIO()
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    for stream in (screen, file):
        with Progress("derive", stream) as line:
            assert list(line.over([1, 2], "steps")) == [1, 2]
    assert screen.getvalue().startswith("\rderive: steps, 0 of 2") and screen.getvalue().endswith(" \r")
    assert file.getvalue() == ""


def test_progress_is_silent_while_nobody_waits() -> None:
    screen = _Terminal()
    with Progress("derive", screen) as line:
        assert list(line.over([1, 2], "steps")) == [1, 2]
    assert screen.getvalue() == ""
