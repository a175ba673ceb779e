"""Where the choices of a random program come from: Hypothesis, which shrinks them, or a seed, which is fast."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

__all__ = ["Draw", "Drawn", "Seeded"]

Chosen = TypeVar("Chosen")


class Draw(Protocol):
    """A source of choices."""

    def one_of(self, choices: Sequence[Chosen]) -> Chosen:
        """One of the choices; the first ones are simpler."""
        ...

    def integer(self, least: int, most: int) -> int:
        """A whole number; both ends may come."""
        ...

    def flag(self) -> bool:
        """Yes or no."""
        ...


class Drawn:
    """Choices that Hypothesis makes."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self.draw = draw

    def one_of(self, choices: Sequence[Chosen]) -> Chosen:
        """One of the choices."""
        chosen: Chosen = self.draw(st.sampled_from(choices))
        return chosen

    def integer(self, least: int, most: int) -> int:
        """A whole number; both ends may come."""
        return int(self.draw(st.integers(least, most)))

    def flag(self) -> bool:
        """Yes or no."""
        return bool(self.draw(st.booleans()))


class Seeded:
    """Choices that follow from a number."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_of(self, choices: Sequence[Chosen]) -> Chosen:
        """One of the choices."""
        return self.random.choice(choices)

    def integer(self, least: int, most: int) -> int:
        """A whole number; both ends may come."""
        return self.random.randint(least, most)

    def flag(self) -> bool:
        """Yes or no."""
        return self.random.random() < 0.5
