"""Many small terms folded into one whose entries are listed: what becomes of a long recurrence on a stencil."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.linear.convert import is_tracked, positions, values
from chainrule.linear.functions import scatter
from chainrule.linear.term import Axis, Pattern, Term, pattern

__all__ = ["fold"]

_TERMS = 64  # terms that may stand side by side: their structure is worth more than one list of entries
_AFTER = 8  # as many once there is a list among them, which new terms can join
_ENTRIES_PER_TERM = 1000  # what listing this many entries costs, handling one more term costs too


def _is_list(p: Pattern) -> bool:
    """Whether a term lists its entries: one label, and a table for every axis."""
    return len(p.sizes) == 1 and len(p.tables) == len(p.row) + len(p.column) > 0


def _foldable(p: Pattern) -> bool:
    """Whether the entries of a term are better listed: there are few, or they were listed before."""
    if "foldable" not in p.plans:
        plain = not p.inner and not any([factor.opaque for factor in p.factors])
        p.plans["foldable"] = plain and (_is_list(p) or p.entries <= _ENTRIES_PER_TERM)
    result: bool = p.plans["foldable"]
    return result


def fold(terms: Sequence[Term], limit: int = _TERMS) -> list[Term]:
    """The same sum; if it has more than ``limit`` terms with few entries each, those become one term.

    The folded term has one label, a table of positions for each axis, and one factor with the entries; positions that
    several terms name are added up.

    >>> p = [pattern([2], [0], [Axis(4, (0,), (1,), k)])[0] for k in (0, 1, 2)]
    >>> (term,) = fold([Term(each) for each in p], limit=2)
    >>> term.factors[0], [table.tolist() for table in term.tables]
    (array([1., 1., 1., 1., 1., 1.]), [[0, 0, 0, 1, 1, 1], [0, 1, 2, 1, 2, 3]])
    """
    if len(terms) <= min(limit, _AFTER):
        return list(terms)
    if any([_is_list(term.pattern) for term in terms]):
        limit = min(limit, _AFTER)
    small = [term for term in terms if _foldable(term.pattern)]
    if len(terms) <= limit or len(small) <= limit // 2:
        return list(terms)
    return [term for term in terms if not _foldable(term.pattern)] + [_fold(small)]


def _fold(terms: Sequence[Term]) -> Term:
    first = terms[0].pattern
    row_shape, column_shape = first.row_shape, first.column_shape
    places, numbers = [], list[Any]()
    for term in terms:
        rows, columns = positions(term)
        grid = tuple([term.pattern.sizes[label] for label in term.pattern.outer])
        places.append(np.broadcast_to(rows * prod(column_shape) + columns, grid).reshape(-1))
        numbers.append(np.reshape(np.broadcast_to(values(term) if term.factors else np.ones(()), grid), (-1,)))
    listed, inverse = np.unique(np.concatenate(places), return_inverse=True)
    joined = np.concatenate(numbers)
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
