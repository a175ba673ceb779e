"""How a function is to be compiled: how many threads it may use, and which turns of loops it keeps."""

from __future__ import annotations

import operator
import os
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import OptionError

__all__ = ["PLAIN", "VARIABLE", "Options", "allowed", "length"]

VARIABLE = "CHAINRULE_THREADS"


class Options(NamedTuple):
    """What was asked for besides the function: see `compile`."""

    threads: int = 1
    checkpoint: int | None = None


PLAIN = Options()


def allowed(threads: Any = None) -> int:
    """The number of threads that ``threads=`` stands for; None: what the environment says, or all processors.

    >>> allowed(2)
    2
    """
    if threads is None:
        text = os.environ.get(VARIABLE, "").strip()
        return _checked(int(text) if text.isdecimal() else text, VARIABLE) if text else _processors()
    return _checked(threads, "threads")


def _checked(threads: Any, said: str) -> int:
    problem = f"{said}={threads!r}: at least 1 thread is needed, as an integer; 1 is none besides the caller's own"
    if isinstance(threads, bool):
        raise OptionError(problem)
    try:
        number = operator.index(threads)
    except TypeError:
        raise OptionError(problem) from None
    if number < 1:
        raise OptionError(problem)
    return number


def _processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def length(checkpoint: Any) -> int | None:
    """After how many turns the next one is kept: 0 for their square root, None if all are."""
    if isinstance(checkpoint, bool | np.bool_):
        return 0 if checkpoint else None
    if not isinstance(checkpoint, int | np.integer) or checkpoint < 1:
        raise OptionError(
            f"checkpoint={checkpoint!r} is no number of turns: give 1 or more, or True for about the square root of all"
        )
    return int(checkpoint)
