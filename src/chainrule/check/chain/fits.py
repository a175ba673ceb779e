"""Whether a change on the way back explains the claim: tried in a few directions first, then in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.chain.budget import Budget
from chainrule.check.chain.constants import Expression, named
from chainrule.check.chain.links import Link
from chainrule.check.chain.point import Point
from chainrule.explain.computation import Step

__all__ = ["Coefficient", "Trial"]

Array = np.ndarray[Any, np.dtype[Any]]
Changes = Callable[[Point], Mapping[int, Any] | None]
ENOUGH = 8  # equations from which a coefficient can be solved for and the rest still says no by chance only


class Coefficient(NamedTuple):
    """A number that was solved for: its value at the first point, its name if it has one, and what that costs."""

    value: float
    expression: Expression | None
    cost: float

    @property
    def text(self) -> str:
        """The number as it is written."""
        if self.expression is not None:
            return self.expression.text
        return f"{self.value:.6g}"


class Trial:
    """The points of one claim, ready to try changes on.

    Points beyond the first are those where the same steps were run on arrays of the same shapes.
    """

    def __init__(self, points: Sequence[Point], budget: Budget) -> None:
        first = points[0]
        self.budget = budget
        self.points = [point for point in points if _alike(first, point)]
        self.wanted = [self._seen(point, point.claimed - point.true) for point in self.points]
        self.equations = len(self.wanted[0])
        self.fronts = 1
        while self.fronts < len(self.points) and self.equations < ENOUGH:
            self.equations += len(self.wanted[self.fronts])
            self.fronts += 1
        self.size = [float(np.linalg.norm(self._seen(point, point.claimed))) for point in self.points]

    @staticmethod
    def _seen(point: Point, change: Any) -> Array:
        return point.sure_reach.seen(point.sure_reach.target, change)

    def seen(self, number: int, change: Callable[[Point], Any]) -> Array | None:
        """How a change at a step shows, at the first points; None where it makes no sense."""
        parts = []
        for point in self.points[: self.fronts]:
            made = change(point)
            if made is None:
                return None
            parts.append(point.sure_reach.seen(number, made))
        whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
        return whole if np.isfinite(whole).all() else None

    @property
    def target(self) -> Array:
        """How the difference of the claim from the truth shows, at the first points."""
        return np.concatenate(self.wanted[: self.fronts])

    def multiple(self, wanted: Array, found: Array, among: float = 0.0) -> float | None:
        """The number that ``wanted`` is times ``found``; None if there is none, or if it is nothing but rounding."""
        size, goal = float(found @ found), float(np.linalg.norm(wanted))
        scale = max(self.size[0], among)
        if size <= 0 or goal <= 1e-9 * scale:
            return None
        ratio = float(found @ wanted) / size
        off = float(np.linalg.norm(wanted - ratio * found))
        slack = self.points[0].tolerance * max(scale, goal)
        if off > slack or off > 1e-3 * goal or abs(ratio) * float(np.sqrt(size)) < 1e-9 * goal:
            return None
        return ratio

    def which(self, link: Link, wanted: Array, make: Callable[[Point], Any]) -> list[bool]:
        """Of many changes of a link's head, laid out along the tail, those of which ``wanted`` is a multiple."""
        columns = []
        for point in self.points[: self.fronts]:
            stack = make(point)
            if stack is None:
                return [False] * 0
            reach = point.sure_reach
            moved = reach.tangents[link.tail]
            head, tail = reach.shape(link.head), reach.shape(link.tail)
            laid = moved.reshape(len(moved), *(1,) * (len(head) - len(tail)), *tail)
            laid = np.broadcast_to(laid, (len(moved), *head)).reshape(len(moved), -1)
            columns.append(stack.reshape(len(stack), -1) @ laid.T)
        seen = np.concatenate(columns, axis=1)
        size = np.einsum("km,km->k", seen, seen)
        ratio = seen @ wanted / size
        off = np.linalg.norm(wanted - ratio[:, None] * seen, axis=1)
        goal = float(np.linalg.norm(wanted))
        slack = 10 * self.points[0].tolerance * max(self.size[0], goal)
        return [bool(fit) for fit in np.isfinite(off) & (size > 0) & (off <= slack)]

    def holds(self, changes: Changes, point: Point) -> bool:
        """Whether the changes give the claim at a point, in full."""
        made = changes(point)
        if made is None or not all(np.isfinite(change).all() for change in made.values()):
            return False
        reach = point.sure_reach
        predicted = point.true + reach.arrived({number: np.asarray(change) for number, change in made.items()})
        return point.near(predicted, point.claimed)

    def coefficients(self, first: float, again: Callable[[Point], float | None]) -> list[float] | None:
        """The coefficient at every point: ``first`` at the first ones, solved for again at the others."""
        found = [first] * self.fronts
        for point in self.points[self.fronts :]:
            further = again(point)
            if further is None:
                return None
            found.append(further)
        return found

    def named(self, values: Sequence[float]) -> Coefficient | None:
        """A coefficient with its name; None if it is different at each point and nothing says why."""
        tolerance = max(10 * self.points[0].tolerance, 1e-8)
        first = values[0]
        same = all(abs(value - first) <= tolerance * abs(first) for value in values)
        if same and abs(first - 1) <= tolerance:
            return Coefficient(1.0, None, 0.0)
        if same and abs(first + 1) <= tolerance:
            return Coefficient(-1.0, Expression(-1.0, "-1", "", 0.2, "small"), 0.3)
        expression = named(values, [point.quantities for point in self.points], tolerance)
        if expression is not None:
            return Coefficient(first, expression, 0.3 + expression.cost)
        if same and self.equations >= 4:
            return Coefficient(first, None, 1.5 if len(self.points) > 1 else 2.5)
        return None


def _alike(first: Point, other: Point) -> bool:
    """Whether the same steps were run at both points."""
    if other.reach is None or first.reach is None or other.claimed.shape != other.true.shape:
        return False
    if other is first:
        return True
    one, two = first.reach.steps, other.reach.steps
    return [_kind(step) for step in one] == [_kind(step) for step in two]


def _kind(step: Step) -> tuple[str, tuple[int, ...]]:
    return ("" if step.operation is None else step.operation.name), step.shape
