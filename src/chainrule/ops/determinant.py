"""Determinants: by the inverse, and by singular values where there is none.

    ∂det A/∂A[i,j] = C[i,j]                 the cofactors: det A · A⁻ᵀ where A has an inverse
    ∂log|det A|/∂A[i,j] = A⁻¹[j,i]

The cofactors of a singular matrix U Σ Vᵀ are det U det V Σ_a U[i,a] Π_{b≠a} σ_b V[j,a]: no division by zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import MatrixError
from chainrule.linear.term import Pattern, Term, pattern
from chainrule.op import Call, Constant, General, Product, Sample, Undefined, cached_by_call, define, implements
from chainrule.ops.linalg import MATRICES, MATRIX, guarded, inv, matrix_labels
from chainrule.ops.options import is_complex, plain, shape_of
from chainrule.ops.product import LeaveTwoOut, leave_one_out

__all__ = ["cofactors", "det", "logabsdet", "slogdet"]


def entries_pattern(call: Call, position: int, transposed: bool = False) -> Pattern:
    """Row: the batch; column: the entries (i, j); one factor over (i, j), or (j, i)."""
    shape = call.shapes[0]
    batch, i, j, *_ = matrix_labels(len(shape))
    return pattern(shape, batch, [*batch, i, j], [[*batch, j, i] if transposed else [*batch, i, j]])[0]


# --- log |det| --------------------------------------------------------------------------------------------------------

logabsdet = define(
    "logabsdet",
    guarded("np.linalg.slogdet", lambda a: np.linalg.slogdet(a)[1], ""),
    Product(lambda call, position: entries_pattern(call, position, True), [lambda a: inv(a)], ("a",)),
    notation=("log |det {0}|", r"\log\left|\det {0}\right|", "np.linalg.slogdet({0})[1]"),
    arguments=("a",),
    samples=[Sample((MATRIX,)), Sample((MATRICES,)), Sample((np.array([[-2.0]]),))],
    takes_complex=True,
)

sign_of_determinant = define(
    "sign_of_determinant",
    guarded("np.linalg.slogdet", lambda a: np.linalg.slogdet(a)[0], ""),
    Constant(),
    arguments=("a",),
    samples=[Sample((MATRICES,))],
    notation=("sign(det {0})", r"\operatorname{{sign}}\left(\det {0}\right)", "np.linalg.slogdet({0})[0]"),
)


class SlogdetResult(NamedTuple):
    """What `np.linalg.slogdet` returns: the determinant is ``sign * exp(logabsdet)``."""

    sign: Any
    logabsdet: Any


# ∂arg det A/∂A[i,j] = −i A⁻¹[j,i], of which the real part counts
argument_of_determinant = define(
    "argument_of_determinant",
    guarded("np.linalg.slogdet", lambda a: np.angle(np.linalg.slogdet(a)[0]), ""),
    Product(lambda call, position: entries_pattern(call, position, True), [lambda a: -1j * inv(a)], ("a",)),
    arguments=("a",),
    notation=("arg det {0}", r"\arg\det {0}", "np.angle(np.linalg.slogdet({0})[0])"),
    samples=[Sample((MATRIX + 0.5j * MATRIX.T,)), Sample((MATRICES * (1 + 0.2j),))],
    takes_complex=True,
)


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """np.linalg.slogdet; the sign of a real determinant is constant wherever the logarithm has a derivative."""
    sign = np.exp(1j * argument_of_determinant(a)) if is_complex(a) else sign_of_determinant(a)
    return SlogdetResult(sign, logabsdet(a))


# --- det --------------------------------------------------------------------------------------------------------------


def good_inverse(a: Any) -> Any:
    """The inverse if that of every matrix keeps half of the digits, else None."""
    try:
        inverse = inv(a)
    except MatrixError:
        return None
    size = np.linalg.norm(plain(a), axis=(-2, -1)) * np.linalg.norm(plain(inverse), axis=(-2, -1))
    return inverse if np.all(size < np.finfo(plain(a).dtype).eps ** -0.5) else None


def det_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂det/∂A[i,j] = C[i,j]."""
    inverse = good_inverse(a)
    if inverse is not None:
        made = cached_by_call(_det_patterns, call, position, lambda: det_pattern(call))
        return [Term(made, (out, inverse))]
    made = cached_by_call(_cofactor_patterns, call, position, lambda: entries_pattern(call, position))
    return [Term(made, (cofactors(a),))]


def det_pattern(call: Call) -> Pattern:
    """Row: the batch; column: the entries (i, j); factors det(batch) and A⁻¹(j, i)."""
    shape = call.shapes[0]
    batch, i, j, *_ = matrix_labels(len(shape))
    return pattern(shape, batch, [*batch, i, j], [batch, [*batch, j, i]])[0]


_det_patterns: dict[Any, Pattern] = {}
_cofactor_patterns: dict[Any, Pattern] = {}
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, -1.0, 2.0]])

det = define(
    "det",
    guarded("np.linalg.det", np.linalg.det, ""),
    General(det_terms, ("out", "a"), ("a",)),
    notation=("det({0})", r"\det\left({0}\right)"),
    arguments=("a",),
    numpy=np.linalg.det,
    samples=[
        Sample((MATRIX,)),
        Sample((MATRICES,)),
        Sample((SINGULAR,)),
        Sample((np.zeros((2, 2)),)),
        Sample((np.array([[2.0]]),)),
    ],
    takes_complex=True,
)

SINGULAR_PARTS = """\
def singular_parts_of(a):
    left, values, right = np.linalg.svd(a)
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right))[..., None]
    left[..., 0] *= sign
    values[..., :1] *= sign
    return np.concatenate([left, right.mT, values[..., None, :]], axis=-2)"""

# A = U Σ Vᵀ as one array: the rows of U, of V, and σ. One column of U and its σ bear a sign, so that det U det V = 1.
# Of complex A = Ū Σ Vᴴ, for the cofactors are those of its transposed inverse.
singular_parts = define(
    "singular_parts",
    lambda a: parts_forward(a),
    Undefined("the third derivative of a determinant at a matrix without inverse is not available"),
    arguments=("a",),
    samples=[Sample((SINGULAR,)), Sample((MATRICES,))],
    notation=("svd({0})", r"\operatorname{{svd}}\left({0}\right)", "singular_parts_of({0})", SINGULAR_PARTS),
)


def parts_forward(a: Any) -> Any:
    """U, V and σ, one below the other; NaN for a matrix that holds some."""
    if not np.isfinite(a).all():
        return np.full((*a.shape[:-2], 2 * a.shape[-1] + 1, a.shape[-1]), np.nan, a.dtype)
    left, values, right = np.linalg.svd(a)
    if a.shape[-1]:
        sign = np.sign(np.linalg.det(left) * np.linalg.det(right))[..., None]
        left, right, values = np.conjugate(left), np.conjugate(right), values.astype(left.dtype)
        left[..., 0] *= sign
        values[..., :1] *= sign
    return np.concatenate([left, np.swapaxes(right, -1, -2), values[..., None, :]], -2)


def parts(a: Any) -> tuple[Any, Any, Any]:
    """U, V and σ."""
    n = shape_of(a)[-1]
    found = singular_parts(a)
    return found[..., :n, :], found[..., n : 2 * n, :], found[..., 2 * n, :]


def cofactors_forward(a: Any) -> Any:
    """C[i,j] = Σ_a U[i,a] Π_{b≠a} σ_b V[j,a]."""
    left, right, values = parts(a)
    return np.matmul(left * leave_one_out(values)[..., None, :], np.swapaxes(right, -1, -2))


def cofactor_terms(call: Call, position: int, out: Any, a: Any) -> list[Term]:
    """∂C[i,j]/∂A[k,l] = (C[i,j] C[k,l] − C[i,l] C[k,j]) / det A; without an inverse, by singular values.

    Then it is Σ_{a,b} P[a,b] (U[i,a] V[j,a] U[k,b] V[l,b] − U[i,a] V[j,b] U[k,b] V[l,a]), P[a,b] = Π_{c≠a,b} σ_c for
    a ≠ b, else 0.
    """
    if good_inverse(plain(a)) is not None:
        straight, swapped = cached_by_call(_cofactor_pairs, call, position, lambda: cofactor_pairs(call))
        share = 1 / det(a)
        return [Term(straight, (out, out, share)), Term(swapped, (out, out, share, -1.0))]
    shape = call.shapes[0]
    batch, i, j, k, l = matrix_labels(len(shape))
    first, second, n = l + 1, l + 2, shape[-1]

    def make(of_j: int, of_l: int) -> Pattern:
        factors = [[i, first], [j, of_j], [k, second], [l, of_l], [first, second]]
        labels = [[*batch, *factor] for factor in factors]
        return pattern([*shape, n, n, n, n], [*batch, i, j], [*batch, k, l], [*labels, []])[0]

    own, crossed = cached_by_call(_change_patterns, call, position, lambda: (make(first, second), make(second, first)))
    left, right, values = parts(a)
    products = LeaveTwoOut(values).dense()
    return [
        Term(own, (left, right, left, right, products, 1.0)),
        Term(crossed, (left, right, left, right, products, -1.0)),
    ]


def cofactor_pairs(call: Call) -> tuple[Pattern, Pattern]:
    """Row (i, j), column (k, l): factors C(i, j), C(k, l), 1/det; and C(i, l), C(k, j), 1/det, −1."""
    shape = call.shapes[0]
    batch, i, j, k, l = matrix_labels(len(shape))
    sizes, row, column = [*shape, shape[-1], shape[-1]], [*batch, i, j], [*batch, k, l]
    straight = pattern(sizes, row, column, [[*batch, i, j], [*batch, k, l], batch])[0]
    return straight, pattern(sizes, row, column, [[*batch, i, l], [*batch, k, j], batch, []])[0]


_cofactor_pairs: dict[Any, tuple[Pattern, Pattern]] = {}
_change_patterns: dict[Any, tuple[Pattern, Pattern]] = {}

COFACTORS = """\
def cofactors_of(a):
    result = np.empty_like(a)
    for i in range(a.shape[-1]):
        for j in range(a.shape[-1]):
            minor = np.delete(np.delete(a, i, axis=-2), j, axis=-1)
            result[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return result"""

cofactors = define(
    "cofactors",
    cofactors_forward,
    General(cofactor_terms, ("out", "a"), ("a",)),
    arguments=("a",),
    samples=[Sample((MATRIX,)), Sample((MATRICES,)), Sample((np.array([[2.0]]),))],
    notation=("cof({0})", r"\operatorname{{cof}}\left({0}\right)", "cofactors_of({0})", COFACTORS),
    takes_complex=True,
)
