"""What was measured, as Markdown, as a page of HTML, and drawn."""

from __future__ import annotations

import html
import io
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.structured.report import machine, seconds, three

try:
    import matplotlib.figure
except ImportError:
    CAN_DRAW = False
else:
    CAN_DRAW = True

Found = Mapping[str, Mapping[str, Any]]
Table = tuple[str, list[list[str]]]
PEERS = ("casadi", "jax", "torch", "autograd")


def again(record: Mapping[str, Any], system: str) -> float | None:
    """The time of a later call, if the system was measured."""
    spent: float | None = record.get("systems", {}).get(system, {}).get("again")
    return spent


def over(one: float | None, other: float | None) -> str:
    """One time over another, or a dash."""
    return "–" if one is None or other is None else three(one / other)


def rows(found: Found) -> Table:
    """Each row beside the limit and beside the peers, whose times are given as multiples of ours."""
    head = ["row", "by hand", "chainrule", "× by hand", "goal", "gradient / value", *(f"{p} / ours" for p in PEERS)]
    lines = [head]
    for record in found.values():
        if "systems" not in record:
            continue
        ours, limit, value = (again(record, name) for name in ("chainrule", "limit", "value"))
        goal = "" if record["goal"] is None else f"≤ {record['goal']:g}"
        missed = "" if met(record) else " **missed**"
        beside = [over(again(record, peer), ours) for peer in PEERS]
        first = [record["title"], seconds(limit), seconds(ours), over(ours, limit)]
        lines.append([*first, goal + missed, over(ours, value), *beside])
    return "Value and gradient, a later call", lines


def met(record: Mapping[str, Any]) -> bool:
    """Whether a row keeps its goal; one that has no goal, or could not be compared with the limit, does."""
    ours, limit, goal = again(record, "chainrule"), again(record, "limit"), record.get("goal")
    if ours is None:
        return False
    return goal is None or limit is None or ours <= goal * limit


def firsts(found: Found) -> Table:
    """The first call: recording and compiling included."""
    lines = [["row", "chainrule", "casadi", "jax"]]
    for record in found.values():
        if "systems" in record:
            spent = [record["systems"].get(name, {}).get("first") for name in ("chainrule", "casadi", "jax")]
            lines.append([record["title"], *map(seconds, spent)])
    return "The first call, with recording and compiling", lines


def compiling(found: Found) -> Table:
    """The time to compile programs by their length."""
    record = found.get("compiling", {})
    lines = [["operations", "chainrule", "jax"]]
    lines += [[count, seconds(spent.get("chainrule")), seconds(spent.get("jax"))] for count, spent in record.items()]
    return "The first value and gradient of a straight program, in a process that has compiled others", lines


def calling(found: Found) -> Table:
    """The cost of a call by itself."""
    return "A call by itself, arrays of ten numbers", [
        ["call", "time"],
        *([name, seconds(spent)] for name, spent in found.get("calls", {}).items()),
    ]


def remarks(found: Found) -> list[str]:
    """What falls short: goals missed, peers that are faster, systems that are left out; and the usual gradient."""
    measured = [record for record in found.values() if "systems" in record]
    lines = []
    for record in measured:
        ours, limit = again(record, "chainrule"), again(record, "limit")
        if not met(record):
            why = record["systems"].get("chainrule", {})
            reason = (
                why.get("skipped") or why.get("failed") or f"{over(ours, limit)} × by hand, goal {record['goal']:g}"
            )
            lines.append(f"Missed: {record['title']}: {reason}.")
    for record in measured:
        ours = again(record, "chainrule")
        for peer in PEERS:
            theirs = again(record, peer)
            if ours is not None and theirs is not None and theirs < ours:
                lines.append(f"Behind {peer}: {record['title']}: {over(ours, theirs)} × its time.")
    reasons: dict[str, list[str]] = {}
    for record in measured:
        for name, entry in record["systems"].items():
            if name != "chainrule" and (why := entry.get("skipped") or entry.get("failed")):
                reasons.setdefault(f"{name}: {why}", []).append(record["title"])
    everywhere = len(measured)
    lines += [
        f"Left out: {why} ({'every row' if len(titles) == everywhere else '; '.join(titles)})."
        for why, titles in reasons.items()
    ]
    lines += [f"Not measured: {name}: {record['failed']}." for name, record in found.items() if "failed" in record]
    pairs = [(again(record, "chainrule"), again(record, "value")) for record in measured]
    if ratios := [ours / value for ours, value in pairs if ours and value]:
        lines.append(f"Value and gradient over the value alone: {three(statistics.median(ratios))} in the median.")
    return lines


def tables(found: Found) -> list[Table]:
    return [rows(found), calling(found), compiling(found), firsts(found)]


def heading() -> str:
    """The machine, and how busy it is."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{machine()}; load {load:.1f} at the end."


def markdown(found: Found) -> str:
    """Everything as Markdown."""
    parts = [heading()]
    for title, lines in tables(found):
        head, *body = (f"| {' | '.join(cells)} |" for cells in lines)
        parts += [f"{title}:", "\n".join([head, f"|{' --- |' * len(lines[0])}", *body])]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in remarks(found))]) + "\n"


def page(found: Found, pictures: Sequence[str]) -> str:
    """Everything as a page that needs no other file."""
    parts = [f"<p>{html.escape(heading())}</p>", *pictures]
    for title, (head, *body) in tables(found):
        parts += [f"<h2>{html.escape(title)}</h2>", "<table>", _cells(head, "th"), *(_cells(b, "td") for b in body)]
        parts.append("</table>")
    parts += ["<ul>", *(f"<li>{html.escape(line)}</li>" for line in remarks(found)), "</ul>"]
    style = "body{font:15px sans-serif;max-width:75em;margin:2em auto} td,th{padding:2px 9px;text-align:right}"
    head_part = f"<meta charset='utf-8'><title>chainrule, compiled</title><style>{style}</style>"
    return f"<!doctype html>{head_part}<h1>Value and gradient as machine code</h1>\n" + "\n".join(parts) + "\n"


def _cells(cells: Sequence[str], kind: str) -> str:
    return "<tr>" + "".join(f"<{kind}>{html.escape(cell.replace('*', ''))}</{kind}>" for cell in cells) + "</tr>"


def growth(found: Found) -> Any:
    """Time over n of the rows that are one sum over an array, every system in one picture."""
    records = {10 ** int(name[4:]): record for name, record in found.items() if name.startswith("wave")}
    figure = matplotlib.figure.Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for system, style in (("limit", "k:"), ("chainrule", "o-"), *((peer, "--") for peer in PEERS)):
        points = [(n, again(record, system)) for n, record in records.items()]
        if known := [(n, spent) for n, spent in points if spent is not None]:
            axes.loglog(*zip(*known, strict=True), style, label="C by hand" if system == "limit" else system)
    axes.set(title="Σ(3cos x − sin²x), value and gradient", xlabel="n", ylabel="seconds")
    if records:
        axes.legend()
    return figure


def ratios(found: Found) -> Any:
    """How many times the limit each row takes, ours and the best peer's."""
    records = [record for record in found.values() if again(record, "limit") and again(record, "chainrule")][::-1]
    figure = matplotlib.figure.Figure(figsize=(8, 0.5 + 0.32 * len(records)), layout="constrained")
    axes = figure.subplots()
    for place, record in enumerate(records):
        limit = record["systems"]["limit"]["again"]
        axes.plot(again(record, "chainrule") / limit, place, "o", color="C0", label="chainrule" if not place else None)
        if known := [spent for peer in PEERS if (spent := again(record, peer))]:
            axes.plot(min(known) / limit, place, "x", color="C1", label="best peer" if not place else None)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="times the limit by hand", yticks=range(len(records)))
    axes.set_yticklabels([record["title"] for record in records])
    if records:
        axes.legend()
    return figure


def save(found: Found, folder: Path) -> list[Path]:
    """Write the tables, the page, and the plots if they can be drawn; returns the files."""
    pictures, written = [], [folder / "native.md", folder / "native.html"]
    for name, draw in (("native_growth", growth), ("native_ratios", ratios)) if CAN_DRAW else ():
        figure, vectors = draw(found), io.StringIO()
        figure.savefig(vectors, format="svg")
        pictures.append(vectors.getvalue()[vectors.getvalue().index("<svg") :])
        for ending in ("png", "svg"):
            written.append(folder / f"{name}.{ending}")
            figure.savefig(written[-1], dpi=120)
    written[0].write_text(markdown(found), encoding="utf-8")
    written[1].write_text(page(found, pictures), encoding="utf-8")
    return written
