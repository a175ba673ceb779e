"""Ufuncs with several results, options or methods, on tracked tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.op import REGISTRY

rng = np.random.default_rng(3)


def test_every_ufunc_of_numpy_is_known() -> None:
    known = {getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
    assert {function.__name__ for function in known if function not in REGISTRY} == set()


def differences(f: Any, x: Any) -> Any:
    result = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = 1e-6
        result[index] = (f(x + step) - f(x - step)) / 2e-6
    return result


def target() -> Any:
    """A tensor to write to."""
    return cr.zeros(3)


WEIGHT = rng.normal(size=3)
CASES: list[tuple[str, Any]] = [
    ("modf", lambda x: np.sum(WEIGHT * np.modf(x)[0] + np.modf(x)[1])),
    ("frexp", lambda x: np.sum(WEIGHT * np.frexp(x)[0])),
    ("divmod", lambda x: np.sum(WEIGHT * np.divmod(x, 0.7)[1])),
    ("divmod operator", lambda x: np.sum(divmod(x, 0.7)[1])),
    ("clip", lambda x: np.sum(WEIGHT * np.clip(x, 0.5, 1.2))),
    ("clip below", lambda x: np.sum(WEIGHT * np.clip(x, 0.5, None))),
    ("clip by name", lambda x: np.sum(WEIGHT * np.clip(x, max=1.2))),
    ("where of a list", lambda x: np.sum(np.where([True, False, True], x * x, 3.0))),
    ("where of numbers", lambda x: np.sum(np.where(np.array([2.0, 0.0, -1.0]), x * x, x))),
    ("outer", lambda x: np.sum(np.multiply.outer(x, WEIGHT) ** 2)),
    ("reduce", lambda x: np.add.reduce(x * WEIGHT)),
    ("accumulate", lambda x: np.sum(np.add.accumulate(x) * WEIGHT)),
    ("power of numbers", lambda x: np.sum(2.0**x + x**-1.5 + x**0)),
    ("where and out", lambda x: np.sum(np.exp(x, out=target(), where=np.array([True, False, True])))),
]


@pytest.mark.parametrize(("name", "f"), CASES, ids=[name for name, _ in CASES])
def test_gradient(name: str, f: Any) -> None:
    x = np.array([0.35, 0.9, 1.45])
    plain = f if "out" not in name.split() else lambda x: np.sum(np.exp(x)[[0, 2]])
    np.testing.assert_allclose(cr.grad(f)(x), differences(plain, x), rtol=1e-6, atol=1e-8)


def test_adding_at_repeated_positions() -> None:
    x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    at: Any = cr.zeros(2)
    np.add.at(at, np.array([0, 1, 0]), x * x)
    assert at.tolist() == [10.0, 4.0]
    (at * cr.tensor([1.0, 10.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 40.0, 6.0]
