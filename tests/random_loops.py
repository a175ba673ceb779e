"""Random loops: what goes from turn to turn, counters, tables, buffers that are written to, loops in loops, grids."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["NAMES", "SIZE", "grid", "is_fragile", "is_sensitive", "program", "text"]

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


_ENTRIES = (
    *("A[i, j]", "A[i - 1, j]", "A[i, j - 1]", "A[j, i]", "B[i, j]", "B[j, i]", "M[i, j]", "v[i]", "v[j]", "v[i - 1]"),
    *("x[i, j]", "x[j, i]", "x[0, j]", "0.5", "0.1 * i", "(i + j) * 0.1", "i % 2", "A[i, i]", "A[-1, j]", "s"),
    *(
        "A[i, :j] @ B[:j, i]",
        "np.sum(A[i, :j] * B[j, :j])",
        "np.dot(v[:i], A[j, :i])",
        "np.sum(B[:, j])",
        "np.max(A[i])",
    ),
)
_ROWS = (
    *("A[i]", "A[:, i]", "B[i]", "B[:, i]", "v", "x[i]", "x[:, i]", "M[i]", "A[i, ::-1]", "A[i - 1]", "v[::-1]"),
    *("0.3", "0.1 * i", "np.roll(v, 1)", "0.2 * np.cumsum(v)", "M @ v"),
)
_MIXED = (
    *("({} + {})", "({} - {})", "({} * {})", "({} / (1.5 + np.abs({})))", "np.tanh({})", "np.sin({})"),
    *("np.maximum({}, {})", "np.where({} > {}, {}, {})", "np.sqrt(0.1 + np.square({}))"),
)
_OF_ENTRIES = (
    "{0}[i, j] = np.tanh({1})",
    "{0}[i, j] += 0.1 * np.sin({1})",
    "{0}[j, i] *= np.cos({1})",
    "s = 0.5 * s + np.tanh({1})",
    "v[j] = np.sin({1})",
    "{0}[i, j], {0}[j, i] = {0}[j, i], {0}[i, j]",
    "if i > j: {0}[i, j] = np.tanh({1})",
    "{0}[i, :j] -= 0.1 * v[:j] * ({1})",
)
_OF_ROWS = (
    "{0}[i] = np.tanh({1})",
    "{0}[:, i] = np.tanh({1})",
    "{0}[i] += 0.1 * np.sin({1})",
    "v = 0.5 * v + 0.2 * np.sin({1})",
    "{0}[i, 1:] = np.sin(({1} + v)[:-1])",
    "{0}[i], {0}[i - 1] = {0}[i - 1].copy(), {0}[i].copy()",
    "v[i] = np.sum(np.sin({1}))",
    "{0} = np.tanh({0} + 0.1 * np.outer(v, {1} + v))",
)


def _mixed(chance: random.Random, leaves: Sequence[str], depth: int) -> str:
    if not depth or chance.random() < 0.2:
        return chance.choice(leaves)
    form = chance.choice(_MIXED)
    return form.format(*[_mixed(chance, leaves, depth - 1) for _ in range(form.count("{}"))])


def grid(seed: int) -> str:
    """The text of a function of a square ``x`` that goes over it row by row, or number by number."""
    chance = random.Random(seed)

    def lines(of: Sequence[str], leaves: Sequence[str], most: int) -> list[str]:
        return [
            chance.choice(of).format(chance.choice("AB"), _mixed(chance, leaves, chance.randint(1, 3)))
            for _ in range(chance.randint(1, most))
        ]

    found = [f"    A = {chance.choice(('x.copy()', 'np.zeros((8, 8))', '0.5 * x', 'x.T.copy()'))}"]
    found.append(f"    B = {chance.choice(('x.copy()', 'np.ones((8, 8))', 'x * M', 'np.zeros((8, 8))'))}")
    found.append(f"    v, s = {chance.choice(('x[0] * 2', 'np.zeros(8)', 'x.sum(0)', '0.3 * M[1]'))}, 0.1")
    for _ in range(chance.randint(1, 2)):
        found.append(f"    for i in range({chance.choice(('8', '1, 8', '7, 0, -1', '1, 7'))}):")
        by_rows = chance.random()
        if by_rows < 0.4:
            found += [f"        {line}" for line in lines(_OF_ROWS, _ROWS, 2)]
        if by_rows > 0.25:
            found.append(f"        for j in range({chance.choice(('8', '1, 8', 'i', 'i + 1', 'i, 8', '7, -1, -1'))}):")
            found += [f"            {line}" for line in lines(_OF_ENTRIES, _ENTRIES, 3)]
    found.append("    return np.sum(A * M) + np.sum(B * M.T) + np.sum(v * M[0]) + s")
    return "\n".join(["def function(x):", *found, ""])


def program(text: str) -> Callable[[Any], Any]:
    """The function of a text."""
    names = dict(NAMES)
    exec(text, names)
    function: Callable[[Any], Any] = names["function"]
    return function


def is_sensitive(function: Callable[[Any], Any], x: Any, step: float = 4e-15) -> bool:
    """Whether rounding decides about its result, because it is no number, jumps, or is chaotic."""
    one = np.asarray(function(x))
    others = [function(x * (1 + step * np.resize(signs, x.shape))) for signs in ([1, -1, -1], [-1, 1])]
    return not max([np.max(np.abs(one - other)) for other in others]) <= 2e5 * step * (1 + np.max(np.abs(one)))


def is_fragile(function: Callable[[Any], Any], x: Any) -> bool:
    """Whether rounding of large numbers in between does."""
    one, other = function(x), function(x.astype(np.longdouble))
    return not np.max(np.abs(one - other)) <= 1e-10 * (1 + np.max(np.abs(one)))
