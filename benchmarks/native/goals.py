"""Goals: what a record of a row, of a call or of compiling has to keep, and by how much it misses it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.structured.report import seconds, three

Record = Mapping[str, Any]
Found = Mapping[str, Mapping[str, Any]]
GRADIENT = 2.2  # times the value alone, in the median of the rows
COMPILING = {"30": 0.04, "300": 0.2, "1000": 0.6}  # seconds, by the number of operations
CALLING = {"eight arrays: chainrule": 0.5e-6}


def rows(found: Found) -> list[Record]:
    """The records of rows that were measured."""
    return [record for record in found.values() if "systems" in record]


def apart(found: Found, name: str) -> Record:
    """The record of what is no row; empty if it was not measured."""
    record = found.get(name, {})
    return {} if "failed" in record else record


def again(record: Record, system: str) -> float | None:
    """The time of a later call, if the system was measured."""
    spent: float | None = record.get("systems", {}).get(system, {}).get("again")
    return spent


def ratio(record: Record, one: str, other: str) -> float | None:
    """The time of one system over that of another, if both were measured."""
    above, below = again(record, one), again(record, other)
    return None if above is None or below is None else above / below


def wanted(record: Record) -> str:
    """The goals of a row in a few words."""
    parts = [] if record.get("goal") is None else [f"≤ {record['goal']:g}"]
    parts += [f"{times:g} × {peer}" for peer, times in record.get("ahead", {}).items()]
    parts += [f"first ≤ {seconds(record['first'])}"] if record.get("first") is not None else []
    return ", ".join(parts)


def missed(record: Record) -> list[str]:
    """Each goal that a row misses, with what it was; that it does not run as machine code is a miss of them all."""
    entry = record["systems"].get("chainrule", {})
    if "again" not in entry:
        return [str(entry.get("skipped") or entry.get("failed") or "not measured")]
    found = []
    limit, goal = ratio(record, "chainrule", "limit"), record.get("goal")
    if limit is not None and goal is not None and limit > goal:
        found.append(f"{three(limit)} × by hand, goal {goal:g}")
    for peer, times in record.get("ahead", {}).items():
        theirs = ratio(record, peer, "chainrule")
        if theirs is not None and theirs < times:
            found.append(f"{peer} takes {three(theirs)} × our time, goal {times:g}")
    if record.get("first") is not None and entry["first"] > record["first"]:
        found.append(f"the first call takes {seconds(entry['first'])}, goal {seconds(record['first'])}")
    return found


def gradients(found: Found) -> dict[str, float]:
    """Value and gradient over the value alone, by the title of the row."""
    pairs = {r["title"]: ratio(r, "chainrule", "value") for r in rows(found) if not r.get("jacobian")}
    return {title: times for title, times in pairs.items() if times is not None}


def apart_from_rows(found: Found) -> list[str]:
    """The goals for a call, for compiling and for gradients in general that are missed."""
    lines = []
    for name, goal in CALLING.items():
        if (spent := apart(found, "calls").get(name, 0)) > goal:
            lines.append(f"{name}: {seconds(spent)}, goal {seconds(goal)}")
    for count, goal in COMPILING.items():
        if (spent := apart(found, "compiling").get(count, {}).get("chainrule", 0)) > goal:
            lines.append(f"compiling {count} operations: {seconds(spent)}, goal {seconds(goal)}")
    if (all_ := gradients(found)) and (middle := statistics.median(all_.values())) > GRADIENT:
        lines.append(f"gradient / value: {three(middle)} in the median, goal {GRADIENT:g}")
    return lines
