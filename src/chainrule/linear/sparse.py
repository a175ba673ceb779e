"""The entries of a sum of terms as a SciPy CSR array; its structure is worked out once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear._scipy import sparse
from chainrule.linear.convert import fills, ordered_values, positions
from chainrule.linear.term import Term

__all__ = ["entries", "to_csr"]


class _Csr(NamedTuple):
    """The structure of a sparse matrix and how the values of the terms get to their places.

    ``widths`` is set where every row holds the same number of entries of every term, side by side: nothing has to be
    sorted. Otherwise ``order`` takes the concatenated values to their places, or ``inverse`` says where each is added.
    """

    indices: Any
    indptr: Any
    is_sorted: bool
    labels: tuple[tuple[int, ...], ...]
    grids: tuple[tuple[int, ...], ...]
    rows: int = 0
    widths: tuple[int, ...] | None = None
    order: Any = None
    inverse: Any = None
    tables: tuple[Any, ...] = ()


def _grids(terms: Sequence[Term], labels: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    return tuple([tuple([term.pattern.sizes[label] for label in ls]) for term, ls in zip(terms, labels, strict=True)])


def _side_by_side(terms: Sequence[Term], row_count: int, column_count: int, kind: Any) -> _Csr | None:
    """The plan without sorting: all terms fill the same rows, in order, each the same number of places."""
    found, shared, labels = [], None, []
    for term in terms:
        p = term.pattern
        leading = tuple(dict.fromkeys(label for axis in p.row for label in axis.labels))
        order = leading + tuple([label for label in p.outer if label not in leading])
        rows, columns = positions(term, order)
        grid = tuple([p.sizes[label] for label in order])
        in_rows = np.broadcast_to(rows, grid[: len(leading)] + (1,) * (len(grid) - len(leading))).ravel()
        if shared is None:
            shared = in_rows
            if len(in_rows) == 0 or (np.diff(in_rows) <= 0).any():
                return None
        elif in_rows is not shared and not np.array_equal(in_rows, shared):
            return None
        found.append(np.broadcast_to(columns, grid).reshape(len(in_rows), -1))
        labels.append(order)
    if shared is None:
        return None
    indices = np.concatenate(found, axis=1)
    rising = bool((np.diff(indices, axis=1) > 0).all())
    if not rising and (np.diff(np.sort(indices, axis=1), axis=1) == 0).any():
        return None
    counts = np.zeros(row_count + 1, kind)
    counts[shared + 1] = indices.shape[1]
    widths = tuple([columns.shape[1] for columns in found])
    pointers = np.cumsum(counts, dtype=kind)
    return _Csr(
        indices.astype(kind).ravel(), pointers, rising, tuple(labels), _grids(terms, labels), len(shared), widths
    )


def _sorted(keys: Any, bound: int) -> tuple[Any, Any]:
    """Sorted ``keys`` (below ``bound``) and where they were: in one sort of single words, if they have room."""
    width = len(keys).bit_length()
    if bound.bit_length() + width >= 63:
        order = np.argsort(keys)
        return keys[order], order
    packed = np.sort((keys << width) | np.arange(len(keys)))
    return packed >> width, packed & ((1 << width) - 1)


def _csr_plan(terms: Sequence[Term], row_count: int, column_count: int) -> _Csr:
    large = max(sum([term.pattern.entries for term in terms]), row_count, column_count) >= 2**31
    kind = np.int64 if large else np.int32
    plan = _side_by_side(terms, row_count, column_count, kind)
    if plan is not None:
        return plan
    parts = [np.zeros(0, np.int64)]
    for term in terms:
        rows, columns = positions(term)
        (grid,) = _grids([term], [term.pattern.outer])
        parts.append(np.broadcast_to(rows * column_count + columns, grid).ravel())
    keys = np.concatenate(parts)
    order = inverse = None
    if (np.diff(keys) > 0).all():
        places = keys
    else:
        places, order = _sorted(keys, row_count * column_count)
        new = np.concatenate([[True], np.diff(places) > 0])
        if not new.all():
            inverse = np.empty(len(keys), np.int64)
            inverse[order] = np.cumsum(new) - 1
            places, order = places[new], None
    counts = np.bincount(places // max(column_count, 1), minlength=row_count)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(kind)
    labels = tuple([term.pattern.outer for term in terms])
    indices = (places % max(column_count, 1)).astype(kind)
    return _Csr(indices, indptr, True, labels, _grids(terms, labels), order=order, inverse=inverse)


def _structure(terms: Sequence[Term], row_count: int, column_count: int) -> _Csr:
    """The plan for these terms; that of the last terms of equal structure if their tables are equal too."""
    plans = terms[0].pattern.plans
    key = ("csr", tuple([term.pattern for term in terms]))
    tables = [table for term in terms for table in term.tables]
    plan: _Csr | None = plans.get(key)
    if plan is None or not all([np.array_equal(a, b) for a, b in zip(plan.tables, tables, strict=True)]):
        plan = _csr_plan(terms, row_count, column_count)
        plans[key] = plan = plan._replace(tables=tuple([np.array(table) for table in tables]))
    return plan


def entries(terms: Sequence[Term], row_count: int, column_count: int) -> int:
    """How many different positions the terms name."""
    terms = [term for term in terms if 0 not in term.pattern.sizes]
    if not terms:
        return 0
    counts = [t.pattern.entries if fills(t.pattern) else 0 for t in terms]
    if row_count * column_count in counts:
        return row_count * column_count
    if len(terms) == 1 and counts[0]:
        return counts[0]
    return len(_structure(terms, row_count, column_count).indices)


def _data(terms: Sequence[Term], plan: _Csr, dtype: Any) -> Any:
    if plan.widths is not None:
        side_by_side, start = np.empty((plan.rows, sum(plan.widths)), dtype), 0
        for term, labels, grid, width in zip(terms, plan.labels, plan.grids, plan.widths, strict=True):
            part = np.broadcast_to(ordered_values(term, labels), grid)
            side_by_side[:, start : start + width] = part.reshape(plan.rows, width)
            start += width
        return side_by_side.reshape(-1)
    data, start = np.empty(sum([prod(grid) for grid in plan.grids]), dtype), 0
    for term, labels, grid in zip(terms, plan.labels, plan.grids, strict=True):
        stop = start + prod(grid)
        if not term.factors:
            data[start:stop] = 1
        elif len(term.factors) == 1 and not term.pattern.factors[0].labels and not term.pattern.inner:
            data[start:stop] = term.factors[0]
        else:
            data[start:stop].reshape(grid)[...] = ordered_values(term, labels)
        start = stop
    if plan.inverse is None:
        return data if plan.order is None else data.take(plan.order)
    if data.dtype == np.float64:
        return np.bincount(plan.inverse, data, len(plan.indices))
    summed = np.zeros(len(plan.indices), dtype)
    np.add.at(summed, plan.inverse, data)
    return summed


def to_csr(terms: Sequence[Term], row_shape: tuple[int, ...], column_shape: tuple[int, ...], dtype: Any) -> Any:
    """The sum of ``terms`` as a ``scipy.sparse.csr_array``: rows and columns flattened, duplicates summed.

    Indices are 32-bit where they fit. Where the rows come in order, nothing is sorted; the columns within a row may
    then be out of order, and ``has_sorted_indices`` says so.
    """
    rows, columns = prod(row_shape), prod(column_shape)
    terms = [term for term in terms if 0 not in term.pattern.sizes]
    if not terms:
        return sparse.csr_array((rows, columns), dtype=dtype)
    plan = _structure(terms, rows, columns)
    # The structure is kept for the next call; what is handed out may be changed by its owner.
    parts = (_data(terms, plan, dtype), plan.indices.copy(), plan.indptr.copy())
    result = sparse.csr_array(parts, shape=(rows, columns))
    result.has_sorted_indices = plan.is_sorted
    result.has_canonical_format = plan.is_sorted
    return result
