"""Steps of a recording as values that are read element by element, and as statements that fill memory.

A view, or an elementwise step, takes no memory: reading an element of it reads elements of its arguments. Reductions
and products are statements, and so is what is worth keeping because several need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.native.callback import Extent, callback
from chainrule.native.functions import cost_of, is_known
from chainrule.native.inner import inner_loop
from chainrule.native.recorded import is_plain
from chainrule.native.registry import RULES
from chainrule.native.rolling import moves
from chainrule.native.scalar import (
    BetweenError,
    Expression,
    Flat,
    Index,
    Label,
    Memory,
    Number,
    Place,
    Pool,
    Read,
    Reader,
    Source,
    merged,
    merges,
    position,
    row_major,
)
from chainrule.native.value import Value, at_turn, now
from chainrule.native.work import Callback, Kept, Make, Statement, Work, base_of
from chainrule.program.deferred import Deferred, needed

__all__ = [
    "MOST_PARTS",
    "WORTH_HOLDING",
    "Lowering",
    "NotLowerableError",
    "Value",
    "at_turn",
    "is_native",
    "is_strided",
    "now",
    "places",
    "require_native",
]

MOST_PARTS = 8  # boxes up to which an array is not put in memory for it
WORTH_KEEPING = 6  # the cost of an element from which it is computed once for several readers
WORTH_HOLDING = 2.5  # and for a product that reads it several times
_DEEP = 128  # and at all: what an element is made of is read, and written, by functions that call themselves


class NotLowerableError(Exception):
    """A step that has no native form."""


class Lowering:
    """The values of the steps of one recording, and the statements in the order in which they can be done."""

    def __init__(self, uses: Mapping[int, int], blas: bool = True, python: bool = False) -> None:
        self.blas = blas  # whether there is a BLAS for products of large matrices
        self.python = python  # whether steps without a native form may be calls of Python
        self.pool = Pool()
        self.uses = uses
        self.factors: set[int] = set()  # steps of which a product reads each element several times
        self.values: dict[int, Value] = {}
        self.kept: list[Kept] = []
        self.statements: list[Work] = []
        self.captured: list[tuple[Memory, Any]] = []
        self._captured: dict[int, Value] = {}
        self.turns: Any = None  # the loop that is being lowered
        self.ahead: list[Work] = []  # what is to be done before it
        self.decomposed: list[tuple[Value, Any, Any]] = []  # matrices, in the turns of which loop, and their factors
        self.elsewhere: Callable[[int], Value | None] = lambda number: None  # steps in the turns of loops

    def mark(self) -> tuple[int, int, int]:
        """Where the lists end: for `reset`."""
        return len(self.kept), len(self.statements), len(self.decomposed)

    def reset(self, mark: tuple[int, int, int]) -> None:
        """Forget what was added since."""
        del self.kept[mark[0] :], self.statements[mark[1] :], self.decomposed[mark[2] :]

    @contextmanager
    def in_a_turn(self) -> Iterator[list[Label]]:
        """Read values as they are in a turn of the loop that is being lowered: its label, or none outside of loops."""
        turn = [] if self.turns is None else [Label(self.turns.count)]
        with at_turn(position(turn[0]) if turn else None):
            yield turn

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
                found = self.capture(argument.known) if argument.is_captured else self.elsewhere(argument.number)
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
            memory = Memory.of(array)
            self.captured.append((memory, array))
            found = self._captured[id(array)] = self.memory(memory)
        return found

    def add(self, step: Deferred) -> None:
        """Lower one step."""
        if step.dtype == object:
            self.values[step.number] = self.lowered(step)
            return
        made = self.values[step.number] = self.lowered(step)
        worth = WORTH_HOLDING if step.number in self.factors else WORTH_KEEPING
        if made.parts > MOST_PARTS or self.is_worth_keeping(made, self.uses.get(step.number, 0), worth):
            self.values[step.number] = self.in_memory(step)

    @staticmethod
    def is_worth_keeping(value: Value, readers: int, worth: float = WORTH_KEEPING) -> bool:
        """Whether the elements of a value had better be computed once, for all its readers or for one."""
        return value.cost >= _DEEP or (value.cost >= worth and readers > 1)

    def lowered(self, step: Deferred) -> Value:
        """The value of one step: by its rule, or what Python makes of it."""
        mark = self.mark()
        try:
            return self._by_rule(step)
        except NotLowerableError:
            self.reset(mark)
            if not self.python:
                raise
            return self.called(step)

    def _by_rule(self, step: Deferred) -> Value:
        function = step.function
        if 0 in step.shape and is_native(step.dtype):
            nothing = Number(step.dtype.type(0), step.dtype)
            return Value(step.shape, step.dtype, lambda place: nothing, 0.0)
        for other in (step, *needed(step)):
            if other.dtype.kind not in "cO":
                require_native(other.dtype)
        rule = RULES.get(function)
        if rule is not None:
            made = rule(self, step, *step.arguments, **step.options)
        elif type(function) is np.ufunc and function.signature is None:
            made = self.elementwise(step)
        else:
            raise NotLowerableError(f"{getattr(function, '__name__', function)} has no native form")
        if made.shape != step.shape:
            raise NotLowerableError(f"{function} gives {made.shape}, not {step.shape}")
        return self._in_its_dtype(made, step.dtype)

    def called(self, step: Deferred) -> Value:
        """The results of a step as its function makes them, which Python calls between loops."""
        results = [step] if step.dtype != object else [np.asarray(part) for part in step.known or ()]
        if not results:
            raise NotLowerableError("several results in each turn of a loop")
        if not self.python or (self.turns is not None and moves((step.arguments, step.options))):
            raise NotLowerableError(f"{getattr(step.function, '__name__', step.function)} has no native form")
        arrays = {other.number: other for other in needed(step) if not other.is_captured}
        values = [self.in_memory(other) for other in arrays.values()]
        targets = [self.new(result.shape, result.dtype) for result in results]
        extents = {number: _extent(value) for number, value in zip(arrays, values, strict=True)}
        function = callback(step, extents, [_extent(self.memory(target)) for target in targets])
        with self.in_a_turn() as turn:
            sources = [self._start(value) for value in values]
            ends = [self._start(self.memory(target)) for target in targets]
        self.do(Callback(ends, sources, function, self.turns, turn))
        made = [self.memory(target) for target in targets]
        return made[0] if step.dtype != object else self.several(made)

    @staticmethod
    def several(values: Sequence[Value]) -> Value:
        """The value of a step that has several results."""
        return Value((), np.dtype(object), lambda place: Number(None, np.dtype(object)), 0.0, several=values)

    def in_memory(self, step: Deferred) -> Value:
        """The value of a step, in memory as it stands; by Python if its parts are no boxes."""
        value = self.value(step)
        if value.source is not None:
            return value
        mark = self.mark()
        try:
            self.values[step.number] = self.keep(value)
        except NotLowerableError:
            self.reset(mark)
            self.values[step.number] = self.called(step)
        return self.values[step.number]

    def held(self, argument: Any, value: Value) -> Value:
        """The value of an argument of a step, in some shape, in memory; so it is for whoever reads it later."""
        kept = self.keep(value)
        if type(argument) is Deferred:
            self.values[argument.number] = self.reshaped(kept, argument.shape)
        return kept

    @staticmethod
    def _start(value: Value) -> Any:
        """The memory of a value, and the place of its first element in it."""
        first = value.at((Index(),) * len(value.shape))
        assert type(first) is Read
        return first.source, first.place

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
        kept = self.kept_copy(value, value.dtype)
        kept.matrix = value.matrix
        return kept

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

    def fill(self, target: Kept, sizes: Sequence[int], make: Make, over: bool = False) -> None:
        """A statement that fills an array; in a loop, in each turn. Several, if it consists of parts that differ.

        It may write ``over`` what is there already.
        """
        if 0 in sizes:
            own = target.shape if target.turns is None else target.shape[1:]
            if target.start is None or 0 in own or over:
                return
            number = Number(target.dtype.type(target.start), target.dtype)
            sizes, make = own, lambda place: (place, number)
        starts = [0] * len(sizes)
        if self.turns is None:
            self._fill(target, list(sizes), starts, make, over)
            return

        def in_turn(at: Place) -> tuple[Place, Expression]:
            with at_turn(at[0]):
                place, expression = make(at[1:])
            return (place if target.turns is None else (at[0].shifted(target.ahead), *place)), expression

        self._fill(target, [self.turns.count, *sizes], [0, *starts], in_turn, over)

    def _fill(self, target: Kept, sizes: list[int], starts: list[int], make: Make, over: bool) -> None:
        labels = [Label(size) for size in sizes]
        try:
            made = Statement(target, labels, starts, make, self.turns, over)
        except BetweenError as cut:
            if cut.label not in labels[self.turns is not None :]:
                raise NotLowerableError("parts of an array that are not boxes") from None
            axis = labels.index(cut.label)
            for start, stop in ((0, cut.turn), (cut.turn, sizes[axis])):
                part, begin = [*sizes], [*starts]
                part[axis], begin[axis] = stop - start, starts[axis] + start
                self._fill(target, part, begin, make, over)
        else:
            self.do(made)

    def do(self, made: Work) -> None:
        """Work, when all before it is done."""
        self.statements.append(made)

    def reduced(
        self, combine: Any, dtype: Any, sizes: Sequence[int], axes: Sequence[int], read: Reader, shape: tuple[int, ...]
    ) -> Value:
        """``read`` at all places of ``sizes``, combined over ``axes``, in the given shape."""
        if np.dtype(dtype).kind not in ("f" if combine in (np.maximum, np.minimum) else "fiu"):
            raise NotLowerableError(f"{combine.__name__} over axes of {dtype} has no native form")
        target = self.new(tuple([n for k, n in enumerate(sizes) if k not in axes]), dtype, combine)

        def make(place: Place) -> tuple[Place, Expression]:
            kept = tuple([index for k, index in enumerate(place) if k not in axes])
            return kept, self.pool.cast(read(place), dtype)

        self.fill(target, sizes, make)
        return self.reshaped(self.summed(target), shape)

    def summed(self, target: Kept) -> Value:
        """A sum in memory, to which more may be added until it is read."""
        value = self.memory(target)
        if target.combine is np.add and target.turns is None:
            value.total = target
        return value

    # --- elementwise ---

    def elementwise(self, step: Deferred) -> Value:
        """A ufunc, on numbers of the types that NumPy would choose for it."""
        if step.options or step.function.nout > 1:
            raise NotLowerableError(f"{step.function.__name__} with options has no native form")
        parts = [self.value(argument) for argument in step.arguments]
        kinds = [
            type(argument) if type(argument) in (int, float) else part.dtype
            for argument, part in zip(step.arguments, parts, strict=True)
        ]
        *wanted, dtype = step.function.resolve_dtypes((*kinds, None))
        for kind in (*wanted, dtype):
            require_native(kind)
        function = self.function_of_numbers(step.function, wanted, dtype)

        def read(place: Place) -> Expression:
            operands = zip(parts, wanted, strict=True)
            return self.pool.apply(
                function, [self.pool.cast(part.broadcast_at(place), kind) for part, kind in operands], dtype
            )

        cost = cost_of(function) + sum([part.cost for part in parts])
        return Value(step.shape, dtype, read, cost, parts=1 + sum([part.parts - 1 for part in parts]))

    def function_of_numbers(self, function: Any, arguments: Sequence[Any], result: Any) -> Any:
        """A ufunc as an expression applies it: by itself, or by its loop."""
        if is_known(function, tuple(arguments), result):
            return function
        found = inner_loop(function, (*arguments, result)) if self.python else None
        if found is None:
            raise NotLowerableError(f"{function.__name__} of {result} has no native form")
        return found

    # --- views ---

    def in_shape(self, source: Source, shape: tuple[int, ...]) -> Value:
        """Memory in C order in some shape; it is read when all of it is there."""
        base = base_of(source)
        in_turns = isinstance(base, Kept) and base.turns is not None
        return self.memory(Flat(source, (source.shape[0], *shape) if in_turns else shape))

    def reshaped(self, value: Value, shape: tuple[int, ...]) -> Value:
        """The same elements in another shape."""
        if value.shape == shape:
            return value
        value = value.before or value
        if value.shape == shape:
            return value
        made = self._in_another_shape(value, shape)
        made.before = value
        return made

    def _in_another_shape(self, value: Value, shape: tuple[int, ...]) -> Value:
        bare, wanted = [n for n in value.shape if n != 1], [n for n in shape if n != 1]
        if bare != wanted and (value.parts > 1 or not merges(bare, wanted)):
            if value.source is None and merges(wanted, bare):
                return self._with_joined_axes(value, shape)
            value = self.keep(value)
            assert value.source is not None
            return self.in_shape(value.source, shape)

        def read(place: Place) -> Expression:
            inside = [index for index, n in zip(place, shape, strict=True) if n != 1]
            rest = iter(inside if bare == wanted else merged(inside, wanted, bare))
            return value.at(tuple([Index() if n == 1 else next(rest) for n in value.shape]))

        return value.like(read, shape)

    def _with_joined_axes(self, value: Value, shape: tuple[int, ...]) -> Value:
        """A value in memory of a shape of which each axis is a product of neighbours of its own."""
        target = self.new(shape, value.dtype)
        wanted = [n for n in shape if n != 1]
        bare = [n for n in value.shape if n != 1]

        def make(place: Place) -> tuple[Place, Expression]:
            inside = [index for index, n in zip(place, value.shape, strict=True) if n != 1]
            rest = iter(merged(inside, bare, wanted))
            return tuple([Index() if n == 1 else next(rest) for n in shape]), value.at(place)

        self.fill(target, value.shape, make)
        return self.memory(target)


def _extent(value: Value) -> Extent:
    """What is known of an array in memory."""
    is_given = isinstance(value.source, Memory)
    return Extent(value.shape, value.source.strides if is_given else row_major(value.shape), value.dtype)  # type: ignore[union-attr]


def is_strided(source: Source) -> bool:
    """Whether memory has gaps, or another order than C's."""
    return isinstance(source, Memory) and source.strides != row_major(source.shape) and len(source.shape) > 0


def is_native(dtype: np.dtype[Any]) -> bool:
    """Whether numbers are of a type of the machine's."""
    return dtype.kind in "fbiu" and dtype.itemsize in ((4, 8) if dtype.kind == "f" else (1, 2, 4, 8))


def require_native(dtype: np.dtype[Any]) -> None:
    """Refuse numbers that are of no type of the machine's."""
    if not is_native(dtype):
        raise NotLowerableError(f"{dtype} has no native form")


def places(labels: Sequence[Label]) -> Place:
    """The indices of loops as a place."""
    return tuple([position(label) for label in labels])
