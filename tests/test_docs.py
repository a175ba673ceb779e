"""What the documentation says is tried: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from chainrule.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in one of some languages."""
    return [text for language, text in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page: Path) -> list[str]:
    """The commands that a page tells its reader to type."""
    lines = [line.strip() for text in blocks(page, "console", "sh", "bash") for line in text.splitlines()]
    return [line.removeprefix("$ ").split("  #")[0].strip() for line in lines if line.startswith("$ ")]


def name(page: Path) -> str:
    """The path of a page in the project, to name its test by."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_on_a_page_runs(page: Path) -> None:
    """A page is read from top to bottom, so its blocks share one namespace; what stands after ``>>>`` is compared."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for number, text in enumerate(blocks(page, "python"), start=1):
        if ">>>" in text:
            example = doctest.DocTestParser().get_doctest(text, namespace, f"{page.name} block {number}", None, 0)
            runner, said = doctest.DocTestRunner(optionflags=FLAGS), list[str]()
            runner.run(example, out=said.append, clear_globs=False)
            assert runner.failures == 0, "".join(said)
            namespace = example.globs
        else:
            exec(compile(text, f"{page.name} block {number}", "exec"), namespace)


def test_the_readme_shows_python() -> None:
    assert len(blocks(ROOT / "README.md", "python")) >= 3


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_on_a_page_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    group = typer.main.get_command(app)
    known = set(getattr(group, "commands", {}))
    for command in commands(page):
        program, *words = command.split()
        if program == "make":
            assert {word for word in words if "=" not in word} <= targets, command
        elif program == "chainrule":
            assert words[0] in known, command
            assert [word for word in words if "/" in word and not (ROOT / word).exists()] == [], command
            options = {option for option in words if option.startswith("--")}
            told = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
            assert [option for option in options if option.split("=")[0] not in told] == [], command
        else:
            assert program in {"pip", "git", "cd", "python", "python3"}, f"{command}: nothing tries this"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_on_a_page_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(("script", "row"), [("eager.py", "scalars"), ("structure.py", "x@W wrt")])
def test_a_benchmark_runs(script: str, row: str) -> None:
    """One short round: the libraries that are there agree, and the table has its row. Times are not looked at."""
    program = [sys.executable, str(ROOT / "benchmarks" / script), "--rounds", "1", "--only", row]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert row in done.stdout
