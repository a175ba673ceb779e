"""Paths that are missing, counted twice, of the wrong sign, or weighted: coefficients of what edges contribute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Coefficient, Trial
from chainrule.check.chain.phrases import called, named_below, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge

__all__ = ["coefficient_of", "paths"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST_BRANCHES = 8
WHOLE = (-1.0, -2.0, 1.0)  # what is over of a path that is lost, turned in sign, or counted twice


def paths(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which every local rule is right and the sum over the paths is not."""
    yield from _single(trial)
    yield from _several(trial)


def _single(trial: Trial) -> Iterator[Candidate]:
    """One edge whose contribution has another coefficient than 1."""
    first = trial.points[0]
    reach, target = first.sure_reach, trial.target
    whole = trial.seen(reach.target, lambda point: point.true)
    kept: list[tuple[Array, Candidate]] = []
    for edges in _uses(trial):
        tail = reach.argument(edges[0])
        seen = trial.seen(tail, partial(_part, edges))
        if seen is None or (whole is not None and np.allclose(seen, whole, rtol=1e-9, atol=0)):
            continue
        over = trial.multiple(target, seen)
        if over is None:
            continue
        found = _candidate(trial, edges, tail, over)
        if found is not None:
            kept.append((seen, found))
    yield from _without_echoes(kept)


def _uses(trial: Trial) -> Iterator[tuple[Edge, ...]]:
    """Each edge; before those, the edges together by which a step uses one argument several times."""
    reach = trial.points[0].sure_reach
    together: dict[tuple[int, int], list[Edge]] = defaultdict(list)
    for edge in reach.edges:
        together[edge.step, reach.argument(edge)].append(edge)
    for edges in together.values():
        if len(edges) > 1:
            yield tuple(edges)
    for edges in together.values():
        same = len(edges) > 1 and np.allclose(reach.part(edges[0]), reach.part(edges[1]))
        yield from () if same else ((edge,) for edge in edges)


def _part(edges: Sequence[Edge], point: Point) -> Any:
    return sum(point.sure_reach.part(edge) for edge in edges)


def _without_echoes(kept: Sequence[tuple[Array, Candidate]]) -> Iterator[Candidate]:
    """Of edges that contribute the same, the one nearest to the target: there the path parts from the others."""
    shown: list[Array] = []
    for seen, candidate in kept:
        if not any(np.allclose(seen, other, rtol=1e-7, atol=1e-12 * float(np.max(np.abs(other)))) for other in shown):
            shown.append(seen)
            yield candidate


def _candidate(trial: Trial, edges: Sequence[Edge], tail: int, over: float) -> Candidate | None:
    def again(point: Point) -> float | None:
        reach = point.sure_reach
        return _over(trial, point, reach.seen(tail, _part(edges, point)))

    values = trial.coefficients(over, again)
    if values is None:
        return None
    coefficient = coefficient_of(trial, [value + 1 for value in values])
    if coefficient is None:
        return None

    def holds(point: Point) -> bool:
        if point not in trial.points:
            return False
        value = values[trial.points.index(point)]
        return trial.holds(lambda point: {tail: value * _part(edges, point)}, point)

    if not holds(trial.points[0]):
        return None
    mistake, cost, message, fix = _told(trial.points[0], edges, tail, coefficient)
    reach = trial.points[0].sure_reach
    step = place(reach.steps[edges[0].step], reach.computation)
    details = {"coefficient": coefficient.value, "tail": named_below(tail, reach)}
    return Candidate(f"path {edges} {coefficient.text}", mistake, cost, message, fix, holds, step, details)


def _over(trial: Trial, point: Point, seen: Array) -> float | None:
    wanted = trial.wanted[trial.points.index(point)]
    size = float(seen @ seen)
    return float(seen @ wanted) / size if size > 0 else None


def coefficient_of(trial: Trial, values: Sequence[float]) -> Coefficient | None:
    """0, -1 and 2 for what they are, other numbers by name."""
    slack = max(100 * trial.points[0].tolerance, 1e-7)
    for whole in (0.0, -1.0, 2.0):
        if all(abs(value - whole) <= slack for value in values):
            return Coefficient(whole, None, 0.0)
    return trial.named(values)


def _told(point: Point, edges: Sequence[Edge], tail: int, coefficient: Coefficient) -> tuple[str, float, str, str]:
    """The mistake, its cost, its message and its fix."""
    reach = point.sure_reach
    head, source = reach.steps[edges[0].step], reach.steps[tail]
    inner = tail != reach.target
    where = f"d{called(source)} inside it" if inner else point.subject
    way = f"what comes back to {called(source)} from {called(head)}"
    if coefficient.value == 0.0:
        message = f"{point.subject} lacks {way}: that way from {called(source)} to the result is not counted."
        return "path-missing", 4.0 + 0.2 * inner, message, f"add to {where} {way}"
    if coefficient.value == -1.0:
        message = f"{point.subject} has {way} with the wrong sign."
        return "path-sign", 4.1 + 0.2 * inner, message, f"turn the sign of {way}"
    if coefficient.value == 2.0 and coefficient.expression is None:
        message = f"{point.subject} counts {way} twice."
        return "path-doubled", 4.2 + 0.2 * inner, message, f"count {way} once"
    if len(edges) > 1 and abs(coefficient.value - 1 / len(edges)) < 1e-6:
        message = f"{point.subject} counts one of the {len(edges)} uses of {called(source)} in {called(head)}."
        return "path-missing", 4.2 + 0.2 * inner, message, "count every use"
    expression = coefficient.expression
    what = f" ({expression.what})" if expression is not None and expression.what not in expression.text else ""
    message = f"{point.subject} has {way} times {coefficient.text}{what}."
    mistake = "local-factor" if expression is not None and expression.kind == "value" else "factor"
    return mistake, 4.3 + coefficient.cost + 0.2 * inner, message, f"leave the factor {coefficient.text} out there"


# -- several branches at one place -------------------------------------------------------------------------------------


def _several(trial: Trial) -> Iterator[Candidate]:
    """Where a value is used several times: the coefficients of all its uses at once."""
    reach, target = trial.points[0].sure_reach, trial.target
    uses: dict[int, list[Edge]] = defaultdict(list)
    for edge in reach.edges:
        uses[reach.argument(edge)].append(edge)
    for tail, branches in uses.items():
        if not 2 <= len(branches) <= MOST_BRANCHES or len(target) < len(branches) + 2:
            continue
        columns = [trial.seen(tail, partial(_part, (edge,))) for edge in branches]
        if any(column is None for column in columns):
            continue
        over = _solved(trial, np.stack([column for column in columns if column is not None], axis=1), target)
        if over is not None and sum(value != 0.0 for value in over) > 1:
            yield from _combined(trial, tail, branches, over)


def _solved(trial: Trial, columns: Array, target: Array) -> list[float] | None:
    """Coefficients, all of them 0, -1, -2 or 1, with which the columns give the target."""
    solution, _, rank, _ = np.linalg.lstsq(columns, target, rcond=1e-10)
    if rank < columns.shape[1]:
        return None
    rounded = [min((0.0, *WHOLE), key=partial(_distance, value)) for value in solution]
    off = float(np.linalg.norm(columns @ np.array(rounded) - target))
    return rounded if off <= 1e-7 * max(float(np.linalg.norm(target)), 1e-300) else None


def _distance(value: float, whole: float) -> float:
    return abs(value - whole)


def _combined(trial: Trial, tail: int, branches: Sequence[Edge], over: Sequence[float]) -> Iterator[Candidate]:
    def changes(point: Point) -> dict[int, Any]:
        reach = point.sure_reach
        return {tail: sum(value * reach.part(edge) for edge, value in zip(branches, over, strict=True))}

    def holds(point: Point) -> bool:
        return point in trial.points and trial.holds(changes, point)

    if not holds(trial.points[0]):
        return
    point = trial.points[0]
    reach = point.sure_reach
    names: dict[float, list[str]] = defaultdict(list)
    for edge, value in zip(branches, over, strict=True):
        names[value].append(called(reach.steps[edge.step]))
    said = {
        -1.0: "lacks what comes back from",
        -2.0: "has with the wrong sign what comes back from",
        1.0: "counts twice what comes back from",
    }
    parts = [f"{said[value]} {' and '.join(names[value])}" for value in WHOLE if names[value]]
    mistake = {-1.0: "path-missing", -2.0: "path-sign", 1.0: "path-doubled"}[
        next(value for value in WHOLE if names[value])
    ]
    owner = point.subject if tail == reach.target else f"d{called(reach.steps[tail])}"
    message = f"{owner} {', and '.join(parts)}."
    step = place(reach.steps[branches[next(k for k, value in enumerate(over) if value)].step], reach.computation)
    fix = f"every use of {called(reach.steps[tail])} counts once"
    yield Candidate(f"paths {tail} {over}", mistake, 4.5 + 0.1 * len(parts), message, fix, holds, step)
