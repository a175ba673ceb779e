"""Eigenvalues and eigenvectors of matrices that need not be symmetric, as far as they are real.

A v = λ v           ∂λ[a]/∂A[j,k] = W[a,j] V[k,a], W = V⁻¹
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.term import Pattern, Term, pattern
from chainrule.op import Call, General, Sample, define, implements
from chainrule.ops.decompose import CONVERGENCE, apart, part, reciprocal_gaps, term_patterns
from chainrule.ops.linalg import guarded, inv

__all__ = ["general_eigenvalues", "general_eigenvectors"]


def eig_part(index: int, a: Any) -> Any:
    """The eigenvalues (0) or eigenvectors (1)."""
    return part(index, "eig", np.linalg.eig, a)


def values_terms(call: Call, position: int, a: Any) -> list[Term]:
    """∂λ[i]/∂A[j,k] = W[i,j] V[k,i]."""

    def make(batch: list[int], i: int, j: int, k: int, _: int) -> Sequence[Pattern]:
        sizes = [*call.shapes[0], call.shapes[0][-1]]
        return [pattern(sizes, [*batch, i], [*batch, j, k], [[*batch, i, j], [*batch, k, i]])[0]]

    (made,) = term_patterns(call, make, _values_patterns)
    vectors = general_eigenvectors(a)
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
    numpy=np.linalg.eigvals,
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
    """np.linalg.eig, where all eigenvalues are real."""
    return EigResult(general_eigenvalues(a), general_eigenvectors(a))
