"""The house rules that a program can check: one idea per file, said in its first line; no file too long to read."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = sorted((ROOT / "src").rglob("*.py"))
PYTHON = [*SOURCE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
MAXIMUM = 450

# The project is the same on every machine: it names no directory of the one it was written on.
PLACES = re.compile(r"(?<![\w.~}])/(?:work|home|root|opt|Users|tmp|mnt)/\w+|[A-Z]:\\Users\\")
# It is finished or it is not there.
PROMISES = re.compile(r"#.*\b(?:TODO|FIXME|XXX|HACK)\b")


def name(path: Path) -> str:
    """The path of a file in the project, to name its test by."""
    return path.relative_to(ROOT).as_posix()


def long_lived(text: str) -> list[str]:
    """The lines that name a place on somebody's machine, or that put work off."""
    return [line for line in text.splitlines() if PLACES.search(line) or PROMISES.search(line)]


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_a_file_says_its_idea_in_its_first_line(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, "there is no docstring at the top"
    first = docstring.splitlines()[0]
    assert path.read_text(encoding="utf-8").startswith(('"""', 'r"""')), "the first line of the file is the docstring"
    assert first.endswith((".", "?", "!")), f"not one whole sentence on one line: {first}"


@pytest.mark.parametrize("path", SOURCE, ids=name)
def test_a_file_can_be_read_at_one_sitting(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAXIMUM, f"{lines} lines are two ideas: give the second a file of its own"


@pytest.mark.parametrize("path", [path for path in PYTHON if path != Path(__file__)], ids=name)
def test_a_file_names_no_machine_and_puts_nothing_off(path: Path) -> None:
    assert long_lived(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")), ids=name)
def test_a_page_names_no_machine_and_puts_nothing_off(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("/path/to/", "")
    assert long_lived(text) == []


@pytest.mark.parametrize(
    "line", ["open('/home/anna/x.ipynb')", "x = 1  # TODO: later", "see /opt/tool/bin", "C:\\Users\\a"]
)
def test_a_planted_line_is_caught(line: str) -> None:
    assert long_lived(f"fine\n{line}\nfine") == [line]


@pytest.mark.parametrize("line", ["x / work / y", "a/home/b", "https://example.org/opt/x", "d/dx (u/v)", "TODO = 1"])
def test_an_ordinary_line_is_not(line: str) -> None:
    assert long_lived(line) == []


def test_import_loads_only_what_it_needs() -> None:
    heavy = (
        "scipy",
        "torch",
        "rich",
        "typer",
        "nbformat",
        "jupytext",
        "hypothesis",
        "pytest",
        "matplotlib",
        "jax",
        "llvmlite",
    )
    program = f"import sys, chainrule; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src" / "chainrule" / "py.typed").exists()
