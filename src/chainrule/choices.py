"""What a derivative is where reasonable people differ: the choices in force, and `conventions` to choose otherwise."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any, NamedTuple

from chainrule.errors import OptionError

__all__ = ["USUAL", "Choices", "chosen", "conventions", "current", "keyed", "times_asked", "usual"]


class Choices(NamedTuple):
    """One choice for each convention, the usual ones unless others are given."""

    ties: str = "share"
    clip: float = 1.0
    abs: float = 0.0
    norm: str = "zero"
    roots: str = "infinite"


USUAL = Choices()
WORDS = {"ties": ("share", "first", "last"), "norm": ("zero", "nan"), "roots": ("infinite", "zero")}
SLOPES = {"clip": (0.0, 1.0), "abs": (-1.0, 1.0)}  # the slopes on both sides: any between them may be chosen

_stack: ContextVar[tuple[Choices, ...]] = ContextVar("conventions", default=(USUAL,))
usual: list[Any] = [USUAL]  # what machine code looks at: USUAL unless some thread has chosen otherwise
_changing = threading.Lock()
_others = 0  # how many choices are in force, in all threads


class _Asked(threading.local):
    """How often a rule asked for the choices, in this thread."""

    times = 0


_asked = _Asked()


def chosen() -> Choices:
    """The choices in force, for a rule that depends on them: whoever records what rules give can see that one asked."""
    _asked.times += 1
    return current()


def current() -> Choices:
    """The choices in force."""
    return _stack.get()[-1]


def times_asked() -> int:
    """How often rules have asked in this thread; if it stays what it was, the choices made no difference."""
    return _asked.times


def keyed(key: Any) -> Any:
    """A key of what was derived by the choices in force; as it is if these are the usual ones."""
    choices = current()
    return key if choices == USUAL else (choices, key)


def _allowed(name: str) -> str:
    if name in WORDS:
        return " or ".join(map(repr, WORDS[name]))
    low, high = SLOPES[name]
    return f"a number from {low:g} to {high:g}"


def _checked(name: str, value: Any) -> Any:
    """A choice as it is kept.

    Raises:
        OptionError: there is no such convention, or no such choice.
    """
    if name not in Choices._fields:
        told = "; ".join([f"{known}: {_allowed(known)}" for known in Choices._fields])
        raise OptionError(f"conventions({name}={value!r}): there is no such convention. There are {told}.")
    if name in WORDS:
        if value in WORDS[name]:
            return value
    elif isinstance(value, int | float) and SLOPES[name][0] <= value <= SLOPES[name][1]:
        return float(value)
    raise OptionError(f"conventions({name}={value!r}): expected {_allowed(name)}")


class conventions(ContextDecorator):  # noqa: N801 (it is called like a function)
    """Inside, derivatives at kinks, ties and zeros are those that are chosen; in this thread, or decorated function.

    What is not named stays as it was outside. It counts where derivatives are taken: put it around the call of a
    gradient, of `backward`, of a pullback. `docs/conventions.md` has the choices. May be nested.

    >>> import chainrule as cr, numpy as np
    >>> x = np.array([2.0, 2.0, 1.0])
    >>> cr.grad(np.max)(x)
    array([0.5, 0.5, 0. ])
    >>> with cr.conventions(ties="first"):
    ...     cr.grad(np.max)(x)
    array([1., 0., 0.])

    Args:
        ties: who gets the derivative of a maximum or minimum: those that tie in equal parts ("share"), the "first", or
            the "last". Of `np.maximum(a, b)`, "first" is a.
        clip: the slope of np.clip at an edge, from 0 to 1.
        abs: the slope of np.abs at 0, from -1 to 1.
        norm: the slope of np.linalg.norm, np.hypot and np.std where they are 0: "zero" or "nan".
        roots: the slope at 0 of np.sqrt, np.cbrt and powers between 0 and 1: "infinite" or "zero".

    Raises:
        OptionError: there is no such convention, or no such choice.
    """

    def __init__(self, **choices: Any) -> None:
        self.choices = {name: _checked(name, value) for name, value in choices.items()}

    def __enter__(self) -> None:
        global _others
        stack = _stack.get()
        _stack.set((*stack, stack[-1]._replace(**self.choices)))
        with _changing:
            _others += 1
            usual[0] = None

    def __exit__(self, *problem: object) -> None:
        global _others
        _stack.set(_stack.get()[:-1])
        with _changing:
            _others -= 1
            if not _others:
                usual[0] = USUAL
