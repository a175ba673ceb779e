"""Terms that overlap in small blocks, made blocks: the same map, with no more numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.linear import Axis, Jacobian, Term, pattern, tiles
from chainrule.linear.numbers import stored
from chainrule.linear.tiles import tiled
from tests.linear.reference import shapes, terms, total

RANDOM = np.random.default_rng(2)
OF, TABLE = RANDOM.integers(0, 40, 300), RANDOM.normal(size=(40, 3))
TURN = RANDOM.normal(size=(2, 3))


@given(st.data())
def test_any_terms(data: st.DataObject) -> None:
    y, x = data.draw(st.tuples(shapes, shapes))
    several = data.draw(st.lists(terms(y, x), min_size=1, max_size=5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "_LONG", 2)
        for term in several:
            term.pattern.plans.pop("frame", None)
        found = tiled(several)
        for term in several:
            term.pattern.plans.pop("frame", None)
    np.testing.assert_allclose(total(found, y + x), total(several, y + x), atol=1e-12)
    assert stored(found) <= stored(several)


def points(shape: tuple[int, ...]) -> Any:
    return RANDOM.normal(size=shape) + 3.0


def turned(x: Any) -> Any:
    """Two numbers for each point, by parts and by components."""
    y = np.stack([x[:, 0] * x[:, 1] + x[:, 2], x[:, 1] * x[:, 2], np.sum(x * x, 1)], 1)
    return y[:, :2] / y[:, 2:] * np.sin(x[:, 1:])


FUNCTIONS: list[Any] = [
    turned,
    lambda x: turned(x).reshape(-1),
    lambda x: np.concatenate([turned(x).reshape(-1), x[:, 0] ** 2]),
    lambda x: turned(TABLE.astype(x.dtype)[OF] * x),
    lambda x: turned(x[OF]),
    lambda x: np.stack([x[:, 0] * x[:, 1], x[:, 2] * x[:, 0]], 1) @ TURN.astype(x.dtype) + x * x[:, :1],
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_functions_of_many_points(function: Any, kind: Any) -> None:
    x = points((300, 3)).astype(kind)
    made = cr.jacobian(function)
    first, second = made(x), made(x + 1)  # the second is a replay
    compiled = cr.compile(made, form="sparse")
    assert first.dtype == kind
    assert first.stored <= first.entries
    for found, point in ((first, x), (second, x + 1)):
        direction = np.cos(np.arange(x.size)).reshape(x.shape).astype(kind)
        tangent = cr.jvp(function, (point,), (direction,))[1]
        scale = float(np.abs(tangent).max())
        tolerance = (1e-11 if kind is np.float64 else 1e-4) * scale
        np.testing.assert_allclose(found @ direction, tangent, atol=tolerance)
        np.testing.assert_allclose(compiled(point).data, found.sparse().data, atol=tolerance)


def test_second_derivatives_go_through_blocks() -> None:
    def scalar(x: Any) -> Any:
        return np.sum(cr.jacobian(turned)(x) @ np.ones((300, 3)))

    x, direction = points((300, 3)), RANDOM.normal(size=(300, 3))
    step = 1e-6
    slope = (scalar(x + step * direction) - scalar(x - step * direction)) / (2 * step)
    assert np.sum(cr.grad(scalar)(x) * direction) == pytest.approx(slope, rel=1e-6)
    H = cr.hessian(lambda x: np.sum(turned(x) ** 2))(x)
    (expected,) = cr.hvp(lambda x: np.sum(turned(x) ** 2), (x,), (direction,))
    np.testing.assert_allclose(H @ direction, expected, rtol=1e-8, atol=1e-8)


def test_blocks_that_would_overlap_their_neighbours_are_none() -> None:
    row, column = [Axis(600, (0, 1), (2, 1))], [Axis(602, (0, 2), (2, 3))]
    wide = pattern([300, 2, 2], row, column, [(0, 1, 2)])[0]
    both = [Term(wide, (RANDOM.normal(size=(300, 2, 2)),)) for _ in range(2)]
    one = Term(pattern([300, 2], row, [Axis(602, (0, 1), (2, 1))], [(0,)])[0], (np.ones(300),))
    assert len(tiled([*both, one])) == 3
    expected = Jacobian(both, (600,), (602,)).dense() + np.eye(600, 602)
    np.testing.assert_allclose(Jacobian([*both, one], (600,), (602,)).dense(), expected)
