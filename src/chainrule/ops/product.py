"""The product of entries along axes, exact to every order where entries are zero: nothing is divided."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.linear.term import Factor, Opaque, Pattern, Term, pattern
from chainrule.op import Call, General, Product, Sample, cached_by_call, define, implements
from chainrule.ops.options import UNSET, Axes, plain, plain_axis, plain_keepdims, refuse_out
from chainrule.ops.reduce import is_everything, reduced_axes, reduced_count, reduction, samples_of

__all__ = ["LeaveTwoOut", "leave_one_out", "prod", "prod_of"]


def leave_one_out_forward(x: Any) -> Any:
    """The products of the entries before and of the entries after each one."""
    one = np.ones((*x.shape[:-1], 1), x.dtype)
    before = np.cumprod(np.concatenate([one, x[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, x[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after if x.shape[-1] else x


class LeaveTwoOut(Opaque):
    """M[i,k] = Π_{j≠i,k} x[j] for i ≠ k, and 0 on the diagonal; symmetric, and applied in linear time.

    It is the change of the products without one entry, taken along a binary tree of products: so nothing is divided.
    """

    def __init__(self, x: Any) -> None:
        self.x = x
        self.shape = (*x.shape, x.shape[-1])
        self.dtype = x.dtype

    def apply(self, vectors: Any) -> Any:
        """Σ_{k≠i} Π_{j≠i,k} x[j] v[k]."""
        size = self.shape[-1]
        pad = (1 << max(size - 1, 0).bit_length()) - size
        batch, columns = self.x.shape[:-1], vectors.shape[-1]
        value = np.concatenate([self.x[..., None], np.ones((*batch, pad, 1), self.dtype)], -2)
        change = np.concatenate([vectors, np.zeros((*vectors.shape[:-2], pad, columns), self.dtype)], -2)
        levels = []
        while value.shape[-2] > 1:
            levels.append((value, change))
            (a, b), (da, db) = halves(value), halves(change)
            value, change = a * b, da * b + a * db
        rest, moved = np.ones_like(plain(value)), np.zeros_like(plain(change))
        for value, change in reversed(levels):
            (a, b), (da, db) = halves(value), halves(change)
            rest, moved = twins(rest * b, rest * a), twins(moved * b + rest * db, moved * a + rest * da)
        return moved[..., :size, :]

    def apply_transposed(self, vectors: Any) -> Any:
        """The same: the map is symmetric."""
        return self.apply(vectors)

    def dense(self) -> Any:
        """The products without one entry, of the entries without another."""
        eye = np.eye(self.shape[-1], dtype=self.dtype)
        return leave_one_out(np.where(eye == 1, eye, self.x[..., None, :])) * (1 - eye)

    @property
    def stored(self) -> int:
        """The entries of x."""
        return int(self.x.size)


def halves(x: Any) -> tuple[Any, Any]:
    """The entries at even and at odd positions of the last axis but one."""
    return x[..., 0::2, :], x[..., 1::2, :]


def twins(even: Any, odd: Any) -> Any:
    """The array with these entries at even and at odd positions of the last axis but one."""
    shape = (*even.shape[:-2], 2 * even.shape[-2], even.shape[-1])
    return np.stack([even, odd], -2).reshape(shape)


def leave_one_out_pattern(call: Call, position: int) -> Pattern:
    """Row (b, i), column (b, k), and one map (b, i, k)."""
    shape = call.shapes[0]
    last = len(shape) - 1
    batch = list(range(last))
    factor = Factor((*batch, last, last + 1), opaque=True)
    return pattern((*shape, shape[-1]), [*batch, last], [*batch, last + 1], [factor])[0]


LEAVE_ONE_OUT = """\
def leave_one_out(x):
    one = np.ones((*x.shape[:-1], 1))
    before = np.cumprod(np.concatenate([one, x[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([one, x[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return before * after"""

leave_one_out = define(
    "leave_one_out",
    leave_one_out_forward,
    Product(leave_one_out_pattern, [lambda x: LeaveTwoOut(x)], ("x",)),
    samples=[Sample(((5,),)), Sample(((2, 3),)), Sample((np.array([2.0, 0.0, 3.0, 0.0]),)), Sample(((2, 1),))],
    notation=(
        "Π_{{j≠i}} {0}[j]",
        r"\prod_{{j \ne i}} {{{0}}}_{{j}}",
        "leave_one_out({0})",
        LEAVE_ONE_OUT,
    ),
    takes_complex=True,
)


def prod_terms(call: Call, position: int, x: Any) -> list[Term]:
    """∂out[r]/∂x[r,s] = Π_{t≠s} x[r,t], also where entries are 0."""
    rank = len(call.shapes[0])
    gone = reduced_axes(call.params.get("axis"), rank)
    order = [k for k in range(rank) if k not in gone] + list(gone)
    shape = [call.shapes[0][k] for k in order]
    flat = np.transpose(x, order).reshape((*shape[: rank - len(gone)], reduced_count(call)))
    weight = np.transpose(leave_one_out(flat).reshape(tuple(shape)), [order.index(k) for k in range(rank)])
    made = cached_by_call(_prod_patterns, call, position, lambda: reduction(call, "column"))
    return [Term(made, (weight,))]


_prod_patterns: dict[Any, Pattern] = {}

prod = define(
    "prod",
    lambda x, axis, keepdims, dtype: np.prod(x, axis, dtype, keepdims=keepdims),
    General(prod_terms, ("x",), ("x",)),
    samples=[
        *samples_of((), dtype=None),
        Sample((np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]]),), {"axis": 1, "keepdims": False, "dtype": None}),
    ],
    takes_complex=True,
)


@implements(np.prod)
def prod_of(
    a: Any,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """np.prod."""
    refuse_out("np.prod", out)
    if not is_everything(where):
        a = np.where(where, a, np.ones((), a.dtype))
    result = prod(a, axis=plain_axis(axis), keepdims=plain_keepdims(keepdims), dtype=dtype)
    return result if initial is UNSET else result * initial
