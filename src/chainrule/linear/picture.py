"""Draw where a map can have entries: dots in text, and the cells that every other drawing is made from."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.flat import Place
from chainrule.linear.footprint import at, footprint, is_affine
from chainrule.linear.term import Term

__all__ = ["Cells", "cells_of", "extent", "group", "picture"]

_ENTRIES = 1 << 21  # entries of tables that are looked at one by one; of more, so many are drawn at random
_BOXES = 1 << 18  # boxes of labels that are followed at a time
_DOTTED = (16, 40)  # rows and columns up to which every entry is a sign of its own
_FLATTEST = 8  # a drawing is at most this many times wider than high, or higher than wide, if it has the cells
_DOT, _EMPTY = "●", "·"
_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # the bits of a sign of 4 × 2 dots


class Cells(NamedTuple):
    """Which cells of a grid laid over the flattened matrix hold an entry that need not be zero.

    ``marked`` has at most as many rows and columns as the matrix: one cell is one entry, or covers several.
    ``is_sampled`` says that entries were drawn at random, so that a cell with few of them may be missing.
    """

    marked: Any
    rows: int
    columns: int
    is_sampled: bool

    @property
    def is_exact(self) -> bool:
        """Whether each cell is one entry."""
        shape: tuple[int, ...] = self.marked.shape
        return shape == (self.rows, self.columns)

    @property
    def meaning(self) -> str:
        """What a cell means."""
        if not self.rows or not self.columns:
            return "no entries"
        if self.is_exact:
            told = "a dot for each entry that need not be zero"
        else:
            per = [-(-n // k) for n, k in zip((self.rows, self.columns), self.marked.shape, strict=True)]
            told = f"a dot where any of up to {per[0]:,} × {per[1]:,} entries need not be zero"
        return told + ("; from entries drawn at random, so a few dots may be missing" if self.is_sampled else "")

    @property
    def caption(self) -> str:
        """The size of the matrix, and what a cell means."""
        return f"{self.rows:,} × {self.columns:,}, {self.meaning}"


# --- which cells are marked -------------------------------------------------------------------------------------------


def cells_of(terms: Sequence[Term], rows: int, columns: int, height: int = 64, width: int = 64) -> Cells:
    """The cells of a grid of at most ``height`` by ``width`` in which the sum of ``terms`` can have an entry.

    The work is bounded however large the map is: affine sets of entries are followed box by box, down to the cells;
    positions in tables are looked up one by one, or some millions of them at random.

    >>> from chainrule.linear.term import identity
    >>> cells_of([Term(identity((1000,)))], 1000, 1000, 3, 3).marked.astype(int)
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 0, 1]])
    """
    marked = np.zeros((min(rows, height), min(columns, width)), np.bool_)
    if not marked.size:
        return Cells(marked, rows, columns, False)
    places = footprint(terms)
    affine = [place for place in places if is_affine(place)]
    tabled = [place for place in places if not is_affine(place)]
    is_sampled = _follow(affine, marked, rows, columns)
    allowed = max(_ENTRIES // max(len(tabled), 1), 1)
    for place in tabled:
        is_sampled |= _look_up(place, marked, rows, columns, allowed)
    return Cells(marked, rows, columns, is_sampled)


def _cell(positions: Any, size: int, count: int) -> Any:
    """The cell that holds a position, of ``count`` cells on ``size`` positions."""
    return positions if size == count else positions * count // size


def _look_up(place: Place, marked: Any, rows: int, columns: int, allowed: int) -> bool:
    """Mark the cells of a set with tables; whether only some of its entries were looked at."""
    is_sampled = prod(place.shape) > allowed
    if is_sampled:
        random = np.random.default_rng(0)  # the same picture each time
        index = [random.integers(0, size, allowed) for size in place.shape]
    else:
        index = list(np.ix_(*[np.arange(size) for size in place.shape]))
    down, across = at(place.row, index).astype(np.int64), at(place.column, index).astype(np.int64)
    marked[_cell(down, rows, marked.shape[0]), _cell(across, columns, marked.shape[1])] = True
    return is_sampled


def _follow(places: Sequence[Place], marked: Any, rows: int, columns: int) -> bool:
    """Mark the cells of affine sets: halve boxes of labels until each lies in marked cells; whether some were left out.

    The first and the last corner of a box are entries, so their cells are marked at once. A box is done when all the
    cells between its corners are marked; the others are halved along the label that spreads them most.
    """
    if not places:
        return False
    rank = max([len(place.shape) for place in places] + [1])
    steps = np.zeros((2, len(places), rank), np.int64)
    starts = np.array([[place.row.offset for place in places], [place.column.offset for place in places]])
    high = np.zeros((len(places), rank), np.int64)
    for k, place in enumerate(places):
        steps[0, k, : len(place.shape)], steps[1, k, : len(place.shape)] = place.row.strides, place.column.strides
        high[k, : len(place.shape)] = np.array(place.shape) - 1
    which, low = np.arange(len(places)), np.zeros_like(high)
    cell = np.array([[rows / marked.shape[0]], [columns / marked.shape[1]]])
    is_sampled = False
    while len(which):
        if len(which) > _BOXES:
            kept = np.random.default_rng(0).choice(len(which), _BOXES, replace=False)
            which, low, high, is_sampled = which[kept], low[kept], high[kept], True
        step = steps[:, which]
        ends = [starts[:, which] + (step * corner).sum(axis=2) for corner in (low, high)]
        for down, across in ends:
            marked[_cell(down, rows, marked.shape[0]), _cell(across, columns, marked.shape[1])] = True
        spread = step * (high - low)
        least = ends[0] + np.minimum(spread, 0).sum(axis=2)
        most = ends[0] + np.maximum(spread, 0).sum(axis=2)
        left = ~_all_marked(marked, least, most, rows, columns)
        if not left.any():
            return is_sampled
        which, low, high, spread = which[left], low[left], high[left], spread[:, left]
        widest = (np.abs(spread) / cell[:, :, None]).max(axis=0).argmax(axis=1)
        chosen = np.arange(len(which)), widest
        middle = (low[chosen] + high[chosen]) // 2
        upper, lower = low.copy(), high.copy()
        upper[chosen], lower[chosen] = middle + 1, middle
        which, low, high = np.concatenate([which, which]), np.concatenate([low, upper]), np.concatenate([lower, high])
    return is_sampled


def _all_marked(marked: Any, least: Any, most: Any, rows: int, columns: int) -> Any:
    """For each rectangle of positions, whether all the cells that it touches are marked."""
    height, width = marked.shape
    total = np.zeros((height + 1, width + 1), np.int64)
    total[1:, 1:] = marked.cumsum(0).cumsum(1)
    top, left = _cell(least[0], rows, height), _cell(least[1], columns, width)
    bottom, right = _cell(most[0], rows, height) + 1, _cell(most[1], columns, width) + 1
    inside = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    return inside == (bottom - top) * (right - left)


# --- text -------------------------------------------------------------------------------------------------------------


def extent(rows: int, columns: int, longest: int) -> tuple[int, int]:
    """How many cells a drawing should have: about the proportions of the matrix, not too flat, ``longest`` at most.

    >>> extent(1000, 500, 64), extent(10, 4, 64), extent(8, 1_000_000, 64)
    ((64, 32), (10, 4), (8, 64))
    """
    most = max(rows, columns, 1)
    height, width = (min(n, longest, max(round(longest * n / most), longest // _FLATTEST)) for n in (rows, columns))
    return height, width


def picture(terms: Sequence[Term], row_shape: Sequence[int], column_shape: Sequence[int], size: int = 64) -> str:
    """Where the sum of ``terms`` can have entries, as text: a small map sign by sign, a larger one in Braille dots.

    >>> from chainrule.linear.term import pattern
    >>> print(picture([Term(pattern([2, 3], [1], [0, 1], [(0,)])[0])], (3,), (2, 3)))
    ● · ·   ● · ·
    · ● ·   · ● ·
    · · ●   · · ●
    3 × 6, a dot for each entry that need not be zero
    """
    rows, columns = prod(row_shape), prod(column_shape)
    small = rows <= min(_DOTTED[0], size) and columns <= min(_DOTTED[1], size)
    found = cells_of(terms, rows, columns, *((rows, columns) if small else extent(rows, columns, size)))
    if not rows or not columns:
        return found.caption
    lines = _dotted(found.marked, row_shape, column_shape) if small else _framed(_braille(found.marked))
    return "\n".join([*lines, found.caption])


def group(shape: Sequence[int]) -> int:
    """The length of the groups that are set apart: the last axis, if there are others.

    >>> group((2, 3)), group((3,)), group((3, 1))
    (3, 3, 3)
    """
    return shape[-1] if len(shape) > 1 and shape[-1] > 1 else prod(shape)


def _dotted(marked: Any, row_shape: Sequence[int], column_shape: Sequence[int]) -> list[str]:
    """A sign for each entry, with gaps where the last axis of the output or of the argument starts again."""
    down, across = group(row_shape), group(column_shape)
    lines: list[str] = []
    for k, row in enumerate(marked):
        if k and k % down == 0:
            lines.append("")
        signs = [_DOT if mark else _EMPTY for mark in row]
        lines.append("   ".join([" ".join(signs[start : start + across]) for start in range(0, len(signs), across)]))
    return lines


def _braille(marked: Any) -> list[str]:
    """Signs of four rows and two columns of dots each."""
    height, width = marked.shape
    padded = np.zeros((-(-height // 4) * 4, -(-width // 2) * 2), np.int64)
    padded[:height, :width] = marked
    signs = (padded.reshape(-1, 4, padded.shape[1] // 2, 2) * _BRAILLE[:, None, :]).sum(axis=(1, 3))
    return ["".join([chr(0x2800 + sign) for sign in line]) for line in signs.tolist()]


def _framed(lines: Sequence[str]) -> list[str]:
    edge = "─" * len(lines[0])
    return [f"┌{edge}┐", *[f"│{line}│" for line in lines], f"└{edge}┘"]
