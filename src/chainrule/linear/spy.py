"""Draw where a map can have entries with matplotlib, its blocks marked and its ticks named by index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import LibraryMissingError
from chainrule.linear.notation import label_names
from chainrule.linear.picture import cells_of, extent
from chainrule.linear.term import Term

__all__ = ["spy"]

_TICKS = 8  # names along one side
_FLATTEST = 8  # a drawing is not more than this many times wider than high
_LINES = 40  # blocks along one side whose borders are drawn


def _new_axes() -> Any:
    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError as missing:
        raise LibraryMissingError(
            "spy() draws with matplotlib, which is not installed: pip install 'chainrule[plot]'; print(J.picture()) "
            "draws in text without it"
        ) from missing
    return pyplot.subplots(layout="constrained")[1]


def _step(shape: Sequence[int], ticks: int = _TICKS) -> int:
    """How many positions apart ticks are: whole runs of trailing axes, as short as makes no more than so many.

    >>> _step((3, 2)), _step((4, 5)), _step((100, 5))
    (1, 5, 100)
    """
    step = 1
    for size in reversed(shape):
        if prod(shape) <= step * ticks:
            return step
        step *= size
    inner = prod(shape[1:])
    return inner * _round(-(-shape[0] // ticks)) if shape else 1


def _round(number: int) -> int:
    """The next round number: 1, 2 or 5 with zeros behind it."""
    for power in range(20):
        for digit in (1, 2, 5):
            if digit * 10**power >= number:
                return int(digit * 10**power)
    return number


def _index(position: int, shape: Sequence[int]) -> str:
    return ",".join([str(int(k)) for k in np.unravel_index(position, tuple(shape))]) if shape else ""


def _name(what: str, shape: Sequence[int], letters: Iterator[str]) -> str:
    inside = ", ".join(islice(letters, len(shape)))
    return f"∂{what}[{inside}]" if shape else f"∂{what}"


def _mark(ax: Any, side: str, shape: Sequence[int], share: float) -> None:
    """Ticks named by index, and borders where the last axis of the output or of the argument starts again."""
    count = prod(shape)
    letters = 1 if side == "y" else max(len(_index(count - 1, shape)) / 3, 1)  # names beside each other need room
    places = list(range(0, count, _step(shape, max(round(_TICKS * share / letters), 2))))
    axis = ax.yaxis if side == "y" else ax.xaxis
    axis.set_ticks(places, [_index(place, shape) for place in places])
    run = shape[-1] if len(shape) > 1 else count
    if run and 1 < count // run <= _LINES:
        draw = ax.axhline if side == "y" else ax.axvline
        for start in range(run, count, run):
            draw(start - 0.5, color="tab:blue", linewidth=0.6, alpha=0.7)


def spy(
    terms: Sequence[Term],
    row_shape: Sequence[int],
    column_shape: Sequence[int],
    ax: Any = None,
    cells: int = 256,
    **options: Any,
) -> Any:
    """Draw the entries that need not be zero into ``ax`` and return it; see `Jacobian.spy`."""
    ax = _new_axes() if ax is None else ax
    rows, columns = prod(row_shape), prod(column_shape)
    found = cells_of(terms, rows, columns, *extent(rows, columns, cells))
    letters = label_names()
    ax.set_ylabel(_name("out", row_shape, letters))
    ax.set_xlabel(_name("arg", column_shape, letters))
    ax.xaxis.set_label_position("top")
    ax.xaxis.tick_top()
    if not found.marked.size:
        ax.set(xticks=[], yticks=[])
        ax.text(0.5, 0.5, found.caption, ha="center", va="center", transform=ax.transAxes)
        return ax
    shown = {"cmap": "binary", "vmin": 0, "vmax": 1, "interpolation": "nearest"} | options
    ax.imshow(found.marked, extent=(-0.5, columns - 0.5, rows - 0.5, -0.5), **shown)
    height, width = found.marked.shape
    high, wide = max(height, width / _FLATTEST), max(width, height / _FLATTEST)
    ax.set_aspect(columns / rows * high / wide)
    _mark(ax, "y", row_shape, high / max(high, wide))
    _mark(ax, "x", column_shape, wide / max(high, wide))
    if not found.is_exact:
        ax.text(0, -0.02, found.meaning, ha="left", va="top", fontsize="x-small", transform=ax.transAxes)
    return ax
