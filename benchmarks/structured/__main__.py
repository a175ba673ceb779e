"""Structured Jacobians and Hessians: chainrule beside the limit written by hand and beside other libraries.

    python -m benchmarks.structured [--only WORD] [--no-peers] [--passes 2] [--growth]

Every system runs in a process of its own, in one thread and float64, and every value is checked against the derivative
by hand. "first" is the first call in the process with all that it needs except importing libraries, "anew" the first
call for a new function in a process that has made others, "again" a later call at another point. Of several passes the
smallest counts, of the samples of a pass the median. Nothing is judged except by the goals that a row states.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.apart import record_of
from benchmarks.structured import growth, report
from benchmarks.structured.families import FAMILIES

RESULTS = Path(__file__).parents[1] / "results"
Job = tuple[str, int, str, str]  # family, size, system, form


def spawn(options: Any, *arguments: str) -> dict[str, Any]:
    """One system in a process of its own."""
    found = record_of("benchmarks.structured.system", str(options.memory), *arguments, timeout=options.timeout)
    if "late" in found:
        return {"skipped": found["late"]}
    if "stopped" in found:
        return {"skipped": "too much memory"} if "alloc" in found["stopped"] else {"failed": found["stopped"]}
    return found


def better(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    """Two passes in one: the smaller of each time, the larger error."""
    if one is None or "replay" not in one or "replay" not in other:
        return other if one is None or "replay" not in one else one
    merged = {**other, "error": max((e for e in (one["error"], other["error"]) if e is not None), default=None)}
    for name in ("first", "anew", "replay", "compiling", "compiled", "limit"):
        if name in one:
            merged[name] = min(one[name], other[name])
    if "also" in one:
        merged["also"] = {name: min(spent, other["also"][name]) for name, spent in one["also"].items()}
    return merged


def peers_of(results: Path, names: list[str]) -> dict[Job, dict[str, Any]]:
    """What the last run found of other libraries."""
    records = json.loads(results.read_text(encoding="utf-8"))
    return {
        (record["family"], record["size"], record["system"], record["form"]): record
        for record in records
        if record["system"] != "chainrule" and record["family"] in names
    }


def main() -> None:
    """Measure, save and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structured", description=str(__doc__).split("\n")[0])
    parser.add_argument("--only", default="", help="families whose name contains one of these words, by commas")
    parser.add_argument("--no-peers", action="store_true", help="only chainrule and the limits")
    parser.add_argument("--old-peers", action="store_true", help="peers as in the last results, only ours anew")
    parser.add_argument("--passes", type=int, default=1, help="how often to measure everything (default 1)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one system (default 60)")
    parser.add_argument("--memory", type=float, default=8, help="gigabytes for one system (default 8)")
    parser.add_argument("--growth", action="store_true", help="cost as the work grows, instead of the table")
    parser.add_argument("--out", default=str(RESULTS), help="where to write (default benchmarks/results)")
    options = parser.parse_args()

    names = [name for name in FAMILIES if any(word in name for word in options.only.split(","))]
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    if options.growth:
        print(growth.run(names, folder, lambda *arguments: spawn(options, *arguments)))
        return

    jobs: list[Job] = []
    for name in names:
        for size in FAMILIES[name].sizes:
            problem = FAMILIES[name].make(size)
            jobs += [(name, size, "chainrule", form) for form in problem.forms]
            jobs += [(name, size, peer, "") for peer in problem.peers if not (options.no_peers or options.old_peers)]
    found = peers_of(folder / "structured.json", names) if options.old_peers else {}
    start = time.perf_counter()
    for number in range(options.passes):
        for place, job in enumerate(jobs):
            family, size, system, form = job
            print(
                f"\r[{number + 1}/{options.passes}] {place + 1}/{len(jobs)} {family} {size:,} {system} {form}\033[K",
                end="",
                file=sys.stderr,
                flush=True,
            )
            found[job] = better(found.get(job), spawn(options, family, str(size), system, *([form] if form else [])))
    print("\r\033[K", end="", file=sys.stderr)
    text = report.text(found) + f"\n{len(jobs)} systems, {options.passes} passes, {time.perf_counter() - start:.0f} s"
    (folder / "structured.txt").write_text(text + "\n", encoding="utf-8")
    (folder / "structured.md").write_text(report.markdown(found), encoding="utf-8")
    records = [{**record, "family": f, "size": n, "system": s, "form": k} for (f, n, s, k), record in found.items()]
    (folder / "structured.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
