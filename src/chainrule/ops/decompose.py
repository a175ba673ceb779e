"""Decompositions: eigenvalues and eigenvectors of symmetric matrices, singular values and vectors, QR.

Each part is an operation of its own, and parts of one matrix share one decomposition. Vectors that are not unique
(equal eigenvalues or singular values) have no derivative, which is an error and not a number.

    A v = λ v           ∂λ[a]/∂A[j,k] = v[j,a] v[k,a]
    A = U Σ Vᵀ          ∂σ[a]/∂A[j,k] = U[j,a] V[k,a]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import NoDerivativeError
from chainrule.linear.term import Pattern, Term, pattern
from chainrule.op import Call, General, Sample, cached_by_call, define
from chainrule.ops.linalg import MATRICES, MATRIX, guarded, inv, matrix_labels, refuse_infinite
from chainrule.ops.options import plain, shape_of
from chainrule.ops.remembered import remembered
from chainrule.ops.writing import calling

__all__ = ["eigenvalues", "eigenvectors", "qr_orthogonal", "qr_triangular", "singular_values", "singular_vectors"]

CONVERGENCE = "The iteration did not converge: look for entries that are infinite or not a number."


def part(index: int, kind: Any, function: Callable[[Any], tuple[Any, ...]], a: Any) -> Any:
    """A part of ``function(a)``, decomposed once for all parts that are asked for in turn."""
    return remembered(kind, function, a)[index].copy()


def apart(name: str, values: Any, what: str, way_out: str) -> None:
    """Raise :class:`NoDerivativeError` where two of the values are equal, up to rounding."""
    values = np.sort(plain(values), -1)
    if values.shape[-1] < 2 or not values.size:
        return
    size = np.abs(values).max(-1, keepdims=True)
    close = np.abs(np.diff(values, axis=-1)) <= size * values.shape[-1] * np.finfo(values.dtype).eps
    if close.any():
        place = tuple([int(k) for k in np.argwhere(close)[0]])
        raise NoDerivativeError(
            f"{name}: {what} {values[place]:.6g} occurs twice, so its vectors are not unique and have no "
            f"derivative.\n{way_out}"
        )


def term_patterns(call: Call, make: Callable[..., Sequence[Pattern]], known: dict[Any, Any]) -> Sequence[Pattern]:
    """The patterns of a call, made once."""
    found: Sequence[Pattern] = cached_by_call(known, call, 0, lambda: tuple(make(*matrix_labels(len(call.shapes[0])))))
    return found


# --- symmetric matrices -----------------------------------------------------------------------------------------------


def decompose(a: Any, uplo: Any) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors; of an infinite matrix there are none, though LAPACK may find some."""
    refuse_infinite(a, "Eigenvalues did not converge")
    found: tuple[Any, Any] = np.linalg.eigh(a, uplo)
    return found


def eigh_part(index: int, a: Any, uplo: str) -> Any:
    """The eigenvalues (0) or eigenvectors (1)."""
    return part(index, ("eigh", uplo), lambda x: decompose(x, uplo), a)


def triangles(a: Any, uplo: str) -> tuple[Any, Any]:
    """Ones where the triangle that is read has its entries, with and without the diagonal."""
    ones = np.ones(shape_of(a)[-2:], plain(a).dtype)
    return (np.tril(ones), np.tril(ones, -1)) if uplo == "L" else (np.triu(ones), np.triu(ones, 1))


def eigenvalues_terms(call: Call, position: int, a: Any) -> list[Term]:
    """∂λ[i]/∂A[j,k] = v[j,i] v[k,i], twice off the diagonal: an entry of the triangle stands for both."""

    def make(batch: list[int], i: int, j: int, k: int, _: int) -> Sequence[Pattern]:
        sizes = [*call.shapes[0], call.shapes[0][-1]]
        return [pattern(sizes, [*batch, i], [*batch, j, k], [[*batch, j, i], [*batch, k, i], [j, k]])[0]]

    uplo = call.params["uplo"]
    (made,) = term_patterns(call, make, _values_patterns)
    vectors = eigenvectors(a, uplo=uplo)
    whole, strict = triangles(a, uplo)
    return [Term(made, (vectors, vectors, whole + strict))]


_values_patterns: dict[Any, Any] = {}
SYMMETRIC = np.diag([1.0, 3.0, 6.0]) + 0.2 * MATRIX
BATCH = np.stack([SYMMETRIC, SYMMETRIC[::-1, ::-1] + 0.1, np.diag([9.0, -2.0, 4.0]) - 0.3 * MATRIX])
LOWER, UPLO = {"uplo": "L"}, {"UPLO": "L"}

eigenvalues = define(
    "eigenvalues",
    guarded("np.linalg.eigh", lambda a, uplo: eigh_part(0, a, uplo), CONVERGENCE),
    General(eigenvalues_terms, ("a",), ("a",)),
    arguments=("a",),
    samples=[
        Sample((SYMMETRIC,), {"uplo": "L"}),
        Sample((SYMMETRIC,), {"uplo": "U"}),
        Sample((BATCH,), {"uplo": "L"}),
        Sample((np.array([[2.0]]),), {"uplo": "L"}),
    ],
    notation=(
        *calling("eigenvalues", defaults=LOWER)[:2],
        lambda a, uplo: calling("np.linalg.eigvalsh", defaults=UPLO)[2](a, UPLO=uplo),
    ),
)


def eigenvectors_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂v[i,b]/∂A[j,k] = Σ_{a≠b} v[i,a] (v[j,a] v[k,b] T[j,k] + v[k,a] v[j,b] T'[j,k]) / (λ[b] − λ[a]).

    T and T' are the triangle that is read, with and without the diagonal.
    """

    def make(batch: list[int], i: int, b: int, j: int, k: int) -> Sequence[Pattern]:
        n = call.shapes[0][-1]

        def of(first: int, second: int) -> Pattern:
            factors = [[*batch, i, s], [*batch, s, b], [*batch, first, s], [*batch, second, b], [j, k]]
            return pattern([*call.shapes[0], n, n, n], [*batch, i, b], [*batch, j, k], factors)[0]

        s = k + 1
        return [of(j, k), of(k, j)]

    uplo = call.params["uplo"]
    values = eigenvalues(a, uplo=uplo)
    apart(
        "np.linalg.eigh", values, "the eigenvalue",
        "Their values alone have one: np.linalg.eigvalsh. A matrix function can be written without eigenvectors.",
    )  # fmt: skip
    straight, swapped = term_patterns(call, make, _vectors_patterns)
    whole, strict = triangles(a, uplo)
    gaps = reciprocal_gaps(values)
    return [Term(straight, (out, gaps, out, out, whole)), Term(swapped, (out, gaps, out, out, strict))]


def reciprocal_gaps(values: Any) -> Any:
    """F[a,b] = 1 / (values[b] − values[a]), and 0 on the diagonal."""
    eye = np.eye(shape_of(values)[-1], dtype=plain(values).dtype)
    return (1 - eye) / (values[..., None, :] - values[..., :, None] + eye)


_vectors_patterns: dict[Any, Any] = {}

eigenvectors = define(
    "eigenvectors",
    guarded("np.linalg.eigh", lambda a, uplo: eigh_part(1, a, uplo), CONVERGENCE),
    General(eigenvectors_terms, ("out", "a"), ("a",)),
    arguments=("a",),
    samples=eigenvalues.samples,
    notation=(
        *calling("eigenvectors", defaults=LOWER)[:2],
        lambda a, uplo: calling("np.linalg.eigh", defaults=UPLO)[2](a, UPLO=uplo) + ".eigenvectors",
    ),
)


# --- singular values --------------------------------------------------------------------------------------------------


def svd(a: Any) -> Any:
    """U, the singular values and Vᵀ."""
    refuse_infinite(a, "SVD did not converge")
    return np.linalg.svd(a, full_matrices=False)


def svd_part(index: int, a: Any) -> Any:
    """U (0), the singular values (1) or Vᵀ (2)."""
    return part(index, "svd", svd, a)


def singular_values_terms(call: Call, position: int, a: Any) -> list[Term]:
    """∂σ[i]/∂A[j,k] = U[j,i] V[k,i]."""

    def make(batch: list[int], j: int, k: int, i: int, _: int) -> Sequence[Pattern]:
        sizes = [*call.shapes[0], min(call.shapes[0][-2:])]
        return [pattern(sizes, [*batch, i], [*batch, j, k], [[*batch, j, i], [*batch, k, i]])[0]]

    (made,) = term_patterns(call, make, _singular_patterns)
    return [Term(made, (singular_vectors(a, side="left"), singular_vectors(a, side="right")))]


_singular_patterns: dict[Any, Any] = {}
RECTANGLES = [MATRIX, MATRIX[:2], MATRIX[:, :2], MATRICES]

singular_values = define(
    "singular_values",
    guarded("np.linalg.svd", lambda a: svd_part(1, a), CONVERGENCE, square=False),
    General(singular_values_terms, ("a",), ("a",)),
    arguments=("a",),
    samples=[Sample((x,)) for x in RECTANGLES],
    notation=("svd({0}).S", r"\operatorname{{svd}}\left({0}\right)_{{S}}", "np.linalg.svdvals({0})"),
)


def singular_vectors_forward(a: Any, side: str) -> Any:
    """U, or V."""
    return svd_part(0, a) if side == "left" else np.swapaxes(svd_part(2, a), -1, -2).copy()


def singular_vectors_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """The vectors W of this side, Z of the other; A's axes are (w, z) in this order, or the other way round.

    ∂W[i,b]/∂A = Σ_{a≠b} W[i,a] (σ[b] W[w,a] Z[z,b] + σ[a] W[w,b] Z[z,a]) / (σ[b]² − σ[a]²)
                 + (I − WWᵀ)[i,w] Z[z,b] / σ[b]
    """
    left = call.params["side"] == "left"
    shape = call.shapes[0]
    long, short = shape[-2:] if left else shape[:-3:-1]

    def make(batch: list[int], j: int, k: int, i: int, b: int) -> Sequence[Pattern]:
        w, z = (j, k) if left else (k, j)
        rank = min(shape[-2:])
        s = b + 1

        def of(*factors: list[int]) -> Pattern:
            labels = [[*batch, *factor] for factor in factors]
            return pattern([*shape, long, rank, rank], [*batch, i, b], [*batch, j, k], labels)[0]

        own = of([i, s], [s, b], [w, s], [z, b])
        crossed = of([i, s], [s, b], [w, b], [z, s])
        return [own, crossed, pattern([*shape, long, rank], [*batch, i, b], [*batch, j, k],
                                      [[*batch, i, w], [*batch, z, b]])[0]]  # fmt: skip

    own, crossed, across = term_patterns(call, make, _sides_patterns)
    values = singular_values(a)
    apart(
        "np.linalg.svd", values, "the singular value",
        "Singular values alone have one: np.linalg.svd(A, compute_uv=False).",
    )  # fmt: skip
    other = singular_vectors(a, side="right" if left else "left")
    gaps = reciprocal_gaps(np.square(values))
    terms = [
        Term(own, (out, gaps * values[..., None, :], out, other)),
        Term(crossed, (out, gaps * values[..., :, None], out, other)),
    ]
    if long > short:
        outside = np.eye(long, dtype=plain(out).dtype) - np.matmul(out, np.swapaxes(out, -1, -2))
        terms.append(Term(across, (outside, other / values[..., None, :])))
    return terms


_sides_patterns: dict[Any, Any] = {}

singular_vectors = define(
    "singular_vectors",
    guarded("np.linalg.svd", singular_vectors_forward, CONVERGENCE, square=False),
    General(singular_vectors_terms, ("out", "a"), ("a",)),
    arguments=("a",),
    samples=[Sample((x,), {"side": side}) for x in RECTANGLES for side in ("left", "right")],
    notation=(
        lambda a, side: f"svd({a}).{'U' if side == 'left' else 'V'}",
        lambda a, side: rf"\operatorname{{svd}}\left({a}\right)_{{{'U' if side == 'left' else 'V'}}}",
        lambda a, side: f"np.linalg.svd({a}, full_matrices=False).{'U' if side == 'left' else 'Vh.mT'}",
    ),
)


def completed_qr(a: Any) -> tuple[Any, Any]:
    """All columns of Q, and R."""
    orthogonal, triangular = np.linalg.qr(a, mode="complete")
    return orthogonal, triangular


TALL = [Sample((MATRIX,)), Sample((MATRIX[:, :2],)), Sample((MATRICES[..., :2],))]


# --- QR ---------------------------------------------------------------------------------------------------------------


def qr_part(index: int, a: Any) -> Any:
    """Q (0) or R (1)."""
    return part(index, "qr", np.linalg.qr, a)


def qr_orthogonal_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂Q[i,b]/∂A[j,k] = δ_ij W[k,b] − Σ_a Q[i,a] (T[a,b] Q[j,a] W[k,b] + T'[b,a] Q[j,b] W[k,a]), W = R⁻¹.

    T is ones on and above the diagonal; T' is ones below it.
    """
    shape = call.shapes[0]

    def make(batch: list[int], j: int, k: int, i: int, b: int) -> Sequence[Pattern]:
        s, n = b + 1, shape[-1]
        sizes, row, column = [*shape, shape[-2], n, n], [*batch, i, b], [*batch, j, k]
        q = [*batch, i, s]
        return [
            pattern(shape + (n,), [*batch, j, i], column, [[*batch, k, i]])[0],
            pattern(sizes, row, column, [q, [s, b], [*batch, j, s], [*batch, k, b], []])[0],
            pattern(sizes, row, column, [q, [b, s], [*batch, j, b], [*batch, k, s], []])[0],
        ]

    direct, upper, lower = term_patterns(call, make, _orthogonal_patterns)
    inverse = inv(qr_triangular(a))
    ones = np.ones((shape[-1], shape[-1]), plain(out).dtype)
    return [
        Term(direct, (inverse,)),
        Term(upper, (out, np.triu(ones), out, inverse, -1.0)),
        Term(lower, (out, np.tril(ones, -1), out, inverse, -1.0)),
    ]


def qr_triangular_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂R[i,c]/∂A[j,k] = Σ_b (T[i,b] Q[j,i] W[k,b] + T'[b,i] Q[j,b] W[k,i]) R[b,c], W = R⁻¹."""
    shape = call.shapes[0]

    def make(batch: list[int], j: int, k: int, i: int, c: int) -> Sequence[Pattern]:
        b, n = c + 1, shape[-1]
        sizes, row, column = [*shape, n, n, n], [*batch, i, c], [*batch, j, k]
        r = [*batch, b, c]
        return [
            pattern(sizes, row, column, [[i, b], [*batch, j, i], [*batch, k, b], r])[0],
            pattern(sizes, row, column, [[b, i], [*batch, j, b], [*batch, k, i], r])[0],
        ]

    upper, lower = term_patterns(call, make, _triangular_patterns)
    orthogonal, inverse = qr_orthogonal(a), inv(out)
    ones = np.ones((shape[-1], shape[-1]), plain(out).dtype)
    return [
        Term(upper, (np.triu(ones), orthogonal, inverse, out)),
        Term(lower, (np.tril(ones, -1), orthogonal, inverse, out)),
    ]


_orthogonal_patterns: dict[Any, Any] = {}
_triangular_patterns: dict[Any, Any] = {}

qr_orthogonal = define(
    "qr_orthogonal", lambda a: qr_part(0, a), General(qr_orthogonal_terms, ("out", "a"), ("a",)),
    arguments=("a",), samples=TALL,
    notation=("qr({0}).Q", r"\operatorname{{qr}}\left({0}\right)_{{Q}}", "np.linalg.qr({0}).Q"),
)  # fmt: skip
qr_triangular = define(
    "qr_triangular", lambda a: qr_part(1, a), General(qr_triangular_terms, ("out", "a"), ("a",)),
    arguments=("a",), samples=TALL,
    notation=("qr({0}).R", r"\operatorname{{qr}}\left({0}\right)_{{R}}", "np.linalg.qr({0}).R"),
)  # fmt: skip
