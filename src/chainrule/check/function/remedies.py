"""The right formula for a gradient, as Python in the user's own names: what to write instead of a wrong one."""

from __future__ import annotations

import re
from functools import cached_property

from chainrule.check.chain.sweeps import ILLEGAL
from chainrule.check.function.subject import Run
from chainrule.explain.deriver import Deriver
from chainrule.explain.story import Story

__all__ = ["Remedies"]

LONG = 40  # steps above which nobody derives a formula to read
LONGEST = 100  # characters of a formula that fits into a sentence
UNREADABLE = re.compile(r"\bd?v\d+\b|\b[a-z]+_at\(")  # values that have no name, helpers that would need a definition


class Remedies:
    """The formulas of one run, derived when the first is asked for."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def formula(self, name: str) -> str:
        """``dz = dh * (1 - h**2)`` for the variable z; empty if none can be given, or it is too long to help."""
        story = self._story
        steps = [] if story is None else [step for step in story.shown if step.called == name]
        found = story.adjoint(steps[0]).python if story is not None and steps else ""
        return found if len(found) <= LONGEST and not UNREADABLE.search(found) else ""

    @cached_property
    def _story(self) -> Story | None:
        computation = self._run.computation
        if computation is None or len(computation.steps) > LONG:
            return None
        wanted = [step for step in computation.inputs.values() if step in computation.between([step])]
        try:
            return Deriver(computation, wanted, "").story() if wanted else None
        except ILLEGAL:
            return None
