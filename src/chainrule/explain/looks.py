"""What the numbers of a formula show, at points that have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.explain.atoms import Adjoint, Array, Point, Result, Value, atoms_in
from chainrule.explain.form import Form, Group, delta, single
from chainrule.explain.ties import Tie

__all__ = ["Looks", "compares"]

_LOOKED_AT = 1 << 16  # zeros and ones of a tie


class Looks:
    """Looks at formulas at ``points``, and remembers what it saw."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = list(points)
        self.seen: list[tuple[Form, Fraction | None]] = []  # constants, and identities, in the order of their finding
        self._constants: dict[Any, tuple[Form, Fraction | None]] = {}
        self._identities: dict[Any, bool] = {}
        self._zeros: dict[Any, bool] = {}  # differences
        self._different: dict[Any, bool] = {}

    def constant(self, form: Form) -> Fraction | None:
        """The small number that every entry of a form is at all points."""
        if not self._is_telling(form):
            return None
        key = form.key()
        if key not in self._constants:
            numbers = {_number(values, size) for values, size in self._seen(form)}
            self._constants[key] = form, numbers.pop() if len(numbers) == 1 else None
            self.seen += [self._constants[key]] if self._constants[key][1] is not None else []
        return self._constants[key][1]

    def is_identity(self, form: Form) -> bool:
        """Whether a form is the identity matrix at all points."""
        if len(form.shape) != 2 or form.shape[0] != form.shape[1] or not self._is_telling(form):
            return False
        key = form.key()
        if key not in self._identities:
            one = np.eye(form.shape[0])
            seen = [np.allclose(values, one, rtol=0, atol=1e-9 * size) for values, size in self._seen(form)]
            self._identities[key] = bool(seen) and all(seen)
            self.seen += [(form, None)] if self._identities[key] else []
        return self._identities[key]

    def vanishes(self, form: Form) -> bool:
        """Whether a difference is zero at all points."""
        key = form.key()
        if key not in self._zeros:
            told = [self._is_zero(point, form) for point in self.points]
            self._zeros[key] = told.count(True) > 1 and False not in told
            self.seen += [(form, Fraction(0))] if self._zeros[key] else []
        return self._zeros[key]

    def differ(self, form: Form, other: Form) -> bool:
        """Whether two forms with the same axes are not the same at some point."""
        key = form.key(), other.key()
        if key not in self._different:
            difference = form - other
            self._different[key] = any(self._is_zero(point, difference) is False for point in self.points)
        return self._different[key]

    @staticmethod
    def _is_zero(point: Point, form: Form) -> bool | None:
        """Whether a difference is zero at a point; None where that cannot be seen."""
        try:
            parts = [point.monomial(monomial, form.axes) for monomial in form.monomials]
        except (ValueError, LookupError, TypeError):
            return None
        size = max([float(np.max(np.abs(part), initial=0.0)) for part in parts], default=0.0)
        return bool(np.allclose(sum(parts), 0.0, rtol=0, atol=1e-9 * size)) if np.isfinite(size) else None

    def sees(self, form: Form, number: Fraction | None) -> bool:
        """Whether a form is this number in every entry, or the identity matrix."""
        if len(form.monomials) > 1:
            return self.vanishes(form)
        return self.is_identity(form) if number is None else self.constant(form) == number

    def known_constants(self) -> list[tuple[Form, Fraction]]:
        """The forms that were found to be the same number everywhere, and the numbers."""
        return [(form, number) for form, number in self._constants.values() if number is not None]

    def rests_on_data(self, point: Point) -> list[Form]:
        """The forms that were found to be the identity matrix, and are not at a point."""
        found = [form for form, number in self.seen if number is None]
        return [form for form in found if self._is_zero(point, form - single(delta(form.shape[0]), form.axes)) is False]

    def holds_at(self, point: Point, form: Form, number: Fraction) -> bool:
        """Whether every entry of a form is a number at a point; True where that cannot be seen."""
        try:
            values, size = _at(point, form)
        except (ValueError, LookupError, TypeError):
            return True
        return not np.isfinite(values).all() or np.allclose(values, float(number), rtol=0, atol=1e-9 * size)

    def _is_telling(self, form: Form) -> bool:
        atoms = [atom for m in form.monomials for atom, *_ in m.factors]
        return len(self.points) > 1 and not any(_is_stepped(atom) or _is_vast(atom) for atom in atoms)

    def _seen(self, form: Form) -> list[tuple[Array, float]]:
        """The numbers of a form and how large its summands are, at the points of its domain; nothing if too few."""
        found = []
        for point in self.points:
            try:
                values, size = _at(point, form)
            except (ValueError, LookupError, TypeError):
                return []
            if not values.size:
                return []
            if np.isfinite(values).all():
                found.append((values, size))
        return found if len(found) > 1 else []


def compares(form: Form) -> bool:
    """Whether a form asks which numbers are equal."""
    return any(isinstance(atom, Result) and atom.operation.generic is not None for atom in atoms_in(form))


def _at(point: Point, form: Form) -> tuple[Array, float]:
    values = point.form(form)
    return values, max(float(np.max(np.abs(values), initial=0.0)), _magnitude(form, point), 1e-30)


def _number(values: Array, size: float) -> Fraction | None:
    """The small number that all entries are."""
    near = Fraction(float(values.flat[0])).limit_denominator(4)
    if abs(near) > 4 or not np.allclose(values, float(near), rtol=0, atol=1e-9 * size):
        return None
    return near


def _is_stepped(atom: Any) -> bool:
    """Whether an atom is constant in pieces, like a mask, or not known in numbers: points show little about it."""
    if isinstance(atom, Adjoint):
        return True
    if isinstance(atom, Value):
        return atom.step.operation is not None and not atom.step.is_tracked
    if isinstance(atom, Result):
        is_step = not atom.operation.differentiable and atom.operation.generic is None
        return is_step or any(_has_steps(argument) for argument in atom.arguments)
    return isinstance(atom, Group) and _has_steps(atom.form)


def _is_vast(atom: Any) -> bool:
    """Whether an atom's numbers are too many to be looked at, for what there is to see."""
    if isinstance(atom, Group):
        return any(_is_vast(inner) for monomial in atom.form.monomials for inner, *_ in monomial.factors)
    return isinstance(atom, Tie) and atom.size > _LOOKED_AT


def _has_steps(form: Form) -> bool:
    return any(_is_stepped(atom) for monomial in form.monomials for atom, *_ in monomial.factors)


def _magnitude(form: Form, point: Point) -> float:
    """How large the summands are that make up a sum."""
    (monomial,) = form.monomials
    labels = sorted(monomial.labels(), key=lambda l: l.number)
    return float(np.max(np.abs(point.form(Form(tuple(labels), (monomial,)))), initial=0.0))
