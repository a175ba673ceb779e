"""scipy.linalg of tracked matrices: the values are SciPy's, the derivatives those of differences, and so the second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg as sl
from scipy.linalg import solve as solve_by_name

import chainrule as cr
from chainrule.as_written.eigenproblems import EIGENPROBLEMS, WITHOUT
from chainrule.as_written.matrices import MATRICES
from chainrule.errors import AssignmentError, NoRuleError

random = np.random.default_rng(11)
A = random.normal(size=(4, 4))
S = A @ A.T + 4 * np.eye(4)
tall = random.normal(size=(5, 3))

CASES: list[tuple[str, Callable[[Any], Any], Any]] = [
    ("eigh", lambda x: sl.eigh(x, S @ x)[0], np.eye(4) + 0.1 * S),
    ("eigh", lambda x: sl.eigh(x, S + np.eye(4))[1], S),
    ("eigh", lambda x: sl.eigh(x, subset_by_index=[1, 2])[1], S),
    ("eigvalsh", lambda x: sl.eigvalsh(np.diag([1.0, 2, 3, 4]), x, subset_by_index=[0, 1]), S),
    ("eigh_tridiagonal", lambda x: sl.eigh_tridiagonal(x[0], x[1, 1:])[1], A),
    ("eigh_tridiagonal", lambda x: sl.eigh_tridiagonal(x[0], x[1, 1:], select="v", select_range=(-1, 9))[0], A),
    ("eigvalsh_tridiagonal", lambda x: sl.eigvalsh_tridiagonal(x[0], x[1, 1:], "i", (1, 2)), A),
    ("eig_banded", lambda x: sl.eig_banded(x[:2])[1], A),
    ("eigvals_banded", lambda x: sl.eigvals_banded(x[:3], lower=True), A),
    ("eig", lambda x: sl.eig(x)[0].real, S),
    ("eig", lambda x: np.abs(sl.eig(x)[1]), S + 0.1 * A),
    ("eig", lambda x: np.sort(sl.eig(x, np.diag([1.0, 2, 3, 4]), right=False).real), S),
    ("eigvals", lambda x: np.abs(sl.eigvals(x)) ** 2, A),
    ("solve_continuous_are", lambda x: sl.solve_continuous_are(x, A, S + np.outer(x[0], x[0]), S), A),
    ("solve_discrete_are", lambda x: sl.solve_discrete_are(x, A, S, S + np.outer(x[0], x[0])), 0.3 * A),
    ("solve_toeplitz", lambda x: sl.solve_toeplitz(x[0], x[1]), S),
    ("solve_toeplitz", lambda x: sl.solve_toeplitz((x[0], x[0] + x[2]), x[:2].T), S),
    ("cholesky_banded", lambda x: sl.cholesky_banded(x[:2] + np.array([[0.0], [9.0]])), A),
    ("cholesky_banded", lambda x: sl.cholesky_banded(x[:3] + np.array([[9.0], [0.0], [0.0]]), lower=True), A),
    ("cho_solve_banded", lambda x: sl.cho_solve_banded((x[:2] + np.array([[0.0], [4.0]]), False), x[2]), A),
    ("cho_solve_banded", lambda x: sl.cho_solve_banded((x[:2] + np.array([[4.0], [0.0]]), True), x[2]), A),
    ("qr", lambda x: sl.qr(x, pivoting=True)[1], A),
    ("qr", lambda x: sl.qr(x, pivoting=True, mode="r")[0], A),
    ("qr_multiply", lambda x: sl.qr_multiply(x, x[0])[0], A),
    ("qr_multiply", lambda x: sl.qr_multiply(x, x[:3, 0], "left")[0], tall),
    ("rq", lambda x: sl.rq(x)[0], A),
    ("rq", lambda x: sl.rq(x)[1], A),
    (
        "signm",
        lambda x: sl.signm(x + A @ np.diag([-5.0, 0, 0, 0]) @ np.linalg.inv(A)),
        A @ np.diag([1.0, 2, 3, 4]) @ np.linalg.inv(A),
    ),
    ("fractional_matrix_power", lambda x: sl.fractional_matrix_power(x, 0.3), S),
    ("bandwidth", lambda x: x * sl.bandwidth(np.triu(x))[1], A),
    ("solve", lambda x: sl.solve(x, x[:, 0], assume_a="pos"), S),
    ("solve", lambda x: solve_by_name(x, x[0], transposed=True), S),
    ("solve", lambda x: sl.solve(x, x[0], lower=True, assume_a="sym"), S),
    ("solve", lambda x: sl.solve(x, x[0], assume_a="upper triangular"), A),
    ("eigh", lambda x: sl.eigh(x, lower=False)[0], S),
    ("eigvalsh", lambda x: sl.eigvalsh(A + x, lower=False), S),
    ("lstsq", lambda x: sl.lstsq(x, x[:, 0] ** 2)[1], tall),
    ("solve_banded", lambda x: sl.solve_banded((1, 2), x, x[0] ** 2), A),
    ("solve_banded", lambda x: sl.solve_banded((2, 0), x[:3], S), A),
    ("solveh_banded", lambda x: sl.solveh_banded(x[:2] + np.array([[0.0], [9.0]]), x), A),
    ("solveh_banded", lambda x: sl.solveh_banded(x[2:] + np.array([[9.0], [0.0]]), x[0], lower=True), A),
    ("inv", lambda x: sl.inv(x, check_finite=False), S),
    ("det", sl.det, S),
    ("pinv", sl.pinv, tall),
    ("norm", sl.norm, S),
    ("norm", lambda x: sl.norm(x, 1), S),
    ("cholesky", sl.cholesky, S),
    ("cholesky", lambda x: sl.cholesky(x, lower=True), S),
    ("cho_factor", lambda x: sl.cho_solve(sl.cho_factor(x), x[0]), S),
    ("cho_solve", lambda x: sl.cho_solve(sl.cho_factor(x, lower=True), np.eye(4)), S),
    ("eigh", lambda x: sl.eigh(x)[0], S),
    ("eigh", lambda x: sl.eigh(x, eigvals_only=True), S),
    ("eigvalsh", sl.eigvalsh, S),
    ("svd", lambda x: sl.svd(x, full_matrices=False)[1], tall),
    ("svd", lambda x: sl.svd(x, compute_uv=False), tall),
    ("svdvals", sl.svdvals, tall),
    ("qr", lambda x: sl.qr(x, mode="economic")[1], tall),
    ("qr", lambda x: sl.qr(x)[0], S),
    ("lu", lambda x: sl.lu(x)[2], A),
    ("lu", lambda x: sl.lu(x)[1], A),
    ("lu_factor", lambda x: sl.lu_factor(x)[0], A),
    ("lu_factor", lambda x: sl.lu_factor(x)[0], tall),
    ("lu_factor", lambda x: sl.lu_factor(x)[0], tall.T),
    ("lu_solve", lambda x: sl.lu_solve(sl.lu_factor(x), x[0]), A),
    ("lu_solve", lambda x: sl.lu_solve(sl.lu_factor(x), x[0], trans=1), A),
    ("solve_triangular", lambda x: sl.solve_triangular(x, x[0], lower=True), A),
    ("solve_triangular", lambda x: sl.solve_triangular(x, x[0], trans="T", unit_diagonal=True), A),
    ("lstsq", lambda x: sl.lstsq(x, x[:, 0] ** 2)[0], tall),
    ("expm", lambda x: sl.expm(3 * x), A),
    ("expm", sl.expm, 0.1 * A),
    ("logm", sl.logm, S),
    ("sqrtm", sl.sqrtm, S),
    ("cosm", sl.cosm, A),
    ("sinm", sl.sinm, A),
    ("tanm", sl.tanm, 0.1 * A),
    ("coshm", sl.coshm, 0.3 * A),
    ("sinhm", sl.sinhm, 0.3 * A),
    ("tanhm", sl.tanhm, 0.3 * A),
    ("polar", lambda x: sl.polar(x)[0], S),
    ("polar", lambda x: sl.polar(x, side="left")[1], S),
    ("solve_sylvester", lambda x: sl.solve_sylvester(x, S, x @ x), A + 3 * np.eye(4)),
    ("solve_continuous_lyapunov", lambda x: sl.solve_continuous_lyapunov(x, S), A + 3 * np.eye(4)),
    ("solve_discrete_lyapunov", lambda x: sl.solve_discrete_lyapunov(0.1 * x, S), A),
    ("block_diag", lambda x: sl.block_diag(x, [[1.0, 2.0]], x[0]), A),
    ("toeplitz", lambda x: sl.toeplitz(x[0], x[1]), A),
    ("toeplitz", lambda x: sl.toeplitz(x[0]), A),
    ("hankel", lambda x: sl.hankel(x[0], x[1]), A),
    ("hankel", lambda x: sl.hankel(x[0]), A),
    ("circulant", lambda x: sl.circulant(x[0]), A),
    ("companion", lambda x: sl.companion(x[0]), A),
    ("khatri_rao", lambda x: sl.khatri_rao(x, tall[:, [0, 1, 2, 0]]), A),
]


def test_every_function_is_tried() -> None:
    assert {name for name, _, _ in CASES} == {*MATRICES, *EIGENPROBLEMS} - set(WITHOUT)


@pytest.mark.parametrize(("name", "f", "x"), CASES, ids=[f"{name}-{k}" for k, (name, _, _) in enumerate(CASES)])
def test_values_and_derivatives(name: str, f: Any, x: Any) -> None:
    out = np.asarray(f(x.copy()))
    weights = np.cos(np.arange(out.size) + 0.5).reshape(out.shape)

    def scalar(x: Any) -> Any:
        return np.sum(f(x) * weights)

    value, gradient = cr.value_and_grad(scalar)(x)
    np.testing.assert_allclose(value, np.sum(out * weights), rtol=1e-10, atol=1e-12)
    direction = random.normal(size=x.shape)
    step = 1e-6
    slope = (scalar(x + step * direction) - scalar(x - step * direction)) / (2 * step)
    np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-6 * (1 + abs(value)))
    second = cr.grad(lambda x: np.sum(cr.grad(scalar)(x) * direction))(x)
    ahead, behind = (cr.grad(scalar)(x + sign * step * direction) for sign in (1, -1))
    np.testing.assert_allclose(
        second, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-4 * np.abs(second).max() + 1e-8
    )


def test_plain_arrays_get_what_scipy_gives() -> None:
    def f(x: Any) -> Any:
        assert type(sl.inv([[2.0, 0.0], [0.0, 4.0]])) is np.ndarray
        return np.sum(sl.inv(x))

    np.testing.assert_allclose(cr.grad(f)(S), cr.grad(lambda x: np.sum(np.linalg.inv(x)))(S))
    assert sl.inv.__module__.startswith("scipy")


@pytest.mark.parametrize(
    ("f", "x", "said"),
    [
        (lambda x: np.sum(sl.eigh(x, S, type=2)[0]), S, "has a rule for type=1 alone"),
        (lambda x: np.sum(sl.eig(x, left=True)[1].real), S, "left ones, take those of the conjugate transpose"),
        (lambda x: np.sum(sl.solve_continuous_are(x, A, S, S, s=A)), S, "has no rule with e= and s="),
        (lambda x: np.sum(sl.rq(x)[0]), tall, "has a rule for square matrices"),
        (lambda x: np.sum(sl.fractional_matrix_power(x, 2)), -S, "eigenvalues right of 0"),
        (
            lambda x: np.sum(sl.schur(x)[0]),
            S,
            "scipy.linalg.schur has no rule for tracked values: take np.linalg.eigvals",
        ),
        (lambda x: np.sum(sl.qr(x)[0]), tall, "scipy.linalg.qr of a tall tracked matrix"),
        (lambda x: np.sum(sl.pinv(x, return_rank=True)[0]), S, "scipy.linalg.pinv of tracked values has no rule with"),
    ],
)
def test_what_has_no_rule(f: Any, x: Any, said: str) -> None:
    with pytest.raises(NoRuleError, match=said):
        cr.grad(f)(x)


def test_other_functions_of_scipy_are_errors() -> None:
    with pytest.raises(AssignmentError, match="plain NumPy array"):
        cr.grad(lambda x: np.sum(sl.matrix_balance(x)[0]))(S)
