"""Matrix functions: NumPy's signatures, batches, second order, singular matrices, decompositions, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import MatrixError, NoDerivativeError, NoRuleError, ShapeError
from chainrule.op import OPERATIONS
from chainrule.ops.decompose import part
from chainrule.ops.determinant import cofactors
from chainrule.ops.linalg import Solver, factorise, solve, solve_triangular
from chainrule.ops.remembered import _kept, remembered
from tests.ops.dense import by_definition, local_terms
from tests.ops.gradients import check_function, check_second, gradient, numbers

FREE: Any = np.linalg  # the types of NumPy know no tensors
RNG = np.random.default_rng(11)
A = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
BATCH = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
DEFINITE = A @ A.T
DEFINITES = BATCH @ np.swapaxes(BATCH, -1, -2)
SINGULAR = np.outer([1.0, 2.0, -1.0], [2.0, 1.0, 3.0]) + np.outer([0.0, 1.0, 1.0], [1.0, -1.0, 0.5])


@pytest.mark.parametrize("matrix", [A, BATCH, A[:1, :1], BATCH[:, :2, :2]], ids=lambda x: str(x.shape))
@pytest.mark.parametrize(
    "function",
    [
        np.linalg.inv,
        np.linalg.pinv,
        np.linalg.det,
        lambda x: np.linalg.slogdet(x)[1],
        lambda x: np.linalg.slogdet(x).logabsdet * np.linalg.slogdet(x).sign,
        lambda x: np.linalg.pinv(x[..., :1]),
        lambda x: np.linalg.pinv(x, rcond=1e-10, hermitian=False),
        np.linalg.svdvals,
        lambda x: np.linalg.svd(x, compute_uv=False),
        lambda x: np.linalg.qr(x).Q,
        lambda x: np.linalg.qr(x, mode="r"),
        lambda x: np.linalg.qr(x[..., :1]).Q,
        lambda x: np.linalg.qr(x[..., :1, :])[1],
        lambda x: np.linalg.eigvalsh(x + np.swapaxes(x, -1, -2)),
        lambda x: np.linalg.eigh(x)[0],
        lambda x: np.linalg.eigvalsh(x, UPLO="U"),
        lambda x: np.linalg.eigh(x).eigenvectors,
        lambda x: np.linalg.eigh(x, "u")[1],
        lambda x: solve_triangular(x, x),
        lambda x: solve_triangular(x, x[..., :1], lower=False),
        lambda x: solve_triangular(x, x, unit_diagonal=True),
    ],
)
def test_functions_of_a_matrix(function: Callable[[Any], Any], matrix: Any) -> None:
    check_function(function, matrix)


@pytest.mark.parametrize("matrix", [DEFINITE, DEFINITES, DEFINITE[:1, :1]], ids=lambda x: str(x.shape))
@pytest.mark.parametrize(
    "function",
    [np.linalg.cholesky, lambda x: np.linalg.cholesky(x, upper=True), lambda x: np.linalg.matrix_norm(x, ord="nuc")],
)
def test_functions_of_a_definite_matrix(function: Callable[[Any], Any], matrix: Any) -> None:
    check_function(function, matrix)


@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("name", ["U", "S", "Vh"])
def test_singular_value_decomposition(name: str, columns: int) -> None:
    for matrix in (A[:, :columns], A[:, :columns].T, BATCH[..., :columns]):
        check_function(lambda x: getattr(np.linalg.svd(x, full_matrices=False), name), matrix)


def test_decompositions_multiply_to_the_matrix_and_its_derivative() -> None:
    weight = numbers(3, 3)
    for function in (
        lambda x: np.linalg.svd(x).U * np.linalg.svd(x).S @ np.linalg.svd(x).Vh,
        lambda x: np.linalg.qr(x).Q @ np.linalg.qr(x).R,
        lambda x: np.linalg.inv(np.linalg.inv(x)),
        lambda x: np.linalg.solve(x, x @ x),
        lambda x: np.linalg.pinv(np.linalg.pinv(x)),
    ):
        assert np.allclose(gradient(function, weight, [A])[0], weight)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("matrix", "shape"),
    [
        (A, (3,)),
        (A, (3, 2)),
        (BATCH, (3,)),
        (BATCH, (3, 1)),
        (BATCH, (2, 3, 2)),
        (BATCH[:1], (2, 3, 2)),
        (A, (2, 3, 2)),
        (BATCH[:, None], (1, 4, 3, 1)),
        (A[:1, :1], (1,)),
    ],
)
def test_solve(matrix: Any, shape: tuple[int, ...], transposed: bool) -> None:
    if transposed:
        check_function(lambda a, b: solve(a, b, transposed=True), matrix, numbers(*shape))
    else:
        check_function(np.linalg.solve, matrix, numbers(*shape))


def test_solve_with_tensors() -> None:
    a, b = numbers(6, 2, 3) + 4 * np.eye(6).reshape(6, 2, 3), numbers(6)
    check_function(np.linalg.tensorsolve, a, b)
    check_function(lambda x, y: np.linalg.tensorsolve(x, y, axes=(0,)), np.moveaxis(a.reshape(6, 6), 1, 0), b)
    check_function(lambda x: np.linalg.tensorinv(x, ind=1), a)
    check_function(np.linalg.tensorinv, np.moveaxis(a, 0, 2))


def test_the_jacobian_of_solve_is_not_formed() -> None:
    b = numbers(3)
    _, (term,) = local_terms(OPERATIONS["solve"], [A, b], {}, 1)
    (solver,) = term.factors
    assert isinstance(solver, Solver) and solver.stored == 9
    assert np.allclose(solver.dense(), np.linalg.inv(A))
    assert np.allclose(solver.apply_transposed(b[:, None])[:, 0], np.linalg.solve(A.T, b))
    call, terms = local_terms(OPERATIONS["inv"], [A], {}, 0)
    assert terms[0].factors[0] is terms[0].factors[1] is call.out


# --- determinants of singular matrices --------------------------------------------------------------------------------


def minors(matrix: Any) -> Any:
    """The cofactors by their definition."""
    n = len(matrix)
    result = np.zeros((n, n))
    for i, j in np.ndindex(n, n):
        rest = np.delete(np.delete(matrix, i, 0), j, 1)
        result[i, j] = (-1) ** (i + j) * np.linalg.det(rest)
    return result


@pytest.mark.parametrize(
    "matrix",
    [SINGULAR, np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 1.0]), np.zeros((3, 3)), np.zeros((2, 2)), np.zeros((1, 1)),
     A, np.diag([1.0, 1.0, 0.0]), 1e-9 * A, SINGULAR + 1e-12 * A],
)  # fmt: skip
def test_determinant_of_any_rank(matrix: Any) -> None:
    assert np.allclose(gradient(np.linalg.det, 1.0, [matrix])[0], minors(matrix), atol=1e-12, rtol=1e-6)
    call, terms = local_terms(cofactors, [matrix], {}, 0)
    exact = np.zeros((*matrix.shape, *matrix.shape))
    unit = np.abs(matrix).max() or 1.0
    for place in np.ndindex(matrix.shape):
        step = np.zeros(matrix.shape)
        step[place] = unit * 0.1
        exact[(..., *place)] = (minors(matrix + step) - minors(matrix - step)) / (0.2 * unit)
    found = by_definition(terms, call.shape, matrix.shape)
    if len(matrix) < 4:  # cofactors are then at most quadratic in an entry, so that the difference is exact
        size = np.abs(exact).max() or 1.0
        assert np.allclose(found, exact.reshape(found.shape), atol=1e-6 * size)


def test_batch_with_one_singular_matrix() -> None:
    check_function(np.linalg.det, np.stack([A, SINGULAR]))


def test_third_derivative_of_the_determinant() -> None:
    weight = numbers(3, 3)

    def second(x: Any) -> Any:
        return cr.grad(lambda y: np.sum(cr.grad(np.linalg.det)(y) * weight))(x)

    check_second(second, numbers(3, 3, seed=2), [A], [weight], [A + 1e-5 * weight], [A - 1e-5 * weight])
    with pytest.raises(NoDerivativeError, match="third derivative of a determinant"):
        cr.grad(lambda x: np.sum(second(x) * weight))(SINGULAR)


def test_logarithm_of_a_singular_determinant_has_no_derivative() -> None:
    x = cr.tensor(np.ones((2, 2)), requires_grad=True)
    with np.errstate(divide="ignore"):
        out = FREE.slogdet(x).logabsdet
    assert out.item() == -np.inf
    with pytest.raises(MatrixError, match=r"Singular matrix \(shape \(2, 2\)\)"):
        out.backward()


# --- vectors that are not unique --------------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", [np.eye(3), np.diag([1.0, 2.0, 2.0]), np.zeros((2, 2))])
def test_equal_eigenvalues(matrix: Any) -> None:
    x = cr.tensor(matrix, requires_grad=True)
    FREE.eigvalsh(x).backward(np.ones(len(matrix)))
    assert np.allclose(x.grad.value, np.eye(len(matrix)))
    with pytest.raises(NoDerivativeError, match="occurs twice"):
        np.sum(np.linalg.eigh(x).eigenvectors).backward()
    with pytest.raises(NoDerivativeError, match="compute_uv=False"):
        np.sum(np.linalg.svd(x).U).backward()


def test_parts_share_one_decomposition() -> None:
    calls = []

    def decompose(x: Any) -> tuple[Any, ...]:
        calls.append(x)
        return x + 1, x + 2

    x = numbers(2, 2)
    first = part(0, "test", decompose, x)
    assert np.array_equal(part(1, "test", decompose, x), x + 2) and len(calls) == 1
    first[:] = 0  # what a caller does to its part is not seen by the next
    assert np.array_equal(part(0, "test", decompose, x.copy()), x + 1) and len(calls) == 1
    x[0, 0] = 9.0
    assert np.array_equal(part(0, "test", decompose, x), x + 1) and len(calls) == 2
    part(0, "test", decompose, x.astype(np.float32))
    assert len(calls) == 3


def test_decompositions_are_forgotten_with_their_matrix() -> None:
    x = numbers(3, 3)
    remembered("kept", lambda a: (a.copy(),), x)
    assert any(entry.kind == "kept" for entry in _kept)
    del x
    assert not any(entry.kind == "kept" for entry in _kept)


@pytest.mark.parametrize("shape", [(80,), (80, 2)])
def test_large_matrices_are_factorised_once(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(a: Any) -> Any:
        calls.append(a.shape)
        return factorise(a)

    monkeypatch.setattr("chainrule.ops.linalg.factorise", counted)
    rng = np.random.default_rng(8)
    matrix, right = rng.normal(size=(80, 80)) + 20 * np.eye(80), rng.normal(size=shape)
    a, b = cr.tensor(matrix, requires_grad=True), cr.tensor(right, requires_grad=True)
    out = FREE.solve(a, b)
    assert np.allclose(out.value, np.linalg.solve(matrix, right), rtol=1e-12)
    weight = rng.normal(size=shape)
    out.backward(weight)
    assert len(calls) == 1
    adjoint = np.linalg.solve(matrix.T, weight)
    assert np.allclose(b.grad.value, adjoint)
    columns = adjoint.reshape(80, -1), out.value.reshape(80, -1)
    assert np.allclose(a.grad.value, -columns[0] @ columns[1].T)
    check_function(np.linalg.solve, matrix, right)
    with pytest.raises(MatrixError, match="Singular matrix"):
        np.linalg.solve(a * 0.0, b)


# --- dtypes, sizes, errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        np.linalg.inv,
        np.linalg.det,
        np.linalg.cholesky,
        np.linalg.pinv,
        np.linalg.eigvalsh,
        np.linalg.svdvals,
        lambda x: np.linalg.slogdet(x).logabsdet,
        lambda x: np.linalg.eigh(x)[1],
        lambda x: np.linalg.qr(x)[0],
        lambda x: np.linalg.svd(x)[0],
        lambda x: np.linalg.solve(x, x),
    ],
)
def test_float32_stays(function: Callable[[Any], Any]) -> None:
    x = cr.tensor(DEFINITE, dtype=np.float32, requires_grad=True)
    out = function(x)
    assert out.dtype == np.float32
    np.sum(out).backward()
    assert x.grad.dtype == np.float32
    assert np.all(np.isfinite(x.grad.value))


def test_matrices_of_size_0() -> None:
    empty = np.zeros((0, 0))
    assert gradient(np.linalg.inv, np.zeros((0, 0)), [empty])[0].shape == (0, 0)
    assert gradient(np.linalg.det, 1.0, [empty])[0].shape == (0, 0)
    assert gradient(lambda x: np.linalg.slogdet(x)[1], 1.0, [empty])[0].shape == (0, 0)
    assert [x.shape for x in gradient(np.linalg.solve, np.zeros(0), [empty, np.zeros(0)])] == [(0, 0), (0,)]


@pytest.mark.parametrize(
    ("call", "problem", "message"),
    [
        (lambda x: np.linalg.inv(np.ones((2, 2)) * x), MatrixError, "np.linalg.pinv, or add a small multiple"),
        (lambda x: np.linalg.solve(np.ones((2, 2)) * x, np.ones(2)), MatrixError, "np.linalg.solve: Singular matrix"),
        (lambda x: np.linalg.cholesky(-np.eye(2) * x), MatrixError, "not positive definite"),
        (lambda x: np.linalg.inv(np.ones((2, 3)) * x), ShapeError, "expected a square matrix"),
        (lambda x: np.linalg.det(np.ones(3) * x), ShapeError, "got shape (3,)"),
        (lambda x: np.linalg.eigvalsh(np.ones((3, 2)) * x), ShapeError, "np.linalg.eigh: expected a square"),
        (lambda x: np.linalg.solve(np.eye(2) * x, np.ones(3)), ShapeError, "solve: shapes (2, 2) and (3,)"),
        (
            lambda x: solve_triangular(np.ones((2, 3)) * x, np.ones(2)),
            ShapeError,
            "solve_triangular: expected a square",
        ),
        (lambda x: np.linalg.svd(np.ones((3, 2)) * x).U.sum().backward(), NoDerivativeError, "full_matrices=False"),
        (
            lambda x: (np.linalg.qr(np.eye(4, 2) * x, mode="complete").Q * np.eye(4, k=1)).sum().backward(),
            NoDerivativeError,
            "mode='reduced'",
        ),
        (lambda x: np.linalg.qr(np.ones((3, 2)) * x, mode="raw"), NoRuleError, "mode='reduced'"),
        (lambda x: np.linalg.lstsq(np.ones((3, 2)) * x, np.ones(4)), ShapeError, "one right-hand side for each row"),
        (lambda x: np.linalg.svdvals(np.full((2, 2), np.nan) * x), MatrixError, "infinite or not a number"),
    ],
)
def test_errors_say_what_to_do(call: Callable[[Any], Any], problem: type[Exception], message: str) -> None:
    with pytest.raises(problem) as caught:
        call(cr.tensor(1.0, requires_grad=True))
    assert message in str(caught.value)


def test_singular_matrices_can_be_caught_as_numpy_raises_them() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(cr.tensor(np.zeros((2, 2)), requires_grad=True))
