"""A sum of terms in the format that SciPy's user asked for: CSR, CSC, BSR, diagonals directly, others by way of CSR."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import is_ as _is
from typing import Any

import numpy as np

from chainrule.errors import StructureError
from chainrule.linear import limit
from chainrule.linear._scipy import sparse
from chainrule.linear.banded import diagonals_of
from chainrule.linear.probe import explicit
from chainrule.linear.sparse import plan_of
from chainrule.linear.term import Term

__all__ = ["to_sparse"]

_WASTE = 8  # diagonals may hold this many times the entries, or as many numbers as are made unasked

Cache = dict[Any, Any] | None


def to_sparse(
    terms: Sequence[Term],
    row_shape: tuple[int, ...],
    column_shape: tuple[int, ...],
    dtype: Any,
    kind: str | None = None,
    out: Any = None,
    cache: Cache = None,
) -> Any:
    """The sum of ``terms`` as a SciPy sparse array of two dimensions; or ``out``, with its data replaced.

    Args:
        terms: the terms.
        row_shape, column_shape: flattened, the rows and columns of the array.
        dtype: the dtype of the data.
        kind: "csr" (if None and there is no ``out``), "csc", "coo", "bsr", "dia", or another one that SciPy knows.
        out: an array that an earlier call gave for the same structure.

    Raises:
        TooLargeError: the map is dense and large.
        StructureError: ``out`` has another structure; or "bsr" was asked for and there are no blocks, or "dia" and
            the entries are on too many diagonals.

    >>> from chainrule.linear.term import identity
    >>> to_sparse([Term(identity((3,)))], (3,), (3,), np.float64, "dia").data
    array([[1., 1., 1.]])
    """
    shape = prod(row_shape), prod(column_shape)
    if cache is not None and out is None and kind in (None, "csr"):
        ready = cache.get("ready")  # the plan of terms of which none is opaque or empty
        if ready is not None and ready.fits(terms):
            return ready.matrix(terms, shape, dtype)
    if out is not None:
        kind = _checked_format(out, kind)
    kind, dtype = kind or "csr", np.dtype(dtype)
    given, terms = terms, [term for term in explicit(terms) if 0 not in term.pattern.sizes]
    if not terms:
        made = sparse.csr_array(shape, dtype=dtype).asformat(kind)
        return made if out is None else _refilled(out, made, shape)
    if kind in ("csr", "csc"):
        if kind == "csc" and not any([term.tables for term in terms]):
            terms = [term.transposed() for term in terms]
            plan = plan_of(terms, *shape[::-1], cache, kind)
        else:
            plan = plan_of(terms, *shape, cache, kind if kind == "csr" else "turned")
        if cache is not None and kind == "csr" and len(terms) == len(given) and all(map(_is, terms, given)):
            cache["ready"] = plan
        if out is None:
            return plan.matrix(terms, shape, dtype, kind)
        _same(out, shape, (out.indices, out.indptr), plan.structure[:2])
        plan.data(terms, out.data.dtype, out.data)
        return out
    if kind == "bsr":
        return _bsr(terms, shape, dtype, out, cache)
    if kind == "dia":
        found = _dia(terms, shape, dtype, out)
        if found is not None:
            return found
    made = plan_of(terms, *shape, cache).matrix(terms, shape, dtype)
    if kind == "dia":
        _check_diagonals(made)
    made = made.tocoo(copy=False) if kind == "coo" else made.asformat(kind)
    return made if out is None else _refilled(out, made, shape)


def _checked_format(out: Any, kind: str | None) -> str:
    found = getattr(out, "format", None)
    if found not in ("csr", "csc", "coo", "bsr", "dia"):
        what = f"a SciPy sparse array in format {found!r}" if found else f"an object of type {type(out).__name__}"
        raise StructureError(
            f"sparse(out=…) was given {what}: expected what an earlier sparse() gave, as csr, csc, coo, bsr or dia"
        )
    if kind not in (None, found):
        raise StructureError(f"sparse({kind!r}, out=…) was given an array in format {found!r}: the two must agree")
    return str(found)


def require_same(out: Any, like: Any) -> None:
    """Raise unless ``out`` is a CSR array with the entries of ``like``, which is one."""
    _checked_format(out, "csr")
    _same(out, like.shape, (out.indices, out.indptr), (like.indices, like.indptr))


def _same(out: Any, shape: tuple[int, int], given: Sequence[Any], expected: Sequence[Any]) -> None:
    """Raise unless the index arrays of ``out`` are those of this map."""
    if out.shape != shape:
        raise StructureError(f"sparse(out=…) was given an array of shape {out.shape}; this map has the shape {shape}")
    if not all([a.shape == b.shape and np.array_equal(a, b) for a, b in zip(given, expected, strict=True)]):
        raise StructureError(
            f"sparse(out=…) was given an array of {out.nnz} entries at other places than those of this map: expected "
            f"what sparse() gave for a map of the same structure, with its indices untouched (sort_indices, "
            f"eliminate_zeros and the like move entries). Call sparse() without out for a new one"
        )
    if not out.data.flags.c_contiguous or not out.data.flags.writeable:
        raise StructureError("sparse(out=…) was given an array whose data cannot be written in place: not contiguous")


def _refilled(out: Any, made: Any, shape: tuple[int, int]) -> Any:
    """``out`` with the data of ``made``, if the two agree in structure."""
    names = {"coo": ("row", "col"), "dia": ("offsets",)}.get(made.format, ("indices", "indptr"))
    _same(out, shape, [getattr(out, name) for name in names], [getattr(made, name) for name in names])
    out.data[...] = made.data
    return out


def _bsr(terms: Sequence[Term], shape: tuple[int, int], dtype: np.dtype[Any], out: Any, cache: Cache) -> Any:
    plan = plan_of(terms, *shape, cache, "bsr")
    if prod(plan.block) == 1:
        raise StructureError(
            'sparse("bsr") found no dense blocks of one size that all terms share: use sparse("csr"), or '
            'sparse("csr").tobsr((rows, columns)) for blocks that also hold zeros'
        )
    indices, indptr = plan.structure[:2]
    if out is None:
        data = plan.data(terms, dtype).reshape(len(indices), *plan.block)
        made = sparse.bsr_array((data, indices.copy(), indptr.copy()), shape=shape)
        made.has_sorted_indices = plan.structure.is_sorted
        return made
    _same(out, shape, (out.indices, out.indptr), (indices, indptr))
    if out.data.shape[1:] != plan.block:
        raise StructureError(
            f"sparse(out=…) was given blocks of {out.data.shape[1:]}; those of this map are {plan.block}"
        )
    plan.data(terms, out.data.dtype, out.data.reshape(-1))
    return out


def _check_diagonals(matrix: Any) -> None:
    """Raise where diagonals would hold very many zeros."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    count = len(np.unique(matrix.indices - rows))
    if count * matrix.shape[1] > max(limit.LIMIT, _WASTE * matrix.nnz):
        raise StructureError(
            f'sparse("dia") would store {count:,} diagonals of {matrix.shape[1]:,} numbers for {matrix.nnz:,} entries: '
            f'use sparse("csr")'
        )


def _dia(terms: Sequence[Term], shape: tuple[int, int], dtype: Any, out: Any) -> Any:
    """Diagonals from the terms; None if one of them is something else."""
    found = diagonals_of(terms, shape[1], dtype)
    if found is None:
        return None
    if out is None:
        return sparse.dia_array((found.data, found.offsets), shape=shape)
    _same(out, shape, (out.offsets, out.data[:, :0]), (found.offsets, found.data[:, :0]))
    out.data[:, : shape[1]] = found.data
    return out
