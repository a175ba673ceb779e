"""Which numbers of a computation are made of sizes: 0.4 that nobody wrote is 2/N, where N = len(X) is 5.

A number that stands in the user's code is what it is. One that does not was computed; where a number that was written,
divided by lengths of an argument, or by a whole number with a name, gives it, it is said so. A fraction may come from
anywhere, as from an object with settings: of sizes it is only where the code asks for some.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np

from chainrule.explain.computation import Computation, Step
from chainrule.explain.form import Coefficient
from chainrule.explain.turns import Loop

__all__ = ["Origins"]

_LEAST = 3  # the least size that a number is said by
_SIZED = "len", "shape", "size"  # how Python asks for a size


class Origins:
    """The numbers of one computation with its ``loop``; ``integers`` are the user's names for whole numbers."""

    def __init__(self, computation: Computation, integers: Mapping[str, int], loop: Loop | None) -> None:
        given = [step for step in computation.steps if step.operation is None and step.shape]
        sizes = [size for step in given for size in step.shape] + list(integers.values())
        lines = {(step.file, step.line) for step in computation.steps if step.line}
        around = _code_around(frozenset(lines))
        self._is_known = bool(around)
        self._written = {1.0}.union(*[code.numbers for code in around])
        self._computed = {a * b for a in self._written for b in self._written}
        self._computed |= {a / b for a in self._written for b in self._written if b and b.is_integer()}
        self._sizes = [size for size in dict.fromkeys(sizes) if size >= _LEAST and size not in self._written]
        self._products = [(first, second) for shape in {s.shape for s in given} for first, second in _pairs(shape)]
        self._asks = not {*_SIZED, *[name for name, size in integers.items() if size in self._sizes]}.isdisjoint(
            name for code in around for name in code.names
        )
        self._running = set() if loop is None else _running(loop)

    def coefficient(self, step: Step) -> Coefficient | None:
        """The number that a step is, by sizes; None where it is said by itself."""
        number = step.value
        if not self._is_known or number.dtype.kind not in "fi" or step in self._running or not np.isfinite(number):
            return None
        value = float(number)
        if self._is_computed(value) or not (self._asks or value.is_integer()):
            return None
        for sizes in [*[(size,) for size in self._sizes], *self._products]:
            for power in (-1, 1):
                rest = value
                for size in sizes:
                    rest = rest * size if power < 0 else rest / size
                if self._is_computed(rest):
                    made = Coefficient(Fraction(repr(float(f"{rest:.14g}"))).limit_denominator(10**6))
                    for size in sizes:
                        made = made.times(Coefficient(Fraction(1), ((size, power),)))
                    return made
        return None

    def _is_computed(self, value: float) -> bool:
        """Whether a number was written, or is the product or the quotient of two that were."""
        return any(abs(abs(value) - number) <= 1e-14 * number for number in self._computed)


def _pairs(shape: Sequence[int]) -> list[tuple[int, int]]:
    """Two axes of an array: what np.size and the like count."""
    return [(shape[a], shape[b]) for a in range(len(shape)) for b in range(a + 1, len(shape)) if shape[a] * shape[b]]


def _running(loop: Loop) -> set[Step]:
    """The numbers that are others in other turns of a loop: counted, and no size."""
    found: set[Step] = set()
    for *_, taken in loop.taken():
        numbers = {float(step.value) for step in taken if step.is_constant and not step.shape}
        found |= set(taken) if len(numbers) > 1 else set()
    return found


class _Code(NamedTuple):
    """The first and the last line of a function, and the numbers and the names in it."""

    first: int
    last: int
    numbers: set[float]
    names: set[str]


def _code_around(lines: frozenset[tuple[str, int]]) -> list[_Code]:
    """The functions that some lines are in, as far as their code is known."""
    return [
        code
        for file in {file for file, _ in lines}
        for code in _functions(file, tuple(linecache.getlines(file)))
        if any(where == file and code.first <= line <= code.last for where, line in lines)
    ]


@cache
def _functions(file: str, text: Sequence[str]) -> list[_Code]:
    try:
        tree = ast.parse("".join(text), file)
    except SyntaxError:
        return []
    kinds = ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef
    return [_code_of(node) for node in ast.walk(tree) if isinstance(node, kinds)]


def _code_of(function: ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef) -> _Code:
    parts = list(ast.walk(function))
    constants = [part.value for part in parts if isinstance(part, ast.Constant)]
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return _Code(
        function.lineno,
        function.end_lineno or function.lineno,
        {float(number) for number in constants if isinstance(number, int | float)},
        names | {part.attr for part in parts if isinstance(part, ast.Attribute)},
    )
