"""Where the entries of a map can be: a sparse pattern without numbers, which keeps the plans made for it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.errors import SparsityError
from chainrule.linear._scipy import sparse

__all__ = ["Nonzeros", "band", "nonzeros"]

_SELECTIONS = 16  # of rows or columns that are remembered for a pattern


class Nonzeros:
    """The positions (row, column) of a matrix of ``shape`` that may hold a number, in CSR form, each once, in order.

    Args:
        shape: rows and columns.
        indptr: where each row starts in ``indices``.
        indices: the columns of each row, rising.

    >>> p = nonzeros([[1, 0], [1, 1]])
    >>> p, p.rows.tolist(), p.indices.tolist()
    (<3 of 4 places of a 2 × 2 map>, [0, 1, 1], [0, 0, 1])
    """

    __slots__ = ("indices", "indptr", "plans", "shape")

    def __init__(self, shape: tuple[int, int], indptr: Any, indices: Any) -> None:
        self.shape, self.indptr, self.indices = shape, indptr, indices
        self.plans: dict[Any, Any] = {}  # what readers derive from these places, by their own keys

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"<{len(self)} of {rows * columns} places of a {rows} × {columns} map>"

    @property
    def rows(self) -> Any:
        """The row of each place."""
        if "rows" not in self.plans:
            self.plans["rows"] = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        return self.plans["rows"]

    @property
    def widest(self) -> int:
        """The most places in one row: no fewer products with the map can tell them apart."""
        return int(np.diff(self.indptr).max(initial=0))

    def matrix(self) -> Any:
        """The places as a SciPy CSR array of ones; its index arrays are shared."""
        ones = np.ones(len(self.indices), np.int8)
        return sparse.csr_array((ones, self.indices, self.indptr), shape=self.shape)

    def _numbered(self) -> Any:
        """The places as a SciPy CSR array that holds the number of each."""
        return sparse.csr_array((np.arange(len(self.indices)), self.indices, self.indptr), shape=self.shape)

    @property
    def transposed(self) -> Nonzeros:
        """The places of the transposed map; ``plans["order"]`` of it says which place of this map each of its is."""
        if "transposed" not in self.plans:
            turned = self._numbered().tocsc()
            made = Nonzeros(self.shape[::-1], turned.indptr, turned.indices)
            made.plans["order"] = turned.data
            self.plans["transposed"] = made
        found: Nonzeros = self.plans["transposed"]
        return found

    @property
    def is_symmetric(self) -> bool:
        """Whether each place has its mirror image."""
        turned = self.transposed
        return np.array_equal(turned.indptr, self.indptr) and np.array_equal(turned.indices, self.indices)

    def selected(self, index: Any, *, rows: bool) -> Nonzeros:
        """The places in some rows (or columns), in the order of ``index``, which may repeat.

        >>> nonzeros([[1, 0], [1, 1]]).selected(np.array([1, 1]), rows=True)
        <4 of 4 places of a 2 × 2 map>
        """
        key = ("selected", rows, np.asarray(index).tobytes())
        if key not in self.plans:
            known = [each for each in self.plans if each[0] == "selected"]
            if len(known) >= _SELECTIONS:
                del self.plans[known[0]]
            numbered = self._numbered()
            picked = numbered[index] if rows else numbered[:, index]
            picked.sort_indices()
            height, width = picked.shape
            made = Nonzeros((int(height), int(width)), picked.indptr, picked.indices)
            made.plans["origin"] = picked.data  # which place of this map each of its is
            self.plans[key] = made
        found: Nonzeros = self.plans[key]
        return found


def nonzeros(pattern: Any, shape: tuple[int, int] | None = None) -> Nonzeros:
    """The places of a pattern: a SciPy sparse array, an array of truth values or numbers, or (rows, columns).

    Every stored entry of a sparse array counts, also an explicit zero; of a dense array those that are not zero.

    Raises:
        SparsityError: it is none of these, or a position is not in ``shape``.

    >>> nonzeros((np.array([0, 2]), np.array([1, 1])), (3, 2))
    <2 of 6 places of a 3 × 2 map>
    """
    if isinstance(pattern, Nonzeros):
        made = pattern
    elif hasattr(pattern, "tocoo"):
        coordinates = pattern.tocoo()
        if len(coordinates.shape) != 2:
            raise SparsityError(f"a sparsity has rows and columns; an array of shape {coordinates.shape} was given")
        made = _from_positions(coordinates.row, coordinates.col, coordinates.shape)
    elif isinstance(pattern, tuple) and len(pattern) == 2 and shape is not None:
        made = _from_positions(np.asarray(pattern[0]).ravel(), np.asarray(pattern[1]).ravel(), shape)
    else:
        array = np.asarray(pattern)
        if array.ndim != 2 or array.dtype.kind not in "biuf":
            raise SparsityError(
                f"expected a sparsity: a SciPy sparse array, a two-dimensional array of truth values, or index arrays "
                f"(rows, columns); got {type(pattern).__name__} of shape {array.shape}"
            )
        rows, columns = np.nonzero(array)
        made = _from_positions(rows, columns, array.shape)
    if shape is not None and made.shape != tuple(shape):
        raise SparsityError(
            f"a sparsity of shape {made.shape} was given for a map with {shape[0]} outputs and {shape[1]} inputs, "
            f"counted flat: its rows are the outputs and its columns the inputs, as in a Jacobian"
        )
    return made


def _from_positions(rows: Any, columns: Any, shape: Any) -> Nonzeros:
    """Nonzeros from positions in any order, repeats allowed."""
    height, width = (int(size) for size in shape)
    for name, positions, size in (("row", rows, height), ("column", columns, width)):
        outside = positions[(positions < 0) | (positions >= size)]
        if len(outside):
            raise SparsityError(f"{name} {outside[0]} is not in a sparsity of shape {(height, width)}")
    ones = np.ones(len(rows), np.int8)
    matrix = sparse.csr_array((ones, (rows, columns)), shape=(height, width))
    matrix.sum_duplicates()
    return Nonzeros((height, width), matrix.indptr, matrix.indices)


@lru_cache(maxsize=16)
def band(rows: int, columns: int, below: int, above: int) -> Nonzeros:
    """The places from ``below`` diagonals under the main one to ``above`` over it.

    >>> band(3, 3, 1, 0).matrix().toarray()
    array([[1, 0, 0],
           [1, 1, 0],
           [0, 1, 1]], dtype=int8)
    """
    row = np.arange(rows)
    low, high = np.maximum(row - below, 0), np.minimum(row + above + 1, columns)
    counts = np.maximum(high - low, 0)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    starts = np.repeat(low - indptr[:-1], counts)
    kind = np.int32 if max(rows, columns, int(indptr[-1])) < 2**31 else np.int64
    return Nonzeros((rows, columns), indptr.astype(kind), (starts + np.arange(indptr[-1])).astype(kind))
