"""A cell runs as in Jupyter; what raises is reported, and what does not need it still runs."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule.cli.cells import Outcome, run_cell


def run(source: str, namespace: dict[str, Any] | None = None) -> Outcome:
    return run_cell(1, source, {} if namespace is None else namespace)


@pytest.mark.parametrize(
    ("source", "displayed"),
    [
        ("1 + 1", "2"),
        ("1 + 1;", None),
        ("x = 1", None),
        ("None", None),
        ("'a'", "'a'"),
        ("1, 2", "(1, 2)"),
        ("x = 3\nx  # the last line", "3"),
        ("if True:\n    5", None),
        ("def f():\n    return 2\nf()", "2"),
        ("print('a')", None),
        ("", None),
        ("# only a comment", None),
    ],
)
def test_the_last_expression_is_displayed(source: str, displayed: str | None) -> None:
    outcome = run(source)
    assert outcome.displayed == displayed
    assert outcome.errors == []


def test_print_is_captured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("print('a', 1)\nimport sys\nsys.stderr.write('b')").printed == "a 1\n"
    assert capsys.readouterr().out == ""


def test_cells_share_a_namespace_and_the_underscore() -> None:
    namespace: dict[str, Any] = {}
    run("x = 20", namespace)
    run("x + 1", namespace)
    assert run("_ * 2", namespace).displayed == "42"


def test_functions_of_a_cell_see_later_cells() -> None:
    namespace: dict[str, Any] = {}
    run("def f():\n    return later", namespace)
    run("later = 7", namespace)
    assert run("f()", namespace).displayed == "7"


def test_the_rest_of_a_cell_runs_where_it_does_not_need_what_raised() -> None:
    namespace: dict[str, Any] = {}
    outcome = run("import os\nos.chdir('/no/such/folder')\nimport math\nx = math.pi\nx", namespace)
    assert [line for line, _ in outcome.errors] == [2]
    assert outcome.errors[0][1].startswith("FileNotFoundError: ")
    assert outcome.skipped == []
    assert outcome.displayed == "3.141592653589793"


def test_what_needs_what_raised_is_skipped() -> None:
    namespace: dict[str, Any] = {"a": "stale"}
    outcome = run("a = 1 / 0\nb = a + 1\nc = 3\nb.x = c\na = 5\nd = a\nprint(b)\ndef f(): return b", namespace)
    assert outcome.errors == [(1, "ZeroDivisionError: division by zero")]
    assert outcome.skipped == [2, 4, 7]
    assert (namespace["c"], namespace["d"]) == (3, 5)
    assert "b" not in namespace
    assert callable(namespace["f"])


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\ny = (", 2, "SyntaxError: '(' was never closed"),
        ("def f():\nreturn 1", 2, "IndentationError: expected an indented block after function definition on line 1"),
        ("x = 1\n\nassert x == 2, 'no'", 3, "AssertionError: no"),
        ("def f():\n    1 / 0\n\nf()", 2, "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)", 2, "SystemExit: 3"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
        ("raise ValueError('first\\nsecond')", 1, "ValueError: first"),
        ("import nothing_of_this_name", 1, "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def f(): f()\nf()", 1, "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_errors(source: str, line: int, message: str) -> None:
    outcome = run(source)
    assert [outcome.errors[0][0], outcome.errors[0][1]] == [line, message]
    assert len(outcome.errors) == 1


def test_exit_ends_its_cell() -> None:
    namespace: dict[str, Any] = {}
    assert run("import sys\nsys.exit()\nx = 1", namespace).errors == [(2, "SystemExit")]
    assert "x" not in namespace


@pytest.mark.parametrize(
    ("source", "notes", "printed"),
    [
        ("%matplotlib inline\nprint(1)", [], "1\n"),
        ("%load_ext autoreload\n%autoreload 2\nprint(1)", [], "1\n"),
        ("!pip install torch\nprint(1)", ["not run: !pip install torch"], "1\n"),
        ("if True:\n    !ls\n    print(1)", ["not run: !ls"], "1\n"),
        ("files = !ls\nprint(files)", ["not run: !ls"], "[]\n"),
        ("%cd /somewhere\nprint(1)", ["not run: %cd /somewhere"], "1\n"),
        ("%time print(1)", [], "1\n"),
        ("%%time\nprint(1)", [], "1\n"),
        ("%%bash\nrm -rf x", ["not run: a cell for %%bash"], ""),
        ("print?\nprint(1)", [], "1\n"),
        ("print('%d!' % 5)", [], "5!\n"),
        ("x = (7\n% 4)\nprint(x)", [], "3\n"),
        ('s = """\n%matplotlib\n!ls\n"""\nprint(len(s))', [], "17\n"),
    ],
)
def test_lines_that_are_not_python(source: str, notes: list[str], printed: str) -> None:
    outcome = run(source)
    assert outcome.errors == []
    assert outcome.notes == notes
    assert outcome.printed == printed


def test_source_is_known_to_tracebacks() -> None:
    assert run("import inspect\ndef f():\n    return 1\ninspect.getsource(f)").displayed == repr(
        "def f():\n    return 1\n"
    )
