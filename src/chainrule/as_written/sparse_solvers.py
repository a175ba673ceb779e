"""`scipy.sparse.linalg` for tracked numbers: solutions of sparse equations, exponentials, norms."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache, wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import follows, instead, numbers_of, plain_function, refusing, settled, stacked
from chainrule.as_written.sparse_arithmetic import multiplied
from chainrule.as_written.sparse_arrays import kind_of, plain_kind, tracked
from chainrule.as_written.sparse_entries import Entries, entries_of, is_sparse
from chainrule.as_written.sparse_exponential import exponential_times
from chainrule.as_written.sparse_matrices import DenseMatrix
from chainrule.errors import NoDerivativeError, NoRuleError
from chainrule.ops.external import external
from chainrule.ops.options import is_complex
from chainrule.ops.sparse import sparse_solve

__all__ = ["IN_C", "of_sparse_linalg"]


def _solution(matrix: Any, b: Any, transposed: bool = False) -> Any:
    if is_sparse(b):
        raise NoRuleError("a sparse equation of tracked values with a sparse right side has no rule: write b.toarray()")
    entries: Entries = entries_of(matrix)
    return sparse_solve(entries.data, *entries.coords, stacked(b), transposed=transposed)


def _spsolve(A: Any, b: Any, *_: Any, **__: Any) -> Any:
    found = _solution(A, b)
    return np.reshape(found, -1) if found.ndim == 2 and found.shape[1] == 1 else found


def _spsolve_triangular(
    A: Any,
    b: Any,
    lower: bool = True,
    overwrite_A: bool = False,
    overwrite_b: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    entries = entries_of(A)
    rows, columns = entries.coords
    kept = np.flatnonzero((rows > columns if lower else rows < columns) | ((rows == columns) & (not unit_diagonal)))
    part = entries._replace(coords=(rows[kept], columns[kept]), data=entries.data[kept])
    if unit_diagonal:
        part = part.plus(entries_of(sys.modules["scipy.sparse"].eye(len(b))))
    return _solution(tracked(part, plain_kind(A)), b)


# --- factors ---


@lru_cache(maxsize=32)
def _by_factors(factors: Any, trans: str) -> Any:
    """Solving with SuperLU's factors, as an operation."""
    other = "T" if trans == "N" else "N"
    return external(lambda b: factors.solve(b, trans), vjp=lambda y: factors.solve(y, other), linear=True, name="solve")


class _Factors:
    """What `splu` gives: the factors of a matrix in which something may be tracked, or which is solved with it.

    SuperLU's own are made of the numbers once they are asked for.
    """

    def __init__(self, made: Callable[[], Any], matrix: Any = None) -> None:
        self.made, self.matrix = made, matrix

    @cached_property
    def factors(self) -> Any:
        """SuperLU's own."""
        return self.made()

    def __getattr__(self, name: str) -> Any:
        if self.matrix is None:
            return getattr(self.factors, name)
        raise NoRuleError(f"splu(A).{name} of a tracked matrix has no rule; splu(A).solve(b) has")

    @property
    def shape(self) -> Any:
        """The shape of the matrix."""
        return self.factors.shape if self.matrix is None else self.matrix.shape

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """The solution for a right side."""
        if self.matrix is not None:
            if trans == "H" and is_complex(self.matrix.entries.data):
                return _solution(self.matrix.conj(), rhs, True)
            return _solution(self.matrix, rhs, trans != "N")
        if not follows(rhs):
            return self.factors.solve(numbers_of(rhs), trans)
        if self.factors.L.dtype.kind == "c":
            raise NoRuleError(
                "complex factors that were made before have no rule for tracked values: spsolve(A, b) has"
            )
        return _by_factors(self.factors, "N" if trans == "N" else "T")(rhs)


def _of_made(factors: Any) -> Any:
    """The same for factors that SuperLU has made already."""
    return _Factors(lambda: factors)


def _factoring(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def made(A: Any, *arguments: Any, **options: Any) -> Any:
        if follows(A):
            return _Factors(lambda: plain(A.of_numbers().tocsc(), *arguments, **options), A)
        return _of_made(plain(settled(A), *arguments, **options))

    return made


def _factorized(A: Any) -> Any:
    return _factoring(plain_function("scipy.sparse.linalg", "splu"))(A.tocsc()).solve


# --- iterations ---


def _iterated(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A solver that comes near to the solution: its answer, with the derivatives of the solution."""

    def made(A: Any, b: Any, *arguments: Any, **options: Any) -> Any:
        told = {name: numbers_of(value) for name, value in options.items()}
        found, info = plain(*numbers_of((A, b, *arguments)), **told)
        if not (is_sparse(A) or isinstance(numbers_of(A), np.ndarray)):
            raise NoRuleError(
                f"scipy.sparse.linalg.{plain.__name__} of tracked values has a rule for sparse and dense matrices A, "
                f"not for a {type(A).__name__}"
            )
        if info:
            raise NoDerivativeError(
                f"scipy.sparse.linalg.{plain.__name__} stopped before it came to the solution (info={info}): what it "
                "gives then has no derivative. Allow more iterations, or use spsolve."
            )
        exact = _spsolve(A, b) if is_sparse(A) else np.reshape(np.linalg.solve(A, b), -1)
        return found + (exact - numbers_of(exact)), info

    return made


_ITERATIONS = ("cg", "cgs", "bicg", "bicgstab", "gmres", "lgmres", "minres", "qmr", "gcrotmk", "tfqmr")


# --- functions of matrices ---


def _expm_multiply(A: Any, B: Any, *arguments: Any, traceA: Any = None, **options: Any) -> Any:
    if any([value is not None for value in (*arguments, *options.values())]):
        raise NoRuleError("expm_multiply of tracked values has a rule without start, stop and num: scale A yourself")
    return exponential_times(entries_of(A), stacked(B))


def _norm(x: Any, ord: Any = None, axis: Any = None) -> Any:  # noqa: A002
    if axis is not None or ord not in (None, "fro", 1, -1, np.inf, -np.inf):
        raise NoRuleError(f"scipy.sparse.linalg.norm of tracked values with ord={ord!r} and axis={axis!r} has no rule")
    data = x.entries.unique().data
    if ord in (None, "fro"):
        return np.linalg.norm(data)
    sums = abs(x).tocsr().sum(axis=0 if abs(ord) == 1 else 1)
    sums = sums.A1 if isinstance(sums, DenseMatrix) else sums
    return np.max(sums) if ord > 0 else np.min(sums)


def _inv(A: Any) -> Any:
    return tracked(entries_of(_solution(A, np.eye(A.shape[0]))), kind_of("csc", plain_kind(A)))


def _matrix_power(A: Any, power: int) -> Any:
    return multiplied(A, power) if power else sys.modules["scipy.sparse"].eye_array(A.shape[0], format="csr")


_REFUSED = {
    **dict.fromkeys(("eigs", "eigsh", "lobpcg"), "np.linalg.eigh(A.toarray())"),
    "svds": "np.linalg.svd(A.toarray())",
    "lsqr": "spsolve(A.T @ A, A.T @ b)",
    "lsmr": "spsolve(A.T @ A, A.T @ b)",
    "expm": "scipy.linalg.expm(A.toarray()), or expm_multiply(A, b)",
    "onenormest": "scipy.sparse.linalg.norm(A, 1)",
    "aslinearoperator": "A itself",
}


IN_C: dict[type, Callable[[Any], Any]] = {}
"""By class, what takes the place of objects made in C before, whose methods take plain arrays alone."""


def of_sparse_linalg(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of functions in `scipy.sparse.linalg`."""
    IN_C[module.SuperLU] = _of_made
    made: dict[str, Callable[..., Any]] = {
        "spsolve": _spsolve,
        "spsolve_triangular": _spsolve_triangular,
        "expm_multiply": _expm_multiply,
        "norm": _norm,
        "inv": _inv,
        "matrix_power": _matrix_power,
        **{name: _iterated(getattr(module, name)) for name in _ITERATIONS},
        **{
            name: refusing(f"scipy.sparse.linalg.{name} of tracked values has no rule: write {other}")
            for name, other in _REFUSED.items()
        },
    }
    always = {name: _factoring(getattr(module, name)) for name in ("splu", "spilu")}
    found = {name: instead(getattr(module, name), function) for name, function in made.items()}
    return [(module, {**found, **always, "factorized": _factorized})]
