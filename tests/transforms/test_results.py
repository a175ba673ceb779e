"""A Jacobian that was returned stays as it is, and whatever its owner writes into what it gave harms nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.at_once import at_once

rng = np.random.default_rng(0)
A, DATA, POSITIONS = rng.normal(size=(4, 4)), np.arange(1.0, 5.0), np.array([3, 1, 0, 1])
ALL = np.linspace(0.0, 1.0, 4)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "a constant matrix": lambda x: A @ x,
    "its transpose": lambda x: A.T @ x,
    "identity": lambda x: x,
    "a number": lambda x: x * 2.5,
    "a constant diagonal": lambda x: x * DATA,
    "a diagonal made inside": lambda x: x * np.linspace(0.0, 1.0, 4),
    "positions": lambda x: x[POSITIONS],
    "the point": lambda x: 0.5 * x**2,
    "the point twice": lambda x: x * x,
    "bands": lambda x: x[1:] * x[:-1],
    "dense": lambda x: np.sin(A @ x) * x,
    "ones": lambda x: np.ones((4, 4)) @ x,
    "a triangle": np.cumsum,
    "a shift": lambda x: np.roll(x, 1) - x,
    "an outer product": lambda x: np.outer(x, x),
    "a product of matrices": lambda x: x.reshape(2, 2) @ x.reshape(2, 2),
    "a permutation": np.sort,
    "a reshape": lambda x: x.reshape(2, 2).T,
    "a slice": lambda x: x[1:3],
    "one number": lambda x: np.sum(x * DATA),
    "a broadcast": lambda x: np.broadcast_to(x[0], (4,)),
    "a choice": lambda x: np.where(x > 0, x, 2 * x),
}
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "jacobian": cr.jacobian,
    "hessian": lambda f: cr.hessian(lambda x: np.sum(f(x) ** 2) / 2),
    "gauss_newton": cr.gauss_newton,
}


def arrays_of(J: cr.Jacobian) -> Iterator[Any]:
    """Every array that a Jacobian hands out, where its structure allows."""
    ways: list[Callable[[], Any]] = [
        J.dense,
        J.T.dense,
        J.diagonal,
        lambda: J.banded()[1],
        lambda: np.asarray(J),
        J.row_sums,
        J.column_sums,
        J.row_norms,
        J.gram,
        lambda: J.solve(np.ones(J.row_shape)),
        lambda: J @ np.ones(J.column_shape),
        lambda: np.ones(J.row_shape) @ J,
        lambda: J.apply(np.ones((1, *J.column_shape)), batch=True),
        lambda: J.operator() @ np.ones(4),
    ]
    for form in ("csr", "csc", "coo", "dia", "bsr"):
        ways.append(lambda form=form: J.sparse(form))  # type: ignore[misc]
    for way in ways:
        try:
            found = way()
        except (cr.errors.ChainruleError, np.linalg.LinAlgError):
            continue
        if isinstance(found, np.ndarray):
            yield found
        elif hasattr(found, "data") and not isinstance(found, np.generic):
            names = ("data", "indices", "indptr", "row", "col", "offsets")
            yield from [getattr(found, name) for name in names if hasattr(found, name)]


@pytest.mark.parametrize("transform_name", TRANSFORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nothing_that_is_handed_out_is_shared(name: str, transform_name: str) -> None:
    transform = TRANSFORMS[transform_name](FUNCTIONS[name])
    reference = TRANSFORMS[transform_name](FUNCTIONS[name]).recorded.transform
    constants = [(array, array.copy()) for array in (A, DATA, POSITIONS)]
    kept = []
    for seed in range(4):
        x = np.random.default_rng(seed).normal(size=4)
        J, expected = transform(x), reference(x.copy()).dense()
        np.testing.assert_allclose(J.dense(), expected, atol=1e-12)
        kept.append((J, expected))
        x[:] = 99.0  # the point is the caller's, and so is what the Jacobian gives
        for array in arrays_of(J):
            array[...] = 77
        for array, before in constants:
            assert np.array_equal(array, before)
        for J, expected in kept:
            np.testing.assert_allclose(J.dense(), expected, atol=1e-12)
            np.testing.assert_allclose(J.sparse().toarray(), expected.reshape(J.sparse().shape), atol=1e-12)


@pytest.mark.parametrize("name", ["identity", "a reshape", "a slice", "one number", "a broadcast", "a shift"])
def test_a_product_is_an_array_of_its_own(name: str) -> None:
    J = cr.jacobian(FUNCTIONS[name])(np.arange(1.0, 5.0))
    for matrix in (J, J.T):
        vector = np.ones(matrix.column_shape)
        for result in (matrix @ vector, matrix.apply(vector[None], batch=True)[0]):
            if isinstance(result, np.ndarray) and result.ndim:
                result += 1  # it can be written to
        assert np.array_equal(vector, np.ones(matrix.column_shape))


def test_positions_that_were_given_may_be_overwritten() -> None:
    transform: Any = cr.jacobian(lambda x, positions: x[positions] ** 2)
    x, first = np.arange(1.0, 4.0), np.array([0, 1])
    J, same = transform(x, first), first.copy()
    first[:] = [2, 2]
    expected = [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]]
    assert J.dense().tolist() == transform(x, same).dense().tolist() == expected
    assert transform(x, first).dense().tolist() == [[0.0, 0.0, 6.0], [0.0, 0.0, 6.0]]


def test_the_same_array_as_two_arguments() -> None:
    transform: Any = cr.jacobian(lambda a, b: a * b, (0, 1))
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for a, b in ((x, x), (x, y), (y, y), (y, x)):
        by_a, by_b = transform(a, b)
        assert (by_a.diagonal().tolist(), by_b.diagonal().tolist()) == (b.tolist(), a.tolist())


def test_threads_replay_side_by_side() -> None:
    problems: list[Any] = []

    def work(transform: Any, seed: int) -> None:
        generator = np.random.default_rng(seed)
        for _ in range(15):
            x = generator.normal(size=50)
            expected = np.diag(np.cos(x)) * np.roll(x, 1) ** 2
            expected += np.roll(np.eye(50), -1, 1) * (2 * np.sin(x) * np.roll(x, 1))[:, None]
            try:
                np.testing.assert_allclose(transform(x).dense(), expected, atol=1e-12)
                np.testing.assert_allclose(transform(x).sparse().toarray(), expected, atol=1e-12)
            except Exception as problem:
                problems.append(problem)

    for _ in range(10):
        at_once(4, partial(work, cr.jacobian(lambda x: np.sin(x) * np.roll(x, 1) ** 2)))
    assert problems == []


def test_a_path_that_is_not_taken_passes_nothing_to_a_jacobian() -> None:
    def rooted(x: Any) -> Any:
        return np.where(x > 1, np.sqrt(x - 1), 0.0)

    with np.errstate(all="ignore"):
        for x, slopes in ((np.array([0.0, 2.0]), [0.0, 0.5]), (np.array([1.0, 5.0]), [0.0, 0.25])):
            np.testing.assert_allclose(cr.jacobian(rooted)(x).dense(), np.diag(slopes))
            curved = cr.hessian(lambda x: np.sum(rooted(x)))(x).dense()
            np.testing.assert_allclose(curved, np.diag([0.0, -0.25 * (x[1] - 1) ** -1.5]), atol=1e-15)
            both = cr.jacobian(lambda x, y: rooted(x)[:, None] * y, (0, 1))(x, np.ones((1, 3)))
            assert [made.shape for made in both] == [(2, 3, 2), (2, 3, 1, 3)]
            assert all(np.isfinite(made.dense()).all() for made in both)
        assert float(cr.jacobian(rooted)(0.0).dense()) == 0.0
        again = cr.jacobian(rooted)
        again(np.array([3.0, 2.0]))
        np.testing.assert_allclose(again(np.array([0.0, 2.0])).dense(), np.diag([0.0, 0.5]))
        assert np.isinf(cr.jacobian(np.sqrt)(np.zeros(2)).dense()[0, 0])  # it is taken here


def test_a_transform_in_another_thread_follows_what_is_taken_from_here() -> None:
    def outer(x: Any) -> Any:
        found = []
        thread = threading.Thread(target=lambda: found.append(cr.grad(lambda t: x * t**2)(1.5)))
        thread.start()
        thread.join()
        return found[0] * x

    assert cr.grad(outer)(2.0) == 12.0  # of 3 x²


def test_numbers_of_a_transform_that_is_over_are_numbers() -> None:
    assert type(cr.grad(lambda x: cr.grad(lambda t: x * t**2)(1.5))(2.0)) is np.float64
    leaf = cr.tensor(2.0, requires_grad=True)
    made = cr.grad(lambda x: x * x * leaf)(3.0)
    made.backward()
    assert float(leaf.grad) == 6.0
