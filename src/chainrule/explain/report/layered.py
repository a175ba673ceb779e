"""Places the vertices of an acyclic graph in rows, so that edges go down, are short, and cross each other little.

The method is that of Sugiyama, Tagawa and Toda: rows by longest paths, orders by barycentres, positions by least
squares. Edges from one vertex share one trunk as long as they go the same way, so that an input with many uses is a
line with branches and not a fan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Edge", "Placed", "place", "rows_of"]

_SWEEPS = 8
_ALIGNMENTS = 12
# How much an edge wants to be upright: within a trunk, between results, from what starts there, where a trunk branches
_TRUNK_PULL, _PULL, _SOURCE_PULL, _BRANCH_PULL = 4.0, 1.0, 0.02, 0.02
_TRUNK = 14.0  # room that a trunk takes


class Edge(NamedTuple):
    """From a vertex down to another; ``out`` and ``into`` are where it leaves and enters, from the middle of each."""

    tail: int
    head: int
    out: float = 0.0
    into: float = 0.0


@dataclass(frozen=True)
class Placed:
    """Where things are: ``x`` of the middle of each vertex and its ``row``; the ``width`` of it all.

    For each edge, ``wires`` has its x from row to row, and ``routes`` the places that it passes there: vertices, and
    larger numbers for trunks, which several edges share.
    """

    x: tuple[float, ...]
    row: tuple[int, ...]
    wires: Mapping[Edge, tuple[float, ...]]
    routes: Mapping[Edge, tuple[int, ...]]
    width: float


def rows_of(count: int, edges: Sequence[Edge]) -> list[int]:
    """The row of each vertex: below all that it follows from; what follows from nothing is just above its first use.

    >>> rows_of(4, [Edge(0, 1), Edge(1, 2), Edge(3, 2)])
    [0, 1, 2, 1]
    """
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for tail, head, *_ in edges:
        above[head].append(tail)
        below[tail].append(head)
    row, waiting = [0] * count, [len(set(tails)) for tails in above]
    ready = [vertex for vertex in range(count) if not waiting[vertex]]
    for vertex in ready:  # grows as it is read
        for head in dict.fromkeys(below[vertex]):
            row[head] = max(row[head], row[vertex] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    for vertex in range(count):
        if not above[vertex] and below[vertex]:
            row[vertex] = min([row[head] for head in below[vertex]]) - 1
    return row


def place(widths: Sequence[float], rows: Sequence[int], edges: Sequence[Edge], gap: float = 24.0) -> Placed:
    """Where vertices of these widths go; ``rows`` as from `rows_of`.

    >>> placed = place([100.0, 100.0], [0, 1], [Edge(0, 1)])
    >>> placed.x, placed.width
    ((50.0, 50.0), 100.0)
    """
    grid = _Grid(widths, rows, edges)
    grid.order()
    grid.align(gap)
    return grid.placed()


class _Link(NamedTuple):
    """Two places in neighbouring rows that belong together; offsets from their middles."""

    upper: int
    lower: int
    out: float
    into: float
    weight: float


class _Grid:
    """The vertices, and a place in each row for every trunk that passes."""

    def __init__(self, widths: Sequence[float], rows: Sequence[int], edges: Sequence[Edge]) -> None:
        self.count = len(widths)
        self.widths = list(widths)
        self.row = list(rows)
        self.links: dict[_Link, None] = {}
        self.routes: dict[Edge, list[int]] = {}
        self.heads = {edge.head for edge in edges}
        self._trunks: dict[tuple[int, float, int], int] = {}
        for edge in edges:
            self._route(edge)
        self.lines: list[list[int]] = [[] for _ in range(max(self.row, default=-1) + 1)]
        self.x = [0.0] * len(self.row)
        self.up: list[list[_Link]] = [[] for _ in self.row]
        self.down: list[list[_Link]] = [[] for _ in self.row]
        for link in self.links:
            self.down[link.upper].append(link)
            self.up[link.lower].append(link)
        for vertex in self._as_they_enter():
            self.lines[self.row[vertex]].append(vertex)

    def _route(self, edge: Edge) -> None:
        """The places that an edge passes through, made where they are not there yet."""
        way = [edge.tail]
        for row in range(self.row[edge.tail] + 1, self.row[edge.head]):
            key = (edge.tail, edge.out, row)
            if key not in self._trunks:
                self._trunks[key] = len(self.row)
                self.row.append(row)
                self.widths.append(_TRUNK)
            way.append(self._trunks[key])
        way.append(edge.head)
        self.routes[edge] = way
        for k, (upper, lower) in enumerate(pairwise(way)):
            out = edge.out if k == 0 else 0.0
            into = edge.into if k == len(way) - 2 else 0.0
            weight = self._pull(upper, lower)
            self.links.setdefault(_Link(upper, lower, out, into, weight))

    def _pull(self, upper: int, lower: int) -> float:
        if upper >= self.count:
            return _TRUNK_PULL if lower >= self.count else _BRANCH_PULL
        return _PULL if upper in self.heads else _SOURCE_PULL

    def _as_they_enter(self) -> list[int]:
        """All places, from the last vertices up: what enters first, first. So rows begin in the order of formulas."""
        found: dict[int, None] = {}
        pending = [vertex for vertex in range(len(self.row)) if not self.down[vertex]][::-1]
        while pending:
            vertex = pending.pop()
            if vertex not in found:
                found[vertex] = None
                pending += [link.upper for link in self.up[vertex][::-1]]
        return list(found)

    # -- the order in each row ----------------------------------------------------------------------------------------

    def order(self) -> None:
        """Sort each row by the middle of what its members are tied to, down and up, and keep the best that was seen."""
        best, fewest = [list(line) for line in self.lines], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            self._sort(downwards=sweep % 2 == 0)
            found = self._crossings()
            if found < fewest:
                best, fewest = [list(line) for line in self.lines], found
        self.lines = best

    def _sort(self, *, downwards: bool) -> None:
        position = self._positions()
        for line in self.lines if downwards else self.lines[::-1]:
            centre = {}
            for k, vertex in enumerate(line):
                ties = self.up[vertex] if downwards else self.down[vertex]
                at = [self._key(position, link, upper=downwards) for link in ties]
                centre[vertex] = sum(at) / len(at) if at else float(k)
            line.sort(key=lambda vertex: centre[vertex])
            position.update({vertex: k for k, vertex in enumerate(line)})

    def _key(self, position: Mapping[int, int], link: _Link, *, upper: bool) -> float:
        """Where a link ends, in places of its row; an offset counts for less than a place."""
        vertex, offset = (link.upper, link.out) if upper else (link.lower, link.into)
        return position[vertex] + offset / (self.widths[vertex] + 1.0)

    def _positions(self) -> dict[int, int]:
        return {vertex: k for line in self.lines for k, vertex in enumerate(line)}

    def _crossings(self) -> int:
        position, total = self._positions(), 0
        for line in self.lines:
            ends = [
                (self._key(position, link, upper=True), self._key(position, link, upper=False))
                for vertex in line
                for link in self.down[vertex]
            ]
            ends.sort()
            total += sum(a[1] > b[1] and a[0] < b[0] for k, a in enumerate(ends) for b in ends[k + 1 :])
        return total

    # -- positions ----------------------------------------------------------------------------------------------------

    def align(self, gap: float) -> None:
        """Move the members of each row to the middle of what they are tied to, as far as their neighbours let them."""
        for line in self.lines:
            at = 0.0
            for vertex in line:
                self.x[vertex] = at + self.widths[vertex] / 2
                at += self.widths[vertex] + gap
            for vertex in line:
                self.x[vertex] -= at / 2
        for sweep in range(_ALIGNMENTS):
            last = sweep >= _ALIGNMENTS - 2
            for line in self.lines if sweep % 2 == 0 else self.lines[::-1]:
                self._settle(line, gap, both=last, downwards=sweep % 2 == 0)

    def _settle(self, line: Sequence[int], gap: float, *, both: bool, downwards: bool) -> None:
        wanted, weights = [], []
        for vertex in line:
            ties = [(self.x[l.upper] + self._shift(l), l.weight) for l in self.up[vertex] if both or downwards]
            ties += [(self.x[l.lower] - self._shift(l), l.weight) for l in self.down[vertex] if both or not downwards]
            weight = sum([w for _, w in ties])
            wanted.append(sum([x * w for x, w in ties]) / weight if ties else self.x[vertex])
            weights.append(weight or 0.01)
        room = [
            (self.widths[a] + self.widths[b]) / 2 + (gap if max(a, b) < self.count else gap / 2)
            for a, b in pairwise(line)
        ]
        for vertex, x in zip(line, spread(wanted, weights, room), strict=True):
            self.x[vertex] = x

    def _shift(self, link: _Link) -> float:
        """How far the lower end should be right of the upper one: trunks are upright, vertices have the same middle."""
        return link.out - link.into if max(link.upper, link.lower) >= self.count else 0.0

    def placed(self) -> Placed:
        """What was found, moved to begin at 0."""
        left = min([x - w / 2 for x, w in zip(self.x, self.widths, strict=True)], default=0.0)
        right = max([x + w / 2 for x, w in zip(self.x, self.widths, strict=True)], default=0.0)
        wires = {}
        for edge, way in self.routes.items():
            at = [self.x[place] - left for place in way]
            wires[edge] = (at[0] + edge.out, *at[1:-1], at[-1] + edge.into)
        x = tuple([self.x[vertex] - left for vertex in range(self.count)])
        routes = {edge: tuple(way) for edge, way in self.routes.items()}
        return Placed(x, tuple(self.row[: self.count]), wires, routes, right - left)


def spread(wanted: Sequence[float], weights: Sequence[float], room: Sequence[float]) -> list[float]:
    """The positions nearest to those wanted, in least squares, of which each is ``room`` beyond the one before.

    Neighbours that come too near are pooled and moved as one.

    >>> spread([0.0, 0.0], [1.0, 1.0], [10.0])
    [-5.0, 5.0]
    """
    offsets = [0.0]
    for distance in room[: len(wanted) - 1]:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, float, int]] = []  # mean, weight, members
    for x, weight, offset in zip(wanted, weights, offsets, strict=False):
        pool = (x - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, mass, members = pools.pop()
            whole = mass + pool[1]
            pool = ((mean * mass + pool[0] * pool[1]) / whole, whole, members + pool[2])
        pools.append(pool)
    means = [mean for mean, _, members in pools for _ in range(members)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]
