"""A line on the terminal that says how far a check is, if it takes long and somebody is there to read it.

It is drawn when a cell begins, by nobody else: a thread that draws could not be copied with the process.
"""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from chainrule.cli.notebook import Cell, Notebook
from chainrule.cli.visible import visible

__all__ = ["ProgressLine"]

PATIENCE = 1.0  # seconds that nobody minds


class ProgressLine:
    """Shows which cell of which notebook runs; nothing where there is no terminal, or where it is not ``wanted``."""

    def __init__(self, console: Console, total: int, *, wanted: bool = True) -> None:
        self._wanted = wanted and console.is_terminal
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[place]}"))
        self._progress = Progress(*columns, console=console, auto_refresh=False, transient=True)
        self._task = self._progress.add_task("", total=total, place="")

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wanted:
            self._progress.stop()

    def cell(self, notebook: Notebook, cell: Cell) -> None:
        """A cell begins."""
        if not self._wanted or time.monotonic() - self._start < PATIENCE:
            return
        self._progress.start()
        share = (cell.number - 1) / len(notebook.cells)
        place = f"cell {cell.number} of {len(notebook.cells)}"
        if self._total > 1:
            place += f", notebook {self._done + 1} of {self._total}"
        name = escape(visible(notebook.path.name))
        self._progress.update(self._task, completed=self._done + share, description=name, place=place)
        self._progress.refresh()

    def notebook(self) -> None:
        """A notebook is done."""
        self._done += 1
