"""A wrong rule at every pass through a loop: what is written once in a backward loop is wrong each time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Coefficient, Trial
from chainrule.check.chain.links import Link, edges, grouped, is_diagonal, stretches
from chainrule.check.chain.phrases import called, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, pulled
from chainrule.check.chain.sweeps import Mutation, swept
from chainrule.check.rules.forms import simple_forms
from chainrule.check.rules.variation import Variation
from chainrule.check.rules.variations import variations
from chainrule.check.rules.wordings import Wording, told

__all__ = ["everywhere"]

Array = np.ndarray[Any, np.dtype[Any]]
BATCH = 64
ONE = Coefficient(1.0, None, 0.0)
NEAR = {"value": 0.15, "pool": 0.15, "adjoint": 0.55}  # cost of an array that is tried in place of another
PLAUSIBLE: dict[str, tuple[str, ...]] = {
    "rule": ("skipped", "pushed", "twice", "applied", "last wins", "term lost"),
    "factor": ("dropped", "turned", "flipped", "complement", "squared", "inverted", "other"),
    "values": ("at its result", "at its argument", "at another array"),
    "cotangent": ("other", "turned", "masked by itself"),
    "result": ("multiplied", "turned"),
    "form": (),
}
WEIGHTS = (
    (0.0, "path-missing", 4.0, "lacks", "add it"),
    (-1.0, "path-sign", 4.1, "has with the wrong sign", "turn its sign"),
    (2.0, "path-doubled", 4.2, "counts twice", "count it once"),
    (0.5, "factor", 4.6, "has only half of", "count all of it"),
)
Make = Callable[[Point], Mutation]


class _Idea:
    """A mutation to try: how to make it at a point, and what to say if it fits."""

    def __init__(self, key: str, cost: float, make: Make, say: Callable[[Point], Wording], step: int) -> None:
        self.key, self.cost, self.make, self.say, self.step = key, cost, make, say, step


def everywhere(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which the same rule is wrong at every pass."""
    point = trial.points[0]
    groups = grouped(point.places, edges(point.sure_reach))
    if not groups:
        return
    ideas = sorted(_ideas(point, groups), key=lambda idea: idea.cost)
    cheapest = np.inf
    for start in trial.budget.each(range(0, len(ideas), BATCH)):
        batch = ideas[start : start + BATCH]
        if cheapest < batch[0].cost - 0.25:
            return
        found = swept(point.sure_reach, [idea.make(point) for idea in batch])
        for idea, gradient in zip(batch, found, strict=True):
            if point.near(gradient, point.claimed):
                candidate = _candidate(trial, idea)
                if all(candidate.holds(other) for other in trial.points[1:]):
                    cheapest = min(cheapest, candidate.cost)
                    yield candidate


def _candidate(trial: Trial, idea: _Idea) -> Candidate:
    def holds(point: Point) -> bool:
        if point not in trial.points:
            return False
        return point.near(swept(point.sure_reach, [idea.make(point)])[0], point.claimed)

    point = trial.points[0]
    wording = idea.say(point)
    step = place(point.sure_reach.steps[idea.step], point.claim.computation)
    cost = idea.cost + wording.extra
    return Candidate(idea.key, wording.mistake, cost, wording.message, wording.fix, holds, step)


def _ideas(point: Point, groups: Sequence[Sequence[Link]]) -> Iterator[_Idea]:
    yield from _weights(point, groups)
    yield from _some_uses(point, groups)
    for group in groups:
        yield from _rules(point, group)
    closed = [link for link in stretches(point.sure_reach) if _is_closed(point, link)]
    for group in grouped(point.places, closed):
        yield from _of_stretch(point, group)
    yield from _exchanged(point, groups)


# -- whole contributions -----------------------------------------------------------------------------------------------


def _weights(point: Point, groups: Sequence[Sequence[Link]]) -> Iterator[_Idea]:
    """What an edge, or a step with all its edges, sends back is lost, turned, or doubled, at every pass."""
    for (weight, mistake, cost, verb, fix), group in itertools.product(WEIGHTS, groups):
        chosen = [link.edge for link in group]
        say = partial(_weighted, group[0], mistake, verb, fix)
        yield _Idea(f"{chosen} {weight}", cost, partial(_times, weight, chosen), say, group[0].head)
    places = point.places
    heads: dict[Any, list[Link]] = {}
    for link in itertools.chain.from_iterable(groups):
        heads.setdefault(places.of[link.head], []).append(link)
    for (weight, mistake, cost, verb, fix), links in itertools.product(WEIGHTS, heads.values()):
        if len({link.edge.position for link in links}) > 1:
            chosen = [link.edge for link in links]
            say = partial(_weighted_step, links[0], mistake, verb, fix)
            yield _Idea(f"{chosen} {weight}", cost + 0.2, partial(_times, weight, chosen), say, links[0].head)


def _times(weight: float, chosen: Sequence[Edge], point: Point) -> Mutation:
    reach = point.sure_reach

    def rule(edge: Edge, cotangent: Any) -> Any:
        if weight == 0.0:
            return np.zeros(reach.shape(reach.argument(edge)))
        return weight * pulled(reach.terms(edge), cotangent, reach.shape(reach.argument(edge)))

    return Mutation({edge: partial(rule, edge) for edge in chosen})


def _weighted(link: Link, mistake: str, verb: str, fix: str, point: Point) -> Wording:
    steps = point.sure_reach.steps
    head, tail = _without_numbers(called(steps[link.head])), _without_numbers(called(steps[link.tail]))
    message = f"{point.subject} {verb} what comes back to {tail} from {head}, at every step."
    return Wording(mistake, 0.0, message, f"{fix}: what comes back to {tail} from {head}, at every step")


def _weighted_step(link: Link, mistake: str, verb: str, fix: str, point: Point) -> Wording:
    head = _without_numbers(called(point.sure_reach.steps[link.head]))
    return Wording(mistake, 0.0, f"{point.subject} {verb} what comes back through {head}, at every step.", fix)


def _some_uses(point: Point, groups: Sequence[Sequence[Link]]) -> Iterator[_Idea]:
    """A variable that is used at every pass, counted at the first or the last few only."""
    for group in groups:
        if len({link.tail for link in group}) != 1:
            continue
        chosen = [link.edge for link in group]
        for count in range(1, len(chosen)):
            for left_out, which in ((chosen[count:], "first"), (chosen[:-count], "last")):
                say = partial(_only, group[0], which, count, len(chosen))
                yield _Idea(f"{which} {count} {chosen}", 4.3, partial(_times, 0.0, left_out), say, group[0].head)


def _only(link: Link, which: str, count: int, total: int, point: Point) -> Wording:
    tail = called(point.sure_reach.steps[link.tail])
    some = f"the {which} of the {total} uses" if count == 1 else f"the {which} {count} of the {total} uses"
    message = f"{point.subject} counts {some} of {tail} only: it is assigned where it should be added to, or cut off."
    return Wording("path-missing", 0.0, message, f"add up what comes back from all {total} uses (+=)")


# -- rules -------------------------------------------------------------------------------------------------------------


def _rules(point: Point, group: Sequence[Link]) -> Iterator[_Idea]:
    typical = group[len(group) // 2]  # the first pass may start from nothing
    ideas = [*variations(point, typical)]
    if is_diagonal(point.sure_reach, typical.edge, False):
        ideas += simple_forms(point, typical)
    for variation in ideas:
        if _is_plausible(variation):
            yield _Idea(
                f"{variation.where} {variation.how} {variation.about} {variation.array} {typical}",
                variation.cost + 0.05,
                partial(_with_rule, variation, group),
                partial(_said, variation, typical),
                typical.head,
            )


def _without_numbers(text: str) -> str:
    """Names without the numbers of one pass: h for h[3]."""
    return re.sub(r"(?<=\w)\[\d+\]", "", text)


def _is_plausible(variation: Variation) -> bool:
    """Whether it is worth trying at every pass: there are many, and each is a whole way back."""
    if variation.where not in PLAUSIBLE:
        return False
    hows = PLAUSIBLE[variation.where]
    near = variation.array is None or variation.array.cost <= NEAR.get(variation.array.kind, 0.5)
    return near and (not hows or variation.how in hows)


def _with_rule(variation: Variation, group: Sequence[Link], point: Point) -> Mutation:
    if group[0].is_edge:
        return Mutation({link.edge: partial(variation.part, point, link) for link in group})
    blocked: dict[Edge, Callable[[Any], Any]] = {}
    further = []
    for link in group:
        further.append((link.head, link.tail, partial(variation.part, point, link)))
        blocked |= {edge: partial(_nothing, point, edge) for edge in link.inside if edge.step == link.head}
    return Mutation(blocked, further)


def _nothing(point: Point, edge: Edge, cotangent: Any) -> Array:
    reach = point.sure_reach
    return np.zeros(reach.shape(reach.argument(edge)))


def _said(variation: Variation, link: Link, point: Point) -> Wording:
    wording = told(point, link, variation, ONE)
    message = f"{_without_numbers(wording.message).rstrip('.')}, at every step."
    return wording._replace(message=message, fix=_without_numbers(wording.fix))


def _is_closed(point: Point, link: Link) -> bool:
    """Whether nothing else goes through the inside of a stretch."""
    reach, inside = point.sure_reach, set(link.inside)
    between = {edge.step for edge in link.inside} - {link.head}
    for edge in reach.edges:
        if edge not in inside and (edge.step in between or reach.argument(edge) in between):
            return False
    return True


def _of_stretch(point: Point, group: Sequence[Link]) -> Iterator[_Idea]:
    """Elementwise steps taken as one, with another derivative."""
    for variation in simple_forms(point, group[0]):
        yield _Idea(
            f"{variation.how} {variation.about} {group[0]}",
            variation.cost + 0.05,
            partial(_with_rule, variation, group),
            partial(_said, variation, group[0]),
            group[0].head,
        )


# -- two gradients exchanged -------------------------------------------------------------------------------------------


def _exchanged(point: Point, groups: Sequence[Sequence[Link]]) -> Iterator[_Idea]:
    """Two parts of one array whose gradients are put in each other's place."""
    reach = point.sure_reach
    for one, other in itertools.combinations(groups, 2):
        pairs = list(zip(one, other, strict=False))
        alike = len(one) == len(other) and all(
            a.tail == b.tail and reach.shape(a.head) == reach.shape(b.head) for a, b in pairs
        )
        if alike:
            say = partial(_said_exchanged, one[0], other[0])
            yield _Idea(f"exchanged {one[0]} {other[0]}", 5.0, partial(_with_exchange, pairs), say, one[0].head)


def _with_exchange(pairs: Sequence[tuple[Link, Link]], point: Point) -> Mutation:
    reach = point.sure_reach
    rules: dict[Edge, Callable[[Any], Any]] = {}
    for one, other in pairs:
        rules[one.edge] = partial(other.pulled, reach)
        rules[other.edge] = partial(one.pulled, reach)
    return Mutation(rules)


def _said_exchanged(one: Link, other: Link, point: Point) -> Wording:
    steps = point.sure_reach.steps
    first, second = (place(steps[link.head], point.claim.computation) for link in (one, other))
    tail = _without_numbers(called(steps[one.tail]))
    message = f"The parts of d{tail} that belong to {first} and to {second} are exchanged."
    return Wording("swapped", 0.0, message, "put each where its part was cut out")
