"""Which factors of a product come together, and in which order: what divides early, what is multiplied elementwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import combinations, permutations
from math import prod

from chainrule.explain.diagonals import trace
from chainrule.explain.form import Label
from chainrule.explain.piece import Binding, Piece, in_python
from chainrule.explain.typeset import beside, closed, divide, hadamard, last_swapped, matmul, scaled, summed

__all__ = [
    "alone",
    "batched",
    "between",
    "divided_early",
    "in_order",
    "leads",
    "of_numbers",
    "with_equals_merged",
    "work",
]


_BOUND = re.compile(r"\[([^\[\]]+) (≥|>|≤|<|\\ge|\\le) ([^\[\]]+)\]")
_TURNED = {"≥": "≤", ">": "<", r"\ge": r"\le"}


def divided_early(above: Sequence[Piece], below: Sequence[Piece], free: set[Label]) -> tuple[list[Piece], list[Piece]]:
    """Divisors with summed labels divide the factor that has these labels; the others the whole, numbers as one."""
    numbers = [divisor for divisor in below if not divisor.rank]
    numbers = [closed(number) for number in numbers] if len(numbers) > 1 else numbers
    factors, late = list(above), [reduce(lambda a, b: scaled(b, a), numbers)] if numbers else []
    for divisor in [divisor for divisor in below if divisor.rank]:
        labels = set(divisor.labels)
        hosts = [k for k, piece in enumerate(factors) if labels <= set(piece.labels)]
        same = [k for k in hosts if set(factors[k].labels) == labels]
        if labels <= free and not same:
            late.append(divisor)
        elif same:  # a b / c, and not (a / c) b
            whole = reduce(hadamard, [factors[k] for k in same])
            factors = [piece for k, piece in enumerate(factors) if k not in same[1:]]
            factors[same[0]] = divide(whole, divisor)
        elif hosts:
            factors[hosts[0]] = divide(factors[hosts[0]], divisor)
        else:
            factors.append(divide(Piece("1", "1", "1", ()), divisor))
    return factors, late


def alone(piece: Piece, pieces: Sequence[Piece], free: Sequence[Label]) -> Piece:
    """The sum of all entries, if that is all that is asked of a piece of several axes."""
    others = {l for other in pieces if set(other.labels) != set(piece.labels) for l in other.labels} | set(free)
    return summed(piece) if piece.rank > 1 and not others & set(piece.labels) else piece


def with_equals_merged(pieces: Sequence[Piece], free: Sequence[Label]) -> list[Piece]:
    """Factors with the same labels, multiplied elementwise; but two vectors that are summed are an inner product."""
    found: dict[frozenset[Label], Piece] = {}
    others: list[Piece] = []
    for piece in pieces:
        key = frozenset(piece.labels)
        if not key or _is_inner(piece, pieces, free):
            others.append(piece)
        elif key in found and _is_trace(found[key], piece, pieces, free):
            others.append(trace(matmul(found.pop(key), piece, piece.labels[0])))
        elif key in found:
            found[key] = hadamard(found[key], piece)
        else:
            found[key] = piece
    return [*others, *found.values()]


def between(pieces: Sequence[Piece]) -> list[Piece]:
    """Masks that say that one value lies above a bound, and below another, as one: [a ≤ x ≤ b]."""
    found = list(pieces)
    for low, high in permutations(pieces, 2):
        made = _between(low, high) if low in found and high in found else None
        if made is not None:
            found[found.index(low)] = made
            found.remove(high)
    return found


def _between(low: Piece, high: Piece) -> Piece | None:
    texts = [_BOUND.fullmatch(piece.text) for piece in (low, high)]
    latexes = [_BOUND.fullmatch(piece.latex) for piece in (low, high)]
    if not low.is_truth or not high.is_truth or low.axes != high.axes or None in texts or None in latexes:
        return None
    told = []
    for one, other in (texts, latexes):
        assert one is not None and other is not None
        if one[1] != other[1] or one[2] not in _TURNED or other[2] not in _TURNED.values():
            return None
        told.append(f"[{one[3]} {_TURNED[one[2]]} {one[1]} {other[2]} {other[3]}]")
    python = f"{in_python(low, Binding.CHAIN)} * {in_python(high, Binding.SIGN)}"
    return replace(low, text=told[0], latex=told[1], python=python, precedence=Binding.CHAIN)


def in_order(left: Piece, right: Piece, label: Label, free: Sequence[Label]) -> tuple[Piece, Piece]:
    """Which of two factors comes first: as the axes of the result are, or else so that nothing is transposed."""
    if left.rank == 2 and right.rank == 2:
        places = [_place(l, free) for p in (left, right) for l in p.labels if l is not label]
        if places[0] != places[1]:
            return (left, right) if places[0] < places[1] else (right, left)
        straight = (left.labels[1] is label) + (right.labels[0] is label)
        reversed_ = (right.labels[1] is label) + (left.labels[0] is label)
        return (left, right) if straight >= reversed_ else (right, left)
    return left, right


def _place(label: Label, free: Sequence[Label]) -> float:
    """Where a label is among the axes of the result; one that is still to be summed lies between the two."""
    return list(free).index(label) if label in free else 0.5


def of_numbers(pieces: Sequence[Piece]) -> Piece | None:
    """The product of the factors that are numbers: names, then functions, then the rest, as in m g sin(a) (yᵀ x)."""

    def place(piece: Piece) -> int:
        return 2 if piece.binding < Binding.POWER else piece.text.endswith(")")

    numbers = sorted([piece for piece in pieces if not piece.rank], key=place)
    numbers = [closed(number) for number in numbers] if len(pieces) > 1 else numbers
    return reduce(lambda product, number: scaled(number, product), numbers) if numbers else None


def leads(label: Label, pieces: Sequence[Piece]) -> int:
    """In how many of three matrices, each tied to both others, a label is that of the rows.

    Rows, the samples mostly, are added up last: 1ᵀ(D ⊙ (G Wᵀ)) and not (W ⊙ (Dᵀ G)) 1.
    """
    ties = [set(a.labels) & set(b.labels) for a, b in combinations(pieces, 2)]
    return sum([piece.labels[:1] == (label,) for piece in pieces]) if len(pieces) == 3 and all(ties) else 0


def work(label: Label, pieces: Sequence[Piece]) -> int:
    """How many products it takes to sum over a label."""
    touched = {l for piece in pieces if label in piece.labels for l in piece.labels}
    return prod(l.size for l in touched)


def batched(left: Piece, right: Piece, label: Label, free: Sequence[Label]) -> Piece | None:
    """A product of matrices for each index of leading axes."""
    shared = [l for l in left.labels if l in right.labels and l is not label]
    first, last = [[_place(l, free) for l in p.labels if l is not label and l not in shared] for p in (left, right)]
    is_turned = left.labels[-1] is not label and left.labels[-2] is label and right.labels[-1] is label
    if first > last or (first == last and is_turned):
        left, right = right, left
    for piece in (left, right):
        own = [l for l in piece.labels if l in shared]
        if list(piece.labels[: len(own)]) != shared or piece.rank > len(own) + 2 or None in piece.axes:
            return None
    if left.rank != len(shared) + 2 or right.rank != len(shared) + 2 or not shared:
        return None
    return matmul_of_batches(left, right, label, shared)


def matmul_of_batches(left: Piece, right: Piece, label: Label, shared: Sequence[Label]) -> Piece:
    """``left @ right`` over the last two axes."""
    if left.labels[-1] is not label:
        left = last_swapped(left)
    if right.labels[-2] is not label:
        right = last_swapped(right)
    return beside(left, right, (left, right), (*shared, left.labels[-2], right.labels[-1]))


def _is_trace(left: Piece, right: Piece, pieces: Sequence[Piece], free: Sequence[Label]) -> bool:
    """Whether two matrices, one of them the other way round, are all that their labels tie together."""
    touching = [other for other in pieces if set(left.labels) & set(other.labels)]
    is_turned = left.rank == len(left.axes) == len(right.axes) == 2 and left.labels == right.labels[::-1]
    return is_turned and len(touching) == 2 and not set(left.labels) & set(free)


def _is_inner(piece: Piece, pieces: Sequence[Piece], free: Sequence[Label]) -> bool:
    """Whether a piece is one of two vectors that nothing but a sum over their label ties to others."""
    touching = [other for other in pieces if set(piece.labels) & set(other.labels)]
    return len(touching) == 2 and all([other.rank == 1 for other in touching]) and piece.labels[0] not in free
