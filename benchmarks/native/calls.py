"""What a call costs by itself, and what it costs to compile straight programs of many operations."""

from __future__ import annotations

import contextlib
import gc
import importlib
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks import measure
from benchmarks.native import peers
from benchmarks.native.row import Row

SIZES = (30, 300, 1000)


def one(xp: Any, x: Any) -> Any:
    return x + 1.0


def eight(xp: Any, *x: Any) -> Any:
    return tuple(each + 1.0 for each in x)


def costs(rounds: int, seconds: float) -> dict[str, float]:
    """The time of a call with arrays of ten numbers: as machine code, with ``out=``, and of what others need."""
    arrays = np.random.default_rng(0).normal(size=(8, 10))
    x, many, there, room = arrays[0], tuple(arrays), np.empty(10), tuple(np.empty((8, 10)))
    compiled, compiled_eight = (cr.compile(lambda *x, f=f: f(np, *x)) for f in (one, eight))
    ways: dict[str, Callable[[], Any]] = {
        "one array: chainrule": lambda: compiled(x),
        "one array: chainrule, out=": lambda: compiled(x, out=there),
        "one array: NumPy, np.add": lambda: np.add(x, 1.0),
        "eight arrays: chainrule": lambda: compiled_eight(*many),
        "eight arrays: chainrule, out=": lambda: compiled_eight(*many, out=room),
        "eight arrays: NumPy, np.add eight times": lambda: [np.add(each, 1.0) for each in many],
        "nothing: a Python function of no arguments": lambda: None,
    }
    with contextlib.suppress(ImportError):  # in the sense of a library that is left out
        jax = importlib.import_module("jax")
        jitted, jitted_eight = (jax.jit(lambda *x, f=f: f(jax.numpy, *x)) for f in (one, eight))
        jx, jmany = jax.numpy.asarray(x), tuple(map(jax.numpy.asarray, many))
        ways["one array: JAX"] = lambda: jax.block_until_ready(jitted(jx))
        ways["eight arrays: JAX"] = lambda: jax.block_until_ready(jitted_eight(*jmany))
    for call in ways.values():
        call()
    assert np.array_equal(there, x + 1) and np.array_equal(room, arrays + 1)
    gc.freeze()
    return measure.interleaved(dict(sorted(ways.items())), rounds, seconds)


OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda xp, a, b: a + b,
    "multiply": lambda xp, a, b: a * b,
    "exp": lambda xp, a, b: xp.exp(a),
    "tanh": lambda xp, a, b: xp.tanh(a),
    "sin": lambda xp, a, b: xp.sin(a),
}


def program(count: int, seed: int) -> Callable[..., Any]:
    """A function of so many NumPy calls, each of the value before it; each seed makes one that no cache has seen."""
    choose = random.Random(seed)
    most, steps = [1.0], []  # how large a value can be, so that none overflows
    for place in range(count - 1):
        name = choose.choices([*OPERATIONS], [40, 40, 7, 7, 6])[0]
        other = choose.randrange(max(0, place - 7), place + 1)
        bound = float(OPERATIONS[name](np, most[-1], most[other]))
        name, bound = (name, min(bound, 1.0) if name == "tanh" else bound) if bound < 8 else ("sin", 1.0)
        most.append(bound if name != "sin" else 1.0)
        steps.append((OPERATIONS[name], other))

    known = tuple(steps)

    def function(xp: Any, x: Any) -> Any:
        values: tuple[Any, ...] = (x,)  # a list that grows is not recorded
        for operation, other in known:
            values = (*values, operation(xp, values[-1], values[other]))
        return xp.sum(values[-1])

    return function


def _begun(system: str, row: Row) -> None:
    """All that there is before the second call."""
    peers.prepared(system, row)()


def compiling(count: int, times: int) -> dict[str, float]:
    """Seconds to the first value and gradient of a program that is new, in a process that has compiled others."""
    found: dict[str, float] = {}
    for system in ("chainrule", "jax"):
        for seed in range(-1, times):  # the first is not counted: it loads the library
            row = Row("program", program(count if seed >= 0 else 5, seed), (np.linspace(0.1, 1, 16),), 1, "")
            try:
                spent = measure.once(partial(_begun, system, row))
            except peers.AbsentError:
                break
            if seed >= 0:
                found[system] = min(spent, found.get(system, spent))
    return found
