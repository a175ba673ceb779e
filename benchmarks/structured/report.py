"""The tables: ours beside the limit and the goal of each row, then every peer beside ours."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import table
from benchmarks.structured.families import FAMILIES
from benchmarks.structured.problem import Goal

Found = Mapping[tuple[str, int, str, str], Mapping[str, Any]]
PACKAGES = ("chainrule", "numpy", "scipy", "jax", "asdex", "sparsejac", "casadi", "torch", "autograd", "numba")


def seconds(spent: float | None) -> str:
    """A time with three figures and its unit.

    >>> seconds(0.00012345), seconds(2), seconds(None)
    ('123 µs', '2.00 s', '–')
    """
    if spent is None:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if spent >= size:
            return f"{three(spent / size)} {unit}"
    return f"{three(spent / 1e-9)} ns"


def three(number: float) -> str:
    """A number with about three figures."""
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:,.0f}"


def verdict(goal: Goal, record: Mapping[str, Any]) -> str:
    """The goals of a row, each with whether it is met; empty if there are none."""
    parts = []
    for name, wanted, got in (
        ("ratio", goal.ratio, record["replay"] / record["limit"]),
        ("again", goal.replay, record["replay"]),
        ("first", goal.first, record["first"]),
        ("kept", goal.stored, record["stored"]),
    ):
        if wanted is None:
            continue
        bound = seconds(wanted) if name in ("again", "first") else f"{wanted:,g}"
        parts.append(f"{name} ≤ {bound}: {'met' if got <= wanted else 'MISSED'}")
    return ", ".join(parts)


def why_not(record: Mapping[str, Any]) -> str:
    """Why there are no times."""
    return str(record.get("skipped", record.get("failed", "")))


def error(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}"


def beside(spent: Mapping[str, Any], other: Mapping[str, Any], name: str) -> str:
    """How many times longer a peer takes than we do."""
    return f"{three(other[name] / spent[name])}×"


def machine() -> str:
    """What was measured on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} –")
    return f"{model}, {os.cpu_count()} CPUs, one thread; Python {platform.python_version()}; {', '.join(versions)}"


def text(found: Found) -> str:
    """All that was found, for reading."""
    columns = ["limit", "first", "anew", "again", "again/limit", "compiled", "compiled/limit"]
    rows = [["row", "size", "form", *columns, "kept", "error", "goals"]]
    others = [["row", "size", "system", "first", "again", "first/ours", "again/ours", "error"]]
    hand = [["row", "size", "by hand", "time", "chainrule", "chainrule/by hand"]]
    behind: list[str] = []
    for family, size in dict.fromkeys((family, size) for family, size, _, _ in found):
        problem = FAMILIES[family].make(size)
        last: Mapping[str, Any] | None = None
        for form, description in problem.forms.items():
            record = found.get((family, size, "chainrule", form))
            if record is None:
                continue
            if "replay" not in record:
                rows.append([problem.row, problem.size, form, *"–––––––––", why_not(record)])
                last = None
                continue
            last = record
            ratio = three(record["replay"] / record["limit"])
            times = [seconds(record[name]) for name in ("limit", "first", "anew", "replay")]
            goals = verdict(description.goal, record)
            kept = f"{record['stored']:,}"
            native = [seconds(record["compiled"]), three(record["compiled"] / record["limit"])]
            rows.append([problem.row, problem.size, form, *times, ratio, *native, kept, error(record["error"]), goals])
            for name, spent in record["also"].items():
                ours = record["replay"]
                beside_hand = [seconds(spent), seconds(ours), three(ours / spent)]
                hand.append([problem.row, problem.size, f"{form}: {name}", *beside_hand])
        for peer in problem.peers:
            record = found.get((family, size, peer, ""))
            if record is None:
                continue
            if "replay" not in record:
                others.append([problem.row, problem.size, peer, why_not(record), "–", "–", "–", "–"])
                continue
            relative = ["–", "–"]
            if last is not None:
                relative = [beside(last, record, name) for name in ("first", "replay")]
                for name, word in (("first", "first call"), ("replay", "replay")):
                    if record[name] < last[name]:
                        behind.append(
                            f"{problem.row}, {problem.size}: {peer} {seconds(record[name])}, "
                            f"ours {seconds(last[name])} ({word})"
                        )
            times = [seconds(record[name]) for name in ("first", "replay")]
            others.append([problem.row, problem.size, peer, *times, *relative, error(record.get("error"))])
    parts = [machine(), table(rows)]
    if len(hand) > 1:
        parts.append("What else a person could write\n\n" + table(hand))
    if len(others) > 1:
        parts.append("Other libraries (their result may be dense)\n\n" + table(others))
        parts.append("Behind a peer\n\n" + ("\n".join(behind) or "nowhere"))
    return "\n\n".join(parts) + "\n"


def markdown(found: Found) -> str:
    """The short table: one line for each row, and the best peer of each time."""
    head = ["row", "size", "form", "limit", "first", "again", "× limit", "compiled", "× limit"]
    head += ["best peer, first", "best peer, again"]
    lines = [machine(), "", _line(head), _line(["---"] * len(head))]
    for (family, size, system, form), record in found.items():
        if system != "chainrule" or "replay" not in record:
            continue
        problem, best = FAMILIES[family].make(size), ["", ""]
        if form == list(problem.forms)[-1]:
            times = {peer: found.get((family, size, peer, ""), {}) for peer in problem.peers}
            for place, name in enumerate(("first", "replay")):
                if known := {peer: time[name] for peer, time in times.items() if name in time}:
                    peer = min(known, key=known.__getitem__)
                    best[place] = f"{seconds(known[peer])} ({peer})"
        spent = [seconds(record[name]) for name in ("limit", "first")]
        for name in ("replay", "compiled"):
            spent += [seconds(record[name]), three(record[name] / record["limit"])]
        lines.append(_line([problem.row, problem.size, form, *spent, *best]))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
