"""Add up the terms that differ in one factor only: (A, D₁, B) + (A, D₂, B) = (A, D₁ + D₂, B)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.linear.fold import fold
from chainrule.linear.numbers import scaled
from chainrule.linear.term import Pattern, Term, pattern
from chainrule.linear.tiles import tiled
from chainrule.linear.unite import unite

__all__ = ["merge"]

_SAMPLE = 64  # entries of a table that are looked at before all of it is compared


class _Sum:
    """A growing sum of terms of one structure: a number (None for 1), the other factors, the tables."""

    __slots__ = ("factors", "number", "pattern", "tables")

    def __init__(self, core: Pattern, number: Any, factors: list[Any], tables: tuple[Any, ...]) -> None:
        self.pattern, self.number, self.factors, self.tables = core, number, factors, tables

    def add(self, other: _Sum) -> bool:
        """Take ``other`` in, if the two differ in one factor at most."""
        places = [k for k, (a, b) in enumerate(zip(self.factors, other.factors, strict=True)) if a is not b]
        if len(places) > 1 or any([a is not b for a, b in zip(self.tables, other.tables, strict=True)]):
            return False
        if not places:
            self.number = (1 if self.number is None else self.number) + (1 if other.number is None else other.number)
            return True
        (k,) = places
        if self.pattern.factors[k].opaque:
            return False
        if _equal(self.number, other.number):
            self.factors[k] = self.factors[k] + other.factors[k]
        else:
            self.factors[k] = self._scaled(k) + other._scaled(k)
            self.number = None
        return True

    def _scaled(self, k: int) -> Any:
        return self.factors[k] if self.number is None else self.factors[k] * self.number

    def absorb(self, other: _Sum) -> None:
        """Add a term of the same positions whose only factor varies along fewer labels, or that has none."""
        labels = self.pattern.factors[0].labels
        addend = 1 if other.number is None else other.number
        if other.factors:
            array, carried = other._scaled(0), other.pattern.factors[0].labels
            order = sorted(range(len(carried)), key=lambda axis: labels.index(carried[axis]))
            shape = [self.pattern.sizes[label] if label in carried else 1 for label in labels]
            addend = np.reshape(np.transpose(array, order), shape)
        self.factors[0], self.number = self._scaled(0) + addend, None

    def term(self) -> Term | None:
        """The sum as a term; None if it is nothing but the number 0."""
        if self.number is None or (type(self.number) is int and self.number == 1):
            return Term(self.pattern, tuple(self.factors), self.tables)
        if not self.factors and type(self.number) in (int, float) and self.number == 0:
            return None
        return scaled(Term(self.pattern, tuple(self.factors), self.tables), self.number)


def _known(table: Any, tables: dict[Any, list[Any]]) -> Any:
    """The first of the tables met so far that has the contents of ``table``: from then on one is compared as one."""
    if type(table) is not np.ndarray or not table.size:
        return table
    sample = table.flat[:: table.size // _SAMPLE + 1]
    same = tables.setdefault((table.shape, sample.tobytes()), [])
    for other in same:
        if other is table or np.array_equal(other, table):
            return other
    same.append(table)
    return table


def _equal(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and type(a) in (int, float) and a == b)


def _core(p: Pattern) -> tuple[Pattern, tuple[int, ...], tuple[int, ...]]:
    """The pattern without its numbers; where the numbers are; where the other factors are."""
    found = p.plans.get("core")
    if found is None:
        numbers = tuple([k for k, factor in enumerate(p.factors) if not factor.labels])
        others = tuple([k for k, factor in enumerate(p.factors) if factor.labels])
        core = p if not numbers else pattern(p.sizes, p.row, p.column, [p.factors[k] for k in others], p.tables)[0]
        found = p.plans["core"] = core, numbers, others
    result: tuple[Pattern, tuple[int, ...], tuple[int, ...]] = found
    return result


def _is_diagonal(p: Pattern) -> bool:
    """Whether the only factor varies along every label, and every label is shared by row and column."""
    if "diagonal" not in p.plans:
        sides = [{label for axis in axes for label in axis.labels} for axes in (p.row, p.column)]
        alone = len(p.factors) == 1 and not p.factors[0].opaque and not _repeats(p)
        p.plans["diagonal"] = alone and sides[0] == sides[1] == set(p.factors[0].labels)
    result: bool = p.plans["diagonal"]
    return result


def _repeats(p: Pattern) -> bool:
    """Whether a factor has a label twice: its diagonal is meant, so it does not add to arrays of its labels."""
    return any([len(set(factor.labels)) < len(factor.labels) for factor in p.factors])


def merge(terms: Iterable[Term]) -> list[Term]:
    """The same sum of terms with fewer of them.

    Terms of the same structure that differ in a single factor add that factor (numbers in front are factors too);
    a diagonal takes in a diagonal that is constant along some of its labels; very many small terms are folded into
    one that lists its entries (:mod:`chainrule.linear.fold`).

    >>> p, _ = pattern([2], [0], [0], [(0,)])
    >>> (term,) = merge([Term(p, (np.array([1.0, 2.0]),)), Term(p, (np.array([5.0, 5.0]),))])
    >>> term.factors[0]
    array([6., 7.])
    """
    terms = list(terms)
    if len(terms) < 2:
        return terms
    groups: dict[Pattern, list[_Sum]] = {}
    tables: dict[Any, list[Any]] = {}
    for term in terms:
        if term.tables:
            term = term._replace(tables=tuple([_known(table, tables) for table in term.tables]))
        core, numbers, others = _core(term.pattern)
        number = None
        for k in numbers:
            number = term.factors[k] if number is None else number * term.factors[k]
        entry = _Sum(core, number, [term.factors[k] for k in others], term.tables)
        group = groups.setdefault(core, [])
        if not any(member.add(entry) for member in group):
            group.append(entry)
    sums = [entry for group in groups.values() for entry in group]
    if len(sums) > 1:
        sums = _absorbed(sums)
    return fold(tiled(unite([term for term in [entry.term() for entry in sums] if term is not None])))


def _absorbed(sums: list[_Sum]) -> list[_Sum]:
    """Diagonals with the smaller diagonals on the same positions added in."""
    wide: dict[Any, list[_Sum]] = {}
    for entry in sums:
        if _is_diagonal(entry.pattern):
            wide.setdefault((entry.pattern.sizes, entry.pattern.row, entry.pattern.column), []).append(entry)
    if not wide:
        return sums
    kept = []
    for entry in sums:
        p = entry.pattern
        homes = wide.get((p.sizes, p.row, p.column), [])
        home = next((h for h in homes if all([a is b for a, b in zip(h.tables, entry.tables, strict=True)])), None)
        simple = len(p.factors) < 2 and len(p.outer) == len(p.sizes) and not any([f.opaque for f in p.factors])
        if home is not None and home is not entry and simple and not _repeats(p):
            home.absorb(entry)
        else:
            kept.append(entry)
    return kept
