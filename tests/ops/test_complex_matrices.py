"""Decompositions of complex matrices: gradients and second derivatives of what phases do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.complex_points import along, complex_gradient

RNG = np.random.default_rng(3)


def matrix(*shape: int) -> Any:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


SQUARE, TALL, WIDE, BATCH = matrix(3, 3), matrix(4, 2), matrix(2, 4), matrix(2, 3, 3)
SINGULAR = np.stack([SQUARE[0], SQUARE[1], SQUARE[0] - 1j * SQUARE[1]])
DEFINITE = SQUARE @ SQUARE.conj().T + np.eye(3)
ROTATION = np.array([[1.0, 2, 0.5], [-2, 1, 0.3], [0.1, 0.2, 3]])  # real, with complex eigenvalues
WEIGHT = matrix(5, 5)


def weighed(x: Any) -> Any:
    """A real number that depends on every entry of the matrices x."""
    rows, columns = x.shape[-2:]
    return np.sum(np.real(x * WEIGHT[:rows, :columns])) + np.sum(np.abs(x) ** 4)


def adjoint(x: Any) -> Any:
    return np.conjugate(np.swapaxes(x, -1, -2))


def hermitian_function(a: Any) -> Any:
    values, vectors = np.linalg.eigh(a)
    return weighed(vectors * np.sin(values)[..., None, :] @ adjoint(vectors))


def singular_function(a: Any) -> Any:
    left, values, right = np.linalg.svd(a, full_matrices=False)
    return (
        weighed((left * np.sin(values)[..., None, :]) @ right) + np.sum(np.abs(left) ** 4) + np.sum(np.abs(right) ** 4)
    )


def both(pair: Any) -> Any:
    return sum(weighed(part) for part in pair)


def columns_of(a: Any) -> Any:
    values, vectors = np.linalg.eig(a)
    return weighed(vectors**2) + np.sum(np.real(values**3 * (1 + 2j)))


CASES: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "eigvalsh": (lambda a: np.sum(np.linalg.eigvalsh(a) ** 3), (SQUARE, BATCH)),
    "eigvalsh upper": (lambda a: np.sum(np.linalg.eigvalsh(a, "U") ** 3), (SQUARE,)),
    "eigh": (hermitian_function, (SQUARE, BATCH)),
    "eigh moduli": (lambda a: weighed(np.abs(np.linalg.eigh(a)[1])), (SQUARE,)),
    "svdvals": (lambda a: np.sum(np.linalg.svdvals(a) ** 3), (SQUARE, TALL, WIDE, BATCH)),
    "svd": (singular_function, (SQUARE, TALL, WIDE, BATCH)),
    "qr": (lambda a: both(np.linalg.qr(a)), (SQUARE, TALL, WIDE, BATCH)),
    "qr r": (lambda a: weighed(np.linalg.qr(a, mode="r")), (TALL,)),
    "cholesky": (lambda a: weighed(np.linalg.cholesky(a)), (DEFINITE, np.stack([DEFINITE, 2 * DEFINITE @ DEFINITE]))),
    "cholesky upper": (lambda a: weighed(np.linalg.cholesky(a, upper=True)), (DEFINITE,)),
    "pinv": (lambda a: weighed(np.linalg.pinv(a)), (SQUARE, TALL, WIDE, BATCH)),
    "lstsq": (lambda a: np.sum(np.abs(np.linalg.lstsq(a, a[:, 0] ** 2)[0]) ** 2), (TALL,)),
    "residuals": (lambda a: np.linalg.lstsq(a, a[:, :1] ** 2)[1][0], (TALL,)),
    "cond": (np.linalg.cond, (SQUARE,)),
    "nuclear norm": (lambda a: np.linalg.norm(a, "nuc"), (SQUARE, TALL)),
    "spectral norm": (lambda a: np.linalg.norm(a, 2), (WIDE,)),
    "1-norm": (lambda a: np.linalg.norm(a, 1), (SQUARE,)),
    "eigvals": (lambda a: np.sum(np.abs(np.linalg.eigvals(a)) ** 2), (SQUARE, BATCH, ROTATION)),
    "eig": (columns_of, (SQUARE, ROTATION)),
    "roots": (lambda p: np.sum(np.abs(np.roots(p)) ** 3), (np.arange(1.0, 5), SQUARE[0])),
    "poly": (lambda a: np.sum(np.abs(np.poly(a)) ** 2), (SQUARE,)),
    "solve": (lambda a: weighed(np.linalg.solve(a, a**2)), (SQUARE, BATCH)),
    "matrix_power": (lambda a: weighed(np.linalg.matrix_power(a, -2)), (SQUARE,)),
    "slogdet": (
        lambda a: np.sum(np.real((1 + 2j) * np.linalg.slogdet(a)[0]) + np.linalg.slogdet(a)[1]),
        (SQUARE, BATCH),
    ),
    "det of a singular matrix": (lambda a: np.abs(np.linalg.det(a) + 1j), (SINGULAR,)),
}


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_second_order(name: str) -> None:
    function, points = CASES[name]
    for x in points:
        value, found = cr.value_and_grad(function)(x)
        np.testing.assert_allclose(value, function(x), rtol=1e-12)
        assert found.dtype == x.dtype
        expected = complex_gradient(function, x)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
        direction = matrix(*x.shape) if np.iscomplexobj(x) else RNG.normal(size=x.shape)
        second = along(cr.grad(function), x, direction)
        np.testing.assert_allclose(cr.hvp(function, x, direction), second, rtol=1e-5, atol=1e-6 * np.abs(second).max())


def test_parts_are_those_of_numpy() -> None:
    for name in ("eigh", "svd", "qr", "eig"):
        for x in (SQUARE, ROTATION):
            expected: Any = getattr(np.linalg, name)(x)
            parts: Any = getattr(np.linalg, name)(cr.tensor(x, requires_grad=True))
            for part, like in zip(parts, expected, strict=True):
                assert part.dtype == like.dtype
                np.testing.assert_allclose(part.value, like, rtol=1e-13, atol=1e-13)


def test_what_depends_on_phases_is_an_error() -> None:
    for function in (lambda a: np.linalg.eigh(a)[1], lambda a: np.linalg.svd(a)[0], lambda a: np.linalg.svd(a)[2]):
        with pytest.raises(cr.errors.NoDerivativeError, match="multiplied by any phase"):
            cr.grad(lambda a, function=function: np.sum(np.real(function(a) * WEIGHT[:3, :3])))(SQUARE)


COMPLEMENTS: dict[str, Callable[[Any], Any]] = {
    "left": lambda a: np.linalg.svd(a)[0][..., 2:],
    "right": lambda a: adjoint(np.linalg.svd(adjoint(a))[2][..., 2:, :]),
    "orthogonal": lambda a: np.linalg.qr(a, mode="complete")[0][..., 2:],
}


@pytest.mark.parametrize("name", COMPLEMENTS)
@pytest.mark.parametrize("x", [matrix(5, 2), matrix(5, 2).real, matrix(2, 5, 2), matrix(2, 4, 2).real])
def test_vectors_that_complete_a_basis(name: str, x: Any) -> None:
    b, direction = np.arange(1.0, x.shape[-2] + 1), matrix(*x.shape) if np.iscomplexobj(x) else RNG.normal(size=x.shape)

    def loss(a: Any) -> Any:
        return np.sum(np.abs(np.matmul(b, np.conj(COMPLEMENTS[name](a)))) ** 2)

    gradient, step = cr.grad(loss)(x), 1e-6 * direction
    along = np.sum(np.conj(gradient) * direction).real
    np.testing.assert_allclose(along, (loss(x + step) - loss(x - step)) / 2e-6, rtol=1e-6)
    if not np.iscomplexobj(x):
        change = (cr.grad(loss)(x + step) - cr.grad(loss)(x - step)) / 2e-6
        np.testing.assert_allclose(cr.hvp(loss, x, direction), change, rtol=1e-5, atol=1e-7)
    weight = np.arange(np.size(COMPLEMENTS[name](x))).reshape(np.shape(COMPLEMENTS[name](x)))
    with pytest.raises(cr.errors.NoDerivativeError, match="not unique"):
        cr.grad(lambda a: np.sum(np.real(weight * COMPLEMENTS[name](a))))(x)
    np.testing.assert_allclose(cr.grad(lambda a: np.sum(np.abs(np.linalg.svd(a)[0][..., :1]) ** 2))(x), 0, atol=1e-12)


def test_no_vectors_complete_a_basis_where_the_rank_changes() -> None:
    with pytest.raises(cr.errors.NoDerivativeError, match="rank changes"):
        cr.grad(lambda a: np.sum(np.linalg.qr(a, mode="complete")[0][:, 2:] ** 2))(np.ones((4, 2)))


def test_equal_values_have_no_vectors() -> None:
    with pytest.raises(cr.errors.NoDerivativeError, match="occurs twice"):
        cr.grad(lambda a: np.sum(np.abs(np.linalg.eigh(a)[1]) ** 4))(np.eye(3, dtype=complex))
    with pytest.raises(cr.errors.NoDerivativeError, match="occurs twice"):
        cr.grad(lambda a: np.sum(np.abs(np.linalg.svd(a)[0]) ** 4))(np.eye(3, dtype=complex))
    found = cr.grad(lambda a: np.sum(np.linalg.svdvals(a)))(2 * np.eye(3, dtype=complex))
    np.testing.assert_allclose(found, np.eye(3), atol=1e-12)


def test_vectors_of_empty_matrices() -> None:
    empty = np.zeros((0, 0), complex)
    assert cr.vjp(np.linalg.eig, empty)[1](tuple(np.linalg.eig(empty)))[0].shape == (0, 0)


def test_a_replay_meets_eigenvalues_of_another_kind() -> None:
    real = np.diag([1.0, 2.0, 3.0]) + 0.1
    jacobian = cr.jacobian(np.linalg.eigvals)
    assert jacobian(real).dtype == float
    turned = jacobian(ROTATION)
    assert turned.dtype == complex
    np.testing.assert_allclose(turned.dense(), cr.jacobian(np.linalg.eigvals)(ROTATION).dense())
    compiled = cr.compile(cr.grad(lambda a: np.sum(np.abs(np.linalg.eigvals(a)) ** 2)))
    for x in (real, ROTATION, real):
        np.testing.assert_allclose(compiled(x), cr.grad(lambda a: np.sum(np.abs(np.linalg.eigvals(a)) ** 2))(x))
