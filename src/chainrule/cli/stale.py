"""Says where the output that a notebook stores is not what its code prints now.

Only what matters counts: other words, other signs, numbers that differ by more than their last digits, an error that no
longer comes. Not addresses, times, the order of sets, pictures, or the names that versions of a library give to things.
Numbers drawn at random differ from run to run; a second run with another seed tells which they are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from chainrule.cli.cells import Outcome
from chainrule.cli.notebook import Cell

__all__ = ["Stale", "compare", "find_stale"]

LONGEST = 200  # characters of a line that is shown
RELATIVE = 1e-4  # beyond the last digits printed: what other libraries and machines make of the same numbers
FEWEST_DIGITS = 3  # of a number that was rounded when it was printed
NOISE = 1e-6  # two numbers below it are both rounding
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?(?![\w.]*\w)")
TOKEN = re.compile(rf"(?P<number>{NUMBER.pattern})|(?P<word>\w+)|(?P<sign>[^\w\s])")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What is written one way here and another way there, and means the same.
ALIKE = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x"),
    (re.compile(r"grad_fn=<\w+>"), "grad_fn"),
    (re.compile(r",\s*device='cuda:\d+'"), ""),
    (re.compile(r"\bnp\.(?:float|int|uint|bool|str|complex)\w*\(([^()]*)\)"), r"\1"),
    (re.compile(r"\bnp\.(True|False)_"), r"\1"),
    (re.compile(r"\b\d+\.\d+\.\d+\S*"), "version"),
)
# Lines that say how long something took, when, or how a picture is called.
PASSING = re.compile(
    r"\b(seconds?|secs?|elapsed|took|it/s|s/it|Wall time|CPU times|loops? each|per loop|minutes?|ETA)\b|\d ?[mµn]s\b"
    r"|\d\d:\d\d|<Figure |<matplotlib|<Axes|Line2D|^Text\(|^\d+%\|",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Stale:
    """A cell whose stored output is another than its code gives now, with the first lines that differ."""

    cell: int
    stored: str
    now: str


class _Token(NamedTuple):
    """A number, a word or a sign, and the line that it is in."""

    kind: str
    text: str
    line: int

    def is_like(self, other: _Token) -> bool:
        """Whether the two say the same: words to the letter, whole numbers exactly, others up to their last digits."""
        if self.kind != other.kind or self.text == other.text or self.kind != "number":
            return self[:2] == other[:2]
        if not re.search(r"[.eE]", self.text + other.text):
            return False
        first, second = float(self.text), float(other.text)
        largest = max(abs(first), abs(second))
        allowed = max(_last_place(self.text), _last_place(other.text), RELATIVE * largest, NOISE)
        return first == second or abs(first - second) <= allowed


class _Output:
    """What a cell printed and displayed, by the lines that count; of a progress bar the end."""

    def __init__(self, text: str) -> None:
        lines = [line.rsplit("\r", 1)[-1] for line in ESCAPE.sub("", text).replace("\r\n", "\n").split("\n")]
        self.lines = [line.rstrip() for line in lines if line.strip() and not PASSING.search(line)]

    @cached_property
    def tokens(self) -> list[_Token]:
        """The numbers, words and signs."""
        return [
            _Token(str(match.lastgroup), match.group(), number)
            for number, line in enumerate(self.lines)
            for match in TOKEN.finditer(_plain(line))
        ]

    @cached_property
    def words(self) -> list[str]:
        """Everything but the numbers, for each of which a place is kept."""
        return ["…" if token.kind == "number" else token.text for token in self.tokens]

    def _keys(self) -> list[str]:
        """The words of each line."""
        keys: list[list[str]] = [[] for _ in self.lines]
        for token, word in zip(self.tokens, self.words, strict=True):
            keys[token.line].append(word)
        return [*map(" ".join, keys)]

    def says(self, other: _Output) -> bool:
        """Whether two outputs say the same; where braces are, in any order."""
        if len(self.tokens) != len(other.tokens):
            return False
        if not self.unlike(other):
            return True
        first, second = (sorted(token.text for token in output.tokens) for output in (self, other))
        return "{" in self.words and first == second

    def unlike(self, other: _Output) -> list[int]:
        """The places at which two outputs with equally many tokens differ."""
        pairs = enumerate(zip(self.tokens, other.tokens, strict=True))
        return [place for place, (one, another) in pairs if not one.is_like(another)]

    def difference(self, other: _Output) -> tuple[str, str]:
        """The first lines that differ in a word, one of each."""
        matcher = difflib.SequenceMatcher(a=self._keys(), b=other._keys(), autojunk=False)
        for what, start, end, first, last in matcher.get_opcodes():
            if what != "equal":
                return _first(self.lines[start:end]), _first(other.lines[first:last])
        return _first(self.lines), _first(other.lines)


def find_stale(
    cells: Sequence[Cell], outcomes: Mapping[int, Outcome], run_again: Callable[[], Mapping[int, Outcome]] | None
) -> list[Stale]:
    """The cells whose stored output is stale.

    ``run_again`` runs them with other random numbers; it is called only if there is something to tell. Where it would
    take too long (None), numbers are not compared, since they may be random.
    """
    suspects = [cell for cell in cells if compare(cell, outcomes.get(cell.number)) is not None]
    if not suspects:
        return []
    again = run_again() if run_again is not None else {}
    found = [
        compare(cell, outcomes.get(cell.number), again.get(cell.number), numbers=run_again is not None)
        for cell in suspects
    ]
    return [stale for stale in found if stale is not None]


def compare(cell: Cell, outcome: Outcome | None, again: Outcome | None = None, *, numbers: bool = True) -> Stale | None:
    """What is stale in a cell's stored output; ``again`` is the outcome of a run with other random numbers.

    >>> from chainrule.cli.notebook import Stored
    >>> cell = Cell(1, "print(x, '<>', y)", stored=Stored("2.0 == 2.0"))
    >>> compare(cell, Outcome(printed="2.0 <> 2.0"))
    Stale(cell=1, stored='2.0 == 2.0', now='2.0 <> 2.0')
    >>> compare(Cell(1, "x", stored=Stored("0.7853")), Outcome(printed="0.78530001")) is None
    True
    """
    stored = cell.stored
    if stored is None or outcome is None or outcome.skipped or outcome.notes or outcome.stopped or outcome.errors:
        return None  # an error now is reported as one
    now = _Output(outcome.printed + (outcome.displayed or ""))
    if stored.error is not None:
        return Stale(cell.number, _first([stored.error]), _first(now.lines) if now.lines else "no error")
    before = _Output(stored.text)
    if before.says(now):
        return None
    random: set[int] = set()
    if again is not None:
        other = _Output(again.printed + (again.displayed or ""))
        if other.words != now.words:
            return None
        random = set(now.unlike(other))
    if before.words != now.words:
        return Stale(cell.number, *before.difference(now))
    places = [place for place in before.unlike(now) if place not in random]
    if not places or not numbers:
        return None
    lines = (output.lines[output.tokens[places[0]].line] for output in (before, now))
    return Stale(cell.number, *(_first([line]) for line in lines))


def _plain(line: str) -> str:
    for pattern, replacement in ALIKE:
        line = pattern.sub(replacement, line)
    return line


def _last_place(number: str) -> float:
    """A good unit in the last place that is printed; nothing for numbers of so few digits that they are exact."""
    mantissa, _, exponent = number.lower().partition("e")
    fraction = mantissa.partition(".")[2]
    digits = len(mantissa.replace(".", "").lstrip("+-0"))
    return 1.5 * 10.0 ** (int(exponent or 0) - len(fraction)) if fraction and digits >= FEWEST_DIGITS else 0.0


def _first(lines: Sequence[str]) -> str:
    line = next((line.strip() for line in lines if line.strip()), "nothing")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
