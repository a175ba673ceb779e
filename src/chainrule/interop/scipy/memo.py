"""Solvers ask for value, gradient and Hessian at one point by separate calls: the last point is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.interop.scipy.layout import plain
from chainrule.transforms.trees import flatten, skeleton

__all__ = ["LastPoint", "once"]


class LastPoint:
    """What was computed at the point that was asked for last.

    Points are compared by value with copies of their own, so a solver that overwrites its vector in place, or data
    that is overwritten between calls, is never answered with old numbers. What was handed out once is computed anew
    when it is wanted again: a second solve that begins where the first one ended may be one with other data.
    One tuple is replaced at a time: threads that share the object may compute something twice, and never mix points.

    >>> memo, x = LastPoint(), np.ones(2)
    >>> memo.at(x, wanted="value")["value"] = 5.0
    >>> memo.at(np.ones(2), wanted="gradient")
    {'value': 5.0}
    >>> memo.at(np.ones(2), wanted="value")
    {}
    >>> memo.at(x)["value"] = 6.0
    >>> x[0] = 3.0
    >>> memo.at(x)
    {}
    """

    def __init__(self) -> None:
        self._last: tuple[tuple[Any, ...], dict[str, Any], set[str]] | None = None

    def at(self, x: Any, *arguments: Any, wanted: str = "") -> dict[str, Any]:
        """The results at this point: those of the last call if it was the same point, else none yet."""
        leaves, structure = flatten(arguments)
        last = self._last
        if last is not None:
            (kept, words, others), results, handed_out = last
            same = wanted not in handed_out and np.array_equal(kept, x) and words == skeleton(structure)
            if same and all([_same(a, b) for a, b in zip(others, leaves, strict=True)]):
                handed_out.update([wanted] if wanted else [])
                return results
        found: dict[str, Any] = {}
        point = np.array(x), skeleton(structure), [_kept(leaf) for leaf in leaves]
        self._last = point, found, {wanted} if wanted else set()
        return found


def _kept(value: Any) -> Any:
    value = plain(value)
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(kept: Any, value: Any) -> bool:
    """Whether an argument is what it was. Of an object that may have been changed since, nobody knows."""
    value = plain(value)
    if type(kept) is not type(value):
        return False
    if isinstance(value, np.ndarray):
        return bool(kept.dtype == value.dtype and np.array_equal(kept, value))
    return isinstance(value, int | float | complex | str | bytes | np.generic) and bool(kept == value)


def once(results: dict[str, Any], name: str, make: Callable[[], Any]) -> Any:
    """``results[name]``, made when it is not there."""
    if name not in results:
        results[name] = make()
    return results[name]
