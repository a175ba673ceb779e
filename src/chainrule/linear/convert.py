"""Write the entries of a sum of terms out: a dense array, a LinearOperator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear._scipy import blas, sparse_linalg
from chainrule.linear.apply import pull_batch, push_batch
from chainrule.linear.contract import plan_contraction
from chainrule.linear.flat import axis_table, place_of, steps_along, window
from chainrule.linear.functions import scatter
from chainrule.linear.term import Axis, Opaque, Pattern, Term
from chainrule.linear.unify import injective

__all__ = [
    "apply_sum",
    "dense",
    "dtype_of",
    "fills",
    "is_tracked",
    "operator",
    "ordered_values",
    "positions",
    "push_columns",
    "sandwich",
    "values",
]

_SYRK_FROM = 128  # rows of a symmetric product from which half a multiplication beats the mirror image it needs

_BLOCK = 64  # rows of a block that is mirrored at once, so that both sides stay in the cache
_ABOVE = np.triu(np.ones((_BLOCK, _BLOCK), bool), 1)


def is_tracked(factor: Any) -> bool:
    """Whether a factor is neither a plain array nor a number nor an opaque map of such: it dispatches by itself."""
    if isinstance(factor, Opaque):
        return factor.tracked
    return not isinstance(factor, np.ndarray | np.generic | int | float | complex)


def dtype_of(terms: Sequence[Term], default: Any = np.float64) -> np.dtype[Any]:
    """The dtype of the entries: that of the arrays among the factors, or ``default`` where there are none."""
    kinds = [factor.dtype for term in terms for factor in term.factors if hasattr(factor, "dtype")]
    numbers = [factor for term in terms for factor in term.factors if not hasattr(factor, "dtype")]
    if not kinds:
        return np.result_type(np.dtype(default), *[number for number in numbers if isinstance(number, complex)])
    found = np.result_type(*kinds, *numbers)
    return np.result_type(found, default) if found.kind in "iub" else found  # counts, in a map of real numbers


# --------------------------------------------------------------------------------------------------- values and places
def values(term: Term) -> Any:
    """The values of the entries on the grid of the outer labels; an axis is of size 1 where they do not vary.

    >>> from chainrule.linear.term import pattern
    >>> p, _ = pattern([2, 3], [1], [0, 1], [(0,)])
    >>> values(Term(p, (np.array([5.0, 7.0]),))).shape
    (1, 2)
    """
    p = term.pattern
    return ordered_values(term, p.outer)


def ordered_values(term: Term, labels: tuple[int, ...]) -> Any:
    """`values` with the axes in the order of ``labels``, which are all the outer labels."""
    p = term.pattern
    plan = p.plans.get(("values", labels))
    if plan is None:
        plan = p.plans["values", labels] = (plan_contraction(p.factors, labels, p.sizes), sandwich(p, labels))
    contraction, symmetric = plan
    if symmetric is not None:
        first, second, between = symmetric
        if term.factors[first] is term.factors[second] and not any([is_tracked(f) for f in term.factors]):
            found = _symmetric(term, first, between)
            if found is not None:
                return found
    return contraction(*term.factors)


def sandwich(p: Pattern, labels: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Where A, A and d are in c·Aᵀ diag(d) A with the axes ``labels``; None if the pattern is not of that form."""
    matrices = [k for k, factor in enumerate(p.factors) if len(factor.labels) == 2 and not factor.opaque]
    vectors = [k for k, factor in enumerate(p.factors) if len(factor.labels) == 1]
    numbers = [k for k, factor in enumerate(p.factors) if not factor.labels]
    if len(matrices) != 2 or len(vectors) != 1 or len(numbers) > 1 or len(p.factors) != 3 + len(numbers):
        return None
    if len(labels) != 2 or len(p.sizes) != 3 or p.sizes[labels[0]] < _SYRK_FROM:
        return None
    (one, two), (summed,) = [p.factors[k].labels for k in matrices], p.factors[vectors[0]].labels
    at = one.index(summed) if summed in one else -1
    if at < 0 or two[at] != summed or {one[1 - at], two[1 - at]} != set(labels):
        return None
    return matrices[0], matrices[1], vectors[0]


def _symmetric(term: Term, first: int, between: int) -> Any:
    """c·Aᵀ diag(d) A for d of one sign by one rank-k update, None where that does not apply."""
    matrix, weights = term.factors[first], term.factors[between]
    for labels, factor in zip(term.pattern.factors, term.factors, strict=True):
        if not labels.labels:
            weights = weights * factor
    if matrix.dtype != np.float64 or weights.dtype != np.float64 or not weights.size:
        return None
    sign = 1.0 if weights.min() >= 0 else -1.0
    if sign < 0 and weights.max() > 0:
        return None
    summed_first = term.pattern.factors[first].labels[0] == term.pattern.factors[between].labels[0]
    roots = np.sqrt(sign * weights)
    scaled = matrix * (roots[:, None] if summed_first else roots)
    # BLAS reads columns first: hand it the transposed view, which is contiguous in that sense
    turned = scaled.T if scaled.flags.c_contiguous else scaled
    result = blas.dsyrk(sign, turned, trans=int((turned is scaled) == summed_first), lower=1)
    return _mirrored(result)


def _mirrored(lower: Any) -> Any:
    """A symmetric matrix from its lower triangle, in place, block by block."""
    count = len(lower)
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        lower[:start, start:stop] = lower[start:stop, :start].T
        corner = lower[start:stop, start:stop]
        np.copyto(corner, corner.T.copy(), where=_ABOVE[: stop - start, : stop - start])
    return lower.T


def _axis_grid(axis: Axis, labels: Sequence[int], sizes: Sequence[int], tables: Sequence[Any]) -> Any:
    """The positions along one axis on the grid of ``labels``, of size 1 where they do not vary."""
    if axis.table >= 0:
        return axis_table(np.asarray(tables[axis.table]), axis.labels, labels, sizes)
    grid = np.full((1,) * len(labels), axis.offset, np.int64)
    shape = [sizes[label] for label in labels]
    for label, stride in zip(axis.labels, axis.strides, strict=True):
        grid = grid + steps_along(labels.index(label), shape, stride)
    return grid


def _flat(axes: Sequence[Axis], term: Term, labels: Sequence[int]) -> Any:
    grid = np.zeros((1,) * len(labels), np.int64)
    for axis in axes:
        grid = grid * axis.size + _axis_grid(axis, labels, term.pattern.sizes, term.tables)
    return grid


def positions(term: Term, labels: tuple[int, ...] | None = None) -> tuple[Any, Any]:
    """The flat row and the flat column of the entries on the grid of the outer labels (to be broadcast).

    >>> from chainrule.linear.term import pattern
    >>> rows, columns = positions(Term(pattern([2, 3], [1], [0, 1])[0]))
    >>> rows.ravel(), columns.ravel()
    (array([0, 1, 2]), array([0, 3, 1, 4, 2, 5]))
    """
    p, labels = term.pattern, term.pattern.outer if labels is None else labels
    if p.tables:
        return _flat(p.row, term, labels), _flat(p.column, term, labels)
    found = p.plans.get(("positions", labels))
    if found is None:
        found = p.plans["positions", labels] = _flat(p.row, term, labels), _flat(p.column, term, labels)
    result: tuple[Any, Any] = found
    return result


# --------------------------------------------------------------------------------------------------------------- dense
class _Strided(NamedTuple):
    """A term without tables as a strided view of the result: where it starts, its shape, its strides in entries."""

    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _strided(p: Pattern) -> _Strided | None:
    """The view of the dense result that a term fills, each place once; None if there is no such view."""
    if p.tables:
        return None
    (shape, row, column), width = place_of(Term(p)), prod(p.column_shape)
    strides = tuple([r * width + c for r, c in zip(row.strides, column.strides, strict=True)])
    if not injective(zip(strides, shape, strict=True)):
        return None
    return _Strided(row.offset * width + column.offset, shape, strides)


def fills(p: Pattern) -> bool:
    """Whether a term is known to name no position twice."""
    return _cached(p, "strided", _strided) is not None


def _whole(p: Pattern) -> tuple[int, ...] | None:
    """The labels in the order of the axes, if every axis is bare and has a label of its own."""
    axes = p.row + p.column
    labels = tuple([label for axis in axes for label in axis.labels])
    return labels if len(set(labels)) == len(axes) and all([p.is_bare(axis) for axis in axes]) else None


def _cached(p: Pattern, key: str, function: Callable[[Pattern], Any]) -> Any:
    if key not in p.plans:
        p.plans[key] = function(p)
    return p.plans[key]


def dense(terms: Sequence[Term], row_shape: tuple[int, ...], column_shape: tuple[int, ...], dtype: Any) -> Any:
    """The sum of ``terms`` as an array of shape ``row_shape + column_shape``; tracked if a factor is.

    >>> from chainrule.linear.term import identity
    >>> dense([Term(identity((2,)))], (2,), (2,), np.float64)
    array([[1., 0.],
           [0., 1.]])
    """
    shape = row_shape + column_shape
    if any([is_tracked(factor) for term in terms for factor in term.factors]):
        return sum([_pure(term, shape, dtype) for term in terms[1:]], _pure(terms[0], shape, dtype))
    if len(terms) == 1 and terms[0].factors and _cached(terms[0].pattern, "whole", _whole) is not None:
        (term,) = terms
        full = np.asarray(ordered_values(term, _cached(term.pattern, "whole", _whole)))
        if full.shape == shape:
            return full.astype(dtype, copy=any([full is f or full.base is not None for f in term.factors]))
        return np.broadcast_to(full, shape).astype(dtype)
    result = np.zeros(shape, dtype)
    flat = result.reshape(-1)
    for term in terms:
        if 0 in term.pattern.sizes:
            continue
        view = _cached(term.pattern, "strided", _strided)
        if view is None:
            rows, columns = positions(term)
            grid = tuple([term.pattern.sizes[label] for label in term.pattern.outer])
            where = np.broadcast_to(rows * prod(column_shape) + columns, grid)
            np.add.at(flat, where.ravel(), np.broadcast_to(values(term), grid).ravel())
        else:
            part = window(flat, *view)
            part += values(term)
    return result


def _cast(found: Any, dtype: Any) -> Any:
    """Untracked values as an array of ``dtype``: a bare number must not make single precision double."""
    return found if is_tracked(found) else np.asarray(found, dtype)


def _pure(term: Term, shape: tuple[int, ...], dtype: Any) -> Any:
    """One term as a dense array, by functions that dispatch."""
    p = term.pattern
    labels = _cached(p, "whole", _whole)
    if labels is not None:
        full = _cast(ordered_values(term, labels), dtype)
        return np.broadcast_to(full, shape) if full.shape != shape else full
    if 0 in p.sizes:
        return np.zeros(shape, dtype)
    grid = tuple([p.sizes[label] for label in p.outer])
    found = np.reshape(np.broadcast_to(_cast(values(term), dtype), grid), (-1,))
    index = np.broadcast_to(_flat(p.row + p.column, term, p.outer), grid).reshape(-1)
    return np.reshape(scatter(found, (prod(shape),), (index,)), shape)


# ------------------------------------------------------------------------------------------------------------ operator
def apply_sum(
    function: Callable[..., Any], terms: Sequence[Term], vector: Any, shape: tuple[int, ...], dtype: Any
) -> Any:
    """``Σ function(term, vector)``, where ``function`` is `push`, `pull` or one of their batches; not thin."""
    total: Any = None
    for term in terms:
        part = function(term.pattern, vector, term.factors, term.tables)
        total = part if total is None else total + part
    if total is None:
        return np.zeros(shape, np.result_type(vector.dtype, dtype))
    total = total if total.shape == shape else np.broadcast_to(total, shape)
    return _own(total, vector) if type(total) is np.ndarray else total


def _own(result: Any, vector: Any) -> Any:
    """``result`` in memory of its own: identities hand on what they are given, and the caller may write into it."""
    if not result.flags.writeable:
        return result.copy()
    owners = []
    for array in (result, vector):
        while isinstance(array.base, np.ndarray):
            array = array.base
        owners.append(array)
    return result.copy() if owners[0] is owners[1] else result


def push_columns(
    terms: Sequence[Term], row_shape: tuple[int, ...], column_shape: tuple[int, ...], columns: Any, dtype: Any
) -> Any:
    """The map times a matrix of flat vectors, its columns: the products are the columns of the result."""
    count = columns.shape[1]
    vectors = np.ascontiguousarray(columns.T).reshape(count, *column_shape)
    return apply_sum(push_batch, terms, vectors, (count, *row_shape), dtype).reshape(count, prod(row_shape)).T


def operator(terms: Sequence[Term], row_shape: tuple[int, ...], column_shape: tuple[int, ...], dtype: Any) -> Any:
    """The sum of ``terms`` as a ``scipy.sparse.linalg.LinearOperator``: nothing is written out."""

    def forwards(columns: Any) -> Any:
        return push_columns(terms, row_shape, column_shape, columns, dtype)

    def backwards(columns: Any) -> Any:
        vectors = np.ascontiguousarray(columns.T).reshape(columns.shape[1], *row_shape).conj()
        shape = (columns.shape[1], *column_shape)
        found = apply_sum(pull_batch, terms, vectors, shape, dtype)
        return found.reshape(columns.shape[1], prod(column_shape)).T.conj()

    return sparse_linalg.LinearOperator(
        (prod(row_shape), prod(column_shape)),
        matvec=lambda vector: forwards(vector.reshape(-1, 1)),
        rmatvec=lambda vector: backwards(vector.reshape(-1, 1)),
        matmat=forwards,
        rmatmat=backwards,
        dtype=dtype,
    )
