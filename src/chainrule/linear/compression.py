"""A sparse map from few products: which vectors to multiply by, and from which product each entry is read."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import SparsityError
from chainrule.linear._scipy import sparse, sparse_linalg
from chainrule.linear.colouring import ORDERS, colour_acyclic, colour_columns, colour_star
from chainrule.linear.nonzeros import Nonzeros

__all__ = ["METHODS", "Compression", "Products", "compress", "compress_symmetric"]

METHODS = ("columns", "rows", "both", "star", "acyclic")

Products = Callable[[Any], Any]  # (count, inside) vectors -> (count, outside) products

_NUMBERS = 1 << 22  # numbers in the vectors and products of one block
_UNEVEN = 3  # rows and columns are coloured both where some hold so many times the places of an ordinary one


class _Tree(NamedTuple):
    """Entries that follow by substitution: how the triangular system is solved, and which unknown each entry is."""

    solve: Callable[[Any], Any]
    known: Any


class Compression:
    """How the entries of a map with known places are found by products.

    The products with the map come first, one for each colour of the columns: J s, where s is 1 at the columns of that
    colour. The products with the transposed map follow, one for each colour of the rows.

    Attributes:
        method: "columns", "rows", "both", "star" or "acyclic".
        column_colours: for each column its colour, -1 for none; None where no products with the map are needed.
        row_colours: the same for the rows.
        column_count: how many products with the map.
        row_count: how many with its transpose.
    """

    def __init__(
        self,
        pattern: Nonzeros,
        method: str,
        column_colours: Any,
        row_colours: Any,
        where: Any,
        tree: _Tree | None = None,
    ) -> None:
        self.pattern, self.method = pattern, method
        self.column_colours, self.row_colours = column_colours, row_colours
        self.column_count, self.row_count = (
            0 if colours is None else int(colours.max(initial=-1)) + 1 for colours in (column_colours, row_colours)
        )
        self._where, self._tree = where, tree  # flat positions in all products, one after another

    @property
    def count(self) -> int:
        """How many products are needed in all."""
        return self.column_count + self.row_count

    def __repr__(self) -> str:
        parts = [
            f"{count} with the {name}"
            for count, name in ((self.column_count, "map"), (self.row_count, "transposed map"))
            if count
        ]
        return f"<{self.count} products ({' and '.join(parts) or 'none'}) for {self.pattern!r}>"

    def _sections(self) -> list[tuple[bool, Any, int, int, int]]:
        """Of each kind of product: whether transposed, the colours, how many, where they start, their length."""
        rows, columns = self.pattern.shape
        return [
            (False, self.column_colours, self.column_count, 0, rows),
            (True, self.row_colours, self.row_count, self.column_count * rows, columns),
        ]

    def seeds(self, dtype: Any = np.float64) -> tuple[Any, Any]:
        """The vectors to multiply by: (column_count, columns) for the map, (row_count, rows) for its transpose."""
        first, second = [
            _seeds(colours, 0, count, self.pattern.shape[0 if transposed else 1], dtype)
            for transposed, colours, count, _, _ in self._sections()
        ]
        return first, second

    def read(self, products: Any, transposed_products: Any = None) -> Any:
        """The entries, in the order of the places, from all the products.

        Args:
            products: J s for each of the first `seeds`, of shape (column_count, rows).
            transposed_products: Jᵀ s for each of the second, of shape (row_count, columns).
        """
        found = [p for p in (products, transposed_products) if p is not None and np.size(p)]
        flat = np.concatenate([np.reshape(p, -1) for p in found]) if found else np.zeros(0)
        return self._solved(flat.take(self._where))

    def _solved(self, read: Any) -> Any:
        if self._tree is None:
            return read
        if np.iscomplexobj(read):
            return self._solved(read.real) + 1j * self._solved(read.imag)
        solved = self._tree.solve(read.astype(np.float64, copy=False))
        return solved[self._tree.known].astype(read.dtype, copy=False)

    def entries(
        self, push: Products, pull: Products, dtype: Any, budget: int = _NUMBERS, batch: tuple[int, ...] = ()
    ) -> Any:
        """The entries by products, in blocks of at most ``budget`` numbers (one vector at least).

        Args:
            push: multiplies vectors of shape (count, columns) by the map: (count, rows).
            pull: multiplies vectors of shape (count, rows) by the transposed map: (count, columns).
            dtype: that of the vectors and of the entries.
            budget: numbers that the vectors or the products of a block may hold.
            batch: the products have these axes in front, and so have the entries: maps with the same places.
        """
        found = np.empty((*batch, len(self._where)), dtype)
        order = None
        for transposed, colours, count, offset, length in self._sections():
            inside = self.pattern.shape[0 if transposed else 1]
            step = max(1, budget // max(inside * prod(batch), length * prod(batch), 1))
            for start in range(0, count, step):
                stop = min(start + step, count)
                products = (pull if transposed else push)(_seeds(colours, start, stop, inside, dtype))
                flat = np.reshape(products, (*batch, (stop - start) * length))
                if stop - start == self.count:
                    return self._solved(flat.take(self._where, axis=-1).astype(dtype, copy=False))
                if order is None:
                    order = np.argsort(self._where)
                    ordered = self._where[order]
                low = offset + start * length
                first, last = np.searchsorted(ordered, [low, low + (stop - start) * length])
                found[..., order[first:last]] = flat.take(ordered[first:last] - low, axis=-1)
        return self._solved(found)


def _seeds(colours: Any, start: int, stop: int, length: int, dtype: Any) -> Any:
    """Ones at the members of the colours from ``start`` to ``stop``, a vector for each."""
    seeds = np.zeros((stop - start, length), dtype)
    if stop > start:
        members = np.flatnonzero((colours >= start) & (colours < stop))
        seeds[colours[members] - start, members] = 1
    return seeds


# ---------------------------------------------------------------------------------------------------------- any matrix
def compress(pattern: Nonzeros, method: str = "best", order: str = "best") -> Compression:
    """The fewest products found for a map with these places.

    Args:
        pattern: the places.
        method: "columns" (products with the map only), "rows" (with its transpose only), "both", or "best": whichever
            needs fewest, columns first.
        order: "natural", "largest first" or "best".

    Raises:
        SparsityError: the method or the order is not known.

    >>> from chainrule.linear.nonzeros import band
    >>> compress(band(100, 100, 1, 1))
    <3 products (3 with the map) for <298 of 10000 places of a 100 × 100 map>>
    """
    _known(method, ("best", "columns", "rows", "both"), order)
    key = ("compressed", method, order)
    if key not in pattern.plans:
        pattern.plans[key] = _compressed(pattern, method, order)
    found: Compression = pattern.plans[key]
    return found


def _known(method: str, methods: tuple[str, ...], order: str) -> None:
    for name, given, known in (("method", method, methods), ("order", order, ("best", *ORDERS))):
        if given not in known:
            raise SparsityError(f"there is no {name} {given!r} of colouring this; choose among {', '.join(known)}")


def _compressed(pattern: Nonzeros, method: str, order: str) -> Compression:
    found = []
    if method in ("best", "columns"):
        found.append(_by_columns(pattern, order))
    if method == "rows" or (method == "best" and found[0].count > pattern.transposed.widest):
        found.append(_by_rows(pattern, order))
    if method == "both" or (method == "best" and len(pattern) and _uneven(pattern)):
        found += [_by_dense_rows(pattern, order), _by_dense_columns(pattern, order), _by_both(pattern, order)]
    return min(found, key=lambda compression: compression.count)


def _uneven(pattern: Nonzeros) -> bool:
    """Whether some rows, and some columns, hold many more entries than an ordinary one."""
    widths = [np.diff(p.indptr) for p in (pattern, pattern.transposed)]
    return all([each.max() >= _UNEVEN * np.median(each[each > 0]) for each in widths])


def _by_columns(pattern: Nonzeros, order: str) -> Compression:
    colours, _ = colour_columns(pattern, order)
    where = colours[pattern.indices] * pattern.shape[0] + pattern.rows
    return Compression(pattern, "columns", colours, None, where)


def _by_rows(pattern: Nonzeros, order: str) -> Compression:
    colours, _ = colour_columns(pattern.transposed, order)
    where = colours[pattern.rows] * pattern.shape[1] + pattern.indices
    return Compression(pattern, "rows", None, colours, where)


def _part(pattern: Nonzeros, rows: Any) -> Nonzeros:
    """The places in some rows (a truth value for each); the other rows are empty."""
    kept = rows[pattern.rows]
    indptr = np.concatenate([[0], np.cumsum(np.where(rows, np.diff(pattern.indptr), 0))])
    return Nonzeros(pattern.shape, indptr.astype(pattern.indptr.dtype), pattern.indices[kept])


def _by_dense_rows(pattern: Nonzeros, order: str) -> Compression:
    """Rows with very many entries by products with the transpose, all others by products with the map."""
    widths = np.diff(pattern.indptr)
    best: Compression | None = None
    for threshold in sorted({int(np.quantile(widths, q)) for q in (0.5, 0.9, 0.99, 0.999)} if len(widths) else ()):
        dense = widths > threshold
        columns, count = colour_columns(_part(pattern, ~dense), order)
        rows, _ = colour_columns(_part(pattern, dense).transposed, order)
        height, width = pattern.shape
        read_from_rows = dense[pattern.rows]
        where = np.where(
            read_from_rows,
            count * height + rows[pattern.rows] * width + pattern.indices,
            columns[pattern.indices] * height + pattern.rows,
        )
        found = Compression(pattern, "both", columns, rows, where)
        if best is None or found.count < best.count:
            best = found
    return best or _by_columns(pattern, order)


def _by_dense_columns(pattern: Nonzeros, order: str) -> Compression:
    """Columns with very many entries by products with the map, all others by products with the transpose."""
    turned = _by_dense_rows(pattern.transposed, order)
    where = np.empty_like(turned._where)
    height, width = pattern.shape
    # The products change places: those with the transpose, which came first, now come last.
    ahead = turned.column_count * width
    moved = np.where(turned._where < ahead, turned._where + turned.row_count * height, turned._where - ahead)
    where[pattern.transposed.plans["order"]] = moved
    return Compression(pattern, "both", turned.row_colours, turned.column_colours, where)


def _by_both(pattern: Nonzeros, order: str) -> Compression:
    """Star colouring of [[0, Jᵀ], [J, 0]], columns first; products from which nothing is read are dropped."""
    height, width = pattern.shape
    rows, columns = pattern.rows, pattern.indices.astype(np.intp)
    vertices = Nonzeros(
        (width + height,) * 2,
        np.concatenate([pattern.transposed.indptr, pattern.indptr[1:].astype(np.int64) + len(pattern)]),
        np.concatenate([pattern.transposed.indices + width, columns]),
    )
    colours, _ = colour_star(vertices, "largest first" if order == "best" else order, sides=True)
    at_columns, at_rows = colours[:width], colours[width:]
    by_column, by_row = _alone(rows, at_columns[columns]), _alone(columns, at_rows[rows])
    chosen = _chosen(at_columns[columns], at_rows[rows], by_column, by_row)
    at_columns, at_rows = _only_used(at_columns, columns[~chosen]), _only_used(at_rows, rows[chosen])
    ahead = (int(at_columns.max(initial=-1)) + 1) * height
    where = np.where(chosen, ahead + at_rows[rows] * width + columns, at_columns[columns] * height + rows)
    return Compression(pattern, "both", at_columns, at_rows, where)


def _alone(lines: Any, colours: Any) -> Any:
    """Whether each entry is the only one of its line in that colour."""
    _, inverse, counts = np.unique(
        lines.astype(np.int64) * (int(colours.max(initial=-1)) + 1) + colours, return_inverse=True, return_counts=True
    )
    return counts[inverse] == 1


def _chosen(first: Any, second: Any, by_first: Any, by_second: Any) -> Any:
    """From which of its two colours each entry is read (True: the second), so that few colours are read from at all."""
    chosen = ~by_first
    needed_first = np.bincount(first[by_first & ~by_second], minlength=int(first.max(initial=-1)) + 1) > 0
    needed_second = np.bincount(second[chosen], minlength=int(second.max(initial=-1)) + 1) > 0
    open_ = by_first & by_second & ~needed_first[first]
    chosen |= open_ & needed_second[second]
    open_ &= ~needed_second[second]
    while open_.any():
        votes = [np.bincount(colours[open_], minlength=1) for colours in (first, second)]
        side = int(votes[1].max() > votes[0].max())
        members = open_ & ((second if side else first) == int(votes[side].argmax()))
        if side:
            chosen |= members
        open_ &= ~members
    return chosen


def _only_used(colours: Any, members: Any) -> Any:
    """The colours that ``members`` have, counted anew; -1 for all others."""
    used = np.zeros(int(colours.max(initial=-1)) + 2, bool)
    used[colours[members]] = True
    used[-1] = False
    return np.where(used[colours], np.cumsum(used)[colours] - 1, -1)


# ---------------------------------------------------------------------------------------------------- symmetric matrix
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
    _known(method, ("star", "acyclic"), order)
    if pattern.shape[0] != pattern.shape[1]:
        raise SparsityError(f"a symmetric map has as many rows as columns; the sparsity is of shape {pattern.shape}")
    key = ("compressed", method, order)
    if key not in pattern.plans:
        turned = pattern.transposed
        if not np.array_equal(turned.indptr, pattern.indptr) or not np.array_equal(turned.indices, pattern.indices):
            pattern.plans["symmetric"] = pattern = _mirrored(pattern)
        pattern.plans[key] = (_by_star if method == "star" else _by_trees)(pattern, order)
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
    here = _alone(rows, colours[columns])
    here = np.where(rows <= columns, here, ~here[mirrored])
    colours = _only_used(colours, np.concatenate([columns[here], rows[~here]]))
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
    return Compression(pattern, "acyclic", colours, None, where, _Tree(solver.solve, known))


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
