"""Loops that are done some turns at a time, where functions that are dear alone stand between loops inside.

    for i: s = Σⱼ X[i,j] w[j]; t = exp(s); for j: g[j] += t X[i,j]

computes one exponential after the other. In strips of turns it becomes three loops, and that in the middle is of
vectors. What one of them leaves to the next takes memory for a strip.
"""

from __future__ import annotations

from itertools import groupby
from math import prod

from chainrule.native.scalar import Label, parts
from chainrule.native.schedule import Leaf, Loop, Schedule
from chainrule.native.splitting import cost_of_part, is_free, reads_its_own, work_of
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
        if isinstance(item, Loop) and _is_better_cut(item, depth):
            body[place] = _in_strips(item, depth)
        elif isinstance(item, Loop):
            _cut(item.body, depth + 1)


def _is_better_cut(loop: Loop, depth: int) -> bool:
    leaves = list(loop.leaves())
    alone = [item for item in loop.body if isinstance(item, Leaf)]
    if loop.label.size < _LONG or len(alone) == len(loop.body):
        return False
    if not all([is_free(leaf.statement) and reads_its_own(leaf, loop, leaves) for leaf in leaves]):
        return False
    made = [leaf.statement for leaf in alone if isinstance(leaf.statement, Statement)]
    costs = [cost_of_part(part) for statement in made for part in parts(statement.expression)]
    dear = sum([cost for cost in costs if cost >= _DEAR]) * prod([outer.turns for outer in leaves[0].path[: depth + 1]])
    return dear > 0 and dear * _SHARE >= sum([work_of(leaf) for leaf in leaves if leaf not in alone])


def _in_strips(loop: Loop, depth: int) -> Loop:
    strip = Loop(Label(loop.label.size), length=_LENGTH)
    for _, items in groupby(loop.body, lambda item: isinstance(item, Leaf)):
        part = Loop(Label(loop.label.size), list(items), strip=strip)
        strip.body.append(part)
        for leaf in part.leaves():
            leaf.path[depth : depth + 1] = [strip, part]
            leaf.loops = {label: part if its is loop else its for label, its in leaf.loops.items()}
    return strip
