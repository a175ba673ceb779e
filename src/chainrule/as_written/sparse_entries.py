"""The entries of a sparse array: places that are fixed, and what stands there, which may be tracked.

All that is done with them is written with gathers, products and sums at places, so that Jacobians stay sparse.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.as_written.making import follows, stacked
from chainrule.errors import ShapeError
from chainrule.ops.index import scatter_add
from chainrule.ops.region import ARRAY

__all__ = ["Entries", "added_at", "entries_of", "is_sparse"]


class Entries(NamedTuple):
    """Numbers at places; those at the same place add up.

    ``by_value`` says that SciPy would have left out some of them, if they are zero.
    """

    shape: tuple[int, ...]
    coords: tuple[Any, ...]  # an array of positions for each axis
    data: Any
    by_value: bool = False

    @property
    def dtype(self) -> Any:
        """The dtype of the data."""
        return self.data.dtype

    @property
    def transposed(self) -> Entries:
        """The same with its axes in the other order."""
        return self._replace(shape=self.shape[::-1], coords=self.coords[::-1])

    def dense(self) -> Any:
        """All of the array."""
        return added_at(self.data, self.coords, self.shape)

    def unique(self, order: str = "C") -> Entries:
        """One entry for each place, row by row or ("F") column by column."""
        across = self.shape if order == "C" else self.shape[::-1]
        keys = np.ravel_multi_index(self.coords if order == "C" else self.coords[::-1], across)
        places, first, member = np.unique(keys, return_index=True, return_inverse=True)
        if len(places) < len(keys):
            data = added_at(self.data, (member,), (len(places),))
        elif np.array_equal(first, np.arange(len(keys))):
            return self
        else:
            data = self.data[first]
        coords = np.unravel_index(places, across)
        return self._replace(coords=coords if order == "C" else coords[::-1], data=data)

    def plus(self, other: Entries, order: str = "C") -> Entries:
        """The sum of two sparse arrays of one shape."""
        if self.shape != other.shape:
            raise ShapeError(f"sparse arrays of shapes {self.shape} and {other.shape} cannot be added")
        coords = tuple([np.concatenate(pair) for pair in zip(self.coords, other.coords, strict=True)])
        made = Entries(self.shape, coords, np.concatenate([self.data, other.data]), True)
        return made.unique(order)

    def times_dense(self, array: Any) -> Any:
        """The product with an array: the entries times what their columns meet, added up in their rows."""
        array = stacked(array)
        *lead, columns = self.shape
        if array.ndim == 0 or array.shape[0] != columns:
            raise ShapeError(f"a sparse array of shape {self.shape} cannot be multiplied with one of {array.shape}")
        weights = np.reshape(self.data, (-1,) + (1,) * (array.ndim - 1))
        products = weights * array[self.coords[-1]]
        return added_at(products, self.coords[:-1], (*lead, *array.shape[1:])) if lead else np.sum(products, axis=0)

    def times(self, other: Entries, order: str = "C") -> Entries:
        """The product of two sparse matrices: each entry meets those in the row that its column says."""
        if len(self.shape) != 2 or len(other.shape) != 2 or self.shape[1] != other.shape[0]:
            raise ShapeError(f"sparse arrays of shapes {self.shape} and {other.shape} cannot be multiplied")
        (rows, inner), other = self.coords, other.unique()
        starts = np.searchsorted(other.coords[0], np.arange(other.shape[0] + 1))
        counts = np.diff(starts)[inner]
        left = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        right = starts[inner[left]] + within
        coords = (rows[left], other.coords[1][right])
        return Entries(
            (self.shape[0], other.shape[1]), coords, self.data[left] * other.data[right], self.by_value
        ).unique(order)

    def matched(self, other: Entries, order: str = "C") -> Entries:
        """The product place by place: only where both have an entry."""
        one, two = self.unique(order), other.unique(order)
        keys, its = [np.ravel_multi_index(each.coords, each.shape) for each in (one, two)]
        _, left, right = np.intersect1d(keys, its, assume_unique=True, return_indices=True)
        left, right = left[np.argsort(left)], right[np.argsort(left)]
        coords = tuple([each[left] for each in one.coords])
        return Entries(self.shape, coords, one.data[left] * two.data[right], True)

    def kron(self, other: Entries) -> Entries:
        """Every entry times every entry of the other."""
        coords = [
            np.reshape(own[:, None] * size + its, -1)
            for own, its, size in zip(self.coords, other.coords, other.shape, strict=True)
        ]
        shape = tuple([one * two for one, two in zip(self.shape, other.shape, strict=True)])
        return Entries(shape, tuple(coords), np.reshape(self.data[:, None] * other.data, -1), self.by_value)

    def at(self, places: Any) -> Any:
        """The data at positions counted from 1; nothing where they are 0."""
        places = np.asarray(places).astype(np.intp)
        if places.all():
            return self.data[places - 1]
        within = np.flatnonzero(places)
        found = added_at(self.data[places.reshape(-1)[within] - 1], (within,), (prod(places.shape),))
        return np.reshape(found, places.shape)


def added_at(values: Any, coords: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with values added at places."""
    return scatter_add(values, *coords, shape=shape, index=(ARRAY,) * len(coords))


def is_sparse(value: Any) -> bool:
    """Whether it is one of SciPy's sparse arrays, tracked or not."""
    return hasattr(value, "tocoo")


def entries_of(value: Any) -> Entries:
    """The entries of a sparse array, tracked or not, or of a dense one."""
    known: Entries | None = vars(value).get("_entries") if is_sparse(value) else None
    if known is not None:
        return known
    if is_sparse(value):
        found = value.tocoo()
        coords = found.coords if hasattr(found, "coords") else (found.row, found.col)
        return Entries(value.shape, tuple([each.astype(np.intp) for each in coords]), found.data)
    array = np.atleast_2d(stacked(value))
    places = np.unravel_index(np.arange(array.size), array.shape)
    if follows(array):
        return Entries(array.shape, places, np.reshape(array, -1), True)
    kept = np.flatnonzero(array)
    return Entries(array.shape, tuple([each[kept] for each in places]), np.reshape(array, -1)[kept])
