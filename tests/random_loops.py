"""Random loops: what goes from turn to turn, counters, tables, buffers that are written to, loops in loops."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["NAMES", "SIZE", "is_fragile", "is_sensitive", "program", "text"]

SIZE = 8
_RANDOM = np.random.default_rng(5)
NAMES: dict[str, Any] = {
    "np": np,
    "M": _RANDOM.uniform(0.1, 0.4, (SIZE, SIZE)) / 3,
    "TABLE": _RANDOM.normal(size=(90, SIZE)),
    "NUMBERS": [float(number) for number in _RANDOM.normal(size=90)],
}

_ARRAYS = ("x", "TABLE[k]", "TABLE[k + 1]", "TABLE[n - k]", "TABLE[k][::-1]", "TABLE[0]")
_PLAIN = ("2", "0.5", "-1", "k", "(k + 1)", "(k % 3)", "(n - k)", "0.1 * k", "-k")
_TAKEN = ("NUMBERS[k]", "NUMBERS[2 * k]", "TABLE[k, 0]")
_PARTS = ("[k % 8]", "[-1]", "[::-1]", "[k % 4 : k % 4 + 1]", ".sum()", ".mean()")
_FORMS = (
    "({} + {})",
    "({} - {})",
    "({} * {})",
    "({} / (2 + np.abs({})))",
    "np.maximum({}, {})",
    "np.hypot({}, {})",
    "np.where({} > {}, {}, {})",
    "np.tanh({})",
    "np.cos({})",
    "np.exp(-np.abs({}))",
    "np.sqrt(1 + np.square({}))",
    "(np.abs({}) + 0.1) ** 0.5",
    "(np.abs({}) + 0.1) ** (k % 3)",
    "(M @ ({} + x))",
    "0.1 * np.cumsum({} + x)",
    "np.roll({} + x, k % 2)",
    "np.roll({} + x, k)",
    "np.concatenate([({} + x)[:2], x])[:8]",
    "np.clip({}, -1, 0.1 * k + 1)",
)
_STATEMENTS = (
    "{0} = np.tanh({1}) + 0 * x",
    "{0} = 0.5 * {0} + 0.3 * np.sin({1})",
    "{0} = {0}.copy(); {0}[k % 8] = np.sin(np.sum({1}))",
    "{0} = {0}.copy(); {0}[1:3] += np.sin(np.sum({1}))",
    "{0} = {0}.copy(); {0}[k % 4 : k % 4 + 2] *= np.sin(np.sum({1}))",
    "{0} = {0}.copy(); {0}[::2] *= np.sin(np.sum({1}))",
    "total = total + np.sum(np.sin({1}))",
    "if k % 2 == 0: {0} = np.cos({1}) + 0 * x",
    "if k > 5: {0} = np.sin({1}) + 0 * x",
)
_BEGINNINGS = ("x", "x * 1.0", "0.5 * x", "np.zeros(8)", "np.ones(8)")


def _term(chance: random.Random, states: list[str], depth: int) -> str:
    if depth and chance.random() < 0.8:
        form = chance.choice(_FORMS)
        return form.format(*[_term(chance, states, depth - 1) for _ in range(form.count("{}"))])
    kinds = (states, _ARRAYS, _PLAIN, _TAKEN, [state + part for state in states for part in _PARTS])
    return chance.choice(chance.choice(kinds))


def _statements(chance: random.Random, states: list[str], most: int) -> list[str]:
    return [
        chance.choice(_STATEMENTS).format(chance.choice(states), _term(chance, states, chance.randint(1, 3)))
        for _ in range(chance.randint(1, most))
    ]


def text(seed: int) -> str:
    """The text of a function of ``x``, an array of 8 numbers, that gives a number."""
    chance = random.Random(seed)
    states = ["a", "b", "c"][: chance.randint(1, 3)]
    n = chance.choice((12, 25, 40))
    lines = ["    total = 0.0", *[f"    {state} = {chance.choice(_BEGINNINGS)}" for state in states], f"    n = {n}"]
    lines.append(f"    for k in range({chance.choice(('n', '1, n'))}):")
    lines += [f"        {line}" for line in _statements(chance, states, 4)]
    if chance.random() < 0.3:
        lines += ["        for _ in range(3):", *[f"            {line}" for line in _statements(chance, states, 1)]]
    if chance.random() < 0.3:
        lines += ["    for k in range(25):", *[f"        {line}" for line in _statements(chance, states, 2)]]
    ends = "".join([f" + np.sum({state} * TABLE[{k}])" for k, state in enumerate(states)])
    return "\n".join(["def function(x):", *lines, f"    return total{ends}", ""])


def program(seed: int) -> Callable[[Any], Any]:
    """The function."""
    names = dict(NAMES)
    exec(text(seed), names)
    function: Callable[[Any], Any] = names["function"]
    return function


def is_sensitive(function: Callable[[Any], Any], x: Any, step: float = 4e-15) -> bool:
    """Whether rounding decides about its result, because it is no number, jumps, or is chaotic."""
    one = np.asarray(function(x))
    others = [function(x * (1 + step * np.resize(signs, SIZE))) for signs in ([1, -1, -1], [-1, 1])]
    return not max([np.max(np.abs(one - other)) for other in others]) <= 2e5 * step * (1 + np.max(np.abs(one)))


def is_fragile(function: Callable[[Any], Any], x: Any) -> bool:
    """Whether rounding of large numbers in between does."""
    one, other = function(x), function(x.astype(np.longdouble))
    return not np.max(np.abs(one - other)) <= 1e-10 * (1 + np.max(np.abs(one)))
