"""Blocks of the chain whose Jacobian is full, like softmax: taken for their diagonal, applied twice, or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.check.chain.links import Link, is_diagonal
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, Reach
from chainrule.check.rules.variation import Variation
from chainrule.linear.apply import pull_batch

__all__ = ["Block", "block_variations", "blocks"]

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST = 256  # entries of an end whose Jacobian is looked at in full
DEEPEST = 12  # steps inside
MOST = 60


class Block(Link):
    """All that leads from the cotangent of a step to that of an earlier one of the same shape."""

    def batch(self, reach: Reach, cotangents: Any) -> Array:
        """What comes back to the tail for several cotangents of the head, along a first axis."""
        count = len(cotangents)
        arrived: dict[int, Any] = {self.head: cotangents}
        with np.errstate(all="ignore"):
            for edge in self.inside:
                given = arrived.get(edge.step)
                if given is None:
                    continue
                source = reach.argument(edge)
                part = np.zeros((count, *reach.shape(source)))
                whole = np.broadcast_to(given, (count, *reach.shape(edge.step)))
                for term in reach.terms(edge):
                    part = part + pull_batch(term.pattern, whole, term.factors, term.tables)
                arrived[source] = part if source not in arrived else arrived[source] + part
        return np.asarray(arrived[self.tail])

    def pulled(self, reach: Reach, cotangent: Any) -> Array:
        """What comes back to the tail if ``cotangent`` is that of the head."""
        found: Array = self.batch(reach, np.broadcast_to(cotangent, reach.shape(self.head))[None])[0]
        return found

    def part(self, reach: Reach) -> Array:
        """What the block contributes to the cotangent of its tail."""
        return self.pulled(reach, reach.adjoints[self.head])

    def diagonal(self, reach: Reach) -> Array:
        """The diagonal of the block's Jacobian, of the shape of its ends."""
        shape = reach.shape(self.head)
        size = int(np.prod(shape))
        whole = self.batch(reach, np.eye(size).reshape(size, *shape)).reshape(size, size)
        return np.array(np.diagonal(whole)).reshape(shape)


def blocks(reach: Reach, within: Callable[[int], bool]) -> Iterator[Block]:
    """Pairs of steps of one shape between which not everything is elementwise, near ones first.

    ``within`` says which steps may be their ends: in a long loop there are many.
    """
    simple = {edge: is_diagonal(reach, edge, True) for edge in reach.edges}
    into: dict[int, list[Edge]] = {}
    for edge in reach.edges:
        into.setdefault(edge.step, []).append(edge)
    found: list[tuple[int, Block]] = []
    for head in reach.path:
        shape = reach.shape(head)
        if not shape or not 1 < int(np.prod(shape)) <= LARGEST or not within(head):
            continue
        reached = _reached(reach, into, head)
        for tail in sorted(reached - {head}, reverse=True):
            if reach.shape(tail) != shape or not within(tail):
                continue
            inside = _inside(reach, into, reached, head, tail)
            if any(not simple[edge] for edge in inside) and len({edge.step for edge in inside}) <= DEEPEST:
                found.append((len(inside), Block(head, tail, inside)))
    found.sort(key=lambda pair: pair[0])
    yield from [block for _, block in found[:MOST]]


def _reached(reach: Reach, into: dict[int, list[Edge]], head: int) -> set[int]:
    """The steps of the path that the head was computed from, not too far back."""
    distance = {head: 0}
    for number in range(head, -1, -1):
        if number in distance and distance[number] < DEEPEST:
            for edge in into.get(number, ()):
                source = reach.argument(edge)
                distance[source] = min(distance.get(source, DEEPEST), distance[number] + 1)
    return set(distance)


def _inside(reach: Reach, into: dict[int, list[Edge]], reached: set[int], head: int, tail: int) -> tuple[Edge, ...]:
    """The edges on all ways from the head to the tail, latest first."""
    leads = {tail}
    kept: list[Edge] = []
    for number in sorted(reached):
        for edge in into.get(number, ()):
            if number > tail and reach.argument(edge) in leads:
                leads.add(number)
                kept.append(edge)
    alive, ordered = {head}, []
    for edge in sorted(kept, key=lambda edge: -edge.step):
        if edge.step in alive:
            alive.add(reach.argument(edge))
            ordered.append(edge)
    return tuple(ordered)


def block_variations(block: Block) -> Iterator[Variation]:
    """What may be taken for the Jacobian of a block."""
    yield Variation("block", "skipped", 5.0, _same)
    yield Variation("block", "diagonal", 4.6, _diagonal)
    yield Variation("block", "twice", 5.1, _twice)


def _same(point: Point, link: Link, cotangent: Any) -> Any:
    return cotangent


def _diagonal(point: Point, link: Link, cotangent: Any) -> Any:
    assert isinstance(link, Block)
    return cotangent * link.diagonal(point.sure_reach)


def _twice(point: Point, link: Link, cotangent: Any) -> Any:
    reach = point.sure_reach
    return link.pulled(reach, link.pulled(reach, cotangent))
