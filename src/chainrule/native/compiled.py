"""`compile`: a function recorded once for each kind of arguments, and called as machine code from then on."""

from __future__ import annotations

import warnings
from collections.abc import Callable as AnyCallable
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.native import callables
from chainrule.native.build import Built, build
from chainrule.native.transplant import Transplant
from chainrule.program.deferred import Deferred, UnrecordableError
from chainrule.program.recording import Recording, active
from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads
from chainrule.transforms.trees import flatten

__all__ = ["CompileWarning", "Compiled", "compile"]

_FLOATS = (float, np.float64, np.float32)
_KEPT = 16  # recordings that one function keeps
_WASTED = 3  # recordings in a row that served no call, after which no more are made


class CompileWarning(UserWarning):
    """A function that was to be compiled runs in Python, and why."""


class _UnsuitableError(Exception):
    """Arguments or results that no recording can be made of."""


class _Shared:
    """What a compiled function is, before and after there is machine code."""

    function: AnyCallable[..., Any]
    known: dict[Any, Built | str]

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", repr(self.function))
        native = sum([isinstance(found, Built) for found in self.known.values()])
        return f"<compiled {name}: {native} kind{'s' * (native != 1)} of arguments in machine code>"

    @property
    def recordings(self) -> list[str]:
        """One line for each kind of arguments met: whether calls run as machine code, and if not, why."""
        return [found if isinstance(found, str) else "machine code" for found in self.known.values()]

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        return self if instance is None else _bound(self, instance)


def _bound(function: Any, instance: Any) -> Any:
    def method(*arguments: Any, **options: Any) -> Any:
        return function(instance, *arguments, **options)

    return method


class Compiled(_Shared, callables.Callable):  # type: ignore[misc]
    """A function before its first call, or one that cannot be machine code: Python decides at each call."""

    def __init__(self, function: AnyCallable[..., Any]) -> None:
        self.function = function
        self.known = {}
        self.wasted = 0
        for name in ("__name__", "__qualname__", "__doc__", "__module__", "__wrapped__"):
            setattr(self, name, getattr(function, name, None))
        self.__wrapped__ = function
        self.__reads__ = function

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _called(self, *arguments, **options)


class _Direct(_Shared, callables.Callable):  # type: ignore[misc]
    """A function with machine code, which Python calls directly."""


callables.direct(_Direct)


def compile(function: AnyCallable[..., Any]) -> Any:  # noqa: A001 (the name that users meet)
    """The function as machine code, made at the first call for each kind of arguments.

    >>> import chainrule as cr
    >>> f = cr.compile(cr.value_and_grad(lambda x: np.sum(np.sin(x) ** 2)))
    >>> value, gradient = f(np.array([0.0, np.pi / 2]))
    >>> float(value), gradient.round(12).tolist()
    (1.0, [0.0, 0.0])
    """
    if isinstance(function, _Shared):
        return function
    if not callable(function):
        raise TypeError(f"compile wants a function; got {type(function).__name__}")
    return Compiled(function)


def _called(this: Any, *arguments: Any, **options: Any) -> Any:
    """A call that no machine code answers: record, or run."""
    function = this.function
    if active() or options:
        return function(*arguments, **options)
    leaves: list[Any] = []
    try:
        key = _key(arguments, leaves)
    except _UnsuitableError as unsuitable:
        return _in_python(this, str(unsuitable), arguments)
    found = this.known.get(key)
    if isinstance(found, str):
        return function(*arguments)
    if isinstance(found, Built):
        if found.reads.unchanged(found.replaced):
            return found.called(arguments)
        this.wasted += 1
    if this.wasted > _WASTED:
        this.known[key] = "something that it reads changes from call to call: make it an argument"
        return function(*arguments)
    problem = _record(this, key, arguments, leaves)
    if problem is not None:
        return _in_python(this, problem, arguments, key)
    return this.known[key].called(arguments)


def _in_python(this: Any, problem: str, arguments: Any, key: Any = None) -> Any:
    if problem not in this.known.values():
        name = getattr(this.function, "__qualname__", repr(this.function))
        warnings.warn(f"{name} runs in Python, not as machine code: {problem}", CompileWarning, stacklevel=3)
    this.known[key if key is not None else problem] = problem
    return this.function(*arguments)


def _record(this: Any, key: Any, arguments: Any, leaves: Sequence[Any]) -> str | None:
    """Record the function and make machine code; or say why not."""
    reads = Reads(this.function)
    if reads.problem is not None:
        return reads.problem
    made: Any = None
    for replacing in (True, False):
        try:
            recorded = _Recorded(this.function, arguments, leaves, reads, replacing)
        except UnrecordableError as problem:
            return str(problem)
        except Exception:
            if replacing:
                continue  # perhaps what it does with its own arrays cannot be recorded
            raise
        if recorded.recording.looked is None:
            break
        if not replacing:
            return recorded.recording.looked
    if not reads.unchanged(recorded.replaced):
        return "it changes what it reads"
    made = build(this, _called, arguments, recorded, reads)
    if isinstance(made, str):
        return made
    if len(this.known) >= _KEPT:
        this.known.clear()
    others = [found for found in this.known.values() if isinstance(found, Built)]
    this.known[key] = made
    if others:
        made.follow(others[-1].address)
    this.__class__ = _Direct
    callables.point(this, made.address)
    return None


class _Recorded:
    """A run of the function on deferred arrays: ``inputs``, what is ``wanted``, and the ``structure`` of the result.

    With ``replacing``, arrays that the function reads from outside are deferred too (``replaced``, by id).
    """

    def __init__(
        self, function: AnyCallable[..., Any], arguments: Any, leaves: Sequence[Any], reads: Reads, replacing: bool
    ) -> None:
        self.recording = recording = Recording(bakes=False)
        transplant = Transplant(reads, lambda array: Tensor(recording.captured(array)))
        with recording:
            run = transplant.of(function) if replacing else function
            self.inputs = [recording.input(np.asarray(leaf)) for leaf in leaves]
            tensors = iter([Tensor(made) for made in self.inputs])
            results, self.structure = flatten(run(*_rebuilt(arguments, tensors)))
            plain = [value.value if isinstance(value, Tensor) else value for value in results]
            self.wanted = [
                value if type(value) is Deferred else recording.captured(np.asarray(value)) for value in plain
            ]
        self.replaced = transplant.arrays


def _key(value: Any, leaves: list[Any]) -> Any:
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind not in "fiub" or not value.size:
            raise _UnsuitableError(f"an argument has dtype {value.dtype}" if value.size else "an argument is empty")
        leaves.append(value)
        return value.shape, value.dtype, value.strides
    if kind in _FLOATS:
        leaves.append(value)
        return kind
    if kind in (tuple, list):
        return kind, *[_key(entry, leaves) for entry in value]
    if kind is dict:
        return kind, *[(name, _key(entry, leaves)) for name, entry in value.items()]
    if kind in (int, bool, str, type(None)):
        return kind, value
    raise _UnsuitableError(f"an argument is a {kind.__name__}")


def _rebuilt(value: Any, leaves: Iterator[Any]) -> Any:
    kind = type(value)
    if kind in (*_FLOATS, np.ndarray):
        return next(leaves)
    if kind in (tuple, list):
        return kind([_rebuilt(entry, leaves) for entry in value])
    return {name: _rebuilt(entry, leaves) for name, entry in value.items()} if kind is dict else value
