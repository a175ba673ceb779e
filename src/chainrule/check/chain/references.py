"""Arrays that may have been taken for another: values, cotangents and the user's further arrays, known by place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.check.chain.links import Link
from chainrule.check.chain.phrases import called, expression
from chainrule.check.chain.point import Point

__all__ = ["Reference", "references"]

MOST = 24  # arrays of one shape that are tried


@dataclass(frozen=True)
class Reference:
    """An array by its place, so that it can be found at another point, or in another pass through a loop.

    ``kind`` is "value", "adjoint", "upstream" or "pool"; ``number`` is the step, seen from the link's head ``here``.
    """

    kind: str
    number: int
    name: str
    here: int
    cost: float

    def get(self, point: Point, link: Link) -> Any:
        """The array, for this link at this point; None if there is none."""
        reach = point.sure_reach
        if self.kind == "pool":
            return next((known.array for known in point.pool if known.name == self.name), None)
        number = point.places.counterpart(self.number, self.here, link.head)
        if number is None:
            return None
        return reach.value(number) if self.kind == "value" else reach.adjoints.get(number)


def references(point: Point, link: Link, shape: tuple[int, ...], adjoints: bool = False) -> Iterator[Reference]:
    """Arrays of a shape that are near a link: named ones anywhere, others among its neighbours."""
    reach, found = point.sure_reach, 0
    near, shifted = _neighbours(point, link), _shifted(point, link)
    listed = point.by_shape.get(shape, [])
    for number in sorted(listed, key=lambda number: abs(number - link.head)):
        step = reach.steps[number]
        if (
            not (step.name or number in near or number in shifted)
            or found >= MOST
            or not _same_pass(point, number, link)
        ):
            continue
        found += 1
        far = 0.0 if number in near or step.is_input else 0.1
        if number in shifted:
            name = f"{called(step) if step.name else expression(step)} of the step {shifted[number]}"
            yield Reference("value", number, name, link.head, 0.1)
        else:
            yield Reference("value", number, expression(step), link.head, far + (0.0 if step.name else 0.3))
        if number in reach.adjoints and (adjoints or step.is_input) and number not in reach.seeds:
            yield Reference("adjoint", number, f"d{called(step)}", link.head, far + 0.4 + (0.0 if step.name else 0.3))
        if number in reach.seeds and reach.seeds[number].shape == shape and reach.seeds[number].size > 1:
            yield Reference("adjoint", number, "the upstream", link.head, 0.3)
    for known in point.pool:
        if known.array.shape == shape and not np.iscomplexobj(known.array):
            yield Reference("pool", -1, known.name, link.head, 0.0)


def _neighbours(point: Point, link: Link) -> set[int]:
    """The steps of a link, their arguments, and the arguments of those."""
    reach = point.sure_reach
    near = {link.head, link.tail}
    for edge in link.inside:
        near.add(edge.step)
        for argument in reach.steps[edge.step].arguments:
            near.add(reach.number_of[argument])
            near.update(reach.number_of[further] for further in argument.arguments)
    return near


def _shifted(point: Point, link: Link) -> dict[int, str]:
    """What the arguments of a link are one pass earlier or later: an index that is off by one."""
    places, found = point.places, dict[int, str]()
    for edge in link.inside:
        for argument in point.sure_reach.steps[edge.step].arguments:
            number = point.sure_reach.number_of[argument]
            members, rank = places.members[places.of[number]], places.rank[number]
            for other, which in ((rank - 1, "before"), (rank + 1, "after")):
                if 0 <= other < len(members):
                    found[members[other]] = which
    return found


def _same_pass(point: Point, number: int, link: Link) -> bool:
    """Whether a step that is computed several times belongs to the link's pass, the one before or the one after."""
    places = point.places
    members = places.members[places.of[number]]
    if len(members) == 1:
        return True
    around = places.members[places.of[link.head]]
    return len(around) == 1 or abs(places.rank[number] - places.rank[link.head]) <= 1
