"""The number before a product in a formula: a rational number times powers of sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

__all__ = ["ONE", "Coefficient", "joined_sizes", "power_of"]


class Coefficient(NamedTuple):
    """A rational number times powers of sizes: 2/(N K) is ``(2, ((7, -1), (3, -1)))``."""

    number: Fraction = Fraction(1)
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def value(self) -> float:
        """The number that it is."""
        result = float(self.number)
        for size, power in self.sizes:
            result *= float(size) ** power
        return result

    @property
    def is_fraction(self) -> bool:
        """Whether something stands below the line."""
        return self.number.denominator > 1 or any(power < 0 for _, power in self.sizes)

    def of_most(self, others: Sequence[Coefficient]) -> Coefficient:
        """Its magnitude, below the line only what most of the others have there."""
        halves = sum([other.number.denominator > 1 for other in others])
        below = Counter([size for other in others for size, power in other.sizes if power < 0])
        number = abs(self.number) if 2 * halves > len(others) else Fraction(abs(self.number.numerator))
        return Coefficient(number, tuple([(s, p) for s, p in self.sizes if p > 0 or 2 * below[s] > len(others)]))

    def times(self, other: Coefficient) -> Coefficient:
        """The product."""
        if other == ONE or self == ONE:
            return self if other == ONE else other
        if not self.sizes and not other.sizes:
            return Coefficient(self.number * other.number)
        powers = dict(self.sizes)
        for size, power in other.sizes:
            powers[size] = powers.get(size, 0) + power
        return Coefficient(self.number * other.number, joined_sizes(powers))

    def inverse(self) -> Coefficient:
        """One divided by it."""
        return Coefficient(1 / self.number, tuple((size, -power) for size, power in self.sizes))


def joined_sizes(powers: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Powers of sizes in their order, without those that are 1."""
    return tuple(sorted((size, power) for size, power in powers.items() if power and size != 1))


def power_of(coefficient: Coefficient, power: int) -> Coefficient:
    """A power of a coefficient."""
    sizes = tuple((size, p * power) for size, p in coefficient.sizes) if power else ()
    return Coefficient(coefficient.number**power, sizes)


ONE = Coefficient()
