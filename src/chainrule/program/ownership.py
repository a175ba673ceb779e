"""How many references the interpreter counts to an object that only one frame holds: such a buffer can be reused.

The count differs between versions of Python, so it is measured on objects that are known to be held once.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any

__all__ = ["LOCAL", "PASSED"]


def _local() -> int:
    held = object()
    return getrefcount(held)


def _received(held: Any) -> int:
    return getrefcount(held)


def _passed() -> int:
    held = object()
    return _received(held)


LOCAL = _local()  # getrefcount(x) where one local variable holds x
PASSED = _passed()  # the same in a function that was given x by a frame whose one local variable holds it
