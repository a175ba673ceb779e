"""Memory and time of the gradient through a long recurrence: with all turns kept, with some, and JAX's ways of both."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import partial
from math import ceil, isqrt
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks import measure
from benchmarks.native.row import difference
from benchmarks.native.small import draw

STATES = (1, 100)
TURNS = 100_000


def states(w: Any, u: Any, h: Any, series: Any) -> Any:
    """The loop that is differentiated."""
    for x in series:
        h = np.tanh(w * h + u * x)
    return np.sum(h * h)


def bound(turns: int, whole: int) -> int:
    """The bytes that are promised with checkpoint=True, where all turns take ``whole``."""
    length = isqrt(turns - 1) + 1
    return ceil((turns / length + length + 12) * whole / turns)


def costs(rounds: int, seconds: float, tiny: bool) -> dict[str, dict[str, Any]]:
    """For each state, of each way: the bytes, the seconds of the first call and of a later one; and the bound."""
    found: dict[str, dict[str, Any]] = {}
    for size in STATES:
        turns = 400 if tiny else TURNS
        given = (abs(draw(size=size)), draw(size=size), draw(size=size), draw(size=turns))
        every: dict[str, Any] = {}
        calls: dict[str, Callable[[], Any]] = {}
        expected = None
        for name, way in WAYS.items():
            try:
                start = time.perf_counter()
                call, needed = way(given)
                answer = call()
                first = time.perf_counter() - start
            except ImportError:
                continue
            expected = expected or answer
            assert difference(answer, expected) < 1e-9, name
            every[name], calls[name] = {"bytes": needed(), "first": first}, call
        for name, spent in measure.interleaved(calls, rounds, seconds / len(STATES)).items():
            every[name]["again"] = spent
        every["the bound of checkpoint=True"] = {"bytes": bound(turns, every["chainrule"]["bytes"])}
        found[f"{turns} turns, state of {size}"] = every
    return found


def _ours(given: tuple[Any, ...], checkpoint: bool) -> tuple[Callable[[], Any], Callable[[], int]]:
    compiled = cr.compile(cr.value_and_grad(states, (0, 1)), checkpoint=checkpoint, threads=1)

    def call() -> list[Any]:
        value, gradients = compiled(*given)
        return [value, *gradients]

    return call, lambda: compiled.memory[0]


def _jax(given: tuple[Any, ...], checkpoint: bool) -> tuple[Callable[[], Any], Callable[[], int]]:
    """Scans; with checkpoints a scan over segments, of which each is a scan that is done again."""
    library = importlib.import_module("jax")
    library.config.update("jax_enable_x64", True)
    names, scan = library.numpy, library.lax.scan
    w, u, h, series = map(names.asarray, given)
    segment = next(n for n in range(isqrt(len(series)), 0, -1) if len(series) % n == 0)

    def last(w: Any, u: Any) -> Any:
        def turn(h: Any, x: Any) -> Any:
            return names.tanh(w * h + u * x), None

        def turns(h: Any, some: Any) -> Any:
            return scan(turn, h, some)

        if checkpoint:
            end, _ = scan(library.checkpoint(turns), h, series.reshape(-1, segment))
        else:
            end, _ = turns(h, series)
        return names.sum(end * end)

    made = library.jit(library.value_and_grad(last, (0, 1))).lower(w, u).compile()

    def call() -> list[Any]:
        value, gradients = library.block_until_ready(made(w, u))
        return [value, *gradients]

    return call, lambda: int(made.memory_analysis().temp_size_in_bytes)


WAYS: dict[str, Callable[[Any], Any]] = {
    "chainrule": partial(_ours, checkpoint=False),
    "chainrule, checkpoint=True": partial(_ours, checkpoint=True),
    "jax, scan": partial(_jax, checkpoint=False),
    "jax, scan of checkpointed scans": partial(_jax, checkpoint=True),
}
