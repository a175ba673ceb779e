"""Colour a sparse pattern, so that one product with the map serves all columns (or rows, or both) of a colour.

A colour is a bit, what a row or a vertex has seen of colours is an integer, and the lowest zero bit is the colour to
take: a colouring costs a few operations on integers for each place of the pattern, not a set for each element.

    columns    no two columns of a colour meet in a row            every entry is read from a product
    star       no path of four vertices has two colours            symmetric; every entry is read from a product
    acyclic    no cycle has two colours                            symmetric; entries follow by substitution
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linear.nonzeros import Nonzeros

__all__ = ["ORDERS", "colour_acyclic", "colour_both", "colour_columns", "colour_star", "first_fit", "recoloured"]

ORDERS = ("natural", "largest first")

_WINDOW = 960  # colours that are given out in one pass: a mask is an integer of as many bits
_AGAIN = 3  # colourings of columns after the first, each in the order of the classes of the one before
_SCANNED = 64  # neighbours that are searched one by one; a vertex with more of them keeps a dictionary


def _orders(degrees: Any, order: str) -> list[Any]:
    """The orders to try: that of the columns, and that of falling degree."""
    found = {"natural": np.arange(len(degrees)), "largest first": np.argsort(-degrees, kind="stable")}
    return list(found.values()) if order == "best" else [found[order]]


def _least(attempt: Callable[[list[int]], Any], degrees: Any, order: str, bound: int) -> tuple[Any, int]:
    """The colouring with the fewest colours among some orders; it is enough to come down to ``bound``."""
    best: Any = None
    for first in _orders(degrees, order):
        colours = attempt(first.tolist())
        if best is None or colours.max(initial=-1) < best.max(initial=-1):
            best = colours
        if best.max(initial=-1) < bound:
            break
    return best, int(best.max(initial=-1)) + 1


def colour_columns(pattern: Nonzeros, order: str = "best") -> tuple[Any, int]:
    """Colour the columns so that those of one colour share no row: partial distance-2 colouring.

    Args:
        pattern: the places.
        order: "natural", "largest first" (columns that meet many others), or "best": whichever gives fewer colours.

    Returns:
        The colour of each column, an int array (-1 for an empty column, which needs none), and their number.

    >>> from chainrule.linear.nonzeros import band
    >>> colour_columns(band(6, 6, 1, 1))
    (array([0, 1, 2, 0, 1, 2]), 3)
    """
    turned = pattern.transposed
    filled = np.diff(turned.indptr) > 0
    if np.count_nonzero(filled) == pattern.widest:  # they all meet in one row
        return np.where(filled, np.cumsum(filled) - 1, -1), pattern.widest
    widths = np.diff(pattern.indptr)
    reached = np.concatenate([[0], np.cumsum(widths[turned.indices] - 1)])
    degrees = reached[turned.indptr[1:]] - reached[turned.indptr[:-1]]
    starts, rows = _lists(turned)
    return _least(lambda order: first_fit(starts, rows, order, pattern.shape[0]), degrees, order, pattern.widest)


def recoloured(pattern: Nonzeros, colours: Any, times: int = _AGAIN) -> tuple[Any, int]:
    """The columns coloured anew, class by class, the last class first: never more colours, and often fewer.

    It ends after some ``times``, or where a row has as many entries as there are colours.

    >>> from chainrule.linear.nonzeros import band
    >>> recoloured(band(6, 6, 0, 0), np.arange(6))
    (array([0, 0, 0, 0, 0, 0]), 1)
    """
    starts, rows = _lists(pattern.transposed)
    for _ in range(times):
        if colours.max(initial=-1) < pattern.widest:
            break
        order = np.argsort(-colours, kind="stable").tolist()
        colours = first_fit(starts, rows, order, pattern.shape[0])
    return colours, int(colours.max(initial=-1)) + 1


def _lists(pattern: Nonzeros) -> tuple[list[int], list[int]]:
    """The places as lists, kept: the loops below are about numbers, not arrays."""
    if "lists" not in pattern.plans:
        pattern.plans["lists"] = pattern.indptr.tolist(), pattern.indices.tolist()
    found: tuple[list[int], list[int]] = pattern.plans["lists"]
    return found


def first_fit(starts: list[int], rows: list[int], order: list[int], row_count: int) -> Any:
    """Give each column, in ``order``, the first colour that no column in its rows has.

    Args:
        starts: where the rows of each column start in ``rows``; one more number than columns.
        rows: the rows of the columns, one column after another.
        order: the columns in the order in which they choose.
        row_count: how many rows there are.

    >>> first_fit([0, 1, 2, 4], [0, 1, 0, 1], [0, 1, 2], 2)
    array([0, 0, 1])
    """
    colours = [-1] * (len(starts) - 1)
    pending = [column for column in order if starts[column] < starts[column + 1]]
    base, full = 0, 1 << _WINDOW
    while pending:
        # Colours base … base + _WINDOW - 1; who finds none of them free waits, and disturbs nobody meanwhile.
        seen = [0] * row_count
        waiting = []
        for column in pending:
            own = rows[starts[column] : starts[column + 1]]
            taken = 0
            for row in own:
                taken |= seen[row]
            free = ~taken & (taken + 1)
            if free >= full:
                waiting.append(column)
                continue
            for row in own:
                seen[row] |= free
            colours[column] = base + free.bit_length() - 1
        pending, base = waiting, base + _WINDOW
    return np.array(colours, np.intp)


# ----------------------------------------------------------------------------------------------------- symmetric graphs
def _adjacency(pattern: Nonzeros) -> tuple[list[int], list[int], Any]:
    """The neighbours of each vertex without itself, and their number."""
    off = pattern.rows != pattern.indices
    counts = np.bincount(pattern.rows[off], minlength=pattern.shape[0])
    starts = np.concatenate([[0], np.cumsum(counts)])
    return starts.tolist(), pattern.indices[off].tolist(), counts


def _without_entries(pattern: Nonzeros, colours: Any) -> Any:
    """No colour for a vertex whose row is empty."""
    colours[np.diff(pattern.indptr) == 0] = -1
    return colours


def colour_star(pattern: Nonzeros, order: str = "best") -> tuple[Any, int]:
    """Colour the vertices of a symmetric pattern so that no path of four has two colours only, and no edge has one.

    Then each entry of the matrix is the only one of its row in the columns of some colour, or the transposed entry is.

    >>> from chainrule.linear.nonzeros import nonzeros
    >>> arrow = np.eye(5, dtype=bool)
    >>> arrow[0] = arrow[:, 0] = True
    >>> colour_star(nonzeros(arrow))
    (array([0, 1, 1, 1, 1]), 2)
    """
    starts, neighbours, degrees = _adjacency(pattern)

    def attempt(order: list[int]) -> Any:
        return _without_entries(pattern, _star(starts, neighbours, order))

    return _least(attempt, degrees, order, 2)


def colour_both(pattern: Nonzeros, dense: Any) -> tuple[Any, Any]:
    """Colour all columns and some rows of any pattern: a star colouring of [[0, Jᵀ], [J, 0]].

    The columns and the rows of that matrix are vertices of two kinds with edges only between them, so their colours
    are counted apart. Rows that are not ``dense`` stay without a colour: in them all columns have different ones.

    Args:
        pattern: the places.
        dense: a truth value for each row.

    Returns:
        The colours of the columns and of the rows, -1 for none.

    >>> from chainrule.linear.nonzeros import nonzeros
    >>> arrow = np.eye(4, dtype=bool)
    >>> arrow[0] = arrow[:, 0] = True
    >>> colour_both(nonzeros(arrow), np.array([True, False, False, False]))
    (array([0, 1, 1, 1]), array([ 0, -1, -1, -1]))
    """
    width, turned = pattern.shape[1], pattern.transposed
    ordinary = ~dense[pattern.rows]
    counts = np.concatenate([[0], np.cumsum(np.where(dense, 0, np.diff(pattern.indptr)))])
    # As long as no row has a colour, columns are kept apart by the other rows only: a colouring of these alone.
    part = Nonzeros(pattern.shape, counts, pattern.indices[ordinary])
    columns, _ = recoloured(part, colour_columns(part)[0])
    starts = np.concatenate([turned.indptr, pattern.indptr[1:].astype(np.int64) + len(pattern)])
    neighbours = np.concatenate([turned.indices.astype(np.int64) + width, pattern.indices])
    rows = np.flatnonzero(dense)
    rows = rows[np.argsort(-np.diff(pattern.indptr)[rows], kind="stable")]
    order = [*range(width), *(width + rows).tolist()]
    colours = _star(starts.tolist(), neighbours.tolist(), order, np.maximum(columns, 0).tolist())
    return colours[:width], colours[width:]


def _star(starts: list[int], neighbours: list[int], order: list[int], given: list[int] | None = None) -> Any:
    """One greedy star colouring.

    For each vertex three masks: the colours of its neighbours (`once`), those that two or more of them have
    (`twice`), and of which colours it has neighbours that are joined to another vertex of its own colour (`hubs`).

    With the colours ``given`` to the first vertices, the others are of a second kind, whose colours are counted apart:
    an edge may have one colour.
    """
    count = len(starts) - 1
    bits, once, twice, hubs = ([0] * count for _ in range(4))
    known: dict[tuple[int, int], int] = {}  # for vertices with many neighbours: the first of each colour
    for v in order:
        own = neighbours[starts[v] : starts[v + 1]]
        repeated = twice[v]
        taken = 0 if given else once[v]
        for w in own:
            # The path v - w - x must not go on in the same two colours: neither on the side of v nor on that of x.
            if bits[w]:
                taken |= once[w] if bits[w] & repeated else hubs[w]
        bit = bits[v] = 1 << given[v] if given and v < len(given) else ~taken & (taken + 1)
        joined = 0
        for w in own:
            color = bits[w]
            if color & repeated:
                hubs[w] |= bit
            many = starts[w + 1] - starts[w] > _SCANNED
            if not once[w] & bit:
                once[w] |= bit
                if many:
                    known[w, bit] = v
                continue
            if not twice[w] & bit:
                twice[w] |= bit
                if color:
                    hubs[known[w, bit] if many else _other(starts, neighbours, bits, w, v)] |= color
            joined |= color
        hubs[v] |= joined
    return np.array([bit.bit_length() - 1 for bit in bits], np.intp)


def _other(starts: Sequence[int], neighbours: Sequence[int], bits: Sequence[int], hub: int, vertex: int) -> int:
    """The neighbour of ``hub``, other than ``vertex``, that has its colour."""
    bit = bits[vertex]
    for x in neighbours[starts[hub] : starts[hub + 1]]:
        if bits[x] == bit and x != vertex:
            return x
    raise AssertionError("a colour that was counted twice has two vertices")


def colour_acyclic(pattern: Nonzeros, order: str = "best") -> tuple[Any, int]:
    """Colour the vertices of a symmetric pattern so that two colours together never form a cycle, nor one an edge.

    Fewer colours than `colour_star`, but an entry follows from others by substitution.

    >>> from chainrule.linear.nonzeros import band
    >>> colour_acyclic(band(6, 6, 1, 1))
    (array([0, 1, 0, 1, 0, 1]), 2)
    """
    starts, neighbours, degrees = _adjacency(pattern)

    def attempt(order: list[int]) -> Any:
        return _without_entries(pattern, _acyclic(starts, neighbours, order))

    return _least(attempt, degrees, order, 2)


def _acyclic(starts: list[int], neighbours: list[int], order: list[int]) -> Any:
    """One greedy acyclic colouring; the trees of two colours are disjoint sets of keys ``vertex · count + colour``."""
    count = len(starts) - 1
    colours, once, twice = [-1] * count, [0] * count, [0] * count
    parent: dict[int, int] = {}

    def root(key: int) -> int:
        top = key
        while parent[top] != top:
            top = parent[top]
        while parent[key] != top:
            parent[key], key = top, parent[key]
        return top

    for v in order:
        own = neighbours[starts[v] : starts[v + 1]]
        taken, groups, risky = once[v], dict[int, list[int]](), 0
        if twice[v]:
            # A cycle through v needs two neighbours of one colour, and next to both of them the colour of v.
            seen: dict[int, int] = {}
            for w in own:
                color = colours[w]
                if color >= 0 and twice[v] >> color & 1:
                    groups.setdefault(color, []).append(w)
                    risky |= seen.get(color, 0) & once[w]
                    seen[color] = seen.get(color, 0) | once[w]
        while True:
            bit = ~taken & (taken + 1)
            color = bit.bit_length() - 1
            if not bit & risky:
                break
            keys = [[root(w * count + color) for w in group if once[w] & bit] for group in groups.values()]
            if all([len(set(roots)) == len(roots) for roots in keys]):
                break
            taken |= bit  # two of them are in one tree
        colours[v] = color
        for w in own:
            if once[w] & bit:
                twice[w] |= bit
            once[w] |= bit
            if colours[w] >= 0:
                here, there = v * count + colours[w], w * count + color
                parent.setdefault(here, here)
                parent.setdefault(there, there)
                parent[root(here)] = root(there)
    return np.array(colours, np.intp)
