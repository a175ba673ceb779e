"""How long a formula is to read: what simplification makes small."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from chainrule.explain.atoms import Choice, Result, Value
from chainrule.explain.form import Axes, Form, Group, Monomial
from chainrule.explain.ties import Tie, is_made_of_ties

__all__ = ["cost", "monomial_cost"]

_known: WeakKeyDictionary[Group | Result, float] = WeakKeyDictionary()  # formulas share their parts


def cost(form: Form) -> float:
    """How long a formula is to read; a number that all summands have is read once."""
    told = sum([monomial_cost(m, form.axes) for m in form.monomials]) + 0.5 * max(len(form.monomials) - 1, 0)
    numbers = {(abs(m.coefficient.number), m.coefficient.sizes) for m in form.monomials}
    return told - (len(form.monomials) - 1) * _number_cost(form.monomials[0]) if len(numbers) == 1 else told


def monomial_cost(monomial: Monomial, axes: Axes) -> float:
    """How long a summand is to read."""
    told = _number_cost(monomial) + 0.4 * len(monomial.labels() - set(axes))
    for atom, _, exponent in monomial.factors:
        told += _atom_cost(atom) + (0.0 if exponent == 1 else 0.3 + 0.1 * abs(float(exponent)))
    return told or 1.0


def _number_cost(monomial: Monomial) -> float:
    number, sizes = monomial.coefficient
    return (0.0 if number in (1, -1) else 0.6) + 0.3 * len(sizes)


def _atom_cost(atom: Any) -> float:
    if isinstance(atom, Group | Result):
        found = _known.get(atom)
        if found is None:
            found = _known[atom] = _composed_cost(atom)
        return found
    if isinstance(atom, Tie):
        return 0.5
    return 1.0 if isinstance(atom, Value | Choice) else 1.2


def _composed_cost(atom: Group | Result) -> float:
    if isinstance(atom, Group):
        return cost(atom.form) + (0.6 if is_made_of_ties(atom) else 0.3)
    return 1.0 + sum([cost(argument) for argument in atom.arguments])
