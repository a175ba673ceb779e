"""Contractions against `np.einsum`, for random labels; and that the intended routine is the one that runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.linear import contract
from chainrule.linear.contract import plan_contraction
from chainrule.linear.script import THIN
from chainrule.linear.term import Factor, Opaque


class Held(Opaque):
    """An opaque map that holds its array, and counts how it is used."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.calls: list[str] = []

    def apply(self, vectors: Any) -> Any:
        assert vectors.shape[:-1] == (*self.shape[:-2], self.shape[-1])
        self.calls.append("apply")
        return self.array @ vectors

    def apply_transposed(self, vectors: Any) -> Any:
        assert vectors.shape[:-1] == self.shape[:-1]
        self.calls.append("apply_transposed")
        return np.swapaxes(self.array, -1, -2) @ vectors

    def dense(self) -> Any:
        self.calls.append("dense")
        return self.array


def reference(operands: tuple[Factor, ...], output: tuple[int, ...], sizes: tuple[int, ...], arrays: list[Any]) -> Any:
    """The contraction by einsum, over the full range of every label."""
    arguments: list[Any] = [np.ones(sizes), list(range(len(sizes)))]
    for operand, array in zip(operands, arrays, strict=True):
        arguments += [array.array if isinstance(array, Held) else np.asarray(array), list(operand.labels)]
    return np.einsum(*arguments, list(output))


@settings(max_examples=800, deadline=None)
@given(st.data())
def test_any_contraction(data: st.DataObject) -> None:
    sizes = tuple(data.draw(st.lists(st.integers(1, 4) | st.integers(0, 3), min_size=1, max_size=5)))
    label = st.integers(0, len(sizes) - 1)
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    operands, arrays = [], []
    for _ in range(data.draw(st.integers(0, 4))):
        opaque = data.draw(st.integers(0, 3)) == 0
        labels = tuple(
            data.draw(
                st.lists(label, min_size=2 * opaque, max_size=4, unique=data.draw(st.booleans()))
                if len(sizes) > 1
                else st.lists(label, min_size=2 * opaque, max_size=3)
            )
        )
        array: Any = random.integers(-3, 4, [sizes[k] for k in labels]).astype(float)
        if opaque:
            array = Held(array)
        elif not labels and data.draw(st.booleans()):
            array = float(array)
        operands.append(Factor(labels, opaque))
        arrays.append(array)
    output = tuple(data.draw(st.permutations(data.draw(st.lists(label, unique=True)))))
    plan = plan_contraction(tuple(operands), output, sizes)
    carried = {k for operand in operands for k in operand.labels}
    result = plan(*arrays)
    assert np.shape(result) == tuple([sizes[k] if k in carried else 1 for k in output])
    expected = reference(tuple(operands), output, sizes, arrays)
    np.testing.assert_array_equal(np.broadcast_to(result, [sizes[k] for k in output]), expected)


@pytest.mark.parametrize("small", [0, 1 << 30], ids=["matmul", "einsum"])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_stacks_of_matrices_either_way(small: int, data: st.DataObject) -> None:
    sizes = (2, 3, 4, 5)
    labels = list(range(4))
    operands = tuple([Factor(tuple(data.draw(st.permutations(labels))[: data.draw(st.integers(2, 4))])) for _ in "ab"])
    output = tuple(data.draw(st.permutations(labels))[: data.draw(st.integers(0, 3))])
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    arrays = [random.integers(-3, 4, [sizes[k] for k in operand.labels]).astype(float) for operand in operands]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract, "_SMALL_MATRIX", small)
        patch.setattr(contract, "_LONG_STACK", small)
        patch.setattr(contract, "_EINSUM_FROM", 0 if small else 1 << 30)
        plan = plan_contraction.__wrapped__(operands, output, sizes)
    carried = {k for operand in operands for k in operand.labels}
    result = plan(*arrays)
    assert result.shape == tuple([sizes[k] if k in carried else 1 for k in output])
    expected = reference(operands, output, sizes, arrays)
    np.testing.assert_array_equal(np.broadcast_to(result, expected.shape), expected)


class Spy:
    """Stands for a tracked tensor: not an ndarray, all its operations recorded by name."""

    def __init__(self, array: Any, seen: list[str]) -> None:
        self.array = array
        self.seen = seen

    def _do(self, name: str, array: Any) -> Spy:
        self.seen.append(name)
        return Spy(array, self.seen)

    def __matmul__(self, other: Spy) -> Spy:
        return self._do("@", self.array @ other.array)

    def __mul__(self, other: Spy | float) -> Spy:
        return self._do("*", self.array * (other.array if isinstance(other, Spy) else other))

    def sum(self, axis: Any = None) -> Spy:
        return self._do("sum", self.array.sum(axis))

    def transpose(self, axes: Any = None) -> Spy:
        return self._do("transpose", self.array.transpose(axes))

    def reshape(self, shape: Any) -> Spy:
        return self._do("reshape", self.array.reshape(shape))

    def diagonal(self, offset: int, first: int, second: int) -> Spy:
        return self._do("diagonal", self.array.diagonal(offset, first, second))


@pytest.mark.parametrize(
    ("operands", "output", "operations"),
    [
        ([(0, 1)], (0, 1), []),
        ([(0, 1)], (1, 0), ["transpose"]),
        ([(0, 1)], (1,), ["sum"]),
        ([(0, 1)], (), ["sum"]),
        ([(0, 0)], (0,), ["diagonal"]),
        ([(0, 1), (0, 1)], (0, 1), ["*"]),
        ([(0, 1), (1,)], (0, 1), ["*"]),
        ([(0, 1), (0,)], (0, 1), ["reshape", "*"]),
        ([(0,), (1,)], (0, 1), ["reshape", "*"]),
        ([(0, 1), (1,)], (0,), ["@"]),
        ([(0, 1), (0,)], (1,), ["@"]),
        ([(0,), (0,)], (), ["@"]),
        ([(0, 1), (1, 2)], (0, 2), ["@"]),
        ([(0, 1), (2, 1)], (0, 2), ["transpose", "@"]),
        ([(1, 0), (1, 2)], (0, 2), ["transpose", "@"]),
        ([(1, 0), (2, 1)], (0, 2), ["transpose", "transpose", "@"]),
        ([(0, 1), (1, 2)], (2, 0), ["transpose", "transpose", "@"]),
        ([(3, 0, 1), (3, 1, 2)], (3, 0, 2), ["@"]),
        ([(3, 0, 1), (1, 2)], (3, 0, 2), ["reshape", "@", "reshape"]),
        ([(0, 1), (0, 1)], (), ["reshape", "reshape", "@"]),
        ([(0, 1), (0, 1)], (0,), ["*", "sum"]),
        ([(0,), (0, 1), (1, 2)], (0, 2), ["reshape", "*", "@"]),  # the diagonal is multiplied in first
    ],
)
def test_the_operations_of_a_plan(
    operands: list[tuple[int, ...]], output: tuple[int, ...], operations: list[str]
) -> None:
    used = {label for labels in operands for label in labels}
    sizes = tuple([size if label in used else 1 for label, size in enumerate((3, 4, 5, 2))])
    plan = plan_contraction(tuple([Factor(labels) for labels in operands]), output, sizes)
    seen: list[str] = []
    arrays = [
        np.arange(float(np.prod([sizes[k] for k in labels]))).reshape([sizes[k] for k in labels]) for labels in operands
    ]
    result = plan(*[Spy(array, seen) for array in arrays])
    assert seen == operations
    np.testing.assert_array_equal(result.array, plan(*arrays))


def test_labels_that_nobody_carries() -> None:
    plan = plan_contraction((Factor((0,)),), (1, 0, THIN), (3, 4, 5))
    result = plan(np.array([1, 2, 3], np.float32))
    assert result.dtype == np.float32  # summed over label 2: a Python number
    assert result.tolist() == [[[5.0], [10.0], [15.0]]]
    assert plan_contraction((), (0,), (3, 2))().tolist() == [2.0]
    assert plan_contraction((Factor(()),), (), (2,))(1.5) == 3.0


def test_numbers_are_multiplied_onto_the_smallest() -> None:
    seen: list[str] = []
    outer = plan_contraction((Factor((0,)), Factor((1,)), Factor(())), (0, 1), (5, 3))
    outer(Spy(np.ones(5), seen), Spy(np.ones(3), seen), 2.0)
    assert seen == ["*", "reshape", "*"]  # the vector of 3, before the outer product
    seen.clear()
    inner = plan_contraction((Factor((0, 1)), Factor((1,)), Factor(())), (0,), (2, 9))
    inner(Spy(np.ones((2, 9)), seen), Spy(np.ones(9), seen), 2.0)
    assert seen == ["@", "*"]  # the result


def test_a_plan_is_made_once() -> None:
    operands = (Factor((0, 1)), Factor((1, 2)))
    assert plan_contraction(operands, (0, 2), (2, 3, 4)) is plan_contraction(operands, (0, 2), (2, 3, 4))


def test_one_operand_is_returned_itself() -> None:
    array = np.ones((2, 3))
    assert plan_contraction((Factor((0, 1)),), (0, 1), (2, 3))(array) is array


def test_thin_axes_of_operands() -> None:
    random = np.random.default_rng(0)
    a = random.integers(-3, 4, (1, 2, 3)).astype(float)
    assert plan_contraction((Factor((THIN, 0, 1)),), (1, THIN, 0), (2, 3))(a).tolist() == a.transpose(2, 0, 1).tolist()
    assert plan_contraction((Factor((THIN, 0, 1)),), (1, 0), (2, 3))(a).tolist() == a[0].T.tolist()
    assert plan_contraction((Factor((THIN, 0, 1)), Factor((0,))), (), (2, 3))(a, np.ones(2)) == a.sum()


def test_a_stack_along_the_last_axis() -> None:
    random = np.random.default_rng(0)
    for n in (4, 40):  # by einsum, by matmul
        a, b = random.integers(-3, 4, (n, n, 5)).astype(float), random.integers(-3, 4, (n, n + 1, 5)).astype(float)
        plan = plan_contraction((Factor((0, 1, 2)), Factor((1, 3, 2))), (2, 3, 0), (n, n, 5, n + 1))
        np.testing.assert_array_equal(plan(a, b), np.einsum("ijb,jkb->bki", a, b))


def test_an_output_label_occurs_once() -> None:
    with pytest.raises(ValueError, match=r"output labels \(0, 0\) name one label twice; each may occur once"):
        plan_contraction((Factor((0,)),), (0, 0), (2,))


def test_complex_numbers_are_not_conjugated() -> None:
    a, b = np.array([[1j, 2.0]]), np.array([[1j, 1.0]])
    assert plan_contraction((Factor((0, 1)), Factor((0, 1))), (), (1, 2))(a, b) == 1.0
    assert plan_contraction((Factor((0, 1)), Factor((0, 1))), (0,), (1, 2))(a, b).tolist() == [1.0]


@pytest.mark.parametrize(
    ("others", "output", "calls"),
    [
        ([(0, 3)], (1, 3), ["apply_transposed"]),
        ([(3, 1)], (3, 0), ["apply"]),
        ([(0,)], (), ["apply_transposed"]),
        ([], (), ["apply_transposed"]),
        ([(0,), (1,)], (), ["apply_transposed"]),
        ([(0, 3), (0,)], (1,), ["apply_transposed"]),
        ([(2, 3)], (0, 1), ["dense"]),
        ([(0, 1)], (), ["dense"]),
    ],
)
def test_opaque_operands_are_applied(others: list[tuple[int, ...]], output: tuple[int, ...], calls: list[str]) -> None:
    sizes = (2, 3, 4, 5)
    random = np.random.default_rng(0)
    held = Held(random.integers(-3, 4, sizes[:2]).astype(float))
    operands = (Factor((0, 1), True), *[Factor(labels) for labels in others])
    arrays = [held, *[random.integers(-3, 4, [sizes[k] for k in labels]).astype(float) for labels in others]]
    result = plan_contraction(operands, output, sizes)(*arrays)
    np.testing.assert_array_equal(result, reference(operands, output, sizes, arrays))
    assert held.calls == calls


def test_opaque_operands_in_a_chain() -> None:
    first, second = Held(np.arange(6.0).reshape(2, 3)), Held(np.arange(12.0).reshape(3, 4))
    operands = (Factor((0, 1), True), Factor((1, 2), True), Factor((2,)))
    result = plan_contraction(operands, (0,), (2, 3, 4))(first, second, np.ones(4))
    np.testing.assert_array_equal(result, first.array @ second.array @ np.ones(4))
    assert first.calls == second.calls == ["apply"]
