"""Decompositions of complex matrices, of which those of Hermitian ones are the only rules.

    H v = λ v           dλ[a] = Re(v[a]ᴴ dH v[a])        dv[b] = Σ_{a≠b} v[a] (v[a]ᴴ dH v[b]) / (λ[b] − λ[a])
    H = L Lᴴ            dL = L Φ(L⁻¹ dH L⁻ᴴ), Φ: the lower triangle with half of the diagonal

A = U Σ Vᴴ are eigenvectors of D = [[0, A], [Aᴴ, 0]], for D (u, v) = σ (u, v) and D (u, −v) = −σ (u, −v).

A vector may be multiplied by any phase. Derivatives are those that do not turn it, which is right for all that phases
do not change; a gradient of what they do change is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import NoDerivativeError
from chainrule.linear.term import Factor, Opaque, Pattern, Term, pattern
from chainrule.op import Call, General, define, implements
from chainrule.ops.decompose import CONVERGENCE, apart, singular_values, term_patterns
from chainrule.ops.linalg import DEFINITE, guarded, inv, refuse_infinite
from chainrule.ops.options import conjugated, is_complex, plain, shape_of
from chainrule.ops.remembered import remembered

__all__ = [
    "FreeOfChoice",
    "cholesky_of_complex",
    "eigh_of_complex",
    "eigvalsh_of_complex",
    "singular_values_of",
    "svd_of_complex",
    "transposed",
]


def transposed(a: Any) -> Any:
    """The conjugate transpose."""
    return conjugated(np.swapaxes(a, -1, -2))


def hermitian(a: Any, uplo: str) -> Any:
    """The Hermitian matrix of which one triangle is read, and of the diagonal the real part."""
    strict = np.tril(a, -1) if uplo == "L" else np.triu(a, 1)
    return strict + transposed(strict) + np.real(a) * np.eye(shape_of(a)[-1], dtype=np.real(plain(a)).dtype)


# --- eigenvalues and eigenvectors -------------------------------------------------------------------------------------


def decomposed(h: Any, rows: int | None) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors of H; of D, whose first block has so many rows, by the decomposition of A."""
    refuse_infinite(h, "Eigenvalues did not converge")
    if rows is None:
        found: tuple[Any, Any] = np.linalg.eigh(h)
        return found
    a = h[..., :rows, rows:]
    left, values, right = np.linalg.svd(a)
    right = transposed(right)
    k = values.shape[-1]
    plus = np.concatenate([left[..., :k], right[..., :k]], -2) * 0.5**0.5
    minus = np.concatenate([left[..., :k], -right[..., :k]], -2) * 0.5**0.5
    rest_left, rest_right = left[..., k:], right[..., k:]
    none_right = np.zeros((*h.shape[:-2], right.shape[-2], rest_left.shape[-1]), h.dtype)
    none_left = np.zeros((*h.shape[:-2], rows, rest_right.shape[-1]), h.dtype)
    vectors = [plus, minus, np.concatenate([rest_left, none_right], -2), np.concatenate([none_left, rest_right], -2)]
    none = np.zeros((*values.shape[:-1], h.shape[-1] - 2 * k), values.dtype)
    return np.concatenate([values, -values, none], -1), np.concatenate(vectors, -1)


def eigen_part(index: int, h: Any, rows: int | None) -> Any:
    """The eigenvalues (0) or eigenvectors (1)."""
    return remembered(("hermitian", rows), lambda x: decomposed(x, rows), h)[index].copy()


def values_terms(call: Call, position: int, h: Any) -> list[Term]:
    """∂λ[i]/∂H[j,k] = conj(v[j,i]) v[k,i], of which the real part counts."""

    def make(batch: list[int], i: int, j: int, k: int, _: int) -> Sequence[Pattern]:
        sizes = [*call.shapes[0], call.shapes[0][-1]]
        return [pattern(sizes, [*batch, i], [*batch, j, k], [[*batch, j, i], [*batch, k, i]])[0]]

    (made,) = term_patterns(call, make, _values_patterns)
    vectors = hermitian_eigenvectors(h, rows=call.params["rows"])
    return [Term(made, (np.conjugate(vectors), vectors))]


def vectors_terms(call: Call, position: int, out: Any, h: Any) -> list[Term]:
    """∂v[i,b]/∂H[j,k] = Σ_{a≠b} v[i,a] conj(v[j,a]) v[k,b] / (λ[b] − λ[a]), between different eigenvalues."""

    def make(batch: list[int], i: int, b: int, j: int, k: int) -> Sequence[Pattern]:
        n, s, m = call.shapes[0][-1], k + 1, k + 2
        factors = [[*batch, m, s], [*batch, s, b], [*batch, j, s], [*batch, k, b]]
        sizes = [*call.shapes[0], n, n, n, n]
        whole: list[Any] = [Factor((*batch, b, i, m), opaque=True), *factors]
        return [pattern(sizes, [*batch, i, b], [*batch, j, k], whole)[0]]

    (made,) = term_patterns(call, make, _vectors_patterns)
    values = hermitian_eigenvalues(h, rows=call.params["rows"])
    gaps = values[..., None, :] - values[..., :, None]
    numbers = plain(gaps)
    size = np.max(np.abs(plain(values)), -1, initial=0.0)[..., None, None]
    equal = np.abs(numbers) <= size * numbers.shape[-1] * np.finfo(numbers.dtype).eps
    inverse = np.where(equal, np.zeros((), numbers.dtype), 1 / np.where(equal, np.ones((), numbers.dtype), gaps))
    return [Term(made, (FreeOfPhases(plain(out)), out, inverse, np.conjugate(out), out))]


class FreeOfChoice(Opaque):
    """The identity, which sees to it that what is pulled back through it does not depend on how vectors were chosen."""

    problem: str  # what is said if it does

    def __init__(self, vectors: Any) -> None:
        self.vectors = np.swapaxes(vectors, -1, -2)  # (batch…, b, i)
        self.shape = (*self.vectors.shape, self.vectors.shape[-1])
        self.dtype = vectors.dtype

    def changes(self, numbers: Any) -> tuple[Any, Any]:
        """What comes of other choices if this is pulled back, and how large that would be for what depends on them."""
        raise NotImplementedError

    def apply(self, vectors: Any) -> Any:
        """The same."""
        return vectors

    def apply_transposed(self, vectors: Any) -> Any:
        """The same, if nothing comes of other choices."""
        if type(numbers := plain(vectors)) is np.ndarray:
            changed, size = self.changes(numbers)
            if np.any(changed > np.sqrt(np.finfo(self.dtype).eps) * np.max(size, initial=0.0)):
                raise NoDerivativeError(self.problem)
        return vectors

    def dense(self) -> Any:
        """The identity for each vector."""
        return np.broadcast_to(np.eye(self.shape[-1], dtype=self.dtype), self.shape)


class FreeOfPhases(FreeOfChoice):
    """That of vectors v which may be multiplied by any phase: the change that turns one is i v."""

    problem = (
        "eigenvectors, or singular vectors, of a complex matrix may be multiplied by any phase, and what "
        "was computed of them depends on it: it has no derivative. Use what does not, as |v|² or v λ vᴴ."
    )

    def changes(self, numbers: Any) -> tuple[Any, Any]:
        """⟨i v, cotangent⟩ for each vector."""
        parts = self.vectors[..., None] * numbers
        return np.abs(np.sum(parts, -2).imag), np.sum(np.abs(parts), -2)


_values_patterns: dict[Any, Any] = {}
_vectors_patterns: dict[Any, Any] = {}

hermitian_eigenvalues = define(
    "hermitian_eigenvalues",
    guarded("np.linalg.eigh", lambda h, rows: eigen_part(0, h, rows), CONVERGENCE),
    General(values_terms, ("h",), ("h",)),
    arguments=("h",),
    listed=False,
    takes_complex=True,
)
hermitian_eigenvectors = define(
    "hermitian_eigenvectors",
    guarded("np.linalg.eigh", lambda h, rows: eigen_part(1, h, rows), CONVERGENCE),
    General(vectors_terms, ("out", "h"), ("h",)),
    arguments=("h",),
    listed=False,
    takes_complex=True,
)


def eigvalsh_of_complex(a: Any, uplo: str) -> Any:
    """The eigenvalues of the Hermitian matrix that a triangle of ``a`` stands for."""
    return hermitian_eigenvalues(hermitian(a, uplo), rows=None)


def eigh_of_complex(a: Any, uplo: str) -> tuple[Any, Any]:
    """The eigenvalues and eigenvectors of the Hermitian matrix that a triangle of ``a`` stands for."""
    h = hermitian(a, uplo)
    values = hermitian_eigenvalues(h, rows=None)
    apart(
        "np.linalg.eigh", values, "the eigenvalue",
        "Their values alone have one: np.linalg.eigvalsh. A matrix function can be written without eigenvectors.",
    )  # fmt: skip
    return values, hermitian_eigenvectors(h, rows=None)


# --- singular values and vectors --------------------------------------------------------------------------------------


def doubled(a: Any) -> Any:
    """D = [[0, A], [Aᴴ, 0]]."""
    *batch, rows, columns = shape_of(a)
    dtype = plain(a).dtype
    above = np.concatenate([np.zeros((*batch, rows, rows), dtype), a], -1)
    below = np.concatenate([transposed(a), np.zeros((*batch, columns, columns), dtype)], -1)
    return np.concatenate([above, below], -2)


@implements(np.linalg.svdvals)
def singular_values_of(a: Any) -> Any:
    """np.linalg.svdvals."""
    if not is_complex(a):
        return singular_values(a)
    rows, columns = shape_of(a)[-2:]
    return hermitian_eigenvalues(doubled(a), rows=rows)[..., : min(rows, columns)]


def svd_of_complex(a: Any) -> tuple[Any, Any, Any]:
    """U, σ and Vᴴ, without what completes a basis."""
    rows, columns = shape_of(a)[-2:]
    k = min(rows, columns)
    values = singular_values_of(a)
    apart(
        "np.linalg.svd", values, "the singular value",
        "Singular values alone have one: np.linalg.svd(A, compute_uv=False).",
    )  # fmt: skip
    pairs = hermitian_eigenvectors(doubled(a), rows=rows)[..., :k] * 2**0.5
    return pairs[..., :rows, :], values, transposed(pairs[..., rows:, :])


# --- Cholesky factor --------------------------------------------------------------------------------------------------


def cholesky_terms(call: Call, position: int, out: Any) -> list[Term]:
    """∂L[i,l]/∂H[j,k] = Σ_a L[i,a] Φ[a,l] W[a,j] conj(W[l,k]), W = L⁻¹."""

    def make(batch: list[int], i: int, l: int, j: int, k: int) -> Sequence[Pattern]:
        n, s = call.shapes[0][-1], k + 1
        factors = [[*batch, i, s], [s, l], [*batch, s, j], [*batch, l, k]]
        return [pattern([*call.shapes[0], n, n, n], [*batch, i, l], [*batch, j, k], factors)[0]]

    (made,) = term_patterns(call, make, _cholesky_patterns)
    ones = np.ones(shape_of(out)[-2:], np.real(plain(out)).dtype)
    inverse = inv(out)
    return [Term(made, (out, (np.tril(ones) + np.tril(ones, -1)) * 0.5, inverse, np.conjugate(inverse)))]


_cholesky_patterns: dict[Any, Any] = {}

hermitian_cholesky = define(
    "hermitian_cholesky",
    guarded("np.linalg.cholesky", np.linalg.cholesky, DEFINITE),
    General(cholesky_terms, ("out",), ("h",)),
    arguments=("h",),
    listed=False,
    takes_complex=True,
)


def cholesky_of_complex(a: Any) -> Any:
    """The lower triangular factor of the Hermitian matrix that the lower triangle of ``a`` stands for."""
    return hermitian_cholesky(hermitian(a, "L"))
