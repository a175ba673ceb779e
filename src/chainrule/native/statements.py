"""A statement as instructions for the interpreter: about one number, or loops over the entries of vectors.

What a statement makes of one entry is one loop, whatever operations it takes. If there are very many kinds of those,
others are loops of one operation each, so that the interpreter does not grow with the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from chainrule.native.interpreter import (
    CHOOSE,
    COPY,
    LOOKED_UP,
    STRIDED,
    WITHIN,
    Block,
    Loop,
    Made,
    Operation,
    Outside,
    Step,
)
from chainrule.native.lowering import NotLowerableError
from chainrule.native.rewriting import are_apart
from chainrule.native.scalar import Apply, Expression, Label, Number, Place, Read, Source
from chainrule.native.work import Statement, base_of

__all__ = ["Numbers", "Spot", "Vectors", "is_in_order", "is_simple"]

_TRUTH = np.dtype(bool)
_AS_ONE = {2.0: np.square, 0.5: np.sqrt, -1.0: np.reciprocal}  # powers that are operations of one operand
_KINDS = 64  # of loops of several operations
_LONGEST = 24  # operations of a loop


class Spot(NamedTuple):
    """Where numbers are: the first, how far apart they are for each label, and for each integer that is looked up."""

    start: int
    steps: dict[Label, int]
    late: tuple[tuple[Expression, int], ...] = ()

    def at(self, turns: dict[Label, int]) -> int:
        """The place for some of the labels."""
        return self.start + sum([by * turns[label] for label, by in self.steps.items() if label in turns])


class Program(Protocol):
    """What a statement needs of the program that it becomes part of."""

    dtype: np.dtype[Any]
    space: Any
    operations: dict[Operation | Loop, int]
    code: list[tuple[int, int, int, int]]
    loops: int

    def require(self, dtype: np.dtype[Any]) -> None:
        """Refuse numbers of a kind that there are no instructions for."""

    def spot(self, source: Source, place: Place, may_be_late: bool = False) -> Spot:
        """Where an element of an array is."""

    def constant(self, number: float) -> int:
        """Where a number is that is known."""

    def number(self, made: Operation | Loop) -> int:
        """The number of an operation."""

    def put(self, made: Operation | Loop, words: Sequence[int]) -> None:
        """An instruction that is not about numbers, with its words."""


def is_simple(part: Expression) -> bool:
    """Whether a part of an expression is a number, or one of the operations that there are instructions for."""
    known = type(part) is not Apply or part.function in (None, np.where) or isinstance(part.function, np.ufunc)
    return known and part.dtype.kind in "fb"


def is_in_order(made: Statement) -> bool:
    """Whether entries are read where others are written, or written twice, so that the order of turns matters."""
    base = base_of(made.target)
    return any([index.looked_up for index in made.place]) or any(
        [
            base_of(read.source) is base
            and read.place != made.place
            and not (read.source is made.target and are_apart(read.place, made.place))
            for read in made.reads
        ]
    )


class _Template:
    """Instructions for one turn of the outer labels of a statement."""

    def __init__(self, program: Program, length: int) -> None:
        self.program = program
        self.length = length
        self.known: dict[int, Any] = {}  # where parts of expressions are
        self.lent: list[int] = []

    def room(self) -> int:
        """Places for numbers in between."""
        self.lent.append(self.program.space.lend(self.length))
        return self.lent[-1]

    def close(self) -> None:
        """Give back the places of numbers in between."""
        for start in self.lent:
            self.program.space.give_back(start, self.length)

    def spot(self, expression: Expression) -> Spot:
        """Where a number is that is not computed here."""
        if type(expression) is Number:
            return Spot(self.program.constant(float(expression.value)), {})
        assert type(expression) is Read
        self.program.require(expression.dtype)
        return self.program.spot(expression.source, expression.place, True)

    def plain(self, expression: Expression) -> Expression:
        """A number that has the same value, without changes of its kind that change nothing."""
        while type(expression) is Apply and expression.function is None:
            (part,), result = expression.parts, expression.dtype
            self.program.require(result)
            if result == _TRUTH and part.dtype != _TRUTH:
                break
            if result.kind in "iu" and part.dtype.kind == "f":
                raise NotLowerableError("the integer part of numbers, in a program of very many steps")
            expression = part
        return expression

    def operation(self, made: Apply) -> tuple[Operation, Sequence[Expression]]:
        """The operation that an expression ends with, and its operands; a choice has three."""
        function, parts, result = made.function, made.parts, made.dtype
        self.program.require(result)
        number = self.program.dtype
        if function is None:
            function, parts = np.not_equal, (parts[0], Number(number.type(0), number))
        elif function is np.where:
            return Operation(CHOOSE, (_TRUTH, number), number), parts
        elif function == WITHIN or not isinstance(function, np.ufunc):
            raise NotLowerableError(f"{getattr(function, '__name__', function)}, in a program of very many steps")
        elif result.kind in "iu":
            raise NotLowerableError("arithmetic of integers, in a program of very many steps")
        elif function is np.power and type(parts[1]) is Number and float(parts[1].value) in _AS_ONE:
            function, parts = _AS_ONE[float(parts[1].value)], parts[:1]
        kinds = tuple([_TRUTH if part.dtype == _TRUTH else number for part in parts])
        return Operation(function, kinds, _TRUTH if result == _TRUTH else number), parts

    @property
    def copy(self) -> Operation:
        """The operation that does nothing."""
        return Operation(COPY, (self.program.dtype,), self.program.dtype)


class Numbers(_Template):
    """A statement about one number."""

    def __init__(self, program: Program) -> None:
        super().__init__(program, 1)
        self.lines: list[tuple[int, tuple[Spot, ...]]] = []

    def into(self, expression: Expression, target: Spot) -> None:
        """Put a number somewhere."""
        expression = self.plain(expression)
        if type(expression) is not Apply:
            self._line(self.copy, target, self.spot(expression))
            return
        made, parts = self.operation(expression)
        if made.function == CHOOSE:
            self.into(parts[2], target)
            parts = parts[:2]
        self._line(made, target, *[self._operand(part) for part in parts])

    def add(self, combine: Any, expression: Expression, target: Spot, start: float | None = None) -> None:
        """Combine a number with the one that is there, or with ``start``."""
        number = self.program.dtype
        before = target if start is None else Spot(self.program.constant(start), {})
        self._line(Operation(combine, (number, number), number), target, before, self._operand(expression))

    def _line(self, made: Operation, *spots: Spot) -> None:
        self.lines.append((self.program.number(made), spots))

    def _operand(self, expression: Expression) -> Spot:
        expression = self.plain(expression)
        if type(expression) is not Apply:
            return self.spot(expression)
        found = self.known.get(id(expression))
        if found is None:
            found = self.known[id(expression)] = Spot(self.room(), {})
            self.into(expression, found)
        return found

    def write(self, turns: dict[Label, int]) -> None:
        """The instructions for one turn of the outer labels."""
        for number, spots in self.lines:
            places = [spot.at(turns) for spot in spots] + [0, 0]
            self.program.code.append((number, places[0], places[1], places[2]))


class Vectors(_Template):
    """A statement about the entries of vectors along a label."""

    def __init__(self, program: Program, along: Label, length: int, in_order: bool = False) -> None:
        super().__init__(program, length)
        self.along = along
        self.in_order = in_order
        self.lines: list[tuple[Loop, list[Spot]]] = []

    def into(self, expression: Expression, target: Spot) -> None:
        """Put numbers somewhere."""
        self.add(None, expression, target)

    def add(self, combine: Any, expression: Expression, target: Spot, start: float | None = None) -> None:
        """Combine numbers with those that are there, or with ``start``."""
        turn = _Turn(self, True)
        made = turn.loop(expression, target, combine, start)
        steps = len(made.block.steps)
        if steps > 1 and made not in self.program.operations:
            if self.program.loops >= _KINDS or steps > _LONGEST:
                turn = _Turn(self, False)
                made = turn.loop(expression, target, combine, start)
            else:
                self.program.loops += 1
        self.lines.append((made, turn.spots))

    def stride(self, spot: Spot) -> int:
        """How far apart neighbours are."""
        return spot.steps.get(self.along, 0)

    def write(self, turns: dict[Label, int]) -> None:
        """The instructions for one turn of the outer labels."""
        for made, spots in self.lines:
            places = [spot.at(turns) for spot in spots]
            apart = [self.stride(spot) for spot, by in zip(spots, made.strides, strict=True) if by == STRIDED]
            self.program.put(made, [*places, *apart, self.length])


class _Turn:
    """One turn of a loop over vectors; all operations in it, or only the last."""

    def __init__(self, vectors: Vectors, is_whole: bool) -> None:
        self.vectors = vectors
        self.is_whole = is_whole
        self.steps: list[Step] = []
        self.spots: list[Spot] = []
        self.known: dict[Any, Made | Outside] = {}

    def loop(self, expression: Expression, target: Spot, combine: Any, start: float | None) -> Loop:
        """The loop that makes a number in each turn."""
        expression = self.vectors.plain(expression)
        offset = self._offset(target)
        if type(expression) is Apply:
            self._apply(expression)
        else:
            self.steps.append(Step(self.vectors.copy, (self.operand(expression),), True))
        self.spots.append(target)
        apart = [self.vectors.stride(spot) for spot in self.spots]
        strides = tuple([by if by in (-1, 0, 1) else STRIDED for by in apart])
        return Loop(Block(tuple(self.steps)), strides, combine, start, self.vectors.in_order, offset)

    def operand(self, expression: Expression) -> Made | Outside:
        """Where a turn has a number from."""
        expression = self.vectors.plain(expression)
        key = ("number", float(expression.value)) if type(expression) is Number else id(expression)
        if key not in self.known:
            if type(expression) is not Apply:
                self.known[key] = self._there(self.vectors.spot(expression))
            elif self.is_whole or expression.function == WITHIN:
                self.known[key] = self._apply(expression)
            else:
                self.known[key] = self._outside(self._apart(expression))
        return self.known[key]

    def _apply(self, expression: Apply) -> Made:
        if expression.function == WITHIN:
            return self._step(WITHIN, *[self.operand(part) for part in expression.parts])
        made, parts = self.vectors.operation(expression)
        self.steps.append(Step(made, tuple([self.operand(part) for part in parts]), False))
        return Made(len(self.steps) - 1)

    def _step(self, function: Any, *operands: Made | Outside) -> Made:
        """An operation on numbers that stand for positions."""
        number = self.vectors.program.dtype
        self.steps.append(Step(Operation(function, (number,) * len(operands), number), operands, False))
        return Made(len(self.steps) - 1)

    def _offset(self, spot: Spot) -> Made | Outside | None:
        """How far from a spot its number is, as far as that is known late."""
        total: Made | Outside | None = None
        for value, by in spot.late:
            part = self.operand(value)
            if by != 1:
                part = self._step(np.multiply, part, self._outside(Spot(self.vectors.program.constant(by), {})))
            total = part if total is None else self._step(np.add, total, part)
        return total

    def _there(self, spot: Spot) -> Made | Outside:
        """A number that is not computed here."""
        offset = self._offset(spot)
        found = self._outside(spot)
        return found if offset is None else self._step(LOOKED_UP, offset, found)

    def _outside(self, spot: Spot) -> Outside:
        self.spots.append(spot)
        return Outside(len(self.spots) - 1, 0)

    def _apart(self, expression: Apply) -> Spot:
        """Where numbers are that a loop of their own makes."""
        found = self.vectors.known.get(id(expression))
        if found is None:
            found = self.vectors.known[id(expression)] = Spot(self.vectors.room(), {self.vectors.along: 1})
            self.vectors.into(expression, found)
        return found
