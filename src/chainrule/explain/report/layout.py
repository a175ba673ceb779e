"""Where the nodes and groups of a graph go: each group is laid out for itself, then as one thing among the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from chainrule.explain.report.graph import Graph, Node, width_of
from chainrule.explain.report.layered import Edge, Placed, place, rows_of
from chainrule.explain.report.numbers import is_numeric, number

__all__ = ["CLOSED", "GAP", "HEADER", "Item", "Layout", "Wire", "curve", "lay_out", "node_size", "stacked"]

GAP = 40.0  # between rows
HEADER = 34.0  # of a group
CLOSED = 38.0  # height of a group that is folded
_INNER_GAP = 34.0
_PADDING = 16.0
_LETTER = 7.0  # width of a letter in a formula
_DIGIT = 7.8  # width of a digit of a value
_PORT = 10.0  # room for a wire that enters or leaves a group


@dataclass(frozen=True)
class Wire:
    """A drawn line: from node ``tail`` towards the nodes ``heads``.

    One between items leads from ``xs[0]`` in ``row`` to ``xs[1]`` in the next; ``ends`` are the items that it begins
    and ends at, or None where it goes on as another wire. One within a group has its ``path``.
    """

    tail: int
    heads: tuple[int, ...]
    xs: tuple[float, float] = (0.0, 0.0)
    row: int = 0
    ends: tuple[int | None, int | None] = (None, None)
    path: str = ""


@dataclass(frozen=True)
class Item:
    """A node, or a group with the nodes in it; ``x`` is its left edge; inside a group positions are relative to it."""

    x: float
    row: int
    width: float
    height: float
    node: int | None = None
    group: int | None = None
    inner: tuple[tuple[int, float, float], ...] = ()
    wires: tuple[Wire, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The items, the wires between them, and the width of it all."""

    items: tuple[Item, ...]
    wires: tuple[Wire, ...]
    width: float
    rows: int


def node_size(node: Node) -> tuple[float, float]:
    """The width and height of a node: room for its name, its formula and the pictures of value and adjoint."""
    title = width_of(node.name) * 9.4 + width_of(node.size) * 7.4 + 44
    width = max(title, width_of(node.formula) * _LETTER + 28, 148 if node.explained else 96)
    seen = [node.step.value] if node.explained is None else [node.step.value, node.explained.cotangent]
    single = [number(value.reshape(-1)[0]) for value in seen if value.size == 1 and is_numeric(value)]
    if single:
        width = max(width, len(seen) * (max([len(text) for text in single]) * _DIGIT + 24) + 16)
    if node.explained is None:
        return width, 76.0
    return width, 98.0 if node.formula else 78.0


def stacked(heights: Sequence[float], gap: float) -> tuple[list[float], list[float]]:
    """The tops and bottoms of rows one below the other.

    >>> stacked([10.0, 20.0], 5.0)
    ([0.0, 15.0], [10.0, 35.0])
    """
    bottoms = list(accumulate(heights, lambda bottom, height: bottom + gap + height))
    return [bottom - height for bottom, height in zip(bottoms, heights, strict=True)], bottoms


def curve(
    xs: tuple[float, float],
    row: int,
    start: float,
    end: float,
    rows: tuple[Sequence[float], Sequence[float]],
    arrow: bool,
) -> str:
    """The path of a wire: upright along its row, then swinging over to the next. The script of the page does the same.

    >>> curve((0.0, 8.0), 0, 10.0, 30.0, ([0.0, 30.0], [10.0, 50.0]), False)
    'M0 10V10C0 20 8 20 8 30V30'
    """
    (a, b), (tops, bottoms) = xs, rows
    upper, lower = bottoms[row], tops[row + 1]
    middle = (upper + lower) / 2
    path = f"M{a:g} {start:g}V{upper:g}C{a:g} {middle:g} {b:g} {middle:g} {b:g} {lower:g}V{end:g}"
    return path + ("m-4-7l4 7l4-7" if arrow else "")


def lay_out(graph: Graph) -> Layout:
    """The positions of a graph."""
    return _Compound(graph).layout()


@dataclass(frozen=True)
class _Inside:
    """The layout of one group: where its nodes are, and where wires cross its border, from its middle."""

    width: float
    height: float
    nodes: tuple[tuple[int, float, float], ...]
    wires: tuple[Wire, ...]
    into: Mapping[int, float]
    out: Mapping[int, float]


class _Compound:
    """The layout of a graph with groups in the making. Items are the groups, then the nodes that are in none."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.sizes = [node_size(node) for node in graph.nodes]
        self.item_of = {node: k for k, group in enumerate(graph.groups) for node in group.members}
        self.free = [node for node in range(len(graph.nodes)) if node not in self.item_of]
        for k, node in enumerate(self.free):
            self.item_of[node] = len(graph.groups) + k
        self.inside = [self._inside(k) for k in range(len(graph.groups))]

    def layout(self) -> Layout:
        """The outer layout, with the groups as they are inside."""
        widths = [inside.width for inside in self.inside] + [self.sizes[node][0] for node in self.free]
        bundles = self._bundles()
        rows = rows_of(len(widths), list(bundles))
        spots = self._spots(list(bundles), widths, rows)
        edges = {edge: spots[edge] for edge in bundles}
        placed = place(widths, rows, list(edges.values()), 28.0)
        wires = self._wires(bundles, edges, placed, len(widths))
        return Layout(tuple(self._items(placed, widths)), wires, placed.width, max(rows, default=-1) + 1)

    def _wires(
        self,
        bundles: Mapping[Edge, tuple[int, tuple[int, ...]]],
        edges: Mapping[Edge, Edge],
        placed: Placed,
        count: int,
    ) -> tuple[Wire, ...]:
        """The wires between the items."""
        found = _pieces({edges[edge]: told for edge, told in bundles.items()}, placed)
        return tuple(
            [
                Wire(tail, tuple(heads), (a, b), row, (_item(upper, count), _item(lower, count)))
                for (tail, upper, lower, a, b, row), heads in found.items()
            ]
        )

    def _items(self, placed: Placed, widths: Sequence[float]) -> list[Item]:
        found = []
        for k, width in enumerate(widths):
            x = round(placed.x[k] - width / 2, 1)
            if k < len(self.inside):
                inside = self.inside[k]
                found.append(Item(x, placed.row[k], width, inside.height, None, k, inside.nodes, inside.wires))
            else:
                node = self.free[k - len(self.inside)]
                found.append(Item(x, placed.row[k], width, self.sizes[node][1], node))
        return found

    def _bundles(self) -> dict[Edge, tuple[int, tuple[int, ...]]]:
        """The edges between items, one for all that leads from a node into an item: (from, to all these)."""
        found: dict[Edge, tuple[int, tuple[int, ...]]] = {}
        for tail, head in self.graph.edges:
            a, b = self.item_of[tail], self.item_of[head]
            if a == b:
                continue
            out = self.inside[a].out[tail] if a < len(self.inside) else 0.0
            into = self.inside[b].into[tail] if b < len(self.inside) else 0.0
            edge = Edge(a, b, out, into)
            found[edge] = (tail, (*found.get(edge, (tail, ()))[1], head))
        return found

    def _spots(self, edges: Sequence[Edge], widths: Sequence[float], rows: Sequence[int]) -> dict[Edge, Edge]:
        """The same edges, entering a node side by side in the order in which they come."""
        first = place(widths, rows, edges, 28.0)
        arriving: dict[int, list[Edge]] = {}
        for edge in edges:
            arriving.setdefault(edge.head, []).append(edge)
        found = {}
        for head, several in arriving.items():
            if head < len(self.inside):
                found.update({edge: edge for edge in several})
                continue
            several.sort(key=lambda edge: first.wires[edge][-2])
            step = min(18.0, (widths[head] - 40.0) / max(len(several) - 1, 1))
            for k, edge in enumerate(several):
                found[edge] = edge._replace(into=(k - (len(several) - 1) / 2) * step)
        return found

    # -- one group ----------------------------------------------------------------------------------------------------

    def _inside(self, number: int) -> _Inside:
        """The layout of a group: its nodes, ports above for what leads in, and below for what leads out."""
        members = self.graph.groups[number].members
        place_of = {node: k for k, node in enumerate(members)}
        sources = list(dict.fromkeys([a for a, b in self.graph.edges if b in place_of and a not in place_of]))
        leaving = list(dict.fromkeys([a for a, b in self.graph.edges if a in place_of and b not in place_of]))
        entry = {node: len(members) + k for k, node in enumerate(sources)}
        exit_ = {node: len(members) + len(sources) + k for k, node in enumerate(leaving)}
        pairs = {Edge({**entry, **place_of}[a], place_of[b]): (a, b) for a, b in self.graph.edges if b in place_of}
        pairs |= {Edge(place_of[node], port): (node, -1) for node, port in exit_.items()}
        rows = self._inner_rows(len(members), entry, exit_, list(pairs))
        widths = [self.sizes[node][0] for node in members] + [_PORT] * (len(entry) + len(exit_))
        placed = place(widths, rows, list(pairs), 20.0)
        heights = [0.0] * (max(rows) + 1)
        for k, node in enumerate(members):
            heights[rows[k]] = max(heights[rows[k]], self.sizes[node][1])
        tops, bottoms = stacked(heights, _INNER_GAP)
        tops, bottoms = _lowered(tops, HEADER + 8 - _INNER_GAP), _lowered(bottoms, HEADER + 8 - _INNER_GAP)
        if not exit_:
            bottoms[-1] += 16.0
        nodes = tuple([(node, placed.x[k] - widths[k] / 2 + _PADDING, tops[rows[k]]) for k, node in enumerate(members)])
        middle = placed.width / 2
        into = {node: placed.x[port] - middle for node, port in entry.items()}
        out = {node: placed.x[port] - middle for node, port in exit_.items()}
        wires = self._inner_wires(pairs, placed, (tops, bottoms), members)
        return _Inside(placed.width + 2 * _PADDING, bottoms[-1], nodes, wires, into, out)

    def _inner_rows(
        self, count: int, entry: Mapping[int, int], exit_: Mapping[int, int], pairs: Sequence[Edge]
    ) -> list[int]:
        """Rows of the members below a row for what leads in, above a row for what leads out."""
        rows = rows_of(count, [edge for edge in pairs if edge.tail < count and edge.head < count])
        lowest = min(rows)
        deepest = max(rows) - lowest + 1
        return [row - lowest + 1 for row in rows] + [0] * len(entry) + [deepest + 1] * len(exit_)

    def _inner_wires(
        self,
        pairs: Mapping[Edge, tuple[int, int]],
        placed: Placed,
        spans: tuple[Sequence[float], Sequence[float]],
        members: Sequence[int],
    ) -> tuple[Wire, ...]:
        tops, count = spans[0], len(members)
        outside = {tail: tuple([b for a, b in self.graph.edges if a == tail and b not in members]) for tail in members}
        bundles = {edge: (tail, outside[tail] if head < 0 else (head,)) for edge, (tail, head) in pairs.items()}
        found = []
        for (tail, upper, lower, a, b, row), heads in _pieces(bundles, placed).items():
            start = tops[row] + (self.sizes[members[upper]][1] if upper < count else 0.0)
            path = curve((a + _PADDING, b + _PADDING), row, start, tops[row + 1], spans, lower < count)
            found.append(Wire(tail, tuple(heads), path=path))
        return tuple(found)


def _pieces(
    bundles: Mapping[Edge, tuple[int, tuple[int, ...]]], placed: Placed
) -> dict[tuple[int, int, int, float, float, int], dict[int, None]]:
    """A piece for each two places that follow each other on the way of an edge, shared ones once, and where they lead.

    A piece is (node that it comes from, upper and lower place, x of both, row of the upper one).
    """
    found: dict[tuple[int, int, int, float, float, int], dict[int, None]] = {}
    for edge, (tail, heads) in bundles.items():
        way, xs = placed.routes[edge], placed.wires[edge]
        for k, (upper, lower) in enumerate(pairwise(way)):
            key = (tail, upper, lower, round(xs[k], 1), round(xs[k + 1], 1), placed.row[edge.tail] + k)
            found.setdefault(key, {}).update(dict.fromkeys(heads))
    return found


def _item(place: int, count: int) -> int | None:
    """A place as the number of an item; None for a trunk."""
    return place if place < count else None


def _lowered(positions: Sequence[float], by: float) -> list[float]:
    """All rows but the first, which is the upper border, moved down."""
    return [positions[0], *[position + by for position in positions[1:]]]
