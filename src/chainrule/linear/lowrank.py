"""A map that is easy to solve plus one of low rank: Woodbury's formula and the determinant lemma.

(B + U Vᵀ)⁻¹ = B⁻¹ − B⁻¹U (I + VᵀB⁻¹U)⁻¹ VᵀB⁻¹        det(B + U Vᵀ) = det(B) · det(I + VᵀB⁻¹U)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.convert import dense
from chainrule.linear.inverse import Inverse, LogDeterminant, matrices_slogdet, matrices_solve
from chainrule.linear.term import Pattern, Term, pattern

__all__ = ["LowRank", "factors_of", "rank_of"]


class _Half(NamedTuple):
    """U or V of a term U Vᵀ: its pattern, from one side to the summed labels, and which factors and tables it takes."""

    pattern: Pattern
    factors: tuple[int, ...]
    tables: tuple[int, ...]


def rank_of(p: Pattern) -> int | None:
    """The rank that a term cannot exceed, as its structure tells; None if row and column share more than sums.

    >>> from chainrule.linear.term import pattern
    >>> rank_of(pattern([9, 2, 9], [0], [2], [(0, 1), (1,), (1, 2)])[0])
    2
    """
    return None if _halves(p) is None else prod([p.sizes[label] for label in p.inner])


def _halves(p: Pattern) -> list[_Half] | None:
    """U and V of the term; None if there are none."""
    if "halves" not in p.plans:
        p.plans["halves"] = _found_halves(p)
    found: list[_Half] | None = p.plans["halves"]
    return found


def _found_halves(p: Pattern) -> list[_Half] | None:
    sides = [{label for axis in axes for label in axis.labels} for axes in (p.row, p.column)]
    if sides[0] & sides[1] or any([factor.opaque for factor in p.factors]):
        return None
    left, right = list[int](), list[int]()
    for k, factor in enumerate(p.factors):
        labels = set(factor.labels)
        if labels & sides[0] and labels & sides[1]:
            return None
        (right if labels & sides[1] else left).append(k)
    made = []
    for axes, mine in ((p.row, left), (p.column, right)):
        used = sorted({axis.table for axis in axes if axis.table >= 0})
        slots = [used.index(t) if t in used else -1 for t in range(len(p.tables))]
        moved = [axis if axis.table < 0 else axis._replace(table=slots[axis.table]) for axis in axes]
        tables = [p.tables[t] for t in used]
        half, _ = pattern(p.sizes, moved, p.inner, [p.factors[k] for k in mine], tables)
        made.append(_Half(half, tuple(mine), tuple(used)))
    return made


def factors_of(term: Term, dtype: Any) -> tuple[Any, Any]:
    """U and V, of shape (rows, rank) and (columns, rank), with U Vᵀ the term."""
    halves, rank = _halves(term.pattern), rank_of(term.pattern)
    assert halves is not None
    found = []
    for p, factors, tables in halves:
        half = Term(p, tuple([term.factors[k] for k in factors]), tuple([term.tables[t] for t in tables]))
        found.append(_array(half, dtype).reshape(-1, rank))
    return found[0], found[1]


def _array(half: Term, dtype: Any) -> Any:
    """The entries of a term; the array of its only factor itself where that is the same, for it is only read."""
    p = half.pattern
    if len(half.factors) == 1 and np.shape(half.factors[0]) == p.row_shape + p.column_shape and not half.tables:
        bare = all([p.is_bare(axis) for axis in p.row + p.column])
        labels = tuple([axis.labels[0] for axis in p.row + p.column if axis.labels])
        if bare and labels == p.factors[0].labels and len(set(labels)) == len(labels):
            return half.factors[0].astype(dtype, copy=False)
    return dense([half], p.row_shape, p.column_shape, dtype)


class LowRank(Inverse):
    """B + U Vᵀ for a map B with an inverse of its own."""

    fragile = True  # B may be worse conditioned than the sum

    def __init__(self, base: Inverse, terms: Sequence[Term], dtype: Any) -> None:
        self.base = base
        halves = [factors_of(term, dtype) for term in terms]
        self.left, self.right = (
            np.concatenate([half[k] for half in halves], 1) if len(halves) > 1 else halves[0][k] for k in (0, 1)
        )

    def _capacitance(self, solved: Any) -> Any:
        found = self.right.T @ solved
        found.flat[:: len(found) + 1] += 1
        return found

    def solve(self, right: Any) -> Any:
        plain, left = self.base.solve(right), self.base.solve(self.left)
        words = "what is left of the diagonal plus low rank (I + VᵀB⁻¹U)"
        inner = matrices_solve(self._capacitance(left)[None], (self.right.T @ plain)[None], words)[0]
        return plain - left @ inner

    def slogdet(self) -> LogDeterminant:
        inner = matrices_slogdet(self._capacitance(self.base.solve(self.left))[None])
        return self.base.slogdet().plus(inner)
