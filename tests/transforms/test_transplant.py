"""Copies of functions with stand-ins for the arrays that they read: everywhere an array can be, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from chainrule.transforms.guard import Reads
from chainrule.transforms.transplant import Transplant

GLOBAL = np.array([1.0, 2.0])


def replaced(function: Callable[..., Any]) -> tuple[Any, Transplant]:
    """A copy in which every array is ten times as large."""
    made = Transplant(Reads(function), lambda array: array * 10)
    return made.of(function), made


def reads_a_global(x: Any) -> Any:
    """GLOBAL times x."""
    return GLOBAL * x


def calls_another(x: Any) -> Any:
    """What the other gives, and one."""
    return reads_a_global(x) + 1


def test_globals_of_a_function_and_of_those_that_it_calls() -> None:
    for function in (reads_a_global, calls_another):
        copy, made = replaced(function)
        np.testing.assert_array_equal(copy(0.0) - function(0.0), 0)
        np.testing.assert_array_equal(copy(1.0), (function(1.0) - function(0.0)) * 10 + function(0.0))
        assert list(made.arrays.values()) == [GLOBAL]
    np.testing.assert_array_equal(GLOBAL, [1.0, 2.0])


def test_closures_containers_defaults_and_attributes() -> None:
    array = np.array([3.0])
    held: dict[str, Any] = {"a": [array, (array,)], "n": 2}
    thing = SimpleNamespace(w=array)

    def function(x: Any, scale: Any = array, *, more: Any = array) -> Any:
        return x + held["a"][0] + held["a"][1][0] + thing.w + scale + more + held["n"]

    copy, made = replaced(function)
    assert float(function(0.0)[0]) == 17.0
    assert float(copy(0.0)[0]) == 152.0
    assert len(made.arrays) == 1
    assert held["a"][0] is array
    assert thing.w is array


def test_methods_partials_and_functions_that_call_themselves() -> None:
    class Layer:
        def __init__(self) -> None:
            self.w = np.array([2.0])

        def __call__(self, x: Any) -> Any:
            return self.forward(x)

        def forward(self, x: Any) -> Any:
            return self.w * x

    layer = Layer()
    assert float(replaced(layer.forward)[0](1.0)[0]) == 20.0
    assert float(replaced(partial(layer.forward, 2.0))[0]()[0]) == 40.0
    step = np.array([1.0])

    def countdown(n: int) -> Any:
        return countdown(n - 1) + step if n else 0.0

    assert float(replaced(countdown)[0](3)[0]) == 30.0


def test_integers_empty_arrays_and_what_holds_no_array_stay() -> None:
    index, empty, names = np.array([1, 0]), np.zeros(0), ["a"]

    def function(x: Any) -> Any:
        return x[index], empty, names

    copy, made = replaced(function)
    assert copy(np.arange(2))[1] is empty
    assert copy(np.arange(2))[2] is names
    assert made.arrays == {}
