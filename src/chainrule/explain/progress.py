"""A line on the terminal that says how far a derivation is, if it takes long and somebody is there to read it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TextIO, TypeVar

__all__ = ["Progress"]

PATIENCE = 2.0  # seconds that nobody minds
_OFTEN = 0.1  # seconds from one line to the next

T = TypeVar("T")


class Progress:
    """Says how many of some things are done: on standard error, if that is a terminal, after two seconds.

    As a context it takes the line away when it ends.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._next = time.monotonic() + PATIENCE if self._stream is not None and self._stream.isatty() else None
        self._width = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def over(self, things: Sequence[T], what: str) -> Iterator[T]:
        """The things one after the other, and how many are done."""
        for done, thing in enumerate(things):
            if self._next is not None and time.monotonic() > self._next:
                self._write(f"{self._title}: {what}, {done} of {len(things)}")
                self._next = time.monotonic() + _OFTEN
            yield thing

    def _write(self, text: str) -> None:
        if text or self._width:
            self._stream.write("\r" + text.ljust(self._width) + ("" if text else "\r"))
            self._stream.flush()
            self._width = len(text)
