"""Reads what is claimed: a mapping, a tuple, one array, or a function that gives one of them; under any usual name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.check.function.foreign import plain
from chainrule.errors import ClaimError

__all__ = ["arrays_read_by", "as_array", "claims_by_name", "match", "reads_upstream", "takes_names_only"]

Array = np.ndarray[Any, np.dtype[Any]]
# dW, dL_dW, dloss_dW, grad_W, W_grad, W.grad, gW: what people call the gradient by W.
_WRITTEN = (
    re.compile(r"d\w+?_d_?(?P<name>.+)"),
    re.compile(r"(?:d|grad|g)_?(?P<name>.+)"),
    re.compile(r"(?P<name>.+?)(?:_grad|\.grad|_g|\.g)"),
)
_DEEP = 3  # functions called by functions whose arrays are looked at


def match(name: str, names: Sequence[str]) -> str | None:
    """The one of ``names`` that a name for a gradient speaks of; None if it speaks of none.

    >>> [match(text, ["W", "b", "dx"]) for text in ("W", "dW", "dL_dW", "grad_b", "b_grad", "W.grad", "dx", "V")]
    ['W', 'W', 'W', 'b', 'b', 'W', 'dx', None]
    """
    if name in names:
        return name
    for pattern in _WRITTEN:
        found = pattern.fullmatch(name)
        if found is not None and found["name"] in names:
            return found["name"]
    return None


def claims_by_name(claimed: Any, names: Sequence[str], given: Sequence[str]) -> dict[str, Any]:
    """What is claimed for each argument, by the name of the argument.

    Args:
        claimed: a mapping, a tuple or list along the arguments (None for those without a claim), or one array.
        names: the arguments that a gradient can be by.
        given: all arguments in order; or those that the caller asked about.

    Raises:
        ClaimError: there are too many or too few, or a name means nothing.
    """
    if isinstance(claimed, Mapping):
        return _by_keys(claimed, names)
    if isinstance(claimed, tuple | list) and not (len(names) == 1 and len(claimed) != 1):
        for order in (given, names):
            if len(claimed) == len(order):
                return {
                    name: value
                    for name, value in zip(order, claimed, strict=True)
                    if value is not None and name in names
                }
        raise ClaimError(
            f"{len(claimed)} gradients are claimed; the arguments are {', '.join(given)}: give one for each "
            f"of the {len(given)} (None where there is none), or a mapping from names"
        )
    if not names:
        raise ClaimError("there is no real argument that a gradient could be by")
    return {names[0]: claimed}


def _by_keys(claimed: Mapping[Any, Any], names: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in claimed.items():
        name = match(str(key), names)
        if name is None:
            known = ", ".join(names) if names else "none"
            raise ClaimError(
                f"a gradient is claimed for {key!r}, and there is no such argument; the arguments that have one are "
                f"{known} (dW, dL_dW, grad_W and W_grad all stand for W)"
            )
        if name in found:
            raise ClaimError(f"the gradient of {name} is claimed twice, the second time as {key!r}")
        found[name] = value
    if not found:
        raise ClaimError(f"nothing is claimed; give the gradient of {' or '.join(names)}")
    return found


def as_array(name: str, value: Any) -> Array:
    """A claim as an array of numbers."""
    array = np.asarray(plain(value))
    if array.dtype.kind not in "fciub":
        raise ClaimError(
            f"what is claimed for {name} is {type(value).__name__} {value!r:.60}; expected an array of numbers"
        )
    return array


def reads_upstream(claimed: Callable[..., Any], count: int) -> str:
    """How a function takes the upstream: "keyword", "last", or "" if it does not.

    >>> reads_upstream(lambda x, upstream: x, 1), reads_upstream(lambda x, g: x, 1), reads_upstream(lambda x: x, 1)
    ('keyword', 'last', '')
    """
    try:
        parameters = list(inspect.signature(claimed).parameters.values())
    except (TypeError, ValueError):
        return ""
    if any(p.name == "upstream" and p.kind is not p.POSITIONAL_ONLY for p in parameters):
        return "keyword"
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) > count:
        return "last"
    return "keyword" if any(p.kind is p.VAR_KEYWORD for p in parameters) else ""


def takes_names_only(claimed: Callable[..., Any]) -> bool:
    """Whether a function has no parameter that could be given by place."""
    try:
        parameters = list(inspect.signature(claimed).parameters.values())
    except (TypeError, ValueError):
        return False
    return bool(parameters) and all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in parameters)


def arrays_read_by(function: Callable[..., Any]) -> dict[str, Array]:
    """The arrays that a function takes from around it, and those that functions which it calls take."""
    found: dict[str, Array] = {}
    _look(function, found, _DEEP, set())
    return found


def _look(function: Any, found: dict[str, Array], depth: int, seen: set[int]) -> None:
    code = getattr(function, "__code__", None)
    if code is None or depth == 0 or id(function) in seen:
        return
    seen.add(id(function))
    around = dict(zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=False))
    values: dict[str, Any] = {}
    for name, cell in around.items():
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    scope = getattr(function, "__globals__", {})
    values |= {name: scope[name] for name in code.co_names if name in scope}
    for name, value in values.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim:
            found.setdefault(name, value)
        elif inspect.isfunction(value) and value.__module__ == getattr(function, "__module__", None):
            _look(value, found, depth - 1, seen)
