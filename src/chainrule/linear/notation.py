"""Write a term in index notation, as on paper: ∂out[i]/∂arg[j,k] = x[j] δ_ik."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chainrule.linear.term import Axis, Opaque, Pattern, Term

__all__ = ["Names", "Written", "label_names", "small", "written"]

_LABELS = "ijklmnabcdefgh"
_SMALL_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_POOLS = {"number": "c", "vector": "xyzuvw", "matrix": "ABCE", "array": "TSR", "opaque": "LMN", "table": "pqrs"}


class Written(NamedTuple):
    """A term in index notation, where its labels do not run over the whole axis, and what its letters stand for."""

    formula: str
    ranges: str
    factors: tuple[str, ...]


class Names:
    """A letter for each array of several terms, the same wherever the array comes again, numbered if there are many.

    >>> from chainrule.linear.term import pattern
    >>> from types import SimpleNamespace
    >>> one, other = SimpleNamespace(shape=(2,)), SimpleNamespace(shape=(2,))
    >>> names = Names([Term(pattern([2], [0], [0], [(0,), (0,)])[0], (one, other))])
    >>> names[one], names[other]
    ('x', 'y')
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        kinds = dict[int, str]()
        self._kept: list[Any] = []  # an array that is gone could lend its identity to another
        for term in terms:
            for factor, array in zip(term.pattern.factors, term.factors, strict=True):
                if not isinstance(array, int | float | complex):
                    kinds.setdefault(id(array), _kind(array, len(factor.labels)))
                    self._kept.append(array)
            for table in term.tables:
                kinds.setdefault(id(table), "table")
                self._kept.append(table)
        totals, given = Counter(kinds.values()), Counter[str]()
        self._names: dict[int, str] = {}
        for identity, kind in kinds.items():
            pool, number = _POOLS[kind], given[kind]
            few = totals[kind] <= len(pool)
            self._names[identity] = pool[number] if few else f"{pool[0]}{small(number + 1)}"
            given[kind] += 1

    def __getitem__(self, array: Any) -> str:
        """The letter of an array."""
        return self._names[id(array)]


def _kind(array: Any, rank: int) -> str:
    if isinstance(array, Opaque):
        return "opaque"
    return ("number", "vector", "matrix", "array")[min(rank, 3)]


def small(number: int) -> str:
    """A number as an index below the line.

    >>> small(12)
    '₁₂'
    """
    return str(number).translate(_SMALL_DIGITS)


def label_names() -> Iterator[str]:
    """Letters for labels, in the order in which they are given out; numbered when the letters are used up."""
    yield from _LABELS
    number = 1
    while True:
        yield from [f"{letter}{small(number)}" for letter in _LABELS]
        number += 1


class _Indices:
    """The index of each axis and of each label: an axis with a label of its own has a letter, deltas join letters."""

    def __init__(self, p: Pattern) -> None:
        fresh = label_names()
        self.of_label: dict[int, str] = {}
        self.deltas: dict[int, list[str]] = {}
        self._of_axis: dict[int, str] = {}
        for k, axis in enumerate(p.row + p.column):
            if p.is_bare(axis):
                name = self._of_axis[k] = next(fresh)
                (label,) = axis.labels
                self.of_label.setdefault(label, name)
                self.deltas.setdefault(label, []).append(name)
        for label in range(len(p.sizes)):
            if label not in self.of_label:
                self.of_label[label] = next(fresh)

    def place(self, k: int, axis: Axis, names: Names, tables: Sequence[Any]) -> str:
        """What stands for axis ``k`` in the brackets."""
        return self._of_axis[k] if k in self._of_axis else _expression(axis, self.of_label, names, tables)


def _expression(axis: Axis, labels: dict[int, str], names: Names, tables: Sequence[Any]) -> str:
    """The position along an axis: p(i), 2i+j+1, 3."""
    if axis.table >= 0:
        return f"{names[tables[axis.table]]}({','.join([labels[label] for label in axis.labels])})"
    told = ""
    for label, stride in zip(axis.labels, axis.strides, strict=True):
        if stride:
            size = "" if abs(stride) == 1 else str(abs(stride))
            told += ("−" if stride < 0 else "+" if told else "") + size + labels[label]
    if axis.offset and told.startswith("−"):
        return f"{axis.offset}{told}"
    if axis.offset or not told:
        told += ("+" if told and axis.offset >= 0 else "") + str(axis.offset).replace("-", "−")
    return told


def _number(value: complex) -> str:
    """A number in four digits."""
    if isinstance(value, complex):
        return f"({value:.4g})"
    return f"{value:.4g}".replace("-", "−")


def _product(term: Term, indices: _Indices, names: Names) -> str:
    """The right-hand side."""
    p = term.pattern
    value: complex = 1
    arrays = list[str]()
    for factor, array in zip(p.factors, term.factors, strict=True):
        if isinstance(array, int | float | complex):
            value = value * array
        else:
            index = ",".join([indices.of_label[label] for label in factor.labels])
            arrays.append(names[array] + (f"[{index}]" if index else ""))
    deltas = ["δ_" + "".join(joined) for joined in indices.deltas.values() if len(joined) > 1]
    summed = [indices.of_label[label] for label in p.inner]
    parts = [f"Σ_{''.join(summed)}"] if summed else []
    parts += arrays + deltas
    if not parts:
        return _number(value)
    sign = "−" if value == -1 else "" if value == 1 else f"{_number(value)} "
    return sign + " ".join(parts)


def _ranges(p: Pattern, indices: _Indices) -> str:
    """What has to be said of the labels that do not run over a whole axis."""
    return ", ".join([f"{indices.of_label[l]} < {size}" for l, size in enumerate(p.sizes) if l not in indices.deltas])


def _factors(term: Term, names: Names) -> tuple[str, ...]:
    """The letters and the shapes of the arrays, tables last."""
    told: dict[str, None] = {}
    for array in (*term.factors, *term.tables):
        if isinstance(array, int | float | complex):
            continue
        shape = " × ".join([f"{size:,}" for size in array.shape]) or "number"
        hidden = f" ({type(array).__name__}, by its products only)" if isinstance(array, Opaque) else ""
        told[f"{names[array]}: {shape}{hidden}"] = None
    return tuple(told)


def written(term: Term, names: Names | None = None, out: str = "out", arg: str = "arg") -> Written:
    """A term in index notation.

    A delta is written out where both of its axes have an index; elsewhere the axis says itself where it is:
    ``arg[i+1]``, ``arg[p(i)]``. Labels of factors alone are summed.

    >>> from chainrule.linear.term import affine, pattern
    >>> import numpy as np
    >>> x = np.array([2.0, 5.0])
    >>> written(Term(pattern([2, 3], [1], [0, 1], [(0,)])[0], (x,)))
    Written(formula='∂out[i]/∂arg[j,k] = x[j] δ_ik', ranges='', factors=('x: 2',))
    >>> written(Term(pattern([2], [0], [affine(3, 0, 1, 1)])[0])).formula
    '∂out[i]/∂arg[i+1] = 1'
    """
    p = term.pattern
    names = names or Names([term])
    indices = _Indices(p)
    axes = [indices.place(k, axis, names, term.tables) for k, axis in enumerate(p.row + p.column)]
    row, column = (",".join(side) for side in (axes[: len(p.row)], axes[len(p.row) :]))
    left = f"∂{out}{f'[{row}]' if row else ''}/∂{arg}{f'[{column}]' if column else ''}"
    return Written(f"{left} = {_product(term, indices, names)}", _ranges(p, indices), _factors(term, names))
