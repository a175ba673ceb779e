"""A copy of a function in which the arrays that it reads from outside are others: such as can be recorded.

What a function computes from plain arrays nobody sees. In the copy, arrays of floating point in closures, globals,
defaults, containers and attributes are stand-ins, and what is computed from them is recorded too. Nothing that the
original refers to is changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from types import CellType, FunctionType, MethodType, SimpleNamespace
from typing import Any

import numpy as np

from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads, is_plain_object
from chainrule.transforms.made import Made

__all__ = ["Transplant", "with_tensors"]


class Transplant:
    """Copies of functions; ``stand_in`` is asked for each array once. ``arrays`` are those that were replaced."""

    def __init__(self, reads: Reads, stand_in: Callable[[Any], Any]) -> None:
        self.arrays: dict[int, Any] = {}
        self._stand_in = stand_in
        self._made: dict[int, Any] = {}
        self._names: dict[int, dict[str, Any]] = {}  # of each dictionary of globals, what code reads of it
        for space, name, value in reads.names:
            self._names.setdefault(id(space), {})[name] = value
        self._held: list[Any] = []  # so that an id stays its own

    def of(self, value: Any) -> Any:
        """The value with stand-ins for arrays in it; itself where there are none."""
        known = self._made.get(id(value))
        if known is not None:
            return known
        made = self._of(value)
        self._held.append(value)
        self._made[id(value)] = made
        return made

    def _of(self, value: Any) -> Any:
        kind = type(value)
        if kind is np.ndarray:
            if value.dtype.kind != "f" or not value.size:
                return value
            self.arrays[id(value)] = value
            return self._stand_in(value)
        if kind in (tuple, list):
            entries = [self.of(entry) for entry in value]
            return value if all(map(_is, entries, value)) else kind(entries)
        if kind in (dict, OrderedDict):
            entries = [self.of(entry) for entry in value.values()]
            return value if all(map(_is, entries, value.values())) else kind(zip(value, entries, strict=True))
        if kind is FunctionType:
            return self._function(value)
        if kind is Made:
            return value.of_others(self.of)
        if kind is MethodType:
            bound, function = self.of(value.__self__), self.of(value.__func__)
            return value if bound is value.__self__ and function is value.__func__ else MethodType(function, bound)
        if kind is partial:
            return partial(self.of(value.func), *self.of(value.args), **self.of(value.keywords))
        if is_plain_object(value):
            return self._object(value)
        return value

    def _function(self, function: FunctionType) -> FunctionType:
        # A function may refer to itself through its closure: its copy is known before its cells are filled.
        cells = tuple([CellType() for _ in function.__closure__ or ()])
        space = function.__globals__
        names = self._names.get(id(space), {})
        replaced: dict[str, Any] = {}
        changed = {**space} if names else space
        made = FunctionType(function.__code__, changed, function.__name__, function.__defaults__, cells or None)
        made.__kwdefaults__ = function.__kwdefaults__
        made.__dict__.update(function.__dict__)
        made.__qualname__, made.__module__ = function.__qualname__, function.__module__
        self._made[id(function)] = made
        for cell, old in zip(cells, function.__closure__ or (), strict=True):
            cell.cell_contents = self.of(old.cell_contents)
        for name, value in names.items():
            if name in space:
                other = self.of(value)
                if other is not value:
                    replaced[name] = other
        if names:
            changed.update(replaced)
        made.__defaults__ = self.of(function.__defaults__)
        made.__kwdefaults__ = self.of(function.__kwdefaults__)
        return made

    def _object(self, value: Any) -> Any:
        made = SimpleNamespace() if type(value) is SimpleNamespace else object.__new__(type(value))
        self._made[id(value)] = made
        entries = {name: self.of(entry) for name, entry in vars(value).items()}
        if all([entries[name] is entry for name, entry in vars(value).items()]):
            return value
        vars(made).update(entries)
        return made


def with_tensors(function: Callable[..., Any], reads: Reads) -> Callable[..., Any] | None:
    """A copy of a function that reads tensors where it reads plain arrays; None if it reads none."""
    made = Transplant(reads, Tensor)
    found: Callable[..., Any] = made.of(function)
    return found if made.arrays else None


def _is(a: Any, b: Any) -> bool:
    return a is b
