"""A sparse map from few products: which vectors to multiply by, and from which product each entry is read."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import SparsityError
from chainrule.linear.colouring import ORDERS
from chainrule.linear.nonzeros import Nonzeros

__all__ = ["Compression", "Products", "Tree", "alone", "checked_options", "only_used"]

Products = Callable[[Any], Any]  # (count, inside) vectors -> (count, outside) products

_NUMBERS = 1 << 22  # numbers in the vectors and products of one block


class Tree(NamedTuple):
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

    >>> from chainrule.linear.compress import compress
    >>> from chainrule.linear.nonzeros import band
    >>> found = compress(band(4, 4, 0, 1))
    >>> vectors, _ = found.seeds()
    >>> vectors
    array([[1., 0., 1., 0.],
           [0., 1., 0., 1.]])
    >>> J = np.diag([1.0, 2.0, 3.0, 4.0]) + np.diag([5.0, 6.0, 7.0], 1)
    >>> found.read(vectors @ J.T)
    array([1., 5., 2., 6., 3., 7., 4.])
    """

    def __init__(
        self,
        pattern: Nonzeros,
        method: str,
        column_colours: Any,
        row_colours: Any,
        where: Any,
        tree: Tree | None = None,
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


# --------------------------------------------------------------------------------------------- for those who colour
def checked_options(method: str, methods: tuple[str, ...], order: str) -> None:
    """Raise unless the method and the order of a colouring are known ones."""
    for name, given, known in (("method", method, methods), ("order", order, ("best", *ORDERS))):
        if given not in known:
            raise SparsityError(f"there is no {name} {given!r} of colouring this; choose among {', '.join(known)}")


def alone(lines: Any, colours: Any) -> Any:
    """Whether each entry is the only one of its line in that colour."""
    keys = lines.astype(np.int64) * (int(colours.max(initial=-1)) + 2) + colours + 1
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[inverse] == 1


def only_used(colours: Any, members: Any) -> Any:
    """The colours that ``members`` have, counted anew; -1 for all others."""
    used = np.zeros(int(colours.max(initial=-1)) + 2, bool)
    used[colours[members]] = True
    used[-1] = False
    return np.where(used[colours], np.cumsum(used)[colours] - 1, -1)
