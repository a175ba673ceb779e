"""What code may reach: the namespaces of the functions that it may call, and all that it names."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from dis import get_instructions
from functools import cache, partial
from itertools import pairwise
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from chainrule.as_written.making import is_library

__all__ = ["IS", "reached"]


def reached(function: Any) -> tuple[list[dict[str, Any]], list[dict[Any, Any]], list[CellType], set[str]]:
    """The globals and closures of the user's functions that may be called, and all names in them.

    They are this function, those that it names, those in containers and attributes, and so on. Dictionaries that are no
    globals come second.
    """
    found: dict[int, dict[str, Any]] = {}
    holders: dict[int, dict[Any, Any]] = {}
    names: set[str] = set()
    cells: dict[int, CellType] = {}
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
            file, space = value.__code__.co_filename, value.__globals__
            is_users, named = not is_library(file), [value.__wrapped__] if hasattr(value, "__wrapped__") else []
            if is_users:
                found[id(space)] = space
                names |= _names_in(value.__code__)
                named += [space[name] for name in value.__code__.co_names if name in space]
            for cell in value.__closure__ or ():
                try:
                    named.append(cell.cell_contents)
                except ValueError:
                    continue  # not filled yet
                if is_users:  # what stands for NumPy's functions in another thread holds them in cells of its own
                    cells[id(cell)] = cell
            is_walked = is_users and not file.startswith(_INSTALLED)
            pending += named if is_walked else [_without_contents(each) for each in named]
        elif isinstance(value, type):
            pending += [entry for entry in vars(value).copy().values() if isinstance(entry, FunctionType)]
        elif isinstance(value, dict):
            holders[id(value)] = value
            pending += _possible_functions(value.values())
        elif isinstance(value, tuple | list):
            pending += _possible_functions(value)
        elif not isinstance(value, ModuleType) and hasattr(value, "__dict__"):
            is_ours = type(value).__module__.partition(".")[0] in ("chainrule", "numpy", "scipy")
            pending += [type(value), vars(value).get("__reads__") if is_ours else vars(value)]
        elif isinstance(value, ModuleType) and not is_library(getattr(value, "__file__", None) or ""):
            pending += [entry for entry in vars(value).copy().values() if isinstance(entry, FunctionType)]
    return list(found.values()), [holders[key] for key in holders if key not in found], list(cells.values()), names


_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
"""Where packages are that hold more than a walk may look at."""


def _without_contents(value: Any) -> Any:
    """What code is, or the class of what holds values."""
    return value if isinstance(value, FunctionType | MethodType | ModuleType | partial | type) else type(value)


def _possible_functions(values: Iterable[Any]) -> list[Any]:
    """Those of the values that may be functions or hold some: numbers and arrays are many."""
    return [value for value in [*values] if callable(value) or isinstance(value, tuple | list | dict)]


IS = "is"  # no name can be that


@cache
def _names_in(code: CodeType) -> frozenset[str]:
    """What code names, and the functions within it; `IS` among them if it asks whether two things are the same."""
    inner = [_names_in(value) for value in code.co_consts if isinstance(value, CodeType)]
    steps = pairwise(get_instructions(code))
    asks = any([step.opname == "IS_OP" and last.opname != "LOAD_CONST" for last, step in steps])
    return frozenset(code.co_names).union(*inner, [IS] * asks)
