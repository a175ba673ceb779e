"""How strong a point is: which mistakes would show at it, and why others would not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.check.chain.links import Link, edges
from chainrule.check.chain.phrases import called
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, Reach
from chainrule.check.chain.sweeps import ILLEGAL
from chainrule.check.rules.variations import plain_variations
from chainrule.explain.computation import Computation, Step

__all__ = ["Power", "power"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST_EDGES = 80
SHOWS = 1e-7  # of the gradient: less than that is lost in tolerances


@dataclass
class Power:
    """How many mistakes were tried on the derivation, how many would show, and what would not."""

    caught: int = 0
    tried: int = 0
    notes: list[str] = field(default_factory=list)


def power(points: Sequence[Point]) -> Power:
    """What these claims, at one run, can show."""
    found = Power()
    seen: dict[str, None] = {}
    for point in points:
        if point.reach is None:
            continue
        whole = float(np.linalg.norm(point.reach.seen(point.reach.target, point.true)))
        for link in edges(point.reach)[:MOST_EDGES]:
            for shows, note in _tried(point, link, whole):
                found.tried += 1
                found.caught += shows
                if not shows and note:
                    seen.setdefault(note)
    for point in points[:1]:
        if point.reach is not None:
            seen |= dict.fromkeys(_about_run(point.reach))
    found.notes = list(seen)
    return found


def _tried(point: Point, link: Link, whole: float) -> Iterator[tuple[bool, str]]:
    """The mistakes that can be made at one edge: whether each would show, and if not, why not."""
    reach = point.sure_reach
    part = reach.seen(link.tail, reach.part(link.edge))
    size = float(np.linalg.norm(part))
    least = SHOWS * max(whole, size, 1e-300)
    steps = reach.steps
    yield size > least, _nothing(steps[link.head], steps[link.tail])
    yield size > least, ""  # its sign
    for variation in plain_variations(point, link):
        try:
            made = variation.part(point, link, reach.adjoints[link.head])
            other = None if made is None else reach.seen(link.tail, made)
        except ILLEGAL:
            continue
        if other is None or not np.isfinite(other).all():
            continue
        shows = float(np.linalg.norm(other - part)) > least
        yield shows, "" if size <= least else _why(point, link, variation.where, variation.how, variation.place)
    yield from _sums(reach, link.edge)


def _nothing(head: Step, tail: Step) -> str:
    if not np.any(tail.value) and not tail.is_constant and tail.value.size > 1:
        return f"All of {called(tail)} is 0 here."
    for argument in head.arguments:
        if argument.name and argument.value.size > 1 and not np.any(argument.value):
            return f"{called(argument)} is all zeros here: much of what goes through it would not show."
    return ""


def _why(point: Point, link: Link, where: str, how: str, place: tuple[int, int]) -> str:
    reach = point.sure_reach
    if where == "cotangent" and how == "ones":
        return "The upstream is all ones: a gradient that forgets to multiply by it would not show."
    terms = link.terms(reach)
    if where == "factor" and place[0] < len(terms) and place[1] < len(terms[place[0]].factors):
        factor = np.asarray(terms[place[0]].factors[place[1]])
        name = _name_of(point, link, factor)
        if how == "turned" and name:
            return f"{name} is symmetric here: a missing transpose would not show."
        if how == "dropped" and name and np.all(factor == 1):
            return f"{name} is all ones here: leaving it out would not show."
        if how == "dropped" and set(np.unique(factor)) <= {1.0}:
            return f"Nothing of {called(reach.steps[link.tail])} is masked by {called(reach.steps[link.head])} here."
    return ""


def _name_of(point: Point, link: Link, factor: Array) -> str:
    for argument in point.sure_reach.steps[link.head].arguments:
        if argument.name and argument.shape == factor.shape and np.array_equal(argument.value, factor):
            return called(argument)
    return ""


def _sums(reach: Reach, edge: Edge) -> Iterator[tuple[bool, str]]:
    """A mean for a sum, and a sum that is missing: they show unless the axis has length one."""
    head, tail = reach.steps[edge.step], reach.steps[reach.argument(edge)]
    padded = (1,) * (len(head.shape) - len(tail.shape)) + tail.shape
    if len(padded) != len(head.shape) or not tail.shape:
        return
    for axis, (narrow, wide) in enumerate(zip(padded, head.shape, strict=True)):
        missing = axis < len(head.shape) - len(tail.shape)
        if narrow == 1 and (wide > 1 or missing):
            what = f"axis {axis} of {called(head)}"
            yield wide > 1, f"{what} has length 1 here: a missing sum over it, or a mean, would not show."


def _about_run(reach: Reach) -> Iterator[str]:
    """What holds for the whole run: a batch of one, sizes that coincide."""
    yield from _coinciding(reach.computation)


def _coinciding(computation: Computation) -> Iterator[str]:
    """Axes of inputs that have one length by chance: which of them divides cannot be told."""
    axes = _Axes(computation)
    by_size: dict[int, dict[int, str]] = {}
    for step in computation.inputs.values():
        for axis, size in enumerate(step.shape):
            if size > 1:
                by_size.setdefault(size, {}).setdefault(axes.root(step, axis), f"axis {axis} of {called(step)}")
    for size, names in by_size.items():
        if len(names) > 1:
            written = " and ".join(list(names.values())[:3])
            yield f"{written} have the same length {size}: dividing by the wrong one would not show."


class _Axes:
    """Which axes of the values of a computation are one and the same: those that carry a common label."""

    def __init__(self, computation: Computation) -> None:
        self._parent: dict[tuple[int, int], tuple[int, int]] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        for step in computation.steps:
            if step.operation is None or not step.is_tracked:
                continue
            for position, argument in enumerate(step.arguments):
                if argument.is_tracked:
                    self._join_along(step, position, argument)

    def _join_along(self, step: Step, position: int, argument: Step) -> None:
        for made, factors, _ in step.local(position):
            places: dict[int, tuple[int, int]] = {}
            for owner, side in ((step, made.row), (argument, made.column)):
                for axis, where in enumerate(side):
                    if made.is_bare(where):
                        self._meet(places, where.labels[0], (id(owner), axis))
            for labels, factor in zip(made.factors, factors, strict=True):
                owner_of = next((a for a in step.arguments if a.given is factor), None)
                if owner_of is not None:
                    for axis, label in enumerate(labels.labels):
                        self._meet(places, label, (id(owner_of), axis))

    def _meet(self, places: dict[int, tuple[int, int]], label: int, here: tuple[int, int]) -> None:
        there = places.setdefault(label, here)
        one, other = self._find(here), self._find(there)
        if one != other:
            self._parent[one] = other

    def _find(self, node: tuple[int, int]) -> tuple[int, int]:
        while node in self._parent:
            node = self._parent[node]
        return node

    def root(self, step: Step, axis: int) -> int:
        """A number for the class of an axis."""
        return self._numbers.setdefault(self._find((id(step), axis)), len(self._numbers))
