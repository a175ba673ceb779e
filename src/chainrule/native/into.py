"""Results put into arrays that the caller gives: which array takes which result, once all are known to fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import OptionError
from chainrule.transforms.trees import flatten, skeleton

__all__ = ["fitting", "put"]


def fitting(structure: Any, results: Sequence[Any], out: Any, others: Sequence[Any]) -> list[Any]:
    """The arrays of ``out`` in the order of ``results``, of which shape and dtype are looked at.

    None may be memory of ``others`` or of each other; nothing is written before all of it is known.

    >>> out = np.zeros(2)
    >>> fitting(0, [np.ones(2)], out, [])[0] is out
    True
    """
    found: dict[int, tuple[Any, str]] = {}
    for place, array, name in _pairs(structure, out, "out", (structure, out)):
        _require_fit(results[place], array, name)
        found[place] = array, name
    arrays = [found[place] for place in range(len(results))]
    for at, (array, name) in enumerate(arrays):
        if any([np.may_share_memory(array, other) for other in others]):
            raise OptionError(f"{name} shares memory with an argument, or with an array that the function reads")
        for other, of_other in arrays[:at]:
            if np.may_share_memory(array, other):
                raise OptionError(f"{of_other} and {name} share memory: each result needs its own")
    return [array for array, _ in arrays]


def put(result: Any, out: Any, others: Sequence[Any]) -> Any:
    """Copy results into ``out``, which is returned."""
    leaves, structure = flatten(result)
    values = [np.asarray(leaf) for leaf in leaves]
    for array, value in zip(fitting(structure, values, out, others), values, strict=True):
        np.copyto(array, value)
    return out


def _pairs(structure: Any, out: Any, name: str, whole: Any) -> Iterator[tuple[int, Any, str]]:
    """Each result's number, with the array that is to take it and the name of that."""
    if isinstance(structure, int):
        yield structure, out, name
        return
    if structure is None:
        if out is not None:
            _refuse_structure(whole)
        return
    kind, children = structure
    pairs = children if kind is dict else list(enumerate(children))
    if type(out) is not kind or len(out) != len(pairs):
        _refuse_structure(whole)
    for key, child in pairs:
        if kind is dict and key not in out:
            _refuse_structure(whole)
        yield from _pairs(child, out[key], f"{name}[{key!r}]", whole)


def _refuse_structure(whole: tuple[Any, Any]) -> None:
    structure, out = whole
    given, wanted = skeleton(flatten(out)[1]), skeleton(structure)
    raise OptionError(f"out= has the structure {given}, the result has {wanted}: give one array for each *")


def _require_fit(result: Any, array: Any, name: str) -> None:
    """Whether one array can take one result as machine code writes it."""
    if type(array) is not np.ndarray:
        raise OptionError(f"{name} is a {type(array).__name__}: a result is written into a NumPy array")
    if array.shape != result.shape:
        raise OptionError(f"{name} has the shape {array.shape}, the result has {result.shape}")
    if array.dtype != result.dtype:
        raise OptionError(f"{name} has the dtype {array.dtype}, the result has {result.dtype}")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise OptionError(f"{name} is not in C order: give an array such as np.empty({array.shape})")
    if not array.flags.writeable:
        raise OptionError(f"{name} is read-only")
