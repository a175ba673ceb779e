"""Composition of terms equals the product of their matrices, and keeps what a person would write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import ShapeError
from chainrule.linear import Axis, Factor, Jacobian, Pattern, Term, compose, identity, merge, simplify
from chainrule.linear.compose import close
from tests.linear.reference import Matrix, Recorded, shapes, terms, total, whole, written_out

random = np.random.default_rng(7)


def product(outer: Any, inner: Any, rank: int) -> Any:
    """The dense composition of two dense maps that meet in ``rank`` axes."""
    return np.tensordot(outer, inner, rank)


def checked(outer: Term, inner: Term) -> list[Term]:
    """Their composition, after it was compared with the dense product."""
    found = compose(outer, inner)
    expected = product(written_out(outer), written_out(inner), len(outer.pattern.column))
    np.testing.assert_allclose(total(found, expected.shape), expected, atol=1e-12)
    return found


def term(p: Pattern, *factors: Any, tables: tuple[Any, ...] = ()) -> Term:
    """A term with random factors where none are given."""
    shapes = [tuple([p.sizes[label] for label in factor.labels]) for factor in p.factors]
    return Term(p, factors or tuple([random.standard_normal(shape) for shape in shapes]), tables)


def jacobian(made: Term) -> Jacobian:
    """A Jacobian of one term."""
    return Jacobian([made], made.pattern.row_shape, made.pattern.column_shape)


# --------------------------------------------------------------------------------------------------------- at random
@given(st.data())
def test_composition_is_the_matrix_product(data: st.DataObject) -> None:
    z, y, x = data.draw(st.tuples(shapes, shapes, shapes))
    outer, inner = data.draw(terms(z, y)), data.draw(terms(y, x))
    checked(outer, inner)
    checked(outer, inner)  # the second time through the plan


@given(st.data())
def test_a_plan_serves_other_numbers_and_tables(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    outer, inner = data.draw(terms(x, y)), data.draw(terms(y, x))
    checked(outer, inner)
    numbers = tuple([Matrix(2 - f.array) if isinstance(f, Matrix) else 2 - f for f in outer.factors])
    tables = tuple([table[::-1].copy() for table in outer.tables])
    checked(Term(outer.pattern, numbers, tables), inner)


@given(st.data())
def test_a_chain_of_three_may_be_bracketed_either_way(data: st.DataObject) -> None:
    w, z, y, x = data.draw(st.tuples(shapes, shapes, shapes, shapes))
    a, b, c = data.draw(terms(w, z)), data.draw(terms(z, y)), data.draw(terms(y, x))
    left = [t for ab in compose(a, b) for t in compose(ab, c)]
    right = [t for bc in compose(b, c) for t in compose(a, bc)]
    expected = product(product(written_out(a), written_out(b), len(z)), written_out(c), len(y))
    np.testing.assert_allclose(total(left, w + x), expected, atol=1e-9)
    np.testing.assert_allclose(total(right, w + x), expected, atol=1e-9)


@given(st.data())
def test_merge_keeps_the_sum(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    several = data.draw(st.lists(terms(y, x), min_size=1, max_size=3))
    several += [
        Term(t.pattern, tuple([f if isinstance(f, Matrix) else 3 * f for f in t.factors]), t.tables) for t in several
    ]
    found = merge([*several, several[0]])
    np.testing.assert_allclose(total(found, y + x), total([*several, several[0]], y + x), atol=1e-12)


@given(st.data())
def test_simplify_diagonal_and_trace(data: st.DataObject) -> None:
    x = data.draw(shapes)
    made = data.draw(terms(x, x))
    count = int(np.prod(x))
    matrix = written_out(made).reshape(count, count)
    np.testing.assert_allclose(total(simplify(made), x + x).reshape(count, count), matrix, atol=1e-12)
    np.testing.assert_allclose(total(close(made, "diagonal"), x).ravel(), np.diagonal(matrix), atol=1e-12)
    np.testing.assert_allclose(total(close(made, "trace"), ()), np.trace(matrix), atol=1e-12)


@given(st.data())
def test_factors_are_used_by_functions_that_dispatch(data: st.DataObject) -> None:
    z, y, x = data.draw(st.tuples(shapes, shapes, shapes))
    calls: list[str] = []
    outer, inner = (
        Term(t.pattern, tuple([Recorded(f, calls) for f in t.factors]), t.tables)
        for t in (data.draw(terms(z, y, opaque=False)), data.draw(terms(y, x, opaque=False)))
    )
    found = merge(checked(outer, inner) + checked(outer, inner))
    for made in found:
        for factor in made.factors:
            assert isinstance(factor, Recorded | int | float), "a plain array came out of tracked ones"


# --------------------------------------------------------------------------------------------- what a person would keep
def test_linear_layer_stores_its_input() -> None:
    x = random.standard_normal(4)
    linear = jacobian(term(whole([4, 3], [1], [0, 1], [(0,)]), x))
    assert linear.stored == 4
    assert linear.terms[0].factors[0] is x


def test_bias_stores_nothing() -> None:
    rows = jacobian(term(whole([5, 3], [0, 1], [1])))
    assert (rows @ Jacobian.identity((3,))).stored <= 1


def test_activation_of_a_layer_stores_both_vectors() -> None:
    layer = term(whole([4, 3], [1], [0, 1], [(0,)]))
    slope = term(whole([3], [0], [0], [(0,)]))
    (found,) = checked(slope, layer)
    assert jacobian(found).stored == 4 + 3
    assert {id(f) for f in found.factors} == {id(layer.factors[0]), id(slope.factors[0])}


@pytest.mark.parametrize("left_first", [True, False])
def test_two_layers_stay_factored(left_first: bool) -> None:
    first = jacobian(term(whole([5, 4, 3], [0, 2], [1, 2], [(0, 1)])))
    mask = jacobian(term(whole([5, 3], [0, 1], [0, 1], [(0, 1)])))
    second = jacobian(term(whole([5, 3, 2], [0, 2], [0, 1], [(1, 2)])))
    found = (second @ mask) @ first if left_first else second @ (mask @ first)
    assert len(found.terms) == 1
    kept = {id(f) for f in found.terms[0].factors}
    assert kept == {id(j.terms[0].factors[0]) for j in (first, mask, second)}


def softmax(x: Any) -> Jacobian:
    """exp, sum, division, composed one after the other."""
    n, e = len(x), np.exp(x)
    share = 1 / e.sum()
    exponential = jacobian(term(whole([n], [0], [0], [(0,)]), e))
    reciprocal = jacobian(term(whole([], [], [], [()]), -(share**2))) @ jacobian(term(whole([n], [], [0])))
    by_numerator = jacobian(term(whole([n], [0], [0], [()]), share))
    by_denominator = jacobian(term(whole([n], [0], [], [(0,)]), e))
    return (by_numerator + by_denominator @ reciprocal) @ exponential


def test_softmax_is_a_diagonal_and_a_rank_one() -> None:
    x = random.standard_normal(6)
    p = np.exp(x) / np.exp(x).sum()
    found = softmax(x)
    np.testing.assert_allclose(found.dense(), np.diag(p) - np.outer(p, p), atol=1e-14)
    assert found.stored <= 5 * 6
    assert found.structure.startswith("diagonal + rank one,")


def test_powers_of_softmax_do_not_grow_exponentially() -> None:
    found = softmax(random.standard_normal(6))
    expected = found.dense()
    power, dense = found, expected
    for _ in range(5):
        power, dense = found @ power, expected @ dense
    np.testing.assert_allclose(power.dense(), dense, atol=1e-12)
    assert len(power.terms) <= 7


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_second_difference(n: int) -> None:
    def shifted(offset: int) -> Jacobian:
        return jacobian(term(whole([n - 2], [0], [Axis(n, (0,), (1,), offset)])))

    found = shifted(2) - 2 * shifted(1) + shifted(0)
    eye = np.eye(n)
    np.testing.assert_array_equal(found.dense(), eye[2:] - 2 * eye[1:-1] + eye[:-2])
    assert found.stored <= 10
    if n > 2:
        assert found.structure.startswith("banded from 0 to +2, 3 terms")


@pytest.mark.parametrize("transposed_view", [False, True])
def test_logistic_hessian_stays_a_product(transposed_view: bool) -> None:
    X, d = random.standard_normal((80, 6)), random.random(80)
    model = jacobian(term(whole([80, 6], [0], [1], [(0, 1)]), X))
    weights = jacobian(term(whole([80], [0], [0], [(0,)]), d))
    back = jacobian(term(whole([80, 6], [1], [0], [(1, 0)]), X.T)) if transposed_view else model.T
    for found in ((back @ weights) @ model, back @ (weights @ model)):
        assert len(found.terms) == 1
        assert found.stored == 80 * 6 + 80
        first, second = [f for f in found.terms[0].factors if f.ndim == 2]
        assert first is second
        np.testing.assert_allclose(found.dense(), X.T @ (d[:, None] * X), atol=1e-12)
        assert "AᵀDA" in found.structure


def test_sandwich_is_multiplied_when_applied_on() -> None:
    X, d, v = random.standard_normal((80, 6)), random.random(80), random.standard_normal(6)
    hessian = term(whole([80, 6, 6], [1], [2], [(0, 1), (0,), (0, 2)]), X, d, X)
    (found,) = checked(hessian, term(whole([6], [0], [], [(0,)]), v))
    assert jacobian(found).stored == 6


def test_sandwiches_add_their_diagonals() -> None:
    X = random.standard_normal((8, 3))
    p = whole([8, 3, 3], [1], [2], [(0, 1), (0,), (0, 2)])
    first, second = term(p, X, random.random(8), X), term(p, X, random.random(8), X)
    (found,) = merge([first, second])
    np.testing.assert_allclose(written_out(found), written_out(first) + written_out(second), atol=1e-12)
    assert jacobian(found).stored == 8 * 3 + 8


def test_matrix_factorisation_hessian_is_one_small_matrix() -> None:
    n, m, k = 30, 20, 3
    V = random.standard_normal((m, k))
    residual = jacobian(term(whole([n, m, k], [0, 1], [0, 2], [(1, 2)]), V))
    found = 2 * (residual.T @ residual)
    assert found.stored <= k * k + 1
    expected = np.einsum("ij,ab->iajb", np.eye(n), 2 * V.T @ V)
    np.testing.assert_allclose(found.dense(), expected, atol=1e-12)


def test_masked_factorisation_keeps_one_small_matrix_per_row() -> None:
    n, m, k = 6, 20, 3
    V, mask = random.standard_normal((m, k)), random.random((n, m))
    residual = jacobian(term(whole([n, m, k], [0, 1], [0, 2], [(1, 2)]), V))
    found = residual.T @ jacobian(term(whole([n, m], [0, 1], [0, 1], [(0, 1)]), mask)) @ residual
    assert found.stored == n * k * k
    np.testing.assert_allclose(found.dense(), np.einsum("im,ma,mb,ij->iajb", mask, V, V, np.eye(n)), atol=1e-12)


def test_inverse_is_a_kronecker_product_of_one_array() -> None:
    Y = random.standard_normal((4, 4))
    found = jacobian(term(whole([4, 4, 4, 4], [0, 3], [1, 2], [(), (0, 1), (2, 3)]), -1, Y, Y))
    assert found.stored == 16
    trace = jacobian(term(whole([4], [], [0, 0])))
    assert (trace @ found).stored <= 2 * 16 + 1
    np.testing.assert_allclose((trace @ found).dense(), -(Y @ Y).T, atol=1e-12)


def test_low_rank_stays_low_rank_and_a_long_chain_is_shortened() -> None:
    thin = jacobian(term(whole([50, 2], [0], [1], [(0, 1)])))
    wide = jacobian(term(whole([2, 50], [0], [1], [(0, 1)])))
    assert (thin @ wide).stored == 200
    square = jacobian(term(whole([50, 50], [0], [1], [(0, 1)])))
    assert (thin @ (wide @ square)).stored == 200
    assert ((thin @ wide) @ square).stored == 200
    assert ((thin @ wide) @ (thin @ wide)).stored == 200


def test_powers_of_one_matrix_are_multiplied_out() -> None:
    W = random.standard_normal((5, 5))
    step = jacobian(term(whole([5, 5], [0], [1], [(0, 1)]), W))
    found = step @ step @ step
    assert [len(t.factors) for t in found.terms] == [1]
    np.testing.assert_allclose(found.dense(), W @ W @ W, atol=1e-12)


def test_a_label_that_nothing_carries_is_a_number() -> None:
    column = term(whole([7, 3], [0, 1], [1]))  # repeated along the first axis …
    (found,) = checked(term(whole([7, 3], [1], [0, 1])), column)  # … and summed over it
    assert found.factors == (7,)


# ------------------------------------------------------------------------------------------------------ kinds of axes
def test_slice_of_a_factor_is_a_view() -> None:
    inner = term(whole([7, 4], [0], [1], [(0, 1)]))
    (found,) = checked(term(whole([5], [0], [Axis(7, (0,), (-1,), 5)])), inner)
    assert np.shares_memory(found.factors[0], inner.factors[0])


def test_reshape_splits_a_label_and_the_factor_is_a_view() -> None:
    inner = term(whole([6, 2], [0], [1], [(0, 1)]))
    (found,) = checked(term(whole([3, 2], [0, 1], [Axis(6, (0, 1), (2, 1))])), inner)
    assert np.shares_memory(found.factors[0], inner.factors[0])
    assert found.pattern.row_shape == (3, 2)


def test_groups_that_divide_refine_without_a_table() -> None:
    two_by_six = term(whole([2, 6], [0, 1], [Axis(12, (0, 1), (6, 1))], [(1,)]))
    six_by_two = term(whole([6, 2], [Axis(12, (0, 1), (2, 1))], [0, 1], [(0, 1)]))
    (found,) = checked(two_by_six, six_by_two)
    assert not found.tables


def test_groups_that_do_not_divide_are_joined() -> None:
    two_by_three = term(whole([2, 3], [0, 1], [Axis(6, (0, 1), (3, 1))], [(1,)]))
    three_by_two = term(whole([3, 2], [Axis(6, (0, 1), (2, 1))], [0, 1], [(0, 1)]))
    checked(two_by_three, three_by_two)


def test_slice_of_a_padding_is_exact() -> None:
    pad = term(whole([4], [Axis(9, (0,), (1,), 2)], [0]))  # positions 2 … 5 of 9
    every_second = whole([4], [0], [Axis(9, (0,), (2,), 1)])  # positions 1, 3, 5, 7
    (found,) = checked(term(every_second), pad)
    assert found.pattern.sizes == (2,)
    beyond = term(whole([3], [0], [Axis(9, (0,), (1,), 6)]))
    assert checked(beyond, pad) == []


def test_window_over_a_padding_becomes_a_term_for_each_offset() -> None:
    window = term(whole([5, 3], [0], [Axis(7, (0, 1), (1, 1))], [(1,)]))
    found = checked(window, term(whole([5], [Axis(7, (0,), (1,), 1)], [0])))
    assert len(found) == 3
    assert jacobian(found[0]).row_shape == (5,)
    assert sum([jacobian(t).stored for t in found]) == 3


def test_gather_after_scatter_of_the_same_positions_is_the_identity() -> None:
    positions = np.array([4, 0, 2])
    scatter = term(whole([3], [Axis(6, (0,), (), 0, 0)], [0], [], [(0,)]), tables=(positions,))
    (found,) = checked(scatter.transposed(), scatter)
    assert found.pattern is identity((3,))


def test_repeated_positions_are_joined() -> None:
    def gather(*positions: int) -> Term:
        p = whole([len(positions)], [0], [Axis(5, (0,), (), 0, 0)], [(0,)], [(0,)])
        return term(p, tables=(np.array(positions),))

    checked(gather(1, 1, 3, 0), gather(2, 4, 2, 1, 1).transposed()._replace())
    assert checked(gather(0, 1), gather(2, 3, 4).transposed()) == []


def test_gather_of_gather_composes_tables() -> None:
    first = term(whole([4], [0], [Axis(6, (0,), (), 0, 0)], [], [(0,)]), tables=(np.array([5, 1, 1, 0]),))
    second = term(whole([3], [0], [Axis(4, (0,), (), 0, 0)], [], [(0,)]), tables=(np.array([3, 3, 0]),))
    (found,) = checked(second, first)
    assert found.tables[0].tolist() == [0, 0, 5]


def test_diagonal_of_a_matrix_and_back() -> None:
    diagonal = term(whole([3], [0], [0, 0]))
    (found,) = checked(diagonal, diagonal.transposed())
    assert found.pattern is identity((3,))
    checked(diagonal, term(whole([3, 3, 2], [0, 1], [2], [(0, 1, 2)])))
    checked(diagonal, term(whole([3, 3], [0, 1], [0, 1], [Factor((0, 1), True)]), Matrix(np.arange(9.0).reshape(3, 3))))


def test_opaque_maps_stay_opaque_through_slices_reshapes_and_each_other() -> None:
    solve = term(whole([6, 6], [0], [1], [Factor((0, 1), True)]), Matrix(random.standard_normal((6, 6))))
    flipped = term(whole([6], [0], [Axis(6, (0,), (-1,), 5)]))
    grouped = term(whole([2, 3], [0, 1], [Axis(6, (0, 1), (3, 1))]))
    for outer, inner in ((flipped, solve), (solve, flipped), (grouped, solve), (solve, solve)):
        (found,) = checked(outer, inner)
        assert all(factor.opaque for factor in found.pattern.factors)


def test_shapes_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"from arrays of shape \(3,\) with a map to arrays of shape \(4,\)"):
        compose(term(identity((3,))), term(identity((4,))))


def test_merge_adds_what_differs_in_one_factor() -> None:
    p = whole([3, 4], [0], [1], [(0,), (1,)])
    u, v, w = random.standard_normal(3), random.standard_normal(4), random.standard_normal(4)
    (found,) = merge([Term(p, (u, v)), Term(p, (u, w))])
    np.testing.assert_array_equal(found.factors[1], v + w)
    assert found.factors[0] is u
    assert len(merge([Term(p, (u, v)), Term(p, (2 * u, w))])) == 1  # 12 entries store less than 14 factors
    p = whole([30, 40], [0], [1], [(0,), (1,)])
    u, v, w = random.standard_normal(30), random.standard_normal(40), random.standard_normal(40)
    assert len(merge([Term(p, (u, v)), Term(p, (2 * u, w))])) == 2


def test_merge_counts_equal_terms_and_drops_what_cancels() -> None:
    same = term(identity((3,)))
    (found,) = merge([same, same])
    assert found.factors == (2,)
    minus = Term(whole([3], [0], [0], [()]), (-1,))
    assert merge([same, minus]) == []


def test_merge_adds_a_multiple_of_the_identity_to_a_diagonal() -> None:
    d = random.standard_normal((2, 3))
    row = whole([2, 3], [0, 1], [0, 1], [(1,)])
    found = merge([term(identity((2, 3))), term(whole([2, 3], [0, 1], [0, 1], [(0, 1)]), d), term(row, np.arange(3.0))])
    assert len(found) == 1
    np.testing.assert_array_equal(found[0].factors[0], d + 1 + np.arange(3.0))


def test_merge_respects_tables() -> None:
    p = whole([3], [0], [Axis(5, (0,), (), 0, 0)], [], [(0,)])
    first, equal, other = (Term(p, (), (np.array(positions),)) for positions in ([0, 1, 2], [0, 1, 2], [0, 1, 3]))
    assert len(merge([first, equal, other])) == 2
