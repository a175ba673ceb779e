"""One wrong rule for a link of the chain: where in the rule the mistake is, of what kind, and what then comes back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.links import Link
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import pulled
from chainrule.check.chain.references import Reference
from chainrule.linear.term import Term

__all__ = ["Part", "Rearrangement", "Variation", "rearrangements", "with_term", "with_terms"]

Array = np.ndarray[Any, np.dtype[Any]]
Part = Callable[[Point, Link, Any], Any]
MOST_AXES = 4


@dataclass(frozen=True, eq=False)
class Variation:
    """A wrong rule.

    Args:
        where: what is wrong: "factor" (an array of the rule), "values" (that the rule is taken at), "cotangent" (that
            it is applied to), "result", "table" (of positions), or "rule", all of it.
        how: what is wrong with it, one word.
        cost: how far-fetched that is.
        part: what comes back to the tail, of (point, link, cotangent of the head); None where it makes no sense.
        about: the axis or order that ``how`` speaks of.
        array: what stands in place of something else.
        place: which term and which of its factors.
    """

    where: str
    how: str
    cost: float
    part: Part
    about: Any = None
    array: Reference | None = None
    place: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Rearrangement:
    """A change of an array that keeps its shape."""

    how: str
    about: Any
    cost: float
    change: Callable[[Any], Any]


def rearrangements(shape: Sequence[int]) -> Iterator[Rearrangement]:
    """Turned, reversed, shifted by one, or summed and spread again."""
    rank = len(shape)
    if 1 < rank <= MOST_AXES:
        for order in itertools.permutations(range(rank)):
            if order != tuple(range(rank)) and all(
                shape[axis] == size for axis, size in zip(order, shape, strict=True)
            ):
                yield Rearrangement("turned", order, 4.7, partial(np.transpose, axes=order))
    for axis, size in enumerate(shape):
        if size > 1:
            yield Rearrangement("flipped", axis, 5.5, partial(np.flip, axis=axis))
            yield Rearrangement("rolled", (axis, 1), 5.7, partial(np.roll, shift=1, axis=axis))
            yield Rearrangement("rolled", (axis, -1), 5.7, partial(np.roll, shift=-1, axis=axis))
            yield Rearrangement("summed", axis, 5.8, partial(_spread_sum, axis=axis))
    if rank > 1:
        yield Rearrangement("flipped", None, 5.6, np.flip)


def _spread_sum(array: Any, axis: int) -> Array:
    whole: Array = np.broadcast_to(np.sum(array, axis=axis, keepdims=True), np.shape(array))
    return whole


def with_terms(change: Callable[[Point, Link, list[Term]], Sequence[Term] | None]) -> Part:
    """The rule with other terms."""

    def part(point: Point, link: Link, cotangent: Any) -> Any:
        reach = point.sure_reach
        terms = change(point, link, list(link.terms(reach)))
        return None if terms is None else pulled(terms, cotangent, reach.shape(link.tail))

    return part


def with_term(place: int, change: Callable[[Point, Link, Term], Term | None], template: Term | None = None) -> Part:
    """The rule with one other term; where the rule has none, because a factor is 0, the template is changed."""

    def changed(point: Point, link: Link, terms: list[Term]) -> Sequence[Term] | None:
        if not terms and template is not None and place == 0:
            terms = [template]
        if place >= len(terms):
            return None
        other = change(point, link, terms[place])
        if other is None:
            return None
        terms[place] = other
        return terms

    return with_terms(changed)
