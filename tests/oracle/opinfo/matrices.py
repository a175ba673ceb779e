"""Products of arrays and linear algebra, from NumPy and `scipy.linalg`; what of their results is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from tests.oracle.opinfo.arguments import Function, flat, in_words, matrix_norm, norm, vector_norm

__all__ = ["COMPARED", "MATRICES", "PRODUCTS"]


def batched(function: Function) -> Function:
    """SciPy's function of one matrix for each in a stack."""

    def call(*stacks: Any, **options: Any) -> Any:
        if np.ndim(stacks[0]) == 2:
            return function(*stacks, **options)
        if not len(stacks[0]):  # what it makes of none is the shape of what it makes of one
            one = call(*(np.ones(stack.shape[1:], stack.dtype) for stack in stacks), **options)
            none = [np.zeros((0, *np.shape(part)), stacks[0].dtype) for part in flat(one)]
            return tuple(none) if isinstance(one, tuple) else none[0] * sum(np.sum(stack) for stack in stacks)
        results = [call(*parts, **options) for parts in zip(*stacks, strict=True)]
        if isinstance(results[0], tuple):
            return tuple(np.stack(parts) for parts in zip(*results, strict=True))
        return np.stack(results)

    return call


def swapped(x: Any, upper: bool) -> Any:
    return np.conj(np.swapaxes(x, -1, -2)) if upper else x


def cross(x: Any, y: Any, dim: Any = None) -> Any:
    return np.cross(x, y, axis=-1 if dim is None else dim)


def pool(function: Function) -> Function:
    """Products added to an array: PyTorch's fused forms."""

    def call(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
        return beta * x + alpha * function(a, b)

    return call


def either_norm(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    matrix = np.ndim(x) == 2 if dim is None else np.ndim(dim) and len(dim) == 2
    if matrix and (ord is not None or isinstance(ord, str)):
        return matrix_norm(x, ord, (0, 1) if dim is None else dim, keepdim, dtype)
    return vector_norm(x, 2 if ord is None else ord, dim, keepdim, dtype)


def lu_solve(lu: Any, pivots: Any, b: Any, left: bool = True, adjoint: bool = False) -> Any:
    """SciPy counts pivots from zero."""

    def one(lu: Any, b: Any, pivots: Any) -> Any:
        if left:
            return linalg.lu_solve((lu, pivots - 1), b, trans=2 * adjoint)
        return np.conj(linalg.lu_solve((lu, pivots - 1), np.conj(b.T), trans=2 * (not adjoint))).T

    return batched(one)(lu, b, pivots)


def solve_triangular(
    a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False, trans: int = 0
) -> Any:
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, shape + a.shape[-2:]), np.broadcast_to(b, shape + b.shape[-2:])

    def one(a: Any, b: Any) -> Any:
        if left:
            return linalg.solve_triangular(a, b, lower=not upper, unit_diagonal=unitriangular, trans=trans)
        return linalg.solve_triangular(a.T, b.T, lower=upper, unit_diagonal=unitriangular).T

    return batched(one)(a, b)


def vander(x: Any, N: Any = None) -> Any:
    count = x.shape[-1] if N is None and np.ndim(x) else N
    return np.power(np.expand_dims(np.atleast_1d(x), -1), np.arange(count))


def matrix_rank(a: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    size = np.max(np.linalg.svd(a, compute_uv=False), -1, initial=0)
    least = (
        None
        if atol is None and rtol is None
        else np.maximum(0 if atol is None else atol, (0 if rtol is None else rtol) * size)
    )
    return np.linalg.matrix_rank(a, least, hermitian)


def logdet(a: Any) -> Any:
    sign, size = np.linalg.slogdet(a)
    return size + np.log(sign) if np.iscomplexobj(a) else np.where(sign == -1, np.nan, size)


def triangular_solve(b: Any, a: Any, upper: bool = False, **_: Any) -> Any:
    """The database hands over one triangle, and none of the other options."""
    a = np.triu(a) if upper else np.tril(a)
    return solve_triangular(a, b, upper=upper), a * 1


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The database puts ones on the diagonal."""
    part = (np.triu(x, 1) if upper else np.tril(x, -1)) + np.eye(x.shape[-1])
    other = np.conj(np.swapaxes(part, -1, -2))
    return np.linalg.inv(other @ part if upper else part @ other)


def cholesky_solve(b: Any, x: Any, upper: bool = False) -> Any:
    return batched(lambda b, x: linalg.cho_solve((x, not upper), b))(b, x)


def householder(a: Any, tau: Any) -> Any:
    q = np.eye(a.shape[-2], dtype=a.dtype)
    for k in range(tau.shape[-1]):
        v = np.concatenate([np.zeros((*a.shape[:-2], k)), np.ones((*a.shape[:-2], 1)), a[..., k + 1 :, k]], axis=-1)
        q = q - (q @ v[..., None]) * tau[..., k, None, None] * np.conj(v[..., None, :])
    return q[..., : a.shape[-1]] + np.zeros(a.shape)


def einsum(subscripts: str, operands: Any) -> Any:
    """NumPy wants the axes of an ellipsis named in the result: PyTorch sums over those that are not."""
    into = subscripts.partition("->")[2]
    if "..." in subscripts and into and "..." not in into:
        widest = max(
            np.ndim(x) - len(part.replace("...", "").strip())
            for x, part in zip(operands, subscripts.partition("->")[0].split(","), strict=True)
        )
        return np.sum(np.einsum(subscripts.replace("->", "->..."), *operands), tuple(range(widest)))
    return np.einsum(subscripts, *operands)


def tensordot(x: Any, y: Any, dims: Any = 2) -> Any:
    if np.ndim(dims):  # PyTorch sums a single number along an axis over the other's
        (first, second), shape = dims, list(y.shape)
        for a, b in zip(first, second, strict=True):
            shape[b] = x.shape[a] if y.shape[b] == 1 else y.shape[b]
            x = np.repeat(x, shape[b], a) if x.shape[a] == 1 else x
        y = np.broadcast_to(y, shape)
    return np.tensordot(x, y, axes=dims)


def lu_parts(lu: Any, pivots: Any) -> Any:
    """Rows in the order of LAPACK's interchanges, and the two triangles."""
    rows, least = lu.shape[-2], min(lu.shape[-2:])

    def turned(each: Any) -> Any:
        order = np.arange(rows)
        for k, other in enumerate(each - 1):
            order[[k, other]] = order[[other, k]]
        return np.eye(rows, dtype=lu.dtype)[:, order]

    flat_pivots = np.reshape(pivots, (-1, pivots.shape[-1]))
    p = np.reshape([turned(each) for each in flat_pivots], (*lu.shape[:-2], rows, rows)).astype(lu.dtype)
    return p, np.tril(lu[..., :least], -1) + np.eye(rows, least), np.triu(lu[..., :least, :])


def svd(a: Any, some: bool = True, compute_uv: bool = True) -> Any:
    u, values, v = np.linalg.svd(a, not some)
    return (u, values, np.conj(np.swapaxes(v, -1, -2))) if compute_uv else values


def qr(a: Any, mode: Any) -> Any:
    return (np.zeros(0, a.dtype), np.linalg.qr(a, "r")) if mode == "r" else tuple(np.linalg.qr(a, mode))


def hermitian(a: Any) -> Any:
    """The matrix that PyTorch's database makes of a sample, before it hands it to a function of Hermitian ones."""
    return a + np.conj(np.swapaxes(a, -1, -2))


def solve(a: Any, b: Any, left: bool = True) -> Any:
    vector = b.ndim == 1 or b.shape == a.shape[:-1]
    if vector:
        return np.linalg.solve(a, b[..., None])[..., 0]
    if left:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


def lstsq(a: Any, b: Any) -> Any:
    return (batched(lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0])(a, b),)


PRODUCTS = {
    **in_words("dot vdot mm=matmul mv=matmul bmm=matmul matmul", np),
    "addmm": pool(np.matmul),
    "addmm/decomposed": pool(np.matmul),
    "addmv": pool(np.matmul),
    "addr": pool(np.outer),
    "baddbmm": pool(np.matmul),
    "addbmm": pool(lambda a, b: np.sum(a @ b, 0)),
    "__rmatmul__": lambda x, y: y @ x,
    "cross": cross,
    "linalg.cross": cross,
    "einsum": lambda operands, subscripts: einsum(subscripts, operands),
    "tensordot": tensordot,
    "linalg.vecdot": lambda x, y, dim=-1: np.sum(np.conj(x) * y, axis=dim),
    "linalg.multi_dot": np.linalg.multi_dot,
    "linalg.matrix_power": np.linalg.matrix_power,
    "linalg.vander": vander,
    "linalg.householder_product": householder,
    "cdist": lambda x, y, p=2.0, compute_mode=None: vector_norm(x[..., :, None, :] - y[..., None, :, :], p, -1),
}


MATRICES = {
    **in_words("linalg.inv linalg.det linalg.slogdet linalg.solve linalg.cond ", np.linalg),
    "linalg.tensorsolve": lambda a, b, dims=None: np.linalg.tensorsolve(a, b, axes=dims),
    "linalg.tensorinv": lambda a, ind=2: np.linalg.tensorinv(a, ind),
    "linalg.eigvals": lambda a: np.linalg.eigvals(a) + 0j,
    "linalg.eig": lambda a: tuple(part + 0j for part in np.linalg.eig(a)),
    "linalg.eigh": lambda a, UPLO="L": tuple(np.linalg.eigh(hermitian(a), UPLO)),
    "linalg.svd": lambda a, full_matrices=True, driver=None: tuple(np.linalg.svd(a, full_matrices)),
    "svd": svd,
    "linalg.qr": lambda a, mode="reduced": qr(a, mode),
    "qr": lambda a, some=True: qr(a, "reduced" if some else "complete"),
    "linalg.inv_ex": lambda a, check_errors=False: np.linalg.inv(a),
    "linalg.solve": lambda a, b, left=True: solve(a, b, left),
    "linalg.solve_ex": lambda a, b, left=True, check_errors=False: solve(a, b, left),
    "logdet": logdet,
    "cholesky": lambda a, upper=False: swapped(np.linalg.cholesky(hermitian(a)), upper),
    "linalg.cholesky": lambda a, upper=False: swapped(np.linalg.cholesky(hermitian(a)), upper),
    "linalg.cholesky_ex": lambda a, upper=False, check_errors=False: swapped(np.linalg.cholesky(hermitian(a)), upper),
    "cholesky_inverse": cholesky_inverse,
    "cholesky_solve": cholesky_solve,
    "linalg.eigvalsh": lambda a, UPLO="L": np.linalg.eigvalsh(hermitian(a), UPLO),
    "linalg.svdvals": lambda a, driver=None: np.linalg.svd(a, compute_uv=False),
    "linalg.pinv": lambda a, rtol=None, hermitian=False: np.linalg.pinv(a, rcond=rtol, hermitian=hermitian),
    "linalg.pinv/hermitian": lambda a, hermitian=True: np.linalg.pinv(
        a + np.conj(np.swapaxes(a, -1, -2)), hermitian=True
    ),
    "linalg.pinv/singular": lambda a, b: np.linalg.pinv(a @ np.swapaxes(b, -1, -2)),
    "pinverse": lambda a, rcond=1e-15: np.linalg.pinv(a, rcond),
    "linalg.lstsq": lambda a, b, driver=None: lstsq(a, b),
    "linalg.lstsq/grad_oriented": lambda a, b, driver=None: lstsq(a, b),
    "linalg.matrix_rank": matrix_rank,
    "linalg.matrix_rank/hermitian": matrix_rank,
    "linalg.matrix_norm": matrix_norm,
    "linalg.vector_norm": vector_norm,
    "linalg.norm": either_norm,
    "linalg.norm/subgradients_at_zero": either_norm,
    "norm": norm,
    "norm/nuc": norm,
    "norm/fro": norm,
    "norm/inf": norm,
    "matrix_exp": batched(linalg.expm),
    "lu": lambda a, pivot=True, get_infos=False: batched(linalg.lu_factor)(a)[0],
    "lu_unpack": lambda lu, pivots, unpack_data=True, unpack_pivots=True: lu_parts(lu, pivots),
    "lu_solve": lambda b, lu, pivots: lu_solve(lu, pivots, b),
    "linalg.lu_solve": lu_solve,
    "linalg.lu": lambda a, pivot=True: batched(lambda a: tuple(part.astype(a.dtype) for part in linalg.lu(a)))(a),
    "linalg.lu_factor": lambda a, pivot=True: batched(linalg.lu_factor)(a)[0],
    "linalg.lu_factor_ex": lambda a, pivot=True, check_errors=False: batched(linalg.lu_factor)(a)[0],
    "linalg.solve_triangular": solve_triangular,
    "triangular_solve": triangular_solve,
}


# What of the results is compared, in words that both libraries understand; of others it is all of them.
COMPARED: dict[str, Function] = {
    "linalg.lstsq": lambda x, *_: (x,),
    "linalg.lstsq/grad_oriented": lambda x, *_: (x,),
    # vectors without their phase
    "linalg.eig": lambda values, vectors: (values, abs(vectors)),
    "linalg.eigh": lambda values, vectors: (values, abs(vectors)),
    # and without those that complete a basis
    "linalg.svd": lambda u, s, v: (abs(u[..., : s.shape[-1]]), s, abs(v[..., : s.shape[-1], :])),
    "svd": lambda u, s, v: (abs(u[..., : s.shape[-1]]), s, abs(v[..., : s.shape[-1]])),
}
