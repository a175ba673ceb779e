"""A transform that is derived once for each shape of its arguments and replayed on other numbers.

The first call records the derivation on deferred arrays. A later call with arguments of the same shapes runs what is
left of it: the few array operations that the results need, in a generated function. Structure, order and sparse plan
are those of the first call. The function itself is not run again, so a recording is only used while nothing else that
the function reads has changed (:mod:`chainrule.transforms.guard`), and never if the function looked at numbers
(``if x > 0``): then, as with anything that cannot be written down, the transform is simply run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.term import Term
from chainrule.program.deferred import Deferred, UnrecordableError
from chainrule.program.recording import Recording, active, is_literal
from chainrule.program.replay import ChangedError, compiled, may_be_point, steps_for
from chainrule.tensor import Tensor
from chainrule.transforms.guard import Reads
from chainrule.transforms.trees import flatten, unflatten

__all__ = ["Recorded"]

_MANY = 1 << 20  # numbers in a program from which it is compiled before its first run
_KEPT = 64  # recordings that one transform keeps before it starts afresh
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


def _rebuilt(value: Any, leaves: Iterator[Any]) -> Any:
    """The same arguments with other objects in the place of floating-point arrays and numbers."""
    kind = type(value)
    if (kind is np.ndarray and value.dtype.kind == "f") or kind in _FLOATS:
        return next(leaves)
    if kind in (tuple, list):
        return kind([_rebuilt(entry, leaves) for entry in value])
    return {name: _rebuilt(entry, leaves) for name, entry in value.items()} if kind is dict else value


def _plain(value: Any) -> Any:
    """A factor as the Jacobian will hold it, if it is not to be computed."""
    if type(value) is Deferred:
        number = value.number_for_good
        return value if number is None else number
    if not isinstance(value, np.ndarray | np.generic | int | float):
        raise UnrecordableError(f"a factor of the Jacobian is a {type(value).__name__}")
    return value


class _Sketch:
    """A Jacobian whose arrays are yet to be filled in: for each factor and table, where in the results it is."""

    def __init__(self, made: Jacobian, place: Callable[[Any], int]) -> None:
        self.constants: list[Any] = []
        self.terms: list[Term] = []  # where nothing has to be filled in, the place is -1
        self.varying: list[tuple[int, Any, Any, Any]] = []  # which term, its pattern, its factors, its tables
        for number, term in enumerate(made.terms):
            # What will be filled in is not held: it has the arrays of the first call.
            factors = [(where, None if where >= 0 else _plain(v)) for v in term.factors for where in (place(v),)]
            tables = [(where, None if where >= 0 else v) for v in term.tables for where in (place(v),)]
            self.constants += [value for _, value in (*factors, *tables)]
            self.terms.append(Term(term.pattern, tuple([v for _, v in factors]), tuple([v for _, v in tables])))
            if any([where >= 0 for where, _ in (*factors, *tables)]):
                self.varying.append((number, term.pattern, factors, tables))
        self.shapes = made.row_shape, made.column_shape
        self.dtype = made.dtype
        self.cache: dict[Any, Any] = {}

    def filled(self, arrays: Sequence[Any]) -> Jacobian:
        """The Jacobian, given the results of the program."""
        terms = self.terms.copy()
        for number, pattern, factors, tables in self.varying:
            terms[number] = Term(
                pattern,
                tuple([value if place < 0 else arrays[place] for place, value in factors]),
                tuple([value if place < 0 else arrays[place] for place, value in tables]),
            )
        return Jacobian._of(tuple(terms), *self.shapes, self.dtype, self.cache)


class _Derivation:
    """What one call of a transform left behind: the sketches of its results, and the program that fills them in."""

    def __init__(self, transform: Callable[..., Any], reads: Reads, arguments: Any, options: Any) -> None:
        leaves: list[Any] = []
        self.frozen: list[Any] = []
        _key((arguments, options), leaves, self.frozen)
        self.frozen = [array.copy() for array in self.frozen]
        self.reads = reads
        recording = Recording()
        with recording:
            inputs = iter([Tensor(recording.input(array)) for array in leaves])
            arguments = tuple([_rebuilt(value, inputs) for value in arguments])
            options = {name: _rebuilt(value, inputs) for name, value in options.items()}
            result = transform(*arguments, **options)
        self.problem = recording.looked
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

        found, self.structure = flatten(result)
        self.sketches = [_Sketch(made, place) for made in found]
        self.run: Callable[..., Sequence[Any]] | None = None
        recording.close()
        self._guard_contents()

    def _guard_contents(self) -> None:
        """If arrays were computed from those that the function reads, they stand while the contents of these do."""
        made = [*self.wanted, *[value for step in steps_for(self.wanted) for value in step.arguments]]
        made += [value for sketch in self.sketches for value in sketch.constants]
        made = [value.known if type(value) is Deferred and value.is_captured else value for value in made]
        made = [value for value in made if isinstance(value, np.ndarray) and not is_literal(value)]
        derived = not all([self.reads.owns(value) for value in made])
        self.reads.keep_contents(every=derived or self.reads.writes)

    def first(self, leaves: Sequence[Any]) -> Any:
        """The results at the point of the recording."""
        if sum([step.size for step in steps_for(self.wanted)]) > _MANY:
            return self.again(leaves)  # which lets go of each array when it has been used
        with np.errstate(all="ignore"):
            arrays = [np.array(step.numbers()) if may_be_point(step) else step.numbers() for step in self.wanted]
        return self._filled(arrays)

    def again(self, leaves: Sequence[Any]) -> Any:
        """The results at another point; None if they are not finite, or a shape has changed."""
        if self.run is None:
            self.run = compiled(self.inputs, self.wanted)
            self.inputs, self.wanted = [], []  # and with them the arrays of the first call
        with np.errstate(all="ignore"):
            arrays = self.run(*leaves)
        return self._filled(arrays)

    def _filled(self, arrays: Sequence[Any]) -> Any:
        if not all([_is_finite(array) for array in arrays]):
            return None
        return unflatten(self.structure, [sketch.filled(arrays) for sketch in self.sketches])

    def fits(self, frozen: Sequence[Any]) -> bool:
        """Whether arrays of integers among the arguments, and all that the function reads, are as they were."""
        return all(map(np.array_equal, self.frozen, frozen)) and self.reads.unchanged()


def _is_finite(array: Any) -> bool:
    """Whether every number is finite (squares that overflow only cost a run of the function)."""
    return array.dtype.kind != "f" or isfinite(np.vdot(array, array))


class Recorded:
    """A transform that remembers how it was derived; results are trees of Jacobians.

    ``read`` is what it reads besides the arguments: the function that it is the transform of, or several things.
    ``transform`` is called with the arguments, or with tensors of deferred arrays in their place.
    """

    def __init__(self, read: Any, transform: Callable[..., Any]) -> None:
        self.read = read
        self.transform = transform
        self.known: dict[Any, _Derivation | str] = {}

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if active():
            return self.transform(*arguments, **options)
        leaves: list[Any] = []
        frozen: list[Any] = []
        try:
            key = _key((arguments, options) if options else arguments, leaves, frozen)
            found = self.known.get(key)
        except (_UnsuitableError, TypeError):
            return self.transform(*arguments, **options)
        if type(found) is _Derivation and found.fits(frozen):
            try:
                result = found.again(leaves)
            except ChangedError:
                result = None
            except (ChainruleError, ArithmeticError, ValueError, TypeError):
                result = None  # the function itself will say what is wrong
            return self.transform(*arguments, **options) if result is None else result
        if type(found) is str:
            return self.transform(*arguments, **options)
        return self._first(key, arguments, options)

    def _first(self, key: Any, arguments: Any, options: Any) -> Any:
        """Record a derivation, or note why there can be none."""
        leaves: list[Any] = []
        _key((arguments, options), leaves, [])
        if len(self.known) >= _KEPT:
            self.known.clear()
        reads = Reads(self.read)
        problem = reads.problem
        if problem is None:
            if reads.writes:
                reads.keep_contents(every=True)
            try:
                made = _Derivation(self.transform, reads, arguments, options)
            except UnrecordableError as unrecordable:
                problem = str(unrecordable)
            except Exception as error:  # it is the transform's to raise, on the arrays that were given
                problem = f"{type(error).__name__}: {error}"
            else:
                problem = made.problem
                result = made.first(leaves) if problem is None else None
                if result is not None:
                    self.known[key] = made
                    return result
        if problem is not None:
            self.known[key] = problem
        return self.transform(*arguments, **options)

    @property
    def recordings(self) -> list[str]:
        """One line for each kind of arguments met: whether calls are replayed, and if not, why."""
        return [f"run each time: {found}" if isinstance(found, str) else "replayed" for found in self.known.values()]
