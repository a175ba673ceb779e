"""Times several ways to do one thing, in one process and one thread, so that their ratios mean something.

Import this before NumPy: it limits the threads of the libraries that NumPy loads, which read the limit once.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

for _library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
os.environ["CHAINRULE_THREADS"] = "1"
# JAX computes in float32, and with all processors, unless it is told otherwise.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_ENABLE_X64"], os.environ["JAX_PLATFORMS"] = "1", "cpu"

SAMPLE = 0.004  # seconds: a sample repeats its call until it lasts about this long, or the clock would be measured


def interleaved(ways: Mapping[str, Callable[[], Any]], rounds: int, seconds: float | None = None) -> dict[str, float]:
    """The median time in seconds of one call of each way, of `rounds` samples, or fewer once `seconds` are spent.

    Every round takes one sample of every way and begins with another one, so that a slow spell of the machine, a warm
    cache or a low clock falls on all of them alike. Garbage is collected between samples, not during them.
    """
    names = list(ways)
    repeats = {name: _repeats(ways[name]) for name in names}
    samples: dict[str, list[float]] = {name: [] for name in names}
    start = time.perf_counter()
    for number in range(rounds):
        if number and seconds is not None and time.perf_counter() - start > seconds:
            break
        first = number % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(_sample(ways[name], repeats[name]))
    return {name: statistics.median(times) for name, times in samples.items()}


def once(call: Callable[[], Any]) -> float:
    """The time in seconds of one call, for what is only slow the first time."""
    return _sample(call, 1)


def _repeats(call: Callable[[], Any]) -> int:
    """How many calls make a sample, by the best of three tries: one interruption must not pass for a slow call."""
    count = 1
    if _sample(call, 1) > 50 * SAMPLE:
        return count
    while min(_sample(call, count) for _ in range(3)) * count < SAMPLE:
        count *= 2
    return count


def _sample(call: Callable[[], Any], count: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - start) / count
    finally:
        gc.enable()


def table(rows: list[list[str]]) -> str:
    """Rows of text as a table whose first column is left-aligned and whose others are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) if place else text.ljust(width) for place, (text, width) in enumerate(cells))
        for cells in ([*zip(row, widths, strict=True)] for row in rows)
    )


def microseconds(seconds: float | None) -> str:
    """A time with three figures, or a dash where there is none."""
    return "–" if seconds is None else f"{seconds * 1e6:,.{0 if seconds >= 1e-4 else 1}f}"


def ratio(numerator: float | None, denominator: float | None) -> str:
    """One time over another, or a dash where either is missing."""
    return "–" if numerator is None or denominator is None else f"{numerator / denominator:.2f}"
