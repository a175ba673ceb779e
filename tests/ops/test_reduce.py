"""Reductions with NumPy's options: sums, means, products, spreads, norms, softmax; where there is no derivative, 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AssignmentError, ShapeError
from chainrule.linear.contract import plan_contraction
from chainrule.linear.term import Factor
from chainrule.op import OPERATIONS
from chainrule.ops.product import LeaveTwoOut, leave_one_out
from chainrule.ops.softmax import log_softmax, logsumexp, softmax
from tests.ops.dense import by_definition, local_terms
from tests.ops.gradients import check_function, gradient, numbers

FREE: Any = np  # the types of NumPy know no tensors
MASK = np.array([[True, False, True], [True, True, False]])
GAPS = np.array([[1.0, np.nan, 2.0], [0.5, 3.0, np.nan]])
OPTIONS: list[dict[str, Any]] = [
    {},
    {"axis": 0},
    {"axis": -1, "keepdims": True},
    {"axis": (0, 1)},
    {"axis": np.int64(1)},
]
FUNCTIONS: list[Any] = [np.sum, np.mean, np.prod, np.var, np.std, np.linalg.norm, np.linalg.vector_norm]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_axes(function: Any, options: dict[str, Any]) -> None:
    check_function(lambda x: function(x, **options), numbers(2, 3))


@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod])
def test_no_axes(function: Any) -> None:
    check_function(lambda x: function(x, axis=()), numbers(2, 3))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(x, where=MASK),
        lambda x: np.sum(x, axis=0, where=MASK, initial=2.0),
        lambda x: np.mean(x, axis=1, where=MASK),
        lambda x: np.mean(x, where=MASK, keepdims=True),
        lambda x: np.prod(x, axis=1, where=MASK, initial=2.0),
        lambda x: np.var(x, axis=1, where=MASK),
        lambda x: np.var(x, ddof=1, where=MASK),
        lambda x: np.std(x, axis=0, correction=1),
        lambda x: np.std(x, ddof=1.5),
        lambda x: np.std(x, where=MASK),
        lambda x: np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)),
        lambda x: np.std(x, axis=1, mean=x[:, :1]),
        lambda x: np.nansum(x * GAPS),
        lambda x: np.nanmean(x * GAPS, axis=1),
        lambda x: np.nanprod(x * GAPS, axis=0),
        lambda x: np.nanvar(x * GAPS, axis=1, ddof=0.5),
        lambda x: np.nanstd(x * GAPS),
        np.average,
        lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0]),
        lambda x: np.average(x, weights=np.arange(6.0).reshape(2, 3)),
        lambda x: np.average(x, axis=(1, 0), weights=np.arange(6.0).reshape(3, 2)),
        lambda x: np.average(x, axis=0, weights=np.square(x)),
        lambda x: np.average(x, axis=0, keepdims=True),
        lambda x: np.linalg.norm(x, axis=1, ord=3),
        lambda x: np.linalg.norm(x[0], 1),
        lambda x: np.linalg.norm(x[0], np.inf),
        lambda x: np.linalg.norm(x[0], -np.inf),
        lambda x: np.linalg.norm(x[0], 2),
        lambda x: np.linalg.norm(x[0], 0.5),
        lambda x: np.linalg.norm(x, "fro"),
        lambda x: np.linalg.norm(x, "nuc"),
        lambda x: np.linalg.norm(x, 2),
        lambda x: FREE.linalg.norm(x, -2, keepdims=True),
        lambda x: np.linalg.norm(x, 1),
        lambda x: np.linalg.norm(x, -1, axis=(1, 0)),
        lambda x: FREE.linalg.norm(x, np.inf, keepdims=True),
        lambda x: np.linalg.vector_norm(x, axis=0, ord=1),
        lambda x: np.linalg.vector_norm(x, ord=3),
        lambda x: np.linalg.matrix_norm(x, ord="nuc"),
        np.linalg.matrix_norm,
        np.linalg.cond,
        lambda x: np.linalg.cond(x[:, :2], 1),
        lambda x: np.add.reduce(x, axis=0),
        lambda x: np.multiply.reduce(x, axis=1),
    ],
)
def test_options(function: Callable[[Any], Any]) -> None:
    check_function(function, numbers(2, 3))


def test_average_returns_the_sum_of_weights() -> None:
    x = cr.tensor(numbers(2, 3), requires_grad=True)
    mean, total = np.average(x, axis=1, weights=[1.0, 2.0, 3.0], returned=True)
    expected = np.average(x.value, axis=1, weights=[1.0, 2.0, 3.0], returned=True)
    assert np.allclose(mean, expected[0]) and np.allclose(total, expected[1])
    assert np.array_equal(np.average(x, axis=0, returned=True)[1], [2.0, 2.0, 2.0])
    with pytest.raises(ZeroDivisionError):
        np.average(x, axis=1, weights=[1.0, -1.0, 0.0])
    with pytest.raises(ShapeError, match="one weight for each entry"):
        np.average(x, axis=1, weights=[1.0, 2.0])
    with pytest.raises(ShapeError, match="name the axes"):
        np.average(x, weights=[1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": True},
        {"ddof": 2},
        {"rowvar": False},
        {"fweights": [1, 2, 1, 3]},
        {"aweights": [0.5, 1.0, 2.0, 1.0]},
        {"aweights": [0.5, 1.0, 2.0, 1.0], "fweights": [1, 2, 1, 3], "ddof": 0},
    ],
)
def test_covariance(options: dict[str, Any]) -> None:
    check_function(lambda x: np.cov(x, **options), numbers(3, 4))


def test_covariance_of_two_tables_and_correlation() -> None:
    check_function(np.cov, numbers(2, 4), numbers(4, seed=1))
    check_function(lambda x, y: np.cov(x, y, rowvar=False), numbers(4, 2), numbers(4, 1, seed=1))
    check_function(np.cov, numbers(4))
    check_function(np.corrcoef, numbers(3, 5))
    check_function(lambda x: np.corrcoef(x, rowvar=False), numbers(5, 2))
    with pytest.raises(ShapeError, match="at most two axes"):
        np.cov(cr.tensor(numbers(2, 2, 2), requires_grad=True))


# --- what is stored ---------------------------------------------------------------------------------------------------


def test_a_sum_stores_nothing_and_a_mean_one_number() -> None:
    x = numbers(4, 5)
    _, (term,) = local_terms(OPERATIONS["sum"], [x], {}, 0)
    assert term.factors == ()
    _, (term,) = local_terms(OPERATIONS["mean"], [x], {}, 0)
    assert term.factors == (1 / 20,)


def test_softmax_stores_its_result_only() -> None:
    call, terms = local_terms(OPERATIONS["softmax"], [numbers(100)], {"axis": -1}, 0)
    arrays = {id(factor) for term in terms for factor in term.factors if isinstance(factor, np.ndarray)}
    assert arrays == {id(call.out)}
    p = call.out
    assert np.allclose(by_definition(terms, (100,), (100,)), np.diag(p) - np.outer(p, p), atol=1e-15)


# --- products with zeros ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [[2.0, 3.0, 4.0], [0.0, 3.0, 4.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
def test_product_is_exact_with_zeros_to_third_order(row: list[float]) -> None:
    a, b, c = row
    x = cr.tensor(row, requires_grad=True)
    FREE.prod(x).backward(create_graph=True)
    first = x.grad
    assert np.array_equal(first.value, [b * c, a * c, a * b])
    x.grad = None
    np.sum(first * np.array([1.0, 10.0, 100.0])).backward(create_graph=True)
    second = x.grad
    assert np.array_equal(second.value, [10 * c + 100 * b, c + 100 * a, b + 10 * a])
    x.grad = None
    np.sum(second * np.array([1.0, 0.0, 0.0])).backward()
    assert np.array_equal(x.grad.value, [0.0, 100.0, 10.0])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_products_without_two_entries(size: int) -> None:
    x = numbers(2, size)
    x[0, 0] = 0.0
    made = LeaveTwoOut(x)
    expected = np.zeros((2, size, size))
    for batch, i, k in np.ndindex(2, size, size):
        if i != k:
            expected[batch, i, k] = np.prod([x[batch, j] for j in range(size) if j not in (i, k)])
    assert np.allclose(made.dense(), expected)
    vectors = numbers(2, size, 3, seed=5)
    assert np.allclose(made.apply(vectors), expected @ vectors)
    assert np.allclose(made.apply_transposed(vectors), np.swapaxes(expected, -1, -2) @ vectors)
    assert made.shape == (2, size, size) and made.stored == 2 * size


def test_second_derivative_of_a_long_product_takes_linear_memory() -> None:
    x = cr.tensor(np.ones(200_000), requires_grad=True)
    FREE.prod(x).backward(create_graph=True)
    first = x.grad
    x.grad = None
    first[0].backward()
    assert x.grad.value[0] == 0.0 and np.all(x.grad.value[1:] == 1.0)


def test_leave_one_out() -> None:
    assert np.array_equal(leave_one_out(np.array([2.0, 0.0, 5.0])), [0.0, 10.0, 0.0])
    assert leave_one_out(np.zeros((2, 0))).shape == (2, 0)


# --- where there is no derivative -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        np.std,
        lambda x: np.std(x, where=[True, True, False]),
        np.nanstd,
        np.linalg.norm,
        lambda x: np.linalg.norm(x, 3),
        lambda x: np.linalg.norm(x, 1),
        lambda x: np.linalg.norm(x, np.inf),
        lambda x: np.linalg.norm(x, 1.5),
    ],
)
def test_zero_where_norms_and_spreads_are_zero(function: Callable[[Any], Any]) -> None:
    assert np.array_equal(gradient(function, 1.0, [np.zeros(3)])[0], np.zeros(3))


def test_singular_values_that_tie_share_the_slope_of_a_norm() -> None:
    assert np.allclose(gradient(lambda x: np.linalg.norm(x, 2), 1.0, [2 * np.eye(3)])[0], np.eye(3) / 3)
    assert np.allclose(gradient(lambda x: np.linalg.norm(x, -2), 1.0, [2 * np.eye(3)])[0], np.eye(3) / 3)
    assert np.allclose(gradient(np.linalg.cond, 1.0, [2 * np.eye(3)])[0], 0)


def test_norm_zero_counts_and_is_constant() -> None:
    assert np.linalg.norm(cr.tensor([1.0, 0.0, 2.0], requires_grad=True), 0) == 2.0
    rows = cr.grad(lambda x: np.sum(np.linalg.norm(x, 0, axis=1) * x[:, 0]))(np.ones((2, 3)))
    assert np.array_equal(rows, [[3.0, 0.0, 0.0]] * 2)
    assert np.array_equal(cr.grad(lambda x: np.linalg.norm(x, 0))(np.ones(3)), np.zeros(3))


# --- softmax and its relatives ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("function", [softmax, log_softmax, logsumexp])
def test_softmax_along_axes(function: Callable[..., Any], axis: Any) -> None:
    check_function(lambda x: function(x, axis), numbers(2, 3))


def test_softmax_does_not_overflow() -> None:
    x = np.array([1000.0, 1001.0])
    assert np.allclose(softmax(x), [1 / (1 + np.e), np.e / (1 + np.e)])
    assert np.allclose(np.exp(log_softmax(x)), softmax(x))
    assert np.isclose(logsumexp(x), 1000 + np.log1p(np.e))
    assert logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert np.array_equal(gradient(logsumexp, 1.0, [np.array([-np.inf, -np.inf])])[0], [0.0, 0.0])
    assert np.array_equal(gradient(logsumexp, 1.0, [np.array([-np.inf, 0.0])])[0], [0.0, 1.0])
    assert logsumexp(np.ones((2, 1)), 0, keepdims=True).shape == (1, 1)
    z = np.array([1000 + 1j, 1000 - 2j])
    assert np.isclose(logsumexp(z), 1000 + np.log(np.sum(np.exp(z - 1000))))
    shares = np.exp(z - 1000) / np.sum(np.exp(z - 1000))
    np.testing.assert_allclose(gradient(lambda z: logsumexp(z).real, 1.0, [z])[0], np.conj(shares))


# --- dtypes, sizes, questions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [np.sum, np.mean, np.prod, np.var, np.std, np.linalg.norm, np.nanmean, np.average, logsumexp, softmax, log_softmax],
)
def test_float32_stays(function: Any) -> None:
    x = cr.tensor(numbers(2, 3), dtype=np.float32, requires_grad=True)
    out = function(x)
    assert out.dtype == np.float32
    np.sum(out).backward()
    assert x.grad.dtype == np.float32


def test_sum_in_another_dtype() -> None:
    x = cr.tensor(numbers(2, 3), dtype=np.float32, requires_grad=True)
    out: Any = np.sum(x, dtype=np.float64) + np.mean(x, dtype=np.float64) + np.prod(x, dtype=np.float64)
    assert out.dtype == np.float64
    out.backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("function", [np.sum, np.prod, lambda x: np.sum(x, axis=0), lambda x: np.prod(x, axis=1)])
def test_empty_arrays(function: Callable[[Any], Any]) -> None:
    x = np.zeros((0, 3))
    out = np.asarray(function(x))
    assert gradient(function, np.ones(out.shape), [x])[0].shape == (0, 3)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-9, 7e12])
def test_std_of_equal_numbers_has_derivative_zero_whatever_the_rounding(value: float) -> None:
    for axis in (None, 1):
        weight = 1.0 if axis is None else np.ones(2)
        found = gradient(lambda x, axis=axis: np.std(x, axis=axis), weight, [np.full((2, 3), value)])[0]
        assert np.array_equal(found, np.zeros((2, 3)))


def test_one_entry_has_no_spread() -> None:
    assert np.array_equal(gradient(np.var, 1.0, [np.array([3.0])])[0], [0.0])


def test_questions_have_plain_answers() -> None:
    x = cr.tensor([1.0, 0.0, 2.0], requires_grad=True)
    assert np.any(x) is np.True_ and np.all(x) is np.False_
    assert np.count_nonzero(x) == 2
    assert np.allclose(x, [x[0], x[1], 2.0])
    assert np.allclose(x, x) is True and np.array_equal(x, [1.0, 0.0, 2.0]) is True
    assert isinstance(np.isclose(x, 1.0), np.ndarray)
    assert np.linalg.matrix_rank(cr.tensor(np.eye(2), requires_grad=True)) == 2


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "var", "std"])
def test_out_is_a_tensor(name: str) -> None:
    x, function = cr.tensor([1.0, 3.0], requires_grad=True), getattr(np, name)
    with pytest.raises(AssignmentError, match="cannot become part of a plain NumPy array"):
        function(x, out=np.zeros(()))
    with pytest.raises(AssignmentError, match="Leave `out` out"):
        function(x, 0, None, np.zeros(()))
    out = cr.zeros(())
    assert function(x, out=out) is out
    (2 * out).backward()
    assert np.allclose(x.grad, 2 * cr.grad(function)(np.array([1.0, 3.0])))


def test_other_norms_are_refused() -> None:
    x = cr.tensor(np.ones((2, 2, 2)), requires_grad=True)
    with pytest.raises(ShapeError, match="no norm of matrices"):
        np.linalg.norm(x[0], 3)
    with pytest.raises(ShapeError, match="is a norm of matrices"):
        np.linalg.norm(x[0, 0], "fro")
    with pytest.raises(ShapeError, match="expected one axis"):
        np.linalg.norm(x, 2)


def test_an_axis_that_is_not_there() -> None:
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises((ValueError, IndexError), match="axis 1"):
        np.sum(x, axis=1)


def test_low_rank_factors_can_be_contracted() -> None:
    plan = plan_contraction((Factor((0, 1, 2), opaque=True), Factor((0, 2))), (0, 1), (2, 3, 3))
    x, v = numbers(2, 3), numbers(2, 3, seed=9)
    assert np.allclose(plan(LeaveTwoOut(x), v), np.einsum("bik,bk->bi", LeaveTwoOut(x).dense(), v))
