"""How the mistakes of the bank are put to the checker, and what it calls them."""

from __future__ import annotations

from collections.abc import Iterator

import chainrule as cr
from chainrule.check.verdicts.finding import Finding
from tests.bank.case import Case, Right, Stepwise

__all__ = ["blamed", "called", "is_named", "misnamed", "steps_of"]


def called(case: Case, *, again: bool) -> dict[str, Finding]:
    """What is said of each argument of a case; ``again`` says whether the claim can be made at another point."""
    arguments, upstream = case.draw(0)
    pool = case.context(**arguments) if case.context is not None else {}
    claimed = case.claimed if again else case.claimed(**arguments, **upstream)
    report = cr.check(case.forward, claimed, *arguments.values(), pool=pool, **upstream)
    return {finding.name: finding for finding in report.findings}


def misnamed(case: Case, findings: dict[str, Finding]) -> dict[str, str | None]:
    """The arguments whose gradient is wrong and whose mistake is called something else, with what it is called."""
    if case.accepted[0] == "rounding":
        return {name: finding.mistake for name, finding in findings.items() if finding.mistake != "rounding"}
    wrong = {name: finding for name, finding in findings.items() if not finding.ok}
    if not wrong:
        return dict.fromkeys(findings, "right")
    return {name: finding.mistake for name, finding in wrong.items() if finding.mistake not in case.accepted}


def is_named(case: Case, *, again: bool) -> bool:
    """Whether every wrong gradient of a case gets one of the names that a teacher would give."""
    return not misnamed(case, called(case, again=again))


def steps_of(entry: Right | Stepwise, *, again: bool) -> cr.Report:
    """The report on a backward pass that was written down step by step."""
    arguments, _ = entry.draw(0)
    assert entry.steps is not None
    steps = entry.steps if again else entry.steps(**arguments)
    return cr.check(entry.forward, None, *arguments.values(), steps=steps)


def blamed(report: cr.Report) -> Iterator[Finding]:
    """The steps that are said to be wrong."""
    yield from report.wrong
