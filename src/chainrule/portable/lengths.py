"""How a number in a program goes with the number of rows: found from recordings at several, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import Any, NamedTuple

__all__ = ["Growth", "growth_of"]

_POWERS = (1, -1, 0.5, -0.5, 2, -2)


class Growth(NamedTuple):
    """The number ``factor · (n + offset)^power``; with power 0 the same for any n."""

    factor: Any
    offset: int = 0
    power: float = 0

    def at(self, length: int) -> Any:
        """The number for so many rows; None if there is none."""
        base = length + self.offset
        if not self.power or self.power == 1:
            return self.factor * base if self.power else self.factor
        return self.factor * base**self.power if base > 0 else None

    def text(self, name: str) -> str:
        """The same as Python, where ``name`` is the number of rows.

        >>> Growth(2, -1, 1).text("n"), Growth(2.0, 0, -1).text("n"), Growth(0.5).text("n")
        ('2 * (n - 1)', '2.0 / n', '0.5')
        """
        if not self.power:
            return repr(self.factor)
        base = name if not self.offset else f"{name} {'-' if self.offset < 0 else '+'} {abs(self.offset)}"
        if self.factor == 1 and self.power == 1 and type(self.factor) is int:
            return base
        base = f"({base})" if self.offset else base
        size = abs(self.power)
        return f"{self.factor!r} {'*' if self.power > 0 else '/'} {base}{'' if size == 1 else f'**{size!r}'}"


def growth_of(values: Sequence[Any], lengths: Sequence[int]) -> Growth | None:
    """What gives ``values`` at ``lengths`` (three or more); None if nothing known does.

    >>> growth_of([10, 13, 17], [11, 14, 18])
    Growth(factor=1, offset=-1, power=1)
    >>> growth_of([2 / 11, 2 / 14, 2 / 18], [11, 14, 18])
    Growth(factor=2.0, offset=0, power=-1)
    >>> growth_of([11, 14, 17], [11, 14, 18]) is None
    True
    """
    if len({repr(value) for value in values}) == 1:
        return Growth(values[0])
    if len({type(value) for value in values}) > 1 or 0 in values[:2] or type(values[0]) not in (int, float):
        return None
    for power in _POWERS:
        roots = [abs(value) ** (1 / power) for value in values[:2]]
        slope = (roots[1] - roots[0]) / (lengths[1] - lengths[0])
        if slope <= 0:
            continue
        offset = round(roots[0] / slope) - lengths[0]
        if lengths[0] + offset <= 0:
            continue
        factor = _tidy(values[0] / (lengths[0] + offset) ** power)
        if type(values[0]) is int:
            if factor != round(factor) or power not in (1, 2):
                continue
            factor = round(factor)
        found = Growth(factor, offset, power)
        if all(map(_agree, values, [found.at(length) for length in lengths])):
            return found
    return None


def _tidy(number: float) -> float:
    """The number that was probably meant: rounding left over from a division is taken away."""
    short = float(f"{number:.12g}")
    return short if isclose(number, short, rel_tol=1e-14) else number


def _agree(a: Any, b: Any) -> bool:
    return a == b if type(a) is int else isclose(a, b, rel_tol=1e-14)
