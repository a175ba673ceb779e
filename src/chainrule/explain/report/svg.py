"""Draws a graph as SVG: cards with formula, value and adjoint, that are links to the steps; wires; groups that fold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explain.report.cards import ClaimCard, tone_of
from chainrule.explain.report.detail import Detail
from chainrule.explain.report.graph import Graph, Node
from chainrule.explain.report.hinton import as_matrix, largest, reduced, squares
from chainrule.explain.report.layout import CLOSED, GAP, Item, Layout, Wire, curve, lay_out, node_size, stacked
from chainrule.explain.report.markup import Markup, element, shape
from chainrule.explain.report.numbers import is_numeric, number, shape_in_words, summary

__all__ = ["drawing"]

Array = np.ndarray[Any, np.dtype[Any]]
_MARGIN = 14.0
_INSET = 14.0
_THUMB = 34.0  # height of the pictures in a node
_ARROW = 16.0  # room for the arrow before a picture
_CELL = 8.0
_OPEN = 24  # nodes up to which all groups are open at first


def drawing(graph: Graph, prefix: str, marks: Mapping[int, Sequence[ClaimCard]], detail: Detail, label: str) -> Markup:
    """The graph; ``marks`` are the claims about a node, by its number. Nodes link to ``#prefix-step-number``."""
    layout = lay_out(graph)
    closed = _closed(graph)
    heights = [CLOSED if item.group in closed else item.height for item in layout.items]
    rows = [0.0] * layout.rows
    for item, height in zip(layout.items, heights, strict=True):
        rows[item.row] = max(rows[item.row], height)
    spans = stacked(rows, GAP) if rows else ([], [])
    tops = [(spans[0][item.row] + spans[1][item.row] - h) / 2 for item, h in zip(layout.items, heights, strict=True)]
    artist = _Artist(graph, prefix, marks, detail)
    wires = [_outer_wire(wire, layout, tops, heights, spans, closed) for wire in layout.wires]
    order = sorted(range(len(layout.items)), key=lambda k: (layout.items[k].row, layout.items[k].x))
    items = [artist.item(layout.items[k], k, tops[k], layout.items[k].group in closed) for k in order]
    width, height = layout.width + 2 * _MARGIN, (spans[1][-1] if rows else 0.0) + 2 * _MARGIN
    return element(
        "svg",
        element("g", *wires, *items, transform=f"translate({_MARGIN:g} {_MARGIN:g})"),
        class_="graph",
        role="group",
        aria_label=label,
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        data_gap=f"{GAP:g}",
        data_margin=f"{_MARGIN:g}",
    )


def _closed(graph: Graph) -> Collection[int]:
    """The groups that are folded at first: if there is much, all but the first turn of a loop, and the output's."""
    if len(graph.nodes) <= _OPEN:
        return set()
    output = next((k for k, node in enumerate(graph.nodes) if node.kind == "output"), -1)
    groups = enumerate(graph.groups)
    return {k for k, group in groups if not group.title.startswith("1 of ") and output not in group.members}


def _outer_wire(
    wire: Wire,
    layout: Layout,
    tops: Sequence[float],
    heights: Sequence[float],
    spans: tuple[Sequence[float], Sequence[float]],
    closed: Collection[int],
) -> Markup:
    """A wire between items; it ends in an arrow at a node, and at a group that is folded."""
    tail, head = wire.ends
    start = spans[0][wire.row] if tail is None else tops[tail] + heights[tail]
    end = spans[0][wire.row + 1] if head is None else tops[head]
    at_node = head is not None and layout.items[head].group is None
    at_fold = head is not None and layout.items[head].group in closed
    return _path(
        wire,
        curve(wire.xs, wire.row, start, end, spans, at_node or at_fold),
        data_xs=" ".join([f"{x:g}" for x in wire.xs]),
        data_row=wire.row,
        data_from=tail,
        data_to=head,
    )


def _path(wire: Wire, path: str, **data: object) -> Markup:
    heads = " ".join([str(head) for head in wire.heads])
    return shape("path", class_="wire", d=path, data_tail=wire.tail, data_heads=heads, **data)


class _Artist:
    """Draws the items of one graph."""

    def __init__(self, graph: Graph, prefix: str, marks: Mapping[int, Sequence[ClaimCard]], detail: Detail) -> None:
        self.graph = graph
        self.prefix = prefix
        self.marks = marks
        self.detail = detail

    def item(self, item: Item, number: int, top: float, is_closed: bool) -> Markup:
        """A node or a group at its place."""
        place = {
            "class_": "item",
            "data_item": number,
            "data_row": item.row,
            "data_height": f"{item.height:g}",
            "data_x": f"{item.x:g}",
            "transform": f"translate({item.x:g} {top:g})",
        }
        if item.node is not None:
            return element("g", self.node(item.node), **place)
        return element("g", self._group(item, is_closed), data_closed=f"{CLOSED:g}", **place)

    def _group(self, item: Item, is_closed: bool) -> Markup:
        assert item.group is not None
        group = self.graph.groups[item.group]
        height = CLOSED if is_closed else item.height
        frame = shape("rect", class_="frame", width=f"{item.width:g}", height=f"{height:g}", rx=12)
        bar = element(
            "g",
            shape("rect", class_="handle", width=f"{item.width:g}", height=f"{CLOSED:g}", rx=12),
            element("path", class_="fold", d="M16 15l5 5l5-5"),
            element("text", group.title, class_="title", x=36, y=24),
            element("text", group.summary, class_="summary", x=f"{item.width - 16:g}", y=24, text_anchor="end"),
            class_="bar",
            aria_label=f"{group.title}: {group.summary}",
        )
        wires = [_path(wire, wire.path) for wire in item.wires]
        nodes = [element("g", self.node(node), transform=f"translate({x:g} {y:g})") for node, x, y in item.inner]
        inside = element("g", *wires, *nodes, class_="inside")
        members = " ".join([str(node) for node in group.members])
        kind = "group closed" if is_closed else "group"
        return element("g", frame, bar, inside, class_=kind, data_members=members)

    def node(self, number: int) -> Markup:
        """One card."""
        node = self.graph.nodes[number]
        width, height = node_size(node)
        marks = self.marks.get(number, ())
        parts = [
            shape("rect", class_="card", width=f"{width:g}", height=f"{height:g}", rx=10),
            element("text", node.name, class_="name", x=_INSET, y=24),
            element("text", node.size, class_="size", x=f"{width - _INSET:g}", y=24, text_anchor="end"),
        ]
        if node.formula:
            parts.append(element("text", node.formula, class_="rule", x=_INSET, y=43))
        top = height - _THUMB - 8
        if node.explained is None:
            parts.append(self._seen(node.step.value, "value", "↓", _INSET, top, width - 2 * _INSET))
        else:
            half = width / 2
            parts.append(self._seen(node.step.value, "value", "↓", _INSET, top, half - _INSET - 6))
            parts.append(self._seen(node.explained.cotangent, "adjoint", "↑", half + 4, top, half - _INSET - 2))
        parts += [self._mark(claim, width, k) for k, claim in enumerate(marks)]
        label = self._label(node, marks)
        if node.explained is None:
            return element("g", *parts, class_=f"node {node.kind}", role="img", aria_label=label)
        kind = " ".join(["node", node.kind, *[f"claimed {tone_of(claim.verdict).name}" for claim in marks[:1]]])
        target = f"#{self.prefix}-step-{number}"
        return element("a", *parts, class_=kind, href=target, data_step=number, aria_label=label)

    def _seen(self, value: Array, hue: str, arrow: str, x: float, y: float, width: float) -> Markup:
        """The value or the adjoint in small, with the direction in which it travels."""
        sign = element("text", arrow, class_=f"arrow {hue}", x=f"{x:g}", y=f"{y + 22:g}")
        if value.size == 1 and is_numeric(value):
            told = number(value.reshape(-1)[0])
            body = element("text", told, class_=f"single {hue}", x=f"{x + _ARROW:g}", y=f"{y + 22:g}")
        elif value.size and is_numeric(value):
            most = self.detail.thumb
            grid = reduced(as_matrix(value), most, most)
            rows, columns = grid.shape
            unit = min(_CELL, (width - _ARROW) / columns, _THUMB / rows)
            at = f"translate({x + _ARROW:g} {y + (_THUMB - rows * unit) / 2:.1f}) scale({unit / 10:.3f})"
            frame = shape("rect", class_="bed", width=columns * 10, height=rows * 10)
            body = element("g", frame, squares(grid, largest(grid), hue), transform=at)
        else:
            body = Markup()
        return element("g", sign, body, class_=f"seen {hue}", aria_hidden="true")

    def _mark(self, claim: ClaimCard, width: float, place: int) -> Markup:
        """The verdict on a claim, on the upper edge of the card."""
        tone = tone_of(claim.verdict)
        return element(
            "g",
            element("title", f"{claim.name}: {claim.verdict}"),
            shape("circle", r=10),
            element("text", tone.sign, text_anchor="middle", y=4.5),
            class_=f"mark {tone.name}",
            transform=f"translate({width - 14 - 24 * place:g} 0)",
        )

    def _label(self, node: Node, marks: Sequence[ClaimCard]) -> str:
        told = [node.name, shape_in_words(node.step.shape)]
        if node.formula:
            told.append(f"equals {node.formula}")
        told.append(f"value {_spoken(node.step.value)}")
        if node.explained is not None:
            told.append(f"adjoint {_spoken(node.explained.cotangent)}")
        told += [f"claim {claim.name} is {claim.verdict}" for claim in marks]
        return ", ".join(told)


def _spoken(value: Array) -> str:
    return number(value.reshape(-1)[0]) if value.size == 1 and is_numeric(value) else summary(value)
