"""Few products for a symmetric map with known places: every entry read from one, or found by substitution."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import SparsityError
from chainrule.linear._scipy import sparse, sparse_linalg
from chainrule.linear.colouring import colour_acyclic, colour_star
from chainrule.linear.compression import Compression, Tree, alone, checked_options, only_used
from chainrule.linear.nonzeros import Nonzeros

__all__ = ["compress_symmetric"]


def compress_symmetric(pattern: Nonzeros, method: str = "star", order: str = "best") -> Compression:
    """The fewest products found for a symmetric map with these places, or their mirror images.

    Args:
        pattern: the places; entry (i, j) is a place if (j, i) is.
        method: "star" (every entry is read from a product) or "acyclic" (fewer products; entries by substitution).
        order: "natural", "largest first" or "best".

    Raises:
        SparsityError: the map is not square, or the method or the order is not known.

    >>> from chainrule.linear.nonzeros import band
    >>> compress_symmetric(band(100, 100, 1, 1), "acyclic").count
    2
    """
    checked_options(method, ("star", "acyclic"), order)
    if pattern.shape[0] != pattern.shape[1]:
        raise SparsityError(f"a symmetric map has as many rows as columns; the sparsity is of shape {pattern.shape}")
    key = ("compressed", method, order)
    if key not in pattern.plans:
        whole = pattern if pattern.is_symmetric else _mirrored(pattern)
        pattern.plans[key] = (_by_star if method == "star" else _by_trees)(whole, order)
    found: Compression = pattern.plans[key]
    return found


def _mirrored(pattern: Nonzeros) -> Nonzeros:
    matrix = pattern.matrix()
    both = sparse.csr_array(matrix + matrix.T)
    both.sort_indices()
    return Nonzeros(pattern.shape, both.indptr, both.indices)


def _by_star(pattern: Nonzeros, order: str) -> Compression:
    """Entry (i, j) is read at row i in the colour of j if it is alone there, else at row j in the colour of i.

    The mirrored entry is read from the same product: the result is symmetric to the last bit.
    """
    colours, _ = colour_star(pattern, order)
    mirrored = pattern.transposed.plans["order"]
    rows, columns = pattern.rows, pattern.indices
    here = alone(rows, colours[columns])
    here = np.where(rows <= columns, here, ~here[mirrored])
    colours = only_used(colours, np.concatenate([columns[here], rows[~here]]))
    size = pattern.shape[0]
    where = np.where(here, colours[columns] * size + rows, colours[rows] * size + columns)
    return Compression(pattern, "star", colours, None, where)


def _by_trees(pattern: Nonzeros, order: str) -> Compression:
    """The edges of two colours form trees: the entry at a leaf is read, and taken away where its other end is read."""
    colours, _ = colour_acyclic(pattern, order)
    size, rows, columns = pattern.shape[0], pattern.rows, pattern.indices.astype(np.intp)
    upper, diagonal = np.flatnonzero(rows < columns), np.flatnonzero(rows == columns)
    i, j = rows[upper], columns[upper]
    sequence, read, later, earlier = _peeled(colours[j] * size + i, colours[i] * size + j)
    total = len(upper) + len(diagonal)
    where = np.concatenate([read, colours[rows[diagonal]] * size + rows[diagonal]])
    known = np.empty(len(pattern), np.intp)
    known[diagonal] = len(upper) + np.arange(len(diagonal))
    known[upper[sequence]] = np.arange(len(upper))
    known[pattern.transposed.plans["order"][upper]] = known[upper]
    if not len(later):
        return Compression(pattern, "acyclic", colours, None, where[known])
    # product = entry + the entries that are taken away: unit lower triangular, in the order in which they are known
    row, column = (np.concatenate([np.arange(total), part]) for part in (later, earlier))
    lower = sparse.csc_array((np.ones(len(row)), (row, column)), shape=(total, total))
    solver = sparse_linalg.splu(lower, permc_spec="NATURAL", diag_pivot_thresh=0.0)
    return Compression(pattern, "acyclic", colours, None, where, Tree(solver.solve, known))


def _peeled(first: Any, second: Any) -> tuple[Any, Any, Any, Any]:
    """Take the edges of a forest away from its leaves, one by one.

    Args:
        first: for each edge, where it is read at its one end; the edges that are read together have the same number.
        second: the same for the other end.

    Returns:
        The edges in order; where each is read; and pairs of positions in that order, (later, earlier): when the later
        one is read, the earlier one is in the same number and must be taken away.
    """
    count = len(first)
    keys, names = np.unique(np.concatenate([first, second]), return_inverse=True)
    order = np.argsort(names, kind="stable")
    sizes = np.bincount(names, minlength=len(keys))
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    # The exclusive or of the edges that are left at an end is the edge itself when it is the last one.
    left = np.bitwise_xor.reduceat(order % max(count, 1), starts).tolist() if count else []
    remaining, ends = sizes.tolist(), (names[:count] + names[count:]).tolist()
    stack = np.flatnonzero(sizes == 1).tolist()
    sequence, at = [], []
    while stack:
        name = stack.pop()
        if remaining[name] != 1:
            continue
        edge = left[name]
        other = ends[edge] - name
        sequence.append(edge)
        at.append(name)
        remaining[name] = 0
        remaining[other] -= 1
        left[other] ^= edge
        if remaining[other] == 1:
            stack.append(other)
    edges, readers = np.array(sequence, np.intp), np.array(at, np.intp)
    position = np.full(len(keys), -1)
    position[readers] = np.arange(count)
    later = position[(names[:count] + names[count:])[edges] - readers]
    earlier = np.flatnonzero(later >= 0)
    return edges, keys[readers], later[earlier], earlier
