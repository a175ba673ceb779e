"""What stands behind a mask: where [x ≥ a] is one, max(x, a) is x, and where it is zero, nobody asks.

That a mask is zero wherever something else was chosen is looked at in numbers; which operations choose, their rules
say.
"""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.explain.atoms import Result, result_of
from chainrule.explain.form import ONE, Factor, Form, Monomial, single
from chainrule.explain.looks import Looks
from chainrule.op import Diagonal

__all__ = ["without_choices"]


def without_choices(monomial: Monomial, looks: Looks) -> Monomial:
    """A product in which a choice, behind a mask that is zero wherever it chose otherwise, is what it chose."""
    masks = [f for f in monomial.factors if isinstance(f.atom, Result) and f.atom.step.value.dtype == bool]
    for mask in masks:
        for place, factor in enumerate(monomial.factors):
            made = None if factor is mask or factor.labels != mask.labels else _chosen(factor, mask, looks)
            if made is not None:
                factors = (*monomial.factors[:place], *made.factors, *monomial.factors[place + 1 :])
                return without_choices(Monomial(monomial.coefficient.times(made.coefficient), factors), looks)
    return monomial


def _chosen(factor: Factor, mask: Factor, looks: Looks) -> Monomial | None:
    """A choice, or a function of one, as what it chose or a function of it, if the mask lets only that through."""
    atom = factor.atom
    if not isinstance(atom, Result) or atom.axes is None:
        return None
    whole = single(atom, factor.labels)
    for picked in _picked(whole) if factor.exponent == 1 else ():
        if len(picked.monomials) == 1 and _is_all_that_passes(mask, whole, picked, looks):
            return picked.with_fresh_sums().monomials[0]
    for place, argument in enumerate(atom.arguments):
        for picked in _picked(argument):
            if _is_all_that_passes(mask, argument, picked, looks):
                arguments = (*atom.arguments[:place], picked, *atom.arguments[place + 1 :])
                return Monomial(ONE, (factor._replace(atom=result_of(atom.step, arguments, atom.axes)),))
    return None


def _is_all_that_passes(mask: Factor, choice: Form, picked: Form, looks: Looks) -> bool:
    """Whether a choice chooses several things, and the mask lets only one of them through."""
    ours = single(mask.atom, choice.axes)
    return looks.differ(choice, picked) and looks.vanishes(ours * choice - ours * picked)


def _picked(argument: Form) -> Iterator[Form]:
    """If a formula is a choice: what it chooses from."""
    if len(argument.monomials) != 1 or len(argument.monomials[0].factors) != 1 or None in argument.axes:
        return
    (monomial,) = argument.monomials
    (factor,) = monomial.factors
    atom = factor.atom
    if monomial.coefficient != ONE or factor.exponent != 1 or not isinstance(atom, Result) or atom.axes is None:
        return
    rules = [atom.operation.rule(k) for k in range(len(atom.arguments))]
    if factor.labels == argument.axes and all(isinstance(rule, Diagonal) and rule.choice for rule in rules):
        for picked in atom.arguments:
            if any(m.factors for m in picked.monomials):
                yield picked.with_axes(argument.axes)
