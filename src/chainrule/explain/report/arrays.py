"""Arrays on a page: small ones as tables of numbers with colour, large ones as a picture with a summary."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explain.report.detail import Detail
from chainrule.explain.report.hinton import as_matrix, largest, picture
from chainrule.explain.report.markup import Markup, element, joined
from chainrule.explain.report.numbers import is_numeric, number, sides, summary, written

__all__ = ["brief", "figure"]

Array = np.ndarray[Any, np.dtype[Any]]
_TINTS = 4
_INLINE = 4  # entries up to which an array is written in a line
_WIDE = 6  # columns from which a table can be scrolled, and reached with the keyboard for that


def figure(given: Any, name: str, hue: str, detail: Detail, differs: Array | None = None) -> Markup:
    """An array with its name and shape: numbers up to a size, a picture beyond.

    ``hue`` says what the numbers are ("value", "adjoint"); ``differs`` marks entries that are not as they should be.
    """
    array = np.asarray(given)
    length = "length " if array.ndim == 1 else ""
    told = f"{name}, {length}{sides(array.shape)}" if array.shape else name
    if not is_numeric(array):
        return element("p", told, ": ", summary(array), class_="array")
    if array.size == 1:
        off = " off" if differs is not None and np.any(differs) else ""
        value = element("span", number(array.reshape(-1)[0]), class_=f"single {hue}{off}")
        return element("p", element("span", told, class_="label"), " = ", value, class_="array")
    matrix = as_matrix(array)
    caption: list[object] = [element("span", told, class_="label")]
    if max(matrix.shape, default=0) <= detail.numbers and matrix.size:
        body = _table(matrix, told, hue, None if differs is None else as_matrix(differs))
    else:
        is_drawn = bool(array.size and detail.cells)
        body = picture(array, hue, f"{told}: {summary(array)}", detail.cells) if is_drawn else Markup()
        caption += [" · ", element("span", summary(array), class_="note")]
        if is_drawn and max(matrix.shape) > detail.cells:
            caption.append(element("span", " · each square the largest of its block", class_="note drawn", hidden=True))
    return element("figure", element("figcaption", *caption), body, class_="array")


def _table(matrix: Array, name: str, hue: str, differs: Array | None) -> Markup:
    """The numbers of a matrix; the tint of a cell is its magnitude."""
    texts = written(matrix)
    scale = largest(matrix)
    with np.errstate(invalid="ignore"):
        tints = np.nan_to_num(np.ceil(np.abs(matrix) / (scale or 1.0) * _TINTS), nan=0, posinf=0).astype(int)
    rows = []
    for r, row in enumerate(texts):
        cells = []
        for c, text in enumerate(row):
            off = differs is not None and bool(differs[r, c])
            kind = " ".join([f"m{tints[r, c]}"] * bool(tints[r, c]) + ["off"] * off)
            cells.append(element("td", text, class_=kind or None))
        rows.append(element("tr", *cells))
    table = element("table", element("tbody", *rows), class_=f"numbers {hue}", aria_label=name)
    if matrix.shape[1] <= _WIDE:
        return element("div", table, class_="scroll")
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=f"{name}, can be scrolled")


def brief(given: Any, hue: str, scale: float, label: str) -> Markup:
    """An array in a line of a table: its numbers if they are few, otherwise a small picture on a common scale."""
    array = np.asarray(given)
    if array.size <= _INLINE:
        texts = [text for row in written(as_matrix(array)) for text in row] if array.size else []
        return element("span", joined(texts, ", "), class_=f"few {hue}")
    drawn = picture(array, hue, label, 8, scale, 64.0)
    return joined([drawn, element("span", summary(array), class_="unseen")])
