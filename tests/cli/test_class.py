"""Many notebooks at once: what came of each, which mistakes are made most, and how much is told."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from chainrule.check.verdicts.finding import Finding
from chainrule.cli.cells import Outcome
from chainrule.cli.hints import Degree, told
from chainrule.cli.main import app
from chainrule.cli.notebook import Cell, Notebook
from chainrule.cli.progress import ProgressLine
from chainrule.cli.run import Report
from chainrule.cli.sources import notebooks_in
from chainrule.cli.summary import Checked, mistakes, show_summary, status_of, summary_as_json
from chainrule.errors import NotebookMissingError

NOTEBOOK = """# %%
import torch
x = torch.tensor([1.0, 2.0], requires_grad=True)
(x**2).sum().backward()
# %%
print(x.grad, "<>", {claim})
"""


def chainrule(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["check", *map(str, arguments)], env={"NO_COLOR": "1"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, claim in (("anna/a.py", "2 * x.detach()"), ("ben/b.py", "3 * x.detach()"), ("c.py", "6 * x.detach()")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(NOTEBOOK.format(claim=claim))
    (tmp_path / "broken.ipynb").write_text('{"cells": [}')
    (tmp_path / "README.md").write_text("# not a notebook\n\n```python\nx\n```\n")
    (tmp_path / "helpers.py").write_text("x = 1\n")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "old.ipynb").write_text("{}")
    return tmp_path


def test_which_notebooks_are_in_a_folder(folder: Path) -> None:
    found = [str(Path(path).relative_to(folder)) for path in notebooks_in([str(folder)])]
    assert found == ["anna/a.py", "ben/b.py", "broken.ipynb", "c.py"]
    assert notebooks_in(["x.py", "x.py", "no such"]) == ["x.py", "no such"]
    (folder / "empty").mkdir()
    with pytest.raises(NotebookMissingError, match="is a folder without a notebook"):
        notebooks_in([str(folder / "empty")])


def test_a_folder_gives_a_summary(folder: Path) -> None:
    done = chainrule(folder)
    assert done.exit_code == 1, done.stderr
    words = [line.split() for line in done.stdout.splitlines()]
    rows = {line[0]: line[1:] for line in words if len(line) == 8 and line[1] in "1·–"}
    assert rows["anna/a.py"] == ["1", "·", "·", "·", "·", "·", "·"]
    assert rows["ben/b.py"] == ["·", "·", "1", "·", "·", "·", "·"]
    assert rows["broken.ipynb"] == ["–"] * 7
    text = " ".join(done.stdout.split())
    assert "broken.ipynb could not be checked" in text
    assert "factor 2" in text


def test_a_folder_as_json(folder: Path) -> None:
    content = json.loads(chainrule(folder, "--json").stdout)
    assert [Path(entry["file"]).name for entry in content["notebooks"]] == ["a.py", "b.py", "broken.ipynb", "c.py"]
    assert [entry["status"] for entry in content["notebooks"]] == [0, 1, 2, 1]
    assert "broken JSON" in content["notebooks"][2]["failure"]
    (mistake,) = content["mistakes"]
    assert mistake["mistake"] == "factor"
    assert [Path(file).name for file in mistake["notebooks"]] == ["b.py", "c.py"]
    assert content["status"] == 1


def test_several_files(folder: Path) -> None:
    assert chainrule(folder / "anna" / "a.py", folder / "broken.ipynb").exit_code == 2
    done = chainrule(folder / "anna" / "a.py", folder / "missing.py")
    assert done.exit_code == 2
    assert "does not exist" in " ".join(done.stdout.split())


def checked(file: str, *findings: Finding) -> Checked:
    notebook = Notebook(Path(file), (Cell(1, "x"),))
    return Checked(file, Report(notebook, list(findings), {1: Outcome()}))


def wrong(mistake: str | None, **details: str) -> Finding:
    return Finding("dW", 1, 1, "wrong", "told", mistake, details=details)


def test_mistakes_are_ranked_by_notebooks() -> None:
    several = [
        checked("a", wrong("sign"), wrong("sign"), wrong("factor")),
        checked("b", wrong("factor"), wrong(None, follows="dz"), Finding("dx", 1, 1, "right", "equal")),
        checked("c", wrong("unknown"), Finding("db", 1, 1, "right value, wrong shape", "…", "shape")),
        Checked("d", refusal="broken"),
    ]
    assert mistakes(several) == [("factor", ["a", "b"]), ("shape", ["c"]), ("sign", ["a"]), ("unknown", ["c"])]
    assert status_of(several) == 1
    assert status_of([checked("e"), several[-1]]) == 2
    assert status_of([checked("e")]) == 0
    assert json.loads(summary_as_json(several))["mistakes"][0] == {"mistake": "factor", "notebooks": ["a", "b"]}


def test_names_are_shown_as_they_are() -> None:
    text = io.StringIO()
    several = [checked("[red]a[/red].py", wrong("[bold]x")), Checked("<b>.py", refusal="[/nonsense]")]
    show_summary(several, Console(file=text, width=100))
    assert "[red]a[/red].py" in text.getvalue()
    assert "[/nonsense]" in text.getvalue()


@pytest.mark.parametrize(
    ("degree", "present", "absent"),
    [
        ("1", ["x.grad", "wrong"], ["factor", "times the true one", "off by a constant"]),
        ("2", ["factor", "off by a constant"], ["times the true one"]),
        ("3", ["times the true one"], []),
    ],
)
def test_hints_by_degree(folder: Path, degree: str, present: list[str], absent: list[str]) -> None:
    arguments = [str(folder / "ben" / "b.py"), f"--hint={degree}"]
    for text in (chainrule(*arguments).stdout, chainrule(*arguments, "--json").stdout):
        words = " ".join(text.split())
        assert all(word in words for word in present)
        assert not any(word in words for word in absent)
    assert chainrule(*arguments).exit_code == 1


def test_a_report_tells_no_more_than_it_may(folder: Path) -> None:
    page = folder / "out.html"
    for degree, everything in (("1", False), ("2", False), ("3", True)):
        chainrule(folder / "ben" / "b.py", f"--hint={degree}", "--report", page)
        assert ("times the true one" in page.read_text(encoding="utf-8")) is everything


def test_a_report_is_about_one_notebook(folder: Path) -> None:
    done = chainrule(folder, "--report", folder / "out.html")
    assert done.exit_code == 2
    assert "--report writes about one notebook, and 4 were given" in " ".join(done.stderr.split())
    assert chainrule(folder / "c.py", "--report", folder / "no" / "out.html").exit_code == 2


def test_what_is_right_is_told_at_every_degree() -> None:
    right = Finding("dW", 1, 1, "right", "equal to the last bit")
    follows = Finding("dW", 1, 1, "wrong", "right, given your dz, which is wrong", details={"follows": "dz"})
    assert {told(right, degree) for degree in Degree} == {"equal to the last bit"}
    assert [told(follows, degree) for degree in Degree][:2] == ["follows from dz"] * 2
    assert told(follows, Degree.ALL) == "right, given your dz, which is wrong"


@pytest.mark.parametrize(("patience", "shown"), [(0.0, True), (1e9, False)])
def test_progress_is_shown_when_it_takes_long(patience: float, shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.cli.progress.PATIENCE", patience)
    text = io.StringIO()
    book = Notebook(Path("[x].py"), (Cell(1, "a"), Cell(2, "b")))
    with ProgressLine(Console(file=text, force_terminal=True, width=100), 3) as line:
        line.notebook()
        line.cell(book, book.cells[1])
    assert ("cell 2 of 2, notebook 2 of 3" in text.getvalue()) is shown
    assert ("[x].py" in text.getvalue()) is shown


def test_no_progress_without_a_terminal() -> None:
    text = io.StringIO()
    book = Notebook(Path("x.py"), (Cell(1, "a"),))
    with ProgressLine(Console(file=text), 1) as line:
        line.cell(book, book.cells[0])
    assert text.getvalue() == ""
