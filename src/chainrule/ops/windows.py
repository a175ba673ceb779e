"""Windows that slide along axes: y = sliding_window_view(x, m) has ∂y[i,k]/∂x[i+k] = 1; nothing is stored or copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.errors import OptionError, ShapeError
from chainrule.linear.term import Axis, Term, pattern
from chainrule.op import Call, Sample, Structural, define, implements
from chainrule.ops.shape import arrayed, integers_of
from chainrule.ops.writing import calling

__all__ = ["windows"]


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
