"""Writes summands that differ in a running number as one sum: x₁ a₁ᵀ + x₂ a₂ᵀ + … as Σₜ xₜ aₜᵀ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

__all__ = ["Summand", "folded", "outlined", "ranged", "shortened"]

T = TypeVar("T")

_FEWEST = 3  # summands that are worth a Σ
_NEAR = 8  # neighbours of a summand that a run may go on with
_LOW = "₀₁₂₃₄₅₆₇₈₉"
_HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_NUMBERS = re.compile(r"([₀-₉]+|(?<![^\W_])\d+)")  # not those of a name: x0
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


def outlined(things: Sequence[T], line: Callable[[T], object]) -> list[T | None]:
    """The things of which those on one line are shown twice, and once more at the end; None for what is left out.

    >>> outlined(["a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4", "c"], lambda name: name[0])
    ['a1', 'b1', 'a2', 'b2', None, 'a4', 'b4', 'c']
    """
    lines = [line(thing) for thing in things]
    total, seen = Counter(lines), Counter[object]()
    told: list[T | None] = []
    for thing, key in zip(things, lines, strict=True):
        seen[key] += 1
        if total[key] <= 3 or seen[key] <= 2 or seen[key] == total[key]:
            told.append(thing)
        elif told[-1] is not None:
            told.append(None)
    return told


def ranged(blocks: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Blocks in text and LaTeX, where three or more after each other that differ in running numbers are one.

    >>> ranged([("h₁ a[0]", "h_1"), ("h₂ a[1]", "h_2"), ("h₃ a[2]", "h_3"), ("0", "0")])
    [('hₜ a[t-1] for t = 1…3', 'h_t \\\\text{ for } t = 1, \\\\dots, 3'), ('0', '0')]
    """
    done: list[tuple[str, str]] = []
    texts = [_apart(text) for text, _ in blocks]
    start = 0
    while start < len(blocks):
        end, steps = start + 1, tuple[int, ...]()
        while end < len(blocks) and texts[end].words == texts[start].words:
            grown = _steps(texts[end - 1].numbers, texts[end].numbers)
            if not any(grown) or (steps and grown != steps):
                break
            end, steps = end + 1, grown
        if end - start < _FEWEST:
            done.append(blocks[start])
            start += 1
            continue
        run = _Run([text for text, _ in blocks[start:end]])
        latex = _Run([latex for _, latex in blocks[start:end]]).text(run.first, run.step)
        first, last = run.first, run.last
        text = f"{run.text(first, run.step)} for t = {first}…{last}"
        done.append((text, rf"{latex} \text{{ for }} t = {first}, \dots, {last}"))
        start = end
    return done


def _steps(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(y - x for x, y in zip(a, b, strict=True))


def _run(summands: Sequence[Summand]) -> list[Summand]:
    """The longest run that starts with the first summand: each number stands, or grows by the same each time."""
    first = summands[0]
    words, numbers, _ = _apart(first.text)
    alike = [s for s in summands if s.sign == first.sign and _apart(s.text).words == words]
    places: dict[tuple[int, ...], Summand] = {}
    for summand in alike:
        places.setdefault(_steps(numbers, _apart(summand.text).numbers), summand)
    best = [first]
    near = sorted([steps for steps in places if any(steps) and min(steps) >= 0], key=lambda steps: (sum(steps), steps))
    for steps in near[:_NEAR]:
        run = [first]
        while (further := places.get(tuple(len(run) * step for step in steps))) is not None:
            run.append(further)
        back = 1
        while (before := places.get(tuple(-back * step for step in steps))) is not None:
            run.insert(0, before)
            back += 1
        best = max(best, run, key=len)
    return best


class _Run:
    """Texts that differ in running numbers; t is the largest of those that change by one, or counts from 1."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.one = _apart(texts[0])
        self.steps = _steps(self.one.numbers, _apart(texts[1]).numbers)
        moving = [(n, step) for n, step in zip(self.one.numbers, self.steps, strict=True) if abs(step) == 1]
        rising = [n for n, step in moving if step == 1]
        falling = [n for n, step in moving if step == -1]
        self.step = 1 if rising or not falling else -1
        self.first = max(rising or falling or [1])
        self.last = self.first + self.step * (len(texts) - 1)

    def text(self, first: int, step: int) -> str:
        """The text with t in the place of the numbers that run, where t starts at ``first`` and goes by ``step``."""
        told = self.one.words[0]
        for word, number, written, grown in zip(
            self.one.words[1:], self.one.numbers, self.one.written, self.steps, strict=True
        ):
            if grown:
                times = grown * step
                behind = number - times * first
                running = "t" if abs(times) == 1 else f"{abs(times)}t"
                running += f"{behind:+d}" if behind and times > 0 else ""
                running = f"{behind}-{running}" if times < 0 else running
                if written[0] in _LOW:
                    written = running.replace("t", "ₜ").translate(_TO_LOW)
                else:
                    written = running if len(running) == 1 or (told and told[-1] in "[{,_") else f"({running})"
            told += written + word
        return told


def _together(run: Sequence[Summand]) -> Summand:
    texts = _Run([summand.text for summand in run])
    text = texts.text(texts.first, 1)
    latex = _Run([summand.latex for summand in run]).text(texts.first, 1)
    below, above = "ₜ₌" + str(texts.first).translate(_TO_LOW), str(texts.last).translate(_TO_HIGH)
    return Summand(run[0].sign, f"Σ{below}{above} {text}", rf"\sum_{{t={texts.first}}}^{{{texts.last}}} {latex}")
