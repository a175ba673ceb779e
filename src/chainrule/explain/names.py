"""The user's own names for values: watches the local variables of the user's functions while they run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dis import get_instructions
from functools import cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from chainrule.tape import Tracked

__all__ = ["Line", "Names", "key_of"]

# Packages whose code is not the user's.
_OTHERS = sys.stdlib_module_names | {"chainrule", "numpy", "scipy"}
_MANY = 100_000  # lines after which nobody reads names any more


class Line(NamedTuple):
    """A line of the user's code."""

    file: str
    number: int


def key_of(value: Any) -> int | None:
    """What stands for a value: the identity of a tracked tensor's vertex, of an array or a number; None for others.

    Integers have no identity to speak of: the same small number is the same object wherever it is used.
    """
    if isinstance(value, Tracked):
        if not value.tracked:
            return id(value.value)
        return id(value if value.node is None else value.node)
    if isinstance(value, np.ndarray | float):
        return id(value)
    return None


class Names:
    """Which value every variable held, in the order in which the variables were bound.

    Of several names for one value the outermost function's is taken, then the first: in ``h = sigmoid(z)`` the
    result is called ``h``, whatever the function called it inside.

    >>> from chainrule.tensor import tensor
    >>> names = Names()
    >>> def f(x):
    ...     y = x * 2
    ...     return y + 1
    >>> with names.watching():
    ...     result = f(tensor([1.0], requires_grad=True))
    >>> [name for name, _ in names.bound]
    ['x', 'y']
    """

    def __init__(self) -> None:
        self.bound: list[tuple[str, int]] = []
        self.integers: dict[str, int] = {}  # whole numbers, which may be sizes
        self._counted: set[str] = set()  # those that were several numbers, one after the other
        self.line: Line | None = None
        self._depth_of: dict[int, int] = {}
        self._place: dict[int, int] = {}
        self._kept: list[Any] = []  # an object that is gone could lend its identity to another
        self._seen: dict[int, dict[str, int]] = {}
        self._line_before: dict[int, Line | None] = {}  # a call, by its frame
        self._base = 0
        self._lines = 0

    def bind(self, name: str, value: Any, depth: int = 0) -> None:
        """Note that ``value`` is called ``name`` in a function called ``depth`` deep."""
        key = key_of(value)
        if key is None:
            return
        before = self._depth_of.get(key)
        if before is not None and before <= depth:
            return
        if before is not None:
            self.bound[self._place[key]] = ("", key)
        self._depth_of[key] = depth
        self._place[key] = len(self.bound)
        self._kept.append((value, getattr(value, "node", None), getattr(value, "value", None)))
        self.bound.append((name, key))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the user's functions that are called inside."""
        before = sys.gettrace()
        self._base = _depth(sys._getframe())
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)
            self._seen.clear()
            self._line_before.clear()

    def _called(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if not _is_users(frame):
            return None
        self._line_before[id(frame)] = self.line
        return self._stepped

    def _stepped(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if event in ("line", "return"):
            self._look(frame)
        if event == "line":
            self.line = Line(frame.f_code.co_filename, frame.f_lineno)
            self._lines += 1
            if self._lines > _MANY:
                sys.settrace(None)
                frame.f_trace = None
                return None
        elif event == "return":
            self._seen.pop(id(frame), None)
            self.line = self._line_before.pop(id(frame), self.line)
        return self._stepped

    def _look(self, frame: FrameType) -> None:
        seen = self._seen.get(id(frame))
        depth: int | None = None
        if seen is None:
            seen = self._seen[id(frame)] = {}
            self._look_outside(frame)
        for name, value in frame.f_locals.items():
            key = key_of(value)
            if key is not None and seen.get(name) != key:
                seen[name] = key
                if depth is None:
                    depth = _depth(frame) - self._base
                self.bind(name, value, depth)
            elif type(value) is int:
                self._note_integer(name, value)
            elif key is None and type(value) in (list, tuple, dict):
                self._look_inside(name, value, frame)
            elif key is None and _is_users_type(type(value)):
                self._look_inside(name, getattr(value, "__dict__", {}), frame)

    def _look_inside(self, name: str, container: Any, frame: FrameType) -> None:
        """The entries of a short list, by their place: ``W[0]``, ``params["W"]`` and ``self.W`` as W."""
        if len(container) > 64:
            return
        entries = container.items() if type(container) is dict else enumerate(container)
        for place, value in entries:
            if key_of(value) is not None and key_of(value) not in self._depth_of:
                inner = place if isinstance(place, str) and place.isidentifier() else f"{name}[{place}]"
                self.bind(inner, value, 1 + _depth(frame) - self._base)

    def _look_outside(self, frame: FrameType) -> None:
        """What a function reads from outside: its globals, by the names that its code reads (``A.T`` reads no T)."""
        names = frame.f_globals
        for name in _globals_of(frame.f_code):
            value = names.get(name)
            if isinstance(value, np.ndarray | float | Tracked):
                self.bind(name, value, 0)
            elif type(value) is int:
                self._note_integer(name, value)

    def _note_integer(self, name: str, value: int) -> None:
        if self.integers.get(name, value) != value:
            self._counted.add(name)
            del self.integers[name]
        if name not in self._counted:
            self.integers[name] = value


def _is_users(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    if file.startswith("<doctest"):  # it runs under the name of the module that it documents
        return True
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return (
        package not in _OTHERS
        and bool(package)
        and not package.startswith("namedtuple_")
        and "site-packages" not in file
    )


def _is_users_type(kind: type) -> bool:
    """Whether a class was written by the user: its objects may hold arrays, as ``self.W``."""
    package = kind.__module__.partition(".")[0]
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return package not in _OTHERS and kind is not type and "site-packages" not in file


@cache
def _globals_of(code: CodeType) -> tuple[str, ...]:
    """The names that a piece of code looks up outside of functions."""
    read = [i.argval for i in get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return tuple(dict.fromkeys(read))


def _depth(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth += 1
        frame = frame.f_back
    return depth
