"""NumPy's decompositions, of real and of complex matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import NoRuleError
from chainrule.op import implements
from chainrule.ops.completed import completing
from chainrule.ops.conjugates import pinv_of_complex, qr_of_complex
from chainrule.ops.decompose import (
    eigenvalues,
    eigenvectors,
    qr_orthogonal,
    qr_triangular,
    singular_values,
    singular_vectors,
)
from chainrule.ops.hermitian import (
    cholesky_of_complex,
    eigh_of_complex,
    eigvalsh_of_complex,
    singular_values_of,
    svd_of_complex,
    transposed,
)
from chainrule.ops.linalg import cholesky, pinv
from chainrule.ops.options import is_complex, plain, shape_of

__all__ = ["pinv_of"]


class EighResult(NamedTuple):
    """What `np.linalg.eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """np.linalg.eigh: one triangle of ``a`` is read, and only it has a gradient."""
    if is_complex(a):
        return EighResult(*eigh_of_complex(a, UPLO.upper()))
    return EighResult(eigenvalues(a, uplo=UPLO.upper()), eigenvectors(a, uplo=UPLO.upper()))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """np.linalg.eigvalsh: one triangle of ``a`` is read, and only it has a gradient."""
    return eigvalsh_of_complex(a, UPLO.upper()) if is_complex(a) else eigenvalues(a, uplo=UPLO.upper())


class SVDResult(NamedTuple):
    """What `np.linalg.svd` returns: A = U · diag(S) · Vh."""

    U: Any
    S: Any
    Vh: Any


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """np.linalg.svd; ``hermitian`` would only make it faster."""
    del hermitian
    if not compute_uv:
        return singular_values_of(a)
    rows, columns = shape_of(a)[-2:]
    if is_complex(a):
        left, values, right = svd_of_complex(a)
        right = transposed(right)
    else:
        left, right = singular_vectors(a, side="left"), singular_vectors(a, side="right")
        values = singular_values(a)
    if full_matrices and rows > columns:
        left = np.concatenate([left, completing(transposed(a), source="left")], -1)
    if full_matrices and columns > rows:
        right = np.concatenate([right, completing(a, source="right")], -1)
    return SVDResult(left, values, transposed(right))


class QRResult(NamedTuple):
    """What `np.linalg.qr` returns."""

    Q: Any
    R: Any


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """np.linalg.qr: of a wide matrix, Q is that of the first columns."""
    rows, columns = shape_of(a)[-2:]
    if mode == "raw":
        raise NoRuleError("np.linalg.qr: mode='raw' has no derivative rule. Use mode='reduced'.")
    square = a if rows >= columns else a[..., :rows]
    if is_complex(a):
        orthogonal, triangular = qr_of_complex(square)
    else:
        orthogonal, triangular = (None if mode == "r" and square is a else qr_orthogonal(square)), qr_triangular(square)
    if mode == "complete" and rows > columns:
        below = np.zeros((*shape_of(a)[:-2], rows - columns, columns), plain(a).dtype)
        orthogonal = np.concatenate([orthogonal, completing(transposed(a), source="qr")], -1)
        return QRResult(orthogonal, np.concatenate([triangular, below], -2))
    if square is not a:
        triangular = np.concatenate([triangular, np.matmul(transposed(orthogonal), a[..., rows:])], -1)
    return triangular if mode == "r" else QRResult(orthogonal, triangular)


@implements(np.linalg.cholesky)
def cholesky_of(a: Any, /, *, upper: bool = False) -> Any:
    """np.linalg.cholesky: one triangle of ``a`` is read, and only it has a gradient."""
    if upper:
        return transposed(cholesky_of(transposed(a)))
    return cholesky_of_complex(a) if is_complex(a) else cholesky(a)


@implements(np.linalg.pinv)
def pinv_of(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """np.linalg.pinv; ``hermitian`` would only make it faster."""
    del hermitian
    chosen = rcond if rtol is None or rtol is np._NoValue else rtol
    rcond = None if chosen is None else float(chosen)
    return pinv_of_complex(a, rcond) if is_complex(a) else pinv(a, rcond=rcond)
