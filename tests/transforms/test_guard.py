"""Whatever a function reads is noticed when it changes: a replay is never that of another function."""

# ruff: noqa: PLW0108 (a lambda around a function is another function to a guard)

from __future__ import annotations

import functools
import itertools
import os
import random
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import CubicSpline

import chainrule as cr
from chainrule.transforms.contents import Contents
from chainrule.transforms.guard import Reads

X, Y = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.7, 0.9])
FACTOR = 2.0

Case = tuple[Callable[..., Any], Callable[[], Any]]  # a function, and what changes something that it reads


def arrays() -> dict[str, Case]:
    cases: dict[str, Case] = {}

    def case(name: str, array: Any, function: Callable[[Any, Any], Any], value: Any = 7, place: Any = 0) -> None:
        cases[name] = (lambda x: function(x, array), lambda: array.__setitem__(place, value))

    case("an entry of an array", np.arange(1.0, 4.0), lambda x, a: x * x * a[0])
    case("the float of a sum", np.arange(1.0, 4.0), lambda x, a: x * x * float(a.sum()))
    case("an array of one number", np.array([2.0]), lambda x, a: x * x * a)
    case("an array without axes", np.array(2.0), lambda x, a: x * x * a, 7, ())
    case("a branch on an array", np.arange(1.0, 4.0), lambda x, a: x * x if a[0] > 2 else 3 * x)
    case("a shape from an array", np.arange(1.0, 4.0), lambda x, a: x[int(a[0]) :] ** 2, 2)
    case("single precision", np.ones(3, np.float32), lambda x, a: x * x * a)
    case("every second entry", np.arange(6.0)[::2], lambda x, a: x * x * a)
    case("columns first", np.asfortranarray(np.arange(9.0).reshape(3, 3)), lambda x, a: a @ np.sin(x), 7, (1, 2))
    case("computed from an array", np.arange(9.0).reshape(3, 3), lambda x, a: (a @ a) @ np.sin(x), 7, (1, 2))
    case("positions", np.array([0, 2]), lambda x, a: x[a] ** 2, 1)
    case("a mask", np.array([True, False, True]), lambda x, a: np.where(a, x**3, x), False)
    case("not a number", np.array([np.nan, 1.0, 2.0]), lambda x, a: x * x * np.nan_to_num(a))
    case("the sign of zero", np.array([0.0]), lambda x, a: x * x * np.arctan2(a, -1.0), -0.0)
    case("a list", [1.0, 2.0, 3.0], lambda x, a: x * x * np.array(a))
    case("a list in a list", [[1.0, 2.0, 3.0]], lambda x, a: x * x * np.array(a[0]), [4.0, 5.0, 6.0])
    case("an array in a dict", {0: np.ones(3)}, lambda x, a: x * x * a[0], 2 * np.ones(3))
    case("the order of a dict", {0: 1.0, 1: 2.0}, lambda x, a: x * x * list(a.values())[-1], 3.0, 2)
    case("a default dict", OrderedDict({0: 2.0}), lambda x, a: x * x * a[0])
    whole = np.arange(1.0, 10.0)
    cases["the array behind a view"] = case_of_view(whole)
    cases["the shape of an array"] = (
        lambda x: x * x * (2.0 if whole.ndim == 1 else 3.0),
        lambda: whole.resize((3, 3), refcheck=False),
    )
    return cases


def case_of_view(whole: Any) -> Case:
    view = whole[::3]
    return lambda x: x * x * view.sum(), lambda: whole.__setitem__(0, 11.0)


class Base:
    rate = 3.0

    def __init__(self, weight: Any = 2.0) -> None:
        self.weight = weight

    def __call__(self, x: Any) -> Any:
        return self.weight * x * x

    def __mul__(self, x: Any) -> Any:
        return self.weight * x * x

    def __getitem__(self, index: Any) -> Any:
        return self.weight

    def __len__(self) -> int:
        return int(self.weight)

    def method(self, x: Any) -> Any:
        return self.weight * x * x

    def by_class(self, x: Any) -> Any:
        return self.rate * x * x

    @property
    def double(self) -> Any:
        return 2 * self.weight

    @staticmethod
    def static(x: Any) -> Any:
        return x * x * FACTOR


class Descriptor:
    value = 2.0

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        return self.value


class Odd:
    described = Descriptor()

    def __getattr__(self, name: str) -> Any:
        return Descriptor.value


@dataclass
class Record:
    rate: float
    weights: Any


class Pair(NamedTuple):
    a: float
    b: Any


class Slots:
    __slots__ = ("weight",)

    def __init__(self) -> None:
        self.weight = 2.0


def objects() -> dict[str, Case]:
    def derived(name: str) -> Any:
        return type(name, (Base,), {})

    cases: dict[str, Case] = {}
    uses: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
        "an object that is called": lambda o: o,
        "an object called by a function": lambda o: lambda x: o(x),
        "an operator": lambda o: lambda x: o * np.sin(x),
        "an index": lambda o: lambda x: x * x * o[0],
        "a length": lambda o: lambda x: x * x * len(o),
        "a bound method": lambda o: o.method,
        "a property": lambda o: lambda x: x * x * o.double,
        "getattr": lambda o: lambda x: x * x * getattr(o, "wei" + "ght"),
    }
    for name, use in uses.items():
        instance = Base()
        cases[name] = (use(instance), lambda instance=instance: setattr(instance, "weight", 5.0))  # type: ignore[misc]
    first, second, third, fourth = derived("First"), derived("Second"), derived("Third"), derived("Fourth")
    one, two, three, four = first(), second(), third(), fourth()
    cases["an attribute of a class"] = one.by_class, lambda: setattr(first, "rate", 5.0)
    cases["a method of a class"] = lambda x: two.method(x), lambda: setattr(second, "method", lambda self, x: x**3)
    cases["a method of an object"] = lambda x: three.method(x), lambda: setattr(three, "method", lambda x: x**3)
    cases["the class of an object"] = (
        lambda x: four.by_class(x),
        lambda: setattr(four, "__class__", type("Other", (Base,), {"rate": 9.0})),
    )
    record = Record(2.0, np.ones(3))
    cases["a dataclass"] = lambda x: x * x * record.rate, lambda: setattr(record, "rate", 4.0)
    cases["an array of a dataclass"] = (
        lambda x: x * x * record.weights[0],
        lambda: record.weights.__setitem__(0, 4.0),
    )
    odd = Odd()
    cases["a descriptor"] = lambda x: x * x * odd.described, lambda: setattr(Descriptor, "value", 5.0)
    cases["made-up attributes"] = lambda x: x * x * odd.anything, lambda: setattr(Descriptor, "value", 6.0)
    slots = Slots()
    cases["slots"] = lambda x: x * x * slots.weight, lambda: setattr(slots, "weight", 5.0)
    pair = Pair(2.0, np.ones(3))
    cases["a named tuple"] = lambda x: x * x * pair.b, lambda: pair.b.__setitem__(0, 5.0)
    space = SimpleNamespace(rate=2.0, layers=[Record(1.0, np.ones(3))])
    cases["a namespace"] = lambda x: x * x * space.rate, lambda: setattr(space, "rate", 5.0)
    cases["an object in a list of an object"] = (
        lambda x: x * x * space.layers[0].weights,
        lambda: space.layers[0].weights.__setitem__(0, 5.0),
    )
    module = ModuleType("some_module")
    module.rate = 2.0  # type: ignore[attr-defined]
    cases["a module"] = lambda x: x * x * module.rate, lambda: setattr(module, "rate", 5.0)
    return cases


def set_factor(value: float) -> Callable[[], None]:
    return lambda: globals().__setitem__("FACTOR", value)


def by_factor(x: Any) -> Any:
    return x * x * FACTOR


def recursive(x: Any, depth: int = 2) -> Any:
    return x * FACTOR if depth == 0 else x * recursive(x, depth - 1)


def with_default(x: Any, rate: float = 2.0, *, other: float = 1.0) -> Any:
    return x * x * rate * other


def with_attribute(x: Any) -> Any:
    return x * x * with_attribute.rate  # type: ignore[attr-defined]


with_attribute.rate = 2.0  # type: ignore[attr-defined]


def generator(x: Any) -> Any:
    def parts() -> Any:
        for k in range(3):
            yield x * x * k * FACTOR

    return sum(parts())


@functools.lru_cache
def remembered(rate: float) -> float:
    return rate * FACTOR


def summed(transform: Any, x: Any) -> Any:
    """The column sums of the inner derivative."""
    found = transform(x)
    return np.sum(found.dense(), 0) if isinstance(found, cr.Jacobian) else found


def functions() -> dict[str, Case]:
    inner: dict[str, Any] = {
        "jacobian": cr.jacobian(lambda x: x**3 * FACTOR),
        "hessian": cr.hessian(lambda x: np.sum(x**4) * FACTOR),
        "grad": cr.grad(lambda x: np.sum(x**3) * FACTOR),
        "gauss_newton": cr.gauss_newton(lambda x: x**2 * FACTOR),
    }
    operation = cr.define(lambda x: x**2 * FACTOR, lambda x: 2 * x * FACTOR)
    vectorized = np.vectorize(lambda rate: rate * FACTOR)
    per_object = np.frompyfunc(lambda rate: rate * FACTOR, 1, 1)
    space: dict[str, Any] = {"rate": 2.0}
    exec("def executed(x):\n    return x * x * rate", space)
    numbers = [2.0]

    def clear() -> None:
        set_factor(5.0)()
        remembered.cache_clear()

    spline = CubicSpline(np.arange(5.0), np.arange(5.0) ** 2)
    polynomial = np.polynomial.Polynomial([1.0, 2.0])
    cases: dict[str, Case] = {
        "a spline": (lambda x: x * x * float(spline(1.5)), lambda: spline.c.__setitem__((3, 1), 9.0)),
        "a polynomial": (lambda x: x * x * polynomial(1.5), lambda: polynomial.coef.__setitem__(0, 9.0)),
        "a global name": (by_factor, set_factor(5.0)),
        "a global name of a function that is called": (lambda x: by_factor(x), set_factor(5.0)),
        "a static method": (lambda x: Base().static(x), set_factor(5.0)),
        "recursion": (recursive, set_factor(5.0)),
        "a generator": (generator, set_factor(5.0)),
        "a wrapped function": (functools.partial(lambda rate, x: x * x * rate[0], numbers), numbers.clear),
        "executed code": (space["executed"], lambda: space.__setitem__("rate", 5.0)),
        "positional defaults": (with_default, lambda: setattr(with_default, "__defaults__", (5.0,))),
        "named defaults": (
            with_default,
            lambda: (with_default.__kwdefaults__ or {}).__setitem__("other", 5.0),
        ),
        "an attribute of a function": (with_attribute, lambda: setattr(with_attribute, "rate", 5.0)),
        "the code of a function": (
            lambda x: replaceable(x),
            lambda: setattr(replaceable, "__code__", (lambda x: x**3).__code__),
        ),
        "a function that keeps its results": (lambda x: x * x * remembered(2.0), clear),
        "an operation of one's own": (operation, set_factor(5.0)),
        "a vectorized function": (lambda x: x * x * vectorized(np.ones(3)), set_factor(5.0)),
        "a ufunc of a function": (lambda x: x * x * float(per_object(2.0)), set_factor(5.0)),
        "the environment": (
            lambda x: x * x * float(os.environ.get("CHAINRULE_TEST_RATE", "2")),
            lambda: os.environ.__setitem__("CHAINRULE_TEST_RATE", "5"),
        ),
        "the other sign of zero": (lambda x: x * x * np.arctan2(FACTOR, -1.0), set_factor(-0.0)),
    }
    for name, transform in inner.items():
        cases[f"inside a {name}"] = functools.partial(summed, transform), set_factor(5.0)
    return cases


def replaceable(x: Any) -> Any:
    return x * x


CASES = {**arrays(), **objects(), **functions()}


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the cases change, as it was: they run in any order, and more than once."""
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 2.0)
    monkeypatch.delenv("CHAINRULE_TEST_RATE", raising=False)
    before = with_default.__defaults__, dict(with_default.__kwdefaults__ or {}), replaceable.__code__
    yield
    with_default.__defaults__, with_default.__kwdefaults__, replaceable.__code__ = before
    with_attribute.rate, Descriptor.value = 2.0, 2.0  # type: ignore[attr-defined]


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """The dense Jacobian, or the kind of error."""
    try:
        return function(*arguments).dense()
    except (IndexError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_noticed(name: str) -> None:
    function, change = {**arrays(), **objects(), **functions()}[name]
    if name == "the other sign of zero":
        set_factor(0.0)()
    transform: Any = cr.jacobian(function)
    run = transform.recorded.transform
    for point in (X, Y):
        np.testing.assert_allclose(transform(point).dense(), run(point).dense(), rtol=1e-12)
    before = run(Y).dense()
    change()
    found, expected = outcome(transform, Y), outcome(run, Y)
    if isinstance(expected, type):
        assert found is expected
        return
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert not np.array_equal(before, expected) or name == "the order of a dict", "the change changes nothing"


RANDOM = np.random.default_rng(0)
COUNTER = itertools.count()
ZIPPED = iter(range(100))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x * np.random.normal(),  # noqa: NPY002
        lambda x: x * x * RANDOM.normal(),
        lambda x: x * x * random.random(),
        lambda x: x * x * random.gauss(0.0, 1.0),
        lambda x: x * x * stats.norm.rvs(),
        lambda x: x * x * time.perf_counter_ns(),
        lambda x: x * x * next(COUNTER),
        lambda x: x * x * next(ZIPPED),
        functools.partial(lambda draw, x: x * x * draw(), RANDOM.normal),
    ],
)
def test_what_is_new_each_time_is_run_each_time(function: Any) -> None:
    transform: Any = cr.jacobian(function)
    transform(X)
    assert not np.array_equal(transform(X).dense(), transform(X).dense())
    assert "run each time" in transform.recorded.recordings[0]


def test_files_are_read_again(tmp_path: Any) -> None:
    place = str(tmp_path / "weights.npy")
    np.save(place, np.ones(3))
    transform: Any = cr.jacobian(lambda x: x * np.load(place))
    assert transform(X).diagonal().tolist() == [1, 1, 1]
    np.save(place, 2 * np.ones(3))
    assert transform(X).diagonal().tolist() == [2, 2, 2]


def test_a_function_of_numpy_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    transform: Any = cr.jacobian(lambda x: np.sin(x))
    transform(X)
    sine = np.sin
    monkeypatch.setattr(np, "sin", lambda x: sine(2 * x))
    np.testing.assert_allclose(transform(X).diagonal(), 2 * np.cos(2 * X))


@pytest.mark.parametrize(
    "count",
    [
        lambda seen: seen.__setitem__(0, seen[0] + 1),
        lambda seen: np.add(seen, 1, out=seen),
        lambda seen: seen.fill(seen[0] + 1),
        lambda seen: np.copyto(seen, seen + 1),
    ],
)
def test_a_function_that_writes_into_what_it_reads_is_run_each_time(count: Any) -> None:
    seen = np.zeros(1)

    def function(x: Any) -> Any:
        count(seen)
        return x * x * seen[0]

    transform: Any = cr.jacobian(function)
    factors = [float(transform(np.ones(1)).dense()[0, 0]) / 2 for _ in range(4)]
    assert np.diff(factors).tolist() == [1, 1, 1]
    calls: list[int] = []

    def appending(x: Any) -> Any:
        calls.append(1)
        return x * x * len(calls)

    transform = cr.jacobian(appending)
    assert [float(transform(np.ones(1)).dense()[0, 0]) / 2 for _ in range(4)] == [1, 2, 3, 4]


def test_lambdas_of_a_loop_are_different_functions() -> None:
    own: list[Any] = [cr.jacobian(lambda x, k=k: x * x * k) for k in (1.0, 2.0)]
    shared: list[Any] = [cr.jacobian(lambda x: x * x * k) for k in (1.0, 2.0)]  # noqa: B023
    assert [transform(X).dense()[0, 0] for transform in own for _ in range(2)] == [2, 2, 4, 4]
    assert [transform(X).dense()[0, 0] for transform in shared for _ in range(2)] == [4, 4, 4, 4]


REPLAYED: dict[str, Callable[[Any], Any]] = {
    "a bound method": Base().method,
    "an object that is called": Base(),
    "a dataclass": functools.partial(lambda record, x: x * record.weights * record.rate, Record(2.0, np.ones(3))),
    "another transform": functools.partial(summed, cr.jacobian(lambda x: x**3)),
    "a helper": by_factor,
    "a namespace": functools.partial(lambda space, x: x * x * space.rate, SimpleNamespace(rate=2.0)),
    "numpy.linalg": lambda x: x / np.linalg.norm(x),
}


@pytest.mark.parametrize("name", REPLAYED)
def test_what_is_known_to_stay_is_replayed(name: str) -> None:
    transform: Any = cr.jacobian(REPLAYED[name])
    transform(X)
    assert transform.recorded.recordings == ["replayed"]


def test_reads_says_why_not() -> None:
    def assigning(x: Any) -> Any:
        global FACTOR
        FACTOR = 2.0
        return x

    assert Reads(assigning).problem == "it assigns FACTOR, which is outside"
    assert Reads(functools.partial(print, end="")).problem == "it calls print()"
    assert Reads(lambda x: x * RANDOM.normal()).problem == "it reads RANDOM, a Generator"
    assert "of object" in str(Reads(functools.partial(max, np.array([None]))).problem)


@pytest.mark.parametrize("dtype", [float, np.float32, np.float16, np.int64, np.int8, bool, complex, np.longdouble])
@pytest.mark.parametrize("form", ["C", "F", "strided", "empty", "scalar", "read-only"])
def test_contents_are_compared_bit_by_bit(dtype: Any, form: str) -> None:
    array = np.zeros((4, 6), dtype, order="F" if form == "F" else "C")
    array = array[::2, 1::2] if form == "strided" else array[:0] if form == "empty" else array
    array = np.zeros((), dtype) if form == "scalar" else array
    array.flags.writeable = form != "read-only"
    contents = Contents(array)
    assert contents.unchanged()
    if form not in ("empty", "read-only"):
        array[(-1,) * array.ndim] = 1
        assert not contents.unchanged()
