"""Parts of products: which belong together, which divide others, which say the same with other labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.explain.atoms import Choice, Value
from chainrule.explain.form import ONE, Axes, Delta, Factor, Form, Group, Label, Monomial

__all__ = [
    "divides",
    "flat",
    "matching",
    "outer_labels",
    "picked",
    "split",
    "summed_parts",
    "with_single_choices",
    "without_deltas",
]


def flat(form: Form) -> Iterator[Monomial]:
    """The summands, with those of a summand that is only a sum in parentheses."""
    for monomial in form.monomials:
        if len(monomial.factors) == 1 and len(form.monomials) > 1:
            atom, labels, exponent = monomial.factors[0]
            if isinstance(atom, Group) and exponent == 1 and set(form.axes) >= set(labels):
                inner = atom.form.with_axes(labels)
                yield from flat(inner.scaled(monomial.coefficient))
                continue
        yield monomial


def without_deltas(monomial: Monomial, axes: Axes) -> Monomial:
    """δ_ij with j summed: i in place of j."""
    free = set(axes)
    for factor in monomial.factors:
        if not isinstance(factor.atom, Delta):
            continue
        i, j = factor.labels
        rest = tuple(f for f in monomial.factors if f is not factor)
        if i is j:
            alone = {i} - free if i is not None else set()
            return without_deltas(Monomial(monomial.coefficient, rest).counting(alone), axes)
        if i is not None and j is not None and (i not in free or j not in free):
            gone, stays = (j, i) if j not in free else (i, j)
            return without_deltas(Monomial(monomial.coefficient, rest).renamed({gone: stays}).combined(axes), axes)
    return monomial


def with_single_choices(monomial: Monomial) -> Monomial:
    """Zeros and ones are their own squares."""
    if not any(f.exponent > 1 and _is_choice(f.atom) for f in monomial.factors):
        return monomial
    told = [replace_exponent(f) if f.exponent > 1 and _is_choice(f.atom) else f for f in monomial.factors]
    return replace(monomial, factors=tuple(told))


def _is_choice(atom: Any) -> bool:
    """Whether an atom is zeros and ones, whatever the arguments are."""
    if isinstance(atom, Value):
        return atom.step.is_constant and not atom.step.name and bool(np.isin(atom.step.value, (0, 1)).all())
    return isinstance(atom, Choice)


def replace_exponent(factor: Factor) -> Factor:
    """The factor to the first power."""
    return factor._replace(exponent=Fraction(1))


def summed_parts(monomial: Monomial, axes: Axes) -> Iterator[tuple[tuple[Factor, ...], tuple[Factor, ...]]]:
    """Factors that are tied together by labels summed over, and the others; smallest parts first."""
    free = set(axes)
    bound = sorted({l for l in monomial.labels() if l not in free}, key=lambda l: l.number)
    seen: set[tuple[int, ...]] = set()
    parts: list[tuple[int, ...]] = []
    for label in bound:
        own = tuple(k for k, f in enumerate(monomial.factors) if label in f.labels)
        joined = set(own)
        while True:  # everything that is tied by any summed label
            labels = {l for k in joined for l in monomial.factors[k].labels if l is not None and l not in free}
            more = {k for k, f in enumerate(monomial.factors) if labels & set(f.labels)}
            if more <= joined:
                break
            joined |= more
        parts += [own, tuple(sorted(joined))]
    for part in sorted(parts, key=len):
        if part not in seen:
            seen.add(part)
            chosen = tuple(monomial.factors[k] for k in part)
            yield chosen, tuple(f for k, f in enumerate(monomial.factors) if k not in part)


def outer_labels(part: Sequence[Factor], rest: Sequence[Factor], axes: Axes) -> set[Label]:
    """The labels of a part that occur outside it."""
    outside = {l for f in rest for l in f.labels} | set(axes)
    return {l for f in part for l in f.labels if l is not None and l in outside}


def divides(known: Monomial, axes: Axes, monomial: Monomial, sign: int) -> tuple[Axes, int] | None:
    """The labels with which ``known`` (or its inverse) is a part of a product, and how often; None if it is none."""
    times: list[int] = []

    def search(k: int, names: dict[Label, Label | None], free: list[Factor]) -> dict[Label, Label | None] | None:
        if k == len(known.factors):
            return names
        atom, labels, exponent = known.factors[k]
        for place, other in enumerate(free):
            if other.atom is not atom or other.exponent * sign * exponent <= 0:
                continue
            if abs(other.exponent) < abs(exponent):
                continue
            trial = dict(names)
            if all(
                (a is None) == (b is None) and (a is None or trial.setdefault(a, b) is b)
                for a, b in zip(labels, other.labels, strict=True)
            ):
                found = search(k + 1, trial, free[:place] + free[place + 1 :])
                if found is not None:
                    return found
        return None

    if not known.factors:
        return None
    names = search(0, {}, list(monomial.factors))
    if names is None or any(l is not None and l not in names for l in axes):
        return None
    renamed = {(f.atom, f.labels): f.exponent for f in monomial.factors}
    for f in known.renamed(names).factors:
        times.append(int(renamed.get((f.atom, f.labels), f.exponent * sign) / (f.exponent * sign)))
    return tuple(None if l is None else names[l] for l in axes), max(min(times), 1)


def split(monomial: Monomial, factor: Factor) -> Monomial:
    """A monomial with a higher power of a factor, if it has one, as two factors: that one and the rest."""
    for place, other in enumerate(monomial.factors):
        more = other.exponent - factor.exponent
        if other.atom is factor.atom and other.labels == factor.labels and more * factor.exponent > 0:
            others = monomial.factors[:place] + monomial.factors[place + 1 :]
            return replace(monomial, factors=(*others, factor, other._replace(exponent=more)))
    return monomial


def matching(monomial: Monomial, factor: Factor, axes: Axes) -> Monomial | None:
    """The monomial with its summed labels called as in ``factor``, if it has that factor; else None."""
    free = set(axes)
    for other in monomial.factors:
        if other.atom is not factor.atom or other.exponent != factor.exponent:
            continue
        names: dict[Label, Label | None] = {}
        fits = True
        for mine, theirs in zip(other.labels, factor.labels, strict=True):
            if mine is not theirs and (mine is None or theirs is None or mine in free or theirs in free):
                fits = False
                break
            if mine is None or theirs is None:
                continue
            if names.setdefault(mine, theirs) is not theirs:
                fits = False
                break
        if fits and len(set(names.values())) == len(names):
            clash = monomial.labels() & set(names.values()) - set(names)
            if clash:
                monomial = monomial.renamed({l: Label(l.size) for l in sorted(clash, key=lambda l: l.number)})
            return monomial.renamed(names)
    return None


def picked(monomial: Monomial, axes: Axes) -> Monomial:
    """E[i,j] (Σ_k E[i,k] f[i,k]) is E[i,j] f[i,j], where E is one-hot, and so for powers of the sum."""
    choices = [factor for factor in monomial.factors if isinstance(factor.atom, Choice) and factor.exponent == 1]
    for choice in choices:
        for place, factor in enumerate(monomial.factors):
            if not isinstance(factor.atom, Group) or len(factor.atom.form.monomials) != 1:
                continue
            (inner,) = factor.atom.form.with_axes(factor.labels).monomials
            same = [f for f in inner.factors if f.atom is choice.atom and f.labels[:-1] == choice.labels[:-1]]
            bound = inner.labels() - set(factor.labels)
            if len(same) != 1 or same[0].labels[-1] not in bound or len(bound) != 1 or inner.coefficient != ONE:
                continue
            rest = tuple(f for f in inner.factors if f is not same[0])
            opened = Monomial(ONE, rest).renamed({same[0].labels[-1]: choice.labels[-1]})
            raised = tuple(f._replace(exponent=f.exponent * factor.exponent) for f in opened.factors)
            others = monomial.factors[:place] + monomial.factors[place + 1 :]
            return picked(Monomial(monomial.coefficient, others + raised).combined(axes), axes)
    return monomial
