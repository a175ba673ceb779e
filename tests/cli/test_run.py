"""The exit status of a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainrule.check.verdicts.finding import Finding
from chainrule.cli.cells import Outcome
from chainrule.cli.notebook import Cell, Notebook
from chainrule.cli.run import Report

FINE, RAISED, STOPPED = Outcome(), Outcome(errors=[(1, "ValueError")]), Outcome(errors=[(1, "slow")], stopped=True)


@pytest.mark.parametrize(
    ("verdicts", "outcomes", "problems", "failure", "status"),
    [
        ([], [FINE], [], None, 0),
        (["right", "right up to rounding"], [FINE, RAISED], [], None, 0),
        (["right", "undecidable"], [FINE], [], None, 0),
        (["right", "wrong"], [FINE], [], None, 1),
        (["right value, wrong shape"], [FINE], [], None, 1),
        (["right"], [FINE, STOPPED], [], None, 2),
        (["wrong"], [FINE, STOPPED], [], "cell 2 had to be ended", 1),
        (["right"], [FINE], ["cell 1, line 1: not judged"], None, 2),
        ([], [RAISED, RAISED], [], None, 2),
        ([], [], [], "the process ended", 2),
    ],
)
def test_status(
    verdicts: list[str], outcomes: list[Outcome], problems: list[str], failure: str | None, status: int
) -> None:
    notebook = Notebook(Path("a.py"), tuple(Cell(number, "x") for number in range(1, len(outcomes) + 1)))
    findings = [Finding("dW", 1, 1, verdict, "told") for verdict in verdicts]
    report = Report(notebook, findings, dict(enumerate(outcomes, start=1)), problems, failure=failure)
    assert report.status == status
