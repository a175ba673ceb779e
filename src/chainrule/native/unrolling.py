"""Statements that are long along one label and narrow along the others, as one for each position of the narrow ones.

Such statements all have one loop, the long one, and share it: what one of them leaves, the next has at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from chainrule.native.scalar import Expression, Index, Label, Place
from chainrule.native.work import Make, Statement, Work

__all__ = ["unrolled"]

_LONG = 256  # turns of a loop from which it counts
_WIDE = 18  # positions of the narrow labels together


def unrolled(statements: Sequence[Work]) -> list[Work]:
    """The statements, of which those that are long along one label only are written out."""
    found: list[Work] = []
    for made in statements:
        found += _parts(made) if isinstance(made, Statement) and made.turns is None else [made]
    return found


def _parts(made: Statement) -> Sequence[Statement]:
    long = max(made.labels, key=lambda label: label.size, default=Label(1))
    narrow = prod([label.size for label in made.labels if label is not long])
    if made.over or len(made.labels) < 2 or long.size < _LONG or narrow > _WIDE:
        return [made]
    axis = made.labels.index(long)
    ranges = [range(label.size) for k, label in enumerate(made.labels) if k != axis]
    starts = [start for k, start in enumerate(made.starts) if k != axis]
    made.target.statements.remove(made)
    return [
        Statement(
            made.target,
            [long],
            [made.starts[axis]],
            _fixed(made.make, axis, tuple([Index(k + start) for k, start in zip(at, starts, strict=True)])),
        )
        for at in product(*ranges)
    ]


def _fixed(make: Make, axis: int, others: Place) -> Make:
    """The same, with positions along all labels but one."""

    def at(place: Place) -> tuple[Place, Expression]:
        return make((*others[:axis], place[0], *others[axis:]))

    return at
