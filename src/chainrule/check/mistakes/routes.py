"""Ways back that pass two places: of what comes from one step, only what then goes through another is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Trial
from chainrule.check.chain.phrases import called, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, Reach, pulled
from chainrule.check.mistakes.paths import coefficient_of

__all__ = ["after", "branching", "routes"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 40  # first places
NAMES = {
    0.0: ("path-missing", "lacks"),
    -1.0: ("path-sign", "has with the wrong sign"),
    2.0: ("path-doubled", "counts twice"),
}


def routes(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which a way through two places has another coefficient than 1."""
    point = trial.points[0]
    reach = point.sure_reach
    seen: list[Array] = [trial.target]
    for first in trial.budget.each(branching(reach)[:MOST]):
        parts = after(reach, first)
        for second, part in parts.items():
            tail = reach.argument(second)
            shown = reach.seen(tail, part)
            over = trial.multiple(trial.target, shown) if trial.fronts == 1 else None
            if over is None or any(_same(shown, other) for other in seen):
                continue
            seen.append(shown)
            found = _candidate(trial, first, second, over)
            if found is not None:
                yield found


def branching(reach: Reach) -> list[Edge]:
    """The edges that lead back to a step inside that other edges lead back to as well."""
    uses: dict[int, list[Edge]] = defaultdict(list)
    for edge in reach.edges:
        uses[reach.argument(edge)].append(edge)
    return [edge for edges in uses.values() if len(edges) > 1 for edge in edges if reach.argument(edge) != reach.target]


def _same(one: Array, other: Array) -> bool:
    return bool(np.allclose(one, other, rtol=1e-9, atol=0))


def after(reach: Reach, first: Edge) -> dict[Edge, Array]:
    """What each later edge contributes, of what came along the first one."""
    moving: dict[int, Any] = {reach.argument(first): reach.part(first)}
    parts: dict[Edge, Array] = {}
    with np.errstate(all="ignore"):
        for number in reversed(reach.path):
            if number not in moving or number == reach.target:
                continue
            for position, argument in enumerate(reach.steps[number].arguments):
                source = reach.number_of[argument]
                if source not in reach.on_path or source in reach.seeds:
                    continue
                edge = Edge(number, position)
                whole = np.broadcast_to(moving[number], reach.shape(number))
                parts[edge] = pulled(reach.terms(edge), whole, argument.shape)
                moving[source] = parts[edge] if source not in moving else moving[source] + parts[edge]
    return parts


def _candidate(trial: Trial, first: Edge, second: Edge, over: float) -> Candidate | None:
    point = trial.points[0]
    reach = point.sure_reach
    tail = reach.argument(second)

    def change(point: Point) -> Array:
        return after(point.sure_reach, first)[second]

    def again(point: Point) -> float | None:
        seen = point.sure_reach.seen(tail, change(point))
        size = float(seen @ seen)
        return float(seen @ trial.wanted[trial.points.index(point)]) / size if size > 0 else None

    values = trial.coefficients(over, again)
    coefficient = None if values is None else coefficient_of(trial, [value + 1 for value in values])
    if values is None or coefficient is None:
        return None

    def holds(point: Point) -> bool:
        if point not in trial.points:
            return False
        value = values[trial.points.index(point)]
        return trial.holds(lambda point: {tail: value * change(point)}, point)

    if not holds(point):
        return None
    head, start = called(reach.steps[second.step]), called(reach.steps[first.step])
    way = f"what comes from {start} and goes back to {called(reach.steps[tail])} through {head}"
    mistake, verb = NAMES.get(coefficient.value, ("factor", f"has times {coefficient.text}"))
    message = f"{point.subject} {verb} {way}."
    step = place(reach.steps[second.step], reach.computation)
    cost = 4.6 + (0.0 if coefficient.value in NAMES else 0.4 + coefficient.cost)
    return Candidate(f"route {first} {second}", mistake, cost, message, f"count {way} once", holds, step)
