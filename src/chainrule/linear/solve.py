"""Solve J x = b by what the structure of J allows: division, one small system, small blocks, a band, sparse LU."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear._scipy import linalg, sparse_linalg
from chainrule.linear.convert import dense, is_tracked, values
from chainrule.linear.fold import Shift, shift_of
from chainrule.linear.sparse import entries, to_csr
from chainrule.linear.term import Pattern, Term, pattern

__all__ = ["solve"]

_SPARSE = 8  # one entry in this many, or fewer, and sparse LU is taken
_NARROW = 4  # a band of one width in this many


class _Delta(NamedTuple):
    """A row axis and a column axis that every term holds equal; ``constant`` if no factor varies along it."""

    row: int
    column: int
    constant: bool


def solve(
    terms: Sequence[Term], row_shape: tuple[int, ...], column_shape: tuple[int, ...], right: Any, dtype: Any
) -> Any:
    """The array ``x`` of ``column_shape`` with ``Σ terms · x = right``; the map must be square.

    Raises:
        numpy.linalg.LinAlgError: the map is singular.

    >>> p, _ = pattern([4, 2, 2], [0, 1], [0, 2], [(1, 2)])  # I₄ ⊗ A
    >>> A = np.array([[2.0, 1.0], [0.0, 1.0]])
    >>> solve([Term(p, (A,))], (4, 2), (4, 2), np.ones((4, 2)), np.float64)[0]
    array([0., 1.])
    """
    count = prod(row_shape)
    deltas = _deltas(terms)
    if deltas and _square_blocks(deltas, row_shape, column_shape):
        return _solve_blocks(terms, deltas, row_shape, column_shape, right, dtype)
    if not any([is_tracked(factor) for factor in [right, *[f for term in terms for f in term.factors]]]):
        shifts = [shift_of(term.pattern) for term in terms]
        steps = [shift.step for shift in shifts if shift is not None]
        if len(row_shape) == 1 and steps and len(steps) == len(terms):
            flat = [step[0] for step in steps]
            if (max(*flat, 0) - min(*flat, 0)) * _NARROW < count:
                return _solve_band(terms, [shift for shift in shifts if shift is not None], right, dtype)
        if entries(terms, count, count) * _SPARSE < count * count:
            lu = sparse_linalg.splu(to_csr(terms, row_shape, column_shape, dtype).tocsc())
            return lu.solve(np.asarray(right).reshape(-1)).reshape(column_shape)
    matrix = np.reshape(dense(terms, row_shape, column_shape, dtype), (count, count))
    return np.reshape(np.linalg.solve(matrix, np.reshape(right, (-1,))), column_shape)


def _deltas(terms: Sequence[Term]) -> list[_Delta]:
    """The pairs of axes that every term holds equal."""
    found = [_own_deltas(term.pattern) for term in terms]
    pairs = set(found[0]) if found else set()
    for each in found[1:]:
        pairs &= each.keys()
    return [_Delta(*pair, all([each[pair] for each in found])) for pair in sorted(pairs)]


def _own_deltas(p: Pattern) -> dict[tuple[int, int], bool]:
    if "deltas" not in p.plans:
        named = [label for axis in p.row + p.column for label in axis.labels]
        carried = {label for factor in p.factors for label in factor.labels}
        p.plans["deltas"] = {
            (k, m): here.labels[0] not in carried
            for k, here in enumerate(p.row)
            for m, there in enumerate(p.column)
            if here == there and p.is_bare(here) and named.count(here.labels[0]) == 2
        }
    result: dict[tuple[int, int], bool] = p.plans["deltas"]
    return result


def _square_blocks(deltas: Sequence[_Delta], row_shape: tuple[int, ...], column_shape: tuple[int, ...]) -> bool:
    rows, columns = {delta.row for delta in deltas}, {delta.column for delta in deltas}
    rest_row = prod([size for k, size in enumerate(row_shape) if k not in rows])
    return rest_row == prod([size for k, size in enumerate(column_shape) if k not in columns])


def _solve_blocks(
    terms: Sequence[Term],
    deltas: Sequence[_Delta],
    row_shape: tuple[int, ...],
    column_shape: tuple[int, ...],
    right: Any,
    dtype: Any,
) -> Any:
    """One block for each position along the deltas that vary; what does not vary is one more right-hand side."""
    constant, varying = ([d for d in deltas if d.constant is wanted] for wanted in (True, False))
    rest_row = [k for k in range(len(row_shape)) if k not in [d.row for d in deltas]]
    rest_column = [k for k in range(len(column_shape)) if k not in [d.column for d in deltas]]
    blocks = []
    for term in terms:
        p = term.pattern
        row = [p.row[d.row] for d in varying] + [p.row[k] for k in rest_row]
        made, _ = pattern(p.sizes, row, [p.column[k] for k in rest_column], p.factors, p.tables)
        blocks.append(Term(made, term.factors, term.tables))
    shape = tuple([row_shape[d.row] for d in varying] + [row_shape[k] for k in rest_row])
    count, width = prod([row_shape[d.row] for d in varying]), prod([row_shape[k] for k in rest_row])
    matrices = dense(blocks, shape, tuple([column_shape[k] for k in rest_column]), dtype)
    matrices = np.reshape(matrices, (count, width, width))
    order = [d.row for d in varying] + rest_row + [d.row for d in constant]
    sides = np.reshape(np.transpose(right, order), (count, width, prod([row_shape[d.row] for d in constant])))
    found = sides / matrices if width == 1 else np.linalg.solve(matrices, sides)
    order = [d.column for d in varying] + rest_column + [d.column for d in constant]
    found = np.reshape(found, tuple([column_shape[k] for k in order]))
    return np.transpose(found, sorted(range(len(order)), key=order.__getitem__))


def _solve_band(terms: Sequence[Term], shifts: Sequence[Shift], right: Any, dtype: Any) -> Any:
    """LAPACK's banded solver."""
    steps = [shift.step[0] for shift in shifts]
    above, below = max(*steps, 0), -min(*steps, 0)
    band = np.zeros((above + below + 1, len(right)), dtype)
    for term, shift in zip(terms, shifts, strict=True):
        (step,), (start,), (extent,) = shift
        band[above - step, start + step : start + step + extent] += np.reshape(values(term), (-1,))
    return linalg.solve_banded((below, above), band, right)
