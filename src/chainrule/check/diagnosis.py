"""Says what is wrong with a claimed gradient, and at which step: the simplest explanation that holds at every point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.check.candidate import Candidate
from chainrule.check.hints import hint_for
from chainrule.check.point import Claim, Point
from chainrule.check.relations import relations

__all__ = ["Claim", "Diagnosis", "diagnose"]


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a claim.

    Args:
        mistake: its kind, one word: see `chainrule.check.hints`.
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


def diagnose(claim: Claim) -> tuple[Diagnosis, ...]:
    """The explanations of a wrong claim, the simplest first; none if nothing fits.

    >>> G = np.array([[1.0, 2.0], [3.0, 5.0]])
    >>> diagnose(Claim("dW", G.T, G))[0].mistake
    'transposed'
    >>> diagnose(Claim("dW", -G, G))[0].fix
    '-dW'
    """
    points = _points(claim)
    with np.errstate(all="ignore"):
        candidates = [candidate for candidate in _search(points) if all(candidate.holds(point) for point in points[1:])]
    candidates.sort(key=lambda candidate: candidate.cost)
    return tuple([_told(candidate, candidates) for candidate in candidates[:5]])


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


def _search(points: Sequence[Point]) -> Iterator[Candidate]:
    yield from relations(points)


def _told(candidate: Candidate, among: Sequence[Candidate]) -> Diagnosis:
    rivals = [other.message for other in among if other is not candidate and other.mistake != candidate.mistake]
    details = dict(candidate.details) | ({"rivals": rivals[:3]} if rivals else {})
    return Diagnosis(
        candidate.mistake, candidate.message, candidate.fix, candidate.step, hint_for(candidate.mistake), details
    )
