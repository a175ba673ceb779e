"""Programs of very many steps as instructions for an interpreter: one after the other, and in place where that can be.

The rules are those of all lowering; here each step is done at once. What it makes lies in one long array of numbers, or
is a view of what lies there. An array that is overwritten, and that nobody needs as it was, is overwritten where it is:
a loop that goes over a grid number by number costs what it says, not a grid for each number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.functions import overwritten
from chainrule.native.interpreter import CALL, CHOOSE, COPY, END, WORDS, Operation
from chainrule.native.lowering import Lowering, NotLowerableError, Value, places
from chainrule.native.scalar import (
    Apply,
    BetweenError,
    Expression,
    Index,
    Label,
    Memory,
    Number,
    Place,
    Read,
    Source,
    position,
    row_major,
)
from chainrule.native.work import Callback, Interpreted, Kept, Statement, Work, base_of
from chainrule.program.deferred import Deferred, needed

__all__ = ["interpreted"]

_MOST = 4_000_000  # instructions of a program
_LATER = 1 << 40  # from here on are places that are settled when all are known
_TRUTH = np.dtype(bool)
_AS_ONE = {2.0: np.square, 0.5: np.sqrt, -1.0: np.reciprocal}  # powers that are operations of one operand


class _Spot(NamedTuple):
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


class _Straight(Lowering):
    """Lowers steps to instructions; all numbers are kept in the highest precision that occurs."""

    def __init__(
        self, steps: Sequence[Deferred], wanted: Sequence[Deferred], dtype: np.dtype[Any], python: bool
    ) -> None:
        super().__init__(Counter(), blas=False, python=python)
        self.dtype = dtype
        self.steps = steps
        self.space = _Space()
        self.start: dict[Kept, int] = {}
        self.operations: dict[Operation, int] = {Operation(END, (), dtype, False): 0}
        self.bound: set[int] = set()  # those whose result cannot go elsewhere instead
        self.code: list[tuple[int, ...]] = []
        self.functions: list[Any] = []
        self.tables: list[tuple[int, list[int]]] = []  # of calls: which instruction, and the places of its arrays
        self.constants: dict[str, tuple[int, float]] = {}
        self.brought: list[tuple[Memory, Kept]] = []  # what has to be there when the program begins
        self.made: list[Kept] = []  # during the step at hand
        self.last: dict[int, float] = {}  # the position of the last use of each step
        for k, step in enumerate(steps):
            for other in needed(step):
                self.last[other.number] = k
        self.last.update({step.number: inf for step in wanted})
        self.ending: dict[float, list[int]] = {}
        self.roots: dict[int, Kept] = {}  # the array that a step's value lies in
        self.users: dict[Kept, set[int]] = {}  # the steps whose values lie in an array and are still needed
        self.owner: dict[Kept, Deferred] = {}  # the step that an array is the whole of, as it is now

    # --- arrays ---

    def new(self, shape: tuple[int, ...], dtype: Any, combine: Any = None, start: Any = None) -> Kept:
        """An array among the numbers."""
        target = Kept(shape, dtype, combine, start)
        self._check(target.dtype)
        self.start[target] = self.space.lend(prod(shape))
        self.made.append(target)
        if target.start is not None:
            self._fill_with(target, float(target.start))
        return target

    def bring(self, memory: Memory) -> Value:
        """An array from outside among the numbers, where it is from the beginning."""
        kept = Kept(memory.shape, memory.dtype)
        self._check(kept.dtype)
        self.start[kept] = self.space.fresh(prod(kept.shape))
        self.users[kept] = {-1}
        self.brought.append((memory, kept))
        return self.memory(kept)

    def capture(self, array: Any) -> Value:
        """An array that is no argument."""
        found = self._captured.get(id(array))
        if found is None:
            outside = super().capture(array).source
            assert isinstance(outside, Memory)
            found = self._captured[id(array)] = self.bring(outside)
        return found

    def _check(self, dtype: np.dtype[Any]) -> None:
        if dtype.kind not in "fbiu" or (dtype.kind == "f" and dtype.itemsize > self.dtype.itemsize):
            raise NotLowerableError(f"{dtype} in a program of very many steps")

    # --- steps ---

    def run(self) -> None:
        """Lower all steps."""
        for k, step in enumerate(self.steps):
            if len(self.code) > _MOST:
                raise NotLowerableError(f"more than {_MOST} instructions")
            self._step(k, step)
        self.code.append((0,) * WORDS)

    def _step(self, k: int, step: Deferred) -> None:
        self.made = []
        if step.dtype == object:
            self.several[step.number] = self.called(step, [np.asarray(part) for part in step.known])
            self.users.update({made: {-1} for made in self.made})  # there for good
            return
        made = self._overwrite if step.function is overwritten else self._place
        root = made(k, step)
        if root is not None:
            self.roots[step.number] = root
            self.users.setdefault(root, set()).add(step.number)
            self.ending.setdefault(self.last.get(step.number, k), []).append(step.number)
        for number in self.ending.pop(k, ()):
            self._drop(number)
        for other in self.made:
            if not self.users.get(other):
                self._release(other)

    def _drop(self, number: int) -> None:
        """Nobody needs the value of a step any more."""
        self.values.pop(number, None)
        root = self.roots.pop(number)
        self.users[root].discard(number)
        if not self.users[root]:
            self._release(root)

    def _release(self, array: Kept) -> None:
        self.users.pop(array, None)
        self.owner.pop(array, None)
        start = self.start.pop(array, None)
        if start is not None:
            self.space.give_back(start, prod(array.shape))

    def _place(self, k: int, step: Deferred) -> Kept | None:
        """A step by its rule: a view as it stands, anything else in an array. The array that it lies in."""
        value = self.lowered(step)
        root = self._root_of(value)
        if root is None and value.cost == 0 and value.parts == 1:
            self.values[step.number] = value
            return None
        if root is None or self._changes_before(root, self.last.get(step.number, k)):
            value = self._as_it_is(value, step.dtype)
            assert isinstance(value.source, Kept)
            root = value.source
        if root not in self.owner and value.source is root:
            self.owner[root] = step
        self.values[step.number] = value
        return root

    def _as_it_is(self, value: Value, dtype: Any) -> Value:
        return self.kept_copy(value, dtype)

    def _root_of(self, value: Value) -> Kept | None:
        """The array that a value is a view of, if it is one."""
        if value.parts > 1:
            return None
        try:
            found = value.at(places([Label(size) for size in value.shape]))
        except BetweenError:
            return None
        if type(found) is not Read or any([index.looked_up for index in found.place]):
            return None
        base = base_of(found.source)
        assert isinstance(base, Kept)
        return base

    def _changes_before(self, root: Kept, end: float) -> bool:
        """Whether an array is overwritten in place while a view of it is still needed."""
        owner = self.owner.get(root)
        return owner is not None and self._writes(owner) < end

    def _writes(self, owner: Deferred) -> float:
        """When the value of a step is overwritten in place: by its last user, if that overwrites just this."""
        last = self.last.get(owner.number, inf)
        if last == inf:
            return inf
        user = self.steps[int(last)]
        if user.function is not overwritten or user.arguments[0] is not owner or user.arguments[1] is owner:
            return inf
        return last

    def _overwrite(self, k: int, step: Deferred) -> Kept | None:
        """Write into an array; into a copy of it, if it is needed as it was."""
        old, values, index = step.arguments
        value = self.value(values)
        before = self.value(old)
        root = self._root_of(before)
        in_place = root is not None and type(old) is Deferred and self.owner.get(root) is old and self._writes(old) == k
        if not in_place:
            root = self.new(step.shape, step.dtype)
            self.fill(root, step.shape, self.copying(before, step.dtype))
        assert root is not None
        if self._root_of(value) is root:
            value = self.kept_copy(value, value.dtype)
        whole = self.memory(root)
        region = self._by_index(whole, step, index)
        if not self._retargeted(k, values, value, region):
            shape = region.shape

            def make(place: Place) -> tuple[Place, Expression]:
                where = region.at(place)
                assert type(where) is Read
                return where.place, self.pool.cast(value.broadcast_at(place), step.dtype)

            self.fill(root, shape, make)
        self.owner[root] = step
        self.values[step.number] = whole
        return root

    def _by_index(self, whole: Value, step: Deferred, index: Any) -> Value:
        """The part of an array that an index names."""
        shape = np.broadcast_to(np.int8(0), step.shape)[index].shape
        stand_in = Deferred(step.recording, None, (), {}, step.shape, step.dtype)
        self.values[stand_in.number] = whole
        part = Deferred(step.recording, np.ndarray.__getitem__, (stand_in, index), {}, shape, step.dtype)
        try:
            return self._by_rule(part)
        finally:
            del self.values[stand_in.number]

    def _retargeted(self, k: int, values: Any, value: Value, region: Value) -> bool:
        """Let the number that was just made go where it is written to; whether that could be done."""
        if region.shape or type(values) is not Deferred or value.shape or not self.code:
            return False
        root = self._root_of(value)
        if root is None or self.last.get(values.number) != k or self.users.get(root) != {values.number}:
            return False
        made = self.code[-1]
        where = region.at(())
        assert type(where) is Read
        if made[1] != self.start[root] or made[4] != 1 or made[0] in self.bound:
            return False
        self.code[-1] = (made[0], self._spot(where).start, *made[2:])
        return True

    # --- statements ---

    def in_memory(self, step: Deferred) -> Value:
        """The value of a step as Python's functions take it."""
        value = self.value(step)
        if value.dtype != self.dtype:
            raise NotLowerableError(f"{value.dtype} for a function outside, in a program of very many steps")
        return value if value.source is not None else self.kept_copy(value, value.dtype)

    def do(self, made: Work) -> None:
        """The instructions of a statement, or of a call."""
        if isinstance(made, Callback):
            self._call(made)
        else:
            assert isinstance(made, Statement)
            self._state(made)

    def _call(self, made: Callback) -> None:
        if any([source.dtype != self.dtype for source, _ in made.arrays]):
            raise NotLowerableError("other numbers for a function outside, in a program of very many steps")
        self.tables.append((len(self.code), [self._spot_of(*array).start for array in made.arrays]))
        number = self.operation(CALL, (), self.dtype, False)
        self.code.append((number, len(self.functions), 0, len(made.arrays), 1, 0, 0, 0))
        self.functions.append(made.function)

    def _state(self, made: Statement) -> None:
        made.target.statements.remove(made)
        if 0 in [label.size for label in made.labels]:
            return
        order = [label for label in made.order() if label.size > 1]
        along = order[-1] if order else None
        template = _Template(self, along)
        target = self._spot_of(made.target, made.place)
        combine = made.target.combine
        if combine is None:
            template.into(made.expression, target)
        else:
            dtype = made.target.dtype
            template.add(combine, (dtype, dtype), dtype, target, (target, template.operand(made.expression)))
        for turns in product(*[range(label.size) for label in order[:-1]]):
            self.code += template.instructions(dict(zip(order[:-1], turns, strict=True)))
        template.close()

    def _fill_with(self, target: Kept, number: float) -> None:
        size = prod(target.shape)
        if size:
            copy = self.operation(COPY, (self.dtype,), self.dtype, size > 1)
            self.code.append((copy, self.start[target], self.constant(number), 0, size, 1, 0, 0))

    def operation(self, function: Any, arguments: Iterable[np.dtype[Any]], result: np.dtype[Any], vector: bool) -> int:
        """The number of an operation."""
        kinds = tuple([_TRUTH if argument == _TRUTH else self.dtype for argument in arguments])
        made = Operation(function, kinds, _TRUTH if result == _TRUTH else self.dtype, vector)
        number = self.operations.setdefault(made, len(self.operations))
        if function in (CALL, CHOOSE):
            self.bound.add(number)
        return number

    def constant(self, number: float) -> int:
        """Where a number is that is known: those come after all others, wherever that will be."""
        return self.constants.setdefault(repr(number), (_LATER + len(self.constants), number))[0]

    def finished(self) -> Any:
        """The instructions, and the numbers that are known, which come after all others."""
        code = np.array(self.code, np.int64)
        where = code[:, 1:4]
        where[where >= _LATER] += self.space.size - _LATER
        end = code.size
        for instruction, table in self.tables:
            code[instruction, 2] = end - instruction * WORDS
            end += len(table)
        words = np.concatenate([code.reshape(-1), *[table for _, table in self.tables]]).astype(np.int32)
        return words, np.array([number for _, number in self.constants.values()], self.dtype)

    def _spot(self, read: Read) -> _Spot:
        return self._spot_of(read.source, read.place)

    def _spot_of(self, source: Source, place: Place) -> _Spot:
        base = base_of(source)
        assert isinstance(base, Kept)
        flat = Index()
        for index, stride in zip(place, row_major(source.shape), strict=True):
            flat = flat.plus(index.shifted(0, stride))
        if flat.looked_up:
            raise NotLowerableError("places that are known late, in a program of very many steps")
        return _Spot(self.start[base] + flat.start, dict(flat.steps))


class _Template:
    """The instructions of a statement for one turn of its outer labels; the innermost is the length of vectors."""

    def __init__(self, low: _Straight, along: Label | None) -> None:
        self.low = low
        self.along = along
        self.length = 1 if along is None else along.size
        self.lines: list[tuple[int, tuple[_Spot, ...]]] = []
        self.known: dict[int, _Spot] = {}
        self.lent: list[int] = []

    def add(
        self, function: Any, arguments: Iterable[np.dtype[Any]], result: Any, target: _Spot, operands: tuple[_Spot, ...]
    ) -> None:
        """An instruction."""
        number = self.low.operation(function, arguments, result, self.length > 1)
        self.lines.append((number, (target, *operands)))

    def into(self, expression: Expression, target: _Spot) -> None:
        """The instructions that put a number somewhere."""
        if type(expression) is not Apply:
            self.add(COPY, (self.low.dtype,), self.low.dtype, target, (self.operand(expression),))
            return
        function, parts, result = expression.function, expression.parts, expression.dtype
        self.low._check(result)
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

    def _applied(self, function: Any, parts: Sequence[Expression], result: Any, target: _Spot) -> None:
        if function is np.power and type(parts[1]) is Number and float(parts[1].value) in _AS_ONE:
            function, parts = _AS_ONE[float(parts[1].value)], parts[:1]
        operands = tuple([self.operand(part) for part in parts])
        self.add(function, [part.dtype for part in parts], result, target, operands)

    def _cast(self, part: Expression, result: np.dtype[Any], target: _Spot) -> None:
        if result == _TRUTH and part.dtype != _TRUTH:
            zero = self.operand(Number(self.low.dtype.type(0), self.low.dtype))
            self.add(np.not_equal, (self.low.dtype,) * 2, _TRUTH, target, (self.operand(part), zero))
        elif result.kind in "iu" and part.dtype.kind == "f":
            raise NotLowerableError("the integer part of numbers, in a program of very many steps")
        else:
            self.into(part, target)

    def operand(self, expression: Expression) -> _Spot:
        """Where a number is; it is computed if it is not there yet."""
        if type(expression) is Number:
            return _Spot(self.low.constant(float(expression.value)), {})
        if type(expression) is Read:
            self.low._check(expression.dtype)
            return self.low._spot(expression)
        found = self.known.get(id(expression))
        if found is None:
            start = self.low.space.lend(self.length)
            self.lent.append(start)
            found = self.known[id(expression)] = _Spot(start, {} if self.along is None else {self.along: 1})
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
            self.low.space.give_back(start, self.length)


def interpreted(
    low: Lowering, inputs: Sequence[Deferred], steps: Sequence[Deferred], wanted: Sequence[Deferred]
) -> None:
    """Lower all steps as one program for the interpreter, and let ``low`` know the values of what is ``wanted``.

    Raises:
        NotLowerableError: there are steps, or kinds of numbers, that it does not know.
    """
    kinds = [step.dtype for step in (*inputs, *steps) if step.dtype.kind == "f"]
    dtype = max(kinds, key=lambda kind: kind.itemsize, default=np.dtype(float))
    straight = _Straight(steps, wanted, dtype, low.python)
    for step in inputs:
        source = low.values[step.number].source
        assert isinstance(source, Memory)
        straight.values[step.number] = straight.bring(source)
    straight.run()
    results = {step.number: straight.value(step) for step in wanted}
    words, constants = straight.finished()
    low.captured += straight.captured
    numbers = low.new((straight.space.size + len(constants),), dtype)
    for memory, kept in straight.brought:
        _bring(low, memory, numbers, straight.start[kept])
    if len(constants):
        _bring(low, _memory_of(low, constants), numbers, straight.space.size)
    low.do(Interpreted(numbers, _memory_of(low, words), [*straight.operations], straight.functions))
    for step in wanted:
        low.values[step.number] = _result(low, straight, results[step.number], numbers)


def _memory_of(low: Lowering, array: Any) -> Memory:
    source = low.capture(array).source
    assert isinstance(source, Memory)
    return source


def _bring(low: Lowering, memory: Memory, numbers: Kept, start: int) -> None:
    """Copy an array to its place among the numbers."""
    strides = row_major(memory.shape)

    def make(place: Place) -> tuple[Place, Expression]:
        flat = Index(start)
        for index, stride in zip(place, strides, strict=True):
            flat = flat.plus(index.shifted(0, stride))
        return (flat,), low.pool.cast(low.pool.read(memory, place), numbers.dtype)

    if prod(memory.shape):
        low.fill(numbers, memory.shape, make)


def _result(low: Lowering, straight: _Straight, value: Value, numbers: Kept) -> Value:
    """What the program leaves, as a value."""

    def read(place: Place) -> Expression:
        labels = [Label(size) for size in value.shape]
        found = value.at(tuple([position(label) for label in labels]))
        if type(found) is Number:
            return found
        assert type(found) is Read
        spot = straight._spot(found)
        flat = Index(spot.start)
        for index, label in zip(place, labels, strict=True):
            flat = flat.plus(index.shifted(0, spot.steps.get(label, 0)))
        return low.pool.cast(low.pool.read(numbers, (flat,)), value.dtype)

    return Value(value.shape, value.dtype, read, 1.0)
