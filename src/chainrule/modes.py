"""Whether operations are recorded: switches to use in ``with``, as decorators, or once and for all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any, Self, TypeVar

from chainrule.program.debugging import debug_mode
from chainrule.tape import set_enabled

__all__ = ["debug", "enable_grad", "no_grad", "set_grad_enabled"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class set_grad_enabled(ContextDecorator):
    """Record operations or not, from now on, or inside ``with``, or in the decorated function.

    >>> import chainrule as cr
    >>> with set_grad_enabled(False):
    ...     (cr.tensor([1.0], requires_grad=True) * 2).requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.before = set_enabled(self.mode)

    def __enter__(self) -> None:
        set_enabled(self.mode)

    def __exit__(self, *problem: object) -> None:
        set_enabled(self.before)

    def __call__(self, function: _Function) -> _Function:
        set_enabled(self.before)
        return super().__call__(function)

    def _recreate_cm(self) -> Self:
        return type(self)(self.mode)


class _Switch(ContextDecorator):
    """Record or not, while inside; may be nested and reused."""

    mode: bool

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> Self:
        self.before.append(set_enabled(self.mode))
        return self

    def __exit__(self, *problem: object) -> None:
        set_enabled(self.before.pop())

    def _recreate_cm(self) -> Self:
        return type(self)()


class no_grad(_Switch):
    """Do not record operations, in ``with no_grad():`` or in a function decorated with ``@no_grad()``."""

    mode = False


class enable_grad(_Switch):
    """Record operations again, inside a `no_grad`."""

    mode = True


class debug(ContextDecorator):
    """Inside, the first number that is not finite, and an error in a derivative, name the operation and the line.

    Every step is looked at, which takes time; outside nothing is. May be nested, and decorate a function.
    Raises :class:`~chainrule.errors.NotFiniteError`.

    >>> import chainrule as cr, numpy as np
    >>> with debug():
    ...     cr.grad(np.sqrt)(0.0)
    Traceback (most recent call last):
        ...
    chainrule.errors.NotFiniteError: the derivative with respect to x is not finite (NaN or infinite), ...
    """

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(debug_mode.on)
        debug_mode.on = True

    def __exit__(self, *problem: object) -> None:
        debug_mode.on = self.before.pop()
