"""Fewer turns of loops in memory: the same results, within the bound that is stated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import errors
from chainrule.native.compiled import CompileWarning
from tests.interop import provoked
from tests.native.agreement import agree
from tests.native.test_loops import CASES

RANDOM = np.random.default_rng(23)
SERIES = RANDOM.normal(size=(101, 4))
EVERY = [True, 1, 2, 5, 7, 1000]


def recurrence(turns: int) -> Callable[[Any, Any], Any]:
    """A state of four numbers."""

    def function(w: Any, h: Any) -> Any:
        for x in SERIES[:turns]:
            h = np.tanh(w * h + x) - 0.1 * h * h
        return np.sum(h * h)

    return function


def lstm(W: Any, U: Any, b: Any) -> Any:
    h, c = np.zeros(3), np.zeros(3)
    for x in SERIES[:40]:
        gates = W @ x + U @ h + b
        forget, into, out = [1 / (1 + np.exp(-gates[k : k + 3])) for k in (0, 3, 6)]
        c = forget * c + into * np.tanh(gates[9:])
        h = out * np.tanh(c)
    return np.sum(h * h)


def one_after_the_other(w: Any) -> Any:
    h = np.ones(4)
    for x in SERIES[:50]:
        h = np.sin(w * h + x)
    g = h * w
    for x in SERIES[50:81]:
        g = np.cos(g + x * h) * g
    return np.sum(g) + np.sum(h)


def of_all_turns(w: Any) -> Any:
    """The second loop goes over what the first has made, turn by turn."""
    h, states = np.zeros(4), []
    for x in SERIES[:45]:
        h = np.tanh(w * h + x)
        states.append(h)
    g = np.ones(4)
    for state in states:
        g = np.sin(g * w + state) + 0.1 * g
    return np.sum(g)


def totals(w: Any) -> Any:
    """What each turn makes goes into the result, and some turns are looked at by themselves."""
    h, states = w, [w]
    for x in SERIES[:60]:
        h = np.tanh(h * h - w + x) + 0.2 * states[-1] * states[max(len(states) - 3, 0)]
        states.append(h)
    return np.sum(states[4] * states[31]) + sum([np.sum(state * state) for state in states])


def products(W: Any) -> Any:
    h = np.eye(16)
    for k in range(20):
        h = np.tanh(W @ h + 0.01 * k)
    return np.sum(h * h)


def in_python(x: Any) -> Any:
    for _ in range(30):
        x = np.cumsum(np.sin(x)) / 2
    return np.sum(x)


MORE: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (lstm, (RANDOM.normal(size=(12, 4)), RANDOM.normal(size=(12, 3)), RANDOM.normal(size=12))),
    (one_after_the_other, (RANDOM.normal(size=4),)),
    (of_all_turns, (RANDOM.normal(size=4),)),
    (totals, (RANDOM.normal(size=4) / 3,)),
    (products, (RANDOM.normal(size=(16, 16)) / 5,)),
    (in_python, (np.linspace(0.3, 1.7, 6),)),
]


@pytest.mark.parametrize(("function", "arguments"), CASES + MORE, ids=[case[0].__name__ for case in CASES + MORE])
def test_results_stay_what_they_are(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    both = cr.value_and_grad(function, tuple(range(len(arguments))))
    whole = cr.compile(both)
    whole(*arguments)
    for checkpoint in EVERY:
        compiled = cr.compile(both, checkpoint=checkpoint)
        for factor in (1.0, 0.7, 1.0):
            moved = [value * factor for value in arguments]
            agree(compiled(*moved), both(*moved))
        assert "machine code" in compiled.recordings[0]
        assert compiled.memory[0] <= whole.memory[0]


@pytest.mark.parametrize("turns", [1, 2, 3, 7, 50, 101])
@pytest.mark.parametrize("checkpoint", [1, 2, 5, 7, 50, 101, 102, True])
def test_segments_of_any_length(turns: int, checkpoint: int) -> None:
    both = cr.value_and_grad(recurrence(turns), (0, 1))
    compiled = cr.compile(both, checkpoint=checkpoint)
    agree(compiled(np.full(4, 0.7), np.ones(4)), both(np.full(4, 0.7), np.ones(4)))
    agree(compiled(np.full(4, -0.4), np.zeros(4)), both(np.full(4, -0.4), np.zeros(4)))


def relaxed(u: Any) -> Any:
    for _ in range(1000):
        u = u - 0.1 * np.sin(u) + 0.05 * np.cos(u * u)
    return np.sum(u)


@pytest.mark.parametrize("length", [8, 32, 100])
def test_the_bound(length: int) -> None:
    state, turns = 100 * 8, 1000
    both = cr.value_and_grad(relaxed)
    whole, fewer = cr.compile(both), cr.compile(both, checkpoint=length)
    u = RANDOM.normal(size=100)
    agree(fewer(u), whole(u))
    assert turns * state < whole.memory[0] < (turns + 8) * state
    assert fewer.memory[0] <= (turns / length + length + 12) * state
    for compiled in (whole, fewer):
        (built,) = compiled.known.values()
        assert built.plain.arena.nbytes <= compiled.memory[0] + 64


def test_the_root_of_the_turns_is_chosen() -> None:
    compiled = cr.compile(cr.grad(relaxed), checkpoint=True)
    compiled(np.ones(100))
    assert compiled.recordings == ["machine code, 999 turns in segments of 32"]
    assert compiled.memory[0] <= (2 * 32 + 12) * 800


def test_without_a_way_back_no_turns_are_kept() -> None:
    for compiled in (cr.compile(relaxed), cr.compile(relaxed, checkpoint=True)):
        agree(compiled(np.ones(100)), relaxed(np.ones(100)))
        assert compiled.memory[0] < 5 * 800
    assert compiled.recordings == ["machine code, no turns to keep"]


def test_nothing_to_cut_is_said() -> None:
    compiled = cr.compile(cr.grad(lambda x: np.sum(np.sin(x))), checkpoint=7)
    compiled(np.ones(3))
    assert compiled.recordings == ["machine code, no turns to keep"]
    compiled = cr.compile(cr.grad(relaxed), checkpoint=1000)
    compiled(np.ones(100))
    assert compiled.recordings == ["machine code, all turns of 1 array kept"]


def test_steps_that_are_no_loop_are_all_kept() -> None:
    def from_entries(x: Any) -> Any:
        h = 0.0
        for place in range(len(x)):
            h = np.tanh(0.5 * h + x[place])
        return h * h

    x = RANDOM.normal(size=700)
    compiled = cr.compile(cr.grad(from_entries), checkpoint=True)
    agree(compiled(x), cr.grad(from_entries)(x))
    assert compiled.recordings == ["machine code, all kept: the steps are no loop"]


def test_what_runs_in_python_has_no_memory_here() -> None:
    compiled = cr.compile(lambda x: x * int(x), checkpoint=True)
    with pytest.warns(CompileWarning):
        compiled(1.0)
    assert compiled.memory == [None]


def test_every_way_of_calling(door: str) -> None:
    compiled = cr.compile(cr.value_and_grad(relaxed), checkpoint=20)
    agree(compiled(np.ones(5)), cr.value_and_grad(relaxed)(np.ones(5)))
    agree(compiled(np.ones(5) / 2), cr.value_and_grad(relaxed)(np.ones(5) / 2))
    assert compiled.recordings[0].startswith(door)


def test_results_into_arrays_that_are_there() -> None:
    compiled = cr.compile(cr.grad(relaxed), checkpoint=20)
    there = np.empty(5)
    compiled(np.ones(5))
    before = compiled.memory[0]
    assert compiled(np.ones(5), out=there) is there
    agree(there, compiled(np.ones(5)))
    assert compiled.memory[0] == 2 * before


def test_higher_derivatives() -> None:
    function = recurrence(50)

    def of_slopes(w: Any) -> Any:
        return np.sum(cr.grad(function)(w, np.ones(4)) ** 2)

    w = np.full(4, 0.3)
    agree(cr.compile(cr.grad(of_slopes), checkpoint=7)(w), cr.grad(of_slopes)(w))
    hessian = cr.hessian(function)
    compiled = cr.compile(hessian, checkpoint=True)
    for _ in range(2):
        agree(compiled(w, np.ones(4)).dense(), hessian(w, np.ones(4)).dense())


def test_what_is_compiled_is_compiled_again_with_another_choice() -> None:
    compiled = cr.compile(cr.grad(relaxed))
    assert cr.compile(compiled) is compiled
    fewer = cr.compile(compiled, checkpoint=10)
    assert fewer is not compiled
    assert cr.compile(fewer, checkpoint=10) is fewer
    assert cr.compile(fewer) is fewer
    agree(fewer(np.ones(4)), compiled(np.ones(4)))
    assert fewer.recordings == ["machine code, 999 turns in segments of 10"]


@pytest.mark.parametrize("checkpoint", [0, -3, 2.5, "all", None])
def test_a_choice_that_means_nothing(checkpoint: Any) -> None:
    provoked.says(
        lambda: cr.compile(relaxed, checkpoint=checkpoint),
        errors.OptionError,
        [f"checkpoint={checkpoint!r}", "1 or more", "True"],
        longest=200,
    )


@st.composite
def recurrences(draw: st.DrawFn) -> tuple[Callable[..., Any], int]:
    """A recurrence that looks some turns back, and whose result looks at some turns; and how many turns it has."""
    turns, size = draw(st.integers(20, 40)), draw(st.sampled_from([(), (1,), (3,)]))
    lags = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    shown = tuple(draw(st.lists(st.integers(0, turns), max_size=3)))
    sums, mixes, backwards = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    series = RANDOM.normal(size=(turns, *size))

    def function(w: Any, start: Any) -> Any:
        states, speed, total = [start * np.ones(size)], start * w, 0.0
        for x in series[::-1] if backwards else series:
            inner = w * x
            for lag in lags:
                inner = inner + np.sin(states[max(len(states) - lag, 0)]) * (0.3 + w / lag)
            if mixes:
                speed = 0.8 * speed + 0.1 * np.cos(inner)
                inner = inner - speed * w
            states.append(np.tanh(inner))
            total = total + np.sum(states[-1] * inner) if sums else total
        return total + np.sum(states[-1]) + sum([np.sum(states[place] ** 2) for place in shown])

    return function, turns


@given(recurrences(), st.data())
@settings(max_examples=25, deadline=None)
def test_any_recurrence(made: tuple[Callable[..., Any], int], data: st.DataObject) -> None:
    function, turns = made
    checkpoint = data.draw(st.one_of(st.just(True), st.integers(1, turns + 1)))
    both = cr.value_and_grad(function, (0, 1))
    compiled = cr.compile(both, checkpoint=checkpoint)
    for arguments in ((0.4, 0.7), (-0.6, 0.2)):
        agree(compiled(*arguments), both(*arguments))
    assert compiled.recordings[0].startswith("machine code")
