"""Measures one system on one problem, in a process of its own: its first call, its replay, its error.

    python -m benchmarks.structured.system FAMILY SIZE SYSTEM [FORM]

SYSTEM is "chainrule" or the name of a peer; FORM is one of the problem's forms. Prints one line of JSON.
"""

from __future__ import annotations

import gc
import itertools
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import measure  # isort: skip  (before NumPy: it limits the threads)

import numpy as np
import scipy.sparse.csgraph
import scipy.sparse.linalg  # noqa: F401  (loaded beforehand, like every library that is measured)

import chainrule as cr
from benchmarks.structured import peers
from benchmarks.structured.families import FAMILIES
from benchmarks.structured.problem import Point, Problem, relative_error

ROUNDS = 15
SECONDS = 1.5  # a system is given about this long


def in_turn(call: Callable[..., Any], points: Sequence[Point]) -> Callable[[], Any]:
    """The call at one point after the other, so that no call sees the arrays of the call before."""
    turn = itertools.cycle(points)
    return lambda: call(*next(turn))


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call and its time in seconds, for what is only slow the first time."""
    gc.collect()
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def ours(problem: Problem) -> Callable[..., Any]:
    """Our transform of the problem's function, which is a new function each time."""
    transform = cr.hessian if problem.order == "hessian" else cr.jacobian
    function = problem.function  # the row also holds the peers, whose libraries are not to be looked into
    made: Callable[..., Any] = transform(lambda *point: function(np, *point), argnums=problem.argnums)
    return made


def stored(derivative: Any) -> int:
    """The numbers that are kept."""
    if isinstance(derivative, tuple | list):
        return sum(map(stored, derivative))
    return int(derivative.stored)


COMPILED = {"csr": "sparse", "dense": "dense"}  # the forms that machine code writes; it computes factors for the others


def compiled(problem: Problem, name: str) -> Callable[..., Any]:
    """Our way to a form in machine code."""
    made: Callable[..., Any] = cr.compile(ours(problem), form=COMPILED.get(name))
    return made if name in COMPILED else lambda *point: problem.forms[name].ours(made(*point))


def measure_ours(problem: Problem, name: str, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Our times in one form, and beside them the limit's and those of what else is written by hand."""
    form = problem.forms[name]
    made: list[Callable[..., Any]] = []

    def first() -> Any:
        made.append(ours(problem))
        return form.ours(made[0](*problem.points[0]))

    result, first_time = timed(first)
    error = form.error(result, problem.points[0])
    del result
    (derivative,) = made

    def replay(*point: Any) -> Any:
        return form.ours(derivative(*point))

    native = compiled(problem, name)
    _, compiling = timed(lambda: native(*problem.points[0]))
    for point in problem.points:  # at every point: a replay that used a number of another point would differ
        error = max(error, form.error(replay(*point), point), form.error(native(*point), point))
    gc.freeze()

    def anew(*point: Any) -> Any:
        return form.ours(ours(problem)(*point))

    ways = {"replay": replay, "compiled": native, "anew": anew, "limit": form.limit, **form.also}
    times = measure.interleaved({name: in_turn(way, problem.points) for name, way in ways.items()}, rounds, seconds)
    kept = derivative(*problem.points[0])
    return {
        "first": first_time,
        "replay": times.pop("replay"),
        "compiled": times.pop("compiled"),
        "compiling": compiling,
        "anew": times.pop("anew"),
        "limit": times.pop("limit"),
        "also": times,
        "error": error,
        "stored": stored(kept),
        "structure": repr(kept)[:300],
    }


def measure_peer(problem: Problem, name: str, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """A peer's times."""
    peer = peers.find(name, problem)
    if (absent := peer.missing()) is not None:
        return {"skipped": "not installed" if absent in name else f"{absent} is not installed"}
    peer.warm()
    points = [tuple([peer.convert(argument) for argument in point]) for point in problem.points]
    peer.finish(points)
    made: list[Callable[..., Any]] = []

    def first() -> Any:
        made.append(peer.build(problem, points[0]))
        return peer.finish(made[0](*points[0]))

    result, first_time = timed(first)
    error = None
    if problem.reference is not None:
        error = relative_error(peer.show(problem, result), problem.reference(*problem.points[0]))
    del result
    (derivative,) = made
    gc.freeze()
    call = in_turn(lambda *point: peer.finish(derivative(*point)), points)
    if first_time > seconds:  # one more call may be all there is time for
        _, once = timed(call)
        if once > seconds:
            return {"first": first_time, "replay": once, "error": error}
    return {"first": first_time, "replay": measure.interleaved({name: call}, rounds, seconds)[name], "error": error}


def run(family: str, size: int, system: str, form: str = "") -> dict[str, Any]:
    """What one process measures; a failure is a result."""
    problem = FAMILIES[family].make(size)
    try:
        if system == "chainrule":
            return measure_ours(problem, form)
        return measure_peer(problem, system)
    except peers.SkippedError as reason:
        return {"skipped": str(reason)}
    except MemoryError:
        return {"skipped": "too much memory"}
    except Exception as failure:
        text = str(failure).split("\n")[0][:100]
        if "memory" in text.lower() or "RESOURCE_EXHAUSTED" in text:
            return {"skipped": "too much memory"}
        return {"failed": f"{type(failure).__name__}: {text}"}


def main() -> None:
    """One system, one line of JSON."""
    gigabytes, family, size, system, *form = sys.argv[1:]
    limit = int(float(gigabytes) * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    print(json.dumps(run(family, int(size), system, *form)))


if __name__ == "__main__":
    main()
