"""How much of what is known about a claim is told: which claim, what kind of mistake, or what to write instead."""

from __future__ import annotations

from enum import IntEnum

from chainrule.check.verdicts.finding import Finding

__all__ = ["Degree", "told"]


class Degree(IntEnum):
    """Which claim is wrong; what kind of mistake it is; everything."""

    WHICH = 1
    KIND = 2
    ALL = 3


def told(finding: Finding, degree: Degree) -> str:
    """What is said of a claim beside its verdict; of a right one always all.

    >>> finding = Finding(
    ...     "dW", 1, 1, "wrong", "every element is 2 times the true one", "factor", hint="Look at the mean."
    ... )
    >>> [told(finding, degree) for degree in Degree]
    ['', 'factor. Look at the mean.', 'every element is 2 times the true one']
    """
    if finding.follows and degree is not Degree.ALL:
        return f"follows from {finding.details['follows']}"
    if finding.ok or degree is Degree.ALL:
        return f"{finding.message}\n{finding.fix}" if finding.fix else finding.message
    if degree is Degree.WHICH:
        return ""
    kind = (finding.mistake or "").replace("-", " ").replace("unknown", "")
    return ". ".join(part for part in (kind, finding.hint) if part)
