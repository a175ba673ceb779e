"""However a compiled function is called, it answers as the function itself does."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import chainrule as cr
from chainrule.native import abi, build, libraries
from chainrule.native.compiled import CompileWarning
from chainrule.op import Operation, Sample
from tests.operations import differentiable_operations, draw, samples_of
from tests.random_programs import Program, programs

x = np.linspace(0.3, 1.7, 6)
A = np.arange(12.0).reshape(3, 4)
weight = np.array([1.0, -2.0, 0.5])
place = np.array([2, 0, -1])


def containers(arguments: Any, factor: Any) -> Any:
    W, (b, [c]) = arguments["W"], arguments["rest"]
    return {"sum": np.sum(W) * factor, "rest": (b + c, [W.T, None])}


CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "elementwise": (lambda x: np.sin(x) * np.exp(-x), (x,)),
    "two arguments": (lambda x, y: x * y - y, (x, 2.5)),
    "value and gradient": (cr.value_and_grad(lambda x: np.sum(np.tanh(x) ** 2)), (x,)),
    "broadcasting": (lambda a, b: (a[:, None] * b).sum(axis=0), (x, A[0])),
    "strided": (lambda a: a * 2, (A[::-2, 1::2],)),
    "transposed": (lambda a: a + 1, (A.T,)),
    "no axis": (lambda a: a * 2, (np.array(3.0),)),
    "single precision": (lambda a: np.cos(a) / 3, (x.astype(np.float32),)),
    "a number in single precision": (lambda a: np.cos(a) * np.float32(2), (np.float32(0.5),)),
    "integers": (lambda n: n * 2 + 1, (np.arange(4),)),
    "truth": (lambda a: a > 1, (x,)),
    "read outside": (lambda a: weight @ a, (A,)),
    "positions": (lambda a: a[place], (x,)),
    "products": (lambda a: a @ a.T, (np.outer(np.arange(40.0), np.ones(40)),)),
    "containers": (containers, ({"W": A, "rest": (x, [3.0])}, 3)),
    "nothing": (lambda a: (None, a * 1), (x,)),
    "an argument itself": (lambda a: a, (x,)),
    "infinite": (lambda a: a / np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0]), (x,)),
}


def same(found: Any, expected: Any) -> None:
    """Equal containers, dtypes and shapes, and numbers up to rounding."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, tuple | list):
        assert type(found) is type(expected)
        for a, b in zip(found, expected, strict=True):
            same(a, b)
    elif expected is None:
        assert found is None
    else:
        assert (np.shape(found), np.asarray(found).dtype) == (np.shape(expected), np.asarray(expected).dtype)
        tolerance = 1e-12 if np.asarray(expected).dtype != np.float32 else 1e-5
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", CASES)
def test_results(name: str, door: str) -> None:
    f, arguments = CASES[name]
    compiled = cr.compile(f)
    for _ in range(2):
        same(compiled(*arguments), f(*arguments))
    assert compiled.recordings == [door]


def test_what_is_read_is_read_each_time(door: str) -> None:
    scale = np.array([1.0, 2.0])
    f = cr.compile(lambda a: a * scale)
    assert f(np.ones(2)).tolist() == [1.0, 2.0]
    scale[0] = 5.0
    assert f(np.ones(2)).tolist() == [5.0, 2.0]
    assert f.recordings == [door]


def test_another_value_of_a_name_is_noticed(door: str) -> None:
    factor = 2.0
    f = cr.compile(lambda a: a * factor)
    assert f(np.ones(2)).tolist() == [2.0, 2.0]
    factor = 3.0
    assert f(np.ones(2)).tolist() == [3.0, 3.0]
    factor = float("3.0")  # equal, and another object
    assert f(np.ones(2)).tolist() == [3.0, 3.0]


class Model:
    """Something with attributes."""

    def __init__(self) -> None:
        self.factor = 2.0


whole = np.arange(1, 7)
columns = np.asfortranarray(np.arange(1, 7).reshape(2, 3))
table = {"factor": 2.0}
factors = [2.0, 3.0]
model = Model()
READ: dict[str, tuple[Any, Any, Any]] = {
    "an array of integers": (lambda a: a * whole, lambda: whole.__setitem__(0, 9), lambda: whole.__setitem__(0, 1)),
    "in columns": (lambda a: a * columns, lambda: columns.__setitem__(0, 9), lambda: columns.__setitem__(0, 1)),
    "a dictionary": (lambda a: a * table["factor"], lambda: table.update(factor=9.0), lambda: table.update(factor=2.0)),
    "a list": (lambda a: a * factors[0], lambda: factors.__setitem__(0, 9.0), lambda: factors.__setitem__(0, 2.0)),
    "an attribute": (
        lambda a: a * model.factor,
        lambda: vars(model).update(factor=9.0),
        lambda: setattr(model, "factor", 2.0),
    ),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read_may_change(name: str, door: str) -> None:
    f, change, back = READ[name]
    argument = np.ones((2, 3)) if name == "in columns" else np.ones(6)
    compiled = cr.compile(f)
    for turn in (lambda: None, change, back):
        turn()
        for _ in range(2):
            same(compiled(argument), f(argument))
    assert compiled.recordings == [door]


def test_what_is_replaced_is_not_called_any_more(door: str) -> None:
    """Code that was thrown away leaves no trace in the chain by which calls find theirs."""

    def use() -> None:
        factor = 1.0
        f = cr.compile(lambda a: a * factor)
        out = np.zeros(2)
        for factor in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
            for size in (2, 3, 2):
                assert f(np.ones(size)).tolist() == [factor] * size
            assert f(np.ones(2), out=out).tolist() == [factor] * 2
            gc.collect(0)

    for _ in range(20):
        use()


def test_code_is_kept_while_a_call_of_it_waits(door: str) -> None:
    """What is not finite is done in Python, while machine code waits; meanwhile many other kinds may come."""
    f = cr.compile(lambda a: 1.0 / a)
    in_python = f.in_python
    met = []

    def while_it_waits(*call: Any) -> Any:
        for size in range(3, 60):
            met.append(f(np.ones(size)).size)
        gc.collect()
        return in_python(*call)

    f(np.ones(2))
    f.in_python = while_it_waits
    with np.errstate(divide="ignore"):
        assert f(np.zeros(2)).tolist() == [np.inf, np.inf]
    assert met == ([] if door == "a NumPy program" else list(range(3, 60)))


def test_equal_arguments_that_are_other_objects(door: str) -> None:
    f = cr.compile(lambda a, n: a * n)
    assert f(np.ones(2), int("1000")).tolist() == f(np.ones(2), int("1000")).tolist() == [1000.0, 1000.0]
    copied = pickle.loads(pickle.dumps(np.ones(2)))  # whose dtype is another object
    assert f(copied, int("1000")).tolist() == [1000.0, 1000.0]
    assert f.recordings == [door]


def test_kinds_of_arguments_take_turns(door: str) -> None:
    f = cr.compile(lambda a: a.sum() * 2)
    for _ in range(2):
        for size in range(1, 40):  # more kinds than are kept
            assert float(f(np.ones(size))) == 2.0 * size
    assert set(f.recordings) == {door}


def odd_arrays() -> list[Any]:
    fields = np.zeros(3, dtype=[("a", "f4"), ("b", "f8")])
    fields["b"] = [1, 2, 3]
    unaligned = np.frombuffer(bytearray(25), np.uint8)[1:].view(np.float64)
    return [np.arange(3.0).astype(">f8"), fields["b"], unaligned, np.ones(3, np.longdouble), np.ones(3, np.float16)]


@pytest.mark.filterwarnings("ignore::chainrule.native.compiled.CompileWarning")
@pytest.mark.parametrize("array", odd_arrays(), ids=["order", "strides", "alignment", "long", "half"])
def test_arrays_that_the_machine_does_not_read(array: Any, door: str) -> None:
    functions: list[Any] = [lambda a: a * 2, lambda a: a[::-1], lambda a: np.ones(3) * array]
    for f in functions:
        compiled = cr.compile(f)
        for given_array in (np.ones(3), array, array):
            same(compiled(given_array), f(given_array))


def test_errors_are_the_functions_own(door: str) -> None:
    at = np.array([0, 1])
    f = cr.compile(lambda a: a[at])
    assert f(x).tolist() == x[:2].tolist()
    at[1] = 6
    with pytest.raises(IndexError, match="out of bounds"):
        f(x)
    assert f.recordings == [door]


# --- every operation, and random programs ---

SAMPLES = [(operation, sample) for operation in differentiable_operations() for sample in samples_of(operation)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("operation", "sample"), SAMPLES, ids=lambda value: getattr(value, "name", None) or "sample")
def test_every_operation(operation: Operation, sample: Sample, door: str) -> None:
    values = draw(operation, sample.arguments, 0)
    arrays = [value for value in values if isinstance(value, np.ndarray)]

    def f(*given_arrays: Any) -> Any:
        rest = iter(given_arrays)
        return operation(*[next(rest) if isinstance(value, np.ndarray) else value for value in values], **sample.params)

    expected = f(*arrays)
    compiled = cr.compile(f)
    for _ in range(2):
        same(compiled(*arrays), expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["ctypes", "numpy"])
@settings(
    max_examples=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(program=programs())
def test_random_programs(program: Program, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, "usable", lambda: way != "ctypes")
    monkeypatch.setattr(build, "llvm", None if way == "numpy" else libraries.llvm)
    f = program.function()
    arrays = list(program.inputs.values())
    compiled = cr.compile(f)
    for _ in range(2):
        same(compiled(*arrays), f(*arrays))


# --- other interpreters, by their own ---


def run(program: str) -> str:
    """What a program prints in a Python of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


CALLS = """
import warnings
import numpy as np
import chainrule as cr
assert "llvmlite" not in {name.partition(".")[0] for name in sys.modules if sys.modules[name]}
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    f, g = cr.compile(lambda a: a * 2), cr.compile(lambda a: a * 3)
    print(f(np.ones(2)), f(np.ones(2)), g(np.ones(3)), f.recordings, [str(entry.message) for entry in said])
"""


def test_without_llvmlite_it_is_a_numpy_program_and_says_so_once() -> None:
    found = run("import sys\nsys.modules['llvmlite'] = None" + CALLS)
    assert found.startswith("[2. 2.] [2. 2.] [3. 3. 3.] ['a NumPy program'] ['there is no LLVM")
    assert found.count("pip install llvmlite") == 1


def test_an_interpreter_of_another_build_calls_through_ctypes() -> None:
    found = run("import sys, sysconfig\nsysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1" + CALLS)
    assert found == "[2. 2.] [2. 2.] [3. 3. 3.] ['machine code through ctypes'] []\n"


def test_without_addresses_products_are_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, "usable", lambda: False)
    monkeypatch.setattr(build, "can_be_called", lambda: False)
    monkeypatch.setattr(libraries, "address_of", None)
    f, arguments = CASES["products"]
    compiled = cr.compile(f)
    same(compiled(*arguments), f(*arguments))
    assert compiled.recordings == ["machine code through ctypes"]


def test_this_interpreter_is_called_directly() -> None:
    assert abi.usable()


def test_what_runs_in_python_says_why_once() -> None:
    f = cr.compile(lambda a: a * (1 + int(a[0])))
    with pytest.warns(CompileWarning, match="runs in Python, not as machine code"):
        f(np.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(np.ones(2)).tolist() == [2.0, 2.0]


def test_what_is_compiled_is_a_function() -> None:
    with pytest.raises(TypeError, match="compile wants a function; got int"):
        cr.compile(3)  # type: ignore[arg-type]


def test_long_straight_code() -> None:
    """LLVM (22.1) mixes up what comes before what where it joins numbers of such code into vectors."""
    random = np.random.default_rng(4)
    rows, n = random.uniform(0.1, 0.4, (7, 7)), 7

    def function(x: Any) -> Any:
        A, B, v = x.copy(), np.ones((n, n)), np.zeros(n)
        for i in range(1, 5):
            B[i] = 1.0
            B = np.tanh(B + 0.1 * np.outer(v, np.cumsum(v) * (rows @ v) + v))
            for j in range(i):
                A[i, :j] -= B[j, :j]
                B[i, j] = A[i, j]
        return np.tanh(B + 0.1 * np.outer(v, v))

    square = random.uniform(0.1, 0.5, (n, n))
    np.testing.assert_allclose(cr.compile(function)(square), function(square), rtol=1e-12)
