"""Steps that have no form of their own: NumPy's inner loops one number at a time, Python between loops."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.native.build import Built
from chainrule.native.inner import inner_loop
from chainrule.program.deferred import Deferred
from tests.at_once import at_once
from tests.native.agreement import agree

x = np.linspace(0.3, 1.7, 6)
square = np.linspace(-1.0, 2.0, 9).reshape(3, 3) @ np.diag([1.0, 2.0, 4.0]) + 3 * np.eye(3)
whole = np.array([-7, -2, 0, 3, 8])
backwards = np.arange(6.0).astype(">f8")


def summed_up(a: Any) -> Any:
    for _ in range(30):
        a = np.cumsum(np.sin(a)) / 2
    return a


CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "cumsum": (lambda a: np.cumsum(a[::-2]) * a[0], (x,)),
    "a loop of it": (summed_up, (x,)),
    "solve": (lambda a: np.linalg.solve(a.T, a @ a)[::-1], (square,)),
    "several results": (lambda a: np.linalg.qr(a)[0] @ np.linalg.qr(a)[1] + np.linalg.eigh(a @ a.T)[0], (square,)),
    "complex on the way": (lambda a: np.abs(np.fft.fft(a)), (x,)),
    "complex results": (lambda a: np.fft.fft(a)[::2] * 2, (x,)),
    "complex arguments": (lambda a: a * 2 + 1, (x * 1j,)),
    "a complex number": (np.sum, (x * 1j,)),
    "half precision": (lambda a: a * 2, (x.astype(np.float16),)),
    "to half precision": (lambda a: a.astype(np.float16), (x,)),
    "extended precision": (np.sum, (x.astype(np.longdouble),)),
    "captured in another byte order": (lambda a: a * backwards, (x,)),
    "special functions": (lambda a: special.erf(a) + special.gammaln(a), (x,)),
    "integers": (
        lambda a: (a // 3, a % 3, abs(a), np.maximum(a, 2), a**2, np.left_shift(abs(a), 1), np.gcd(a, 4)),
        (whole,),
    ),
    "maxima of integers": (lambda a: (np.max(a), np.min(a), np.sum(a), np.prod(a)), (whole,)),
    "truths": (lambda a: (np.any(a > 1), np.all(a > 0), np.sum(a > 1), ~(a > 1), (a > 1) ^ (a < 1)), (x,)),
    "of two types": (lambda a: np.ldexp(a, whole[:1]), (x,)),
    "signed and unsigned": (lambda a: a < np.uint64(5), (whole,)),
    "to integers": (lambda a: ((a * 100).astype(np.uint8), (-a).astype(int)), (x,)),
    "several of one": (lambda a: (np.modf(a)[0], np.divmod(a, 0.4)[1]), (x,)),
    "sorted, taken": (lambda a: np.argsort(-a) + np.sort(a) * np.argmax(a), (x,)),
    "statistics": (lambda a: (np.var(a), np.std(a, axis=0, ddof=1), np.ptp(a)), (square,)),
    "shapes": (lambda a: np.kron(np.tile(a, 2), np.roll(np.pad(a, 1), 1, 0)) + np.trace(a), (square,)),
    "triangles": (lambda a: np.tril(a) @ np.triu(a, 1) + np.cross(a, a[::-1]) + np.outer(a[0], a[1]), (square,)),
    "empty": (lambda a: (a * 2, np.sum(a), np.sum(a, 0), np.cumsum(a), np.concatenate([a, a])), (np.ones((0, 3)),)),
    "of no rows": (lambda a, b: a @ b + 1, (np.ones((2, 0), np.float32), np.ones((0, 3), np.float32))),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_python(name: str, door: str) -> None:
    function, arguments = CASES[name]
    compiled = cr.compile(function)
    expected = function(*arguments)
    for _ in range(3):
        agree(compiled(*arguments), expected)
    assert compiled.recordings == [door]


def test_what_raises_in_between_is_raised(door: str) -> None:
    compiled = cr.compile(lambda a: np.linalg.cholesky(a) * 2)
    agree(compiled(np.eye(2)), np.eye(2) * 2)
    with pytest.raises(np.linalg.LinAlgError):
        compiled(-np.eye(2))
    agree(compiled(np.eye(2)), np.eye(2) * 2)


def test_a_shape_that_depends_on_numbers(door: str) -> None:
    compiled = cr.compile(lambda a: np.flatnonzero(a) * 2)
    for numbers in ([1.0, 2.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 2.0]):
        agree(compiled(np.array(numbers)), np.flatnonzero(numbers) * 2)


def test_numbers_that_do_not_fit_are_left_to_python(door: str) -> None:
    def f(a: Any) -> Any:
        return a.astype(np.int32)

    compiled = cr.compile(f)
    for numbers in ([1.0, -2.5], [1e20, 3.0], [np.nan, np.inf]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            agree(compiled(np.array(numbers)), f(np.array(numbers)))


def test_no_call_leaves_anything_behind(door: str) -> None:
    compiled = cr.compile(lambda a: (np.cumsum(a), np.fft.fft(a), special.erf(a)))
    given = x.copy()

    def counts() -> Any:
        gc.collect()
        return np.array([sys.getrefcount(given), sys.getrefcount(given.dtype), len(gc.get_objects())])

    growth = []
    for _ in range(4):
        before = counts()
        for _ in range(500):
            compiled(given)
        growth.append(np.max(counts() - before))
    assert min(growth) < 20  # others may make things meanwhile, but not 20 each time


def test_threads_meet_between_loops(door: str) -> None:
    """Python may let another thread in: each call has memory of its own."""

    def f(a: Any) -> Any:
        b = np.cumsum(np.tanh(a) * 2)
        return np.sum(np.cumsum(b[::-1] * a) * b)

    compiled = cr.compile(f)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        given = np.random.default_rng(seed).normal(size=3000)
        expected = f(given)
        wrong.extend([found for found in (compiled(given) for _ in range(60)) if abs(found - expected) > 1e-6])

    compiled(np.zeros(3000))
    at_once(8, work)
    assert wrong == []


def test_code_that_is_dropped_while_it_calls_python(door: str) -> None:
    """While it waits for a decomposition, other kinds come, so many that its own code is given up."""
    compiled = cr.compile(lambda a: np.linalg.svd(a)[1] * 2)
    large = np.random.default_rng(3).normal(size=(120, 120))
    expected = np.linalg.svd(large)[1] * 2
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend([compiled(large) for _ in range(20)]))
    thread.start()
    for size in range(2, 60):
        compiled(np.eye(size))
        gc.collect(0)
    thread.join()
    assert len(found) == 20
    for one in found:
        agree(one, expected)


def test_calls_of_python_hold_no_recording() -> None:
    """A step holds all those before it, of which there may be millions."""

    def f(a: Any) -> Any:
        for _ in range(50):
            a = np.sin(a) * 1.1
        return np.linalg.svd(a)[1]

    def steps() -> int:
        gc.collect()
        return sum([type(found) is Deferred for found in gc.get_objects()])

    before = steps()
    compiled = cr.compile(f)
    agree(compiled(square), f(square))
    agree(compiled(square), f(square))
    assert compiled.recordings == ["machine code"]
    assert steps() == before


def test_one_search_for_garbage_finds_code_that_is_dropped() -> None:
    def alive() -> int:
        gc.collect()
        return sum([type(found) is Built for found in gc.get_objects()])

    alive()
    before = alive()
    assert cr.compile(lambda a: a * 2)(x)[0] == x[0] * 2
    assert alive() == before


def test_loops_are_found_by_their_types() -> None:
    double, single = np.dtype(np.float64), np.dtype(np.float32)
    assert inner_loop(special.erf, (double, double)) is not None
    assert inner_loop(np.logaddexp2, (double, single, double)) is None
    assert inner_loop(np.ldexp, (double, np.dtype(np.int32), double)) is not None
