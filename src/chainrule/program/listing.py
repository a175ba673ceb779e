"""A recording as Python to be read: NumPy calls and operators, under the names that the arguments have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.program.deferred import METHOD, Deferred, needed
from chainrule.program.replay import Writer, steps_for

__all__ = ["Listing", "array_text", "numbers_text"]

_OPERATORS = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.matmul: "@", np.less: "<", np.greater: ">",
    np.less_equal: "<=", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip
_USUAL = {"dtype": None, "out": None, "keepdims": False}  # options that need not be written
_INSIDE = 48  # characters of an expression that is put inside another, if nothing else needs it
_WRITTEN = 8  # numbers of an array that is written where it is used


class Listing(Writer):
    """The lines that compute ``wanted``, the imports that they need, and the arrays that they read.

    >>> from chainrule.program.recording import Recording
    >>> x = Recording().input(np.array([1.0, 2.0]))
    >>> listing = Listing({x.number: "x"}, [np.sin(x) * (x + 1)])
    >>> listing.lines, listing.results
    ([], ['np.sin(x) * (x + 1)'])
    """

    def __init__(self, names: Mapping[int, str], wanted: Sequence[Deferred]) -> None:
        super().__init__()
        self.names = dict(names)
        self.imports = {"import numpy as np"}
        self.arrays: dict[str, Any] = {}
        self.lines: list[str] = []
        self._bare: dict[int, str] = {}  # of a step that is put inside another, its expression without parentheses
        steps = steps_for(wanted)
        uses: dict[int, int] = {}
        for used in [*[other for step in steps for other in needed(step)], *wanted]:
            uses[used.number] = uses.get(used.number, 0) + 1
        taken = set(self.names.values())
        numbers = iter(range(len(steps) + len(taken)))
        for step in steps:
            expression, is_atom = self._expression(step)
            if uses[step.number] == 1 and len(expression) <= _INSIDE:
                self._bare[step.number] = expression
                self.names[step.number] = expression if is_atom else f"({expression})"
                continue
            name = next(name for name in (f"v{number}" for number in numbers) if name not in taken)
            self.names[step.number] = name
            self.lines.append(f"{name} = {expression}")
        self.results = [self._bare.get(step.number) or self.text(step) for step in wanted]

    def _expression(self, step: Deferred) -> tuple[str, bool]:
        """A step as Python, and whether it can stand beside an operator as it is."""
        function, arguments = step.function, step.arguments
        if function in _OPERATORS and len(arguments) == 2 and not step.options:
            first, second = _plain(arguments[0], arguments[1], step), _plain(arguments[1], arguments[0], step)
            if function is np.multiply and type(first) is float and first == 1.0:
                return self._bare.get(second.number) or self.text(second), second.number not in self._bare
            return f"{self.text(first)} {_OPERATORS[function]} {self.text(second)}", False
        if function is np.negative and not step.options:
            return f"-{self.text(arguments[0])}", False
        if function is np.ndarray.__getitem__:
            return f"{self.text(arguments[0])}[{self._index(arguments[1])}]", True
        parts = [self._bare.get(getattr(value, "number", -1)) or self.text(value) for value in arguments]
        options = {name: value for name, value in step.options.items() if name not in _USUAL or value != _USUAL[name]}
        parts += [f"{name}={self.text(value)}" for name, value in options.items()]
        if type(function) is METHOD:
            return f"{self.text(arguments[0])}.{function.__name__}({', '.join(parts[1:])})", True
        return f"{self.constant(function)}({', '.join(parts)})", True

    def _index(self, index: Any) -> str:
        if type(index) is tuple and index:
            return ", ".join([self._index(entry) for entry in index]) + ("," if len(index) == 1 else "")
        if type(index) is slice:
            ends = ["" if end is None else self.text(end) for end in (index.start, index.stop, index.step)]
            return ":".join(ends if ends[2] else ends[:2])
        return "..." if index is Ellipsis else self.text(index)

    def constant(self, value: Any) -> str:
        """What is no array of the recording, as Python."""
        if isinstance(value, np.ndarray):
            return self._array(value)
        if type(value) in (tuple, list):
            inner = ", ".join([self.text(entry) for entry in value])
            return f"[{inner}]" if type(value) is list else f"({inner}{',' if len(value) == 1 else ''})"
        if isinstance(value, np.dtype):
            return f"np.dtype({value.str!r})"
        return self._function(value) if callable(value) else repr(value)

    def _function(self, value: Callable[..., Any]) -> str:
        name = value.__name__
        if name in ("reduce", "accumulate", "at") and isinstance(getattr(value, "__self__", None), np.ufunc):
            return f"{self._function(value.__self__)}.{name}"  # type: ignore[attr-defined]
        for module, prefix in ((np, "np"), (np.linalg, "np.linalg")):
            if getattr(module, name, None) is value:
                return f"{prefix}.{name}"
        if getattr(value, "__module__", "builtins") != "builtins":
            self.imports.add(f"from {value.__module__} import {name}")
        return name

    def _array(self, value: Any) -> str:
        if value.size <= _WRITTEN:
            return array_text(value)
        return self._read(value, "ARRAY")

    def _read(self, value: Any, prefix: str) -> str:
        """The name of an array that the lines read."""
        known = next((name for name, array in self.arrays.items() if array is value), None)
        if known is None:
            known = f"{prefix}_{len(self.arrays)}"
            self.arrays[known] = value
        return known


def _plain(value: Any, other: Any, step: Deferred) -> Any:
    """An operand; an array of one number as that number where this changes neither shape nor dtype.

    Beside a number it has to stay an array: the result is one then, which the next step may need.
    """
    is_one = isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind == "f"
    if is_one and step.shape and type(other) is Deferred and (other.shape, other.dtype) == (step.shape, step.dtype):
        return float(value.reshape(()))
    return value


def array_text(value: Any) -> str:
    """An array as Python that makes it, to the last bit."""
    kind = {"b": "bool", "f": "float", "i": "int"}.get(value.dtype.kind, "")
    dtype = "" if value.dtype == np.dtype(kind or "V") else f", np.{value.dtype.name}"
    if dtype and value.dtype.kind == "f":
        return f"np.array({numbers_text(value.astype(np.float64).tolist())}{dtype})"
    return f"np.array({numbers_text(value.tolist())}{dtype})"


def numbers_text(value: Any) -> str:
    """Nested lists of numbers as Python."""
    if isinstance(value, list):
        return f"[{', '.join([numbers_text(entry) for entry in value])}]"
    text = repr(value)
    return {"nan": "np.nan", "inf": "np.inf", "-inf": "-np.inf"}.get(text, text)
