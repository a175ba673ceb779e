"""Arguments and results as nested containers: flatten to a list of arrays and put back together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.errors import ShapeError

__all__ = ["flatten", "map_tree", "unflatten"]


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of nested tuples, lists, dicts (and named tuples) in order, and what is needed to put them back.

    >>> leaves, structure = flatten({"W": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> unflatten(structure, [v * 10 for v in leaves])
    {'W': 10.0, 'b': (20.0, 30.0)}
    """
    leaves: list[Any] = []
    return leaves, _walk(tree, leaves)


def _walk(node: Any, leaves: list[Any]) -> Any:
    # Not a function within `flatten`: one that calls itself is a cycle, which keeps the leaves until it is collected.
    if isinstance(node, dict):
        return (type(node), [(key, _walk(value, leaves)) for key, value in node.items()])
    if isinstance(node, tuple | list):
        return (type(node), [_walk(value, leaves) for value in node])
    if node is None:
        return None
    leaves.append(node)
    return len(leaves) - 1


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The tree of ``structure`` with ``leaves`` in the places of those that `flatten` took."""
    if structure is None:
        return None
    if isinstance(structure, int):
        return leaves[structure]
    kind, children = structure
    if issubclass(kind, dict):
        pairs = {key: unflatten(child, leaves) for key, child in children}
        return kind(None, pairs) if issubclass(kind, defaultdict) else kind(pairs)
    values = [unflatten(child, leaves) for child in children]
    return kind(*values) if hasattr(kind, "_fields") else kind(values)


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``function`` to the leaves of ``tree`` (and to those of trees of the same structure)."""
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        found, shape = flatten(other)
        if len(found) != len(leaves) or skeleton(shape) != skeleton(structure):
            raise ShapeError(f"containers of different structure: {skeleton(structure)} and {skeleton(shape)}")
        columns.append(found)
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])


def skeleton(structure: Any) -> str:
    """The structure in words: ``(*, {W: *})``."""
    if structure is None:
        return "None"
    if isinstance(structure, int):
        return "*"
    kind, children = structure
    if issubclass(kind, dict):
        return "{" + ", ".join(f"{key}: {skeleton(child)}" for key, child in children) + "}"
    inside = ", ".join(skeleton(child) for child in children)
    return f"[{inside}]" if issubclass(kind, list) else f"({inside})"
