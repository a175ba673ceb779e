"""The graph of a report: what its nodes and groups are, and that nothing lies upon anything else."""

from __future__ import annotations

import re
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.explain.derivation import Derivation
from chainrule.explain.derive import derive
from chainrule.explain.report.detail import Detail
from chainrule.explain.report.graph import graph_of
from chainrule.explain.report.layered import Edge, place, rows_of, spread
from chainrule.explain.report.layout import GAP, Layout, lay_out, node_size, stacked
from chainrule.explain.report.repeats import Stretch, stretches
from chainrule.explain.report.svg import drawing
from tests.explain.reports import joining, network, recurrence, softmax


@cache
def chain() -> Derivation:
    """A state passed on by one step at a time."""

    def states(x: Any, W: Any) -> Any:
        h = np.zeros(2)
        for t in range(9):
            h = np.tanh(h @ W + x[t])
        return np.sum(h)

    return derive(states, 1)(np.ones((9, 2)), np.eye(2))


# -- what is in it -----------------------------------------------------------------------------------------------------


def test_nodes_are_what_has_a_name_and_constants_are_not() -> None:
    graph = graph_of(network())
    assert [node.name for node in graph.nodes] == ["W1", "b1", "W2", "b2", "z1", "h", "P", "R", "net", "X", "Y"]
    assert [node.kind for node in graph.nodes][3:5] + [node.kind for node in graph.nodes][8:10] == [
        "argument", "result", "output", "data",
    ]  # fmt: skip
    names = {(graph.nodes[a].name, graph.nodes[b].name) for a, b in graph.edges}
    assert {("X", "z1"), ("W1", "z1"), ("b1", "z1"), ("z1", "h"), ("P", "R"), ("Y", "R"), ("R", "net")} <= names
    assert len(names) == 10


def test_a_value_used_twice_has_two_edges() -> None:
    graph = graph_of(softmax())
    z = [node.name for node in graph.nodes].index("z")
    assert [graph.nodes[b].name for a, b in graph.edges if a == z] == ["m", "e"]


def test_the_turns_of_a_loop_are_groups() -> None:
    graph = graph_of(recurrence())
    assert len(graph.groups) == 20
    assert [group.title for group in graph.groups][:2] == ["1 of 20", "2 of 20"]
    assert graph.groups[1].summary == "a₂, h₂, total₂"
    assert len({node for group in graph.groups for node in group.members}) == 60


def test_a_chain_of_one_step_is_one_group_with_its_ends_outside() -> None:
    graph = graph_of(chain())
    (group,) = graph.groups
    assert group.title == "7 steps of one kind" and group.summary == "h₂ … h₈"


def test_a_network_has_no_groups() -> None:
    assert graph_of(network()).groups == () and graph_of(joining()).groups == ()


@given(st.text("ab", max_size=8), st.text("abc", min_size=1, max_size=5), st.integers(3, 6), st.text("cd", max_size=8))
def test_what_was_repeated_is_found(before: str, turn: str, turns: int, after: str) -> None:
    signs = before + turn * turns + after
    found = stretches(signs)
    for stretch in found:
        pattern = signs[stretch.start : stretch.start + stretch.period]
        assert signs[stretch.start : stretch.stop] == pattern * stretch.turns
    assert all(a.stop <= b.start for a, b in combinations(found, 2))
    if len(set(turn)) == len(turn) > 1:
        assert found


def test_of_two_readings_the_shorter_turn_is_taken() -> None:
    assert stretches("abababab") == [Stretch(0, 2, 4)]


# -- where it is -------------------------------------------------------------------------------------------------------


def graphs() -> st.SearchStrategy[tuple[int, list[tuple[int, int]]]]:
    """Acyclic graphs: the number of vertices, and edges from smaller to larger numbers."""
    pairs = st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1])
    return st.tuples(st.just(12), st.lists(pairs.map(lambda p: (min(p), max(p))), max_size=25, unique=True))


@settings(deadline=None)
@given(graphs())
def test_edges_go_down_and_vertices_of_a_row_keep_apart(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = graph
    edges = [Edge(a, b) for a, b in pairs]
    rows = rows_of(count, edges)
    assert all(rows[a] < rows[b] for a, b in pairs)
    widths = [40.0 + 10 * (k % 5) for k in range(count)]
    placed = place(widths, rows, edges, 20.0)
    for a, b in combinations(range(count), 2):
        if rows[a] == rows[b]:
            assert abs(placed.x[a] - placed.x[b]) >= (widths[a] + widths[b]) / 2 + 20 - 1e-6
    for edge in edges:
        assert len(placed.wires[edge]) == rows[edge.head] - rows[edge.tail] + 1
    assert all(x - w / 2 >= -1e-6 and x + w / 2 <= placed.width + 1e-6 for x, w in zip(placed.x, widths, strict=True))


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 5), st.floats(1, 30)), min_size=1, max_size=12))
def test_positions_are_the_nearest_that_keep_apart(wanted: list[tuple[float, float, float]]) -> None:
    at, weights, room = (list(column) for column in zip(*wanted, strict=True))
    found = spread(at, weights, room[1:])
    assert all(b - a >= r - 1e-6 for a, b, r in zip(found, found[1:], room[1:], strict=False))

    def cost(positions: list[float]) -> float:
        return sum((w * (p - q) ** 2 for p, q, w in zip(positions, at, weights, strict=True)), 0.0)

    best = cost(found)
    for split in range(len(found)):  # to move all before, or all after, a place apart is allowed and does not help
        for step, part in ((-0.01, range(split + 1)), (0.01, range(split, len(found)))):
            assert cost([p + step * (k in part) for k, p in enumerate(found)]) >= best - 1e-9


def boxes(layout: Layout) -> list[tuple[float, float, float, float]]:
    """The rectangles of the items: left, top, right, bottom."""
    rows = [0.0] * layout.rows
    for item in layout.items:
        rows[item.row] = max(rows[item.row], item.height)
    tops, _ = stacked(rows, GAP)
    return [(i.x, tops[i.row], i.x + i.width, tops[i.row] + i.height) for i in layout.items]


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("make", [network, softmax, recurrence, joining, chain])
def test_nothing_lies_upon_anything_else(make: Any) -> None:
    graph = graph_of(make())
    layout = lay_out(graph)
    outer = boxes(layout)
    assert not any(overlap(a, b) for a, b in combinations(outer, 2))
    for item in layout.items:
        inner = [(x, y, x + node_size(graph.nodes[node])[0], y + node_size(graph.nodes[node])[1])
                 for node, x, y in item.inner]  # fmt: skip
        assert not any(overlap(a, b) for a, b in combinations(inner, 2))
        assert all(a[0] >= 0 and a[1] >= 0 and a[2] <= item.width and a[3] <= item.height for a in inner)
    shown = [item.node for item in layout.items if item.node is not None]
    shown += [node for item in layout.items for node, *_ in item.inner]
    assert sorted(shown) == list(range(len(graph.nodes)))


def test_the_turns_of_a_loop_stand_below_each_other() -> None:
    layout = lay_out(graph_of(recurrence()))
    middles = [item.x + item.width / 2 for item in layout.items if item.group is not None]
    assert max(middles[1:]) - min(middles[1:]) < 30


@pytest.mark.parametrize("make", [network, softmax, recurrence, joining, chain])
def test_every_edge_is_drawn_and_no_coordinate_is_odd(make: Any) -> None:
    graph = graph_of(make())
    told = drawing(graph, "p", {}, Detail(), "graph")
    assert "nan" not in told and "inf" not in told
    drawn = set()
    for tail, heads in re.findall(r'data-tail="(\d+)" data-heads="([\d ]+)"', told):
        drawn |= {(int(tail), int(head)) for head in heads.split()}
    assert drawn == set(graph.edges)


def test_a_large_graph_is_folded_at_first() -> None:
    told = drawing(graph_of(recurrence()), "p", {}, Detail(), "graph")
    assert told.count('class="group closed"') == 18 and told.count('class="group"') == 2
