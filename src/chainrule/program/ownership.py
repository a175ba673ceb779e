"""How many references the interpreter counts to an object that only one frame holds: such a buffer can be reused.

The counts are measured on objects that are known to be held once. Interpreters that do not count every reference
(without a global lock, or from 3.14 on, where a call may lend instead of count) get counts that never occur: there
every result has memory of its own.
"""

from __future__ import annotations

import sys
from sys import getrefcount
from typing import Any

__all__ = ["FORWARDED", "LOCAL", "PASSED"]


def _local() -> int:
    held = object()
    return getrefcount(held)


def _received(held: Any) -> int:
    return getrefcount(held)


def _passed() -> int:
    held = object()
    return _received(held)


def _forward(held: Any) -> int:
    return _received(held)


def _forwarded() -> int:
    held = object()
    return _forward(held)


def _counts_every_reference() -> bool:
    locked = getattr(sys, "_is_gil_enabled", None)
    return sys.version_info < (3, 14) and (locked is None or locked())


NEVER = -8  # no count, also not with one more reference added
_COUNTS = _counts_every_reference()
LOCAL = _local() if _COUNTS else NEVER  # getrefcount(x) where one local variable holds x
PASSED = _passed() if _COUNTS else NEVER  # in a function that was given x by a frame whose one local variable holds it
FORWARDED = _forwarded() if _COUNTS else NEVER  # in a function that was given x by such a function
