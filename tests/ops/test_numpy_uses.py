"""Each of NumPy's functions differentiates, or is constant, or raises an error that says so; and the page tells which.

``python -m tests.ops.test_numpy_uses`` writes the page.
"""

from __future__ import annotations

import inspect
import io
import os
import textwrap
import warnings
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from tests.ops.numpy_uses import METHODS, OTHERS, SERIES, USES

PAGE = Path(__file__).parents[2] / "docs" / "numpy_functions.md"
SERIES_HERE = {f"polynomial.{name}.": getattr(np.polynomial, name) for name in SERIES}
MODULES = {
    "": np,
    "linalg.": np.linalg,
    "fft.": np.fft,
    "emath.": np.emath,
    "lib.stride_tricks.": np.lib.stride_tricks,
    **SERIES_HERE,
}
POINT = np.array([[1.13, 0.41, 0.23], [0.37, 2.94, 0.52], [0.61, 0.27, 5.87]])
OTHER_NAMES = {name for names in OTHERS.values() for name in names.split()}


def public(module: Any) -> set[str]:
    names = module.__all__ if module in SERIES_HERE.values() else dir(module)
    return {name for name in names if name[0] != "_" and not inspect.ismodule(getattr(module, name))}


NAMES = {prefix + name for prefix, module in MODULES.items() for name in public(module)}
HERE = {name: use for name, use in USES.items() if name in NAMES}
METHODS_HERE = {name: use for name, use in METHODS.items() if hasattr(np.ndarray, name)}
EVERY = {**HERE, **{f"ndarray.{name}": use for name, use in METHODS_HERE.items()}}


def numbers(value: Any) -> Any:
    """All numbers in what a function returns, along one axis; none in texts, types and truth values."""
    if isinstance(value, list | tuple):
        parts = [numbers(part) for part in value]
        return np.concatenate(parts) if parts else np.zeros(0)
    if isinstance(value, np.ndarray | np.generic | cr.Tensor) and value.dtype.kind in "fc":
        return np.ravel(value) * 1.0
    return np.zeros(0)


class Outcome(NamedTuple):
    """What becomes of a use: its gradient and that by differences, or the error."""

    found: Any
    expected: Any
    problem: Exception | None


@cache
def outcome(name: str) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome_of(eval(f"lambda x: {EVERY[name]}", {"np": np, "file": io.BytesIO, "nowhere": os.devnull}))


def outcome_of(function: Any) -> Outcome:
    rank = numbers(function(POINT.copy())).size
    weights = np.cos(np.arange(rank) + 0.5)

    def value(x: Any) -> Any:
        return np.sum(np.real(numbers(function(x))) * weights) + 0 * np.sum(x)

    try:
        found = cr.grad(value)(POINT)
    except Exception as problem:
        return Outcome(None, None, problem)
    steps = 1e-6 * np.eye(9).reshape(9, 3, 3)
    expected = [(value(POINT + step) - value(POINT - step)) / 2e-6 for step in steps]
    return Outcome(found, np.reshape(expected, (3, 3)), None)


def test_no_name_is_missing() -> None:
    assert not NAMES - set(USES) - OTHER_NAMES, "names that NumPy has, and that numpy_uses.py has not"
    assert not set(USES) & OTHER_NAMES
    assert not {name for name in dir(np.ndarray) if name[0] != "_"} - set(METHODS)


@pytest.mark.parametrize("name", EVERY)
def test_use(name: str) -> None:
    found, expected, problem = outcome(name)
    if problem is None:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    else:
        assert isinstance(problem, cr.errors.ChainruleError | AttributeError), problem
        assert name.rpartition(".")[2] in str(problem)


def kind_of(name: str) -> str:
    found, _, problem = outcome(name)
    if problem is not None:
        return str(problem).partition("\n")[0].partition(": a gradient")[0]
    return "differentiated" if np.any(found) else "constant"


def listed(names: Any) -> str:
    text = ", ".join(f"`{name}`" for name in sorted(names))
    return "\n".join(textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False))


HEAD = """\
# NumPy's functions

What becomes of a tracked number in each of NumPy's public functions, and in the methods and attributes of arrays. The
page is written by the tests, which use every name once in a function given to `cr.grad`, and compare what comes out
with differences.
"""
SAYING = {
    "differentiated": "Differentiated by their numbers, in both directions and to any order.",
    "constant": "Constant wherever they have a derivative: positions, truth values, whole numbers, shapes, texts.",
}


def page() -> str:
    kinds = {name: kind_of(name) for name in EVERY}
    parts = [HEAD]
    for kind, saying in SAYING.items():
        parts.append(f"## {kind.capitalize()}\n\n{saying}\n")
        for prefix in (*MODULES, "ndarray."):
            names = [name for name in kinds if kinds[name] == kind and name.startswith(prefix)]
            names = [name.removeprefix(prefix) for name in names if prefix or "." not in name]
            if names:
                place = prefix if prefix == "ndarray." else f"np.{prefix}"
                parts.append(f"In `{place.removesuffix('.')}`:\n\n{listed(names)}\n")
    parts.append("## An error\n\n| name | what it says |\n| --- | --- |")
    parts += [f"| `{name}` | {kind} |" for name, kind in sorted(kinds.items()) if kind not in SAYING]
    parts.append("\n## Names that no tracked number is given to\n")
    for reason, others in OTHERS.items():
        parts.append(f"{reason[0].upper()}{reason[1:]}:\n\n{listed(set(others.split()))}\n")
    return "\n".join(parts)


def test_the_page_says_so() -> None:
    if set(EVERY) == set(USES) | {f"ndarray.{name}" for name in METHODS}:  # a NumPy that has all of the names
        assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.ops.test_numpy_uses"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
