"""`scipy.sparse` with tracked numbers: values are SciPy's, derivatives those of differences, Jacobians stay sparse."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sl

import chainrule as cr
from chainrule.errors import MatrixError, NoDerivativeError, NoRuleError, ShapeError
from chainrule.native.compiled import CompileWarning

SIZE = 5
v = np.linspace(0.5, 1.5, SIZE)
b = np.arange(1.0, SIZE + 1)
B = np.arange(10.0).reshape(SIZE, 2)
along, starts = np.arange(SIZE), np.arange(SIZE + 1)
rows, columns = np.array([0, 1, 1, 4, 2]), np.array([1, 1, 1, 0, 3])  # one place twice
K = sp.csr_array(np.diag(b) + np.diag(b[1:], 1))
KM = sp.csc_matrix(K)
D = sp.csc_array(K + sp.diags_array(np.full(SIZE, 3.0)))
S = sp.csc_array(D + D.T)
factors, solved, rough = sl.splu(D), sl.factorized(D), sl.spilu(D)
kept = [factors]


class Holder:
    """Factors that an object keeps."""

    factors = factors

    def __init__(self) -> None:
        self.own = factors


holder = Holder()


def three(x: Any) -> Any:
    return sp.diags([x[1:], x + 3, x[1:] ** 2], [-1, 0, 1], format="csc")


def by_entries(x: Any) -> Any:
    A = sp.lil_matrix((SIZE, SIZE))
    for i in range(SIZE):
        A[i, i] = x[i] ** 2
    A[0, 1:3] = x[:2]
    A[3, 0] += x[1]
    return A.tocsr() @ b


def by_dictionary(x: Any) -> Any:
    A = sp.dok_array((SIZE, SIZE))
    A[1, 2] = x[0]
    A[2, 1] = A[1, 2] * x[1]
    return A.tocsr() @ b


def by_data(x: Any) -> Any:
    A = K.copy()
    A.data = np.concatenate([x, x[:4] ** 2])
    return A @ b


def by_diagonal(x: Any) -> Any:
    A = K.copy()
    A.setdiag(x)
    A *= x[0]
    A += sp.diags_array(x)
    A /= x[1]
    return A @ b


def by_buffer(x: Any) -> Any:
    data, more = np.zeros(SIZE), np.zeros(SIZE)
    A, C = sp.csr_array((data, along, starts)), sp.coo_array((more, (along, along)))
    data[:] = x  # and so does what was made of it
    more[1] = x[0] ** 2
    return A @ b + C.T @ b


def by_data_of_copies(x: Any) -> Any:
    A, C, dense = K.copy(), sp.csr_array((np.ones(SIZE), along, starts)), K.toarray()
    A.data[1:3] = x[0]
    C.data[1] = x[1]
    C.data *= x[2]
    dense[0, 0] = x[3]
    own = C.copy()
    own.data[0] = 7.0  # which is no entry of C
    assert sl.norm(K.copy()) == np.linalg.norm(K.data)
    assert K.copy().nanmax() == 5.0
    return A @ b + C @ b + dense @ b


def by_sparse_block(x: Any) -> Any:
    A = sp.lil_array((SIZE, SIZE))
    A[1:3, :] = sp.diags_array(x).tocsr()[2:4]
    return A.toarray()


def asking(x: Any) -> Any:
    A = sp.diags(x).tocsr()
    assert sp.issparse(A)
    assert isinstance(A, sp.csr_matrix)
    assert not isinstance(A, sp.csr_array)
    assert (A.shape, A.ndim, A.nnz, A.format, A.dtype) == ((SIZE, SIZE), 2, SIZE, "csr", np.float64)
    assert list(A.indices) == list(A.tocoo().row) == list(A.tocoo().col) == list(A.tocoo().coords[0]) == list(along)
    assert list(A.indptr) == list(starts)
    assert "5 stored" in repr(A)
    assert (A > 0).nnz == SIZE
    assert A.argmax() in (0, 24)
    assert list(A.nonzero()[0]) == list(along)
    return A.astype(float).copy() @ b


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "csr": lambda x: sp.csr_array((x, along, starts), shape=(SIZE, SIZE)) @ b,
    "coo": lambda x: sp.coo_matrix((x, (rows, columns)), shape=(SIZE, SIZE)) @ x,
    "coo, in rows": lambda x: sp.coo_matrix((x, (rows, columns)), shape=(SIZE, SIZE)).tocsr().data,
    "coo, turned": lambda x: b @ sp.coo_matrix((x, (rows, columns)), shape=(SIZE, SIZE)).tocsc().T,
    "coo, along one axis": lambda x: sp.coo_array((x[:3], (np.array([0, 4, 0]),)), shape=(SIZE,)).toarray(),
    "bsr": lambda x: sp.bsr_array((np.stack([B[:2] * x[0], B[:2]]), [0, 1], [0, 1, 2])) @ B[:4],
    "bsr, with zeros in blocks": lambda x: three(x).tobsr((5, 1)).tocsr().data,
    "dia": lambda x: sp.dia_array((np.stack([x, x * x]), [0, -1]), shape=(SIZE, SIZE)).toarray(),
    "diags": lambda x: sp.diags(x) @ b,
    "diags, several": lambda x: sp.diags([x, x[1:] ** 2], [0, 1]) @ b,
    "diags, numbers": lambda x: sp.diags([x[0], -2 * x[1], 1.0], [-1, 0, 1], shape=(SIZE, SIZE), format="csr") @ b,
    "diags_array": lambda x: sp.diags_array([x, x[1:] ** 2], offsets=[0, 1], dtype=float) @ b,
    "spdiags": lambda x: sp.spdiags(np.stack([x, x * x]), [0, 1], SIZE, SIZE) @ b,
    "dense": lambda x: sp.csr_matrix(np.outer(x, x)) @ b,
    "dense with zeros": lambda x: sp.csr_matrix(np.diag(x)) @ b,
    "lists": lambda x: sp.csc_array([[x[0], 0.0], [1.0, x[1] ** 2]]) @ b[:2],
    "eye": lambda x: (sp.eye(SIZE) * x[0] + x[1] * sp.eye_array(SIZE)) @ b,
    "bmat": lambda x: sp.bmat([[sp.diags(x), None], [K, sp.diags(x * x)]]) @ np.r_[b, b],
    "block_array": lambda x: sp.block_array([[sp.diags_array(x), B * x[0]]]).toarray(),
    "hstack": lambda x: sp.hstack([sp.diags(x), K]) @ np.r_[b, b],
    "vstack": lambda x: sp.vstack([K, sp.diags_array(x)], format="csr") @ b,
    "block_diag": lambda x: sp.block_diag([sp.diags(x), K]) @ np.r_[b, b],
    "kron": lambda x: sp.kron(sp.diags(x), K) @ np.arange(25.0),
    "kronsum": lambda x: sp.kronsum(sp.diags(x), K) @ np.arange(25.0),
    "A @ B": lambda x: ((sp.diags_array(x) @ K) @ (K @ sp.diags_array(x, format="csr"))) @ b,
    "A.dot": lambda x: three(x).dot(b) + three(x).dot(KM).T.dot(b),
    "A + cB": lambda x: (sp.diags_array(x) + x[2] * K - K * x[0]) @ b,
    "A + dense": lambda x: np.asarray((1 - (np.ones((SIZE, SIZE)) + sp.diags_array(x))) - sp.diags_array(x)),
    "multiply": lambda x: sp.diags_array(x).multiply(K).toarray(),
    "multiply, dense": lambda x: (K.multiply(x) + K * x[:, None]).toarray(),
    "multiply, row": lambda x: K.multiply(sp.csr_array(x[None])).toarray(),
    "each": lambda x: (-sp.diags_array(x)).power(3).toarray() + abs(K * x[0]).toarray() + (three(x) / x[1]).toarray(),
    "functions": lambda x: sp.diags(x).sqrt().toarray() + (K * x[0]).sin().expm1().toarray(),
    "matrices": lambda x: (sp.diags(x) * KM) ** 2 * b,
    "arrays": lambda x: ((sp.diags_array(x) * K) ** 2) @ b,
    "sum": lambda x: np.stack([sp.diags(x).sum(), (K * x[0]).mean(), (K * x[1]).trace(), (K * x[2]).max()]),
    "sum over rows": lambda x: np.ravel((K * x[0]).sum(axis=0)) + (K * x[1]).mean(axis=1),
    "sum of a matrix": lambda x: np.asarray((KM * x[0]).sum(axis=1)) + (KM * x[1]).mean(axis=0).A1,
    "toarray": lambda x: sp.diags(x).toarray() @ x,
    "diagonal": lambda x: (K * x[0]).diagonal() + (K @ sp.diags_array(x)).diagonal(1)[0],
    "entries": lambda x: np.stack([three(x)[1, 2], three(x)[4, 0], three(x)[2, 2]]),
    "rows": lambda x: (K @ sp.diags_array(x))[[1, 2], :].toarray(),
    "slices": lambda x: (K @ sp.diags_array(x))[1:3, 2:].toarray(),
    "one row": lambda x: (K @ sp.diags_array(x))[1].toarray(),
    "a column": lambda x: KM.multiply(x).tocsc()[:, 1].toarray(),
    "reshape": lambda x: three(x).reshape((1, 25)).toarray(),
    "tril": lambda x: sp.tril(K * x[0], -1).toarray() + sp.triu(sp.csr_array(np.outer(x, x)), 1).toarray(),
    "find": lambda x: sp.find(K * x[0])[2],
    "lil": by_entries,
    "dok": by_dictionary,
    "data": by_data,
    "setdiag, in place": by_diagonal,
    "buffers": by_buffer,
    "copies": by_data_of_copies,
    "rows that are sparse": by_sparse_block,
    "asking": asking,
    "complex": lambda x: np.abs(sp.diags(x * (1 + 2j)).conj() @ (b * 1j) * x) ** 2,
    "spsolve": lambda x: sl.spsolve(three(x), x * b),
    "spsolve, several": lambda x: sl.spsolve(three(x), x[:, None] * B),
    "spsolve, dense": lambda x: sl.spsolve(sp.csc_matrix(np.outer(x, x) + 5 * np.eye(SIZE)), x * b),
    "spsolve, constant": lambda x: sl.spsolve(D, x) + sl.spsolve(three(x), b),
    "spsolve, complex": lambda x: np.abs(sl.spsolve(three(x) * (1 + 1j * x[0]), x * b * 1j)) ** 2,
    "splu": lambda x: sl.splu(three(x)).solve(x) + sl.splu(three(x)).solve(x, "T") + sl.splu(D).solve(x),
    "splu, complex": lambda x: np.abs(sl.splu(three(x) * (1 + 1j * x[0])).solve(x * (1 + 1j), "H")) ** 2,
    "factors from outside": lambda x: factors.solve(x**2) + holder.own.solve(x, "T") + solved(x) + rough.solve(x),
    "factors from outside, several": lambda x: factors.solve(x[:, None] * B),
    "factorized": lambda x: sl.factorized(three(x))(x) + sl.factorized(D)(x**2) + sl.spilu(D).solve(x),
    "spsolve_triangular": lambda x: sl.spsolve_triangular(sp.csr_array(sp.tril(three(x))), x),
    "spsolve_triangular, ones": lambda x: sl.spsolve_triangular(
        sp.csr_array(sp.triu(D * x[1], 1) + sp.eye_array(SIZE)), x, lower=False, unit_diagonal=True
    ),
    "cg, dense": lambda x: sl.cg(np.outer(x, x) + np.eye(SIZE), x * b, rtol=1e-12)[0],
    "cg, constant": lambda x: sl.cg(S, x * b, rtol=1e-12)[0],
    "cg, M": lambda x: sl.cg(S * x[0], x * b, rtol=1e-12, M=sp.diags_array(1 / (x + 1)))[0],
    "minres": lambda x: sl.minres(S * x[0] + sp.diags_array(x), x * b, rtol=1e-14)[0],
    "expm_multiply": lambda x: sl.expm_multiply(three(x), x) + sl.expm_multiply(D * 0.1, x),
    "expm_multiply, far": lambda x: sl.expm_multiply(-10 * three(x), B * x[0]),
    "expm_multiply, complex": lambda x: np.abs(sl.expm_multiply(three(x) * (0.1 + 1j * x[0]), x)) ** 2,
    "norm": lambda x: np.stack([sl.norm(three(x)), sl.norm(three(x), 1), sl.norm(three(x), np.inf)]),
    "inv": lambda x: sl.inv(three(x)).toarray(),
    "matrix_power": lambda x: sl.matrix_power(sp.csr_array(three(x)), 3) @ b,
}


def _near(name: str) -> Callable[[Any], Any]:
    return lambda x: getattr(sl, name)(S * x[0] + sp.diags_array(x), x * b, rtol=1e-12)[0]


FUNCTIONS |= {name: _near(name) for name in ("cg", "cgs", "bicg", "bicgstab", "gmres", "lgmres", "gcrotmk")}


def weighted(f: Callable[[Any], Any]) -> tuple[Callable[[Any], Any], Any]:
    out = np.asarray(f(v.copy()))
    weights = np.cos(np.arange(out.size) + 0.5).reshape(out.shape)
    return lambda x: np.sum(f(x) * weights), weights


def by_differences(f: Callable[[Any], Any], x: Any, step: float) -> Any:
    return np.array([(f(x + move) - f(x - move)) / (2 * step) for move in step * np.eye(len(x))])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name: str) -> None:
    f = FUNCTIONS[name]
    scalar, weights = weighted(f)
    both, jacobian = cr.value_and_grad(scalar), cr.jacobian(f)
    for x in (v, 1.2 * v[::-1] + 0.1):  # what was recorded at one point holds at the other
        value, slopes = both(x)
        expected = by_differences(lambda x: np.sum(np.asarray(f(x)) * weights), x, 1e-6)
        np.testing.assert_allclose(value, np.sum(np.asarray(f(x)) * weights), rtol=1e-9)
        np.testing.assert_allclose(slopes, expected, rtol=1e-5, atol=1e-6 * (1 + np.abs(expected).max()))
        rows = np.tensordot(weights, jacobian(x).dense(), weights.ndim)
        np.testing.assert_allclose(rows, slopes, rtol=1e-8, atol=1e-10)
        pushed = cr.jvp(f, (x,), (b,))[1]
        np.testing.assert_allclose(np.sum(pushed * weights), slopes @ b, rtol=1e-8)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled(name: str) -> None:
    gradient = cr.grad(weighted(FUNCTIONS[name])[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)  # some run in Python: factors, iterations, exponentials
        compiled = cr.compile(gradient)
        for x in (v, 1.2 * v[::-1] + 0.1):
            np.testing.assert_allclose(compiled(x), gradient(x), rtol=1e-9, atol=1e-12)


def test_much_becomes_machine_code() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", CompileWarning)
        for name in ("csr", "coo", "diags, several", "vstack", "A @ B", "multiply", "slices", "spsolve", "inv"):
            cr.compile(cr.grad(weighted(FUNCTIONS[name])[0]))(v)


def test_matrices_outside_are_plain_again() -> None:
    by_rows, by_columns, by_keys = sp.lil_array(K), sp.csc_array(K), sp.dok_array(K)

    def f(x: Any) -> Any:
        by_rows[0, 0] = x[0] ** 2
        by_keys[1, 1] = x[1] ** 3
        by_columns.data = np.concatenate([x + 2, x[:4] ** 2])
        return np.sum(sl.spsolve(by_columns, by_rows @ b + by_keys @ b) ** 2)

    for transform in (cr.grad(f), cr.compile(cr.grad(f)), lambda x: cr.jvp(cr.grad(f), (x,), (b,))[0]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            slopes = transform(v)
        assert [type(each) for each in (by_rows, by_columns, by_keys)] == [sp.lil_array, sp.csc_array, sp.dok_array]
        assert (by_rows[0, 0], by_keys[1, 1], by_columns[0, 0]) == (v[0] ** 2, v[1] ** 3, v[0] + 2)
        np.testing.assert_allclose(slopes, by_differences(f, v, 1e-6), rtol=1e-5)
        f(v)


def test_constant_matrices_that_change() -> None:
    matrix = sp.csr_array(K)

    def f(x: Any) -> Any:
        return np.sum((matrix @ sp.diags_array(x)) @ x)

    gradient = cr.grad(f)
    for _ in range(2):
        np.testing.assert_allclose(gradient(v), by_differences(f, v, 1e-6), rtol=1e-6)
        matrix.data[0] += 2.0
        np.testing.assert_allclose(gradient(v), by_differences(f, v, 1e-6), rtol=1e-6)
        matrix = matrix * 2


@pytest.mark.parametrize(
    "name",
    ["coo", "A @ B", "lil", "spsolve", "spsolve, several", "splu", "factors from outside", "cg", "expm_multiply"],
)
def test_second_derivatives(name: str) -> None:
    scalar, _ = weighted(lambda x: FUNCTIONS[name](x) ** 2)
    found = cr.hessian(scalar)(v).dense()
    expected = by_differences(cr.grad(scalar), v, 1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * (1 + np.abs(expected).max()))


def test_jacobians_stay_sparse() -> None:
    size = 20_000
    x = np.linspace(1.0, 2.0, size)

    def product(x: Any) -> Any:
        return sp.diags([-x[1:], 2 + x, -x[1:]], [-1, 0, 1]) @ np.ones(size)

    def solution(x: Any) -> Any:
        return sl.spsolve(sp.diags([-x[1:], 2 + x, -x[1:]], [-1, 0, 1], format="csc"), np.ones(size))

    assert cr.jacobian(product)(x).sparse().nnz == 2 * size - 1
    slopes = cr.grad(lambda x: np.sum(solution(x)))(x)  # a dense matrix would be of 3.2 GB
    move = 1e-6 * np.sin(x)
    expected = (np.sum(solution(x + move)) - np.sum(solution(x - move))) / 2
    np.testing.assert_allclose(slopes @ move, expected, rtol=1e-5)


def test_float32_stays() -> None:
    x = v.astype(np.float32)
    narrow = b.astype(np.float32)
    functions: list[Any] = [lambda x: three(x) @ narrow, lambda x: sl.spsolve(three(x), narrow)]
    for f in functions:
        assert f(x).dtype == np.float32
        value, slopes = cr.value_and_grad(lambda x: np.sum(f(x)))(x)  # noqa: B023
        assert (value.dtype, slopes.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(slopes, cr.grad(lambda x: np.sum(f(x)))(v), rtol=1e-4, atol=1e-5)  # noqa: B023


def test_without_entries() -> None:
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum((sp.csr_array((3, SIZE)) * x[0]) @ x))(v), np.zeros(SIZE))


def test_plain_numbers_get_what_scipy_gives() -> None:
    def f(x: Any) -> Any:
        assert type(sp.diags([1.0, 2.0])) is sp.dia_matrix
        assert type(K @ K) is sp.csr_array
        assert type(K * 2.0) is sp.csr_array
        np.testing.assert_array_equal(sl.splu(D).perm_c, factors.perm_c)
        np.testing.assert_array_equal(sl.splu(D).solve(b), factors.solve(b))
        np.testing.assert_array_equal(factors.solve(b), sl.factorized(D)(b))
        assert sl.splu(D).shape == D.shape
        assert sl.norm(K) == np.linalg.norm(K.data)
        return np.sum(sp.diags(x) @ b)

    np.testing.assert_array_equal(cr.grad(f)(v), b)


ERRORS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: sl.eigsh(three(x), k=2)[0], r"eigsh of tracked values has no rule: write np.linalg.eigh\(A.toarray"),
    (lambda x: sl.lsqr(three(x), x)[0], r"write spsolve\(A.T @ A, A.T @ b\)"),
    (lambda x: three(x).nanmax(), "csc_matrix.nanmax of tracked values has no rule: take the array apart with A.tocoo"),
    (lambda x: three(x).max(axis=0), "along an axis of a sparse array"),
    (lambda x: three(x).max(explicit=True), "max of a sparse array of tracked values has no rule with explicit="),
    (lambda x: three(x).sum(dtype=np.float32), "sum of a sparse array of tracked values has no rule with dtype="),
    (lambda x: three(x) / three(x), "divided by a sparse array has no rule"),
    (lambda x: (three(x) - three(x)).data, "which entries a sparse array has depends on tracked values here"),
    (lambda x: three(x).tolil().data, "data of a sparse lil array of tracked values: write A.tocsr"),
    (lambda x: sp.csr_array(x[None]) * np.ones((2, 1)), "is not spread over one of"),
    (lambda x: sl.spsolve(three(x), sp.csc_array(np.eye(SIZE))), "write b.toarray"),
    (lambda x: sl.cg(sl.aslinearoperator(S), x)[0], "not for a MatrixLinearOperator"),
    (lambda x: sl.expm_multiply(three(x), b, 0.0, 1.0, 3), "without start, stop and num"),
    (lambda x: sl.norm(three(x), axis=0), "with ord=None and axis=0 has no rule"),
    (lambda x: sl.splu(three(x)).L @ b, "of a tracked matrix has no rule"),
    (lambda x: (KM * x[0]).todense() * 2.0, "its operators mean matrix products"),
    (lambda x: x * (KM * x[0]).sum(axis=1), "its operators mean matrix products"),
    (lambda x: (KM * x[0] + np.eye(SIZE))[0], "its operators mean matrix products"),
    (lambda x: kept[0].solve(2 * x), "a function in C does not take tracked values"),
    (lambda x: sl.splu(sp.csc_array(D * 1j)).solve(x), "complex factors that were made before"),
]


@pytest.mark.parametrize(("f", "said"), ERRORS)
def test_what_has_no_rule(f: Any, said: str) -> None:
    with pytest.raises(NoRuleError, match=said):
        cr.grad(lambda x: np.sum(f(x)))(v)


@pytest.mark.parametrize("power", [lambda A: A**-1, lambda A: sl.matrix_power(A, -1)])
def test_powers_below_zero_are_the_error_that_they_are(power: Any) -> None:
    with pytest.raises(ValueError, match="exponent must be >= 0"):
        power(KM)
    with pytest.raises(ValueError, match="exponent must be >= 0"):
        cr.grad(lambda x: power(KM * x).sum())(2.0)


def test_equations_without_a_solution() -> None:
    with pytest.raises(MatrixError, match="Some row is a combination"):
        cr.grad(lambda x: np.sum(sl.spsolve(sp.csc_array(np.ones((SIZE, SIZE))) * x[0], x)))(v)
    with pytest.raises(NoDerivativeError, match="cg stopped before it came to the solution"):
        cr.grad(lambda x: np.sum(sl.cg(S * x[0], x * b, maxiter=1)[0]))(v)
    with pytest.raises(ShapeError, match="cannot be multiplied"):
        cr.grad(lambda x: np.sum(sp.diags(x) @ b[:3]))(v)
    with pytest.raises(ShapeError, match="cannot be multiplied"):
        cr.grad(lambda x: (sp.diags(x) @ K[:3]).sum())(v)
    with pytest.raises(ShapeError, match="cannot be added"):
        cr.grad(lambda x: (sp.diags(x) + K[:3]).sum())(v)
