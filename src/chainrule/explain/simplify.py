"""Makes formulas short: products cancel, sums that are known are said by their names, common factors come out.

What algebra cannot see is looked at in numbers: a sum over a label that is the same number in every entry, at points
that have nothing to do with each other, is that number (Σ_j softmax = 1, Σ_i (x_i − mean) = 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

from chainrule.explain.atoms import Result, Value, intern
from chainrule.explain.computation import Step
from chainrule.explain.form import (
    ONE,
    Axes,
    Coefficient,
    Factor,
    Form,
    Group,
    Label,
    Monomial,
    NotAlgebraicError,
    delta,
    grouped,
    parenthesised,
    power_of,
    single,
    total,
)
from chainrule.explain.length import cost, monomial_cost
from chainrule.explain.looks import Looks
from chainrule.explain.masks import without_choices
from chainrule.explain.parts import (
    divides,
    flat,
    matching,
    outer_labels,
    picked,
    split,
    summed_parts,
    with_single_choices,
    without_deltas,
)
from chainrule.explain.reader import Reader
from chainrule.explain.symmetry import Symmetry
from chainrule.explain.ties import is_made_of_ties, is_tie, opened, with_one_sign, without_ties

__all__ = ["Simplifier"]

_FEW = 6  # summands up to which common factors of some of them are looked for
_MANY = 48  # monomials up to which products of sums are multiplied out


class Simplifier:
    """Shortens formulas of one computation; ``symmetry`` has the points where their numbers can be looked at."""

    def __init__(self, reader: Reader, symmetry: Symmetry) -> None:
        self.reader = reader
        self.symmetry = symmetry
        self.looks = Looks(symmetry.points)
        self._products: dict[Any, dict[int, tuple[Step, Form]]] = {}  # by an atom that few of them have, in order
        self._openable: dict[Step, Form] = {}
        self._sums: dict[Any, tuple[Step, tuple[int, ...], Coefficient]] = {}
        self._ratios: dict[Any, Monomial] = {}
        self._inverses: dict[Any, Form] = {}
        self._groups: dict[Group, Form | None] = {}
        self._tidy_already: dict[int, tuple[Monomial, Axes]] = {}
        for step in reader.computation.steps:
            if step.operation is not None and reader.is_name(step):
                definition = reader.define(step)
                self._learn(step, Form(definition.axes, tuple([self._ordered(m) for m in definition.monomials])))

    def _learn(self, step: Step, definition: Form) -> None:
        """Remember what a named step is, to recognise it."""
        if len(definition.monomials) == 1 and set(definition.axes) >= definition.monomials[0].labels():
            atoms = [factor.atom for factor in definition.monomials[0].factors]
            if atoms:
                rare = min(atoms, key=lambda atom: len(self._products.get(atom, ())))
                self._products.setdefault(rare, {})[step.number] = step, definition
            if len(definition.monomials[0].factors) > 1:
                self._openable[step] = definition
            self._learn_inverse(step, definition)
            return
        if not definition.monomials or len(definition.axes) > 4:
            return
        self._learn_ratio(step, definition)
        rest, common = _without_common(definition)
        kept = [k for k, label in enumerate(rest.axes) if label is not None]
        for order in permutations(kept):
            turned = Form(tuple(rest.axes[k] for k in order), rest.monomials)
            self._sums.setdefault(turned.key(), (step, order, common))

    def _learn_ratio(self, step: Step, definition: Form) -> None:
        """From the number q = xᵀ A x / s, xᵀ A x = q s."""
        if definition.axes or len(definition.monomials) != 1:
            return
        (monomial,) = definition.monomials
        bound = tuple([factor for factor in monomial.factors if any(factor.labels)])
        rest = tuple([f._replace(exponent=-f.exponent) for f in monomial.factors if f not in bound])
        if bound and rest:
            mine = Factor(intern(Value, id(step), step), ())
            told = Monomial(monomial.coefficient.inverse(), (mine, *rest))
            self._ratios[Form((), (Monomial(ONE, bound),)).key()] = told

    def _named(self, form: Form) -> tuple[Factor, Coefficient] | None:
        """The name of a sum that has one, and the number before it; axes of size 1 do not count."""
        axes = tuple(label for label in form.axes if label is not None)
        found = self._sums.get(Form(axes, form.monomials).key())
        if found is None:
            return None
        step, order, common = found
        labels: list[Label | None] = [None] * len(step.shape)
        for place, k in enumerate(order):
            labels[k] = axes[place]
        return Factor(intern(Value, id(step), step), tuple(labels)), common

    def _learn_inverse(self, step: Step, definition: Form) -> None:
        """From p = 1/(1 + u), as a sigmoid is written, u = (1 − p)/p."""
        (monomial,) = definition.monomials
        if monomial.coefficient != ONE or len(monomial.factors) != 1:
            return
        atom, labels, exponent = monomial.factors[0]
        if not isinstance(atom, Group) or exponent != -1 or len(atom.form.monomials) != 2:
            return
        one, other = sorted(atom.form.monomials, key=lambda m: len(m.factors))
        if one != Monomial(ONE, ()) or other.coefficient != ONE or len(other.factors) != 1:
            return
        factor = other.factors[0]
        if factor.exponent == 1 and isinstance(factor.atom, Result) and set(factor.labels) == set(atom.form.axes):
            mine = single(intern(Value, id(step), step), definition.axes)
            rest = parenthesised(Form((), (Monomial(ONE, ()),)) - mine)
            names = dict(zip(atom.form.axes, labels, strict=True))
            order = tuple(names.get(l) if l is not None else None for l in factor.labels)
            told = (rest * mine**-1).with_axes(definition.axes)
            self._inverses[factor.atom] = Form(order, told.monomials)

    # -- the whole ----------------------------------------------------------------------------------------------------

    def __call__(self, form: Form, *, apart: bool = False) -> Form:
        """The shortest of the forms that were found; with the summands ``apart``, nothing is taken out of them."""
        finished = self._folded if apart else self._finished
        plain = finished(self._tidied(form))
        best = plain
        turned = self._without_inverses(plain)
        if turned is not None and cost(turned := finished(turned)) < cost(best) + 0.6:
            best = turned
        multiplied = self._multiplied(form)
        if multiplied is not None:
            other = finished(self._tidied(multiplied))
            if cost(other) < 0.75 * cost(best):
                best = other
        return best

    def together(self, form: Form) -> Form:
        """A sum of what is short already, with what all summands have in common taken out."""
        factored = self._factored(form)
        return form if factored is form or cost(factored) > cost(form) else factored

    def _finished(self, form: Form) -> Form:
        folded = self._folded(form)
        factored = self._factored(folded)
        factored = self._tidied(self._folded(factored))
        return factored if cost(factored) <= cost(folded) else folded

    # -- products and sums --------------------------------------------------------------------------------------------

    def _tidied(self, form: Form) -> Form:
        for _ in range(8):
            before = form
            tidied = [self._tidy_for_good(m, form.axes) for m in flat(form)]
            form = total([Form(form.axes, tuple(tidied))])
            if list(map(id, form.monomials)) == list(map(id, before.monomials)) or form == before:
                break
        return form

    def _ordered(self, monomial: Monomial) -> Monomial:
        """The labels of symmetric matrices in one order, so that K Kᵀ is K K."""
        factors = tuple([self.symmetry.ordered(factor) for factor in monomial.factors])
        return monomial if factors == monomial.factors else Monomial(monomial.coefficient, factors)

    def _with_tidy_sums(self, monomial: Monomial) -> Monomial:
        """The sums in parentheses tidied too."""
        made = monomial
        for factor in monomial.factors:
            if not isinstance(factor.atom, Group) or factor.exponent.denominator != 1:
                continue
            told = self._inside(factor.atom)
            if told is None:
                continue
            try:
                (inner,) = (told.with_axes(factor.labels) ** factor.exponent).monomials
            except NotAlgebraicError:
                continue
            rest = list(made.factors)
            rest.remove(factor)
            made = Monomial(made.coefficient.times(inner.coefficient), (*rest, *inner.factors))
        return made

    def _inside(self, group: Group) -> Form | None:
        """What a sum in parentheses is after tidying, as one monomial; None if it stays as it is."""
        if group not in self._groups:
            self._groups[group] = None  # while it is looked at
            tidied = self._folded(self._tidied(group.form))
            if tidied.key() != group.form.key() and tidied.monomials:
                self._groups[group] = parenthesised(tidied) if len(tidied.monomials) > 1 else tidied
        return self._groups[group]

    def _tidy_for_good(self, monomial: Monomial, axes: Axes) -> Monomial:
        """A summand after tidying; one that stayed as it is is not looked at again."""
        known = self._tidy_already.get(id(monomial))
        if known is not None and known[1] == axes:
            return monomial
        found = self._tidy(monomial, axes)
        if found == monomial:
            self._tidy_already[id(monomial)] = monomial, axes
            return monomial
        return found

    def _tidy(self, monomial: Monomial, axes: Axes) -> Monomial:
        monomial = with_one_sign(opened(self._with_tidy_sums(monomial)))
        monomial = without_ties(without_deltas(self._ordered(monomial).combined(axes), axes), axes)
        monomial = without_choices(picked(with_single_choices(monomial), axes), self.looks)
        return self._with_known_sums(monomial, axes)

    def _with_known_sums(self, monomial: Monomial, axes: Axes) -> Monomial:
        """Parts that are summed over labels of their own: numbers where they are, names where they have one."""
        for part, rest in summed_parts(monomial, axes):
            outer = tuple(sorted(outer_labels(part, rest, axes), key=lambda l: l.number))
            inner = Form(outer, (Monomial(ONE, part),))
            number = self.looks.constant(inner)
            if number is not None:
                scaled = monomial.coefficient.times(Coefficient(number))
                return Monomial(scaled, rest)
            if len(part) == 2 and len(outer) == 2 and self.looks.is_identity(inner):
                return without_deltas(
                    Monomial(monomial.coefficient, (*rest, Factor(delta(outer[0].size), outer))), axes
                )
            if len(outer) < 2:
                _, group = grouped(inner)
                if any(f.atom is group and f.labels == outer for f in rest):
                    return Monomial(monomial.coefficient, (*rest, Factor(group, outer))).combined(axes)
            named = self._named(inner)
            if named is not None:
                scaled = monomial.coefficient.times(named[1].inverse())
                return Monomial(scaled, (*rest, named[0])).combined(axes)
            ratio = self._ratios.get(inner.key())
            if ratio is not None:
                scaled = monomial.coefficient.times(ratio.coefficient)
                made = Monomial(scaled, (*rest, *ratio.factors)).combined(axes)
                if monomial_cost(made, axes) < monomial_cost(monomial, axes):
                    return made
        return monomial

    def _without_inverses(self, form: Form) -> Form | None:
        """Without what a name says better: e⁻ᶻ p² as p (1 − p), where p = 1/(1 + e⁻ᶻ)."""
        if not any(f.atom in self._inverses for m in form.monomials for f in m.factors):
            return None
        monomials = []
        for monomial in form.monomials:
            factors: list[Factor] = []
            for factor in monomial.factors:
                known = self._inverses.get(factor.atom)
                if known is None:
                    factors.append(factor)
                    continue
                (told,) = (known.with_axes(factor.labels) ** factor.exponent).monomials
                factors += told.factors
            monomials.append(Monomial(monomial.coefficient, tuple(factors)).combined(form.axes))
        return self._tidied(total([Form(form.axes, tuple(monomials))]))

    # -- multiplying out ----------------------------------------------------------------------------------------------

    def _multiplied(self, form: Form) -> Form | None:
        """Products of sums multiplied out, and named products replaced by what they are."""
        pending, done, changed = list(form.monomials), list[Monomial](), False
        while pending:
            monomial = pending.pop()
            place = next((k for k, f in enumerate(monomial.factors) if self._opens(f)), None)
            if place is None:
                done.append(monomial)
                continue
            changed = True
            factor = monomial.factors[place]
            rest = monomial.factors[:place] + monomial.factors[place + 1 :]
            inner = self._opened(factor)
            if inner is None:
                return None
            for m in inner.monomials:
                opened = Monomial(monomial.coefficient.times(m.coefficient), rest + m.factors)
                pending.append(opened.counting(monomial.labels() - set(form.axes)).combined(form.axes))
            if len(pending) + len(done) > _MANY:
                return None
        return total([Form(form.axes, tuple(done))]) if changed else None

    def _opens(self, factor: Factor) -> bool:
        if isinstance(factor.atom, Group):
            return factor.exponent == 1
        if isinstance(factor.atom, Value):
            return factor.atom.step in self._openable
        return factor.atom in self._inverses

    def _opened(self, factor: Factor) -> Form | None:
        """What the factor is, with its labels."""
        if isinstance(factor.atom, Group):
            return factor.atom.form.with_axes(factor.labels)
        if isinstance(factor.atom, Result):
            definition = self._inverses[factor.atom]
        else:
            definition = self._openable[factor.atom.step]
        try:
            return (definition.with_axes(factor.labels)) ** factor.exponent
        except NotAlgebraicError:
            return None

    # -- names for what has one ---------------------------------------------------------------------------------------

    def _folded(self, form: Form) -> Form:
        monomials = []
        for monomial in form.monomials:
            for _ in range(8):
                shorter = next(self._shorter(monomial, form.axes), None)
                if shorter is None:
                    break
                monomial = shorter
            monomials.append(monomial)
        form = total([Form(form.axes, tuple(monomials))])
        if len(form.monomials) > 1:
            rest, common = _without_common(form)
            named = self._named(rest)
            if named is not None:
                return Form(form.axes, (Monomial(common.times(named[1].inverse()), (named[0],)),))
        return form

    def _shorter(self, monomial: Monomial, axes: Axes) -> Iterator[Monomial]:
        atoms = dict.fromkeys([factor.atom for factor in monomial.factors])
        known_here = {number: pair for atom in atoms for number, pair in self._products.get(atom, {}).items()}
        for _, (step, definition) in sorted(known_here.items()):
            (known,) = definition.monomials
            for sign in (1, -1):
                divided = divides(known, definition.axes, monomial, sign)
                if divided is None:
                    continue
                labels, power = divided[0], sign * divided[1]
                named = Factor(intern(Value, id(step), step), labels, Fraction(power))
                names = {old: new for old, new in zip(definition.axes, labels, strict=True) if old is not None}
                taken = tuple(Factor(f.atom, f.labels, -power * f.exponent) for f in known.renamed(names).factors)
                scale = power_of(known.coefficient, -power)
                made = Monomial(monomial.coefficient.times(scale), (*monomial.factors, *taken, named)).combined(axes)
                if monomial_cost(made, axes) < monomial_cost(monomial, axes) - 1e-9:
                    yield made

    # -- common factors -----------------------------------------------------------------------------------------------

    def _factored(self, form: Form) -> Form:
        """Σ X (a − b) for Σ X a − Σ X b: what comes out of all summands, or else out of some."""
        if len(form.monomials) < 2:
            return form
        whole: dict[frozenset[Label | None], Form] = {}  # after one, the others with its labels come out all the same
        for factor in form.monomials[0].factors:
            labels = frozenset(factor.labels)
            made = None if labels in whole else self._out_of(form, factor, form.monomials)
            if made is not None:
                whole[labels] = made
        if whole:
            return min(whole.values(), key=cost)
        if not 2 < len(form.monomials) <= _FEW:
            return form
        found = [form]
        for factor in dict.fromkeys([f for m in form.monomials for f in m.factors]):
            having = [m for m in form.monomials if matching(split(m, factor), factor, form.axes) is not None]
            made = self._out_of(form, factor, having) if len(having) > 1 else None
            if made is not None:
                found.append(total([made, Form(form.axes, tuple([m for m in form.monomials if m not in having]))]))
        return min(found, key=cost)

    def _out_of(self, form: Form, factor: Factor, monomials: Sequence[Monomial]) -> Form | None:
        """The sum of some monomials of a form with a factor taken out, if they all have it."""
        matched = [matching(split(monomial, factor), factor, form.axes) for monomial in monomials]
        found = [monomial for monomial in matched if monomial is not None]
        return self._taken_out(form, factor, found) if len(found) == len(matched) else None

    def _taken_out(self, form: Form, factor: Factor, matched: Sequence[Monomial]) -> Form | None:
        rest = []
        for monomial in matched:
            factors = list(monomial.factors)
            factors.remove(factor)
            rest.append(Monomial(monomial.coefficient, tuple(factors)))
        # the labels that the rest shares with the factor, and the free ones, are the axes of the parenthesis
        wanted = set(form.axes) | set(factor.labels)
        inside = tuple(sorted({l for m in rest for l in m.labels() if l in wanted}, key=lambda l: l.number))
        has_ties = any(is_tie(f) for m in rest for f in m.factors) and not is_made_of_ties(factor.atom)
        if len(inside) > max(2, len(form.axes)) or has_ties:
            return None  # shorter, but nobody would think in it
        inner = self._folded(self._factored(self._tidied(total([Form(inside, tuple(rest))]))))
        if not inner.monomials:
            return Form(form.axes, ())
        outer = parenthesised(inner) if len(inner.monomials) > 1 else inner
        (only,) = outer.monomials
        if len(inner.monomials) == 1:
            (only,) = inner.with_fresh_sums().monomials
        return Form(form.axes, (Monomial(only.coefficient, (factor, *only.factors)).combined(form.axes),))


def _without_common(form: Form) -> tuple[Form, Coefficient]:
    """A form without the number that all its summands have in common."""
    if len(form.monomials) == 1:
        common = form.monomials[0].coefficient
        return form.scaled(common.inverse()), common
    (only,) = parenthesised(form).monomials
    group: Group = only.factors[0].atom
    return group.form.with_axes(form.axes), only.coefficient
