"""Work along one long axis and several narrow ones, written out for each position of these: only the time changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import chainrule as cr
from chainrule.native import unrolling
from chainrule.native.scalar import Index, Label, Number, Pool
from chainrule.native.work import Kept, Statement
from tests.native.agreement import agree
from tests.native.test_every_op_compiled import many
from tests.native.test_every_op_compiled import test_random_programs as tried
from tests.random_programs import Program, programs

RANDOM = np.random.default_rng(7)
POINTS, TURN = RANDOM.normal(size=(300, 3)), RANDOM.normal(size=(3, 3))
OF, TABLE = RANDOM.integers(0, 40, 300), RANDOM.normal(size=(40, 3))


def statement(sizes: list[int]) -> Statement:
    """One that fills an array with a number."""
    target = Kept(tuple(sizes), np.float64)
    pool, zero = Pool(), Number(0.0, np.dtype(float))
    labels = [Label(size) for size in sizes]
    return Statement(target, labels, [0] * len(sizes), lambda place: (place, pool.cast(zero, np.float64)))


@pytest.mark.parametrize(
    ("sizes", "count"), [([300, 3], 3), ([300, 2, 3], 6), ([300], 1), ([300, 1], 1), ([300, 40], 1), ([20, 3], 1)]
)
def test_what_is_narrow_is_written_out(sizes: list[int], count: int) -> None:
    made = statement(sizes)
    parts = unrolling.unrolled([made])
    assert len(parts) == count
    assert made.target.statements == parts
    places = {tuple([index.start for index in part.place or () if index != Index() or part.labels]) for part in parts}
    assert len(places) == count


FUNCTIONS: list[Any] = [
    lambda x: np.sum(np.tanh(x @ TURN) * x),
    lambda x: np.sum(np.sqrt(np.sum(x**2, 1)) * x[:, 0]),
    lambda x: np.sum(np.exp(np.stack([x[:, 1] * x[:, 2], x[:, 0]], 1)) ** 2),
    lambda x: np.sum(np.sin(TABLE[OF] * x) * np.concatenate([x[:, 1:], x[:, :1]], 1)),
    lambda x: np.sum(np.cumsum(np.sin(x), 1) ** 2) + np.max(x),
    lambda x: np.sum(np.prod(np.cos(x), axis=1)) + np.sum(np.linalg.norm(x, axis=0)),
    lambda x: np.sum(np.einsum("oi,oj,ij->o", x, np.sin(x), TURN) ** 2),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_functions_of_many_points(function: Any, kind: Any) -> None:
    for made in (function, cr.value_and_grad(function)):
        compiled = cr.compile(made)
        for x in (POINTS.astype(kind), np.ascontiguousarray(POINTS.T).T.astype(kind, order="K")):
            agree(compiled(x), made(x), 1.0 if kind is np.float64 else 1e5)  # the sum may be in double precision
        assert set(compiled.recordings) == {"machine code"}


@many
@given(programs(10))
def test_random_programs(program: Program) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unrolling, "_LONG", 2)
        patch.setattr(unrolling, "_WIDE", 64)
        tried.hypothesis.inner_test(program)  # type: ignore[attr-defined]
