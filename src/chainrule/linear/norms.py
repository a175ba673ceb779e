"""Norms, sums and inner products of rows and columns, from the factors: no outer product is formed to be squared.

The gradient of one example with respect to a weight matrix is δ(b,o) a(b,i): its squared norm is Σδ² · Σa². In
general one term without summed labels has the squares of its factors as entries; several terms, or a product, take
the inner products of all pairs of terms. Where entries are few, or axes do not match for that, entries are listed as
`sparse` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import OptionError, TooLargeError
from chainrule.linear import limit
from chainrule.linear.compose import compose
from chainrule.linear.contract import plan_contraction
from chainrule.linear.convert import dense
from chainrule.linear.describe import describe
from chainrule.linear.flat import place_of, window
from chainrule.linear.sparse import plan_of
from chainrule.linear.term import Axis, Factor, Pattern, Term, pattern
from chainrule.linear.unify import injective

__all__ = ["gram", "norm", "row_norms", "row_sums"]

_FEW = 1 << 16  # entries up to which sums of several terms are listed: no digits are lost where terms cancel
_MORE = 4  # a product may hold this many times the numbers of its factors

Shape = tuple[int, ...]
Cache = dict[Any, Any] | None


# ---------------------------------------------------------------------------------------------------------------- sums
def row_sums(terms: Sequence[Term], row_shape: Shape, dtype: Any) -> Any:
    """The sum of the entries of each row, an array of ``row_shape``.

    >>> p, _ = pattern([2, 3], [0], [1], [(0,), (1,)])
    >>> row_sums([Term(p, (np.array([1.0, 10.0]), np.ones(3)))], (2,), np.float64)
    array([ 3., 30.])
    """
    total: Any = None
    for term in terms:
        part = _row_totals(term, row_shape, dtype)
        total = part if total is None else total + part
    if total is None:
        return np.zeros(row_shape, dtype)
    shared = isinstance(total, np.ndarray) and (total.base is not None or any([total is f for f in terms[0].factors]))
    return np.array(total) if shared else total  # the caller may write into it


def _row_totals(term: Term, row_shape: Shape, dtype: Any) -> Any:
    p = term.pattern
    if 0 in p.sizes:
        return np.zeros(row_shape, dtype)
    labels = tuple(dict.fromkeys(label for axis in p.row for label in axis.labels))
    key = ("row totals", labels)
    if key not in p.plans:
        p.plans[key] = plan_contraction(p.factors, labels, p.sizes)
    found = p.plans[key](*term.factors)
    if len(labels) == len(row_shape) and all([p.is_bare(axis) for axis in p.row]):
        return found if np.shape(found) == row_shape else np.broadcast_to(found, row_shape)
    place = place_of(term)
    result = np.zeros(prod(row_shape), dtype)
    grid = tuple([p.sizes[label] for label in labels])
    strides = [place.row.strides[p.outer.index(label)] for label in labels]
    if place.row.table is None and injective(zip(strides, grid, strict=True)):
        view = window(result, place.row.offset, grid, strides)
        view += found
    else:
        rows = place.row.written_out(place.shape, np.int64)
        rows = rows.reshape([n for n, label in zip(rows.shape, p.outer, strict=True) if label in labels])
        np.add.at(result, np.broadcast_to(rows, grid).ravel(), np.broadcast_to(found, grid).ravel())
    return result.reshape(row_shape)


# ------------------------------------------------------------------------------------------------------------- squares
def _each(term: Term, function: Callable[[Any], Any]) -> Term | None:
    """The term whose entries are a multiplicative function of those of ``term``; None if these are sums."""
    p = term.pattern
    if p.inner or any([factor.opaque for factor in p.factors]) or not place_of(term).names_once:
        return None
    return Term(p, tuple([function(factor) for factor in term.factors]), term.tables)


def _contracted(term: Term) -> Term:
    """The term with its summed labels contracted where the product is not much larger than what it replaces."""
    p = term.pattern
    if "contracted" not in p.plans:
        p.plans["contracted"] = _contraction(p)
    found = p.plans["contracted"]
    if found is None:
        return term
    made, kept, groups = found
    products = [plan(*[term.factors[k] for k in mine]) for plan, mine in groups]
    return Term(made, (*[term.factors[k] for k in kept], *products), term.tables)


def _contraction(p: Pattern) -> Any:
    inner = set(p.inner)
    if not inner or any([factor.opaque for factor in p.factors]):
        return None
    if not inner <= {label for factor in p.factors for label in factor.labels}:
        return None
    groups: list[set[int]] = []
    for k, factor in enumerate(p.factors):
        if inner & set(factor.labels):
            touched = [g for g in groups if any([inner & set(p.factors[m].labels) & set(factor.labels) for m in g])]
            groups = [g for g in groups if g not in touched] + [{k}.union(*touched)]
    done, labels = [], list[tuple[int, ...]]()
    for group in groups:
        mine = tuple(sorted(group))
        named = {label for k in mine for label in p.factors[k].labels}
        left = tuple([label for label in p.outer if label in named])
        before = sum([prod([p.sizes[label] for label in set(p.factors[k].labels)]) for k in mine])
        if prod([p.sizes[label] for label in left]) > max(_FEW, _MORE * before):
            return None
        sizes = tuple([size if label in named else 1 for label, size in enumerate(p.sizes)])
        done.append((plan_contraction(tuple([p.factors[k] for k in mine]), left, sizes), mine))
        labels.append(left)
    kept = tuple([k for k in range(len(p.factors)) if not any([k in group for group in groups])])
    factors = [p.factors[k] for k in kept] + [Factor(each) for each in labels]
    return pattern(p.sizes, p.row, p.column, factors, p.tables)[0], kept, tuple(done)


def _square(factor: Any) -> Any:
    return factor * factor if not np.iscomplexobj(factor) else np.abs(factor) ** 2


def row_norms(terms: Sequence[Term], row_shape: Shape, column_shape: Shape, dtype: Any, cache: Cache = None) -> Any:
    """The Euclidean norm of each row, an array of ``row_shape``.

    >>> p, _ = pattern([2, 3, 4], [0], [1, 2], [(0, 1), (0, 2)])  # per example: δ ⊗ a
    >>> row_norms([Term(p, (np.ones((2, 3)), np.ones((2, 4))))], (2,), (3, 4), np.float64) ** 2
    array([12., 12.])
    """
    terms = [_contracted(term) for term in limit.affordable(terms, "row_norms()") if 0 not in term.pattern.sizes]
    kind = _real(dtype)
    if not terms:
        return np.zeros(row_shape, kind)
    squared = _each(terms[0], _square) if len(terms) == 1 else None
    if squared is not None:
        return np.sqrt(row_sums([squared], row_shape, kind))
    pairs = _pairs(terms, True) if _worth(terms) else None
    if pairs is not None:
        return np.sqrt(np.maximum(np.real(dense(pairs, row_shape, (), dtype)), 0))
    data, indptr = _entries(terms, row_shape, column_shape, dtype, cache, "row_norms()")
    return np.sqrt(_by_row(_square(data), indptr)).reshape(row_shape)


def norm(
    terms: Sequence[Term],
    row_shape: Shape,
    column_shape: Shape,
    dtype: Any,
    order: Any = None,
    cache: Cache = None,
) -> Any:
    """A norm of the flattened matrix: Frobenius (None or "fro"), the largest column sum (1) or row sum (inf).

    Raises:
        OptionError: another order.
        TooLargeError: more than 2²⁶ entries would have to be listed.

    >>> p, _ = pattern([2, 2], [0], [1], [(0, 1)])
    >>> A = np.array([[1.0, -2.0], [3.0, 4.0]])
    >>> [float(norm([Term(p, (A,))], (2,), (2,), np.float64, order)) for order in (1, np.inf)]
    [6.0, 7.0]
    """
    terms = [_contracted(term) for term in limit.affordable(terms, "norm()") if 0 not in term.pattern.sizes]
    if order in (None, "fro"):
        return _frobenius(terms, row_shape, column_shape, dtype, cache)
    if order not in (1, np.inf):
        raise OptionError(
            f"norm({order!r}): expected None or 'fro' (Frobenius), 1 (largest column sum) or inf (largest row sum); "
            f"for the largest singular value use scipy.sparse.linalg.svds(J.operator(), 1)"
        )
    if order == 1:
        terms, row_shape, column_shape = [term.transposed() for term in terms], column_shape, row_shape
    absolute = _each(terms[0], np.abs) if len(terms) == 1 else None
    if absolute is not None:
        sums = np.asarray(row_sums([absolute], row_shape, _real(dtype)))
    elif not terms:
        sums = np.zeros(1, _real(dtype))
    else:
        what = f"norm({order!r})"
        data, indptr = _entries(terms, row_shape, column_shape, dtype, None if order == 1 else cache, what)
        sums = _by_row(np.abs(data), indptr)
    return sums.max(initial=0)


def _frobenius(terms: Sequence[Term], row_shape: Shape, column_shape: Shape, dtype: Any, cache: Cache) -> Any:
    if not terms:
        return _real(dtype).type(0)
    squared = _each(terms[0], _square) if len(terms) == 1 else None
    if squared is not None:
        p = squared.pattern
        if "total" not in p.plans:
            p.plans["total"] = plan_contraction(p.factors, (), p.sizes)
        return np.sqrt(p.plans["total"](*squared.factors))
    pairs = _pairs(terms, True, total=True) if _worth(terms) else None
    if pairs is not None:
        return np.sqrt(np.maximum(np.real(dense(pairs, (), (), dtype)[()]), 0))
    return np.sqrt(_square(_entries(terms, row_shape, column_shape, dtype, cache, "norm()")[0]).sum())


def _real(dtype: Any) -> np.dtype[Any]:
    return np.zeros(0, dtype).real.dtype


def _worth(terms: Sequence[Term]) -> bool:
    """Whether pairs of terms are better than the entries."""
    return len(terms) ** 2 <= _FEW and sum([term.pattern.entries for term in terms]) > _FEW


def _entries(
    terms: Sequence[Term], row_shape: Shape, column_shape: Shape, dtype: Any, cache: Cache, what: str
) -> tuple[Any, Any]:
    """The data of the entries, row by row, and the row pointers."""
    count = sum([term.pattern.entries for term in terms])
    if count > limit.LIMIT:
        raise TooLargeError(
            f"{what} of this map would have to list {count:,} entries, more than the {limit.LIMIT:,} that are made "
            f"unasked. It is: {describe(terms)}. Use products with J.operator(), or J.dense() if the memory is there"
        )
    plan = plan_of(terms, prod(row_shape), prod(column_shape), cache)
    return plan.data(terms, np.dtype(dtype)), plan.structure.indptr


def _by_row(data: Any, indptr: Any) -> Any:
    """Sums over the rows of a CSR matrix."""
    result = np.zeros(len(indptr) - 1, data.dtype)
    filled = indptr[1:] > indptr[:-1]
    if filled.any():
        result[filled] = np.add.reduceat(data, indptr[:-1][filled])
    return result


# --------------------------------------------------------------------------------------------------------------- pairs
def _pairs(terms: Sequence[Term], rows: bool, total: bool = False) -> list[Term] | None:
    """The inner products of rows of all pairs of terms, as terms; None if their axes do not match.

    With ``rows`` the real part of the products of a row with itself, as terms without column; with ``total`` their sum.
    """
    found = []
    for n, term in enumerate(terms):
        for m, other in enumerate(terms):
            if rows and m < n:
                continue  # the same as the other way round: counted twice
            p, q = term.pattern, other.pattern
            key = ("pair", q, rows, total)
            if key not in p.plans:
                p.plans[key] = _paired(p, q, rows, total)
            made = p.plans[key]
            if made is None:
                return None
            if made != "apart":
                number = 2.0 if rows and m > n else 1.0
                found.append(Term(made, (number, *term.factors, *_conjugate(other).factors)))
    return found


def _paired(p: Pattern, q: Pattern, rows: bool, total: bool) -> Pattern | str | None:
    if p.tables or q.tables or any([factor.opaque for factor in p.factors + q.factors]):
        return None
    first = len(p.sizes)
    sizes = [*p.sizes, *q.sizes]
    names = list(range(len(sizes)))

    def root(label: int) -> int:
        while names[label] != label:
            label = names[label]
        return label

    axes = list(zip(p.column, q.column, strict=True)) + (list(zip(p.row, q.row, strict=True)) if rows else [])
    for here, there in axes:
        if not here.labels and not there.labels:
            if here.offset != there.offset:
                return "apart"
            continue
        same = here.strides == there.strides and here.offset == there.offset and len(here.labels) == 1
        if not same or not here.strides[0] or p.sizes[here.labels[0]] != q.sizes[there.labels[0]]:
            return None
        names[root(there.labels[0] + first)] = root(here.labels[0])
    final = [root(label) for label in range(len(sizes))]
    later = [final[label + first] for label in range(len(q.sizes))]
    factors = [Factor(()), *[Factor(tuple([final[label] for label in factor.labels])) for factor in p.factors]]
    factors += [Factor(tuple([later[label] for label in factor.labels])) for factor in q.factors]
    row = [] if total else [axis.renamed(final) for axis in p.row]
    column = list[Axis]() if rows else [axis.renamed(later) for axis in q.row]
    named = {label for factor in factors for label in factor.labels}
    named |= {label for axis in row + column for label in axis.labels}
    return pattern(sizes, row, column, factors)[0] if named >= set(final) else None  # a sum over what nothing names


def gram(terms: Sequence[Term], row_shape: Shape, dtype: Any) -> Any:
    """The inner products of all rows, J Jᴴ, as an array of shape ``row_shape + row_shape``.

    Raises:
        TooLargeError: it has more than 2²⁶ entries.

    >>> p, _ = pattern([2, 3], [0], [1], [(0, 1)])
    >>> gram([Term(p, (np.ones((2, 3)),))], (2,), np.float64)
    array([[3., 3.],
           [3., 3.]])
    """
    count = prod(row_shape)
    if count * count > limit.LIMIT:
        raise TooLargeError(
            f"gram() of a map with {count:,} rows has {count * count:,} entries, more than the {limit.LIMIT:,} that "
            f"are made unasked. Use J @ J.T, which keeps its structure, or row_norms() for the diagonal"
        )
    terms = [term for term in limit.affordable(terms, "gram()") if 0 not in term.pattern.sizes]
    found = _pairs(terms, False)
    if found is None:
        adjoint = [_conjugate(term).transposed() for term in terms]
        found = [part for term in terms for other in adjoint for part in compose(term, other)]
    return dense(found, row_shape, row_shape, dtype)


def _conjugate(term: Term) -> Term:
    if not any([np.iscomplexobj(factor) for factor in term.factors]):
        return term
    return Term(term.pattern, tuple([np.conj(factor) for factor in term.factors]), term.tables)
