"""Which line of the user's code a step came from, noted only while somebody asks for it."""

from __future__ import annotations

import linecache
import sys
import threading
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.errors import NotFiniteError

__all__ = ["debug_mode", "is_finite", "line_of", "not_finite", "note_line", "place_of", "told"]


class _Mode(threading.local):
    """Whether lines are noted in this thread."""

    on = False


debug_mode = _Mode()
Place = tuple[str, int]
_lines: WeakKeyDictionary[Any, Place | None] = WeakKeyDictionary()


def place_of() -> Place | None:
    """The file and the line of the innermost code that is no library's; None if there is only such."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("chainrule", "numpy", "scipy"):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def note_line(node: Any) -> None:
    """Remember where a node was made."""
    _lines[node] = place_of()


def told(name: str, place: Place | None) -> str:
    """An operation and its line, as an error says it."""
    if place is None:
        return f"{name} (made before cr.debug() was on)"
    file, line = place
    text = linecache.getline(file, line).strip()
    return f"{name}, in line {line} of {file}" + (f":\n    {text}" if text else "")


def is_finite(value: Any) -> bool:
    """Whether all numbers are finite; of what has no numbers yet, nothing is said."""
    raw = getattr(value, "value", value)
    return not isinstance(raw, np.ndarray | np.generic | float) or bool(np.all(np.isfinite(raw)))


def line_of(node: Any) -> Place | None:
    """Where a node was made, if that was noted."""
    return _lines.get(node)


def not_finite(what: str, where: str) -> NotFiniteError:
    """The error that names a step."""
    return NotFiniteError(f"{what} is not finite (NaN or infinite), though all that it was computed from is: {where}")
