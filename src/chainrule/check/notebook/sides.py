"""Of which function, at which point, a notebook's own loop computes finite differences.

The calls whose results are the two sides of a difference are noted, and the arrays that are moved in place between
them. The argument that is another in the one call than in the other is what the gradient is by; if there is none, the
array that was moved is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import Parameter, Signature, isfunction, ismethod
from typing import Any

import numpy as np

from chainrule.check.function.promises import Call
from chainrule.check.notebook.handed import Source
from chainrule.explain.arguments import argument_names

__all__ = ["Sides"]

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST = 100_000  # numbers of an argument that is kept


@dataclass(frozen=True, eq=False)
class _Side:
    """One call: what was called, with copies of the arrays that it was given."""

    function: Callable[..., Any]
    arguments: Sequence[Any]
    options: Mapping[str, Any]


class Sides:
    """The latest calls and moves in one notebook."""

    def __init__(self) -> None:
        self._calls: deque[_Side] = deque(maxlen=2)
        self._moved: tuple[Array, Array] | None = None  # the array, and what it was before

    def called(self, function: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
        """A call gives one side of a difference."""
        if isfunction(function) or ismethod(function) or type(function).__module__ == "__main__":
            self._calls.append(_Side(function, [_kept(value) for value in arguments], options))

    def moved(self, array: Any) -> None:
        """An entry of an array is about to be moved."""
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.size > LARGEST:
            return
        if self._moved is None or self._moved[0] is not array or np.sum(self._moved[1] != array) > 1:
            self._moved = (array, array.copy())

    def sources(self) -> list[Source]:
        """What the latest difference may be of: at the middle of the two sides, or at either."""
        if len(self._calls) < 2 or self._calls[0].function != self._calls[1].function:
            return []
        one, other = self._calls
        pairs = list(zip(one.arguments, other.arguments, strict=False))
        differing = [place for place, (a, b) in enumerate(pairs) if _differ(a, b)]
        if len(differing) == 1:
            (place,) = differing
            a, b = (np.asarray(value, float) for value in pairs[place])
            return [Source(Call([_by(one, place)], point), point) for point in ((a + b) / 2, b, a)]
        if not differing and self._moved is not None:
            array, before = self._moved
            return [Source(Call([partial(one.function, *one.arguments, **one.options)], before), array)]
        return []


def _by(side: _Side, place: int) -> Callable[..., Any]:
    """A call as a function of one of its arguments."""
    first, last = side.arguments[:place], side.arguments[place + 1 :]
    function, options = side.function, side.options

    def of_one(value: Any) -> Any:
        return function(*first, value, *last, **options)

    name = argument_names(function, side.arguments, {})[place]
    parameter = Parameter(name if name.isidentifier() else "x", Parameter.POSITIONAL_OR_KEYWORD)
    of_one.__signature__ = Signature([parameter])  # type: ignore[attr-defined]
    return of_one


def _kept(value: Any) -> Any:
    return value.copy() if type(value) is np.ndarray and value.size <= LARGEST else value


def _differ(one: Any, other: Any) -> bool:
    """Whether two real arrays or numbers, of one shape, are not the same."""
    if (
        isinstance(one, bool)
        or not isinstance(one, np.ndarray | np.floating | float | int)
        or type(one) is not type(other)
    ):
        return False
    return np.shape(one) == np.shape(other) and not np.array_equal(one, other)
