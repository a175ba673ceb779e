"""Few products for any map with known places: columns of one colour, rows of one colour, or some of both."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.linear.colouring import colour_both, colour_columns, recoloured
from chainrule.linear.compression import Compression, alone, checked_options, only_used
from chainrule.linear.nonzeros import Nonzeros

__all__ = ["compress"]

_UNEVEN = 3  # rows and columns are coloured both where some hold so many times the places of an ordinary one

_QUANTILES = (0.5, 0.9, 0.99, 0.999)  # rows wider than these many of them may be coloured beside the columns


def compress(pattern: Nonzeros, method: str = "best", order: str = "best") -> Compression:
    """The fewest products found for a map with these places.

    Args:
        pattern: the places.
        method: "columns" (products with the map only), "rows" (with its transpose only), "both", or "best": whichever
            needs fewest, columns first.
        order: in which columns (or rows) are coloured: "natural", "largest first" or "best"; not used for "both".

    Raises:
        SparsityError: the method or the order is not known.

    >>> from chainrule.linear.nonzeros import band
    >>> compress(band(100, 100, 1, 1))
    <3 products (3 with the map) for <298 of 10000 places of a 100 × 100 map>>
    """
    checked_options(method, ("best", "columns", "rows", "both"), order)
    key = ("compressed", method, order)
    if key not in pattern.plans:
        pattern.plans[key] = _compressed(pattern, method, order)
        for each in (pattern, pattern.transposed):
            each.plans.pop("lists", None)  # large, and of no further use
    found: Compression = pattern.plans[key]
    return found


def _compressed(pattern: Nonzeros, method: str, order: str) -> Compression:
    found = []
    if method in ("best", "columns"):
        found.append(_by_columns(pattern, order))
    if method == "rows" or (method == "best" and _rows_may_need_fewer(pattern, found[0].count)):
        found.append(_by_rows(pattern, order))
    if order == "best" and method != "both":
        best = min(found, key=lambda compression: compression.count)
        found.append((_by_columns if best.method == "columns" else _by_rows)(pattern, order, best))
    if method == "both" or (method == "best" and len(pattern) and _uneven(pattern)):
        found += [_by_both(pattern, turned) for turned in (False, True)]
    return min(found, key=lambda compression: compression.count)


def _rows_may_need_fewer(pattern: Nonzeros, count: int) -> bool:
    """Whether fewer than ``count`` colours could do for the rows: not if they look like the columns."""
    return count > pattern.transposed.widest and not pattern.is_symmetric


def _uneven(pattern: Nonzeros) -> bool:
    """Whether some rows, and some columns, hold many more entries than an ordinary one."""
    widths = [np.diff(p.indptr) for p in (pattern, pattern.transposed)]
    return all([each.max() >= _UNEVEN * np.median(each[each > 0]) for each in widths])


def _by_columns(pattern: Nonzeros, order: str, before: Compression | None = None) -> Compression:
    colours = _colours(pattern, order, None if before is None else before.column_colours)
    where = colours[pattern.indices] * pattern.shape[0] + pattern.rows
    return Compression(pattern, "columns", colours, None, where)


def _by_rows(pattern: Nonzeros, order: str, before: Compression | None = None) -> Compression:
    colours = _colours(pattern.transposed, order, None if before is None else before.row_colours)
    where = colours[pattern.rows] * pattern.shape[1] + pattern.indices
    return Compression(pattern, "rows", None, colours, where)


def _colours(pattern: Nonzeros, order: str, before: Any) -> Any:
    return (colour_columns(pattern, order) if before is None else recoloured(pattern, before))[0]


def _by_both(pattern: Nonzeros, turned: bool) -> Compression:
    """Products with the map for all columns, and with its transpose for rows that hold very many entries.

    With ``turned`` it is the other way round: all rows, and the columns that hold very many.
    """
    lines = pattern.transposed if turned else pattern
    widths = np.diff(lines.indptr)
    best: Compression | None = None
    for threshold in sorted({int(width) for width in np.quantile(widths, _QUANTILES)} if len(pattern) else (0,)):
        by_column, by_row = colour_both(lines, widths > threshold)
        found = _read_from_both(pattern, *((by_row, by_column) if turned else (by_column, by_row)))
        if best is None or found.count < best.count:
            best = found
    assert best is not None
    return best


def _read_from_both(pattern: Nonzeros, at_columns: Any, at_rows: Any) -> Compression:
    """The compression with these colours; products from which nothing is read are dropped."""
    height, width = pattern.shape
    rows, columns = pattern.rows, pattern.indices.astype(np.intp)
    by_column = alone(rows, at_columns[columns]) & (at_columns[columns] >= 0)
    by_row = alone(columns, at_rows[rows]) & (at_rows[rows] >= 0)
    chosen = _chosen(at_columns[columns], at_rows[rows], by_column, by_row)
    at_columns, at_rows = only_used(at_columns, columns[~chosen]), only_used(at_rows, rows[chosen])
    ahead = (int(at_columns.max(initial=-1)) + 1) * height
    where = np.where(chosen, ahead + at_rows[rows] * width + columns, at_columns[columns] * height + rows)
    return Compression(pattern, "both", at_columns, at_rows, where)


def _chosen(first: Any, second: Any, by_first: Any, by_second: Any) -> Any:
    """From which of its two colours each entry is read (True: the second), so that few colours are read from at all.

    A colour of -1, which is none, is looked up in a spare place at the end.
    """
    chosen = ~by_first
    needed_first = np.bincount(first[by_first & ~by_second], minlength=int(first.max(initial=-1)) + 2) > 0
    needed_second = np.bincount(second[chosen], minlength=int(second.max(initial=-1)) + 2) > 0
    open_ = by_first & by_second & ~needed_first[first]
    chosen |= open_ & needed_second[second]
    open_ &= ~needed_second[second]
    while open_.any():
        votes = [np.bincount(colours[open_], minlength=1) for colours in (first, second)]
        side = int(votes[1].max() > votes[0].max())
        members = open_ & ((second if side else first) == int(votes[side].argmax()))
        if side:
            chosen |= members
        open_ &= ~members
    return chosen
