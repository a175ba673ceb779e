"""Sparse arrays in every format: the entries, the structure that is kept, the data that is replaced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.linalg import solve_banded

import chainrule as cr
from chainrule.errors import AssignmentError, ShapeError, StructureError, TooLargeError
from chainrule.linear import Axis, Jacobian, Pattern, Term, affine
from chainrule.linear.csr import structure_of
from chainrule.linear.flat import place_of
from chainrule.linear.functions import frozen
from chainrule.linear.pieces import pieces_of
from chainrule.linear.sparse import Plan
from chainrule.linear.unrolled import unrolled
from tests.linear.reference import shapes, terms, total, whole

random = np.random.default_rng(5)


def of(p: Pattern, *factors: Any, tables: tuple[Any, ...] = ()) -> Jacobian:
    """A Jacobian of one term."""
    made = factors or tuple([random.standard_normal([p.sizes[label] for label in f.labels]) for f in p.factors])
    return Jacobian([Term(p, made, tables)], p.row_shape, p.column_shape)


def flat(J: Jacobian) -> Any:
    """The dense matrix."""
    return np.reshape(J.dense(), (int(np.prod(J.row_shape)), int(np.prod(J.column_shape))))


def honest(matrix: Any) -> None:
    """What an array says of itself is true, and its parts are what SciPy expects."""
    matrix.check_format(full_check=True)
    claims = matrix.has_sorted_indices, matrix.has_canonical_format
    again = type(matrix)((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=True)
    assert claims[0] <= again.has_sorted_indices
    assert claims[1] <= again.has_canonical_format
    again.sum_duplicates()
    assert again.nnz == matrix.nnz


@given(st.data())
def test_every_format_holds_the_entries(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    several = data.draw(st.lists(terms(y, x), min_size=1, max_size=4))
    J, dense = Jacobian(several, y, x), total(several, y + x)
    matrix = dense.reshape(int(np.prod(y)), int(np.prod(x)))
    for name in ("csr", "csc", "coo", "dia"):
        made = J.sparse(name)
        assert made.format == name
        np.testing.assert_allclose(made.toarray(), matrix, atol=1e-12)
        if name in ("csr", "csc"):
            honest(made)
            assert made.nnz == J.entries
        np.testing.assert_allclose((-3 * J).sparse(out=made).toarray(), -3 * matrix, atol=1e-12)


@given(st.data())
def test_the_plan_serves_all_terms_of_its_structure(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    several = data.draw(st.lists(terms(y, x, opaque=False), min_size=1, max_size=4))
    several = [term for term in several if 0 not in term.pattern.sizes]
    if not several:
        return
    shape = int(np.prod(y)), int(np.prod(x))
    plan = Plan(several, *shape)
    for kind in (np.float64, np.float32, np.complex128):
        again = [
            Term(
                t.pattern,
                tuple([np.asarray(f) * 2 if t.pattern.factors[k].labels else 0.5 for k, f in enumerate(t.factors)]),
                t.tables,
            )
            for t in several
        ]
        assert plan.fits(again)
        for _ in range(2):
            made = plan.matrix(again, shape, np.dtype(kind))
            np.testing.assert_allclose(made.toarray(), total(again, y + x).reshape(shape), rtol=1e-5, atol=1e-5)
            assert made.dtype == kind


# ------------------------------------------------------------------------------------------------- shapes of real maps
def laplacian(n: int) -> Jacobian:
    """The five points on an n × n torus, as rolls of slices, with a coefficient that varies."""
    total = of(whole([n, n], [0, 1], [0, 1], [(0, 1)]))
    for axis in (0, 1):
        for step in (1, -1):
            for low, high, shift in ((max(0, -step), n - max(0, step), step), *edge(n, step)):
                count = high - low
                row = [Axis(n, (axis,), (1,), low) if k == axis else Axis(n, (k,), (1,)) for k in (0, 1)]
                column = [Axis(n, (axis,), (1,), low + shift) if k == axis else Axis(n, (k,), (1,)) for k in (0, 1)]
                sizes = [count if k == axis else n for k in (0, 1)]
                if count > 0:
                    total += of(whole(sizes, row, column, [()]), float(step + 2))
    return total


def edge(n: int, step: int) -> list[tuple[int, int, int]]:
    """The range of rows whose neighbour is on the other side."""
    return [(n - 1, n, 1 - n)] if step > 0 else [(0, 1, n - 1)]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_a_periodic_stencil(n: int) -> None:
    J = laplacian(n)
    made = J.sparse()
    honest(made)
    np.testing.assert_allclose(made.toarray(), flat(J), atol=1e-14)
    assert made.nnz == np.count_nonzero(flat(J))


def observations(count: int, table: Any, merged: bool = False) -> Jacobian:
    """Residuals of two numbers, each with a narrow block chosen by a table, and parts of that block again."""
    cameras = np.stack([table * 5 + k for k in range(3)], 1)
    J = of(whole([count, 2, 3], [0, 1], [Axis(50, (0, 2), (), 0, 0)], [(0, 1, 2)], [(0, 2)]), tables=(cameras,))
    if not merged:
        J += of(
            whole([count, 2, 3], [0, 1], [Axis(50, (0, 2), (), 0, 0)], [(0,), (0, 1), (0, 2)], [(0, 2)]),
            tables=(cameras.copy(),),
        )
        J += of(
            whole([count, 2, 2], [0, 1], [Axis(50, (0, 2), (), 0, 0)], [(), (0, 1), (2,)], [(0, 2)]),
            3.0,
            random.standard_normal((count, 2)),
            random.standard_normal(2),
            tables=(cameras[:, 1:],),
        )
        J += of(whole([count, 2], [0, 1], [Axis(50, (0, 1), (), 0, 0)], [(0,)], [(0, 1)]), tables=(cameras[:, ::-2],))
    return J + of(whole([count, 2], [0, 1], [Axis(50, (0,), (), 0, 0)], [(1,)], [(0,)]), tables=(40 + table % 7,))


@pytest.mark.parametrize("count", [1, 7, 300, 5000])
def test_blocks_chosen_by_tables(count: int) -> None:
    J = observations(count, random.integers(0, 8, count))
    made = J.sparse()
    honest(made)
    assert made.nnz == count * 2 * 4
    np.testing.assert_allclose(made.toarray(), flat(J), atol=1e-13)
    np.testing.assert_allclose(J.sparse("csc").toarray(), flat(J), atol=1e-13)
    for _ in range(2):
        np.testing.assert_allclose((2 * J).sparse(out=made).toarray(), 2 * flat(J), atol=1e-13)


def test_nothing_is_sorted_where_slots_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.linear.csr._general", None)
    J = observations(300, random.integers(0, 8, 300))
    np.testing.assert_allclose(J.sparse().toarray(), flat(J), atol=1e-13)
    for n in (1, 2, 3, 8):
        J = laplacian(n)
        np.testing.assert_allclose(J.sparse().toarray(), flat(J), atol=1e-13)
        assert J.sparse().has_sorted_indices


def test_tables_that_meet_in_some_rows_only() -> None:
    count = 200
    left, right = random.integers(0, 4, count), random.integers(0, 4, count)
    assert (left == right).any()
    p = whole([count], [0], [Axis(6, (0,), (), 0, 0)], [(0,)], [(0,)])
    J = of(p, tables=(left,)) + of(p, tables=(right,))
    made = J.sparse()
    honest(made)
    assert made.nnz == 2 * count - np.count_nonzero(left == right)
    np.testing.assert_allclose(made.toarray(), flat(J))
    honest(J.T.sparse())
    np.testing.assert_allclose(J.T.sparse().toarray(), flat(J).T)


@pytest.mark.parametrize("wide", [2, 20])
def test_blocks_beside_columns_that_only_some_rows_have(wide: int) -> None:
    count, columns = 30, 100
    first = random.integers(0, columns - wide, count)
    run = first[:, None] + np.arange(wide)
    J = of(whole([count, 2, wide], [0, 1], [Axis(columns, (0, 2), (), 0, 0)], [(0, 1, 2)], [(0, 2)]), tables=(run,))
    J += of(whole([count, 2], [0, 1], [Axis(columns, (0, 1), (), 0, 0)], [(0, 1)], [(0, 1)]), tables=(run[:, :2],))
    middle = [affine(count, 0, 1, 10), affine(2, 1, 1, 1)]
    J += of(whole([9, 1, wide], middle, [Axis(columns, (0, 2), (), 0, 0)], [(2,)], [(0, 2)]), tables=(run[:9],))
    honest(J.sparse())
    np.testing.assert_allclose(J.sparse().toarray(), flat(J), atol=1e-14)
    np.testing.assert_allclose(J.sparse("csc").toarray(), flat(J), atol=1e-14)


def test_a_block_whose_table_repeats_a_column() -> None:
    table = np.array([[0, 1, 1], [2, 2, 2]])
    J = of(whole([2, 3], [0], [Axis(4, (0, 1), (), 0, 0)], [(0, 1)], [(0, 1)]), np.ones((2, 3)), tables=(table,))
    assert J.sparse().toarray().tolist() == [[1, 2, 0, 0], [0, 0, 3, 0]]
    wide = np.zeros((1, 40), int)
    J = of(whole([1, 40], [0], [Axis(4, (0, 1), (), 0, 0)], [(0, 1)], [(0, 1)]), np.ones((1, 40)), tables=(wide,))
    assert J.sparse().toarray().tolist() == [[40, 0, 0, 0]]


def test_constants_are_written_once_and_followed() -> None:
    n = 5
    J = of(whole([n], [0], [0], [(0,)]))
    part = whole([n - 1], [affine(n, 0, 1, 1)], [affine(n, 0)], [()])
    for number in (2.0, 3.0, 2.0):
        both = J + of(part, number)
        np.testing.assert_array_equal(both.sparse().toarray(), flat(both))


def test_a_number_in_an_array_may_change() -> None:
    number = np.array(2.0)
    J = of(whole([3], [0], [0], [()]), number)
    assert J.sparse().data.tolist() == [2, 2, 2]
    number[...] = 5
    assert J.sparse().data.tolist() == [5, 5, 5]


def test_tracked_numbers_are_not_lost_in_an_array() -> None:
    def total(p: Pattern) -> Any:
        return lambda x: np.sum(Jacobian([Term(p, (x,))], (3,), (3,)).sparse().data)

    with pytest.raises(AssignmentError, match="plain NumPy array"):
        cr.grad(total(whole([3], [0], [0], [(0,)])))(np.ones(3))
    with pytest.raises(AssignmentError, match="plain NumPy array"):
        cr.grad(total(whole([3], [0], [0], [()])))(1.0)


def test_the_dtype_of_the_call_is_kept() -> None:
    p = whole([3], [0], [0], [(0,)])
    for kind in (np.float64, np.float32, np.float64, np.complex128):
        J = of(p, np.arange(3).astype(kind)) + Jacobian.identity((3,), kind)
        assert J.sparse().dtype == kind
        np.testing.assert_array_equal(J.sparse().diagonal(), [1, 2, 3])


# -------------------------------------------------------------------------------------------------------------- caches
def test_a_cache_holds_the_plan_and_notices_other_tables() -> None:
    p = whole([3], [0], [Axis(4, (0,), (), 0, 0)], [(0,)], [(0,)])
    cache: dict[Any, Any] = {}
    for table in (np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([3, 3, 0])):
        J = Jacobian([Term(p, (np.ones(3),), (table,))], (3,), (4,), cache=cache)
        np.testing.assert_array_equal(J.sparse().toarray(), flat(J))
        assert cache["csr"].fits(J.terms)
        fast = Jacobian._of(J.terms, (3,), (4,), J.dtype, cache)
        plan = cache["csr"]
        np.testing.assert_array_equal(fast.sparse().toarray(), flat(J))
        assert cache["csr"] is plan
        table[:] = 1  # the array itself is changed: its plan must not be used
        np.testing.assert_array_equal(fast.sparse().toarray(), flat(fast))
    other = Jacobian([Term(whole([3], [0], [affine(4, 0)], [(0,)]), (np.ones(3),))], (3,), (4,), cache=cache)
    np.testing.assert_array_equal(other.sparse().toarray(), flat(other))


def test_frozen_arrays_are_those_that_nobody_can_write() -> None:
    array = np.arange(3)
    view = array[:2]
    view.flags.writeable = False
    assert not frozen(array) and not frozen(view)
    array.flags.writeable = False
    assert frozen(array) and frozen(view)


# --------------------------------------------------------------------------------------------------------------- files
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
def test_data_is_replaced_in_place(kind: str) -> None:
    J = of(whole([4, 2, 3], [0, 1], [0, 2], [(0, 1, 2)])) if kind == "bsr" else of(whole([5], [0], [0], [(0,)]))
    made = J.sparse(kind)
    data = made.data
    assert (2 * J).sparse(out=made) is made
    assert made.data is data
    np.testing.assert_allclose(made.toarray(), 2 * flat(J))


@pytest.mark.parametrize(
    ("out", "format", "says"),
    [
        (lambda J: np.zeros((3, 3)), None, r"an object of type ndarray: expected what an earlier sparse\(\) gave"),
        (lambda J: J.sparse("lil"), None, r"a SciPy sparse array in format 'lil'"),
        (lambda J: J.sparse("csc"), "csr", r"given an array in format 'csc': the two must agree"),
        (lambda J: sparse.csr_array((2, 3)), None, r"shape \(2, 3\); this map has the shape \(3, 3\)"),
        (lambda J: sparse.csr_array(np.ones((3, 3))), None, r"9 entries at other places than those of this map"),
        (lambda J: sparse.dia_array(np.diag([1.0, 2.0], 1)), None, r"1|other places"),
        (lambda J: sparse.coo_array(np.diag([1.0, 2.0], 1)), None, r"2 entries at other places"),
    ],
)
def test_an_array_of_another_structure_is_refused(out: Any, format: Any, says: str) -> None:  # noqa: A002
    J = of(whole([3], [0], [0], [(0,)]))
    with pytest.raises(StructureError, match=says):
        J.sparse(format, out=out(J))


def test_an_array_whose_indices_were_sorted_is_refused() -> None:
    left, right = np.array([0, 3, 1, 2, 4, 0]), np.array([1, 2, 0, 4, 2, 3])
    p = whole([6], [0], [Axis(5, (0,), (), 0, 0)], [(0,)], [(0,)])
    J = of(p, tables=(left,)) + of(p, tables=(right,))
    made = J.sparse()
    honest(made)
    assert not made.has_sorted_indices
    made.sort_indices()
    with pytest.raises(StructureError, match="its indices untouched"):
        J.sparse(out=made)


def test_a_large_dense_map_is_no_sparse_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.linear.limit.LIMIT", 1000)
    product = of(whole([40, 2, 40], [0], [2], [(0, 1), (1, 2)]))
    with pytest.raises(TooLargeError, match=r"sparse\(\) would list 1,600 entries of a map with 40 rows .* not sparse"):
        product.sparse()
    assert Jacobian.identity((2000,)).sparse().nnz == 2000


def test_too_many_diagonals_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.linear.limit.LIMIT", 1000)
    row = of(whole([200, 2], [0], [Axis(400, (0, 1), (2, 1))], [(0, 1)]))
    with pytest.raises(StructureError, match=r"would store 201 diagonals of 400 numbers for 400 entries"):
        row.sparse("dia")


def test_blocks() -> None:
    both = of(whole([4, 2, 3], [0, 1], [0, 2], [(1, 2)])) + of(
        whole([3, 2, 3], [affine(4, 0, 1, 1), 1], [affine(4, 0), 2], [(0, 1, 2)])
    )
    for J in (both, both.T):
        made = J.sparse("bsr")
        assert made.format == "bsr"
        assert made.blocksize == ((2, 3) if J is both else (3, 2))
        assert made.nnz == J.entries
        np.testing.assert_allclose(made.toarray(), flat(J))
    grouped = of(whole([4, 2, 2, 3], [0, 1, 2], [0, 3], [(0, 1, 2, 3)]))
    assert grouped.sparse("bsr").blocksize == (4, 3)
    np.testing.assert_allclose(grouped.sparse("bsr").toarray(), flat(grouped))
    thinner = grouped + of(whole([4, 2, 2, 3], [0, 1, 2], [0, 3], [(3,)])) + of(whole([4, 2, 3], [0, 1, 1], [0, 2]))
    assert thinner.sparse("bsr").blocksize == (1, 3)
    np.testing.assert_allclose(thinner.sparse("bsr").toarray(), flat(thinner))
    tabled = of(
        whole([9, 2, 3], [0, 1], [Axis(5, (0,), (), 0, 0), 2], [(0, 1, 2)], [(0,)]), tables=(random.integers(0, 5, 9),)
    )
    assert tabled.sparse("bsr").blocksize == (2, 3)
    np.testing.assert_allclose(tabled.sparse("bsr").toarray(), flat(tabled))
    with pytest.raises(StructureError, match=r"found no dense blocks of one size"):
        Jacobian.identity((4,)).sparse("bsr")


# --------------------------------------------------------------------------------------------------------------- bands
@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_bands(n: int) -> None:
    J = of(whole([n], [0], [0], [(0,)]))
    for step in (1, 2):
        if n > step:
            J += of(whole([n - step], [affine(n, 0)], [affine(n, 0, 1, step)], [(0,)]))
    if n > 1:
        J += of(whole([n - 1], [affine(n, 0, 1, 1)], [affine(n, 0)], [()]), -1.5)
    (below, above), ab = J.banded()
    assert (below, above) == (min(1, n - 1), min(2, n - 1))
    rebuilt = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if -below <= j - i <= above:
                rebuilt[i, j] = ab[above + i - j, j]
    np.testing.assert_array_equal(rebuilt, flat(J))
    np.testing.assert_array_equal(J.sparse("dia").toarray(), flat(J))


def test_a_band_of_blocks_and_one_by_tables() -> None:
    blocks = of(whole([20, 2, 2], [0, 1], [0, 2], [(0, 1, 2)]))
    table = np.clip(np.arange(30) + random.integers(-1, 2, 30), 0, 29)
    listed = of(whole([30], [0], [Axis(30, (0,), (), 0, 0)], [(0,)], [(0,)]), tables=(table,))
    for J in (blocks, listed + 9 * Jacobian.identity((30,))):
        (widths, ab), right = J.banded(), random.standard_normal(J.sparse().shape[0])
        assert widths == (1, 1)
        np.testing.assert_allclose(solve_banded(widths, ab, right), np.linalg.solve(flat(J), right))


def test_what_is_not_banded_says_so() -> None:
    with pytest.raises(StructureError, match=r"its entries reach 11 below and 11 above the diagonal of 12 rows"):
        of(whole([12, 12], [0], [1], [(0, 1)])).banded()
    with pytest.raises(ShapeError, match=r"banded\(\) needs a square Jacobian"):
        of(whole([2, 3], [0], [1], [(0, 1)])).banded()
    assert Jacobian([], (3,), (3,)).banded()[1].tolist() == [[0, 0, 0]]


# -------------------------------------------------------------------------------------------------------------- pieces
@given(st.data())
def test_pieces_cover_the_grid(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    steps = [np.cumsum(data.draw(st.lists(st.sampled_from([1, 1, 1, 7]), min_size=n, max_size=n))) for n in shape]
    grid = sum([s.reshape([-1 if k == axis else 1 for k in range(len(shape))]) for axis, s in enumerate(steps)])
    grid = np.ascontiguousarray(np.broadcast_to(grid, shape))
    pieces = pieces_of(grid)
    if pieces is None:
        return
    found = np.full(shape, -1)
    for offset, extent, strides, part in pieces:
        places = offset + sum(
            [
                np.arange(n).reshape([-1 if k == a else 1 for k in range(len(shape))]) * s
                for a, (n, s) in enumerate(zip(extent, strides, strict=True))
            ]
        )
        found[... if part is None else part] = places
    np.testing.assert_array_equal(found, grid)


@pytest.mark.parametrize("factors", [[(0, 1), (0, 2)], [(0,), (1, 0), (2,)], [(), (0, 2)], [(2, 1, 0)], [(1,), (2,)]])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_narrow_products_are_unrolled(factors: list[tuple[int, ...]], kind: Any) -> None:
    p = whole([3000, 2, 3], [0, 1], [2], factors)
    arrays = [
        random.standard_normal([p.sizes[label] for label in f.labels]).astype(kind) if f.labels else 2.0
        for f in p.factors
    ]
    J = of(p, *arrays)
    assert (unrolled(p) is None) == ((0,) not in factors and all(0 not in labels for labels in factors))
    both = J + of(whole([3000, 2, 3], [0, 1], [2], [(0, 1, 2)]), random.standard_normal((3000, 2, 3)).astype(kind))
    for each in (J, both):
        np.testing.assert_allclose(each.sparse().toarray(), flat(each), rtol=1e-5)
        assert each.sparse().dtype == kind


def test_indices_are_small_unless_they_cannot_be() -> None:
    assert of(whole([3], [0], [0], [(0,)])).sparse().indices.dtype == np.int32
    place = place_of(Term(whole([2], [affine(2, 0)], [affine(2**32, 0, 2**31, 5)], [])))
    found = structure_of([place], 2, 2**32)
    assert found.indices.tolist() == [5, 2**31 + 5]


def test_a_table_over_one_label_twice() -> None:
    table = random.integers(0, 5, (4, 4))
    J = of(whole([4], [0], [Axis(5, (0, 0), (), 0, 0)], [(0,)], [(0, 0)]), tables=(table,))
    np.testing.assert_array_equal(J.sparse().toarray(), flat(J))


@pytest.mark.parametrize("where", ["scattered", "in pieces", "apart"])
def test_narrow_products_that_do_not_lie_in_a_row(where: str) -> None:
    """Among rows of different lengths, by index arrays; in pieces; in blocks of rows of their own."""
    n = 3000
    block = of(whole([n, 2], [affine(n, 0)], [Axis(2 * n + 9, (0, 1), (2, 1))], [(0,), (1,)]))
    if where == "apart":
        top = whole([n, 2], [affine(2 * n, 0)], [Axis(9, (1,), (1,))], [(0,), (1,)])
        low = whole([n, 3], [affine(2 * n, 0, 1, n)], [Axis(9, (1,), (1,))], [(0,), (1,)])
        J = of(top) + of(low)
    else:
        row = random.choice(n, n // 2, replace=False) if where == "scattered" else np.arange(n // 2)
        p = whole([n // 2], [Axis(n, (0,), (), 0, 0)], [Axis(2 * n + 9, (), (), 2 * n + 8)], [(0,)], [(0,)])
        J = block + of(p, tables=(row,))
    made = J.sparse()
    honest(made)
    for found in (made.copy(), J.sparse("csc"), (2 * J).sparse(out=made) / 2):
        difference = found - sparse.csr_array(flat(J))
        assert abs(difference).max() < 1e-13


def test_a_symmetric_product_by_one_triangle() -> None:
    A, d = random.standard_normal((150, 130)), random.random(150)
    J = of(whole([150, 130, 130], [1], [2], [(0, 1), (0,), (0, 2)]), A, d, A)
    np.testing.assert_allclose(J.sparse().toarray(), A.T @ (d[:, None] * A), atol=1e-11)


@pytest.mark.parametrize("missing", [slice(0, 3), slice(None, None, 3)])
def test_blocks_among_rows_of_different_lengths(missing: Any) -> None:
    n = 300
    rows = np.delete(np.arange(n), np.arange(n)[missing])
    some = whole(
        [len(rows), 2, 3],
        [Axis(n, (0,), (), 0, 0), 1],
        [Axis(n, (0,), (), 0, 1), 2],
        [(0, 1, 2)],
        [(0,), (0,)],
    )
    J = of(whole([n, 2, 3], [0, 1], [0, 2], [(0, 1, 2)]))
    J += of(some, tables=(rows, random.permutation(n)[: len(rows)]))
    made = J.sparse("bsr")
    assert made.blocksize == (2, 3)
    np.testing.assert_allclose(made.toarray(), flat(J))
    np.testing.assert_allclose((2 * J).sparse(out=made).toarray(), 2 * flat(J))


def test_out_must_take_the_data_as_it_is() -> None:
    J = of(whole([4, 2, 2], [0, 1], [0, 2], [(0, 1, 2)]))
    other = sparse.bsr_array(np.kron(np.eye(4), np.ones((2, 2))), blocksize=(2, 2))
    assert J.sparse(out=other) is other
    thinner = sparse.bsr_array((np.ones((4, 2, 1)), other.indices, other.indptr), shape=(8, 8))
    with pytest.raises(StructureError, match=r"blocks of \(2, 1\); those of this map are \(2, 2\)"):
        J.sparse(out=thinner)
    made = of(whole([3], [0], [0], [(0,)])).sparse()
    made.data = np.ones(6)[::2]
    with pytest.raises(StructureError, match="cannot be written in place"):
        of(whole([3], [0], [0], [(0,)])).sparse(out=made)
