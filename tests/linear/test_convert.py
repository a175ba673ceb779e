"""Dense arrays, SciPy arrays and operators hold the entries that the terms define."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.linear import Axis, Jacobian, Pattern, Term, affine, constant
from chainrule.linear.convert import positions, values
from tests.linear.reference import Recorded, shapes, terms, total, whole, written_out

random = np.random.default_rng(13)


def of(p: Pattern, *factors: Any, tables: tuple[Any, ...] = ()) -> Jacobian:
    """A Jacobian of one term."""
    shapes = [tuple([p.sizes[label] for label in factor.labels]) for factor in p.factors]
    made = factors or tuple([random.standard_normal(shape) for shape in shapes])
    return Jacobian([Term(p, made, tables)], p.row_shape, p.column_shape)


def honest(matrix: Any) -> None:
    """What a csr array says of itself is true."""
    for start, stop in zip(matrix.indptr, matrix.indptr[1:], strict=False):
        columns = matrix.indices[start:stop]
        assert len(set(columns.tolist())) == len(columns), "duplicates"
        if matrix.has_sorted_indices:
            assert (np.diff(columns) > 0).all(), "unsorted columns said to be sorted"


@given(st.data())
def test_all_forms_hold_the_same_entries(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    several = data.draw(st.lists(terms(y, x), min_size=1, max_size=4))
    several += several[: data.draw(st.integers(0, 1))]
    found, dense = Jacobian(several, y, x), total(several, y + x)
    matrix = dense.reshape(int(np.prod(y)), int(np.prod(x)))
    np.testing.assert_allclose(found.dense(), dense, atol=1e-12)
    for _ in range(2):  # the second time through the plan
        sparse = found.sparse()
        honest(sparse)
        np.testing.assert_allclose(sparse.toarray(), matrix, atol=1e-12)
        assert sparse.nnz == found.entries
    operator = found.operator()
    assert operator.shape == matrix.shape
    columns, rows = random.standard_normal((matrix.shape[1], 3)), random.standard_normal((matrix.shape[0], 2))
    np.testing.assert_allclose(operator @ columns, matrix @ columns, atol=1e-12)
    np.testing.assert_allclose(operator @ columns[:, 0], matrix @ columns[:, 0], atol=1e-12)
    np.testing.assert_allclose(operator.rmatmat(rows), matrix.T @ rows, atol=1e-12)
    np.testing.assert_allclose(operator.T @ rows[:, 1], matrix.T @ rows[:, 1], atol=1e-12)


@given(st.data())
def test_dense_of_tracked_factors_is_tracked(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    plain = data.draw(st.lists(terms(y, x, opaque=False), min_size=1, max_size=3))
    calls: list[str] = []
    tracked = [Term(t.pattern, tuple([Recorded(f, calls) for f in t.factors]), t.tables) for t in plain]
    found = Jacobian(tracked, y, x).dense()
    if any(t.factors and 0 not in t.pattern.sizes for t in tracked):
        assert isinstance(found, Recorded)
        found = found.array
    np.testing.assert_allclose(found, total(plain, y + x), atol=1e-12)


@given(st.data())
def test_positions_and_values_enumerate_the_entries(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    made = data.draw(terms(y, x))
    dense = np.zeros((int(np.prod(y)), int(np.prod(x))))
    rows, columns = positions(made)
    grid = [made.pattern.sizes[label] for label in made.pattern.outer]
    rows, columns, numbers = (np.broadcast_to(a, grid).ravel() for a in (rows, columns, values(made)))
    np.add.at(dense, (rows, columns), numbers)
    np.testing.assert_allclose(dense.reshape(y + x), written_out(made), atol=1e-12)


def test_rows_in_order_are_not_sorted() -> None:
    n = 6
    parts = [of(whole([n - 2], [0], [Axis(n, (0,), (1,), k)], [(0,)])) for k in (2, 0, 1)]
    sparse = (parts[0] + parts[1] + parts[2]).sparse()
    assert sparse.indices.tolist()[:3] == [0, 1, 2]  # the terms are taken in the order of their columns
    assert sparse.has_sorted_indices
    honest(sparse)
    ring = of(whole([n], [0], [0], [(0,)])) + of(whole([], [constant(n, 0)], [constant(n, n - 1)], [()]))
    ring += of(whole([n - 1], [affine(n, 0, 1, 1)], [affine(n, 0)], [(0,)]))
    sparse = ring.sparse()
    honest(sparse)
    sparse.sort_indices()
    np.testing.assert_array_equal(sparse.toarray(), ring.dense())
    ring += of(whole([], [constant(n, 3)], [constant(n, 0)], [()]))
    assert ring.sparse().indices[ring.sparse().indptr[3] :][:3].tolist() == [0, 2, 3]


def test_duplicates_are_summed() -> None:
    window = of(whole([3, 2], [0], [Axis(4, (0, 1), (1, 1))], [(1,)]), np.array([1.0, 10.0]))
    twice = of(whole([2, 3], [1], [1], [(0, 1)]), np.array([[1.0, 2.0, 3.0], [10.0, 10.0, 10.0]]))
    assert window.sparse().nnz == 6
    assert twice.sparse().data.tolist() == [11.0, 12.0, 13.0]
    repeated = of(whole([3], [], [Axis(4, (0,), (), 0, 0)], [(0,)], [(0,)]), np.ones(3), tables=(np.array([1, 1, 3]),))
    assert repeated.sparse().toarray().tolist() == [[0, 2, 0, 1]]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_periodic_shifts_that_coincide_add_up(n: int) -> None:
    def roll(step: int) -> Jacobian:
        table = (np.arange(n) - step) % n
        return of(whole([n], [0], [Axis(n, (0,), (), 0, 0)], [], [(0,)]), tables=(table,))

    found = roll(1) + roll(-1) - 2 * Jacobian.identity((n,))
    expected = np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0) - 2 * np.eye(n)
    np.testing.assert_allclose(found.dense(), expected)
    np.testing.assert_allclose(found.sparse().toarray(), expected)


def test_a_new_table_gets_a_new_plan() -> None:
    p = whole([3], [0], [Axis(4, (0,), (), 0, 0)], [(0,)], [(0,)])
    table = np.array([0, 1, 2])
    first = of(p, np.ones(3), tables=(table,))
    first.sparse()
    table[:] = [3, 0, 0]  # even if it is the same array, changed
    np.testing.assert_array_equal(first.sparse().toarray(), [[0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0]])


def test_what_is_handed_out_is_not_the_plan() -> None:
    found = of(whole([3], [0], [0], [(0,)]))
    found.sparse().indices[:] = 0
    assert found.sparse().indices.tolist() == [0, 1, 2]
    dense = of(whole([2, 3], [0], [1], [(0, 1)]))
    dense.dense()[:] = 0
    assert np.count_nonzero(dense.terms[0].factors[0]) == 6


@pytest.mark.parametrize("name", ["csc", "coo", "dia", "lil"])
def test_other_formats(name: str) -> None:
    found = of(whole([3], [0], [0], [(0,)]))
    assert found.sparse(name).format == name
    np.testing.assert_array_equal(found.sparse(name).toarray(), found.dense())


def test_indices_are_small() -> None:
    assert of(whole([3], [0], [0], [(0,)])).sparse().indices.dtype == np.int32


@pytest.mark.parametrize("sign", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
def test_symmetric_products_by_one_triangle(sign: float, axes: tuple[int, int]) -> None:
    X, d = random.standard_normal((150, 130)), random.random(150)
    d = d - 0.5 if sign == 0 else sign * d
    labels = [(0, 1), (0, 2)] if axes == (0, 1) else [(1, 0), (2, 0)]
    A = X if axes == (0, 1) else X.T
    for array in (A, A.copy(), np.asfortranarray(A)):
        found = of(whole([150, 130, 130], [1], [2], [(), labels[0], (0,), labels[1]]), 2.0, array, d, array).dense()
        np.testing.assert_allclose(found, 2 * X.T @ (d[:, None] * X), atol=1e-10)
        if sign:
            np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("shapes", [((), ()), ((1,), (1,)), ((0,), (2,)), ((2,), (0,)), ((3, 0), (0, 1))])
def test_empty_and_small_maps(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    found = Jacobian([], *shapes)
    assert found.dense().shape == shapes[0] + shapes[1]
    assert found.sparse().nnz == found.entries == found.stored == 0
    assert (found @ np.ones(shapes[1])).shape == shapes[0]
    assert (np.ones(shapes[0]) @ found).shape == shapes[1]
