"""``torch.linalg``: norms, solutions, inverses, determinants and decompositions, by chainrule's operations.

>>> from chainrule.torch.tensors import Tensor
>>> det(Tensor([[1, 2], [3, 4]]))
tensor(-2.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ChainruleError, SingularMatrixError, StandInRuntimeError
from chainrule.op import REGISTRY
from chainrule.torch.messages import listed
from chainrule.torch.operators import product
from chainrule.torch.pointwise import tensor_of
from chainrule.torch.reducing import axes_of
from chainrule.torch.reducing import norm as vector_or_matrix_norm
from chainrule.torch.shaping import transpose
from chainrule.torch.tensors import Tensor
from chainrule.torch.through import through

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vecdot",
    "vector_norm",
]

LinAlgError = SingularMatrixError


class Eigen(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Any
    eigenvectors: Any


class Signed(NamedTuple):
    """A determinant as its sign and the logarithm of its size."""

    sign: Any
    logabsdet: Any


class Factors(NamedTuple):
    """An orthogonal and a triangular factor."""

    Q: Any
    R: Any


class Singular(NamedTuple):
    """Singular vectors, values and vectors."""

    U: Any
    S: Any
    Vh: Any


class Solution(NamedTuple):
    """What least squares gives."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def checked(name: str, tensor: Any, square: bool = True) -> Any:
    """A tensor of matrices, square ones where that is needed."""
    shape = tensor_of(tensor, f"linalg_{name}", "A").value.shape
    if len(shape) < 2:
        raise StandInRuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions.\nIts shape is {listed(shape)}."
        )
    if square and shape[-1] != shape[-2]:
        raise StandInRuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices\n"
            f"Its shape is {listed(shape)}."
        )
    if tensor.value.dtype.kind not in "fc":
        raise StandInRuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {tensor.dtype.scalar_name}\n"
            "Convert it first: A.float()."
        )
    return tensor


def solved(message: str, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that fails where a matrix has no inverse."""
    try:
        return through(name, function, *arguments)
    except (np.linalg.LinAlgError, ChainruleError) as problem:
        if "ingular" not in str(problem) and not isinstance(problem, np.linalg.LinAlgError):
            raise
        raise SingularMatrixError(f"{message}\nIts determinant is 0: some row is a combination of others.") from None


def zero_pivot(matrix: Any) -> int:
    """The first diagonal element that elimination finds to be zero, counted from 1."""
    a = np.array(matrix, float).reshape(-1, *matrix.shape[-2:])[0]
    size = len(a)
    for step in range(size):
        pivot = step + int(np.argmax(np.abs(a[step:, step])))
        if a[pivot, step] == 0:
            return step + 1
        a[[step, pivot]] = a[[pivot, step]]
        a[step + 1 :] -= np.outer(a[step + 1 :, step] / a[step, step], a[step])
    return size


def inv(A: Any) -> Any:
    """The inverse."""
    checked("inv", A)
    message = (
        f"linalg.inv: The diagonal element {zero_pivot(A.value)} is zero, the inversion could not be completed "
        "because the "
        "input matrix is singular."
        if A.value.size and not np.linalg.det(A.value).all()
        else "linalg.inv: The input matrix is singular."
    )
    return solved(message, "inv", np.linalg.inv, A)


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X with ``A @ X = B`` (``X @ A = B`` if not ``left``)."""
    checked("solve", A)
    if not left:
        return transpose(solve(transpose(A, -2, -1), transpose(B, -2, -1)), -2, -1)
    message = "torch.linalg.solve: The solver failed because the input matrix is singular."
    vector = B.value.ndim == 1 or B.value.shape == A.value.shape[:-1]
    rows = B.value.shape[-1 if vector else -2]
    if rows != A.value.shape[-1]:
        raise StandInRuntimeError(
            "linalg.solve: Incompatible shapes of A and B for the equation AX = B "
            f"({A.value.shape[-2]}x{A.value.shape[-1]} "
            f"and {rows}x{1 if vector else B.value.shape[-1]})"
        )
    if vector and B.value.ndim > 1:
        return solved(message, "solve", np.linalg.solve, A, B.unsqueeze(-1)).squeeze(-1)
    return solved(message, "solve", np.linalg.solve, A, B)


def det(A: Any) -> Any:
    """The determinant."""
    return through("det", np.linalg.det, checked("det", A))


def slogdet(A: Any) -> Any:
    """The sign and the logarithm of the size of the determinant."""
    sign, logarithm = through("slogdet", np.linalg.slogdet, checked("slogdet", A))
    return Signed(sign, logarithm)


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The lower triangular L with ``A = L @ L.mT``."""
    message = (
        "linalg.cholesky: The factorization could not be completed because the input is not positive-definite (the "
        "leading "
        "minor of order 1 is not positive-definite)."
    )
    try:
        lower = through("cholesky", np.linalg.cholesky, checked("cholesky", A))
    except (np.linalg.LinAlgError, ChainruleError) as problem:
        raise SingularMatrixError(f"{message}\n{problem}") from None
    return transpose(lower, -2, -1) if upper else lower


def pinv(A: Any, *, rcond: Any = None, rtol: Any = None) -> Any:
    """The pseudo-inverse."""
    chosen = rtol if rcond is None else rcond
    options = {} if chosen is None else {"rcond": chosen}
    return through("pinv", np.linalg.pinv, checked("pinv", A, square=False), **options)


def qr(A: Any, mode: str = "reduced") -> Any:
    """Orthogonal Q and triangular R with ``A = Q @ R``."""
    return Factors(*through("qr", np.linalg.qr, checked("qr", A, square=False), mode))


def svd(A: Any, full_matrices: bool = True) -> Any:
    """U, S, Vh with ``A = U @ diag(S) @ Vh``."""
    return Singular(*through("svd", np.linalg.svd, checked("svd", A, square=False), full_matrices=full_matrices))


def svdvals(A: Any) -> Any:
    """The singular values."""
    return through("svdvals", np.linalg.svdvals, checked("svdvals", A, square=False))


def eigh(A: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    return Eigen(*through("eigh", np.linalg.eigh, checked("eigh", A), UPLO))


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of a symmetric matrix."""
    return through("eigvalsh", np.linalg.eigvalsh, checked("eigvalsh", A), UPLO)


def lstsq(A: Any, B: Any, rcond: Any = None) -> Any:
    """X that makes ``A @ X - B`` smallest."""
    return Solution(*through("lstsq", np.linalg.lstsq, A, B, rcond))


def matrix_power(A: Any, n: int) -> Any:
    """The n-th power."""
    return through("matrix_power", np.linalg.matrix_power, checked("matrix_power", A), int(n))


def matrix_rank(A: Any, tol: Any = None) -> Any:
    """How many singular values are not 0."""
    return Tensor(np.asarray(np.linalg.matrix_rank(A.value, tol)), None)


def multi_dot(tensors: Any) -> Any:
    """The product of several matrices."""
    result, *others = tensors
    for other in others:
        result = product(result, other)
    return result


def matmul(input: Any, other: Any) -> Any:
    """The matrix product."""
    return product(input, other)


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of vectors or matrices; the Euclidean one unless ``ord`` says otherwise."""
    axes = axes_of(A, dim)
    if ord is None or isinstance(axes, int) or (dim is None and A.value.ndim == 1):
        return vector_or_matrix_norm(A, 2 if ord is None else ord, dim, keepdim, dtype)
    return through("norm", np.linalg.norm, A, ord, axis=axes, keepdims=bool(keepdim))


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """(Σ |x|ᵖ)^(1/p)."""
    return vector_or_matrix_norm(x, ord, dim, keepdim, dtype)


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    """A norm of matrices."""
    return through("matrix_norm", np.linalg.norm, A, ord, axis=tuple(dim), keepdims=bool(keepdim))


def cond(A: Any, p: Any = None) -> Any:
    """The condition number."""
    return through("cond", np.linalg.cond, checked("cond", A), p)


def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of length 3."""
    return through("cross", np.cross, input, other, axis=dim)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices."""
    return REGISTRY[np.diagonal](A, offset, dim1, dim2)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The sums of products of vectors along a dimension."""
    return (x * y).sum(dim)
