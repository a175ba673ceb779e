"""Instructions for the interpreter: statements as operations on places in one long array of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from chainrule.native.blocks import LATER, blocks
from chainrule.native.interpreter import CALL, CHOOSE, END, Instruction, Loop, Operation
from chainrule.native.lowering import NotLowerableError
from chainrule.native.scalar import Expression, Index, Label, Number, Place, Source, row_major
from chainrule.native.statements import Numbers, Spot, Vectors, is_in_order
from chainrule.native.work import Callback, Kept, Statement, base_of

__all__ = ["Instructions"]


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
        self.operations: dict[Operation | Loop, int] = {Operation(END, (), dtype): 0}
        self.code: list[tuple[int, int, int, int]] = []
        self.others: list[int] = []  # the words of instructions that are not about numbers
        self.functions: list[Any] = []
        self.loops = 0  # kinds of loops that are several operations at once
        self._bound: set[int] = set()  # operations whose result cannot go elsewhere instead
        self._empty: Kept | None = None  # an array that a sum begins in, and whose first values are not there yet
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
            self._begin()
            self._empty = array

    def _begin(self) -> None:
        """Put the first values in an array that sums begin in, if that is still to be done."""
        array, self._empty = self._empty, None
        if array is None or array not in self.start:
            return
        assert array.start is not None
        number, size = Number(self.dtype.type(array.start), self.dtype), prod(array.shape)
        label = Label(size)
        template = Vectors(self, label, size) if size > 1 else Numbers(self)
        template.into(number, Spot(self.start[array], {label: 1}))
        template.write({})

    def give_back(self, array: Kept) -> None:
        """Let others have the places of an array."""
        start = self.start.pop(array, None)
        if start is not None:
            self.space.give_back(start, prod(array.shape))

    def require(self, dtype: np.dtype[Any]) -> None:
        """Refuse numbers that are not kept as they are in this precision."""
        if dtype.kind not in "fbiu" or (dtype.kind == "f" and dtype.itemsize > self.dtype.itemsize):
            raise NotLowerableError(f"{dtype} in a program of very many steps")

    def spot(self, source: Source, place: Place, may_be_late: bool = False) -> Spot:
        """Where an element of an array is; perhaps that is only known when the program runs."""
        base = base_of(source)
        assert isinstance(base, Kept)
        if not place:
            return Spot(self.start[base], {})
        flat = Index()
        for index, stride in zip(place, row_major(source.shape), strict=True):
            flat = flat.plus(index.shifted(0, stride))
        if flat.looked_up and (not may_be_late or prod(source.shape) * np.finfo(self.dtype).eps > 1):
            raise NotLowerableError("places that are known late, in a program of very many steps")
        return Spot(self.start[base] + flat.start, dict(flat.steps), flat.looked_up)

    # --- instructions ---

    def state(self, made: Statement) -> None:
        """The instructions of a statement."""
        made.target.statements.remove(made)
        if 0 in [label.size for label in made.labels]:
            return
        target, combine = self.spot(made.target, made.place, True), made.target.combine
        order = [label for label in made.order() if label.size > 1]
        spots = [target, *[self.spot(read.source, read.place, True) for read in made.reads]] if order else []
        outer, along, length = _loops(order, spots)
        start = None
        places = (made.place, *[read.place for read in made.reads])
        if along is None and any([index.looked_up for place in places for index in place]):
            along = Label(1)
        if made.target is self._empty and along in made.summed and self._is_each_once(made, outer):
            start, self._empty = self._empty.start, None
        self._begin()
        template = Numbers(self) if along is None else Vectors(self, along, length, is_in_order(made))
        if combine is None:
            template.into(made.expression, target)
        else:
            template.add(combine, made.expression, target, start)
        for turns in product(*[range(label.size) for label in outer]):
            template.write(dict(zip(outer, turns, strict=True)))
        template.close()

    def compute(self, made: Expression, target: Kept) -> None:
        """The instructions of an expression that is one number."""
        self._begin()
        template = Numbers(self)
        template.into(made, Spot(self.start[target], {}))
        template.write({})
        template.close()

    @staticmethod
    def _is_each_once(made: Statement, outer: Sequence[Label]) -> bool:
        """Whether a statement sums up all of an array's elements, each in one loop."""
        is_plain = all([len(index.steps) < 2 and not index.looked_up for index in made.place])
        is_whole = prod([label.size for label in outer]) == prod(made.target.shape)
        return is_whole and is_plain and made.summed.isdisjoint(outer)

    def call(self, made: Callback) -> None:
        """The instruction of a call of a function outside."""
        if any([source.dtype != self.dtype for source, _ in made.arrays]):
            raise NotLowerableError("other numbers for a function outside, in a program of very many steps")
        self._begin()
        places = [self.spot(*array).start for array in made.arrays]
        self.put(Operation(CALL, (), self.dtype), [len(self.functions), len(places), *places])
        self.functions.append(made.function)

    def put(self, made: Operation | Loop, words: Sequence[int]) -> None:
        """An instruction that is not about numbers, with its words."""
        self.code.append((self.number(made), len(self.others), len(words), 0))
        self.others += words

    def retarget(self, array: Kept, start: int) -> bool:
        """Let the number that the last instruction made go elsewhere than to an array; whether that can be."""
        if not self.code or self._empty is not None:
            return False
        number, target, *operands = self.code[-1]
        if target != self.start[array] or number in self._bound:
            return False
        self.code[-1] = (number, start, operands[0], operands[1])
        return True

    def number(self, made: Operation | Loop) -> int:
        """The number of an operation."""
        number = self.operations.setdefault(made, len(self.operations))
        if isinstance(made, Loop) or made.function in (CALL, CHOOSE):
            self._bound.add(number)
        return number

    def constant(self, number: float) -> int:
        """Where a number is that is known: those come after all others, wherever that will be."""
        return self._constants.setdefault(repr(number), (LATER + len(self._constants), number))[0]

    def finished(self) -> tuple[list[Instruction], Any, Any]:
        """The operations, the instructions as words, and the numbers that are known, which come after all others."""
        self._begin()
        constants = [number for _, number in self._constants.values()]
        code = np.array([*self.code, (0, 0, 0, 0)], np.int64)
        operations, words = blocks(code, [*self.operations], constants, self.others)
        words[words >= LATER] += self.space.size - LATER
        return operations, words.astype(np.int32), np.array(constants, self.dtype)


def _loops(order: Sequence[Label], spots: Sequence[Spot]) -> tuple[list[Label], Label | None, int]:
    """The outer labels, the innermost, and how many turns it has: those around it too, if they go straight on."""
    if not order:
        return [], None, 1
    *outer, along = order
    length = along.size
    while outer and all([spot.steps.get(outer[-1], 0) == length * spot.steps.get(along, 0) for spot in spots]):
        length *= outer.pop().size
    return outer, along, length
