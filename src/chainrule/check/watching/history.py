"""Keeps what operations computed for as long as their nodes live, and retells the computation behind a result."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np

from chainrule.check.watching.containers import entries
from chainrule.explain.computation import Computation, Step
from chainrule.explain.journal import Journal
from chainrule.explain.names import Line, Names
from chainrule.op import Operation
from chainrule.program.node import LARGE, Node, write_count
from chainrule.program.sweep import schedule
from chainrule.tape import Tracked

__all__ = ["History"]

CELL = "<cell "  # how the file of a cell's code begins
LARGEST_GRAPH = 5_000  # nodes of a computation that is retold
TINY = 1e-5  # what is added to keep something from being 0
LENT = 1000  # as deep as no call is: any other name is better than that of a loop's variable
DEEP = 12  # frames between an operation and the line of the notebook that asked for it


class _Note(NamedTuple):
    """What an operation did: constants and leaves as they were, None where another node's result went in."""

    operation: Operation
    values: tuple[Any, ...]
    out: Any
    params: Mapping[str, Any]
    line: Line


class _Name(NamedTuple):
    """What a result was called: how deep in calls, and when."""

    depth: int
    when: int
    text: str


class History:
    """What happened to tracked tensors, remembered weakly: with a graph goes what is known of it.

    ``note`` is told of every operation, ``bind`` of every assignment to a local variable. A small array is copied, so
    that what is written into it later does not matter; a large one is only referred to.
    """

    def __init__(self) -> None:
        self._notes: WeakKeyDictionary[Node, _Note] = WeakKeyDictionary()
        self._names: WeakKeyDictionary[Node, _Name] = WeakKeyDictionary()
        self._copies: dict[int, tuple[Any, int, Any]] = {}  # by identity: the array, how often written to, its copy
        self._clock = count()

    def note(
        self, node: Node | None, operation: Operation, values: Sequence[Any], out: Any, params: Mapping[str, Any]
    ) -> None:
        """One operation: what `chainrule.tape.journal` calls."""
        if node is None:
            return
        kept = tuple(
            [
                None if isinstance(parent, Node) else self._copy(value)
                for parent, value in zip(node.parents, values, strict=True)
            ]
        )
        self._notes[node] = _Note(operation, kept, out.copy() if out.size <= LARGE else out, params, _line())

    def bind(self, name: str, value: Any, lent: bool = False) -> None:
        """A variable holds ``value`` now; kept is the name in the outermost function, and there the first."""
        node = getattr(value, "node", None)
        if not isinstance(node, Node):
            return
        known = self._names.get(node)
        depth = LENT if lent else _depth()
        if known is None or depth < known.depth:
            self._names[node] = _Name(depth, next(self._clock), name)

    def result(self, node: Node) -> Any:
        """What a node computed; None if that was not noted."""
        note = self._notes.get(node)
        return None if note is None else note.out

    def guard(self, output: Tracked) -> float:
        """The largest tiny constant on the way to ``output``, which keeps something from 0; 0 if there is none."""
        nodes, _ = schedule([output.vertex]) if output.vertex is not None else ([], [])
        largest = 0.0
        for note in (self._notes.get(node) for node in nodes[:LARGEST_GRAPH]):
            for value in (*note.values, *note.params.values()) if note is not None else ():
                if isinstance(value, float | np.floating | np.ndarray) and np.size(value) == 1:
                    number = abs(np.asarray(value).item())
                    largest = max(largest, number if number <= TINY else 0.0)
        return largest

    def name_of(self, node: Node) -> str:
        """What a result was called; empty if nothing was told."""
        known = self._names.get(node)
        return "" if known is None else known.text

    def computation(self, output: Tracked, scope: Mapping[str, Any]) -> Computation | None:
        """How ``output`` was computed, as its steps, named after the variables in ``scope`` and those bound before.

        None if it is a leaf, if the graph is very large or of complex numbers, or if a part of it was computed before
        anyone took notes.
        """
        nodes, leaves = schedule([output.vertex]) if output.vertex is not None else ([], [])
        notes = [(node, self._notes.get(node)) for node in nodes]
        if not 0 < len(notes) <= LARGEST_GRAPH or any(note is None for _, note in notes):
            return None
        if any(node.dtype.kind == "c" for node in nodes):  # of which formulas do not speak
            return None
        names = Names()
        self._name(names, nodes, scope)
        book = Journal(names)
        inputs: dict[str, Step] = {}
        as_it_was = self._leaf_values(notes)
        called: dict[int, str] = {}
        for name, value in entries(scope):
            called.setdefault(id(value), name)
        for number, leaf in enumerate(leaves):
            name = called.get(id(leaf), "")
            inputs[name or f"input{number}"] = book.input(name, leaf, as_it_was.get(id(leaf)))
        for node, note in sorted(notes, key=lambda pair: pair[0].sequence):
            assert note is not None
            names.line = note.line
            book.note(node, note.operation, note.values, note.out, note.params)
        names.line = None
        book.name_steps()
        return Computation(tuple(book.steps), inputs, (book.find(output),), book)

    def _name(self, names: Names, nodes: Iterable[Node], scope: Mapping[str, Any]) -> None:
        """Say what results and constants were called."""
        found = [(name, node) for node in nodes if (name := self._names.get(node)) is not None]
        for name, node in sorted(found, key=lambda pair: pair[0].when):
            names.bind(name.text, Tracked(None, node, True), name.depth)
        for text, value in entries(scope):
            if type(value) is int:
                names.integers.setdefault(text, value)
            elif isinstance(value, Tracked) and value.tracked:
                names.bind(text, value)
            else:
                array = value.value if isinstance(value, Tracked) else value
                copied = self._copies.get(id(array))
                names.bind(text, array if copied is None else copied[2])

    @staticmethod
    def _leaf_values(notes: Iterable[tuple[Node, _Note | None]]) -> dict[int, Any]:
        """What each leaf held when it was used first; it may have been stepped since."""
        found: dict[int, Any] = {}
        for node, note in notes:
            for parent, value in zip(node.parents, note.values if note is not None else (), strict=True):
                if parent is not None and not isinstance(parent, Node):
                    found[id(parent)] = value
        return found

    def _copy(self, value: Any) -> Any:
        """A small array as it is now; the same copy for as long as it is not written to."""
        if not isinstance(value, np.ndarray) or value.size > LARGE:
            return value
        key, writes = id(value), write_count(value)
        known = self._copies.get(key)
        if known is not None and known[0]() is value and known[1] == writes and np.array_equal(known[2], value, True):
            return known[2]
        copied = value.copy()
        self._copies[key] = (ref(value, lambda _, key=key: self._copies.pop(key, None)), writes, copied)  # type: ignore[misc]
        return copied


def _line() -> Line:
    """The line of the notebook that is running."""
    frame = sys._getframe(2)
    for _ in range(DEEP):
        if frame.f_code.co_filename.startswith(CELL):
            return Line(frame.f_code.co_filename, frame.f_lineno)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return Line("", 0)


def _depth() -> int:
    """How deep in the notebook's own functions we are; 0 on the level of a cell."""
    depth, frame = -1, sys._getframe(2)
    while frame is not None:
        depth += frame.f_code.co_filename.startswith(CELL)
        frame = frame.f_back  # type: ignore[assignment]
    return max(depth, 0)
