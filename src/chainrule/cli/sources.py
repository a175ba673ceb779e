"""Which notebooks are meant by the files and folders that a command is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from chainrule.errors import NotebookMissingError

__all__ = ["notebooks_in"]

# In a folder, a text is a notebook only if it has cells; programs and read-me files lie there too.
CELLS = {
    ".md": re.compile(r"^(```+|:::+|~~~+)\s*\{code(-cell)?\}", re.MULTILINE),
    ".py": re.compile(r"^\s*#\s*%%", re.MULTILINE),
}


def notebooks_in(sources: Sequence[str]) -> list[str]:
    """The notebooks among files and folders, in order: a file as it is, of a folder all notebooks anywhere in it.

    Raises
    ------
    NotebookMissingError
        A folder holds no notebook.
    """
    found: dict[str, None] = {}
    for source in sources:
        folder = Path(source)
        if not _is_folder(folder):
            found[source] = None
            continue
        inside = sorted(map(str, _inside(folder)))
        if not inside:
            told = f"{folder} is a folder without a notebook; expected .ipynb, .md with code cells, or .py with `# %%`"
            raise NotebookMissingError(told)
        found |= dict.fromkeys(inside)
    return list(found)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that cannot be one; who reads it says so
        return False


def _inside(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file():
            continue
        suffix = path.suffix.lower()
        if suffix == ".ipynb" or (suffix in CELLS and _has_cells(path, CELLS[suffix])):
            yield path


def _has_cells(path: Path, pattern: re.Pattern[str]) -> bool:
    try:
        return pattern.search(path.read_text(encoding="utf-8-sig")) is not None
    except (OSError, UnicodeDecodeError):
        return False
