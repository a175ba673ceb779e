"""The numbers in terms: how many are stored, and all entries times one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from chainrule.linear.term import Factor, Opaque, Pattern, Term, pattern

__all__ = ["scaled", "stored"]


def stored(terms: Sequence[Term]) -> int:
    """How many numbers are kept: an array that is used twice counts once, index tables and ±1 do not count."""
    arrays, numbers = {}, 0
    for term in terms:
        for factor in term.factors:
            if isinstance(factor, Opaque):
                arrays[id(factor)] = factor.stored
            elif isinstance(factor, int | float | complex):
                numbers += abs(factor) != 1
            else:
                arrays[id(factor)] = prod(factor.shape)
    return sum(arrays.values()) + numbers


def scaled(term: Term, number: Any) -> Term:
    """The term times a number, which joins a number that is there; together they may be 1, and no factor."""
    p = term.pattern
    for k, factor in enumerate(p.factors):
        if not factor.labels:
            product, before, after = term.factors[k] * number, term.factors[:k], term.factors[k + 1 :]
            if type(product) in (int, float) and product == 1:
                return Term(_without(p, k), before + after, term.tables)
            return Term(p, (*before, product, *after), term.tables)
    if "with a number" not in p.plans:
        p.plans["with a number"], _ = pattern(p.sizes, p.row, p.column, (Factor(()), *p.factors), p.tables)
    return Term(p.plans["with a number"], (number, *term.factors), term.tables)


def _without(p: Pattern, place: int) -> Pattern:
    """The pattern without one of its numbers."""
    key = ("without factor", place)
    if key not in p.plans:
        rest = p.factors[:place] + p.factors[place + 1 :]
        p.plans[key], _ = pattern(p.sizes, p.row, p.column, rest, p.tables)
    made: Pattern = p.plans[key]
    return made
