"""The recorded computation as PyTorch shows it: ``grad_fn`` with its name, its class and its ``next_functions``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.program.node import Node

__all__ = ["GraphNode", "graph_node", "name_step", "shown_as"]


class GraphNode:
    """One step of a computation, as ``grad_fn`` gives it; its class is named after the step, as PyTorch's are."""

    def __init__(self, vertex: Any) -> None:
        self.vertex = vertex

    def name(self) -> str:
        """The step's name, ``MulBackward0``."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[GraphNode | None, int], ...]:
        """The steps that made its arguments, each with 0; None for an argument that is not tracked."""
        if not isinstance(self.vertex, Node):
            return ()
        return tuple([(None if parent is None else graph_node(parent), 0) for parent in self.vertex.parents])

    @property
    def variable(self) -> Any:
        """The leaf that the gradient is added to, at an ``AccumulateGrad``."""
        return None if isinstance(self.vertex, Node) else self.vertex

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for the user."""
        found: dict[Any, Any] = self.__dict__.setdefault("_metadata", {})
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GraphNode) and self.vertex is other.vertex

    def __hash__(self) -> int:
        return id(self.vertex)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self.vertex):#x}>"


_classes: dict[str, type[GraphNode]] = {}


def graph_node(vertex: Any) -> GraphNode:
    """The step for a node, or the end of the way for a leaf."""
    name = step_name(vertex) if isinstance(vertex, Node) else "AccumulateGrad"
    found = _classes.get(name)
    if found is None:
        found = _classes[name] = type(name, (GraphNode,), {"__module__": "torch.autograd.graph"})
    return found(vertex)


_given: WeakKeyDictionary[Node, str] = WeakKeyDictionary()


def name_step(result: Any, name: str) -> Any:
    """Show the step that made ``result`` under the name of what was called, where that took several steps."""
    if type(result.node) is Node:
        _given[result.node] = name
    return result


def shown_as(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Show the last step of a function under the function's own name."""

    def named(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            return name_step(function(*arguments, **options), name)

        return call

    return named


def step_name(node: Node) -> str:
    """PyTorch's name of a step; it numbers the variants of an operation."""
    name = (
        _given.get(node) or getattr(node.operation, "shown", None) or _VARIANTS.get(node.operation.name, _plain)(node)
    )
    return name if isinstance(name, str) else _plain(node)


def _plain(node: Node) -> str:
    return node.name


def _matmul(node: Node) -> str:
    ranks = tuple([len(shape) for shape in node.shapes])
    known: dict[tuple[int, ...], str] = {
        (1, 1): "DotBackward0",
        (2, 1): "MvBackward0",
        (1, 2): "SqueezeBackward4",
        (2, 2): "MmBackward0",
    }
    return known.get(ranks, "BmmBackward0" if ranks == (3, 3) else "UnsafeViewBackward0")


def _reduced(node: Node) -> str:
    return f"{node.operation.label}Backward{0 if node.params.get('axis') is None else 1}"


def _index(node: Node) -> str:
    entries = [entry for entry in node.params["index"] if entry[0] != "ellipsis"]
    if not entries:
        return "AliasBackward0"
    names = {"int": "SelectBackward0", "slice": "SliceBackward0", "new": "UnsqueezeBackward0"}
    if any([entry[0] not in names for entry in entries]):
        return "IndexBackward0"
    return names[entries[-1][0]]


def _power(node: Node) -> str:
    if node.parents[0] is None:
        return "PowBackward2"
    return "PowBackward0" if not node.shapes[1] and not isinstance(_value(node, 1), np.ndarray) else "PowBackward1"


def _value(node: Node, position: int) -> Any:
    return None if node.values is None else node.values[position]


def _transpose(node: Node) -> str:
    return "PermuteBackward0" if node.params.get("axes") is None or len(node.shape) != 2 else "TransposeBackward0"


def _extreme(node: Node) -> str:
    return f"{node.operation.label}Backward1" if node.params.get("axis") is None else f"{node.operation.label}Backward0"


def _from_number(name: str) -> Callable[[Node], str]:
    return lambda node: name if node.parents[0] is None and not node.shapes[0] else _plain(node)


def _axis(node: Node) -> str:
    return f"{node.operation.label}Backward{0 if node.params.get('axis') is None else 1}"


_VARIANTS = {
    "det": lambda node: "LinalgDetBackward0",
    "divide": _from_number("MulBackward0"),
    "inv": lambda node: "LinalgInvExBackward0",
    "log1p": lambda node: "Log1PBackward0",
    "logabsdet": lambda node: "LinalgSlogdetBackward0",
    "prod": _axis,
    "solve": lambda node: "LinalgSolveExBackward0",
    "subtract": _from_number("RsubBackward1"),
    "einsum": lambda node: "ViewBackward0",
    "matmul": _matmul,
    "square": lambda node: "PowBackward0",
    "tensordot": lambda node: "ViewBackward0",
    "sum": _reduced,
    "mean": _reduced,
    "getitem": _index,
    "power": _power,
    "transpose": _transpose,
    "max": _extreme,
    "min": _extreme,
}
