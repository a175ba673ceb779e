"""The gallery: each script runs, its gradients by hand are right, and its page shows the formulas that are derived."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.derivation import Derivation
from chainrule.explain.derive import derive

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples" / "gallery").glob("*.py"))
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
SECTION = re.compile(
    r"^## [^\n]*\n\n\[[^\n]*\]\(\.\./examples/gallery/(\w+)\.py\)(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECTIONS = dict(SECTION.findall(PAGE))


def load(path: Path) -> ModuleType:
    """A script as a module: `forward`, `by_hand`, `arguments`, `main`, and `upstream` where the result is an array."""
    specification = importlib.util.spec_from_file_location(f"gallery_{path.stem}", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def claims(module: ModuleType) -> dict[str, Any]:
    """The gradients by hand."""
    upstream = [module.upstream] if hasattr(module, "upstream") else []
    found: dict[str, Any] = module.by_hand(*module.arguments, *upstream)
    return found


def positions(module: ModuleType) -> tuple[int, ...]:
    """The arguments that the script differentiates by."""
    parameters = list(inspect.signature(module.forward).parameters)
    return tuple(parameters.index(name) for name in claims(module))


def gradients(module: ModuleType) -> dict[str, Any]:
    """The same gradients from `cr.vjp`, which does not derive formulas."""
    wanted = positions(module)

    def function(*values: Any) -> Any:
        arguments = list(module.arguments)
        for position, value in zip(wanted, values, strict=True):
            arguments[position] = value
        return module.forward(*arguments)

    _, pullback = cr.vjp(function, *[module.arguments[position] for position in wanted])
    return dict(zip(claims(module), pullback(getattr(module, "upstream", 1.0)), strict=True))


def derivation_of(module: ModuleType) -> Derivation:
    """The derivation that the script prints."""
    return derive(module.forward, positions(module))(*module.arguments)


def shown(name: str, language: str) -> list[str]:
    """The lines of the blocks in one language in a section of the page."""
    return [line for kind, text in BLOCK.findall(SECTIONS[name]) if kind == language for line in text.splitlines()]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_prints_its_derivation_and_that_it_is_right(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load(path)
    module.main()
    derived, checked = capsys.readouterr().out.split("\n✓", 1)
    assert derived == str(derivation_of(module))
    assert "✗" not in checked
    assert [name for name in claims(module) if not re.search(rf"\b{name}\b +right", checked)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_gradient_by_hand_is_right(path: Path) -> None:
    module = load(path)
    for name, expected in gradients(module).items():
        claimed = claims(module)[name]
        assert np.shape(claimed) == np.shape(expected), name
        np.testing.assert_allclose(claimed, expected, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_derived_source_computes_the_gradients(path: Path) -> None:
    module = load(path)
    derivation = derivation_of(module)
    given = list(derivation.arguments)
    if hasattr(module, "upstream"):
        given[-1] = module.upstream
    found = derivation.function()(*given)
    expected = gradients(module)
    for name, value in zip(expected, found if len(expected) > 1 else [found], strict=True):
        assert np.shape(value) == np.shape(expected[name]), name
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_page_has_a_section_for_every_script() -> None:
    assert sorted(SECTIONS) == [path.stem for path in SCRIPTS]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_page_shows_the_formulas_that_are_derived(path: Path) -> None:
    derivation = derivation_of(load(path))
    formulas = [*derivation.gradients.values(), *derivation.jacobians.values()]
    wanted = shown(path.stem, "text")
    assert wanted, "the section shows no formula"
    assert [line for line in wanted if line not in [*[formula.text for formula in formulas], *derivation.notes]] == []
    rows = [line.replace(" &= ", " = ", 1).removesuffix(r" \\") for line in shown(path.stem, "math")]
    expected = [r"\begin{aligned}", *[f.latex for f in formulas if f.text in wanted], r"\end{aligned}"]
    assert rows == expected
