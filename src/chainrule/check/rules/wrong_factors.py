"""Wrong rules in which an array of the local derivative is dropped, turned, changed, or another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.links import Link
from chainrule.check.chain.point import Point
from chainrule.check.chain.references import Reference, references
from chainrule.check.rules.variation import Part, Variation, rearrangements, with_term, with_terms
from chainrule.linear.term import Opaque, Pattern, Term

__all__ = ["own_factors", "wrong_factors"]

Array = np.ndarray[Any, np.dtype[Any]]
Change = Callable[[Point, Link, Any], Any]


def wrong_factors(point: Point, link: Link) -> Iterator[Variation]:
    """One variation for each thing that can happen to an array of the local Jacobian."""
    terms = link.terms(point.sure_reach)
    yield from own_factors(point, link)
    for place, term in enumerate(terms):
        for which, factor in enumerate(term.factors):
            if not isinstance(factor, Opaque | int):
                yield from _other_arrays(point, link, (place, which), np.asarray(factor))
        for which, table in enumerate(term.tables):
            yield from _of_table(point, place, which, np.asarray(table))
    if len(terms) > 1:
        for place in range(len(terms)):
            yield Variation("rule", "term lost", 4.2, with_terms(partial(_without, place)), place)


def own_factors(point: Point, link: Link) -> Iterator[Variation]:
    """Variations in which the arrays of the local Jacobian are left out or changed, and no other array is used."""
    for place, term in enumerate(link.terms(point.sure_reach)):
        for which, factor in enumerate(term.factors):
            if isinstance(factor, Opaque):
                yield from _of_map(place, which, factor)
            elif np.ndim(factor) > 0:
                yield from _of_array((place, which), np.asarray(factor))
        yield from _all_turned(place, term)


def _without(place: int, point: Point, link: Link, terms: list[Term]) -> list[Term]:
    return terms[:place] + terms[place + 1 :]


# -- arrays ------------------------------------------------------------------------------------------------------------


def _replacing(place: tuple[int, int], change: Change, template: Term | None = None) -> Part:
    """The rule with one factor of one term replaced."""
    which = place[1]

    def changed(point: Point, link: Link, term: Term) -> Term | None:
        made, factors, tables = term
        other = change(point, link, factors[which])
        if other is None or np.shape(other) != np.shape(factors[which]):
            return None
        return Term(made, (*factors[:which], other, *factors[which + 1 :]), tables)

    return with_term(place[0], changed, template)


def _of_array(place: tuple[int, int], factor: Array) -> Iterator[Variation]:
    def varied(how: str, cost: float, change: Callable[[Any], Any], about: Any = None) -> Variation:
        part = _replacing(place, lambda point, link, factor: change(factor))
        return Variation("factor", how, cost, part, about, place=place)

    yield varied("dropped", 5.0, np.ones_like)
    for other in rearrangements(factor.shape):
        yield varied(other.how, other.cost, other.change, other.about)
    yield varied("complement", 5.3, _complement)
    yield varied("squared", 5.5, np.square)
    yield varied("inverted", 5.5, np.reciprocal)
    yield varied("rooted", 5.9, _root)


def _other_arrays(point: Point, link: Link, place: tuple[int, int], factor: Array) -> Iterator[Variation]:
    template = link.terms(point.sure_reach)[place[0]]
    for reference in references(point, link, factor.shape):
        part = _replacing(place, partial(_referred, reference), template)
        yield Variation("factor", "other", 5.1 + reference.cost, part, None, reference, place)
    if factor.ndim == 2 and factor.shape[0] != factor.shape[1]:
        for reference in references(point, link, factor.shape[::-1]):
            part = _replacing(place, partial(_referred_turned, reference))
            yield Variation("factor", "other", 5.3 + reference.cost, part, "turned", reference, place)


def _complement(factor: Any) -> Any:
    return 1 - factor


def _root(factor: Any) -> Any:
    return np.sqrt(np.abs(factor))


def _referred(reference: Reference, point: Point, link: Link, factor: Any) -> Any:
    return reference.get(point, link)


def _referred_turned(reference: Reference, point: Point, link: Link, factor: Any) -> Any:
    found = reference.get(point, link)
    return None if found is None else np.transpose(found)


def _all_turned(place: int, term: Term) -> Iterator[Variation]:
    """Every square factor of a term turned at once, as in a product that is transposed factor by factor."""
    shapes = [np.shape(factor) for factor in term.factors]
    square = {which for which, shape in enumerate(shapes) if len(shape) >= 2 and shape[-1] == shape[-2]}
    if len(square) < 2:
        return

    def changed(point: Point, link: Link, term: Term) -> Term:
        turned = [np.swapaxes(f, -1, -2) if which in square else f for which, f in enumerate(term.factors)]
        return term._replace(factors=tuple(turned))

    yield Variation("factor", "turned", 4.9, with_term(place, changed), "all")


# -- maps that can only be applied -------------------------------------------------------------------------------------


def _of_map(place: int, which: int, factor: Opaque) -> Iterator[Variation]:
    """A square map applied in the other direction, or left out."""
    if factor.shape[-1] == factor.shape[-2]:
        yield Variation("factor", "turned", 4.7, with_term(place, partial(_with_map, which, _Turned)), "map")
        yield Variation("factor", "dropped", 5.2, with_term(place, partial(_with_map, which, _Left)), "map")


def _with_map(which: int, made_of: Callable[[Any], Any], point: Point, link: Link, term: Term) -> Term:
    factors = term.factors
    return term._replace(factors=(*factors[:which], made_of(factors[which]), *factors[which + 1 :]))


class _Turned(Opaque):
    """A square map transposed."""

    def __init__(self, whole: Opaque) -> None:
        self.whole, self.shape, self.dtype = whole, whole.shape, whole.dtype

    def apply(self, vectors: Any) -> Any:
        return self.whole.apply_transposed(vectors)

    def apply_transposed(self, vectors: Any) -> Any:
        return self.whole.apply(vectors)


class _Left(Opaque):
    """The identity in place of a square map."""

    def __init__(self, whole: Opaque) -> None:
        self.shape, self.dtype = whole.shape, whole.dtype

    def apply(self, vectors: Any) -> Any:
        return vectors

    def apply_transposed(self, vectors: Any) -> Any:
        return vectors


# -- tables of positions -----------------------------------------------------------------------------------------------


def _of_table(point: Point, place: int, which: int, table: Array) -> Iterator[Variation]:
    """Positions taken from another index of the code, or moved by one."""
    for number, step in enumerate(point.sure_reach.steps):
        if step.value.dtype.kind in "iu" and step.shape == table.shape and step.value.size > 1:
            part = with_term(place, partial(_with_positions, which, partial(_value_of, number)))
            yield Variation("table", "other", 5.0, part, number)
    if table.ndim:
        for by in (1, -1):
            part = with_term(place, partial(_with_positions, which, partial(_moved, by)))
            yield Variation("table", "rolled", 5.6, part, by)


def _value_of(number: int, point: Point, table: Any) -> Any:
    return point.sure_reach.value(number)


def _moved(by: int, point: Point, table: Any) -> Any:
    return np.asarray(table) + by


def _with_positions(
    which: int, change: Callable[[Point, Any], Any], point: Point, link: Link, term: Term
) -> Term | None:
    made, factors, tables = term
    positions = np.asarray(change(point, tables[which])).astype(np.intp)
    outside = positions.min(initial=0) < 0 or positions.max(initial=0) >= _extent(made, which)
    if outside or positions.shape != np.shape(tables[which]):
        return None
    return Term(made, factors, (*tables[:which], positions, *tables[which + 1 :]))


def _extent(made: Pattern, which: int) -> int:
    return min(axis.size for axis in (*made.row, *made.column) if axis.table == which)
