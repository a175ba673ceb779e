"""Products of arrays summed over axes that they share: as loops, or by BLAS where that is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from math import prod
from typing import Any

import numpy as np

from chainrule.native.lowering import WORTH_HOLDING, Lowering, NotLowerableError, Value
from chainrule.native.registry import BOTH, LATER, both, rule
from chainrule.native.rules.lying import lying, read_of
from chainrule.native.scalar import Expression, Label, Place
from chainrule.native.work import Multiplication, Operand, stride_in_order
from chainrule.program.deferred import Deferred


def contracted(
    low: Lowering, step: Deferred, operands: Sequence[Any], labels: Sequence[Sequence[Any]], out: Sequence[Any]
) -> Value:
    """A product of arrays with named axes, summed over the names that are not in ``out``."""
    values: Sequence[Value] = [low.value(operand) for operand in operands]
    sizes = _sizes(values, labels)
    axes = _matrix_axes(step, labels, out, sizes) if low.blas else None
    if axes is None and set(out) < set(sizes):
        values, labels, out = _with_axes_apart(low, values, labels, out)
        sizes = _sizes(values, labels)
    names = [*out, *[name for name in sizes if name not in out]]
    volume = prod(sizes.values())
    kept = []
    for operand, value, own in zip(operands, values, labels, strict=True):
        times = volume // max(prod([sizes[name] for name in set(own)]), 1)
        if times > 1 and value.cost >= WORTH_HOLDING:
            value = low.held(operand, value)
        kept.append(low.keep(value) if times >= _MANY and _is_far(low, value) else value)

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

    if axes is not None:
        return _multiplied(low, step, kept, labels, out, sizes, axes)
    shape = [sizes[name] for name in names]
    if len(names) == len(out):
        return Value(step.shape, step.dtype, read, sum([value.cost for value in kept]) + len(kept) - 1)
    return low.reduced(np.add, step.dtype, shape, range(len(out), len(names)), read, step.shape)


_MANY = 64  # times that an element is read, from which it is brought next to its neighbours


def _is_far(low: Lowering, value: Value) -> bool:
    """Whether an array lies in memory without having neighbours next to each other along any axis."""
    found = lying(low, value)
    return found is not None and not any([abs(stride) == 1 for stride in found])


_WORTH_CALLING = 8192  # multiplications from which BLAS is better than loops


def _sizes(values: Sequence[Value], labels: Sequence[Sequence[Any]]) -> dict[Any, int]:
    """How long the axis of each name is."""
    sizes: dict[Any, int] = {}
    for value, names in zip(values, labels, strict=True):
        for name, size in zip(names, value.shape, strict=True):
            sizes[name] = size if sizes.get(name, 1) == 1 else sizes[name]
    return sizes


def _with_axes_apart(
    low: Lowering, values: Sequence[Value], labels: Sequence[Sequence[Any]], out: Sequence[Any]
) -> tuple[Sequence[Value], Sequence[Sequence[Any]], Sequence[Any]]:
    """The same with axes as they were before they were joined, so that loops over them are those of other steps."""
    factors: dict[Any, set[tuple[int, ...]]] = {}
    for value, own in zip(values, labels, strict=True):
        known = None if value.before is None else _factors(value.shape, value.before.shape)
        for name, size, found in zip(own, value.shape, known or [()] * len(own), strict=True):
            factors.setdefault(name, set()).add(found if len(found) > 1 else (size,))
    apart = {name: max(found, key=len) for name, found in factors.items()}
    has_one_way = all([found <= {apart[name], (prod(apart[name]),)} for name, found in factors.items()])
    if not has_one_way or any([value.parts > 1 for value in values]):
        return values, labels, out
    split = {name: [(name, k) for k, _ in enumerate(apart[name])] for name in apart}
    shapes = [[size for name in own for size in apart[name]] for own in labels]
    names = [[part for name in own for part in split[name]] for own in labels]
    turned = [low.reshaped(value, tuple(shape)) for value, shape in zip(values, shapes, strict=True)]
    return turned, names, [part for name in out for part in split[name]]


def _factors(shape: Sequence[int], before: Sequence[int]) -> list[tuple[int, ...]] | None:
    """The axes that each axis of a shape was joined from; None if that is not what was done."""
    if 0 in before:
        return None
    rest = iter([size for size in before if size != 1])
    found = []
    for size in shape:
        own: tuple[int, ...] = ()
        while prod(own) < size:
            own = (*own, next(rest, size + 1))
        if prod(own) != size:
            return None
        found.append(own)
    return found


def _matrix_axes(
    step: Deferred, labels: Sequence[Sequence[Any]], out: Sequence[Any], sizes: Mapping[Any, int]
) -> tuple[Any, Any, Any] | None:
    """The axes of the rows, of the sum, and of the columns, if it is a product of large matrices."""
    if len(labels) != 2 or step.dtype.kind != "f":
        return None
    first, second = [[name for name in own if sizes[name] != 1] for own in labels]
    summed = [name for name in first if name in second and name not in out]
    rows, columns = [name for name in first if name not in second], [name for name in second if name not in first]
    if [len(rows), len(summed), len(columns)] != [1, 1, 1]:
        return None
    if not {*rows, *columns} <= set(out) or any([len(set(own)) < len(own) for own in labels]):
        return None
    (row,), (inner,), (column,) = rows, summed, columns
    shape = sizes[row], sizes[inner], sizes[column]
    if prod(shape) < _WORTH_CALLING or min(shape) < 4:
        return None
    last = [name for name in out if sizes[name] != 1][-1]
    return (row, inner, column) if last in (row, column) else None


def _multiplied(
    low: Lowering,
    step: Deferred,
    values: Sequence[Value],
    labels: Sequence[Sequence[Any]],
    out: Sequence[Any],
    sizes: Mapping[Any, int],
    axes: tuple[Any, Any, Any],
) -> Value:
    """The product by BLAS."""
    row, inner, column = axes
    if list(out).index(row) > list(out).index(column):
        values, labels, row, column = values[::-1], labels[::-1], column, row
    stack = [name for name in labels[0] if sizes[name] != 1 and name in labels[1] and name in out]
    target = low.new(tuple([sizes[name] for name in out]), step.dtype)
    labels_of = {name: Label(sizes[name]) for name in (*stack, row, inner, column)}
    with low.in_a_turn() as turn:
        operands = (
            _operand(low, values[0], labels[0], labels_of, (row, inner), step.dtype),
            _operand(low, values[1], labels[1], labels_of, (inner, column), step.dtype),
            _operand(low, low.memory(target), out, labels_of, (row, column), step.dtype),
        )
    low.do(Multiplication(target, [*turn, *[labels_of[name] for name in stack]], operands, low.turns))
    return low.reshaped(low.memory(target), step.shape)


def _operand(
    low: Lowering, value: Value, names: Sequence[Any], labels: Mapping[Any, Label], axes: tuple[Any, Any], dtype: Any
) -> Operand:
    """A value as matrices in memory."""
    read = read_of(value, [labels.get(name) or Label(1) for name in names]) if value.dtype == dtype else None
    if read is not None:
        row, column = [labels[axis] for axis in axes]
        down, across = [stride_in_order(read.source, read.place, label) for label in (row, column)]
        if (across == 1 and down >= column.size) or (down == 1 and across >= row.size):
            return Operand(read.source, read.place, row, column)
    return _operand(low, low.kept_copy(value, dtype), names, labels, axes, dtype)


@rule(np.matmul, *both("dot"), reads_again=True, factors=BOTH)
def _matmul(low: Lowering, step: Deferred, a: Any, b: Any) -> Value:
    left, right = len(a.shape), len(b.shape)
    if step.function is not np.matmul and (max(left, right) > 2 or min(left, right) == 0):
        raise NotLowerableError("dot of numbers, or of arrays of more than two axes")
    batch = [f"batch{k}" for k in range(max(left, right) - 2)]
    first = [*batch[len(batch) - (left - 2) :], "row", "sum"] if left > 1 else ["sum"]
    second = [*batch[len(batch) - (right - 2) :], "sum", "column"] if right > 1 else ["sum"]
    out = [*batch, *(["row"] if left > 1 else []), *(["column"] if right > 1 else [])]
    return contracted(low, step, (a, b), (first, second), out)


@rule(np.einsum, factors=LATER)
def _einsum(low: Lowering, step: Deferred, subscripts: str, *operands: Any, **_: Any) -> Value:
    inputs, out = subscripts.replace(" ", "").split("->")
    return contracted(low, step, operands, inputs.split(","), out)


@rule(np.tensordot, reads_again=True, factors=BOTH)
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


@rule(np.inner, reads_again=True, factors=BOTH)
def _inner(low: Lowering, step: Deferred, a: Any, b: Any) -> Value:
    if not len(a.shape) or not len(b.shape):
        raise NotLowerableError("inner products of numbers")
    left, right = [f"left{k}" for k in range(len(a.shape) - 1)], [f"right{k}" for k in range(len(b.shape) - 1)]
    return contracted(low, step, (a, b), ([*left, "sum"], [*right, "sum"]), [*left, *right])


@rule(np.outer, factors=BOTH)
def _outer(low: Lowering, step: Deferred, a: Any, b: Any) -> Value:
    flat = [low.reshaped(low.value(operand), (size,)) for operand, size in zip((a, b), step.shape, strict=True)]

    def read(place: Place) -> Expression:
        factors = [low.pool.cast(value.at((index,)), step.dtype) for value, index in zip(flat, place, strict=True)]
        return low.pool.apply(np.multiply, factors, step.dtype)

    return Value(step.shape, step.dtype, read, 1 + sum([value.cost for value in flat]))
