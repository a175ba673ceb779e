"""Results are fresh for whoever asks: an object is given out again only if nobody can tell."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.native import abi

pytestmark = pytest.mark.skipif(not abi.usable(), reason="calls go through ctypes here")

x = np.linspace(0.1, 1.0, 6).reshape(2, 3)


def doubled(x: Any) -> Any:
    return x * 2.0


@pytest.fixture
def double() -> Any:
    """A compiled function that has been called."""
    compiled = cr.compile(doubled)
    compiled(x)
    return compiled


@pytest.mark.parametrize("size", [1, 6, 100_000])
def test_a_result_that_nobody_holds_is_used_again(double: Any, size: int) -> None:
    many = np.linspace(0.1, 1.0, size)
    first = id(double(many))
    assert id(double(many + 1)) == first


def test_results_that_are_held_keep_their_numbers(double: Any) -> None:
    held = [double(x + k) for k in range(9)]
    assert len({id(array) for array in held}) == 9
    for k, array in enumerate(held):
        np.testing.assert_array_equal(array, (x + k) * 2)


HOLDERS: dict[str, Any] = {
    "a view": lambda array: array[:1],
    "a buffer": memoryview,
    "its data": lambda array: array.ctypes,
    "a list": lambda array: [array],
    "another array": lambda array: np.asarray(array).T,
    "the protocol of exchange": lambda array: array.__dlpack__(),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_result_that_something_holds_is_left_alone(double: Any, holder: str) -> None:
    array = double(x)
    address = array.ctypes.data
    held = HOLDERS[holder](array)
    del array
    assert address not in [double(x + k).ctypes.data for k in range(4)]
    del held


CHANGES: dict[str, Any] = {
    "shape": lambda array: setattr(array, "shape", (3, 2)),
    "no axes": lambda array: array.resize((1, 1), refcheck=False),
    "more": lambda array: array.resize((40, 3), refcheck=False),
    "dtype": lambda array: setattr(array, "dtype", np.int64),
    "read only": lambda array: array.setflags(write=False),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.filterwarnings("ignore:Setting the")
def test_a_result_that_was_changed_is_not_used_again(double: Any, change: str) -> None:
    array = double(x)
    CHANGES[change](array)
    del array
    for k in range(4):
        found = double(x + k)
        assert (found.shape, found.dtype, found.strides) == ((2, 3), np.float64, (24, 8)) and found.flags.writeable
        np.testing.assert_array_equal(found, (x + k) * 2)
        found[...] = 0


def test_a_weak_reference_never_leads_to_another_result(double: Any) -> None:
    array = double(x)
    ended: list[int] = []
    reference = weakref.ref(array)
    weakref.finalize(array, ended.append, 1)
    del array
    for k in range(4):
        found = double(x + k)
        assert reference() is not found
    gc.collect()
    assert ended == [1] and reference() is None


def test_code_that_runs_when_an_old_result_ends_may_call_the_function(double: Any) -> None:
    found: list[tuple[int, Any]] = []

    def call(k: int) -> None:
        found.append((k, double(x - k)))

    for k in range(6):
        array = double(x + k)
        weakref.finalize(array, call, k)
        del array
    for k, array in found:
        np.testing.assert_array_equal(array, (x - k) * 2)
    assert len(found) >= 3


def test_numbers_that_are_held_keep_their_value() -> None:
    total = cr.compile(lambda x: np.sum(x * 2.0))
    held = [total(x + k) for k in range(5)]
    np.testing.assert_allclose(held, [np.sum((x + k) * 2) for k in range(5)])
    assert len({id(number) for number in held}) == 5


def test_a_result_may_be_the_next_argument(double: Any) -> None:
    y = x
    for _ in range(5):
        y = double(y)
    np.testing.assert_array_equal(y, x * 32)
    np.testing.assert_array_equal(double(double(double(x))), x * 8)


def test_large_results_are_let_go() -> None:
    compiled = cr.compile(doubled)
    large = np.ones(5_000_000)
    compiled(large)
    array = compiled(large)
    assert sys.getrefcount(array) <= 2


def test_what_is_kept_goes_with_the_function() -> None:
    compiled = cr.compile(doubled)
    compiled(x)
    array = compiled(x)
    more = sys.getrefcount(array)
    del compiled
    gc.collect()
    assert sys.getrefcount(array) == more - 1


def test_threads_get_results_of_their_own() -> None:
    compiled = cr.compile(cr.grad(lambda x: np.sum(np.sin(x))))
    compiled(x)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        mine = x + seed
        kept = [compiled(mine) for _ in range(300)]
        wrong.extend([array for array in kept if not np.allclose(array, np.cos(mine))])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


SHORT_OF_MEMORY = """
import resource
import numpy as np
import chainrule as cr
f = cr.compile(lambda a, b: (a * 2.0, b[:, None] * a, b + 1.0))
a, b = np.ones(20_000), np.ones(5_000)
f(a, b)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), before[1]))
for _ in range(3):
    try:
        f(a, b)
    except MemoryError as error:
        print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_AS, before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded by Linux's means")
def test_a_call_without_memory_for_its_results_raises() -> None:
    ran = subprocess.run([sys.executable, "-c", SHORT_OF_MEMORY], capture_output=True, text=True, check=False)
    assert (ran.stdout.split(), ran.returncode) == (["MemoryError"] * 3, 0), ran.stderr
