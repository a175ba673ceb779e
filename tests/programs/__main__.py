"""Judge many random programs, each named by a number; print every disagreement as a short program that shows it.

    python -m tests.programs --count 100000 --seed 0 --torch 1 --jax 50 --compiled 20

``--torch 3`` compares every third program with PyTorch, and so on; 0 none. A program of a number is always the same:
``--seed 4711 --count 1`` judges one again. The exit status is 1 if anything disagreed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.programs.elsewhere import in_jax, in_torch
from tests.programs.made import seeded
from tests.programs.program import Program
from tests.programs.shrinking import shrunk
from tests.programs.verdicts import Peer, Verdict, judged

EVERY = 1000  # programs after which a line is printed where there is no terminal
WIDTH = 30  # of the bar


class Run:
    """How to judge the program of a number, and what came of those so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.notes: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.started = time.monotonic()

    def settings(self, number: int) -> tuple[bool, dict[str, Peer]]:
        """Whether to compile it, and with whom to compare it."""
        every = self.options
        known: list[tuple[str, Peer, int]] = [("torch", in_torch, every.torch), ("jax", in_jax, every.jax)]
        peers = {name: peer for name, peer, step in known if step and number % step == 0}
        return bool(every.compiled) and number % every.compiled == 0, peers

    def one(self, number: int) -> None:
        """Judge the program of a number; print what is wrong with it, shrunk."""
        program = seeded(number, self.options.most)
        compiled, peers = self.settings(number)

        def judge(program: Program) -> Verdict:
            return judged(program, compiled, **peers)

        verdict = judge(program)
        self.notes.update([note.partition(":")[0] for note in verdict.notes])
        if not verdict.wrong:
            return
        what = verdict.wrong[0][0]
        self.wrong[what] += 1
        short = shrunk(program, lambda other: any(kind == what for kind, _ in judge(other).wrong))
        print(f"\n--- program {number}: {what} ---\n{short}")
        for kind, message in judge(short).wrong:
            print(f"{kind}: {message[:1000]}")
        sys.stdout.flush()

    def told(self, done: int) -> str:
        """How far it is."""
        share = done / self.options.count
        rate = done / max(time.monotonic() - self.started, 1e-9)
        bar = "█" * round(WIDTH * share) + "·" * (WIDTH - round(WIDTH * share))
        return f"{bar} {done}/{self.options.count} programs, {rate:.1f}/s, {sum(self.wrong.values())} disagree"


def main() -> int:
    """Read the options, judge the programs, print the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="the number of the first program")
    parser.add_argument("--count", type=int, default=1000, help="how many programs")
    parser.add_argument("--most", type=int, default=16, help="steps in a program")
    for name in ("torch", "jax", "compiled"):
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N", help=f"every N-th program: {name}")
    run = Run(parser.parse_args())
    first, count = run.options.seed, run.options.count
    for done in range(count):
        run.one(first + done)
        if sys.stderr.isatty():
            print(f"\r{run.told(done + 1)}", end="", file=sys.stderr, flush=True)
        elif (done + 1) % EVERY == 0:
            print(run.told(done + 1), file=sys.stderr, flush=True)
    print(f"\n{count} programs from {first} on, {sum(run.wrong.values())} disagree")
    for what, times in (run.wrong + run.notes).most_common():
        print(f"{times:8} {what}")
    return int(bool(run.wrong))


if __name__ == "__main__":
    sys.exit(main())
