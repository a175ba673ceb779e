"""The Jacobian that users hold: an immutable sum of terms, never expanded until somebody asks for its entries."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, overload

import numpy as np

from chainrule.errors import ShapeError
from chainrule.linear import convert
from chainrule.linear.apply import pull, pull_batch, push, push_batch
from chainrule.linear.banded import band_of
from chainrule.linear.compose import close, compose, merge
from chainrule.linear.describe import describe, is_symmetric
from chainrule.linear.formats import to_sparse
from chainrule.linear.html import html
from chainrule.linear.limit import affordable
from chainrule.linear.norms import gram, norm, row_norms, row_sums
from chainrule.linear.numbers import scaled, stored
from chainrule.linear.picture import picture
from chainrule.linear.probe import explicit
from chainrule.linear.solve import order_of, slogdet, solve
from chainrule.linear.sparse import entries
from chainrule.linear.spy import spy
from chainrule.linear.term import Term, identity

__all__ = ["Jacobian"]


class Jacobian:
    """∂out/∂arg as a sum of terms: a linear map from arrays of `column_shape` to arrays of `row_shape`.

    It multiplies vectors and other Jacobians, adds, scales, transposes; `dense`, `sparse` and `operator` write it
    out for NumPy and SciPy. Nothing is stored but the factors that a person would write down.

    Args:
        terms: the terms; those that can be added without a loss are.
        row_shape: the shape of the output.
        column_shape: the shape of the argument.
        dtype: the dtype of entries where no factor says it (default float64).
        cache: a dictionary in which plans are kept; Jacobians of the same patterns in the same order may share one.

    >>> from chainrule.linear.term import pattern
    >>> x = np.array([2.0, 5.0])
    >>> linear, _ = pattern([2, 3], [1], [0, 1], [(0,)])  # y = x @ W, with respect to W of shape (2, 3)
    >>> J = Jacobian([Term(linear, (x,))], (3,), (2, 3))
    >>> J
    Jacobian of shape (3, 2, 3): xᵀ ⊗ I₃, 2 stored of 18 entries
    >>> J @ np.ones((2, 3))
    array([7., 7., 7.])
    >>> J.dense()[1]
    array([[0., 2., 0.],
           [0., 5., 0.]])
    """

    __slots__ = ("cache", "column_shape", "dtype", "row_shape", "terms")
    __array_ufunc__ = None  # so that `array @ J` and `array * J` come here

    terms: tuple[Term, ...]
    row_shape: tuple[int, ...]
    column_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    cache: dict[Any, Any] | None

    def __init__(
        self,
        terms: Sequence[Term],
        row_shape: Sequence[int],
        column_shape: Sequence[int],
        dtype: Any = None,
        cache: dict[Any, Any] | None = None,
    ) -> None:
        row_shape, column_shape = tuple(row_shape), tuple(column_shape)
        for term in terms:
            found = term.pattern.row_shape, term.pattern.column_shape
            if found != (row_shape, column_shape):
                raise ShapeError(
                    f"a term maps arrays of shape {found[1]} to shape {found[0]}; the Jacobian is declared from "
                    f"{column_shape} to {row_shape}: all its terms must have these shapes"
                )
        kept = tuple(merge([term for term in terms if 0 not in term.pattern.sizes]))
        kind = convert.dtype_of(kept, np.float64 if dtype is None else dtype)
        for setter, value in zip(_SETTERS, (cache, column_shape, kind, row_shape, kept), strict=True):
            setter(self, value)

    @classmethod
    def _of(
        cls,
        terms: tuple[Term, ...],
        row_shape: tuple[int, ...],
        column_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        cache: dict[Any, Any] | None = None,
    ) -> Jacobian:
        """A Jacobian of terms that are known to fit and to be merged: nothing is looked at, for replays."""
        made = object.__new__(cls)
        for setter, value in zip(_SETTERS, (cache, column_shape, dtype, row_shape, terms), strict=True):
            setter(made, value)
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Jacobian is immutable; {name!r} cannot be set: make a new one from its terms")

    def __reduce__(self) -> Any:
        known = {"symmetric": True} if self.cache is not None and "symmetric" in self.cache else None
        return (Jacobian, (self.terms, self.row_shape, self.column_shape, self.dtype, known))

    @classmethod
    def identity(cls, shape: Sequence[int], dtype: Any = None) -> Jacobian:
        """The identity map on arrays of ``shape``.

        >>> Jacobian.identity((3,))
        Jacobian of shape (3, 3): identity, 0 stored of 9 entries
        """
        return cls([Term(identity(tuple(shape)))], shape, shape, dtype)

    # ---------------------------------------------------------------------------------------------------------- shape
    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output followed by that of the argument, as of `dense`."""
        return self.row_shape + self.column_shape

    @property
    def ndim(self) -> int:
        """The number of axes of `dense`."""
        return len(self.row_shape) + len(self.column_shape)

    @property
    def size(self) -> int:
        """The number of entries, zeros included."""
        return prod(self.shape)

    @property
    def T(self) -> Jacobian:  # noqa: N802 (NumPy's name)
        """The transposed map, from arrays of `row_shape` to arrays of `column_shape`; no array is copied."""
        if self.cache is not None and "symmetric" in self.cache:
            return self
        return Jacobian([term.transposed() for term in self.terms], self.column_shape, self.row_shape, self.dtype)

    # ---------------------------------------------------------------------------------------------------- application
    def apply(self, vector: Any, *, batch: bool = False) -> Any:
        """J v for an array ``v`` of `column_shape`; with ``batch``, for each along a leading axis.

        Raises:
            ShapeError: the shape is another.

        >>> Jacobian.identity((2,)).apply(np.eye(2), batch=True)
        array([[1., 0.],
               [0., 1.]])
        """
        vector = self._checked(vector, self.column_shape, batch)
        if batch:
            shape = (vector.shape[0], *self.row_shape)
            return convert.apply_sum(push_batch, self.terms, vector, shape, self.dtype)
        return convert.apply_sum(push, self.terms, vector, self.row_shape, self.dtype)

    def apply_transposed(self, vector: Any, *, batch: bool = False) -> Any:
        """Jᵀ v for an array ``v`` of `row_shape`; with ``batch``, for each along a leading axis."""
        vector = self._checked(vector, self.row_shape, batch)
        if batch:
            shape = (vector.shape[0], *self.column_shape)
            return convert.apply_sum(pull_batch, self.terms, vector, shape, self.dtype)
        return convert.apply_sum(pull, self.terms, vector, self.column_shape, self.dtype)

    def _checked(self, vector: Any, shape: tuple[int, ...], batch: bool) -> Any:
        vector = vector if hasattr(vector, "shape") else np.asarray(vector, self.dtype)
        if tuple(vector.shape[int(batch) :]) != shape or (batch and not vector.shape):
            expected = f"(count, {', '.join(map(str, shape))})" if batch else str(shape)
            raise ShapeError(
                f"an array of shape {tuple(vector.shape)} was given to a Jacobian of shape {self.shape}; expected "
                f"{expected}. Use .T for the transposed map, and apply(…, batch=True) for several vectors at once"
            )
        return vector

    # -------------------------------------------------------------------------------------------------------- algebra
    @overload
    def __matmul__(self, other: Jacobian) -> Jacobian: ...
    @overload
    def __matmul__(self, other: Any) -> Any: ...
    def __matmul__(self, other: Any) -> Any:
        if not isinstance(other, Jacobian):
            return self.apply(other)
        if other.row_shape != self.column_shape:
            raise ShapeError(
                f"cannot multiply a Jacobian from arrays of shape {self.column_shape} by one to arrays of shape "
                f"{other.row_shape}: the two must be equal"
            )
        terms = [term for outer in self.terms for inner in other.terms for term in compose(outer, inner)]
        return Jacobian(terms, self.row_shape, other.column_shape, np.result_type(self.dtype, other.dtype))

    def __rmatmul__(self, other: Any) -> Any:
        return self.apply_transposed(other)

    def __add__(self, other: Any) -> Jacobian:
        if not isinstance(other, Jacobian):
            return NotImplemented
        if other.shape != self.shape or other.row_shape != self.row_shape:
            raise ShapeError(
                f"cannot add Jacobians from {self.column_shape} to {self.row_shape} and from {other.column_shape} to "
                f"{other.row_shape}: their shapes must be equal"
            )
        kind = np.result_type(self.dtype, other.dtype)
        return Jacobian([*self.terms, *other.terms], self.row_shape, self.column_shape, kind)

    def __sub__(self, other: Any) -> Jacobian:
        if not isinstance(other, Jacobian):
            return NotImplemented
        return self + (-other)

    def __neg__(self) -> Jacobian:
        return self * -1

    def __mul__(self, number: Any) -> Jacobian:
        if getattr(number, "shape", ()) != () or isinstance(number, Jacobian | str):
            return NotImplemented
        terms = [scaled(term, number) for term in self.terms]
        return Jacobian(terms, self.row_shape, self.column_shape, self.dtype)

    __rmul__ = __mul__

    def __truediv__(self, number: Any) -> Jacobian:
        return self.__mul__(1 / number)

    # ------------------------------------------------------------------------------------------------------ conversion
    def dense(self) -> Any:
        """All entries as an array of shape ``row_shape + column_shape``; tracked, so differentiable, if a factor is.

        >>> Jacobian.identity((2,)).dense()
        array([[1., 0.],
               [0., 1.]])
        """
        return convert.dense(explicit(self.terms, boxes=True), self.row_shape, self.column_shape, self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """NumPy's ``np.asarray(J)``: the dense array."""
        if copy is False:
            raise ValueError("a Jacobian is not stored as an array: np.asarray(J) has to make one")
        return np.asarray(self.dense(), dtype)

    def sparse(self, format: str | None = None, *, out: Any = None) -> Any:  # noqa: A002 (SciPy's name)
        """The non-zero entries as a SciPy sparse array of two dimensions, rows and columns flattened.

        Args:
            format: "csr" (the default), "csc", "coo", "bsr" (blocks of the size that the structure has), "dia", …
            out: what an earlier call gave for a map of the same structure: its data is replaced.

        Raises:
            StructureError: ``out`` has its entries elsewhere; there are no blocks for "bsr", or too many diagonals
                for "dia".
            TooLargeError: the map is dense and large.

        >>> J = Jacobian.identity((3,))
        >>> matrix = J.sparse()
        >>> (5 * J).sparse(out=matrix) is matrix, matrix.data
        (True, array([5., 5., 5.]))
        """
        return to_sparse(self.terms, self.row_shape, self.column_shape, self.dtype, format, out, self.cache)

    def banded(self) -> tuple[tuple[int, int], Any]:
        """((l, u), ab) as ``scipy.linalg.solve_banded`` takes them: ``ab[u + i - j, j]`` is the entry (i, j).

        Raises:
            ShapeError: the map is not square.
            StructureError: it is not banded.

        >>> Jacobian.identity((3,)).banded()
        ((0, 0), array([[1., 1., 1.]]))
        """
        count = order_of(self.row_shape, self.column_shape, "banded()")
        return band_of(explicit(self.terms), count, self.dtype, lambda: describe(self.terms), self.cache)

    def operator(self) -> Any:
        """The map as a ``scipy.sparse.linalg.LinearOperator`` on flat vectors; nothing is written out."""
        return convert.operator(self.terms, self.row_shape, self.column_shape, self.dtype)

    # ---------------------------------------------------------------------------------------------------- description
    @property
    def stored(self) -> int:
        """How many numbers are kept: an array that is used twice counts once, index tables and ±1 do not count."""
        return stored(self.terms)

    @property
    def entries(self) -> int:
        """How many entries are not zero by structure."""
        return entries(explicit(self.terms, numbers=False), prod(self.row_shape), prod(self.column_shape), self.cache)

    # -------------------------------------------------------------------------------------------- diagonal and solving
    def _square(self, what: str) -> None:
        if self.row_shape != self.column_shape:
            raise ShapeError(
                f"{what} needs a Jacobian from a shape to the same shape; this one maps {self.column_shape} to "
                f"{self.row_shape}"
            )

    def diagonal(self) -> Any:
        """The entries ∂out[i]/∂arg[i] as an array of `row_shape`, without writing out the others.

        Raises:
            ShapeError: output and argument have different shapes.

        >>> Jacobian.identity((3,)).diagonal()
        array([1., 1., 1.])
        """
        self._square("diagonal()")
        terms = [part for term in affordable(explicit(self.terms), "diagonal()") for part in close(term, "diagonal")]
        return Jacobian(terms, self.row_shape, (), self.dtype).dense()

    def trace(self) -> Any:
        """The sum of the diagonal.

        >>> float(Jacobian.identity((3,)).trace())
        3.0
        """
        self._square("trace()")
        terms = [part for term in affordable(explicit(self.terms), "trace()") for part in close(term, "trace")]
        return Jacobian(terms, (), (), self.dtype).dense()[()]

    def solve(self, right: Any, *, batch: bool = False, iterative: bool = False) -> Any:
        """The array ``x`` of `column_shape` with J x = ``right``, by what the structure of J allows
        (:mod:`chainrule.linear.solve`); with ``batch``, for each array along a leading axis.

        Args:
            right: an array of `row_shape`.
            batch: whether there is one more axis in front, for several right-hand sides.
            iterative: use products with J only (conjugate gradients, GMRES, least squares).

        Raises:
            ShapeError: J is not square, or ``right`` is not of `row_shape`.
            MatrixError: J is singular (a numpy.linalg.LinAlgError; ConvergenceError is one if the iteration fails).
            TooLargeError: it would take a dense array of more than 2²⁶ numbers.

        >>> (2 * Jacobian.identity((2,))).solve(np.array([2.0, 6.0]))
        array([1., 3.])
        """
        order_of(self.row_shape, self.column_shape, "solve()")
        right = self._checked(right, self.row_shape, batch)
        how = batch, iterative, self.cache
        return solve(explicit(self.terms), self.row_shape, self.column_shape, right, self.dtype, *how)

    def slogdet(self) -> tuple[Any, Any]:
        """(sign, log |det J|) of the flattened matrix, as of ``np.linalg.slogdet``: (0, -inf) if J is singular.

        >>> [float(part) for part in (np.e * Jacobian.identity((3,))).slogdet()]
        [1.0, 3.0]
        """
        order_of(self.row_shape, self.column_shape, "slogdet()")
        return tuple(slogdet(explicit(self.terms), self.row_shape, self.column_shape, self.dtype, self.cache))

    def logdet(self) -> Any:
        """log det J: -inf if J is singular, nan if its determinant is negative."""
        sign, value = self.slogdet()
        return value if sign == 1 else -np.inf if sign == 0 else np.nan

    # ------------------------------------------------------------------------------------------------- norms and sums
    def norm(self, order: Any = None) -> Any:
        """A norm of the flattened matrix: Frobenius (None), the largest column sum (1) or row sum (inf) of |J|.

        >>> float(Jacobian.identity((4,)).norm()), float(Jacobian.identity((4,)).norm(1))
        (2.0, 1.0)
        """
        shapes = self.row_shape, self.column_shape
        return norm(explicit(self.terms), *shapes, self.dtype, order, self.cache)

    def row_norms(self) -> Any:
        """The norm of each row, of `row_shape`: per example if the rows are examples, and no gradient is formed.

        >>> (3 * Jacobian.identity((2,))).row_norms()
        array([3., 3.])
        """
        return row_norms(explicit(self.terms), self.row_shape, self.column_shape, self.dtype, self.cache)

    def row_sums(self) -> Any:
        """The sum of each row, an array of `row_shape`."""
        return row_sums(self.terms, self.row_shape, self.dtype)

    def column_sums(self) -> Any:
        """The sum of each column, an array of `column_shape`."""
        return row_sums([term.transposed() for term in self.terms], self.column_shape, self.dtype)

    def gram(self) -> Any:
        """The inner products of all rows, J Jᴴ, of shape ``row_shape + row_shape``: J itself is not written out.

        >>> (2 * Jacobian.identity((2,))).gram()
        array([[4., 0.],
               [0., 4.]])
        """
        return gram(explicit(self.terms), self.row_shape, self.dtype)

    # --------------------------------------------------------------------------------------------------- to look at
    @property
    def is_symmetric(self) -> bool:
        """Whether the map is known to be its own transpose: a Hessian is by what it is, another may be by its terms."""
        return (self.cache is not None and "symmetric" in self.cache) or is_symmetric(self.terms)

    @property
    def structure(self) -> str:
        """One line that says what kind of map this is and what it stores.

        >>> Jacobian.identity((3,)).structure
        'identity, 0 stored of 9 entries'
        """
        return f"{describe(self.terms, self.is_symmetric)}, {self.stored} stored of {self.size} entries"

    def __repr__(self) -> str:
        return f"Jacobian of shape {self.shape}: {self.structure}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the facts, the terms in index notation, a drawing; no script, no network."""
        about = describe(self.terms, self.is_symmetric), self.stored, self.dtype
        return html(self.terms, self.row_shape, self.column_shape, *about)

    def picture(self, size: int = 64) -> str:
        """Where entries need not be zero, as text to print: rows and columns flattened, the last axis fastest.

        A small map has a sign for each entry, and gaps where the last axis of the output or of the argument starts
        again. In a larger one a dot stands for several entries and is set if any of them can be non-zero.

        Args:
            size: dots along the longer side, at most.

        >>> print((2 * Jacobian.identity((3,))).picture())
        ● · ·
        · ● ·
        · · ●
        3 × 3, a dot for each entry that need not be zero
        """
        return picture(self.terms, self.row_shape, self.column_shape, size)

    def spy(self, ax: Any = None, *, cells: int = 256, **options: Any) -> Any:
        """Draw the entries that need not be zero with matplotlib, and return the axes.

        Ticks are named by index, lines part the blocks in which the last axis of the output or of the argument runs
        once. A map of more than ``cells`` rows or columns is drawn in so many cells, each set if any of its entries
        can be non-zero.

        Args:
            ax: matplotlib axes to draw into; new ones if not given.
            cells: cells along the longer side, at most.
            options: handed on to ``ax.imshow``, such as ``cmap``.

        Raises:
            LibraryMissingError: matplotlib is not installed.
        """
        return spy(self.terms, self.row_shape, self.column_shape, ax, cells, **options)


_SETTERS = [vars(Jacobian)[name].__set__ for name in Jacobian.__slots__]  # past the one that refuses
