"""For as long as code runs: other functions under NumPy's names, in NumPy and where the code has them by name.

Others who use NumPy meanwhile, in this thread or another, get what they always get: the functions that take the place
of NumPy's do the same unless something tracked is given to them, or the code itself makes an array.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from chainrule.as_written.making import MAKERS, VIEWERS, is_library, listed
from chainrule.as_written.numbers import MATH, Float
from chainrule.errors import AssignmentError, LeafError, NoRuleError
from chainrule.op import REGISTRY

__all__ = ["RETRIED", "as_written", "is_as_written", "tried"]


class _Here(threading.local):
    """Whether this thread runs code as it stands."""

    depth = 0


_MODULES = (np, np.linalg, np.fft, math)
_here = _Here()
_lock = threading.RLock()
_replaced: dict[int, tuple[dict[str, Any], dict[str, Any], list[int]]] = {}  # namespace, what was there, users


def is_as_written() -> bool:
    """Whether NumPy's ways of making arrays make tensors in this thread."""
    return _here.depth > 0


_LISTED = (
    *(
        "sum",
        "mean",
        "prod",
        "max",
        "min",
        "amax",
        "amin",
        "std",
        "var",
        "median",
        "average",
        "ptp",
        "cumsum",
        "cumprod",
    ),
    *("dot", "inner", "diff", "trapezoid", "sort", "nansum", "nanmean", "nanmax", "nanmin", "norm", "quantile", "clip"),
    *("reshape", "ravel", "transpose", "squeeze", "atleast_1d", "atleast_2d", "diag", "outer", "where", "percentile"),
)  # NumPy's functions that people give lists to


@cache
def _others() -> dict[int, dict[str, Any]]:
    """By namespace, the functions that take the place of others under their names."""
    found: dict[int, dict[str, Any]] = {id(vars(np)): {**MAKERS, **VIEWERS}, id(vars(math)): MATH}
    for module in _MODULES[:3]:
        space, plain = found.setdefault(id(vars(module)), {}), vars(module)
        space.update({name: listed(plain[name]) for name in _LISTED if name in plain and name not in space})
        for name, made in space.items():
            if callable(plain[name]) and plain[name] in REGISTRY:  # whoever asks by NumPy's name finds the same
                REGISTRY[made] = REGISTRY[plain[name]]
    return found


@cache
def _by_function() -> dict[int, Any]:
    """By what they take the place of, for names that code gave to functions itself: ``from numpy import zeros``."""
    spaces = {id(vars(module)): vars(module) for module in _MODULES}
    return {id(spaces[key][name]): made for key, space in _others().items() for name, made in space.items()}


@contextmanager
def as_written(function: Callable[..., Any]) -> Iterator[None]:
    """Within the block arrays that code makes can hold tracked numbers; ``function`` is the code that will run.

    >>> from chainrule.tensor import tensor
    >>> def squares(x):
    ...     y = np.zeros(len(x))
    ...     for i in range(len(x)):
    ...         y[i] = x[i] ** 2
    ...     return y
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> with as_written(squares):
    ...     y = squares(x)
    >>> y.sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    by_function = _by_function()
    spaces = [(vars(module), _others()[id(vars(module))]) for module in _MODULES]
    for space in _namespaces(function):
        names = {name: by_function[id(value)] for name, value in space.items() if id(value) in by_function}
        spaces.append((space, {"float": Float, **names} if "float" not in space else names))
    for space, others in spaces:
        _enter(space, others)
    _here.depth += 1
    try:
        yield
    finally:
        _here.depth -= 1
        for space, _ in reversed(spaces):
            _leave(space)


def tried(function: Callable[..., Any], run: Callable[[], Any]) -> Any:
    """``run()``; and again within `as_written`, if it fails because code makes plain arrays of what is tracked."""
    try:
        return run()
    except RETRIED:
        if is_as_written():
            raise
    except ValueError as problem:  # NumPy replaces what __float__ raised
        if is_as_written() or not isinstance(problem.__cause__, AssignmentError):
            raise
    with as_written(function):
        return run()


RETRIED = (AssignmentError, LeafError, NoRuleError)
"""What is raised when code as it stands keeps tracked numbers in plain arrays, or overwrites its arguments."""


def _enter(space: dict[str, Any], others: dict[str, Any]) -> None:
    with _lock:
        known = _replaced.get(id(space))
        if known is None:
            before = {name: space.get(name, _ABSENT) for name in others}
            _replaced[id(space)] = (space, before, [1])
            space.update(others)
        else:
            known[2][0] += 1


def _leave(space: dict[str, Any]) -> None:
    with _lock:
        _, before, users = _replaced[id(space)]
        users[0] -= 1
        if users[0]:
            return
        del _replaced[id(space)]
        for name, value in before.items():
            if value is _ABSENT:
                space.pop(name, None)
            else:
                space[name] = value


_ABSENT = object()


def _namespaces(function: Any) -> list[dict[str, Any]]:
    """The globals of the user's functions that may be called: those that this one names, and those that they name."""
    found: dict[int, dict[str, Any]] = {}
    seen: set[int] = set()
    pending = [function]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, MethodType):
            pending += [value.__func__, value.__self__]
        elif isinstance(value, partial):
            pending += [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, FunctionType):
            space = value.__globals__
            if not is_library(value.__code__.co_filename):
                found[id(space)] = space
                pending += [space[name] for name in value.__code__.co_names if name in space]
            pending += [value.__wrapped__] if hasattr(value, "__wrapped__") else []
            for cell in value.__closure__ or ():
                try:
                    pending.append(cell.cell_contents)
                except ValueError:
                    continue  # not filled yet
        elif isinstance(value, type):
            pending += [entry for entry in vars(value).values() if isinstance(entry, FunctionType)]
        elif not isinstance(value, ModuleType) and hasattr(value, "__dict__"):
            pending.append(type(value))
        elif isinstance(value, ModuleType) and not is_library(getattr(value, "__file__", None) or ""):
            pending += [entry for entry in vars(value).values() if isinstance(entry, FunctionType)]
    return list(found.values())
