"""Links of the chain: an edge from a step to its argument, or a stretch of several elementwise steps taken as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.check.chain.places import Places
from chainrule.check.chain.reach import Edge, Reach, pulled
from chainrule.linear.term import Term, diagonal, identity

__all__ = ["Link", "edges", "grouped", "is_diagonal", "nodes", "stretches"]

Array = np.ndarray[Any, np.dtype[Any]]
DEEPEST = 12  # steps in a stretch
MOST = 400  # stretches


@dataclass(frozen=True)
class Link:
    """What leads back from the cotangent of step ``head`` to that of step ``tail``.

    ``inside`` are its edges, latest first: one; or those of a stretch of elementwise steps, along which each entry of
    the head depends on one entry of the tail; or none, where head and tail are the same step.
    """

    head: int
    tail: int
    inside: tuple[Edge, ...]

    @property
    def is_edge(self) -> bool:
        """Whether this is a single edge."""
        return len(self.inside) == 1

    @property
    def edge(self) -> Edge:
        """The only edge."""
        (edge,) = self.inside
        return edge

    def derivative(self, reach: Reach, start: Array | None = None) -> Array:
        """The elementwise derivative of a stretch, of the head's shape; ``start`` is a cotangent to begin with."""
        arrived: dict[int, Any] = {self.head: np.ones(reach.shape(self.head)) if start is None else start}
        shape = reach.shape(self.head)
        for edge in self.inside:
            cotangent = arrived.get(edge.step)
            if cotangent is None:
                continue
            source = reach.argument(edge)
            part: Any = 0.0
            for made, factors, _ in reach.terms(edge):
                factor: Any = 1.0
                for labels, array in zip(made.factors, factors, strict=True):
                    factor = factor * _laid_out(array, labels.labels, len(shape))
                part = part + cotangent * factor
            part = np.broadcast_to(part, shape)
            arrived[source] = part if source not in arrived else arrived[source] + part
        return np.asarray(arrived[self.tail])

    def derivative_of(self, reach: Reach) -> Array:
        """The elementwise derivative of a stretch or of an elementwise edge, of the head's shape."""
        return self.derivative(reach)

    def replayed(self, reach: Reach, value: Array) -> Array:
        """The head computed again from another value of the tail; what is outside stays."""
        values = {self.tail: value}
        for number in sorted({edge.step for edge in self.inside}):
            step = reach.steps[number]
            given = [values.get(reach.number_of[argument], argument.given) for argument in step.arguments]
            values[number] = np.asarray(step.forward(given))
        return values[self.head]

    def terms(self, reach: Reach) -> Sequence[Term]:
        """The local Jacobian of the link."""
        if self.is_edge:
            return reach.terms(self.edge)
        shape = reach.shape(self.head)
        if not self.inside:
            return (Term(identity(shape)),)
        made, _ = diagonal(shape, reach.shape(self.tail), shape)
        return (Term(made, (self.derivative(reach),)),)

    def pulled(self, reach: Reach, cotangent: Any) -> Array:
        """What comes back to the tail if ``cotangent`` is that of the head."""
        return pulled(self.terms(reach), cotangent, reach.shape(self.tail))

    def part(self, reach: Reach) -> Array:
        """What the link contributes to the cotangent of its tail."""
        if not self.inside:
            return reach.adjoints[self.tail]
        return reach.part(self.edge) if self.is_edge else self.pulled(reach, reach.adjoints[self.head])


def _laid_out(array: Any, labels: Sequence[int], rank: int) -> Any:
    """A factor of a diagonal term as an array that broadcasts to the row."""
    if not labels:
        return array
    order = sorted(range(len(labels)), key=lambda k: labels[k])
    turned = np.transpose(array, order)
    shape = [1] * rank
    for k, size in zip(sorted(labels), turned.shape, strict=True):
        shape[k] = size
    return turned.reshape(shape)


def is_diagonal(reach: Reach, edge: Edge, whole: bool) -> bool:
    """Whether each entry of the step depends on one entry of the argument; if ``whole``, of the same place."""
    terms = reach.terms(edge)
    if not terms:
        return False
    for made, _, tables in terms:
        if tables or any(factor.opaque for factor in made.factors) or not all(made.is_bare(axis) for axis in made.row):
            return False
        rows = [axis.labels[0] for axis in made.row]
        if rows != list(range(len(rows))) or len(made.sizes) != len(rows):
            return False
        offset = len(rows) - len(made.column)
        if whole and offset:
            return False
        for place, axis in enumerate(made.column):
            same = axis.labels == (offset + place,) and made.is_bare(axis)
            if not same and (whole or axis.size != 1):
                return False
    return True


def edges(reach: Reach) -> list[Link]:
    """The edges of the path as links, those near the target first."""
    return [Link(edge.step, reach.argument(edge), (edge,)) for edge in reach.edges]


def nodes(reach: Reach) -> list[Link]:
    """The steps at which ways back begin, meet and end, as links from themselves to themselves; the target first."""
    uses = Counter(reach.argument(edge) for edge in reach.edges)
    met = [number for number in reach.path if uses[number] > 1 or number == reach.target or number in reach.seeds]
    return [Link(number, number, ()) for number in met]


def stretches(reach: Reach) -> Iterator[Link]:
    """Stretches of two and more elementwise steps, short ones first."""
    whole = {edge: is_diagonal(reach, edge, True) for edge in reach.edges}
    loose = {edge: whole[edge] or is_diagonal(reach, edge, False) for edge in reach.edges}
    back: dict[int, list[Edge]] = defaultdict(list)
    for edge in reach.edges:
        if loose[edge]:
            back[edge.step].append(edge)
    found: list[tuple[int, Link]] = []
    for head in reach.path:
        if not back[head] or not reach.shape(head):
            continue
        depth = {head: 0}
        for number in range(head, -1, -1):
            if number not in depth or depth[number] >= DEEPEST:
                continue
            for edge in back[number]:
                if whole[edge] and reach.shape(number) == reach.shape(head):
                    source = reach.argument(edge)
                    depth[source] = min(depth.get(source, DEEPEST), depth[number] + 1)
        for tail in _tails(reach, depth, back, head):
            inside = _inside(reach, depth, back, head, tail)
            if len(inside) > 1 and tail not in reach.seeds and not _pads(reach, head, tail, inside):
                found.append((len(inside), Link(head, tail, inside)))
    found.sort(key=lambda pair: pair[0])
    yield from [link for _, link in found[:MOST]]


def _pads(reach: Reach, head: int, tail: int, inside: Sequence[Edge]) -> bool:
    """Whether the stretch begins with a single edge along which nothing is multiplied: a shorter one says the same."""
    first = [edge for edge in inside if edge.step == head]
    return len(first) == 1 and not any(term.factors for term in reach.terms(first[0]))


def _tails(reach: Reach, depth: dict[int, int], back: dict[int, list[Edge]], head: int) -> list[int]:
    tails = {number for number in depth if number != head}
    for number in list(depth):
        tails.update(reach.argument(edge) for edge in back[number])
    tails.discard(head)
    return sorted(tails, reverse=True)


def _inside(reach: Reach, depth: dict[int, int], back: dict[int, list[Edge]], head: int, tail: int) -> tuple[Edge, ...]:
    """The edges on elementwise ways from the head to the tail, latest first."""
    leads = {tail}
    kept: list[Edge] = []
    for number in sorted(depth):
        if number <= tail:
            continue
        for edge in back[number]:
            source = reach.argument(edge)
            if source in leads and (source == tail or source in depth):
                leads.add(number)
                kept.append(edge)
    if head not in leads:
        return ()
    alive = {head}
    ordered = []
    for edge in sorted(kept, reverse=True):
        if edge.step in alive:
            alive.add(reach.argument(edge))
            ordered.append(edge)
    return tuple(ordered)


def grouped(places: Places, links: Sequence[Link]) -> list[list[Link]]:
    """Links that are the same places of the code, run several times: in a loop, or in a function called again.

    The calls of one function make one group, and a group for each name that the results go into.
    """
    groups: dict[Any, list[Link]] = defaultdict(list)
    for link in links:
        groups[tuple([(places.of[edge.step], edge.position) for edge in link.inside])].append(link)
    found = []
    for members in groups.values():
        by_name: dict[str, list[Link]] = defaultdict(list)
        for link in members:
            by_name[places.into(link.head)].append(link)
        found += [members] if len(members) > 1 else []
        found += [some for some in by_name.values() if 1 < len(some) < len(members)]
    return found
