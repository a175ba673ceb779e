"""The comparison with matrixcalculus.org: what the page says of chainrule is what it prints, and is right."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.derivation import Derivation
from chainrule.explain.derive import derive

PAGE = Path(__file__).parents[1] / "docs" / "matrixcalculus.md"
PAIR = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OURS = re.compile(
    r"^∂²?f(?:\[[^]]*\])?/∂(\w+?)(?:²|\[[^]]*\])?(?:∂\w+(?:\[[^]]*\])?)? = |^∂\(∂f/∂(\w+)\)", re.MULTILINE
)


class Entry(NamedTuple):
    """A function on the page, and what is said of it: the lines of theirs, the lines of ours."""

    code: str
    theirs: list[str]
    ours: list[str]

    @property
    def function(self) -> Callable[..., Any]:
        """The function, made from its code."""
        namespace: dict[str, Any] = {"np": np, "__name__": "page"}
        exec(compile(self.code, str(PAGE), "exec"), namespace)
        made: Callable[..., Any] = namespace["f"]
        return made

    @property
    def wanted(self) -> list[str]:
        """The arguments that it is differentiated by."""
        return list(dict.fromkeys(name or again for name, again in OURS.findall("\n".join(self.ours))))

    @property
    def order(self) -> int:
        """Which derivative it is."""
        return 2 if any(line.startswith(("∂²", "∂(")) for line in self.ours) else 1


def entries() -> list[Entry]:
    """All that is compared, in the order of the page."""
    found = []
    for code, text in PAIR.findall(PAGE.read_text(encoding="utf-8")):
        theirs, ours = text.split("ours:\n")
        found.append(Entry(code, theirs.splitlines(), ours.splitlines()))
    return found


def arguments(function: Callable[..., Any]) -> list[Any]:
    """Values for the names: numbers a, b, c, d; vectors; matrices; S and X are symmetric and definite, y is ±1."""
    rng = np.random.default_rng(0)
    names = list(inspect.signature(function).parameters)
    shapes = {"B": (7, 5), "V": (7, 5), "p": (7,), "F": (6, 2), "U": (4, 2), "R": (6, 4)}
    shapes["y"] = (7,) if "B" in names else (5,)
    found = []
    for name in names:
        shape = () if name in "abcd" else shapes.get(name, (5, 5) if name.isupper() else (5,))
        value: Any = rng.normal(size=shape)
        if name in "SX":
            value = value @ value.T + np.eye(len(value))
        elif name == "y":
            value = np.sign(value)
        elif not shape:
            value = 0.1 + abs(float(value))
        found.append(value)
    return found


def derived(entry: Entry) -> Derivation:
    """The derivation at these values."""
    names = list(inspect.signature(entry.function).parameters)
    wanted = tuple(names.index(name) for name in entry.wanted)
    return derive(entry.function, wanted, entry.order)(*arguments(entry.function))


def printed(derivation: Derivation, order: int) -> list[str]:
    """The derivatives of an order; of an array, its Jacobians rather than what a loss would have."""
    first = derivation.jacobians or derivation.gradients
    return [formula.text for formula in (derivation.hessians if order == 2 else first).values()]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: " ".join(entry.code.split()[1:]))
def test_the_page_shows_what_is_printed(entry: Entry) -> None:
    assert printed(derived(entry), entry.order) == entry.ours


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: " ".join(entry.code.split()[1:]))
def test_what_is_printed_is_right(entry: Entry) -> None:
    derivation = derived(entry)
    values = arguments(entry.function)
    names = list(inspect.signature(entry.function).parameters)
    for name in entry.wanted:
        position = names.index(name)
        jacobian = cr.jacobian(entry.function, position)(*values).dense()
        given = list(derivation.arguments)
        out = entry.function(*values)
        for index in np.ndindex(np.shape(out)):
            if np.ndim(out):
                given[-1] = np.zeros_like(out)
                given[-1][index] = 1.0
            found = derivation.function()(*given)
            found = found[entry.wanted.index(name)] if len(entry.wanted) > 1 else found
            np.testing.assert_allclose(found, jacobian[index], rtol=1e-9, atol=1e-12)


def test_second_derivatives_are_right() -> None:
    """Those that Python has; index notation has none."""
    found = [(entry, derived(entry)) for entry in entries() if entry.order == 2]
    told = [(entry, derivation, next(iter(derivation.hessians.values())).python) for entry, derivation in found]
    assert [python for *_, python in told if python]
    for entry, derivation, python in told:
        if python:
            namespace: dict[str, Any] = {"np": np}
            exec(derivation.source.replace("return ", "globals().update(locals()); return "), namespace)
            namespace["gradient"](*derivation.arguments)
            expected = cr.hessian(entry.function)(*arguments(entry.function)).dense()
            np.testing.assert_allclose(eval(python.removeprefix("H = "), namespace), expected, rtol=1e-9, atol=1e-12)


def test_no_answer_of_theirs_is_without_its_question() -> None:
    pairs = [line for entry in entries() for line in entry.theirs]
    assert len(pairs) >= 20
    assert [line for line in pairs if not line.startswith(("d/d", "d2/d"))] == []
