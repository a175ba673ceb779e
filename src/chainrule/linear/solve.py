"""Solve J x = b, and the determinant of J, by what the structure of J allows; nothing large is written out unasked.

In this order: a Kronecker product factor by factor; I ⊗ A once for all; small blocks at once; a band; large blocks one
by one; something of these plus low rank; sparse LU where fewer than one entry in eight is set; a dense matrix of up
to 2²⁶ numbers, by Cholesky if it is symmetric and positive definite, else by LU. What is left, and large maps of which
only products are known, are solved by iteration, where that was asked for or nothing else is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import ConvergenceError, MatrixError, ShapeError
from chainrule.linear import limit
from chainrule.linear._scipy import sparse_linalg
from chainrule.linear.banded import bandwidths, fill_diagonals, offset_of
from chainrule.linear.convert import dense, is_tracked, operator, push_columns
from chainrule.linear.deltas import Blocks, Blockwise, Repeated, block_terms, deltas_of, reduced, split_of
from chainrule.linear.describe import describe
from chainrule.linear.inverse import Banded, Dense, Inverse, LogDeterminant, SparseLU
from chainrule.linear.kronecker import Kronecker, Part, parts_of
from chainrule.linear.lowrank import LowRank, rank_of
from chainrule.linear.sparse import entries, to_csr
from chainrule.linear.term import Term

__all__ = ["inverse_of", "order_of", "slogdet", "solve"]

_SPARSE = 8  # fewer than one entry in this many, and sparse LU is taken
_NARROW = 4  # a band of one width in this many rows
_FILLED = 4  # a band may be this many times as wide as it has diagonals; blocks may hold so many times the entries
_SMALL = 64  # rows of a block up to which all blocks are written out
_COPIES = 4096  # blocks that are solved one by one
_OPAQUE = 512  # rows of a map known by its products only, up to which it is written out
_STEPS = 2000  # of an iteration, at most

Shape = tuple[int, ...]
Cache = dict[Any, Any] | None


def order_of(row_shape: Shape, column_shape: Shape, what: str) -> int:
    """The number of rows of a square map; ``what`` needs one."""
    count, columns = prod(row_shape), prod(column_shape)
    if count != columns:
        raise ShapeError(
            f"{what} needs a square Jacobian; this one has {count} rows and {columns} columns: use "
            f"scipy.sparse.linalg.lsmr(J.operator(), …) for least squares"
        )
    return count


class _Singular(Inverse):
    """A map that the structure alone shows to be singular."""

    def __init__(self, words: str) -> None:
        self.words = words

    def solve(self, right: Any) -> Any:
        raise MatrixError(f"{self.words}: it is singular, J x = b has no single solution")

    def slogdet(self) -> LogDeterminant:
        return LogDeterminant(0.0, -np.inf)


# ------------------------------------------------------------------------------------------------------------ dispatch
def inverse_of(
    terms: Sequence[Term],
    row_shape: Shape,
    column_shape: Shape,
    dtype: Any,
    cache: Cache = None,
    low_rank: bool = True,
    written_out: bool = True,
) -> Inverse | None:
    """The form in which a square map is solved; None if that would take a large dense array.

    >>> from chainrule.linear.term import pattern
    >>> p, _ = pattern([4, 2, 2], [0, 1], [0, 2], [(0, 1, 2)])
    >>> type(inverse_of([Term(p, (np.ones((4, 2, 2)),))], (4, 2), (4, 2), np.float64)).__name__
    'Kronecker'
    """
    count = prod(row_shape)
    if not terms:
        return _Singular("the map is zero")
    if len(terms) == 1:
        parts = parts_of(terms[0].pattern)
        if parts is not None and all([_fits(part, terms[0]) for part in parts.parts]):
            return Kronecker(terms[0], parts)
    found = _by_deltas(terms, row_shape, column_shape, dtype, cache, low_rank, written_out)
    found = found or _by_band(terms, count, dtype)
    found = found or _by_large_blocks(terms, row_shape, column_shape, dtype, low_rank)
    if found is None and low_rank:
        found = _by_rank(terms, row_shape, column_shape, dtype, cache)
    if found is not None:
        return found
    opaque = any([factor.opaque for term in terms for factor in term.pattern.factors])
    listed = not opaque and sum([term.pattern.entries for term in terms]) <= limit.LIMIT
    if listed and entries(terms, count, count, cache) * _SPARSE < count * count:
        return SparseLU(to_csr(terms, row_shape, column_shape, dtype, cache))
    if not written_out or count * count > limit.LIMIT or (opaque and count > _OPAQUE):
        return None
    return Dense(np.reshape(dense(terms, row_shape, column_shape, dtype), (count, count)))


def _fits(part: Part, term: Term) -> bool:
    """Whether the matrices of a part may be made: they are small, or one of its factors is as large."""
    stored = [prod(np.shape(term.factors[k])) for k in part.factors]
    return bool(part.copies * part.height * part.width <= max(limit.LIMIT, *stored, 0))


def _by_deltas(
    terms: Sequence[Term],
    row_shape: Shape,
    column_shape: Shape,
    dtype: Any,
    cache: Cache,
    low_rank: bool,
    written_out: bool,
) -> Inverse | None:
    """I ⊗ A, and small blocks."""
    deltas = deltas_of(terms)
    constant = [delta for delta in deltas if delta.constant]
    if constant:
        split = split_of(constant, row_shape, column_shape)
        if split.height == split.width and split.copies > 1:
            shapes = tuple([row_shape[k] for k in split.row_rest]), tuple([column_shape[k] for k in split.column_rest])
            inner = inverse_of(reduced(terms, split, False), *shapes, dtype, None, low_rank, written_out)
            return None if inner is None else Repeated(inner, split, row_shape, column_shape)
    if not deltas:
        return None
    split = split_of(deltas, row_shape, column_shape)
    if split.height != split.width or split.height > _SMALL or split.copies == 1:
        return None
    if split.copies * split.height**2 > limit.LIMIT:
        return None
    return Blocks(terms, split, row_shape, column_shape, dtype)


def _by_large_blocks(
    terms: Sequence[Term], row_shape: Shape, column_shape: Shape, dtype: Any, low_rank: bool
) -> Inverse | None:
    """Blocks by their own structure; or written out, if most of their entries are set."""
    split = split_of(deltas_of(terms), row_shape, column_shape)
    if split.height != split.width or not 1 < split.copies <= _COPIES:
        return None
    shapes = tuple([row_shape[k] for k in split.row_rest]), tuple([column_shape[k] for k in split.column_rest])
    blocks = block_terms(terms, split)
    if blocks is not None:
        found = []
        for block in blocks:
            inverse = inverse_of(block, *shapes, dtype, None, low_rank, False)
            if inverse is None:
                break
            found.append(inverse)
        else:
            return Blockwise(found, split, row_shape, column_shape)
    numbers = split.copies * split.height**2
    if numbers > min(limit.LIMIT, _FILLED * sum([term.pattern.entries for term in terms])):
        return None
    return Blocks(terms, split, row_shape, column_shape, dtype)


def _by_band(terms: Sequence[Term], count: int, dtype: Any) -> Inverse | None:
    """LAPACK's band."""
    widths = bandwidths(terms)
    if widths is None:
        return None
    below, above = widths
    diagonals = len({offset_of(term.pattern) for term in terms})
    if (below + above) * _NARROW >= count or below + above + 1 > _FILLED * diagonals + _NARROW:
        return None
    band = np.zeros((below + above + 1, count), dtype)
    fill_diagonals(terms, band, lambda offset: above - offset)
    return Banded(below, above, band)


def _by_rank(terms: Sequence[Term], row_shape: Shape, column_shape: Shape, dtype: Any, cache: Cache) -> Inverse | None:
    """What is left without the terms of low rank, if that can be solved by its structure."""
    ranks = [rank_of(term.pattern) for term in terms]
    total, count = sum([rank for rank in ranks if rank is not None]), prod(row_shape)
    rest = [term for term, rank in zip(terms, ranks, strict=True) if rank is None]
    if not rest:
        return _Singular(f"the map has {count} rows and the rank {total} at most") if total < count else None
    if not total or total * _NARROW > count:
        return None
    base = inverse_of(rest, row_shape, column_shape, dtype, None, False, False)
    if base is None:
        return None
    return LowRank(base, [term for term, rank in zip(terms, ranks, strict=True) if rank is not None], dtype)


# ------------------------------------------------------------------------------------------------------------- solving
def solve(
    terms: Sequence[Term],
    row_shape: Shape,
    column_shape: Shape,
    right: Any,
    dtype: Any,
    batch: bool = False,
    iterative: bool = False,
    cache: Cache = None,
) -> Any:
    """The array ``x`` of ``column_shape`` with ``Σ terms · x = right``; with ``batch``, for each along a leading axis.

    Raises:
        MatrixError: the map is singular.
        ConvergenceError: it was solved by iteration, which did not come near enough.
        TooLargeError: only a large dense array would do.

    >>> from chainrule.linear.term import pattern
    >>> p, _ = pattern([4, 2, 2], [0, 1], [0, 2], [(1, 2)])  # I₄ ⊗ A
    >>> A = np.array([[2.0, 1.0], [0.0, 1.0]])
    >>> solve([Term(p, (A,))], (4, 2), (4, 2), np.ones((4, 2)), np.float64)[0]
    array([0., 1.])
    """
    count = prod(row_shape)
    if any([is_tracked(factor) for factor in [right, *[f for term in terms for f in term.factors]]]):
        return _solve_tracked(terms, row_shape, column_shape, right, dtype, batch)
    right = np.asarray(right)
    right = right.astype(np.result_type(dtype, right.dtype), copy=False)
    sides = right.reshape(len(right), count).T if batch else right.reshape(count, 1)
    if sides.size == 0:
        return np.zeros((len(right), *column_shape) if batch else column_shape, right.dtype)
    found = _solved(terms, row_shape, column_shape, sides, dtype, iterative, cache)
    return found.T.reshape(len(right), *column_shape) if batch else found.reshape(column_shape)


def _solved(
    terms: Sequence[Term], row_shape: Shape, column_shape: Shape, sides: Any, dtype: Any, iterative: bool, cache: Cache
) -> Any:
    if iterative:
        return _iterated(terms, row_shape, column_shape, sides, dtype)
    inverse = inverse_of(terms, row_shape, column_shape, dtype, cache)
    if inverse is not None and inverse.fragile:
        try:
            found = inverse.solve(sides)
            rest = np.abs(sides - push_columns(terms, row_shape, column_shape, found, dtype)).max()
            if rest <= np.sqrt(np.finfo(sides.dtype).eps) * np.abs(sides).max():
                return found
        except MatrixError:
            pass  # what is left without the low rank may be singular alone
        inverse = inverse_of(terms, row_shape, column_shape, dtype, cache, low_rank=False)
    if inverse is not None:
        return inverse.solve(sides)
    if any([factor.opaque for term in terms for factor in term.pattern.factors]):
        return _iterated(terms, row_shape, column_shape, sides, dtype)
    raise limit.too_large("solve()", terms, len(sides), "J.solve(b, iterative=True), which needs products only")


def _solve_tracked(
    terms: Sequence[Term], row_shape: Shape, column_shape: Shape, right: Any, dtype: Any, batch: bool
) -> Any:
    """By functions that dispatch, so that the solution can itself be differentiated."""
    if batch:
        parts = [_solve_tracked(terms, row_shape, column_shape, part, dtype, False) for part in right]
        return np.stack(parts)
    deltas, count = deltas_of(terms), prod(row_shape)
    if deltas:
        split = split_of(deltas, row_shape, column_shape)
        if split.height == split.width and split.copies * split.height**2 <= limit.LIMIT:
            blocks = Blocks(terms, split, row_shape, column_shape, dtype)
            return np.reshape(blocks.solve_tracked(right), column_shape)
    if count * count > limit.LIMIT:
        raise limit.too_large("solve()", terms, count, "arrays that are not tracked")
    matrix = np.reshape(dense(terms, row_shape, column_shape, dtype), (count, count))
    return np.reshape(np.linalg.solve(matrix, np.reshape(right, (-1,))), column_shape)


def _iterated(terms: Sequence[Term], row_shape: Shape, column_shape: Shape, sides: Any, dtype: Any) -> Any:
    """Each right-hand side by conjugate gradients if the map is symmetric, else by GMRES, else by least squares."""
    A = operator(terms, row_shape, column_shape, dtype)
    count, kind = len(sides), np.finfo(sides.dtype)
    goal = 1e-10 if kind.eps < 1e-10 else 1e-5
    random = np.random.default_rng(0)
    v, w = random.standard_normal(count), random.standard_normal(count)
    symmetric = abs(w @ (A @ v) - v @ (A @ w)) <= 1e3 * kind.eps * np.linalg.norm(A @ v) * np.linalg.norm(w)
    columns = []
    for side in sides.T:
        best = (np.inf, side)
        for method in ("cg", "gmres", "lsmr") if symmetric else ("gmres", "lsmr"):
            best = min(best, _tried(A, side, method, goal), key=lambda pair: pair[0])
            if best[0] <= 10 * goal:
                break
        else:
            raise ConvergenceError(
                f"J x = b was solved by iteration and came no nearer than |J x - b| = {best[0]:.1e} |b| ({count} rows; "
                f"{describe(terms)}): the map may be singular or badly conditioned. Use a preconditioned method of "
                f"scipy.sparse.linalg on J.operator(), or np.linalg.solve on J.dense()"
            )
        columns.append(best[1])
    return np.stack(columns, 1)


def _tried(A: Any, side: Any, method: str, goal: float) -> tuple[float, Any]:
    """The relative residual and the solution that a method found."""
    norm = np.linalg.norm(side)
    if norm == 0:
        return 0.0, np.zeros_like(side)
    steps = min(_STEPS, 4 * len(side) + 10)
    with np.errstate(all="ignore"):
        if method == "cg":
            found = sparse_linalg.cg(A, side, rtol=goal, maxiter=steps)[0]
        elif method == "gmres":
            restart = min(len(side), 60)
            found = sparse_linalg.gmres(A, side, rtol=goal, restart=restart, maxiter=max(1, steps // restart))[0]
        else:
            found = sparse_linalg.lsmr(A, side, atol=goal / 100, btol=goal / 100, maxiter=steps)[0]
        rest = float(np.linalg.norm(A @ found - side) / norm)
    return (rest if np.isfinite(rest) else np.inf), found.astype(side.dtype, copy=False)


# --------------------------------------------------------------------------------------------------------- determinant
def slogdet(
    terms: Sequence[Term], row_shape: Shape, column_shape: Shape, dtype: Any, cache: Cache = None
) -> LogDeterminant:
    """The sign and the logarithm of the absolute value of the determinant; (0, -inf) for a singular map.

    Raises:
        TooLargeError: only a large dense array would do.

    >>> from chainrule.linear.term import pattern
    >>> slogdet([Term(pattern([3], [0], [0], [()])[0], (-1.0,))], (3,), (3,), np.float64).sign == -1
    np.True_
    """
    if not prod(row_shape):
        return LogDeterminant(1.0, 0.0)
    inverse = inverse_of(terms, row_shape, column_shape, dtype, cache)
    if inverse is not None and inverse.fragile:
        try:
            return inverse.slogdet()
        except MatrixError:
            inverse = inverse_of(terms, row_shape, column_shape, dtype, cache, low_rank=False)
    if inverse is None:
        raise limit.too_large("logdet()", terms, prod(row_shape), "a stochastic estimate by J.operator()")
    return inverse.slogdet()
