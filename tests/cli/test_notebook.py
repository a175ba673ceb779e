"""Reading notebooks: the three kinds of files, where cells begin, and every way in which a file is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
import pytest

from chainrule.cli.notebook import read_notebook
from chainrule.errors import ChainruleError, NotebookError, NotebookFormatError, NotebookMissingError

MYST = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# Title

```{code-cell} ipython3
x = 1
```

Text, and code that is not a cell:

```python
not_a_cell
```

```{code-cell} ipython3
:tags: [hide]

x = 1
y = x + 1
```
"""
BARE = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": %s}'
PERCENT = "# %% [markdown]\n# # Title\n\n# %%\nx = 1\n\n# %% with a title\n# %matplotlib inline\ny = x + 1\ny\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def ipynb(sources: list[str], **metadata: object) -> str:
    cells = [nbformat.v4.new_markdown_cell("# Title"), *(nbformat.v4.new_code_cell(source) for source in sources)]
    text: str = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata))
    return text


def test_myst(tmp_path: Path) -> None:
    notebook = read_notebook(write(tmp_path / "a.md", MYST))
    assert [cell.source for cell in notebook.cells] == ["x = 1", "x = 1\ny = x + 1"]
    assert [cell.number for cell in notebook.cells] == [1, 2]
    assert [MYST.splitlines()[cell.line - 1] for cell in notebook.cells] == ["x = 1", "x = 1"]
    assert notebook.cells[1].line > notebook.cells[0].line + 5


def test_markdown_without_myst(tmp_path: Path) -> None:
    notebook = read_notebook(
        write(tmp_path / "a.md", "# Title\n\n```python\nx = 1\n```\n\nText\n\n```python\nx\n```\n")
    )
    assert [(cell.source, cell.line) for cell in notebook.cells] == [("x = 1", 4), ("x", 10)]


def test_percent(tmp_path: Path) -> None:
    notebook = read_notebook(write(tmp_path / "a.py", PERCENT))
    assert [cell.source for cell in notebook.cells] == ["x = 1", "%matplotlib inline\ny = x + 1\ny"]
    assert [cell.line for cell in notebook.cells] == [5, 8]


def test_a_script_is_one_cell(tmp_path: Path) -> None:
    notebook = read_notebook(write(tmp_path / "a.py", "x = 1\n\n\ny = x\n"))
    assert [cell.source for cell in notebook.cells] == ["x = 1\n\n\ny = x\n"]


def test_ipynb(tmp_path: Path) -> None:
    notebook = read_notebook(write(tmp_path / "a.ipynb", ipynb(["x = 1", "", "x"])))
    assert [(cell.number, cell.source, cell.line) for cell in notebook.cells] == [
        (1, "x = 1", 1),
        (2, "", 1),
        (3, "x", 1),
    ]


def test_an_old_ipynb_is_upgraded(tmp_path: Path) -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {"metadata": {}, "cells": [{"cell_type": "code", "input": ["x = 1\n", "x"], "language": "python",
             "collapsed": False, "metadata": {}, "outputs": [], "prompt_number": 1}]}
        ],
    }  # fmt: skip
    assert read_notebook(write(tmp_path / "a.ipynb", json.dumps(old))).cells[0].source == "x = 1\nx"


def test_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbf# %%\r\nx = 1\r\n# %%\r\nx\r\n")
    assert [(cell.source, cell.line) for cell in read_notebook(tmp_path / "a.py").cells] == [("x = 1", 2), ("x", 4)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.ipynb", '{"cells": [', "broken JSON: Expecting value, line 1, column 12"),
        ("a.ipynb", "[1, 2]", "JSON but not a notebook"),
        ("a.ipynb", '{"a": 1}', 'no "nbformat"'),
        ("a.ipynb", BARE % "5", "not a notebook that can be read"),
        ("a.ipynb", BARE % '[{"cell_type": "code"}]', "not a notebook that can be read"),
        ("a.ipynb", "[" * 100_000, "nested too deeply"),
        ("a.ipynb", "", "empty"),
        ("a.md", "  \n\n", "empty"),
        ("a.md", "# Only text\n", "holds no code cell"),
        ("a.py", "# %% [markdown]\n# Text\n", "holds no code cell"),
        ("a.md", "---\njupytext: [\n---\n\n```{code-cell}\nx\n```\n", "not a notebook that can be read"),
        ("a.txt", "x = 1", "ends in '.txt', expected .ipynb, .md (MyST or Markdown) or .py"),
        ("notebook", "x = 1", "ends in 'nothing'"),
        ("a.ipynb", ipynb(["x"], kernelspec={"name": "ir", "display_name": "R", "language": "R"}), "a notebook in R"),
        ("a.ipynb", ipynb(["x"], kernelspec={"name": "julia-1.9", "display_name": "J"}), "a notebook in julia"),
    ],
)  # fmt: skip
def test_what_is_no_notebook(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(NotebookFormatError) as caught:
        read_notebook(write(tmp_path / name, text))
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_what_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(NotebookFormatError, match=r"not a text file in UTF-8 \(byte 0\)"):
        read_notebook(tmp_path / "a.md")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("missing.ipynb", "missing.ipynb does not exist (looked in"),
        ("other.md", "there is other.py"),
        ("https://example.org/a.ipynb", "an address on the network"),
        ("file:///etc/a.md", "an address on the network"),
        ("", "is a folder"),
        (".", "is a folder, expected one notebook; it holds other.py"),
        ("a\0b.md", "b.md"),
        ("x" * 5000 + ".md", "cannot be read"),
        (os.devnull, "not a regular file"),
    ],
)
def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, words: str) -> None:
    write(tmp_path / "other.py", "x = 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotebookMissingError) as caught:
        read_notebook(file)
    assert words in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_what_must_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py", "x = 1")
    path.chmod(0)
    with pytest.raises(NotebookMissingError, match="Permission denied"):
        read_notebook(path)


def test_the_errors_are_also_those_of_python() -> None:
    assert issubclass(NotebookMissingError, FileNotFoundError)
    assert issubclass(NotebookFormatError, ValueError)
    assert issubclass(NotebookError, ChainruleError)
    assert str(NotebookMissingError("a message")) == "a message"
