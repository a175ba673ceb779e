"""Shows the report of a notebook: as a table on the terminal, or as JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from chainrule.check.verdicts.compare import EXACT, ROUNDED, SHAPE, UNDECIDABLE, WRONG
from chainrule.check.verdicts.finding import Finding
from chainrule.cli.hints import Degree, told
from chainrule.cli.run import Report
from chainrule.cli.visible import visible

__all__ = ["as_content", "as_json", "show"]

STYLES = {EXACT: "green", ROUNDED: "green", SHAPE: "bold yellow", WRONG: "bold red", UNDECIDABLE: "magenta"}
WORDS = {EXACT: "right", ROUNDED: "right up to rounding", SHAPE: "right value, wrong shape", WRONG: "wrong"}


def as_json(report: Report, degree: Degree = Degree.ALL) -> str:
    """The report as one JSON object."""
    return json.dumps(as_content(report, degree), indent=2, ensure_ascii=False, allow_nan=False)


def as_content(report: Report, degree: Degree = Degree.ALL) -> dict[str, Any]:
    """The report as plain data: the file, the findings, what could not be run, and what is stale."""
    content: dict[str, Any] = {
        "file": str(report.notebook.path),
        "findings": [_plain(finding, report, degree) for finding in report.findings],
        "errors": [
            {"cell": number, "line": _line(report, number, line), "message": message}
            for number, line, message in _errors(report)
        ],
        "notes": _notes(report),
        "stale": [asdict(stale) for stale in report.stale],
        "status": report.status,
    }
    if report.failure is not None:
        content["failure"] = report.failure
    return content


def show(report: Report, console: Console, *, quiet: bool = False, degree: Degree = Degree.ALL) -> None:
    """Print the claims, the cells that raised, and one line that sums up; with ``quiet`` only what is wrong."""
    findings = [finding for finding in report.findings if not quiet or not finding.ok]
    if findings:
        console.print(_table(findings, report, degree))
    if not quiet:
        for number, line, message in _errors(report):
            console.print(
                f"[yellow]cell {number}, line {_line(report, number, line)}[/] raised {escape(visible(message))}",
                highlight=False,
            )
        for note in _notes(report):
            console.print(escape(visible(note)), style="dim", highlight=False)
        for stale in report.stale:
            console.print(
                f"[yellow]cell {stale.cell}[/] stores an output that its code does not give:"
                f" {escape(visible(stale.stored))} [dim]is now[/] {escape(visible(stale.now))}",
                highlight=False,
            )
    if report.failure is not None:
        console.print(f"[bold red]not finished:[/] {escape(visible(report.failure))}", highlight=False)
    if not quiet or findings:
        console.print(_summary(report), highlight=False)


def _table(findings: list[Finding], report: Report, degree: Degree) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("cell", justify="right")
    table.add_column("line", justify="right")
    table.add_column("claim", overflow="fold", min_width=6)
    table.add_column("verdict", min_width=12)
    table.add_column("detail", overflow="fold", ratio=1)
    for finding in findings:
        table.add_row(
            str(finding.cell),
            str(_line(report, finding.cell, finding.line)),
            Text(visible(finding.name)),
            Text(finding.verdict, style=STYLES[finding.verdict]),
            _detail(finding, degree),
        )
    return table


def _detail(finding: Finding, degree: Degree) -> Text:
    message, _, fix = visible(told(finding, degree)).partition("\n")
    detail = Text(message)
    if degree is Degree.ALL and not finding.follows:
        detail.append(visible(_beside(finding)), style="dim")
    if finding.also:
        cells = sorted({cell for cell, _ in finding.also})
        detail.append(f"  (also in cell {', '.join(map(str, cells))})" if cells != [finding.cell] else "")
    if finding.times > 1:
        detail.append(f"  ({finding.times} times)")
    if fix:
        detail.append(f"\n→ {fix}", style="bold")
    return detail


def _beside(finding: Finding) -> str:
    """What was compared with what, if it is not right."""
    if finding.ok:
        return ""
    claim, gradient = finding.details.get("claim"), finding.details.get("gradient")
    if claim and gradient:
        return f"  [{_short(claim)} beside {_short(gradient)}]"
    return f"  [as {finding.details['derivative']}]" if "derivative" in finding.details else ""


def _summary(report: Report) -> str:
    count = Counter(finding.verdict for finding in report.findings)
    total = sum(count.values())
    raised = sum(bool(outcome.errors) for outcome in report.outcomes.values())
    cells = f"{len(report.notebook.cells)} cell{'s' if len(report.notebook.cells) != 1 else ''}"
    if raised:
        cells += f" ({raised} raised)"
    if not total:
        return f"no claim about a gradient found in {cells}"
    follow = sum(finding.follows for finding in report.findings)
    count[WRONG] -= follow
    parts = [f"[{STYLES[verdict]}]{count[verdict]} {verdict}[/]" for verdict in STYLES if count[verdict]]
    if follow:
        parts.append(f"[{STYLES[WRONG]}]{follow} that follow{'s' if follow == 1 else ''} from {_what(count[WRONG])}[/]")
    return f"{total} claim{'s' if total != 1 else ''} in {cells}: {', '.join(parts)}"


def _what(causes: int) -> str:
    return "it" if causes == 1 else "those"


def _errors(report: Report) -> list[tuple[int, int, str]]:
    return [
        (number, line, message)
        for number, outcome in sorted(report.outcomes.items())
        for line, message in outcome.errors
    ]


def _notes(report: Report) -> list[str]:
    notes = [f"cell {number}: {note}" for number, outcome in sorted(report.outcomes.items()) for note in outcome.notes]
    for number, outcome in sorted(report.outcomes.items()):
        if outcome.skipped:
            lines = ", ".join(str(_line(report, number, line)) for line in outcome.skipped)
            notes.append(f"cell {number}: not run, because they need what raised: line {lines}")
    return notes + report.problems


def _line(report: Report, cell: int, line: int) -> int:
    """The line in the file, for text; in the cell, for .ipynb."""
    return report.notebook.cells[cell - 1].line + line - 1


def _plain(finding: Finding, report: Report, degree: Degree) -> dict[str, Any]:
    """A finding as plain data, with no more than may be told."""
    plain: dict[str, Any] = {
        "name": finding.name,
        "cell": finding.cell,
        "line": _line(report, finding.cell, finding.line),
        "verdict": finding.verdict,
    }
    if degree > Degree.WHICH:
        plain |= {"mistake": finding.mistake, "hint": finding.hint}
    if degree is Degree.ALL or finding.ok:
        plain |= {"step": finding.step, "message": finding.message, "fix": finding.fix}
        plain["details"] = _finite(finding.details)
    elif finding.follows:
        plain["details"] = {"follows": finding.details["follows"]}
    if finding.also:
        plain["also"] = [{"cell": cell, "line": _line(report, cell, line)} for cell, line in finding.also]
    return plain


def _finite(value: Any) -> Any:
    """As JSON has it, which knows no NaN, no infinity and no array."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}…"
