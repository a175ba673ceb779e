"""One claim at one run: judged by what rounding can do, and told with its explanation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.check.function.reading import as_array
from chainrule.check.function.rounding import lost, unguarded
from chainrule.check.function.subject import Run
from chainrule.check.mistakes.diagnosis import Claim, Diagnosis
from chainrule.check.mistakes.hints import hint_for
from chainrule.check.verdicts.compare import ROUNDED, SHAPE, UNDECIDABLE, WRONG, Judgement, Truth, Value, judge
from chainrule.check.verdicts.finding import Finding

__all__ = ["claim_at", "explained", "judged", "spacing"]

Array = np.ndarray[Any, np.dtype[Any]]


def judged(run: Run, name: str, value: Any) -> tuple[Judgement, Truth, Value]:
    """A claim compared with the truth; what rounding may do is looked into only where it matters."""
    claimed = as_array(name, value)
    true, slack = run.gradient(name)
    eps = max(run.subject.eps(name), spacing(claimed))
    shaped = isinstance(value, np.ndarray) or hasattr(value, "shape")
    wide = claimed.astype(np.complex128 if claimed.dtype.kind == "c" else np.float64)
    given = Value(wide, eps, str(claimed.dtype), shaped, slack, "within the error of differences")
    truth = Truth(Value(true, 2.0**-52, ""))
    judgement = judge(given, truth)
    if judgement.verdict in (WRONG, SHAPE, UNDECIDABLE) and run.computation is not None:
        loss = lost(run, name)
        if loss is not None:
            truth = replace(truth, loss=loss)
            judgement = judge(given, truth)
        if judgement.verdict == WRONG:
            judgement = _without_guards(run, name, given, truth) or judgement
    return judgement, truth, given


def _without_guards(run: Run, name: str, given: Value, truth: Truth) -> Judgement | None:
    """Right, if the formula may leave out the 1e-12 of `log(p + 1e-12)`."""
    found = unguarded(run, name)
    if found is None:
        return None
    judgement = judge(given, replace(truth, value=replace(truth.value, array=found)))
    if not judgement.ok:
        return None
    told = "right, but for a tiny constant in f that keeps something from 0 and that the formula leaves out"
    return Judgement(ROUNDED, told, "rounding", judgement.details)


def claim_at(
    run: Run,
    name: str,
    claimed: Array,
    true: Array,
    pool: Mapping[str, Array],
    others: Mapping[str, Array],
    again: Callable[[], Claim | None] | None,
    allowed: float,
    eps: float,
) -> Claim:
    """A claim about an argument at a run."""
    computation = run.computation or run.measured
    return Claim(
        name,
        claimed,
        true,
        computation,
        None if computation is None else computation.inputs.get(name),
        None,
        run.upstream,
        pool,
        again,
        {},
        others,
        max(eps, run.subject.eps(name)),
        allowed,
    )


def explained(finding: Finding, found: Sequence[Diagnosis]) -> Finding:
    """The finding with the first explanation in it; its judgement goes to the details."""
    if not found:
        finding.mistake = finding.mistake or "unknown"
        finding.hint = hint_for(finding.mistake)
        return finding
    first = found[0]
    told = first.message if first.mistake != "unknown" else f"{finding.message}; {first.message}"
    if first.mistake == "rounding":
        finding.verdict = ROUNDED
    finding.details = finding.details | {"judgement": finding.message, **first.details}
    finding.mistake, finding.step, finding.fix, finding.hint = first.mistake, first.step, first.fix, first.hint
    finding.message = told
    return finding


def spacing(array: Array) -> float:
    """The spacing at 1 of the numbers of an array."""
    return float(np.finfo(array.dtype).eps) if array.dtype.kind in "fc" else 2.0**-52
