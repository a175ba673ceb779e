"""Terms that fill the same positions made one, where the product multiplied out stores no more than its factors.

    s ⊗ δ₁ ⊗ a + δ₂ ⊗ a     = (s δ₁ + δ₂) ⊗ a      the factors of one part are multiplied, the other part is shared
    Σ_k  s_k a_k ⊗ b_k      = one array            if its entries are no more numbers than all the factors hold

The first keeps the outer products of per-example gradients as one pair of factors; the second turns the many paths of
a residual through a few parameters into one small block for each observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from chainrule.linear.contract import plan_contraction
from chainrule.linear.numbers import stored
from chainrule.linear.term import Pattern, Term, pattern

__all__ = ["unite"]

Parts = dict[frozenset[int], list[int]]  # the labels of a part of the product -> the places of its factors


def unite(terms: Sequence[Term]) -> list[Term]:
    """The same sum with terms of equal positions added, where that does not store more.

    >>> import numpy as np
    >>> p, _ = pattern([2, 3, 4], [0, 1], [0, 2], [(0, 1), (0, 2)])
    >>> a, b, c = np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 3))
    >>> (term,) = unite([Term(p, (a, b)), Term(p, (c, b))])
    >>> [factor.shape for factor in term.factors]
    [(2, 3), (2, 4)]
    """
    groups: dict[Any, list[Term]] = {}
    for place, term in enumerate(terms):
        p = term.pattern
        plain = _is_plain(p)
        key = (p.sizes, p.row, p.column, tuple(map(id, term.tables))) if plain else place
        groups.setdefault(key, []).append(term)
    if len(groups) == len(terms):
        return list(terms)
    return [term for group in groups.values() for term in _united(group)]


def _is_plain(p: Pattern) -> bool:
    """Whether all factors can be multiplied, and nothing is summed."""
    found: bool | None = p.plans.get("plain")
    if found is None:
        found = not p.inner and not any([factor.opaque for factor in p.factors])
        found = found and bool(any([factor.labels for factor in p.factors]))
        p.plans["plain"] = found
    return found


def _united(group: list[Term]) -> list[Term]:
    """A group of terms on the same positions with fewer members."""
    if len(group) < 2:
        return group
    merged: list[Term] = []
    for term in group:
        for place, other in enumerate(merged):
            made = _shared(other, term)
            if made is not None:
                merged[place] = made
                break
        else:
            merged.append(term)
    if len(merged) < 2:
        return merged
    p = merged[0].pattern
    if prod([p.sizes[label] for label in p.outer]) <= stored(merged):
        return [_multiplied(merged)]
    return merged


def _parts(p: Pattern) -> Parts:
    """The factors, grouped by the largest sets of labels; a factor inside several sets is left to be placed."""
    found: Parts | None = p.plans.get("parts")
    if found is None:
        sets = [frozenset(factor.labels) for factor in p.factors]
        largest = dict.fromkeys([s for s in sets if not any([s < other for other in sets])])
        found = p.plans["parts"] = {part: [k for k, s in enumerate(sets) if s == part] for part in largest}
    return found


def _shared(one: Term, other: Term) -> Term | None:
    """The sum of two terms that share all factors of all parts but one; None if they do not."""
    parts, others = _parts(one.pattern), _parts(other.pattern)
    if parts.keys() != others.keys() or len(parts) < 2:
        return None
    # The same array with its axes on other labels, as in A and Aᵀ, is another factor.
    differing = [part for part in parts if _held(one, parts[part]) != _held(other, others[part])]
    if len(differing) != 1:
        return None
    (part,) = differing
    sides = []
    for term, its in ((one, parts), (other, others)):
        kept = {k for name, places in its.items() if name != part for k in places}
        rest = [k for k in range(len(term.factors)) if k not in kept]
        if any([not set(term.pattern.factors[k].labels) <= part for k in rest]):
            return None  # a small factor that belongs to a part which is shared
        sides.append((sorted(kept), rest))
    labels = tuple(sorted(part))
    total: Any = None
    for term, (_, rest) in zip((one, other), sides, strict=True):
        product = _product(term, rest, labels)
        total = product if total is None else total + product
    p, kept_places = one.pattern, sides[0][0]
    factors = [p.factors[k] for k in kept_places]
    made, names = pattern(p.sizes, p.row, p.column, [labels, *factors], p.tables)
    if names != tuple(range(len(p.sizes))):
        return None
    return Term(made, (total, *[one.factors[k] for k in kept_places]), one.tables)


def _held(term: Term, places: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
    """Which arrays a part of a term holds, and along which labels."""
    return sorted([(id(term.factors[k]), term.pattern.factors[k].labels) for k in places])


def _product(term: Term, places: Sequence[int], labels: tuple[int, ...]) -> Any:
    """The product of some factors of a term, with the axes ``labels`` (thin where they do not vary)."""
    p = term.pattern
    key = ("product", tuple(places), labels)
    plan = p.plans.get(key)
    if plan is None:
        plan = p.plans[key] = _planned(p, places, labels)
    return plan(*[term.factors[k] for k in places])


def _planned(p: Pattern, places: Sequence[int], labels: tuple[int, ...]) -> Any:
    """The plan of a product in which no label is summed or counted."""
    carried = {label for k in places for label in p.factors[k].labels}
    sizes = tuple([size if label in carried or label in labels else 1 for label, size in enumerate(p.sizes)])
    return plan_contraction(tuple([p.factors[k] for k in places]), labels, sizes)


def _multiplied(terms: Sequence[Term]) -> Term:
    """The sum of terms on the same positions as one array over all labels."""
    p = terms[0].pattern
    labels = p.outer
    total: Any = None
    for term in terms:
        product = _product(term, range(len(term.factors)), labels)
        total = product if total is None else total + product
    carried = [label for k, label in enumerate(labels) if total.shape[k] == p.sizes[label]]
    if len(carried) < len(labels):
        total = total.reshape([p.sizes[label] for label in carried])
    made, names = pattern(p.sizes, p.row, p.column, [carried], p.tables)
    assert names == tuple(range(len(p.sizes)))  # labels are numbered along the rows and columns, which are the same
    return Term(made, (total,), terms[0].tables)
