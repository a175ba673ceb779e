"""What was measured, drawn: time over size, each row beside the limit, gradients beside values, time to compile."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.native.goals import COMPILING, GRADIENT, Found, again, apart, gradients, missed, ratio, rows
from benchmarks.structured.report import three

try:
    import matplotlib.figure
    import matplotlib.ticker
except ImportError:
    CAN_DRAW = False
else:
    CAN_DRAW = True

PEERS = ("casadi", "jax", "torch", "autograd")
# Colours that can be told apart without seeing all of them, and a mark for each besides.
LOOKS: dict[str, dict[str, Any]] = {
    "limit": {"color": "black", "linestyle": ":", "marker": ".", "label": "C by hand"},
    "chainrule": {"color": "#0072b2", "linewidth": 2.2, "marker": "o", "label": "chainrule"},
    "casadi": {"color": "#009e73", "marker": "s", "label": "CasADi, as C"},
    "jax": {"color": "#e69f00", "marker": "^", "label": "JAX, jit"},
    "torch": {"color": "#d55e00", "marker": "v", "label": "PyTorch"},
    "autograd": {"color": "#cc79a7", "marker": "D", "label": "autograd"},
}


class Picture(NamedTuple):
    """A plot, what it says, and the title of the table that it belongs to."""

    name: str
    belongs: str
    says: str
    draw: Callable[[Found], Any]
    drawn: str = ""


def _figure(width: float, height: float) -> tuple[Any, Any]:
    figure = matplotlib.figure.Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def growth(found: Found) -> Any:
    """Time over n of the rows that are one sum over an array, every system in one picture."""
    records = {10 ** int(name[4:]): record for name, record in found.items() if name.startswith("wave")}
    figure, axes = _figure(8.5, 4.8)
    for system, look in LOOKS.items():
        points = [(n, spent) for n, record in records.items() if (spent := again(record, system)) is not None]
        if points:
            axes.loglog(*zip(*points, strict=True), **look)
    axes.set(title="Σ(3cos x − sin²x), value and gradient", xlabel="n", ylabel="time of a call")
    axes.yaxis.set_major_formatter(matplotlib.ticker.EngFormatter("s"))
    _beside(axes)
    return figure


def limits(found: Found) -> Any:
    """How many times the limit each row takes: ours, with the goal, and the best peer."""
    records = [record for record in rows(found) if again(record, "limit")][::-1]
    figure, axes = _figure(9.5, 1.2 + 0.27 * len(records))
    color = LOOKS["chainrule"]["color"]
    kinds = {
        "chainrule": axes.plot([], [], "o", color=color, markersize=8)[0],
        "chainrule, a goal missed": axes.plot([], [], "o", color=color, markerfacecolor="white", markersize=8)[0],
        "goal": axes.plot([], [], "|", color="black", markersize=13)[0],
    }
    for place, record in enumerate(records):
        others = [(times, peer) for peer in PEERS if (times := ratio(record, peer, "limit")) is not None]
        if others:
            times, peer = min(others)
            look = {name: LOOKS[peer][name] for name in ("color", "marker")}
            kinds[f"best peer: {LOOKS[peer]['label']}"] = axes.plot(times, place, linestyle="", **look)[0]
        if record.get("goal") is not None:
            axes.plot(record["goal"], place, "|", color="black", markersize=13)
        ours = ratio(record, "chainrule", "limit")
        if ours is not None:
            face = "white" if missed(record) else color
            axes.plot(ours, place, "o", color=color, markerfacecolor=face, markersize=8)
        _at_the_right(axes, place, "in Python" if ours is None else three(ours))
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="time over that of the limit by hand")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    _rows(figure, axes, [record["title"] for record in records], kinds)
    return figure


def slopes(found: Found) -> Any:
    """Value and gradient over the value alone, of each row."""
    times = dict(reversed(gradients(found).items()))
    figure, axes = _figure(9.5, 1.2 + 0.27 * len(times))
    color = LOOKS["chainrule"]["color"]
    axes.hlines(range(len(times)), 1, [*times.values()], color=color, linewidth=3, alpha=0.5)
    axes.plot([*times.values()], range(len(times)), "o", color=color)
    for place, one in enumerate(times.values()):
        _at_the_right(axes, place, three(one))
    kinds = {f"goal for the median, {GRADIENT:g}": axes.axvline(GRADIENT, color="black", linewidth=1.2)}
    if times:
        middle = statistics.median(times.values())
        line = axes.axvline(middle, color="#d55e00", linestyle="--", linewidth=1.5)
        kinds[f"median, {three(middle)}"] = line
    axes.set(xscale="log", xlabel="value and gradient over the value alone, both compiled")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    _rows(figure, axes, [*times], kinds)
    return figure


def compiling(found: Found) -> Any:
    """Seconds to the first value and gradient over the number of operations."""
    record = apart(found, "compiling")
    figure, axes = _figure(8.5, 4.2)
    for system in ("chainrule", "jax"):
        points = [(int(count), spent[system]) for count, spent in record.items() if system in spent]
        if points:
            axes.loglog(*zip(*points, strict=True), **LOOKS[system])
    goals = [(int(count), goal) for count, goal in COMPILING.items()]
    axes.plot(*zip(*goals, strict=True), "_", color="black", markersize=26, markeredgewidth=1.5, label="goal")
    axes.set(title="Straight programs that are new", xlabel="operations", ylabel="time to the first value and gradient")
    axes.set_xticks([count for count, _ in goals], labels=[f"{count:,}" for count, _ in goals])
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.yaxis.set_major_formatter(matplotlib.ticker.EngFormatter("s"))
    _beside(axes)
    return figure


def _at_the_right(axes: Any, place: int, text: str) -> None:
    axes.annotate(text, (1.01, place), xycoords=axes.get_yaxis_transform(), va="center", fontsize=9)


def _rows(figure: Any, axes: Any, titles: list[str], kinds: dict[str, Any]) -> None:
    """The rows' names, and above all rows what the marks mean."""
    axes.set_yticks(range(len(titles)), labels=titles)
    axes.set_ylim(-0.7, len(titles) - 0.3)
    axes.tick_params(axis="y", length=0)
    figure.legend(kinds.values(), kinds, loc="outside upper center", ncols=4, frameon=False)


def _beside(axes: Any) -> None:
    """A legend to the right of the lines."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


PICTURES = (
    Picture(
        "native_growth", "Value and gradient, a later call", "How the time of a call grows with the array.", growth
    ),
    Picture(
        "native_limits",
        "Value and gradient, a later call",
        "Each row beside the limit by hand. The bar across is the goal; the number at the right is ours.",
        limits,
    ),
    Picture("native_slopes", "Value and gradient, a later call", "What a gradient costs beside its value.", slopes),
    Picture(
        "native_compiling",
        "The first value and gradient of a straight program, in a process that has compiled others",
        "How the time to compile grows with the program.",
        compiling,
    ),
)


def drawn(found: Found, folder: Path) -> tuple[list[Picture], list[Path]]:
    """The plots for a page, and the files that they were written to as well; none without matplotlib."""
    pictures, written = [], []
    for picture in PICTURES if CAN_DRAW else ():
        figure, vectors = picture.draw(found), io.StringIO()
        figure.savefig(vectors, format="svg")
        text = vectors.getvalue()
        pictures.append(picture._replace(drawn=text[text.index("<svg") :]))
        written.append(folder / f"{picture.name}.png")
        figure.savefig(written[-1], dpi=120)
    return pictures, written
