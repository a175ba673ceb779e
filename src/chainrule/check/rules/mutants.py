"""The derivation mutated: one wrong rule on one link, the rest of the chain right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Trial
from chainrule.check.chain.links import Link, is_diagonal
from chainrule.check.chain.phrases import named_below, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.sweeps import ILLEGAL
from chainrule.check.rules.blocks import Block, block_variations
from chainrule.check.rules.forms import forms
from chainrule.check.rules.leaks import leaks
from chainrule.check.rules.variation import Variation
from chainrule.check.rules.variations import variations
from chainrule.check.rules.wordings import told
from chainrule.check.rules.wrong_ends import wrong_cotangents

__all__ = ["formulas", "mutants", "rules"]

Array = np.ndarray[Any, np.dtype[Any]]
Ideas = Callable[[Trial, Link, Array], Iterable[Variation]]
MARGIN = 0.6  # by how much a name can make a wrong rule simpler than it looks


def mutants(trial: Trial, links: Sequence[Link], ideas: Ideas) -> Iterator[Candidate]:
    """The wrong rules, of those that ``ideas`` gives for each link, that explain the claim."""
    best = np.inf
    for link in trial.budget.each(links):
        part = trial.seen(link.tail, partial(_right, link))
        if part is None or not np.any(part):
            continue
        wanted = trial.target + part  # what the link must have sent, as far as it shows
        for variation in ideas(trial, link, wanted):
            if variation.cost - MARGIN > best:
                continue
            found = _tried(trial, link, variation, wanted, part)
            if found is not None and all(found.holds(other) for other in trial.points[1:]):
                best = min(best, found.cost)
                yield found


def rules(trial: Trial, link: Link, wanted: Array) -> Iterator[Variation]:
    """Wrong rules made from the right one."""
    if isinstance(link, Block):
        yield from block_variations(link)
    elif not link.inside:
        yield from wrong_cotangents(trial.points[0], link)
    else:
        yield from variations(trial.points[0], link)
        yield from leaks(trial, link, wanted)


def formulas(trial: Trial, link: Link, wanted: Array) -> Iterator[Variation]:
    """Other formulas for an elementwise derivative."""
    point = trial.points[0]
    reach = point.sure_reach
    same = reach.shape(link.head) == reach.shape(link.tail)
    if not link.is_edge or same or is_diagonal(reach, link.edge, False):
        yield from forms(point, link, partial(trial.which, link, wanted))


def _right(link: Link, point: Point) -> Array:
    return link.part(point.sure_reach)


def _made(point: Point, link: Link, variation: Variation) -> Any:
    try:
        made = variation.part(point, link, point.sure_reach.adjoints[link.head])
        whole = None if made is None else np.broadcast_to(made, point.sure_reach.shape(link.tail))
    except ILLEGAL:
        return None
    return whole if whole is not None and whole.dtype.kind in "fiub" and np.isfinite(whole).all() else None


def _tried(trial: Trial, link: Link, variation: Variation, wanted: Array, part: Array) -> Candidate | None:
    seen = trial.seen(link.tail, lambda point: _made(point, link, variation))
    if seen is None:
        return None
    factor = trial.multiple(wanted, seen, float(np.linalg.norm(part)))
    if factor is None or not _tells(trial, seen, part, factor):
        return None

    def again(point: Point) -> float | None:
        reach = point.sure_reach
        made = _made(point, link, variation)
        if made is None:
            return None
        other = reach.seen(link.tail, made)
        goal = trial.wanted[trial.points.index(point)] + reach.seen(link.tail, link.part(reach))
        size = float(other @ other)
        return float(other @ goal) / size if size > 0 else None

    values = trial.coefficients(factor, again)
    coefficient = None if values is None else trial.named(values)
    if values is None or coefficient is None:
        return None

    def holds(point: Point) -> bool:
        if point not in trial.points:
            return False
        value = values[trial.points.index(point)]

        def changes(point: Point) -> dict[int, Any] | None:
            made = _made(point, link, variation)
            return None if made is None else {link.tail: value * made - link.part(point.sure_reach)}

        return trial.holds(changes, point)

    if not holds(trial.points[0]):
        return None
    wording = told(trial.points[0], link, variation, coefficient)
    reach = trial.points[0].sure_reach
    step = place(reach.steps[link.head], reach.computation)
    cost = variation.cost + wording.extra + coefficient.cost
    details: dict[str, Any] = {"wrong": f"{variation.where} {variation.how}", "tail": named_below(link.tail, reach)} | (
        {} if coefficient.value == 1.0 else {"factor": coefficient.value}
    )
    key = f"{variation.where} {variation.how} {variation.about} {variation.array} {link}"
    return Candidate(key, wording.mistake, cost, wording.message, wording.fix, holds, step, details)


def _tells(trial: Trial, seen: Array, part: Array, factor: float) -> bool:
    """Whether a wrong rule says more than a coefficient: it is not a multiple of the right one, which is for paths.

    One number is a multiple of any other: there the rule must fit as it is.
    """
    if len(seen) == 1:
        return abs(factor - 1) < trial.points[0].tolerance
    return not _parallel(seen, part)


def _parallel(one: Array, other: Array) -> bool:
    product = abs(float(one @ other))
    return product >= (1 - 1e-12) * float(np.linalg.norm(one)) * float(np.linalg.norm(other))
