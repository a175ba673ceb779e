"""The chain rule on terms: (z ← y) ∘ (y ← x), worked out once for each pair of structures and replayed on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ShapeError
from chainrule.linear.merge import merge
from chainrule.linear.numbers import scaled
from chainrule.linear.recipe import Recipe
from chainrule.linear.simplify import simplified
from chainrule.linear.substitute import Held, Joint
from chainrule.linear.term import Pattern, Term
from chainrule.linear.unify import NeedsTablesError, solve

__all__ = ["axes_of", "close", "compose", "merge", "simplify"]


class _Plan(NamedTuple):
    """What is left of a composition: instructions, and for each term its pattern and where its arrays are."""

    recipe: Recipe
    terms: tuple[tuple[Pattern, tuple[int, ...], tuple[int, ...]], ...]

    def terms_of(self, inputs: Sequence[Any]) -> list[Term]:
        """The terms, given the arrays."""
        if not self.terms:
            return []
        registers = self.recipe.run(inputs)
        return [
            Term(made, tuple([registers[k] for k in factors]), tuple([registers[k] for k in tables]))
            for made, factors, tables in self.terms
        ]


_Alias = tuple[int, int, tuple[int, ...] | None]


def _aliases(factors: Sequence[Any]) -> tuple[_Alias, ...]:
    """Which factors are the same array: (later, earlier, None or the permutation of axes that makes them equal)."""
    found: list[_Alias] = []
    for k, array in enumerate(factors):
        for m in range(k):
            other = factors[m]
            if array is other:
                if type(array) not in (float, int):  # equal small numbers may or may not be one object
                    found.append((k, m, None))
                    break
            elif type(array) is np.ndarray and type(other) is np.ndarray and array.size == other.size:
                order = axes_of(array, other)
                if order is not None:
                    found.append((k, m, order))
                    break
            elif hasattr(array, "axes_of"):
                order = array.axes_of(other)
                if order is not None:
                    found.append((k, m, order))
                    break
    return tuple(found)


def axes_of(array: Any, other: Any) -> tuple[int, ...] | None:
    """The axes of ``other`` in the order that gives ``array``, if both are views of the same numbers."""
    base, other_base = (a if a.base is None else a.base for a in (array, other))
    if base is not other_base or array.ndim < 2 or array.ndim != other.ndim or array.dtype != other.dtype:
        return None
    if array.__array_interface__["data"][0] != other.__array_interface__["data"][0]:
        return None
    here = [(stride, size) for stride, size in zip(array.strides, array.shape, strict=True)]
    there = [(stride, size) for stride, size in zip(other.strides, other.shape, strict=True)]
    if sorted(here) != sorted(there) or len(set(there)) != len(there):
        return None
    return tuple([there.index(axis) for axis in here])


def _plan(
    outer: Pattern,
    inner: Pattern | None,
    aliases: Sequence[_Alias],
    known: Sequence[Any] | None = None,
    close: str | None = None,
) -> _Plan:
    """Work out a composition or, without ``inner``, the simplification, the diagonal or the trace of one term."""
    patterns = [outer] if inner is None else [outer, inner]
    factor_count = sum([len(p.factors) for p in patterns])
    inputs = factor_count + sum([len(p.tables) for p in patterns])
    recipe = Recipe(inputs, known)
    sizes: list[int] = []
    axes, held, table = [], list[Held](), factor_count
    for p in patterns:
        names = range(len(sizes), len(sizes) + len(p.sizes))
        slots = range(table, table + len(p.tables))
        table += len(p.tables)
        sizes += p.sizes
        axes.append([[axis.renamed(names, slots) for axis in side] for side in (p.row, p.column)])
        for labels, opaque in p.factors:
            held.append(Held(len(held), tuple([names[label] for label in labels]), opaque))
    for later, earlier, order in aliases:
        labels = held[later].labels
        if order is not None:
            labels = tuple([labels[order.index(k)] for k in range(len(order))])
        held[later] = Held(earlier, labels, held[later].opaque)
    row, column = axes[0][0], axes[-1][1]
    equations = [] if inner is None else list(zip(axes[0][1], axes[1][0], strict=True))
    if close is not None:
        equations, column = list(zip(row, column, strict=True)), []
        row = row if close == "diagonal" else []
    joint = Joint(sizes, row, column, equations, held, recipe)
    joint.settle()
    done = [simplified(solved) for solved in solve(joint)]
    short, names_of = recipe.compiled(inputs, [register for _, f, t in done for register in [*f, *t]])
    terms = [(made, tuple([names_of[k] for k in f]), tuple([names_of[k] for k in t])) for made, f, t in done]
    return _Plan(short, tuple(terms))


def compose(outer: Term, inner: Term) -> list[Term]:
    """The terms of ``outer`` after ``inner``: (z ← y) ∘ (y ← x) = (z ← x).

    Deltas merge, reshapes and slices are carried over to the other term, ranges are intersected exactly; so there may
    be no term at all (nothing in common), one, or, at the edges of a padded stencil, several. Labels that end up
    summed are contracted where that does not store more (see `simplify`).

    Args:
        outer: a term with column shape equal to the row shape of ``inner``.
        inner: the term that is applied first.

    Raises:
        ShapeError: the shapes do not meet.

    >>> from chainrule.linear.term import Axis, pattern
    >>> scale, _ = pattern([3], [0], [0], [(0,)])  # y = d * x
    >>> shift, _ = pattern([2], [0], [Axis(3, (0,), (1,), 1)])  # z = y[1:]
    >>> (term,) = compose(Term(shift), Term(scale, (np.array([1.0, 2.0, 3.0]),)))
    >>> term.pattern, term.factors
    (Pattern((0) <- (0+1); factors (0,); sizes (2,)), (array([2., 3.]),))
    """
    if is_identity(inner.pattern) and outer.pattern.column_shape == inner.pattern.row_shape:
        return [outer if not inner.factors else scaled(outer, inner.factors[0])]
    if is_identity(outer.pattern) and outer.pattern.column_shape == inner.pattern.row_shape:
        return [inner if not outer.factors else scaled(inner, outer.factors[0])]
    factors = (*outer.factors, *inner.factors)
    key = ("compose", inner.pattern, _aliases(factors) if len(factors) > 1 else ())
    plan = outer.pattern.plans.get(key)
    if plan is None and outer.pattern.column_shape != inner.pattern.row_shape:
        raise ShapeError(
            f"cannot compose a map from arrays of shape {outer.pattern.column_shape} with a map to arrays of shape "
            f"{inner.pattern.row_shape}: the second must give what the first takes"
        )
    return _replayed(plan, key, outer.pattern, inner.pattern, factors, (*outer.tables, *inner.tables))


def is_identity(p: Pattern) -> bool:
    """Whether a term is the identity, or a number times it."""
    found: bool | None = p.plans.get("identity")
    if found is None:
        labels = [axis.labels for axis in p.row]
        found = p.row == p.column and len(p.factors) < 2 and len(set(labels)) == len(labels)
        found = found and all([p.is_bare(axis) for axis in p.row]) and not any([f.labels for f in p.factors])
        p.plans["identity"] = found
    return found


def _replayed(
    plan: Any, key: Any, outer: Pattern, inner: Pattern | None, factors: Sequence[Any], tables: Sequence[Any]
) -> list[Term]:
    """Run a plan, made now if there is none."""
    close = key[0] if key[0] in ("diagonal", "trace") else None
    if plan is None:
        try:
            plan = _plan(outer, inner, key[-1], None, close)
        except NeedsTablesError:
            plan = "tables"
        outer.plans[key] = plan
    if plan == "tables":  # the number of entries depends on the values in the tables: nothing can be kept
        known = [None] * len(factors) + [np.asarray(table) for table in tables]
        plan = _plan(outer, inner, key[-1], known, close)
    made: list[Term] = plan.terms_of((*factors, *tables))
    return made


def close(term: Term, kind: str) -> list[Term]:
    """The entries of ``term`` on the diagonal, as terms without column axes; summed if ``kind`` is "trace".

    Args:
        term: a term whose row shape is its column shape.
        kind: "diagonal" (the row stays) or "trace".

    >>> from chainrule.linear.term import pattern
    >>> outer, _ = pattern([5], [0], [0], [(0,)])
    >>> [t.factors[0] for t in close(Term(outer, (np.arange(5.0),)), "trace")]
    [np.float64(10.0)]
    """
    key = (kind, _aliases(term.factors) if len(term.factors) > 1 else ())
    return _replayed(term.pattern.plans.get(key), key, term.pattern, None, term.factors, term.tables)


def simplify(term: Term) -> list[Term]:
    """The term with its summed labels contracted where that saves storage, its numbers folded into one.

    >>> from chainrule.linear.term import pattern
    >>> product, _ = pattern([2, 3, 4], [0], [2], [(0, 1), (1, 2)])  # an (2, 3) matrix times a (3, 4) one
    >>> (term,) = simplify(Term(product, (np.ones((2, 3)), np.ones((3, 4)))))
    >>> term.factors[0].shape
    (2, 4)
    """
    key = ("simplify", _aliases(term.factors) if len(term.factors) > 1 else ())
    return _replayed(term.pattern.plans.get(key), key, term.pattern, None, term.factors, term.tables)
