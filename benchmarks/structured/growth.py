"""Cost as the work grows: each row over some decades, the slope of log time against log size, and a plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import table
from benchmarks.structured.families import FAMILIES
from benchmarks.structured.report import seconds, why_not

try:
    import matplotlib.figure
except ImportError:
    CAN_DRAW = False
else:
    CAN_DRAW = True

Spawn = Callable[..., dict[str, Any]]


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The slope of the straight line that fits log time against log size best.

    >>> slope([1, 10, 100], [2, 200, 20000])
    2.0
    """
    x, y = [math.log(size) for size in sizes], [math.log(spent) for spent in times]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - mean_x) ** 2 for a in x)
    return round(sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / across, 12)


def run(names: Sequence[str], folder: Path, spawn: Spawn) -> str:
    """Measure the rows at growing sizes; returns the table and writes a plot of each row into the folder."""
    rows = [["row", "form", "unknowns", "first", "again", "limit"]]
    slopes = [["row", "form", "first", "again", "again, upper half", "limit", "limit, upper half"]]
    for name in names:
        family = FAMILIES[name]
        curves: dict[str, list[tuple[int, float, float, float]]] = {}
        title = ""
        grows = len({family.make(size).unknowns for size in family.growth[:2]}) > 1  # else the work grows, not they
        for size in family.growth:
            problem = family.make(size)
            title = problem.row
            for form in problem.forms:
                record = spawn(name, str(size), "chainrule", form)
                if "replay" not in record:
                    rows.append([title, form, f"{problem.unknowns:,}", why_not(record), "–", "–"])
                    continue
                times = record["first"], record["replay"], record["limit"]
                curves.setdefault(form, []).append((problem.unknowns if grows else size, *times))
                rows.append([title, form, f"{problem.unknowns:,}", *map(seconds, times)])
        for form, curve in curves.items():
            if len(curve) < 3:
                continue
            sizes, first, again, limit = zip(*curve, strict=True)
            upper = len(sizes) // 2
            measured = [
                slope(sizes, first),
                slope(sizes, again),
                slope(sizes[upper:], again[upper:]),
                slope(sizes, limit),
                slope(sizes[upper:], limit[upper:]),
            ]
            slopes.append([title, form, *(f"{one:.2f}" for one in measured)])
        if CAN_DRAW and curves:
            plot(title, curves, folder / f"growth_{name}.png")
    text = table(rows) + "\n\nSlope of log time against log size\n\n" + table(slopes)
    (folder / "growth.txt").write_text(text + "\n", encoding="utf-8")
    where = f"plots in {folder}" if CAN_DRAW else "no plots: matplotlib is not installed"
    return f"{text}\n\n{where}"


def plot(title: str, curves: dict[str, list[tuple[int, float, float, float]]], path: Path) -> None:
    """One row: our first call, our replay and the limit, in each form."""
    figure = matplotlib.figure.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for number, (form, curve) in enumerate(curves.items()):
        sizes, first, again, limit = zip(*curve, strict=True)
        colour = f"C{number}"
        steep = f" (slope {slope(sizes, again):.2f})" if len(sizes) > 1 else ""
        axes.loglog(sizes, first, "--", color=colour, label=f"{form}, first call")
        axes.loglog(sizes, again, "o-", color=colour, label=f"{form}, again{steep}")
        axes.loglog(sizes, limit, ":", color=colour, label=f"{form}, by hand")
    axes.set(title=title, xlabel="size", ylabel="seconds")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
