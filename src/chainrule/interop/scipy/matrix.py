"""A Jacobian or Hessian as a function of the point, in whichever form a solver takes: dense, sparse, an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from chainrule.errors import OptionError
from chainrule.interop.scipy.layout import Layout, require_finite
from chainrule.interop.scipy.memo import LastPoint, once
from chainrule.linear.jacobian import Jacobian

__all__ = ["FORMS", "Matrix", "chosen_form"]

FORMS = ("auto", "dense", "csr", "csc", "operator")

_SMALL = 2500  # entries up to which a dense matrix is always the quickest
_FEW = 8  # one entry in this many, or fewer, and the matrix is sparse
_LARGE = 10**6  # entries from which a dense matrix is avoided if much fewer numbers say the same


def chosen_form(matrix: Jacobian) -> str:
    """The form that suits a structure: "dense", "csr" or "operator".

    >>> chosen_form(Jacobian.identity((3,))), chosen_form(Jacobian.identity((300,)))
    ('dense', 'csr')
    """
    if matrix.size <= _SMALL:
        return "dense"
    if _is_sparse(matrix):
        return "csr"
    return "operator" if matrix.size >= _LARGE and matrix.stored * _FEW <= matrix.size else "dense"


def _is_sparse(matrix: Jacobian) -> bool:
    """Whether few entries are set; where terms may overlap in a large matrix, they are not counted one by one."""
    counts = [term.pattern.entries for term in matrix.terms]
    if sum(counts) * _FEW <= matrix.size:
        return True
    if max(counts) * _FEW > matrix.size or matrix.size > _LARGE:
        return False
    return matrix.entries * _FEW <= matrix.size


class Matrix:
    """The matrix of derivatives at a point: call it, and it comes in the form that suits its structure.

    `dense`, `csr`, `csc`, `operator` and `structured` are functions of the point too, for solvers that take one form
    only: ``jac=residual.jacobian``, ``jac=residual.jacobian.dense``. Each call returns arrays of its own, which the
    solver may overwrite.
    """

    def __init__(
        self,
        what: str,
        compute: Callable[..., Jacobian],
        layout: Layout,
        memo: LastPoint,
        form: str,
        start: Sequence[Any],
        leading: int = 0,
        recorded: Callable[..., Callable[[Any], Any]] | None = None,
    ) -> None:
        if form not in FORMS:
            raise OptionError(f"form={form!r}: expected one of {', '.join(map(repr, FORMS))}")
        self._what = what
        self._compute = compute
        self._layout = layout
        self._memo = memo
        self._form = form
        self._start = start  # the arguments at the starting point, the vector among them
        self._leading = leading  # how many arguments stand before the vector
        self._recorded = recorded  # returns the product with vectors at a point, if not by the structure

    def structured(self, *point: Any) -> Jacobian:
        """The :class:`~chainrule.linear.jacobian.Jacobian` itself, two-dimensional, its entries not written out."""
        return self._computed(point, wanted=self._what)

    def _computed(self, point: tuple[Any, ...], wanted: str = "") -> Jacobian:
        point, results = self._at(point, wanted)
        found: Jacobian = once(results, self._what, lambda: self._compute(*point))
        return found

    def _at(self, point: tuple[Any, ...], wanted: str = "") -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The whole point, checked, and what is known there."""
        k = self._leading
        x = self._layout.checked(point[k])
        before = [float(number) for number in point[:k]]
        point = (*point, *self._start[len(point) :])
        point = (*before, x, *point[k + 1 :])
        return point, self._memo.at(x, *before, *point[k + 1 :], wanted=wanted)

    def product(self, *point: Any) -> Callable[[Any], Any]:
        """The matrix at a point times a vector, as a function of the vector.

        Sparse, the matrix is written out once for the point; else nothing is.
        """
        is_sparse = self.is_sparse
        point, results = self._at(point)

        def make() -> Callable[[Any], Any]:
            if is_sparse:
                return self._computed(point).sparse().dot  # type: ignore[no-any-return]
            return self._computed(point).apply if self._recorded is None else self._recorded(*point)

        found: Callable[[Any], Any] = once(results, f"product with the {self._what}", make)
        return found

    def __call__(self, *point: Any) -> Any:
        """The matrix at a point in the form `form`."""
        return getattr(self, self.form)(*point)

    def dense(self, *point: Any) -> Any:
        """The matrix at a point as an array of two dimensions."""
        matrix = self.structured(*point)
        found = np.asarray(matrix.dense(), np.float64)
        shared = [f for term in matrix.terms for f in term.factors if isinstance(f, np.ndarray)]
        if not found.flags.writeable or any([np.may_share_memory(found, factor) for factor in shared]):
            return found.copy()
        return found

    def csr(self, *point: Any) -> Any:
        """The matrix at a point as a ``scipy.sparse.csr_array``."""
        return self.structured(*point).sparse()

    def csc(self, *point: Any) -> Any:
        """The matrix at a point as a ``scipy.sparse.csc_array``."""
        return self.structured(*point).sparse("csc")

    def operator(self, *point: Any) -> Any:
        """The matrix at a point as a ``scipy.sparse.linalg.LinearOperator``: products only, nothing is written out."""
        if self._recorded is None:
            return self.structured(*point).operator()
        times = self._recorded(*self._at(point)[0])

        def both(vector: Any) -> Any:  # it is symmetric
            return times(vector.reshape(-1))

        return LinearOperator((self._layout.size,) * 2, matvec=both, rmatvec=both, dtype=np.float64)

    @property
    def form(self) -> str:
        """The form in which the matrix comes when called: as asked for, or as suits its structure at the start."""
        if self._form == "auto":
            self._form = chosen_form(self._checked_start())
        return self._form

    @property
    def recordings(self) -> list[str]:
        """One line for each kind of arguments met: whether the derivation is replayed, and if not, why."""
        found: list[str] = self._compute.recorded.recordings  # type: ignore[attr-defined]
        return found

    @property
    def is_sparse(self) -> bool:
        """Whether that form is a sparse one."""
        return self.form in ("csr", "csc")

    @property
    def sparsity(self) -> Any:
        """Ones where entries are not zero by structure, at the starting point: a ``scipy.sparse.csr_array``."""
        found = self._checked_start().sparse()
        found.data = np.ones_like(found.data)
        return found

    def _checked_start(self) -> Jacobian:
        """The matrix at the start, refused if a row or column of it is not finite."""
        matrix = self._computed(tuple(self._start))
        arrays = [f for term in matrix.terms for f in term.factors if isinstance(f, np.ndarray)]
        if not all([np.isfinite(array).all() for array in arrays]):
            # Which entry: the sums over the rows are finite in the columns that are.
            with np.errstate(all="ignore"):
                sums = matrix.apply_transposed(np.ones(matrix.row_shape))
            require_finite(sums, f"the {self._what}", lambda k: f", in column {self._layout.place(k)}")
        return matrix
