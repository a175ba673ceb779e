"""Say in one line, in words that people use, what kind of map a sum of terms is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from chainrule.linear.term import Axis, Pattern, Term

__all__ = ["describe"]

_NAMED = 3  # kinds of terms that are named; the others are counted
_SMALL_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class _Part(NamedTuple):
    """Labels that factors connect with each other and with nothing else: one factor of a Kronecker product."""

    row: tuple[int, ...]
    column: tuple[int, ...]
    name: str


def _labels(axes: Sequence[Axis]) -> list[int]:
    return list(dict.fromkeys(label for axis in axes for label in axis.labels))


def _parts(p: Pattern) -> list[_Part]:
    """The parts of a term, a run of deltas taken together."""
    groups = [{label} for label in range(len(p.sizes))]
    for factor in p.factors:
        touched = [group for group in groups if group & set(factor.labels)]
        groups = [group for group in groups if group not in touched] + ([set().union(*touched)] if touched else [])
    row, column = _labels(p.row), _labels(p.column)
    found = []
    deltas: set[int] = set()
    for group in groups:
        count = sum([bool(group & set(factor.labels)) for factor in p.factors])
        if not count and group <= set(row) and group <= set(column):
            deltas |= group
        else:
            found.append((group, count))
    if deltas:
        found.append((deltas, 0))
    parts = []
    for group, count in found:
        in_row, in_column = (tuple([label for label in side if label in group]) for side in (row, column))
        parts.append(_Part(in_row, in_column, _part_name(p, group, count, in_row, in_column)))
    return parts


def _part_name(p: Pattern, group: set[int], count: int, row: Sequence[int], column: Sequence[int]) -> str:
    shared = [label for label in row if label in column]
    inner = group - set(row) - set(column)
    if inner and _is_sandwich(p, group):
        return "AᵀDA"
    if inner:
        return f"A·B through {prod([p.sizes[label] for label in inner])}"
    if not count:
        ones = "1" if not column else "1ᵀ" if not row else ""
        return ones or "I" + "ₓ".join([str(p.sizes[label]).translate(_SMALL_DIGITS) for label in row])
    if set(row) == set(column):
        return "diag(d)"
    if shared:
        return f"{prod([p.sizes[label] for label in shared])} blocks"
    if not row or not column:
        return "x" if row else "xᵀ"
    return "A" if count == 1 else f"product of {count} factors"


def _is_sandwich(p: Pattern, group: set[int]) -> bool:
    """Whether a part has the form of AᵀDA (the arrays are known to the term only)."""
    factors = [factor.labels for factor in p.factors if set(factor.labels) & group]
    ends = [labels for labels in factors if len(labels) > 1]
    between = [labels for labels in factors if len(labels) == 1]
    return len(ends) == 2 and len(between) == 1 and all([set(between[0]) <= set(labels) for labels in ends])


def _ordered(parts: Sequence[_Part], p: Pattern) -> list[_Part] | None:
    """The parts in the order in which their Kronecker product is the map, if there is such an order."""
    pending, done = list(parts), list[_Part]()
    row, column = _labels(p.row), _labels(p.column)
    while pending:
        part = next(
            (
                part
                for part in pending
                if tuple(row[: len(part.row)]) == part.row and tuple(column[: len(part.column)]) == part.column
            ),
            None,
        )
        if part is None:
            return None
        pending.remove(part)
        done.append(part)
        row, column = row[len(part.row) :], column[len(part.column) :]
    return done


def _kind(p: Pattern) -> str:
    """The kind of one term."""
    if any([factor.opaque for factor in p.factors]):
        return "known by its products only"
    carried = {label for factor in p.factors for label in factor.labels}
    if any([axis.table >= 0 for axis in p.row + p.column]):
        if len(p.sizes) == 1 and len(p.tables) == len(p.row) + len(p.column):
            return "sparse, entry by entry"
        return "entries at index tables" if carried else "selection by index tables"
    if not all([p.is_bare(axis) for axis in p.row + p.column]):
        return _moved(p, carried)
    if any([len(_labels(side)) < len(side) for side in (p.row, p.column)]):
        return "scaled diagonal of repeated axes" if carried else "diagonal of repeated axes"
    parts = _parts(p)
    names = sorted([part.name for part in parts])
    if not parts:
        return "one number"
    if len(parts) == 1:
        return _one(parts[0], p)
    if names == ["x", "xᵀ"] or names in (["1", "xᵀ"], ["1ᵀ", "x"]):
        return "rank one"
    if set(names) <= {"1", "1ᵀ"}:
        return "constant"
    ordered = _ordered(parts, p)
    letters = iter("ABCDEFGHKLMNPQRSTUVWXYZ")  # a letter for each matrix
    found = [next(letters, "A") if part.name == "A" else part.name for part in ordered or parts]
    return " ⊗ ".join(found) + ("" if ordered else " with its axes in another order")


def _one(part: _Part, p: Pattern) -> str:
    """A term that is not a Kronecker product."""
    if part.name == "diag(d)":
        return "diagonal" if p.row == p.column else "diagonal times a transpose"
    if part.name.startswith("I"):
        if p.row != p.column:
            return "transpose"
        return "multiple of the identity" if p.factors else "identity"
    words = {"A": "dense", "x": "dense", "xᵀ": "dense", "1": "constant", "1ᵀ": "constant", "AᵀDA": "product AᵀDA"}
    if part.name.endswith("blocks"):
        return f"block diagonal, {part.name}"
    return words.get(part.name, part.name)


def _offset(p: Pattern) -> int | None:
    """For one axis on each side, ``i + a`` against ``i + b``: b - a, the diagonal that is filled."""
    if len(p.row) != 1 or len(p.column) != 1:
        return None
    (row,), (column,) = p.row, p.column
    plain = row.table < 0 and column.table < 0 and row.strides == column.strides and row.labels == column.labels
    plain = plain and row.strides in ((), (1,))
    return column.offset - row.offset if plain else None


def _moved(p: Pattern, carried: set[int]) -> str:
    """A term with slices, reshapes or windows among its axes."""
    if not any([axis.labels for axis in p.row + p.column]):
        return "one entry"
    offset = _offset(p)
    if offset is not None:
        return f"diagonal shifted by {offset:+d}" if offset else "part of the diagonal"
    row, column = set(_labels(p.row)), set(_labels(p.column))
    if row == column:
        return "scaled slice or reshape" if carried else "slice or reshape"
    return "block of a sparse map" if row & column else "dense block"


def _band(offsets: Sequence[int]) -> str:
    low, high = min(offsets), max(offsets)
    if low == high:
        return "diagonal" if low == 0 else f"diagonal shifted by {low:+d}"
    if (low, high) == (-1, 1):
        return "tridiagonal"
    if high - low == 1 and 0 in (low, high):
        return "upper bidiagonal" if high else "lower bidiagonal"
    return f"banded from {low:+d} to {high:+d}"


def describe(terms: Sequence[Term]) -> str:
    """What kind of map the sum of ``terms`` is.

    Letters stand for arrays of their own: x for a vector, A for a matrix, d for a diagonal. A Kronecker product is in
    the order of rows and columns flattened as NumPy does, last axis fastest.

    >>> from chainrule.linear.term import identity, pattern
    >>> describe([Term(identity((3,)))]), describe([])
    ('identity', 'zero')
    >>> describe([Term(pattern([2, 3], [1], [0, 1], [(0,)])[0])])
    'xᵀ ⊗ I₃'
    """
    if not terms:
        return "zero"
    if len(terms) == 1:
        return _kind(terms[0].pattern)
    offsets = [_offset(term.pattern) for term in terms]
    found = [offset for offset in offsets if offset is not None]
    if len(found) == len(terms):
        return f"{_band(found)}, {len(terms)} terms"
    kinds = Counter([_kind(term.pattern) for term in terms])
    rank = kinds.pop("rank one", 0)
    names = [kind if count == 1 else f"{count} × ({kind})" for kind, count in kinds.most_common(_NAMED)]
    if rank:
        names.append("rank one" if rank == 1 else f"rank {rank}")
    rest = len(terms) - rank - sum([count for _, count in kinds.most_common(_NAMED)])
    return " + ".join(names) + (f" + {rest} more terms" if rest else "")
