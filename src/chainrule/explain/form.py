"""Formulas in index notation: sums of products of labelled atoms, each summed over the labels that are not free.

    Σ_i X[i,j] (2/N) (out[i,k] − Y[i,k])        axes (j, k), atoms X, out and Y, i is summed

This is the notation in which local Jacobians are stated, so that the chain rule is multiplication here. A `Form` has
*axes*: a label for each axis of the array that it stands for (None for an axis of size 1). A `Monomial` is a
coefficient and *factors*: atoms with a label for each of their axes, raised to a power. What the atoms are is no
business of this file; they have a ``shape`` and an ``order`` that is their own, and equal atoms are the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

from chainrule.explain.coefficient import ONE, Coefficient, joined_sizes, power_of
from chainrule.explain.labels import Axes, Delta, Label, delta, fresh_axes, next_order

__all__ = [
    "ONE",
    "Atom",
    "Axes",
    "Coefficient",
    "Delta",
    "Factor",
    "Form",
    "Group",
    "Label",
    "Monomial",
    "NotAlgebraicError",
    "constant",
    "delta",
    "fresh_axes",
    "grouped",
    "parenthesised",
    "power_of",
    "product",
    "single",
    "total",
]


class Atom(Protocol):
    """What a factor is made of; ``order`` is a number of its own, for sorting."""

    order: int

    @property
    def shape(self) -> tuple[int, ...]: ...


class Factor(NamedTuple):
    """An atom, a label for each of its axes (None where it has size 1), and its exponent."""

    atom: Any
    labels: Axes
    exponent: Fraction = Fraction(1)


@dataclass(frozen=True)
class Monomial:
    """A coefficient times factors."""

    coefficient: Coefficient
    factors: tuple[Factor, ...]

    def labels(self) -> set[Label]:
        """All labels of the factors."""
        return {label for factor in self.factors for label in factor.labels if label is not None}

    def renamed(self, names: Mapping[Label, Label | None]) -> Monomial:
        """The monomial with other labels."""
        if not names:
            return self
        factors = tuple(
            Factor(atom, tuple([names.get(l, l) if l is not None else None for l in labels]), exponent)
            for atom, labels, exponent in self.factors
        )
        return Monomial(self.coefficient, factors)

    def combined(self, axes: Sequence[Label | None]) -> Monomial:
        """Equal factors joined: their exponents are added. ``axes`` are the free labels."""
        if len({(atom, labels) for atom, labels, _ in self.factors}) == len(self.factors):
            return self
        powers: dict[tuple[Any, Axes], Fraction] = {}
        for atom, labels, exponent in self.factors:
            powers[atom, labels] = powers.get((atom, labels), Fraction(0)) + exponent
        left = replace(self, factors=tuple(Factor(*key, exponent) for key, exponent in powers.items() if exponent))
        return left.counting(self.labels() - set(axes))

    def counting(self, summed: Iterable[Label]) -> Monomial:
        """The monomial times the sizes of labels that are summed over and occur no more: Σ_i 1 is N."""
        lost = [label for label in summed if label not in self.labels()]
        if not lost:
            return self
        number = self.coefficient
        for label in lost:
            number = number.times(Coefficient(Fraction(1), ((label.size, 1),)))
        return replace(self, coefficient=number)

    def key(self, axes: Sequence[Label | None]) -> Any:
        """What is the same for monomials that differ in the names of their labels and in the order of factors only.

        (Two equal monomials may have different keys if an atom occurs several times with summed labels alone.)
        """
        names: dict[Label, int] = {}
        for place, label in enumerate(axes):
            if label is not None:
                names.setdefault(label, place)

        def known(factor: Factor) -> tuple[Any, ...]:
            labels = tuple([-2 if l is None else names.get(l, -1) for l in factor.labels])
            return factor.atom.order, factor.exponent, labels

        pending = list(self.factors)
        done: list[tuple[Any, ...]] = []
        while pending:
            # first what is attached to labels that have a name already, so that the order follows the structure
            factor = pending[0]
            if len(pending) > 1:
                factor = min(pending, key=lambda f: (-sum([l in names for l in f.labels if l is not None]), known(f)))
            pending.remove(factor)
            for label in factor.labels:
                if label is not None:
                    names.setdefault(label, len(axes) + len(names))
            done.append(known(factor))
        return tuple(sorted(done))


@dataclass(frozen=True)
class Form:
    """A sum of monomials with the same free labels: an array with these axes.

    A label of the axes that occurs in no factor is one along which the form is constant.
    """

    axes: Axes
    monomials: tuple[Monomial, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that it stands for."""
        return tuple(1 if label is None else label.size for label in self.axes)

    @property
    def is_zero(self) -> bool:
        """Whether there is nothing to add up."""
        return not self.monomials

    @property
    def is_one(self) -> bool:
        """Whether every entry is the number 1."""
        return self.monomials == (Monomial(ONE, ()),)

    def key(self) -> Any:
        """What is the same for equal forms, whatever their labels are called."""
        parts = [(m.key(self.axes), m.coefficient) for m in self.monomials]
        return self.shape, _diagonal(self.axes), tuple(sorted(parts))

    def renamed(self, names: Mapping[Label, Label | None]) -> Form:
        """The form with other labels, its free ones too."""
        axes = tuple(None if l is None else names.get(l, l) for l in self.axes)
        return Form(axes, tuple(m.renamed(names) for m in self.monomials))

    def with_axes(self, axes: Sequence[Label | None]) -> Form:
        """The form with its axes called ``axes``, which may repeat a label: the diagonal.

        Where two axes of the form have one label and are to have two, a delta says that they are equal.
        """
        fresh = self.with_fresh_sums()
        names: dict[Label, Label | None] = {}
        deltas: list[Factor] = []
        for old, new in zip(fresh.axes, axes, strict=True):
            if old is None:
                continue
            first = names.setdefault(old, new)
            if first is not new:  # one label became two: they are equal still
                deltas.append(Factor(delta(old.size), (first, new)))
        found = replace(fresh.renamed(names), axes=tuple(axes))
        if not deltas:
            return found
        return replace(found, monomials=tuple(replace(m, factors=(*m.factors, *deltas)) for m in found.monomials))

    def with_fresh_sums(self) -> Form:
        """The form with new labels to sum over, so that it can stand twice in a product."""
        return Form(self.axes, tuple(_fresh_sums(m, self.axes) for m in self.monomials))

    def scaled(self, coefficient: Coefficient) -> Form:
        """The form times a number."""
        if not coefficient.number:
            return Form(self.axes, ())
        return Form(self.axes, tuple(replace(m, coefficient=m.coefficient.times(coefficient)) for m in self.monomials))

    # -- arithmetic, with NumPy's broadcasting ------------------------------------------------------------------------

    def __add__(self, other: Form) -> Form:
        left, right = aligned(self, other)
        return total([left, right])

    def __sub__(self, other: Form) -> Form:
        return self + -other

    def __neg__(self) -> Form:
        return self.scaled(Coefficient(Fraction(-1)))

    def __mul__(self, other: Form) -> Form:
        left, right = aligned(self, other)
        return product(left.axes, [left, right])

    def __truediv__(self, other: Form) -> Form:
        return self * other**-1

    def __pow__(self, exponent: Any) -> Form:
        if isinstance(exponent, Form):
            power = as_number(exponent)
        else:
            power = Fraction(exponent).limit_denominator(10_000)
        if power is None:
            raise NotAlgebraicError
        if power == 1:
            return self
        if len(self.monomials) == 1:
            raised = _raised(self.monomials[0], self.axes, Fraction(power))
            if raised is not None:
                return Form(self.axes, (raised,))
        if not self.monomials:
            raise NotAlgebraicError
        common, group = grouped(self)
        if common == ONE or Fraction(power).denominator == 1:
            outside = power_of(common, int(power)) if common != ONE else ONE
            return Form(self.axes, (Monomial(outside, (Factor(group, self.axes, Fraction(power)),)),))
        raise NotAlgebraicError


class NotAlgebraicError(Exception):
    """A formula that sums, products and powers with fixed exponents cannot say."""


class Group:
    """A sum in parentheses, as an atom; its axes are those of the form."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.order = next_order()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the sum."""
        return self.form.shape


_groups: WeakValueDictionary[Any, Group] = WeakValueDictionary()


def grouped(form: Form) -> tuple[Coefficient, Group]:
    """A sum in parentheses, and the number before it: 2 a − 2 b is 2 (a − b)."""
    common = _common(form.monomials)
    rest = form.scaled(common.inverse())
    key = rest.key()
    found = _groups.get(key)
    if found is None:
        found = _groups[key] = Group(rest)
    return common, found


def parenthesised(form: Form) -> Form:
    """A sum as one monomial."""
    common, group = grouped(form)
    return Form(form.axes, (Monomial(common, (Factor(group, form.axes),)),))


def _common(monomials: Sequence[Monomial]) -> Coefficient:
    """What all coefficients have in common, with the sign of the first."""
    numbers = [m.coefficient.number for m in monomials]
    divisor = Fraction(gcd(*[n.numerator for n in numbers]), lcm(*[n.denominator for n in numbers]))
    if max(abs(n) for n in numbers) > 2 * divisor:  # x + 0.001 is not 0.001 (1000 x + 1)
        divisor = Fraction(1)
    powers = [dict(m.coefficient.sizes) for m in monomials]
    sizes = {size: min(p.get(size, 0) for p in powers) for size in {size for p in powers for size in p}}
    positive = sum(n > 0 for n in numbers) * 2 >= len(numbers) if len(numbers) > 2 else any(n > 0 for n in numbers)
    return Coefficient(divisor if positive else -divisor, joined_sizes(sizes))


def _diagonal(axes: Axes) -> tuple[int, ...]:
    """Which axes have the same label."""
    return tuple(axes.index(l) if l is not None else -1 for l in axes)


def _fresh_sums(monomial: Monomial, axes: Axes) -> Monomial:
    bound = sorted(monomial.labels() - set(axes), key=lambda l: l.number)  # a set has another order in another run
    return monomial.renamed({label: Label(label.size) for label in bound})


def _raised(monomial: Monomial, axes: Axes, power: Fraction) -> Monomial | None:
    """A power of a product of powers; None where that is another number, or the power of a sum."""
    if monomial.labels() - set(axes):
        return _raised_apart(monomial, axes, power)
    if power.denominator != 1:
        even = any(exponent.denominator == 1 and exponent % 2 == 0 for *_, exponent in monomial.factors)
        if monomial.coefficient != ONE or even:  # √(x²) is |x|
            return None
        return replace(monomial, factors=tuple(Factor(a, l, e * power) for a, l, e in monomial.factors))
    factors = tuple(Factor(a, l, e * power) for a, l, e in monomial.factors)
    return Monomial(power_of(monomial.coefficient, int(power)), factors) if power else Monomial(ONE, ())


def _raised_apart(monomial: Monomial, axes: Axes, power: Fraction) -> Monomial | None:
    """(Σ a²) (Σ b²) to a power as powers of the sums, if there are several."""
    parts = list[set[Label | None]]()
    for factor in monomial.factors:
        own = set(factor.labels) - set(axes) - {None}
        tied = [part for part in parts if part & own]
        parts = [part for part in parts if part not in tied] + [own.union(*tied)]
    parts = [part for part in parts if part]
    if power.denominator != 1 and any(f.exponent % 2 for f in monomial.factors if set(f.labels) - set(axes) - {None}):
        return None
    sums = [tuple([f for f in monomial.factors if part & set(f.labels)]) for part in parts]
    rest = tuple([f for f in monomial.factors if not any(f in factors for factors in sums)])
    if len(sums) + len(rest) < 2:
        return None
    outside = _raised(Monomial(monomial.coefficient, rest), axes, power)
    if outside is None:
        return None
    made = []
    for factors in sums:
        inner = tuple([l for l in dict.fromkeys(axes) if l is not None and any(l in f.labels for f in factors)])
        made.append(Factor(grouped(Form(inner, (Monomial(ONE, factors),)))[1], inner, power))
    return replace(outside, factors=(*made, *outside.factors))


def as_number(form: Form) -> Fraction | None:
    """The number that a form is, if it is one."""
    if any(l is not None for l in form.axes) or len(form.monomials) > 1:
        return None
    if not form.monomials:
        return Fraction(0)
    (only,) = form.monomials
    return None if only.factors or only.coefficient.sizes else only.coefficient.number


def single(atom: Any, axes: Axes) -> Form:
    """The form of one atom."""
    return Form(axes, (Monomial(ONE, (Factor(atom, axes),)),))


def constant(number: Any) -> Form:
    """The form of a number."""
    exact = Fraction(float(number)).limit_denominator(10_000)
    if float(exact) != float(number):
        exact = Fraction(str(number))  # the decimals that were written
    return Form((), (Monomial(Coefficient(exact), ()),) if exact else ())


def aligned(a: Form, b: Form) -> tuple[Form, Form]:
    """Two forms with the same axes, the shorter stretched as NumPy does."""
    rank = max(len(a.axes), len(b.axes))
    left = (None,) * (rank - len(a.axes)) + a.axes
    right = (None,) * (rank - len(b.axes)) + b.axes
    axes = tuple(
        None if l is None and r is None else Label((l or r).size)  # type: ignore[union-attr]
        for l, r in zip(left, right, strict=True)
    )
    first = _placed(a, left, axes)
    return first, _placed(b, right, axes)


def _placed(form: Form, padded: Axes, axes: Axes) -> Form:
    fresh = form.with_fresh_sums()
    names = {old: new for old, new in zip(padded, axes, strict=True) if old is not None}
    return Form(axes, fresh.renamed(names).monomials)


def total(forms: Sequence[Form]) -> Form:
    """The sum of forms with the same axes; monomials that are equal up to their coefficient become one."""
    axes = forms[0].axes
    if sum([len(form.monomials) for form in forms]) == 1:
        (only,) = [m.combined(axes) for form in forms for m in form.monomials]
        return Form(axes, (only,) if only.coefficient.number else ())
    found: dict[Any, Monomial] = {}
    for form in forms:
        for monomial in form.monomials:
            combined = monomial.combined(axes)
            key = (combined.key(axes), combined.coefficient.sizes)
            before = found.get(key)
            if before is None:
                found[key] = combined
            else:
                number = before.coefficient.number + combined.coefficient.number
                found[key] = replace(before, coefficient=before.coefficient._replace(number=number))
    return Form(axes, tuple(m for m in found.values() if m.coefficient.number))


def product(axes: Axes, forms: Sequence[Form]) -> Form:
    """The product of forms whose labels are shared where they are the same; labels not in ``axes`` are summed.

    A form of several monomials stays together, as a factor in parentheses; a label that is summed and occurs in no
    factor counts as its size.
    """
    monomials = [Monomial(ONE, ())]
    summed = {l for form in forms for l in form.axes if l is not None} - set(axes)
    arrays = sum(len(form.monomials) > 1 or any(m.factors for m in form.monomials) for form in forms)
    for form in forms:
        if not form.monomials:
            return Form(axes, ())
        if len(form.monomials) > 1 and (arrays > 1 or summed & set(form.axes)):
            form = parenthesised(form)
        fresh = form.with_fresh_sums()
        monomials = [
            Monomial(m.coefficient.times(n.coefficient), m.factors + n.factors)
            for m in monomials
            for n in fresh.monomials
        ]
    return total([Form(axes, tuple(m.counting(summed) for m in monomials))])
