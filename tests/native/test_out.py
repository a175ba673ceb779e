"""Results put into arrays that the caller gives: they are written, or nothing is and the error says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from tests.interop import provoked
from tests.native.test_doors import CASES, same

x = np.linspace(0.3, 1.7, 6)


def empty(result: Any) -> Any:
    """Containers like those of a result, with arrays in the place of its arrays and numbers."""
    if isinstance(result, dict):
        return {key: empty(value) for key, value in result.items()}
    if isinstance(result, tuple | list):
        return type(result)([empty(value) for value in result])
    return None if result is None else np.full(np.shape(result), 7, np.asarray(result).dtype)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", CASES)
def test_results(name: str, door: str) -> None:
    f, arguments = CASES[name]
    compiled, expected = cr.compile(f), f(*arguments)
    for _ in range(3):
        out = empty(expected)
        assert compiled(*arguments, out=out) is out
        same(out, expected)
    same(compiled(*arguments), expected)  # in between as well
    assert compiled.recordings == [door]


@pytest.mark.filterwarnings("ignore::chainrule.native.compiled.CompileWarning")
def test_results_of_what_runs_in_python(door: str) -> None:
    f = cr.compile(lambda a: a * (2 + 0 * int(a[0])))
    out = np.zeros(6)
    assert f(x, out=out) is out
    assert out.tolist() == (x * 2).tolist()
    with pytest.raises(errors.OptionError, match="shares memory with an argument"):
        f(out, out=out)


def test_python_is_not_asked_again() -> None:
    f = cr.compile(lambda a: a * 2)
    out = np.zeros(6)
    f(x, out=out)
    f.function = f.known = None
    for array in (x, x + 1):
        assert f(array, out=out) is out
        assert out.tolist() == (array * 2).tolist()


def test_out_of_the_function_itself() -> None:
    f = cr.compile(lambda a, out: a * out)
    assert f(x, out=2.0).tolist() == (x * 2).tolist()


def test_other_options_go_to_the_function() -> None:
    f = cr.compile(lambda a, factor=1.0: a * factor)
    out = np.zeros(6)
    assert f(x, factor=3.0, out=out) is out
    assert out.tolist() == (x * 3.0).tolist()


# --- what does not fit ---

shared = np.zeros(12)
table = np.ones(6)
one = cr.compile(lambda a: a * table)
two = cr.compile(lambda a: {"a": a * 2, "b": [a.sum()]})
read_only = np.zeros(6)
read_only.flags.writeable = False
unaligned = np.frombuffer(bytearray(49), np.uint8)[1:].view(np.float64)
half = shared[:6]

CASES_OF_ERRORS: list[tuple[Any, list[str]]] = [
    (lambda: one(x, out=np.zeros(5)), ["out", "shape", "(5,)", "(6,)"]),
    (lambda: one(x, out=np.zeros((6, 1))), ["(6, 1)", "(6,)"]),
    (lambda: one(x, out=np.zeros(6, np.float32)), ["dtype", "float32", "float64"]),
    (lambda: one(x, out=np.zeros(6, ">f8")), ["dtype", ">f8", "float64"]),
    (lambda: one(x, out=np.zeros(12)[::2]), ["C order", "np.empty((6,))"]),
    (lambda: one(x, out=unaligned), ["C order"]),
    (lambda: one(x, out=read_only), ["read-only"]),
    (lambda: one(x, out=[0.0] * 6), ["out is a list", "NumPy array"]),
    (lambda: one(x, out=None), ["out is a NoneType"]),
    (lambda: one(half, out=shared[3:9]), ["out shares memory with an argument"]),
    (lambda: one(half[::-1], out=half), ["shares memory with an argument"]),
    (lambda: one(x, out=table), ["that the function reads"]),
    (lambda: two(x, out={"a": np.zeros(6)}), ["structure", "{a: *}", "{a: *, b: [*]}"]),
    (lambda: two(x, out={"a": np.zeros(6), "c": [np.zeros(())]}), ["{a: *, c: [*]}"]),
    (lambda: two(x, out={"a": np.zeros(6), "b": (np.zeros(()),)}), ["{a: *, b: (*)}"]),
    (lambda: two(x, out={"a": np.zeros(6), "b": [np.zeros(1)]}), ["out['b'][0]", "(1,)", "()"]),
    (lambda: cr.compile(lambda a: (None, a * 1))(x, out=(1.0, np.zeros(6))), ["(*, *)", "(None, *)"]),
    (lambda: two(x, out={"a": half, "b": [shared[5:6].reshape(())]}), ["out['a'] and out['b'][0] share memory"]),
]  # fmt: skip


@pytest.mark.parametrize(("provoke", "says"), CASES_OF_ERRORS)
def test_message(provoke: Any, says: list[str]) -> None:
    one(x, out=np.zeros(6))
    two(x, out={"a": np.zeros(6), "b": [np.zeros(())]})  # both are machine code by now
    provoked.says(provoke, errors.OptionError, says, longest=300)
    assert shared.tolist() == [0.0] * 12
    assert table.tolist() == [1.0] * 6


def test_before_anything_is_compiled_the_messages_are_the_same(door: str) -> None:
    f = cr.compile(lambda a: (a, a.sum()))
    out = np.zeros(6), np.zeros(1)
    for _ in range(2):
        with pytest.raises(errors.OptionError, match=r"out\[1\] has the shape \(1,\), the result has \(\)"):
            f(x, out=out)
    assert out[0].tolist() == [0.0] * 6
