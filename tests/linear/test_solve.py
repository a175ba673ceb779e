"""Solutions and determinants by structure, against the dense matrix; which way is taken; what is refused."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import linalg

import chainrule as cr
from chainrule.errors import ConvergenceError, MatrixError, ShapeError, TooLargeError
from chainrule.linear import Axis, Factor, Jacobian, Pattern, Term, affine, constant
from chainrule.linear.inverse import array_sign, permutation_sign
from chainrule.linear.solve import inverse_of
from tests.linear.reference import Matrix, shapes, terms, whole

random = np.random.default_rng(17)


def of(p: Pattern, *factors: Any, tables: tuple[Any, ...] = ()) -> Jacobian:
    """A Jacobian of one term."""
    made = factors or tuple([random.standard_normal([p.sizes[label] for label in f.labels]) for f in p.factors])
    return Jacobian([Term(p, made, tables)], p.row_shape, p.column_shape)


def flat(J: Jacobian) -> Any:
    """The dense matrix."""
    return np.reshape(J.dense(), (prod(J.row_shape), prod(J.column_shape)))


def way(J: Jacobian) -> str:
    """How a map is solved."""
    found = inverse_of(J.terms, J.row_shape, J.column_shape, J.dtype)
    return type(found).__name__


def check(J: Jacobian, tolerance: float = 1e-8) -> None:
    """Solutions and determinant are those of the dense matrix."""
    matrix = flat(J)
    right = random.standard_normal((3, *J.row_shape)).astype(J.dtype)
    expected = np.linalg.solve(matrix, right.reshape(3, -1).T).T.reshape(3, *J.column_shape)
    scale = np.abs(expected).max(initial=1)
    np.testing.assert_allclose(J.solve(right[0]), expected[0], atol=tolerance * scale)
    np.testing.assert_allclose(J.solve(right, batch=True), expected, atol=tolerance * scale)
    assert J.solve(right[0]).dtype == J.dtype
    sign, value = J.slogdet()
    expected_sign, expected_value = np.linalg.slogdet(matrix)
    np.testing.assert_allclose(sign, expected_sign, atol=1e-6)
    np.testing.assert_allclose(value, expected_value, atol=tolerance * max(1, abs(expected_value)))


n = 60
A3, B4 = 4 * np.eye(3) + random.random((3, 3)), random.standard_normal((4, 4)) + np.diag([5.0, -5, 5, 5])
diagonal = of(whole([n], [0], [0], [(0,)]), 9 + random.random(n))
upper = of(whole([n - 1], [affine(n, 0)], [affine(n, 0, 1, 1)], [(0,)]))
table = random.permutation(n)
permuted = of(whole([n], [0], [Axis(n, (0,), (), 0, 0)], [(0,)], [(0,)]), 5 + random.random(n), tables=(table,))
rank_two = of(whole([n, 2, n], [0], [2], [(0, 1), (1,), (1, 2)]))
rank_one = of(whole([n, n], [0], [1], [(0,), (1,)]))
sandwich_of = random.standard_normal((2, n))
sandwich = of(whole([2, n, n], [1], [2], [(0, 1), (0,), (0, 2)]), sandwich_of, np.ones(2), sandwich_of)
symmetric = random.standard_normal((n, n))


def softmax(copies: int, size: int) -> Jacobian:
    """A diagonal plus rank one in each of several rows."""
    p = random.random((copies, size)) + 1
    column = of(whole([copies, size, size], [0, 1], [0, 2], [(0, 1), (0, 2)]), p / size, -0.5 * p)
    return of(whole([copies, size], [0, 1], [0, 1], [(0, 1)]), p) + column


STRUCTURES: list[tuple[str, Jacobian]] = [
    ("Kronecker", diagonal),
    ("Kronecker", of(whole([2, 3], [0, 1], [0, 1], [(0,)]))),
    ("Kronecker", -2 * Jacobian.identity((3, 4))),
    ("Kronecker", of(whole([2, 3], [1, 0], [0, 1]))),  # a transpose
    ("Kronecker", of(whole([3, 4], [1, 0], [0, 1], [(0,), (1,)]))),
    ("Kronecker", of(whole([3, 3, 4, 4], [0, 2], [1, 3], [(0, 1), (2, 3)]), A3, B4)),
    ("Kronecker", of(whole([3, 3, 4, 4], [2, 0], [1, 3], [(), (0, 1), (2, 3)]), -0.5, A3, B4)),
    ("Kronecker", of(whole([7, 3, 3], [1, 0], [0, 2], [(1, 2)]), A3)),  # (A ⊗ I) with its axes in another order
    ("Kronecker", of(whole([2, 3, 2, 3], [0, 1], [2, 3], [(0, 1, 2, 3)]))),  # one matrix over pairs of axes
    ("Kronecker", of(whole([2, 3, 6], [0, 1], [2], [(0, 1, 2)]))),  # from (6,) to (2, 3)
    ("Kronecker", of(whole([5, 3, 3], [0, 1], [0, 2], [(0, 1, 2)]))),  # blocks
    ("Kronecker", of(whole([5, 3, 3, 4], [3, 0, 1], [0, 2, 3], [(0, 1, 2), (3,)]))),  # blocks ⊗ diagonal, permuted
    ("Kronecker", of(whole([4, 4, 2], [0, 2], [1, 2], [(0, 1)]), B4)),
    ("Kronecker", of(whole([5, 9, 5, 1], [0, 3], [2, 3], [(0, 1), (1, 2)]))),  # through a larger summed label
    ("Kronecker", of(whole([3, 4, 3], [0], [2], [(0, 1), (1, 2)]))),
    ("Kronecker", of(whole([3, 5], [0], [0], [(0,)]), np.array([1.0, -2.0, 3.0]))),
    ("Banded", -1 * (diagonal + upper + upper.T)),
    ("Kronecker", of(whole([n, n], [0], [1], [(0, 1)]), symmetric @ symmetric.T + np.eye(n))),  # Cholesky
    ("Kronecker", of(whole([n, n], [0], [1], [(0, 1)]), symmetric + symmetric.T)),  # symmetric, not definite
    ("Repeated", of(whole([7, 3, 3], [0, 1], [0, 2], [(1, 2)]), A3) + 0.5 * Jacobian.identity((7, 3))),
    (
        "Repeated",
        of(whole([3, 7, 3], [0, 1], [1, 2], [(0, 2)]), A3) + of(whole([3, 7, 3], [0, 1], [1, 2], [(0,), (2,)])),
    ),
    ("Blocks", of(whole([7, 3, 3], [0, 1], [0, 2], [(1, 2)]), A3) + of(whole([7, 3], [0, 1], [0, 1], [(0, 1)])) * 0.1),
    (
        "Kronecker",
        of(whole([7, 3, 3], [0, 1], [2, 0], [(1, 2)]), A3) + 0.1 * of(whole([7, 3, 3], [0, 1], [2, 0], [(0, 1, 2)])),
    ),
    ("Banded", diagonal + upper + upper.T),
    ("Banded", diagonal + upper),
    ("Banded", diagonal * -1 + upper + upper.T),
    ("Banded", diagonal + upper + of(whole([n - 2], [affine(n, 0, 1, 2)], [affine(n, 0)], [()]), 0.5)),
    ("Banded", diagonal + of(whole([20], [affine(n, 0, 3)], [affine(n, 0, 3, 2)], [(0,)]))),  # strided
    ("Banded", of(whole([n], [0], [0], [()]), 0.1) + upper + upper.T),  # symmetric, not definite
    ("LowRank", diagonal + rank_two),
    ("LowRank", diagonal + rank_one + rank_two),
    ("LowRank", diagonal + sandwich),
    ("LowRank", diagonal + of(whole([n, n], [0], [1], [()]), 0.5)),  # a constant is of rank one
    ("LowRank", diagonal + upper + upper.T + rank_one),
    ("LowRank", permuted + rank_one),
    ("LowRank", diagonal + of(whole([20, 20], [affine(n, 0, 2, 1)], [affine(n, 1, -1, 30)], [(0,), (1,)]))),
    (
        "LowRank",
        of(whole([20, 3, 3], [0, 1], [0, 2], [(0, 1, 2)]))
        + of(whole([20, 3, 20, 3], [0, 1], [2, 3], [(0, 1), (2, 3)])),
    ),
    (
        "Repeated",
        of(whole([4, n], [0, 1], [0, 1], [(1,)]), 9 + random.random(n))
        + of(whole([4, n, n], [0, 1], [0, 2], [(1,), (2,)])),
    ),
    ("SparseLU", permuted + 0.1 * diagonal),
    ("Blockwise", softmax(3, 70)),
    ("Blockwise", softmax(3, 70) @ of(whole([3, 70], [0, 1], [1, 0]))),  # the argument the other way round
    ("Blocks", softmax(5, 20)),
    (
        "Blockwise",  # an opaque factor that is the same in every block
        softmax(3, 70)
        + of(whole([3, 70, 1, 1], [0, 1], [0, 1], [(0,), Factor((2, 3), True)]), np.ones(3), Matrix(np.ones((1, 1)))),
    ),
    ("Blocks", of(whole([2, 70], [0, 1], [0, 1], [(0, 1)])) + of(whole([2, 70, 70], [0, 1], [0, 2], [(0, 1, 2)]))),
    (
        "Banded",
        of(whole([3, 70], [0, 1], [0, 1], [(0, 1)]), 5 + random.random((3, 70)))
        + of(whole([3, 69], [0, affine(70, 1)], [0, affine(70, 1, 1, 1)], [(0, 1)])),
    ),
    ("LowRank", diagonal + of(whole([], [constant(n, 0)], [constant(n, n - 1)], [()]), 3.0) + upper + permuted * 0.1),
    ("Dense", diagonal + of(whole([n, n], [0], [1], [(0, 1)]))),
    ("Dense", diagonal + of(whole([n, n], [0], [1], [(0, 1)])) + rank_one),
    ("Dense", of(whole([3], [0], [0], [(0,)])) + of(whole([2], [affine(3, 0)], [affine(3, 0, 1, 1)], [(0,)]))),
]


@pytest.mark.parametrize(("expected", "J"), STRUCTURES)
def test_each_structure_goes_its_way(expected: str, J: Jacobian) -> None:
    assert way(J) == expected
    check(J)
    check(J.T)
    turned = [
        Term(t.pattern, tuple([1j * f if k == 0 else f for k, f in enumerate(t.factors)]), t.tables) for t in J.terms
    ]
    check(Jacobian(turned, J.row_shape, J.column_shape, np.complex128))


@pytest.mark.parametrize(("expected", "J"), STRUCTURES)
def test_single_precision_stays(expected: str, J: Jacobian) -> None:
    def single(factor: Any) -> Any:
        return factor.astype(np.float32) if isinstance(factor, np.ndarray) else factor

    made = [Term(t.pattern, tuple([single(f) for f in t.factors]), t.tables) for t in J.terms]
    small = Jacobian(made, J.row_shape, J.column_shape, np.float32)
    if np.linalg.cond(flat(J)) < 1e3:
        check(small, 1e-2)


@given(st.data())
def test_any_sum_of_terms(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    several = data.draw(st.lists(terms(shape, shape), min_size=1, max_size=3))
    J = Jacobian(several, shape, shape)
    if data.draw(st.booleans()):
        J = J + (3 + np.abs(J.dense()).sum()) * Jacobian.identity(shape)
    assume(prod(shape) == 0 or np.linalg.cond(flat(J)) < 1e6)
    check(J, 1e-7)


@given(st.data())
def test_singular_maps_are_found_out(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    assume(prod(shape) > 0)
    several = data.draw(st.lists(terms(shape, shape), min_size=1, max_size=2))
    J = Jacobian(several, shape, shape)
    matrix = flat(J)
    sign, value = J.slogdet()
    if not matrix.any() or (matrix == 0).all(1).any() or (matrix == 0).all(0).any():
        assert np.exp(value) <= 1e-10
        try:
            found = J.solve(np.ones(shape))
        except np.linalg.LinAlgError:
            return
        assert np.isfinite(found).all()  # elimination may leave a rounding error where there should be zero
    assert np.abs(sign) in (0, 1)


# ------------------------------------------------------------------------------------------------------ what it is not
SINGULAR: list[tuple[Jacobian, str]] = [
    (Jacobian([], (3,), (3,)), "the map is zero: it is singular"),
    (of(whole([3], [0], [0], [(0,)]), np.array([1.0, 0.0, 2.0])), r"the diagonal of 3 numbers is zero at position 1"),
    (of(whole([2, 3], [0, 1], [0, 1], [()]), 0.0), "the map is zero times something"),
    (of(whole([3, 2, 2, 3], [0, 1], [2, 3], [(0, 2), (1, 3)])), "has 3 rows and 2 columns: the map is singular"),
    (of(whole([5, 2, 2], [0, 1], [0, 2], [(1, 2)]), np.ones((2, 2))), "a factor of the Kronecker product, 2 × 2, is"),
    (of(whole([5, 2, 2], [0, 1], [0, 2], [(0, 1, 2)]), np.ones((5, 2, 2))), "one of 5 blocks, 2 × 2, is singular"),
    (rank_one + rank_two, f"the map has {n} rows and the rank 3 at most"),
    (of(whole([n - 1], [affine(n, 0)], [affine(n, 0, 1, 1)], [(0,)])), "the band of 0 below and 1 above the diagonal"),
    (of(whole([n], [0], [Axis(n, (0,), (), 0, 0)], [], [(0,)]), tables=(table // 2,)), "the sparse matrix of the map"),
    (
        of(whole([3, 3], [0], [1], [(0, 1)]), np.ones((3, 3))) + of(whole([3], [0], [0], [(0,)]), np.zeros(3)),
        "the matrix, 3 × 3, is singular",
    ),
    (
        of(whole([5, 2, 2], [0, 1], [0, 2], [(0, 1, 2)]), np.ones((5, 2, 2)))
        + of(whole([5, 2], [0, 1], [0, 1], [(0,)]), np.zeros(5)),
        "one of 5 blocks",
    ),
]


@pytest.mark.parametrize(("J", "says"), SINGULAR)
def test_what_is_singular_is_named(J: Jacobian, says: str) -> None:
    with pytest.raises(MatrixError, match=says) as caught:
        J.solve(np.ones(J.row_shape))
    assert isinstance(caught.value, np.linalg.LinAlgError)
    sign, value = J.slogdet()
    assert value == -np.inf or np.exp(value) < 1e-12
    assert J.logdet() == -np.inf or sign != 0


def test_a_part_may_be_singular_where_the_sum_is_not() -> None:
    holes = np.where(np.arange(n) == 7, 0.0, 4.0)
    spot = of(whole([], [constant(n, 7)], [constant(n, 7)], [()]), 2.0)
    J = of(whole([n], [0], [0], [(0,)]), holes) + rank_one + spot
    assert way(J) == "LowRank"
    check(J)
    badly = of(whole([n], [0], [0], [(0,)]), np.where(np.arange(n) == 7, 1e-300, 4.0)) + rank_one
    np.testing.assert_allclose(J.solve(J @ np.ones(n)), np.ones(n))
    np.testing.assert_allclose(badly.solve(badly @ np.ones(n)), np.ones(n), atol=1e-6)


def test_logdet_of_a_negative_determinant_is_nan() -> None:
    assert np.isnan((-1 * Jacobian.identity((3,))).logdet())
    assert (2 * Jacobian.identity((3,))).logdet() == pytest.approx(3 * np.log(2))
    assert Jacobian([], (0,), (0,)).slogdet() == (1, 0)
    assert Jacobian([], (0,), (0,)).solve(np.ones(0)).shape == (0,)


def test_shapes() -> None:
    J = of(whole([2, 3], [0], [1], [(0, 1)]))
    for action in (J.slogdet, J.logdet, lambda: J.solve(np.ones(2))):
        with pytest.raises(ShapeError, match="needs a square Jacobian; this one has 2 rows and 3 columns"):
            action()
    with pytest.raises(ShapeError, match=r"expected \(count, 3\)"):
        Jacobian.identity((3,)).solve(np.ones(3), batch=True)
    assert Jacobian.identity((3,)).solve(np.ones((0, 3)), batch=True).shape == (0, 3)


def test_integers_are_solved_as_numbers() -> None:
    assert (2 * Jacobian.identity((3,))).solve([1, 2, 3]).tolist() == [0.5, 1, 1.5]
    assert diagonal.solve(np.arange(n)).dtype == float


# --------------------------------------------------------------------------------------- nothing large is written out
def test_a_large_map_without_structure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.linear.limit.LIMIT", 1000)
    J = diagonal + of(whole([n, n], [0], [1], [(0, 1)])) @ Jacobian.identity((n,)) * 0.01
    with pytest.raises(TooLargeError, match=r"solve\(\) of this map would need a dense matrix of 60 × 60 numbers"):
        J.solve(np.ones(n))
    with pytest.raises(TooLargeError, match=r"logdet\(\) of this map .* It is: .*dense"):
        J.logdet()
    np.testing.assert_allclose(J @ J.solve(np.ones(n), iterative=True), np.ones(n), rtol=1e-8)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: of(whole([n], [0], [0], [(0,)]), np.ones(n)) + of(whole([n, n], [0], [1], [(0,), (1,)])),
        lambda n: of(whole([n, 5, 5], [0, 1], [0, 2], [(1, 2)]), np.eye(5)),
        lambda n: of(whole([n, 2, 2], [0, 1], [0, 2], [(0, 1, 2)])) + Jacobian.identity((n, 2)),
        lambda n: of(
            whole([n], [0], [Axis(n, (0,), (), 0, 0)], [(0,)], [(0,)]), np.ones(n), tables=(np.arange(n)[::-1],)
        ),
    ],
)
def test_nothing_grows_with_the_square(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    J = make(30_000)
    monkeypatch.setattr("chainrule.linear.solve.dense", None)
    right = random.standard_normal(J.row_shape)
    np.testing.assert_allclose(J @ J.solve(right), right, atol=1e-6)
    assert np.isfinite(J.slogdet()[1])


def test_a_matrix_that_is_there_is_no_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.linear.limit.LIMIT", 10)
    check(of(whole([4, 4], [0], [1], [(0, 1)]), B4))
    scaled = of(whole([3, 4, 4], [0, 1], [0, 2], [(0, 1), (1, 2)]), 1 + random.random((3, 4)), B4)
    assert way(scaled) == "Blockwise"  # three products are more than there is: one at a time
    check(scaled)


class Product(Matrix):
    """A map that must not be written out."""

    def dense(self) -> Any:
        raise AssertionError("written out")


@pytest.mark.parametrize("kind", ["definite", "symmetric", "general"])
def test_maps_known_by_products_are_solved_by_products(kind: str) -> None:
    size = 600
    A = random.standard_normal((size, size)) / size**0.5
    A = {
        "definite": A @ A.T + np.eye(size),
        "symmetric": A + A.T + 3.5 * np.eye(size),
        "general": A + 3 * np.eye(size),
    }[kind]
    J = of(whole([size, size], [0], [1], [Factor((0, 1), True)]), Product(A))
    right = random.standard_normal((2, size))
    np.testing.assert_allclose(J.solve(right, batch=True), np.linalg.solve(A, right.T).T, atol=1e-7)
    small = of(whole([4, 4], [0], [1], [Factor((0, 1), True)]), Matrix(B4))
    check(small)


@pytest.mark.parametrize("name", ["diagonal", "trace", "norm", "row_norms", "gram", "sparse"])
def test_a_large_map_known_by_products_is_not_written_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    J = of(whole([30, 2000], [0], [1], [Factor((0, 1), True)]), Product(np.ones((30, 2000))))
    if name in ("diagonal", "trace"):
        J = of(whole([40, 40], [0], [1], [Factor((0, 1), True)]), Product(np.eye(40)))
    monkeypatch.setattr("chainrule.linear.limit.LIMIT", 1000)
    with pytest.raises(TooLargeError, match=rf"{name}\(\) would write out a map of shape .* by its products only"):
        getattr(J, name)()


def test_an_iteration_that_fails_says_how_far_it_came() -> None:
    size = 600
    A = np.diag(np.where(np.arange(size) < 300, 1.0, 0.0))
    J = of(whole([size, size], [0], [1], [Factor((0, 1), True)]), Product(A))
    with pytest.raises(ConvergenceError, match=r"came no nearer than \|J x - b\| = .* singular or badly conditioned"):
        J.solve(np.ones(size))
    assert not J.solve(np.zeros(size)).any()
    with pytest.raises(TooLargeError, match="stochastic estimate"):
        J.logdet()


# ---------------------------------------------------------------------------------------------------------- which tool
def test_a_definite_band_goes_to_the_symmetric_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linalg, "solve_banded", None)
    check(diagonal + upper + upper.T)


def test_a_kronecker_hessian_takes_one_small_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    plain = np.linalg.solve

    def spy(matrices: Any, sides: Any) -> Any:
        seen.append((matrices.shape, sides.shape))
        return plain(matrices, sides)

    U, V, T = random.standard_normal((40, 3)), random.standard_normal((30, 3)), random.standard_normal((40, 30))
    H = cr.hessian(lambda U: np.sum((U @ V.T - T) ** 2))(U)
    monkeypatch.setattr(np.linalg, "solve", spy)
    g = random.standard_normal((40, 3))
    found = H.solve(g)
    assert seen == [((1, 3, 3), (1, 3, 40))]
    np.testing.assert_allclose(found, np.linalg.inv(2 * V.T @ V).dot(g.T).T)
    assert H.logdet() == pytest.approx(40 * np.linalg.slogdet(2 * V.T @ V)[1])


def test_solutions_can_be_differentiated() -> None:
    b = random.standard_normal(4)

    def solution(d: Any) -> Any:
        p = whole([4], [0], [0], [(0,)])
        return np.sum(Jacobian([Term(p, (d,))], (4,), (4,)).solve(b) ** 2)

    def of_a_matrix(A: Any) -> Any:
        p = whole([4, 4], [0], [1], [(0, 1)])
        return np.sum(Jacobian([Term(p, (A,))], (4,), (4,)).solve(np.stack([b, 2 * b]), batch=True))

    A = 3 * np.eye(4) + random.random((4, 4))
    expected = -3 * np.outer(np.linalg.solve(A.T, np.ones(4)), np.linalg.solve(A, b))
    np.testing.assert_allclose(cr.grad(of_a_matrix)(A), expected)
    d = 2 + random.random(4)
    np.testing.assert_allclose(cr.grad(solution)(d), -2 * b**2 / d**3)


# ---------------------------------------------------------------------------------------------------------- its pieces
def test_signs_of_permutations() -> None:
    for sizes, order in (((2, 3, 4), (2, 0, 1)), ((3, 3), (1, 0)), ((2, 2), (1, 0)), ((2, 3, 2, 3), (3, 1, 0, 2))):
        permutation = np.arange(prod(sizes)).reshape(sizes).transpose(order).ravel()
        expected = round(np.linalg.det(np.eye(prod(sizes))[permutation]))
        assert permutation_sign(sizes, order) == array_sign(permutation) == expected
    assert array_sign(np.zeros(0, int)) == 1
