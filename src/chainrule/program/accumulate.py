"""The Jacobian of a program: its vertices eliminated one by one, in an order that is planned from sizes alone.

Every edge of the graph carries the terms of a local Jacobian. Eliminating a vertex v replaces each pair of edges
z ← v ← x by the edge z ← x with the composed terms. From the output backwards that is reverse mode, from the arguments
forwards it is forward mode; in between, the cheapest vertex is taken next (Markowitz's rule, with the multiplications
that the structure asks for as the cost). Nothing here looks at numbers: with deferred factors the derivation is free,
and if the program that it writes is a costly one, reverse and forward mode are derived as well and the cheapest kept.

A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapters 9 and 10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import HolomorphicError
from chainrule.linear.complex_terms import conjugate_terms, real_terms
from chainrule.linear.compose import compose, merge
from chainrule.linear.term import Pattern, Term, identity
from chainrule.op import Rule
from chainrule.program.deferred import Deferred
from chainrule.program.node import Node, dtype_of
from chainrule.program.replay import steps_for
from chainrule.program.sweep import Wrap, dependents, saved_for, schedule

__all__ = ["check_holomorphic", "jacobian_terms"]

NOT_HOLOMORPHIC = (
    "{name} is no holomorphic step (nor are conj, abs, real and imag), so that there is no complex derivative.\nThe "
    "gradient of a real result needs none: cr.grad(f)(z), without holomorphic=True. For a Jacobian give the real and "
    "the imaginary parts as arguments of their own: cr.jacobian(lambda x, y: f(x + 1j * y), (0, 1))(z.real, z.imag)."
)
_PLANNED = 400  # nodes up to which an order is planned; a longer program is a recurrence, and reverse mode
_PAIR = 20_000  # multiplications that one composition costs besides those that it makes
_WORTH = 2_000_000  # multiplications from which it pays to derive other orders and compare
_GAIN = 8  # multiplications for each number of the result, up to which there is little to gain
_TALL = 4  # times as many results as arguments, from which forward mode is one of the others

Edges = dict[Any, dict[Any, list[Term]]]


def jacobian_terms(root: Any, targets: Sequence[Any], *, wrap: Wrap | None = None) -> dict[Any, list[Term]]:
    """The Jacobian of ``root`` with respect to each target as terms; a target that has no path to it is left out."""
    nodes, _ = schedule([root])
    needed = dependents(nodes, targets)
    if root not in needed:
        return {}
    graph = _Graph(root, targets, nodes, needed, wrap)
    if root in graph.targets:
        return _reverse(graph)
    if Node.meets_complex and any([dtype_of(vertex).kind == "c" for vertex in needed]):
        return _complex(graph)
    inner = [node for node in nodes if node in needed and node is not root]
    if len(inner) > _PLANNED or any([node in graph.targets for node in inner]):
        return _reverse(graph)
    found = _eliminated(graph.copy(), inner)
    cost, numbers = _cost_of(found)
    if cost > max(_WORTH, _GAIN * numbers):
        others = [_reverse(graph)]
        if prod(root.shape) >= _TALL * sum([prod(target.shape) for target in targets]):
            others.append(_eliminated(graph.copy(), inner, lambda node: node.sequence))
        found = min([found, *others], key=lambda terms: _cost_of(terms)[0])
    return found


class _Graph:
    """The edges between the vertices that lie between the targets and the root, with their terms.

    ``into[v]`` are the edges from v's arguments, ``out_of[v]`` those to the vertices that use v; both hold the same
    lists of terms.
    """

    def __init__(
        self, root: Any, targets: Sequence[Any], nodes: Sequence[Node], needed: set[Any], wrap: Wrap | None
    ) -> None:
        self.root = root
        self.targets = frozenset(targets)
        self.nodes = [node for node in nodes if node in needed]
        self.into: Edges = {}
        self.out_of: Edges = {}
        self.conjugates: set[Any] = set()  # the vertices whose edge is applied to conjugates
        cast: dict[Any, tuple[Any, Any]] = {}
        for node in self.nodes:
            out, values = saved_for(node, wrap)
            edges = self.into[node] = {}
            for position, parent in enumerate(node.parents):
                if parent is None or parent not in needed:
                    continue
                rule: Rule = node.operation.rule(position)
                terms = [_widened(term, node.dtype, cast) for term in rule.terms(node, position, out, values)]
                edges[parent] = merge(edges[parent] + terms) if parent in edges else terms
                if rule.conjugates:
                    self.conjugates.add(node)
            for parent, terms in edges.items():
                self.out_of.setdefault(parent, {})[node] = terms

    def copy(self) -> _Graph:
        """The same graph, to be eliminated."""
        made = object.__new__(_Graph)
        made.root, made.targets, made.nodes, made.conjugates = self.root, self.targets, self.nodes, self.conjugates
        made.into = {vertex: dict(edges) for vertex, edges in self.into.items()}
        made.out_of = {vertex: dict(edges) for vertex, edges in self.out_of.items()}
        return made


def _widened(term: Term, dtype: Any, cast: dict[Any, tuple[Any, Any]]) -> Term:
    """A term whose factors are of the dtype of the step's result where they were of a lesser one.

    Sums and products of counts and truth values are others: True + True is True, and 200 + 100 is 44 in eight bits; and
    a number that meets single precision is rounded to it. ``cast`` remembers what an array has become, so that an array
    that occurs twice is still one.
    """
    if not any([_is_lesser(factor, dtype) for factor in term.factors]):
        return term
    factors = []
    for factor in term.factors:
        if _is_lesser(factor, dtype):
            key = id(factor), dtype
            if key not in cast:
                cast[key] = factor, factor.astype(dtype)
            factor = cast[key][1]
        factors.append(factor)
    return term._replace(factors=tuple(factors))


def _is_lesser(factor: Any, dtype: Any) -> bool:
    """Whether a factor is an array of integers, of truth values, or of fewer bytes than ``dtype`` has."""
    if not hasattr(factor, "astype"):
        return False  # a Python number, or a map that can only be applied
    kind = factor.dtype
    return bool(
        kind.kind in "iub" or (kind.kind == dtype.kind and kind.kind in "fc" and kind.itemsize < dtype.itemsize)
    )


def _reverse(graph: _Graph) -> dict[Any, list[Term]]:
    """From the root backwards: the rows of the result are carried along, which is real where complex numbers are."""
    is_complex = Node.meets_complex
    pending: dict[Any, list[Term]] = {graph.root: [Term(identity(graph.root.shape))]}
    arrived: dict[Any, list[Term]] = {}
    for node in graph.nodes:
        if node not in pending:
            continue
        terms = merge(pending.pop(node))
        if is_complex and node.dtype.kind != "c":
            terms = real_terms(terms)
        if node in graph.targets:
            arrived[node] = terms
        if node in graph.conjugates:
            terms = conjugate_terms(terms)
        for parent, local in graph.into[node].items():
            gathered = pending.setdefault(parent, [])
            for outer in terms:
                for inner in local:
                    gathered.extend(compose(outer, inner))
    for target in graph.targets:
        if target in pending:
            arrived[target] = merge(pending[target])
            if is_complex and dtype_of(target).kind != "c":
                arrived[target] = real_terms(arrived[target])
    return arrived


def _complex(graph: _Graph) -> dict[Any, list[Term]]:
    """The terms of a program with complex numbers in it.

    A conjugate, or a real result of complex numbers, is linear for real numbers only: it can be composed with what
    leads on to a real result, or with what starts at real arguments. Without such steps nothing is special.
    """
    if dtype_of(graph.root).kind != "c":
        return _reverse(graph)
    if all([dtype_of(target).kind != "c" for target in graph.targets]):
        return _forward(graph)
    check_holomorphic(graph.nodes)
    return _eliminated(graph.copy(), [node for node in graph.nodes if node is not graph.root])


def check_holomorphic(nodes: Sequence[Node]) -> None:
    """Raise :class:`HolomorphicError` if a step is linear for real numbers only."""
    for node in nodes:
        kinds = [dtype_of(parent).kind for parent in node.parents if parent is not None]
        if (node.dtype.kind != "c" and "c" in kinds) or ("c" in kinds and node.operation.rule(0).conjugates):
            raise HolomorphicError(NOT_HOLOMORPHIC.format(name=node.operation.name))


def _forward(graph: _Graph) -> dict[Any, list[Term]]:
    """From the arguments forwards, which are real: the columns are carried along."""
    arrived: dict[Any, dict[Any, list[Term]]] = {
        target: {target: [Term(identity(target.shape))]} for target in graph.targets
    }
    for node in reversed(graph.nodes):
        gathered: dict[Any, list[Term]] = {}
        for parent, local in graph.into[node].items():
            for target, terms in arrived[parent].items():
                made = [term for outer in local for inner in terms for term in compose(outer, inner)]
                gathered[target] = merge(gathered.get(target, []) + made)
        if node in graph.conjugates:
            gathered = {target: conjugate_terms(terms) for target, terms in gathered.items()}
        if node.dtype.kind != "c":
            gathered = {target: real_terms(terms) for target, terms in gathered.items()}
        arrived.setdefault(node, {}).update(gathered)
    return arrived[graph.root]


def _eliminated(
    graph: _Graph, inner: Sequence[Node], order: Callable[[Node], int] | None = None
) -> dict[Any, list[Term]]:
    """By eliminating the inner vertices: in the given order, or the cheapest next."""
    into, out_of = graph.into, graph.out_of
    places = {node: place for place, node in enumerate(inner)}
    costs: dict[Any, float] = {}

    def entry(node: Node) -> tuple[float, int]:
        costs[node] = order(node) if order is not None else _elimination_cost(into[node], out_of.get(node, {}))
        return costs[node], places[node]

    queue = [entry(node) for node in inner]
    heapify(queue)
    while queue:
        cost, place = heappop(queue)
        node = inner[place]
        if costs.get(node) != cost:
            continue  # its cost has changed since, or it is gone
        del costs[node]
        parents, children = into.pop(node), out_of.pop(node, {})
        for child, outer in children.items():
            edges = into[child]
            del edges[node]
            for parent, local in parents.items():
                made = [term for a in outer for b in local for term in compose(a, b)]
                if parent in edges:
                    made = merge(edges[parent] + made)
                elif len(made) > 1:
                    made = merge(made)
                edges[parent] = out_of[parent][child] = made
        for parent in parents:
            del out_of[parent][node]
        if order is None:
            for neighbour in {*parents, *children}:
                if neighbour in costs:
                    heappush(queue, entry(neighbour))
    found = into.get(graph.root, {})
    return {target: merge(terms) for target, terms in found.items()}


def _elimination_cost(parents: dict[Any, list[Term]], children: dict[Any, list[Term]]) -> float:
    """What eliminating a vertex costs: the multiplications, and the edges that there will be more of."""
    total, pairs = 0.0, 0
    for outer in children.values():
        for local in parents.values():
            pairs += len(outer) * len(local)
            for a in outer:
                for b in local:
                    total += _pair_cost(a.pattern, b.pattern)
    before = sum(map(len, parents.values())) + sum(map(len, children.values()))
    return total + _PAIR * max(0, pairs - before)


def _pair_cost(outer: Pattern, inner: Pattern) -> float:
    """The multiplications of composing two terms, as far as their labels tell."""
    key = ("cost", inner)
    found: float | None = outer.plans.get(key)
    if found is None:
        found = outer.plans[key] = _PAIR + _multiplications(outer, inner)
    return found


def _multiplications(outer: Pattern, inner: Pattern) -> float:
    """The product of the sizes of all labels that take part in a sum; 0 if nothing is summed."""
    carried = [{label for factor in p.factors for label in factor.labels} for p in (outer, inner)]
    kept = [
        {label for axis in axes for label in axis.labels} for axes in (outer.row, inner.column)
    ]  # a label on the far side stays
    total, summed = 1.0, False
    between: list[set[int]] = [set(), set()]
    for left, right in zip(outer.column, inner.row, strict=True):
        sides = (set(left.labels), set(right.labels))
        if left.size > 1 and not (sides[0] & kept[0]) and not (sides[1] & kept[1]):
            summed = True
        if sides[0] & carried[0] or sides[1] & carried[1]:
            total *= left.size
        between[0] |= sides[0]
        between[1] |= sides[1]
    if not summed:
        return 0.0
    for p, labels, shared in zip((outer, inner), carried, between, strict=True):
        for label in labels - shared:
            total *= p.sizes[label]
    return total


def _cost_of(found: dict[Any, list[Term]]) -> tuple[float, int]:
    """The multiplications of the program of deferred terms, and the numbers it results in; nothing if none is."""
    factors = [factor for terms in found.values() for term in terms for factor in term.factors]
    wanted = [factor for factor in factors if type(factor) is Deferred]
    return sum([_step_cost(step) for step in steps_for(wanted)]), sum([factor.size for factor in wanted])


_PRODUCTS = (np.matmul, np.dot, np.ndarray.dot, np.einsum, np.tensordot)


def _step_cost(step: Deferred) -> float:
    """Roughly the multiplications of one step: a product of arrays sums over the last axis of the first."""
    if step.function not in _PRODUCTS:
        return float(step.size)
    arrays = [value for value in step.arguments if hasattr(value, "shape") and value.shape]
    largest = max([step.size, *[array.size for array in arrays]])
    return float(largest * (arrays[0].shape[-1] if arrays else 1))
