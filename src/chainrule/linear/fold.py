"""Many terms folded into few, by cost: what becomes of a long recurrence on a stencil.

A recurrence over slices makes the same shift many times, each time over a slightly different range. Where that
happens, all ranges of one shift become one band with explicit numbers. Where the terms stay many and are small, their
entries are listed: one label, a table of positions for every axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.convert import dtype_of, is_tracked, positions, values
from chainrule.linear.functions import scatter
from chainrule.linear.term import Axis, Pattern, Term, pattern

__all__ = ["Shift", "fold", "shift_of"]

_TERMS = 64  # terms that may stand side by side: their structure is worth more than one list of entries
_AFTER = 8  # as many once there is a list among them, which new terms can join
_ENTRIES_PER_TERM = 1000  # what listing this many entries costs, handling one more term costs too
_WASTE = 4  # a band may hold this many times the numbers of its parts


def fold(terms: Sequence[Term], limit: int = _TERMS) -> list[Term]:
    """The same sum; if it has more than ``limit`` terms, shifts become bands, and small terms one list of entries.

    >>> p = [pattern([2], [0], [Axis(4, (0,), (1,), k)])[0] for k in (0, 1, 2)]
    >>> (term,) = fold([Term(each) for each in p], limit=2)
    >>> term.factors[0], [table.tolist() for table in term.tables]
    (array([1., 1., 1., 1., 1., 1.]), [[0, 0, 0, 1, 1, 1], [0, 1, 2, 1, 2, 3]])
    """
    if len(terms) <= min(limit, _AFTER):
        return list(terms)
    if any([_is_list(term.pattern) for term in terms]):
        limit = min(limit, _AFTER)
    if len(terms) <= limit:
        return list(terms)
    small = [term for term in terms if _foldable(term)]
    if len(small) > limit // 2:
        terms = [term for term in terms if not _foldable(term)] + [_listed(small)]
    return list(terms) if len(terms) <= limit else _banded(terms)


# --- a list of entries ------------------------------------------------------------------------------------------------


def _is_list(p: Pattern) -> bool:
    """Whether a term lists its entries: one label, and a table for every axis."""
    return len(p.sizes) == 1 and len(p.tables) == len(p.row) + len(p.column) > 0


def _plain(p: Pattern) -> bool:
    return bool(p.row + p.column) and not p.inner and not any([factor.opaque for factor in p.factors])


def _foldable(term: Term) -> bool:
    """Whether the entries of a term are better listed: there are few, or they were listed before."""
    p = term.pattern
    if "foldable" not in p.plans:
        opaque = [prod([p.sizes[label] for label in factor.labels]) for factor in p.factors if factor.opaque]
        sizes = [p.entries, *opaque]
        p.plans["foldable"] = bool(p.row + p.column) and (_is_list(p) or max(sizes) <= _ENTRIES_PER_TERM)
    result: bool = p.plans["foldable"]
    opaque_ones = [factor for factor, its in zip(term.factors, p.factors, strict=True) if its.opaque]
    return result and not any([factor.by_products for factor in opaque_ones])


def _numbers(term: Term, shape: tuple[int, ...], dtype: Any) -> Any:
    """The values of a term in the given shape, broadcast."""
    grid = tuple([term.pattern.sizes[label] for label in term.pattern.outer])
    found = values(term) if term.factors else 1
    if not is_tracked(found):
        found = np.asarray(found, dtype)
    return np.reshape(np.broadcast_to(found, grid), shape)


def _listed(terms: Sequence[Term]) -> Term:
    first = terms[0].pattern
    row_shape, column_shape = first.row_shape, first.column_shape
    places = []
    for term in terms:
        rows, columns = positions(term)
        grid = tuple([term.pattern.sizes[label] for label in term.pattern.outer])
        places.append(np.broadcast_to(rows * prod(column_shape) + columns, grid).reshape(-1))
    listed, inverse = np.unique(np.concatenate(places), return_inverse=True)
    dtype = dtype_of(terms)
    joined = np.concatenate([_numbers(term, (-1,), dtype) for term in terms])
    tracked = any([is_tracked(factor) for term in terms for factor in term.factors])
    if joined.dtype == np.float64 and not tracked:
        entries = np.bincount(inverse, joined, len(listed))
    else:
        entries = scatter(joined, (len(listed),), (inverse,))
    tables = np.unravel_index(listed, row_shape + column_shape)
    axes = [Axis(size, (0,), (), 0, slot) for slot, size in enumerate(row_shape + column_shape)]
    rank = len(row_shape)
    made, _ = pattern([len(listed)], axes[:rank], axes[rank:], [(0,)], [(0,)] * len(axes))
    return Term(made, (entries,), tuple(tables))


# --- bands ------------------------------------------------------------------------------------------------------------


class Shift(NamedTuple):
    """``out[i] ← arg[i + step]`` over a box of positions i."""

    step: tuple[int, ...]
    start: tuple[int, ...]
    extent: tuple[int, ...]


def shift_of(p: Pattern) -> Shift | None:
    """The shift that a term is; None if it is something else."""
    if "shift" not in p.plans:
        p.plans["shift"] = _found_shift(p)
    result: Shift | None = p.plans["shift"]
    return result


def _found_shift(p: Pattern) -> Shift | None:
    labels = [label for axis in p.row for label in axis.labels]
    if p.tables or not _plain(p) or len(p.row) != len(p.column) or len(set(labels)) != len(labels):
        return None
    for here, there in zip(p.row, p.column, strict=True):
        if here.labels != there.labels or here.strides != there.strides or here.strides not in ((), (1,)):
            return None
    return Shift(
        tuple([there.offset - here.offset for here, there in zip(p.row, p.column, strict=True)]),
        tuple([axis.offset for axis in p.row]),
        tuple([p.sizes[axis.labels[0]] if axis.labels else 1 for axis in p.row]),
    )


def _banded(terms: Sequence[Term]) -> list[Term]:
    """The same sum with one term for all ranges of a shift."""
    groups: dict[Any, list[Term]] = {}
    for place, term in enumerate(terms):
        shift = shift_of(term.pattern)
        groups.setdefault(place if shift is None else shift.step, []).append(term)
    return [term for group in groups.values() for term in _band(group)]


def _band(terms: list[Term]) -> list[Term]:
    shifts = [shift for shift in [shift_of(term.pattern) for term in terms] if shift is not None]
    if len(shifts) < 2:
        return terms
    rank = range(len(shifts[0].step))
    low = [min([shift.start[k] for shift in shifts]) for k in rank]
    box = tuple([max([shift.start[k] + shift.extent[k] for shift in shifts]) - low[k] for k in rank])
    if prod(box) > _WASTE * sum([prod(shift.extent) for shift in shifts]):
        return terms
    parts, dtype = [], dtype_of(terms)
    for term, shift in zip(terms, shifts, strict=True):
        inside = tuple([slice(shift.start[k] - low[k], shift.start[k] - low[k] + shift.extent[k]) for k in rank])
        parts.append((_numbers(term, shift.extent, dtype), inside))
    if any([is_tracked(factor) for term in terms for factor in term.factors]):
        spread = [scatter(numbers, box, inside) for numbers, inside in parts]
        total = sum(spread[1:], spread[0])
    else:
        total = np.zeros(box, dtype)
        for numbers, inside in parts:
            total[inside] += numbers
    first = terms[0].pattern
    row = [Axis(first.row[k].size, (k,), (1,), low[k]) for k in rank]
    column = [Axis(first.column[k].size, (k,), (1,), low[k] + shifts[0].step[k]) for k in rank]
    return [Term(pattern(box, row, column, [tuple(rank)])[0], (total,))]
