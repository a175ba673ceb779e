"""Records a run of a function as a computation: every value that it computed, under the user's own names."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import DtypeError
from chainrule.explain.computation import Computation, Step
from chainrule.explain.names import Line, Names, key_of
from chainrule.op import Operation
from chainrule.program.node import Node
from chainrule.tape import Tracked, journal, set_enabled
from chainrule.tensor import Tensor
from chainrule.transforms.trees import flatten, unflatten

__all__ = ["Journal", "argument_names", "record"]

_LARGE = 1_000_000  # elements above which a constant is not copied


class Journal:
    """Notes every operation while it is open, and builds the steps that lead to a result.

    ``names`` says what the values are called. What a node computed is kept as long as the journal.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.steps: list[Step] = []
        self._step_of: dict[int, Step] = {}
        self._kept: list[Any] = []  # an object that is gone could lend its identity to another

    def note(
        self, node: Node | None, operation: Operation, values: Sequence[Any], out: Any, params: Mapping[str, Any]
    ) -> None:
        """One operation: what `chainrule.tape.journal` calls."""
        parents = (None,) * len(values) if node is None else node.parents
        arguments = [self._argument(parent, value) for parent, value in zip(parents, values, strict=True)]
        line = self.names.line or Line("", 0)
        step = Step(
            len(self.steps),
            np.array(out),
            operation,
            tuple(arguments),
            dict(params),
            line=line.number or None,
            file=line.file,
            is_tracked=node is not None,
            node=node,
        )
        self._add(step, out, node)

    def input(self, name: str, tensor: Tensor) -> Step:
        """An argument that derivatives can be taken at."""
        step = Step(len(self.steps), np.array(tensor.value), name=name, is_input=True, is_tracked=True)
        self._add(step, tensor, tensor.value)
        return step

    def find(self, value: Any) -> Step:
        """The step of a value: a tensor, an array, or a number."""
        if isinstance(value, Tracked):
            vertex = value.vertex
            return self._argument(vertex, value.value)
        return self._argument(None, value)

    def _argument(self, parent: Any, value: Any) -> Step:
        original = value if parent is None else parent
        found = self._step_of.get(id(original))
        if found is None:
            copied = value.copy() if isinstance(value, np.ndarray) and value.size <= _LARGE else value
            found = Step(len(self.steps), copied, is_tracked=parent is not None)
            self._add(found, original)
        return found

    def _add(self, step: Step, *originals: Any) -> None:
        """Remember whose step it is: a vertex, and the array that code which is not differentiated sees instead."""
        self.steps.append(step)
        for original in originals:
            if original is not None:
                self._step_of[id(original)] = step
                self._kept.append(original)

    def name_steps(self) -> None:
        """Give the steps the names that their values had; a name of several values is numbered."""
        order: dict[str, list[Step]] = {}
        taken = {step.name for step in self.steps if step.is_input}
        for name, key in self.names.bound:
            step = self._step_of.get(key)
            if step is not None and name and not step.name:
                step.name = name
                order.setdefault(name, []).append(step)
        for name, steps in order.items():
            first = 1 if name in taken or not steps[0].is_constant else 0
            if len(steps) > 1 or name in taken:
                for number, step in enumerate(steps, start=first):
                    step.occurrence = number


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


def leaf_names(name: str, structure: Any) -> list[str]:
    """Names for the arrays inside an argument, in the order of `flatten`: ``W`` of ``params["W"]``, ``layers[0]``."""
    if structure is None:
        return []
    if isinstance(structure, int):
        return [name]
    kind, children = structure
    if issubclass(kind, dict):
        inner = [
            leaf_names(key if isinstance(key, str) and key.isidentifier() else f"{name}[{key!r}]", child)
            for key, child in children
        ]
    elif hasattr(kind, "_fields"):
        inner = [leaf_names(f"{name}.{part}", child) for part, child in zip(kind._fields, children, strict=True)]
    else:
        inner = [leaf_names(f"{name}[{place}]", child) for place, child in enumerate(children)]
    return [entry for part in inner for entry in part]


def record(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    options: Mapping[str, Any] | None = None,
    *,
    integers: Sequence[str] = (),
) -> Computation:
    """Run ``function(*arguments, **options)`` and return what it computed.

    Every real argument becomes an input, whether or not its derivative is wanted: so that formulas can speak of it.
    Integers stay as they are (they may be sizes or indices), except those that ``integers`` names, which become real
    numbers. Raises what the function raises, and :class:`~chainrule.errors.DtypeError` if it returns no numbers.

    >>> computation = record(lambda W, x: np.tanh(W @ x), (np.ones((2, 3)), np.ones(3)))
    >>> computation.steps[2:]
    (<#2 = matmul(W, x) of shape (2,)>, <#3 = tanh(#2) of shape (2,)>)
    """
    options = options or {}
    names = Names()
    book = Journal(names)
    inputs: dict[str, Step] = {}
    called: list[Any] = []
    for name, argument in zip(
        argument_names(function, arguments, options), [*arguments, *options.values()], strict=True
    ):
        leaves, structure = flatten(argument)
        entries = [
            _tracked(book, inputs, entry, leaf, entry in integers)
            for entry, leaf in zip(leaf_names(name, structure), leaves, strict=True)
        ]
        called.append(unflatten(structure, entries))
    positional, named = called[: len(arguments)], dict(zip(options, called[len(arguments) :], strict=True))
    _name_captured(names, function)
    before = set_enabled(True)
    try:
        with np.errstate(all="ignore"), journal(book.note), names.watching():
            result = function(*positional, **named)
    finally:
        set_enabled(before)
    outputs = [book.find(leaf) for leaf in _numbers(result)]
    book.name_steps()
    return Computation(tuple(book.steps), inputs, tuple(outputs))


def _tracked(book: Journal, inputs: dict[str, Step], name: str, leaf: Any, wanted: bool) -> Any:
    """A real argument as a tensor that starts a graph; anything else as it is."""
    array = leaf.value if isinstance(leaf, Tracked) else leaf
    if isinstance(array, bool) or not isinstance(array, float | int | np.ndarray | np.generic):
        return leaf
    array = np.array(array, dtype=float) if wanted else np.array(array)
    if array.dtype.kind != "f":
        book.names.bind(name, leaf)
        return leaf
    tensor = Tensor(array, None, True)
    inputs[_unused(name, inputs)] = book.input(name, tensor)
    return tensor


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    count = Counter(key.partition("'")[0] for key in taken)[name]
    return name + "'" * count


def _name_captured(names: Names, function: Callable[..., Any]) -> None:
    """The arrays that a function reads from around it."""
    code = getattr(function, "__code__", None)
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=False):
        try:
            value = cell.cell_contents
        except ValueError:  # not bound yet
            continue
        if key_of(value) is not None:
            names.bind(name, value)


def _numbers(result: Any) -> list[Any]:
    """The arrays in a result."""
    leaves, _ = flatten(result)
    for leaf in leaves:
        array = leaf.value if isinstance(leaf, Tracked) else np.asarray(leaf)
        if array.dtype.kind not in "fciub":
            raise DtypeError(
                f"the function returned {type(leaf).__name__} {leaf!r:.60}; expected an array, a number, or a tuple, "
                "list or dict of them."
            )
    return leaves
