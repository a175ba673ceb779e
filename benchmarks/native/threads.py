"""Value and gradient with one thread and with two: rows of large loops, and one whose turns follow each other."""

from __future__ import annotations

from benchmarks import measure
from benchmarks.native import peers
from benchmarks.native.rows import named

COUNTS = (1, 2)
NAMES = ("wave6", "logistic", "gmm10", "convolution", "mlp", "heat")


def times(passes: int, rounds: int, seconds: float, tiny: bool) -> dict[str, dict[str, float]]:
    """Seconds of a later call by the title of the row and the number of threads; BLAS has one in either case."""
    found: dict[str, dict[str, float]] = {}
    for name in NAMES:
        row = named(name, tiny)
        ways = {str(count): peers.chainrule(row, count) for count in COUNTS}
        every = [measure.interleaved(ways, rounds, seconds / len(NAMES)) for _ in range(passes)]
        found[row.title] = {count: min(one[count] for one in every) for count in ways}
    return found
