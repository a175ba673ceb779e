"""Which matrices in a formula are symmetric: those that were computed, and are so wherever one looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.explain.atoms import Point, Result, Value
from chainrule.explain.form import Factor, Form, Group

__all__ = ["Symmetry"]


class Symmetry:
    """Looks at matrices at ``points`` that have nothing to do with each other.

    What is given is never taken for symmetric: it may be another matrix next time.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = points
        self._known: dict[Any, bool] = {}

    def holds(self, atom: Any) -> bool:
        """Whether an atom is a symmetric matrix."""
        found = self._known.get(atom)
        if found is None:
            found = self._known[atom] = self._looked_at(atom)
        return found

    def ordered(self, factor: Factor) -> Factor:
        """A factor with the labels of a symmetric matrix in their own order."""
        if len(factor.labels) != 2 or None in factor.labels or not self.holds(factor.atom):
            return factor
        first, second = sorted(factor.labels, key=lambda label: label.number)  # type: ignore[union-attr]
        return factor._replace(labels=(first, second))

    def _is_even(self, form: Form) -> bool:
        """Whether a sum is the same with its axes exchanged, as A + Aᵀ is."""
        ordered = [replace(m, factors=tuple([self.ordered(f) for f in m.factors])) for m in form.monomials]
        return bool(Form(form.axes, tuple(ordered)).key() == Form(form.axes[::-1], tuple(ordered)).key())

    def _looked_at(self, atom: Any) -> bool:
        shape: tuple[int, ...] = getattr(atom, "shape", ())
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
            return False
        if isinstance(atom, Group):
            return self._is_even(atom.form)
        if not isinstance(atom, Result) and not (isinstance(atom, Value) and atom.step.operation is not None):
            return False
        seen = 0
        for point in self.points:
            try:
                values = point.atom(atom)
            except (ValueError, KeyError, IndexError, TypeError):
                return False
            if values.shape != shape or not np.isfinite(values).all():
                continue
            seen += 1
            if not np.allclose(values, values.T, rtol=1e-9, atol=1e-12 * float(np.max(np.abs(values)))):
                return False
        return seen > 1
