"""Loops that threads share: their results, also where several calls run at once, or no thread is to be had."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import chainrule as cr
from chainrule.errors import OptionError
from chainrule.native import abi, emit, libraries, splitting
from chainrule.native.compiled import CompileWarning
from chainrule.native.options import VARIABLE, allowed
from tests.at_once import at_once
from tests.native.agreement import agree
from tests.random_programs import Program, programs, weights

rng = np.random.default_rng(7)
x, A = rng.normal(size=23), rng.normal(size=(11, 7))
places = rng.integers(0, 23, size=40)

SHARED: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "elementwise": (lambda x: np.sin(x) * x, (x,)),
    "a sum": (cr.value_and_grad(lambda x: np.sum(np.tanh(x) ** 2)), (x,)),
    "a product": (np.prod, (x,)),
    "a maximum, and who has it": (cr.value_and_grad(lambda x: np.max(x) - np.min(x)), (x,)),
    "sums of columns": (lambda A: (np.sum(A, axis=0), np.max(A, axis=0)), (A,)),
    "a sum over rows and columns": (cr.value_and_grad(lambda w, A: np.sum(np.log1p(np.exp(A @ w)))), (x[:7], A)),
    "numbers of single precision": (lambda A: np.sum(A * A, axis=0), (A.astype(np.float32),)),
    "sums of integers": (lambda n: (n.sum(axis=0), np.prod(n[:3], axis=0)), (np.arange(40).reshape(8, 5),)),
    "fewer turns than threads": (lambda A: np.sum(np.exp(A), axis=1), (A[:2],)),
    "a row for each turn": (lambda A: np.sum(np.exp(A - np.max(A, axis=1, keepdims=True)) ** 2, axis=1), (A,)),
    "what is looked up": (lambda x: np.sum(np.sin(x[places])), (x,)),
    "sums of neighbours": (cr.grad(lambda x: np.sum(np.sin(x[1:] * x[:-1]) * x[1:])), (x,)),
    "running sums beside each other": (lambda A: np.cumsum(np.tanh(A), axis=1), (A,)),
    "turned": (lambda A: np.cumsum(A.T[::-1] * 2, axis=0)[:, ::2], (A,)),
}


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little there is to do, threads share it."""
    monkeypatch.setattr(splitting, "PART", 0)


def parts(compiled: Any) -> int:
    """How many loops of a compiled function threads share."""
    return sum([built.code.text.count("call i1 @in_threads") for built in compiled.known.values()])


@pytest.mark.parametrize("count", [2, 3, 16])
@pytest.mark.parametrize("name", SHARED)
def test_results(name: str, count: int, shared: None) -> None:
    f, arguments = SHARED[name]
    compiled = cr.compile(f, threads=count)
    agree(compiled(*arguments), f(*arguments))
    first = compiled(*arguments)
    for _ in range(5):
        np.testing.assert_equal(compiled(*arguments), first)  # to the last bit
    assert parts(compiled) > 0


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(program=programs(10))
def test_random_programs(program: Program, shared: None) -> None:
    f = program.function()

    def scalar(*given: Any) -> Any:
        out = f(*given)
        return np.sum(out * weights(np.shape(out), 0.9))

    both = cr.value_and_grad(scalar, argnums=tuple(range(len(program.arguments))))
    compiled = cr.compile(both, threads=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        agree(compiled(*program.arguments), both(*program.arguments))


def test_arrays_of_a_turn_that_are_no_numbers(shared: None) -> None:
    """What each turn has for itself lies on the stack if it is small, otherwise in memory: of each thread its own."""

    def f(A: Any) -> Any:
        spread = np.exp(A - np.max(A, axis=1, keepdims=True))
        shares = np.sin(spread / np.sum(spread, axis=1, keepdims=True))
        return np.sum(shares / np.sum(shares, axis=1, keepdims=True), axis=0)

    for width in (9, 3000):
        given = rng.normal(size=(7, width))
        compiled = cr.compile(f, threads=3)
        agree(compiled(given), f(given))
        assert parts(compiled) > 0


ALONE: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "a loop of NumPy's own": (lambda x: np.sum(np.logaddexp2(x, 2 * x)), (x,)),
    "a function that Python calls": (lambda A: np.linalg.svd(A)[1], (A,)),
}


@pytest.mark.parametrize("name", ALONE)
def test_what_one_thread_does(name: str, shared: None) -> None:
    f, arguments = ALONE[name]
    compiled = cr.compile(f, threads=3)
    agree(compiled(*arguments), f(*arguments))
    (built,) = compiled.known.values()
    assert not built.kernel.is_long  # nor is anybody let in
    agree(compiled(*arguments), f(*arguments))


def test_turns_of_a_recurrence_follow_each_other(shared: None) -> None:
    def f(x: Any) -> Any:
        for _ in range(80):
            x = np.sin(x) * 0.9
        return x

    for function in (f, np.cumsum, lambda x: np.maximum.accumulate(x)):  # noqa: PLW0108 (the function itself is not recorded)
        compiled = cr.compile(function, threads=3)
        agree(compiled(x), function(x))


def test_small_work_is_not_shared() -> None:
    compiled = cr.compile(lambda x: np.sum(np.sin(x)), threads=2)
    assert compiled(np.zeros(1000)) == 0 and parts(compiled) == 0
    assert compiled(np.zeros(1_000_000)) == 0 and parts(compiled) > 0


def test_large_sums_are_not_had_twice() -> None:
    """A sum that is as large as what is summed would cost each thread as much as it saves."""
    flat = np.arange(300_000)
    compiled = cr.compile(cr.grad(lambda x: np.sum(np.sin(x[flat]))), threads=2)
    agree(compiled(np.zeros(300_000)), np.ones(300_000))


# --- how many ---


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert allowed(3) == allowed(np.int64(3)) == 3
    monkeypatch.delenv(VARIABLE, raising=False)
    assert 1 <= allowed() <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert allowed() == (os.cpu_count() or 1)
    monkeypatch.setenv(VARIABLE, " 5 ")
    assert (allowed(), allowed(2)) == (5, 2)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, 2.0, True, "2", [1]])
def test_what_is_no_number_of_threads(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"threads=.*at least 1 thread is needed, as an integer"):
        cr.compile(np.sin, threads=wrong)


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "1.5"])
def test_a_variable_that_makes_no_sense(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, wrong)
    with pytest.raises(OptionError, match=r"CHAINRULE_THREADS=.*at least 1 thread is needed, as an integer"):
        cr.compile(np.sin)


def test_what_is_compiled_already(shared: None) -> None:
    one = cr.compile(np.tanh, threads=1)
    assert cr.compile(one) is one and cr.compile(one, threads=1) is one
    three = cr.compile(one, threads=3)
    agree(three(x), one(x))
    assert (parts(one), parts(three)) == (0, 1)
    less = cr.compile(three, checkpoint=4)
    agree(less(x), one(x))
    assert parts(less) == 1 and cr.compile(less) is less


def test_as_a_decorator(shared: None) -> None:
    @partial(cr.compile, threads=2)
    def loss(x: Any) -> Any:
        return np.sum(np.sin(x)) * 2

    agree(loss(x), np.sum(np.sin(x)) * 2)
    assert parts(loss) == 1


def test_jacobians(shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    split_of = splitting.split_of

    def noted(loop: Any, threads: int, partial: Any) -> Any:
        asked.append(threads)
        return split_of(loop, threads, partial)

    monkeypatch.setattr(splitting, "split_of", noted)

    def f(x: Any) -> Any:
        return np.tanh(x[1:] * x[:-1])

    compiled = cr.compile(cr.jacobian(f), threads=3)
    for _ in range(2):
        agree(compiled(x).dense(), cr.jacobian(f)(x).dense())
    assert set(asked) == {3}


def test_exports_have_one_thread(shared: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    made = cr.export(cr.compile(np.tanh), x, path=tmp_path / "slope")
    assert b"pthread" not in made.object_file.read_bytes()


# --- threads that are not to be had ---


def instead_of_a_thread(act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python do something in the middle of a call where a thread would begin; then there is none."""

    def create(*pointers: Any) -> int:
        act()
        return 11  # as where there are too many

    made = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(create)
    address = ctypes.cast(made, ctypes.c_void_p).value
    functions = libraries.Address(address or 0, made), libraries.pthreads()[1]
    monkeypatch.setattr(emit, "pthreads", lambda: functions)


@pytest.mark.parametrize("name", SHARED)
def test_without_threads_the_caller_does_everything(name: str, shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[int] = []
    instead_of_a_thread(lambda: refused.append(1), monkeypatch)
    f, arguments = SHARED[name]
    agree(cr.compile(f, threads=3)(*arguments), f(*arguments))
    assert refused


def test_where_there_are_no_posix_threads(shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries.pthreads.cache_clear()
    monkeypatch.setattr(os, "name", "nt")
    compiled = cr.compile(np.tanh, threads=3)
    try:
        agree(compiled(x), np.tanh(x))
    finally:
        libraries.pthreads.cache_clear()
    assert parts(compiled) == 0 and compiled.recordings == ["machine code"]


# --- several calls at once ---


@pytest.mark.parametrize("usable", [True, False])
@pytest.mark.parametrize("size", [50, 200_000])
def test_eight_callers_at_once(size: int, usable: bool, shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, "usable", lambda: usable)

    def f(A: Any) -> Any:
        spread = np.exp(A - np.max(A, axis=0))
        return np.sum(np.sin(spread) / np.sum(spread, axis=0)) * np.sum(np.tanh(A[::-1]))

    both = cr.value_and_grad(f)
    compiled = cr.compile(both, threads=3)
    given = [np.random.default_rng(seed).normal(size=(size // 50, 50)) for seed in range(8)]
    expected = [both(each) for each in given]
    compiled(given[0])
    wrong: list[str] = []

    def work(seed: int) -> None:
        for _ in range(10 if size > 50 else 100):
            try:
                agree(compiled(given[seed]), expected[seed])
            except AssertionError as problem:
                wrong.append(str(problem))

    at_once(8, work)
    assert wrong == []


def test_two_calls_meet_in_the_middle(shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other where all arrays are in use."""
    barrier = threading.Barrier(2)
    instead_of_a_thread(lambda: None if barrier.broken else waited(barrier), monkeypatch)

    def f(A: Any) -> Any:
        rows = np.exp(A) @ np.ones(A.shape[1])
        return np.sum(np.sin(rows / np.max(rows)) * np.cumsum(rows))

    both = cr.value_and_grad(f)
    compiled = cr.compile(both, threads=2)
    given = [np.random.default_rng(seed).normal(size=(900, 20)) for seed in range(2)]
    found: dict[int, Any] = {}
    barrier.abort()
    compiled(given[0])
    barrier.reset()

    at_once(2, lambda seed: found.update({seed: compiled(given[seed])}))
    assert not barrier.broken
    for seed in range(2):
        agree(found[seed], both(given[seed]))


def waited(barrier: threading.Barrier) -> None:
    barrier.wait(60)


def test_a_call_within_a_call(shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is under way, the same function is called with other arguments of the same kind."""
    compiled = cr.compile(cr.grad(lambda x: np.sum(np.exp(np.sin(x)) / np.sum(np.exp(x)))), threads=2)
    others: list[Any] = []
    found: list[Any] = []

    def again() -> None:
        if others:
            found.append(compiled(others.pop()))

    instead_of_a_thread(again, monkeypatch)
    expected = compiled(x), compiled(x[::-1].copy())
    others += [x, x]
    agree(compiled(x[::-1].copy()), expected[1])
    assert len(found) == 2
    for each in found:
        agree(each, expected[0])


def test_errors_come_from_python_as_ever(shared: None) -> None:
    compiled = cr.compile(lambda x: np.sum(1 / x) + x, threads=3)
    agree(compiled(x), np.sum(1 / x) + x)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        compiled(x * 0)
    agree(compiled(x), np.sum(1 / x) + x)


def test_arguments_stay_while_they_are_read(shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else takes an array out of its list meanwhile."""
    gone: list[Any] = []
    given: list[Any] = []

    def take() -> None:
        if given and not gone:
            gone.append(weakref.ref(given.pop()))
            gc.collect()
            assert gone[0]() is not None

    instead_of_a_thread(take, monkeypatch)
    compiled = cr.compile(lambda pair: np.sum(pair[0] * np.cos(pair[1])), threads=2)
    first = [np.ones(300), np.ones(300)]
    agree(compiled(first), 300 * np.cos(1.0))
    given += [rng.normal(size=300), rng.normal(size=300)]
    expected = np.sum(given[0] * np.cos(given[1]))
    agree(compiled(given), expected)
    assert len(given) == 1 and gone[0]() is None


def test_a_function_that_is_dropped_meanwhile(shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a call is under way, other kinds come, so many that its own code is given up."""
    compiled = cr.compile(lambda x: np.sum(np.sin(x) * np.cumsum(x)), threads=2)
    busy: list[bool] = []

    def others() -> None:
        if busy == [True]:
            busy.append(True)
            for size in range(2, 40):
                compiled(np.ones(size))
            gc.collect()

    instead_of_a_thread(others, monkeypatch)
    given = rng.normal(size=1500)
    expected = np.sum(np.sin(given) * np.cumsum(given))
    agree(compiled(given), expected)
    busy.append(True)
    agree(compiled(given), expected)
    assert len(busy) == 2


FORKS = """
import os, threading
import numpy as np
import chainrule as cr

f = cr.compile(cr.value_and_grad(lambda x: np.sum(np.sin(x) ** 2)), threads=2)
x = np.linspace(0.0, 1.0, 400_000)
value, gradient = f(x)
assert "in_threads" in next(iter(f.known.values())).code.text
stop = threading.Event()
def work():
    while not stop.is_set():
        f(x)
thread = threading.Thread(target=work)
thread.start()
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        again, slopes = f(x)
        os._exit(0 if again == value and np.array_equal(slopes, gradient) else 1)
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
stop.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_children_of_a_process_that_was_calling() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "[0, 0, 0, 0, 0]\n", done.stderr
