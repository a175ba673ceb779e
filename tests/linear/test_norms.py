"""Norms, sums and inner products of rows, against the dense matrix; without the dense matrix where it is large."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import OptionError, TooLargeError
from chainrule.linear import Axis, Factor, Jacobian, Pattern, Term, affine, constant
from chainrule.linear import norms as measured
from tests.linear.reference import Matrix, shapes, terms, whole

random = np.random.default_rng(23)


def of(p: Pattern, *factors: Any, tables: tuple[Any, ...] = ()) -> Jacobian:
    """A Jacobian of one term."""
    made = factors or tuple([random.standard_normal([p.sizes[label] for label in f.labels]) for f in p.factors])
    return Jacobian([Term(p, made, tables)], p.row_shape, p.column_shape)


def check(J: Jacobian) -> None:
    """Everything that is measured, against the matrix."""
    rows, columns = prod(J.row_shape), prod(J.column_shape)
    matrix = np.reshape(J.dense(), (rows, columns))
    close: Any = {"rtol": 1e-5 if J.dtype == np.float32 else 1e-9, "atol": 1e-6 if J.dtype == np.float32 else 1e-10}
    np.testing.assert_allclose(J.norm(), np.sqrt((np.abs(matrix) ** 2).sum()), **close)
    np.testing.assert_allclose(J.norm("fro"), J.norm())
    np.testing.assert_allclose(J.norm(1), np.abs(matrix).sum(0).max(initial=0), **close)
    np.testing.assert_allclose(J.norm(np.inf), np.abs(matrix).sum(1).max(initial=0), **close)
    for found, expected, shape in (
        (J.row_norms(), np.sqrt((np.abs(matrix) ** 2).sum(1)), J.row_shape),
        (J.T.row_norms(), np.sqrt((np.abs(matrix) ** 2).sum(0)), J.column_shape),
        (J.row_sums(), matrix.sum(1), J.row_shape),
        (J.column_sums(), matrix.sum(0), J.column_shape),
        (J.gram(), matrix @ matrix.conj().T, J.row_shape + J.row_shape),
    ):
        assert np.shape(found) == shape
        np.testing.assert_allclose(np.reshape(found, expected.shape), expected, **close)


@pytest.fixture(params=[0, measured._FEW], ids=["pairs of terms", "entries"])
def few(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to the same numbers."""
    monkeypatch.setattr(measured, "_FEW", request.param)
    monkeypatch.setattr(measured, "_worth", lambda terms: request.param == 0)


@pytest.mark.usefixtures("few")
@given(st.data())
def test_any_sum_of_terms(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    check(Jacobian(data.draw(st.lists(terms(y, x), min_size=1, max_size=3)), y, x))


n = 12
outer = of(whole([5, 3, 4], [0], [1, 2], [(0, 1), (0, 2)]))
window = of(whole([n - 2, 3], [0], [Axis(n, (0, 1), (1, 1))], [(1,)]))
STRUCTURES = [
    outer,
    outer * -2,
    outer + of(whole([5, 3, 4], [0], [1, 2], [(0, 1), (0, 2)])),
    outer + of(whole([5, 3, 4], [0], [1, 2], [(2,)])),
    of(whole([5, 3, 4], [0, 1], [1, 2], [(0, 1), (0, 2)])),
    of(whole([3, 3, 4, 4], [0, 2], [1, 3], [(0, 1), (2, 3)])) + Jacobian.identity((3, 4)),
    of(whole([3, 2, 3], [0], [2], [(0, 1), (1, 2)])),
    of(whole([3, 6, 3], [0], [2], [(0, 1), (1,), (1, 2)])),
    of(whole([4], [0], [affine(7, 0, 1, 2)], [(0,)])) + of(whole([4], [0], [affine(7, 0, 1, 1)], [(0,)])),
    of(whole([4], [0], [affine(7, 0, 1, 2)], [(0,)])) + of(whole([4], [0], [affine(7, 0, 1, 2)], [()])),
    of(whole([4], [0], [constant(7, 2)], [(0,)])) + of(whole([4], [0], [constant(7, 3)], [(0,)])),
    of(whole([4], [0], [constant(7, 2)], [(0,)])) + of(whole([4], [0], [constant(7, 2)], [(0,)])),
    of(whole([4, 3], [0, 0], [0, 1], [(1,)])) + of(whole([4, 4, 3], [0, 1], [1, 2], [(0,)])),
    of(whole([4], [affine(9, 0, 2, 1)], [0], [(0,)])) + of(whole([9, 4], [0], [1], [(0, 1)])),
    of(whole([6], [Axis(3, (0,), (), 0, 0)], [0], [(0,)], [(0,)]), tables=(np.array([0, 2, 2, 0, 0, 2]),)),
    window,
    window + of(whole([n - 2, n], [0], [1], [(0, 1)])),
    window.T,
    of(whole([3, 3], [0], [1], [Factor((0, 1), True)]), Matrix(random.standard_normal((3, 3)))),
    of(whole([5, 3, 4], [0], [1, 2])),
    Jacobian([], (3,), (2, 2)),
    Jacobian([], (0,), (2,)),
    of(whole([], [], [], [()])),
    of(whole([1, 3], [0], [1], [(0,), (1,)])),
    of(whole([3], [0], [0], [(0,)])) + of(whole([3], [0], [0], [(0, 0)])),  # a diagonal and that of a matrix
    of(whole([3], [0], [0], [(0, 0)])) + of(whole([3], [0], [0], [()])),
]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("J", STRUCTURES, ids=lambda J: J.structure.split(",")[0])
def test_structures(J: Jacobian) -> None:
    check(J)
    check(J.T)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", [np.float32, np.complex128])
def test_dtypes(kind: Any) -> None:
    factors = [(random.standard_normal(s) + 1j * random.standard_normal(s)) for s in ((5, 3), (5, 4), (5, 3), (5, 4))]
    a, b, c, d = [f.astype(kind) if kind == np.complex128 else f.real.astype(kind) for f in factors]
    p = whole([5, 3, 4], [0], [1, 2], [(0, 1), (0, 2)])
    for J in (of(p, a, b), of(p, a, b) + of(p, c, d)):
        check(J)
        assert J.row_norms().dtype == (np.float32 if kind == np.float32 else np.float64)
        assert J.norm().dtype == J.row_norms().dtype


# ---------------------------------------------------------------------------------------------------------- per sample
def losses(parameters: Any, X: Any, Y: Any) -> Any:
    """One loss for each example."""
    h = X
    for W, b in parameters[:-1]:
        h = np.tanh(h @ W.T + b)
    W, b = parameters[-1]
    return np.sum((h @ W.T + b - Y) ** 2, axis=1)


def test_per_example_norms_and_inner_products() -> None:
    sizes = (6, 5, 4, 2)
    parameters = [(random.standard_normal((o, i)), random.standard_normal(o)) for i, o in pairwise(sizes)]
    X, Y = random.standard_normal((7, 6)), random.standard_normal((7, 2))
    J = cr.jacobian(losses)(parameters, X, Y)
    for layer in J:
        for part in layer:
            check(part)
            assert len(part.terms) == 1


def test_no_outer_product_is_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 gradients of 4,000,000 numbers each, two gigabytes, from a quarter of a million."""
    monkeypatch.setattr("chainrule.linear.limit.LIMIT", 1 << 16)
    delta, a = random.standard_normal((64, 2000)), random.standard_normal((64, 2000))
    J = of(whole([64, 2000, 2000], [0], [1, 2], [(0, 1), (0, 2)]), delta, a)
    expected = np.sqrt((delta**2).sum(1) * (a**2).sum(1))
    np.testing.assert_allclose(J.row_norms(), expected)
    np.testing.assert_allclose(J.norm(), np.sqrt((expected**2).sum()))
    np.testing.assert_allclose(J.gram(), (delta @ delta.T) * (a @ a.T))
    np.testing.assert_allclose(J.norm(np.inf), (np.abs(delta).sum(1) * np.abs(a).sum(1)).max())
    other = of(whole([64, 2000, 2000], [0], [1, 2], [(0, 1), (0, 2)]))
    d, b = other.terms[0].factors
    both = (J + other).row_norms() ** 2
    cross = 2 * (delta * d).sum(1) * (a * b).sum(1)
    np.testing.assert_allclose(both, expected**2 + cross + (d**2).sum(1) * (b**2).sum(1))
    with pytest.raises(TooLargeError, match=r"norm\(1\) of this map would have to list 512,000,000 entries"):
        (J + other).norm(1)


def test_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"norm\(2\): expected None or 'fro' .*svds"):
        outer.norm(2)
    monkeypatch.setattr("chainrule.linear.limit.LIMIT", 10)
    with pytest.raises(TooLargeError, match=r"gram\(\) of a map with 5 rows has 25 entries.*row_norms"):
        outer.gram()
    window = of(whole([n - 2, 3], [0], [Axis(n, (0, 1), (1, 1))], [(1,)]))
    with pytest.raises(TooLargeError, match=r"row_norms\(\) of this map would have to list"):
        (window + window.T.T + of(whole([n - 2, n], [0], [1], [(0, 1)]))).row_norms()
