"""Say in one line, in words that people use, what kind of map a sum of terms is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from chainrule.linear.arrangement import arrangement, bands, is_one_band
from chainrule.linear.footprint import counted, footprint
from chainrule.linear.notation import small
from chainrule.linear.probe import products_note
from chainrule.linear.term import Axis, Pattern, Term

__all__ = ["describe", "is_symmetric"]

_LENGTH = 110  # letters that the names of the terms of a sum may take; longer sums are said by where their entries lie
_PLAIN = ("one number", "identity", "diagonal", "constant")  # to be symmetric is nothing to tell then


_POOLS = {"vector": "xyzuvw", "matrix": "ABCEFGHKLMNPQRSTUVWXYZ", "diagonal": "defgh"}


class _Letters:
    """A letter for each array, the same one wherever the array comes again; its own name if ``called`` knows one."""

    def __init__(self, called: Callable[[Any], str] | None = None) -> None:
        self._called = called
        self._known: dict[Any, str] = {}
        self._fresh: dict[str, Iterator[str]] = {kind: iter(pool) for kind, pool in _POOLS.items()}

    def __call__(self, kind: str, array: Any = None) -> str:
        key = (kind, id(array))
        if array is not None and key in self._known:
            return self._known[key]
        if array is not None and self._called is not None and (name := self._called(array)):
            return name
        letter = next(self._fresh[kind], _POOLS[kind][-1])
        self._known[key] = letter
        return letter


class _Part(NamedTuple):
    """Labels that factors connect with each other and with nothing else: one factor of a Kronecker product."""

    row: tuple[int, ...]
    column: tuple[int, ...]
    kind: str  # identity, ones, vector, diagonal, matrix, product, blocks
    name: str


def _each(p: Pattern, axes: Sequence[Axis]) -> list[int]:
    """The labels of some axes, without those that only ever have one value or name the only place of an axis."""
    return [label for axis in axes if axis.size > 1 for label in axis.labels if p.sizes[label] > 1]


def _labels(p: Pattern, axes: Sequence[Axis]) -> list[int]:
    return list(dict.fromkeys(_each(p, axes)))


def _carried(p: Pattern, factor: int) -> tuple[int, ...]:
    """The labels along which a factor varies."""
    return tuple([label for label in p.factors[factor].labels if p.sizes[label] > 1])


# --- a Kronecker product ----------------------------------------------------------------------------------------------


def _parts(term: Term, letters: _Letters) -> list[_Part]:
    """The parts of a term, a run of deltas taken together."""
    p = term.pattern
    groups = [{label} for label, size in enumerate(p.sizes) if size > 1]
    for factor in p.factors:
        touched = [group for group in groups if group & set(factor.labels)]
        groups = [group for group in groups if group not in touched] + ([set().union(*touched)] if touched else [])
    row, column = _labels(p, p.row), _labels(p, p.column)
    groups.sort(key=lambda group: [label in group for label in row + column], reverse=True)
    found, deltas = [], set[int]()
    for group in groups:
        if group <= set(row) and group <= set(column) and not _touching(p, group):
            deltas |= group
        else:
            found.append(group)
    if deltas:
        found.append(deltas)
    return [_part(term, group, letters) for group in found]


def _touching(p: Pattern, group: set[int]) -> list[int]:
    """The factors that have a label of the group."""
    return [k for k, factor in enumerate(p.factors) if group & set(factor.labels)]


def _part(term: Term, group: set[int], letters: _Letters) -> _Part:
    p, factors = term.pattern, _touching(term.pattern, group)
    row, column = (tuple([label for label in _labels(p, side) if label in group]) for side in (p.row, p.column))
    single = term.factors[factors[0]] if len(factors) == 1 else None
    shared = [label for label in row if label in column]
    inner = group - set(row) - set(column)
    if inner:
        return _Part(row, column, "product", _product(term, factors, inner))
    if not factors:
        if row and column:
            return _Part(row, column, "identity", "I" + "ₓ".join([small(p.sizes[label]) for label in row]))
        return _Part(row, column, "ones", "1" if row else "1ᵀ")
    if set(row) == set(column):
        return _Part(row, column, "diagonal", f"diag({letters('diagonal', single)})")
    if shared:
        high, wide = (prod([p.sizes[label] for label in side if label not in shared]) for side in (row, column))
        count = prod([p.sizes[label] for label in shared])
        name = f"{count} blocks of {high} × {wide}"
        in_order = row[: len(shared)] == column[: len(shared)] == tuple(shared)
        return _Part(row, column, "blocks", name if in_order else f"{name}, interleaved")
    if not row or not column:
        return _Part(row, column, "vector", letters("vector", single) + ("" if row else "ᵀ"))
    turned = len(factors) == 1 and _carried(p, factors[0]) == column + row
    return _Part(row, column, "matrix", letters("matrix", single) + ("ᵀ" if turned else ""))


def _product(term: Term, factors: Sequence[int], inner: set[int]) -> str:
    """The name of a product that was left unmultiplied."""
    p = term.pattern
    through = prod([p.sizes[label] for label in inner])
    wide = [k for k in factors if len(_carried(p, k)) > 1]
    narrow = [k for k in factors if len(_carried(p, k)) == 1]
    if len(wide) == 2 and set().union(*[_carried(p, k) for k in narrow]) <= inner:
        (a, b), middle = wide, "D" if narrow else ""
        one, other = _carried(p, a), _carried(p, b)
        alike = [x == y for x, y in zip(one, other, strict=False)] == [x in inner for x in one]
        if term.factors[a] is term.factors[b] and len(one) == len(other) and alike:
            return f"Aᵀ{middle}A" if middle else f"AᵀA through {through}"
        return f"A·{middle}·B through {through}" if middle else f"A·B through {through}"
    return f"product of {len(factors)} factors through {through}"


def _ordered(parts: Sequence[_Part], p: Pattern) -> list[_Part] | None:
    """The parts in the order in which their Kronecker product is the map, if there is such an order."""
    if any([part.kind in ("identity", "diagonal") and part.row != part.column for part in parts]):
        return None
    pending, done = list(parts), list[_Part]()
    row, column = _labels(p, p.row), _labels(p, p.column)
    while pending:
        fitting = [
            part
            for part in pending
            if tuple(row[: len(part.row)]) == part.row and tuple(column[: len(part.column)]) == part.column
        ]
        if not fitting:
            return None
        # What is a column goes before what is a row: x ⊗ yᵀ is xyᵀ
        part = min(fitting, key=lambda part: not part.row)
        pending.remove(part)
        done.append(part)
        row, column = row[len(part.row) :], column[len(part.column) :]
    return done


def _kronecker(parts: Sequence[_Part], p: Pattern) -> str:
    ordered = _ordered(parts, p)
    if ordered is None:
        # Deltas that stand apart are identities of their own
        single = [
            _Part((label,), (label,), "identity", f"I{small(p.sizes[label])}")
            for part in parts
            if part.kind == "identity"
            for label in part.row
        ]
        ordered = _ordered([part for part in parts if part.kind != "identity"] + single, p)
    names: list[str] = []
    for previous, part in zip([None, *(ordered or parts)], ordered or parts, strict=False):
        vectors = previous is not None and previous.kind == part.kind == "vector" and previous.row and part.column
        if ordered and vectors and names[-1][-1] != "ᵀ":
            names[-1] += part.name
        else:
            names.append(part.name)
    return " ⊗ ".join(names) + ("" if ordered else " with its axes in another order")


# --- one term ---------------------------------------------------------------------------------------------------------


def _outer_products(p: Pattern) -> tuple[int, int] | None:
    """For rows that are each an outer product, of vectors of their own: how many rows, and of how many vectors."""
    rows = set(_labels(p, p.row))
    if not rows or not all([p.is_bare(axis) for axis in p.row]) or _is_hidden(p):
        return None
    # Labels that are connected once the row is chosen, and those of the row beside them
    groups: list[tuple[set[int], set[int]]] = []
    for axis in p.column:
        own = set(axis.labels)
        if axis.size == 1:
            continue
        if own & rows and axis.table < 0:
            return None
        groups.append((own - rows, own & rows))
    for factor in p.factors:
        own, beside = set(factor.labels) - rows, set(factor.labels) & rows
        touched = [group for group in groups if group[0] & own]
        if own:
            groups = [group for group in groups if group not in touched]
            groups.append((own.union(*[group[0] for group in touched]), beside.union(*[group[1] for group in touched])))
    if len(groups) < 2 or not any([labels for labels, _ in groups]) or not set.intersection(*[g[1] for g in groups]):
        return None
    return prod([p.sizes[label] for label in rows]), len(groups)


def _is_hidden(p: Pattern) -> bool:
    """Whether a map that can only be applied is among the factors."""
    return any([factor.opaque for factor in p.factors])


def _hidden(term: Term) -> str:
    """A term with a map that can only be applied, and the products that its entries cost if it is a black box."""
    note = products_note(term)
    return "known by its products only" + (f": {note}" if note else "")


def _kind(term: Term, letters: _Letters) -> str:
    """The kind of one term."""
    p = term.pattern
    if _is_hidden(p):
        return _hidden(term)
    if prod(p.row_shape) * prod(p.column_shape) == 1:
        return "one number"
    for found, side in ((_outer_products(p), ""), (_outer_products(p.transposed()), ", in columns")):
        if found is not None:
            return f"{found[0]} outer products {' ⊗ '.join('xyzuvw'[: found[1]])}{side}"
    if not all([p.is_bare(axis) or axis.size == 1 for axis in p.row + p.column]):
        return _placed(term)
    if any([len(set(labels)) < len(labels) for labels in (_each(p, p.row), _each(p, p.column))]):
        return ("scaled " if p.factors else "") + _repeated(_each(p, p.row), _each(p, p.column))
    parts = _parts(term, letters)
    kinds = sorted([part.kind for part in parts])
    if len(parts) == 1:
        return _one(parts[0], p)
    if set(kinds) <= {"vector", "ones"}:
        return "rank one" if "vector" in kinds else "constant"
    return _kronecker(parts, p)


def _repeated(row: Sequence[int], column: Sequence[int]) -> str:
    """A term with a label twice on one side."""
    if len(row) == 0 and len(column) == 2:
        return "trace"
    if len(row) == 1 and len(column) == 2 and set(row) == set(column):
        return "diagonal of a matrix"
    if len(row) == 2 and len(column) == 1 and set(row) == set(column):
        return "diagonal matrix of a vector"
    return "diagonal of repeated axes"


def _one(part: _Part, p: Pattern) -> str:
    """A term that is not a Kronecker product."""
    if part.kind == "diagonal":
        return "diagonal" if _same_order(part) else "diagonal times a transpose"
    if part.kind == "identity":
        if not _same_order(part):
            return "scaled transpose" if p.factors else "transpose"
        return "multiple of the identity" if p.factors else "identity"
    if part.kind == "blocks":
        return part.name if part.name.endswith("interleaved") else f"block diagonal, {part.name}"
    if part.kind == "product":
        low = 2 * prod([p.sizes[label] for label in p.inner]) <= min(prod(p.row_shape), prod(p.column_shape))
        return f"low rank, {part.name}" if low else f"product {part.name}"
    return "constant" if part.kind == "ones" else "dense"


def _same_order(part: _Part) -> bool:
    return part.row == part.column


def _placed(term: Term) -> str:
    """A term with slices, reshapes, windows or tables among its axes: said by where its entries lie."""
    p = term.pattern
    rows, columns = prod(p.row_shape), prod(p.column_shape)
    scaled = "scaled " if p.factors else ""
    by_numbers = not any([factor.labels for factor in p.factors])
    if p.entries == 1:
        return "one entry"
    places = footprint([term])
    found, count = arrangement(places, rows, columns), counted(places, rows, columns)
    if len(p.sizes) == 1 and len(p.tables) == len(p.row) + len(p.column):
        return f"{found}, entry by entry"
    if found == "diagonal":
        if count.entries < min(rows, columns):
            return "part of the diagonal"
        # An entry that is named twice is 2
        even = by_numbers and count.entries == p.entries
        if rows == columns:
            return f"{'multiple of the ' if scaled else ''}identity, reshaped" if even else "diagonal, reshaped"
        return f"{scaled}selection" if even and rows < columns else "diagonal"
    if found == "permutation":
        return f"{scaled}permutation"
    if p.entries == rows == count.entries and count.most == 1 and found.startswith("sparse"):
        return f"{scaled}selection"
    return found


# --- a sum ------------------------------------------------------------------------------------------------------------


def _in_names(terms: Sequence[Term], called: Callable[[Any], str] | None) -> str | None:
    """A sum by the names of its terms, None if that takes too many words or says too little."""
    letters = _Letters(called)
    kinds = Counter([_kind(term, letters) for term in terms])
    if "dense" in kinds:
        return f"dense, {len(terms)} terms"
    rank = kinds.pop("rank one", 0)
    # What is added to its like is of that kind again, if it is as plain as these
    closed = ("constant", "scaled transpose")
    names = [kind if count == 1 or kind in closed else f"{count} × ({kind})" for kind, count in kinds.most_common()]
    if rank:
        names.append("rank one" if rank == 1 else f"rank {rank}")
    told = " + ".join(names)
    return told if len(told) <= _LENGTH else None


def _sum(terms: Sequence[Term], called: Callable[[Any], str] | None) -> str:
    p = terms[0].pattern
    rows, columns = prod(p.row_shape), prod(p.column_shape)
    several = f", {len(terms)} terms"
    hidden = [term for term in terms if _is_hidden(term.pattern)]
    if hidden:
        rest = [term for term in terms if not _is_hidden(term.pattern)]
        told = _hidden(hidden[0]) if len(hidden) == 1 else f"{len(hidden)} maps known by their products only"
        return " + ".join([describe(rest), told]) if rest else told
    if rows * columns == 1:
        return f"one number{several}"
    places = footprint(terms)
    band = bands(places, rows, columns)
    if band is not None and is_one_band(band):
        return band + several
    for side, patterns in (("", [t.pattern for t in terms]), (", in columns", [t.pattern.transposed() for t in terms])):
        found = {_outer_products(each) for each in patterns}
        if len(found) == 1 and None not in found:
            ((count, _),) = [each for each in found if each]
            return f"{count} sums of {len(terms)} outer products{side}"
    whole = all([q.is_bare(axis) or axis.size == 1 for q in [t.pattern for t in terms] for axis in q.row + q.column])
    named = _in_names(terms, called) if whole else None
    if named is not None:
        return named
    return arrangement(places, rows, columns) + several


def _key(term: Term) -> Any:
    """What two terms have in common exactly if they are the same product of the same arrays."""
    p = term.pattern
    outer = set(p.outer)
    tables = [id(table) for table in term.tables]
    axes = [(axis[:4], tables[axis.table] if axis.table >= 0 else None) for axis in p.row + p.column]
    named = [
        (f"{factor}" if isinstance(factor, int | float | complex) else f"array {id(factor)}", labels.labels)
        for factor, labels in zip(term.factors, p.factors, strict=True)
    ]
    named.sort(key=lambda entry: (entry[0], [label if label in outer else -1 for label in entry[1]]))
    names: dict[int, int] = {}
    inner = [
        (name, tuple([label if label in outer else -1 - names.setdefault(label, len(names)) for label in labels]))
        for name, labels in named
    ]
    return tuple(axes), tuple(inner), tuple([p.sizes[label] for label in p.outer])


def is_symmetric(terms: Sequence[Term]) -> bool:
    """Whether a sum of terms is its own transpose because each term meets its own among the others.

    >>> from chainrule.linear.term import pattern
    >>> one = Term(pattern([3, 2, 3, 2], [0, 1], [2, 3], [(0, 1), (2, 3)])[0], ("x", "y"))  # x ⊗ yᵀ
    >>> is_symmetric([one]), is_symmetric([one, one.transposed()])
    (False, True)
    """
    if not terms or terms[0].pattern.row_shape != terms[0].pattern.column_shape:
        return False
    return Counter([_key(term) for term in terms]) == Counter([_key(term.transposed()) for term in terms])


def describe(terms: Sequence[Term], symmetric: bool | None = None, called: Callable[[Any], str] | None = None) -> str:
    """What kind of map the sum of ``terms`` is; whether it is symmetric is seen from the terms if it is not known.

    Letters stand for arrays: x for a vector, A for a matrix, d for a diagonal, the same letter for the same array; or
    what ``called`` says that an array is called, if that is not empty. A
    Kronecker product is in the order of rows and columns flattened as NumPy does, last axis fastest. A sum whose terms
    have no short names is said by where its entries lie: on which diagonals, in which blocks, how many in a row.

    >>> from chainrule.linear.term import identity, pattern
    >>> describe([Term(identity((3,)))]), describe([])
    ('identity', 'zero')
    >>> describe([Term(pattern([2, 3], [1], [0, 1], [(0,)])[0], (1.0,))])
    'xᵀ ⊗ I₃'
    """
    if not terms:
        return "zero"
    told = _kind(terms[0], _Letters(called)) if len(terms) == 1 else _sum(terms, called)
    if told in _PLAIN or not (is_symmetric(terms) if symmetric is None else symmetric):
        return told
    p = terms[0].pattern
    if bands(footprint(terms), prod(p.row_shape), prod(p.column_shape)) == "diagonal":
        return told
    several = f", {len(terms)} terms"
    return f"{told.removesuffix(several)}, symmetric{several if told.endswith(several) else ''}"
