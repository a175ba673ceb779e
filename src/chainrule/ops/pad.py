"""np.pad: the array is a run of the result, and what stands beside it is made of numbers, or of the array.

z = pad(x, a zeros)        ∂z[i+a]/∂x[i] = 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from chainrule.errors import NoRuleError
from chainrule.linear.term import Term, affine, pattern
from chainrule.op import Call, Sample, Structural, define, implements
from chainrule.ops.elementwise import copied
from chainrule.ops.index import getitem
from chainrule.ops.join import along, concatenate, slice_along
from chainrule.ops.options import plain
from chainrule.ops.shape import arrayed, broadcast_to, holds_tensor, lying_as, moveaxis
from chainrule.ops.writing import calling

__all__ = ["pad_constant"]


def pad_terms(call: Call, position: int) -> Iterable[Term]:
    """∂z[i + before]/∂x[i] = 1."""
    shape = call.shapes[0]
    row = [
        affine(size, k, 1, before)
        for k, (size, (before, _)) in enumerate(zip(call.shape, call.params["widths"], strict=True))
    ]
    return (Term(pattern(shape, row, range(len(shape)))[0]),)


pad_constant = define(
    "pad_constant",
    lambda x, widths, values=0: np.pad(x, widths, constant_values=values),
    Structural(pad_terms),
    label="ConstantPadNd",
    samples=[
        Sample(((3,),), {"widths": ((1, 2),)}),
        Sample(((2, 3),), {"widths": ((0, 0), (2, 0)), "values": ((1.0, 2.0), (3.0, 4.0))}),
        Sample(((1, 0),), {"widths": ((1, 0), (1, 1))}),
    ],
    notation=(
        *calling("np.pad", first="widths", defaults={"values": 0})[:2],
        lambda x, widths, values=0: calling("np.pad", first="widths", defaults={"constant_values": 0})[2](
            x, widths=widths, constant_values=values
        ),
    ),
)

Pairs = tuple[tuple[Any, Any], ...]


def pairs(value: Any, rank: int) -> Pairs:
    """A pair for each axis, from what np.pad takes: a number, a pair, a pair for each, a dictionary by axis."""
    if isinstance(value, dict):
        given = {axis % rank: pair for axis, pair in value.items()}
        return tuple([tuple(np.broadcast_to(given.get(k, 0), (2,)).tolist()) for k in range(rank)])
    return tuple([tuple(pair) for pair in np.broadcast_to(value, (rank, 2)).tolist()])


INDEXED = ("edge", "reflect", "symmetric", "wrap")
STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "minimum": np.min,
    "mean": np.mean,
    "median": np.median,
}


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """np.pad, in all of its modes; what stands at the sides may be tensors too."""
    array = arrayed(array)
    rank = len(array.shape)
    if not rank:
        return copied(array)
    widths = pairs(pad_width, rank)
    if callable(mode):
        return pad_by_function(pad_constant(array, widths=widths), widths, mode, options)
    values = options.get("constant_values", 0)
    if mode == "empty" or (mode == "constant" and not holds_tensor(values)):
        return pad_constant(array, widths=widths, values=pairs(values, rank) if np.ndim(values) else values)
    known = (*INDEXED, *STATISTICS, "linear_ramp", "constant")
    if mode not in known:
        raise NoRuleError(f"np.pad: no rule for mode={mode!r}; known are empty, {', '.join(known)}.")
    for axis, width in enumerate(widths):
        if width == (0, 0):
            continue
        if mode in INDEXED:
            array = pad_indexed(array, axis, width, mode, options)
        else:
            array = concatenate(*pad_sides(array, axis, width, mode, options), axis=axis)
    return array


def pad_by_function(padded: Any, widths: Pairs, function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Padding by a function that overwrites the ends of every line, one axis after the other."""
    for axis, width in enumerate(widths):
        lines = moveaxis(padded, axis, -1)
        for place in np.ndindex(*lines.shape[:-1]):
            function(lines[place], width, axis, options)
    return padded


def pad_indexed(array: Any, axis: int, width: tuple[int, int], mode: str, options: dict[str, Any]) -> Any:
    """Padding with entries of the array itself; the odd kind of reflection is 2·edge - entry."""
    size = array.shape[axis]
    odd = options.get("reflect_type", "even") == "odd"
    if odd and (max(width) >= size + (mode == "symmetric")):
        raise NoRuleError(
            f"np.pad: no rule for reflect_type='odd' with a width of {max(width)} on an axis of {size}. Pad in steps "
            "that are smaller than the axis."
        )
    positions = np.pad(np.arange(size), width, mode=mode)  # type: ignore[call-overload]
    padded = lying_as(getitem(array, positions, index=along(axis, ("array",))), array)
    if not odd:
        return padded
    first, last = slice_along(array, axis, 0, 1), slice_along(array, axis, size - 1, None)
    before = slice_along(padded, axis, 0, width[0])
    after = slice_along(padded, axis, width[0] + size, None)
    return concatenate(2 * first - before, array, 2 * last - after, axis=axis)


def ends_of(values: Any, array: Any) -> Any:
    """A table of the values before and after, for each axis, in the dtype of the array; they may be tensors."""
    return broadcast_to(arrayed(values), shape=(len(array.shape), 2)).astype(plain(array).dtype)


def pad_sides(array: Any, axis: int, width: tuple[int, int], mode: str, options: dict[str, Any]) -> list[Any]:
    """What stands before, in and after an axis padded with statistics of it, or with a ramp."""
    size = array.shape[axis]
    rank = len(array.shape)
    shapes = [tuple([count if k == axis else n for k, n in enumerate(array.shape)]) for count in width]
    sides: list[Any] = []
    if mode == "linear_ramp":
        ends = ends_of(options.get("end_values", 0), array)
        for end, count, flipped in ((ends[axis, 0], width[0], False), (ends[axis, 1], width[1], True)):
            edge = slice_along(array, axis, size - 1, None) if flipped else slice_along(array, axis, 0, 1)
            ramp = np.arange(count, dtype=plain(array).dtype) / max(count, 1)
            ramp = (ramp[::-1] if flipped else ramp).reshape([-1 if k == axis else 1 for k in range(rank)])
            sides.append(end + (edge - end) * ramp)
    elif mode == "constant":
        ends = ends_of(options["constant_values"], array)
        sides = [broadcast_to(ends[axis, number], shape=shape) for number, shape in enumerate(shapes)]
    else:
        lengths = options.get("stat_length")
        chosen = ((None, None),) * rank if lengths is None else pairs(lengths, rank)
        for number, shape in enumerate(shapes):
            length = chosen[axis][number]
            length = size if length is None else min(length, size)
            part = slice_along(array, axis, 0, length) if number == 0 else slice_along(array, axis, size - length, None)
            value = STATISTICS[mode](part, axis=axis, keepdims=True)
            sides.append(broadcast_to(value, shape=shape))
    return [sides[0], array, sides[1]]
