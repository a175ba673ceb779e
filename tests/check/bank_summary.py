"""Says how many mistakes of the bank get their name: `python -m tests.check.bank_summary [IDENTITY …]`."""

from __future__ import annotations

import sys
from time import perf_counter

import chainrule as cr
from tests.bank.all import BEYOND, LISTED, RIGHT, STEPWISE
from tests.bank.case import Case
from tests.check.naming import called, misnamed, steps_of


def share(title: str, cases: list[Case], again: bool) -> None:
    """Print the share of cases that are named, and those that are not."""
    times, missed = [], []
    for case in cases:
        start = perf_counter()
        wrong = misnamed(case, called(case, again=again))
        times.append(perf_counter() - start)
        if wrong:
            missed.append(f"  {case.identity} {case.title}: {wrong}, accepted {', '.join(case.accepted)}")
    if not cases:
        return
    where = "at two points" if again else "at one point"
    middle = sorted(times)[len(times) // 2]
    named = len(cases) - len(missed)
    print(f"{title} {where}: {named} of {len(cases)} named, {100 * named / len(cases):.1f} %; {middle * 1e3:.0f} ms")
    for line in missed:
        print(line)


def alarms() -> None:
    """Print the right derivations that are called wrong, and the wrong steps that are not blamed."""
    false = []
    for right in RIGHT:
        arguments, upstream = right.draw(0)
        reports = [cr.check(right.forward, right.right, *arguments.values(), **upstream)]
        if right.steps is not None:
            reports.append(steps_of(right, again=False))
        false += [f"  {right.identity} {finding.name}: {finding.message}" for r in reports for finding in r.wrong]
    print(f"Right derivations: {len(RIGHT)}, false alarms: {len(false)}")
    for line in false:
        print(line)
    for again in (True, False):
        found = 0
        for entry in STEPWISE:
            wrong = steps_of(entry, again=again).wrong
            found += [f.name for f in wrong] == [entry.culprit] and wrong[0].mistake in entry.accepted
        print(f"Stepwise {'at two points' if again else 'at one point'}: {found} of {len(STEPWISE)} blamed and named")


if __name__ == "__main__":
    chosen = set(sys.argv[1:])
    for twice in (True, False):
        share("Listed", [case for case in LISTED if not chosen or case.identity in chosen], twice)
        share("Beyond", [case for case in BEYOND if not chosen or case.identity in chosen], twice)
    if chosen:
        for case in (*LISTED, *BEYOND):
            if case.identity in chosen:
                print(*called(case, again=True).values(), sep="\n")
    else:
        alarms()
