"""NumPy's functions of sets: which entries are chosen is constant, the entries themselves are not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.op import implements
from chainrule.ops.options import is_complex, plain
from chainrule.ops.order import unique
from chainrule.ops.pick import take
from chainrule.ops.shape import arrayed

__all__: list[str] = []


class UniqueAllResult(NamedTuple):
    """What `np.unique_all` returns."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """What `np.unique_counts` returns."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """What `np.unique_inverse` returns."""

    values: Any
    inverse_indices: Any


@implements(np.unique_all)
def unique_all(x: Any) -> UniqueAllResult:
    """np.unique_all."""
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False))


@implements(np.unique_counts)
def unique_counts(x: Any) -> UniqueCountsResult:
    """np.unique_counts."""
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


@implements(np.unique_inverse)
def unique_inverse(x: Any) -> UniqueInverseResult:
    """np.unique_inverse."""
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False))


@implements(np.unique_values)
def unique_values(x: Any) -> Any:
    """np.unique_values; complex ones are in an order of NumPy's own."""
    found = unique(x, equal_nan=False)
    return take(found, np.argsort(np.argsort(np.unique_values(plain(x)))), 0) if is_complex(x) else found


def chosen(values: Any, found: Any) -> Any:
    """The first entries that have the values that NumPy found, in its order."""
    flat = np.ravel(values)
    plain_values = plain(flat)
    order = np.argsort(plain_values, kind="stable")
    return take(flat, order[np.searchsorted(plain_values[order], found)], 0)


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """np.union1d."""
    return unique(np.concatenate([np.ravel(arrayed(ar1)), np.ravel(arrayed(ar2))]))


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """np.setdiff1d."""
    ar1, ar2 = arrayed(ar1), arrayed(ar2)
    return chosen(ar1, np.setdiff1d(plain(ar1), plain(ar2), assume_unique))


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """np.setxor1d."""
    ar1, ar2 = arrayed(ar1), arrayed(ar2)
    return chosen(np.concatenate([np.ravel(ar1), np.ravel(ar2)]), np.setxor1d(plain(ar1), plain(ar2), assume_unique))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """np.intersect1d: of what both have, the entries of the first are taken."""
    ar1, ar2 = arrayed(ar1), arrayed(ar2)
    _, first, second = np.intersect1d(plain(ar1), plain(ar2), assume_unique, return_indices=True)
    values = take(np.ravel(ar1), first, 0)
    return (values, first, second) if return_indices else values
