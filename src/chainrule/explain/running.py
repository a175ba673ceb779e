"""Numbers that change from turn to turn of a loop, said by the number t of the turn: t + 1, 0.9 ** t, t % 4."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["NotRegularError", "Running"]

_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w.])")
_MANY = 60  # numbers of a list that is written out
_INSIDE = re.compile(r"[\[(,:] ?$"), re.compile(r"^[\]),:]")  # what stands around a number that is alone


class NotRegularError(Exception):
    """Turns that differ in more than a running number."""


class Running:
    """Texts of turns as one text; ``turns`` are those that are looked at, of ``count``; ``middle`` is one of them.

    The number of a turn is called ``letter``. Numbers that follow no rule are put into ``lists``, by a name that
    ``unused`` gives. ``known`` are the user's names for the numbers of all turns.
    """

    def __init__(
        self, turns: Sequence[int], middle: int, count: int, unused: Callable[[str], str], letter: str = "t"
    ) -> None:
        self.turns = list(turns)
        self.middle = middle
        self.count = count
        self.unused = unused
        self.letter = letter
        self.known: dict[tuple[float, ...], str] = {}
        self.lists: dict[str, str] = {}

    def text(self, told: Mapping[int, str]) -> str:
        """What the texts have in common, with t for the numbers that run.

        >>> Running([1, 2], 1, 9, str).text({1: "h[1] * 3 / 2", 2: "h[2] * 3 / 3"})
        'h[t] * 3 / (t + 1)'
        """
        parts = {turn: _NUMBER.split(text) for turn, text in told.items()}
        words = parts[self.middle][::2]
        if parts[self.middle + 1][::2] != words:
            raise NotRegularError
        alike = {turn: split[1::2] for turn, split in parts.items() if split[::2] == words}
        found = words[0]
        for k, word in enumerate(words[1:]):
            number = self._number({turn: numbers[k] for turn, numbers in alike.items()})
            alone = _INSIDE[0].search(found) and _INSIDE[1].search(word)
            power = (
                " ** " in number and " * " not in number and not word.startswith(" **") and not found.endswith("** ")
            )
            bare = alone or power or re.fullmatch(r"[\w.]+|\w+\[\w\]", number)
            found += (number if bare else f"({number})") + word
        return found

    def _number(self, numbers: Mapping[int, str]) -> str:
        values = {turn: float(number) for turn, number in numbers.items()}
        if len(set(values.values())) == 1:
            return next(iter(numbers.values()))
        whole = all(number.isdecimal() for number in numbers.values())
        found = _formula({turn: int(value) for turn, value in values.items()}) if whole else _geometric(values)
        found = re.sub(r"\bt\b", self.letter, found) if found else self._entry(values)
        if found is None:
            raise NotRegularError
        return found

    def _entry(self, values: Mapping[int, float]) -> str | None:
        """The entry of a list that holds the numbers of all turns."""
        every = next((row for row in self.known if all(row[turn] == value for turn, value in values.items())), None)
        if every is None and len(values) == self.count:
            every = tuple([values[turn] for turn in range(self.count)])
            self.known[every] = ""
        if every is None or self.count > _MANY:
            return None
        whole = all(number.is_integer() for number in every)
        written = f"[{', '.join([f'{number:.0f}' if whole else repr(number) for number in every])}]"
        if written not in self.lists:
            name = self.known[every]
            self.lists[written] = self.unused(f"{name}s" if name else "ks" if whole else "cs")
        return f"{self.lists[written]}[{self.letter}]"


def _formula(values: Mapping[int, int]) -> str | None:
    """Whole numbers that grow or fall by one number each time, or again and again."""
    turns = sorted(values)
    step = values[turns[1]] - values[turns[0]]
    start = values[turns[0]] - step * turns[0]
    if all(value == start + step * turn for turn, value in values.items()):
        running = "t" if abs(step) == 1 else f"{abs(step)} * t"
        if step < 0:
            return f"{start} - {running}"
        return f"{running} + {start}" if start > 0 else f"{running} - {-start}" if start else running
    for period in range(2, max(turns) + 1):
        if all(value == turn % period for turn, value in values.items()):
            return f"t % {period}"
        if all(value == turn // period for turn, value in values.items()):
            return f"t // {period}"
    return None


def _geometric(values: Mapping[int, float]) -> str | None:
    """Numbers each of which is the one before it times a number."""
    turns = sorted(values)
    if turns[1] != turns[0] + 1 or not values[turns[0]]:
        return None
    ratio = _short(values[turns[1]] / values[turns[0]])
    start = _short(values[turns[0]] / ratio ** turns[0])
    if not np.allclose(list(values.values()), [start * ratio**turn for turn in values], rtol=1e-12, atol=0):
        return None
    return f"{ratio!r} ** t" if start == 1 else f"{start!r} * {ratio!r} ** t"


def _short(number: float) -> float:
    """The number without what rounding left."""
    return float(f"{number:.12g}")
