"""Writes summands that differ in a running number as one sum: x₁ a₁ᵀ + x₂ a₂ᵀ + … as Σₜ xₜ aₜᵀ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

__all__ = ["Summand", "folded", "outlined", "ranged", "shortened"]

T = TypeVar("T")

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
    """Blocks in text and LaTeX, where three or more after each other that differ in a running number are one.

    >>> ranged([("h₁ a[0]", "h_1"), ("h₂ a[1]", "h_2"), ("h₃ a[2]", "h_3"), ("0", "0")])
    [('hₜ a[t-1] for t = 1…3', 'h_t \\\\text{ for } t = 1, \\\\dots, 3'), ('0', '0')]
    """
    done: list[tuple[str, str]] = []
    texts = [_apart(text) for text, _ in blocks]
    start, moving = 0, tuple[bool, ...]()
    while start < len(blocks):
        end = start + 1
        while end < len(blocks) and _goes_on(texts[start], texts[end], end - start):
            if end > start + 1 and _moving(texts[start].numbers, texts[end].numbers) != moving:
                break
            moving = _moving(texts[start].numbers, texts[end].numbers)
            end += 1
        if end - start < _FEWEST:
            done.append(blocks[start])
            start += 1
            continue
        first, text = _with_t([block[0] for block in blocks[start:end]])
        _, latex = _with_t([block[1] for block in blocks[start:end]], first)
        last = first + end - start - 1
        done.append((f"{text} for t = {first}…{last}", rf"{latex} \text{{ for }} t = {first}, \dots, {last}"))
        start = end
    return done


def _goes_on(first: _Numbered, other: _Numbered, distance: int) -> bool:
    """Whether some numbers have grown by the distance, and the others not at all."""
    if first.words != other.words:
        return False
    return {b - a for a, b in zip(first.numbers, other.numbers, strict=True)} in ({distance}, {0, distance})


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
    first, text = _with_t([summand.text for summand in run])
    _, latex = _with_t([summand.latex for summand in run], first)
    last = first + len(run) - 1
    below, above = "ₜ₌" + str(first).translate(_TO_LOW), str(last).translate(_TO_HIGH)
    return Summand(run[0].sign, f"Σ{below}{above} {text}", rf"\sum_{{t={first}}}^{{{last}}} {latex}")


def _with_t(run: Sequence[str], start: int | None = None) -> tuple[int, str]:
    """What t is in the first of some texts (the largest number that runs, if it is free), and the text with t."""
    one, other = _apart(run[0]), _apart(run[1])
    moving = _moving(one.numbers, other.numbers)
    first = max([n for n, moves in zip(one.numbers, moving, strict=True) if moves]) if start is None else start
    return first, _filled(one, moving, first)


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
