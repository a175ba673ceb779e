"""Products with a local Jacobian in which a path that is not taken passes nothing: there 0·∞ and 0·NaN are 0.

A path is not taken where the vector is exactly zero, or where the derivative marks a choice and is zero. Because
looking costs, sweeps do this only where they met a number that is not finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.linear.term import Opaque, Term
from chainrule.op import Diagonal

__all__ = ["careful_product", "careful_terms"]


def _plain(value: Any) -> Any:
    return np.asarray(getattr(value, "value", value))


def careful_product(rule: Diagonal, vector: Any, derivative: Any, forward: bool = False) -> Any:
    """``vector * derivative`` where nothing passes through a path that is not taken.

    ``forward`` says that the vector is a tangent: then a derivative of zero stands where a cotangent of zero would, and
    passes no infinity either.
    """
    seen, slope = _plain(vector), _plain(derivative)
    untaken = (seen == 0) & ~np.isfinite(slope)
    if untaken.any():
        derivative = np.where(untaken, np.zeros((), slope.dtype), derivative)
    if rule.choice or forward:
        untaken = (slope == 0) & ~np.isfinite(seen)
        if untaken.any():
            vector = np.where(untaken, np.zeros((), seen.dtype), vector)
    return vector * derivative


def careful_terms(terms: Sequence[Term], vector: Any, forward: bool) -> list[Term]:
    """Terms without the numbers that are not finite and meet zeros of the vector alone."""
    return [_careful(term, vector, forward) for term in terms]


def _careful(term: Term, vector: Any, forward: bool) -> Term:
    axes = term.pattern.column if forward else term.pattern.row
    shape = term.pattern.column_shape if forward else term.pattern.row_shape
    if not all([term.pattern.is_bare(axis) or axis.size == 1 for axis in axes]):
        return term
    zero = np.broadcast_to(_plain(vector) == 0, shape)
    labels = [axis.labels[0] if term.pattern.is_bare(axis) else None for axis in axes]
    factors = list(term.factors)
    for place, (factor, made) in enumerate(zip(term.factors, term.pattern.factors, strict=True)):
        if isinstance(factor, Opaque) or not made.labels:
            continue
        numbers = _plain(factor)
        if np.isfinite(numbers).all():
            continue
        others = tuple([k for k, label in enumerate(labels) if label not in made.labels])
        kept = [label for label in labels if label in made.labels]
        nothing = np.all(zero, axis=others) if others else zero
        nothing = np.transpose(nothing, np.argsort([made.labels.index(label) for label in kept]))
        sizes = [numbers.shape[k] if label in kept else 1 for k, label in enumerate(made.labels)]
        untaken = np.reshape(nothing, sizes) & ~np.isfinite(numbers)
        factors[place] = np.where(untaken, np.zeros((), numbers.dtype), factor)
    return term._replace(factors=tuple(factors))
