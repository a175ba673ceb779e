"""Indexing: entries of its Jacobians against differences, its bookkeeping against NumPy's own indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.ops.index import build_index, getitem, overwrite, overwrite_flat, parse_index, scatter_add
from tests.ops.dense import by_definition, check_operation, check_samples, local_terms

INDICES: list[tuple[tuple[int, ...], Any]] = [
    ((5,), 2),
    ((5,), -1),
    ((5,), slice(1, -1)),
    ((5,), slice(None, None, -2)),
    ((5,), slice(3, 3)),
    ((1,), slice(None)),
    ((0, 3), (slice(None), 1)),
    ((4, 3), (Ellipsis, None, 0)),
    ((4, 3), ()),
    ((4, 3), (slice(3, 0, -1), slice(0, 1))),
    ((), ()),
    ((), (None, Ellipsis)),
    ((), True),
    ((), False),
    ((3,), True),
    ((4, 3), [1, 1, -1]),
    ((4, 3), []),
    ((4, 3, 5), (0, slice(None), [4, 0])),
    ((4, 3, 5), (0, [2, 1], slice(None))),
    ((4, 3, 5), ([0, 1], Ellipsis, [4, 0])),
    ((4, 3), ([0, 1], Ellipsis, [2, 0])),
    ((4, 3), (None, [0, 1], [2, 0])),
    ((4, 3), ([0, 1], None, [2, 0])),
    ((4, 3), ([[0], [1]], [2, 0])),
    ((4, 3), ([[3]], [2, 0])),
    ((4, 3), ([0], [2])),
    ((4, 3), (slice(None), [[2, 0], [0, 0]])),
    ((4, 3), (np.array([True, False, True, True]), [0, 1, 1])),
    ((4, 3), np.arange(12).reshape(4, 3) % 5 == 0),
    ((4, 3), np.zeros(4, bool)),
    ((2, 3, 2), (slice(None), np.array([[True, False], [False, True], [True, True]]))),
    ((4, 3), (np.array(1), slice(None, None, 2))),
    ((9, 2), slice(1, None, 3)),
    ((23,), slice(2, None, 7)),
    ((23,), slice(20, 1, -6)),
]


@pytest.mark.parametrize(("shape", "index"), INDICES, ids=str)
class TestEveryIndex:
    def test_reading(self, shape: tuple[int, ...], index: Any) -> None:
        x = np.random.default_rng(0).normal(size=shape)
        template, arrays = parse_index(index)
        hash(template)
        np.testing.assert_array_equal(getitem(x, *arrays, index=template), x[index])
        check_operation(getitem, (x, *arrays), {"index": template})

    def test_overwriting(self, shape: tuple[int, ...], index: Any) -> None:
        rng = np.random.default_rng(0)
        x = rng.normal(size=shape)
        template, arrays = parse_index(index)
        full = x[index].shape
        thin = tuple([1 if place % 2 else size for place, size in enumerate(full)])
        for part in (full, thin, full[1:], (1, *full), ()):
            try:
                x.copy()[index] = np.zeros(part)
            except (ValueError, TypeError):
                continue  # NumPy does not take this shape there either
            check_operation(overwrite, (x, rng.normal(size=part), *arrays), {"index": template})

    def test_each_entry_outside_the_region_is_named_once(self, shape: tuple[int, ...], index: Any) -> None:
        x = np.zeros(shape)
        template, arrays = parse_index(index)
        _, terms = local_terms(overwrite, (x, np.zeros(()), *arrays), {"index": template}, 0)
        mark = np.ones(shape)
        mark[index] = 0
        assert sum(term.pattern.entries for term in terms) == mark.sum()
        assert all(not term.factors for term in terms)

    def test_overwriting_flat_positions(self, shape: tuple[int, ...], index: Any) -> None:
        rng = np.random.default_rng(0)
        positions = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
        check_operation(overwrite_flat, (rng.normal(size=shape), rng.normal(size=np.shape(positions)), positions), {})

    def test_adding(self, shape: tuple[int, ...], index: Any) -> None:
        template, arrays = parse_index(index)
        if any(array.dtype == bool for array in arrays):
            return
        values = np.random.default_rng(0).normal(size=np.zeros(shape)[index].shape)
        check_operation(scatter_add, (values, *arrays), {"shape": shape, "index": template})


@given(st.data())
def test_any_basic_index(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=4))
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    template, arrays = parse_index(index)
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    _, terms = local_terms(getitem, (x,), {"index": template}, 0)
    assert arrays == ()
    np.testing.assert_array_equal(by_definition(terms, np.shape(x[index]), shape) @ x.reshape(-1), x[index].reshape(-1))


@given(st.data())
def test_any_advanced_index(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=4, max_side=4))
    entries: list[Any] = []
    common = data.draw(hnp.array_shapes(max_dims=2, max_side=3))
    for size in shape:
        kind = data.draw(st.sampled_from(["array", "slice", "int"]))
        if kind == "array":
            part = data.draw(hnp.broadcastable_shapes(common, min_dims=1, max_dims=len(common), max_side=1))
            part = tuple(
                [n if n in (1, c) else 1 for n, c in zip(part, common[len(common) - len(part) :], strict=True)]
            )
            entries.append(data.draw(hnp.arrays(np.int64, part, elements=st.integers(-size, size - 1))))
        elif kind == "slice":
            entries.append(data.draw(st.slices(size)))
        else:
            entries.append(data.draw(st.integers(-size, size - 1)))
    index = tuple(entries)
    template, arrays = parse_index(index)
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    _, terms = local_terms(getitem, (x, *arrays), {"index": template}, 0)
    np.testing.assert_array_equal(by_definition(terms, np.shape(x[index]), shape) @ x.reshape(-1), x[index].reshape(-1))


def test_a_slice_reads_a_view() -> None:
    x = np.arange(6.0).reshape(2, 3)
    for index in (0, slice(None, None, -1), (Ellipsis, 1), (None, 1)):
        template, arrays = parse_index(index)
        assert np.shares_memory(getitem(x, *arrays, index=template), x)


def test_an_index_is_put_together_again() -> None:
    index = (0, slice(1, 5, 2), None, Ellipsis, np.array([1, 2]))
    template, arrays = parse_index(index)
    built = build_index(template, arrays)
    assert built[:4] == index[:4] and built[4] is index[4]


def test_a_basic_slice_stores_nothing() -> None:
    x, y = np.zeros((50, 40)), np.zeros((48, 38))
    template, _ = parse_index((slice(1, -1), slice(-2, 0, -1)))
    for position in (0, 1):
        _, terms = local_terms(overwrite, (x, y), {"index": template}, position)
        assert all(term.factors == () and term.tables == () for term in terms)


def test_the_last_of_several_writes_counts() -> None:
    template, arrays = parse_index([1, 0, 1])
    _, terms = local_terms(overwrite, (np.zeros(3), np.zeros(3), *arrays), {"index": template}, 1)
    np.testing.assert_array_equal(by_definition(terms, (3,), (3,)), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_integers_that_take_a_real_number_become_real() -> None:
    out = overwrite(np.arange(3), np.array(0.5), index=(("int", 1),))
    np.testing.assert_array_equal(out, [0, 0.5, 2])


def test_every_sample() -> None:
    assert len(check_samples("chainrule.ops.index")) > 12
