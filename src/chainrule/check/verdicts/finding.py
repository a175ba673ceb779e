"""What a check found out about one claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.check.verdicts.compare import EXACT, ROUNDED, SHAPE, UNDECIDABLE, WRONG, Judgement

__all__ = ["Finding"]

SEVERITY = {EXACT: 0, ROUNDED: 1, UNDECIDABLE: 2, SHAPE: 3, WRONG: 4}


@dataclass
class Finding:
    """A claim with its verdict.

    ``name`` is what is claimed, as the notebook writes it; ``cell`` counts code cells from 1 and ``line`` the lines of
    the cell from 1. ``mistake`` is None or one word; ``step`` the operation that went wrong, where known. ``also`` are
    further places that claim the same, as (cell, line). ``fix`` says what to write instead, ``hint`` only where to
    look; both are empty where nothing more than the verdict is known.
    """

    name: str
    cell: int
    line: int
    verdict: str
    message: str
    mistake: str | None = None
    step: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    also: list[tuple[int, int]] = field(default_factory=list)
    times: int = 1
    fix: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether the claim is right, exactly or up to rounding."""
        return self.verdict in {EXACT, ROUNDED}

    @property
    def follows(self) -> bool:
        """Whether the claim is right, given another claim that is wrong."""
        return "follows" in self.details

    @property
    def severity(self) -> int:
        """How bad the verdict is; more is worse."""
        return SEVERITY[self.verdict]

    def take(self, judgement: Judgement) -> None:
        """Replace the verdict."""
        self.verdict, self.message = judgement.verdict, judgement.message
        self.mistake, self.details = judgement.mistake, judgement.details
        self.step, self.fix, self.hint = None, "", ""
