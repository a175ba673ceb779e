"""Programs of very many steps, which an interpreter runs: loops over numbers as they stand, every operation, chance."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import chainrule as cr
from benchmarks.native import matrices
from chainrule.native import instructions, kernels
from chainrule.native.blocks import blocks
from chainrule.native.compiled import CompileWarning
from chainrule.native.interpreter import Loop
from chainrule.op import Operation
from tests.native.agreement import agree
from tests.native.test_every_op_compiled import CASES, arranged, functions_of, many
from tests.random_programs import Program, programs, weights

random = np.random.default_rng(3)


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let even small programs be instructions."""
    monkeypatch.setattr(kernels, "_MOST", -1)
    monkeypatch.setattr(kernels, "_UNROLLED", -1)


def cholesky(A: Any) -> Any:
    L = np.zeros_like(A)
    for i in range(len(A)):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s = s - L[i, k] * L[j, k]
            L[i, j] = np.sqrt(s) if i == j else s / L[j, j]
    return np.sum(np.log(np.diagonal(L)))


def triangles(A: Any) -> Any:
    A = A.copy()
    for k in range(len(A)):
        for i in range(k + 1, len(A)):
            A[i, k] = A[i, k] / A[k, k]
            A[i, k + 1 :] = A[i, k + 1 :] - A[i, k] * A[k, k + 1 :]
    return np.sum(A**2)


def relaxed(A: Any) -> Any:
    A = A.copy()
    for _ in range(3):
        for i in range(1, len(A) - 1):
            for j in range(1, len(A) - 1):
                A[i, j] = 0.5 * np.tanh(A[i, j] * A[i - 1, j] + A[i, j - 1])
    return np.sum(A)


def cheapest(costs: Any) -> Any:
    D = np.zeros_like(costs)
    for i in range(len(costs)):
        for j in range(len(costs)):
            ways = [D[a, b] for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 and b >= 0]
            best = 0.0
            if ways:
                best = ways[0]
                for way in ways[1:]:
                    best = np.minimum(best, way)
            D[i, j] = costs[i, j] + best
    return D[-1, -1]


def moved(x: Any) -> Any:
    """What is read lies where it is written to."""
    y = x.copy()
    for _ in range(4):
        y[1:] = y[:-1] * 0.5
        y[:-1] = y[1:]
        y[0] += y[-1]
        z = y[::2]
        y[1:3] = z[:2]
        y[2] = y[1] * y[2]
    return np.sum(y * np.arange(1.0, len(x) + 1))


def outside(A: Any, b: Any) -> Any:
    """Some of it is neither arithmetic nor a place."""
    x = np.linalg.solve(A, b)
    for k in range(len(b)):
        x = np.where(x > 0.1 * k, np.linalg.solve(A, x), -x)
    return np.sum(np.linalg.eigvalsh(A)) * np.max(x) + np.sum(np.cumsum(x))


def toeplitz(r: Any) -> Any:
    """Vectors that are read backwards while they are written to."""
    return matrices.toeplitz(np, r)


def ranked(C: Any, A: Any) -> Any:
    """Rows up to the whole array, and products of nothing."""
    C = C.copy()
    for i in range(len(A)):
        C[i, : i + 1] *= 1.2
        C[i, 0] -= C[i, :i] @ A[:i, 0]
        for k in range(A.shape[1]):
            C[i, : i + 1] += 1.5 * A[i, k] * A[: i + 1, k]
    return np.sum(C * C)


rows, columns, several = np.array([0, 2, 2]), np.array([1, -1, 0]), np.array([3, 0, 5, 5, -1])


def looked_up(A: Any) -> Any:
    """Reads and writes at places that arrays say, some of them twice."""
    A = A.copy()
    for k in range(3):
        A[rows, columns] = A[columns, rows] * 2.0
        A[several] *= np.tanh(A[k, 1])
        A[rows, 1:] += A[0, 1:] * A[columns, :-1]
        A[:, columns] += A[:, rows]
    return np.sum(np.tril(A) ** 2) + np.sum(A[np.triu_indices(6)]) + np.sum(A[several, several] ** 3)


square = random.normal(size=(6, 6))
positive = square @ square.T + 6 * np.eye(6)
LOOPS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (cholesky, (positive,)),
    (triangles, (positive,)),
    (relaxed, (random.normal(size=(6, 5)),)),
    (cheapest, (random.random(size=(6, 6)),)),
    (moved, (random.normal(size=7),)),
    (toeplitz, (random.normal(size=9) / 9,)),
    (looked_up, (square,)),
    (ranked, (square, random.normal(size=(6, 3)))),
    (outside, (positive, random.normal(size=6))),
]


@pytest.mark.parametrize(("function", "arguments"), LOOPS, ids=[function.__name__ for function, _ in LOOPS])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.usefixtures("straight")
def test_loops_over_numbers(function: Any, arguments: Any, dtype: Any) -> None:
    arguments = tuple([argument.astype(dtype) for argument in arguments])
    gradient = cr.value_and_grad(function, tuple(range(len(arguments))))
    compiled = cr.compile(gradient)
    for scale in (1.0, 1.25):
        given_arguments = [(argument * dtype(scale)) for argument in arguments]
        agree(compiled(*given_arguments), gradient(*given_arguments), 1.0 if dtype is np.float64 else 50.0)
    assert compiled.recordings == ["machine code"]
    (built,) = compiled.known.values()
    assert "@interpret" in built.kernel.text


def copied(x: Any) -> Any:
    """What is copied of an argument is overwritten, and the argument is read after that."""
    a = x.copy()
    for k in range(4):
        a[1:3] *= 0.5 * k
    return np.sum(a) + np.sum(x**2)


def twice(x: Any) -> Any:
    """Places that are overwritten twice, and read in between."""
    A = 0.5 * x
    for j in range(len(x)):
        A[1, j] = 1.0
        A[j, 1] *= A[j, 1]
    return np.sum(A)


@pytest.mark.usefixtures("straight")
@pytest.mark.parametrize("function", [copied, twice])
def test_what_is_overwritten_was_read_before(function: Callable[..., Any]) -> None:
    x = random.normal(size=(4, 4))
    for whole in (function, cr.value_and_grad(function)):
        compiled = cr.compile(whole)
        agree(compiled(x), whole(x))
        (built,) = compiled.known.values()
        assert "@interpret" in built.kernel.text


def test_a_long_program_is_run_by_the_interpreter() -> None:
    """Nothing is forced here: a sweep over a grid, number by number, which no loop of one level describes."""
    gradient = cr.value_and_grad(relaxed)
    lengths = []
    for size in (24, 32):
        A = random.normal(size=(size, size))
        compiled = cr.compile(gradient)
        agree(compiled(A), gradient(A))
        agree(compiled(2 * A), gradient(2 * A))
        (built,) = compiled.known.values()
        assert "@interpret" in built.kernel.text
        lengths.append(len(built.kernel.text))
    assert abs(lengths[1] - lengths[0]) < 100  # the program is data
    assert lengths[0] < 60_000  # but for what it does again and again


@pytest.mark.usefixtures("straight")
@pytest.mark.parametrize("divisor", [3.0, -0.1, 1e-310, 1e308, 2e-308])
def test_division_by_a_number(divisor: float) -> None:
    """It is a product with the reciprocal, where that has all its digits."""
    compiled = cr.compile(lambda x: np.stack([x[k] / divisor for k in range(4)]))
    x = np.array([1.0, 3.0, -0.7, 0.0]) * min(abs(divisor), 1.0)
    np.testing.assert_allclose(compiled(x), x / divisor, rtol=1e-15)
    assert compiled.recordings == ["machine code"]


@pytest.mark.parametrize(("operation", "number"), CASES)
@pytest.mark.usefixtures("straight")
def test_every_operation(operation: Operation, number: int) -> None:
    functions, arguments = functions_of(operation, number, np.float64)
    for function in functions.values():
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            agree(cr.compile(function)(*arguments), function(*arguments))


@many
@given(programs(10))
@pytest.mark.usefixtures("straight")
def test_random_programs(program: Program) -> None:
    f = program.function()

    def scalar(*given_arguments: Any) -> Any:
        out = f(*given_arguments)
        return np.sum(out * weights(np.shape(out), 0.9))

    gradient = cr.value_and_grad(scalar, argnums=tuple(range(len(program.arguments))))
    for function in (f, gradient):
        compiled = cr.compile(function)
        arguments = [arranged(argument, len(program.lines) % 4) for argument in program.arguments]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            agree(compiled(*arguments), function(*arguments))


@many
@given(programs(10, in_place=True))
@pytest.mark.usefixtures("straight")
def test_random_programs_that_overwrite(program: Program) -> None:
    f = program.function()
    compiled = cr.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        found = compiled(*[argument.copy() for argument in program.arguments])
    agree(found, f(*[argument.copy() for argument in program.arguments]))


def eliminated(A: Any) -> Any:
    A = A.copy()
    for i in range(len(A)):
        for j in range(i):
            A[i, j] = (A[i, j] - A[i, :j] @ A[:j, j]) / A[j, j]
        A[i, i:] = A[i, i:] - A[i, :i] @ A[:i, i:]
    return np.sum(A * A)


def swept_and_cleared(A: Any) -> Any:
    """Writes of numbers, of rows and of every other entry, and an array that is still needed as it was."""
    A = A.copy()
    for i in range(1, len(A) - 1):
        for j in range(1, len(A) - 1):
            A[i, j] = np.tanh(A[i, j] * A[i - 1, j] + A[i, j - 1])
        A[0, i] = 0.5
        A[i - 1, ::2] = A[i, ::2] * A[i + 1, ::2]
    before = A.copy()
    for i in range(len(A)):
        A[i, i] = A[i, i] * before[i, 0]
    return np.sum(A * before)


@pytest.mark.parametrize("function", [eliminated, swept_and_cleared])
def test_writes_of_regions_on_the_way_back(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_MOST", -1)
    A = random.normal(size=(14, 14)) + 4 * np.eye(14)
    gradient = cr.value_and_grad(function)
    compiled = cr.compile(gradient)
    for scale in (1.0, 1.5):
        agree(compiled(scale * A), gradient(scale * A))
    assert compiled.recordings == ["machine code"]


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many numbers each instruction is about."""
    found: list[int] = []

    def counted(code: Any, operations: Any, constants: Any, others: Any) -> Any:
        is_loop = np.array([isinstance(made, Loop) for made in operations])[code[:, 0]]
        ends = code[:, 1] + code[:, 2] - 1
        found.extend(np.where(is_loop, np.array([*others, 0])[np.where(is_loop, ends, -1)], 1))
        return blocks(code, operations, constants, others)

    monkeypatch.setattr(instructions, "blocks", counted)
    return found


def test_of_a_nonlinear_sweep_few_whole_arrays_are_copied(lengths: list[int]) -> None:
    A = random.normal(size=(26, 26))
    gradient = cr.value_and_grad(relaxed_by_products)
    agree(cr.compile(gradient)(A), gradient(A))
    points = 24 * 24 * 2
    assert points * 10 < sum(lengths) < points * 30


def test_finished_parts_of_an_array_are_read_where_they_lie(lengths: list[int]) -> None:
    """Of each product of vectors three loops are left: the sum, and on the way back what is added to both."""
    L, b = np.tril(random.normal(size=(70, 70))) / 10 + 2 * np.eye(70), random.normal(size=70)
    gradient = cr.value_and_grad(triangular, (0, 1))
    agree(cr.compile(gradient)(L, b), gradient(L, b))
    products = 70 * 69 // 2
    assert products * 3 < sum(lengths) < products * 3 + 3 * 70**2
    assert len(lengths) < 70 * 20


@pytest.mark.usefixtures("straight")
@pytest.mark.parametrize("outside", [6, -7])
def test_positions_that_change_and_one_that_is_not_there(outside: int) -> None:
    positions = np.array([5, 0, 2])
    compiled = cr.compile(lambda x: np.sum(np.sin(x[positions])) + np.sum(np.take(x, positions) ** 2))
    x = random.normal(size=6)
    for first in (5, -6, 3):
        positions[0] = first
        agree(compiled(x), np.sum(np.sin(x[positions])) + np.sum(x[positions] ** 2))
    assert compiled.recordings == ["machine code"]
    positions[0] = outside
    with pytest.raises(IndexError):
        compiled(x)


def many_kinds(x: Any) -> Any:
    """A hundred expressions, no two of which are alike."""
    total = 0.0
    for k in range(100):
        y = x * (k + 0.5)
        for bit in range(7):
            y = y * x if k >> bit & 1 else y + x
        total = total + np.sum(y)
    return total


@pytest.mark.usefixtures("straight")
def test_the_interpreter_does_not_grow_with_the_kinds_of_expressions() -> None:
    compiled = cr.compile(many_kinds)
    x = random.normal(size=5) / 3
    agree(compiled(x), many_kinds(x))
    (built,) = compiled.known.values()
    assert "@interpret" in built.kernel.text
    assert 64 < built.kernel.text.count("define internal i32 @operation") < 64 + 20


def relaxed_by_products(A: Any) -> Any:
    A = A.copy()
    for _ in range(2):
        for i in range(1, len(A) - 1):
            for j in range(1, len(A) - 1):
                A[i, j] = np.tanh(A[i, j] * A[i - 1, j] + A[i, j - 1])
    return np.sum(A)


def triangular(L: Any, b: Any) -> Any:
    x = np.zeros(len(b))
    for i in range(len(b)):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
    return np.sum(x**2)


def test_many_small_loops_of_all_sizes_are_the_interpreters() -> None:
    """LLVM would take seconds for what runs in microseconds."""
    L, b = np.tril(random.normal(size=(70, 70))) / 10 + 2 * np.eye(70), random.normal(size=70)
    gradient = cr.value_and_grad(triangular, (0, 1))
    compiled = cr.compile(gradient)
    agree(compiled(L, b), gradient(L, b))
    (built,) = compiled.known.values()
    assert "@interpret" in built.kernel.text


@pytest.mark.usefixtures("straight")
def test_sums_that_are_overwritten() -> None:
    """Products and sums are added up where they are; what is written there afterwards is not."""

    def written(A: Any, x: Any) -> Any:
        y = A @ x
        y[1:3] = np.sin(x[1:3])
        z = np.sum(A * y, axis=0)
        z[0] = 2.0
        z[-1] *= x[0]
        y[::2] = z[::2]
        return np.sum(y**2 * z)

    A, x = random.normal(size=(5, 5)), random.normal(size=5)
    gradient = cr.value_and_grad(written, (0, 1))
    compiled = cr.compile(gradient)
    agree(compiled(A, x), gradient(A, x))
    (built,) = compiled.known.values()
    assert "@interpret" in built.kernel.text
