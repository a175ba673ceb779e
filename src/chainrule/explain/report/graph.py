"""The computation as people draw it: named values, the data that enter them, and the turns of loops as groups."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from chainrule.explain.computation import Step
from chainrule.explain.explained import Account, Explained
from chainrule.explain.report.numbers import sides
from chainrule.explain.report.repeats import stretches
from chainrule.linear.notation import small

__all__ = ["Graph", "Group", "Node", "graph_of", "right_side", "shortened", "width_of"]

_FORMULA = 30  # letters of a formula in a node
_NAME = 24  # letters of a name there


@dataclass(frozen=True)
class Node:
    """A value in the graph. ``explained`` is None for data: what the gradient is not taken through.

    ``kind`` is "argument" for what the derivative is taken by, "data" for other arrays, "output" or "result".
    """

    step: Step
    name: str
    kind: str
    formula: str
    explained: Explained | None = None

    @property
    def size(self) -> str:
        """The shape in signs."""
        return sides(self.step.shape)


@dataclass(frozen=True)
class Group:
    """Nodes that are one turn of a loop, or a chain of steps of one kind."""

    title: str
    summary: str
    members: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Nodes, the explained ones first and in the order of the derivation; edges (from, to); groups."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    groups: tuple[Group, ...]


def right_side(text: str) -> str:
    """What stands right of the equals sign.

    >>> right_side("z = X W + b"), right_side("W")
    ('X W + b', '')
    """
    return text.partition(" = ")[2]


def width_of(text: str) -> int:
    """The width of a text in a monospaced font, in letters.

    >>> width_of("W₁"), width_of("重")
    (2, 2)
    """
    return sum([0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text])


def shortened(text: str, longest: int) -> str:
    """A text of at most so many letters.

    >>> shortened("tanh(X W + b)", 8)
    'tanh(X …'
    """
    if width_of(text) <= longest:
        return text
    kept = text[: longest - 1]
    while width_of(kept) > longest - 1:
        kept = kept[:-1]
    return f"{kept}…"


def graph_of(account: Account) -> Graph:
    """The graph of a derivation. Constants are part of the formulas that use them; unnamed steps too."""
    output = account.explained[-1].step if account.explained else None
    nodes = [_explained_node(entry, entry.step is output) for entry in account.explained]
    index = {node.step: k for k, node in enumerate(nodes)}
    edges: dict[tuple[int, int], None] = {}
    for head, entry in enumerate(account.explained):
        for source in _sources(entry.step, index):
            if source not in index:
                index[source] = len(nodes)
                nodes.append(Node(source, _name(source), "data", ""))
            edges.setdefault((index[source], head))
    return Graph(tuple(nodes), tuple(edges), tuple(_groups(nodes)))


def _explained_node(entry: Explained, is_output: bool) -> Node:
    kind = "argument" if entry.step.operation is None else "output" if is_output else "result"
    return Node(
        entry.step, shortened(entry.name, _NAME), kind, shortened(right_side(entry.forward.text), _FORMULA), entry
    )


def _name(step: Step) -> str:
    name = step.name if step.occurrence is None else f"{step.name}{small(step.occurrence)}"
    return shortened(name, _NAME)


def _sources(step: Step, explained: dict[Step, int]) -> list[Step]:
    """What a step follows from directly: explained steps and named arrays, seen through everything that has no name."""
    found: dict[Step, None] = {}
    seen = {step}
    pending = list(step.arguments[::-1])
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        is_node = current in explained or current.is_input or (current.name and current.value.size > 1)
        if is_node and (current in explained or current.name):
            found.setdefault(current)
        else:
            pending += current.arguments[::-1]
    return list(found)


# -- groups ------------------------------------------------------------------------------------------------------------


def _groups(nodes: Sequence[Node]) -> list[Group]:
    """The turns of loops: what repeats in operation, name and shape."""
    steps = [k for k, node in enumerate(nodes) if node.kind in {"result", "output"}]
    found = list[Group]()
    for stretch in stretches([_sign(nodes[k]) for k in steps]):
        inside = steps[stretch.start : stretch.stop]
        if stretch.period == 1:  # a chain: its ends stay outside, as examples
            chain = tuple(inside[1:-1])
            first, last = nodes[chain[0]].name, nodes[chain[-1]].name
            found.append(Group(f"{len(chain)} steps of one kind", f"{first} … {last}", chain))
            continue
        for turn in range(stretch.turns):
            members = tuple(inside[turn * stretch.period : (turn + 1) * stretch.period])
            names = ", ".join([nodes[k].name for k in members])
            found.append(Group(f"{turn + 1} of {stretch.turns}", names, members))
    return found


def _sign(node: Node) -> Hashable:
    step = node.step
    return step.operation, step.name, step.shape
