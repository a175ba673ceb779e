"""NumPy's ways to have one number after the other, for tracked ones: `np.vectorize`, `np.frompyfunc`, `np.nditer`.

What a function makes of each number is stacked.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import holds, stacked

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


def _iterated(op: Any, *arguments: Any, **options: Any) -> Any:
    if arguments or options or not holds(op):
        return _NDITER(op, *arguments, **options)
    return iter(np.ravel(stacked(op), order="K"))  # as they lie in memory


ONE_BY_ONE: dict[str, Any] = {"frompyfunc": _OfNumbers, "ndenumerate": _enumerated, "nditer": _iterated}
"""By NumPy's names, what takes their place."""

CALLS: dict[str, Any] = {"__call__": _vectorized}
"""The same for the methods of `np.vectorize`, whose objects may have been made before."""
