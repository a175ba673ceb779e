"""A claim that is the product of two arrays at hand, in some order, each turned or not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Trial
from chainrule.check.chain.phrases import called, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Edge
from chainrule.linear.term import Opaque

__all__ = ["products"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 14  # arrays


class _Operand(NamedTuple):
    """An array of the product: its name, its kind, its step, and whether it is turned."""

    name: str
    kind: str
    number: int
    turned: bool

    def get(self, point: Point) -> Array:
        reach = point.sure_reach
        found = reach.value(self.number) if self.kind == "value" else reach.adjoints[self.number]
        return found.T if self.turned else found

    @property
    def text(self) -> str:
        name = self.name if self.name.isidentifier() else f"({self.name})"
        return f"{name}.T" if self.turned else name


def products(trial: Trial) -> Iterator[Candidate]:
    """Explanations of the form A @ B in place of what comes back to the target."""
    point = trial.points[0]
    reach = point.sure_reach
    shape = reach.shape(reach.target)
    if not 1 <= len(shape) <= 2 or int(np.prod(shape)) < 2:
        return
    last = [edge for edge in reach.edges if reach.argument(edge) == reach.target]
    operands = list(_operands(point, last))
    for left, right in trial.budget.each(itertools.product(operands, repeat=2)):
        if left.kind == "value" and right.kind == "value" and any(seed.size > 1 for seed in reach.seeds.values()):
            continue  # a gradient has the upstream in it
        made = _product(left, right, point)
        if made is None or made.shape != shape:
            continue
        ratio = _ratio(point, made, point.claimed)
        if ratio is not None:
            found = _candidate(trial, left, right, last)
            if found is not None:
                yield found


def _operands(point: Point, last: Sequence[Edge]) -> Iterator[_Operand]:
    """What the last steps multiply, and the cotangents that they are multiplied with."""
    reach = point.sure_reach
    values: dict[int, None] = {reach.target: None}
    for edge in last:
        values.update(dict.fromkeys(reach.number_of[argument] for argument in reach.steps[edge.step].arguments))
    for known in point.values:
        if known.number >= 0 and reach.steps[known.number].name:
            values.setdefault(known.number, None)
    adjoints = {edge.step: None for edge in last}
    for kind, numbers in (("adjoint", adjoints), ("value", values)):
        for number in list(numbers)[:MOST]:
            step = reach.steps[number]
            if step.value.dtype.kind != "f" or not 1 <= step.value.ndim <= 2:
                continue
            upstream = kind == "adjoint" and number in reach.seeds
            name = called(step) if kind == "value" else "upstream" if upstream else f"d{called(step)}"
            yield _Operand(name, kind, number, False)
            if step.value.ndim == 2:
                yield _Operand(name, kind, number, True)


def _product(left: _Operand, right: _Operand, point: Point) -> Array | None:
    one, other = left.get(point), right.get(point)
    if one.ndim == other.ndim == 1:
        return np.outer(one, other)
    return one @ other if one.shape[-1] == other.shape[0] else None


def _ratio(point: Point, made: Array, claimed: Array) -> float | None:
    size = float(np.vdot(made, made))
    ratio = float(np.vdot(made, claimed)) / size if size > 0 else np.nan
    return ratio if np.isfinite(ratio) and abs(ratio) > 1e-12 and point.near(ratio * made, claimed) else None


def _candidate(trial: Trial, left: _Operand, right: _Operand, last: Sequence[Edge]) -> Candidate | None:
    ratios = []
    for point in trial.points:
        made = _product(left, right, point)
        ratio = None if made is None else _ratio(point, made, point.claimed)
        if ratio is None:
            return None
        ratios.append(ratio)
    coefficient = trial.named(ratios)
    if coefficient is None:
        return None
    point = trial.points[0]
    reach = point.sure_reach
    written = f"{left.text} @ {right.text}"
    if coefficient.value != 1.0:
        written = f"({coefficient.text}) * {written}"
    same = len(last) == 1 and _has(point, last[0], left) and _has(point, last[0], right)
    mistake = "operand-not-transposed" if same else "wrong-tensor"
    what = "the right arrays, multiplied in another order or not transposed" if same else "not the product it should be"
    message = f"{point.subject} is {written}: {what}."
    step = place(reach.steps[last[0].step], reach.computation) if last else None
    fix = f"work out the shapes: {point.subject} has the shape {point.true.shape}"
    cost = 5.0 + coefficient.cost + 0.3 * (not same)
    return Candidate(f"product {written}", mistake, cost, message, fix, partial(_fits, left, right), step)


def _fits(left: _Operand, right: _Operand, point: Point) -> bool:
    made = _product(left, right, point)
    return made is not None and _ratio(point, made, point.claimed) is not None


def _has(point: Point, edge: Edge, operand: _Operand) -> bool:
    """Whether an array is one of those that the right rule multiplies."""
    reach = point.sure_reach
    array = operand.get(point)
    there = [reach.adjoints[edge.step]]
    for term in reach.terms(edge):
        there += [np.asarray(factor) for factor in term.factors if np.ndim(factor) and not isinstance(factor, Opaque)]
    return any(
        (known.shape == array.shape and point.near(known, array))
        or (known.T.shape == array.shape and point.near(known.T, array))
        for known in there
    )
