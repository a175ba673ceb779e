"""Axes that all terms hold equal: I ⊗ A and block-diagonal maps, reduced to their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.convert import dense
from chainrule.linear.inverse import Inverse, LogDeterminant, matrices_slogdet, matrices_solve, permutation_sign
from chainrule.linear.term import Factor, Pattern, Term, pattern

__all__ = ["Blocks", "Blockwise", "Delta", "Repeated", "Split", "block_terms", "deltas_of", "reduced", "split_of"]


class Delta(NamedTuple):
    """A row axis and a column axis that every term holds equal; ``constant`` if no factor varies along it."""

    row: int
    column: int
    constant: bool


def deltas_of(terms: Sequence[Term]) -> list[Delta]:
    """The pairs of axes that every term holds equal."""
    found = [_own_deltas(term.pattern) for term in terms]
    pairs = set(found[0]) if found else set()
    for each in found[1:]:
        pairs &= each.keys()
    return [Delta(*pair, all([each[pair] for each in found])) for pair in sorted(pairs)]


def _own_deltas(p: Pattern) -> dict[tuple[int, int], bool]:
    if "deltas" not in p.plans:
        named = [label for axis in p.row + p.column for label in axis.labels]
        carried = {label for factor in p.factors for label in factor.labels}
        p.plans["deltas"] = {
            (k, m): here.labels[0] not in carried
            for k, here in enumerate(p.row)
            for m, there in enumerate(p.column)
            if here == there and p.is_bare(here) and named.count(here.labels[0]) == 2
        }
    result: dict[tuple[int, int], bool] = p.plans["deltas"]
    return result


class Split(NamedTuple):
    """Axes that deltas take, and those that are left: their places, and how many positions there are."""

    row: tuple[int, ...]
    column: tuple[int, ...]
    row_rest: tuple[int, ...]
    column_rest: tuple[int, ...]
    copies: int
    height: int
    width: int


def split_of(deltas: Sequence[Delta], row_shape: tuple[int, ...], column_shape: tuple[int, ...]) -> Split:
    """The axes of ``deltas`` and the rest."""
    row, column = tuple([delta.row for delta in deltas]), tuple([delta.column for delta in deltas])
    row_rest = tuple([k for k in range(len(row_shape)) if k not in row])
    column_rest = tuple([k for k in range(len(column_shape)) if k not in column])
    sizes = [
        prod([shape[k] for k in axes])
        for shape, axes in ((row_shape, row), (row_shape, row_rest), (column_shape, column_rest))
    ]
    return Split(row, column, row_rest, column_rest, *sizes)


def reduced(terms: Sequence[Term], split: Split, keep: bool) -> list[Term]:
    """The terms without the axes of the deltas; if ``keep``, these stay as the first axes of the row."""
    found = []
    for term in terms:
        p = term.pattern
        key = ("without", split.row, split.column, keep)
        if key not in p.plans:
            row = [p.row[k] for k in (*(split.row if keep else ()), *split.row_rest)]
            column = [p.column[k] for k in split.column_rest]
            p.plans[key], _ = pattern(p.sizes, row, column, p.factors, p.tables)
        found.append(Term(p.plans[key], term.factors, term.tables))
    return found


class _Turned(Inverse):
    """A map with the axes of deltas moved to one side."""

    def __init__(self, split: Split, row_shape: tuple[int, ...], column_shape: tuple[int, ...], first: bool) -> None:
        self.split, self.row_shape, self.column_shape = split, row_shape, column_shape
        self.row = (*split.row, *split.row_rest) if first else (*split.row_rest, *split.row)
        self.column = (*split.column, *split.column_rest) if first else (*split.column_rest, *split.column)

    def _forward(self, right: Any) -> Any:
        """Right-hand sides with the axes in order."""
        return np.transpose(right.reshape(*self.row_shape, -1), (*self.row, len(self.row)))

    def _back(self, found: Any, columns: int) -> Any:
        """Solutions with their axes put back."""
        shape = [self.column_shape[k] for k in self.column]
        order = [self.column.index(k) for k in range(len(self.column))]
        return np.reshape(np.transpose(np.reshape(found, (*shape, columns)), (*order, len(order))), (-1, columns))

    def _signed(self, found: LogDeterminant) -> LogDeterminant:
        sign = permutation_sign(self.row_shape, self.row) * permutation_sign(self.column_shape, self.column)
        return LogDeterminant(found.sign * sign, found.value)


class Repeated(_Turned):
    """A ⊗ I for a map A with an inverse of its own: what does not vary is one more right-hand side."""

    def __init__(self, inner: Inverse, split: Split, row_shape: tuple[int, ...], column_shape: tuple[int, ...]) -> None:
        super().__init__(split, row_shape, column_shape, False)
        self.inner, self.fragile = inner, inner.fragile

    def solve(self, right: Any) -> Any:
        sides = self._forward(right).reshape(self.split.height, -1)
        return self._back(self.inner.solve(sides), right.shape[1])

    def slogdet(self) -> LogDeterminant:
        return self._signed(self.inner.slogdet().times(self.split.copies))


class Blockwise(_Turned):
    """Large blocks with a structure of their own, each solved by itself."""

    def __init__(
        self, blocks: Sequence[Inverse], split: Split, row_shape: tuple[int, ...], column_shape: tuple[int, ...]
    ) -> None:
        super().__init__(split, row_shape, column_shape, True)
        self.blocks, self.fragile = blocks, any([block.fragile for block in blocks])

    def solve(self, right: Any) -> Any:
        sides = self._forward(right).reshape(self.split.copies, self.split.height, -1)
        found = np.stack([block.solve(side) for block, side in zip(self.blocks, sides, strict=True)])
        return self._back(found, right.shape[1])

    def slogdet(self) -> LogDeterminant:
        found = LogDeterminant(1.0, 0.0)
        for block in self.blocks:
            found = found.plus(block.slogdet())
        return self._signed(found)


def block_terms(terms: Sequence[Term], split: Split) -> list[list[Term]] | None:
    """The terms of each block, views of the factors; None if an opaque factor varies from block to block."""
    blocks: list[list[Term]] = [[] for _ in range(split.copies)]
    for term in terms:
        p = term.pattern
        labels = [p.row[k].labels[0] for k in split.row]
        if any([factor.opaque and set(factor.labels) & set(labels) for factor in p.factors]):
            return None
        key = ("block", split.row, split.column)
        if key not in p.plans:
            factors = [Factor(tuple([x for x in f.labels if x not in labels]), f.opaque) for f in p.factors]
            row, column = [p.row[k] for k in split.row_rest], [p.column[k] for k in split.column_rest]
            p.plans[key], _ = pattern(p.sizes, row, column, factors, p.tables)
        for block, at in zip(blocks, np.ndindex(*[p.sizes[label] for label in labels]), strict=True):
            here = dict(zip(labels, at, strict=True))
            taken = []
            for factor, array in zip(p.factors, term.factors, strict=True):
                varies = not here.keys().isdisjoint(factor.labels)
                taken.append(array[tuple([here.get(x, slice(None)) for x in factor.labels])] if varies else array)
            block.append(Term(p.plans[key], tuple(taken), term.tables))
    return blocks


class Blocks(_Turned):
    """One dense block for each position along the deltas."""

    def __init__(
        self,
        terms: Sequence[Term],
        split: Split,
        row_shape: tuple[int, ...],
        column_shape: tuple[int, ...],
        dtype: Any,
    ) -> None:
        super().__init__(split, row_shape, column_shape, True)
        shape = tuple([row_shape[k] for k in self.row])
        matrices = dense(reduced(terms, split, True), shape, tuple([column_shape[k] for k in split.column_rest]), dtype)
        self.matrices = np.reshape(matrices, (split.copies, split.height, split.width))

    def solve(self, right: Any) -> Any:
        sides = self._forward(right).reshape(self.split.copies, self.split.height, -1)
        words = "the diagonal" if self.split.height == 1 else f"one of {self.split.copies} blocks"
        return self._back(matrices_solve(self.matrices, sides, words), right.shape[1])

    def solve_tracked(self, right: Any) -> Any:
        """One right-hand side, by functions that dispatch and without a look at the numbers."""
        sides = np.transpose(np.reshape(right, self.row_shape), self.row)
        sides = np.reshape(sides, (self.split.copies, self.split.height, 1))
        found = sides / self.matrices if self.split.height == 1 else np.linalg.solve(self.matrices, sides)
        return self._back(found, 1)

    def slogdet(self) -> LogDeterminant:
        return self._signed(matrices_slogdet(self.matrices))
