"""How a product of labelled factors is summed: decided once for each structure, then written out as a plan.

Each factor is first reduced by itself; then two at a time are multiplied, by broadcasting where nothing is summed and
by BLAS where something is. Diagonals go first, opaque factors are applied, numbers wait for the smallest array.

Factors may be tracked tensors, so a plan uses operators, methods and NumPy functions that dispatch; where a method
of plain arrays is much cheaper than the operator (`dot`, `take`), it asks for the exact type first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import Any

import opt_einsum

from chainrule.linear.script import THIN, Script, Value, layout_of, reshaped, size_of, transposed, write_layout
from chainrule.linear.term import Factor

__all__ = ["plan_contraction", "write_contraction"]

_EINSUM_FROM = 4096  # numbers in an operand from which einsum beats multiply-then-sum, which needs a temporary
_LONG_STACK = 1024  # numbers in the matrices of a stack up to which einsum wins where the stack is the last axis
_MANY_OPERANDS = 5  # from which on the order of contraction is chosen greedily
_SMALL_MATRIX = 64  # numbers in the matrices of a stack up to which einsum beats one call of BLAS for each


@lru_cache(maxsize=1 << 14)
def plan_contraction(
    operands: tuple[Factor, ...], output: tuple[int, ...], sizes: tuple[int, ...]
) -> Callable[..., Any]:
    """Plan ``result[output] = Σ Π operands``, the sum running over every label that is not in ``output``.

    Args:
        operands: the labels of each operand's axes; a label repeated within one takes the diagonal. An opaque
            operand has the labels (batch…, output, input).
        output: the labels of the result's axes, each at most once. A label that no operand carries gives an axis of
            size 1 (the result is constant along it), and so does THIN.
        sizes: the size of each label ``0 … len(sizes)-1``. One that is summed and that no operand carries multiplies
            the result by its size.

    Returns:
        A function of the operands (arrays, tracked tensors, Python numbers where there are no labels). Its result may
        be a view of an operand, or the operand itself. dtypes follow NumPy; float32 stays float32.

    Raises:
        ValueError: a label occurs twice in ``output``.

    >>> import numpy as np
    >>> plan = plan_contraction((Factor((0, 1)), Factor((1, 2))), (2, 0), (2, 3, 4))
    >>> plan(np.ones((2, 3)), np.ones((3, 4))).shape
    (4, 2)
    """
    kept = [label for label in output if label >= 0]
    if len(set(kept)) != len(kept):
        raise ValueError(f"the output labels {output} name one label twice; each may occur once")
    names = [f"x{k}" for k in range(len(operands))]
    script = Script(*names)
    values = [Value(name, f.labels, f.opaque, bool(f.labels)) for name, f in zip(names, operands, strict=True)]
    carried = {label for operand in operands for label in operand.labels}.union(kept)
    scale = prod([size for label, size in enumerate(sizes) if label not in carried])
    return script.finish(write_contraction(script, values, output, sizes, scale).name)


# --- one value --------------------------------------------------------------------------------------------------------


def _settle(script: Script, value: Value, needed: Collection[int], sizes: Sequence[int]) -> Value:
    """Take the diagonals of ``value`` and sum it over the labels that nobody else needs."""
    name, axes = value.name, list(value.axes)
    for label in dict.fromkeys(value.labels):
        while axes.count(label) > 1:
            first = axes.index(label)
            second = axes.index(label, first + 1)
            name = script.let(f"{name}.diagonal(0, {first}, {second})")
            del axes[second], axes[first]
            axes.append(label)
    axes = [THIN if label >= 0 and label not in needed and sizes[label] == 1 else label for label in axes]
    alone = [k for k, label in enumerate(axes) if label >= 0 and label not in needed]
    if alone:
        rest = [label for k, label in enumerate(axes) if k not in alone]
        if all(label < 0 for label in rest):
            return Value(script.let(f"{name}.sum()"), ())
        where = str(alone[0]) if len(alone) == 1 else repr(tuple(alone))
        name, axes = script.let(f"{name}.sum({where})"), rest
    return value._replace(name=name, axes=tuple(axes))


# --- two values -------------------------------------------------------------------------------------------------------


def _write_product(script: Script, a: Value, b: Value, target: Sequence[int], sizes: Sequence[int]) -> Value:
    """Multiply by broadcasting."""
    full_a = full_b = False
    if max(layout_of(a, target, False)[2], layout_of(b, target, False)[2]) < len(target):
        full_a = size_of(a.axes, sizes) <= size_of(b.axes, sizes)
        full_b = not full_a
    left, right = write_layout(script, a, target, sizes, full_a), write_layout(script, b, target, sizes, full_b)
    carried = {*a.axes, *b.axes}
    axes = tuple([label if label in carried else THIN for label in target])
    return Value(script.let(f"{left} * {right}"), axes)


def _write_einsum(script: Script, a: Value, b: Value, target: Sequence[int], sizes: Sequence[int]) -> Value:
    labels = dict.fromkeys(a.labels + b.labels)
    if len(labels) > len(ascii_letters):  # an array of so many axes has size 1 along most of them
        labels = dict.fromkeys([label for label in labels if sizes[label] > 1])
        a, b = (v._replace(axes=tuple([k if k in labels else THIN for k in v.axes])) for v in (a, b))
    letters = dict(zip(labels, ascii_letters, strict=False))
    result = tuple([label for label in target if label in letters])
    left, right, out = ("".join([letters[label] for label in labels]) for labels in (a.labels, b.labels, result))
    texts = [write_layout(script, value, value.labels, sizes) for value in (a, b)]
    return Value(script.let(f"np.einsum('{left},{right}->{out}', {texts[0]}, {texts[1]})"), result)


def _write_matrix(
    script: Script, value: Value, free: Sequence[int], summed: Sequence[int], sizes: Sequence[int]
) -> tuple[str, bool]:
    """The variable of ``value`` as a matrix (or, without free labels, a vector), and whether ``summed`` comes first.

    Where axes are moved, the last stays last: neighbours are copied together, and both products that an array is in
    can have the same copy.
    """
    free, summed = list(free), list(summed)
    labels = list(value.labels)
    flipped = bool(free) and labels != free + summed and (labels == summed + free or labels[-1] in free)
    groups = [group for group in ([summed, free] if flipped else [free, summed]) if group]
    text, axes = value.name, list(value.axes)
    wanted = [label for group in groups for label in group]
    if labels != wanted:
        order = [axes.index(label) for label in wanted] + [k for k, label in enumerate(axes) if label < 0]
        text, axes = transposed(text, order), [axes[k] for k in order]
    if axes != [group[0] for group in groups]:
        text = reshaped(script, text, [size_of(group, sizes) for group in groups])
    return (text if text.isidentifier() else script.let(text)), flipped


def _write_dot(script: Script, left: str, right: str, turn_left: bool = False, turn_right: bool = False) -> str:
    """Multiply matrices or vectors: the method `dot` of plain arrays costs a third of the operator."""
    x = f"{left}.transpose()" if turn_left else left
    y = f"{right}.transpose()" if turn_right else right
    return script.let(f"{x}.dot({y}) if type({left}) is ndarray is type({right}) else {x} @ {y}")


def _write_matmul(
    script: Script, a: Value, b: Value, summed: Sequence[int], target: Sequence[int], sizes: Sequence[int]
) -> Value:
    """Sum over labels that two values share and nobody else needs; no other label is shared."""
    free_a = [label for label in a.labels if label not in summed]
    free_b = [label for label in b.labels if label not in summed]
    wanted = [label for label in target if label in free_a or label in free_b]
    fits = sorted(free_a) == sorted(wanted[: len(free_a)]) or sorted(free_b) == sorted(wanted[: len(free_b)])
    if wanted and (wanted[0] in free_b if fits else wanted[-1] in free_a):
        a, b, free_a, free_b = b, a, free_b, free_a  # so that the result needs no transpose, or its last axis is last
    larger = a if size_of(a.axes, sizes) >= size_of(b.axes, sizes) else b
    order = [label for label in larger.labels if label in summed]
    if sorted(free_a) == sorted(wanted[: len(free_a)]) and list(a.labels) not in ([*free_a, *order], [*order, *free_a]):
        free_a = wanted[: len(free_a)]  # it is moved in any case: move it to where it will be
    left, flip_left = _write_matrix(script, a, free_a, order, sizes)
    right, flip_right = _write_matrix(script, b, free_b, order, sizes)
    if free_a and free_b:
        name = _write_dot(script, left, right, flip_left, not flip_right)
    elif free_a:
        name = _write_dot(script, right, left) if flip_left else _write_dot(script, left, right)
    elif free_b:
        name = _write_dot(script, left, right) if flip_right else _write_dot(script, right, left)
    else:
        name = _write_dot(script, left, right)
    groups = [group for group in (free_a, free_b) if group]
    labels = [label for group in groups for label in group]
    if wanted == labels and all(label in labels or label < 0 for label in target) and len(target) != len(groups):
        shape = [sizes[label] if label >= 0 else 1 for label in target]
        return Value(script.let(reshaped(script, name, shape)), tuple(target))
    if len(labels) != len(groups):
        name = script.let(reshaped(script, name, [sizes[label] for label in labels]))
    return Value(name, tuple(labels))


def _write_stack(
    script: Script,
    a: Value,
    b: Value,
    kept: Sequence[int],
    summed: Sequence[int],
    target: Sequence[int],
    sizes: Sequence[int],
) -> Value:
    """Multiply stacks of matrices: ``kept`` labels are shared and stay, ``summed`` ones are shared and go."""
    free_a = [label for label in a.labels if label not in summed and label not in kept]
    free_b = [label for label in b.labels if label not in summed and label not in kept]
    if not free_a and not free_b:
        if max(size_of(a.axes, sizes), size_of(b.axes, sizes)) >= _EINSUM_FROM:
            return _write_einsum(script, a, b, target, sizes)
        product = _write_product(script, a, b, a.axes, sizes)
        return _settle(script, product, kept, sizes)
    if not (free_a and free_b) and size_of(free_a + free_b, sizes) * size_of(summed, sizes) <= _SMALL_MATRIX:
        return _write_einsum(script, a, b, target, sizes)
    along = a.axes[-1]
    matrix = size_of(summed, sizes) * max(size_of(free_a, sizes), size_of(free_b, sizes))
    if along == b.axes[-1] and along in kept and sizes[along] > 1 and matrix <= _LONG_STACK:
        # The matrices are interleaved: einsum runs along the stack, where matmul would need copies of both.
        return _write_einsum(script, a, b, target, sizes)
    wanted = [label for label in target if label in free_a or label in free_b]
    if wanted and wanted[0] in free_b:
        a, b, free_a, free_b = b, a, free_b, free_a
    stack = [label for label in target if label in kept]
    texts = []
    for value, groups in ((a, [free_a, list(summed)]), (b, [list(summed), free_b])):
        axes = stack + groups[0] + groups[1]
        text = write_layout(script, value, axes, sizes)
        if value.axes[-1] in kept and sizes[value.axes[-1]] > 1:
            # BLAS needs one of the last two axes to be contiguous; without it matmul is ten times slower.
            name = script.let(text)
            text = script.let(f"np.ascontiguousarray({name}) if type({name}) is ndarray else {name}")
        if any(len(group) != 1 for group in groups):
            text = reshaped(script, text, [sizes[k] for k in stack] + [size_of(group, sizes) for group in groups])
        texts.append(text)
    name = script.let(f"{texts[0]} @ {texts[1]}")
    labels = stack + free_a + free_b
    if len(free_a) != 1 or len(free_b) != 1:
        name = script.let(reshaped(script, name, [sizes[label] for label in labels]))
    return Value(name, tuple(labels))


def _write_pair(
    script: Script, a: Value, b: Value, needed: Collection[int], target: Sequence[int] | None, sizes: Sequence[int]
) -> Value:
    """Multiply two values and sum over the labels that are not ``needed``; ``target`` are the axes hoped for."""
    shared = [label for label in a.labels if label in b.labels]
    summed = [label for label in shared if label not in needed]
    kept = [label for label in shared if label in needed]
    if target is None:
        large, small = (a, b) if size_of(a.axes, sizes) >= size_of(b.axes, sizes) else (b, a)
        target = large.axes + tuple([label for label in small.labels if label not in large.labels])
        target = tuple([label for label in target if label not in summed])
    if not summed:
        return _write_product(script, a, b, target, sizes)
    if not kept:
        return _write_matmul(script, a, b, summed, target, sizes)
    return _write_stack(script, a, b, kept, summed, target, sizes)


# --- many values ------------------------------------------------------------------------------------------------------


def _carried(values: Iterable[Value]) -> set[int]:
    return {label for value in values for label in value.axes if label >= 0}


def _choose(values: Sequence[Value], wanted: Collection[int], sizes: Sequence[int]) -> tuple[int, int]:
    """Which two values to multiply next."""
    if len(values) == 2:
        return 0, 1
    best = None
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            if i != j and set(a.labels) <= set(b.labels):
                others = _carried([value for k, value in enumerate(values) if k not in (i, j)])
                if all(label in wanted or label in others for label in a.labels):
                    cost = size_of(b.axes, sizes)
                    if best is None or cost < best[0]:
                        best = cost, i, j
    if best is not None:
        return best[1], best[2]
    # Between few operands the best order is found at once; between many, looking for it would cost more than it saves.
    search = opt_einsum.paths.optimal if len(values) < _MANY_OPERANDS else opt_einsum.paths.greedy
    path = search(
        [frozenset(value.labels) for value in values],
        frozenset(wanted),
        dict(enumerate(sizes)),
    )
    first, second = path[0][:2]
    return first, second


def _write_application(script: Script, values: list[Value], wanted: Collection[int], sizes: Sequence[int]) -> bool:
    """Apply one opaque value to the only other that carries the label it is summed over, if there is such a one."""
    best: tuple[int, Value, Value, int, int, str] | None = None
    for opaque in values:
        if not opaque.opaque:
            continue
        out, into = opaque.axes[-2:]
        for summed, left, method in ((out, into, "apply_transposed"), (into, out, "apply")):
            carriers = [value for value in values if value is not opaque and summed in value.axes]
            if summed in wanted or len(carriers) != 1 or carriers[0].opaque or left in carriers[0].axes:
                continue
            cost = size_of(carriers[0].axes, sizes)
            if best is None or cost < best[0]:
                best = cost, opaque, carriers[0], summed, left, method
    if best is None:
        return False
    _, opaque, vector, summed, left, method = best
    batch = list(opaque.axes[:-2])
    columns = [label for label in vector.labels if label != summed and label not in batch]
    text = write_layout(script, vector, [*batch, summed, *columns], sizes)
    if any(label not in vector.axes for label in batch):
        full = tuple([sizes[label] for label in [*batch, summed, *columns]])
        text = f"np.broadcast_to({text}, {script.constant(full)})"
    if len(columns) != 1:
        text = reshaped(script, text, [sizes[label] for label in [*batch, summed]] + [size_of(columns, sizes)])
    text = f"{opaque.name}.{method}({text})"
    labels = [*batch, left, *columns]
    if len(columns) != 1:
        text = reshaped(script, text, [sizes[label] for label in labels])
    values.remove(opaque)
    values.remove(vector)
    values.append(_settle(script, Value(script.let(text), tuple(labels)), {*wanted, *_carried(values)}, sizes))
    return True


def _write_opaque(script: Script, values: list[Value], wanted: Collection[int], sizes: Sequence[int]) -> None:
    """Apply every opaque value, or take its array where it cannot be applied."""
    for opaque in [value for value in values if value.opaque]:
        others = {*wanted, *_carried([value for value in values if value is not opaque])}
        for label in opaque.axes[-2:]:
            if label not in others and opaque.axes.count(label) == 1:
                ones = script.let(f"np.ones({script.constant(sizes[label])}, {opaque.name}.dtype)")
                values.append(Value(ones, (label,)))
                break  # the other side, should it be alone too, is summed afterwards
    while any(value.opaque for value in values):
        repeated = [value for value in values if value.opaque and len(set(value.axes)) != len(value.axes)]
        if not repeated and _write_application(script, values, wanted, sizes):
            continue
        pairs = [
            (size_of(a.axes, sizes) * size_of(b.axes, sizes), i, j)
            for opaque in values
            if opaque.opaque
            for label in opaque.axes[-2:]
            for i, a in enumerate(values)
            for j, b in enumerate(values)
            if i < j and not a.opaque and not b.opaque and label in a.axes and label in b.axes and label not in wanted
        ]
        if pairs and not repeated:
            _, i, j = min(pairs)
            _fold(script, values, i, j, wanted, None, sizes)
            continue
        opaque = min(repeated or [value for value in values if value.opaque], key=lambda v: size_of(v.axes, sizes))
        values.remove(opaque)
        dense = Value(script.let(f"{opaque.name}.dense()"), opaque.axes)
        values.append(_settle(script, dense, {*wanted, *_carried(values)}, sizes))


def _fold(
    script: Script,
    values: list[Value],
    i: int,
    j: int,
    wanted: Collection[int],
    target: Sequence[int] | None,
    sizes: Sequence[int],
) -> None:
    """Replace the values ``i`` and ``j`` by their product."""
    a, b = values[i], values[j]
    rest = [value for k, value in enumerate(values) if k not in (i, j)]
    values[:] = [*rest, _write_pair(script, a, b, {*wanted, *_carried(rest)}, target, sizes)]


def write_contraction(
    script: Script, operands: Iterable[Value], output: Sequence[int], sizes: Sequence[int], scale: int = 1
) -> Value:
    """Write the contraction of ``operands`` to the axes ``output``, times ``scale``; see `plan_contraction`."""
    wanted = {label for label in output if label >= 0}
    operands = list(operands)
    values: list[Value] = []
    for k, value in enumerate(operands):
        if value.axes and not value.opaque:
            others = operands[:k] + operands[k + 1 :]
            value = _settle(script, value, {*wanted, *_carried(others)}, sizes)
        values.append(value)
    if any(value.opaque for value in values):
        _write_opaque(script, values, wanted, sizes)
    numbers = [value for value in values if not value.axes]
    values = [value for value in values if value.axes]
    texts = [number.name for number in numbers] + ([str(scale)] if scale != 1 else [])
    number = " * ".join(texts)
    if not values:
        text = number or "1.0"
        if output:
            shape = script.constant((1,) * len(output))
            shaped = any(value.shaped for value in numbers)
            text = f"({text}).reshape({shape})" if shaped else f"np.reshape({text}, {shape})"
        return Value(text if text.isidentifier() else script.let(text), (THIN,) * len(output))
    result_size = size_of(wanted & _carried(values), sizes)
    if number and len(values) > 1:
        smallest = min(range(len(values)), key=lambda k: size_of(values[k].axes, sizes))
        if size_of(values[smallest].axes, sizes) < result_size:
            scaled = values[smallest]
            values[smallest] = scaled._replace(name=script.let(f"{scaled.name} * {_grouped(number)}"))
            number = ""
    while len(values) > 1:
        i, j = _choose(values, wanted, sizes)
        _fold(script, values, i, j, wanted, output if len(values) == 2 else None, sizes)
    (value,) = values
    if not value.axes:
        if output:
            value = Value(f"{value.name}.reshape({script.constant((1,) * len(output))})", (THIN,) * len(output))
    else:
        carried = set(value.labels)
        axes = tuple([label if label in carried else THIN for label in output])
        value = Value(write_layout(script, value, output, sizes), axes)
    if number:
        value = value._replace(name=f"{value.name} * {_grouped(number)}")
    if not value.name.isidentifier():
        value = value._replace(name=script.let(value.name))
    return value


def _grouped(text: str) -> str:
    return f"({text})" if "*" in text else text
