"""The right numbers in another shape: transposed, not summed, summed too far, a whole Jacobian."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate, related
from chainrule.check.chain.phrases import axes_in_words, called, shape_in_words
from chainrule.check.chain.point import Point

__all__ = ["jacobian", "orders", "shapes", "subsets", "sums", "variable"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST_AXES = 5


def shapes(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """The right numbers in another shape or another order of axes."""
    found, true, name = point.claimed, point.true, point.subject
    shape, expected = shape_in_words(found.shape), shape_in_words(true.shape)
    for order in orders(found, true):
        if point.near(found.transpose(order), true):
            fix = f"{name}.T" if true.ndim == 2 else f"{name}.transpose{order}"
            told = (
                "the transpose of the gradient"
                if true.ndim == 2
                else f"the gradient with its axes in the order {order}"
            )
            message = f"{name} is {told}: its shape is {shape}, that of {variable(point)} is {expected}."
            if shape == expected:
                message = f"{name} is {told}; as {variable(point)} is square, the shape does not show it."
            yield related(point, shapes, f"transposed {order}", "transposed", 1.0, message, fix, order=list(order))
    if found.shape != true.shape and found.size == true.size and point.near(found.reshape(true.shape), true):
        fix = f"{name}.reshape({', '.join(map(str, true.shape)) or '()'})"
        message = f"{name} has the right numbers in the shape {shape}; {variable(point)} has the shape {expected}."
        yield related(point, shapes, "shape", "shape", 0.8, message, fix)


def orders(found: Array, true: Array) -> Iterator[tuple[int, ...]]:
    """Orders of the axes, not the plain one, in which ``found`` has the shape of ``true``."""
    if found.ndim != true.ndim or not 2 <= true.ndim <= MOST_AXES:
        return
    for order in itertools.permutations(range(true.ndim)):
        if order != tuple(range(true.ndim)) and tuple([found.shape[axis] for axis in order]) == true.shape:
            yield order


def variable(point: Point) -> str:
    """The variable that the gradient is by."""
    return called(point.claim.target) if point.claim.target is not None else point.name


def subsets(rank: int) -> Iterator[tuple[int, ...]]:
    """The sets of axes of an array of that rank, small ones first; not the empty one."""
    for count in range(1, rank + 1):
        yield from itertools.combinations(range(rank), count)


def sums(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """A sum over axes that is missing, or one too many."""
    found, true, name = point.claimed, point.true, point.subject
    if found.ndim > MOST_AXES or true.ndim > MOST_AXES:
        return
    for axes in subsets(found.ndim):
        if found.ndim == true.ndim and all(found.shape[axis] == true.shape[axis] for axis in axes):
            continue
        summed = found.sum(axis=axes)
        parts = float(np.max(np.abs(found).sum(axis=axes), initial=0.0))
        if summed.size == true.size and _is(point, summed, true, parts):
            where = axes_in_words(axes)
            argument = axes[0] if len(axes) == 1 else axes
            count = int(np.prod([found.shape[axis] for axis in axes]))
            message = (
                f"{name} is not summed over {where}: it has the shape {shape_in_words(found.shape)}. "
                f"{variable(point)} was used {count} times along it, so the contributions add up."
            )
            yield related(
                point,
                sums,
                f"missing-sum {axes}",
                "missing-sum",
                2.0,
                message,
                f"{name}.sum(axis={argument})",
                axes=list(axes),
            )
    yield from _too_far(point)


def _is(point: Point, found: Array, true: Array, parts: float) -> bool:
    return point.near(found.reshape(true.shape), true, parts * 1e-3)


def _too_far(point: Point) -> Iterator[Candidate]:
    """The true gradient summed over axes that it has, kept as an axis or stretched again."""
    found, true, name = point.claimed, point.true, point.subject
    for axes in subsets(true.ndim):
        if all(true.shape[axis] == 1 for axis in axes):
            continue
        where = axes_in_words(axes)
        parts = 1e-3 * float(np.max(np.abs(true).sum(axis=axes), initial=0.0))
        for how, reduced in (
            ("sum", true.sum(axis=axes, keepdims=True)),
            ("mean", true.mean(axis=axes, keepdims=True)),
        ):
            even = point.near(true, np.broadcast_to(true.mean(axis=axes, keepdims=True), true.shape))
            stretched = (
                not even
                and found.shape == true.shape
                and point.near(found, np.broadcast_to(reduced, true.shape), parts)
            )
            fewer = found.size == reduced.size and point.near(found.reshape(reduced.shape), reduced, parts)
            if stretched or fewer:
                word = "summed" if how == "sum" else "averaged"
                message = (
                    f"{name} is the gradient {word} over {where} as well; {variable(point)} has an entry for "
                    f"each place along it, and so has its gradient."
                )
                fix = f"leave {where} out of the {how}"
                cost = 3.4 if stretched else 2.2
                yield related(point, sums, f"extra-{how} {axes}", "extra-sum", cost, message, fix, axes=list(axes))
                break


def jacobian(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """A Jacobian handed in where its product with the upstream was asked for."""
    found, true, name = point.claimed, point.true, point.subject
    shape = shape_in_words(found.shape)
    for known in point.upstreams:
        upstream = known.array
        rank = upstream.ndim
        if rank == 0 or found.ndim < rank or found.shape == true.shape:
            continue
        ways = [(found.shape[:rank] == upstream.shape, tuple(range(rank)), "first")]
        ways.append((found.shape[-rank:] == upstream.shape, tuple(range(found.ndim - rank, found.ndim)), "last"))
        for fits, axes, where in ways:
            if not fits:
                continue
            product = np.tensordot(upstream, found, axes=(tuple(range(rank)), axes))
            if product.size == true.size and _is(point, product, true, 0.0):
                message = (
                    f"{name} is the Jacobian, of shape {shape}, not the gradient: the axes of the "
                    f"result, which come {where}, are still to be multiplied with {known.name} and summed."
                )
                fix = f"multiply the Jacobian by {known.name} and sum over the axes of the result"
                yield related(point, jacobian, f"jacobian {where}", "jacobian-for-gradient", 1.5, message, fix)
