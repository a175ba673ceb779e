"""What two arrays alone show, the claimed and the true gradient: layouts, sums, signs, factors, masks, permutations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.point import Point
from chainrule.check.mistakes.contractions import contractions
from chainrule.check.mistakes.layouts import jacobian, shapes, sums
from chainrule.check.mistakes.likenesses import leftovers, likenesses
from chainrule.check.mistakes.placements import misplaced, other_entries, placements, zeros
from chainrule.check.mistakes.ratios import ratios

__all__ = ["relations"]


def relations(points: Sequence[Point]) -> Iterator[Candidate]:
    """The relations that hold at the first of the points, the simplest first; each can be tried at another."""
    point = points[0]
    if not np.isfinite(point.claimed).all() or point.claimed.size == 0:
        return
    found: dict[str, Candidate] = {}
    for make in (
        shapes,
        sums,
        contractions,
        jacobian,
        ratios,
        likenesses,
        placements,
        zeros,
        other_entries,
        misplaced,
        leftovers,
    ):
        for candidate in make(point, points):
            found.setdefault(candidate.key, candidate)
    yield from sorted(found.values(), key=lambda candidate: candidate.cost)
