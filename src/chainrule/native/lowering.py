"""Steps of a recording as values that are read element by element, and as statements that fill memory.

A view, or an elementwise step, takes no memory: reading an element of it reads elements of its arguments. Reductions
and products are statements, and so is what is worth keeping because several need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.functions import scatter
from chainrule.native.machine_functions import cost_of, is_known
from chainrule.native.scalar import Expression, Index, Label, Memory, Number, Place, Pool, Read, Reader, Source, position, row_major
from chainrule.native.work import Kept, Multiplication, Operand, Statement
from chainrule.program.deferred import METHOD, Deferred

__all__ = ["Lowering", "NotLowerableError", "Value"]

_WORTH_KEEPING = 6  # the cost of an element from which it is computed once for several readers


class NotLowerableError(Exception):
    """A step that has no native form."""


@dataclass
class Value:
    """An array as what one element of it is; ``cost`` is roughly that of computing it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Reader
    cost: float = 1.0
    source: Source | None = None  # where it is memory as it stands
    known: dict[Place, Expression] = field(default_factory=dict)

    def at(self, place: Place) -> Expression:
        """The element at a place."""
        found = self.known.get(place)
        if found is None:
            found = self.known[place] = self.read(place)
        return found

    def broadcast_at(self, place: Place) -> Expression:
        """The element for a place in a result that it is stretched to."""
        own = place[len(place) - len(self.shape) :]
        return self.at(tuple([Index() if size == 1 else index for index, size in zip(own, self.shape, strict=True)]))


class Lowering:
    """The values of the steps of one recording, and the statements in the order in which they can be done."""

    def __init__(self, uses: Mapping[int, int]) -> None:
        self.pool = Pool()
        self.uses = uses
        self.values: dict[int, Value] = {}
        self.kept: list[Kept] = []
        self.statements: list[Statement | Multiplication] = []
        self.captured: list[tuple[Memory, Any]] = []
        self._captured: dict[int, Value] = {}

    # --- values ---

    def memory(self, source: Source) -> Value:
        """An array in memory as a value."""
        return Value(source.shape, source.dtype, lambda place: self.pool.read(source, place), 1.0, source)

    def value(self, argument: Any) -> Value:
        """An argument of a step as a value."""
        if type(argument) is Deferred:
            return self.values[argument.number]
        array = np.asarray(argument)
        if array.size != 1:
            return self.capture(array)
        number = Number(array.reshape(())[()], array.dtype)
        return Value(array.shape, array.dtype, lambda place: number, 0.0)

    def capture(self, array: Any) -> Value:
        """An array that is no argument, read where it lies."""
        found = self._captured.get(id(array))
        if found is None:
            memory = Memory(array.shape, array.dtype, tuple([step // array.itemsize for step in array.strides]))
            self.captured.append((memory, array))
            found = self._captured[id(array)] = self.memory(memory)
        return found

    def add(self, step: Deferred) -> None:
        """Lower one step."""
        function = step.function
        if type(function) is np.ufunc and function.signature is None:
            made = self._elementwise(step)
        else:
            rule = RULES.get(function)
            if rule is None:
                raise NotLowerableError(f"{getattr(function, '__name__', function)} has no native form")
            made = rule(self, step, *step.arguments, **step.options)
        if made.shape != step.shape:
            raise NotLowerableError(f"{function} gives {made.shape}, not {step.shape}")
        made = self._in_its_dtype(made, step.dtype)
        if made.cost >= _WORTH_KEEPING and self.uses.get(step.number, 0) > 1:
            made = self.keep(made)
        self.values[step.number] = made

    def _in_its_dtype(self, made: Value, dtype: np.dtype[Any]) -> Value:
        if made.dtype == dtype:
            return made
        return Value(made.shape, dtype, lambda place: self.pool.cast(made.at(place), dtype), made.cost)

    def keep(self, value: Value) -> Value:
        """The value in memory."""
        if value.source is not None and not is_strided(value.source):
            return value
        target = self.new(value.shape, value.dtype)
        self.fill(target, value.shape, lambda labels: (places(labels), value.at(places(labels))))
        return self.memory(target)

    def kept_copy(self, value: Value, dtype: Any) -> Value:
        """The value in memory of its own."""
        target = self.new(value.shape, dtype)
        self.fill(target, value.shape, lambda labels: (places(labels), self.pool.cast(value.at(places(labels)), dtype)))
        return self.memory(target)

    def new(self, shape: tuple[int, ...], dtype: Any, combine: Any = None, start: Any = None) -> Kept:
        """An array that statements will fill."""
        target = Kept(shape, dtype, combine, start)
        self.kept.append(target)
        return target

    def fill(
        self, target: Kept, sizes: Sequence[int], make: Callable[[Sequence[Label]], tuple[Place, Expression]]
    ) -> None:
        """A statement that fills an array."""
        self.statements.append(Statement(target, sizes, make))

    def reduced(
        self, combine: Any, dtype: Any, sizes: Sequence[int], axes: Sequence[int], read: Reader, shape: tuple[int, ...]
    ) -> Value:
        """``read`` at all places of ``sizes``, combined over ``axes``; the rest are the axes longer than 1 of ``shape``."""
        target = self.new(tuple([n for k, n in enumerate(sizes) if k not in axes]), dtype, combine)

        def make(labels: Sequence[Label]) -> tuple[Place, Expression]:
            place = places(labels)
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
        if dtype.kind not in "fbiu" or dtype.itemsize < (4 if dtype.kind == "f" else 1):
            raise NotLowerableError(f"{dtype} has no native form")

        def read(place: Place) -> Expression:
            return self.pool.apply(
                function, [self.pool.cast(part.broadcast_at(place), dtype) for part in parts], step.dtype
            )

        cost = cost_of(function) + sum([part.cost for part in parts])
        return Value(step.shape, step.dtype, read, cost)

    # --- views ---

    def reshaped(self, value: Value, shape: tuple[int, ...]) -> Value:
        """The same elements in another shape."""
        if value.shape == shape:
            return value
        bare, wanted = [n for n in value.shape if n != 1], [n for n in shape if n != 1]
        if bare != wanted and not _merges(bare, wanted):
            value = self.keep(value)
            source = value.source
            assert source is not None
            flat = Flat(source, shape)
            return Value(shape, value.dtype, lambda place: self.pool.read(flat, place), 1.0, flat)

        def read(place: Place) -> Expression:
            inside = [index for index, n in zip(place, shape, strict=True) if n != 1]
            merged = inside if bare == wanted else _merged(inside, wanted, bare)
            rest = iter(merged)
            return value.at(tuple([Index() if n == 1 else next(rest) for n in value.shape]))

        return Value(shape, value.dtype, read, value.cost)


class Flat(Source):
    """Memory in C order seen in another shape."""

    def __init__(self, base: Source, shape: tuple[int, ...]) -> None:
        super().__init__(shape, base.dtype)
        self.base = base


def is_strided(source: Source) -> bool:
    """Whether memory has gaps, or another order than C's."""
    return isinstance(source, Memory) and source.strides != row_major(source.shape) and len(source.shape) > 0


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


# --- rules for NumPy's functions ---------------------------------------------------------------------------------------

Rule = Callable[..., Value]
RULES: dict[Any, Rule] = {}


def rule(*functions: Any) -> Callable[[Rule], Rule]:
    """Register how calls of functions are lowered."""

    def register(made: Rule) -> Rule:
        for function in functions:
            RULES[function] = made
        return made

    return register


def _both(name: str) -> tuple[Any, Any]:
    return getattr(np, name), getattr(np.ndarray, name)


@rule(*_both("reshape"), *_both("ravel"), np.ndarray.flatten, *_both("squeeze"), np.expand_dims)
def _reshape(low: Lowering, step: Deferred, array: Any, *_: Any, **options: Any) -> Value:
    if options.get("order", "C") != "C":
        raise NotLowerableError("a reshape in another order")
    return low.reshaped(low.value(array), step.shape)


@rule(*_both("copy"), np.ascontiguousarray, np.ndarray.astype)
def _same(low: Lowering, step: Deferred, array: Any, *_: Any, **__: Any) -> Value:
    return low.reshaped(low.value(array), step.shape)


@rule(np.zeros_like, np.ones_like)
def _filled(low: Lowering, step: Deferred, array: Any, *_: Any, **__: Any) -> Value:
    number = Number(step.dtype.type(step.function is np.ones_like), step.dtype)
    return Value(step.shape, step.dtype, lambda place: number, 0.0)


@rule(*_both("transpose"), *_both("swapaxes"), np.moveaxis, np.matrix_transpose, np.permute_dims)
def _transpose(low: Lowering, step: Deferred, array: Any, *rest: Any, **options: Any) -> Value:
    value = low.value(array)
    probe = np.empty(tuple(range(2, 2 + len(value.shape))), np.int8)  # sizes that tell the axes apart
    axes = [n - 2 for n in step.function(probe, *rest, **options).shape]

    def read(place: Place) -> Expression:
        return value.at(tuple([place[axes.index(k)] for k in range(len(axes))]))

    return Value(step.shape, value.dtype, read, value.cost)


@rule(np.broadcast_to)
def _broadcast(low: Lowering, step: Deferred, array: Any, *_: Any, **__: Any) -> Value:
    value = low.value(array)
    return Value(step.shape, value.dtype, value.broadcast_at, value.cost)


@rule(np.flip)
def _flip(low: Lowering, step: Deferred, array: Any, axis: Any = None) -> Value:
    value = low.value(array)
    rank = len(value.shape)
    axes = range(rank) if axis is None else [k % rank for k in ((axis,) if isinstance(axis, int) else axis)]

    def read(place: Place) -> Expression:
        turned = [
            index.shifted(n - 1, -1) if k in axes else index
            for k, (index, n) in enumerate(zip(place, value.shape, strict=True))
        ]
        return value.at(tuple(turned))

    return Value(step.shape, value.dtype, read, value.cost)


@rule(*_both("diagonal"))
def _diagonal(low: Lowering, step: Deferred, array: Any, *rest: Any, **options: Any) -> Value:
    value = low.value(array)
    if rest or options or len(value.shape) != 2:
        raise NotLowerableError("an unusual diagonal")
    return Value(step.shape, value.dtype, lambda place: value.at((place[0], place[0])), value.cost)


@rule(np.ndarray.__getitem__)
def _getitem(low: Lowering, step: Deferred, array: Any, index: Any) -> Value:
    value = low.value(array)
    axes = selection(low, value.shape, index, step.shape)
    looked_up = any([type(chosen) is not tuple and chosen is not None for chosen in axes])

    def read(place: Place) -> Expression:
        return value.at(tuple([chosen(place) for chosen in axes]))

    return Value(step.shape, value.dtype, read, value.cost + 2 * looked_up)


def selection(
    low: Lowering, shape: Sequence[int], index: Any, result: tuple[int, ...]
) -> list[Callable[[Place], Index]]:
    """For each axis of an array, the position in it of an element of ``array[index]``."""
    entries = list(index) if type(index) is tuple else [index]
    taken = sum([entry is not None and entry is not Ellipsis for entry in entries])
    if Ellipsis not in [entry for entry in entries if not hasattr(entry, "shape")]:
        entries.append(Ellipsis)
    at = next(k for k, entry in enumerate(entries) if entry is Ellipsis)
    entries[at : at + 1] = [slice(None)] * (len(shape) - taken)
    tables = [k for k, entry in enumerate(entries) if hasattr(entry, "shape") and entry.shape]
    block = max([len(entries[k].shape) for k in tables], default=0)
    together = not tables or tables[-1] - tables[0] + 1 == len(tables)
    if tables and not together:
        raise NotLowerableError("integer arrays apart from each other in an index")
    found: list[Callable[[Place], Index]] = []
    sizes, out, start = iter(shape), 0, None
    for k, entry in enumerate(entries):
        if entry is None:
            out += 1
        elif k in tables:
            if start is None:
                start, out = out, out + block
            found.append(_looked_up(low, low.value(entry), start, block, next(sizes)))
        elif isinstance(entry, slice):
            found.append(_sliced(entry.indices(next(sizes)), out))
            out += 1
        elif isinstance(entry, int | np.integer):
            found.append(_fixed(int(entry) % next(sizes)))
        else:
            raise NotLowerableError(f"an index with {entry!r}")
    if out != len(result):
        raise NotLowerableError("an index whose axes are not in order")
    return found


def _fixed(at: int) -> Callable[[Place], Index]:
    return lambda place: Index(at)


def _sliced(bounds: tuple[int, int, int], out: int) -> Callable[[Place], Index]:
    start, _, step = bounds
    return lambda place: place[out].shifted(start, step)


def _looked_up(low: Lowering, table: Value, start: int, block: int, size: int) -> Callable[[Place], Index]:
    def at(place: Place) -> Index:
        entry = low.pool.cast(table.broadcast_at(place[start : start + block]), np.int64)
        return Index(0, (), ((low.pool.apply("within", (entry, Number(size, np.dtype(np.int64))), np.int64), 1),))

    return at


@rule(np.where)
def _where(low: Lowering, step: Deferred, condition: Any, a: Any, b: Any) -> Value:
    parts = [low.value(value) for value in (condition, a, b)]

    def read(place: Place) -> Expression:
        chosen, first, second = (part.broadcast_at(place) for part in parts)
        return low.pool.apply(
            np.where,
            (low.pool.cast(chosen, bool), low.pool.cast(first, step.dtype), low.pool.cast(second, step.dtype)),
            step.dtype,
        )

    return Value(step.shape, step.dtype, read, 1 + sum([part.cost for part in parts]))


# --- reductions and products ---


def _axes(axis: Any, rank: int) -> list[int]:
    return list(range(rank)) if axis is None else [k % rank for k in ((axis,) if isinstance(axis, int) else axis)]


def _reduction(combine: Any) -> Rule:
    def made(low: Lowering, step: Deferred, array: Any, axis: Any = None, **options: Any) -> Value:
        value = low.value(array)
        axes = _axes(axis, len(value.shape))
        dtype = step.dtype
        return low.reduced(combine, dtype, value.shape, axes, value.at, step.shape)

    return made


def _ufunc_reduction(combine: Any) -> Rule:
    whole = _reduction(combine)

    def made(
        low: Lowering,
        step: Deferred,
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
    ) -> Value:
        return whole(low, step, array, axis)

    return made


for _name, _combine in (("sum", np.add), ("prod", np.multiply), ("max", np.maximum), ("min", np.minimum)):
    rule(*_both(_name))(_reduction(_combine))
    rule(_combine.reduce)(_ufunc_reduction(_combine))


@rule(*_both("mean"))
def _mean(low: Lowering, step: Deferred, array: Any, axis: Any = None, **options: Any) -> Value:
    value = low.value(array)
    number = prod([value.shape[k] for k in _axes(axis, len(value.shape))])
    total = RULES[np.sum](low, step, array, axis)
    divisor = Number(step.dtype.type(number), step.dtype)
    return Value(
        step.shape,
        step.dtype,
        lambda place: low.pool.apply(np.divide, (total.at(place), divisor), step.dtype),
        total.cost + 3,
    )


def contracted(
    low: Lowering, step: Deferred, operands: Sequence[Any], labels: Sequence[Sequence[Any]], out: Sequence[Any]
) -> Value:
    """A product of arrays with named axes, summed over the names that are not in ``out``."""
    values = [low.value(operand) for operand in operands]
    sizes: dict[Any, int] = {}
    for value, names in zip(values, labels, strict=True):
        for name, size in zip(names, value.shape, strict=True):
            sizes[name] = max(size, sizes.get(name, 1))
    names = [*out, *[name for name in sizes if name not in out]]
    volume = prod(sizes.values())
    kept = []
    for value, own in zip(values, labels, strict=True):
        read_again = volume > prod([sizes[name] for name in set(own)])
        kept.append(low.keep(value) if read_again and value.cost > 2 else value)

    def read(place: Place) -> Expression:
        where = dict(zip(names, place, strict=True))
        factors = [
            low.pool.cast(value.broadcast_at(tuple([where[name] for name in own])), step.dtype)
            for value, own in zip(kept, labels, strict=True)
        ]
        product = factors[0]
        for factor in factors[1:]:
            product = low.pool.apply(np.multiply, (product, factor), step.dtype)
        return product

    if len(kept) == 2:
        multiplied = _multiplied(low, step, kept, labels, out, sizes)
        if multiplied is not None:
            return multiplied
    shape = [sizes[name] for name in names]
    if len(names) == len(out):
        return Value(step.shape, step.dtype, read, sum([value.cost for value in kept]) + len(kept) - 1)
    return low.reduced(np.add, step.dtype, shape, range(len(out), len(names)), read, step.shape)


_WORTH_CALLING = 8192  # multiplications from which BLAS is better than loops


def _multiplied(
    low: Lowering,
    step: Deferred,
    values: Sequence[Value],
    labels: Sequence[Sequence[Any]],
    out: Sequence[Any],
    sizes: Mapping[Any, int],
) -> Value | None:
    """The product by BLAS, if it is one of large matrices."""
    first, second = [[name for name in own if sizes[name] != 1] for own in labels]
    summed = [name for name in first if name in second and name not in out]
    stack = [name for name in first if name in second and name in out]
    rows, columns = [name for name in first if name not in second], [name for name in second if name not in first]
    if [len(rows), len(summed), len(columns)] != [1, 1, 1] or step.dtype.kind != "f":
        return None
    if not {*rows, *columns} <= set(out) or any([len(set(own)) < len(own) for own in labels]):
        return None
    (row,), (inner,), (column,) = rows, summed, columns
    shape = sizes[row], sizes[inner], sizes[column]
    if prod(shape) < _WORTH_CALLING or min(shape) < 4:
        return None
    if list(out).index(row) > list(out).index(column):
        values, labels, row, column = values[::-1], labels[::-1], column, row
    target = low.new(tuple([sizes[name] for name in out]), step.dtype)
    turns = {name: Label(sizes[name]) for name in stack}
    left = _operand(low, values[0], labels[0], turns, (row, inner), step.dtype)
    right = _operand(low, values[1], labels[1], turns, (inner, column), step.dtype)
    result = _operand(low, low.memory(target), out, turns, (row, column), step.dtype)
    if result.strides[1] != 1:
        return None
    low.statements.append(
        Multiplication(target, list(turns.values()), (sizes[row], sizes[inner], sizes[column]), left, right, result)
    )
    return low.reshaped(low.memory(target), step.shape)


def _operand(
    low: Lowering, value: Value, names: Sequence[Any], turns: Mapping[Any, Label], axes: tuple[Any, Any], dtype: Any
) -> Operand:
    """A value as matrices in memory."""
    whole = {axis: Label(value.shape[list(names).index(axis)]) for axis in axes}
    place = places([whole.get(name) or turns.get(name) or Label(1) for name in names])
    read = value.at(place) if value.dtype == dtype else None
    if type(read) is Read:
        strides = strides_of(read.source)
        found = [sum([by * stride for index, stride in zip(read.place, strides, strict=True)
                      for label, by in index.steps if label is whole[axis]]) for axis in axes]
        sizes = [whole[axis].size for axis in axes]
        unit = found[1] == 1 and found[0] >= sizes[1] or found[0] == 1 and found[1] >= sizes[0]
        if unit and not any([index.looked_up for index in read.place]):
            start = tuple([Index(index.start, tuple([(label, by) for label, by in index.steps if label not in whole.values()]))
                           for index in read.place])
            return Operand(read.source, start, (found[0], found[1]))
    return _operand(low, low.kept_copy(value, dtype), names, turns, axes, dtype)


def strides_of(source: Source) -> tuple[int, ...]:
    """The strides of memory, in elements."""
    return source.strides if isinstance(source, Memory) else row_major(source.shape)


@rule(np.matmul, *_both("dot"))
def _matmul(low: Lowering, step: Deferred, a: Any, b: Any) -> Value:
    left, right = len(a.shape), len(b.shape)
    if step.function is not np.matmul and max(left, right) > 2:
        raise NotLowerableError("dot of arrays of more than two axes")
    batch = [f"batch{k}" for k in range(max(left, right) - 2)]
    first = [*batch[len(batch) - (left - 2) :], "row", "sum"] if left > 1 else ["sum"]
    second = [*batch[len(batch) - (right - 2) :], "sum", "column"] if right > 1 else ["sum"]
    out = [*batch, *(["row"] if left > 1 else []), *(["column"] if right > 1 else [])]
    return contracted(low, step, (a, b), (first, second), out)


@rule(np.einsum)
def _einsum(low: Lowering, step: Deferred, subscripts: str, *operands: Any, **_: Any) -> Value:
    inputs, out = subscripts.replace(" ", "").split("->")
    return contracted(low, step, operands, inputs.split(","), out)


@rule(np.tensordot)
def _tensordot(low: Lowering, step: Deferred, a: Any, b: Any, axes: Any = 2) -> Value:
    if isinstance(axes, int):
        axes = range(len(a.shape) - axes, len(a.shape)), range(axes)
    first = [k % len(a.shape) for k in ([axes[0]] if isinstance(axes[0], int) else axes[0])]
    second = [k % len(b.shape) for k in ([axes[1]] if isinstance(axes[1], int) else axes[1])]
    fresh = count()
    left = [next(fresh) for _ in a.shape]
    right = [left[first[second.index(k)]] if k in second else next(fresh) for k in range(len(b.shape))]
    out = [n for k, n in enumerate(left) if k not in first] + [n for k, n in enumerate(right) if k not in second]
    return contracted(low, step, (a, b), (left, right), out)


# --- putting together ---


@rule(np.take, np.ndarray.take)
def _take(low: Lowering, step: Deferred, array: Any, indices: Any, axis: Any = None) -> Value:
    if axis is None:
        raise NotLowerableError("take from the flat array")
    before = (slice(None),) * (axis % len(array.shape))
    return _getitem(low, step, array, (*before, indices))


@rule(scatter)
def _scatter(low: Lowering, step: Deferred, values: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Value:
    value = low.value(values)
    entries = [
        entry.known if type(entry) is Deferred and entry.is_captured else entry for entry in index
    ]
    sizes = _extent(shape, entries)
    axes = selection(low, shape, tuple(index), sizes)
    target = low.new(step.shape, step.dtype, np.add)

    def make(labels: Sequence[Label]) -> tuple[Place, Expression]:
        place = places(labels)
        return tuple([chosen(place) for chosen in axes]), low.pool.cast(value.broadcast_at(place), step.dtype)

    low.fill(target, sizes, make)
    return low.memory(target)


def _extent(shape: tuple[int, ...], index: Sequence[Any]) -> tuple[int, ...]:
    return np.broadcast_to(np.int8(0), shape)[
        tuple([np.zeros(entry.shape, int) if hasattr(entry, "shape") and entry.shape else entry for entry in index])
    ].shape


@rule(np.concatenate, np.stack)
def _joined(low: Lowering, step: Deferred, arrays: Sequence[Any], axis: int = 0) -> Value:
    parts = [low.value(array) for array in arrays]
    k = axis % len(step.shape)
    target = low.new(step.shape, step.dtype)
    start = 0
    for part in parts:
        if step.function is np.stack:
            part = low.reshaped(part, (*part.shape[:k], 1, *part.shape[k:]))
        low.fill(target, part.shape, _piece(low, part, k, start, step.dtype))
        start += part.shape[k]
    return low.memory(target)


def _piece(low: Lowering, part: Value, k: int, start: int, dtype: Any) -> Any:
    def make(labels: Sequence[Label]) -> tuple[Place, Expression]:
        place = places(labels)
        moved = (*place[:k], place[k].shifted(start), *place[k + 1 :])
        return moved, low.pool.cast(part.at(place), dtype)

    return make


assert METHOD is type(np.ndarray.sum)
