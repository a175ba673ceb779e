"""What came of many notebooks: a table with a line for each, and the mistakes by how many of them make them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.check.verdicts.compare import EXACT, ROUNDED, SHAPE, UNDECIDABLE, WRONG
from chainrule.cli.hints import Degree
from chainrule.cli.run import Report
from chainrule.cli.table import as_content
from chainrule.cli.visible import visible

__all__ = ["Checked", "show_summary", "status_of", "summary_as_json"]

SHOWN = 4  # notebooks that are named behind a mistake


@dataclass(frozen=True)
class Checked:
    """A notebook that was checked, or the reason why it could not be."""

    file: str
    report: Report | None = None
    refusal: str = ""

    @property
    def status(self) -> int:
        """0 all right, 1 something wrong, 2 could not be run."""
        return 2 if self.report is None else self.report.status


def status_of(checked: Sequence[Checked]) -> int:
    """The status of all: 1 if anything is wrong, else 2 if any could not be run."""
    found = {one.status for one in checked}
    return 1 if 1 in found else 2 if 2 in found else 0


def mistakes(checked: Sequence[Checked]) -> list[tuple[str, list[str]]]:
    """The mistakes with the notebooks that make them, the most frequent first; what follows from one is none."""
    found: dict[str, list[str]] = {}
    for one in checked:
        findings = one.report.findings if one.report is not None else []
        kinds = {
            finding.mistake or "unknown"
            for finding in findings
            if finding.verdict in {WRONG, SHAPE} and not finding.follows
        }
        for kind in sorted(kinds):
            found.setdefault(kind, []).append(one.file)
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def summary_as_json(checked: Sequence[Checked], degree: Degree = Degree.ALL) -> str:
    """All reports and the mistakes as one JSON object."""
    refused: dict[str, Any] = {"findings": [], "errors": [], "notes": [], "stale": []}
    content: dict[str, Any] = {
        "notebooks": [
            as_content(one.report, degree)
            if one.report is not None
            else {"file": one.file, **refused, "status": 2, "failure": one.refusal}
            for one in checked
        ],
        "mistakes": [{"mistake": kind, "notebooks": files} for kind, files in mistakes(checked)],
        "status": status_of(checked),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def show_summary(checked: Sequence[Checked], console: Console) -> None:
    """Print the table of notebooks, and the mistakes."""
    names = _short_names([one.file for one in checked])
    console.print(_table(checked, names))
    for one in checked:
        if one.report is None:
            told = f"{names[one.file]} could not be checked: {one.refusal}"
            console.print(Text(visible(told), style="yellow"), highlight=False)
    ranked = mistakes(checked)
    if not ranked:
        return
    console.print()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("mistake")
    table.add_column("notebooks", justify="right")
    table.add_column("", overflow="fold", ratio=1)
    for kind, files in ranked:
        named = ", ".join(names[file] for file in files[:SHOWN])
        named += f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        table.add_row(Text(visible(kind)), str(len(files)), Text(visible(named)))
    console.print(table)


def _short_names(files: Sequence[str]) -> dict[str, str]:
    """The files without the folder that they all are in."""
    try:
        common = os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files])  # noqa: PTH100, PTH120
    except ValueError:  # on two drives, or a name that cannot be one
        return {file: file for file in files}
    return {file: os.path.relpath(file, common) for file in files}


def _table(checked: Sequence[Checked], names: Mapping[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("notebook", overflow="fold")
    for heading in ("right", "wrong shape", "wrong", "follow", "undecidable", "stale", "raised"):
        table.add_column(heading, justify="right")
    for one in checked:
        table.add_row(Text(visible(names[one.file])), *_counts(one))
    return table


def _counts(one: Checked) -> list[Text]:
    if one.report is None:
        return [Text("–", style="dim")] * 7
    report = one.report
    count = Counter("follow" if finding.follows else finding.verdict for finding in report.findings)
    raised = sum(bool(outcome.errors) for outcome in report.outcomes.values())
    numbers = [
        (count[EXACT] + count[ROUNDED], "green"),
        (count[SHAPE], "bold yellow"),
        (count[WRONG], "bold red"),
        (count["follow"], "red"),
        (count[UNDECIDABLE], "magenta"),
        (len(report.stale), "yellow"),
        (raised, "yellow"),
    ]
    return [Text(str(number), style=style) if number else Text("·", style="dim") for number, style in numbers]
