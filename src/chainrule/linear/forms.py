"""The forms that the entries of a sum of terms can be asked for in, each as one array of numbers and what is around it.

What is around it, and where in the array each term goes, follows from the structure alone: it is planned once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import OptionError
from chainrule.linear.banded import band_widths
from chainrule.linear.convert import sandwich, values
from chainrule.linear.describe import describe
from chainrule.linear.flat import Place, place_of
from chainrule.linear.formats import require_same
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.pieces import Piece, pieces_of
from chainrule.linear.solve import order_of
from chainrule.linear.sparse import plan_of
from chainrule.linear.term import Term
from chainrule.linear.writing import Writing, writing, written

__all__ = ["FORMS", "Planned", "data_of", "planned"]

FORMS: dict[str, Callable[[Jacobian], Any]] = {
    "sparse": Jacobian.sparse,
    "dense": Jacobian.dense,
    "banded": Jacobian.banded,
}
"""What each form is of a Jacobian that is there."""


class Planned(NamedTuple):
    """Numbers, of which the factors of a Jacobian may be deferred; ``finished`` makes of them what was asked for."""

    data: Any
    finished: Callable[[Any], Any]


def planned(made: Jacobian, form: str) -> Planned | None:
    """One of the `FORMS` of a Jacobian whose factors may be deferred; None where it has another way than by terms.

    >>> found = planned(3.0 * Jacobian.identity((2,)), "dense")
    >>> found.finished(found.data)
    array([[3., 0.],
           [0., 3.]])
    """
    terms = [term for term in made.terms if 0 not in term.pattern.sizes]
    if not terms or np.dtype(made.dtype).kind != "f" or any(map(_has_another_way, terms)):
        return None
    how, order, finished = _PLANS[form](made, terms)
    return Planned(written(how, *[values(terms[k]) for k in order]), finished)


def _has_another_way(term: Term) -> bool:
    """Whether its entries are found by products, at places known late, or as half of a symmetric matrix."""
    late = any([not isinstance(table, np.ndarray) for table in term.tables])
    return (
        late
        or any([factor.opaque for factor in term.pattern.factors])
        or sandwich(term.pattern, term.pattern.outer) is not None
    )


def data_of(out: Any, like: Any) -> Any:
    """The numbers of ``out`` as one axis, if it differs from ``like``, an array or a matrix, in numbers alone.

    Raises:
        StructureError: ``out`` has its entries elsewhere.
        OptionError: its shape or dtype is another one, or it cannot be written to as it lies in memory.

    >>> data_of(np.ones((2, 2)), np.zeros((2, 2)))
    array([1., 1., 1., 1.])
    """
    if not isinstance(like, np.ndarray):
        require_same(out, like)
        out, like = out.data, like.data
    if type(out) is not np.ndarray or (out.shape, out.dtype) != (like.shape, like.dtype):
        given = f"an array of shape {out.shape}, {out.dtype}" if type(out) is np.ndarray else f"a {type(out).__name__}"
        raise OptionError(f"out= was given {given}: the result is an array of shape {like.shape}, {like.dtype}")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise OptionError(f"out= was given an array that is read-only or not in C order: give np.empty({out.shape})")
    return out.reshape(-1)


_Plan = tuple[Writing, Sequence[int], Callable[[Any], Any]]


def _sparse(made: Jacobian, terms: Sequence[Term]) -> _Plan:
    shape = prod(made.row_shape), prod(made.column_shape)
    plan = plan_of(terms, *shape, made.cache)
    where = [write.pieces if write.index is None else write.index for write in plan.structure.writes]
    return writing([plan.size], made.dtype, plan.shapes, where), plan.order, lambda data: plan.holding(data, shape)


def _dense(made: Jacobian, terms: Sequence[Term]) -> _Plan:
    size, shape = prod(made.row_shape) * prod(made.column_shape), made.shape
    how = _placed(size, made.dtype, terms, (0, prod(made.column_shape), 1))
    return how, range(len(terms)), lambda data: data.reshape(shape)


def _banded(made: Jacobian, terms: Sequence[Term]) -> _Plan:
    count = order_of(made.row_shape, made.column_shape, "banded()")
    (below, above), _ = band_widths(terms, count, lambda: describe(terms), made.cache)
    shape = below + above + 1, count
    how = _placed(prod(shape), made.dtype, terms, (above * count, count, 1 - count))
    return how, range(len(terms)), lambda data: ((below, above), data.reshape(shape))


_PLANS = {"sparse": _sparse, "dense": _dense, "banded": _banded}


def _placed(size: int, dtype: Any, terms: Sequence[Term], where: tuple[int, int, int]) -> Writing:
    """Each entry at ``start + row · by_row + column · by_column``."""
    places = [place_of(term) for term in terms]
    return writing([size], dtype, [place.shape for place in places], [_positions(place, *where) for place in places])


def _positions(place: Place, start: int, by_row: int, by_column: int) -> Any:
    """The positions of a term as pieces, or as an array if these are many or meet."""
    shape, row, column = place
    if row.table is None and column.table is None and place.names_once:
        strides = [by_row * a + by_column * b for a, b in zip(row.strides, column.strides, strict=True)]
        return [Piece(start + by_row * row.offset + by_column * column.offset, shape, tuple(strides))]
    kind = np.int64
    grid = start + by_row * row.written_out(shape, kind) + by_column * column.written_out(shape, kind)
    grid = np.ascontiguousarray(np.broadcast_to(grid, shape))
    return (pieces_of(grid) if place.names_once else None) or grid
