"""A function run once on deferred arguments: what is written down of it, or why nothing can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.program.deferred import Deferred, UnrecordableError
from chainrule.program.recording import Recording
from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads
from chainrule.transforms.transplant import Transplant
from chainrule.transforms.trees import flatten

__all__ = ["FLOATS", "Recorded", "UnsuitableError", "is_plain", "key_of", "rebuilt", "recorded"]

FLOATS = (float, np.float64, np.float32)


class UnsuitableError(Exception):
    """Arguments that no recording can be made of."""


class Recorded:
    """A run of a function on deferred arrays: ``inputs``, what is ``wanted``, and the ``structure`` of the result.

    With ``replacing``, arrays that the function reads from outside are deferred too (``replaced``, by id).
    ``is_current`` says whether all that is not read at each call is what it was.
    """

    def __init__(
        self, function: Callable[..., Any], arguments: Any, leaves: Sequence[Any], reads: Reads, replacing: bool
    ) -> None:
        self.reads = reads
        self.recording = recording = Recording(bakes=False)
        transplant = Transplant(reads, lambda array: Tensor(recording.captured(array)))
        with recording:
            run = transplant.of(function) if replacing else function
            self.inputs = [recording.input(np.asarray(leaf)) for leaf in leaves]
            tensors = iter([Tensor(made) for made in self.inputs])
            results, self.structure = flatten(run(*rebuilt(arguments, tensors)))
            plain = [value.value if isinstance(value, Tensor) else value for value in results]
            self.wanted = [
                value if type(value) is Deferred else recording.captured(np.asarray(value)) for value in plain
            ]
        self.replaced = transplant.arrays
        self.is_current = partial(reads.unchanged, self.replaced)


def recorded(function: Callable[..., Any], arguments: Any, leaves: Sequence[Any]) -> Recorded | str:
    """Record a function; or say why that cannot be done."""
    reads = Reads(function)
    if reads.problem is not None:
        return reads.problem
    for replacing in (True, False):
        try:
            made = Recorded(function, arguments, leaves, reads, replacing)
        except UnrecordableError as problem:
            return str(problem)
        except Exception:
            if replacing:
                continue  # perhaps what it does with its own arrays cannot be recorded
            raise
        if made.recording.looked is None:
            break
        if not replacing:
            return made.recording.looked
    if not made.is_current():
        return "it changes what it reads"
    other = _other_container(made.structure)
    return made if other is None else f"a result is a {other.__name__}"


def _other_container(structure: Any) -> type | None:
    """A kind of container in a structure that machine code does not make."""
    if structure is None or isinstance(structure, int):
        return None
    kind, children = structure
    if kind not in (tuple, list, dict):
        return kind  # type: ignore[no-any-return]
    inner = [child for _, child in children] if kind is dict else children
    return next((found for found in map(_other_container, inner) if found is not None), None)


def is_plain(array: Any) -> bool:
    """Whether machine code can read an array where it lies."""
    size = array.itemsize
    return bool(array.flags.aligned and array.dtype.isnative and not any([step % size for step in array.strides]))


def key_of(value: Any, leaves: list[Any]) -> Any:
    """The kind of arguments: two calls with the same differ in numbers alone, which are appended to ``leaves``."""
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind not in "fiub":
            raise UnsuitableError(f"an argument has dtype {value.dtype}")
        if not value.size:
            raise UnsuitableError("an argument is empty")
        if not is_plain(value):
            raise UnsuitableError("an argument has a byte order, an alignment or strides that are not the machine's")
        leaves.append(value)
        return value.shape, value.dtype, value.strides
    if kind in FLOATS:
        leaves.append(value)
        return kind
    if kind in (tuple, list):
        return kind, *[key_of(entry, leaves) for entry in value]
    if kind is dict:
        return kind, *[(name, key_of(entry, leaves)) for name, entry in value.items()]
    if kind in (int, bool, str, type(None)):
        return kind, value
    raise UnsuitableError(f"an argument is a {kind.__name__}")


def rebuilt(value: Any, leaves: Iterator[Any]) -> Any:
    """The arguments with other leaves."""
    kind = type(value)
    if kind in (*FLOATS, np.ndarray):
        return next(leaves)
    if kind in (tuple, list):
        return kind([rebuilt(entry, leaves) for entry in value])
    return {name: rebuilt(entry, leaves) for name, entry in value.items()} if kind is dict else value
