"""Structures that are easily got wrong: coinciding shifts, repeated positions, axes of size 0 and 1, diagonals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

REPEATED = np.array([2, 0, 2, 2, 1])


def laplacian(u: Any) -> Any:
    return np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u


def padded(u: Any) -> Any:
    wide = np.pad(u, 1)
    return wide[:-2] * wide[2:] - 2 * u**2


SHAPES: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = {
    "a ring of two shifts": (lambda u: u**2 * (np.roll(u, 1) + np.roll(u, -1)), [(1,), (2,), (3,), (4,)]),
    "a torus": (lambda u: laplacian(u) + u**3, [(1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (4, 5)]),
    "padding": (padded, [(1,), (2,), (3,), (6,)]),
    "differences": (lambda u: np.diff(u) ** 2, [(1,), (2,), (5,)]),
    "positions named twice": (lambda u: u[REPEATED] ** 2, [(3,), (4,)]),
    "positions named twice, summed": (lambda u: np.sum(u[REPEATED] * np.arange(5.0)) * u, [(3,), (4,)]),
    "positions with a slice": (lambda u: u[REPEATED] * u[0], [(3, 1), (3, 2), (3, 0)]),
    "an embedded diagonal": (lambda u: np.diag(u) @ np.diag(u) + np.diag(u**2), [(1,), (2,), (3,)]),
    "the diagonal of a matrix": (lambda u: np.diagonal(u) * np.trace(u), [(1, 1), (2, 2), (3, 3)]),
    "a matrix and its transpose": (
        lambda u: u @ u.T + np.swapaxes(u @ u.T, 0, 1) @ (u @ u.T),
        [(1, 2), (2, 3), (3, 1)],
    ),
    "a square and its transpose": (lambda u: (u @ u) * u.T, [(1, 1), (2, 2), (3, 3)]),
    "axes of size one": (lambda u: u * u.T + np.sum(u, axis=0, keepdims=True), [(1, 1), (3, 1), (1, 3), (2, 2)]),
    "nothing": (lambda u: np.sin(u) * np.sum(u), [(0,), (0, 3), (3, 0), (1, 0)]),
    "a sum over nothing": (lambda u: np.sum(u, axis=0) * 2, [(0, 3), (1, 3), (2, 3)]),
    "parts put together": (lambda u: np.concatenate([u[1:], u[:1], u * u]), [(1,), (2,), (4,)]),
    "stacked": (lambda u: np.stack([u, u**2, np.roll(u, 1)]), [(1,), (2,), (3,)]),
    "an outer product": (lambda u: u[:, None] * u[None, :], [(1,), (2,), (3,)]),
    "a convolution": (lambda u: np.convolve(u, u), [(1,), (2,), (3,)]),
    "sums so far": (lambda u: np.cumsum(u**2), [(0,), (1,), (2,), (4,)]),
    "repeated entries": (lambda u: np.repeat(u, 2) * np.tile(u, 2), [(1,), (2,), (3,)]),
    "reversed": (lambda u: u * u[::-1], [(1,), (2,), (3,)]),
    "a choice": (lambda u: np.where(u > 0, u * np.roll(u, 1), 0), [(1,), (2,), (5,)]),
}
CASES = [(name, shape) for name, (_, shapes) in SHAPES.items() for shape in shapes]


def complex_step(function: Any, x: Any) -> Any:
    """The Jacobian by steps into the complex plane: exact to rounding, where comparisons see the real part only."""
    columns = []
    for position in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[position] += 1e-30j
        columns.append(np.asarray(function(moved)).imag / 1e-30)
    shape = np.shape(function(x))
    if not columns:
        return np.zeros(shape + x.shape)
    return np.stack(columns, -1).reshape(shape + x.shape)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_every_way_to_write_it_out_agrees(name: str, shape: tuple[int, ...]) -> None:
    function, _ = SHAPES[name]
    transform: Any = cr.jacobian(function)
    generator = np.random.default_rng(7)
    matrix: Any = None
    for _ in range(3):
        x = generator.normal(size=shape)
        J, expected = transform(x), complex_step(function, x)
        rows, columns = int(np.prod(np.shape(function(x)))), x.size
        flat = expected.reshape(rows, columns)
        np.testing.assert_allclose(J.dense(), expected, atol=1e-12)
        for form in ("csr", "csc", "coo", "dia"):
            found = J.sparse(form)
            np.testing.assert_allclose(found.toarray(), flat, atol=1e-12)
        found = J.sparse()
        entries = found.tocoo()
        assert len(set(zip(entries.row.tolist(), entries.col.tolist(), strict=True))) == found.nnz == J.entries
        if found.has_sorted_indices:
            assert all([np.all(np.diff(row) > 0) for row in np.split(found.indices, found.indptr[1:-1])])
        if "choice" not in name:  # where a sum of constants can cancel, an entry may be there and zero
            matrix = J.sparse(out=matrix) if matrix is not None and matrix.nnz else J.sparse()
            np.testing.assert_allclose(matrix.toarray(), flat, atol=1e-12)
        direction, weight = generator.normal(size=x.shape), generator.normal(size=np.shape(function(x)))
        np.testing.assert_allclose(np.ravel(J @ direction), flat @ direction.ravel(), atol=1e-12)
        np.testing.assert_allclose(np.ravel(J.T @ weight), weight.ravel() @ flat, atol=1e-12)
        np.testing.assert_allclose(np.ravel(J.row_sums()), flat.sum(1), atol=1e-12)
        np.testing.assert_allclose(J.norm(), np.linalg.norm(flat), atol=1e-12)
    assert "replayed" in transform.recorded.recordings[0]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_second_derivatives_agree(name: str, shape: tuple[int, ...]) -> None:
    function, _ = SHAPES[name]
    generator = np.random.default_rng(8)
    weight = generator.normal(size=np.shape(function(np.ones(shape))))

    def value(u: Any) -> Any:
        return np.sum(weight * function(u) ** 2)

    transform: Any = cr.hessian(value)
    gradient = cr.grad(value)
    for _ in range(3):
        x = generator.normal(size=shape)
        H = transform(x)
        found = H.dense().reshape(x.size, x.size)
        np.testing.assert_allclose(found, found.T, atol=1e-9)
        np.testing.assert_allclose(H.sparse().toarray(), found, atol=1e-12)
        for position, unit in enumerate(np.eye(x.size)):
            step = 1e-5 * unit.reshape(shape)
            column = (gradient(x + step) - gradient(x - step)).ravel() / 2e-5
            np.testing.assert_allclose(found[:, position], column, atol=1e-6 * max(1.0, np.abs(found).max()))


def test_a_dense_answer_says_so() -> None:
    J = cr.jacobian(lambda x: np.sin(np.ones((40, 30)) @ x))(np.zeros(30))
    assert "1200 entries" in J.structure
    assert cr.jacobian(lambda x: x**2)(np.zeros(1000)).structure == "diagonal, 1000 stored of 1000000 entries"
