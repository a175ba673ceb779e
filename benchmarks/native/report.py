"""What was measured, as tables and remarks, in Markdown and as a page of HTML that needs no other file."""

from __future__ import annotations

import html
import os
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.native import plots
from benchmarks.native.goals import (
    CALLING,
    COMPILING,
    Found,
    Record,
    again,
    apart,
    apart_from_rows,
    gradients,
    missed,
    ratio,
    rows,
    wanted,
)
from benchmarks.native.plots import PEERS
from benchmarks.structured.report import machine, seconds, three

Table = tuple[str, list[list[str]]]
MISSED = " **missed**"
STYLE = """
body {font: 14px/1.5 system-ui, sans-serif; max-width: 92em; margin: 2em auto; padding: 0 1em; color: #222}
h1 {font-size: 1.6em} h2 {font-size: 1.2em; margin: 2em 0 .5em}
table {border-collapse: collapse; font-variant-numeric: tabular-nums}
td, th {padding: 3px 8px; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap}
td:first-child, th:first-child {text-align: left}
tr.missed td {background: #fdf0e6} tr:hover td {background: #eef4fa}
svg {max-width: 100%; height: auto; display: block} .wide {overflow-x: auto} .note {color: #555}
"""


def shown(times: float | None) -> str:
    """A ratio, or a dash."""
    return "–" if times is None else three(times)


def row_table(found: Found) -> Table:
    """Each row beside the limit and beside the peers, whose times are multiples of ours (or times, without ours)."""
    head = ["row", "by hand", "chainrule", "× by hand", "goal", "gradient / value", *(f"{p} / ours" for p in PEERS)]
    return "Value and gradient, a later call", [head, *map(_row, rows(found))]


def _row(record: Record) -> list[str]:
    ours = again(record, "chainrule")
    gradient = None if record.get("jacobian") else ratio(record, "chainrule", "value")
    return [
        record["title"],
        seconds(again(record, "limit")),
        seconds(ours),
        shown(ratio(record, "chainrule", "limit")),
        wanted(record) + (MISSED if missed(record) else ""),
        shown(gradient),
        *(shown(ratio(record, p, "chainrule")) if ours else seconds(again(record, p)) for p in PEERS),
    ]


def first_table(found: Found) -> Table:
    """The first call: recording and compiling included."""
    lines = [["row", "chainrule", "casadi", "jax"]]
    for record in rows(found):
        spent = [record["systems"].get(name, {}).get("first") for name in ("chainrule", "casadi", "jax")]
        lines.append([record["title"], *map(seconds, spent)])
    return "The first call, with recording and compiling", lines


def compiling_table(found: Found) -> Table:
    """The time to compile programs by their length."""
    lines = [["operations", "chainrule", "goal", "jax"]]
    for count, spent in apart(found, "compiling").items():
        ours, goal = spent.get("chainrule"), COMPILING.get(count)
        late = MISSED if ours is not None and goal is not None and ours > goal else ""
        lines.append(
            [
                count,
                seconds(ours),
                ("" if goal is None else f"≤ {seconds(goal)}") + late,
                seconds(spent["jax"]) if "jax" in spent else "–",
            ]
        )
    return "The first value and gradient of a straight program, in a process that has compiled others", lines


def calling_table(found: Found) -> Table:
    """The cost of a call by itself."""
    lines = [["call", "time", "goal"]]
    for name, spent in apart(found, "calls").items():
        goal = CALLING.get(name)
        late = MISSED if goal is not None and spent > goal else ""
        lines.append([name, seconds(spent), ("" if goal is None else f"≤ {seconds(goal)}") + late])
    return "A call by itself, arrays of ten numbers", lines


def threads_table(found: Found) -> Table:
    """One thread beside two."""
    lines = [["row", "1 thread", "2 threads", "1 / 2"]]
    for title, spent in apart(found, "threads").items():
        lines.append([title, seconds(spent["1"]), seconds(spent["2"]), three(spent["1"] / spent["2"])])
    return "Loops that threads share, BLAS in one thread", lines


def keeping_table(found: Found) -> Table:
    """Memory and time of long loops."""
    lines = [["recurrence", "", "bytes to work in", "a call", "the first call"]]
    for title, ways in apart(found, "keeping").items():
        for name, record in ways.items():
            cells = [seconds(record.get("again")), seconds(record.get("first"))]
            lines.append([title, name, f"{record['bytes']:,}", *cells])
    return "Turns that are kept of a long loop", lines


def remarks(found: Found) -> list[str]:
    """What falls short: goals missed, peers that are faster, systems that are left out; and the usual gradient."""
    return [*_misses(found), *_behind(found), *_left_out(found)]


def _misses(found: Found) -> Iterator[str]:
    for record in rows(found):
        if found_missed := missed(record):
            reason = f". {record['reason']}" if record.get("reason") else ""
            yield f"Missed: {record['title']}: {'; '.join(found_missed)}{reason}."
    yield from (f"Missed: {line}." for line in apart_from_rows(found))


def _behind(found: Found) -> Iterator[str]:
    for record in rows(found):
        for peer in PEERS:
            times = ratio(record, "chainrule", peer)
            if times is not None and times > 1:
                yield f"Behind {peer}: {record['title']}: {three(times)} × its time."


def _left_out(found: Found) -> Iterator[str]:
    measured, reasons = rows(found), dict[str, list[str]]()
    for record in measured:
        for name, entry in record["systems"].items():
            if name != "chainrule" and (why := entry.get("skipped") or entry.get("failed")):
                reasons.setdefault(f"{name}: {why}", []).append(record["title"])
    for why, titles in reasons.items():
        yield f"Left out: {why} ({'every row' if len(titles) == len(measured) else '; '.join(titles)})."
    yield from (f"Not measured: {name}: {record['failed']}." for name, record in found.items() if "failed" in record)
    if times := gradients(found):
        yield f"Value and gradient over the value alone: {three(statistics.median(times.values()))} in the median."
    if not plots.CAN_DRAW:
        yield "There are no plots: matplotlib is not installed."


def tables(found: Found) -> list[Table]:
    special = [calling_table(found), compiling_table(found), threads_table(found), keeping_table(found)]
    return [row_table(found), *special, first_table(found)]


def surroundings() -> str:
    """The machine, and how busy it is."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{machine()}; load {load:.1f} at the end."


def heading(found: Found) -> str:
    """Where the results are from."""
    return str(found.get("machine", {}).get("text") or surroundings())


def markdown(found: Found) -> str:
    """Everything as Markdown."""
    parts = [heading(found)]
    for title, lines in tables(found):
        head, *body = (f"| {' | '.join(cells)} |" for cells in lines)
        parts += [f"{title}:", "\n".join([head, f"|{' --- |' * len(lines[0])}", *body])]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in remarks(found))]) + "\n"


def page(found: Found, pictures: Sequence[plots.Picture]) -> str:
    """Everything as a page that needs no other file."""
    parts = [f"<p class='note'>{html.escape(heading(found))}</p>"]
    for title, (head, *body) in tables(found):
        parts += [f"<h2>{html.escape(title)}</h2><div class='wide'><table>", _cells(head, "th")]
        parts += [*(_cells(cells, "td") for cells in body), "</table></div>"]
        parts += [f"<p>{html.escape(p.says)}</p>{p.drawn}" for p in pictures if p.belongs == title]
    parts += ["<h2>Remarks</h2><ul>", *(f"<li>{html.escape(line)}</li>" for line in remarks(found)), "</ul>"]
    head_part = f"<meta charset='utf-8'><title>chainrule, compiled</title><style>{STYLE}</style>"
    return f"<!doctype html>{head_part}<h1>Value and gradient as machine code</h1>\n" + "\n".join(parts) + "\n"


def _cells(cells: Sequence[str], kind: str) -> str:
    marked = " class='missed'" if any(cell.endswith(MISSED) for cell in cells) else ""
    inner = "".join(f"<{kind}>{html.escape(cell.replace('*', ''))}</{kind}>" for cell in cells)
    return f"<tr{marked}>{inner}</tr>"


def save(found: Found, folder: Path) -> list[Path]:
    """Write the tables, the page, and the plots if they can be drawn; returns the files."""
    pictures, drawn = plots.drawn(found, folder)
    written = [folder / "native.md", folder / "native.html"]
    written[0].write_text(markdown(found), encoding="utf-8")
    written[1].write_text(page(found, pictures), encoding="utf-8")
    return [*written, *drawn]
