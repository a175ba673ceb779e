"""Order, running sums and differences: entries of the Jacobians, ties, and NumPy's functions on tensors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AssignmentError, OptionError, ShapeError
from chainrule.ops import accumulate, order
from chainrule.ops.order import topk
from tests.ops.dense import by_definition, check_operation, check_samples, local_terms
from tests.ops.follow import follow

RNG = np.random.default_rng(12)
VECTOR, MATRIX, CUBE = RNG.normal(size=5), RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3, 4))
NODES = np.array([0.0, 1.0, 2.5, 3.0, 4.0])
SPARSE = np.array([[2.0, 0.0, 3.0, -1.0], [0.0, 1.5, 0.0, 2.0], [1.0, 2.0, -3.0, 0.5]])

Case = tuple[Callable[[Any], Any], Any]

CASES: dict[str, Case] = {
    "max": (lambda x: (np.max(x), np.amax(x, axis=0), np.max(x, axis=(0, 2), keepdims=True), x.max(-1)), CUBE),
    "min": (lambda x: (np.min(x), np.amin(x, axis=1), np.min(x, axis=(), keepdims=True), x.min(0)), CUBE),
    "max from": (lambda x: (np.max(x, axis=1, initial=0.5), np.max(x, initial=-9.0, where=CUBE < 0)), CUBE),
    "min from": (lambda x: np.min(x, axis=0, initial=0.1, where=CUBE > 0.2), CUBE),
    "reduce": (lambda x: (np.maximum.reduce(x), np.minimum.reduce(x, axis=1)), MATRIX),
    "nanmax": (lambda x: (np.nanmax(x, axis=1), np.nanmin(x)), MATRIX),
    "ptp": (lambda x: (np.ptp(x), np.ptp(x, axis=0, keepdims=True)), MATRIX),
    "sort": (lambda x: (np.sort(x), np.sort(x, axis=0), np.sort(x, axis=None)), MATRIX),
    "partition": (lambda x: (np.partition(x, 2), np.partition(x, [0, 1], axis=0), np.partition(x, 3, None)), MATRIX),
    "accumulate": (lambda x: (np.maximum.accumulate(x), np.minimum.accumulate(x, axis=1)), MATRIX),
    "median": (lambda x: (np.median(x), np.median(x, axis=0), np.median(x, axis=1, keepdims=True)), MATRIX),
    "median of two axes": (lambda x: np.median(x, axis=(0, 2)), CUBE),
    "quantile": (lambda x: (np.quantile(x, 0.3), np.quantile(x, [0.0, 0.25, 1.0], axis=1, keepdims=True)), MATRIX),
    "quantile of two axes": (lambda x: np.quantile(x, [[0.1, 0.9]], axis=(0, -1)), CUBE),
    "quantile methods": (
        lambda x: [np.quantile(x, 0.4, axis=0, method=m) for m in ("lower", "higher", "nearest", "midpoint")],
        MATRIX,
    ),
    "nan quantiles": (
        lambda x: (
            np.nanmedian(x),
            np.nanquantile(x, [0.2, 0.9], axis=0),
            np.nanpercentile(x, 30, axis=1, keepdims=True),
        ),
        MATRIX,
    ),
    "percentile": (lambda x: (np.percentile(x, 30), np.percentile(x, [5, 95], axis=0)), MATRIX),
    "unique": (lambda x: np.unique(np.concatenate([x, x[:2]])), VECTOR),
    "cumsum": (lambda x: (np.cumsum(x), np.cumsum(x, axis=0), x.cumsum(1)), MATRIX),
    "cumprod": (lambda x: (np.cumprod(x), np.cumprod(x, axis=0), x.cumprod(1)), MATRIX),
    "cumprod with zeros": (lambda x: np.cumprod(x, axis=1), SPARSE),
    "cumulative": (
        lambda x: (np.cumulative_sum(x, axis=1, include_initial=True), np.cumulative_prod(x, axis=0)),
        MATRIX,
    ),
    "cumulative of one axis": (lambda x: np.cumulative_prod(x, include_initial=True), VECTOR),
    "nan left out": (lambda x: (np.nancumsum(x, axis=1), np.nancumprod(x)), MATRIX),
    "add.accumulate": (lambda x: (np.add.accumulate(x), np.multiply.accumulate(x, axis=1)), MATRIX),
    "diff": (lambda x: (np.diff(x), np.diff(x, 2), np.diff(x, axis=0, prepend=0.0, append=x[:1])), MATRIX),
    "ediff1d": (lambda x: (np.ediff1d(x), np.ediff1d(x, to_end=[1.0, 2.0], to_begin=x[0, 0])), MATRIX),
    "gradient": (lambda x: (np.gradient(x), np.gradient(x, 2.0, axis=1), np.gradient(x, 0.5, 2.0)), MATRIX),
    "gradient edges": (lambda x: (np.gradient(x, edge_order=2), np.gradient(x, NODES, edge_order=2)), VECTOR),
    "gradient coordinates": (lambda x: np.gradient(x, NODES), VECTOR),
    "gradient by coordinates": (lambda x: np.gradient(NODES, np.cumsum(x**2)), VECTOR),
    "trapezoid": (lambda x: (np.trapezoid(x), np.trapezoid(x, dx=0.5, axis=0), np.trapezoid(x, NODES[:4])), MATRIX),
    "trapezoid by coordinates": (lambda x: np.trapezoid(MATRIX, x, axis=1), MATRIX),
    "interp": (lambda x: np.interp([0.3, -1.0, 2.0, 3.9, 7.0], NODES, x), VECTOR),
    "interp ends": (lambda x: np.interp([0.3, -1.0, 7.0], NODES, x, left=2.0, right=x[1] * 2), VECTOR),
    "interp at": (lambda x: np.interp(x, NODES, NODES**2), 2 + VECTOR / 3),
    "interp nodes": (lambda x: np.interp([0.3, 1.9], np.cumsum(np.exp(x)), NODES), VECTOR),
    "unwrap": (lambda x: np.unwrap(4 * x), VECTOR),
    "meshgrid": (lambda x: (*np.meshgrid(x, NODES[:3]), *np.meshgrid(x, x[:2], indexing="ij", sparse=True)), VECTOR),
    "kron": (lambda x: (np.kron(x, MATRIX[:2]), np.kron(VECTOR[:2], x), np.kron(x, x[0])), MATRIX),
    "cross": (lambda x: (np.cross(x, MATRIX[:, :3]), np.linalg.cross(x, x[::-1])), MATRIX[:, 1:].copy()),
    "cross axes": (lambda x: np.cross(x, MATRIX, axis=0), MATRIX[::-1].copy()),
    "vander": (lambda x: (np.vander(x), np.vander(x, 3, increasing=True)), VECTOR),
    "linspace": (lambda x: (np.linspace(x, 3.0, 4), np.linspace(x[0], x[1], 3, endpoint=False)), VECTOR),
    "linspace of one": (lambda x: np.linspace(x, 3.0, 1, axis=1), VECTOR),
    "bincount": (lambda x: np.bincount([0, 3, 3, 1, 0], x, minlength=6), VECTOR),
    "fftshift": (lambda x: (np.fft.fftshift(x), np.fft.ifftshift(x, axes=1), np.fft.fftshift(x, (0,))), MATRIX),
}


@pytest.mark.parametrize(("function", "x"), CASES.values(), ids=CASES.keys())
def test_numpy_function(function: Callable[[Any], Any], x: Any) -> None:
    follow(function, x)


FACTS: dict[str, Callable[[Any], Any]] = {
    "positions": lambda x: (np.argmax(x), np.argmin(x, axis=0), np.nanargmax(x, 1), np.argsort(x), np.nonzero(x > 0)),
    "searches": lambda x: (np.searchsorted(NODES, x), np.digitize(x, NODES), np.argwhere(x > 0), np.flatnonzero(x)),
    "more": lambda x: (np.argpartition(x, 2)[..., 2], np.lexsort(x), np.tril_indices_from(x), np.count_nonzero(x)),
    "shapes": lambda x: (np.shape(x), np.ndim(x), np.size(x), np.iscomplexobj(x), np.isreal(x)),
    "steps": lambda x: (np.round(x, 1), np.around(x), np.fix(x), np.isin(x, NODES)),
}


@pytest.mark.parametrize("function", FACTS.values(), ids=FACTS.keys())
def test_facts_have_no_derivative(function: Callable[[Any], Any]) -> None:
    follow(function, MATRIX, tracked=False)


@pytest.mark.parametrize("module", [order, accumulate])
def test_every_sample(module: Any) -> None:
    assert len(check_samples(module.__name__)) > 10


class TestTies:
    X = np.array([[1.0, 3.0, 3.0], [3.0, 0.0, 2.0]])

    def gradient(self, function: Callable[[Any], Any]) -> Any:
        x = cr.tensor(self.X, requires_grad=True)
        np.sum(function(x)).backward()
        return x.grad.value

    def test_they_share_equally(self) -> None:
        np.testing.assert_allclose(self.gradient(np.max), np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]) / 3)
        np.testing.assert_allclose(self.gradient(lambda x: np.max(x, axis=1)), np.array([[0, 0.5, 0.5], [1, 0, 0]]))
        np.testing.assert_allclose(self.gradient(lambda x: np.min(x, axis=0, keepdims=True)), [[1, 0, 0], [0, 1, 1]])

    def test_only_those_that_tie_are_entries(self) -> None:
        _, terms = local_terms(order.max, (self.X,), {"axis": 1}, 0)
        assert sum(term.pattern.entries for term in terms) == 3
        _, terms = local_terms(order.max, (CUBE,), {"axis": (0, 2)}, 0)
        assert sum(term.pattern.entries for term in terms) == 3 and terms[0].factors == ()

    def test_a_running_maximum_follows_the_latest(self) -> None:
        np.testing.assert_array_equal(self.gradient(lambda x: np.maximum.accumulate(x, axis=1)), [[1, 1, 1], [3, 0, 0]])

    def test_equal_entries_keep_their_order_when_sorted(self) -> None:
        weight = np.array([1.0, 2.0, 4.0])
        np.testing.assert_array_equal(self.gradient(lambda x: np.sort(x) * weight), [[1, 2, 4], [4, 1, 2]])


def test_not_a_number_is_the_maximum_and_never_the_nanmaximum() -> None:
    x = cr.tensor([[1.0, np.nan, 2.0], [3.0, 0.0, 1.0]], requires_grad=True)
    top = np.max(x, axis=1)
    np.testing.assert_array_equal(top.value, [np.nan, 3.0])
    np.sum(top).backward()
    np.testing.assert_array_equal(x.grad.value, [[0, 1, 0], [1, 0, 0]])
    x.grad = None
    np.sum(np.nanmax(x, axis=1)).backward()
    np.testing.assert_array_equal(x.grad.value, [[0, 0, 1], [1, 0, 0]])
    middles: list[Any] = [np.median(x, axis=1), np.quantile(x, 0.5, axis=1)]
    for middle in middles:
        np.testing.assert_array_equal(middle.value, [np.nan, 1.0])
    np.testing.assert_allclose(
        np.asarray(np.nanquantile(x, [0.5, 0.25], axis=1).value),  # type: ignore[attr-defined]
        np.nanquantile(x.value, [0.5, 0.25], axis=1),
    )
    x.grad = None
    np.sum(np.nanmedian(x, axis=1)).backward()
    np.testing.assert_array_equal(x.grad.value, [[0.5, 0, 0.5], [0, 0, 1]])
    x.grad = None
    np.sum(np.nancumsum(x, axis=1)).backward()
    np.testing.assert_array_equal(x.grad.value, [[3, 0, 1], [3, 2, 1]])


def test_the_largest_few() -> None:
    x = cr.tensor(MATRIX, requires_grad=True)
    found, positions = topk(x, 2, axis=0)
    np.testing.assert_array_equal(found.value, np.sort(MATRIX, axis=0)[::-1][:2])
    np.testing.assert_array_equal(np.take_along_axis(MATRIX, positions, 0), found.value)
    np.sum(found).backward()
    np.testing.assert_array_equal(x.grad.value, np.sort(MATRIX, axis=0)[1] <= MATRIX)
    smallest, _ = topk(x, 1, largest=False)
    np.testing.assert_array_equal(smallest.value[:, 0], MATRIX.min(1))
    with pytest.raises(ValueError, match="k must lie in 0 … 4"):
        topk(x, 5)


def test_a_running_sum_stores_nothing() -> None:
    _, (term,) = local_terms(accumulate.cumsum, (MATRIX,), {"axis": 1}, 0)
    assert term.factors[0].stored == 0
    lower = np.kron(np.eye(3), np.tri(4))
    np.testing.assert_array_equal(by_definition([term], (3, 4), (3, 4)), lower)


def test_a_single_zero_in_a_product_does_not_divide() -> None:
    check_operation(accumulate.cumprod, (SPARSE,), {"axis": 1})
    check_operation(accumulate.cumprod, (SPARSE,), {"axis": 0})


def test_quantiles_can_be_differentiated_by_the_fraction() -> None:
    q = cr.tensor([0.3, 0.8], requires_grad=True)
    np.sum(np.quantile(cr.tensor(VECTOR), q)).backward()
    step = 1e-6
    slope = (np.quantile(VECTOR, [0.3 + step, 0.8 + step]) - np.quantile(VECTOR, [0.3 - step, 0.8 - step])) / (2 * step)
    np.testing.assert_allclose(q.grad.value, slope, atol=1e-8)


def test_what_is_refused() -> None:
    x = cr.tensor(MATRIX, requires_grad=True)
    with pytest.raises(AssignmentError, match="cannot become part of a plain NumPy array"):
        np.max(x, axis=0, out=np.zeros(4))
    with pytest.raises(AssignmentError, match="Leave `out` out"):
        np.max(x, 0, np.zeros(4))
    unknown: Any = "cubic"
    with pytest.raises(OptionError, match="method='cubic'; expected one of linear, "):
        np.quantile(x, 0.5, method=unknown)
    with pytest.raises(OptionError, match=r"np\.nanquantile: method='linear' with weights"):
        np.nanquantile(x, 0.5, weights=MATRIX)


THREE: Any = 3
YX: Any = "yx"
REFUSED: list[tuple[type[Exception], str, Callable[[Any], Any]]] = [
    (OptionError, "needs initial=", lambda x: np.max(x, where=MATRIX > 0)),
    (ShapeError, "np.median of no entries", lambda x: np.median(x[:0])),
    (ShapeError, "np.quantile of no entries", lambda x: np.quantile(x[:0], 0.5)),
    (ShapeError, "np.nanquantile of no entries", lambda x: np.nanquantile(x[:0], 0.5)),
    (OptionError, "a fraction lies in 0 … 1", lambda x: np.quantile(x, 50)),
    (OptionError, "k must lie in 0 … 4", lambda x: topk(x, 5)),
    (OptionError, "`axis` must be given", np.cumulative_sum),
    (OptionError, "n=-1 differences", lambda x: np.diff(x, -1)),
    (ShapeError, "at least 3 with edge_order=2", lambda x: np.gradient(x[:, :2], axis=1, edge_order=2)),
    (OptionError, "edge_order=3; expected 1 or 2", lambda x: np.gradient(x, edge_order=THREE)),
    (OptionError, "3 spacings for 2 axes", lambda x: np.gradient(x, 1.0, 2.0, 3.0)),
    (ShapeError, "coordinates of shape (5,) for axis 1, which has 4 entries", lambda x: np.gradient(x, NODES, axis=1)),
    (ShapeError, "xp of shape (5,) and fp of shape (4,)", lambda x: np.interp(0.5, NODES, x[0])),
    (ShapeError, "xp has no entries", lambda x: np.interp(0.5, NODES[:0], x[0, :0])),
    (OptionError, "indexing='yx'; expected 'xy' or 'ij'", lambda x: np.meshgrid(x, x, indexing=YX)),
]


@pytest.mark.parametrize(("error", "message", "function"), REFUSED)
def test_options_and_shapes_that_have_no_meaning(
    error: type[Exception], message: str, function: Callable[[Any], Any]
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        function(cr.tensor(MATRIX, requires_grad=True))
