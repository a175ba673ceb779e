"""Why a function is not machine code: each reason is said once, and the function answers as it always does."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native.compiled import CompileWarning
from chainrule.native.lowering import NotLowerableError
from chainrule.native.registry import RULES
from tests.native.test_doors import same

x = np.linspace(0.3, 1.7, 4)
backwards = np.arange(4.0).astype(">f8")
durations = np.arange(4).astype("m8[s]")
kept: list[float] = []


def draws(a: Any) -> Any:
    return a * 0 + random.random() * 0


def long(a: Any) -> Any:
    for k in range(3100):
        a = a + k if (k * k) % 7 < 3 + k % 5 else np.maximum(a, 3) * (1 - k % 2)
    return a


def appends(a: Any) -> Any:
    kept.append(1.0)
    return a + len(kept) * 0


REASONS: list[tuple[Any, tuple[Any, ...], str]] = [
    (np.isnat, (durations,), "an argument has dtype timedelta64[s]"),
    (lambda a: a * 2, (backwards,), "an argument has a byte order, an alignment or strides that are not the machine's"),
    (lambda a, s: a * len(s), (x, frozenset([1])), "an argument is a frozenset"),
    (lambda a, b: a * b, (x.astype(np.float32), 2.5), "whose precision it takes: pass np.float32(...)"),
    (lambda a, b: a * b, (x.astype(np.float32), 2.5j), "whose precision it takes: pass np.complex64(...)"),
    (lambda a: (a, 5), (x,), "a result is a int"),
    (lambda a: a << 1, (np.arange(3),), "recording it raised TypeError"),
    (lambda a: a[: int(a[0] * 3)], (x,), "test_reasons.py"),
    (np.linalg.slogdet, (np.eye(3),), "a result is a SlogdetResult"),
    (draws, (x,), "random"),
    (long, (np.arange(3),), "integers, in a program of very many steps"),
    (appends, (x,), "append"),
]


@pytest.mark.parametrize(("f", "arguments", "reason"), REASONS)
def test_reason(f: Any, arguments: tuple[Any, ...], reason: str) -> None:
    compiled = cr.compile(f)
    with pytest.warns(CompileWarning, match="runs in Python, not as machine code: ") as said:
        found = compiled(*arguments)
    assert reason in str(said[0].message)
    same(found, f(*arguments))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(compiled(*arguments), f(*arguments))
    assert any(reason in line for line in compiled.recordings)


def test_a_reduction_that_is_more_than_one() -> None:
    of_sums: Any = RULES[np.sum]
    cases: list[Any] = [{"initial": np.array([5.0, 1.0])}, {"where": np.array([True, False])}]
    for options in cases:
        with pytest.raises(NotLowerableError, match="begins with an array, or leaves elements out"):
            of_sums(None, None, None, axis=0, dtype=np.float64, keepdims=True, **options)


def test_what_changes_from_call_to_call_is_given_up() -> None:
    number = 1.0
    compiled = cr.compile(lambda a: a * number)
    for number in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0):
        assert compiled(np.ones(2)).tolist() == [number, number]
    assert compiled.recordings == ["something that it reads changes from call to call: make it an argument"]


def test_another_kind_of_arguments_may_still_be_machine_code() -> None:
    compiled = cr.compile(lambda a: a * 2)
    with pytest.warns(CompileWarning, match="timedelta"):
        compiled(durations)
    assert compiled(x).tolist() == (x * 2).tolist()
    assert compiled.recordings == ["an argument has dtype timedelta64[s]", "machine code"]
    assert "1 kind of arguments in machine code" in repr(compiled)
