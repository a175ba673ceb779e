"""Reductions: sums, means and spreads along axes, with NumPy's options.

out[r] = Σ_s x[r,s]        ∂out[r]/∂x[r',s] = δ_rr'        row (r), column (r, s), nothing stored
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod as product
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from chainrule.linear.term import Pattern, Term, pattern
from chainrule.op import Call, General, Sample, Structural, cached_by_call, define, implements
from chainrule.ops.elementwise import root_of_square
from chainrule.ops.kinks import no_length, nonzero
from chainrule.ops.options import (
    UNSET,
    Axes,
    are_known,
    conjugated,
    plain,
    plain_axis,
    plain_keepdims,
    refuse_out,
    squared_modulus,
)
from chainrule.ops.writing import as_latex, as_text, calling, options

__all__ = [
    "is_everything",
    "kept_shape",
    "mean",
    "mean_of",
    "reduced_axes",
    "reduced_count",
    "reduction",
    "samples_of",
    "std",
    "std_of",
    "sum",
    "sum_of",
    "var",
    "var_of",
    "within_range",
    "without_kept",
]


def reduced_axes(axis: Axes, rank: int) -> tuple[int, ...]:
    """The axes that a reduction removes, counted from 0."""
    return tuple(range(rank)) if axis is None else normalize_axis_tuple(axis, rank, "axis")


def reduction(call: Call, *factors: str) -> Pattern:
    """Row: the axes that stay (and None where one is kept with size 1); column: all axes. Axis k has label k.

    Each of ``factors`` says which labels a factor has: those of the "column", of the "row", or none: "number".
    """
    shape = call.shapes[0]
    gone = reduced_axes(call.params.get("axis"), len(shape))
    keepdims = call.params.get("keepdims", False)
    stay = [k for k in range(len(shape)) if k not in gone]
    row = [None if k in gone else k for k in range(len(shape))] if keepdims else stay
    labels = {"column": list(range(len(shape))), "row": stay, "number": []}
    return pattern(shape, row, range(len(shape)), [labels[factor] for factor in factors])[0]


def without_kept(call: Call, out: Any) -> Any:
    """The result without the axes that ``keepdims`` kept: a factor with the labels of the row."""
    if not call.params.get("keepdims", False):
        return out
    gone = reduced_axes(call.params.get("axis"), len(call.shapes[0]))
    return out.reshape(tuple([size for k, size in enumerate(call.shape) if k not in gone]))


def kept_shape(call: Call) -> tuple[int, ...]:
    """The shape of the result with size 1 in place of the axes that are gone."""
    gone = reduced_axes(call.params.get("axis"), len(call.shapes[0]))
    return tuple([1 if k in gone else size for k, size in enumerate(call.shapes[0])])


def reduced_count(call: Call) -> int:
    """How many entries make one entry of the result."""
    shape = call.shapes[0]
    return product([shape[k] for k in reduced_axes(call.params.get("axis"), len(shape))])


def samples_of(*shapes: tuple[int, ...], **more: Any) -> list[Sample]:
    """Samples with axes of all kinds; ``more`` are further parameters."""
    cases: list[tuple[tuple[int, ...], Any, bool]] = [
        ((3, 4), None, False),
        ((3, 4), 1, False),
        ((3, 4), -2, True),
        ((2, 3, 4), (0, 2), False),
        ((2, 1, 3), (1, -1), True),
        *[(shape, None, True) for shape in shapes],
    ]
    return [Sample((shape,), {"axis": axis, "keepdims": keepdims, **more}) for shape, axis, keepdims in cases]


# --- sum and mean -----------------------------------------------------------------------------------------------------


add_up: Any = np.add.reduce


def sum_forward(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """np.sum, without its preparations."""
    return add_up(x, axis, dtype, None, keepdims)


sum = define(
    "sum",
    sum_forward,
    Structural(lambda call, position: [Term(reduction(call))]),
    samples=[Sample(((3, 4),)), *samples_of((), (0,), dtype=None)],
    notation=(
        lambda x, axis=None, **layout: f"Σ {x}" if axis is None else as_text("sum", [x], options({"axis": axis})),
        lambda x, axis=None, **layout: rf"\sum {x}" if axis is None else as_latex("sum", [x], options({"axis": axis})),
    ),
)


@implements(np.sum)
def sum_of(
    a: Any,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """np.sum."""
    if out is not None:
        refuse_out("np.sum", out)
    if not is_everything(where):
        a = np.where(where, a, np.zeros((), a.dtype))
    if axis is None and keepdims is False and dtype is None:
        result = sum(a)
    else:
        result = sum(a, axis=plain_axis(axis), keepdims=plain_keepdims(keepdims), dtype=dtype)
    return result if initial is UNSET else result + initial


def is_everything(where: Any) -> bool:
    """Whether the option ``where`` chooses everything."""
    return where is UNSET or where is True


def mean_forward(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """np.mean, for floating-point arrays without its preparations."""
    if dtype is None and x.size and x.dtype.char in "fd":
        total = add_up(x, axis, None, None, keepdims)
        return total / (x.size // total.size)
    return np.mean(x, axis, dtype, keepdims=keepdims)


def mean_terms(call: Call, position: int) -> list[Term]:
    """∂out[r]/∂x[r,s] = 1/n."""
    count = reduced_count(call)
    return [Term(reduction(call, "number"), (1 / count if count else float("nan"),))]


mean = define(
    "mean",
    mean_forward,
    Structural(mean_terms),
    samples=[Sample(((3, 4),)), *samples_of((), dtype=None)],
)


@implements(np.mean)
def mean_of(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = UNSET
) -> Any:
    """np.mean."""
    if out is not None:
        refuse_out("np.mean", out)
    if not is_everything(where):
        return sum_of(a, axis, dtype, keepdims=keepdims, where=where) / chosen(where, a, axis, keepdims)
    if axis is None and keepdims is False and dtype is None:
        return mean(a)
    return mean(a, axis=plain_axis(axis), keepdims=plain_keepdims(keepdims), dtype=dtype)


def chosen(where: Any, a: Any, axis: Axes, keepdims: Any) -> Any:
    """How many entries are chosen, in the dtype of ``a``."""
    mask = np.broadcast_to(True if is_everything(where) else plain(where), a.shape)
    return sum_forward(mask, plain_axis(axis), plain_keepdims(keepdims), a.dtype)


# --- variance and standard deviation ----------------------------------------------------------------------------------


def degrees(call: Call) -> float:
    """n − ddof, as NaN where that is not positive."""
    left = reduced_count(call) - call.params["ddof"]
    return float(left) if left > 0 else float("nan")


def var_terms(call: Call, position: int, x: Any) -> list[Term]:
    """∂out[r]/∂x[r,s] = 2 conj(x[r,s] − mean[r]) / (n − ddof): the mean's own change cancels."""
    made = cached_by_call(_var_patterns, call, position, lambda: reduction(call, "column", "number"))
    centred = x - mean(x, axis=call.params["axis"], keepdims=True, dtype=None)
    return [Term(made, (conjugated(centred), 2 / degrees(call)))]


_var_patterns: dict[Any, Pattern] = {}


def var_forward(x: Any, axis: Any, keepdims: bool, ddof: float) -> Any:
    """np.var, for floating-point arrays without its preparations."""
    if x.size and x.dtype.char in "fd":
        centred = x - mean_forward(x, axis, True)
        total = add_up(np.square(centred), axis, None, None, keepdims)
        left = x.size // total.size - ddof
        if left > 0:
            return total / left
    return np.var(x, axis, ddof=ddof, keepdims=keepdims)


var = define(
    "var",
    var_forward,
    General(var_terms, ("x",), ("x",)),
    samples=[*samples_of(ddof=0), *samples_of(ddof=1)[:2]],
    notation=calling("np.var", defaults={"ddof": 0}),
    takes_complex=True,
)


def within_range(call: Call, out: Any, x: Any, length: Callable[[Any], Any], p: float = 2) -> tuple[Any, Any, Any]:
    """Numbers and their length, divided by the largest of them where p-th powers left the range of numbers.

    The derivative of a length is that of any multiple of the numbers. What they were divided by comes third, if any.
    """
    lengths, numbers = plain(out), plain(x)
    if not are_known(lengths) or not numbers.size or np.all((lengths > _least(lengths.dtype, p)) & (lengths < np.inf)):
        return x, out, None
    gone = reduced_axes(call.params["axis"], numbers.ndim)
    largest = np.max(np.abs(numbers), axis=gone, keepdims=True)
    scale = np.where((largest > 0) & (largest < np.inf), largest, np.ones((), largest.dtype))
    x = x / scale
    return x, length(x), scale


def _least(dtype: Any, p: float) -> float:
    """A length of which the p-th powers are well within the range of numbers."""
    kind = np.finfo(dtype)
    return float(kind.tiny ** (1 / p) / kind.eps) if p >= 1 else 0.0


def std_terms(call: Call, position: int, out: Any, x: Any) -> list[Term]:
    """∂out[r]/∂x[r,s] = conj(x[r,s] − mean[r]) / ((n − ddof) out[r]); 0 where all entries are equal, up to rounding."""
    made = cached_by_call(_std_patterns, call, position, lambda: reduction(call, "column", "row", "number"))
    centre = mean(x, axis=call.params["axis"], keepdims=True, dtype=None)
    centred, out, scale = within_range(call, out, x - centre, lambda x: std(x, **call.params))
    spread = without_kept(call, out)
    level = plain(centre) if scale is None else plain(centre) / scale
    level = level.reshape(plain(spread).shape)
    is_noise = plain(spread) <= 4 * np.finfo(level.dtype).eps * np.abs(level)
    inverse = np.where(is_noise, no_length(plain(spread)), 1 / nonzero(spread))
    return [Term(made, (conjugated(centred), inverse, 1 / degrees(call)))]


_std_patterns: dict[Any, Pattern] = {}

std = define(
    "std",
    lambda x, axis, keepdims, ddof: np.sqrt(var_forward(x, axis, keepdims, ddof)),
    General(std_terms, ("out", "x"), ("x",)),
    samples=[*samples_of(ddof=0), *samples_of(ddof=1)[:2]],
    notation=calling("np.std", defaults={"ddof": 0}),
    takes_complex=True,
)


@implements(np.var)
def var_of(
    a: Any,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> Any:
    """np.var."""
    refuse_out("np.var", out)
    a = a if dtype is None else a.astype(dtype)
    ddof = ddof if correction is UNSET else correction
    if is_everything(where) and mean is UNSET:
        return var(a, axis=plain_axis(axis), keepdims=plain_keepdims(keepdims), ddof=ddof)
    if not is_everything(where):
        a = np.where(where, a, np.zeros((), a.dtype))
    centre = mean_of(a, axis, keepdims=True, where=where) if mean is UNSET else mean
    total = sum_of(squared_modulus(a - centre), axis, keepdims=keepdims, where=where)
    return total / np.maximum(chosen(where, a, axis, keepdims) - ddof, 0)


@implements(np.std)
def std_of(
    a: Any,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> Any:
    """np.std."""
    refuse_out("np.std", out)
    if is_everything(where) and mean is UNSET:
        a = a if dtype is None else a.astype(dtype)
        ddof = ddof if correction is UNSET else correction
        return std(a, axis=plain_axis(axis), keepdims=plain_keepdims(keepdims), ddof=ddof)
    square = var_of(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return root_of_square(square)
