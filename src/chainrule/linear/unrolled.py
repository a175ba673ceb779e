"""Products that are long along one label and narrow along the others, computed one long vector at a time.

NumPy's loops run along the last axes. Where these hold two or three numbers, as the blocks of one observation do, a
product costs several times what it must; so the narrow labels are unrolled here, and the long one is the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.term import Pattern

__all__ = ["Sum", "Unrolled", "unrolled", "write_sums"]

_LONG = 2048  # numbers from which the calls cost little beside the work
_NARROW = 32  # vectors that there may be
_CHUNK = 8192  # rows that are written at once: what they fill stays in the cache

Steps = tuple[tuple[tuple[int, tuple[int, ...]], ...], ...]


class Unrolled(NamedTuple):
    """How to compute one term: for each depth of the nested loops over narrow labels, the factors to multiply in.

    ``long`` is the place of the long label on the grid, ``loops`` those of the labels that are looped over, outermost
    first; ``steps[d]`` holds (factor, axes to fix) for what is complete once ``d`` labels are fixed.
    """

    long: int
    loops: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: Steps
    layouts: tuple[tuple[int, ...] | None, ...]
    narrow: tuple[int, ...]
    along: tuple[bool, ...]  # which factors have the long label

    def arrays(self, factors: Sequence[Any]) -> list[Any]:
        """The factors with their axes in order, the long one last."""
        return [f if order is None else f.transpose(order) for f, order in zip(factors, self.layouts, strict=True)]

    def add(self, arrays: Sequence[Any], here: slice, buffer: Any, first: bool) -> None:
        """Write (or, unless ``first``, add) a range of the products into ``buffer``, whose long axis is the last."""
        parts = [array[..., here] if along else array for array, along in zip(arrays, self.along, strict=True)]
        self._loop(parts, buffer, first, 0, [], None)

    def _loop(self, arrays: Sequence[Any], buffer: Any, first: bool, depth: int, at: list[int], product: Any) -> None:
        last = depth == len(self.loops)
        steps = self.steps[depth]
        for n, (k, fixed) in enumerate(steps):
            here = arrays[k] if not fixed else arrays[k][tuple([at[d] for d in fixed])]
            if product is None:
                product = here
            elif last and first and n == len(steps) - 1 and self.full:
                np.multiply(product, here, out=buffer[self._where(at)])
                return
            else:
                product = product * here
        if last:
            target = buffer[self._where(at)]
            if first:
                target[...] = 1 if product is None else product
            else:
                target += 1 if product is None else product
            return
        for k in range(self.sizes[depth]):
            at.append(k)
            self._loop(arrays, buffer, first, depth + 1, at, product)
            at.pop()

    @property
    def full(self) -> bool:
        """Whether every narrow axis is looped over."""
        return len(self.loops) == len(self.narrow)

    def _where(self, at: Sequence[int]) -> tuple[Any, ...]:
        found: list[Any] = [slice(None)] * len(self.narrow)
        for axis, k in zip(self.loops, at, strict=True):
            found[self.narrow.index(axis)] = k
        return tuple(found)


def unrolled(p: Pattern) -> Unrolled | None:
    """How to unroll the products of a pattern; None where that does not apply.

    >>> from chainrule.linear.term import pattern
    >>> p, _ = pattern([5000, 2, 3], [0, 1], [2], [(0, 1), (0, 2)])
    >>> found = unrolled(p)
    >>> buffer = np.empty((2, 3, 5000))
    >>> found.add(found.arrays((np.full((5000, 2), 2.0), np.full((5000, 3), 5.0))), slice(5000), buffer, True)
    >>> bool((buffer == 10).all())
    True
    """
    if "unrolled" not in p.plans:
        p.plans["unrolled"] = _unrolled(p)
    found: Unrolled | None = p.plans["unrolled"]
    return found


def _unrolled(p: Pattern) -> Unrolled | None:
    outer = p.outer
    if p.inner or not outer or any([f.opaque or len(set(f.labels)) < len(f.labels) for f in p.factors]):
        return None
    long = max(outer, key=lambda label: p.sizes[label])
    narrow = [label for label in outer if label != long]
    carried = {label for factor in p.factors for label in factor.labels}
    if p.sizes[long] < _LONG or prod([p.sizes[label] for label in narrow]) > _NARROW or long not in carried:
        return None
    by_width = sorted(range(len(p.factors)), key=lambda k: len(set(p.factors[k].labels) - {long}))
    loops: list[int] = []
    for k in by_width:
        loops += [label for label in p.factors[k].labels if label != long and label not in loops]
    steps: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in range(len(loops) + 1)]
    layouts: list[tuple[int, ...] | None] = []
    for k, factor in enumerate(p.factors):
        mine = [label for label in loops if label in factor.labels]
        order = [factor.labels.index(label) for label in [*mine, *([long] if long in factor.labels else [])]]
        layouts.append(None if order == list(range(len(order))) else tuple(order))
        depth = 1 + max([loops.index(label) for label in mine], default=-1)
        steps[depth].append((k, tuple([loops.index(label) for label in mine])))
    place = {label: k for k, label in enumerate(outer)}
    return Unrolled(
        place[long],
        tuple([place[label] for label in loops]),
        tuple([p.sizes[label] for label in loops]),
        # at each depth numbers come first, so that they meet what is smallest
        tuple([tuple(sorted(step, key=lambda entry: len(p.factors[entry[0]].labels))) for step in steps]),
        tuple(layouts),
        tuple([k for k in range(len(outer)) if k != place[long]]),
        tuple([long in factor.labels for factor in p.factors]),
    )


class Sum(NamedTuple):
    """Products that are added up in one view, of which the long axis is the last; ``adds`` to what is there."""

    view: Any
    members: Sequence[tuple[Unrolled, Sequence[Any]]]
    adds: bool


def write_sums(sums: Sequence[Sum]) -> None:
    """Write sums of products, a range of the long axis at a time, so that what is worked on stays in the cache.

    There must be one, and the views must not share places, except those with the same index along the long axis.
    """
    for start in range(0, sums[0].view.shape[-1], _CHUNK):
        here = slice(start, start + _CHUNK)
        for view, members, adds in sums:
            part = view[..., here]
            if len(members) == 1 and not adds:
                members[0][0].add(members[0][1], here, part, True)
                continue
            buffer = np.empty(part.shape, part.dtype)
            for n, (way, arrays) in enumerate(members):
                way.add(arrays, here, buffer, n == 0)
            for at in np.ndindex(part.shape[:-1]):
                if adds:
                    part[at] += buffer[at]
                else:
                    part[at] = buffer[at]
