"""Where a cotangent was written down as a formula of its own: p − y, η − counts, a value itself; or two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.candidate import Candidate
from chainrule.check.fits import Coefficient, Trial
from chainrule.check.forms import Form, functions
from chainrule.check.links import Link, edges, nodes
from chainrule.check.phrases import called, place
from chainrule.check.point import Point

__all__ = ["standins"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 28  # arrays of one place
NEAR = 10  # steps around a place whose values are tried


class _Array(NamedTuple):
    """An array that may stand in: a value, or a function of one."""

    text: str
    number: int
    form: Form | None

    def get(self, point: Point) -> Array | None:
        value = point.sure_reach.value(self.number).astype(float)
        with np.errstate(all="ignore"):
            made = value if self.form is None else np.asarray(self.form.function(value))
        return made if np.isfinite(made).all() else None


def standins(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which one or two arrays, times constants, stand for what comes back to a step."""
    point = trial.points[0]
    reach = point.sure_reach
    for link in [*nodes(reach), *edges(reach)]:
        shape = reach.shape(link.tail)
        if not shape or int(np.prod(shape)) < 2:
            continue
        part = trial.seen(link.tail, partial(_part, link))
        if part is None:
            continue
        arrays = _arrays(point, link)
        seen = [trial.seen(link.tail, partial(_get, array)) for array in arrays]
        usable = [
            (array, column) for array, column in zip(arrays, seen, strict=True) if column is not None and np.any(column)
        ]
        if usable:
            yield from _singles(trial, link, usable, trial.target + part)
            yield from _pairs(trial, link, usable, trial.target + part)


def _part(link: Link, point: Point) -> Array:
    return link.part(point.sure_reach)


def _get(array: _Array, point: Point) -> Any:
    return array.get(point)


def _arrays(point: Point, link: Link) -> list[_Array]:
    """Values that broadcast to the place, near ones first, and functions of the value at the place."""
    reach = point.sure_reach
    shape = reach.shape(link.tail)
    found: list[_Array] = []
    near = sorted(range(len(reach.steps)), key=lambda number: abs(number - link.tail))
    for number in near:
        step = reach.steps[number]
        if step.value.dtype.kind not in "fb" or not step.shape or len(found) >= MOST:
            continue
        if not (step.name or abs(number - link.tail) <= NEAR):
            continue
        try:
            if np.broadcast_shapes(step.shape, shape) == shape:
                found.append(_Array(called(step), number, None))
        except ValueError:
            continue
    name = called(reach.steps[link.tail])
    return found + [_Array(form.text.format(name), link.tail, form) for form in functions()]


def _singles(trial: Trial, link: Link, usable: Sequence[tuple[_Array, Array]], wanted: Array) -> Iterator[Candidate]:
    for array, column in usable:
        if trial.multiple(wanted, column) is not None:
            found = _candidate(trial, link, [array], 5.5 + 0.4 * (array.form is not None))
            if found is not None:
                yield found


def _pairs(trial: Trial, link: Link, usable: Sequence[tuple[_Array, Array]], wanted: Array) -> Iterator[Candidate]:
    """Two arrays: all pairs at once, by the solution of their normal equations."""
    if len(wanted) < 5 or len(usable) < 2 or not np.any(wanted):
        return
    columns = np.stack([column / np.linalg.norm(column) for _, column in usable])
    goal = wanted / np.linalg.norm(wanted)
    gram, right = columns @ columns.T, columns @ goal
    with np.errstate(all="ignore"):
        determinant = 1 - gram**2
        explained = (
            right[:, None] ** 2 + right[None, :] ** 2 - 2 * gram * right[:, None] * right[None, :]
        ) / determinant
    fits = np.argwhere(np.triu((np.abs(1 - explained) < 1e-8) & (determinant > 1e-6), 1))
    for one, other in fits[:12]:
        alone = max(right[one] ** 2, right[other] ** 2)
        if alone < 1 - 1e-8:
            pair = [usable[one][0], usable[other][0]]
            cost = 6.0 + 0.3 * sum(array.form is not None for array in pair)
            found = _candidate(trial, link, pair, cost)
            if found is not None:
                yield found


def _solved(trial: Trial, link: Link, arrays: Sequence[_Array], points: Sequence[Point]) -> Array | None:
    """The coefficients at some points together."""
    columns, goals = [], []
    for point in points:
        reach = point.sure_reach
        made = [array.get(point) for array in arrays]
        if any(array is None for array in made):
            return None
        columns.append(np.stack([reach.seen(link.tail, array) for array in made], axis=1))
        goals.append(trial.wanted[trial.points.index(point)] + reach.seen(link.tail, link.part(reach)))
    whole, goal = np.concatenate(columns), np.concatenate(goals)
    solution, _, rank, _ = np.linalg.lstsq(whole, goal, rcond=1e-11)
    off = float(np.linalg.norm(whole @ solution - goal))
    return solution if rank == len(arrays) and off <= 1e-7 * float(np.linalg.norm(goal)) else None


def _candidate(trial: Trial, link: Link, arrays: Sequence[_Array], cost: float) -> Candidate | None:
    fronts = trial.points[: trial.fronts]
    solved = [_solved(trial, link, arrays, fronts)] * trial.fronts
    solved += [_solved(trial, link, arrays, [point]) for point in trial.points[trial.fronts :]]
    if any(solution is None for solution in solved):
        return None
    found = [solution for solution in solved if solution is not None]
    coefficients = [trial.named([float(solution[which]) for solution in found]) for which in range(len(arrays))]
    if any(
        coefficient is None or (coefficient.expression is None and abs(coefficient.value) != 1.0)
        for coefficient in coefficients
    ):
        return None
    named = [coefficient for coefficient in coefficients if coefficient is not None]

    def holds(point: Point) -> bool:
        if point not in trial.points:
            return False
        solution = found[trial.points.index(point)]

        def changes(point: Point) -> dict[int, Any]:
            total = sum(value * array.get(point) for value, array in zip(solution, arrays, strict=True))
            return {link.tail: total - link.part(point.sure_reach)}

        return trial.holds(changes, point)

    if not holds(trial.points[0]):
        return None
    point = trial.points[0]
    reach = point.sure_reach
    tail = called(reach.steps[link.tail])
    written = " + ".join([_term(array.text, coefficient) for array, coefficient in zip(arrays, named, strict=True)])
    what = f"d{tail}" if not link.inside else f"what comes back to {tail} from {called(reach.steps[link.head])}"
    message = f"{written} stands in place of {what}."
    own = all(array.number == link.tail for array in arrays)
    mistake = "local-factor" if own else "wrong-tensor"
    cost += 0.5 * sum(coefficient.cost for coefficient in named)
    step = place(reach.steps[link.head], reach.computation)
    return Candidate(f"stands {written} {link}", mistake, cost, message, f"derive {what} step by step", holds, step)


def _term(text: str, coefficient: Coefficient) -> str:
    if coefficient.value == 1.0:
        return text
    return f"-{text}" if coefficient.value == -1.0 else f"({coefficient.text}) * {text}"
