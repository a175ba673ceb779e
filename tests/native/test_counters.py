"""Loops that count: what code computes with the number of the turn is another number in each turn of machine code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import chainrule as cr
from chainrule.native.compiled import CompileWarning
from tests.native.agreement import agree

RANDOM = np.random.default_rng(3)
X = RANDOM.uniform(0.1, 0.5, 12)
A = RANDOM.uniform(0.1, 0.9, (4, 4))
TURNS = 30

NUMBERS = [  # ``k`` counts turns, ``s`` is what goes from turn to turn
    "x * k",
    "(x - k) ** 2 / (k + 1)",
    "k * x - x / (k + 1)",
    "x**k",
    "k * 0.5 * x + 0.1 * k * x",
    "np.power(k + 1, x)",
    "np.float_power(x, k)",
    "np.sin(x * k) + np.cos(k - x)",
    "np.exp(-k) * x + x * np.sqrt(k)",
    "np.hypot(x, k) + np.arctan2(k, x)",
    "np.logaddexp(x, k)",
    "np.maximum(x * 9, k) + np.minimum(k, x * 9)",
    "np.copysign(x, 15 - k) * k",
    "np.mod(x * 30, k + 1) + np.remainder(k, x + 1)",
    "np.floor(x * k) * x + np.round(x * k) * x",
    "(x * 30 > k) * x",
    "np.where(x * 10 > k, x, k)",
    "np.where(x < 0.02 * k, 0.3 * k, x)",
    "np.clip(x * 10, k, k + 3)",
    "np.full(12, k) * x",
    "special.expit(x - k) * special.erf(x * k)",
    "special.gammaln(x + k)",
    "0.5 * np.tanh(s + x * k) - s",
]
PLACES = [
    "x[k % 3] * x",
    "x * x[k % 12]",
    "x[k % 12 :].sum() * x",
    "np.take(x, k % 12) * x",
    "np.roll(x, k) * x",
    "np.tril(A, k % 3 - 1).sum() * x * k",
    "np.trace(A, k % 3) * x",
    "np.sum(A * k, k % 2).mean() * x",
    "np.sum(A * k, axis=k % 2).mean() * x",
    "np.expand_dims(x, k % 2).sum(k % 2) * k",
    "np.swapaxes(A, 0, k % 2).sum(0)[k % 4] * x",
    "special.jv(k % 3, x)",
    "np.linalg.matrix_power(A / 4, k % 4).sum() * x",
    "s[::-1] * k * 0.001",
]
SUMS = [
    "np.sum(x * k) * x",
    "np.dot(x, x * k) * x",
    "np.mean(x ** (k + 1)) * x",
    "np.linalg.norm(x - k) * x",
    "np.concatenate([x[:6] * k, x[6:] - k])",
    "np.array([x[0] * k, x[1] + k] * 6)",
    "np.stack([x, x * k]).sum(0)",
    "np.outer(x, x * k).sum(1)",
    "np.einsum('i,i->i', x * k, x)",
    "np.cumsum(x * k)",
    "np.quantile(x, 0.03 * (k % 30)) * x",
    "np.polyval([k, 1.0, 2.0], x)",
    "np.interp(x * k, [0.0, 5.0, 9.0], [1.0, 2.0, 4.0])",
]


def counting(*terms: str, start: int = 0, step: int = 1) -> Callable[[Any], Any]:
    """A function with a loop that adds the terms in each of its turns."""
    lines = "".join([f"        s = s + ({term})\n" for term in terms])
    head = f"    s = np.zeros_like(x)\n    for n in range({TURNS}):\n        k = {start} + {step} * n\n"
    names: dict[str, Any] = {"np": np, "special": special, "A": A}
    exec(f"def function(x):\n{head}{lines}    return s\n", names)
    function: Callable[[Any], Any] = names["function"]
    return function


def compare(function: Callable[[Any], Any], x: Any, rounding: float = 1.0) -> None:
    compiled = cr.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for _ in range(2):
            agree(compiled(x), function(x), rounding)


@pytest.mark.parametrize("term", [*NUMBERS, *PLACES, *SUMS])
def test_a_counter_is_the_number_of_the_turn(term: str) -> None:
    function = counting(term)
    compare(function, X)
    compare(cr.grad(lambda x: np.sum(function(x))), X)


@pytest.mark.parametrize("term", NUMBERS)
def test_a_counter_does_not_change_the_precision(term: str) -> None:
    compare(counting(term), X.astype(np.float32), 10.0)


@pytest.mark.parametrize("term", ["x * k", "x - k // 2", "x // (k + 1)", "x % (k + 1)", "np.maximum(x, k)", "x > k"])
def test_counters_and_integers(term: str) -> None:
    compare(counting(term), np.arange(12))


def test_a_counter_that_is_too_large_for_the_machine() -> None:
    compare(counting("x * k", "np.sin(x)", start=1 << 62, step=1 << 60), X)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([*NUMBERS, *PLACES, *SUMS]), min_size=1, max_size=4),
    st.integers(0, 5),
    st.integers(1, 3),
)
def test_loops_of_several_terms(terms: list[str], start: int, step: int) -> None:
    function = counting(*terms, start=start, step=step)
    compare(function, X)
    compare(cr.grad(lambda x: np.sum(function(x))), X)
