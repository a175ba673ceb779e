"""The time in which explanations of one claim are looked for, shared by all stages of the search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import thread_time
from typing import TypeVar

__all__ = ["Budget"]

T = TypeVar("T")


class Budget:
    """So many seconds of this thread: what else the machine does changes no diagnosis.

    >>> budget = Budget(0.0)
    >>> list(budget.each("abc")), budget.is_cut_short
    ([], True)
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_cut_short = False
        self._end = self._until = thread_time() + seconds

    def next_stage(self) -> None:
        """Give half of the time that is left to what is tried next, so that some is left for what comes after it."""
        now = thread_time()
        self._until = now + (self._end - now) / 2

    def each(self, ideas: Iterable[T]) -> Iterator[T]:
        """The ideas one by one, for as long as there is time."""
        for idea in ideas:
            if thread_time() >= self._until:
                self.is_cut_short = True
                return
            yield idea
