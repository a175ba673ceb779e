"""Programs of very many steps as instructions for an interpreter: one after the other, and in place where that can be.

The rules are those of all lowering; here each step is done at once. What it makes lies in one long array of numbers, or
is a view of what lies there. An array that is overwritten, and that nobody needs as it was, is overwritten where it is:
a loop that goes over a grid number by number costs what it says, not a grid for each number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf, prod
from typing import Any

import numpy as np

from chainrule.linear.functions import overwritten, scatter
from chainrule.native.instructions import Instructions
from chainrule.native.lowering import Lowering, NotLowerableError, Value, places
from chainrule.native.regions import is_plain, with_writes
from chainrule.native.rewriting import Rewriting, are_apart
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
    parts,
    position,
    reads,
    row_major,
)
from chainrule.native.statements import is_simple
from chainrule.native.work import Callback, Interpreted, Kept, Statement, Work, base_of
from chainrule.program.deferred import Deferred, needed

__all__ = ["interpreted"]

_COSTLY = 40.0  # multiplications of an element from which it is made by itself
_MOST = 12_000_000  # instructions of a program: what no result needs is among them


class _Straight(Lowering):
    """Lowers steps one after the other; all numbers are kept in the highest precision that occurs."""

    def __init__(
        self, steps: Sequence[Deferred], wanted: Sequence[Deferred], dtype: np.dtype[Any], python: bool
    ) -> None:
        super().__init__(Counter(), blas=False, python=python)
        self.dtype = dtype
        self.steps = steps
        self.program = Instructions(dtype)
        self.brought: list[tuple[Memory, Kept]] = []  # what has to be there when the program begins
        self.made: list[Kept] = []  # during the step at hand
        self.last: dict[int, float] = {}  # the position of the last use of each step
        for k, step in enumerate(steps):
            for other in needed(step):
                self.last[other.number] = k
        self.last.update({step.number: inf for step in wanted})
        self.readings = Counter([other.number for step in steps for other in needed(step)])
        self.readings.update([step.number for step in wanted])
        self.rewriting = Rewriting(steps, lambda k, step: self._writes(step.arguments[0]) == k)
        self.ending: dict[float, list[int]] = {}
        self.roots: dict[int, tuple[Kept, ...]] = {}  # the arrays that a step's value is read from
        self.users: dict[Kept, set[int]] = {}  # the steps whose values are read from an array and are still needed
        self.owner: dict[Kept, Deferred] = {}  # the step that an array is the whole of, as it is now

    # --- arrays ---

    def new(self, shape: tuple[int, ...], dtype: Any, combine: Any = None, start: Any = None) -> Kept:
        """An array among the numbers."""
        target = Kept(shape, dtype, combine, start)
        self.program.lend(target)
        self.made.append(target)
        return target

    def bring(self, memory: Memory, step: Deferred | None = None) -> Value:
        """An array from outside among the numbers, where it is from the beginning; the value of a step, or of many."""
        kept = Kept(memory.shape, memory.dtype)
        self.program.lend(kept, is_new=True)
        self.users[kept] = {-1}
        if step is not None:
            self.owner[kept] = step
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

    # --- steps ---

    def run(self) -> None:
        """Lower all steps."""
        for k, step in enumerate(self.steps):
            if len(self.program) > _MOST:
                raise NotLowerableError(f"more than {_MOST} instructions")
            self._step(k, step)

    def _step(self, k: int, step: Deferred) -> None:
        self.made = []
        if step.dtype == object:
            self.values[step.number] = self.lowered(step)
            self.users.update({made: {-1} for made in self.made})  # there for good
            return
        made = self._overwrite if step.function is overwritten else self._place
        self.roots[step.number] = made(k, step)
        for root in self.roots[step.number]:
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
        for root in self.roots.pop(number):
            self.users[root].discard(number)
            if not self.users[root]:
                self._release(root)

    def _release(self, array: Kept) -> None:
        self.users.pop(array, None)
        self.owner.pop(array, None)
        self.program.give_back(array)

    def _place(self, k: int, step: Deferred) -> tuple[Kept, ...]:
        """A step by its rule: in an array, or read from others when it is asked for. Those are what is given."""
        value = self.lowered(step)
        made = self._made(value)
        found = [] if made is None else [*reads(made)]
        is_late = any([index.looked_up for read in found for index in read.place])
        waits = made is not None and not is_late and self._may_wait(step, made, value.cost)
        if not waits or self._change(found, self.last.get(step.number, k), not step.shape):
            if type(made) is Apply and not step.shape and not is_late:
                value = self._number(made, step.dtype)
            else:
                value = self.kept_copy(value, step.dtype)
            assert isinstance(value.source, Kept)
            self.owner[value.source] = step
            self.values[step.number] = value
            return (value.source,)
        self.values[step.number] = value
        return tuple(dict.fromkeys([_root(read) for read in found]))

    def _number(self, made: Expression, dtype: Any) -> Value:
        """A number of its own, without the statement that arrays take: most steps of a program are numbers."""
        target = self.new((), dtype)
        self.program.compute(made, target)
        return self.memory(target)

    @staticmethod
    def _made(value: Value) -> Expression | None:
        """An element of a value, if all of them are made alike."""
        if value.parts > 1:
            return None
        try:
            return value.at(places([Label(size) for size in value.shape]))
        except BetweenError:
            return None

    def _may_wait(self, step: Deferred, made: Expression, cost: float) -> bool:
        """Whether an element may be made where it is asked for: a number that is there, or what is asked for once."""
        if type(made) is not Apply:
            return True
        last = self.last.get(step.number, inf)
        if self.readings[step.number] != 1 or last == inf or prod(step.shape) < 2 or cost > _COSTLY:
            return False
        user = self.steps[int(last)]
        is_once = user.shape == step.shape and (
            user.function is np.where or (type(user.function) is np.ufunc and user.function.signature is None)
        )
        if user.function is scatter:
            is_once = prod(step.shape) <= prod(user.shape) and is_plain(user.arguments[2])
        elif user.function is overwritten:
            old, _, index = user.arguments
            is_once = not _is(old, step) and np.broadcast_to(np.int8(0), user.shape)[index].shape == step.shape
        return (is_once or user.function in (np.add.reduce, np.sum)) and all([is_simple(part) for part in parts(made)])

    def _root_of(self, value: Value) -> Kept | None:
        """The array that a value is a view of, if it is one."""
        found = self._made(value)
        if type(found) is not Read or any([index.looked_up for index in found.place]):
            return None
        return _root(found)

    def _change(self, found: Sequence[Read], end: float, is_number: bool) -> bool:
        """Whether something that is read is overwritten before the end of a step.

        For numbers it is enough that anything in an array is: to copy one costs next to nothing, and turns of a loop
        are to be alike.
        """
        owners = [(self.owner.get(_root(read)), read) for read in found]
        return any(
            [
                self.rewriting.before(end, owner, read.place if read.source is _root(read) and not is_number else None)
                for owner, read in owners
                if owner is not None
            ]
        )

    def _writes(self, owner: Deferred) -> float:
        """When the value of a step is overwritten in place: by its last user, if that overwrites just this."""
        last = self.last.get(owner.number, inf)
        if last == inf:
            return inf
        user = self.steps[int(last)]
        is_written = user.function is overwritten and _is(user.arguments[0], owner)
        return last if is_written and not _is(user.arguments[1], owner) else inf

    def _overwrite(self, k: int, step: Deferred) -> tuple[Kept, ...]:
        """Write into an array; into a copy of it, if it is needed as it was."""
        old, values, index = step.arguments
        value = self.value(values)
        before = self.value(old)
        root = self._root_of(before)
        in_place = (
            root is not None
            and root.combine is None  # what is written to a sum is added to it
            and _is(self.owner.get(root), old)
            and self._writes(old) == k
        )
        if not in_place:
            root = self.new(step.shape, step.dtype)
            self.fill(root, step.shape, self.copying(before, step.dtype))
        assert root is not None
        whole = self.memory(root)
        region = self._by_index(whole, step, index)
        if self._is_written_while_read(value, region, root):
            value = self.kept_copy(value, value.dtype)
        if not self._retargeted(k, values, value, region):
            shape = region.shape

            def make(place: Place) -> tuple[Place, Expression]:
                where = region.at(place)
                assert type(where) is Read
                return where.place, self.pool.cast(value.broadcast_at(place), step.dtype)

            self.fill(root, shape, make)
        self.rewriting.done(step)
        self.owner[root] = step
        self.values[step.number] = whole
        return (root,)

    def _is_written_while_read(self, value: Value, region: Value, root: Kept) -> bool:
        """Whether places of an array would be written before other elements of a value are read from there."""
        if 0 in region.shape:
            return False
        place = places([Label(size) for size in region.shape])
        where = region.at(place)
        assert type(where) is Read
        return any(
            [
                _root(read) is root
                and read.place != where.place
                and not (read.source is root and are_apart(read.place, where.place))
                for read in reads(value.broadcast_at(place))
            ]
        )

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
        root = self._root_of(value)
        if region.shape or value.shape or type(values) is not Deferred or root is None or self._root_of(region) is None:
            return False
        if self.last.get(values.number) != k or self.users.get(root) != {values.number}:
            return False
        where = region.at(())
        assert type(where) is Read
        return self.program.retarget(root, self.program.spot(where.source, where.place).start)

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
            self.program.call(made)
        else:
            assert isinstance(made, Statement)
            self.program.state(made)


def _root(read: Read) -> Kept:
    """The array that an element is read from."""
    base = base_of(read.source)
    assert isinstance(base, Kept)
    return base


def _is(one: Any, other: Any) -> bool:
    """Whether both are the same step, or one is written in the place of the other."""
    return type(one) is type(other) is Deferred and one.number == other.number


def interpreted(
    low: Lowering, inputs: Sequence[Deferred], steps: Sequence[Deferred], wanted: Sequence[Deferred]
) -> None:
    """Lower all steps as one program for the interpreter, and let ``low`` know the values of what is ``wanted``.

    Raises:
        NotLowerableError: there are steps, or kinds of numbers, that it does not know.
    """
    kinds = [step.dtype for step in (*inputs, *steps) if step.dtype.kind == "f"]
    dtype = max(kinds, key=lambda kind: kind.itemsize, default=np.dtype(float))
    straight = _Straight(with_writes(steps, wanted), wanted, dtype, low.python)
    for step in inputs:
        source = low.values[step.number].source
        assert isinstance(source, Memory)
        straight.values[step.number] = straight.bring(source, step)
    straight.run()
    results = {step.number: straight.value(step) for step in wanted}
    program = straight.program
    operations, words, constants = program.finished()
    low.captured += straight.captured
    numbers = low.new((program.space.size + len(constants),), dtype)
    for memory, kept in straight.brought:
        _bring(low, memory, numbers, program.start[kept])
    if len(constants):
        _bring(low, _memory_of(low, constants), numbers, program.space.size)
    low.do(Interpreted(numbers, _memory_of(low, words), operations, program.functions))
    for step in wanted:
        low.values[step.number] = _result(low, program, results[step.number], numbers)


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


def _result(low: Lowering, program: Instructions, value: Value, numbers: Kept) -> Value:
    """What the program leaves, as a value."""

    def read(place: Place) -> Expression:
        labels = [Label(size) for size in value.shape]
        found = value.at(tuple([position(label) for label in labels]))
        if type(found) is Number:
            return found
        assert type(found) is Read
        spot = program.spot(found.source, found.place)
        flat = Index(spot.start)
        for index, label in zip(place, labels, strict=True):
            flat = flat.plus(index.shifted(0, spot.steps.get(label, 0)))
        return low.pool.cast(low.pool.read(numbers, (flat,)), value.dtype)

    return Value(value.shape, value.dtype, read, 1.0)
