"""What a check of claimed gradients found: verdicts, explanations, and how strong the test was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from chainrule.check.verdicts.compare import UNDECIDABLE
from chainrule.check.verdicts.finding import Finding
from chainrule.errors import WrongGradientError

__all__ = ["Report"]

_MARKS = {True: "✓", False: "✗"}


@dataclass(frozen=True, repr=False)
class Report:
    """What `check` found.

    Args:
        findings: one for each claim, in the order of the way back.
        notes: what this point cannot show, and what was assumed.
        caught: how many of the mistakes that were tried would have shown at this point; ``tried`` of them in all.
        tried: see ``caught``.

    >>> report = Report([Finding("W", 0, 0, "wrong", "dW has the wrong sign everywhere.", "sign", "W", fix="-dW")])
    >>> report.ok
    False
    >>> report
    ✗ W  wrong: sign at W
         dW has the wrong sign everywhere.
         Fix: -dW
    """

    findings: Sequence[Finding]
    notes: Sequence[str] = ()
    caught: int = 0
    tried: int = 0

    @property
    def ok(self) -> bool:
        """Whether every claim is right, exactly or up to rounding."""
        return all(finding.ok for finding in self.findings)

    @property
    def strength(self) -> float:
        """The share of mistakes that this test would catch, from 0 to 1; 0 where that is not known."""
        return self.caught / self.tried if self.tried else 0.0

    @property
    def wrong(self) -> list[Finding]:
        """The claims that are wrong."""
        return [finding for finding in self.findings if not finding.ok and finding.verdict != UNDECIDABLE]

    def raise_if_wrong(self) -> None:
        """Raise :class:`~chainrule.errors.WrongGradientError`, with the whole report, unless everything is right."""
        if not self.ok:
            raise WrongGradientError("\n" + self.text)

    @property
    def text(self) -> str:
        """The report as text."""
        width = max([len(finding.name) for finding in self.findings], default=0)
        lines: list[str] = []
        for finding in self.findings:
            lines.append(f"{_mark(finding)} {finding.name:<{width}}  {_title(finding)}")
            indent = " " * (width + 4)
            lines += [f"{indent}{line}" for line in _body(finding)]
        if self.notes or self.tried:
            lines.append("")
        lines += list(self.notes)
        if self.tried:
            lines.append(self._strength())
        return "\n".join(lines)

    def _strength(self) -> str:
        return f"This point would catch {self.caught} of {self.tried} mistakes tried."

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        """The report as a table; everything that the user wrote is escaped."""
        rows = "".join([_row(finding) for finding in self.findings])
        notes = [*self.notes, *([self._strength()] if self.tried else [])]
        below = f"<ul>{''.join([f'<li>{escape(note)}</li>' for note in notes])}</ul>" if notes else ""
        head = '<tr><th scope="col">Gradient</th><th scope="col">Verdict</th><th scope="col">Why</th></tr>'
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{below}"


def _mark(finding: Finding) -> str:
    return "?" if finding.verdict == UNDECIDABLE else _MARKS[finding.ok]


def _title(finding: Finding) -> str:
    """The verdict, with the kind of the mistake and the step, where they are known."""
    parts = [finding.verdict]
    if finding.mistake is not None and not finding.ok:
        parts.append(finding.mistake)
    if finding.step:
        parts.append(f"at {finding.step}")
    return ": ".join(parts[:2]) + (f" {parts[2]}" if len(parts) > 2 else "")


def _body(finding: Finding) -> list[str]:
    lines = [finding.message] if finding.message else []
    if "judgement" in finding.details:
        lines.append(f"({finding.details['judgement']})")
    if finding.fix:
        lines.append(f"Fix: {finding.fix}")
    return lines


def _row(finding: Finding) -> str:
    why = "<br>".join([escape(line) for line in _body(finding)])
    verdict = escape(f"{_mark(finding)} {_title(finding)}")
    return f"<tr><th scope='row'><code>{escape(finding.name)}</code></th><td>{verdict}</td><td>{why}</td></tr>"
