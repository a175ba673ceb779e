"""Where a cotangent was written down as a formula of its own: p − y, η − counts, a value itself; or two of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Coefficient, Trial
from chainrule.check.chain.links import Link, edges, nodes
from chainrule.check.chain.phrases import called, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, Reach
from chainrule.check.mistakes.routes import after, branching
from chainrule.check.rules.forms import Form, functions
from chainrule.explain.computation import Step

__all__ = ["standins"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 28  # arrays of one place
SECONDS = 3  # edges after a branch that are looked at
NEAR = 10  # steps around a place whose values are tried


class _Base(NamedTuple):
    """What something may stand in for: a part of the cotangent of ``tail``, which comes from ``head``."""

    tail: int
    head: int
    part: Callable[[Point], Array]
    is_part: bool


class _Array(NamedTuple):
    """An array that may stand in: a value, or a function of one."""

    number: int
    form: Form | None

    def text(self, point: Point) -> str:
        """How it is written."""
        name = called(point.sure_reach.steps[self.number])
        return name if self.form is None else self.form.text.format(name)

    def get(self, point: Point) -> Array | None:
        """Its numbers at a point, where they are finite."""
        value = point.sure_reach.value(self.number).astype(float)
        with np.errstate(all="ignore"):
            made = value if self.form is None else np.asarray(self.form.function(value))
        return made if np.isfinite(made).all() else None


def standins(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which one or two arrays, times constants, stand for what comes back to a step."""
    yield from _constants(trial)
    usable: dict[int, list[tuple[_Array, Array]]] = {}
    for base in trial.budget.each(_bases(trial.points[0].sure_reach)):
        part = trial.seen(base.tail, base.part)
        if part is None:
            continue
        if base.tail not in usable:
            usable[base.tail] = _usable(trial, base.tail)
        if usable[base.tail]:
            yield from _singles(trial, base, usable[base.tail], trial.target + part)
            yield from _pairs(trial, base, usable[base.tail], trial.target + part)


def _bases(reach: Reach) -> Iterator[_Base]:
    """What arrives at a step, what comes along an edge, and of that what goes back along another one."""
    for link in (*nodes(reach), *edges(reach)):
        if np.prod(reach.shape(link.tail)) > 1:
            yield _Base(link.tail, link.head, partial(_part, link), bool(link.inside))
    for first in branching(reach):
        ways: dict[Point, dict[Edge, Array]] = {}
        for second in itertools.islice(after(reach, first), SECONDS):
            if np.prod(reach.shape(reach.argument(second))) > 1:
                yield _Base(reach.argument(second), first.step, partial(_route, ways, first, second), True)


def _usable(trial: Trial, tail: int) -> list[tuple[_Array, Array]]:
    """The arrays that can stand in at a step, and how they show."""
    found = []
    for array in _arrays(trial.points[0], tail):
        seen = trial.seen(tail, array.get)
        if seen is not None and np.any(seen):
            found.append((array, seen))
    return found


def _constants(trial: Trial) -> Iterator[Candidate]:
    """A part that is the same at every point, in place of which another such array was used: other labels, targets."""
    if len(trial.points) < 2:
        return
    reach = trial.points[0].sure_reach
    for edge in reach.edges:
        found = [_instead(point, edge) for point in trial.points]
        right, wrong = found[0]
        pairs = zip(trial.points, found, strict=True)
        same = all(point.near(one, right) and point.near(other, wrong) for point, (one, other) in pairs)
        if not same or not np.any(right) or not np.any(wrong) or trial.points[0].near(right, wrong):
            continue
        head, tail = called(reach.steps[edge.step]), called(reach.steps[reach.argument(edge)])
        message = (
            f"What comes back to {tail} from {head} is another array, which is the same whatever the arguments are: "
            "other labels, or another constant."
        )
        where = place(reach.steps[edge.step], reach.computation)
        fix = f"use the constant that {head} is computed with"
        yield Candidate(
            f"constant {edge}", "wrong-tensor", 6.0, message, fix, lambda point: point in trial.points, where
        )


def _instead(point: Point, edge: Edge) -> tuple[Array, Array]:
    """What an edge contributes to the gradient, and what must be there instead of it if all the rest is right."""
    reach = point.sure_reach
    right = reach.arrived({reach.argument(edge): reach.part(edge)})
    return right, point.claimed - point.true + right


def _route(ways: dict[Point, dict[Edge, Array]], first: Edge, second: Edge, point: Point) -> Array:
    """What comes along one edge and then goes back along another; ``ways`` keeps what was found at a point."""
    if point not in ways:
        ways[point] = after(point.sure_reach, first)
    return ways[point][second]


def _part(link: Link, point: Point) -> Array:
    return link.part(point.sure_reach)


def _arrays(point: Point, tail: int) -> list[_Array]:
    """Values that broadcast to the place, near ones first, and functions of the value at the place."""
    reach = point.sure_reach
    shape = reach.shape(tail)
    near = sorted(range(len(reach.steps)), key=lambda number: abs(number - tail))
    found = [number for number in near if _stands(reach.steps[number], shape, abs(number - tail))]
    return [_Array(number, None) for number in found[:MOST]] + [_Array(tail, form) for form in functions()]


def _stands(step: Step, shape: tuple[int, ...], distance: int) -> bool:
    """Whether a value may stand in at a place of this shape that is so many steps away."""
    if step.value.dtype.kind not in "fb" or not 0 < step.value.ndim <= len(shape):
        return False
    ends = zip(reversed(step.shape), reversed(shape), strict=False)
    return (bool(step.name) or distance <= NEAR) and all(size in (1, whole) for size, whole in ends)


def _singles(trial: Trial, base: _Base, usable: Sequence[tuple[_Array, Array]], wanted: Array) -> Iterator[Candidate]:
    for array, column in usable:
        if trial.multiple(wanted, column) is not None:
            found = _candidate(trial, base, [array], 5.5 + 0.4 * (array.form is not None))
            if found is not None:
                yield found


def _pairs(trial: Trial, base: _Base, usable: Sequence[tuple[_Array, Array]], wanted: Array) -> Iterator[Candidate]:
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
            cost = 5.8 + 0.3 * sum(array.form is not None for array in pair)
            found = _candidate(trial, base, pair, cost)
            if found is not None:
                yield found


def _solved(trial: Trial, base: _Base, arrays: Sequence[_Array], points: Sequence[Point]) -> Array | None:
    """The coefficients at some points together."""
    columns, goals = [], []
    for point in points:
        reach = point.sure_reach
        made = [array.get(point) for array in arrays]
        if any(array is None for array in made):
            return None
        columns.append(np.stack([reach.seen(base.tail, array) for array in made], axis=1))
        goals.append(trial.wanted[trial.points.index(point)] + reach.seen(base.tail, base.part(point)))
    whole, goal = np.concatenate(columns), np.concatenate(goals)
    solution, _, rank, _ = np.linalg.lstsq(whole, goal, rcond=1e-11)
    off = float(np.linalg.norm(whole @ solution - goal))
    return solution if rank == len(arrays) and off <= 1e-7 * float(np.linalg.norm(goal)) else None


def _candidate(trial: Trial, base: _Base, arrays: Sequence[_Array], cost: float) -> Candidate | None:
    fronts = trial.points[: trial.fronts]
    solved = [_solved(trial, base, arrays, fronts)] * trial.fronts
    solved += [_solved(trial, base, arrays, [point]) for point in trial.points[trial.fronts :]]
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
            return {base.tail: total - base.part(point)}

        return trial.holds(changes, point)

    if not holds(trial.points[0]):
        return None
    point = trial.points[0]
    reach = point.sure_reach
    tail = called(reach.steps[base.tail])
    written = " + ".join(
        [_term(array.text(point), coefficient) for array, coefficient in zip(arrays, named, strict=True)]
    )
    what = f"d{tail}" if not base.is_part else f"what comes back to {tail} from {called(reach.steps[base.head])}"
    message = f"{written} stands in place of {what}."
    own = all(array.number == base.tail for array in arrays)
    mistake = "local-factor" if own else "wrong-tensor"
    cost += 0.3 * sum(coefficient.cost for coefficient in named)
    step = place(reach.steps[base.head], reach.computation)
    return Candidate(
        f"stands {written} {base.tail} {base.head}", mistake, cost, message, f"derive {what} step by step", holds, step
    )


def _term(text: str, coefficient: Coefficient) -> str:
    if coefficient.value == 1.0:
        return text
    return f"-{text}" if coefficient.value == -1.0 else f"({coefficient.text}) * {text}"
