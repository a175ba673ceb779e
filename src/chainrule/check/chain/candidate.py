"""A possible explanation of a wrong gradient, with its cost: how much it asks one to believe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.check.chain.point import Point

__all__ = ["Candidate", "related", "target_of"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One explanation.

    ``key`` is the same at every point where the explanation is the same. ``holds`` says whether it explains the claim
    at another point too. ``cost`` is small for what is simple: about 1 for a layout, 2 for a sign, 3 for a constant, 4
    for a path, 5 for one wrong rule at one step, more for what has two parts.
    """

    key: str
    mistake: str
    cost: float
    message: str
    fix: str
    holds: Callable[[Point], bool]
    step: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def target_of(point: Point) -> str | None:
    """The name of the step that the claim is about."""
    return point.claim.target.called if point.claim.target is not None else None


def related(
    point: Point,
    make: Callable[[Point, Sequence[Point]], Iterable[Candidate]],
    key: str,
    mistake: str,
    cost: float,
    message: str,
    fix: str,
    **details: Any,
) -> Candidate:
    """A relation of two arrays, which holds at another point if ``make`` finds it there too."""

    def holds(other: Point) -> bool:
        return any(candidate.key == key for candidate in make(other, [other]))

    return Candidate(key, mistake, cost, message, fix, holds, target_of(point), details)
