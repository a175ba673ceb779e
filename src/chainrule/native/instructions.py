"""Instructions for the interpreter: statements as operations on places in one long array of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.blocks import LATER, blocks
from chainrule.native.interpreter import CALL, CHOOSE, COPY, END, WORDS, Block, Operation
from chainrule.native.lowering import NotLowerableError
from chainrule.native.scalar import Apply, Expression, Index, Label, Number, Place, Read, Source, row_major
from chainrule.native.work import Callback, Kept, Statement, base_of

__all__ = ["Instructions", "Spot"]

_TRUTH = np.dtype(bool)
_AS_ONE = {2.0: np.square, 0.5: np.sqrt, -1.0: np.reciprocal}  # powers that are operations of one operand


class Spot(NamedTuple):
    """Where numbers are: the first, and how far apart they are for each label."""

    start: int
    steps: dict[Label, int]

    def at(self, turns: dict[Label, int]) -> int:
        """The place for some of the labels."""
        return self.start + sum([by * turns[label] for label, by in self.steps.items() if label in turns])


class _Space:
    """Places in the array of numbers; those given back are lent again to arrays of the same size."""

    def __init__(self) -> None:
        self.size = 0
        self.free: dict[int, list[int]] = {}

    def lend(self, size: int) -> int:
        """The first of ``size`` neighbouring places."""
        return self.free[size].pop() if self.free.get(size) else self.fresh(size)

    def fresh(self, size: int) -> int:
        """The first of places that nobody has had."""
        self.size += size
        return self.size - size

    def give_back(self, start: int, size: int) -> None:
        """Let others have the places."""
        self.free.setdefault(size, []).append(start)


class Instructions:
    """A program under way, for numbers of one precision: its instructions, and which places are whose."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.space = _Space()
        self.start: dict[Kept, int] = {}
        self.operations: dict[Operation, int] = {Operation(END, (), dtype, False): 0}
        self.code: list[tuple[int, ...]] = []
        self.functions: list[Any] = []
        self._bound: set[int] = set()  # operations whose result cannot go elsewhere instead
        self._tables: list[tuple[int, list[int]]] = []  # of calls: which instruction, and the places of its arrays
        self._constants: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self.code)

    # --- places ---

    def lend(self, array: Kept, is_new: bool = False) -> None:
        """Find places for an array; with ``is_new``, such that nobody has had."""
        self.require(array.dtype)
        size = prod(array.shape)
        self.start[array] = self.space.fresh(size) if is_new else self.space.lend(size)
        if array.start is not None and size:
            copy = self.operation(COPY, (self.dtype,), self.dtype, size > 1)
            self.code.append((copy, self.start[array], self.constant(float(array.start)), 0, size, 1, 0, 0))

    def give_back(self, array: Kept) -> None:
        """Let others have the places of an array."""
        start = self.start.pop(array, None)
        if start is not None:
            self.space.give_back(start, prod(array.shape))

    def require(self, dtype: np.dtype[Any]) -> None:
        """Refuse numbers that are not kept as they are in this precision."""
        if dtype.kind not in "fbiu" or (dtype.kind == "f" and dtype.itemsize > self.dtype.itemsize):
            raise NotLowerableError(f"{dtype} in a program of very many steps")

    def spot(self, source: Source, place: Place) -> Spot:
        """Where an element of an array is."""
        base = base_of(source)
        assert isinstance(base, Kept)
        flat = Index()
        for index, stride in zip(place, row_major(source.shape), strict=True):
            flat = flat.plus(index.shifted(0, stride))
        if flat.looked_up:
            raise NotLowerableError("places that are known late, in a program of very many steps")
        return Spot(self.start[base] + flat.start, dict(flat.steps))

    # --- instructions ---

    def state(self, made: Statement) -> None:
        """The instructions of a statement."""
        made.target.statements.remove(made)
        if 0 in [label.size for label in made.labels]:
            return
        order = [label for label in made.order() if label.size > 1]
        along = order[-1] if order else None
        template = _Template(self, along)
        target = self.spot(made.target, made.place)
        combine = made.target.combine
        if combine is None:
            template.into(made.expression, target)
        else:
            dtype = made.target.dtype
            template.add(combine, (dtype, dtype), dtype, target, (target, template.operand(made.expression)))
        for turns in product(*[range(label.size) for label in order[:-1]]):
            self.code += template.instructions(dict(zip(order[:-1], turns, strict=True)))
        template.close()

    def call(self, made: Callback) -> None:
        """The instruction of a call of a function outside."""
        if any([source.dtype != self.dtype for source, _ in made.arrays]):
            raise NotLowerableError("other numbers for a function outside, in a program of very many steps")
        self._tables.append((len(self.code), [self.spot(*array).start for array in made.arrays]))
        number = self.operation(CALL, (), self.dtype, False)
        self.code.append((number, len(self.functions), 0, len(made.arrays), 1, 0, 0, 0))
        self.functions.append(made.function)

    def retarget(self, array: Kept, start: int) -> bool:
        """Let the number that the last instruction made go elsewhere than to an array; whether that can be."""
        if not self.code:
            return False
        operation, target, *operands = self.code[-1]
        if target != self.start[array] or operands[2] != 1 or operation in self._bound:
            return False
        self.code[-1] = (operation, start, *operands)
        return True

    def operation(self, function: Any, arguments: Iterable[np.dtype[Any]], result: np.dtype[Any], vector: bool) -> int:
        """The number of an operation."""
        kinds = tuple([_TRUTH if argument == _TRUTH else self.dtype for argument in arguments])
        made = Operation(function, kinds, _TRUTH if result == _TRUTH else self.dtype, vector)
        number = self.operations.setdefault(made, len(self.operations))
        if function in (CALL, CHOOSE):
            self._bound.add(number)
        return number

    def constant(self, number: float) -> int:
        """Where a number is that is known: those come after all others, wherever that will be."""
        return self._constants.setdefault(repr(number), (LATER + len(self._constants), number))[0]

    def finished(self) -> tuple[list[Operation | Block], Any, Any]:
        """The operations, the instructions as words, and the numbers that are known, which come after all others."""
        constants = [number for _, number in self._constants.values()]
        code = np.array([*self.code, (0,) * WORDS], np.int64)
        operations, words = blocks(code, [*self.operations], constants, self._tables)
        words[words >= LATER] += self.space.size - LATER
        return operations, words.astype(np.int32), np.array(constants, self.dtype)


class _Template:
    """The instructions of a statement for one turn of its outer labels; the innermost is the length of vectors."""

    def __init__(self, program: Instructions, along: Label | None) -> None:
        self.program = program
        self.along = along
        self.length = 1 if along is None else along.size
        self.lines: list[tuple[int, tuple[Spot, ...]]] = []
        self.known: dict[int, Spot] = {}
        self.lent: list[int] = []

    def add(
        self, function: Any, arguments: Iterable[np.dtype[Any]], result: Any, target: Spot, operands: tuple[Spot, ...]
    ) -> None:
        """An instruction."""
        number = self.program.operation(function, arguments, result, self.length > 1)
        self.lines.append((number, (target, *operands)))

    def into(self, expression: Expression, target: Spot) -> None:
        """The instructions that put a number somewhere."""
        if type(expression) is not Apply:
            self.add(COPY, (self.program.dtype,), self.program.dtype, target, (self.operand(expression),))
            return
        function, parts, result = expression.function, expression.parts, expression.dtype
        self.program.require(result)
        if function is None:
            self._cast(parts[0], result, target)
        elif function is np.where:
            self.into(parts[2], target)
            chosen = self.operand(parts[0]), self.operand(parts[1])
            self.add(CHOOSE, (_TRUTH, result), result, target, chosen)
        elif function == "within" or not isinstance(function, np.ufunc):
            raise NotLowerableError(f"{getattr(function, '__name__', function)}, in a program of very many steps")
        elif result.kind in "iu":
            raise NotLowerableError("arithmetic of integers, in a program of very many steps")
        else:
            self._applied(function, parts, result, target)

    def _applied(self, function: Any, parts: Sequence[Expression], result: Any, target: Spot) -> None:
        if function is np.power and type(parts[1]) is Number and float(parts[1].value) in _AS_ONE:
            function, parts = _AS_ONE[float(parts[1].value)], parts[:1]
        operands = tuple([self.operand(part) for part in parts])
        self.add(function, [part.dtype for part in parts], result, target, operands)

    def _cast(self, part: Expression, result: np.dtype[Any], target: Spot) -> None:
        if result == _TRUTH and part.dtype != _TRUTH:
            zero = self.operand(Number(self.program.dtype.type(0), self.program.dtype))
            self.add(np.not_equal, (self.program.dtype,) * 2, _TRUTH, target, (self.operand(part), zero))
        elif result.kind in "iu" and part.dtype.kind == "f":
            raise NotLowerableError("the integer part of numbers, in a program of very many steps")
        else:
            self.into(part, target)

    def operand(self, expression: Expression) -> Spot:
        """Where a number is; it is computed if it is not there yet."""
        if type(expression) is Number:
            return Spot(self.program.constant(float(expression.value)), {})
        if type(expression) is Read:
            self.program.require(expression.dtype)
            return self.program.spot(expression.source, expression.place)
        found = self.known.get(id(expression))
        if found is None:
            start = self.program.space.lend(self.length)
            self.lent.append(start)
            found = self.known[id(expression)] = Spot(start, {} if self.along is None else {self.along: 1})
            self.into(expression, found)
        return found

    def instructions(self, turns: dict[Label, int]) -> list[tuple[int, ...]]:
        """The instructions for one turn of the outer labels."""
        found = []
        for number, spots in self.lines:
            starts = [spot.at(turns) if turns else spot.start for spot in spots]
            strides = [spot.steps.get(self.along, 0) if self.along is not None else 0 for spot in spots]
            rest = 3 - len(spots)
            found.append((number, *starts, *[0] * rest, self.length, *strides, *[0] * rest))
        return found

    def close(self) -> None:
        """Give back the memory of numbers in between."""
        for start in self.lent:
            self.program.space.give_back(start, self.length)
