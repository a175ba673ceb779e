"""`numpy.lib.stride_tricks.as_strided` of tracked arrays: the elements that strides lead to, as a view."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import holds, stacked
from chainrule.errors import NoRuleError
from chainrule.ops.windows import strided

__all__ = ["of_strides"]


def _in_a_row(x: Any) -> tuple[Any, int]:
    """All elements as they lie in memory, as a view of one axis; and where the first element of ``x`` is in it."""
    steps = x.value.strides
    order = sorted(range(x.ndim), key=lambda axis: -abs(steps[axis]) if x.shape[axis] > 1 else -np.inf)
    back = [axis for axis in order if steps[axis] < 0]
    turned: Any = np.transpose(np.flip(x, tuple(back)) if back else x, order)
    if not turned.value.flags.c_contiguous:
        raise NoRuleError(
            "np.lib.stride_tricks.as_strided of a part of a tracked array, whose elements do not lie side by side: "
            "give it the whole array, or a copy of the part and that copy's strides"
        )
    return np.reshape(turned, -1), sum([(x.shape[axis] - 1) * -steps[axis] for axis in back]) // x.itemsize


def as_strided(x: Any, shape: Any = None, strides: Any = None, subok: bool = False, writeable: bool = True) -> Any:
    """The same, of a tensor; elements outside of it, which NumPy would read from memory, are an error."""
    x = stacked(x)
    lengths = tuple(x.shape) if shape is None else tuple(map(int, np.atleast_1d(shape)))
    bytes_ = x.value.strides if strides is None else tuple(map(int, np.atleast_1d(strides)))
    if len(bytes_) != len(lengths) or any([step % x.itemsize for step in bytes_]):
        raise NoRuleError(
            f"np.lib.stride_tricks.as_strided with the strides {bytes_} for the shape {lengths}: expected one for each "
            f"axis, in multiples of the {x.itemsize} bytes of an element"
        )
    row, start = _in_a_row(x)
    steps = tuple([step // x.itemsize for step in bytes_])
    ends = [step * (length - 1) for step, length in zip(steps, lengths, strict=True)]
    low, high = start + sum([min(end, 0) for end in ends]), start + sum([max(end, 0) for end in ends])
    if 0 not in lengths and not (low >= 0 and high < row.shape[0]):
        raise NoRuleError(
            f"np.lib.stride_tricks.as_strided leads to the elements {low} to {high} of a tracked array that has "
            f"{row.shape[0]} in memory: what lies outside of it belongs to something else"
        )
    made = strided(row, shape=lengths, steps=steps, start=start)
    if not writeable:
        made.value.flags.writeable = False
    return made


def of_strides(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of `as_strided`; what is to be filled later is a tensor already."""
    plain = module.as_strided

    @wraps(plain)
    def call(x: Any, *arguments: Any, **options: Any) -> Any:
        return (as_strided if holds(x) else plain)(x, *arguments, **options)

    return [(module, {"as_strided": call})]
