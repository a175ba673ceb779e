"""Writes summands that differ in a running number as one sum: x₁ a₁ᵀ + x₂ a₂ᵀ + … as Σₜ xₜ aₜᵀ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Summand", "folded", "shortened"]

_FEWEST = 3  # summands that are worth a Σ
_LOW = "₀₁₂₃₄₅₆₇₈₉"
_HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_NUMBERS = re.compile(r"([₀-₉]+|\d+)")
_TO_DIGITS = str.maketrans(_LOW, "0123456789")
_TO_LOW = str.maketrans("0123456789+-", _LOW + "₊₋")
_TO_HIGH = str.maketrans("0123456789", _HIGH)


class Summand(NamedTuple):
    """A summand with its sign, in text and LaTeX."""

    sign: int
    text: str
    latex: str


class _Numbered(NamedTuple):
    """A text taken apart: what stands between its numbers, the numbers, and how they are written."""

    words: tuple[str, ...]
    numbers: tuple[int, ...]
    written: tuple[str, ...]


def _apart(text: str) -> _Numbered:
    parts = _NUMBERS.split(text)
    written = tuple(parts[1::2])
    return _Numbered(tuple(parts[::2]), tuple(int(part.translate(_TO_DIGITS)) for part in written), written)


def folded(summands: Sequence[Summand]) -> list[Summand]:
    """The summands, where at least three that differ in numbers that grow by one together are one with Σ.

    >>> for s in folded([Summand(1, f"h{'₀₁₂₃'[t - 1]} a{'₀₁₂₃'[t]}", f"h_{{{t - 1}}} a_{{{t}}}") for t in (1, 2, 3)]):
    ...     print(s.text, "  ", s.latex)
    Σₜ₌₁³ hₜ₋₁ aₜ    \\sum_{t=1}^{3} h_{t-1} a_{t}
    """
    pending = list(summands)
    done: list[Summand] = []
    while pending:
        run = _run(pending)
        if len(run) < _FEWEST:
            done.append(pending.pop(0))
            continue
        done.append(_together(run))
        pending = [summand for summand in pending if summand not in run]
    return done


def shortened(lines: Sequence[str], kept: int = 2) -> list[str]:
    """Lines of which those that differ in numbers alone are shown ``kept`` times, and once more at the end.

    >>> shortened(["a₁", "b₁", "a₂", "b₂", "a₃", "b₃", "a₄", "b₄", "c"])
    ['a₁', 'b₁', 'a₂', 'b₂', '⋮', 'a₄', 'b₄', 'c']
    """
    signs = [_apart(line).words for line in lines]
    total, seen = Counter(signs), Counter[tuple[str, ...]]()
    told: list[str] = []
    for line, sign in zip(lines, signs, strict=True):
        seen[sign] += 1
        if total[sign] <= kept + 1 or seen[sign] <= kept or seen[sign] == total[sign]:
            told.append(line)
        elif told[-1:] != ["⋮"]:
            told.append("⋮")
    return told


def _run(summands: Sequence[Summand]) -> list[Summand]:
    """The longest run that starts with the first summand, in the order in which its numbers grow."""
    first = summands[0]
    words, numbers, _ = _apart(first.text)
    alike = [s for s in summands if s.sign == first.sign and _apart(s.text).words == words]
    places: dict[int, Summand] = {}
    for summand in alike:
        steps = {b - a for a, b in zip(numbers, _apart(summand.text).numbers, strict=True)} - {0}
        if len(steps) <= 1:
            places.setdefault(steps.pop() if steps else 0, summand)
    if len(places) > 1:
        # which numbers run is decided by the neighbours: the others have to stand still
        moving = _moving(numbers, _apart(places[min(places, key=lambda p: (p == 0, abs(p)))].text).numbers)
        places = {p: s for p, s in places.items() if p == 0 or _moving(numbers, _apart(s.text).numbers) == moving}
    low = high = 0
    while low - 1 in places:
        low -= 1
    while high + 1 in places:
        high += 1
    return [places[place] for place in range(low, high + 1)]


def _moving(a: Sequence[int], b: Sequence[int]) -> tuple[bool, ...]:
    return tuple(x != y for x, y in zip(a, b, strict=True))


def _together(run: Sequence[Summand]) -> Summand:
    texts = [_apart(summand.text) for summand in run]
    moving = _moving(texts[0].numbers, texts[1].numbers)
    first = max(number for number, moves in zip(texts[0].numbers, moving, strict=True) if moves)
    last = first + len(run) - 1
    text = _filled(texts[0], moving, first)
    below, above = "ₜ₌" + str(first).translate(_TO_LOW), str(last).translate(_TO_HIGH)
    latexes = [_apart(summand.latex) for summand in run]
    moving_latex = _moving(latexes[0].numbers, latexes[1].numbers)
    latex = _filled(latexes[0], moving_latex, first)
    return Summand(run[0].sign, f"Σ{below}{above} {text}", rf"\sum_{{t={first}}}^{{{last}}} {latex}")


def _filled(text: _Numbered, moving: Sequence[bool], first: int) -> str:
    """The text with t in the place of the numbers that run."""
    told = text.words[0]
    for word, number, written, moves in zip(text.words[1:], text.numbers, text.written, moving, strict=True):
        if moves:
            behind = number - first
            running = "t" + (f"{behind:+d}" if behind else "")
            written = running.replace("t", "ₜ").translate(_TO_LOW) if written[0] in _LOW else running
        told += written + word
    return told
