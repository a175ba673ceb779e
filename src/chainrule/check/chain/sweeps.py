"""Many wrong ways back at once: each goes through the same steps, and differs in the rules of a few edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.check.chain.reach import Edge, Reach
from chainrule.errors import ChainruleError
from chainrule.linear.apply import pull_batch

__all__ = ["ILLEGAL", "Mutation", "swept"]

Array = np.ndarray[Any, np.dtype[Any]]
Rule = Callable[[Any], Any]
# What a rule or a function may raise on values that it was not made for.
ILLEGAL = (ValueError, TypeError, IndexError, ArithmeticError, AssertionError, np.linalg.LinAlgError, ChainruleError)


@dataclass(frozen=True)
class Mutation:
    """What is different: the rules of some edges, of the cotangent of their heads; and rules of further links.

    A rule that gives None leaves the edge as it is.
    """

    edges: Mapping[Edge, Rule]
    further: Sequence[tuple[int, int, Rule]] = field(default=())  # (head, tail, rule)


def swept(reach: Reach, mutations: Sequence[Mutation]) -> Array:
    """The gradients that the mutations give, one after the other along the first axis; NaN where a rule failed.

    >>> from chainrule.explain.record import record
    >>> run = record(lambda x: np.sum(np.sin(x) * x), (np.array([0.0, 1.0]),))
    >>> way = Reach(run, run.inputs["x"], {run.output: np.ones(())})
    >>> swept(way, [Mutation({}), Mutation({Edge(2, 1): lambda cotangent: 0 * cotangent})]).round(3)
    array([[0.   , 1.382],
           [0.   , 0.54 ]])
    """
    count = len(mutations)
    changed: dict[Edge, list[tuple[int, Rule]]] = defaultdict(list)
    further: dict[int, list[tuple[int, int, Rule]]] = defaultdict(list)
    for which, mutation in enumerate(mutations):
        for edge, rule in mutation.edges.items():
            changed[edge].append((which, rule))
        for head, tail, rule in mutation.further:
            further[head].append((which, tail, rule))
    arrived: dict[int, Array] = {
        number: np.array(np.broadcast_to(seed, (count, *reach.shape(number)))) for number, seed in reach.seeds.items()
    }
    with np.errstate(all="ignore"):
        for number in reversed(reach.path):
            cotangents = arrived.get(number)
            if cotangents is None or number == reach.target:
                continue
            for position, argument in enumerate(reach.steps[number].arguments):
                source = reach.number_of[argument]
                if source in reach.on_path and source not in reach.seeds:
                    edge = Edge(number, position)
                    part = _pulled(reach, edge, cotangents, changed.get(edge, ()))
                    arrived[source] = part if source not in arrived else arrived[source] + part
            for which, tail, rule in further.get(number, ()):
                made = _made(rule, cotangents[which], reach.shape(tail))
                if made is not None:
                    arrived.setdefault(tail, np.zeros((count, *reach.shape(tail))))[which] += made
    return arrived.get(reach.target, np.zeros((count, *reach.shape(reach.target))))


def _pulled(reach: Reach, edge: Edge, cotangents: Array, changed: Sequence[tuple[int, Rule]]) -> Array:
    shape = reach.shape(reach.argument(edge))
    total = np.zeros((len(cotangents), *shape))
    for term in reach.terms(edge):
        total += pull_batch(term.pattern, cotangents, term.factors, term.tables)
    for which, rule in changed:
        made = _made(rule, cotangents[which], shape)
        if made is not None:
            total[which] = made
    return total


def _made(rule: Rule, cotangent: Array, shape: tuple[int, ...]) -> Any:
    try:
        made = rule(cotangent)
        if made is None or np.shape(made) == shape:
            return made
        return np.broadcast_to(np.asarray(made, dtype=float), shape)
    except ILLEGAL:
        return np.full(shape, np.nan)
