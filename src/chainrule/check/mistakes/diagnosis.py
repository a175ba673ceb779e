"""Says what is wrong with a claimed gradient, and at which step: the simplest explanation that holds at every point."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.check.chain.budget import Budget
from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Trial
from chainrule.check.chain.links import Link, edges, grouped, nodes, stretches
from chainrule.check.chain.point import Claim, Point
from chainrule.check.mistakes.hints import hint_for
from chainrule.check.mistakes.paths import paths
from chainrule.check.mistakes.products import products
from chainrule.check.mistakes.reductions import reductions
from chainrule.check.mistakes.relations import relations
from chainrule.check.mistakes.reruns import reruns
from chainrule.check.mistakes.routes import routes
from chainrule.check.mistakes.shares import shares
from chainrule.check.mistakes.standins import standins
from chainrule.check.rules.blocks import blocks
from chainrule.check.rules.everywhere import everywhere
from chainrule.check.rules.mutants import formulas, mutants, rules

__all__ = ["SECONDS", "Claim", "Diagnosis", "diagnose"]


SECONDS = 1.5  # in which explanations of one claim are looked for
FARTHEST = 6.8  # cost above which an explanation is a coincidence
LONG = 60  # steps above which the first explanation that fits will do
HASTE = 1.0
MOST = 5  # explanations that are told


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a claim.

    Args:
        mistake: its kind, one word: see `chainrule.check.mistakes.hints`.
        message: what the relation is and what it means, in one or two sentences.
        fix: what to write.
        step: where, by the user's names.
        hint: the kind of the mistake without the answer.
        details: numbers; "rivals" are other explanations that fit as well.
    """

    mistake: str
    message: str
    fix: str
    step: str | None
    hint: str
    details: dict[str, Any] = field(default_factory=dict)


def diagnose(claim: Claim, seconds: float | None = None) -> tuple[Diagnosis, ...]:
    """The explanations of a wrong claim, the simplest first; none if nothing fits.

    If nothing fits of what could be tried in time, that is said: as a diagnosis whose mistake is "unknown".

    >>> G = np.array([[1.0, 2.0], [3.0, 5.0]])
    >>> diagnose(Claim("dW", G.T, G))[0].mistake
    'transposed'
    >>> diagnose(Claim("dW", -G, G))[0].fix
    '-dW'
    """
    points = _points(claim)
    budget = Budget(SECONDS if seconds is None else seconds)
    found: list[Candidate] = []
    is_long = claim.computation is not None and len(claim.computation.steps) > LONG
    with np.errstate(all="ignore"):
        for cost, stage in _stages(points, budget):
            if found and min(candidate.cost for candidate in found) < cost + (HASTE if is_long else 0.0):
                break
            budget.next_stage()
            found += [
                candidate
                for candidate in stage()
                if candidate.cost <= FARTHEST and all(candidate.holds(point) for point in points[1:])
            ]
    if budget.is_cut_short and not found:
        return (_unknown(budget),)
    found.sort(key=lambda candidate: candidate.cost)
    return tuple([_told(candidate, found) for candidate in found[:MOST]])


def _points(claim: Claim) -> list[Point]:
    """The point of the claim and, where it can be made again, others."""
    points = [Point(claim)]
    if claim.again is not None:
        wanted = 1 if points[0].true.size >= 8 else min(6, 1 + 12 // max(points[0].true.size, 1))
        for _ in range(wanted):
            other = claim.again()
            if other is not None:
                points.append(Point(other))
    return points


def _stages(points: Sequence[Point], budget: Budget) -> Iterator[tuple[float, Callable[[], Iterable[Candidate]]]]:
    """Where to look, with the least that an explanation found there can cost: cheap ones first."""
    point = points[0]
    yield 0.0, lambda: relations(points)
    if point.reach is None or point.claimed.shape != point.true.shape:
        return
    trial = Trial(points, budget)
    reach = point.reach
    repeated, once = _split(point, edges(reach))
    repeated_stretches, once_stretches = _split(point, list(stretches(reach)))
    meeting = nodes(reach)
    yield 3.9, lambda: paths(trial)
    yield 4.0, lambda: everywhere(trial)
    yield 4.4, lambda: mutants(trial, [*once, *meeting], rules)
    yield 4.5, lambda: shares(trial)
    yield 4.6, lambda: reruns(trial)
    yield 4.6, lambda: mutants(trial, list(blocks(reach, lambda n: not point.places.is_repeated(n))), rules)
    yield 4.7, lambda: routes(trial)
    yield 4.9, lambda: products(trial)
    yield 4.9, lambda: mutants(trial, once_stretches, rules)
    yield 5.15, lambda: mutants(trial, [*once, *meeting, *once_stretches], formulas)
    yield 5.3, lambda: reductions(trial)
    yield 5.5, lambda: standins(trial)
    yield 5.6, lambda: mutants(trial, [*repeated, *repeated_stretches], rules)
    yield 5.7, lambda: mutants(trial, [*repeated, *repeated_stretches], formulas)


def _split(point: Point, links: Sequence[Link]) -> tuple[list[Link], list[Link]]:
    """The links that are repeated, in a loop or a function called again, and the others."""
    repeated = {link for group in grouped(point.places, links) for link in group}
    return [link for link in links if link in repeated], [link for link in links if link not in repeated]


def _unknown(budget: Budget) -> Diagnosis:
    """What is said where something may explain the claim that there was no time for."""
    message = f"no simple mistake explains it, of those that could be tried in {budget.seconds:g} s"
    return Diagnosis("unknown", message, "", None, hint_for("unknown"))


def _told(candidate: Candidate, among: Sequence[Candidate]) -> Diagnosis:
    rivals = [other.message for other in among if other is not candidate and other.mistake != candidate.mistake]
    details = dict(candidate.details) | ({"rivals": rivals[:3]} if rivals else {})
    return Diagnosis(
        candidate.mistake, candidate.message, candidate.fix, candidate.step, hint_for(candidate.mistake), details
    )
