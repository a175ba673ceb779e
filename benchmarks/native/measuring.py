"""One row, in a process of its own: every system is checked, then all of them are timed in turn."""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import tempfile
import time
from typing import Any

from benchmarks import measure  # isort: skip  (before NumPy: it limits the threads)

from benchmarks.native import calls, keeping, limit, peers, rows, threads
from benchmarks.native.row import Row, difference


def measured(row: Row, systems: list[str], passes: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Times of the limit and of every system, of each the smallest of the passes' medians."""
    hand = limit.by_hand(row)
    expected = [one.copy() for one in peers.shown(row, hand())] if hand else None
    said = {name: getattr(row, name) for name in ("title", "goal", "ahead", "first", "reason")}
    record: dict[str, Any] = {**said, "jacobian": bool(row.entries), "systems": {}}
    ways = {} if hand is None else {"limit": hand}
    for name in systems:
        try:
            peers.prepared(name, rows.named("cubic", tiny=True))  # loads what the library loads at its first call
            start = time.perf_counter()
            call = peers.prepared(name, row)
            answer = [one.copy() for one in peers.shown(row, call())]
            first = time.perf_counter() - start
        except peers.AbsentError as why:
            record["systems"][name] = {"skipped": str(why)}
            continue
        except Exception as problem:
            record["systems"][name] = {"failed": f"{type(problem).__name__}: {problem}"[:160]}
            continue
        expected = expected or answer
        apart = difference(answer, expected)
        if apart > row.tolerance:
            record["systems"][name] = {"failed": f"differs from the limit by {apart:.0e}"}
        else:
            record["systems"][name], ways[name] = {"first": first, "error": apart}, call
    if "chainrule" in ways:
        ways["value"] = peers.value(row)
    gc.freeze()  # what libraries keep is not looked through before each sample
    for _ in range(passes):
        for name, spent in measure.interleaved(ways, rounds, seconds).items():
            entry = record["systems"].setdefault(name, {})
            entry["again"] = min(spent, entry.get("again", spent))
    return record


def main() -> None:
    """Print the record of what the arguments name, as JSON."""
    name, systems, passes, rounds, seconds, tiny = json.loads(sys.argv[1])
    if name == "calls":
        record: Any = calls.costs(rounds, seconds)
    elif name == "compiling":
        record = {str(count): calls.compiling(count, passes) for count in calls.SIZES[: 1 if tiny else None]}
    elif name == "threads":
        record = threads.times(passes, rounds, seconds, tiny)
    elif name == "keeping":
        record = keeping.costs(rounds, seconds, tiny)
    else:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # CasADi writes where it runs
            record = measured(rows.named(name, tiny), systems, passes, rounds, seconds)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
