"""The way back at one point: cotangents, what each edge contributes, and how a change on the way reaches the target.

A wrong derivation is the right one with a change somewhere: the cotangent of some step is off by δ. The rest of the
way back is linear, so the claimed gradient is off by R δ, where R is the rest. Nobody has to go back to see that: for
random directions u, ⟨u, R δ⟩ = ⟨Rᵀ u, δ⟩, and Rᵀ u is a tangent that was pushed forwards from the target, once. A
hypothesis then costs one inner product for each direction, however long the way is.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from chainrule.explain.computation import Computation, Step
from chainrule.linear.apply import pull, push, push_batch
from chainrule.linear.term import Term

__all__ = ["Edge", "Reach", "pulled", "pushed"]

Array = np.ndarray[Any, np.dtype[Any]]
DIRECTIONS = 24  # equations for a large target; a small one is looked at entry by entry


class Edge(NamedTuple):
    """The use of one step by another: the number of the one that uses, and the position of the argument."""

    step: int
    position: int


def pulled(terms: Sequence[Term], cotangent: Any, shape: tuple[int, ...]) -> Array:
    """The sum of transposed terms applied to a cotangent, of the full shape."""
    total: Any = np.zeros(shape)
    for made, factors, tables in terms:
        total = total + pull(made, cotangent, factors, tables)
    return np.asarray(total)


def pushed(terms: Sequence[Term], tangent: Any, shape: tuple[int, ...]) -> Array:
    """The sum of terms applied to a tangent, of the full shape."""
    total: Any = np.zeros(shape)
    for made, factors, tables in terms:
        total = total + push(made, tangent, factors, tables)
    return np.asarray(total)


class Reach:
    """The way back from the cotangents in ``seeds`` to one target.

    ``seeds`` gives the cotangents of the output, or of any steps at which they are taken as they are said to be: what
    comes after those does not matter. Steps are known by their numbers, the places in ``computation.steps``, so that
    what is said about one run can be said about another. ``path`` are the numbers of the steps between the target and
    the seeds, both included, earliest first. Local Jacobians that ``like`` knows of the same steps are taken from it.

    >>> from chainrule.explain.record import record
    >>> run = record(lambda x: np.sum(x * x), (np.array([1.0, 2.0]),))
    >>> reach = Reach(run, run.inputs["x"], {run.output: np.ones(())})
    >>> reach.true, reach.part(Edge(1, 0))
    (array([2., 4.]), array([1., 2.]))
    """

    def __init__(
        self, computation: Computation, target: Step, seeds: Mapping[Step, Array], like: Reach | None = None
    ) -> None:
        self.computation = computation
        self.steps = computation.steps
        self.number_of = {step: number for number, step in enumerate(self.steps)}
        self.seeds = {self.number_of[step]: np.asarray(value, dtype=float) for step, value in seeds.items()}
        known = {} if like is None else like._terms
        self._terms: MutableMapping[tuple[Step, int], Sequence[Term]] = ChainMap({}, known)
        self._parts: dict[Edge, Array] = {}
        self.adjoints = self._adjoints()
        self._aim(self.number_of[target])

    def towards(self, target: Step) -> Reach:
        """The same way back, looked at from another target."""
        other = copy(self)
        other._aim(self.number_of[target])
        return other

    def _aim(self, target: int) -> None:
        self.target = target
        self._tangents: dict[int, Array] | None = None
        self.path = self._between()
        self.on_path = set(self.path)
        self.edges = [
            Edge(number, position)
            for number in self.path
            if number != self.target
            for position, argument in enumerate(self.steps[number].arguments)
            if self.number_of[argument] in self.on_path and self.number_of[argument] not in self.seeds
        ]

    def _between(self) -> list[int]:
        """The steps from the target to the seeds, not beyond those."""
        below = {self.target}
        for number, step in enumerate(self.steps):
            if step.is_tracked and any(
                self.number_of[argument] in below and self.number_of[argument] not in self.seeds
                for argument in step.arguments
            ):
                below.add(number)
        wanted = set(self.seeds)
        for number in range(len(self.steps) - 1, -1, -1):
            if number in wanted and number in below:
                wanted.update(self.number_of[argument] for argument in self.steps[number].arguments)
        return [number for number in range(len(self.steps)) if number in below and number in wanted]

    def _adjoints(self) -> dict[int, Array]:
        """The cotangent of every tracked step that the seeds depend on."""
        arrived = dict(self.seeds)
        with np.errstate(all="ignore"):
            for number in range(len(self.steps) - 1, -1, -1):
                cotangent = arrived.get(number)
                if cotangent is None:
                    continue
                cotangent = arrived[number] = np.broadcast_to(cotangent, self.steps[number].shape)
                for position, argument in enumerate(self.steps[number].arguments):
                    source = self.number_of[argument]
                    if not argument.is_tracked or source in self.seeds:
                        continue
                    part = pulled(self.terms(Edge(number, position)), cotangent, argument.shape)
                    self._parts[Edge(number, position)] = part
                    before = arrived.get(source)
                    arrived[source] = part if before is None else before + part
        return arrived

    @property
    def true(self) -> Array:
        """The true gradient by the target."""
        return self.adjoints.get(self.target, np.zeros(self.steps[self.target].shape))

    def terms(self, edge: Edge) -> Sequence[Term]:
        """The local Jacobian along an edge."""
        key = self.steps[edge.step], edge.position
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = key[0].local(edge.position)
        return found

    def argument(self, edge: Edge) -> int:
        """The number of the step that an edge leads back to."""
        return self.number_of[self.steps[edge.step].arguments[edge.position]]

    def part(self, edge: Edge) -> Array:
        """What an edge contributes to the cotangent of its argument."""
        return self._parts[edge]

    def value(self, number: int) -> Array:
        """The value of a step."""
        return self.steps[number].value

    def shape(self, number: int) -> tuple[int, ...]:
        """The shape of a step."""
        return self.steps[number].shape

    # -- how a change arrives -----------------------------------------------------------------------------------------

    @property
    def tangents(self) -> dict[int, Array]:
        """For each step of the path, how it moves when the target moves along each direction: (directions, …)."""
        if self._tangents is None:
            self._tangents = self._pushed_directions()
        return self._tangents

    def _pushed_directions(self) -> dict[int, Array]:
        shape = self.shape(self.target)
        size = int(np.prod(shape, dtype=np.int64))
        if size <= DIRECTIONS:
            start = np.eye(size).reshape((size, *shape))
        else:
            start = np.random.default_rng(7).normal(size=(DIRECTIONS, *shape))
        found = {self.target: start}
        with np.errstate(all="ignore"):
            for number in self.path:
                if number == self.target:
                    continue
                total = np.zeros((len(start), *self.shape(number)))
                for position, argument in enumerate(self.steps[number].arguments):
                    source = self.number_of[argument]
                    if source in found and source not in self.seeds:
                        for made, factors, tables in self.terms(Edge(number, position)):
                            total = total + push_batch(made, found[source], factors, tables)
                found[number] = total
        return found

    def seen(self, number: int, change: Any) -> Array:
        """How a change of the cotangent of a step shows in the gradient: one number for each direction."""
        moved = self.tangents[number]
        whole = np.broadcast_to(np.asarray(change, dtype=float), moved.shape[1:])
        result: Array = moved.reshape(len(moved), -1) @ whole.reshape(-1)
        return result

    def arrived(self, changes: Mapping[int, Array]) -> Array:
        """What changes of the cotangents of some steps come to at the target, all of it."""
        moving: dict[int, Array] = dict(changes)
        with np.errstate(all="ignore"):
            for number in reversed(self.path):
                change = moving.get(number)
                if change is None or number == self.target:
                    continue
                change = np.broadcast_to(change, self.shape(number))
                for position, argument in enumerate(self.steps[number].arguments):
                    source = self.number_of[argument]
                    if source in self.on_path and source not in self.seeds:
                        part = pulled(self.terms(Edge(number, position)), change, argument.shape)
                        moving[source] = part if source not in moving else moving[source] + part
        return np.broadcast_to(moving.get(self.target, np.zeros(())), self.shape(self.target))
