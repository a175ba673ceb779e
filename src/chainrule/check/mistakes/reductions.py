"""A sum on the way back over the wrong axis, where a value was reduced and then spread again: softmax, norms, means."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Coefficient, Trial
from chainrule.check.chain.links import Link, is_diagonal
from chainrule.check.chain.phrases import axes_in_words, called, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, Reach, pulled
from chainrule.check.mistakes.layouts import subsets

__all__ = ["reductions"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 40  # waists
FURTHER = 2  # elementwise steps after a waist
MOST_WEIGHTS = 6


@dataclass(frozen=True)
class _Waist:
    """Where the way back is narrow: summed on leaving step ``wide``, spread again on reaching step ``low``.

    ``out`` is the edge along which it is summed over ``axes``, ``back`` the one along which it is spread; between them
    lie elementwise steps of the small shape, ``link`` (None if there are none); ``below`` are elementwise steps further
    on, taken as part of the formula.
    """

    out: Edge
    back: Edge
    link: Link | None
    axes: tuple[int, ...]
    below: Link | None = None

    def low(self, reach: Reach) -> int:
        """The step at which the spread sum arrives."""
        return reach.argument(self.back) if self.below is None else self.below.tail


@dataclass(frozen=True)
class _Way:
    """How the sum is done instead: over which axes, with which weight before and its inverse after it."""

    axes: tuple[int, ...]
    weight: int | None  # a step of the small shape
    inside: bool  # whether what lies between is multiplied before the sum


class _Tried(NamedTuple):
    """A way at a waist, with how the right sum and the wrong one show."""

    waist: _Waist
    way: _Way
    right: Array
    wrong: Array


def reductions(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which one waist, or two of them, sum over other axes."""
    point = trial.points[0]
    reach = point.sure_reach
    tried: list[_Tried] = []
    for waist in trial.budget.each(itertools.islice(_waists(reach), MOST)):
        low = waist.low(reach)
        right = trial.seen(low, partial(_right, waist))
        if right is None:
            continue
        for way in _ways(reach, waist):
            seen = trial.seen(low, partial(_wrong, waist, way))
            if seen is None or not np.any(seen):
                continue
            if trial.multiple(trial.target + right, seen) is not None:
                yield from _candidate(trial, [(waist, way)])
            tried.append(_Tried(waist, way, right, seen))
    yield from _two(trial, tried)


def _waists(reach: Reach) -> Iterator[_Waist]:
    narrow: list[tuple[Edge, tuple[int, ...]]] = []
    spread: list[Edge] = []
    for edge in reach.edges:
        wide, small = reach.shape(edge.step), reach.shape(reach.argument(edge))
        if int(np.prod(small)) < int(np.prod(wide)) and is_diagonal(reach, edge, False):
            padded = (1,) * (len(wide) - len(small)) + small
            axes = tuple([axis for axis, size in enumerate(padded) if size == 1 and wide[axis] > 1])
            narrow.append((edge, axes))
        elif int(np.prod(small)) > int(np.prod(wide)):
            spread.append(edge)
    for (out, axes), back in itertools.product(narrow, spread):
        top, bottom = reach.argument(out), back.step
        if reach.shape(out.step) != reach.shape(reach.argument(back)):
            continue
        inside = _between(reach, top, bottom) if bottom < top and reach.shape(top) == reach.shape(bottom) else ()
        if top != bottom and not inside:
            continue
        link = Link(top, bottom, inside) if inside else None
        yield _Waist(out, back, link, axes)
        for below in _further(reach, reach.argument(back)):
            yield _Waist(out, back, link, axes, below)


def _further(reach: Reach, low: int) -> Iterator[Link]:
    """Elementwise ways on from where the sum was spread."""
    frontier: list[tuple[int, tuple[Edge, ...]]] = [(low, ())]
    for _ in range(FURTHER):
        ahead = []
        for number, way in frontier:
            for position, argument in enumerate(reach.steps[number].arguments):
                source, edge = reach.number_of[argument], Edge(number, position)
                if source in reach.on_path and is_diagonal(reach, edge, True) and source not in reach.seeds:
                    ahead.append((source, (*way, edge)))
                    yield Link(low, source, (*way, edge))
        frontier = ahead


def _between(reach: Reach, top: int, bottom: int) -> tuple[Edge, ...]:
    """The elementwise edges from one step of the small shape to another."""
    found: list[Edge] = []
    alive = {top}
    for number in range(top, bottom, -1):
        if number not in alive:
            continue
        for position, argument in enumerate(reach.steps[number].arguments):
            source = reach.number_of[argument]
            edge = Edge(number, position)
            if source in reach.on_path and source >= bottom and is_diagonal(reach, edge, True):
                found.append(edge)
                alive.add(source)
    return tuple(found) if bottom in alive and reach.shape(top) == reach.shape(bottom) else ()


def _ways(reach: Reach, waist: _Waist) -> Iterator[_Way]:
    shape = reach.shape(waist.out.step)
    small = reach.shape(reach.argument(waist.out))
    weights: list[int | None] = [None]
    near = sorted(range(len(reach.steps)), key=lambda number: abs(number - waist.out.step))
    for number in near:
        step = reach.steps[number]
        if step.shape == small and step.value.dtype.kind == "f" and step.is_tracked and len(weights) <= MOST_WEIGHTS:
            weights.append(number)
    for axes in subsets(len(shape)):
        if axes != waist.axes:
            for weight in weights:
                yield _Way(axes, weight, False)
                if waist.link is not None:
                    yield _Way(axes, weight, True)


def _pieces(waist: _Waist, point: Point) -> tuple[Array, Any, Array]:
    """What is summed, what is multiplied between, and what is multiplied after it was spread again."""
    reach = point.sure_reach
    wide = waist.out.step
    derivative = Link(wide, reach.argument(waist.out), (waist.out,)).derivative_of(reach)
    summand = np.broadcast_to(reach.adjoints[wide] * derivative, reach.shape(wide))
    between: Any = 1.0 if waist.link is None else waist.link.derivative_of(reach)
    low = reach.shape(reach.argument(waist.back))
    after = pulled(reach.terms(waist.back), np.ones(reach.shape(waist.back.step)), low)
    if waist.below is not None:
        after = after * waist.below.derivative_of(reach)
    return summand, between, after


def _right(waist: _Waist, point: Point) -> Array:
    return _summed(waist, _Way(waist.axes, None, False), point)


def _wrong(waist: _Waist, way: _Way, point: Point) -> Array:
    return _summed(waist, way, point)


def _summed(waist: _Waist, way: _Way, point: Point) -> Array:
    summand, between, after = _pieces(waist, point)
    weight: Any = 1.0 if way.weight is None else point.sure_reach.value(way.weight)
    inner, outer = (between * weight, 1 / weight) if way.inside else (weight, between / weight)
    total = np.sum(summand * inner, axis=way.axes, keepdims=True)
    whole: Array = after * (np.broadcast_to(total, summand.shape) * outer)
    return whole


def _two(trial: Trial, tried: Sequence[_Tried]) -> Iterator[Candidate]:
    """The same at two waists, whose sums then belong to one formula."""
    by_axes: dict[tuple[int, ...], list[_Tried]] = defaultdict(list)
    for one in tried:
        by_axes[one.way.axes].append(one)
    for alike in by_axes.values():
        for first, second in trial.budget.each(_fitting(trial.target, alike)):
            one, other = alike[first], alike[second]
            columns = np.stack([one.wrong, other.wrong], axis=1)
            goal = trial.target + one.right + other.right
            solution, _, rank, _ = np.linalg.lstsq(columns, goal, rcond=1e-10)
            if rank == 2 and np.linalg.norm(columns @ solution - goal) <= 1e-8 * np.linalg.norm(goal):
                yield from _candidate(trial, [(one.waist, one.way), (other.waist, other.way)])


def _fitting(target: Array, tried: Sequence[_Tried]) -> Array:
    """The pairs that may explain the target: all at once, by the normal equations, to half of the digits."""
    scale = np.array([1 / np.linalg.norm(one.wrong) for one in tried])
    wrong = np.stack([one.wrong for one in tried]) * scale[:, None]
    right = np.stack([one.right for one in tried])
    gram, cross, alone = wrong @ wrong.T, wrong @ right.T, wrong @ target
    along = alone[:, None] + np.diag(cross)[:, None] + cross  # of the goal of (i, j) on the wrong sum of i
    sizes = right @ target + np.einsum("im,im->i", right, right) / 2
    goal = target @ target + 2 * (sizes[:, None] + sizes[None, :] + right @ right.T)
    spread = 1 - gram**2
    explained = along**2 + along.T**2 - 2 * gram * along * along.T
    outs = np.array([one.waist.out for one in tried])
    others = (outs[:, None] != outs[None, :]).any(axis=-1)
    fits = np.abs(goal * spread - explained) <= (1e-7 * spread + 1e-13) * goal
    return np.argwhere(np.triu(others & fits & (spread > 1e-10), 1))


def _candidate(trial: Trial, chosen: Sequence[tuple[_Waist, _Way]]) -> Iterator[Candidate]:
    """A candidate, if the coefficients have names at every point."""
    solved = [_solved(trial, chosen, point) for point in trial.points]
    if any(solution is None for solution in solved):
        return
    values = [solution for solution in solved if solution is not None]
    coefficients = [trial.named([float(value[which]) for value in values]) for which in range(len(chosen))]
    if any(coefficient is None for coefficient in coefficients):
        return

    def holds(point: Point) -> bool:
        if point not in trial.points:
            return False
        solution = values[trial.points.index(point)]

        def changes(point: Point) -> dict[int, Any]:
            made: dict[int, Any] = {}
            for value, (waist, way) in zip(solution, chosen, strict=True):
                low = waist.low(point.sure_reach)
                change = value * _wrong(waist, way, point) - _right(waist, point)
                made[low] = change if low not in made else made[low] + change
            return made

        return trial.holds(changes, point)

    if holds(trial.points[0]):
        yield _worded(trial.points[0], chosen, [c for c in coefficients if c is not None], holds)


def _solved(trial: Trial, chosen: Sequence[tuple[_Waist, _Way]], point: Point) -> Array | None:
    reach = point.sure_reach
    goal = trial.wanted[trial.points.index(point)].copy()
    columns = []
    for waist, way in chosen:
        low = waist.low(reach)
        goal += reach.seen(low, _right(waist, point))
        columns.append(reach.seen(low, _wrong(waist, way, point)))
    solution, _, rank, _ = np.linalg.lstsq(np.stack(columns, axis=1), goal, rcond=1e-10)
    return solution if rank == len(chosen) else None


def _worded(point: Point, chosen: Sequence[tuple[_Waist, _Way]], named: Sequence[Coefficient], holds: Any) -> Candidate:
    reach = point.sure_reach
    waist, way = chosen[0]
    head = reach.steps[waist.out.step]
    tail = called(reach.steps[reach.argument(waist.out)])
    wider = set(way.axes) > set(waist.axes)
    message = (
        f"On the way back from {called(head)} to {tail} the sum is over {axes_in_words(way.axes)}; "
        f"{tail} was spread over {axes_in_words(waist.axes)}, so it is to be over that."
    )
    mistake = "extra-sum" if wider else "wrong-axis"
    cost = 5.3 + 0.2 * (way.weight is not None) + 0.3 * (len(chosen) - 1) + 0.3 * sum(c.cost for c in named)
    fix = f"sum over {axes_in_words(waist.axes)}"
    return Candidate(f"waist {chosen}", mistake, cost, message, fix, holds, place(head, reach.computation))
