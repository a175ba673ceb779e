"""A recording: the steps taken on deferred arrays, each written once, simplified where that costs nothing.

A step that is equal to an earlier one is that one. What is computed from arrays that nobody can write to is computed
at once. A step of whose result nothing is known beforehand is computed too, to see its shape.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.linear.functions import frozen
from chainrule.program.algebra import simpler, without_numbers
from chainrule.program.debugging import place_of
from chainrule.program.deferred import Deferred, NeedsNumbersError, UnrecordableError, is_view, numbers_of, run_step
from chainrule.program.extent import UNKNOWN, extent_of
from chainrule.program.node import owner
from chainrule.program.sums import summed_before

__all__ = ["Recording", "about_to_overwrite", "active", "deferred_call", "part_of_several", "recordings"]


_TURNS = 256  # a way that turns more often than this is hardly gone again
_RULES = "chainrule.ops."  # the modules of the rules


class _Active(threading.local):
    """The recording of this thread, if there is one."""

    recording: Recording | None = None


class Recording:
    """The steps taken on deferred arrays, and whether somebody looked at numbers on the way.

    ``looked`` is None or the place in the code that looked; ``inputs`` are the deferred arguments. With ``bakes``,
    an array of one number outside is taken for that number: whoever runs the recording must see to it that it still is.
    With ``guards``, the truth of a value may be looked at; `deciding` are then the steps that must be as true at
    another point. The truths by which code chooses its way are counted as it goes, where they are otherwise
    (``astray``), so that in a loop they are part of its turns.

    >>> recording = Recording()
    >>> x = recording.input(np.array([1.0, 2.0]))
    >>> y = np.sin(x) * 2
    >>> y.shape, y.known is None, y.numbers()
    ((2,), True, array([1.68294197, 1.81859485]))
    """

    def __init__(self, bakes: bool = True, guards: bool = False) -> None:
        self.bakes = bakes
        self.guards: dict[int, Deferred] | None = {} if guards else None
        self.turned: dict[int, bool] = {}  # by the numbers of steps, in order
        self.turns = 0  # how many of these are other ones than those before
        self.astray: Any = None
        self.inputs: list[Deferred] = []
        self.looked: str | None = None
        self.constants: dict[int, Deferred] = {}
        self.memory: dict[int, list[int]] = {}  # which of these lie in the memory of the same array
        self.steps: dict[Any, Deferred] = {}
        self.count = 0
        self.instead_of: tuple[Deferred, bool] | None = None  # what stands for the last step; whether that is a view
        self.inside = 0  # how many steps are being taken right now
        self.seen: list[Deferred] = []  # steps that were computed to see their shapes, in order

    def input(self, array: Any) -> Deferred:
        """An argument: known now, and another each time the recording is run."""
        made = Deferred(self, None, (), {}, array.shape, array.dtype)
        made.known = array
        self.inputs.append(made)
        return made

    def captured(self, array: Any) -> Deferred:
        """An array that is no argument: the same object each time, with the contents that it has then."""
        found = self.constants.get(id(array))
        if found is None:
            found = self.constants[id(array)] = Deferred(self, None, (), {}, array.shape, array.dtype)
            found.known = array
            found.is_captured = True
            self.memory.setdefault(id(owner(array)), []).append(id(array))
        return found

    def let_go(self, array: Any) -> None:
        """Keep copies of what was captured of memory that is about to be written to: it was read as it is now."""
        for key in self.memory.pop(id(owner(array)), ()):
            step = self.constants.pop(key)
            step.known = step.known.copy()

    def look(self, how: str) -> None:
        """Note that the code depends on numbers: what follows may be other code at another point."""
        if self.inside:
            raise NeedsNumbersError
        if self.looked is None:
            self.looked = f"{how} {_here()}"

    def decides(self, step: Deferred) -> bool:
        """Whether the truth of a step may be asked for: it becomes a guard. What is no rule chooses a way by it."""
        if self.guards is None or self.inside or step.size != 1:
            return False
        asking = sys._getframe(2).f_globals.get("__name__", "")  # behind `Deferred.__bool__`
        if asking.startswith(_RULES):
            self.guards[step.number] = step
        elif step.number not in self.turned:
            self._turn(step, bool(step.numbers()))
        return True

    def _turn(self, step: Deferred, truth: bool) -> None:
        """Note that the code goes on by the truth of a step."""
        self.turns += bool(self.turned) and truth != next(reversed(self.turned.values()))
        if self.turns > _TURNS:
            raise UnrecordableError(f"the truth of values decides too often, now one way, now the other {_here()}")
        self.turned[step.number] = truth
        shaped = step.reshape(()) if step.shape else step
        truths = shaped if step.dtype == bool else np.not_equal(shaped, 0)
        wrong = np.where(truths, *((0.0, 1.0) if truth else (1.0, 0.0)))
        self.astray = wrong if self.astray is None else self.astray + wrong

    @property
    def way(self) -> tuple[bool, ...]:
        """What the truths were by which the code has chosen its way."""
        return tuple(self.turned.values())

    @property
    def deciding(self) -> list[Deferred]:
        """The steps that must be as true at another point; the last is whether the code goes the same way there."""
        kept = [] if self.astray is None else [np.equal(self.astray, 0.0)]
        return [*(self.guards or {}).values(), *kept]

    def write(self, function: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """The deferred result of a step, written down unless it was before."""
        if type(function) is np.ufunc:
            if function.signature is None:
                if self.bakes:
                    arguments = tuple([_number(value, arguments) for value in arguments])
            elif function is np.matmul:
                arguments, number = without_numbers(arguments)
                if number != 1:
                    return self.write(np.multiply, (self.write(function, arguments, {}), number), {})
        simple = summed_before(function, arguments, options)
        if simple is not None:
            return simple
        simple = simpler(function, arguments) if not options else None
        if simple is not None:
            if type(simple) is not tuple:
                return self.instead(simple, function, arguments)
            function, arguments = simple
        try:
            key = (function, *[_key(value) for value in arguments])
            if options:
                key = (*key, *[(name, _key(value)) for name, value in options.items()])
            found = self.steps.get(key)
        except TypeError:  # something cannot be hashed
            key, found = None, None
        if found is not None:
            return found if found.parts is None else found.parts
        if _is_literal(arguments, options):
            found = _literal(self, run_step(function, numbers_of(arguments), numbers_of(options)))
            return self.instead(found, function, arguments) if type(found) is Deferred else found
        extent = extent_of(function, arguments, options)
        if extent is UNKNOWN:
            made = self.computed(function, arguments, options)
        else:
            made = Deferred(self, function, arguments, options, *extent)
        if key is not None and type(made) is Deferred:
            self.steps[key] = made
        return made if type(made) is not Deferred or made.parts is None else made.parts

    def instead(self, found: Deferred, function: Any, arguments: Sequence[Any]) -> Deferred:
        """An earlier step, or a constant, for one that was asked for; NumPy may make another array there."""
        self.instead_of = found, is_view(function, arguments, found.shape)
        return found

    def call(self, function: Callable[..., Any], arguments: list[Any], options: Mapping[str, Any]) -> Any:
        """What a function does on arrays of which some are deferred: as the steps it takes, or as one step.

        Plain arrays of floating point among the arguments are replaced by deferred ones.
        """
        for place, value in enumerate(arguments):  # what is computed from them is then not kept for ever
            if type(value) is np.ndarray and value.dtype.kind == "f" and (value.ndim or value.dtype != np.float64):
                arguments[place] = self.captured(value)
        self.instead_of = None
        self.inside += 1
        try:
            return function(*arguments, **options)
        except NeedsNumbersError:
            pass
        finally:
            self.inside -= 1
        return self.write(function, tuple(arguments), dict(options))

    def computed(self, function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """A step whose result has to be computed for its shape to be known."""
        result = run_step(function, numbers_of(arguments), numbers_of(options))
        if isinstance(result, tuple) and result and all([isinstance(part, np.ndarray | np.generic) for part in result]):
            whole = self.several(function, arguments, options, [(part.shape, part.dtype) for part in result])
            whole.known = result
            for entry, part in zip(whole.parts, result, strict=True):
                entry.known = part
            whole.parts = type(result)(*whole.parts) if hasattr(result, "_fields") else whole.parts
            return whole
        if not isinstance(result, np.ndarray | np.generic) or result.dtype.kind not in "fciub":
            self.look(f"{getattr(function, '__name__', function)}() was called")
            return result
        made = self.measured(function, arguments, options, (result.shape, result.dtype))
        made.known = result
        return made

    def measured(self, function: Any, arguments: Any, options: Any, extent: Any) -> Deferred:
        """A step whose shape was seen, not derived."""
        made = Deferred(self, function, arguments, options, *extent)
        made.is_measured = True
        self.seen.append(made)
        return made

    def several(self, function: Any, arguments: Any, options: Any, extents: Sequence[Any]) -> Deferred:
        """A step with several results, which are its parts."""
        whole = Deferred(self, function, arguments, options, (), np.dtype(object))
        parts = [self.measured(part_of_several, (whole, place), {}, extent) for place, extent in enumerate(extents)]
        whole.parts = tuple(parts)
        return whole

    def close(self) -> None:
        """Forget what is only needed while recording, and is part of cycles of references."""
        for step in self.steps.values():
            step.parts = None
        self.steps, self.constants, self.memory, self.inputs, self.seen = {}, {}, {}, [], []

    def __enter__(self) -> Recording:
        _active.recording = self
        recordings.append(self)
        return self

    def __exit__(self, *problem: object) -> None:
        _active.recording = None
        recordings.remove(self)


_active = _Active()
recordings: list[Recording] = []  # of all threads: so that nobody else pays for asking


def _here() -> str:
    """Where in the user's code this is, in words."""
    place = place_of()
    return "inside the library" if place is None else f"in line {place[1]} of {place[0]}"


def active() -> bool:
    """Whether a recording is being made in this thread."""
    return _active.recording is not None


def about_to_overwrite(array: Any) -> None:
    """Let a recording that is being made in this thread keep what it has of an array."""
    if _active.recording is not None:
        _active.recording.let_go(array)


def _key(value: Any) -> Any:
    """What makes an argument of a step the same as another; of a deferred array its number, as nothing else is one."""
    kind = type(value)
    if kind is Deferred:
        return value.number
    if kind is np.ndarray:
        return id(value), np.ndarray  # the step that is found holds it, so that the id stays its own
    if kind is slice:
        return slice, _key(value.start), _key(value.stop), _key(value.step)
    if kind in (tuple, list):
        return kind, *[_key(entry) for entry in value]
    return kind, value, repr(value) if isinstance(value, float | complex | np.inexact) else ""  # -0.0 is not 0.0


def _is_literal(arguments: Any, options: Any) -> bool:
    """Whether a step is on arrays that nobody can write to: its result is known for good."""
    for value in (*arguments, *options.values()):
        kind = type(value)
        if kind is Deferred:
            if not (value.is_captured and frozen(value.known)):
                return False
        elif kind is np.ndarray or (kind in (tuple, list) and not _is_literal(value, {})):
            return False
    return True


def _literal(recording: Recording, result: Any) -> Any:
    """The result of a step on literals, itself one."""
    if not isinstance(result, np.ndarray | np.generic):
        return result
    array = np.array(result)
    array.flags.writeable = False
    return recording.captured(array)


def _number(value: Any, beside: Sequence[Any]) -> Any:
    """An array of one number as a Python number, if it decides neither shape nor dtype of what is ``beside``."""
    array = value.known if type(value) is Deferred and value.is_captured else value
    if not isinstance(array, np.ndarray | np.float64) or array.size != 1 or array.dtype != np.float64:
        return value
    for other in beside:
        if type(other) is Deferred and not other.is_captured and other.dtype == np.float64 and other.ndim >= array.ndim:
            return float(array.reshape(()))
    return value


def part_of_several(values: Any, place: int) -> Any:
    """One of several results."""
    return values[place]


def deferred_call(function: Callable[..., Any], arguments: list[Any], options: Mapping[str, Any]) -> Any:
    """``function(*arguments)``, recorded if an argument is deferred (see `Recording.call`)."""
    for value in arguments:
        if type(value) is Deferred:
            return value.recording.call(function, arguments, options)
    return function(*arguments, **options)
