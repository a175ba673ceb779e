"""Claims about gradients as cards: the verdict, what is wrong and where, hint and fix, and the arrays side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.explain.explained import Account
from chainrule.explain.report.arrays import figure
from chainrule.explain.report.detail import Detail
from chainrule.explain.report.markup import Markup, element, joined
from chainrule.explain.report.numbers import is_numeric

__all__ = ["ClaimCard", "Tone", "card", "tally", "tone_of"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class ClaimCard:
    """What a report shows of one claim; every string is shown as text, whatever it holds.

    ``name`` is the claim as the user wrote it (``dW``, ``W.grad``), ``verdict`` as in a finding, ``mistake`` its one
    word, ``step`` the name of the step that went wrong; ``message`` what is wrong, ``hint`` a nudge, ``fix`` the
    remedy; ``place`` where it was claimed ("cell 3, line 2"); ``claimed`` and ``true`` the two arrays, ``derivation``
    the way to the true one; ``subject`` the value whose gradient it is (``W``), where that has a name.

    >>> ClaimCard("dW", "wrong", mistake="transposed").verdict
    'wrong'
    """

    name: str
    verdict: str
    mistake: str = ""
    step: str = ""
    message: str = ""
    fix: str = ""
    hint: str = ""
    place: str = ""
    claimed: Any = None
    true: Any = None
    derivation: Account | None = None
    notes: Sequence[str] = ()
    subject: str = ""


class Tone(NamedTuple):
    """How a verdict looks: a name for the style and a sign, so that colour is not needed."""

    name: str
    sign: str


_TONES = {
    "right": Tone("right", "✓"),
    "right up to rounding": Tone("right", "≈"),
    "right value, wrong shape": Tone("nearly", "⇄"),
    "wrong": Tone("wrong", "✗"),
}
_OPEN = Tone("open", "?")


def tone_of(verdict: str) -> Tone:
    """The looks of a verdict; what is not known is an open question.

    >>> tone_of("wrong").sign, tone_of("undecidable").sign
    ('✗', '?')
    """
    return _TONES.get(verdict, _OPEN)


def tally(claims: Sequence[ClaimCard]) -> str:
    """How many claims have which verdict, the worst first.

    >>> tally([ClaimCard("dW", "right"), ClaimCard("db", "wrong"), ClaimCard("dX", "right")])
    '1 wrong · 2 right'
    """
    order = ["wrong", "right value, wrong shape", "undecidable", "right up to rounding", "right"]
    verdicts = sorted({claim.verdict for claim in claims}, key=lambda v: order.index(v) if v in order else 2)
    return " · ".join([f"{sum(claim.verdict == verdict for claim in claims)} {verdict}" for verdict in verdicts])


def badge(verdict: str) -> Markup:
    """A verdict with its sign."""
    tone = tone_of(verdict)
    sign = element("span", tone.sign, class_="sign", aria_hidden="true")
    return element("span", sign, " ", verdict, class_=f"badge {tone.name}")


def card(claim: ClaimCard, identity: str, derived: str, level: int, detail: Detail) -> Markup:
    """One claim; ``derived`` is the address of its derivation on the page, if there is one.

    What is not right is unfolded.
    """
    tone = tone_of(claim.verdict)
    name = element(f"h{level}", element("code", claim.name), class_="claim-name")
    place = element("span", claim.place, class_="place") if claim.place else Markup()
    summary = element("summary", name, " ", badge(claim.verdict), " ", place)
    return element(
        "details", summary, _body(claim, derived, detail), class_=f"claim {tone.name}", id=identity,
        open=tone.name != "right",
    )  # fmt: skip


def _body(claim: ClaimCard, derived: str, detail: Detail) -> Markup:
    parts = [element("p", claim.message, class_="message")] if claim.message else []
    facts = [(label, value) for label, value in (("mistake", claim.mistake), ("at step", claim.step)) if value]
    if facts:
        rows = [joined([element("dt", label), element("dd", element("code", value))]) for label, value in facts]
        parts.append(element("dl", *rows, class_="facts"))
    if claim.hint:
        parts.append(element("details", element("summary", "Hint"), element("p", claim.hint), class_="reveal"))
    if claim.fix:
        parts.append(element("details", element("summary", "Fix"), element("p", claim.fix), class_="reveal"))
    if claim.notes:
        parts.append(element("ul", *[element("li", note) for note in claim.notes], class_="notes"))
    parts.append(_arrays(claim, detail))
    if derived:
        parts.append(element("p", element("a", "The derivation", href=derived), class_="onward"))
    return element("div", *parts, class_="body")


def _arrays(claim: ClaimCard, detail: Detail) -> Markup:
    """What was claimed beside what is true, and their difference where shapes allow it."""
    sides = [("claimed", claim.claimed), ("true", claim.true)]
    arrays = {label: np.asarray(value) for label, value in sides if value is not None}
    if not arrays:
        return Markup()
    differs = difference = None
    told = Markup()
    alike = len({array.shape for array in arrays.values()}) == 1 and all(map(is_numeric, arrays.values()))
    if len(arrays) == 2 and alike and tone_of(claim.verdict).name != "right":
        with np.errstate(all="ignore"):
            difference = np.subtract(arrays["claimed"], arrays["true"], dtype=_common(*arrays.values()))
        differs = _apart(arrays["claimed"], arrays["true"])
        told = _apart_in_words(differs)
        if differs.all():
            differs = None  # to underline everything marks nothing
    shown = [figure(array, label, "adjoint", detail, differs if label == "claimed" else None)
             for label, array in arrays.items()]  # fmt: skip
    if difference is not None and difference.size > 1:
        shown.append(figure(difference, "claimed − true", "adjoint", detail))
    return joined([element("div", *shown, class_="side-by-side"), told])


def _apart_in_words(differs: Array) -> Markup:
    if differs.size < 2:
        return Markup()
    if differs.all():
        return element("p", f"All {differs.size:,} entries differ.")
    return element("p", f"{int(differs.sum()):,} of {differs.size:,} entries differ; they are underlined.")


def _common(*arrays: Array) -> Any:
    return np.result_type(*arrays, np.float64)


def _apart(claimed: Array, true: Array) -> Array:
    """Where two arrays differ by more than rounding could."""
    scale = np.abs(true[np.isfinite(true)]).max(initial=0.0)
    return ~np.isclose(claimed, true, rtol=1e-5, atol=1e-7 * float(scale), equal_nan=True)
