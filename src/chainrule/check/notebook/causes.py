"""Finds why claims are wrong: which follow from another wrong claim, and which mistake was made in the others.

A wrong `dz` makes every gradient wrong that is computed from it. Each claim is therefore judged once more with the
user's own gradients put in place of the true ones, on the way back: what is right then follows from those, and only
what is still wrong has a mistake of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import thread_time
from typing import Any

import numpy as np

from chainrule.check.mistakes.diagnosis import SECONDS, Claim, diagnose
from chainrule.check.mistakes.guards import move_of_guards
from chainrule.check.mistakes.hints import hint_for
from chainrule.check.notebook.evidence import Evidence, Pass
from chainrule.check.notebook.scene import Scene
from chainrule.check.notebook.slopes import is_a_slope
from chainrule.check.verdicts.compare import EXACT, SHAPE, WRONG, Judgement, Truth, allowance, judge
from chainrule.check.verdicts.finding import Finding

__all__ = ["Causes", "origin_of"]

Array = np.ndarray[Any, np.dtype[Any]]
FEW = 2  # elements from which on it means something that all are off by one factor
LONGEST = 6.0  # seconds that the search for causes may take in one notebook
SHARE = 1 / 4  # of what is left of them, for one claim


@dataclass(frozen=True, eq=False)
class _Wrong:
    """A wrong claim whose backward pass is known."""

    finding: Finding
    evidence: Evidence
    origin: Pass


class Causes:
    """Looks for the causes of what is wrong in one notebook, as it becomes known."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._explained: dict[int, Evidence] = {}  # by the identity of a finding: what it was explained from
        self._culprits: list[_Wrong] = []
        self._wrong: list[_Wrong] = []
        self._told: dict[int, str] = {}  # by the identity of a finding: a mistake that is at a step
        self._spent = 0.0

    def look(self) -> None:
        """Explain the wrong claims that were not explained yet, in the order in which they were made."""
        for finding in list(self.scene.found.values()):
            evidence = self.scene.evidence.get(id(finding))
            if finding.ok or evidence is None or self._explained.get(id(finding)) is evidence:
                continue
            self._explained[id(finding)] = evidence
            self._explain(finding, evidence)

    def _explain(self, finding: Finding, evidence: Evidence) -> None:
        origin = origin_of(evidence)
        wrong = None
        if origin is not None and finding.verdict == WRONG:
            wrong = _Wrong(finding, evidence, origin)
            if self._is_a_slope(wrong):
                finding.take(
                    Judgement(EXACT, "one of the slopes at a kink: max, abs or relu is just at its corner here")
                )
                return
            before = [other for other in self._wrong if _same_pass(other.origin, origin)]
            self._wrong.append(wrong)
            if before and self._follows(wrong, before):
                return
            self._diagnose(finding, evidence, origin, before)
            if not self._repeats(wrong, before):
                self._culprits.append(wrong)
        else:
            self._diagnose(finding, evidence, origin, [])

    @staticmethod
    def _is_a_slope(wrong: _Wrong) -> bool:
        """Whether there is a kink, at which another slope than the library's was taken."""
        origin, evidence = wrong.origin, wrong.evidence
        computation = origin.backend.computation(origin.root, evidence.scope)
        if computation is None:
            return False
        upstream = None if origin.cotangent is None else origin.backend.array(origin.cotangent)[0]
        slack = float(np.max(allowance(evidence.claimed, evidence.truth), initial=0.0))
        target = computation.journal.find(origin.target)
        return is_a_slope(evidence.claimed.array, computation, target, upstream, slack)

    def _diagnose(self, finding: Finding, evidence: Evidence, origin: Pass | None, before: Sequence[_Wrong]) -> None:
        """Say which mistake it is, judged with the user's own gradients in place of those on the way."""
        if finding.hint:
            return  # its function has told
        finding.hint = hint_for(finding.mistake or "unknown")
        start = thread_time()
        known = finding.mistake == "stale"  # the notebook's own passes tell that for certain
        if known or not np.isfinite(evidence.claimed.array).all():
            return
        found = diagnose(self._claim(finding, evidence, origin, before), self._seconds())
        self._spent += thread_time() - start
        if not found:
            return
        best = found[0]
        if origin is None:  # then no variable is known, and the claim's own name is the gradient's
            best = replace(best, message=_named(best.message, finding.name), fix=_named(best.fix, finding.name))
        finding.step, finding.fix, finding.hint = best.step, best.fix, best.hint
        if finding.verdict == WRONG:
            finding.mistake = best.mistake
            is_known = best.mistake != "unknown"
            finding.message = (
                f"{best.message} ({finding.message})" if is_known else f"{finding.message}; {best.message}"
            )
            if best.step is not None and finding.name not in best.message:
                self._told[id(finding)] = best.message
        finding.details = best.details | finding.details

    def _seconds(self) -> float:
        """How long one more claim may take: less and less, so that simple mistakes are found in all of many."""
        return min(SECONDS, SHARE * (LONGEST - self._spent))

    def _claim(self, finding: Finding, evidence: Evidence, origin: Pass | None, before: Sequence[_Wrong]) -> Claim:
        """All that is known of a wrong claim."""
        truth = evidence.truth
        claim = Claim(
            finding.name,
            evidence.claimed.array,
            truth.value.array,
            pool={name: array for name, array in evidence.pool.items() if not _is_copy(finding.name, name, evidence)},
            eps=max(evidence.claimed.eps, truth.value.eps),
            allowed=float(np.max(allowance(replace(evidence.claimed, array=truth.value.array), truth), initial=0.0)),
        )
        computation = None if origin is None else origin.backend.computation(origin.root, evidence.scope)
        if origin is None or computation is None:
            return claim
        book = computation.journal
        known = _known(before)
        expected = _expected(origin, known)
        target = book.find(origin.target)
        upstream = None if origin.cotangent is None else origin.backend.array(origin.cotangent)[0]
        seeds = {computation.output: np.ones(computation.output.shape) if upstream is None else upstream}
        return replace(
            claim,
            true=truth.value.array if expected is None else expected,
            computation=computation,
            target=target,
            upstream=upstream,
            allowed=claim.allowed + move_of_guards(computation, target, seeds, truth.value.array),
            given={book.find(tensor): array for tensor, array in known if tensor is not origin.target},
        )

    def _repeats(self, wrong: _Wrong, before: Sequence[_Wrong]) -> bool:
        """Whether it is the very mistake, at the same step, that was found in another gradient of the pass."""
        told = self._told.get(id(wrong.finding), "")
        for other in before:
            if told and other in self._culprits and self._told.get(id(other.finding)) == told:
                wrong.finding.details = wrong.finding.details | {"follows": other.finding.name}
                wrong.finding.message = f"the same mistake as in {other.finding.name}: {told}"
                return True
        return False

    def _follows(self, wrong: _Wrong, before: Sequence[_Wrong]) -> bool:
        """Whether a claim is right given earlier ones that are wrong; if so, says which."""
        culprits = [other for other in before if other in self._culprits]
        for chosen in (*[[culprit] for culprit in culprits], before):
            judgement = self._judge_given(wrong, chosen)
            if judgement is not None and (judgement.ok or judgement.verdict == SHAPE):
                causes = [other for other in chosen if other in self._culprits]
                names = _unique([other.finding.name for other in causes])
                given = f"given your {' and '.join(names)}, which {'is' if len(names) == 1 else 'are'} wrong"
                self._tell(wrong, causes, f"right, {given}" if judgement.ok else f"{given}: {judgement.message}")
                wrong.finding.mistake = judgement.mistake if judgement.verdict == SHAPE else None
                return True
        factor = None if self.scene.shadows is None else _factor(wrong)
        for other in culprits:
            if factor is not None and _factor(other) == factor:  # the loss has it otherwise, not each gradient
                self._tell(wrong, [other], f"off by the same factor as {other.finding.name}")
                return True
        return False

    @staticmethod
    def _tell(wrong: _Wrong, causes: Sequence[_Wrong], message: str) -> None:
        """Say of a claim that it follows from others."""
        wrong.finding.message = message
        wrong.finding.mistake = None
        names = _unique([other.finding.name for other in causes])
        wrong.finding.details = wrong.finding.details | {"follows": ", ".join(names)}

    @staticmethod
    def _judge_given(wrong: _Wrong, others: Sequence[_Wrong]) -> Judgement | None:
        expected = _expected(wrong.origin, _known(others))
        truth = wrong.evidence.truth
        if expected is None or expected.shape != truth.value.shape:
            return None
        return judge(wrong.evidence.claimed, replace(truth, value=replace(truth.value, array=expected)))


def _is_copy(claim: str, name: str, evidence: Evidence) -> bool:
    """Whether a variable is the claim itself under a longer or shorter name, as `grad_np` is `grad`."""
    claim = claim.rpartition(".")[2]
    array, claimed = evidence.pool[name], evidence.claimed.array
    if not (claim in name or name in claim) or array.shape != claimed.shape:
        return False
    return bool(np.allclose(array, claimed, rtol=1e-5, atol=1e-6 * float(np.max(np.abs(claimed), initial=0.0))))


def _named(text: str, name: str) -> str:
    return text if name.startswith("d") else text.replace(f"d{name}", name)


def _factor(wrong: _Wrong) -> float | None:
    """The number that a claim is off by, if it is off by just that: six digits of it."""
    true, found = wrong.evidence.truth.value.array, wrong.evidence.claimed.array
    size = float(np.vdot(true, true).real)
    if found.shape != true.shape or found.size < FEW or size == 0.0:
        return None
    factor = complex(np.vdot(true, found)) / size
    if not np.allclose(found, factor * true, rtol=1e-5, atol=1e-5 * float(np.max(np.abs(true)))):
        return None
    return float(f"{factor.real:.4g}")


def origin_of(evidence: Evidence) -> Pass | None:
    """The backward pass that a true gradient is from."""
    return next((origin for origin in evidence.passes if _is_from(evidence.truth, origin)), None)


def _known(others: Sequence[_Wrong]) -> list[tuple[Any, Array]]:
    """The gradients that other claims give to their tensors, where the shapes agree."""
    return [
        (other.origin.target, other.evidence.claimed.array)
        for other in others
        if other.evidence.claimed.shape == other.evidence.truth.value.shape
    ]


def _expected(origin: Pass, known: Sequence[tuple[Any, Array]]) -> Array | None:
    """The gradient of a pass if those at some tensors on its way were as they are said to be."""
    elsewhere = [(tensor, array) for tensor, array in known if tensor is not origin.target]
    return origin.backend.given(origin.root, origin.cotangent, origin.target, elsewhere)


def _is_from(truth: Truth, origin: Pass) -> bool:
    """Whether a true gradient is that of a pass: `.grad` may hold those of several."""
    found = _expected(origin, ())
    if found is None or found.shape != truth.value.shape:
        return False
    return judge(truth.value, Truth(replace(truth.value, array=found))).ok


def _same_pass(first: Pass, second: Pass) -> bool:
    if first.root is not second.root or first.cotangent is second.cotangent:
        return first.root is second.root
    if first.cotangent is None or second.cotangent is None:
        return False
    one, other = (origin.backend.array(origin.cotangent)[0] for origin in (first, second))
    return np.array_equal(one, other)


def _unique(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))
