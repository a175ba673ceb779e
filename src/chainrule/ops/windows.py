"""Windows that slide along axes, and what lies in memory by any strides; nothing is stored or copied.

y = sliding_window_view(x, m)       ∂y[i,k]/∂x[i+k] = 1
y = strided(x, …)                   ∂y[i,k]/∂x[start + s·i + t·k] = 1
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.errors import OptionError, ShapeError
from chainrule.linear.term import Axis, Term, pattern
from chainrule.op import Call, Sample, Structural, define, implements
from chainrule.ops.shape import arrayed, integers_of
from chainrule.ops.writing import as_python, calling, literal

__all__ = ["strided", "windows"]


def windows_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[…, i, …, k]/∂x[…, i+k, …] = 1; an axis with two windows is at i + k + l."""
    given, along = call.shapes[0], call.params["axis"]
    places = [(k, *[len(given) + number for number, axis in enumerate(along) if axis == k]) for k in range(len(given))]
    column = [Axis(size, labels, (1,) * len(labels)) for size, labels in zip(given, places, strict=True)]
    return (Term(pattern(call.shape, range(len(call.shape)), column)[0]),)


windows = define(
    "sliding_window_view",
    lambda x, window_shape, axis: sliding_window_view(x, window_shape, axis),
    Structural(windows_terms),
    samples=[
        Sample(((5,),), {"window_shape": (3,), "axis": (0,)}),
        Sample(((4, 5),), {"window_shape": (2, 3), "axis": (0, 1)}),
        Sample(((2, 6, 3),), {"window_shape": (2, 4), "axis": (1, 1)}),
        Sample(((3, 2),), {"window_shape": (3,), "axis": (0,)}),
    ],
    notation=calling("np.lib.stride_tricks.sliding_window_view", "windows", first="window_shape"),
)


@implements(sliding_window_view)
def sliding_window_view_of(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """np.lib.stride_tricks.sliding_window_view; a view that is only read."""
    if writeable:
        raise OptionError(
            "sliding_window_view: writeable=True shares entries between windows, which writing would change together. "
            "Leave it out, and write into the array itself."
        )
    x, lengths = arrayed(x), integers_of(window_shape)
    rank = len(x.shape)
    along = tuple(range(rank)) if axis is None else normalize_axis_tuple(integers_of(axis), rank, None, True)
    if len(lengths) != len(along):
        raise ShapeError(
            f"sliding_window_view: {len(lengths)} lengths of windows for {len(along)} axes; give one for each axis."
        )
    return windows(x, window_shape=lengths, axis=along)


def _overlap(shape: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether elements may be at the same place: unless each step is longer than all smaller ones reach together."""
    reach = 0
    for step, size in sorted([(abs(step), size) for step, size in zip(steps, shape, strict=True) if size > 1]):
        if step <= reach:
            return True
        reach += step * (size - 1)
    return False


def strided_forward(x: Any, shape: tuple[int, ...], steps: tuple[int, ...], start: int) -> Any:
    """A view of an array of one axis; it is only read where elements overlap."""
    if type(x) is not np.ndarray or not x.flags.c_contiguous or 0 in shape:
        grid = np.ix_(*map(np.arange, shape))
        return x[sum([step * index for step, index in zip(steps, grid, strict=True)], np.full(shape, start))]
    made = np.ndarray(shape, x.dtype, x, start * x.itemsize, [step * x.itemsize for step in steps])
    made.flags.writeable = x.flags.writeable and not _overlap(shape, steps)
    return made


def strided_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[i,k]/∂x[start + s·i + t·k] = 1."""
    shape, steps, start = [call.params[name] for name in ("shape", "steps", "start")]
    moving = tuple([k for k, step in enumerate(steps) if step and shape[k] > 1])
    column = Axis(call.shapes[0][0], moving, tuple([steps[k] for k in moving]), start)
    return (Term(pattern(shape, range(len(shape)), [column])[0]),)


STRIDED = """\
def strided(x, shape, steps, start):
    strides = [step * x.itemsize for step in steps]
    return np.ndarray(shape, x.dtype, np.ascontiguousarray(x), start * x.itemsize, strides)"""

strided = define(
    "strided",
    strided_forward,
    Structural(strided_terms),
    samples=[
        Sample(((6,),), {"shape": (4, 3), "steps": (1, 1), "start": 0}),
        Sample(((9,),), {"shape": (3, 2), "steps": (2, 3), "start": 1}),
        Sample(((9,),), {"shape": (2, 3, 2), "steps": (-3, 0, -1), "start": 8}),
        Sample(((5,),), {"shape": (), "steps": (), "start": 3}),
    ],
    notation=(
        "strided({0})",
        r"\operatorname{{strided}}\left({0}\right)",
        lambda x, shape, steps, start: as_python("strided", [x, *map(literal, (shape, steps, start))]),
        STRIDED,
    ),
)
