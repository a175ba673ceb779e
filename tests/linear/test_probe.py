"""Maps that can only be applied are replaced by their entries, found by few products and held against one more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import SparsityError
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.nonzeros import band, nonzeros
from chainrule.linear.probe import explicit, opaque_entries, products_note, verify
from chainrule.linear.recipe import Selected
from chainrule.linear.term import Axis, Factor, Opaque, Term
from tests.linear.reference import Matrix, shapes, terms, whole, written_out


class Box(Opaque):
    """A matrix behind its products, which are counted; it never shows itself as an array."""

    by_products = True

    def __init__(self, array: Any, sparsity: Any = None, claimed: bool = False) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.sparsity, self.claimed = sparsity, claimed
        self.products = 0

    def apply(self, vectors: Any) -> Any:
        self.products += vectors.shape[-1]
        return self.array @ vectors

    def apply_transposed(self, vectors: Any) -> Any:
        self.products += vectors.shape[-1]
        return np.swapaxes(self.array, -1, -2) @ vectors


def filled(size: int, below: int, above: int, seed: int = 0) -> Any:
    """A banded matrix of random numbers."""
    return np.random.default_rng(seed).uniform(1, 2, (size, size)) * band(size, size, below, above).matrix().toarray()


def banded(size: int, below: int, above: int, seed: int = 0) -> Box:
    return Box(filled(size, below, above, seed), band(size, size, below, above))


@st.composite
def sparse_terms(draw: Any) -> Term:
    """A random term whose opaque factors have zeros and say where."""
    term = draw(terms(draw(shapes), draw(shapes)))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    factors = []
    for factor in term.factors:
        if isinstance(factor, Matrix) and draw(st.integers(0, 4)):
            mask = random.random(factor.shape[-2:]) < draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
            made: Any = Box(factor.array * mask, nonzeros(mask))
            factors.append(made)
        else:
            factors.append(factor)
    return Term(term.pattern, tuple(factors), term.tables)


@given(sparse_terms())
def test_entries_take_the_place_of_the_map(term: Term) -> None:
    (found,) = explicit([term])
    assert np.allclose(written_out(found), written_out(term))
    (shape_only,) = explicit([term], numbers=False)
    assert shape_only.pattern == found.pattern
    assert found.pattern.entries <= term.pattern.entries


def test_a_band_takes_as_many_products_as_it_is_wide() -> None:
    box = banded(200, 1, 2)
    places, entries = opaque_entries(box)
    assert box.products == 4
    assert np.array_equal(entries, box.array[places.rows, places.indices])
    opaque_entries(box)
    assert box.products == 4  # they are kept


def test_blocks_share_their_products() -> None:
    stack = np.stack([filled(30, 1, 1, seed) for seed in range(5)])
    box = Box(stack, band(30, 30, 1, 1))
    places, entries = opaque_entries(box)
    assert box.products == 3
    assert np.array_equal(entries, stack[:, places.rows, places.indices])
    term = Term(whole([5, 30, 30], [0, 1], [0, 2], [Factor((0, 1, 2), True)]), (box,))
    (found,) = explicit([term])
    assert found.pattern.entries == 5 * (30 * 3 - 2)
    assert np.array_equal(written_out(found), written_out(term))


def test_one_map_for_all_blocks() -> None:
    box = banded(30, 1, 1)
    term = Term(whole([5, 30, 30], [0, 1], [0, 2], [Factor((1, 2), True)]), (box,))
    assert products_note(term) == "3 products in 5 blocks"
    (found,) = explicit([term])
    assert np.array_equal(written_out(found), written_out(term))
    assert box.products == 3 + 30  # and those of the dense array that it was compared with


def test_a_slice_around_it_needs_fewer_products() -> None:
    box = Box(np.random.default_rng(0).random((40, 40)))
    few = Selected(box, np.array([3, 17]), outputs=True)
    assert np.allclose(few.dense(), box.array[[3, 17]])
    assert box.products == 2
    sparse = banded(40, 1, 1)
    places, entries = opaque_entries(Selected(sparse, np.arange(0, 40, 2), outputs=True))
    assert sparse.products <= 3
    assert np.array_equal(entries, sparse.array[::2][places.rows, places.indices])


def test_repeats_do_not_need_more_products() -> None:
    box = banded(40, 1, 1)
    index = np.repeat(np.arange(40), 5)
    places, entries = opaque_entries(Selected(box, index, outputs=False))
    assert box.products == 3
    assert np.array_equal(entries, box.array[:, index][places.rows, places.indices])


def test_a_chain_of_black_boxes_stays_sparse() -> None:
    first, second = banded(100, 1, 1, 1), banded(100, 1, 1, 2)
    between = np.random.default_rng(3).random(100)
    p = whole([100] * 3, [0], [2], [Factor((0, 1), True), (1,), Factor((1, 2), True)])
    (found,) = explicit([Term(p, (first, between, second))])
    assert not any([factor.opaque for factor in found.pattern.factors])
    assert found.pattern.entries == sum([len(set(range(max(0, k - 1), min(100, k + 2)))) ** 2 for k in range(100)])
    assert np.allclose(written_out_flat(found), first.array @ np.diag(between) @ second.array)
    assert first.products + second.products == 6


def written_out_flat(term: Term) -> Any:
    """The dense matrix of a term with one table on each side."""
    return Jacobian([term], term.pattern.row_shape, term.pattern.column_shape).dense()


def test_an_array_on_the_way_is_multiplied_not_listed() -> None:
    box = banded(50, 1, 1)
    p = whole([50, 50, 50], [0], [2], [Factor((0, 1), True), (1, 2)])
    term = Term(p, (box, np.ones((50, 50))))
    assert explicit([term]) == [term]


def test_nothing_is_made_of_a_map_without_places() -> None:
    term = Term(whole([3, 3], [0], [1], [Factor((0, 1), True)]), (Matrix(np.ones((3, 3))),))
    assert explicit([term])[0] is term
    assert products_note(term) == ""
    assert products_note(Term(term.pattern, (Box(np.ones((3, 3))),))) == "3 products"


def test_the_derived_dense_array() -> None:
    for shape in ((3, 5), (5, 3), (2, 3, 5), (2, 5, 3)):
        array = np.random.default_rng(0).random(shape)
        box = Box(array)
        assert np.allclose(box.dense(), array)
        assert box.products == 3


def test_a_reshape_around_it() -> None:
    box = banded(6, 0, 1)
    tables = (np.arange(6) // 3, np.arange(6) % 3)
    rows = [Axis(2, (0,), (), 0, 0), Axis(3, (0,), (), 0, 1)]
    p = whole([6, 6], rows, [1], [Factor((0, 1), True)], [(0,), (0,)])
    term = Term(p, (box,), tables)
    (found,) = explicit([term])
    assert np.allclose(written_out(found), written_out(term))
    assert found.pattern.entries == 11


# -------------------------------------------------------------------------------------------------- wrong declarations
@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_missing_place_is_found(batch: tuple[int, ...], dtype: Any) -> None:
    array = np.broadcast_to(filled(60, 1, 1), (*batch, 60, 60)).astype(dtype)
    opaque_entries(Box(array.copy(), band(60, 60, 1, 1), claimed=True))
    opaque_entries(Box(array.copy(), band(60, 60, 2, 3), claimed=True))  # too many places are no mistake
    array[..., 40, 3] = 0.01
    with pytest.raises(SparsityError, match=r"1 of 60 outputs \(40,.*too many are allowed"):
        opaque_entries(Box(array, band(60, 60, 1, 1), claimed=True))


@given(st.integers(0, 1000))
def test_any_missing_place_is_found(seed: int) -> None:
    random = np.random.default_rng(seed)
    array = random.standard_normal((8, 9)) * (random.random((8, 9)) < 0.4)
    missing = random.integers(0, 8), random.integers(0, 9)
    array[missing] = random.choice([-1, 1]) * random.uniform(1e-2, 1)
    mask = array != 0
    opaque_entries(Box(array, nonzeros(mask), claimed=True))
    mask[missing] = False
    with pytest.raises(SparsityError):
        opaque_entries(Box(array, nonzeros(mask), claimed=True))


def test_infinite_entries_are_no_wrong_declaration() -> None:
    verify(band(2, 2, 0, 0), np.array([np.inf, 1.0]), np.ones(2), np.array([np.inf, 1.0]), "it")
    verify(nonzeros(np.zeros((2, 2))), np.zeros(0), np.ones(2), np.zeros(2), "it")
    with pytest.raises(SparsityError):
        verify(nonzeros(np.zeros((2, 2))), np.zeros(0), np.ones(2), np.array([0.0, 1e-3]), "it")
