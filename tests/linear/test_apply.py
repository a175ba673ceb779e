"""`pull` and `push` against slow loops over every label, for random structures."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import ShapeError
from chainrule.linear import functions
from chainrule.linear.apply import pull, pull_batch, push, push_batch
from chainrule.linear.functions import gather, scatter
from chainrule.linear.term import Axis, Factor, Opaque, Pattern, Term, affine, constant, identity, pattern


class Held(Opaque):
    """An opaque map that holds its array, and counts how often it is expanded."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.expanded = 0

    def apply(self, vectors: Any) -> Any:
        assert vectors.shape[:-1] == (*self.shape[:-2], self.shape[-1])
        return self.array @ vectors

    def apply_transposed(self, vectors: Any) -> Any:
        assert vectors.shape[:-1] == self.shape[:-1]
        return np.swapaxes(self.array, -1, -2) @ vectors

    def dense(self) -> Any:
        self.expanded += 1
        return self.array


def dense_reference(term: Term) -> Any:
    """The array of a term, of shape row + column, one entry at a time."""
    made, factors, tables = term
    result = np.zeros(made.row_shape + made.column_shape)
    for labels in itertools.product(*[range(size) for size in made.sizes]):
        value = 1.0
        for factor, array in zip(made.factors, factors, strict=True):
            array = array.array if isinstance(array, Held) else np.asarray(array)
            value *= array[tuple([labels[k] for k in factor.labels])]
        where = []
        for axis in made.row + made.column:
            chosen = [labels[k] for k in axis.labels]
            if axis.table >= 0:
                where.append(tables[axis.table][tuple(chosen)])
            else:
                where.append(axis.offset + sum(n * stride for n, stride in zip(chosen, axis.strides, strict=True)))
        result[tuple(where)] += value
    return result


@st.composite
def terms(draw: st.DrawFn, dtype: Any = np.float64, least: int = 0) -> Term:
    """A random term with every kind of axis."""
    sizes = draw(st.lists(st.integers(least, 3) | st.integers(1, 3), min_size=1, max_size=4))
    label = st.integers(0, len(sizes) - 1)
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    table_labels: list[tuple[int, ...]] = []
    tables: list[Any] = []

    def axis() -> Axis | int | None:
        kind = draw(
            st.sampled_from(["bare", "bare", "bare", "thin", "affine", "constant", "strides", "group", "table"])
        )
        extra = draw(st.integers(0, 1))
        if kind == "bare":
            return draw(label)
        if kind == "thin":
            return None
        if kind == "constant":
            return constant(1 + draw(st.integers(0, 2)) + extra, draw(st.integers(0, extra)))
        chosen = draw(st.lists(label, min_size=1 if kind != "table" else 0, max_size=2))
        extents = [sizes[k] for k in chosen]
        if kind == "table":
            size = draw(st.integers(1, 3))
            table_labels.append(tuple(chosen))
            tables.append(random.integers(0, size, extents))
            return Axis(size, tuple(chosen), (0,) * len(chosen), 0, len(tables) - 1)
        if kind == "affine":
            strides = [draw(st.sampled_from([1, 2, -1, -2]))]
            chosen, extents = chosen[:1], extents[:1]
        elif kind == "group":
            strides = [int(np.prod(extents[k + 1 :])) for k in range(len(extents))]
        else:
            strides = [draw(st.sampled_from([0, 1, 1, 2, -1])) for _ in chosen]
        reach = [stride * max(n - 1, 0) for stride, n in zip(strides, extents, strict=True)]
        offset = -sum(r for r in reach if r < 0) + (extra if kind == "affine" else 0)
        end = offset + sum(r for r in reach if r > 0) + 1 + (extra if kind != "group" else 0)
        if kind == "group" and 0 in extents:
            end = 0
        return Axis(end, tuple(chosen), tuple(strides), offset)

    row = [axis() for _ in range(draw(st.integers(0, 3)))]
    column = [axis() for _ in range(draw(st.integers(0, 3)))]
    factors: list[Factor] = []
    for _ in range(draw(st.integers(0, 3))):
        opaque = draw(st.integers(0, 3)) == 0
        factors.append(Factor(tuple(draw(st.lists(label, min_size=2 * opaque, max_size=3))), opaque))
    made, _ = pattern(sizes, row, column, factors, table_labels)
    arrays: list[Any] = []
    for factor in made.factors:
        if not factor.labels and draw(st.booleans()):
            arrays.append(float(random.integers(-2, 3)))
            continue
        array = np.asarray(random.integers(-3, 4, [made.sizes[k] for k in factor.labels])).astype(dtype)
        arrays.append(Held(array) if factor.opaque else array)
    return Term(made, tuple(arrays), tuple(tables))


def thin_shape(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to ``shape``, with some axes thin."""
    return tuple([1 if draw(st.integers(0, 2)) == 0 else size for size in shape])


def vector(draw: st.DrawFn, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    """An array of small integers, which sum without rounding in any order."""
    return np.asarray(np.random.default_rng(draw(st.integers(0, 1 << 30))).integers(-3, 4, shape)).astype(dtype)


def expanded(array: Any, shape: tuple[int, ...]) -> Any:
    """``array`` with thin axes repeated: only axes of size 1 may differ from ``shape``."""
    assert np.ndim(array) == len(shape)
    return np.broadcast_to(array, shape)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_pull_is_the_transposed_map(data: st.DataObject) -> None:
    term = data.draw(terms())
    rows, columns = term.pattern.row_shape, term.pattern.column_shape
    cotangent = data.draw(st.composite(lambda draw: vector(draw, thin_shape(draw, rows)))())
    full = dense_reference(term)
    expected = np.tensordot(np.broadcast_to(cotangent, rows), full, len(rows))
    kept = cotangent.copy()
    np.testing.assert_array_equal(expanded(pull(term.pattern, cotangent, *term[1:]), columns), expected)
    np.testing.assert_array_equal(cotangent, kept)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_push_is_the_map(data: st.DataObject) -> None:
    term = data.draw(terms())
    rows, columns = term.pattern.row_shape, term.pattern.column_shape
    tangent = data.draw(st.composite(lambda draw: vector(draw, thin_shape(draw, columns)))())
    expected = np.tensordot(dense_reference(term), np.broadcast_to(tangent, columns), len(columns))
    np.testing.assert_array_equal(expanded(push(term.pattern, tangent, *term[1:]), rows), expected)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_push_and_pull_are_adjoint(data: st.DataObject) -> None:
    term = data.draw(terms())
    rows, columns = term.pattern.row_shape, term.pattern.column_shape
    u = data.draw(st.composite(lambda draw: vector(draw, rows))())
    v = data.draw(st.composite(lambda draw: vector(draw, columns))())
    left = np.sum(u * push(term.pattern, v, *term[1:]))
    right = np.sum(v * pull(term.pattern, u, *term[1:]))
    assert left == right


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_batches_are_one_vector_after_another(data: st.DataObject) -> None:
    term = data.draw(terms())
    rows, columns = term.pattern.row_shape, term.pattern.column_shape
    count = data.draw(st.integers(1, 3))
    full = dense_reference(term)
    u = data.draw(st.composite(lambda draw: vector(draw, (count, *rows)))())
    v = data.draw(st.composite(lambda draw: vector(draw, (count, *columns)))())
    pulled = pull_batch(term.pattern, u, *term[1:])
    pushed = push_batch(term.pattern, v, *term[1:])
    np.testing.assert_array_equal(
        expanded(pulled, (count, *columns)), [np.tensordot(one, full, len(rows)) for one in u]
    )
    np.testing.assert_array_equal(
        expanded(pushed, (count, *rows)), [np.tensordot(full, one, len(columns)) for one in v]
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_float32_stays_float32(data: st.DataObject) -> None:
    term = data.draw(terms(np.float32))
    cotangent = data.draw(st.composite(lambda draw: vector(draw, term.pattern.row_shape, np.float32))())
    assert pull(term.pattern, cotangent, *term[1:]).dtype == np.float32


def test_identity_returns_the_cotangent_itself() -> None:
    cotangent = np.ones((2, 3))
    assert pull(identity((2, 3)), cotangent, (), ()) is cotangent
    assert push(identity((2, 3)), cotangent, (), ()) is cotangent


def test_one_plan_for_each_shape_of_cotangent() -> None:
    made, _ = pattern([2, 5], [0, 1], [1], [(0,)])
    factors = (np.array([2.0, 3.0]),)
    before = set(made.plans)
    for _ in range(3):
        pull(made, np.ones((2, 5)), factors, ())
        pull(made, np.ones((1, 5)), factors, ())
    assert {key for key in set(made.plans) - before if isinstance(key, tuple)} == {(2, 5), (1, 5)}
    assert pull(made, np.ones((1, 5)), factors, ()).tolist() == [5.0] * 5


def test_the_cotangent_of_a_sum_stays_thin() -> None:
    total, _ = pattern([1000, 2000], [], [0, 1])
    assert pull(total, np.float64(3.0), (), ()).shape == (1, 1)
    rows, _ = pattern([1000, 2000], [0], [0, 1])
    assert pull(rows, np.ones(1000), (), ()).shape == (1000, 1)


def test_matrix_product_keeps_a_thin_cotangent_thin() -> None:
    made, _ = pattern([1000, 3, 4], [0, 2], [0, 1], [(1, 2)])
    weights = np.arange(12.0).reshape(3, 4)
    result = pull(made, np.ones((1, 4)), (weights,), ())
    assert result.shape == (1, 3)
    assert result.tolist() == [[6.0, 22.0, 38.0]]


def test_windows_that_overlap_are_added() -> None:
    made, _ = pattern([3, 2], [0], [Axis(4, (0, 1), (1, 1))], [(1,)])  # y[i] = Σ_k w[k] x[i + k]
    kernel = np.array([1.0, 10.0])
    assert pull(made, np.array([1.0, 2.0, 3.0]), (kernel,), ()).tolist() == [1.0, 12.0, 23.0, 30.0]
    assert push(made, np.array([1.0, 2.0, 3.0, 4.0]), (kernel,), ()).tolist() == [21.0, 32.0, 43.0]


def test_positions_that_repeat_are_added() -> None:
    made, _ = pattern([4], [0], [Axis(3, (0,), (0,), 0, 0)], [], [(0,)])  # y[i] = x[p(i)]
    places = np.array([2, 0, 2, 2])
    assert pull(made, np.array([1.0, 2.0, 3.0, 4.0]), (), (places,)).tolist() == [2.0, 0.0, 8.0]


def test_the_diagonal_is_written_as_a_slice() -> None:
    made, _ = pattern([3], [0], [0, 0])  # y[i] = X[i, i]
    assert pull(made, np.array([1.0, 2.0, 3.0]), (), ()).tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 3]]
    assert push(made, np.arange(9.0).reshape(3, 3), (), ()).tolist() == [0.0, 4.0, 8.0]


def test_a_chosen_entry_of_each_row() -> None:
    made, _ = pattern([2], [0], [0, Axis(3, (0,), (0,), 0, 0)], [], [(0,)])  # y[i] = X[i, p(i)]
    places = np.array([2, 0])
    assert pull(made, np.array([1.0, 2.0]), (), (places,)).tolist() == [[0, 0, 1], [2, 0, 0]]
    assert push(made, np.arange(6.0).reshape(2, 3), (), (places,)).tolist() == [2.0, 3.0]


def test_an_opaque_factor_is_applied_and_not_expanded() -> None:
    made, _ = pattern([5, 2, 3], [0, 1], [0, 2], [Factor((0, 1, 2), True)])
    array = np.arange(30.0).reshape(5, 2, 3)
    factor = Held(array)
    u, v = np.arange(10.0).reshape(5, 2), np.arange(15.0).reshape(5, 3)
    np.testing.assert_array_equal(pull(made, u, (factor,), ()), np.einsum("boi,bo->bi", array, u))
    np.testing.assert_array_equal(push(made, v, (factor,), ()), np.einsum("boi,bi->bo", array, v))
    np.testing.assert_array_equal(pull(made, np.ones((1, 1)), (factor,), ()), array.sum(1))
    np.testing.assert_array_equal(
        pull_batch(made, np.stack([u, 2 * u]), (factor,), ()),
        np.einsum("boi,nbo->nbi", array, np.stack([u, 2 * u])),
    )
    assert factor.expanded == 0


def test_an_empty_range_gives_zeros_of_the_right_type() -> None:
    made, _ = pattern([0, 2], [1], [affine(4, 0), 1], [(0,)])
    result = pull(made, np.ones(2, np.float32), (np.ones(0, np.float32),), ())
    assert result.dtype == np.float32
    assert result.tolist() == [[0.0, 0.0]] * 4


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 3, 1), ()])
def test_a_cotangent_that_does_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"does not fit the result of shape \(2, 3\): give one number"):
        pull(identity((2, 3)), np.ones(shape), (), ())


@pytest.mark.parametrize("flat_from", [0, 1 << 30], ids=["flat", "direct"])
def test_scatter_and_gather_are_adjoint(flat_from: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_FLAT_FROM", flat_from)
    random = np.random.default_rng(0)
    rows, columns = random.integers(0, 4, (5, 1)), random.integers(0, 3, 6)
    for index in [
        (rows, columns),
        (slice(None), columns),
        (rows[:, 0],),
        (slice(None, None, -2), 1),
        (2, slice(1, 3)),
        (rows[:, 0], slice(None), columns[:5]),
        (rows - 4, columns),
        (1, columns),
        (rows, columns, slice(None, None, -2)),
        (rows, columns, 1),
        (rows, columns % 3, columns),
        (),
    ]:
        shape = (4, 3, 3)
        x = random.integers(-3, 4, shape).astype(float)
        y = random.integers(-3, 4, gather(x, index).shape).astype(float)
        assert np.sum(gather(x, index) * y) == np.sum(x * scatter(y, shape, index))
        assert scatter(np.ones((1,) * y.ndim), shape, index).sum() == y.size


def test_scatter_checks_positions() -> None:
    for shape in [(3,), (3, 2)]:
        with pytest.raises(IndexError, match="out of bounds"):
            scatter(np.ones(2), shape, (np.array([0, 3]), *[0] * (len(shape) - 1)))
    assert scatter(np.ones(2), (3, 2), (np.array([0, 0]), [1, 1])).tolist() == [[0, 2], [0, 0], [0, 0]]


def test_scatter_hands_tracked_values_on() -> None:
    class Recorder:
        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
            return function, types, args, kwargs

    values = Recorder()
    assert scatter(values, (3,), (1,)) == (scatter, (Recorder,), (values, (3,), (1,)), {})
    assert scatter(np.float32(2.0), (3,), (1,)).dtype == np.float32


def test_a_pattern_is_shared() -> None:
    made, _ = pattern([2, 3], [0, 1], [1])
    assert isinstance(made, Pattern)
    assert pattern([3, 2], [1, 0], [0])[0] is made
