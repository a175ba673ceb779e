"""Linear equations whose matrix is sparse: its entries are one argument, where they stand are others.

x = A⁻¹ b          ∂x[j]/∂b[i]       = A⁻¹[j,i]                       applied by solving with the sparse factors
                   ∂x[j]/∂entries[e] = −A⁻¹[j, rows[e]] x[columns[e]]  the same: no matrix of all entries is made
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import MatrixError
from chainrule.linear._scipy import sparse, sparse_linalg
from chainrule.linear.functions import scatter
from chainrule.linear.term import Factor, Opaque, Term, pattern
from chainrule.op import OUT, Call, Constant, Rule, Sample, define
from chainrule.ops.remembered import remembered
from chainrule.ops.writing import as_python

__all__ = ["sparse_solve"]


def _factors(entries: Any, rows: Any, columns: Any, size: int) -> Any:
    """SuperLU's factors of the matrix; entries that stand at one place are added."""
    matrix = sparse.coo_array((entries, (rows, columns)), shape=(size, size)).tocsc()
    try:
        return sparse_linalg.splu(matrix)
    except RuntimeError as problem:
        raise MatrixError(
            f"a sparse matrix of shape {(size, size)} cannot be solved with: {problem}. Some row is a combination of "
            "the others."
        ) from problem


def sparse_solve_forward(entries: Any, rows: Any, columns: Any, b: Any, transposed: bool = False) -> Any:
    """x with A x = b, or with Aᵀ x = b."""
    rows, columns, b = np.asarray(rows), np.asarray(columns), np.asarray(b)
    dtype = np.result_type(entries, b, np.float32)
    entries, b = np.asarray(entries, dtype), np.asarray(b, dtype)
    size = len(b)
    if not size:
        return np.zeros(b.shape, dtype)
    key = "sparse", size, rows.tobytes(), columns.tobytes()
    (factors,) = remembered(key, lambda entries: (_factors(entries, rows, columns, size),), entries)
    return factors.solve(b, "T" if transposed else "N")


class _Inverse(Opaque):
    """A⁻¹, or its transpose, applied by solving."""

    def __init__(self, matrix: Sequence[Any], size: int, dtype: Any, transposed: bool) -> None:
        self.matrix, self.transposed = tuple(matrix), transposed
        self.shape, self.dtype = (size, size), dtype

    def apply(self, vectors: Any) -> Any:
        return sparse_solve(*self.matrix, vectors, transposed=self.transposed)

    def apply_transposed(self, vectors: Any) -> Any:
        return sparse_solve(*self.matrix, vectors, transposed=not self.transposed)

    @property
    def stored(self) -> int:
        """The entries of A."""
        return int(self.matrix[0].size)


class _OfEntries(_Inverse):
    """−A⁻¹ (∂A/∂entries) x, for each column of x: axes (column, unknown, entry)."""

    def __init__(self, matrix: Sequence[Any], x: Any, dtype: Any, transposed: bool) -> None:
        super().__init__(matrix, x.shape[0], dtype, transposed)
        entries, rows, columns = matrix
        self.x = x
        self.at, self.of = (columns, rows) if transposed else (rows, columns)  # which rows meet which of x
        self.shape = (x.shape[1], x.shape[0], entries.shape[0])

    def apply(self, vectors: Any) -> Any:
        batch, size, _ = self.shape
        met = np.transpose(vectors, (1, 0, 2)) * self.x[self.of][:, :, None]
        right = scatter(met, (size, *met.shape[1:]), (self.at,))
        found = super().apply(np.reshape(right, (size, -1)))
        return -np.transpose(np.reshape(found, (size, batch, -1)), (1, 0, 2))

    def apply_transposed(self, vectors: Any) -> Any:
        batch, size, _ = self.shape
        found = super().apply_transposed(np.reshape(np.transpose(vectors, (1, 0, 2)), (size, -1)))
        met = np.reshape(found, (size, batch, -1))[self.at] * self.x[self.of][:, :, None]
        return -np.transpose(met, (1, 0, 2))


class _Solution(Rule):
    """∂x/∂b and ∂x/∂entries, both applied by solving."""

    def __init__(self, *needs: int) -> None:
        self.needs = needs

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        size, *more = call.shapes[3]
        matrix, transposed = arguments[:3], bool(call.params.get("transposed"))
        dtype = arguments[0].dtype if out is None else out.dtype
        j, e, c = 0, 1, [2] * len(more)
        if position == 3:
            made, _ = pattern([size, size, *more], [j, *c], [e, *c], [Factor((j, e), True)])
            return (Term(made, (_Inverse(matrix, size, dtype, transposed),)),)
        x = out if more else np.reshape(out, (size, 1))
        sizes = [size, call.shapes[0][0], *(more or [1])]
        made, _ = pattern(sizes, [j, *c], [e], [Factor((2, j, e), True)])
        return (Term(made, (_OfEntries(matrix, x, dtype, transposed),)),)


_ROWS, _COLUMNS = np.array([0, 1, 2, 0, 2, 1, 1]), np.array([0, 1, 2, 1, 0, 2, 2])
_ENTRIES = np.array([2.0, 1.5, -1.8, 0.4, 0.3, 0.2, 0.3])  # the last two stand at one place

_POWERS = "-1", r"-\top"
SOLVED = """\
def sparse_solve(entries, rows, columns, b):
    from scipy import sparse
    matrix = sparse.coo_array((entries, (rows, columns)), shape=(len(b), len(b)))
    return sparse.linalg.spsolve(matrix.tocsc(), b)"""

sparse_solve = define(
    "sparse_solve",
    sparse_solve_forward,
    _Solution(0, 1, 2, OUT),
    Constant(),
    Constant(),
    _Solution(0, 1, 2),
    arguments=("entries", "rows", "columns", "b"),
    samples=[
        Sample((_ENTRIES, _ROWS, _COLUMNS, (3,))),
        Sample((_ENTRIES, _ROWS, _COLUMNS, (3, 2))),
        Sample((_ENTRIES, _ROWS, _COLUMNS, (3,)), {"transposed": True}),
        Sample((_ENTRIES, _ROWS, _COLUMNS, (3, 2)), {"transposed": True}),
        Sample((np.zeros(0), np.zeros(0, int), np.zeros(0, int), (0,))),
    ],
    notation=(
        lambda entries, rows, columns, b, transposed=False: f"sparse({entries}){'⁻ᵀ' if transposed else '⁻¹'} {b}",
        lambda entries, rows, columns, b, transposed=False: (
            rf"\operatorname{{sparse}}\left({entries}\right)^{{{_POWERS[bool(transposed)]}}} {b}"
        ),
        lambda entries, rows, columns, b, transposed=False: as_python(
            "sparse_solve", [entries, *((columns, rows) if transposed else (rows, columns)), b]
        ),
        SOLVED,
    ),
    takes_complex=True,
)
