"""Stored outputs that the code no longer gives are told; what only looks different is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from chainrule.cli.cells import Outcome
from chainrule.cli.main import app
from chainrule.cli.notebook import Cell, Stored, read_notebook
from chainrule.cli.stale import compare, find_stale


@pytest.mark.parametrize(
    ("stored", "now"),
    [
        ("0.7853", "0.78530001"),
        ("0.7853", "0.7852"),
        ("tensor([0.1000, 0.2000])", "tensor([0.1000,\n        0.2000])"),
        ("1.2e-09", "-3.0e-12"),
        ("1.00001", "1.00002"),
        ("array([1., 2.])", "array([1.0, 2.0])"),
        ("<Thing at 0x7f0a1c>", "<Thing at 0x55d2>"),
        ("tensor(2., grad_fn=<AddBackward0>)", "tensor(2., grad_fn=<SumBackward0>)"),
        ("tensor(2., device='cuda:0')", "tensor(2.)"),
        ("2.0", "np.float64(2.0)"),
        ("True", "np.True_"),
        ("took 3.1 seconds\nx 1", "took 0.2 seconds\nx 1"),
        ("1.21 ms ± 3 µs per loop", "7 ms ± 1 µs per loop"),
        ("{'b': 1, 'a': 2}", "{'a': 2, 'b': 1}"),
        ("<Figure size 640x480 with 1 Axes>", ""),
        ("torch 1.13.1+cu117", "torch 2.13.0"),
        ("10%|█\r100%|██\nx", "x"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("nan inf", "nan inf"),
        ("x  \n\n\ny", "x\ny"),
        ("loss 1e400", "loss 1e400"),
    ],
)
def test_what_means_the_same(stored: str, now: str) -> None:
    assert compare(Cell(1, "x", stored=Stored(stored)), Outcome(printed=now)) is None


@pytest.mark.parametrize(
    ("stored", "now", "first", "second"),
    [
        ("2.0 == 2.0", "2.0 <> 2.0", "2.0 == 2.0", "2.0 <> 2.0"),
        ("a\nexact: True", "a\nexact: False", "exact: True", "exact: False"),
        ("36.0", "35.0", "36.0", "35.0"),
        ("tensor(36.)", "tensor(35.)", "tensor(36.)", "tensor(35.)"),
        ("0.785", "0.787", "0.785", "0.787"),
        ("3", "4", "3", "4"),
        ("W 1.5\nb 2.5", "W 1.5\nb -2.5", "b 2.5", "b -2.5"),
        ("x\ndz tensor([1.])", "x", "dz tensor([1.])", "nothing"),
        ("", "something", "nothing", "something"),
        ("[1, 2]", "[2, 1]", "[1, 2]", "[2, 1]"),
        ("1.0", "nan", "1.0", "nan"),
        ("torch.Size([3, 1])", "torch.Size([1, 3])", "torch.Size([3, 1])", "torch.Size([1, 3])"),
    ],
)
def test_what_matters(stored: str, now: str, first: str, second: str) -> None:
    stale = compare(Cell(3, "x", stored=Stored(stored)), Outcome(printed=now))
    assert stale is not None
    assert (stale.cell, stale.stored, stale.now) == (3, first, second)


def test_an_error_that_no_longer_comes() -> None:
    cell = Cell(1, "x", stored=Stored(error="RuntimeError: shapes"))
    stale = compare(cell, Outcome(displayed="4"))
    assert stale is not None
    assert (stale.stored, stale.now) == ("RuntimeError: shapes", "4")
    assert compare(cell, Outcome(errors=[(1, "RuntimeError: shapes")])) is None


@pytest.mark.parametrize(
    "outcome",
    [None, Outcome(errors=[(1, "ImportError")]), Outcome(skipped=[2]), Outcome(notes=["not run: !ls"]),
     Outcome(stopped=True)],
)  # fmt: skip
def test_what_was_not_run_is_not_stale(outcome: Outcome | None) -> None:
    assert compare(Cell(1, "x", stored=Stored("1")), outcome) is None


def test_random_numbers_are_known_by_a_second_run() -> None:
    cell = Cell(1, "x", stored=Stored("x 0.31 fixed 2.0"))
    now, other = Outcome(printed="x 0.55 fixed 2.0"), Outcome(printed="x 0.77 fixed 2.0")
    assert compare(cell, now) is not None
    assert compare(cell, now, other) is None
    changed = compare(Cell(1, "x", stored=Stored("x 0.31 fixed 3.0")), now, other)
    assert changed is not None
    assert compare(cell, Outcome(printed="a cat"), Outcome(printed="a dog")) is None


def test_a_second_run_is_made_only_if_needed() -> None:
    ran = []

    def again() -> dict[int, Outcome]:
        ran.append(1)
        return {1: Outcome(printed="0.9")}

    cells = [Cell(1, "x", stored=Stored("0.5")), Cell(2, "y")]
    assert find_stale(cells, {1: Outcome(printed="0.5")}, again) == []
    assert ran == []
    assert find_stale(cells, {1: Outcome(printed="0.7")}, again) == []
    assert ran == [1]


def test_without_a_second_run_only_words_count() -> None:
    cells = [Cell(1, "x", stored=Stored("0.5")), Cell(2, "y", stored=Stored("yes"))]
    (stale,) = find_stale(cells, {1: Outcome(printed="0.7"), 2: Outcome(printed="no")}, None)
    assert stale.cell == 2


def write(path: Path, cells: list[tuple[str, list[Any], int | None]]) -> Path:
    made = [
        nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=count) for source, outputs, count in cells
    ]
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made)))
    return path


def stream(text: str, name: str = "stdout") -> Any:
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(text: str) -> Any:
    return nbformat.v4.new_output("execute_result", data={"text/plain": text, "text/html": "<b>"}, execution_count=1)


def test_what_a_file_stores(tmp_path: Path) -> None:
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    picture = nbformat.v4.new_output("display_data", data={"image/png": "AAAA"})
    path = write(
        tmp_path / "a.ipynb",
        [
            ("x", [stream("one\n"), stream("warning", "stderr"), picture, shown("two")], 1),
            ("y", [error], 2),
            ("never run", [], None),
            ("ran", [], 3),
            ("colab", [stream("kept\n")], None),
        ],
    )
    stored = [cell.stored for cell in read_notebook(path).cells]
    assert stored == [
        Stored("one\n\ntwo\n"),
        Stored("", "ValueError: no"),
        None,
        Stored(""),
        Stored("kept\n"),
    ]


def check(path: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["check", str(path), *arguments], env={"NO_COLOR": "1"})


def test_the_command_reports_stale_outputs(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ipynb",
        [
            ("import random\nprint(random.random())", [stream("0.123\n")], 1),
            ("print(2.0, '<>', 2.0)", [stream("2.0 == 2.0\n")], 2),
            ("1 + 1", [shown("2")], 3),
            ("print('[red]<b>hello[/red]')", [stream("[bold]<script>alert(1)</script>[/bold]\n")], 4),
        ],
    )
    done = check(path, "--json")
    content = json.loads(done.stdout)
    assert content["stale"] == [
        {"cell": 2, "stored": "2.0 == 2.0", "now": "2.0 <> 2.0"},
        {"cell": 4, "stored": "[bold]<script>alert(1)</script>[/bold]", "now": "[red]<b>hello[/red]"},
    ]
    assert done.exit_code == 0  # a warning: no gradient is wrong
    text = " ".join(check(path).stdout.split())
    assert "cell 2 stores an output that its code does not give: 2.0 == 2.0 is now 2.0 <> 2.0" in text
    assert "[bold]<script>alert(1)</script>[/bold] is now [red]<b>hello[/red]" in text
