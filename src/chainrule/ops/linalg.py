"""Matrix functions: inverse, solve, determinant, Cholesky factor; matrices are the last two axes, the others a batch.

Y = A⁻¹            ∂Y[i,l]/∂A[j,k] = −Y[i,j] Y[k,l]          two factors that are the same array
x = A⁻¹ b          ∂x[i]/∂b[j]     = A⁻¹[i,j]                 applied by solving, never formed
log|det A|         ∂out/∂A[i,j]    = A⁻¹[j,i]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import MatrixError, ShapeError
from chainrule.linear._scipy import linalg
from chainrule.linear.term import Factor, Opaque, Pattern, Term, pattern
from chainrule.op import Call, General, Product, Rule, Sample, cached_by_call, define, implements
from chainrule.ops.contract import batched, label_sizes, matmul
from chainrule.ops.options import plain, shape_of
from chainrule.ops.remembered import remembered
from chainrule.ops.writing import as_python, calling

__all__ = ["cholesky", "guarded", "inv", "pinv", "refuse_infinite", "solve", "solve_triangular", "square_shape"]


def square_shape(name: str, x: Any) -> tuple[int, ...]:
    """The shape of a batch of square matrices; ShapeError for others."""
    shape = shape_of(x)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ShapeError(f"{name}: expected a square matrix (or a batch of them, last two axes), got shape {shape}.")
    return shape


def guarded(name: str, forward: Callable[..., Any], advice: str, square: bool = True) -> Callable[..., Any]:
    """The forward function with NumPy's complaints about matrices made clear."""

    def run(a: Any, *arguments: Any, **params: Any) -> Any:
        if square:
            square_shape(name, a)
        try:
            return forward(a, *arguments, **params)
        except np.linalg.LinAlgError as problem:
            raise MatrixError(f"{name}: {problem} (shape {shape_of(a)}). {advice}") from problem

    return run


def refuse_infinite(a: Any, problem: str) -> None:
    """Say what LAPACK does not of a matrix with numbers that are not finite; it may look for an answer for ever."""
    if type(a) is np.ndarray and not np.isfinite(a).all():
        raise np.linalg.LinAlgError(problem)


SINGULAR = "Some row is a combination of the others. Use np.linalg.pinv, or add a small multiple of the identity."


def matrix_labels(rank: int) -> tuple[list[int], int, int, int, int]:
    """Labels of the batch axes of a matrix, then four more."""
    batch = list(range(rank - 2))
    return batch, rank - 2, rank - 1, rank, rank + 1


# --- inverse ----------------------------------------------------------------------------------------------------------


def inv_pattern(call: Call, position: int) -> Pattern:
    """Row (i, l), column (j, k), factors Y(i, j), Y(k, l), −1."""
    shape = call.shapes[0]
    batch, i, l, j, k = matrix_labels(len(shape))
    sizes = [*shape, shape[-1], shape[-1]]
    return pattern(sizes, [*batch, i, l], [*batch, j, k], [[*batch, i, j], [*batch, k, l], []])[0]


MATRIX = np.array([[2.0, 0.3, -0.4], [0.5, 1.5, 0.2], [-0.3, 0.6, 1.8]])
MATRICES = np.stack([MATRIX, MATRIX.T + np.eye(3), 2 * MATRIX @ MATRIX])

inv = define(
    "inv",
    guarded("np.linalg.inv", np.linalg.inv, SINGULAR),
    Product(inv_pattern, [lambda out: out, lambda out: out, lambda: -1.0], ("a",)),
    notation=("{0}⁻¹", "{{{0}}}^{{-1}}", "", "", "np.linalg.solve({0}, {1})"),
    arguments=("a",),
    numpy=np.linalg.inv,
    samples=[Sample((MATRIX,)), Sample((MATRICES,)), Sample((np.array([[2.0]]),)), Sample((np.zeros((0, 0)),))],
    takes_complex=True,
)


def pinv_patterns(call: Call) -> tuple[Pattern, Pattern]:
    """Row (i, l), column (j, k): factors (i, j), (k, l) and a number; and factors (i, k), (j, l)."""
    shape = call.shapes[0]
    batch, i, l, j, k = matrix_labels(len(shape))
    m, n = shape[-2:]
    sizes = [*shape[:-2], n, m, m, n]

    def make(first: list[int], second: list[int], *more: list[int]) -> Pattern:
        return pattern(sizes, [*batch, i, l], [*batch, j, k], [[*batch, *first], [*batch, *second], *more])[0]

    return cached_by_call(_pinv_patterns, call, 0, lambda: (make([i, j], [k, l], []), make([i, k], [j, l])))


def pinv_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂P[i,l]/∂A[j,k] = −P[i,j] P[k,l] + (PPᵀ)[i,k] (I − AP)[j,l] + (I − PA)[i,k] (PᵀP)[j,l], the rank held fixed."""
    m, n = shape_of(a)[-2:]
    through, across = pinv_patterns(call)
    transposed = np.swapaxes(out, -1, -2)
    return [
        Term(through, (out, out, -1.0)),
        Term(across, (matmul(out, transposed), np.eye(m, dtype=call_dtype(out)) - matmul(a, out))),
        Term(across, (np.eye(n, dtype=call_dtype(out)) - matmul(out, a), matmul(transposed, out))),
    ]


_pinv_patterns: dict[Any, tuple[Pattern, Pattern]] = {}


def call_dtype(x: Any) -> Any:
    """The dtype of an array or tensor."""
    return plain(x).dtype


pinv = define(
    "pinv",
    guarded("np.linalg.pinv", lambda a, rcond: np.linalg.pinv(a, rcond), "", square=False),
    General(pinv_terms, ("out", "a"), ("a",)),
    arguments=("a",),
    samples=[
        Sample((MATRIX,), {"rcond": None}),
        Sample((MATRIX[:, :2],), {"rcond": None}),
        Sample((MATRICES[:, :2],), {"rcond": None}),
    ],
    notation=("{0}⁺", "{{{0}}}^{{+}}", calling("np.linalg.pinv")[2]),
)


# --- linear equations -------------------------------------------------------------------------------------------------


class Solver(Opaque):
    """A⁻¹ (or its transpose) as a map: it is applied by solving."""

    def __init__(self, a: Any, transposed: bool = False) -> None:
        self.a = a
        self.transposed = transposed
        self.shape = tuple(a.shape)
        self.dtype = a.dtype

    def solve(self, vectors: Any, transposed: bool) -> Any:
        """Solve with A or its transpose."""
        return solve(self.a, vectors, transposed=True) if transposed else solve(self.a, vectors)

    def apply(self, vectors: Any) -> Any:
        """A⁻¹ V."""
        return self.solve(vectors, self.transposed)

    def apply_transposed(self, vectors: Any) -> Any:
        """A⁻ᵀ V."""
        return self.solve(vectors, not self.transposed)

    def dense(self) -> Any:
        """A⁻¹."""
        inverse = inv(self.a)
        return np.swapaxes(inverse, -1, -2) if self.transposed else inverse

    @property
    def stored(self) -> int:
        """The entries of A."""
        return int(self.a.size)


FACTORISED_FROM = 64  # rows from which a factorisation is kept for the derivatives


def factorise(a: Any) -> tuple[Any, Any]:
    """The LU factorisation as LAPACK has it."""
    (getrf,) = linalg.get_lapack_funcs(("getrf",), (a,))
    factors, pivots, info = getrf(a)
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return factors, pivots


def solve_forward(a: Any, b: Any, transposed: bool = False) -> Any:
    """x with A x = b, or with Aᵀ x = b."""
    is_here = type(a) is np.ndarray  # of numbers that come later NumPy's own call is recorded
    if (
        is_here
        and len(a) >= FACTORISED_FROM
        and a.ndim == 2
        and b.ndim < 3
        and a.dtype == b.dtype
        and a.dtype.char in "fd"
    ):
        return linalg.lu_solve(remembered("lu", factorise, a), b, int(transposed), check_finite=False)
    return np.linalg.solve(np.swapaxes(a, -1, -2) if transposed else a, b)


def solve_labels(shapes: Sequence[tuple[int, ...]], params: Mapping[str, Any]) -> tuple[list[list[int]], list[int]]:
    """The axes of A (batch, equations i, unknowns j), of b (batch, i, c) and of the result (batch, j, c).

    As in NumPy 2, ``b`` is one vector only if it has one axis.
    """
    a, b = len(shapes[0]), len(shapes[1])
    if b == 1:
        left, right, batch = batched(a, 2, 2, 2)
    else:
        left, right, batch = batched(a, b, 2, 2)
    i, j, c = len(batch), len(batch) + 1, len(batch) + 2
    more = [c] if b > 1 else []
    matrix = [j, i] if params.get("transposed") else [i, j]
    return [[*left, *matrix], [*right, i, *more]], [*batch, j, *more]


class SolveRule(Rule):
    """∂x/∂b = A⁻¹ and ∂x/∂A = −A⁻¹ ⊗ x, with A⁻¹ applied by solving."""

    def __init__(self, needs: Sequence[int]) -> None:
        self.needs = tuple(needs)
        self.known: dict[Any, Any] = {}

    def plan(self, call: Call, position: int) -> tuple[Pattern, tuple[int, ...] | None]:
        """The pattern, and the shape of A without stretched axes (None: as it is)."""
        (left, right), output = solve_labels(call.shapes, call.params)
        sizes = label_sizes([left, right], call.shapes)
        batch = [label for label, size in zip(left[:-2], call.shapes[0][:-2], strict=True) if size == sizes[label]]
        transposed = bool(call.params.get("transposed"))
        i, j = left[:-3:-1] if transposed else left[-2:]
        inverse = Factor((*batch, j, i), opaque=True)
        shapes = tuple([sizes[label] for label in (*batch, i, j)])
        reshaped = None if shapes == call.shapes[0] else shapes
        if position == 1:
            column = [
                label if size == sizes[label] else None for label, size in zip(right, call.shapes[1], strict=True)
            ]
            return pattern(sizes, output, column, [inverse])[0], reshaped
        # ∂x[j]/∂A[i,k] = −A⁻¹[j,i] x[k]: the unknown k is not the j of the row
        k = len(sizes)
        sizes = [*sizes, sizes[j]]
        matrix = [k, i] if transposed else [i, k]
        solution = [k if label == j else label for label in output]
        column = [
            label if size == sizes[label] else None
            for label, size in zip([*left[:-2], *matrix], call.shapes[0], strict=True)
        ]
        return pattern(sizes, output, column, [inverse, solution, []])[0], reshaped

    def terms(self, call: Call, position: int, out: Any, arguments: Sequence[Any]) -> Sequence[Term]:
        made, reshaped = cached_by_call(self.known, call, position, lambda: self.plan(call, position))
        a = arguments[0] if reshaped is None else arguments[0].reshape(reshaped)
        inverse = Solver(a, bool(call.params.get("transposed")))
        return (Term(made, (inverse,) if position else (inverse, out, -1.0)),)


solve = define(
    "solve",
    guarded("np.linalg.solve", solve_forward, SINGULAR),
    SolveRule([0, -1]),
    SolveRule([0]),
    arguments=("a", "b"),
    numpy=np.linalg.solve,
    samples=[
        Sample((MATRIX, (3,))),
        Sample((MATRIX, (3, 2))),
        Sample((MATRICES, (3,))),
        Sample((MATRICES, (3, 3, 2))),
        Sample((MATRIX, (2, 3, 2))),
        Sample((MATRICES[:, None], (1, 2, 3, 1))),
        Sample((np.zeros((0, 0)), (0,))),
        Sample((MATRIX, (3,)), {"transposed": True}),
        Sample((MATRICES[:1], (3, 3, 2)), {"transposed": True}),
    ],
    notation=(
        lambda a, b, transposed=False: f"{a}⁻ᵀ {b}" if transposed else f"{a}⁻¹ {b}",
        lambda a, b, transposed=False: rf"{{{a}}}^{{-\top}} {b}" if transposed else f"{{{a}}}^{{-1}} {b}",
        lambda a, b, transposed=False: as_python("np.linalg.solve", [f"{a}.mT" if transposed else a, b]),
    ),
    takes_complex=True,
)


def solve_triangular(a: Any, b: Any, lower: bool = True, unit_diagonal: bool = False) -> Any:
    """Solve with one triangle of ``a``; the other is not read. ``b`` as for `np.linalg.solve`.

    >>> solve_triangular(np.array([[2.0, 9.0], [1.0, 1.0]]), np.array([2.0, 3.0]))
    array([1., 2.])
    """
    square_shape("solve_triangular", a)
    triangle = (np.tril if lower else np.triu)(a, (-1 if lower else 1) if unit_diagonal else 0)
    return solve(triangle + np.eye(shape_of(a)[-1], dtype=a.dtype) if unit_diagonal else triangle, b)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """np.linalg.tensorsolve: the last axes of ``a`` are the unknown's."""
    rank = len(shape_of(a))
    if axes is not None:
        moved = [int(k) % rank for k in axes]
        a = np.transpose(a, [k for k in range(rank) if k not in moved] + moved)
    unknown = shape_of(a)[len(shape_of(b)) :]
    size = prod(unknown)
    return np.reshape(solve(np.reshape(a, (-1, size)), np.reshape(b, -1)), unknown)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """np.linalg.tensorinv: the first ``ind`` axes are the rows."""
    shape = shape_of(a)
    return np.reshape(inv(np.reshape(a, (prod(shape[:ind]), -1))), shape[ind:] + shape[:ind])


# --- Cholesky factor --------------------------------------------------------------------------------------------------


def cholesky_terms(call: Call, position: int, out: Any) -> list[Term]:
    """∂L[i,l]/∂A[j,k] = Σ_a L[i,a] H[a,l] (W[a,j] W[l,k] T[j,k] + W[a,k] W[l,j] T'[j,k]), W = L⁻¹.

    H has ½ on the diagonal and 1 below; T has 1 on and below, T' below the diagonal: only that triangle of A is read,
    and its entries stand for those across the diagonal as well.
    """
    shape = call.shapes[0]
    batch, i, l, j, k = matrix_labels(len(shape))
    a, n = k + 1, shape[-1]

    def make(swapped: bool) -> Pattern:
        first, second = (k, j) if swapped else (j, k)
        factors = [[*batch, i, a], [a, l], [*batch, a, first], [*batch, l, second], [j, k]]
        return pattern([*shape, n, n, n], [*batch, i, l], [*batch, j, k], factors)[0]

    straight, swapped = cached_by_call(_cholesky_patterns, call, position, lambda: (make(False), make(True)))
    ones = np.ones((n, n), call_dtype(out))
    lower, strict = np.tril(ones), np.tril(ones, -1)
    half = (lower + strict) * 0.5
    inverse = inv(out)
    return [
        Term(straight, (out, half, inverse, inverse, lower)),
        Term(swapped, (out, half, inverse, inverse, strict)),
    ]


_cholesky_patterns: dict[Any, tuple[Pattern, Pattern]] = {}

DEFINITE = "The matrix is not positive definite: add a small multiple of the identity."

cholesky = define(
    "cholesky",
    guarded("np.linalg.cholesky", np.linalg.cholesky, DEFINITE),
    General(cholesky_terms, ("out",), ("a",)),
    arguments=("a",),
    samples=[
        Sample((MATRIX @ MATRIX.T,)),
        Sample((MATRICES @ np.swapaxes(MATRICES, -1, -2),)),
        Sample((np.array([[4.0]]),)),
    ],
    notation=("chol({0})", r"\operatorname{{chol}}\left({0}\right)"),
)
