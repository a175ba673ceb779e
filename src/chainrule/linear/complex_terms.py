"""Terms of complex numbers: their conjugates, and the real part of what they map real numbers to.

A map that is linear for real numbers only, such as z ↦ conj(z), is no term. But applied after terms that start at real
numbers, or before terms that end at one, it gives terms again:

    conj(Σ J dx) = Σ conj(J) dx            Re(Σ J conj(dz)) = Re(Σ conj(J) dz)            Re(Σ J dx) = Σ Re(J) dx
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.linear.numbers import scaled
from chainrule.linear.term import Opaque, Term, pattern

__all__ = ["conjugate_terms", "real_terms"]


class Conjugated(Opaque):
    """The conjugate of a map that can only be applied."""

    def __init__(self, original: Opaque) -> None:
        self.original = original
        self.shape, self.dtype, self.name = original.shape, original.dtype, original.name
        self.sparsity, self.claimed, self.by_products = original.sparsity, original.claimed, original.by_products
        self.method, self.tracked = original.method, original.tracked

    def apply(self, vectors: Any) -> Any:
        """The conjugate of the product with the conjugates."""
        return np.conjugate(self.original.apply(np.conjugate(vectors)))

    def apply_transposed(self, vectors: Any) -> Any:
        """The same, transposed."""
        return np.conjugate(self.original.apply_transposed(np.conjugate(vectors)))

    def dense(self) -> Any:
        """The conjugate of the array."""
        return np.conjugate(self.original.dense())

    @property
    def stored(self) -> int:
        """The numbers that the map keeps."""
        return self.original.stored


def is_complex(factor: Any) -> bool:
    """Whether a factor is made of complex numbers."""
    return isinstance(factor, complex) if not hasattr(factor, "dtype") else bool(np.dtype(factor.dtype).kind == "c")


def conjugate_terms(terms: Sequence[Term]) -> list[Term]:
    """The terms with each factor conjugated."""
    return [term._replace(factors=tuple(map(_conjugate, term.factors))) for term in terms]


def _conjugate(factor: Any) -> Any:
    if not is_complex(factor):
        return factor
    return Conjugated(factor) if isinstance(factor, Opaque) else np.conjugate(factor)


def real_terms(terms: Sequence[Term]) -> list[Term]:
    """Terms whose entries are the real parts: of a product of complex factors, all parts that have a real product."""
    found = []
    for term in map(_without_complex_maps, terms):
        places = [place for place, factor in enumerate(term.factors) if is_complex(factor)]
        for count in range(0, len(places) + 1, 2):
            for imaginary in combinations(places, count):
                factors = list(term.factors)
                for place in places:
                    factors[place] = np.imag(factors[place]) if place in imaginary else np.real(factors[place])
                part = term._replace(factors=tuple(factors))
                found.append(scaled(part, -1) if count % 4 else part)
    return found


def _without_complex_maps(term: Term) -> Term:
    """The term with arrays in the place of complex maps that can only be applied: a real part has no product."""
    p = term.pattern
    places = [place for place, factor in enumerate(p.factors) if factor.opaque and is_complex(term.factors[place])]
    if not places:
        return term
    factors = [factor._replace(opaque=False) if k in places else factor for k, factor in enumerate(p.factors)]
    made = pattern(p.sizes, p.row, p.column, factors, p.tables)[0]
    values = [factor.dense() if k in places else factor for k, factor in enumerate(term.factors)]
    return Term(made, tuple(values), term.tables)
