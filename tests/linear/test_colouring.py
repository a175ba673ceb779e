"""Colourings are what they claim to be, on random patterns and on those whose best number of colours is known."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainrule.errors import SparsityError
from chainrule.linear.colouring import ORDERS, colour_acyclic, colour_both, colour_columns, colour_star, recoloured
from chainrule.linear.compress import compress
from chainrule.linear.compression import Compression
from chainrule.linear.nonzeros import Nonzeros, band, nonzeros
from chainrule.linear.symmetric import compress_symmetric


def arrow(size: int) -> Nonzeros:
    """A full first row, first column and diagonal."""
    line, zero = np.arange(size), np.zeros(size, int)
    return nonzeros((np.concatenate([line, line, zero]), np.concatenate([line, zero, line])), (size, size))


def brusselator(side: int) -> Nonzeros:
    """Two species on a periodic grid, each with its four neighbours and with the other one at the same point."""
    grid = np.arange(side * side).reshape(side, side)
    near = [grid, *[np.roll(grid, step, axis) for step in (1, -1) for axis in (0, 1)]]
    half = sum(sparse.csr_array((np.ones(grid.size), (grid.ravel(), n.ravel()))) for n in near)
    one = sparse.eye_array(grid.size)
    return nonzeros(sparse.block_array([[half, one], [one, half]]))


@st.composite
def matrices(draw: Any, symmetric: bool = False) -> Any:
    """A random matrix of truth values, sometimes with a full row or column, sometimes empty."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    rows = draw(st.integers(0, 12))
    columns = rows if symmetric else draw(st.integers(0, 12))
    found = random.random((rows, columns)) < draw(st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0]))
    if rows and columns and draw(st.booleans()):
        found[draw(st.integers(0, rows - 1))] = True
    if rows and columns and draw(st.booleans()):
        found[:, draw(st.integers(0, columns - 1))] = True
    if symmetric:
        found = found | found.T
        if draw(st.booleans()):
            np.fill_diagonal(found, False)
    return found


def graph(matrix: Any) -> list[set[int]]:
    """The neighbours of each vertex of a symmetric pattern."""
    return [set(np.flatnonzero(row).tolist()) - {k} for k, row in enumerate(matrix)]


def is_column_colouring(matrix: Any, colours: Any) -> bool:
    """Whether no row has two columns of one colour."""
    return all([len(set(colours[row])) == row.sum() and (colours[row] >= 0).all() for row in matrix])


def is_star_colouring(matrix: Any, colours: Any) -> bool:
    """Whether edges have two colours and paths of four vertices three at least, straight from the definition."""
    near = graph(matrix)
    for v, around in enumerate(near):
        for w in around:
            if colours[v] == colours[w]:
                return False
            for x in near[w] - {v}:
                for y in near[x] - {w, v}:
                    if colours[v] == colours[x] and colours[w] == colours[y]:
                        return False
    return True


def is_acyclic_colouring(matrix: Any, colours: Any) -> bool:
    """Whether each two colours induce a forest: fewer edges than vertices in each part."""
    near = graph(matrix)
    if any([colours[v] == colours[w] for v, around in enumerate(near) for w in around]):
        return False
    for pair in combinations(sorted(set(colours)), 2):
        members = [v for v in range(len(near)) if colours[v] in pair]
        inside = matrix[np.ix_(members, members)] & ~np.eye(len(members), dtype=bool)
        parts, _ = sparse.csgraph.connected_components(sparse.csr_array(inside))
        if inside.sum() // 2 != len(members) - parts:
            return False
    return True


def recovered(compression: Compression, dense: Any, budget: int = 1 << 20) -> Any:
    """The matrix as its products say it, multiplied in blocks."""
    data = compression.entries(lambda v: v @ dense.T, lambda v: v @ dense, dense.dtype, budget)
    p = compression.pattern
    return sparse.csr_array((data, p.indices, p.indptr), shape=p.shape).toarray()


def numbers(matrix: Any, symmetric: bool = False) -> Any:
    """Small whole numbers at the places of a pattern: sums of them are exact."""
    found = np.random.default_rng(matrix.size).integers(1, 1000, matrix.shape) * matrix
    return (np.triu(found) + np.triu(found, 1).T if symmetric else found).astype(float)


# ------------------------------------------------------------------------------------------------------------ validity
@given(matrices(), st.sampled_from(["best", *ORDERS]))
def test_columns_of_one_colour_share_no_row(matrix: Any, order: str) -> None:
    colours, count = colour_columns(nonzeros(matrix), order)
    assert is_column_colouring(matrix, colours)
    assert set(colours[matrix.any(axis=0)]) == set(range(count))
    assert (colours[~matrix.any(axis=0)] == -1).all()
    again, fewer = recoloured(nonzeros(matrix), colours)
    assert is_column_colouring(matrix, again)
    assert fewer <= count


@given(matrices(symmetric=True), st.sampled_from(["best", *ORDERS]))
def test_star_colouring(matrix: Any, order: str) -> None:
    colours, _ = colour_star(nonzeros(matrix), order)
    assert is_star_colouring(matrix, colours)


@given(matrices(), st.integers(0, 1000))
def test_columns_and_some_rows(matrix: Any, seed: int) -> None:
    """Every entry is alone in its row in the colour of its column, or in its column in the colour of its row."""
    dense = np.random.default_rng(seed).random(len(matrix)) < 0.5
    columns, rows = colour_both(nonzeros(matrix), dense)
    assert ((rows >= 0) == dense).all()
    for i, j in zip(*np.nonzero(matrix), strict=True):
        by_column = (columns[matrix[i]] == columns[j]).sum() == 1
        by_row = dense[i] and (rows[matrix[:, j]] == rows[i]).sum() == 1
        assert by_column or by_row


@given(matrices(symmetric=True), st.sampled_from(["best", *ORDERS]))
def test_acyclic_colouring(matrix: Any, order: str) -> None:
    colours, _ = colour_acyclic(nonzeros(matrix), order)
    assert is_acyclic_colouring(matrix, colours)


def test_vertices_with_many_neighbours_are_coloured_by_the_same_rule() -> None:
    """The search among many neighbours is another code path than that among few."""
    random = np.random.default_rng(0)
    matrix = random.random((200, 200)) < 0.01
    matrix[:3, :150] = True
    matrix |= matrix.T
    assert is_star_colouring(matrix, colour_star(nonzeros(matrix))[0])
    assert is_acyclic_colouring(matrix, colour_acyclic(nonzeros(matrix))[0])


def test_more_colours_than_one_pass_gives_out() -> None:
    matrix = np.ones((2, 2500), bool)
    colours, count = colour_columns(nonzeros(matrix))
    assert count == 2500
    assert is_column_colouring(matrix, colours)


# ------------------------------------------------------------------------------------------------------------ recovery
@given(matrices(), st.sampled_from(["best", "columns", "rows", "both"]), st.sampled_from([1, 40, 1 << 20]))
def test_the_entries_come_back(matrix: Any, method: str, budget: int) -> None:
    compression = compress(nonzeros(matrix), method)
    dense = numbers(matrix)
    assert np.array_equal(recovered(compression, dense, budget), dense)
    first, second = compression.seeds()
    read = compression.read(first @ dense.T, second @ dense)
    assert np.array_equal(read, dense[matrix])


@given(matrices(symmetric=True), st.sampled_from(["star", "acyclic"]), st.sampled_from([1, 40, 1 << 20]))
def test_symmetric_entries_come_back(matrix: Any, method: str, budget: int) -> None:
    compression = compress_symmetric(nonzeros(matrix), method)
    dense = numbers(matrix, symmetric=True)
    assert np.array_equal(recovered(compression, dense, budget), dense)


def test_half_a_symmetric_pattern_is_enough() -> None:
    matrix = np.triu(np.ones((4, 4), bool))
    dense = numbers(matrix | matrix.T, symmetric=True)
    assert np.array_equal(recovered(compress_symmetric(nonzeros(matrix)), dense), dense)


def test_complex_entries_by_substitution() -> None:
    dense = numbers(band(9, 9, 1, 1).matrix().toarray() != 0, symmetric=True) * (1 + 2j)
    assert np.array_equal(recovered(compress_symmetric(band(9, 9, 1, 1), "acyclic"), dense), dense)


def test_single_precision_stays() -> None:
    dense = np.eye(3, dtype=np.float32)
    for compression in (compress(nonzeros(dense)), compress_symmetric(band(3, 3, 1, 1), "acyclic")):
        assert compression.entries(lambda v: v @ dense.T, lambda v: v @ dense, np.float32).dtype == np.float32


# ------------------------------------------------------------------------------------------------- numbers of products
@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        (band(1000, 1000, 1, 1), 3),
        (band(1000, 1000, 0, 0), 1),
        (band(1000, 1000, 2, 1), 4),
        (nonzeros(sparse.kron(sparse.eye_array(50), np.ones((7, 7)))), 7),
        (nonzeros(np.ones((5, 9))), 5),
        (nonzeros(np.ones((9, 5))), 5),
        (nonzeros(np.zeros((4, 6))), 0),
        (arrow(500), 3),
        (brusselator(32), 12),
    ],
)
def test_products_needed_at_most(pattern: Nonzeros, count: int) -> None:
    assert compress(pattern).count <= count
    assert compress(pattern).count >= min(pattern.widest, pattern.transposed.widest, count)


def test_ties_go_to_products_with_the_map() -> None:
    assert compress(nonzeros(np.ones((3, 3)))).method == "columns"
    assert compress(nonzeros(np.ones((2, 3)))).method == "rows"
    assert compress(arrow(50)).method == "both"


@pytest.mark.parametrize(
    ("pattern", "star", "acyclic"),
    [(band(1000, 1000, 1, 1), 3, 2), (arrow(500), 2, 2), (band(1000, 1000, 0, 0), 1, 1), (brusselator(16), 12, 8)],
)
def test_symmetric_products_needed_at_most(pattern: Nonzeros, star: int, acyclic: int) -> None:
    assert compress_symmetric(pattern).count <= star
    assert compress_symmetric(pattern, "acyclic").count <= acyclic


@pytest.mark.parametrize(("rows", "columns", "width"), [(3, 3, 1), (10, 2, 1), (2, 20, 2)])
def test_some_full_rows_and_columns_cost_a_product_each(rows: int, columns: int, width: int) -> None:
    matrix = band(400, 400, width, width).matrix().toarray()
    random = np.random.default_rng(0)
    matrix[random.choice(400, rows, replace=False)] = 1
    matrix[:, random.choice(400, columns, replace=False)] = 1
    compression = compress(nonzeros(matrix))
    assert compression.method == "both"
    assert compression.count <= rows + columns + 2 * width + 1
    dense = numbers(matrix)
    assert np.array_equal(recovered(compression, dense), dense)


def test_few_selections_are_remembered() -> None:
    pattern = band(100, 100, 1, 1)
    pattern = Nonzeros(pattern.shape, pattern.indptr, pattern.indices)
    for start in range(50):
        assert len(pattern.selected(np.arange(start, start + 2), rows=True)) > 3
    assert len(pattern.plans) < 20


def test_the_plan_is_kept_with_the_pattern() -> None:
    pattern = band(10, 10, 1, 1)
    assert compress(pattern) is compress(pattern)
    for each in (pattern, band(10, 10, 0, 1)):
        assert compress_symmetric(each) is compress_symmetric(each)


def test_a_long_chain_by_substitution_is_not_slow_or_deep() -> None:
    """The whole chain is one tree of two colours."""
    pattern = band(20000, 20000, 1, 1)
    matrix = pattern.matrix().astype(float)
    matrix.data[:] = 2.0 + (pattern.rows == pattern.indices)
    compression = compress_symmetric(pattern, "acyclic")
    data = compression.entries(lambda v: (matrix @ v.T).T, lambda v: (matrix @ v.T).T, float)
    assert np.allclose(data, matrix.data, rtol=0, atol=1e-10)


# ------------------------------------------------------------------------------------------------------------ messages
def test_what_cannot_be_coloured_is_said() -> None:
    with pytest.raises(SparsityError, match=r"'diagonals'.*best, columns, rows, both"):
        compress(band(3, 3, 1, 1), "diagonals")
    with pytest.raises(SparsityError, match="order 'reverse'"):
        compress(band(3, 3, 1, 1), order="reverse")
    with pytest.raises(SparsityError, match="as many rows as columns"):
        compress_symmetric(band(3, 4, 1, 1))
    with pytest.raises(SparsityError, match="two-dimensional array of truth values"):
        nonzeros([1, 0])
    with pytest.raises(SparsityError, match="column 5 is not in"):
        nonzeros(([0], [5]), (2, 2))
    with pytest.raises(SparsityError, match="rows and columns"):
        nonzeros(sparse.coo_array(np.ones(3)))
    with pytest.raises(SparsityError, match="2 outputs and 3 inputs"):
        nonzeros(np.eye(2), (2, 3))
