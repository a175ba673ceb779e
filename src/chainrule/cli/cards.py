"""Makes the report page of a notebook: a card for each claim, and the derivation behind each backward pass."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.check.notebook.causes import origin_of
from chainrule.check.notebook.claims import Watcher
from chainrule.check.notebook.evidence import Evidence, Pass
from chainrule.check.verdicts.finding import Finding
from chainrule.cli.hints import Degree, told
from chainrule.errors import ChainruleError
from chainrule.explain.computation import Computation, Step
from chainrule.explain.derivation import Derivation
from chainrule.explain.derive import derivation_of
from chainrule.explain.report.cards import ClaimCard
from chainrule.explain.report.page import report_page

__all__ = ["cards_of", "page_of"]

LONGEST = 20.0  # seconds in which derivations are begun
MOST_STEPS = 150  # of a computation that is derived
MOST_NUMBERS = 100_000  # of an array that is shown


def page_of(watcher: Watcher, title: str, degree: Degree = Degree.ALL) -> str:
    """The report of a notebook as one HTML file, which tells no more than it may."""
    if degree is Degree.ALL:
        return report_page(None, cards_of(watcher, watcher.findings), title)
    return report_page(None, [_hint(finding, degree) for finding in watcher.findings], title)


def cards_of(watcher: Watcher, findings: Sequence[Finding]) -> list[ClaimCard]:
    """A card for each finding, with the derivation behind it where there is one."""
    book = _Derivations()
    return [_card(finding, watcher.evidence_of(finding), book) for finding in findings]


def _card(finding: Finding, evidence: Evidence | None, book: _Derivations) -> ClaimCard:
    claimed = true = derivation = None
    subject = ""
    if evidence is not None:
        claimed, true = _shown(evidence.claimed.array), _shown(evidence.truth.value.array)
        origin = origin_of(evidence)
        if origin is not None:
            derivation, subject = book.of(origin, evidence.scope)
    return ClaimCard(
        finding.name,
        finding.verdict,
        mistake=finding.mistake or "",
        step=finding.step or "",
        message=finding.message,
        fix=finding.fix,
        hint=finding.hint,
        place=f"cell {finding.cell}, line {finding.line}",
        claimed=claimed,
        true=true,
        derivation=derivation,
        subject=subject,
    )


def _hint(finding: Finding, degree: Degree) -> ClaimCard:
    """A card without the true gradient and its derivation, which would give the answer away."""
    place = f"cell {finding.cell}, line {finding.line}"
    return ClaimCard(finding.name, finding.verdict, message=told(finding, degree), place=place)


def _shown(array: Any) -> Any:
    return array if np.size(array) <= MOST_NUMBERS else None


class _Derivations:
    """One derivation for each result that was differentiated, made when the first claim asks for it."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._made: dict[int, tuple[Any, Computation | None, Derivation | None]] = {}

    def of(self, origin: Pass, scope: Mapping[str, Any]) -> tuple[Derivation | None, str]:
        """The derivation behind a backward pass, and what the variable is called in it."""
        if id(origin.root) not in self._made:
            computation = origin.backend.computation(origin.root, scope)
            self._made[id(origin.root)] = (origin.root, computation, self._derive(computation))
        _, computation, derivation = self._made[id(origin.root)]
        if computation is None:
            return None, ""
        return derivation, computation.journal.find(origin.target).name

    def _derive(self, computation: Computation | None) -> Derivation | None:
        if computation is None or len(computation.steps) > MOST_STEPS or time.monotonic() - self._begun > LONGEST:
            return None
        named: list[Step] = [step for step in computation.inputs.values() if step.name]
        try:
            return derivation_of(computation, named or list(computation.inputs.values()), computation.output.called)
        except ChainruleError:  # a formula cannot say it; the claims are shown without
            return None
