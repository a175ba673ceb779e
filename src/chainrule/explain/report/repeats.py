"""Finds what repeats in a sequence of steps: the turns of a loop, the layers of a network."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

__all__ = ["Stretch", "stretches"]

_TURNS = 3  # a pattern that comes at least so often is a loop
_CHAIN = 6  # a single step must come more often to be worth folding
_PERIOD = 48  # steps that a turn may have


class Stretch(NamedTuple):
    """``turns`` times the same ``period`` steps, from ``start`` on."""

    start: int
    period: int
    turns: int

    @property
    def stop(self) -> int:
        """The first step after it."""
        return self.start + self.period * self.turns


def stretches(signs: Sequence[Hashable]) -> list[Stretch]:
    """The stretches that repeat, longest first where they overlap, then in order; each with its shortest period.

    >>> stretches("xabababy")
    [Stretch(start=1, period=2, turns=3)]
    >>> stretches("xyaaaaaa"), stretches("abcabd")
    ([Stretch(start=2, period=1, turns=6)], [])
    """
    found = list[Stretch]()
    for period in range(1, min(len(signs) // _TURNS, _PERIOD) + 1):
        start = 0
        while start + period < len(signs):
            end = start
            while end + period < len(signs) and signs[end] == signs[end + period]:
                end += 1
            turns = (end - start) // period + 1
            if turns >= (_CHAIN if period == 1 else _TURNS):
                found.append(Stretch(start, period, turns))
            start = end + 1
    found.sort(key=lambda s: (-s.period * s.turns, s.period, s.start))
    taken, kept = set[int](), list[Stretch]()
    for stretch in found:
        steps = set(range(stretch.start, stretch.stop))
        if not steps & taken:
            taken |= steps
            kept.append(stretch)
    return sorted(kept)
