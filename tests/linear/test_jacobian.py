"""The Jacobian that users hold: products, sums, transposes and what it says of itself."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import ShapeError
from chainrule.linear import Axis, Factor, Jacobian, Pattern, Term
from tests.linear.reference import Matrix, shapes, terms, total, whole

random = np.random.default_rng(11)


@st.composite
def jacobians(draw: Any, row_shape: tuple[int, ...], column_shape: tuple[int, ...]) -> tuple[Jacobian, Any]:
    """A Jacobian of one to three terms, and its dense reference."""
    several = draw(st.lists(terms(row_shape, column_shape), min_size=1, max_size=3))
    if draw(st.booleans()):
        several.append(several[0])
    return Jacobian(several, row_shape, column_shape), total(several, row_shape + column_shape)


def of(p: Pattern, *factors: Any, tables: tuple[Any, ...] = ()) -> Jacobian:
    """A Jacobian of one term."""
    shapes = [tuple([p.sizes[label] for label in factor.labels]) for factor in p.factors]
    made = factors or tuple([random.standard_normal(shape) for shape in shapes])
    return Jacobian([Term(p, made, tables)], p.row_shape, p.column_shape)


@given(st.data())
def test_application_both_ways_and_in_batches(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    found, dense = data.draw(jacobians(y, x))
    v, u = random.standard_normal(x), random.standard_normal(y)
    forwards, backwards = np.tensordot(dense, v, len(x)), np.tensordot(u, dense, len(y))
    for J, forth, back in ((found, forwards, backwards), (found.T, backwards, forwards)):
        vector, covector = (v, u) if J is found else (u, v)
        np.testing.assert_allclose(J @ vector, forth, atol=1e-12)
        np.testing.assert_allclose(covector @ J, back, atol=1e-12)
        batch = np.stack([vector, 2 * vector, 0 * vector])
        np.testing.assert_allclose(J.apply(batch, batch=True), np.stack([forth, 2 * forth, 0 * forth]), atol=1e-12)
        batch = np.stack([covector, -covector])
        np.testing.assert_allclose(J.apply_transposed(batch, batch=True), np.stack([back, -back]), atol=1e-12)


@given(st.data())
def test_the_algebra_is_that_of_matrices(data: st.DataObject) -> None:
    z, y, x = data.draw(st.tuples(shapes, shapes, shapes))
    (a, dense_a), (b, dense_b) = data.draw(jacobians(z, y)), data.draw(jacobians(y, x))
    c, dense_c = data.draw(jacobians(y, x))
    np.testing.assert_allclose((a @ b).dense(), np.tensordot(dense_a, dense_b, len(y)), atol=1e-10)
    np.testing.assert_allclose((b + c).dense(), dense_b + dense_c, atol=1e-12)
    np.testing.assert_allclose((b - 3 * c / 2).dense(), dense_b - 1.5 * dense_c, atol=1e-12)
    flipped = np.moveaxis(dense_b, range(len(y)), range(-len(y), 0)) if y else dense_b
    np.testing.assert_allclose((b.T @ c).dense(), np.tensordot(flipped, dense_c, len(y)), atol=1e-10)


@given(st.data())
def test_diagonal_trace_and_entries(data: st.DataObject) -> None:
    x = data.draw(shapes)
    found, dense = data.draw(jacobians(x, x))
    count = int(np.prod(x))
    matrix = dense.reshape(count, count)
    np.testing.assert_allclose(found.diagonal(), np.diagonal(matrix).reshape(x), atol=1e-12)
    np.testing.assert_allclose(found.trace(), np.trace(matrix), atol=1e-12)
    assert found.entries >= np.count_nonzero(np.abs(matrix) > 1e-12)
    assert found.entries <= matrix.size


@given(st.data())
def test_the_structure_can_always_be_told(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    found, dense = data.draw(jacobians(y, x))
    assert re.fullmatch(rf".+, \d+ stored of {dense.size} entries", found.structure)
    assert repr(found) == f"Jacobian of shape {y + x}: {found.structure}"


def test_np_asarray_gives_the_dense_array() -> None:
    found = of(whole([2], [0], [0], [(0,)]), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(np.asarray(found), np.diag([1.0, 2.0]))
    assert np.asarray(found, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="has to make one"):
        np.asarray(found, copy=False)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (whole([5], [0], [0], [(0,)]), "diagonal, 5 stored of 25 entries"),
        (whole([5], [0], [0], [()]), "multiple of the identity, 1 stored of 25 entries"),
        (whole([2, 3], [0, 1], [0, 1]), "identity, 0 stored of 36 entries"),
        (whole([2, 3], [1, 0], [0, 1]), "transpose, 0 stored of 36 entries"),
        (whole([2, 3], [1], [0, 1], [(0,)]), "xᵀ ⊗ I₃, 2 stored of 18 entries"),
        (whole([2, 3], [0], [0, 1], [(1,)]), "I₂ ⊗ xᵀ, 3 stored of 12 entries"),
        (whole([2, 3], [1], [0, 1], [(0,), (1,)]), "xᵀ ⊗ diag(d), 5 stored of 18 entries"),
        (whole([2, 3, 4], [0, 2], [1, 2], [(0, 1)]), "A ⊗ I₄, 6 stored of 96 entries"),
        (whole([2, 3, 4, 5], [0, 2], [1, 3], [(0, 1), (2, 3)]), "A ⊗ B, 26 stored of 120 entries"),
        (whole([2, 3], [0], [1], [(0, 1)]), "dense, 6 stored of 6 entries"),
        (whole([2, 3], [0], [1], [(0,), (1,)]), "rank one, 5 stored of 6 entries"),
        (whole([2, 3], [0], [1], [(0,)]), "rank one, 2 stored of 6 entries"),
        (whole([2, 3], [0, 1], [1]), "1 ⊗ I₃, 0 stored of 18 entries"),
        (whole([2, 3], [], [0, 1]), "constant, 0 stored of 6 entries"),
        (whole([2, 3, 4], [0, 1], [0, 2], [(0, 1, 2)]), "block diagonal, 2 blocks of 3 × 4, 24 stored of 48 entries"),
        (whole([3, 3], [0], [1], [Factor((0, 1), True)]), "known by its products only, 0 stored of 9 entries"),
        (whole([9, 2, 9], [0], [2], [(0, 1), (1, 2)]), "low rank, A·B through 2, 36 stored of 81 entries"),
        (whole([4], [0], [Axis(6, (0,), (1,), 1)]), "diagonal shifted by +1, 0 stored of 24 entries"),
        (whole([], [], [], [()]), "one number, 1 stored of 1 entries"),
        (
            whole([3, 2], [0], [Axis(6, (0, 1), (2, 1))], [(0, 1)]),
            "block diagonal, 3 blocks of 1 × 2, 6 stored of 18 entries",
        ),
    ],
)
def test_the_structure_is_said_in_words(p: Pattern, text: str) -> None:
    opaque = any(factor.opaque for factor in p.factors)
    found = of(p, Matrix(np.eye(3))) if opaque else of(p)
    assert found.structure == text


def test_sums_are_said_in_words() -> None:
    n = 5
    upper = of(whole([n - 1], [Axis(n, (0,), (1,))], [Axis(n, (0,), (1,), 1)], [(0,)]))
    middle = of(whole([n], [0], [0], [(0,)]))
    assert (upper + middle + upper.T).structure == "tridiagonal, symmetric, 3 terms, 9 stored of 25 entries"
    assert (upper + middle).structure == "upper bidiagonal, 2 terms, 9 stored of 25 entries"
    outer = of(whole([n, n], [0], [1], [(0,), (1,)]))
    other = of(whole([n, n], [0], [1], [(0,), (1,)]))
    assert (middle + outer).structure == "diagonal + rank one, 15 stored of 25 entries"
    assert (middle + outer + other).structure == "diagonal + rank 2, 25 stored of 25 entries"
    assert (Jacobian.identity((3,)) - Jacobian.identity((3,))).structure == "zero, 0 stored of 9 entries"


def test_entries_are_exact_where_terms_overlap() -> None:
    shifted = [of(whole([2], [0], [Axis(3, (0,), (1,), k)], [(0,)])) for k in (0, 1)]
    assert (shifted[0] + shifted[1]).entries == 4
    assert (shifted[0] + of(whole([2, 3], [0], [1], [(0, 1)]))).entries == 6
    assert of(whole([3, 2], [0], [Axis(4, (0, 1), (1, 1))], [(1,)])).entries == 6
    gathered = of(whole([3], [], [Axis(4, (0,), (), 0, 0)], [(0,)], [(0,)]), np.ones(3), tables=(np.array([1, 1, 3]),))
    assert gathered.entries == 2


def test_an_array_used_twice_is_stored_once() -> None:
    A = random.standard_normal((3, 3))
    kron = of(whole([3, 3, 3, 3], [0, 2], [1, 3], [(0, 1), (2, 3)]), A, A)
    assert (kron + of(whole([3, 3, 3], [0, 2], [1, 2], [(0, 1)]), A)).stored == 9
    assert (2 * kron).stored == 10


n = 40
diagonal = of(whole([4], [0], [0], [(0,)]), np.array([1.0, 2.0, 4.0, -1.0]))
small = np.eye(3) * 4 + random.random((3, 3))
above = of(whole([n - 1], [Axis(n, (0,), (1,))], [Axis(n, (0,), (1,), 1)], [(0,)]))
beyond = of(whole([n - 5], [Axis(n, (0,), (1,), 5)], [Axis(n, (0,), (1,))], [()]))
middle = of(whole([n], [0], [0], [(0,)]), 9 + random.random(n))
shuffled = random.permutation(n)
scattered = of(whole([n], [0], [Axis(n, (0,), (), 0, 0)], [(0,)], [(0,)]), np.ones(n), tables=(shuffled,))


@pytest.mark.parametrize(
    "found",
    [
        diagonal,
        of(whole([2, 3], [0, 1], [0, 1], [(0,)])),
        of(whole([4, 4], [0], [1], [(0, 1)]), np.eye(4) + random.random((4, 4))),
        of(whole([12, 2, 2], [0, 1], [0, 2], [(0, 1, 2)]), np.eye(2) * 3 + random.random((12, 2, 2))),
        of(whole([7, 3, 3], [1, 0], [0, 2], [(1, 2)]), small),
        of(whole([7, 3, 3], [0, 1], [0, 2], [(1, 2)]), small) + of(whole([7, 3], [0, 1], [0, 1], [(0, 1)])) * 0.1,
        of(whole([2, 3], [1, 0], [0, 1])),
        of(whole([3, 3, 3, 3], [0, 2], [1, 3], [(0, 1), (2, 3)]), small, small),
        middle + above + above.T,
        middle + beyond,
        scattered + 0.1 * middle,
    ],
    ids=lambda found: found.structure.split(",")[0],
)
def test_solve_inverts(found: Jacobian) -> None:
    x = random.standard_normal(found.column_shape)
    np.testing.assert_allclose(found.solve(found @ x), x, atol=1e-9)


def test_blocks_that_do_not_vary_are_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    plain = np.linalg.solve

    def spy(matrices: Any, sides: Any) -> Any:
        seen.append(matrices.shape)
        return plain(matrices, sides)

    monkeypatch.setattr(np.linalg, "solve", spy)
    hessian = of(whole([500, 3, 3], [0, 1], [0, 2], [(1, 2)]), small)
    hessian.solve(np.ones((500, 3)))
    assert seen == [(1, 3, 3)]


def test_it_is_immutable() -> None:
    with pytest.raises(AttributeError, match="a Jacobian is immutable; 'terms' cannot be set"):
        Jacobian.identity((2,)).terms = ()


def test_it_can_be_copied_and_sent() -> None:
    found = of(whole([2, 3], [1], [0, 1], [(0,)]))
    found.sparse()
    for other in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        np.testing.assert_array_equal(other.dense(), found.dense())


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda J: J @ np.ones(4), r"shape \(4,\) was given to a Jacobian of shape \(2, 3\); expected \(3,\)"),
        (lambda J: np.ones(3) @ J, r"shape \(3,\) was given to a Jacobian of shape \(2, 3\); expected \(2,\)"),
        (lambda J: J.apply(np.ones(3), batch=True), r"expected \(count, 3\). Use .T"),
        (lambda J: J @ J, r"from arrays of shape \(3,\) by one to arrays of shape \(2,\)"),
        (lambda J: J + J.T, r"cannot add Jacobians from \(3,\) to \(2,\) and from \(2,\) to \(3,\)"),
        (lambda J: J.diagonal(), r"diagonal\(\) needs a Jacobian from a shape to the same shape"),
        (lambda J: J.trace(), r"trace\(\) needs"),
        (lambda J: J.solve(np.ones(2)), r"this one has 2 rows and 3 columns: use scipy.sparse.linalg.lsmr"),
        (lambda J: Jacobian(J.terms, (3,), (2,)), r"a term maps arrays of shape \(3,\) to shape \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(action: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        action(of(whole([2, 3], [0], [1], [(0, 1)])))


def test_what_is_no_number_is_refused() -> None:
    found = Jacobian.identity((2,))
    with pytest.raises(TypeError):
        found * np.ones(2)
    with pytest.raises(TypeError):
        found + 1


def test_dtype_follows_the_factors() -> None:
    found = of(whole([3], [0], [0], [(0,)]), np.ones(3, np.float32))
    assert found.dtype == np.float32
    assert (2 * found).dense().dtype == np.float32
    assert found.sparse().dtype == np.float32
    assert Jacobian.identity((2,)).dtype == np.float64
    assert Jacobian.identity((2,), np.float32).dense().dtype == np.float32
