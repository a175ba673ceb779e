"""NumPy's ways to have one number after the other, for tracked ones: `np.vectorize`, `np.frompyfunc`, `np.nditer`.

What a function makes of each number is stacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import wraps
from typing import Any, Self

import numpy as np

from chainrule.as_written.making import holds, numbers_of, stacked
from chainrule.errors import AssignmentError

__all__ = ["CALLS", "ONE_BY_ONE"]


def _core_ranks(signature: str | None) -> list[int]:
    """How many axes the function itself takes of each argument: one and two in "(n),(n,m)->(m)"."""
    if signature is None:
        return []
    groups = re.findall(r"\(([^)]*)\)", signature.partition("->")[0])
    return [sum(bool(name.strip()) for name in group.split(",")) for group in groups]


def _of_each(function: Any, arguments: Any, options: Any, excluded: Any = (), signature: str | None = None) -> Any:
    """The results of a function of one number (or of a few axes) at a time, for all that the arguments hold."""
    given: dict[Any, Any] = {**dict(enumerate(arguments)), **options}
    cores = _core_ranks(signature)
    ranks = {key: cores[key] if key in range(len(cores)) else 0 for key in given if key not in excluded}
    spread = {key: stacked(given[key]) for key in ranks}
    lead = np.broadcast_shapes(*[array.shape[: array.ndim - ranks[key]] for key, array in spread.items()])
    for key, array in spread.items():
        spread[key] = np.broadcast_to(array, lead + array.shape[array.ndim - ranks[key] :])
    results = []
    for place in np.ndindex(*lead):
        here = {key: spread[key][place] if key in spread else value for key, value in given.items()}
        named = {key: value for key, value in here.items() if isinstance(key, str)}
        results.append(function(*[here[k] for k in range(len(arguments))], **named))
    if isinstance(results[0], tuple):
        return tuple([_together(list(part), lead) for part in zip(*results, strict=True)])
    return _together(results, lead)


def _together(results: list[Any], lead: tuple[int, ...]) -> Any:
    made = stacked(results)
    return np.reshape(made, lead + tuple(made.shape[1:]))


_CALLED: Any = np.vectorize.__call__
_FROMPYFUNC, _NDENUMERATE, _NDITER = np.frompyfunc, np.ndenumerate, np.nditer


@wraps(_CALLED)
def _vectorized(self: Any, *arguments: Any, **options: Any) -> Any:
    if not any(map(holds, (*arguments, *options.values()))):
        return _CALLED(self, *arguments, **options)
    return _of_each(self.pyfunc, arguments, options, self.excluded, self.signature)


class _OfNumbers:
    """What `np.frompyfunc` makes."""

    def __init__(self, func: Any, *arguments: Any, **options: Any) -> None:
        self.function = func
        self.plain = _FROMPYFUNC(func, *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if any(map(holds, arguments)):
            return _of_each(self.function, arguments, options)
        return self.plain(*arguments, **options)


def _enumerated(arr: Any) -> Any:
    if not holds(arr):
        return _NDENUMERATE(arr)
    array = stacked(arr)
    return ((place, array[place]) for place in np.ndindex(*array.shape))


class _Iteration:
    """What `np.nditer` makes: the entries of one array after the other, or of several that are broadcast."""

    def __init__(self, op: Any, flags: Any = (), op_flags: Any = (), order: Any = "K") -> None:
        several = type(op) in (list, tuple) and any(map(_has_axes, op))
        self.operands = tuple(map(stacked, op)) if several else (stacked(op),)
        if set(flags) - {"multi_index", "c_index", "refs_ok", "zerosize_ok"} or not _writes(op_flags) <= {"readwrite"}:
            raise AssignmentError(
                f"np.nditer of tracked values with flags={list(flags)} and op_flags={list(op_flags)}: they may be "
                "'multi_index', 'c_index' and 'readwrite'. Loop over np.ndindex(*x.shape), and use x[place]."
            )
        self.writes, self.shape = bool(_writes(op_flags)), np.broadcast_shapes(*[each.shape for each in self.operands])
        plain: Any = [np.broadcast_to(numbers_of(each), self.shape) for each in self.operands]
        self.places: Any = _NDITER(plain, ["multi_index", "zerosize_ok"], order=order)  # as they lie in memory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.places.close()

    def __iter__(self) -> Iterator[Any]:
        arrays = self.operands if self.writes else [np.broadcast_to(each, self.shape) for each in self.operands]
        for _ in self.places:
            self.multi_index = self.places.multi_index
            self.index = int(np.ravel_multi_index(self.multi_index, self.shape)) if self.shape else 0
            here = tuple([array[(*self.multi_index, ...) if self.writes else self.multi_index] for array in arrays])
            yield here if len(here) > 1 else here[0]


def _has_axes(value: Any) -> bool:
    return isinstance(value, list | tuple) or np.ndim(value) > 0


def _writes(flags: Any) -> set[str]:
    """All of an iterator's flags for its operands but those for reading."""
    return {flag for each in flags for flag in ([each] if isinstance(each, str) else each)} - {"readonly"}


def _iterated(op: Any, *arguments: Any, **options: Any) -> Any:
    return _Iteration(op, *arguments, **options) if holds(op) else _NDITER(op, *arguments, **options)


ONE_BY_ONE: dict[str, Any] = {"frompyfunc": _OfNumbers, "ndenumerate": _enumerated, "nditer": _iterated}
"""By NumPy's names, what takes their place."""

CALLS: dict[str, Any] = {"__call__": _vectorized}
"""The same for the methods of `np.vectorize`, whose objects may have been made before."""
