"""SciPy's linear algebra in terms of NumPy's, for tracked matrices: the same names, arguments and results.

Options that only say how to compute (``overwrite_a``, ``check_finite``, ``lapack_driver``) change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.as_written.making import numbers_of, plain_function, stacked
from chainrule.errors import NoRuleError
from chainrule.ops.options import conjugated, is_complex

__all__ = ["MATRICES", "adjoint", "hermitian", "of_bands", "solve_discrete_lyapunov", "solve_sylvester"]


def _refuse(name: str, what: str, *given: Any) -> None:
    if any([value not in (None, False) for value in given]):
        raise NoRuleError(
            f"scipy.linalg.{name} of tracked values has no rule with {what}; leave it out, or use detach()"
        )


def adjoint(a: Any) -> Any:
    """The conjugate transpose."""
    return conjugated(np.transpose(a))


def _symmetric(a: Any, lower: bool) -> Any:
    part = np.tril(a, -1) if lower else np.triu(a, 1)
    return part + np.transpose(part) + np.diag(np.diagonal(a))


def hermitian(a: Any, lower: bool) -> Any:
    """The Hermitian matrix of which one triangle is read."""
    if not is_complex(a):
        return _symmetric(a, lower)
    part = np.tril(a, -1) if lower else np.triu(a, 1)
    return part + adjoint(part) + np.diag(np.real(np.diagonal(a)))


_READ: dict[Any, Callable[[Any, bool], Any]] = {  # what SciPy reads of a matrix that is said to be of a kind
    **dict.fromkeys((None, "gen", "general"), lambda a, lower: a),
    **dict.fromkeys(("sym", "symmetric"), _symmetric),
    **dict.fromkeys(("pos", "her", "positive definite", "hermitian"), hermitian),
    "upper triangular": lambda a, lower: np.triu(a),
    "lower triangular": lambda a, lower: np.tril(a),
    "diagonal": lambda a, lower: np.diag(np.diagonal(a)),
}


def solve(
    a: Any, b: Any, lower: bool = False, *_: Any, assume_a: Any = None, transposed: bool = False, **__: Any
) -> Any:
    _refuse("solve", f"assume_a={assume_a!r}", assume_a not in _READ)
    a = _READ[assume_a](a, lower)
    return np.linalg.solve(np.transpose(a) if transposed else a, b)


def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any) -> Any:
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        a = a - np.diag(np.diagonal(a)) + np.eye(len(a))
    return np.linalg.solve(adjoint(a) if trans in (2, "C") else np.transpose(a) if trans in (1, "T") else a, b)


def of_bands(above: int, ab: Any) -> Any:
    """The matrix whose diagonals are the rows of ``ab``, the highest first: ``above`` of them above the main one."""
    size: int = ab.shape[1]
    offsets = [above - row for row in range(len(ab)) if abs(above - row) < size]
    return sum([np.diag(ab[above - k, max(k, 0) : size + min(k, 0)], k) for k in offsets], np.zeros((size, size)))


def solve_banded(l_and_u: Any, ab: Any, b: Any, *_: Any, **__: Any) -> Any:
    return np.linalg.solve(of_bands(l_and_u[1], stacked(ab)), b)


def solveh_banded(ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False) -> Any:
    above = 0 if lower else len(ab) - 1
    return np.linalg.solve(hermitian(of_bands(above, stacked(ab)), lower), b)


def solve_toeplitz(c_or_cr: Any, b: Any, *_: Any) -> Any:
    return np.linalg.solve(toeplitz(*c_or_cr) if isinstance(c_or_cr, tuple) else toeplitz(c_or_cr), b)


def cholesky_banded(ab: Any, overwrite_ab: bool = False, lower: bool = False, *_: Any) -> Any:
    ab = stacked(ab)
    above = 0 if lower else len(ab) - 1
    factor = cholesky(hermitian(of_bands(above, ab), lower), lower)
    rows = []
    for row, old in enumerate(ab):  # what SciPy does not read stays as it is
        k, size = above - row, len(old) - abs(above - row)
        rows.append(np.concatenate([old[: max(k, 0)], np.diagonal(factor, k), old[max(k, 0) + size :]]))
    return np.stack(rows)


def cho_solve_banded(cb_and_lower: Any, b: Any, *_: Any, **__: Any) -> Any:
    cb, lower = cb_and_lower
    cb = stacked(cb)
    return cho_solve((of_bands(0 if lower else len(cb) - 1, cb), lower), b)


def bandwidth(a: Any) -> Any:
    return plain_function("scipy.linalg", "bandwidth")(numbers_of(a))


def inv(a: Any, **_: Any) -> Any:
    return np.linalg.inv(a)


def det(a: Any, **_: Any) -> Any:
    return np.linalg.det(a)


def pinv(a: Any, **options: Any) -> Any:
    _refuse("pinv", "return_rank", options.get("return_rank"))
    return np.linalg.pinv(a)


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:  # noqa: A002
    return np.linalg.norm(a, ord, axis, keepdims)


def cholesky(a: Any, lower: bool = False, **_: Any) -> Any:
    if lower:
        return np.linalg.cholesky(a)
    return np.swapaxes(np.linalg.cholesky(np.swapaxes(a, -1, -2)), -1, -2)  # what is read is the upper triangle


def cho_factor(a: Any, lower: bool = False, **_: Any) -> Any:
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: Any, b: Any, **_: Any) -> Any:
    c, lower = c_and_lower
    factor = np.tril(c) if lower else adjoint(np.triu(c))
    return np.linalg.solve(adjoint(factor), np.linalg.solve(factor, b))


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, **_: Any) -> Any:
    return np.linalg.svd(a, full_matrices) if compute_uv else svdvals(a)


def svdvals(a: Any, **_: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False, **_: Any
) -> Any:
    a = stacked(a)
    if mode == "full" and a.shape[0] > a.shape[1]:
        raise NoRuleError("scipy.linalg.qr of a tall tracked matrix: columns that are not determined; mode='economic'")
    order = plain_function("scipy.linalg", "qr")(numbers_of(a), mode="r", pivoting=True)[1] if pivoting else slice(None)
    q, r = np.linalg.qr(a[:, order])
    return (*((r,) if mode == "r" else (q, r)), *([order] if pivoting else []))


def qr_multiply(
    a: Any, c: Any, mode: str = "right", pivoting: bool = False, conjugate: bool = False, *_: Any, **__: Any
) -> Any:
    q, *rest = qr(a, mode="economic", pivoting=pivoting)
    q = conjugated(q) if conjugate else q
    return (c @ q if mode == "right" else q @ c), *rest


def rq(a: Any, *_: Any, mode: str = "full", **__: Any) -> Any:
    """As qr of the matrix with its rows in the other order, turned; with the signs that SciPy's has."""
    a = stacked(a)
    if a.shape[0] != a.shape[1] or mode != "full":
        raise NoRuleError("scipy.linalg.rq of tracked values has a rule for square matrices, with mode='full'")
    q, r = np.linalg.qr(adjoint(a[::-1]))
    q, r = adjoint(q)[::-1], adjoint(r)[::-1, ::-1]
    signs = np.sign(np.sum(numbers_of(q) * plain_function("scipy.linalg", "rq")(numbers_of(a))[1], axis=1))
    return r * signs, signs[:, None] * q


def _eliminated(a: Any) -> tuple[Any, Any, Any]:
    """The rows of ``a`` in SciPy's order, and L and U of that; rows are chosen by numbers, as SciPy does."""
    lu_of_numbers, pivots = plain_function("scipy.linalg", "lu_factor")(numbers_of(a))
    order = np.arange(len(lu_of_numbers))
    for k, other in enumerate(pivots):
        order[[k, other]] = order[[other, k]]
    left = a[order]
    columns, rows = [], []
    for k in range(min(left.shape)):
        row, column = left[k], left[:, k] / left[k, k]
        rows.append(np.where(np.arange(len(row)) >= k, row, 0.0))
        columns.append(np.where(np.arange(len(column)) >= k, column, 0.0))
        left = left - column[:, None] * row
    return (order, pivots), np.stack(columns, 1), np.stack(rows)


def lu_factor(a: Any, **_: Any) -> Any:
    (_, pivots), lower, upper = _eliminated(a)
    below, missing = np.tril(lower, -1), len(lower) - lower.shape[1]
    if missing:
        return below + np.concatenate([upper, np.zeros((missing, upper.shape[1]))]), pivots
    return np.concatenate([below, np.zeros((len(lower), upper.shape[1] - len(lower)))], 1) + upper, pivots


def lu(a: Any, permute_l: bool = False, **_: Any) -> Any:
    (order, _), lower, upper = _eliminated(a)
    turned = np.eye(len(order))[:, order]
    return (turned @ lower, upper) if permute_l else (turned, lower, upper)


def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, **_: Any) -> Any:
    factors, pivots = lu_and_piv
    lower, upper = np.tril(factors, -1) + np.eye(len(factors)), np.triu(factors)
    order = np.arange(len(pivots))
    for k, other in enumerate(np.asarray(pivots)):
        order[[k, other]] = order[[other, k]]
    if trans:
        turned = adjoint if trans == 2 else np.transpose
        return np.linalg.solve(turned(lower), np.linalg.solve(turned(upper), b))[np.argsort(order)]
    return np.linalg.solve(upper, np.linalg.solve(lower, b[order]))


def lstsq(a: Any, b: Any, *_: Any, **__: Any) -> Any:
    x, left, rank, values = np.linalg.lstsq(a, b, rcond=None)
    return x, left[0] if np.ndim(b) == 1 and len(left) else left, rank, values


_PADE = (
    *(64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0),
    *(10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0),
)  # Higham, Functions of Matrices (2008), algorithm 10.20: the approximant of degree 13


def expm(a: Any) -> Any:
    size = float(np.max(np.sum(np.abs(numbers_of(a)), axis=-2), initial=0.0))
    halvings = max(0, int(np.ceil(np.log2(size / 5.371920351148152)))) if size > 0 else 0
    a = a / 2.0**halvings
    one, square = np.eye(a.shape[-1]), a @ a
    odd: Any = 0.0
    even: Any = 0.0
    power: Any = one
    for k in range(0, 14, 2):
        even, odd = even + _PADE[k] * power, odd + _PADE[k + 1] * power
        power = power @ square
    odd = a @ odd
    result = np.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        result = result @ result
    return result


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """X with A X + X B = Q."""
    rows, columns = a.shape[0], b.shape[0]
    whole = np.kron(a, np.eye(columns)) + np.kron(np.eye(rows), np.transpose(b))
    return np.reshape(np.linalg.solve(whole, np.reshape(q, -1)), (rows, columns))


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    return solve_sylvester(a, adjoint(a), q)


def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """X with X = A X Aᴴ + Q."""
    size: int = a.shape[0]
    found: Any = np.linalg.solve(np.eye(size * size) - np.kron(a, conjugated(a)), np.reshape(q, -1))
    return np.reshape(found, (size, size))


def sqrtm(a: Any, *_: Any, **__: Any) -> Any:
    """Two steps of Newton's method from the root in numbers: derivatives up to the third are those of the root."""
    root: Any = np.asarray(plain_function("scipy.linalg", "sqrtm")(numbers_of(a)))
    for _step in range(2):
        root = root + solve_sylvester(root, root, a - root @ root)
    return root


def signm(a: Any, *_: Any, **__: Any) -> Any:
    return a @ np.linalg.inv(sqrtm(a @ a))


def fractional_matrix_power(A: Any, t: Any) -> Any:
    if np.any(np.linalg.eigvals(numbers_of(A)).real <= 0):
        raise NoRuleError(
            "scipy.linalg.fractional_matrix_power of tracked values has a rule for eigenvalues right of 0; for whole "
            "powers there is np.linalg.matrix_power"
        )
    return expm(t * logm(stacked(A)))


def logm(a: Any, *_: Any, **__: Any) -> Any:
    """Roots until it is near the identity, then ∫₀¹ X (I + tX)⁻¹ dt by Gauss's rule (Higham 2008, section 11.5)."""
    halvings, one = 0, np.eye(a.shape[0])
    while np.abs(numbers_of(a) - one).sum(axis=0).max() > 0.25:
        a, halvings = sqrtm(a), halvings + 1
    nodes, weights = np.polynomial.legendre.leggauss(10)
    x = a - one
    total: Any = 0.0
    for node, weight in zip(0.5 * (nodes + 1), 0.5 * weights, strict=True):
        total = total + weight * np.linalg.solve(one + node * x, x)
    return 2.0**halvings * total


def _circular(a: Any) -> Any:
    """The exponential of [[0, −A], [A, 0]], which is [[cos A, −sin A], [sin A, cos A]]."""
    zero = np.zeros(a.shape)
    return expm(np.concatenate([np.concatenate([zero, -a], 1), np.concatenate([a, zero], 1)], 0))


def cosm(a: Any) -> Any:
    return _circular(a)[: len(a), : len(a)]


def sinm(a: Any) -> Any:
    return _circular(a)[len(a) :, : len(a)]


def tanm(a: Any) -> Any:
    return np.linalg.solve(cosm(a), sinm(a))


def coshm(a: Any) -> Any:
    return (expm(a) + expm(-a)) / 2


def sinhm(a: Any) -> Any:
    return (expm(a) - expm(-a)) / 2


def tanhm(a: Any) -> Any:
    return np.linalg.solve(coshm(a), sinhm(a))


def polar(a: Any, side: str = "right") -> Any:
    u, s, v = np.linalg.svd(a, full_matrices=False)
    return u @ v, (adjoint(v) * s) @ v if side == "right" else (u * s) @ adjoint(u)


def block_diag(*arrays: Any) -> Any:
    parts = [np.atleast_2d(stacked(array)) for array in arrays]
    across = [part.shape[1] for part in parts]
    rows = []
    for k, part in enumerate(parts):
        before, after = sum(across[:k]), sum(across[k + 1 :])
        rows.append(np.concatenate([np.zeros((len(part), before)), part, np.zeros((len(part), after))], axis=1))
    return np.concatenate(rows)


def toeplitz(c: Any, r: Any = None) -> Any:
    c = stacked(c)
    r = conjugated(c) if r is None else stacked(r)
    return np.concatenate([c[::-1], r[1:]])[len(c) - 1 - np.arange(len(c))[:, None] + np.arange(len(r))]


def hankel(c: Any, r: Any = None) -> Any:
    c = stacked(c)
    r = np.zeros(len(c)) if r is None else stacked(r)
    return np.concatenate([c, r[1:]])[np.arange(len(c))[:, None] + np.arange(len(r))]


def circulant(c: Any) -> Any:
    return c[(np.arange(len(c))[:, None] - np.arange(len(c))) % len(c)]


def companion(a: Any) -> Any:
    return np.concatenate([(-a[1:] / a[0])[None], np.eye(len(a) - 1)[:-1]])


def khatri_rao(a: Any, b: Any) -> Any:
    return np.reshape(a[:, None] * b[None], (-1, a.shape[1]))


MATRICES: dict[str, Callable[..., Any]] = {
    made.__name__: made
    for made in (
        *(solve, solve_triangular, solve_banded, solveh_banded, solve_toeplitz, cholesky_banded, cho_solve_banded),
        *(inv, det, pinv, norm, cholesky, cho_factor, cho_solve, svd, svdvals, qr, qr_multiply, rq, lu_factor, lu),
        *(lu_solve, lstsq, solve_sylvester, solve_continuous_lyapunov, solve_discrete_lyapunov, expm, sqrtm, logm),
        *(signm, fractional_matrix_power, cosm, sinm, tanm, coshm, sinhm, tanhm, polar, block_diag, toeplitz, hankel),
        *(circulant, companion, khatri_rao, bandwidth),
    )
}
"""By SciPy's names, what takes the place of functions in `scipy.linalg` where a matrix is tracked."""
