"""A function run once on deferred arguments: what is written down of it, or why nothing can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.as_written import instead_of, tried
from chainrule.choices import current, times_asked
from chainrule.native.callback import filled
from chainrule.program.deferred import Deferred, UnrecordableError, needed, run_step
from chainrule.program.recording import Recording
from chainrule.tape import tracing
from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads
from chainrule.transforms.transplant import Transplant
from chainrule.transforms.trees import flatten

__all__ = ["NUMBERS", "Recorded", "UnsuitableError", "is_plain", "key_of", "rebuilt", "recorded"]

NUMBERS = (float, complex, *{kind for kind in np.sctypeDict.values() if np.dtype(kind).kind in "fiubc"})
"""The types of numbers that may be other ones at each call; Python's integers and truths may not."""


class UnsuitableError(Exception):
    """Arguments that no recording can be made of."""


class Recorded:
    """A run of a function on deferred arrays: ``inputs``, what is ``wanted``, and the ``structure`` of the result.

    With ``replacing``, arrays that the function reads from outside are deferred too (``replaced``, by id).
    ``is_current`` says whether all that is not read at each call is what it was, ``choices`` by which conventions
    derivatives were taken, None if it makes no difference. ``way`` are the truths by which it chose what to do.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Any,
        leaves: Sequence[Any],
        reads: Reads,
        replacing: bool,
        recording: Recording | None = None,
        guarded: bool = False,
    ) -> None:
        self.reads = reads
        self.recording = recording = recording or Recording(bakes=False, guards=guarded)
        transplant = Transplant(reads, lambda array: Tensor(recording.captured(array)))
        asked = times_asked()
        with recording:
            run = instead_of(function)
            if replacing and run is function:
                run = transplant.of(function)
            self.inputs = [recording.input(np.asarray(leaf)) for leaf in leaves]
            with tracing() as watch:
                result = tried(run, lambda: run(*rebuilt(arguments, iter([Tensor(made) for made in self.inputs]))))
                if watch.overwrites():
                    raise UnrecordableError("it overwrites an array that it has used")
            results, self.structure = flatten(result)
            plain = [value.value if isinstance(value, Tensor) else value for value in results]
            self.wanted = [
                value if type(value) is Deferred else recording.captured(np.asarray(value)) for value in plain
            ]
        self.choices = None if times_asked() == asked else current()
        with recording:
            self.guards = recording.deciding
        for step in self.guards:
            step.numbers()
        self.way = recording.way
        self.size = recording.count
        self.kinds: list[type] = []  # of the results: arrays, NumPy's numbers, floats
        self.replaced = transplant.arrays
        self.is_current = partial(reads.unchanged, self.replaced)


def recorded(
    function: Callable[..., Any], arguments: Any, leaves: Sequence[Any], guarded: bool = False
) -> Recorded | str:
    """Record a function; or say why that cannot be done. If it is ``guarded``, rules may ask for truths: its guards."""
    reads = Reads(function)
    if reads.problem is not None:
        return reads.problem
    for replacing in (True, False):
        try:
            made = Recorded(function, arguments, leaves, reads, replacing, guarded=guarded)
        except UnrecordableError as problem:
            return str(problem)
        except Exception as problem:
            if replacing:
                continue  # perhaps what it does with its own arrays cannot be recorded
            function(*arguments)  # if it is wrong, it says so itself
            return f"recording it raised {type(problem).__name__}: {problem}"
        if made.recording.looked is None:
            break
        if not replacing:
            return made.recording.looked
    if not made.is_current():
        return "it changes what it reads"
    if {float, complex} & {*map(type, leaves)} and _is_narrow(made.recording):
        kind = "np.float32(...)" if float in map(type, leaves) else "np.complex64(...)"
        return f"a number of Python's beside single precision, whose precision it takes: pass {kind}"
    made.recording.steps.clear()  # nothing is written down any more, and there may be millions
    other = _other_container(made.structure)
    if other is None:
        made.kinds = _kinds(function, arguments, made)
        pairs = zip(made.kinds, made.wanted, strict=True)
        other = next((kind for kind, step in pairs if kind not in (np.ndarray, float, complex, step.dtype.type)), None)
    return made if other is None else f"a result is a {other.__name__}"


def _is_narrow(recording: Recording) -> bool:
    """Whether numbers of less than double precision are met: Python's floats, recorded as doubles, would widen them."""
    met = [*recording.inputs, *recording.constants.values(), *recording.steps.values()]
    return any([step.dtype.char in "efF" for step in met])


def _kinds(function: Callable[..., Any], arguments: Any, made: Recorded) -> list[type]:
    """The types of the results; where numbers may be one thing or another, as they are in Python."""
    kinds = [np.ndarray if step.shape else _kind_of_number(step) for step in made.wanted]
    if None in kinds or (not all([step.shape for step in made.wanted]) and not all([s.shape for s in made.inputs])):
        return [type(leaf) for leaf in flatten(function(*arguments))[0]]
    return kinds


def _kind_of_number(step: Deferred) -> Any:
    """The type of the number that a step makes, where the arguments of the function are arrays; None if not known."""
    others = needed(step)
    if type(step.function) is np.ufunc:
        return step.dtype.type
    if step.function is None or not all([other.shape for other in others]):
        return None
    given = {other.number: np.broadcast_to(np.ones((), other.dtype), other.shape) for other in others}
    try:
        with np.errstate(all="ignore"):
            return type(run_step(step.function, filled(step.arguments, given), filled(step.options, given)))
    except Exception:  # it takes no ones
        return None


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
        if value.dtype.kind not in "fiubc":
            raise UnsuitableError(f"an argument has dtype {value.dtype}")
        if not is_plain(value):
            raise UnsuitableError("an argument has a byte order, an alignment or strides that are not the machine's")
        leaves.append(value)
        return value.shape, value.dtype, value.strides
    if kind in NUMBERS:
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
    if kind in (*NUMBERS, np.ndarray):
        return next(leaves)
    if kind in (tuple, list):
        return kind([rebuilt(entry, leaves) for entry in value])
    return {name: rebuilt(entry, leaves) for name, entry in value.items()} if kind is dict else value
