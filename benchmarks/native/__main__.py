"""Value and gradient as machine code: chainrule beside C written by hand and beside other libraries.

    python -m benchmarks.native [--only WORD] [--no-peers] [--passes 3] [--keep | --report]

Every row has a process of its own, in which all systems take turns in one thread, so that their ratios hold on a busy
machine; `threads` has some rows with one thread and with two, `keeping` the memory of a long loop. Each answer is
compared with the one by hand before anything is timed. Nothing is judged but the goals that rows state.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.apart import record_of
from benchmarks.measure import table
from benchmarks.native import report
from benchmarks.native.peers import SYSTEMS
from benchmarks.native.rows import ROWS

RESULTS = Path(__file__).parents[1] / "results"


def spawn(name: str, systems: list[str], options: Any) -> dict[str, Any]:
    """One row in a process of its own; what is compiled is not kept, nor taken from what was kept."""
    asked = json.dumps([name, systems, options.passes, options.rounds, options.seconds, options.tiny])
    found = record_of("benchmarks.native.measuring", asked, timeout=options.timeout, CHAINRULE_CACHE="off")
    why = found.get("late") or found.get("stopped")
    return {"failed": why} if why else found


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.native", description=str(__doc__).split("\n")[0])
    parser.add_argument("--only", default="", help="rows whose name contains one of these words, by commas")
    parser.add_argument("--no-peers", action="store_true", help="only chainrule and the limits")
    parser.add_argument("--passes", type=int, default=3, help="how often to measure; the smallest counts (default 3)")
    parser.add_argument("--rounds", type=int, default=9, help="samples of a pass, whose median is taken (default 9)")
    parser.add_argument("--seconds", type=float, default=20, help="time for a pass of a row (default 20)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for a row (default 600)")
    parser.add_argument("--tiny", action="store_true", help="sizes of the tests, to try the command")
    parser.add_argument("--out", default=str(RESULTS), help="where to write (default benchmarks/results)")
    parser.add_argument("--keep", action="store_true", help="rows of earlier results that are not measured now stay")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing: the report of the results that are there"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, save and print."""
    options = parsed(arguments)
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    stored, words = folder / "native.json", options.only.split(",")
    known = [*ROWS, "calls", "compiling", "threads", "keeping"]
    names = [name for name in known if any(word in name for word in words) and not options.report]
    systems = ["chainrule"] if options.no_peers else [*SYSTEMS]
    found = (
        json.loads(stored.read_text(encoding="utf-8")) if options.report or (options.keep and stored.exists()) else {}
    )
    for place, name in enumerate(names):
        print(f"\r{place + 1}/{len(names)} {name}\033[K", end="", file=sys.stderr, flush=True)
        found[name] = spawn(name, systems, options)
        found["machine"] = {"text": report.surroundings()}
        found = {name: found[name] for name in [*known, "machine"] if name in found}
        stored.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print("\r\033[K", end="", file=sys.stderr)
    written = report.save(found, folder)
    print(report.heading(found))
    for title, lines in report.tables(found):
        print(f"\n{title}\n\n{table(lines)}")
    print("\n" + "\n".join(report.remarks(found)))
    print("\nin " + ", ".join(str(path) for path in written))


if __name__ == "__main__":
    main()
