"""A term: one labelled product that maps a column space to a row space, with its deltas never stored.

An entry of a term is named like an einsum subscript. A *label* runs over ``range(size)``; every axis of the row
(the output) and of the column (the argument) says where its position comes from, and every factor is an array
whose axes carry labels:

    J[row(l), column(l)] += Π factors(l)        for every value of the labels l

* A label shared by the row and the column **is** the Kronecker delta: nothing is stored.
* A label on one side only and in no factor is a run of ones: nothing is stored.
* A label in factors alone is summed (a product that was left unmultiplied because that stores less).

    y = x @ W        ∂y[k]/∂W[j,m] = x[j] δ_km       row (k)      column (j, k)    factors x(j)
    y = sin(x)       ∂y[i]/∂x[m]   = cos(x)[i] δ_im  row (i)      column (i)       factors cos(x)(i)
    y = x[1:-1]      ∂y[i]/∂x[m]   = δ_{m, i+1}      row (i)      column (i + 1)   no factors
    y = trace(x)     ∂y/∂x[i,m]    = δ_im            row ()       column (i, i)    no factors

A :class:`Pattern` is the part without numbers: hashable and shared, so that plans (how to apply, compose, enumerate)
are made once for each structure. A :class:`Term` is a pattern with its arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Axis", "Factor", "Opaque", "Pattern", "Term", "affine", "constant", "diagonal", "identity", "pattern"]


class Axis(NamedTuple):
    """Where the position along one axis comes from: ``offset + Σ stride·label``, or ``tables[table][labels]``.

    A bare label is an affine axis of one label with stride 1 and offset 0 that covers the axis (`bare`); a group of
    labels (a reshape) is an affine axis whose strides are a mixed radix; no label at all is a constant position.
    """

    size: int
    labels: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    table: int = -1

    def renamed(self, names: Sequence[int], tables: Sequence[int] | None = None) -> Axis:
        """The same axis with label ``l`` called ``names[l]`` and table slot ``t`` called ``tables[t]``."""
        table = self.table if tables is None or self.table < 0 else tables[self.table]
        return Axis(self.size, tuple([names[label] for label in self.labels]), self.strides, self.offset, table)


class Factor(NamedTuple):
    """The labels of a factor's axes. An opaque factor (see :class:`Opaque`) can only be applied."""

    labels: tuple[int, ...]
    opaque: bool = False


class Opaque:
    """A linear map used as a factor, axes (batch…, output, input), that is applied rather than stored.

    Subclasses give ``shape``, ``dtype``, `apply` and `apply_transposed`; the rest is derived and may be overridden.
    The methods must be written with NumPy functions, so that they are themselves differentiable.

    Attributes:
        sparsity: where entries can be, the same for every batch, as :class:`~chainrule.linear.nonzeros.Nonzeros` of
            shape (output, input); None for anywhere. Entries elsewhere must be zero: they are never asked for.
        claimed: whether the sparsity is a promise from outside, to be held against a product.
        by_products: whether there is no way to the entries but products.
        method: the products that find the entries: "best", or "columns" (`apply` alone), "rows" (its transpose alone).
        name: what messages call it.
        tracked: whether the products of plain arrays are tracked tensors.
    """

    shape: tuple[int, ...]
    dtype: Any
    sparsity: Any = None
    claimed: bool = False
    by_products: bool = False
    method: str = "best"
    name: str = "the map"
    tracked: bool = False

    def apply(self, vectors: Any) -> Any:
        """Map ``vectors`` of shape (batch…, input, columns) to shape (batch…, output, columns)."""
        raise NotImplementedError

    def apply_transposed(self, vectors: Any) -> Any:
        """Map ``vectors`` of shape (batch…, output, columns) to shape (batch…, input, columns)."""
        raise NotImplementedError

    def dense(self) -> Any:
        """The map as an array of shape ``shape``: its products with the unit vectors of the shorter side."""
        rows, columns = self.shape[-2:]
        return self.by_units(forwards=columns <= rows)

    def by_units(self, forwards: bool) -> Any:
        """The map as an array, from its products with all unit vectors: those of the inputs, or of the outputs."""
        *batch, rows, columns = self.shape
        size = columns if forwards else rows
        units = np.broadcast_to(np.eye(size, dtype=self.dtype), (*batch, size, size))
        return self.apply(units) if forwards else np.swapaxes(self.apply_transposed(units), -1, -2)

    @property
    def size(self) -> int:
        """The numbers that a dense array of this map would hold."""
        return prod(self.shape)

    @property
    def stored(self) -> int:
        """The numbers that the map itself keeps."""
        return 0


class Pattern:
    """The structure of a term: sizes of the labels, row axes, column axes, labels of the factors and of the tables.

    Labels are ``0 … len(sizes)-1``. Use :func:`pattern` to build one: it numbers labels in order of appearance, so
    that equal structures are equal patterns, and returns the shared instance.
    """

    __slots__ = ("_hash", "column", "factors", "plans", "row", "sizes", "tables")

    def __init__(
        self,
        sizes: tuple[int, ...],
        row: tuple[Axis, ...],
        column: tuple[Axis, ...],
        factors: tuple[Factor, ...] = (),
        tables: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        self.sizes = sizes
        self.row = row
        self.column = column
        self.factors = factors
        self.tables = tables
        self.plans: dict[Any, Any] = {}  # whatever readers derive from this structure, by their own keys
        self._hash = hash((sizes, row, column, factors, tables))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Pattern)
            and self._hash == other._hash
            and self.sizes == other.sizes
            and self.row == other.row
            and self.column == other.column
            and self.factors == other.factors
            and self.tables == other.tables
        )

    def __reduce__(self) -> Any:
        return (_same, (self.sizes, self.row, self.column, self.factors, self.tables))

    def __repr__(self) -> str:
        def place(axis: Axis) -> str:
            if axis.table >= 0:
                return f"t{axis.table}({','.join(map(str, axis.labels))})"
            parts = [
                str(label) if stride == 1 else f"{stride}·{label}"
                for label, stride in zip(axis.labels, axis.strides, strict=True)
            ]
            if axis.offset or not parts:
                parts.append(str(axis.offset))
            return "+".join(parts)

        row, column = (", ".join(map(place, axes)) for axes in (self.row, self.column))
        factors = " ".join(str(factor.labels) for factor in self.factors)
        return f"Pattern(({row}) <- ({column}); factors {factors or '-'}; sizes {self.sizes})"

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of the output."""
        return tuple([axis.size for axis in self.row])

    @property
    def column_shape(self) -> tuple[int, ...]:
        """The shape of the argument."""
        return tuple([axis.size for axis in self.column])

    @property
    def outer(self) -> tuple[int, ...]:
        """The labels that name entries: those of the row and of the column, in order of appearance."""
        return tuple(dict.fromkeys(label for axis in self.row + self.column for label in axis.labels))

    @property
    def inner(self) -> tuple[int, ...]:
        """The labels that are summed."""
        outer = set(self.outer)
        return tuple(label for label in range(len(self.sizes)) if label not in outer)

    @property
    def entries(self) -> int:
        """How many entries the term writes (positions named twice are counted twice)."""
        return prod([self.sizes[label] for label in self.outer])

    def is_bare(self, axis: Axis) -> bool:
        """Whether ``axis`` of this pattern is one label over its whole range."""
        return (
            axis.table < 0
            and len(axis.labels) == 1
            and axis.strides[0] == 1
            and axis.offset == 0
            and self.sizes[axis.labels[0]] == axis.size
        )

    def transposed(self) -> Pattern:
        """The same entries with row and column exchanged."""
        if "transposed" not in self.plans:
            self.plans["transposed"], _ = pattern(self.sizes, self.column, self.row, self.factors, self.tables)
        result: Pattern = self.plans["transposed"]
        return result


class Term(NamedTuple):
    """A pattern with its numbers: ``factors[k]`` has the axes ``pattern.factors[k].labels``.

    A factor is an array, a Python number (no labels), a tracked tensor or an :class:`Opaque` map; ``tables`` are
    integer arrays of positions.
    """

    pattern: Pattern
    factors: tuple[Any, ...] = ()
    tables: tuple[Any, ...] = ()

    def transposed(self) -> Term:
        """The transposed term; its arrays are the same objects."""
        return Term(self.pattern.transposed(), self.factors, self.tables)


_shared: dict[Pattern, Pattern] = {}
_SHARED_LIMIT = 1 << 16  # structures kept; a program with more distinct shapes only loses the sharing


def pattern(
    sizes: Sequence[int],
    row: Iterable[Axis | int | None],
    column: Iterable[Axis | int | None],
    factors: Iterable[Factor | Sequence[int]] = (),
    tables: Sequence[Sequence[int]] = (),
) -> tuple[Pattern, tuple[int, ...]]:
    """Build the shared pattern of a structure, and say how labels were renumbered.

    ``row`` and ``column`` take an :class:`Axis`, a label (the bare axis) or None (the only position of an axis of
    size 1). Factors and tables keep their order. Returns the pattern and, for each old label, its new number (-1 for
    a label that occurs nowhere: such labels must have been dropped or accounted for by the caller).

    >>> p, names = pattern([2, 3], [1], [0, 1], [(0,)])  # y = x @ W, ∂y[k]/∂W[j,m] = x[j] δ_km
    >>> p
    Pattern((0) <- (1, 0); factors (1,); sizes (3, 2))
    >>> p.entries, p.row_shape, p.column_shape
    (6, (3,), (2, 3))
    """
    names = [-1] * len(sizes)
    new_sizes: list[int] = []

    def name(label: int) -> int:
        if names[label] < 0:
            names[label] = len(new_sizes)
            new_sizes.append(sizes[label])
        return names[label]

    def place(entry: Axis | int | None) -> Axis:
        if entry is None:
            return Axis(1, (), ())
        if isinstance(entry, int):
            return Axis(sizes[entry], (name(entry),), (1,))
        return Axis(entry.size, tuple([name(label) for label in entry.labels]), *entry[2:])

    new_row = tuple([place(entry) for entry in row])
    new_column = tuple([place(entry) for entry in column])
    new_factors = tuple(
        [
            Factor(tuple([name(label) for label in labels]), opaque)
            for labels, opaque in [f if isinstance(f, Factor) else (f, False) for f in factors]
        ]
    )
    new_tables = tuple([tuple([name(label) for label in labels]) for labels in tables])
    made = Pattern(tuple(new_sizes), new_row, new_column, new_factors, new_tables)
    if len(_shared) > _SHARED_LIMIT:
        _shared.clear()
    return _shared.setdefault(made, made), tuple(names)


def _same(*structure: Any) -> Pattern:
    """The shared pattern of a structure that was pickled or copied."""
    made = Pattern(*structure)
    return _shared.setdefault(made, made)


def affine(size: int, label: int, stride: int = 1, offset: int = 0) -> Axis:
    """The axis of extent ``size`` at position ``offset + stride·label``."""
    return Axis(size, (label,), (stride,), offset)


def constant(size: int, position: int) -> Axis:
    """The axis of extent ``size`` at one fixed position."""
    return Axis(size, (), (), position)


def identity(shape: Sequence[int]) -> Pattern:
    """The identity map on arrays of ``shape``.

    >>> identity((2, 3))
    Pattern((0, 1) <- (0, 1); factors -; sizes (2, 3))
    """
    labels = range(len(shape))
    return pattern(shape, labels, labels)[0]


_diagonals: dict[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], tuple[Pattern, Any]] = {}


def diagonal(
    row_shape: tuple[int, ...], column_shape: tuple[int, ...], factor_shape: tuple[int, ...]
) -> tuple[Pattern, tuple[int, ...] | None]:
    """The pattern of ``out[i] = f(x[i])`` with NumPy broadcasting: ∂out[i]/∂x[i] = factor[i].

    Returns the pattern (one factor) and the shape that the factor must be given (its broadcast axes dropped), or None
    where the factor can be used as it is.

    >>> diagonal((5, 3), (3,), (5, 1))
    (Pattern((0, 1) <- (1); factors (0,); sizes (5, 3)), (5,))
    """
    key = (row_shape, column_shape, factor_shape)
    found = _diagonals.get(key)
    if found is None:
        rank = len(row_shape)
        first = rank - len(column_shape)
        column = [first + k if size == row_shape[first + k] else None for k, size in enumerate(column_shape)]
        first = rank - len(factor_shape)
        kept = [first + k for k, size in enumerate(factor_shape) if size == row_shape[first + k]]
        reshaped = tuple([row_shape[k] for k in kept])
        made = pattern(row_shape, range(rank), column, [kept])[0]
        if len(_diagonals) > _SHARED_LIMIT:
            _diagonals.clear()
        found = _diagonals[key] = (made, None if reshaped == factor_shape else reshaped)
    return found


Plan = Callable[..., Any]
