"""Reads a notebook from a local file, as .ipynb, MyST or Markdown .md, or .py with `# %%` cells, into code cells."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from chainrule.errors import NotebookFormatError, NotebookMissingError

__all__ = ["Cell", "Notebook", "Stored", "read_notebook"]

KINDS = ".ipynb, .md (MyST or Markdown) or .py (cells begin with `# %%`)"
ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class Stored:
    """The output that a notebook holds of a cell: its text, pictures left out, and its error."""

    text: str = ""
    error: str | None = None


@dataclass(frozen=True)
class Cell:
    """A code cell: its number among the code cells from 1, its source, and the line of the file that it begins at.

    ``line`` is 1 in an .ipynb file, where lines are counted in the cell. ``stored`` is the output that the file holds;
    None if the cell was never run, or if the file keeps no outputs.
    """

    number: int
    source: str
    line: int = 1
    stored: Stored | None = None


@dataclass(frozen=True)
class Notebook:
    """The code cells of a file, in order."""

    path: Path
    cells: tuple[Cell, ...]


def read_notebook(file: str | Path) -> Notebook:
    """Read the code cells of a notebook on this machine.

    Raises
    ------
    NotebookMissingError
        There is no such file; it is a folder; it is an address on the network.
    NotebookFormatError
        It is not text, not JSON, not a notebook, not Python, or holds no code.
    """
    path = _local(file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        told = f"{path} is not a text file in UTF-8 (byte {problem.start}); expected {KINDS}"
        raise NotebookFormatError(told) from None
    except OSError as problem:
        raise NotebookMissingError(f"{path} cannot be read: {problem.strerror or problem}") from None
    if not text.strip():
        raise NotebookFormatError(f"{path} is empty; expected a notebook with at least one code cell")
    readers = {".ipynb": _read_json, ".md": _read_markdown, ".markdown": _read_markdown, ".py": _read_script}
    notebook = readers[path.suffix.lower()](path, text)
    _require_python(path, notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [str(cell.source) for cell in code]
    if not any(source.strip() for source in sources):
        raise NotebookFormatError(f"{path} holds no code cell, so there is nothing to check; expected {KINDS}")
    keeps = path.suffix.lower() == ".ipynb"
    lines = [1] * len(sources) if keeps else _lines(text, sources)
    cells = [
        Cell(number, source, line, _stored(cell) if keeps else None)
        for number, (cell, source, line) in enumerate(zip(code, sources, lines, strict=True), start=1)
    ]
    return Notebook(path, tuple(cells))


def _stored(cell: Any) -> Stored | None:
    """What the file holds of a cell's output; what has another form than it should is left out."""
    outputs = cell.get("outputs") or []
    if not outputs and cell.get("execution_count") is None:
        return None
    text, error = [], None
    for output in outputs:
        kind = output.get("output_type")
        if kind == "error":
            error = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
        elif kind == "stream" and output.get("name") != "stderr":
            text.append(output.get("text", ""))
        elif kind in {"execute_result", "display_data"}:
            text.append(output.get("data", {}).get("text/plain", "") + "\n")
    return Stored("".join(part for part in text if isinstance(part, str)), error)


def _local(file: str | Path) -> Path:
    if ADDRESS.match(str(file)):
        told = f"{file} is an address on the network, and only files on this machine are checked; save it first"
        raise NotebookMissingError(told)
    path = Path(file)
    try:
        exists, folder, regular = path.exists(), path.is_dir(), path.is_file()
    except (OSError, ValueError) as problem:  # a name too long, or with a zero byte in it
        raise NotebookMissingError(f"{str(file)!r:.200} cannot be read: {problem}") from None
    if not exists:
        raise NotebookMissingError(f"{path} does not exist{_similar(path)}")
    if folder:
        inside = sorted(found.name for suffix in ("ipynb", "md", "py") for found in path.glob(f"*.{suffix}"))
        hint = f"; it holds {', '.join(inside[:3])}" if inside else ""
        raise NotebookMissingError(f"{path} is a folder, expected one notebook{hint}")
    if not regular:
        raise NotebookMissingError(f"{path} is not a regular file, expected {KINDS}")
    if path.suffix.lower() not in {".ipynb", ".md", ".markdown", ".py"}:
        raise NotebookFormatError(f"{path} ends in {path.suffix or 'nothing'!r}, expected {KINDS}")
    return path


def _similar(path: Path) -> str:
    """A file of the same name with another ending is what people often mean."""
    alike = [path.with_suffix(suffix) for suffix in (".ipynb", ".md", ".py")] if path.name else []
    found = [other.name for other in alike if other.is_file()]
    return f"; there is {found[0]}" if found else f" (looked in {path.absolute().parent})"


def _read_json(path: Path, text: str) -> Any:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as problem:
        told = f"{path} is broken JSON: {problem.msg}, line {problem.lineno}, column {problem.colno}"
        raise NotebookFormatError(
            f"{told}; open and save it in Jupyter, or take it from version control again"
        ) from None
    except RecursionError:
        raise NotebookFormatError(f"{path} is JSON that is nested too deeply for a notebook") from None
    if not isinstance(content, dict) or "nbformat" not in content:
        raise NotebookFormatError(f'{path} is JSON but not a notebook: it has no "nbformat"')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing cell ids and the like do not matter here
            notebook = nbformat.reads(text, as_version=4)
            for cell in notebook.cells:
                cell.source, cell.cell_type  # noqa: B018 - an AttributeError here is an answer
            return notebook
    except Exception as problem:
        told = f"{path} is not a notebook that can be read: {_first_line(problem)}"
        raise NotebookFormatError(told) from problem


def _read_markdown(path: Path, text: str) -> Any:
    myst = re.search(r"^(```+|:::+|~~~+)\s*\{code(-cell)?\}", text, re.MULTILINE)
    return _read_text(path, text, "md:myst" if myst else "md:markdown")


def _read_script(path: Path, text: str) -> Any:
    if re.search(r"^\s*#\s*%%", text, re.MULTILINE):
        return _read_text(path, text, "py:percent")
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)])


def _read_text(path: Path, text: str, form: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jupytext.reads(text, fmt=form)
    except Exception as problem:
        told = f"{path} is not a notebook that can be read as {form.split(':')[1]}: {_first_line(problem)}"
        raise NotebookFormatError(told) from problem


def _require_python(path: Path, notebook: Any) -> None:
    metadata = notebook.get("metadata", {})
    kernel = metadata.get("kernelspec", {})
    language = kernel.get("language") or metadata.get("language_info", {}).get("name")
    language = language or metadata.get("jupytext", {}).get("main_language")
    if language is None and not re.search(r"py|xeus|sage|^$", str(kernel.get("name", "")), re.IGNORECASE):
        language = kernel.get("name")
    if language is not None and "py" not in str(language).lower() and str(language).lower() != "sage":
        raise NotebookFormatError(f"{path} is a notebook in {language}; only Python can be checked")


def _lines(text: str, sources: list[str]) -> list[int]:
    """The line of the file at which each source begins, found in order."""
    lines = text.splitlines()
    found, at = [], 0
    for source in sources:
        wanted = [_bare(line) for line in source.splitlines()]
        place = next(
            (
                start
                for start in range(at, len(lines) - len(wanted) + 1)
                if wanted and all(_bare(lines[start + offset]) == line for offset, line in enumerate(wanted))
            ),
            at,
        )
        found.append(place + 1)
        at = place + max(len(wanted), 1) if wanted else at
    return found


def _bare(line: str) -> str:
    """A line without what jupytext adds or takes away: trailing blanks, the comment sign before a magic."""
    return re.sub(r"^\s*#\s*(?=[%!])", "", line.rstrip()).strip()


def _first_line(problem: BaseException) -> str:
    return (str(problem) or type(problem).__name__).splitlines()[0][:300]
