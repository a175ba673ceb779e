"""Claims of another shape: what is multiplied at the last step, summed over other axes than it should be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate, related
from chainrule.check.chain.phrases import called, shape_in_words
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge, Reach
from chainrule.linear.term import Opaque

__all__ = ["contractions"]

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST = 1_000_000  # numbers in a product that nothing is summed of
MOST_LABELS = 5


def contractions(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """Sums of the products at the last step over other axes, which have another shape."""
    reach = point.reach
    if reach is None or point.claimed.ndim > MOST_LABELS:
        return
    last = _last(reach)
    product = None if last is None else _product(reach, last)
    if last is None or product is None:
        return
    whole, kept = product
    parts = 1e-3 * float(np.max(np.abs(whole), initial=0.0))
    short = {axis for axis, size in enumerate(whole.shape) if size == 1}  # along which a sum changes nothing
    for axes in _sets(whole.ndim):
        if set(range(whole.ndim)) - set(axes) - short == kept - short:
            continue
        for how, reduced in (("sum", whole.sum(axis=axes)), ("mean", whole.mean(axis=axes))):
            if _equal(point, reduced, parts):
                yield _told(point, last, reach, set(range(whole.ndim)) - set(axes), kept, how)
                break


def _last(reach: Reach) -> Edge | None:
    """The only edge back to the target; or, where that only gives the same numbers another shape, the one before it."""
    target = reach.target
    while True:
        edges = [edge for edge in reach.edges if reach.argument(edge) == target]
        if len(edges) != 1:
            return None
        (edge,) = edges
        head, tail = reach.shape(edge.step), reach.shape(target)
        same = np.prod(head) == np.prod(tail) and not any(term.factors or term.tables for term in reach.terms(edge))
        if not same or head == tail or edge.step in reach.seeds:
            return edge
        target = edge.step


def _sets(rank: int) -> Iterator[tuple[int, ...]]:
    for count in range(rank + 1):
        yield from itertools.combinations(range(rank), count)


def _product(reach: Reach, edge: Edge) -> tuple[Array, set[int]] | None:
    """All products of the last step with nothing summed, one axis for each label; and the labels of the target."""
    terms = reach.terms(edge)
    if len(terms) != 1 or terms[0].tables:
        return None
    made, factors, _ = terms[0]
    bare = all(made.is_bare(axis) or axis.size == 1 for axis in (*made.row, *made.column))
    rank = len(made.sizes)
    if not bare or rank > MOST_LABELS or int(np.prod(made.sizes)) > LARGEST:
        return None
    if any(isinstance(factor, Opaque) for factor in factors):
        return None
    letters = "abcdefghij"
    rows = [axis.labels[0] for axis in made.row if axis.labels]
    if len(set(rows)) != len(rows):
        return None
    cotangent = reach.adjoints[edge.step].reshape([made.sizes[label] for label in rows])
    operands: list[Any] = [cotangent]
    inputs = ["".join(letters[label] for label in rows)]
    for labels, factor in zip(made.factors, factors, strict=True):
        operands.append(np.asarray(factor))
        inputs.append("".join(letters[label] for label in labels.labels))
    present = sorted({letter for text in inputs for letter in text})
    whole = np.einsum(f"{','.join(inputs)}->{''.join(present)}", *operands)
    kept = {present.index(letters[label]) for axis in made.column for label in axis.labels if letters[label] in present}
    return whole, kept


def _equal(point: Point, reduced: Array, parts: float) -> bool:
    if reduced.size != point.claimed.size:
        return False
    if reduced.ndim == point.claimed.ndim:
        for order in itertools.permutations(range(reduced.ndim)):
            turned = reduced.transpose(order)
            if turned.shape == point.claimed.shape and point.near(turned, point.claimed, parts):
                return True
    return point.near(reduced.reshape(point.claimed.shape), point.claimed, parts)


def _told(point: Point, edge: Edge, reach: Reach, left: set[int], kept: set[int], how: str) -> Candidate:
    head, name = called(reach.steps[edge.step]), point.subject
    shape, wanted = shape_in_words(point.claimed.shape), shape_in_words(point.true.shape)
    if left > kept:
        mistake, message = (
            "missing-sum",
            f"{name} is not summed over every axis along which the products of {head} add up",
        )
    elif left < kept:
        mistake, message = "extra-sum", f"{name} is summed over an axis of its own on the way back from {head}"
    else:
        mistake, message = "wrong-axis", f"{name} is summed over the wrong axis on the way back from {head}"
    message += f": its shape is {shape}, where {wanted} is expected."
    key = f"contraction {sorted(left)} {how}"
    return related(
        point, contractions, key, mistake, 2.5 + 0.3 * (how == "mean"), message, f"sum so that the shape is {wanted}"
    )
