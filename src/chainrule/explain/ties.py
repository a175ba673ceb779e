"""Ties between indices: a product is only where an affine equation holds, as in x[i+1], where the place m is i + 1.

A slice, a padding, a reshape or a window puts the entry at the indices i, k at the place m = c + s i + t k. As a factor
of a product this is a `Tie`: one where c + s i + t k − m = 0, else zero. δ_ij is the tie i − j = 0. Ties compose: where
a place is summed over and nothing but ties speak of it, the equation is solved for it and put into the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import count
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.explain.form import (
    Axes,
    Coefficient,
    Delta,
    Factor,
    Form,
    Group,
    Label,
    Monomial,
    delta,
    grouped,
    power_of,
    single,
)

__all__ = [
    "Place",
    "Tie",
    "equation",
    "group_of",
    "is_made_of_ties",
    "is_order",
    "is_tie",
    "is_window",
    "opened",
    "place_of",
    "position",
    "position_tie",
    "spread",
    "triangle",
    "with_offset",
    "with_one_sign",
    "without_ties",
]

_orders = count(1 << 50)


class Tie:
    """One where ``offset`` + Σ stride·index is zero, else zero; an index for each stride.

    If it ``is_order``, one where the sum is not negative: the triangle of a running sum is one where i − j ≥ 0.
    """

    def __init__(self, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, is_order: bool = False) -> None:
        self.shape = shape
        self.strides = strides
        self.offset = offset
        self.is_order = is_order
        self.order = next(_orders)

    @property
    def size(self) -> int:
        """How many numbers an array of its zeros and ones would hold."""
        return prod(self.shape)

    def dense(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The zeros and ones."""
        total: Any = self.offset
        for stride, index in zip(self.strides, np.indices(self.shape, sparse=True), strict=True):
            total = total + stride * index
        return np.asarray((total >= 0 if self.is_order else total == 0) * 1.0)


_tie = cache(Tie)


class Place(NamedTuple):
    """An index in terms of others: ``offset`` + Σ stride·label."""

    offset: int
    strides: Mapping[Label, int]

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the largest place."""
        ends = [stride * (label.size - 1) for label, stride in self.strides.items()]
        return self.offset + sum(min(end, 0) for end in ends), self.offset + sum(max(end, 0) for end in ends)

    def lies_in(self, label: Label) -> bool:
        """Whether it is an index of an axis wherever the other labels are."""
        low, high = self.bounds
        return low >= 0 and high < label.size


def is_tie(factor: Factor) -> bool:
    """Whether a factor says that places belong together, and nothing else."""
    return isinstance(factor.atom, Tie | Delta)


def triangle(size: int) -> Form:
    """The lower triangle of ones."""
    first, second = Label(size), Label(size)
    return single(_tie((size, size), (1, -1), 0, True), (first, second))


def is_order(factor: Factor) -> bool:
    """Whether a factor is one where an inequality holds."""
    return isinstance(factor.atom, Tie) and factor.atom.is_order


def position(size: int, labels: Sequence[Label | None], strides: Sequence[int], offset: int) -> tuple[Label, Form]:
    """A new label for an axis of this size, and the tie that says where it is."""
    label = Label(size)
    pairs = [(l, stride) for l, stride in zip(labels, strides, strict=True) if l is not None]
    found = position_tie({**dict(pairs), label: -1}, offset)
    return label, single(found.atom, found.labels)


def position_tie(strides: Mapping[Label, int], offset: int) -> Factor:
    """The tie that says Σ stride·label + offset = 0."""
    found = _tied(strides, offset)
    assert isinstance(found, Factor)
    return found


def with_offset(tie: Tie, offset: int) -> Tie | None:
    """The tie with another offset; None where that would be a tie of another kind, or none."""
    labels = tuple([Label(size) for size in tie.shape])
    found = _tied(dict(zip(labels, tie.strides, strict=True)), offset, tie.is_order)
    if not isinstance(found, Factor) or not isinstance(found.atom, Tie):
        return None
    same = found.labels == labels and found.atom.strides == tie.strides and found.atom.offset == offset
    return found.atom if same else None


def equation(factor: Factor) -> tuple[dict[Label, int], int]:
    """The strides of the labels, and the offset."""
    if isinstance(factor.atom, Delta):
        first, second = factor.labels
        assert first is not None and second is not None
        return ({first: 1, second: -1} if first is not second else {}), 0
    strides: dict[Label, int] = {}
    for label, stride in zip(factor.labels, factor.atom.strides, strict=True):
        assert label is not None
        strides[label] = strides.get(label, 0) + stride
    return {label: stride for label, stride in strides.items() if stride}, factor.atom.offset


def _tied(strides: Mapping[Label, int], offset: int, ordered: bool = False) -> Factor | bool:
    """The tie of an equation; or whether it holds, where that does not depend on an index."""
    strides = {label: stride for label, stride in strides.items() if stride}
    if ordered:
        low, high = Place(offset, strides).bounds
        if low >= 0 or high < 0:
            return low >= 0
        pairs = sorted(strides.items(), key=lambda pair: (-pair[0].size, -pair[1], pair[0].number))
        labels = tuple([label for label, _ in pairs])
        atom = _tie(tuple([l.size for l in labels]), tuple([stride for _, stride in pairs]), offset, True)
        return Factor(atom, labels)
    if not strides:
        return offset == 0
    divisor = gcd(*strides.values())
    if offset % divisor:
        return False
    low, high = Place(offset, strides).bounds
    if low > 0 or high < 0:
        return False
    pairs = sorted(((l, s // divisor) for l, s in strides.items()), key=lambda p: (-p[0].size, p[1], p[0].number))
    mirrored = sorted(((l, -s) for l, s in pairs), key=lambda p: (-p[0].size, p[1], p[0].number))
    offset //= divisor
    told, other = ([(l.size, s) for l, s in side] for side in (pairs, mirrored))
    if (told, offset) > (other, -offset):
        pairs, offset = mirrored, -offset
    labels = tuple([label for label, _ in pairs])
    signs = tuple([stride for _, stride in pairs])
    sizes = tuple([label.size for label in labels])
    if not offset and len(labels) == 2 and sizes[0] == sizes[1] and sorted(signs) == [-1, 1]:
        return Factor(delta(sizes[0]), labels)
    return Factor(_tie(sizes, signs, offset), labels)


def place_of(label: Label, factor: Factor) -> Place | None:
    """The equation of a tie solved for one of its labels; None where that needs a fraction."""
    strides, offset = equation(factor)
    own = strides.pop(label, 0)
    if abs(own) != 1 or is_order(factor):
        return None
    return Place(-own * offset, {other: -own * stride for other, stride in strides.items()})


def group_of(factor: Factor) -> tuple[Label, tuple[Label, ...]] | None:
    """The long axis and the axes that it is split into, where a tie is a reshape: m = 12 i + 4 j + k."""
    if isinstance(factor.atom, Delta):
        return None
    for label in factor.labels:
        assert label is not None
        place = place_of(label, factor)
        if place is None or place.offset or len(place.strides) < 2:
            continue
        parts = sorted(place.strides, key=lambda l: -place.strides[l])
        lengths = [prod(l.size for l in parts[k + 1 :]) for k in range(len(parts))]
        if label.size == prod(l.size for l in parts) and [place.strides[l] for l in parts] == lengths:
            return label, tuple(parts)
    return None


def is_window(factor: Factor) -> bool:
    """Whether a tie is of more than two indices and no reshape: only indices say it."""
    return isinstance(factor.atom, Tie) and len(factor.labels) > 2 and group_of(factor) is None


def spread(monomial: Monomial) -> Monomial:
    """The monomial with a reshape of a slice as two ties: the slice, and the reshape of it."""
    factors: list[Factor] = []
    for factor in monomial.factors:
        found = _slice_and_group(factor) if is_window(factor) else None
        factors += found or [factor]
    return replace(monomial, factors=tuple(factors))


def _slice_and_group(factor: Factor) -> list[Factor] | None:
    for label in factor.labels:
        assert label is not None
        place = place_of(label, factor)
        if place is None or len(place.strides) < 2:
            continue
        inner = Label(prod(l.size for l in place.strides))
        group = position_tie({**place.strides, inner: -1}, 0)
        if inner.size < label.size and place.lies_in(label) and group_of(group) is not None:
            return [position_tie({inner: 1, label: -1}, place.offset), group]
    return None


# --- algebra ----------------------------------------------------------------------------------------------------------


def without_ties(monomial: Monomial, axes: Axes) -> Monomial:
    """The monomial with as few ties as there can be; its coefficient is 0 where they contradict each other."""
    if not any(isinstance(f.atom, Tie) for f in monomial.factors):
        return monomial
    while monomial.coefficient.number:
        shorter = _step(monomial, axes)
        if shorter is None:
            break
        monomial = shorter
    return monomial


def _step(monomial: Monomial, axes: Axes) -> Monomial | None:
    """One simplification; None where there is none."""
    free = {label for label in axes if label is not None}
    for factor in monomial.factors:
        if not isinstance(factor.atom, Tie):
            continue
        rest = tuple(f for f in monomial.factors if f is not factor)
        if factor.exponent != 1:  # zeros and ones are their own powers
            once = factor._replace(exponent=Fraction(1))
            return replace(monomial, factors=(*rest, once)).combined(axes)
        told = _tied(*equation(factor), is_order(factor))
        if not isinstance(told, Factor):
            return _without(monomial, rest, axes) if told else replace(monomial, coefficient=Coefficient(Fraction(0)))
        if told.labels != factor.labels:
            return replace(monomial, factors=(*rest, told)).combined(axes)
        for label in factor.labels:
            assert label is not None
            place = place_of(label, factor)
            if label in free or place is None or not place.lies_in(label):
                continue
            users = [f for f in rest if label in f.labels]
            if all(is_tie(f) for f in users):
                return _substituted(monomial, rest, label, place, axes)
            twin = _twin(label, place, rest, free)
            if twin is not None:
                return _without(monomial, rest, axes).renamed({label: twin}).combined(axes)
    return None


def opened(monomial: Monomial) -> Monomial:
    """Powers of slices as slices of powers: (Σ_m x[m] [m = i+1])² has one summand, the square of x[i+1]."""
    factors: list[Factor] = []
    number = monomial.coefficient
    for factor in monomial.factors:
        form = factor.atom.form if isinstance(factor.atom, Group) else None
        if form is None or len(form.monomials) != 1 or factor.exponent.denominator != 1 or not _is_read(form):
            factors.append(factor)
            continue
        (inner,) = form.with_axes(factor.labels).monomials
        factors += [f._replace(exponent=f.exponent * factor.exponent) for f in inner.factors]
        number = number.times(power_of(inner.coefficient, int(factor.exponent)))
    return Monomial(number, tuple(factors)) if len(factors) > len(monomial.factors) else monomial


def is_made_of_ties(atom: Any) -> bool:
    """Whether an atom is a matrix of zeros and ones, or a sum of such."""
    if isinstance(atom, Group):
        return all(is_tie(factor) for monomial in atom.form.monomials for factor in monomial.factors)
    return isinstance(atom, Tie | Delta)


def with_one_sign(monomial: Monomial) -> Monomial:
    """Differences of matrices of zeros and ones in one order, so that D and −D are known for the same."""
    factors, number = list[Factor](), monomial.coefficient
    for factor in monomial.factors:
        atom = factor.atom
        if isinstance(atom, Group) and factor.exponent == 1 and is_made_of_ties(atom):
            first = min(atom.form.monomials, key=lambda m: [-getattr(f.atom, "offset", 0) for f in m.factors])
            if first.coefficient.number < 0:
                common, turned = grouped(-atom.form)
                factor, number = factor._replace(atom=turned), number.times(common).times(Coefficient(Fraction(-1)))
        factors.append(factor)
    return Monomial(number, tuple(factors))


def _is_read(form: Form) -> bool:
    """Whether the labels that are summed are places of the others."""
    (monomial,) = form.monomials
    pending = monomial.labels() - set(form.axes)
    if not pending:
        return False
    known = set(form.axes)
    for factor in monomial.factors:
        for label in factor.labels if isinstance(factor.atom, Tie) else ():
            place = place_of(label, factor) if label in pending else None
            if label is not None and place is not None and place.lies_in(label) and set(place.strides) <= known:
                pending.discard(label)
    return not pending


def _without(monomial: Monomial, rest: tuple[Factor, ...], axes: Axes) -> Monomial:
    """The monomial without some factors; labels that are lost are summed."""
    return replace(monomial, factors=rest).counting(monomial.labels() - set(axes))


def _substituted(monomial: Monomial, rest: tuple[Factor, ...], label: Label, place: Place, axes: Axes) -> Monomial:
    """The monomial with a place put in for a label, of which only ties speak."""
    made: list[Factor] = []
    for factor in rest:
        if label not in factor.labels:
            made.append(factor)
            continue
        strides, offset = equation(factor)
        own = strides.pop(label, 0)
        for other, stride in place.strides.items():
            strides[other] = strides.get(other, 0) + own * stride
        told = _tied(strides, offset + own * place.offset, is_order(factor))
        if told is False:
            return replace(monomial, coefficient=Coefficient(Fraction(0)))
        made += [told] if isinstance(told, Factor) else []
    found = replace(monomial, factors=tuple(made))
    return found.counting(monomial.labels() - set(axes) - {label}).combined(axes)


def _twin(label: Label, place: Place, rest: Sequence[Factor], free: set[Label]) -> Label | None:
    """Another label that is summed and is at the same place."""
    for factor in rest:
        for other in factor.labels if isinstance(factor.atom, Tie) else ():
            if other is None or other is label or other in free or other.size != label.size:
                continue
            if place_of(other, factor) == place:
                return other
    return None
