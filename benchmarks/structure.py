"""Structured Jacobians and Hessians: how many numbers they keep, and what making and applying them costs.

    python benchmarks/structure.py [--rounds 11] [--only WORD]

"first" is the first call in the process, which also plans; "again" the median of later calls with other values;
"apply" one product with a vector; "to sparse" a SciPy array with all entries (a dash above a million of them, or
where it would not be sparse). Nothing here judges a time: it prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

import measure  # isort: skip  (before NumPy: it limits the threads)

import numpy as np

import chainrule as cr

LARGE = 1_000_000


class Map(NamedTuple):
    """One row: its name, whether it is a Jacobian or a Hessian, the function and its argument."""

    name: str
    transform: Callable[..., Any]
    function: Callable[..., Any]
    argument: Any


def softmax(x: Any) -> Any:
    """The softmax of a vector, from NumPy's functions."""
    weights = np.exp(x)
    return weights / np.sum(weights)


def maps() -> list[Map]:
    """The rows, with arrays drawn once."""
    draw = np.random.default_rng(0).normal
    x, X, V, W = draw(size=300), draw(size=(200, 300)), draw(size=(400, 5)), draw(size=(300, 50))
    square, target = draw(size=(60, 60)) + 12 * np.eye(60), draw(size=(500, 400))
    return [
        Map("x@W wrt W, 300×50", cr.jacobian, lambda W: x @ W, W),
        Map("X@W+b wrt b, 200×50", cr.jacobian, lambda b: X @ W + b, draw(size=50)),
        Map("tanh(x@W) wrt W", cr.jacobian, lambda W: np.tanh(x @ W), W),
        Map("relu(X@W)@V wrt W", cr.jacobian, lambda W: np.maximum(X @ W, 0) @ V[:50], W),
        Map("softmax, n = 1000", cr.jacobian, softmax, draw(size=1000)),
        Map("second difference, n = 10⁵", cr.jacobian, lambda u: u[2:] - 2 * u[1:-1] + u[:-2], draw(size=100_000)),
        Map("inverse, 60×60", cr.jacobian, np.linalg.inv, square),
        Map("Hessian Σlog(1+exp Xw), 200×300", cr.hessian, lambda w: np.sum(np.log1p(np.exp(X @ w))), draw(size=300)),
        Map(
            "Hessian ‖UVᵀ−T‖² wrt U, 500×5", cr.hessian, lambda U: np.sum((U @ V.T - target) ** 2), draw(size=(500, 5))
        ),
    ]


def main() -> None:
    """Measure every row and print it."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, help="samples (default 11)")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    options = parser.parse_args()

    rows = [["map", "stored", "entries", "dense", "first µs", "again µs", "apply µs", "to sparse µs"]]
    for row in maps():
        if options.only not in row.name:
            continue
        make = row.transform(row.function)
        first = measure.once(lambda make=make, row=row: make(row.argument))
        made, vector = make(row.argument), np.ones(row.argument.shape)
        size = int(np.prod(made.shape))
        ways: dict[str, Callable[[], Any]] = {
            "again": lambda make=make, row=row: make(row.argument),
            "apply": lambda made=made, vector=vector: made @ vector,
        }
        if made.entries <= min(LARGE, size // 2):
            ways["sparse"] = made.sparse
        times = measure.interleaved(ways, options.rounds)
        counts = [f"{number:,}" for number in (made.stored, made.entries, size)]
        spent = (first, times["again"], times["apply"], times.get("sparse"))
        rows.append([row.name, *counts, *map(measure.microseconds, spent)])
    print(measure.table(rows))


if __name__ == "__main__":
    main()
