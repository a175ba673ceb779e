"""Calls that are not like those before: of other kinds, of other objects, wrong ones, from several threads at once."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.native.agreement import agree

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.native.compiled.CompileWarning")
x = np.linspace(0.3, 1.7, 4)


class Sub(np.ndarray):
    pass


def shifted(array: Any) -> Any:
    """The same numbers at an address that is no multiple of their size."""
    memory = bytearray(array.nbytes + 1)
    found = np.frombuffer(memory, array.dtype, offset=1)
    found[:] = array
    return found


def read_only(array: Any) -> Any:
    found = array.copy()
    found.flags.writeable = False
    return found


KINDS: dict[str, Any] = {
    "float": 2.5,
    "double": np.float64(2.5),
    "single": np.float32(2.5),
    "a number as an array": np.array(2.5),
    "an integer": 3,
    "an integer of NumPy's": np.int32(3),
    "a truth": True,
    "integers": np.arange(4),
    "bytes": np.arange(4, dtype=np.uint8),
    "truths": np.array([True, False, True, True]),
    "singles": x.astype(np.float32),
    "halves": x.astype(np.float16),
    "complex numbers": x * 1j,
    "another byte order": x.astype(">f8"),
    "unaligned": shifted(x),
    "with gaps": np.repeat(x, 2)[::2],
    "backwards": x[::-1],
    "stretched": np.broadcast_to(np.float64(1.5), (4,)),
    "read-only": read_only(x),
    "of a subclass": x.view(Sub),
    "of two axes": np.ones((2, 4)),
    "transposed": np.ones((4, 2)).T + np.arange(4.0),
    "of one element": np.ones(1),
    "empty": np.ones(0),
    "with nan": np.array([1.0, np.nan, 2.0, 3.0]),
    "infinite": np.array([1.0, np.inf, 2.0, -np.inf]),
    "very large": np.full(4, 1e308),
    "very small": np.full(4, 5e-324),
}


def test_kinds_of_arguments_in_turn(door: str) -> None:
    def f(a: Any) -> Any:
        return a * 2 + np.cos(a) - np.sum(a)

    compiled = cr.compile(f)
    with np.errstate(all="ignore"):
        for _ in range(3):
            for given in KINDS.values():
                agree(compiled(given), f(given))


def test_pairs_of_kinds(door: str) -> None:
    def f(a: Any, b: Any) -> Any:
        return a + b * a

    names = ["float", "single", "a number as an array", "integers", "singles", "backwards", "of two axes", "with nan"]
    compiled = cr.compile(f)
    for one in names:
        for other in names:
            agree(compiled(KINDS[one], KINDS[other]), f(KINDS[one], KINDS[other]))


def test_arguments_that_share_memory(door: str) -> None:
    def f(a: Any, b: Any) -> Any:
        return a * 2 + b[::-1], a @ b

    compiled = cr.compile(f)
    memory = np.arange(8.0)
    for a, b in ((memory, memory), (memory[:4], memory[2:6]), (memory[4:], memory[4:]), (memory[:4], memory[3::-1])):
        agree(compiled(a, b), f(a, b))


def takes_two(a: Any, b: Any = 2.0, *, c: Any = 1.0) -> Any:
    return a * b + c


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((x, x, x), {}),
    ((x,), {"d": 1}),
    ((x,), {"a": x}),
    ((None,), {}),
    (("text",), {}),
]


@pytest.mark.parametrize(("arguments", "options"), CALLS)
def test_wrong_calls_fail_as_they_do(arguments: Any, options: Any, door: str) -> None:
    compiled = cr.compile(takes_two)
    agree(compiled(x), takes_two(x))
    with pytest.raises(Exception) as expected:
        takes_two(*arguments, **options)
    with pytest.raises(type(expected.value)) as found:
        compiled(*arguments, **options)
    assert str(found.value) == str(expected.value)
    agree(compiled(x), takes_two(x))


def test_named_arguments(door: str) -> None:
    compiled = cr.compile(takes_two)
    for _ in range(2):
        agree(compiled(x, c=3.0), takes_two(x, c=3.0))
        agree(compiled(a=x), takes_two(a=x))
        agree(compiled(x, 4.0), takes_two(x, 4.0))


def test_containers(door: str) -> None:
    def f(tree: Any) -> Any:
        (a, b), rest = tree
        return {"sum": a + b, "rest": [value * 2 for value in rest.values()]}

    compiled = cr.compile(f)
    trees = [((x, 2.0), {"u": x, "v": x}), ((x, 2.0), {"v": x, "u": x + 1}), ([x, x], {}), ((x, x), {"u": 1.0})]
    for _ in range(2):
        for tree in trees:
            agree(compiled(tree), f(tree))


def test_positions_that_are_not_there(door: str) -> None:
    compiled = cr.compile(lambda a, at: a[at])
    agree(compiled(x, np.array([0, -1])), x[[0, -1]])
    for wrong in ([0, 4], [-5, 0]):
        with pytest.raises(IndexError):
            compiled(x, np.array(wrong))


def test_what_raises_inside(door: str) -> None:
    def f(a: Any) -> Any:
        if len(a) > 3:
            raise KeyError("too long")
        return a * 2

    compiled = cr.compile(f)
    for size in (2, 4, 3, 5, 2):
        if size > 3:
            with pytest.raises(KeyError, match="too long"):
                compiled(np.ones(size))
        else:
            agree(compiled(np.ones(size)), f(np.ones(size)))


def test_compiled_functions_inside_others(door: str) -> None:
    inner = cr.compile(lambda a: np.sin(a) * a)
    outer = cr.compile(lambda a: np.sum(inner(a) ** 2))
    for _ in range(2):
        agree(outer(x), np.sum((np.sin(x) * x) ** 2))
        agree(cr.grad(outer)(x), cr.grad(lambda a: np.sum((np.sin(a) * a) ** 2))(x))
        agree(cr.jacobian(inner)(x).dense(), cr.jacobian(lambda a: np.sin(a) * a)(x).dense())
        agree(inner(x), np.sin(x) * x)


def test_methods(door: str) -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = np.full(4, scale)

        @cr.compile
        def scaled(self, a: Any) -> Any:
            return a * self.scale

        def plain(self, a: Any) -> Any:
            return a * self.scale

    one, other = Model(2.0), Model(3.0)
    bound = cr.compile(one.plain)
    for _ in range(3):
        agree(one.scaled(x), x * 2.0)
        agree(other.scaled(x), x * 3.0)
        agree(bound(x), x * one.scale)
        one.scale = one.scale + 0.0
    one.scale *= 2.0
    agree(bound(x), x * 4.0)
    with pytest.raises(TypeError):
        Model.scaled()


def test_a_function_that_calls_itself(door: str) -> None:
    def power(a: Any, n: int) -> Any:
        return a if n == 1 else a * compiled(a, n - 1)

    compiled = cr.compile(power)
    for n in (1, 4, 2, 4):
        agree(compiled(x, n), power(x, n))


def test_references(door: str) -> None:
    compiled = cr.compile(lambda a, b: (a * b, {"sum": [np.sum(a), b]}))
    a, b = x.copy(), 2.5
    for _ in range(100):
        compiled(a, b)
    gc.collect()
    held = [a, b, a.dtype, np.ndarray, np.float64, None, compiled]
    drifts = []
    for _ in range(4):  # other tests leave threads and garbage that come and go; what is lost is lost in every round
        before = [sys.getrefcount(value) for value in held]
        for _ in range(2000):
            compiled(a, b)
        gc.collect()
        after = [sys.getrefcount(value) for value in held]
        drifts.append(max([abs(one - other) for one, other in zip(before, after, strict=True)]))
    assert min(drifts) < 100


def test_threads_and_collection(door: str) -> None:
    """Eight threads call one function with many kinds, while others are made and collected."""

    def f(a: Any) -> Any:
        return np.sum(np.tanh(a) * a)

    compiled = cr.compile(f)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for turn in range(30):
            given = rng.normal(size=2 + (seed + turn) % 10)  # fewer kinds than are kept
            if abs(compiled(given) - f(given)) > 1e-9:
                wrong.append(given)
            if turn % 10 == 0:
                cr.compile(lambda a, turn=turn: a * turn)(given)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    while any([thread.is_alive() for thread in threads]):
        gc.collect()
        time.sleep(0.01)
    assert wrong == []


def test_copies(door: str) -> None:
    compiled = cr.compile(takes_two)
    agree(compiled(x), takes_two(x))
    for copied in (copy.copy(compiled), copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        agree(copied(x), takes_two(x))
    agree(compiled(x), takes_two(x))


def test_what_is_not_finite_is_answered_in_python(door: str) -> None:
    def f(a: Any) -> Any:
        return np.log(a), a / a

    compiled = cr.compile(f)
    for given in (x, x * 0, -x, x * np.inf, x):
        with warnings.catch_warnings(record=True), np.errstate(all="ignore"):
            agree(compiled(given), f(given))
    with pytest.warns(RuntimeWarning, match="divide by zero|invalid"):
        compiled(x * 0)


def test_entries_of_lists_and_tuples_outside() -> None:
    weights: list[Any] = [1.5, 2.5, 3.5]
    pair: Any = (weights, [])
    compiled = cr.compile(lambda x: x * pair[0][1] + len(pair[1]))
    assert np.allclose(compiled(x), x * 2.5)
    weights[1] = 4.5
    assert np.allclose(compiled(x), x * 4.5)
    weights[0] = -1.0
    pair[1].append("one more")
    assert np.allclose(compiled(x), x * 4.5 + 1)
    del weights[0]
    assert np.allclose(compiled(x), x * 3.5 + 1)
    pair = ([9.0, 7.0], [])
    assert np.allclose(compiled(x), x * 7)


@pytest.mark.parametrize("change", [lambda x: x * 1.0, lambda x: x + 0, lambda x: x**1, lambda x: 0 + x / 1])
def test_what_equals_an_argument_may_be_written_to(change: Any, door: str) -> None:
    def f(x: Any) -> Any:
        y = change(x)
        y[1:] += x[:-1]
        y[0] = 5.0
        return np.sum(y * x)

    x = np.arange(1.0, 5.0)
    for function in (f, cr.grad(f)):
        compiled = cr.compile(function)
        agree(compiled(x), function(x))
        assert compiled.recordings == [door]
    np.testing.assert_array_equal(x, np.arange(1.0, 5.0))
