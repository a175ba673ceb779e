"""Wrong rules that treat the cotangent wrongly before the right rule, or what comes back after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.links import Link
from chainrule.check.chain.masks import masking
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import pushed
from chainrule.check.chain.references import Reference, references
from chainrule.check.rules.variation import Part, Variation, rearrangements
from chainrule.linear.apply import pull
from chainrule.linear.term import Opaque, Term

__all__ = ["wrong_cotangents", "wrong_results"]

Array = np.ndarray[Any, np.dtype[Any]]


# -- the cotangent -----------------------------------------------------------------------------------------------------


def wrong_cotangents(point: Point, link: Link) -> Iterator[Variation]:
    """The right rule for a wrong cotangent."""
    reach = point.sure_reach
    shape = reach.shape(link.head)
    is_upstream = link.head in reach.seeds and int(np.prod(shape)) > 1
    yield Variation("cotangent", "ones", 4.0 if is_upstream else 5.4, _through(np.ones_like))
    for other in rearrangements(shape):
        yield Variation("cotangent", other.how, other.cost + 0.1, _through(other.change), other.about)
    for how, cost, change in (
        ("squared", 5.4, np.square),
        ("sign", 5.6, np.sign),
        ("size", 5.6, np.abs),
        ("masked by itself", 5.4, partial(np.maximum, 0)),
    ):
        yield Variation("cotangent", how, cost, _through(change))
    for reference in references(point, link, shape, adjoints=True):
        if reference.kind != "adjoint" or reference.number != link.head:
            yield Variation(
                "cotangent", "other", 5.2 + reference.cost, partial(_with_cotangent, reference), None, reference
            )


def _through(change: Callable[[Any], Any]) -> Part:
    def part(point: Point, link: Link, cotangent: Any) -> Any:
        reach = point.sure_reach
        changed = change(np.broadcast_to(cotangent, reach.shape(link.head)))
        return link.pulled(reach, changed) if np.shape(changed) == reach.shape(link.head) else None

    return part


def _with_cotangent(reference: Reference, point: Point, link: Link, cotangent: Any) -> Any:
    found = reference.get(point, link)
    reach = point.sure_reach
    return None if found is None or np.shape(found) != reach.shape(link.head) else link.pulled(reach, found)


# -- the result --------------------------------------------------------------------------------------------------------


def wrong_results(point: Point, link: Link) -> Iterator[Variation]:
    """What comes back, left as it came, or changed once more."""
    reach = point.sure_reach
    head, tail = reach.shape(link.head), reach.shape(link.tail)
    if head == tail:
        yield Variation("rule", "skipped", 5.0, _same)
        yield Variation("rule", "pushed", 4.8, _pushed)
        yield Variation("rule", "twice", 5.1, _twice)
        yield Variation("result", "multiplied", 5.2, partial(_times, "head"), "head")
        yield Variation("result", "divided", 5.4, partial(_over, "head"), "head")
        if _is_function(point, link):
            yield Variation("rule", "applied", 5.0, _applied)
    elif _stretches(tail, head):
        yield Variation("rule", "skipped", 5.0, _narrowed)
    yield Variation("result", "multiplied", 5.2, partial(_times, "tail"), "tail")
    yield Variation("result", "divided", 5.4, partial(_over, "tail"), "tail")
    far = 0.0 if masking(link.terms(reach)) else 0.4
    yield Variation("result", "masked", 5.4 + far, partial(_masked, np.greater), ">")
    yield Variation("result", "masked", 5.4 + far, partial(_masked, np.less), "<")
    for other in rearrangements(tail):
        yield Variation("result", other.how, other.cost + 0.1, partial(_after, other.change), other.about)
    if int(np.prod(head)) == int(np.prod(tail)) and head != tail:
        for order in itertools.permutations(range(len(tail))):
            if order != tuple(range(len(tail))):
                yield Variation("result", "reordered", 5.2, partial(_reordered, order), order)
    yield Variation("result", "sign", 5.8, partial(_after, np.sign))
    yield Variation("rule", "last wins", 4.4, partial(_one_wins, -1))
    yield Variation("rule", "first wins", 4.6, partial(_one_wins, 1))
    for kept in _embeddings(head, tail):
        yield Variation("rule", "to all", 5.0, partial(_to_all, kept), kept)
        for which, extreme in (("largest", np.max), ("smallest", np.min)):
            for axes in _sets(len(tail)):
                yield Variation("rule", which, 5.2, partial(_to_extreme, kept, extreme, axes), axes)
    for kept in _embeddings(tail, head):
        axes = tuple([axis for axis in range(len(head)) if axis not in kept or head[axis] != tail[kept.index(axis)]])
        for how, cost in (("sum", 5.0), ("mean", 5.0), ("first", 5.4), ("last", 5.4), ("max", 5.8)):
            if axes:
                yield Variation("rule", how, cost, partial(_reduced, how, axes), axes)


def _same(point: Point, link: Link, cotangent: Any) -> Any:
    return cotangent


def _pushed(point: Point, link: Link, cotangent: Any) -> Any:
    reach = point.sure_reach
    return pushed(link.terms(reach), cotangent, reach.shape(link.head))


def _twice(point: Point, link: Link, cotangent: Any) -> Any:
    return link.pulled(point.sure_reach, link.pulled(point.sure_reach, cotangent))


def _is_function(point: Point, link: Link) -> bool:
    """Whether the head is a function of the tail and of nothing else that is differentiated."""
    reach = point.sure_reach
    own = {edge.step for edge in link.inside} | {link.tail}
    return all(
        reach.number_of[argument] in own or not argument.is_tracked
        for edge in link.inside
        for argument in reach.steps[edge.step].arguments
    )


def _applied(point: Point, link: Link, cotangent: Any) -> Any:
    """The function applied to the cotangent, as if it were its own derivative."""
    return link.replayed(point.sure_reach, cotangent)


def _end(which: str, point: Point, link: Link) -> Array:
    return point.sure_reach.value(link.head if which == "head" else link.tail)


def _times(which: str, point: Point, link: Link, cotangent: Any) -> Any:
    return link.pulled(point.sure_reach, cotangent) * _end(which, point, link)


def _over(which: str, point: Point, link: Link, cotangent: Any) -> Any:
    return link.pulled(point.sure_reach, cotangent) / _end(which, point, link)


def _masked(compare: Callable[[Any, Any], Any], point: Point, link: Link, cotangent: Any) -> Any:
    return link.pulled(point.sure_reach, cotangent) * compare(_end("tail", point, link), 0)


def _after(change: Callable[[Any], Any], point: Point, link: Link, cotangent: Any) -> Any:
    return change(link.pulled(point.sure_reach, cotangent))


def _reordered(order: tuple[int, ...], point: Point, link: Link, cotangent: Any) -> Any:
    """The numbers of the cotangent laid out in the right shape, with the axes running in another order."""
    reach = point.sure_reach
    tail = reach.shape(link.tail)
    flat = np.broadcast_to(cotangent, reach.shape(link.head)).reshape([tail[axis] for axis in order])
    return flat.transpose(np.argsort(order))


def _one_wins(order: int, point: Point, link: Link, cotangent: Any) -> Any:
    """Entries written instead of added where several belong at one place; None where none do."""
    reach = point.sure_reach
    tail, head = reach.shape(link.tail), reach.shape(link.head)
    result = np.zeros(tail)
    numbers = np.arange(result.size, dtype=float).reshape(tail)
    crowded = False
    for made, factors, tables in link.terms(reach):
        if any(np.ndim(factor) > 0 or isinstance(factor, Opaque) for factor in factors):
            return None
        bare = Term(made, (1.0,) * len(factors), tables)
        crowded = crowded or bool(np.any(np.asarray(pull(made, np.ones(head), bare.factors, tables)) > 1))
        if not np.all(pushed([bare], np.ones(tail), head) == 1):
            return None
        places = np.rint(pushed([bare], numbers, head)).astype(np.intp)
        scale = float(np.prod([float(factor) for factor in factors]))
        written = scale * np.broadcast_to(cotangent, head).reshape(-1)
        result.reshape(-1)[places.reshape(-1)[::-order]] = written[::-order]
    return result if crowded else None


# -- axes --------------------------------------------------------------------------------------------------------------


def _stretches(narrow: Sequence[int], wide: Sequence[int]) -> bool:
    """Whether one shape broadcasts to the other."""
    padded = (1,) * (len(wide) - len(narrow)) + tuple(narrow)
    return len(padded) == len(wide) and all(a in (1, b) for a, b in zip(padded, wide, strict=True))


def _narrowed(point: Point, link: Link, cotangent: Any) -> Array:
    """The cotangent summed over the axes along which the tail was stretched, and nothing more."""
    reach = point.sure_reach
    shape, array = reach.shape(link.tail), np.broadcast_to(cotangent, reach.shape(link.head))
    padded = (1,) * (array.ndim - len(shape)) + shape
    axes = tuple([axis for axis, size in enumerate(padded) if size == 1 and array.shape[axis] != 1])
    return np.asarray(array.sum(axis=axes, keepdims=True)).reshape(shape)


def _embeddings(small: Sequence[int], large: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The ways in which the axes of one shape are, in order, axes of another one that is larger."""
    if len(small) > len(large) or tuple(small) == tuple(large):
        return
    for kept in itertools.combinations(range(len(large)), len(small)):
        if all(size in (1, large[axis]) for size, axis in zip(small, kept, strict=True)):
            yield kept


def _to_all(kept: tuple[int, ...], point: Point, link: Link, cotangent: Any) -> Array:
    reach = point.sure_reach
    head, tail = reach.shape(link.head), reach.shape(link.tail)
    sizes = [head[kept.index(axis)] if axis in kept else 1 for axis in range(len(tail))]
    whole: Array = np.broadcast_to(np.reshape(np.broadcast_to(cotangent, head), sizes), tail)
    return whole


def _sets(rank: int) -> Iterator[tuple[int, ...]]:
    for count in range(1, rank + 1):
        yield from itertools.combinations(range(rank), count)


def _to_extreme(
    kept: tuple[int, ...], extreme: Callable[..., Any], axes: tuple[int, ...], point: Point, link: Link, cotangent: Any
) -> Array:
    """The cotangent to those entries that are the largest, or smallest, along some axes."""
    value = _end("tail", point, link)
    whole: Array = _to_all(kept, point, link, cotangent) * (value == extreme(value, axis=axes, keepdims=True))
    return whole


def _reduced(how: str, axes: tuple[int, ...], point: Point, link: Link, cotangent: Any) -> Array:
    reach = point.sure_reach
    whole = np.broadcast_to(cotangent, reach.shape(link.head))
    if how in ("first", "last"):
        end = 0 if how == "first" else -1
        index = tuple([end if axis in axes else slice(None) for axis in range(whole.ndim)])
        return whole[index].reshape(reach.shape(link.tail))
    return np.asarray(getattr(np, how)(whole, axis=axes)).reshape(reach.shape(link.tail))
