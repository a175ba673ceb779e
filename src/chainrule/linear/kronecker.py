"""A term as a Kronecker product: its parts, solved and measured one by one, never multiplied out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import MatrixError
from chainrule.linear.contract import plan_contraction
from chainrule.linear.inverse import Inverse, LogDeterminant, matrices_slogdet, matrices_solve, permutation_sign
from chainrule.linear.term import Pattern, Term

__all__ = ["Kronecker", "Part", "Parts", "parts_of"]


class Part(NamedTuple):
    """Labels that factors connect: ``shared`` are on both sides, ``row`` and ``column`` on one.

    ``matrices`` gives, from the factors numbered ``factors``, an array with the axes shared, row, column; None for
    an identity.
    """

    shared: tuple[int, ...]
    row: tuple[int, ...]
    column: tuple[int, ...]
    copies: int
    height: int
    width: int
    factors: tuple[int, ...]
    matrices: Callable[..., Any] | None

    @property
    def words(self) -> str:
        """What to call it in a message."""
        if self.height == self.width == 1:
            return f"the diagonal of {self.copies} numbers"
        return f"one of {self.copies} blocks" if self.copies > 1 else "a factor of the Kronecker product"


class Parts(NamedTuple):
    """The parts of a pattern, its factors that are numbers, a number that counts what nothing carries, both sides."""

    parts: tuple[Part, ...]
    numbers: tuple[int, ...]
    multiple: int
    row: tuple[int, ...]
    column: tuple[int, ...]


def parts_of(p: Pattern) -> Parts | None:
    """The parts of a term whose axes are bare labels, each once on its side; None for other terms.

    >>> from chainrule.linear.term import pattern
    >>> found = parts_of(pattern([4, 3, 3], [0, 1], [0, 2], [(1, 2)])[0])  # I₄ ⊗ A
    >>> [(part.shared, part.row, part.column) for part in found.parts]
    [((0,), (), ()), ((), (1,), (2,))]
    """
    if "kronecker" not in p.plans:
        p.plans["kronecker"] = _parts(p)
    found: Parts | None = p.plans["kronecker"]
    return found


def _side(p: Pattern, axes: Sequence[Any]) -> tuple[int, ...] | None:
    """The labels of the axes of one side, if they are bare, each once."""
    if not all([p.is_bare(axis) if axis.labels else axis.size == 1 for axis in axes]):
        return None
    labels = tuple([axis.labels[0] for axis in axes if axis.labels])
    return labels if len(set(labels)) == len(labels) else None


def _parts(p: Pattern) -> Parts | None:
    row, column = _side(p, p.row), _side(p, p.column)
    if row is None or column is None or any([factor.opaque for factor in p.factors]):
        return None
    groups = [{label} for label in range(len(p.sizes))]
    for factor in p.factors:
        touched = [group for group in groups if group & set(factor.labels)]
        groups = [group for group in groups if group not in touched] + ([set().union(*touched)] if touched else [])
    found, count = [], 1
    for group in groups:
        mine = tuple([k for k, factor in enumerate(p.factors) if set(factor.labels) & group])
        shared = tuple([label for label in row if label in group and label in column])
        one = tuple([label for label in row if label in group and label not in column])
        two = tuple([label for label in column if label in group and label not in row])
        if not shared + one + two and not mine:
            count *= prod([p.sizes[label] for label in group])
            continue
        matrices = None
        if mine or one or two:
            sizes = tuple([size if label in group else 1 for label, size in enumerate(p.sizes)])
            matrices = plan_contraction(tuple([p.factors[k] for k in mine]), shared + one + two, sizes)
        extents = [prod([p.sizes[label] for label in labels]) for labels in (shared, one, two)]
        found.append(Part(shared, one, two, extents[0], extents[1], extents[2], mine, matrices))
    found.sort(key=lambda part: [row.index(label) for label in part.shared + part.row])
    numbers = tuple([k for k, factor in enumerate(p.factors) if not factor.labels])
    return Parts(tuple(found), numbers, count, row, column)


class Kronecker(Inverse):
    """A term by its parts; the inverse of a product of parts is the product of their inverses."""

    def __init__(self, term: Term, parts: Parts) -> None:
        self.sizes, self.parts, self.factors = term.pattern.sizes, parts, term.factors

    def _array(self, part: Part) -> Any:
        """The matrices of a part as a stack."""
        if part.height != part.width:
            raise MatrixError(
                f"a factor of the Kronecker product has {part.height} rows and {part.width} columns: the map is "
                f"singular, J x = b has no single solution"
            )
        assert part.matrices is not None
        found = part.matrices(*[self.factors[k] for k in part.factors])
        full = tuple([self.sizes[label] for label in part.shared + part.row + part.column])
        if found.shape != full:
            found = np.broadcast_to(found, full)
        return found.reshape(part.copies, part.height, part.width)

    def _number(self) -> Any:
        number: Any = self.parts.multiple
        for k in self.parts.numbers:
            number = number * self.factors[k]
        return number

    def solve(self, right: Any) -> Any:
        sizes, labels = self.sizes, [*self.parts.row, -1]
        found = right.reshape([sizes[label] for label in self.parts.row] + [right.shape[1]])
        for part in self.parts.parts:
            if part.matrices is None:
                continue
            matrices = self._array(part)
            others = [label for label in labels if label not in part.shared + part.row]
            order = [labels.index(label) for label in [*part.shared, *part.row, *others]]
            extents = [found.shape[labels.index(label)] for label in others]
            found = found.transpose(order).reshape(part.copies, part.height, prod(extents))
            found = matrices_solve(matrices, found, part.words)
            labels = [*part.shared, *part.column, *others]
            found = found.reshape([sizes[label] for label in part.shared + part.column] + extents)
        number = self._number()
        if number == 0:
            raise MatrixError("the map is zero times something: J x = b has no single solution")
        if number != 1:
            found = found / number
        found = found.transpose([labels.index(label) for label in [*self.parts.column, -1]])
        return found.reshape(-1, right.shape[1])

    def slogdet(self) -> LogDeterminant:
        sizes, parts = self.sizes, self.parts
        if any([part.height != part.width for part in parts.parts]):
            return LogDeterminant(0.0, -np.inf)
        total = prod([sizes[label] for label in parts.row])
        found = matrices_slogdet(np.asarray(self._number() * 1.0).reshape(1, 1, 1)).times(total)
        for part in parts.parts:
            if part.matrices is not None:
                found = found.plus(matrices_slogdet(self._array(part)).times(total // (part.copies * part.height)))
        row = [label for part in parts.parts for label in part.shared + part.row]
        column = [label for part in parts.parts for label in part.shared + part.column]
        for side, canonical in ((parts.row, row), (parts.column, column)):
            sign = permutation_sign([sizes[label] for label in side], [side.index(label) for label in canonical])
            found = LogDeterminant(found.sign * sign, found.value)
        return found
