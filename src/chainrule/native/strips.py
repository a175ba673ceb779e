"""Loops that are done some turns at a time, where functions that are dear alone stand between loops inside.

    for i: s = Σⱼ X[i,j] w[j]; t = exp(s); for j: g[j] += t X[i,j]

computes one exponential after the other. In strips of turns it becomes three loops, and that in the middle is of
vectors. What one of them leaves to the next takes memory for a strip.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import prod

from chainrule.native.scalar import Label, parts
from chainrule.native.schedule import Leaf, Loop, Schedule
from chainrule.native.splitting import cost_of_part, is_free, reads_its_own
from chainrule.native.work import Statement

__all__ = ["cut_into_strips"]

_LENGTH = 128  # turns of a strip
_LONG = 512  # turns from which a loop is worth it
_DEAR = 12.0  # multiplications that a function costs which is worth being computed for many numbers at once
_SHARE = 64  # times its price that the loops inside may cost, which are of vectors as they are


def cut_into_strips(schedule: Schedule) -> None:
    """Put strips in the place of the loops that are better done so."""
    _cut(schedule.body, 0)


def _cut(body: list[Loop | Leaf], depth: int) -> None:
    for place, item in enumerate(body):
        if isinstance(item, Loop) and _is_better_cut(item):
            body[place] = _in_strips(item, depth)
        elif isinstance(item, Loop):
            _cut(item.body, depth + 1)


def _is_better_cut(loop: Loop) -> bool:
    leaves = list(loop.leaves())
    alone = [item for item in loop.body if isinstance(item, Leaf)]
    if loop.label.size < _LONG or len(alone) == len(loop.body):
        return False
    if not all([is_free(leaf.statement) and reads_its_own(leaf, loop, leaves) for leaf in leaves]):
        return False
    dear = sum([cost for leaf in alone for cost in _costs(leaf) if cost >= _DEAR])
    inside = sum([prod(_turns(leaf, loop)) * sum(_costs(leaf)) for leaf in leaves if leaf not in alone])
    return dear > 0 and dear * _SHARE >= inside


def _costs(leaf: Leaf) -> list[float]:
    made = leaf.statement
    return [cost_of_part(part) for part in parts(made.expression)] if isinstance(made, Statement) else []


def _turns(leaf: Leaf, loop: Loop) -> Sequence[int]:
    """Of the loops inside another."""
    return [inner.label.size for inner in leaf.path[leaf.path.index(loop) + 1 :]]


def _in_strips(loop: Loop, depth: int) -> Loop:
    strip = Loop(Label(loop.label.size), length=_LENGTH)
    for _, items in groupby(loop.body, lambda item: isinstance(item, Leaf)):
        part = Loop(Label(loop.label.size), list(items), strip=strip)
        strip.body.append(part)
        for leaf in part.leaves():
            leaf.path[depth : depth + 1] = [strip, part]
            leaf.loops = {label: part if its is loop else its for label, its in leaf.loops.items()}
    return strip
