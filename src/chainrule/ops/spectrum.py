"""Eigenvalues and eigenvectors of matrices that need not be symmetric, real and complex.

A v = λ v           ∂λ[a]/∂A[j,k] = W[a,j] V[k,a], W = V⁻¹

Complex vectors have length 1, and their largest entry has no imaginary part, which is seen to after their rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.term import Pattern, Term, pattern
from chainrule.op import Call, General, Sample, define, implements
from chainrule.ops.decompose import CONVERGENCE, apart, part, reciprocal_gaps, term_patterns
from chainrule.ops.linalg import guarded, inv
from chainrule.ops.options import is_complex, plain
from chainrule.ops.shape import arrayed

__all__ = ["eigenvalues_of", "general_eigenvalues", "general_eigenvectors"]


def eig_part(index: int, a: Any) -> Any:
    """The eigenvalues (0) or eigenvectors (1)."""
    return part(index, "eig", np.linalg.eig, a)


def values_terms(call: Call, position: int, a: Any) -> list[Term]:
    """∂λ[i]/∂A[j,k] = W[i,j] V[k,i]."""

    def make(batch: list[int], i: int, j: int, k: int, _: int) -> Sequence[Pattern]:
        sizes = [*call.shapes[0], call.shapes[0][-1]]
        return [pattern(sizes, [*batch, i], [*batch, j, k], [[*batch, i, j], [*batch, k, i]])[0]]

    (made,) = term_patterns(call, make, _values_patterns)
    vectors = complex_eigenvectors(a, **call.params) if call.params else general_eigenvectors(a)
    return [Term(made, (inv(vectors), vectors))]


_values_patterns: dict[Any, Any] = {}
# real eigenvalues, far apart
SKEWED = np.array([[1.0, 0.4, -0.2], [0.3, 3.0, 0.5], [-0.6, 0.2, 6.0]])
SAMPLES = [
    Sample((SKEWED,)),
    Sample((np.stack([SKEWED, SKEWED.T - 0.1, np.diag([9.0, -2.0, 4.0]) + 0.2 * SKEWED]),)),
    Sample((np.array([[2.0]]),)),
]

general_eigenvalues = define(
    "general_eigenvalues",
    guarded("np.linalg.eig", lambda a: eig_part(0, a), CONVERGENCE),
    General(values_terms, ("a",), ("a",)),
    arguments=("a",),
    samples=SAMPLES,
    notation=("eigenvalues({0})", r"\operatorname{{eigenvalues}}\left({0}\right)", "np.linalg.eigvals({0})"),
)


def vectors_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂V[i,b]/∂A[j,k] = Σ_{a≠b} (V[i,a] − V[i,b] G[a,b]) W[a,j] V[k,b] / (λ[b] − λ[a]).

    G = VᵀV: what would change the length of a vector is taken away.
    """

    def make(batch: list[int], i: int, b: int, j: int, k: int) -> Sequence[Pattern]:
        n, s = call.shapes[0][-1], k + 1

        def of(own: int) -> Pattern:
            factors = [[*batch, i, own], [*batch, s, b], [*batch, s, j], [*batch, k, b]]
            return pattern([*call.shapes[0], n, n, n], [*batch, i, b], [*batch, j, k], factors)[0]

        return [of(s), of(b)]

    values = general_eigenvalues(a)
    apart(
        "np.linalg.eig", values, "the eigenvalue",
        "A matrix function can be written without eigenvectors.",
    )  # fmt: skip
    turned, scaled = term_patterns(call, make, _vectors_patterns)
    gaps, inverse = reciprocal_gaps(values), inv(out)
    overlap = np.matmul(np.swapaxes(out, -1, -2), out)
    return [
        Term(turned, (out, gaps, inverse, out)),
        Term(scaled, (out, -gaps * overlap, inverse, out)),
    ]


_vectors_patterns: dict[Any, Any] = {}

general_eigenvectors = define(
    "general_eigenvectors",
    guarded("np.linalg.eig", lambda a: eig_part(1, a), CONVERGENCE),
    General(vectors_terms, ("out", "a"), ("a",)),
    arguments=("a",),
    samples=SAMPLES,
    notation=(
        "eigenvectors({0})",
        r"\operatorname{{eigenvectors}}\left({0}\right)",
        "np.linalg.eig({0}).eigenvectors",
    ),
)


class EigResult(NamedTuple):
    """What `np.linalg.eig` returns."""

    eigenvalues: Any
    eigenvectors: Any


@implements(np.linalg.eig)
def eig(a: Any) -> EigResult:
    """np.linalg.eig."""
    if has_real_spectrum(a):
        return EigResult(general_eigenvalues(a), general_eigenvectors(a))
    a, is_real = widened(a)
    values = complex_eigenvalues(a, is_real=is_real)
    return EigResult(values, normalised(complex_eigenvectors(a, is_real=is_real)))


@implements(np.linalg.eigvals)
def eigenvalues_of(a: Any) -> Any:
    """np.linalg.eigvals."""
    if has_real_spectrum(a):
        return general_eigenvalues(a)
    a, is_real = widened(a)
    return complex_eigenvalues(a, is_real=is_real)


# --- complex ones -----------------------------------------------------------------------------------------------------


def has_real_spectrum(a: Any) -> bool:
    """Whether a matrix and all its eigenvalues are real."""
    return not is_complex(a) and not is_complex(eig_part(0, plain(arrayed(a))))


def widened(a: Any) -> tuple[Any, bool]:
    """The matrix as complex numbers, and whether it was of real ones, in whose order NumPy then has the results."""
    a = arrayed(a)
    return (a, False) if is_complex(a) else (a.astype(np.result_type(plain(a), np.complex64)), True)


def complex_part(index: int, a: Any, is_real: bool) -> Any:
    """The eigenvalues (0) or eigenvectors (1), as complex numbers."""
    return eig_part(index, np.real(a) if is_real else a).astype(a.dtype)


def complex_vectors_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂V[i,b]/∂A[j,k] = Σ_{a≠b} V[i,a] W[a,j] V[k,b] / (λ[b] − λ[a])."""

    def make(batch: list[int], i: int, b: int, j: int, k: int) -> Sequence[Pattern]:
        n, s = call.shapes[0][-1], k + 1
        factors = [[*batch, i, s], [*batch, s, b], [*batch, s, j], [*batch, k, b]]
        return [pattern([*call.shapes[0], n, n, n], [*batch, i, b], [*batch, j, k], factors)[0]]

    values = complex_eigenvalues(a, **call.params)
    apart(
        "np.linalg.eig", values, "the eigenvalue",
        "A matrix function can be written without eigenvectors.",
    )  # fmt: skip
    (made,) = term_patterns(call, make, _complex_patterns)
    return [Term(made, (out, reciprocal_gaps(values), inv(out), out))]


_complex_patterns: dict[Any, Any] = {}

complex_eigenvalues = define(
    "complex_eigenvalues",
    guarded("np.linalg.eig", lambda a, is_real: complex_part(0, a, is_real), CONVERGENCE),
    General(values_terms, ("a",), ("a",)),
    arguments=("a",),
    listed=False,
    takes_complex=True,
)
complex_eigenvectors = define(
    "complex_eigenvectors",
    guarded("np.linalg.eig", lambda a, is_real: complex_part(1, a, is_real), CONVERGENCE),
    General(complex_vectors_terms, ("out", "a"), ("a",)),
    arguments=("a",),
    listed=False,
    takes_complex=True,
)


def normalised(vectors: Any) -> Any:
    """The vectors with length 1, and with the phase that their largest entries have: as LAPACK makes them."""
    if not plain(vectors).size:
        return vectors
    place = np.argmax(np.abs(plain(vectors)), -2)[..., None, :]
    largest = np.take_along_axis(vectors, place, -2)
    turn = np.conjugate(np.sign(largest)) * np.sign(plain(largest))
    return vectors / np.linalg.vector_norm(vectors, axis=-2, keepdims=True) * turn
