"""Functions of a complex matrix and of its conjugate, each an argument of its own: QR and the pseudo-inverse.

What is linear for real numbers only in dA is linear in dA and conj(dA). So the rules are two, and whoever calls gives
A and conj(A).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.linear.term import Pattern, Term, pattern
from chainrule.op import Call, General, Operation, define
from chainrule.ops.contract import matmul
from chainrule.ops.decompose import qr_part, term_patterns
from chainrule.ops.hermitian import transposed
from chainrule.ops.linalg import guarded, inv, pinv_patterns
from chainrule.ops.options import plain, shape_of

__all__ = ["pinv_of_complex", "qr_of_complex"]


def of_both(name: str, forward: Callable[..., Any], own: Any, conjugate: Any, needs: Sequence[str]) -> Operation:
    """An operation of A and conj(A), with the rule for each."""
    names = ("a", "c")
    return define(
        name,
        lambda a, c, **options: forward(a, **options),
        General(own, needs, names),
        General(conjugate, needs, names),
        arguments=names,
        listed=False,
        takes_complex=True,
    )


# --- QR: with M = Qᴴ dA W, W = R⁻¹, the change of Q is Q X + (I − Q Qᴴ) dA W, and that of R is (M − X) R ---
# X[a,b] = T[a,b] M[a,b] − T[b,a] conj(M[b,a]): skew Hermitian; T has ones below the diagonal and ½ on it


def below(x: Any) -> Any:
    """T."""
    ones = np.ones((shape_of(x)[-1],) * 2, np.real(plain(x)).dtype)
    return (np.tril(ones) + np.tril(ones, -1)) * 0.5


def orthogonal_own(call: Call, position: int, out: Any, a: Any, c: Any) -> list[Term]:
    """∂Q[i,b]/∂A[j,k] = Σ_a Q[i,a] T[a,b] conj(Q[j,a]) W[k,b] + (I − Q Qᴴ)[i,j] W[k,b]."""
    made, rest = term_patterns(call, _orthogonal(call), _own_patterns)
    inverse = inv(qr_triangular_of_complex(a, c))
    outside = np.eye(shape_of(out)[-2], dtype=plain(out).dtype) - matmul(out, transposed(out))
    return [Term(made, (out, below(out), np.conjugate(out), inverse)), Term(rest, (outside, inverse))]


def orthogonal_conjugate(call: Call, position: int, out: Any, a: Any, c: Any) -> list[Term]:
    """∂Q[i,b]/∂conj(A)[j,k] = −Σ_a Q[i,a] T[b,a] Q[j,b] conj(W[k,a])."""

    def make(batch: list[int], j: int, k: int, i: int, b: int) -> Sequence[Pattern]:
        s, n = b + 1, call.shapes[0][-1]
        factors = [[*batch, i, s], [b, s], [*batch, j, b], [*batch, k, s], []]
        sizes = [*call.shapes[0], call.shapes[0][-2], n, n]
        return [pattern(sizes, [*batch, i, b], [*batch, j, k], factors)[0]]

    (made,) = term_patterns(call, make, _conjugate_patterns)
    inverse = inv(qr_triangular_of_complex(a, c))
    return [Term(made, (out, below(out), out, np.conjugate(inverse), -1.0))]


def _orthogonal(call: Call) -> Callable[..., Sequence[Pattern]]:
    def make(batch: list[int], j: int, k: int, i: int, b: int) -> Sequence[Pattern]:
        s, (m, n) = b + 1, call.shapes[0][-2:]
        row, column = [*batch, i, b], [*batch, j, k]
        factors = [[*batch, i, s], [s, b], [*batch, j, s], [*batch, k, b]]
        rest = [[*batch, i, j], [*batch, k, b]]
        sizes = [*call.shapes[0], m, n, n]
        return [pattern(sizes, row, column, factors)[0], pattern(sizes[:-1], row, column, rest)[0]]

    return make


def triangular_terms(call: Call, position: int, out: Any, a: Any, c: Any) -> list[Term]:
    """∂R[i,c]/∂A[j,k] = Σ_b (1 − T[i,b]) conj(Q[j,i]) W[k,b] R[b,c].

    ∂R[i,c]/∂conj(A)[j,k] = Σ_b T[b,i] Q[j,b] conj(W[k,i]) R[b,c].
    """

    def make(batch: list[int], j: int, k: int, i: int, c: int) -> Sequence[Pattern]:
        b, n = c + 1, call.shapes[0][-1]
        sizes, row, column = [*call.shapes[0], n, n, n], [*batch, i, c], [*batch, j, k]
        r = [*batch, b, c]
        own = [[i, b], [*batch, j, i], [*batch, k, b], r]
        turned = [[b, i], [*batch, j, b], [*batch, k, i], r]
        return [pattern(sizes, row, column, own)[0], pattern(sizes, row, column, turned)[0]]

    own, turned = term_patterns(call, make, _triangular_patterns)
    orthogonal, inverse, half = qr_orthogonal_of_complex(a, c), inv(out), below(out)
    if position == 0:
        return [Term(own, (1 - half, np.conjugate(orthogonal), inverse, out))]
    return [Term(turned, (half, orthogonal, np.conjugate(inverse), out))]


_own_patterns: dict[Any, Any] = {}
_conjugate_patterns: dict[Any, Any] = {}
_triangular_patterns: dict[Any, Any] = {}

qr_orthogonal_of_complex = of_both(
    "qr_orthogonal_of_complex", lambda a: qr_part(0, a), orthogonal_own, orthogonal_conjugate, ("out", "a", "c")
)
qr_triangular_of_complex = of_both(
    "qr_triangular_of_complex", lambda a: qr_part(1, a), triangular_terms, triangular_terms, ("out", "a", "c")
)


def qr_of_complex(a: Any) -> tuple[Any, Any]:
    """Q and R of complex matrices that are not wide."""
    c = np.conjugate(a)
    return qr_orthogonal_of_complex(a, c), qr_triangular_of_complex(a, c)


# --- pseudo-inverse: dP = −P dA P + P Pᴴ dAᴴ (I − A P) + (I − P A) dAᴴ Pᴴ P ---


def inverse_own(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂P[i,l]/∂A[j,k] = −P[i,j] P[k,l]."""
    return [Term(pinv_patterns(call)[0], (out, out, -1.0))]


def inverse_conjugate(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂P[i,l]/∂conj(A)[j,k] = (P Pᴴ)[i,k] (I − A P)[j,l] + (I − P A)[i,k] (Pᴴ P)[j,l]."""
    made = pinv_patterns(call)[1]
    m, n = shape_of(a)[-2:]
    dtype = plain(out).dtype
    return [
        Term(made, (matmul(out, transposed(out)), np.eye(m, dtype=dtype) - matmul(a, out))),
        Term(made, (np.eye(n, dtype=dtype) - matmul(out, a), matmul(transposed(out), out))),
    ]


_pinv = of_both(
    "pinv_of_complex",
    guarded("np.linalg.pinv", lambda a, rcond: np.linalg.pinv(a, rcond), "", square=False),
    inverse_own,
    inverse_conjugate,
    ("out", "a"),
)


def pinv_of_complex(a: Any, rcond: float | None) -> Any:
    """The pseudo-inverse of complex matrices."""
    return _pinv(a, np.conjugate(a), rcond=rcond)
