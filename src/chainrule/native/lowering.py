"""Steps of a recording as values that are read element by element, and as statements that fill memory.

A view, or an elementwise step, takes no memory: reading an element of it reads elements of its arguments. Reductions
and products are statements, and so is what is worth keeping because several need it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.native.functions import cost_of, is_known
from chainrule.native.recorded import is_plain
from chainrule.native.scalar import (
    BetweenError,
    Expression,
    Index,
    Label,
    Memory,
    Number,
    Place,
    Pool,
    Reader,
    Source,
    position,
    row_major,
)
from chainrule.native.work import Kept, Make, Multiplication, Statement, base_of
from chainrule.program.deferred import Deferred

__all__ = [
    "RULES",
    "WORTH_KEEPING",
    "Lowering",
    "NotLowerableError",
    "Rule",
    "Value",
    "at_turn",
    "both",
    "is_strided",
    "now",
    "places",
    "require_native",
    "rule",
]

_PARTS = 8  # boxes up to which an array is not put in memory for it
WORTH_KEEPING = 6  # the cost of an element from which it is computed once for several readers


class NotLowerableError(Exception):
    """A step that has no native form."""


class _Clock(threading.local):
    """The turn of the loop that is being written, as an index; None outside of loops."""

    now: Index | None = None


_clock = _Clock()


@contextmanager
def at_turn(turn: Index | None) -> Iterator[None]:
    """Read values as they are in one turn of their loop."""
    before = _clock.now
    _clock.now = turn
    try:
        yield
    finally:
        _clock.now = before


def now() -> Index:
    """The turn that is being written."""
    assert _clock.now is not None
    return _clock.now


@dataclass
class Value:
    """An array as what one element of it is; ``cost`` is roughly that of computing it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Reader
    cost: float = 1.0
    source: Source | None = None  # where it is memory as it stands
    parts: int = 1  # boxes that it consists of, which are read in different ways
    known: dict[Any, Expression] = field(default_factory=dict)

    def at(self, place: Place) -> Expression:
        """The element at a place."""
        key = _clock.now, place
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.read(place)
        return found

    def like(self, read: Reader, shape: tuple[int, ...] | None = None, dtype: Any = None) -> Value:
        """Another value of the same cost and parts."""
        return Value(self.shape if shape is None else shape, dtype or self.dtype, read, self.cost, parts=self.parts)

    def broadcast_at(self, place: Place) -> Expression:
        """The element for a place in a result that it is stretched to."""
        own = place[len(place) - len(self.shape) :]
        return self.at(tuple([Index() if size == 1 else index for index, size in zip(own, self.shape, strict=True)]))


class Lowering:
    """The values of the steps of one recording, and the statements in the order in which they can be done."""

    def __init__(self, uses: Mapping[int, int], blas: bool = True) -> None:
        self.blas = blas  # whether there is a BLAS for products of large matrices
        self.pool = Pool()
        self.uses = uses
        self.values: dict[int, Value] = {}
        self.kept: list[Kept] = []
        self.statements: list[Statement | Multiplication] = []
        self.captured: list[tuple[Memory, Any]] = []
        self._captured: dict[int, Value] = {}
        self.turns: Any = None  # the loop that is being lowered
        self.elsewhere: Callable[[int], Value | None] = lambda number: None  # steps in the turns of loops

    def mark(self) -> tuple[int, int]:
        """Where the lists end: for `reset`."""
        return len(self.kept), len(self.statements)

    def reset(self, mark: tuple[int, int]) -> None:
        """Forget what was added since."""
        del self.kept[mark[0] :], self.statements[mark[1] :]

    # --- values ---

    def memory(self, source: Source) -> Value:
        """An array in memory as a value; of what a loop keeps for each turn, that of the turn."""
        base = base_of(source)
        if not isinstance(base, Kept) or base.turns is None:
            return Value(source.shape, source.dtype, lambda place: self.pool.read(source, place), 1.0, source)
        ahead = base.ahead

        def read(place: Place) -> Expression:
            return self.pool.read(source, (now().shifted(ahead), *place))

        return Value(source.shape[1:], source.dtype, read, 1.0, source)

    def value(self, argument: Any) -> Value:
        """An argument of a step as a value."""
        if type(argument) is Deferred:
            found = self.values.get(argument.number)
            if found is None:
                found = self.elsewhere(argument.number)
                assert found is not None
                self.values[argument.number] = found
            return found
        array = np.asarray(argument)
        if array.size != 1:
            return self.capture(array)
        number = Number(array.reshape(())[()], array.dtype)
        return Value(array.shape, array.dtype, lambda place: number, 0.0)

    def capture(self, array: Any) -> Value:
        """An array that is no argument, read where it lies."""
        found = self._captured.get(id(array))
        if found is None:
            if not is_plain(array):
                raise NotLowerableError("an array that it reads has a byte order or strides that are not the machine's")
            require_native(array.dtype)
            memory = Memory(array.shape, array.dtype, tuple([step // array.itemsize for step in array.strides]))
            self.captured.append((memory, array))
            found = self._captured[id(array)] = self.memory(memory)
        return found

    def add(self, step: Deferred) -> None:
        """Lower one step."""
        made = self.lowered(step)
        if made.parts > _PARTS:
            made = self.keep(made)
        if made.cost >= WORTH_KEEPING and self.uses.get(step.number, 0) > 1:
            made = self.keep(made)
        self.values[step.number] = made

    def lowered(self, step: Deferred) -> Value:
        """The value of one step."""
        function = step.function
        require_native(step.dtype)
        if type(function) is np.ufunc and function.signature is None:
            made = self._elementwise(step)
        else:
            rule = RULES.get(function)
            if rule is None:
                raise NotLowerableError(f"{getattr(function, '__name__', function)} has no native form")
            made = rule(self, step, *step.arguments, **step.options)
        if made.shape != step.shape:
            raise NotLowerableError(f"{function} gives {made.shape}, not {step.shape}")
        return self._in_its_dtype(made, step.dtype)

    def _in_its_dtype(self, made: Value, dtype: np.dtype[Any]) -> Value:
        if made.dtype == dtype:
            return made
        return Value(
            made.shape, dtype, lambda place: self.pool.cast(made.at(place), dtype), made.cost, parts=made.parts
        )

    def keep(self, value: Value) -> Value:
        """The value in memory."""
        if value.source is not None and not is_strided(value.source):
            return value
        target = self.new(value.shape, value.dtype)
        self.fill(target, value.shape, self.copying(value, value.dtype))
        return self.memory(target)

    def copying(self, value: Value, dtype: Any) -> Make:
        """The making of a statement that puts a value in memory."""
        return lambda place: (place, self.pool.cast(value.at(place), dtype))

    def kept_copy(self, value: Value, dtype: Any) -> Value:
        """The value in memory of its own."""
        target = self.new(value.shape, dtype)
        self.fill(target, value.shape, self.copying(value, dtype))
        return self.memory(target)

    def new(self, shape: tuple[int, ...], dtype: Any, combine: Any = None, start: Any = None) -> Kept:
        """An array that statements will fill; in a loop, one for each turn."""
        target = Kept(shape if self.turns is None else (self.turns.count, *shape), dtype, combine, start)
        target.turns = self.turns
        self.kept.append(target)
        return target

    def fill(self, target: Kept, sizes: Sequence[int], make: Make) -> None:
        """A statement that fills an array; in a loop, in each turn. Several, if it consists of parts that differ."""
        starts = [0] * len(sizes)
        if self.turns is None:
            self._fill(target, list(sizes), starts, make)
            return

        def in_turn(at: Place) -> tuple[Place, Expression]:
            with at_turn(at[0]):
                place, expression = make(at[1:])
            return (place if target.turns is None else (at[0].shifted(target.ahead), *place)), expression

        self._fill(target, [self.turns.count, *sizes], [0, *starts], in_turn)

    def _fill(self, target: Kept, sizes: list[int], starts: list[int], make: Make) -> None:
        labels = [Label(size) for size in sizes]
        try:
            made = Statement(target, labels, starts, make, self.turns)
        except BetweenError as cut:
            if cut.label not in labels[self.turns is not None :]:
                raise NotLowerableError("parts of an array that are not boxes") from None
            axis = labels.index(cut.label)
            for start, stop in ((0, cut.turn), (cut.turn, sizes[axis])):
                part, begin = [*sizes], [*starts]
                part[axis], begin[axis] = stop - start, starts[axis] + start
                self._fill(target, part, begin, make)
        else:
            self.statements.append(made)

    def reduced(
        self, combine: Any, dtype: Any, sizes: Sequence[int], axes: Sequence[int], read: Reader, shape: tuple[int, ...]
    ) -> Value:
        """``read`` at all places of ``sizes``, combined over ``axes``, in the given shape."""
        target = self.new(tuple([n for k, n in enumerate(sizes) if k not in axes]), dtype, combine)

        def make(place: Place) -> tuple[Place, Expression]:
            kept = tuple([index for k, index in enumerate(place) if k not in axes])
            return kept, self.pool.cast(read(place), dtype)

        self.fill(target, sizes, make)
        return self.reshaped(self.memory(target), shape)

    # --- elementwise ---

    def _elementwise(self, step: Deferred) -> Value:
        function = step.function
        if step.options or not is_known(function):
            raise NotLowerableError(f"{function.__name__} has no native form")
        parts = [self.value(argument) for argument in step.arguments]
        dtype = step.dtype
        if dtype.kind == "b":  # numbers are compared in the precision that they have together
            kinds = [a.dtype if hasattr(a, "dtype") else a for a in step.arguments]
            dtype = np.result_type(*kinds)
        require_native(dtype)

        def read(place: Place) -> Expression:
            return self.pool.apply(
                function, [self.pool.cast(part.broadcast_at(place), dtype) for part in parts], step.dtype
            )

        cost = cost_of(function) + sum([part.cost for part in parts])
        return Value(step.shape, step.dtype, read, cost, parts=1 + sum([part.parts - 1 for part in parts]))

    # --- views ---

    def reshaped(self, value: Value, shape: tuple[int, ...]) -> Value:
        """The same elements in another shape."""
        if value.shape == shape:
            return value
        bare, wanted = [n for n in value.shape if n != 1], [n for n in shape if n != 1]
        if bare != wanted and (value.parts > 1 or not _merges(bare, wanted)):
            value = self.keep(value)
            source = value.source
            assert source is not None
            base = base_of(source)
            in_turns = isinstance(base, Kept) and base.turns is not None
            return self.memory(Flat(source, (source.shape[0], *shape) if in_turns else shape))

        def read(place: Place) -> Expression:
            inside = [index for index, n in zip(place, shape, strict=True) if n != 1]
            merged = inside if bare == wanted else _merged(inside, wanted, bare)
            rest = iter(merged)
            return value.at(tuple([Index() if n == 1 else next(rest) for n in value.shape]))

        return value.like(read, shape)


class Flat(Source):
    """Memory in C order seen in another shape."""

    def __init__(self, base: Source, shape: tuple[int, ...]) -> None:
        super().__init__(shape, base.dtype)
        self.base = base_of(base)


def is_strided(source: Source) -> bool:
    """Whether memory has gaps, or another order than C's."""
    return isinstance(source, Memory) and source.strides != row_major(source.shape) and len(source.shape) > 0


def require_native(dtype: np.dtype[Any]) -> None:
    """Refuse numbers that are no type of the machine's."""
    if dtype.kind not in "fbiu" or dtype.itemsize not in ((4, 8) if dtype.kind == "f" else (1, 2, 4, 8)):
        raise NotLowerableError(f"{dtype} has no native form")


def places(labels: Sequence[Label]) -> Place:
    """The indices of loops as a place."""
    return tuple([position(label) for label in labels])


def _merges(bare: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether every axis of ``bare`` is a product of neighbours in ``wanted``."""
    k = 0
    for size in bare:
        product = 1
        while product < size and k < len(wanted):
            product *= wanted[k]
            k += 1
        if product != size:
            return False
    return k == len(wanted)


def _merged(inside: Sequence[Index], wanted: Sequence[int], bare: Sequence[int]) -> list[Index]:
    found, k = [], 0
    for size in bare:
        product, index = 1, Index()
        while product < size:
            index = index.shifted(0, wanted[k]).plus(inside[k])
            product *= wanted[k]
            k += 1
        found.append(index)
    return found


Rule = Callable[..., Value]
RULES: dict[Any, Rule] = {}


def rule(*functions: Any) -> Callable[[Rule], Rule]:
    """Register how calls of functions are lowered."""

    def register(made: Rule) -> Rule:
        for function in functions:
            RULES[function] = made
        return made

    return register


def both(name: str) -> tuple[Any, Any]:
    """A function of NumPy's and the method of its name."""
    return getattr(np, name), getattr(np.ndarray, name)
