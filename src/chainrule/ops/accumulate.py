"""Running sums and products along an axis.

y = cumsum(x)       ∂y[i]/∂x[j] = T[i,j], the lower triangle of ones, which is applied and never stored
y = cumprod(x)      ∂y[i]/∂x[j] = y[i] T[i,j] / x[j]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from chainrule.errors import OptionError
from chainrule.linear.nonzeros import band
from chainrule.linear.term import Factor, Opaque, Term, pattern
from chainrule.op import Call, General, Sample, define, implements
from chainrule.ops.join import concatenate
from chainrule.ops.options import plain, refuse_out
from chainrule.ops.repeat import flip
from chainrule.ops.shape import ravel

__all__ = ["Triangle", "cumprod", "cumsum"]


LISTED = 1024  # rows up to which a list of the places of a triangle is worth its memory


class Triangle(Opaque):
    """The lower triangle of ones: a running sum, applied as such."""

    def __init__(self, size: int, dtype: Any) -> None:
        self.shape = (size, size)
        self.dtype = dtype
        self.sparsity = band(size, size, size, 0) if size <= LISTED else None

    def apply(self, vectors: Any) -> Any:
        """Running sums down the last axis but one."""
        return np.cumsum(vectors, axis=-2)

    def apply_transposed(self, vectors: Any) -> Any:
        """Running sums up the last axis but one."""
        return flip(np.cumsum(flip(vectors, -2), axis=-2), -2)

    def dense(self) -> Any:
        """The triangle."""
        return np.tri(self.shape[0], dtype=self.dtype)


def cumsum_terms(call: Call, position: int) -> Iterable[Term]:
    """∂y[…, i, …]/∂x[…, j, …] = T[i,j]."""
    shape, axis = call.shape, call.params["axis"] % len(call.shape)
    last = len(shape)
    row, column = list(range(last)), list(range(last))
    column[axis] = last
    made, _ = pattern([*shape, shape[axis]], row, column, [Factor((axis, last), True)])
    return (Term(made, (Triangle(shape[axis], getattr(call, "dtype", np.dtype(float))),)),)


cumsum = define(
    "cumsum",
    lambda x, axis: np.cumsum(x, axis),
    General(cumsum_terms, (), ("x",)),
    samples=[
        Sample(((4,),), {"axis": 0}),
        Sample(((2, 3),), {"axis": -1}),
        Sample(((2, 3, 2),), {"axis": 1}),
        Sample(((1, 0),), {"axis": 0}),
        Sample(((1,),), {"axis": 0}),
    ],
    takes_complex=True,
)


def cumprod_terms(call: Call, position: int, out: Any, x: Any) -> Iterable[Term]:
    """∂y[i]/∂x[j] = y[i] T[i,j] / x[j]; by the products of the other entries where one of them is 0."""
    shape, axis = call.shape, call.params["axis"] % len(call.shape)
    last = len(shape)
    row, column = list(range(last)), list(range(last))
    column[axis] = last
    sizes = [*shape, shape[axis]]
    if np.all(plain(x) != 0):
        made, _ = pattern(sizes, row, column, [row, Factor((axis, last), True), column])
        return (Term(made, (out, Triangle(shape[axis], plain(x).dtype), 1 / x)),)
    return (Term(pattern(sizes, row, column, [[*column, axis]])[0], (products_of_others(x, axis),)),)


def products_of_others(x: Any, axis: int) -> Any:
    """P[…, j, …, i] = the product of the entries along ``axis`` up to i, without j; 0 for j > i."""
    size = plain(x).shape[axis]
    shape = [1] * len(plain(x).shape) + [size]
    shape[axis] = size
    j, i = np.arange(size), np.arange(size)
    after = np.reshape(i[None, :] > j[:, None], shape)
    up_to = np.reshape(i[None, :] >= j[:, None], shape)
    one = np.ones((), plain(x).dtype)
    before = cumprod(concatenate(np.ones_like(x[(slice(None),) * axis + (slice(0, 1),)]), x, axis=axis), axis=axis)
    before = before[(slice(None),) * axis + (slice(0, size),)]
    lines = np.moveaxis(x, axis, -1)  # the entries to multiply run along the last axis, for every j
    spread = np.expand_dims(lines, axis)
    following = cumprod(np.where(after, spread, one), axis=-1)
    return np.where(up_to, np.expand_dims(before, -1) * following, 0 * one)


cumprod = define(
    "cumprod",
    lambda x, axis: np.cumprod(x, axis),
    General(cumprod_terms, ("out", "x"), ("x",)),
    samples=[
        Sample(((4,),), {"axis": 0}),
        Sample(((2, 3),), {"axis": 0}),
        Sample(((2, 3, 2),), {"axis": -2}),
        Sample((np.array([2.0, 0.0, 3.0, -1.0, 0.0, 2.0]),), {"axis": 0}),
        Sample((np.array([[2.0, 0.0, 3.0], [0.5, -1.0, 2.0]]),), {"axis": 1}),
        Sample((np.array([[2.0, 0.0, 3.0], [0.0, -1.0, 2.0]]),), {"axis": 0}),
        Sample(((0, 2),), {"axis": 0}),
    ],
    takes_complex=True,
)


def _running(name: str, a: Any, axis: int | None, dtype: Any, out: Any, operation: Any) -> Any:
    refuse_out(name, out)
    if dtype is not None:
        a = a.astype(np.dtype(dtype))
    if axis is None:
        return operation(ravel(a), axis=0)
    return operation(a, axis=normalize_axis_index(int(axis), len(a.shape)))


@implements(np.cumsum)
def cumsum_of(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """np.cumsum."""
    return _running("np.cumsum", a, axis, dtype, out, cumsum)


@implements(np.cumprod)
def cumprod_of(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """np.cumprod."""
    return _running("np.cumprod", a, axis, dtype, out, cumprod)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """np.nancumsum: what is not a number counts as 0."""
    return cumsum_of(np.where(np.isnan(plain(a)), np.zeros((), plain(a).dtype), a), axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """np.nancumprod: what is not a number counts as 1."""
    return cumprod_of(np.where(np.isnan(plain(a)), np.ones((), plain(a).dtype), a), axis, dtype, out)


def _cumulative(name: str, x: Any, axis: int | None, dtype: Any, out: Any, initial: bool, operation: Any) -> Any:
    if axis is None:
        if len(x.shape) != 1:
            raise OptionError(f"{name}: for an array of {len(x.shape)} axes, `axis` must be given.")
        axis = 0
    result = _running(name, x, axis, dtype, out, operation)
    if not initial:
        return result
    axis = axis % len(x.shape)
    shape = tuple([1 if k == axis else size for k, size in enumerate(x.shape)])
    start = np.zeros(shape, result.dtype) if operation is cumsum else np.ones(shape, result.dtype)
    return concatenate(start, result, axis=axis)


def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """np.cumulative_sum."""
    return _cumulative("np.cumulative_sum", x, axis, dtype, out, include_initial, cumsum)


def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """np.cumulative_prod."""
    return _cumulative("np.cumulative_prod", x, axis, dtype, out, include_initial, cumprod)


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    implements(np.cumulative_sum)(cumulative_sum)
    implements(np.cumulative_prod)(cumulative_prod)
