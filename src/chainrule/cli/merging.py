"""Adds to what one run of a notebook found what another run of it, in another way, can tell about the same claims."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.check.verdicts.finding import Finding

__all__ = ["add_claims", "add_explanations"]


def add_explanations(findings: Sequence[Finding], others: Sequence[Finding]) -> None:
    """Let wrong claims be explained by another run in which the same claim is wrong and more is known of the steps."""
    known = {_key(other): other for other in others if not other.ok}
    for finding in findings:
        other = known.get(_key(finding))
        if other is not None and not finding.ok and not finding.follows:
            _explain(finding, other)


def add_claims(findings: list[Finding], others: Sequence[Finding]) -> None:
    """Add the claims that another run found, and explain those that are wrong in both runs.

    Comparisons with finite differences are left as they are: in the other run they are none.
    """
    known = {finding.name: finding for finding in findings}
    for other in others:
        before = known.get(other.name)
        if "truth" in other.details:
            continue
        if before is None:
            findings.append(other)
        elif before.verdict == other.verdict and not before.ok:
            _explain(before, other)
    findings.sort(key=lambda finding: (finding.cell, finding.line))


def _key(finding: Finding) -> tuple[str, int, int]:
    return finding.name, finding.cell, finding.line


def _explain(finding: Finding, other: Finding) -> None:
    """Take over what is said of a claim, if it says more."""
    if (other.mistake or "unknown") == "unknown" and not other.follows:
        return
    finding.mistake, finding.step, finding.message = other.mistake, other.step, other.message
    finding.fix, finding.hint = other.fix, other.hint
    if other.follows:
        finding.details = finding.details | {"follows": other.details["follows"]}
