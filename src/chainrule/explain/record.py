"""Records a run of a function as a computation: every value that it computed, under the user's own names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.as_written import instead_of, tried
from chainrule.errors import DtypeError
from chainrule.explain.arguments import Argument, argument_names, leaf_names
from chainrule.explain.computation import Computation, Step
from chainrule.explain.journal import Journal
from chainrule.explain.names import Names, key_of
from chainrule.tape import Tracked, set_enabled, tracing
from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads
from chainrule.transforms.transplant import with_tensors
from chainrule.transforms.trees import flatten, unflatten

__all__ = ["Journal", "record"]


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
    function = instead_of(function)
    reads = Reads(function)
    watched = None if reads.asks_kinds else with_tensors(function, reads)
    if watched is not None:
        try:
            found: Computation = tried(watched, lambda: _recorded(watched, arguments, options or {}, integers))
            return found
        except Exception:  # perhaps it takes no tensors for its own arrays
            pass
    computation: Computation = tried(function, lambda: _recorded(function, arguments, options or {}, integers))
    return computation


def _recorded(
    function: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any], integers: Sequence[str]
) -> Computation:
    """One run, noted."""
    names = Names()
    book = Journal(names)
    inputs: dict[str, Step] = {}
    called: list[Any] = []
    kept: list[Argument] = []
    given = [*arguments, *options.values()]
    titles = argument_names(function, arguments, options)
    for title, argument, arrays in zip(titles, given, leaf_names(titles, given), strict=True):
        leaves, structure = flatten(argument)
        entries = [
            _tracked(book, inputs, name, place.short, leaf, name in integers)
            for (name, place), leaf in zip(arrays.items(), leaves, strict=True)
        ]
        kept.append(Argument(title, unflatten(structure, list(arrays)), arrays, argument))
        called.append(unflatten(structure, entries))
    _number_twins(inputs.values())
    positional, named = called[: len(arguments)], dict(zip(options, called[len(arguments) :], strict=True))
    _name_captured(names, function)
    before = set_enabled(True)
    try:
        with np.errstate(all="ignore"), book.open(), names.watching(), tracing():
            result = function(*positional, **named)
    finally:
        set_enabled(before)
    outputs = [book.find(leaf) for leaf in _numbers(result)]
    book.name_steps()
    return Computation(tuple(book.steps), inputs, tuple(outputs), book, tuple(kept))


def _tracked(book: Journal, inputs: dict[str, Step], key: str, name: str, leaf: Any, wanted: bool) -> Any:
    """A real argument as a tensor that starts a graph; anything else as it is."""
    array = leaf.value if isinstance(leaf, Tracked) else leaf
    if isinstance(array, bool) or not isinstance(array, float | int | np.ndarray | np.generic):
        return leaf
    array = np.array(array, dtype=float) if wanted else np.array(array)
    if array.dtype.kind != "f":
        book.names.bind(name, leaf)
        return leaf
    tensor = Tensor(array, None, True)
    inputs[key] = book.input(name, tensor)
    return tensor


def _number_twins(inputs: Iterable[Step]) -> None:
    """Several arrays of one name, as W of every layer, are numbered."""
    named: dict[str, list[Step]] = {}
    for step in inputs:
        named.setdefault(step.name, []).append(step)
    for steps in named.values():
        if len(steps) > 1:
            for number, step in enumerate(steps, start=1):
                step.occurrence = number


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
    if result is None:
        raise DtypeError("the function returned None; expected a number or an array. Does it end with a return?")
    leaves, _ = flatten(result)
    for leaf in leaves:
        array = leaf.value if isinstance(leaf, Tracked) else np.asarray(leaf)
        if array.dtype.kind not in "fciub":
            raise DtypeError(
                f"the function returned {type(leaf).__name__} {leaf!r:.60}; expected an array, a number, or a tuple, "
                "list or dict of them."
            )
    return leaves
