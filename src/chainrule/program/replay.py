"""A recording as a function: the steps that the wanted arrays need, written as Python, run at another point.

Nothing that the wanted arrays do not need is computed: most of a function is not needed for its Jacobian. A large
array that is not used again lends its memory to the next result of the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.program.deferred import METHOD, Deferred, needed
from chainrule.program.node import LARGE

__all__ = ["ChangedError", "Writer", "compiled", "may_be_point", "steps_for"]


class ChangedError(Exception):
    """A recording met an array of another shape or kind than the one it was made with: it has to be made again."""


def steps_for(wanted: Iterable[Deferred]) -> list[Deferred]:
    """The steps that ``wanted`` are computed by, in order; inputs are left out."""
    found: dict[int, Deferred] = {}
    pending = [step for step in wanted if step.function is not None]
    while pending:
        step = pending.pop()
        if step.number not in found:
            found[step.number] = step
            pending += [other for other in needed(step) if other.function is not None and other.number not in found]
    return [found[number] for number in sorted(found)]


class Writer:
    """The text of the function, and the constants that it closes over."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.constants: list[Any] = []
        self.known: dict[int, str] = {}

    def constant(self, value: Any) -> str:
        name = self.known.get(id(value))
        if name is None:
            name = self.known[id(value)] = f"k{len(self.constants)}"
            self.constants.append(value)
        return name

    def text(self, value: Any) -> str:
        """An argument of a step."""
        kind = type(value)
        if kind is Deferred:
            return self.constant(value.known) if value.is_captured else self.names[value.number]
        if kind in (tuple, list) and _holds_deferred(value):
            inner = "".join([f"{self.text(entry)}, " for entry in value])
            return f"({inner})" if kind is tuple else f"[{inner}]"
        if kind is slice and _holds_deferred((value.start, value.stop, value.step)):
            return f"slice({self.text(value.start)}, {self.text(value.stop)}, {self.text(value.step)})"
        if kind in (int, bool, type(None)):
            return repr(value)
        return self.constant(value)

    def call(self, step: Deferred, out: str = "") -> str:
        """The expression of a step."""
        parts = [self.text(value) for value in step.arguments]
        if step.function is np.ndarray.__getitem__:
            return f"{parts[0]}[{parts[1]}]"
        if type(step.function) is METHOD:
            parts += [f"{name}={self.text(value)}" for name, value in step.options.items()]
            return f"{parts[0]}.{step.function.__name__}({', '.join(parts[1:])})"
        parts += [f"{name}={self.text(value)}" for name, value in step.options.items()]
        if out:
            parts.append(f"out={out}")
        return f"{self.constant(step.function)}({', '.join(parts)})"


def _holds_deferred(value: Any) -> bool:
    if type(value) is Deferred:
        return True
    return type(value) in (tuple, list) and any([_holds_deferred(entry) for entry in value])


def compiled(inputs: Sequence[Deferred], wanted: Sequence[Deferred]) -> Callable[..., tuple[Any, ...]]:
    """A function of the inputs of a recording that returns the numbers of ``wanted``.

    It raises :class:`ChangedError` if a shape or kind that had to be seen is another one.

    >>> from chainrule.program.recording import Recording
    >>> x = Recording().input(np.array([1.0, 2.0]))
    >>> function = compiled([x], [np.sin(x) * np.cos(x)])
    >>> function(np.array([0.0]))
    (array([0.]),)
    """
    writer = Writer()
    arguments = []
    for place, given in enumerate(inputs):
        writer.names[given.number] = f"a{place}"
        arguments.append(f"a{place}")
    steps = steps_for(wanted)
    lent = _lenders(steps, {step.number for step in wanted})
    lines = []
    last = _last_uses(steps)
    kept = {step.number for step in wanted}
    for step in steps:
        lender = lent.get(step.number)
        name = f"r{step.number}" if lender is None else writer.names[lender]
        expression = writer.call(step, "" if lender is None else name)
        writer.names[step.number] = name
        lines.append(expression if lender is not None else f"{name} = {expression}")
        if step.is_measured:
            shape, changed = writer.constant(step.shape), writer.constant(_changed)
            lines.append(f"if {name}.shape != {shape} or {name}.dtype.kind != {step.dtype.kind!r}: {changed}()")
        gone = dict.fromkeys(
            [
                other.number
                for other in needed(step)
                if other.function is not None
                and other.size >= LARGE
                and other.number not in kept
                and last[other.number] == step.number
                and lent.get(step.number) != other.number
            ]
        )
        if gone:  # so that its memory is used again
            lines.append(f"del {', '.join([writer.names[number] for number in gone])}")
    # The point is the caller's to overwrite: a result that may be a view of it gets memory of its own.
    result = "".join([f"{writer.text(step)}{'.copy()' if may_be_point(step) else ''}, " for step in wanted])
    body = "".join([f"        {line}\n" for line in lines])
    names = ", ".join([f"k{k}" for k in range(len(writer.constants))])
    text = (
        f"def make({names}):\n    def run({', '.join(arguments)}):\n{body}        return ({result})\n    return run\n"
    )
    namespace: dict[str, Any] = {}
    # The text holds names and small numbers alone: all of it is written here.
    exec(compile(text, "<recording>", "exec"), namespace)
    run: Callable[..., tuple[Any, ...]] = namespace["make"](*writer.constants)
    run.__doc__ = text
    return run


def may_be_point(step: Deferred) -> bool:
    """Whether a result may share memory with the point: it is part of it, or nothing on the way makes an array."""
    pending = [step]
    while pending:
        current = pending.pop()
        if current.is_point:
            return True
        if type(current.function) is not np.ufunc:
            pending += needed(current)
    return False


def _changed() -> None:
    raise ChangedError("an array of the recording has another shape or kind of numbers now: make the recording again")


def _last_uses(steps: Sequence[Deferred]) -> dict[int, int]:
    """The last step that needs each."""
    last: dict[int, int] = {}
    for step in steps:
        for other in needed(step):
            last[other.number] = step.number
    return last


def _lenders(steps: Sequence[Deferred], wanted: set[int]) -> dict[int, int]:
    """Which step's memory the result of another may take: large, its own, and not used afterwards."""
    last = _last_uses(steps)
    shared: set[int] = set(wanted)
    for step in steps:
        if type(step.function) is not np.ufunc:  # the result may be a view of an argument
            shared.update([other.number for other in needed(step)])
    by_number = {step.number: step for step in steps}
    lent: dict[int, int] = {}
    gone: set[int] = set()
    for step in steps:
        if type(step.function) is not np.ufunc or step.function.signature or step.options or step.size < LARGE:
            continue
        for other in needed(step):
            source = by_number.get(other.number)
            if (
                source is not None
                and type(source.function) is np.ufunc
                and last[source.number] == step.number
                and source.number not in shared | gone
                and (source.shape, source.dtype) == (step.shape, step.dtype)
            ):
                lent[step.number] = source.number
                gone.add(source.number)
                break
    return lent
