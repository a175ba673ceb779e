"""Has a notebook run in a process of its own, listens to it, and gives it up when it must be given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from chainrule.check.rewriting.shadowing import shadows_of
from chainrule.check.verdicts.finding import Finding
from chainrule.cli.cells import Outcome
from chainrule.cli.hints import Degree
from chainrule.cli.merging import add_claims, add_explanations
from chainrule.cli.notebook import Cell, Notebook
from chainrule.cli.process import GRACE, running
from chainrule.cli.stale import Stale, find_stale
from chainrule.cli.worker import Task, work
from chainrule.errors import CellTimeoutError, NotebookError

__all__ = ["Report", "run_notebook"]

TICK = 0.25
LONGEST_TWICE = 60.0  # seconds up to which a notebook is run a second time


@dataclass
class Report:
    """All that came of a notebook: the findings, and what became of each cell that began."""

    notebook: Notebook
    findings: list[Finding] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    stale: list[Stale] = field(default_factory=list)
    page: str = ""  # as HTML, if it was asked for
    failure: str | None = None  # why the rest was not run

    @property
    def status(self) -> int:
        """The exit status: 0 all right, 1 something wrong, 2 could not run."""
        if any(finding.verdict.startswith(("wrong", "right value")) for finding in self.findings):
            return 1
        stopped = any(outcome.stopped for outcome in self.outcomes.values())
        ran = any(not outcome.errors for outcome in self.outcomes.values())
        unjudged = bool(self.problems)  # claims that were noticed, but that the check failed to judge
        return 2 if self.failure is not None or stopped or unjudged or not ran else 0


def run_notebook(
    notebook: Notebook,
    *,
    torch: str = "chainrule",
    timeout: float | None = None,
    seed: int = 0,
    paged: Degree | None = None,
    progress: Callable[[Cell], None] = lambda cell: None,
) -> Report:
    """Run a notebook in a process of its own and collect what it finds; ``progress`` hears of each cell that runs.

    ``paged`` asks for the report page as well, and says how much it may tell.

    A cell that takes longer than ``timeout`` seconds is interrupted, and the rest still runs. If it does not heed the
    interrupt, the process is ended and the rest is not run. Where the outputs that the notebook stores are others than
    those of the run, it is run once more with other random numbers, if that does not take long.
    """
    folder = notebook.path.absolute().parent
    task = Task(notebook.cells, folder, torch, timeout, seed)
    if paged is not None:
        task = replace(task, title=notebook.path.name, degree=paged)
    report = _run_once(notebook, task, progress)

    def run_again() -> dict[int, Outcome]:
        return _run_once(notebook, replace(task, seed=seed + 1, title=""), progress).outcomes

    took = sum(outcome.seconds for outcome in report.outcomes.values())
    if took <= LONGEST_TWICE:
        _ask_again(report, task, took, progress)
    report.stale = find_stale(notebook.cells, report.outcomes, run_again if took <= LONGEST_TWICE else None)
    return report


def _ask_again(report: Report, task: Task, took: float, progress: Callable[[Cell], None]) -> None:
    """Run the notebook in another way, where that can tell more.

    Where nothing is compared with a true gradient, with its parameters tracked: the code was not written for tensors,
    and may fail on them, so only what is found counts. Where PyTorch itself finds wrong gradients, with chainrule
    standing in for it, which knows what every step computed.
    """
    longest = max(5.0, 20.0 * took)
    other = replace(task, timeout=longest if task.timeout is None else min(task.timeout, longest))
    if all("truth" in finding.details for finding in report.findings):
        shadows = shadows_of([cell.source for cell in task.cells])
        if shadows is not None:
            second = _run_once(report.notebook, replace(other, shadows=shadows), progress)
            add_claims(report.findings, second.findings)
            report.page = second.page or report.page
    elif task.torch == "torch" and not all(finding.ok for finding in report.findings):
        second = _run_once(report.notebook, replace(other, torch="chainrule", title=""), progress)
        add_explanations(report.findings, second.findings)


def _run_once(notebook: Notebook, task: Task, progress: Callable[[Cell], None]) -> Report:
    report = Report(notebook)
    with running(work, task) as (connection, process):
        _listen(connection, process, report, task.timeout, progress)
    return report


def _listen(
    connection: Connection,
    process: BaseProcess,
    report: Report,
    timeout: float | None,
    progress: Callable[[Cell], None],
) -> None:
    running: Cell | None = None
    deadline: float | None = None
    while True:
        try:
            if not connection.poll(TICK):
                if deadline is not None and time.monotonic() > deadline and running is not None and timeout is not None:
                    _give_up(report, running, timeout)
                    return
                if running is not None:
                    progress(running)
                continue
            message = connection.recv()
        except (EOFError, OSError):
            _died(report, process, running)
            return
        if message[0] == "begin":
            running = report.notebook.cells[message[1] - 1]
            deadline = None if timeout is None else time.monotonic() + timeout + GRACE
            progress(running)
        elif message[0] == "end":
            report.outcomes[message[1]] = message[2]
            deadline = None
        elif message[0] == "done":
            return
        else:
            _take(report, *message)
            if report.failure is not None:
                return


def _take(report: Report, kind: str, content: Any) -> None:
    if kind == "findings":
        report.findings = content
    elif kind == "problems":
        report.problems = content
    elif kind == "page":
        report.page = content
    else:
        report.failure = content


def _give_up(report: Report, cell: Cell, timeout: float) -> None:
    told = CellTimeoutError(f"the cell did not end within {timeout:g} seconds and could not be interrupted")
    report.outcomes[cell.number] = Outcome(errors=[(1, str(told))], stopped=True)
    report.failure = f"cell {cell.number} had to be ended{_rest(report, cell)}"


def _died(report: Report, process: BaseProcess, cell: Cell | None) -> None:
    process.join(GRACE)
    code = process.exitcode
    why = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    if cell is None:
        report.failure = str(NotebookError(f"the process for the notebook ended before its first cell ({why})"))
        return
    told = NotebookError(f"the cell ended the process ({why})")
    report.outcomes[cell.number] = Outcome(errors=[(1, str(told))], stopped=True)
    report.failure = f"cell {cell.number} ended the process{_rest(report, cell)}"


def _rest(report: Report, cell: Cell) -> str:
    last = len(report.notebook.cells)
    if cell.number == last:
        return ""
    return (
        f"; cells {cell.number + 1} to {last} were not run" if cell.number + 1 < last else f"; cell {last} was not run"
    )
