"""Matrix products that are done in parts along their longest side, each so small that BLAS copies nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native import fortran
from tests.native.agreement import agree

RANDOM = np.random.default_rng(5)
SHAPES = [(310, 8, 9), (8, 310, 9), (8, 9, 310)]  # rows, what is summed, columns


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In how many parts each product was done; more than a few thousand multiplications are too many for one."""
    found: list[int] = []
    whole = fortran._parts
    monkeypatch.setattr(fortran, "_UNCOPIED", 3000)

    def noted(call: Any) -> int:
        found.append(whole(call))
        return found[-1]

    monkeypatch.setattr(fortran, "_parts", noted)
    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_products_in_parts(shape: Any, turned: Any, kind: Any, seen: list[int]) -> None:
    rows, inner, columns = shape
    sides = [(rows, inner), (inner, columns)]
    given = [
        RANDOM.normal(size=side[::-1] if turn else side).astype(kind) for side, turn in zip(sides, turned, strict=True)
    ]

    def product(a: Any, b: Any) -> Any:
        return (a.T if turned[0] else a) @ (b.T if turned[1] else b)

    for function in (product, cr.value_and_grad(lambda a, b: np.sum(np.sin(product(a, b))), (0, 1))):
        compiled = cr.compile(function)
        for _ in range(2):
            agree(compiled(*given), function(*given))
        assert compiled.recordings == ["machine code"]
    assert 8 in seen  # 310 · 8 · 9 multiplications


def test_stacks_of_products_in_parts(seen: list[int]) -> None:
    a, b = RANDOM.normal(size=(3, 200, 8)), RANDOM.normal(size=(3, 8, 9))
    agree(cr.compile(np.matmul)(a, b), a @ b)
    assert seen == [5]


def test_wide_products_stay_whole(seen: list[int]) -> None:
    a = RANDOM.normal(size=(140, 140))
    agree(cr.compile(np.matmul)(a, a[::-1]), a @ a[::-1])
    assert seen == [1]
