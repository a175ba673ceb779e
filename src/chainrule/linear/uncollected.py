"""No search for cyclic garbage while a plan is made: thousands of small objects come into being, nearly all to stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Put the collector off until the end of the block.

    A full search looks through every object of every module, and would take longer than what it interrupts.

    >>> with uncollected():
    ...     gc.isenabled()
    False
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
