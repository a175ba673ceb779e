"""A transform that is derived once for each shape of its arguments and replayed on other numbers.

The first call records the derivation on deferred arrays. A later call with arguments of the same shapes runs what is
left of it: the few array operations that the results need, in a generated function. Structure, order and sparse plan
are those of the first call. The function itself is not run again, so a recording is only used while nothing else that
the function reads has changed (:mod:`chainrule.transforms.guard`), and never if the function looked at numbers
(``if x > 0``): then, as with anything that cannot be written down, the transform is simply run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from chainrule.choices import keyed
from chainrule.errors import OptionError
from chainrule.linear.forms import FORMS, data_of
from chainrule.linear.uncollected import uncollected
from chainrule.program.deferred import Deferred, UnrecordableError
from chainrule.program.recording import Recording, active
from chainrule.program.replay import compiled, may_be_point, steps_for
from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads
from chainrule.transforms.made import Made
from chainrule.transforms.sketch import sketched
from chainrule.transforms.trees import flatten, map_tree, skeleton, unflatten

__all__ = ["Recorded", "is_finite", "replayed", "replaying"]

_MANY = 1 << 20  # numbers in a program from which it is compiled before its first run
_WASTED = 2  # recordings in a row that are never replayed before no more are made
_KEPT = 64  # recordings that one transform keeps before it starts afresh
Run = Callable[..., Sequence[Any] | None]  # gives the arrays that are wanted; None if not all are finite
Compiling = Callable[[Sequence[Deferred], Sequence[Deferred]], Run]
_FLOATS = (float, np.float64, np.float32)


class _UnsuitableError(Exception):
    """An argument that a recording cannot be made of."""


def _key(value: Any, leaves: list[Any], frozen: list[Any]) -> Any:
    """What arguments of the same structure have in common; arrays are collected in ``leaves``, integers apart."""
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind == "f":
            leaves.append(value)
        elif value.dtype.kind in "iub":
            frozen.append(value)
        else:
            raise _UnsuitableError(f"an argument has dtype {value.dtype}")
        return value.shape, value.dtype
    if kind in _FLOATS:
        leaves.append(np.asarray(value))
        return kind
    if kind in (tuple, list):
        return kind, *[_key(entry, leaves, frozen) for entry in value]
    if kind is dict:
        return kind, *[(name, _key(entry, leaves, frozen)) for name, entry in value.items()]
    if kind in (int, bool, str, type(None), complex):
        return kind, value
    raise _UnsuitableError(f"an argument is a {kind.__name__}")


def _rebuilt(value: Any, leaves: Iterator[Any], frozen: Iterator[Any]) -> Any:
    """The same arguments with other objects in the place of arrays and of floating-point numbers."""
    kind = type(value)
    if kind in _FLOATS:
        return next(leaves)
    if kind is np.ndarray and value.dtype.kind == "f":
        made = next(leaves)
        made.is_array = True
        return made
    if kind is np.ndarray:
        return next(frozen)
    if kind in (tuple, list):
        return kind([_rebuilt(entry, leaves, frozen) for entry in value])
    return {name: _rebuilt(entry, leaves, frozen) for name, entry in value.items()} if kind is dict else value


class _Call(NamedTuple):
    """Arguments and options, with the arrays among them: of floating point, and of integers and truth values."""

    arguments: tuple[Any, ...]
    options: dict[str, Any]
    leaves: list[Any]
    frozen: list[Any]


class _Derivation:
    """What one call of a transform left behind: the sketches of its results, and the program that fills them in."""

    def __init__(self, recorded: Recorded, reads: Reads, call: _Call) -> None:
        arguments, options, leaves, frozen = call
        self.compiling = recorded.compiling
        # The program holds copies: what the caller writes into an array later must not reach it.
        self.frozen = [array.copy() for array in frozen]
        recording = Recording()
        with recording:
            inputs = iter([Tensor(recording.input(array)) for array in leaves])
            copies = iter(self.frozen)
            arguments = tuple([_rebuilt(value, inputs, copies) for value in arguments])
            options = {name: _rebuilt(value, inputs, copies) for name, value in options.items()}
            found, self.structure = flatten(recorded.transform(*arguments, **options))
            sketches = [sketched(made, recorded.form) for made in found]
        self.reads = reads
        self.problem = recording.looked if reads.unchanged() else "it changes what it reads"
        self.inputs = recording.inputs
        self.wanted: list[Deferred] = []
        places: dict[int, int] = {}

        def place(value: Any) -> int:
            if type(value) is not Deferred or value.number_for_good is not None:
                return -1
            if value.number not in places:
                places[value.number] = len(self.wanted)
                self.wanted.append(value)
            return places[value.number]

        self.sketches = [sketch(place) for sketch in sketches]
        self.extents = [(step.shape, step.dtype) for step in self.wanted]
        self.model: Any = None  # results of no numbers, for comparison
        self.run: Run | None = None
        self.lock = threading.Lock()
        self.used = False  # whether it was ever replayed
        self.failure: str | None = None  # what a replay raised
        self.wasted = 0  # how many recordings in a row before it were not
        kinds = [step.dtype for step in (*self.inputs, *recording.constants.values(), *recording.steps.values())]
        self.is_narrow = any([kind.kind == "f" and kind.itemsize < 8 for kind in kinds])
        recording.close()

    def first(self, leaves: Sequence[Any]) -> Any:
        """The results at the point of the recording."""
        if self.compiling is not replayed or sum([step.size for step in steps_for(self.wanted)]) > _MANY:
            return self.again(leaves)  # which lets go of each array when it has been used
        with np.errstate(all="ignore"):
            arrays = [np.array(step.numbers()) if may_be_point(step) else step.numbers() for step in self.wanted]
        return self._filled(arrays) if all(map(is_finite, arrays)) else None

    def again(self, leaves: Sequence[Any]) -> Any:
        """The results at another point; None if they are not finite, or a shape has changed."""
        if self.run is None:
            with self.lock:  # of several threads, one writes the function
                if self.run is None:
                    self.run = self.compiling(self.inputs, self.wanted)
                    self.inputs, self.wanted = [], []  # and with them the arrays of the first call
        with np.errstate(all="ignore"):
            arrays = self.run(*leaves)
        return None if arrays is None else self._filled(arrays)

    def tried(self, leaves: Sequence[Any], first: bool = False) -> Any:
        """The results at a point; None if the function itself has to say what is wrong, or a shape has changed."""
        try:
            return self.first(leaves) if first else self.again(leaves)
        except Exception as error:
            self.failure = f"replaying it raised {type(error).__name__}: {error}"
            return None

    def _filled(self, arrays: Sequence[Any]) -> Any:
        return unflatten(self.structure, [sketch.filled(arrays) for sketch in self.sketches])

    def put(self, leaves: Sequence[Any], out: Any) -> bool:
        """Whether the results at another point were written into ``out`` as they were computed."""
        into = getattr(self.run, "into", None)
        places = [sketch.place for sketch in self.sketches]
        if into is None or sorted(places) != list(range(len(self.extents))):
            return False
        if self.model is None:
            self.model = self._filled([np.zeros(*extent) for extent in self.extents])
        arrays = [array for _, array in sorted(zip(places, _numbers_of(out, self.model), strict=True))]
        return into(tuple(arrays), leaves) is not None

    def fits(self, frozen: Sequence[Any]) -> bool:
        """Whether arrays of integers among the arguments, and all that the function reads, are as they were."""
        return all(map(np.array_equal, self.frozen, frozen)) and self.reads.unchanged()


def _numbers_of(out: Any, like: Any) -> list[Any]:
    """The arrays of numbers in a tree that is to be like another in all but these.

    Raises:
        OptionError: it is not.
    """
    (given, structure), (wanted, expected) = flatten(out), flatten(like)
    fixed = [isinstance(leaf, int) for leaf in wanted]  # the widths of bands
    if skeleton(structure) != skeleton(expected):
        raise OptionError(f"out= has the structure {skeleton(structure)}, the result has {skeleton(expected)}")
    for one, other, is_fixed in zip(given, wanted, fixed, strict=True):
        if is_fixed and one != other:
            raise OptionError(f"out= is a band with {one} diagonals on a side where the result has {other}")
    pairs = zip(given, wanted, fixed, strict=True)
    return [data_of(one, other) for one, other, is_fixed in pairs if not is_fixed]


def is_finite(array: Any) -> bool:
    """Whether every number is finite (squares that overflow only cost a run of the function)."""
    return array.dtype.kind != "f" or isfinite(np.vdot(array, array))


def replayed(inputs: Sequence[Deferred], wanted: Sequence[Deferred]) -> Run:
    """What is left of a derivation as a function of NumPy calls."""
    run = compiled(inputs, wanted)

    def checked(*leaves: Any) -> Sequence[Any] | None:
        arrays = run(*leaves)
        return arrays if all(map(is_finite, arrays)) else None

    return checked


class Recorded:
    """A transform that remembers how it was derived; results are trees of Jacobians.

    ``read`` is what it reads besides the arguments: the function that it is the transform of, or several things.
    ``transform`` is called with the arguments, or with tensors of deferred arrays in their place; ``argnums`` are the
    positions at which they are tensors in any case. ``compiling`` makes a function of a recording. With a ``form``, one
    of `FORMS`, results are trees of these.
    """

    def __init__(
        self,
        read: Any,
        transform: Callable[..., Any],
        argnums: int | Sequence[int] = (),
        compiling: Compiling = replayed,
        form: str | None = None,
    ) -> None:
        self.compiling = compiling
        self.form = form
        self.read = read
        self.transform = transform
        self.argnums = argnums
        self.known: dict[Any, _Derivation | str] = {}
        self.__reads__ = read, transform  # for whoever records a function that calls this

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self.form is not None and "out" in options:
            return self._into(options.pop("out"), arguments, options)
        if active():
            return self.in_python(arguments, options)
        call = _Call(arguments, options, [], [])
        try:
            key = keyed(_key((arguments, options), call.leaves, call.frozen))
            found = self.known.get(key)
        except (_UnsuitableError, TypeError):
            return self.in_python(arguments, options)
        if isinstance(found, _Derivation) and found.fits(call.frozen):
            found.used = True
            result = found.tried(call.leaves)
            return self.in_python(arguments, options) if result is None else result
        if isinstance(found, str):
            return self.in_python(arguments, options)
        wasted = 0 if found is None or found.used else found.wasted + 1
        if wasted > _WASTED:
            self.known[key] = "something that it reads changes from call to call: make it an argument"
            return self.in_python(arguments, options)
        return self._first(key, call, wasted)

    def _into(self, out: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """A call whose results are written into ``out``, which is like an earlier result."""
        call = _Call(arguments, options, [], [])
        try:
            found = self.known.get(keyed(_key((arguments, options), call.leaves, call.frozen)))
        except (_UnsuitableError, TypeError):
            found = None
        if isinstance(found, _Derivation) and not active() and found.fits(call.frozen):
            found.used = True
            if found.put(call.leaves, out):
                return out
        result = self(*arguments, **options)
        for one, other in zip(_numbers_of(out, result), _numbers_of(result, result), strict=True):
            one[...] = other
        return out

    def in_python(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """What the transform itself says."""
        result = self.transform(*arguments, **options)
        return result if self.form is None else map_tree(FORMS[self.form], result)

    def _first(self, key: Any, call: _Call, wasted: int) -> Any:
        """Record a derivation, or note why there can be none; ``wasted`` are those before that were of no use."""
        arguments, options = call.arguments, call.options
        data = self._data(arguments, options)
        if len(self.known) >= _KEPT:
            self.known.clear()
        reads = Reads(self.read)
        problem = reads.problem
        if problem is None and reads.asks_kinds and data:
            problem = "it may ask of what kind an argument is that is not differentiated"
        if problem is None:
            try:
                with uncollected():
                    made = _Derivation(self, reads, call)
            except UnrecordableError as unrecordable:
                problem = str(unrecordable)
            except Exception as error:  # it is the transform's to raise, on the arrays that were given
                problem = f"{type(error).__name__}: {error}"
            else:
                problem = made.problem
                if problem is None and made.is_narrow and float in map(type, data):
                    problem = "a Python number, which takes any precision, meets numbers of less than double precision"
                result = made.tried(call.leaves, first=True) if problem is None else None
                if result is not None:
                    made.wasted = wasted
                    self.known[key] = made
                    return result
                problem = problem or made.failure
        result = self.in_python(arguments, options)  # if it raises, these arguments are wrong, not their kind
        if problem is not None:
            self.known[key] = problem
        return result

    def _data(self, arguments: Any, options: Any) -> list[Any]:
        """The floating-point arrays and numbers among the arguments that are not differentiated."""
        positions = [self.argnums] if not isinstance(self.argnums, Sequence) else self.argnums
        differentiated = {int(position) % max(len(arguments), 1) for position in positions}
        others = [value for position, value in enumerate(arguments) if position not in differentiated]
        return [leaf for leaf in flatten((others, options))[0] if type(leaf) in (*_FLOATS, np.ndarray)]

    @property
    def recordings(self) -> list[str]:
        """One line for each kind of arguments met: whether calls are replayed, and if not, why."""
        return [f"run each time: {found}" if isinstance(found, str) else "replayed" for found in self.known.values()]


def replaying(
    made: Callable[[Callable[..., Any]], Made],
    derived: Callable[..., Any],
    read: Any,
    argnums: int | Sequence[int],
    compiling: Compiling = replayed,
    form: str | None = None,
) -> Callable[..., Any]:
    """The transform ``derived`` that replays; its attribute ``recorded`` is the :class:`Recorded`."""
    recorded = Recorded(read, derived, argnums, compiling, form)
    differentiated = made(recorded)
    differentiated.recorded = recorded  # type: ignore[attr-defined]
    return differentiated
