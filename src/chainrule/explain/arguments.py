"""What the arguments of a call are called, and the arrays in them: by a short name, and by how Python gets at them."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chainrule.transforms.trees import flatten

__all__ = ["Argument", "Leaf", "argument_names", "leaf_names"]


class Leaf(NamedTuple):
    """An array in an argument: how Python gets at it, and what it is called in formulas."""

    path: str
    short: str


@dataclass(frozen=True)
class Argument:
    """An argument of a call: ``tree`` has the names of the arrays at their places; the tree of an array is its name.

    ``arrays`` are these by their names, and ``value`` what was given.
    """

    name: str
    tree: Any
    arrays: Mapping[str, Leaf]
    value: Any

    @property
    def leaves(self) -> list[str]:
        """The names of the arrays inside, in the order of `flatten`."""
        return list(self.arrays)


def argument_names(function: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]) -> list[str]:
    """The parameters that the positional arguments, then the options, belong to.

    >>> argument_names(lambda x, *more: x, (1.0, 2.0, 3.0), {})
    ['x', 'more[0]', 'more[1]']
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a function in C says nothing
        parameters = []
    names: list[str] = []
    for position in range(len(arguments)):
        if position < len(parameters) and parameters[position].kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            names.append(parameters[position].name)
        else:
            several = [p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL]
            first = sum(p.kind is not inspect.Parameter.VAR_POSITIONAL for p in parameters[:position])
            names.append(f"{several[0]}[{position - first}]" if several else f"argument{position}")
    return names + list(options)


def leaf_names(names: Sequence[str], values: Sequence[Any]) -> list[dict[str, Leaf]]:
    """For each argument the arrays inside, in the order of `flatten`, each under a name of its own.

    An entry of a dict is called by its key; where several are called so, their names are how Python gets at them.

    >>> leaf_names(["params", "x"], [{"W": 1.0, "b": [2.0]}, 3.0])[0]
    {'W': Leaf(path='params["W"]', short='W'), 'b[0]': Leaf(path='params["b"][0]', short='b[0]')}
    >>> list(leaf_names(["layers"], [[{"W": 1.0}, {"W": 2.0}]])[0])
    ['layers[0]["W"]', 'layers[1]["W"]']
    """
    found = [_leaves(Leaf(name, name), flatten(value)[1]) for name, value in zip(names, values, strict=True)]
    shorts = Counter([leaf.short for leaves in found for leaf in leaves])
    return [{leaf.short if shorts[leaf.short] == 1 else leaf.path: leaf for leaf in leaves} for leaves in found]


def _leaves(inside: Leaf, structure: Any) -> list[Leaf]:
    if structure is None:
        return []
    if isinstance(structure, int):
        return [inside]
    kind, children = structure
    if issubclass(kind, dict):
        pairs = [(_entry(inside, key), child) for key, child in children]
    elif hasattr(kind, "_fields"):
        pairs = [
            (Leaf(f"{inside.path}.{part}", f"{inside.short}.{part}"), child)
            for part, child in zip(kind._fields, children, strict=True)
        ]
    else:
        pairs = [(Leaf(f"{inside.path}[{k}]", f"{inside.short}[{k}]"), child) for k, child in enumerate(children)]
    return [leaf for place, child in pairs for leaf in _leaves(place, child)]


def _entry(inside: Leaf, key: Any) -> Leaf:
    """An entry of a dict."""
    if isinstance(key, str) and key.isidentifier():
        return Leaf(f'{inside.path}["{key}"]', key)
    return Leaf(f"{inside.path}[{key!r}]", f"{inside.short}[{key!r}]")
