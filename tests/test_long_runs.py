"""Chains of very many operations, very many iterations, many threads at once, copies of all that can be copied.

CHAINRULE_LONG=1 makes a chain of 10⁶ operations and 10⁶ iterations; otherwise there are fewer.
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.at_once import at_once

LONG = bool(os.environ.get("CHAINRULE_LONG"))
LENGTH = 1_000_000 if LONG else 30_000
ITERATIONS = 1_000_000 if LONG else 1_000
FACTOR = 0.999999


def chain(x: Any) -> Any:
    for _ in range(LENGTH):
        x = x * FACTOR
    return x


CHAINS: dict[str, tuple[Callable[[], Any], float]] = {
    "tape": (lambda: of_a_leaf(2.0), FACTOR**LENGTH),
    "reverse": (lambda: cr.grad(chain)(2.0), FACTOR**LENGTH),
    "forward": (lambda: cr.jvp(chain, (2.0,), (1.0,))[1], FACTOR**LENGTH),
    "second order": (lambda: cr.hvp(lambda x: chain(x) ** 2, 2.0, 1.0), 2 * FACTOR ** (2 * LENGTH)),
}


def of_a_leaf(x: float) -> Any:
    leaf = cr.tensor(x, requires_grad=True)
    chain(leaf).backward()
    return leaf.grad.value


@pytest.mark.parametrize("name", CHAINS)
def test_a_long_chain(name: str) -> None:
    """No recursion, neither on the way nor when the graph is let go of."""
    run, expected = CHAINS[name]
    np.testing.assert_allclose(run(), expected, rtol=1e-9)


def test_a_long_chain_is_let_go_of_and_copied() -> None:
    end = chain(cr.tensor(2.0, requires_grad=True))
    np.testing.assert_allclose(pickle.loads(pickle.dumps(end)).value, end.value)
    np.testing.assert_allclose(copy.copy(end).value, end.value)
    del end


def test_a_long_chain_takes_room_in_proportion() -> None:
    def room(length: int) -> int:
        gc.collect()
        tracemalloc.start()
        x: Any = cr.tensor(2.0, requires_grad=True)
        for _ in range(length):
            x = x * FACTOR
        x.backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert room(4_000) < 5 * room(1_000)
    assert room(4_000) < 4_000 * 2_000


# --- iterations -------------------------------------------------------------------------------------------------------

x0 = np.linspace(0.1, 1.0, 5)


def loss(x: Any) -> Any:
    return np.sum(np.tanh(x) * np.max(x))


gradient, compiled, hessian = cr.grad(loss), cr.compile(cr.grad(loss)), cr.hessian(loss)


def trained() -> None:
    leaf = cr.tensor(x0, requires_grad=True)
    loss(leaf).backward()
    with cr.no_grad():
        leaf -= 0.1 * leaf.grad


STEPS: dict[str, Callable[[], Any]] = {
    "tape": trained,
    "grad": lambda: gradient(x0),
    "jvp": lambda: cr.jvp(loss, (x0,), (x0,)),
    "vjp": lambda: cr.vjp(loss, x0)[1](np.ones(())),
    "compiled": lambda: compiled(x0),
    "hessian": lambda: hessian(x0).dense(),
    "a function made anew": lambda: cr.grad(lambda x: np.sum(x * x))(x0),
    "conventions": lambda: cr.conventions(ties="first")(gradient)(x0),
}


@pytest.mark.parametrize("name", STEPS)
def test_iterations_leave_nothing_behind(name: str) -> None:
    step = STEPS[name]
    for _ in range(200):
        step()
    gc.collect()
    tracemalloc.start()
    step()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(ITERATIONS):
        step()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000, f"{grown} bytes in {ITERATIONS} iterations"


# --- threads ----------------------------------------------------------------------------------------------------------


def test_eight_threads_at_once() -> None:
    problems: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            x = np.random.default_rng(seed).normal(size=5)
            expected = [(1 - np.tanh(x) ** 2) * x.max() + np.tanh(x).sum() * (x == x.max()), np.exp(x)]
            for turn in range(30):
                with cr.conventions(ties=("share", "first", "last")[seed % 3]):
                    np.testing.assert_allclose(gradient(x), expected[0])
                    np.testing.assert_allclose(compiled(x), expected[0])
                    tied = cr.grad(np.max)(np.ones(2))
                    assert tied.tolist() == [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]][seed % 3]
                np.testing.assert_allclose(hessian(x) @ x, cr.hvp(loss, x, x))
                np.testing.assert_allclose(cr.jacobian(np.exp)(x).diagonal(), expected[1])
                leaf = cr.tensor(x, requires_grad=True)
                (leaf * turn).sum().backward()
                assert leaf.grad.tolist() == [float(turn)] * 5
        except BaseException as problem:
            problems.append(problem)

    at_once(8, work)
    assert not problems


# --- copies -----------------------------------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}
square = cr.define(lambda x, y: x * y, "i, i <- y:i", "i, i <- x:i")
MADE: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {  # what to copy, and the numbers in it
    "tensor": (lambda: cr.tensor(x0, requires_grad=True), lambda t: t.value),
    "diagonal": (lambda: cr.jacobian(np.sin)(x0), lambda J: J.dense()),
    "band": (lambda: cr.hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(x0), lambda J: J.dense()),
    "product": (lambda: cr.jacobian(lambda W: x0 @ W)(np.ones((5, 2))), lambda J: J.dense()),
    "low rank": (lambda: cr.hessian(lambda x: np.sum(x) ** 2)(x0), lambda J: J.dense()),
    "solve": (lambda: cr.jacobian(lambda x: np.linalg.solve(np.diag(x), x))(x0), lambda J: J.dense()),
    "cumsum": (lambda: cr.jacobian(np.cumsum)(x0), lambda J: J.dense()),
    "compiled": (lambda: cr.compile(loss), lambda f: f(x0)),
    "conventions": (lambda: cr.conventions(abs=1), lambda chosen: chosen(cr.grad(np.abs))(0.0)),
    "derivation": (lambda: cr.derive(loss)(x0), str),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MADE)
def test_copies(name: str, way: str) -> None:
    make, numbers = MADE[name]
    made = make()
    twin = WAYS[way](made)
    assert type(twin) is type(made) or name == "compiled"
    np.testing.assert_array_equal(numbers(twin), numbers(made))


@pytest.mark.parametrize("way", ["deepcopy", "copy"])
def test_functions_are_copied_as_python_copies_functions(way: str) -> None:
    for made in (gradient, compiled, hessian, square, cr.vjp(loss, x0)[1]):
        twin = WAYS[way](made)
        assert twin is made or callable(twin)
    np.testing.assert_array_equal(WAYS[way](gradient)(x0), gradient(x0))
    np.testing.assert_array_equal(WAYS[way](square)(x0, x0), x0**2)


def test_an_operation_of_ones_own_has_no_name_to_be_found_by() -> None:
    with pytest.raises(pickle.PicklingError, match="define it again"):
        pickle.dumps(square)


def test_a_copied_tensor_is_a_leaf_of_its_own() -> None:
    leaf = cr.tensor(x0, requires_grad=True)
    twin = copy.deepcopy(leaf)
    loss(twin).backward()
    assert leaf.grad is None
    np.testing.assert_allclose(twin.grad.value, gradient(x0))
