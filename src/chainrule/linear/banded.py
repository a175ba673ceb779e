"""Maps whose entries lie near the diagonal: their diagonals, as ``dia_array`` and as LAPACK's band storage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import StructureError
from chainrule.linear.convert import values
from chainrule.linear.flat import Place, place_of, window
from chainrule.linear.sparse import plan_of
from chainrule.linear.term import Pattern, Term

__all__ = ["band_of", "band_widths", "bandwidths", "diagonals_of", "fill_diagonals", "offset_of"]

_WASTE = 1.5  # a band may hold this many times the entries, or as many numbers as the matrix


def offset_of(p: Pattern) -> int | None:
    """Column minus row of every entry of a term, flattened; None if that is not one number, or an entry repeats."""
    if "offset" not in p.plans:
        p.plans["offset"] = None if p.tables or any([f.opaque for f in p.factors]) else _offset(place_of(Term(p)))
    found: int | None = p.plans["offset"]
    return found


def _offset(place: Place) -> int | None:
    alike = place.row.strides == place.column.strides and place.names_once
    return place.column.offset - place.row.offset if alike else None


def bandwidths(terms: Sequence[Term]) -> tuple[int, int] | None:
    """How far the entries reach below and above the diagonal, if every term is on one diagonal."""
    offsets = [offset_of(term.pattern) for term in terms]
    found = [offset for offset in offsets if offset is not None]
    if not found or len(found) < len(terms):
        return None
    return max(-min(found), 0), max(*found, 0)


def fill_diagonals(terms: Sequence[Term], rows: Any, row_of: Any) -> None:
    """Add the values of terms that lie on diagonals into ``rows[row_of(offset), column]``, a contiguous array."""
    width, flat = rows.shape[1], rows.reshape(-1)
    for term in terms:
        place = place_of(term)
        offset = place.column.offset - place.row.offset
        view = window(flat, row_of(offset) * width + place.column.offset, place.shape, place.column.strides)
        view += values(term)


class _Diagonals(NamedTuple):
    offsets: Any
    data: Any


def diagonals_of(terms: Sequence[Term], column_count: int, dtype: Any) -> _Diagonals | None:
    """The diagonals as ``scipy.sparse.dia_array`` stores them: ``data[k, j]`` is in column j; None if one is not.

    >>> from chainrule.linear.term import identity
    >>> diagonals_of([Term(identity((2,)))], 2, np.float64).data
    array([[1., 1.]])
    """
    offsets = [offset_of(term.pattern) for term in terms]
    found = sorted({offset for offset in offsets if offset is not None})
    if None in offsets:
        return None
    data = np.zeros((len(found), column_count), dtype)
    fill_diagonals(terms, data, {offset: k for k, offset in enumerate(found)}.__getitem__)
    return _Diagonals(np.array(found, np.int32), data)


def band_of(
    terms: Sequence[Term], count: int, dtype: Any, words: Callable[[], str], cache: dict[Any, Any] | None = None
) -> tuple[tuple[int, int], Any]:
    """((below, above), ab) with ``ab[above + i - j, j]`` the entry of row i and column j of a square map.

    Args:
        terms: a sum of terms from ``count`` to ``count`` numbers.
        words: says what kind of map it is, for the message.

    Raises:
        StructureError: a band would hold more numbers than the matrix.
    """
    widths, places = band_widths(terms, count, words, cache)
    below, above = widths
    band = np.zeros((below + above + 1, count), dtype)
    if places is None:
        fill_diagonals(terms, band, lambda offset: above - offset)
    else:
        plan, rows = places
        band[above + rows - plan.structure.indices, plan.structure.indices] = plan.data(terms, np.dtype(dtype))
    return (below, above), band


def band_widths(
    terms: Sequence[Term], count: int, words: Callable[[], str], cache: dict[Any, Any] | None = None
) -> tuple[tuple[int, int], Any]:
    """(below, above) as in `band_of`; and the sparse plan with the row of each entry, if it was needed.

    Raises:
        StructureError: a band would hold more numbers than the matrix.
    """
    widths, matrix = bandwidths(terms), None
    if widths is None and terms:
        plan = plan_of(terms, count, count, cache)
        indices, indptr = plan.structure.indices, plan.structure.indptr
        rows = np.repeat(np.arange(count, dtype=indices.dtype), np.diff(indptr))
        steps = indices - rows
        widths, matrix = (max(0, -int(steps.min())), max(0, int(steps.max()))), (plan, rows)
    below, above = widths or (0, 0)
    total = (below + above + 1) * count
    entries = sum([term.pattern.entries for term in terms]) if matrix is None else len(matrix[1])
    if total > max(count * count, _WASTE * entries + 16):
        raise StructureError(
            f"this map is not banded: its entries reach {below} below and {above} above the diagonal of {count} rows, "
            f"and as a band it would hold {total:,} numbers for {entries:,} entries. It is: {words()}. Use sparse() or "
            f"solve(), which take the structure as it is"
        )
    return (below, above), matrix
