"""Wrong rules in which the right derivative is taken at wrong values, or is that of another argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.links import Link
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import pulled
from chainrule.check.chain.references import Reference, references
from chainrule.check.rules.variation import Part, Variation

__all__ = ["wrong_values"]

Values = tuple[Any, list[Any]]  # the result and the arguments that a rule is given


def wrong_values(point: Point, link: Link) -> Iterator[Variation]:
    """The rule of an edge at its result, at its argument, at 1 − x, at another array; arguments exchanged."""
    if not link.is_edge:
        return
    reach = point.sure_reach
    step, shape = reach.steps[link.head], reach.shape(link.tail)
    if step.shape == shape:
        yield Variation("values", "at its result", 5.0, _at(_result_for_argument))
        yield Variation("values", "at its argument", 5.0, _at(_argument_for_result))
    for text, change in (("-{0}", np.negative), ("1 - {0}", partial(np.subtract, 1)), ("1 + {0}", partial(np.add, 1))):
        yield Variation("values", "moved", 5.2, _at(partial(_moved, change)), text)
    if len(step.arguments) == 2 and step.arguments[0].shape == step.arguments[1].shape:
        yield Variation("values", "exchanged", 5.7, _at(_exchanged))
        yield Variation("values", "of the other", 5.6, _at(_as_given, other=True))
    for reference in references(point, link, shape):
        yield Variation(
            "values", "at another array", 5.3 + reference.cost, _at(partial(_elsewhere, reference)), None, reference
        )


def _at(choose: Callable[[Point, Link, list[Any], Any], Values | None], other: bool = False) -> Part:
    """The rule of the edge (of the other argument, if so) at chosen values."""

    def part(point: Point, link: Link, cotangent: Any) -> Any:
        reach = point.sure_reach
        step, position = reach.steps[link.head], link.edge.position
        values = choose(point, link, [argument.given for argument in step.arguments], step.value)
        if values is None:
            return None
        terms = step.local(1 - position if other else position, *values)
        return pulled(terms, cotangent, reach.shape(link.tail))

    return part


def _put(link: Link, given: list[Any], value: Any) -> list[Any]:
    position = link.edge.position
    return [*given[:position], value, *given[position + 1 :]]


def _as_given(point: Point, link: Link, given: list[Any], out: Any) -> Values:
    return out, given


def _result_for_argument(point: Point, link: Link, given: list[Any], out: Any) -> Values:
    return out, _put(link, given, out)


def _argument_for_result(point: Point, link: Link, given: list[Any], out: Any) -> Values:
    return given[link.edge.position], given


def _moved(change: Callable[[Any], Any], point: Point, link: Link, given: list[Any], out: Any) -> Values:
    arguments = _put(link, given, change(np.asarray(given[link.edge.position])))
    return point.sure_reach.steps[link.head].forward(arguments), arguments


def _exchanged(point: Point, link: Link, given: list[Any], out: Any) -> Values:
    return point.sure_reach.steps[link.head].forward(given[::-1]), given[::-1]


def _elsewhere(reference: Reference, point: Point, link: Link, given: list[Any], out: Any) -> Values | None:
    other = reference.get(point, link)
    if other is None or np.shape(other) != np.shape(given[link.edge.position]):
        return None
    arguments = _put(link, given, other)
    return point.sure_reach.steps[link.head].forward(arguments), arguments
