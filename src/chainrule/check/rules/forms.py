"""Elementwise derivatives in other forms: y (1 − y) where it should be 1 − y², or another function altogether."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.chain.links import Link, is_diagonal
from chainrule.check.chain.phrases import called
from chainrule.check.chain.point import Point
from chainrule.check.chain.references import references
from chainrule.check.chain.sweeps import ILLEGAL
from chainrule.check.rules.variation import Variation
from chainrule.linear.apply import pull
from chainrule.linear.term import diagonal
from chainrule.op import OPERATIONS, Diagonal

__all__ = ["Form", "forms", "functions", "simple_forms"]

Array = np.ndarray[Any, np.dtype[Any]]


class Form(NamedTuple):
    """A function of one number: how it is written, with {0} for the number, and how far-fetched it is."""

    text: str
    function: Callable[[Any], Any]
    cost: float


FEW = 8  # arrays from elsewhere that a derivative may be made of
PLAIN = (
    Form("1", np.ones_like, 0.0),
    Form("{0}", lambda t: t, 0.1),
    Form("(1 - {0})", lambda t: 1 - t, 0.1),
    Form("{0} * (1 - {0})", lambda t: t * (1 - t), 0.1),
    Form("(1 - {0}**2)", lambda t: 1 - t**2, 0.1),
    Form("{0}**2", lambda t: t**2, 0.2),
    Form("(1 + {0})", lambda t: 1 + t, 0.2),
    Form("{0} * (1 + {0})", lambda t: t * (1 + t), 0.2),
    Form("(1 + {0}**2)", lambda t: 1 + t**2, 0.2),
    Form("(1 - {0})**2", lambda t: (1 - t) ** 2, 0.3),
    Form("(1 - {0}**2)**2", lambda t: (1 - t**2) ** 2, 0.3),
    Form("({0} * (1 - {0}))**2", lambda t: (t * (1 - t)) ** 2, 0.3),
    Form("{0}**2 * (1 - {0})", lambda t: t**2 * (1 - t), 0.3),
    Form("{0} * (1 - {0})**2", lambda t: t * (1 - t) ** 2, 0.3),
    Form("{0}**3", lambda t: t**3, 0.3),
    Form("1 / {0}", lambda t: 1 / t, 0.35),
    Form("1 / {0}**2", lambda t: 1 / t**2, 0.35),
    Form("1 / {0}**3", lambda t: 1 / t**3, 0.3),
    Form("1 / (1 - {0})", lambda t: 1 / (1 - t), 0.3),
    Form("1 / (1 + {0})", lambda t: 1 / (1 + t), 0.3),
    Form("1 / (1 + {0}**2)", lambda t: 1 / (1 + t**2), 0.3),
    Form("1 / (1 - {0}**2)", lambda t: 1 / (1 - t**2), 0.3),
    Form("sqrt({0})", np.sqrt, 0.3),
    Form("1 / sqrt({0})", lambda t: 1 / np.sqrt(t), 0.3),
    Form("({0} > 0)", lambda t: (t > 0) * 1.0, 0.2),
    Form("({0} < 0)", lambda t: (t < 0) * 1.0, 0.2),
    Form("abs({0})", np.abs, 0.4),
    Form("sign({0})", np.sign, 0.4),
)


@cache
def functions() -> tuple[Form, ...]:
    """Every elementwise function of one argument that there is an operation for, and its derivative, each once."""
    found: list[Form] = []
    seen = [_sampled(form) for form in PLAIN]
    for operation in list(OPERATIONS.values()):
        if operation.arguments is None or len(operation.arguments) != 1:
            continue
        rule = operation.rule(0)
        if not isinstance(rule, Diagonal) or operation.samples:
            continue
        derivative = Form(f"{operation.name}'({{0}})", partial(_derivative, operation, rule), 0.6)
        for form in (Form(f"{operation.name}({{0}})", operation.forward, 0.5), derivative):
            values = _sampled(form)
            # Multiples of one another say the same: a coefficient is solved for.
            if values is not None and not any(other is not None and _proportional(values, other) for other in seen):
                seen.append(values)
                found.append(form)
    return tuple(found)


def _sampled(form: Form) -> Array | None:
    with np.errstate(all="ignore"):
        values = np.asarray(form.function(np.array([-1.3, -0.4, 0.3, 0.8, 1.7])), dtype=float)
    return values if np.isfinite(values).sum() > 2 else None


def _proportional(one: Array, other: Array) -> bool:
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return False
    one, other = one[np.isfinite(one)], other[np.isfinite(other)]
    return bool(abs(one @ other) >= (1 - 1e-12) * np.linalg.norm(one) * np.linalg.norm(other))


def _derivative(operation: Any, rule: Diagonal, value: Any) -> Any:
    return rule.value(operation.forward(value), (value,)) * np.ones_like(value)


def simple_forms(point: Point, link: Link) -> Iterator[Variation]:
    """The simplest forms of the values at both ends of a stretch, as wrong rules for it."""
    yield Variation("rule", "skipped", 5.0, partial(_of_value, "tail", PLAIN[0]))
    for end in ("head", "tail"):
        for form in PLAIN[1:15]:
            part = partial(_of_value, end, form)
            number = link.head if end == "head" else link.tail
            about = form.text.format(called(point.sure_reach.steps[number]))
            yield Variation("form", end, 5.1 + form.cost, part, about)


def _of_value(end: str, form: Form, point: Point, link: Link, cotangent: Any) -> Any:
    reach = point.sure_reach
    value = reach.value(link.head if end == "head" else link.tail)
    return _laid(point, link, cotangent * form.function(value))


def _laid(point: Point, link: Link, product: Any) -> Any:
    """A product of the head's shape, summed where the tail was stretched."""
    reach = point.sure_reach
    head, tail = reach.shape(link.head), reach.shape(link.tail)
    if head == tail:
        return product
    made, _ = diagonal(head, tail, ())
    return pull(made, np.asarray(np.broadcast_to(product, head)), (1.0,), ())


# -- all forms of all values at once -----------------------------------------------------------------------------------


class _Value(NamedTuple):
    """An array that a derivative may be made of: how it is written, how to get it, and what it costs to think of it."""

    text: str
    get: Callable[[Point, Link], Any]
    cost: float
    own: bool  # whether it is a value at the link's own ends
    forms: Sequence[Form] = PLAIN


def forms(point: Point, link: Link, fits: Callable[[Callable[[Point], Any]], Sequence[bool]]) -> Iterator[Variation]:
    """Wrong rules for an elementwise link in which the derivative is another function of some value.

    ``fits`` is given a function that makes, at a point, many parts one after the other, and says which of them may
    explain the claim: so that all forms of a value are tried in one go.
    """
    is_node = not link.inside
    for value in _values(point, link):
        for times in (False, True):
            if times and (is_node or not _has_derivative(point, link)):
                continue
            chosen = value.forms
            stack = partial(_stack, chosen, value, times or is_node, link)
            for form, fit in zip(chosen, fits(stack), strict=False):
                if not fit or (form.text == "1" and (times or is_node)):
                    continue
                about = form.text.format(value.text)
                cost = 5.15 + form.cost + value.cost + 0.1 * times
                how = "multiplied" if times or is_node else "own" if value.own else "other"
                part = partial(_one, form, value, times)
                yield Variation("form", how, cost, part, about)


def _has_derivative(point: Point, link: Link) -> bool:
    """Whether the link is elementwise and multiplies by something."""
    if link.is_edge and not is_diagonal(point.sure_reach, link.edge, False):
        return False
    return any(np.ndim(factor) > 0 for term in link.terms(point.sure_reach) for factor in term.factors)


def _one(form: Form, value: _Value, times: bool, point: Point, link: Link, cotangent: Any) -> Any:
    array = value.get(point, link)
    if array is None:
        return None
    before = link.derivative_of(point.sure_reach) if times else 1.0
    return _laid(point, link, cotangent * before * form.function(array))


def _stack(chosen: Sequence[Form], value: _Value, times: bool, link: Link, point: Point) -> Any:
    """The parts for all forms of a value, along a new first axis, of the head's shape."""
    reach = point.sure_reach
    array = value.get(point, link)
    if array is None:
        return None
    cotangent = reach.adjoints[link.head]
    if times and link.inside:
        cotangent = cotangent * link.derivative_of(reach)
    made = np.empty((len(chosen), *reach.shape(link.head)))
    for place, form in enumerate(chosen):
        try:
            made[place] = cotangent * form.function(array)
        except ILLEGAL:
            made[place] = np.nan
    return made


def _values(point: Point, link: Link) -> Iterator[_Value]:
    """What a derivative may be made of: the ends, the function elsewhere, what is inside, and what is near."""
    reach = point.sure_reach
    head, tail = called(reach.steps[link.head]), called(reach.steps[link.tail])
    seen = {link.head, link.tail}
    many = (*PLAIN, *functions())
    yield _Value(tail, partial(_end, link.tail - link.head), 0.0, True, many)
    if link.inside:
        yield _Value(head, partial(_end, 0), 0.0, True, many)
        if reach.shape(link.head) == reach.shape(link.tail):
            for text, change in (("1 - {0}", _less), ("-{0}", np.negative)):
                where = text.format(tail)
                yield _Value(f"({where})", partial(_moved_end, change), 0.2, True, functions())
                yield _Value(f"({head} at {where})", partial(_replayed, change), 0.2, True, PLAIN[1:4])
                yield _Value(f"({head} at {where}) * {head}", partial(_replayed_times, change), 0.2, True, PLAIN[1:2])
            yield _Value(f"({head} at {head})", partial(_replayed, None), 0.2, True, PLAIN[1:8])
    made_of = {edge.step for edge in link.inside}
    for number in sorted(_operands(point, link), reverse=True):
        if number not in seen and _fits(reach.shape(number), reach.shape(link.head)):
            seen.add(number)
            name, get = called(reach.steps[number]), partial(_end, number - link.head)
            yield _Value(name, get, 0.2, number in made_of, PLAIN if link.inside else many)
    for reference in itertools.islice(references(point, link, reach.shape(link.head)), FEW):
        if reference.kind != "adjoint" and reference.number not in seen:
            yield _Value(reference.name, reference.get, 0.3 + reference.cost, False)


def _less(value: Any) -> Any:
    return 1 - value


def _fits(shape: Sequence[int], whole: Sequence[int]) -> bool:
    return (
        bool(shape)
        and len(shape) <= len(whole)
        and all(one in (1, size) for one, size in zip(reversed(shape), reversed(whole), strict=False))
    )


def _operands(point: Point, link: Link) -> set[int]:
    """The steps inside a link and their arguments; around a step, those of its neighbours."""
    reach = point.sure_reach
    around = {edge.step for edge in link.inside} or {
        edge.step for edge in reach.edges if reach.argument(edge) == link.tail
    } | {link.tail}
    found = set(around)
    for number in around:
        found.update(reach.number_of[argument] for argument in reach.steps[number].arguments)
    return {number for number in found if reach.steps[number].value.dtype.kind in "fb"}


def _end(offset: int, point: Point, link: Link) -> Any:
    return point.sure_reach.value(link.head + offset)


def _moved_end(change: Callable[[Any], Any], point: Point, link: Link) -> Any:
    return change(point.sure_reach.value(link.tail))


def _replayed(change: Callable[[Any], Any] | None, point: Point, link: Link) -> Any:
    """The head computed again from another tail: from one that is changed, or from the head itself."""
    reach = point.sure_reach
    start = reach.value(link.head) if change is None else change(reach.value(link.tail))
    return link.replayed(reach, start)


def _replayed_times(change: Callable[[Any], Any], point: Point, link: Link) -> Any:
    return _replayed(change, point, link) * point.sure_reach.value(link.head)
