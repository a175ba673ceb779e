"""Sums that are not complete: some rows of a product left out, or what overlaps written instead of added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Trial
from chainrule.check.chain.links import Link, edges
from chainrule.check.chain.phrases import called, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, pulled
from chainrule.linear.apply import pull
from chainrule.linear.term import Opaque

__all__ = ["shares"]

Array = np.ndarray[Any, np.dtype[Any]]
LONGEST = 64  # of an axis that is looked at row by row
Change = Callable[[Point], Any]


def shares(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which a sum on the way back lacks some of its summands."""
    yield from _rows(trial)
    yield from _overwritten(trial)
    yield from _updated(trial)


def _candidate(
    trial: Trial, number: int, change: Change, mistake: str, cost: float, message: str, fix: str, step: str
) -> Iterator[Candidate]:
    """A candidate whose change of the cotangent of a step explains the claim, if it does."""

    def holds(point: Point) -> bool:
        return point in trial.points and trial.holds(lambda point: {number: change(point)}, point)

    if holds(trial.points[0]):
        yield Candidate(message, mistake, cost, message, fix, holds, step)


# -- rows --------------------------------------------------------------------------------------------------------------


def _rows(trial: Trial) -> Iterator[Candidate]:
    """The first or the last few rows of what is summed left out."""
    point = trial.points[0]
    reach = point.sure_reach
    for link in trial.budget.each(edges(reach)):
        shape = reach.shape(link.head)
        kept = {label for term in link.terms(reach) for axis in term.pattern.column for label in axis.labels}
        for axis, size in enumerate(shape):
            terms = link.terms(reach)
            summed = len(terms) == 1 and not set(terms[0].pattern.row[axis].labels) & kept
            if not summed or not 2 < size <= LONGEST:
                continue
            seen = [trial.seen(link.tail, partial(_row, link, axis, row)) for row in range(size)]
            if all(row is not None for row in seen):
                yield from _ends(trial, link, axis, np.stack([row for row in seen if row is not None]))


def _row(link: Link, axis: int, row: int | slice, point: Point) -> Array:
    """What the link contributes from some rows of its head."""
    reach = point.sure_reach
    cotangent = np.broadcast_to(reach.adjoints[link.head], reach.shape(link.head))
    index = tuple([row if k == axis else slice(None) for k in range(cotangent.ndim)])
    some = np.zeros(cotangent.shape)
    some[index] = cotangent[index]
    return link.pulled(reach, some)


def _ends(trial: Trial, link: Link, axis: int, seen: Array) -> Iterator[Candidate]:
    reach = trial.points[0].sure_reach
    size, goal = len(seen), trial.target
    least = 1e-8 * float(np.linalg.norm(goal))
    for count in range(1, size):
        for which, rows in (("last", slice(size - count, size)), ("first", slice(0, count))):
            if np.linalg.norm(goal + seen[rows].sum(axis=0)) <= least:
                head = called(reach.steps[link.head])
                some = f"the {which} {count} of the {size} places" if count > 1 else f"the {which} of the {size} places"
                message = f"What comes back from {head} leaves out {some} along axis {axis}."
                change = partial(_lost, link, axis, rows)
                step = place(reach.steps[link.head], reach.computation)
                yield from _candidate(
                    trial, link.tail, change, "path-missing", 4.6, message, "sum over all of them", step
                )
                return


def _lost(link: Link, axis: int, rows: slice, point: Point) -> Array:
    return -_row(link, axis, rows, point)


# -- what overlaps -----------------------------------------------------------------------------------------------------


def _overwritten(trial: Trial) -> Iterator[Candidate]:
    """Several uses of parts of one array, each written over the one before: = for +=."""
    reach = trial.points[0].sure_reach
    uses: dict[int, list[Edge]] = defaultdict(list)
    for edge in reach.edges:
        uses[reach.argument(edge)].append(edge)
    for tail, several in uses.items():
        if len(several) < 2 or not reach.shape(tail):
            continue
        for order, cost in ((1, 4.5), (-1, 4.6)):
            change = partial(_one_over_another, tail, several[::order])
            made = trial.seen(tail, change)
            if made is not None and trial.multiple(trial.target, made) is not None:
                name = called(reach.steps[tail])
                message = (
                    f"Where the {len(several)} uses of {name} overlap, d{name} keeps one of them: they are to be added."
                )
                step = place(reach.steps[several[0].step], reach.computation)
                yield from _candidate(trial, tail, change, "path-missing", cost, message, "+= in place of =", step)


def _one_over_another(tail: int, several: Sequence[Edge], point: Point) -> Array | None:
    """How far the cotangent is off if each use overwrites the one before where they overlap."""
    reach = point.sure_reach
    written, added = np.zeros(reach.shape(tail)), np.zeros(reach.shape(tail))
    for edge in several:
        ones = np.zeros(reach.shape(tail))
        for made, factors, tables in reach.terms(edge):
            if any(isinstance(factor, Opaque) for factor in factors):
                return None
            sizes = tuple([np.ones_like(factor) for factor in factors])
            ones = ones + pull(made, np.ones(reach.shape(edge.step)), sizes, tables)
        part = reach.part(edge)
        written, added = np.where(ones != 0, part, written), added + part
    return written - added


# -- updates -----------------------------------------------------------------------------------------------------------


def _updated(trial: Trial) -> Iterator[Candidate]:
    """A parameter that had been moved along its gradient before it was used on the way back."""
    point = trial.points[0]
    reach = point.sure_reach
    for link in edges(reach):
        step = reach.steps[link.head]
        for place_of, argument in enumerate(step.arguments):
            number = reach.number_of[argument]
            if place_of == link.edge.position or not argument.is_input or number not in reach.adjoints:
                continue
            change = partial(_with_gradient, link, place_of, number)
            made = trial.seen(link.tail, change)
            over = None if made is None or len(made) < 2 else trial.multiple(trial.target, made)
            if over is None:
                continue
            name = called(argument)
            message = f"{name} was updated before it was used for {point.subject}: it is {name} {over:+.6g} * d{name}."
            where = place(step, reach.computation)
            scaled = partial(_scaled, change, over)
            yield from _candidate(
                trial, link.tail, scaled, "stale", 5.0, message, f"update {name} after d{name}", where
            )


def _with_gradient(link: Link, position: int, number: int, point: Point) -> Array | None:
    """The link's rule with the gradient of an argument in the argument's place."""
    reach = point.sure_reach
    step = reach.steps[link.head]
    given = [argument.given for argument in step.arguments]
    terms = link.terms(reach)
    whole = [k for k, factor in enumerate(terms[0].factors) if factor is given[position]] if len(terms) == 1 else []
    if not whole:
        return None
    factors = list(terms[0].factors)
    factors[whole[0]] = reach.adjoints[number]
    return pulled([terms[0]._replace(factors=tuple(factors))], reach.adjoints[link.head], reach.shape(link.tail))


def _scaled(change: Change, factor: float, point: Point) -> Any:
    return factor * change(point)
