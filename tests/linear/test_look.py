"""What a Jacobian looks like: its words, its pictures and its formulas say what is true of its entries."""

from __future__ import annotations

import re
import sys
import time
from itertools import product
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import LibraryMissingError
from chainrule.linear import Axis, Factor, Jacobian, Opaque, Term, affine, footprint, identity, picture
from chainrule.linear.arrangement import arrangement
from chainrule.linear.describe import describe, is_symmetric
from chainrule.linear.footprint import counted, cut, ends
from chainrule.linear.html import html
from chainrule.linear.notation import Names, written
from chainrule.linear.picture import cells_of, extent
from tests.linear.reference import Matrix, shapes, terms, total, whole

random = np.random.default_rng(17)


def ones(term: Term) -> Term:
    """The term with ones for numbers: its dense array counts how often each entry is written."""
    p = term.pattern
    arrays = [np.ones(tuple([p.sizes[label] for label in factor.labels])) for factor in p.factors]
    kinds = [Factor(factor.labels) for factor in p.factors]
    return Term(whole(p.sizes, p.row, p.column, kinds, p.tables), tuple(arrays), term.tables)


def filled(several: list[Term], rows: tuple[int, ...], columns: tuple[int, ...]) -> Any:
    """Which entries of the flattened matrix the terms write."""
    counts = total([ones(term) for term in several], rows + columns)
    return np.asarray(counts).reshape(int(np.prod(rows)), int(np.prod(columns))) > 0


@st.composite
def sums(draw: Any) -> tuple[list[Term], tuple[int, ...], tuple[int, ...]]:
    """Up to three terms between two shapes."""
    rows, columns = draw(st.tuples(shapes, shapes))
    return draw(st.lists(terms(rows, columns), min_size=1, max_size=3)), rows, columns


def of(*structure: Any, tables: tuple[Any, ...] = ()) -> Jacobian:
    """A Jacobian of one term of random numbers."""
    p = whole(*structure)
    arrays = [random.standard_normal(tuple([p.sizes[label] for label in factor.labels])) for factor in p.factors]
    return Jacobian([Term(p, tuple(arrays), tables)], p.row_shape, p.column_shape)


# --- which entries ----------------------------------------------------------------------------------------------------
@given(sums())
def test_the_footprint_holds_the_entries_and_no_others(case: Any) -> None:
    several, rows, columns = case
    truth = filled(several, rows, columns)
    marked = np.zeros(truth.size, np.bool_)
    places = footprint.footprint(several)
    for place in places:
        marked[footprint._codes(place, truth.shape[1])] = True
        for side, size in ((place.row, truth.shape[0]), (place.column, truth.shape[1])):
            low, high = ends(side, place.shape)
            assert 0 <= low <= high < size or place.row.table is not None or place.column.table is not None
    np.testing.assert_array_equal(marked.reshape(truth.shape), truth)


@given(sums(), st.sampled_from([1 << 21, 0]))
def test_entries_are_counted(case: Any, one_by_one: int) -> None:
    several, rows, columns = case
    truth = filled(several, rows, columns)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(footprint, "_COUNTED", one_by_one)
        count = counted(footprint.footprint(several), *truth.shape)
    in_rows = truth.sum(axis=1)
    assert count.entries == truth.sum() if count.is_exact else count.entries >= truth.sum()
    assert count.most is None or count.most >= in_rows.max(initial=0)
    assert count.fewest <= in_rows.min(initial=truth.shape[1])
    if one_by_one:
        assert count.is_exact
        assert count.most == in_rows.max(initial=0)


@given(sums())
def test_a_cut_parts_the_entries(case: Any) -> None:
    several, rows, columns = case
    truth = filled(several, rows, columns)
    places = footprint.footprint(several)
    for side, size in enumerate(truth.shape):
        starts = cut(places, side, size)
        assert starts[0] == 0
        assert starts == sorted(set(starts))
        for place in places:
            index = np.ix_(*[np.arange(n) for n in place.shape]) if place.shape else ()
            positions = footprint.at((place.row, place.column)[side], index)
            assert len(set(np.searchsorted(starts, np.ravel(positions), side="right").tolist())) == 1


@given(sums(), st.integers(1, 9), st.integers(1, 9))
def test_a_cell_is_marked_where_it_holds_an_entry(case: Any, height: int, width: int) -> None:
    several, rows, columns = case
    truth = filled(several, rows, columns)
    found = cells_of(several, truth.shape[0], truth.shape[1], height, width)
    expected = np.zeros(found.marked.shape, np.bool_)
    for row, column in np.argwhere(truth).tolist():
        down, across = (at * n // size for at, n, size in zip((row, column), expected.shape, truth.shape, strict=True))
        expected[down, across] = True
    np.testing.assert_array_equal(found.marked, expected)
    assert not found.is_sampled
    assert found.is_exact == (truth.shape == expected.shape)


@given(sums())
def test_a_sampled_picture_says_so_and_invents_nothing(case: Any) -> None:
    several, rows, columns = case
    truth = filled(several, rows, columns)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(picture, "_ENTRIES", 2)
        patched.setattr(picture, "_BOXES", 2)
        found = cells_of(several, *truth.shape)
    assert not (found.marked & ~truth).any()
    if (found.marked != truth).any():
        assert found.is_sampled
        assert "drawn at random" in found.caption


# --- words ------------------------------------------------------------------------------------------------------------
def on_diagonals(truth: Any) -> set[int]:
    return {int(column - row) for row, column in np.argwhere(truth)}


def holds(words: str, truth: Any) -> bool:
    """Whether a name of an arrangement is true of a set of entries."""
    in_rows = truth.sum(axis=1)
    offsets = on_diagonals(truth)
    number = r"([+-]?\d+)"
    if words == "0":
        return not truth.any()
    if words == "dense":
        return bool(truth.mean() > 0.5)
    if words == "diagonal":
        return offsets <= {0}
    if words in ("tridiagonal", "upper bidiagonal", "lower bidiagonal"):
        return offsets <= {"tridiagonal": {-1, 0, 1}, "upper bidiagonal": {0, 1}, "lower bidiagonal": {-1, 0}}[words]
    if match := re.fullmatch(rf"diagonal shifted by {number}", words):
        return offsets <= {int(match[1])}
    if match := re.fullmatch(rf"diagonals {number} and {number}", words):
        return offsets <= {int(match[1]), int(match[2])}
    if match := re.fullmatch(rf"(?:banded|(\d+) diagonals) from {number} to {number}", words):
        inside = offsets <= set(range(int(match[2]), int(match[3]) + 1))
        return inside and (match[1] is None or len(offsets) == int(match[1]))
    if words.startswith("cyclic shift on"):
        return bool((in_rows == 1).all() and (truth.sum(axis=0) == 1).all())
    if match := re.fullmatch(rf"cyclic shift by {number}", words):
        return bool((truth == np.roll(np.eye(len(truth)), int(match[1]), axis=0)).all())
    if words == "periodic tridiagonal":
        return {offset % len(truth) for offset in offsets} <= {0, 1, len(truth) - 1}
    if words == "permutation":
        return bool((in_rows == 1).all() and (truth.sum(axis=0) == 1).all())
    if match := re.fullmatch(r"(?:block diagonal, )?(\d+) (?:diagonal )?blocks of (\d+) × (\d+)", words):
        count, high, wide = map(int, match.groups())
        return bool((truth == np.kron(np.eye(count), np.ones((high, wide)))).all())
    if match := re.fullmatch(r"(?:periodic )?(\d+)-point stencil (?:on|from) .+", words):
        return bool(in_rows.max() <= int(match[1]))
    if match := re.fullmatch(r"(?:sparse.*, )?(\d+) to (\d+) a row", words):
        return (int(in_rows.min()), int(in_rows.max())) == (int(match[1]), int(match[2]))
    if match := re.fullmatch(r"(?:sparse.*, )?(?:≤|at most) (\d+) a row", words):
        return int(in_rows.max()) <= int(match[1])
    if match := re.fullmatch(r"(?:sparse.*, )?(\d+) a row", words):
        return {int(match[1])} == set(in_rows.tolist())
    if re.fullmatch(r"dense,? in \d+ × \d+ blocks", words):
        return bool(truth.mean() > 0.5)
    raise AssertionError(f"no meaning is known for {words!r}")


@given(sums())
def test_the_words_for_an_arrangement_are_true(case: Any) -> None:
    several, rows, columns = case
    truth = filled(several, rows, columns)
    places = footprint.footprint(several)
    words = arrangement(places, *truth.shape)
    if not truth.size or not places:
        return
    if match := re.fullmatch(r"(\d+) × (\d+) blocks: (.+)", words):
        starts = [*cut(places, 0, truth.shape[0]), truth.shape[0]], [*cut(places, 1, truth.shape[1]), truth.shape[1]]
        grid = [line.split(", ") for line in match[3].split("; ")]
        assert (len(grid), len(grid[0])) == (int(match[1]), int(match[2])) == tuple(len(each) - 1 for each in starts)
        for (r, line), (c, name) in product(enumerate(grid), enumerate(grid[0])):
            name = line[c]
            assert holds(name, truth[starts[0][r] : starts[0][r + 1], starts[1][c] : starts[1][c + 1]]), (words, name)
    else:
        assert holds(words, truth), words


@given(sums())
def test_a_description_is_one_line_of_bounded_length(case: Any) -> None:
    several, _, _ = case
    words = describe(several)
    assert words
    assert "\n" not in words
    assert len(words) <= 170


@given(sums())
def test_what_is_called_symmetric_is(case: Any) -> None:
    several, rows, columns = case
    if rows != columns:
        assert not is_symmetric(several)
        return
    both = [*several, *[term.transposed() for term in several]]
    assert is_symmetric(both)
    for found in (several, both):
        if is_symmetric(found):
            matrix = (
                np.reshape(total(found, rows + columns), (int(np.prod(rows)), -1)) if np.prod(rows) else np.zeros(0)
            )
            np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)


SMALL_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def is_true(words: str, matrix: Any, truth: Any, row_shape: tuple[int, ...], column_shape: tuple[int, ...]) -> bool:
    """Whether a description is true of a flattened matrix and the entries that it can have."""
    if words.endswith(", symmetric"):
        words = words.removesuffix(", symmetric")
        if not np.allclose(matrix, matrix.T):
            return False
    words = words.removesuffix(", entry by entry")
    in_rows = truth.sum(axis=1)
    words = words.removesuffix(", reshaped")
    if words == "identity":
        return bool((matrix == np.eye(len(matrix))).all())
    if words == "multiple of the identity":
        return bool((matrix == matrix[0, 0] * np.eye(len(matrix))).all())
    if words == "part of the diagonal":
        return on_diagonals(truth) <= {0}
    if words == "constant":
        return bool((matrix == matrix[0, 0]).all())
    if words == "one entry":
        return int(truth.sum()) == 1
    if words in ("rank one", "one number"):
        return bool(np.linalg.matrix_rank(matrix) <= 1)
    if match := re.fullmatch(r"rank (\d+)|low rank, .* through (\d+)", words):
        return bool(np.linalg.matrix_rank(matrix) <= int(match[1] or match[2]))
    if words in ("selection", "scaled selection"):
        return set(in_rows.tolist()) == {1} and ("scaled" in words or set(np.unique(matrix)) <= {0, matrix.max()})
    if words in ("permutation", "scaled permutation"):
        return holds("permutation", truth)
    if match := re.match(r"(\d+) (?:outer products x ⊗ y|sums of (\d+) outer products)(, in columns)?$", words):
        lines = matrix.T.reshape(-1, *row_shape) if match[3] else matrix.reshape(-1, *column_shape)
        ranks = [np.linalg.matrix_rank(line.reshape([n for n in line.shape if n > 1])) for line in lines]
        return len(lines) == int(match[1]) and max(ranks) <= int(match[2] or 1)
    if match := re.fullmatch(r"I([₀-₉]+) ⊗ .*", words):
        count = int(match[1].translate(SMALL_DIGITS))
        block = matrix[: len(matrix) // count, : matrix.shape[1] // count]
        return bool((matrix == np.kron(np.eye(count), block)).all())
    if match := re.fullmatch(r".* ⊗ I([₀-₉]+)", words):
        count = int(match[1].translate(SMALL_DIGITS))
        return bool((matrix == np.kron(matrix[::count, ::count], np.eye(count))).all())
    return holds(words, truth)


UNCHECKED = r"known by its|with its axes|product|matrix|trace|repeated| \+ |interleaved|ₓ|blocks: |transpose"


@given(st.data())
def test_descriptions_are_true(data: st.DataObject) -> None:
    rows, columns = data.draw(st.tuples(shapes, shapes))
    several = data.draw(st.lists(terms(rows, columns, opaque=False), min_size=1, max_size=3))
    words = re.sub(r", \d+ terms$", "", describe(several))
    truth = filled(several, rows, columns)
    if not truth.size or 0 in {size for term in several for size in term.pattern.sizes}:
        return
    if re.search(UNCHECKED, words) and not re.search(r"outer products$|outer products, in", words):
        return
    if "⊗" in words and not re.search(r"^I[₀-₉]+ ⊗|⊗ I[₀-₉]+$", words):
        return
    matrix = np.reshape(total(several, rows + columns), truth.shape)
    assert is_true(words, matrix, truth, rows, columns), words


def jacobian_of(function: Any, *shape: int) -> Jacobian:
    found: Jacobian = cr.jacobian(function)(random.random(shape))
    return found


def hessian_of(function: Any, *shape: int) -> Jacobian:
    found: Jacobian = cr.hessian(function)(random.random(shape))
    return found


def laplacian(u: Any) -> Any:
    return np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u


def reactions(x: Any) -> Any:
    """Two substances that react and spread on a periodic grid of 6 × 5."""
    u, v = x[:30].reshape(6, 5), x[30:].reshape(6, 5)
    return np.concatenate([(laplacian(u) + u * u * v).ravel(), (laplacian(v) - u * u * v).ravel()])


def observed(z: Any) -> Any:
    """Twelve observations of three points by two cameras, and a weight each."""
    cameras, points, weights = z[:4].reshape(2, 2), z[4:10].reshape(3, 2), z[10:]
    seen = cameras[np.arange(12) % 2] * points[np.arange(12) % 3]
    return np.concatenate([(weights[:, None] * seen).ravel(), 1 - weights * weights])


X, W, wide = (random.standard_normal(shape) for shape in ((6, 3), (3, 2), (3, 40)))
KINDS = [
    (lambda: jacobian_of(np.sin, 5), "diagonal"),
    (lambda: jacobian_of(lambda x: 2 * x, 5), "multiple of the identity"),
    (lambda: jacobian_of(lambda x: x.reshape(2, 3), 3, 2), "identity, reshaped"),
    (lambda: jacobian_of(lambda x: np.sin(x).reshape(2, 3), 3, 2), "diagonal, reshaped"),
    (lambda: jacobian_of(lambda x: x.T, 3, 2), "transpose"),
    (lambda: jacobian_of(lambda w: X @ w, 3, 2), "A ⊗ I₂"),
    (lambda: jacobian_of(lambda x: x @ W, 6, 3), "I₆ ⊗ Aᵀ"),
    (lambda: jacobian_of(lambda x: x[::-1], 5), "permutation"),
    (lambda: jacobian_of(lambda x: np.sort(x + 9 * np.array([3, 1, 4, 0, 2])), 5), "permutation"),
    (lambda: jacobian_of(lambda x: np.sin(x)[np.array([2, 0, 1])], 3), "scaled permutation"),
    (lambda: jacobian_of(lambda x: x[np.array([3, 1, 1])], 5), "selection"),
    (lambda: jacobian_of(lambda x: x[::2], 5), "selection"),
    (lambda: jacobian_of(lambda x: np.sin(x)[np.array([3, 1, 1])], 5), "scaled selection"),
    (lambda: jacobian_of(lambda x: x[1:4], 5), "diagonal shifted by +1"),
    (lambda: jacobian_of(lambda x: x[3], 5), "one entry"),
    (lambda: jacobian_of(lambda x: np.roll(x, 2), 9), "cyclic shift by +2, 2 terms"),
    (lambda: jacobian_of(lambda u: np.roll(u, (1, 2), (0, 1)), 5, 6), "cyclic shift on 5 × 6, 4 terms"),
    (lambda: jacobian_of(np.diff, 5), "upper bidiagonal, 2 terms"),
    (lambda: jacobian_of(lambda x: np.convolve(x, np.arange(1.0, 4.0)), 5), "banded from -2 to 0"),
    (lambda: jacobian_of(lambda x: x.sum(0), 3, 4), "1ᵀ ⊗ I₄"),
    (lambda: jacobian_of(np.cumsum, 5), "known by its products only"),
    (lambda: jacobian_of(lambda x: np.zeros(3) + 0 * x.sum(), 5), "zero"),
    (lambda: jacobian_of(lambda x: x * x), "one number"),
    (lambda: jacobian_of(lambda u: u[2:] + u[:-2] - 2 * u[1:-1], 9), "banded from 0 to +2, 3 terms"),
    (lambda: jacobian_of(lambda w: (np.tanh(X @ w) ** 2).sum(1), 3, 2), "6 outer products x ⊗ y"),
    (lambda: jacobian_of(np.linalg.inv, 3, 3), "A ⊗ Aᵀ"),
    (lambda: jacobian_of(lambda x: np.outer(x, x), 4), "I₄ ⊗ x + x ⊗ I₄"),
    (lambda: jacobian_of(lambda x: np.exp(x) / np.exp(x).sum(), 5), "diagonal + rank one"),
    (lambda: hessian_of(lambda u: ((u @ wide - 1) ** 2).sum(), 6, 3), "I₆ ⊗ A"),
    (lambda: hessian_of(lambda w: np.logaddexp(0, X @ w).sum(), 3), "product AᵀDA, symmetric"),
    (lambda: jacobian_of(reactions, 60),
     "2 × 2 blocks: periodic 5-point stencil on 6 × 5, diagonal; diagonal, periodic 5-point stencil on 6 × 5"),
    (lambda: jacobian_of(lambda u: u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2], 8, 9),
     "4-point stencil from 8 × 9 to 6 × 7, 4 terms"),
    (lambda: jacobian_of(observed, 22), "2 × 3 blocks: 1 a row, 1 a row, 12 diagonal blocks of 2 × 1; 0, 0, diagonal"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text"), KINDS, ids=[text for _, text in KINDS])
def test_functions_have_jacobians_in_words(make: Any, text: str) -> None:
    found = make().structure
    said = found.split(", ")
    assert found.startswith(text), found
    assert re.fullmatch(r"(, symmetric)?(, \d+ terms)?, \d+ stored of \d+ entries", found[len(text) :]), said


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (of([2, 3, 4], [0, 1], [0, 2], [(0, 1, 2)]), "block diagonal, 2 blocks of 3 × 4"),
        (of([2, 3, 4], [1, 0], [0, 2], [(0, 1, 2)]), "2 blocks of 3 × 4, interleaved"),
        (of([3, 4], [0, 1], [0, 1], [(0,), (1,)]), "diag(d) ⊗ diag(e)"),
        (of([3, 4, 5], [0, 1], [2], [(0, 1), (1, 2)]), "dense"),
        (of([4, 2, 3], [0], [1, 2], [(0, 1), (0, 2)]), "4 outer products x ⊗ y"),
        (of([4, 2, 3], [1, 2], [0], [(0, 1), (0, 2)]), "4 outer products x ⊗ y, in columns"),
        (of([4, 2, 3], [0], [1, 2], [(0, 1), (2,)]), "A ⊗ xᵀ"),
        (of([2, 3, 2, 3], [0, 1], [2, 3], [(0, 2), (1,), (3,)]), "A ⊗ xyᵀ"),
        (of([2, 3, 2, 3], [0, 1], [3, 2], [(0, 2), (1,), (3,)]), "yᵀ ⊗ A ⊗ x"),
        (of([2, 3, 4, 5], [0, 1], [2, 3], [(0, 3), (1, 2)]), "A ⊗ B with its axes in another order"),
        (of([2, 3, 4, 5], [0, 1, 3], [0, 2, 3], [(1, 2)]), "I₂ ⊗ A ⊗ I₅"),
        (of([2, 3, 4, 5], [0, 1, 2], [0, 1, 3], [(2, 3)]), "I₂ₓ₃ ⊗ A"),
        (of([2, 3, 4, 5], [0, 1, 2], [1, 0, 3], [(2, 3)]), "A ⊗ I₂ₓ₃ with its axes in another order"),
        (of([2, 1, 4, 1], [0, 1], [2, 3], [(0, 1, 2)]), "dense"),
        (of([4, 1, 3], [0, 1], [None, 2, 0], [(0, 2)]), "4 blocks of 1 × 3, interleaved"),
        (of([9, 4, 9], [0], [2], [(0, 1), (1, 2)]), "low rank, A·B through 4"),
        (of([9, 5, 9], [0], [2], [(0, 1), (1, 2)]), "product A·B through 5"),
        (of([9, 5, 9], [0], [2], [(0, 1), (1,), (1, 2)]), "product A·D·B through 5"),
        (of([4], [0, 0], [0]), "diagonal matrix of a vector"),
        (of([4], [0], [0, 0], [(0,)]), "scaled diagonal of a matrix"),
        (of([4], [], [0, 0]), "trace"),
        (of([4, 3], [0, 0], [1, 1]), "diagonal of repeated axes"),
        (of([4], [affine(5, 0)], [affine(5, 0)]), "part of the diagonal"),
        (of([7], [affine(9, 0)], [affine(9, 0, -1, 6)]), "sparse, at most 1 a row"),
        (of([6], [Axis(5, (0,), (0,), 0, 0)], [Axis(5, (0,), (0,), 0, 1)], [(0,)], [(0,), (0,)],
            tables=(np.array([0, 0, 1, 2, 3, 4]), np.array([1, 4, 2, 0, 1, 3]))),
         "sparse, 1 to 2 a row, entry by entry"),
    ],
)  # fmt: skip
def test_terms_are_said_in_words(made: Jacobian, text: str) -> None:
    assert describe(made.terms) == text


@pytest.mark.parametrize("grid", [(5, 6), (7, 4), (3, 4, 5)])
@pytest.mark.parametrize("is_periodic", [True, False])
def test_a_stencil_is_counted_on_its_grid(grid: tuple[int, ...], is_periodic: bool) -> None:
    """Neighbours along every axis and the place itself, taken round the edges or cut off there."""
    axes = range(len(grid))

    def neighbours(u: Any) -> Any:
        total = 3 * u
        for axis in axes:
            if is_periodic:
                total = total + np.roll(u, 1, axis) + 2 * np.roll(u, -1, axis)
            else:
                wide = np.pad(u, [(1, 1) if k == axis else (0, 0) for k in axes])
                low, high = (
                    wide[tuple([s if k == axis else slice(None) for k in axes])] for s in (np.s_[:-2], np.s_[2:])
                )
                total = total + low + 2 * high
        return total

    for function in (neighbours, lambda flat: neighbours(flat.reshape(grid)).reshape(-1)):
        shape = grid if function is neighbours else (int(np.prod(grid)),)
        words = jacobian_of(function, *shape).structure.split(",")[0]
        around = "periodic " if is_periodic else ""
        assert words == f"{around}{2 * len(grid) + 1}-point stencil on {' × '.join(map(str, grid))}"


def test_the_same_array_has_the_same_letter() -> None:
    x, y = np.ones(3), np.ones(3)
    p = whole([2, 3, 2, 3], [0, 1], [2, 3], [(0, 2), (1,), (3,)])
    matrix = np.ones((2, 2))
    assert describe([Term(p, (matrix, x, y))]) == "A ⊗ xyᵀ"
    assert describe([Term(p, (matrix, x, x))]) == "A ⊗ xxᵀ"
    twice = whole([2, 3, 2, 3], [0, 1], [2, 3], [(0, 2), (3, 1)])
    square = np.ones((3, 3))
    assert describe([Term(twice, (matrix, square))]) == "A ⊗ Bᵀ"


def test_sums_that_take_too_many_words_are_said_by_their_entries() -> None:
    parts = [of([4, 3, 3], [0, 1], [0, 2], [(0, 1, 2)]), of([4, 3], [0, 1], [0, 1], [(0,), (1,)])]
    added = parts[0] + parts[1]
    assert describe(added.terms) == "block diagonal, 4 blocks of 3 × 3 + diag(d) ⊗ diag(e)"
    pieces = [of([4, 4], [affine(40, 0, 1, k), affine(3, 1, 0, 0)], [affine(40, 1, 1, k)], [(0, 1)]) for k in range(36)]
    long = sum(pieces[1:], pieces[0])
    assert len(describe(long.terms)) < 120


def test_opaque_terms_are_told_beside_the_others() -> None:
    hidden = Jacobian([Term(whole([3, 3], [0], [1], [Factor((0, 1), True)]), (Matrix(np.eye(3)),))], (3,), (3,))
    assert describe((hidden + Jacobian.identity((3,))).terms) == "identity + known by its products only"


# --- pictures ---------------------------------------------------------------------------------------------------------
def test_a_small_picture_has_a_sign_for_each_entry_and_gaps_between_blocks() -> None:
    found = of([2, 3], [1], [0, 1], [(0,)]).picture()
    assert found.splitlines()[:3] == ["● · ·   ● · ·", "· ● ·   · ● ·", "· · ●   · · ●"]
    tall = of([2, 3], [0, 1], [1], [(0,)]).picture()
    assert tall.splitlines()[:7] == ["● · ·", "· ● ·", "· · ●", "", "● · ·", "· ● ·", "· · ●"]


def test_a_large_picture_has_a_dot_for_each_cell() -> None:
    lines = Jacobian.identity((100,)).picture(8).splitlines()
    assert lines[:-1] == ["┌────┐", "│⠑⢄⠀⠀│", "│⠀⠀⠑⢄│", "└────┘"]
    assert lines[-1] == "100 × 100, a dot where any of up to 13 × 13 entries need not be zero"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Jacobian([], (0,), (5,)), "0 × 5, no entries"),
        (Jacobian([], (3,), (0, 2)), "3 × 0, no entries"),
        (Jacobian.identity(()), "●\n1 × 1, a dot for each entry that need not be zero"),
        (Jacobian.identity((1, 1)), "●\n1 × 1, a dot for each entry that need not be zero"),
        (Jacobian([], (2,), (2,)), "· ·\n· ·\n2 × 2, a dot for each entry that need not be zero"),
    ],
)
def test_pictures_of_next_to_nothing(made: Jacobian, text: str) -> None:
    assert made.picture() == text


def test_a_drawing_keeps_the_proportions_of_the_matrix() -> None:
    assert extent(300, 100, 60) == (60, 20)
    assert extent(1, 10**6, 64) == (1, 64)
    assert extent(500, 10**6, 64) == (8, 64)
    assert extent(0, 7, 64) == (0, 7)


HUGE = 10**6


def tridiagonal(count: int) -> Jacobian:
    """A tridiagonal map with numbers."""
    middle = Term(identity((count,)), ())
    beside = whole([count - 1], [affine(count, 0, 1, 0)], [affine(count, 0, 1, 1)], [(0,)])
    off = Term(beside, (np.ones(count - 1),))
    return Jacobian([middle, off, off.transposed()], (count,), (count,))


@pytest.mark.parametrize(
    "made",
    [
        tridiagonal(HUGE),
        Jacobian.identity((10**5, 10**5)),
        of([10**4, 10**4], [0], [1], [(0,), (1,)]),
        Jacobian([Term(whole([10**4, 10**4], [1, 0], [0, 1]))], (10**4, 10**4), (10**4, 10**4)),
        of([HUGE, 2], [affine(2 * HUGE, 0, 2), 1], [Axis(HUGE, (0,), (0,), 0, 0)], [(0,)], [(0,)],
           tables=(random.permutation(HUGE),)),
    ],
    ids=["tridiagonal", "identity", "outer product", "transpose", "gather"],
)  # fmt: skip
def test_a_huge_map_is_shown_at_once(made: Jacobian) -> None:
    """Enumerating the entries would take minutes, or all the memory; this takes a moment of the processor."""
    times = []
    for _ in range(3):
        start = time.process_time()
        shown = repr(made), made.picture(), made._repr_html_()
        times.append(time.process_time() - start)
    assert min(times) < 2
    assert max(map(len, shown)) < 60_000


def test_the_picture_of_a_huge_tridiagonal_map_is_a_diagonal() -> None:
    found = cells_of(tridiagonal(HUGE).terms, HUGE, HUGE)
    rows, columns = np.indices(found.marked.shape)
    np.testing.assert_array_equal(found.marked, abs(rows - columns) <= 1)


# --- index notation ---------------------------------------------------------------------------------------------------
def evaluated(term: Term) -> Any:
    """The dense array that the formula of a term says, read back from its text."""
    names = Names([term])
    told = written(term, names)
    p = term.pattern
    arrays = {names[array]: np.asarray(array) for array in term.factors if isinstance(array, np.ndarray)}
    tables = {names[table]: table for table in term.tables}
    left, right = told.formula.replace("−", "-").split(" = ")
    match = re.fullmatch(r"∂out(?:\[(.*)\])?/∂arg(?:\[(.*)\])?", left)
    assert match is not None

    def split(text: str | None) -> list[str]:
        return re.split(r",(?![^(]*\))", text) if text else []

    places = split(match[1]), split(match[2])
    sizes = {name: int(size) for name, size in re.findall(r"(\w+) < (\d+)", told.ranges)}
    for place, axis in zip(places[0] + places[1], p.row + p.column, strict=True):
        if re.fullmatch(r"[a-z]", place):
            sizes[place] = min(axis.size, sizes.get(place, axis.size))

    def value(expression: str, at: dict[str, int]) -> Any:
        call = re.fullmatch(r"(\w)\((.*)\)", expression)
        if call:
            return tables[call[1]][tuple([at[name] for name in call[2].split(",")])]
        return eval(re.sub(r"(\d)([a-z])", r"\1*\2", expression), {}, at)

    result = np.zeros(p.row_shape + p.column_shape)
    for values in product(*[range(size) for size in sizes.values()]):
        at = dict(zip(sizes, values, strict=True))
        number: Any = 1.0
        for part in right.split():
            if part.startswith("-") and not re.fullmatch(r"-[\d.e+-]+", part):
                number, part = -number, part[1:]
            if part.startswith("Σ_"):
                continue
            if part.startswith("δ_"):
                number *= len({at[name] for name in part[2:]}) == 1
            elif part in arrays:
                number *= arrays[part][()]
            elif found := re.fullmatch(r"(\w+)\[(.*)\]", part):
                number *= arrays[found[1]][tuple([at[name] for name in found[2].split(",")])]
            else:
                number *= float(part)
        index = tuple([int(value(place, at)) for side in places for place in side])
        result[index] += number
    return result


@given(st.data())
def test_a_formula_says_the_entries(data: st.DataObject) -> None:
    rows, columns = data.draw(st.tuples(shapes, shapes))
    drawn = data.draw(terms(rows, columns, opaque=False))
    numbers = [(2.0 if f > 0 else -1.0) if isinstance(f, float) else f for f in drawn.factors]  # exact in four digits
    term = Term(drawn.pattern, tuple(numbers), drawn.tables)
    if 0 in rows + columns:
        return
    np.testing.assert_allclose(evaluated(term), total([term], rows + columns), atol=1e-9)


@pytest.mark.parametrize(
    ("made", "formula"),
    [
        (of([2, 3], [1], [0, 1], [(0,)]), "∂out[i]/∂arg[j,k] = x[j] δ_ik"),
        (of([2, 3, 4], [0, 1], [2, 1], [(0, 2)]), "∂out[i,j]/∂arg[k,l] = A[i,k] δ_jl"),
        (of([5], [], [0, 0]), "∂out/∂arg[i,j] = δ_ij"),
        (of([5], [0], [0, 0]), "∂out[i]/∂arg[j,k] = δ_ijk"),
        (of([4], [0], [affine(9, 0, 2, 1)]), "∂out[i]/∂arg[2i+1] = 1"),
        (of([4], [0], [affine(9, 0, -2, 7)], [(0,)]), "∂out[i]/∂arg[7−2i] = x[i]"),
        (of([3, 2, 3], [0], [2], [(0, 1), (1, 2)]), "∂out[i]/∂arg[j] = Σ_k A[i,k] B[k,j]"),
        (of([3], [0], [Axis(5, (0,), (0,), 0, 0)], (), [(0,)], tables=(np.arange(3),)), "∂out[i]/∂arg[p(i)] = 1"),
        (Jacobian.identity((2,)) * -1, "∂out[i]/∂arg[j] = −δ_ij"),
        (Jacobian.identity((2,)) * 2.5, "∂out[i]/∂arg[j] = 2.5 δ_ij"),
        (Jacobian.identity(()) * -2, "∂out/∂arg = −2"),
    ],
)
def test_formulas(made: Jacobian, formula: str) -> None:
    assert written(made.terms[0]).formula == formula


def test_many_arrays_are_numbered_and_one_array_keeps_its_name() -> None:
    arrays = [np.ones(3) for _ in range(12)]
    p = whole([3], [0], [0], [(0,), (0,)])
    several = [Term(p, (arrays[0], array)) for array in arrays[1:]]
    names = Names(several)
    assert written(several[10], names).formula == "∂out[i]/∂arg[j] = x₁[i] x₁₂[i] δ_ij"


# --- in a notebook ----------------------------------------------------------------------------------------------------
def parsed(made: Jacobian) -> Any:
    return ET.fromstring(made._repr_html_())


@given(sums())
def test_html_is_well_formed_and_asks_for_nothing(case: Any) -> None:
    several, rows, columns = case
    made = Jacobian(several, rows, columns)
    shown = made._repr_html_()
    tree = ET.fromstring(shown)
    assert not re.search(r"<script|<style|<link|<img|src=|href=|url\(|onclick", shown)
    assert re.findall(r"https?://\S+", shown.replace("http://www.w3.org/2000/svg", "")) == []
    assert not re.search(r"#[0-9a-fA-F]{3}|rgb\(|black|white(?!-space)", shown), "a colour of its own"
    facts = {row[0].text: "".join(row[1].itertext()) for row in tree.iter("tr") if row[0].get("scope") == "row"}
    assert facts["structure"] == describe(made.terms)
    assert facts["dtype"] == str(made.dtype)
    assert facts["entries"] == f"{filled(list(made.terms), rows, columns).sum():,} of {made.size:,}"
    formulas = ["".join(code.itertext()) for code in tree.iter("code")]
    assert len(formulas) == len(made.terms)


def test_the_drawing_has_a_name_and_the_colour_of_the_page() -> None:
    drawing = next(element for element in parsed(tridiagonal(100)).iter() if element.tag.endswith("svg"))
    assert drawing.get("role") == "img"
    assert drawing.get("aria-label") == drawing[0].text
    assert "tridiagonal" in (drawing[0].text or "")
    assert drawing[1].get("fill") == "currentColor"
    assert drawing.get("viewBox") == "0 0 64 64"


def test_the_drawing_fills_the_marked_cells() -> None:
    made = of([3, 2], [0], [Axis(6, (0, 1), (2, 1))], [(0, 1)])
    drawing = next(element for element in parsed(made).iter() if element.tag.endswith("svg"))
    corners = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h", drawing[1].get("d") or "")]
    assert {(int(y), int(x)) for x, y in corners} == {(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)}


def test_what_others_named_is_escaped() -> None:
    kind: Any = type("<b onclick='x'>&", (Matrix,), {})
    p = whole([3, 3], [0], [1], [Factor((0, 1), True)])
    shown = Jacobian([Term(p, (kind(np.eye(3)),))], (3,), (3,))._repr_html_()
    assert "<b" not in shown
    assert "&lt;b onclick" in shown
    ET.fromstring(shown)


def test_many_terms_are_folded_away() -> None:
    pieces = [of([1], [affine(99, 0, 1, k)], [affine(99, 0, 1, 7 * k % 99)], [(0,)]) for k in range(80)]
    several = [term for piece in pieces for term in piece.terms]
    tree = ET.fromstring(html(several, (99,), (99,), "sparse", 80, "float64"))
    details = next(tree.iter("details"))
    assert "".join(details[0].itertext()) == "80 terms, added"
    assert len(list(details.iter("code"))) == 64
    assert "… and 16 more" in "".join(details.itertext())
    assert not list(parsed(tridiagonal(9)).iter("details"))


def test_single_precision_and_tracked_factors() -> None:
    narrow = cr.jacobian(np.sin)(np.ones(3, np.float32))
    assert "float32" in narrow._repr_html_()
    seen = []

    def gradient_of_entries(x: Any) -> Any:
        found = Jacobian([Term(whole([3], [0], [0], [(0,)]), (np.sin(x),))], (3,), (3,))
        seen.append((repr(found), found.picture(), found._repr_html_()))
        return found.dense().sum()

    cr.grad(gradient_of_entries)(np.ones(3))
    assert seen[0][0] == "Jacobian of shape (3, 3): diagonal, 3 stored of 9 entries"
    assert seen[0][1].startswith("● · ·")
    assert "x[i] δ_ij" in seen[0][2]


# --- with matplotlib --------------------------------------------------------------------------------------------------
class Drawn:
    """Axes that note what was drawn on them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.transAxes = None
        self.xaxis, self.yaxis = (
            SimpleNamespace(
                set_ticks=lambda *given, side=side: self.calls.append((side, given, {})),
                set_label_position=lambda *_: None,
                tick_top=lambda: None,
            )
            for side in "xy"
        )

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **options: self.calls.append((name, given, options))

    def all(self, name: str) -> list[tuple[Any, ...]]:
        """What a method was called with."""
        return [given for called, given, _ in self.calls if called == name]


def test_spy_names_its_ticks_by_index_and_parts_the_blocks() -> None:
    made, ax = of([2, 3], [1], [0, 1], [(0,)]), Drawn()
    assert made.spy(ax) is ax
    np.testing.assert_array_equal(ax.all("imshow")[0][0], filled(list(made.terms), (3,), (2, 3)))
    assert ax.all("x") == [([0, 1, 2, 3, 4, 5], ["0,0", "0,1", "0,2", "1,0", "1,1", "1,2"])]
    assert ax.all("y") == [([0, 1, 2], ["0", "1", "2"])]
    assert ax.all("axvline") == [(2.5,)]
    assert ax.all("axhline") == []
    assert ax.all("set_xlabel") == [("∂arg[j, k]",)]
    assert ax.all("set_ylabel") == [("∂out[i]",)]


def test_spy_of_a_large_map_says_what_a_dot_means() -> None:
    ax = Drawn()
    tridiagonal(HUGE).spy(ax, cells=100, cmap="Blues")
    assert ax.all("imshow")[0][0].shape == (100, 100)
    assert "10,000 × 10,000 entries" in ax.all("text")[0][2]
    assert [options["cmap"] for name, _, options in ax.calls if name == "imshow"] == ["Blues"]
    ((places, texts),) = ax.all("x")
    assert len(places) <= 8
    assert texts == [str(place) for place in places]


@pytest.mark.parametrize("made", [Jacobian([], (0,), (5,)), Jacobian.identity(()), Jacobian.identity((1, 1, 3))])
def test_spy_of_next_to_nothing(made: Jacobian) -> None:
    ax = Drawn()
    made.spy(ax)
    assert ax.all("imshow") or "no entries" in ax.all("text")[0][2]


def test_spy_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(LibraryMissingError, match=r"pip install 'chainrule\[plot\]'.*J\.picture\(\)"):
        Jacobian.identity((3,)).spy()


def test_spy_with_matplotlib(tmp_path: Any) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'chainrule[plot]'")
    matplotlib.use("Agg")
    ax = of([20, 3, 4], [0, 1], [0, 2], [(0, 1, 2)]).spy()
    ax.figure.savefig(tmp_path / "spy.png")
    assert (tmp_path / "spy.png").stat().st_size > 1000
    assert [label.get_text() for label in ax.get_yticklabels()][:2] == ["0,0", "5,0"]
    assert not isinstance(ax, Opaque)
