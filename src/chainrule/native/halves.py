"""Complex numbers as two real ones: each step on them becomes steps on their real and their imaginary parts.

What is left is a recording of real steps, which is lowered like any other. What only moves numbers does so with each
half, products expand, and functions of numbers have formulas. All else is a call of Python, on complex arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.formulas import FORMULAS, IMAG, REAL, Halves, minus, plus
from chainrule.native.registry import DATA, FACTORS
from chainrule.program.deferred import Deferred, needed, run_step
from chainrule.program.recording import part_of_several

__all__ = ["joined", "real_steps"]


def joined(real: Any, imag: Any) -> Any:
    """The complex array of two real ones, in which infinities stay what they are."""
    found = np.empty(np.shape(real), np.result_type(real, np.complex64))
    found.real, found.imag = real, imag
    return found


def real_steps(steps: Sequence[Deferred], wanted: Sequence[Deferred]) -> Sequence[Deferred]:
    """The results of steps by others, of which none computes with complex numbers; complex results are `joined`.

    They are what is ``wanted`` as it is, if there are no complex numbers.
    """
    if not any([step.dtype.kind == "c" or _takes_complex(step) for step in (*steps, *wanted)]):
        return wanted
    made = _Rewriting()
    for step in steps:
        made.rewrite(step)
    return [made.result(step) for step in wanted]


def _takes_complex(step: Deferred) -> bool:
    """Whether an argument is complex; one in a list would make the result complex."""
    return any([type(value) is Deferred and value.dtype.kind == "c" for value in step.arguments])


def _part_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the halves of complex numbers."""
    return np.empty(0, dtype).real.dtype


class _Rewriting:
    """Steps again, with halves where they are complex."""

    def __init__(self) -> None:
        self.known: dict[int, Any] = {}  # by the number of a step: `Halves`, or the step that takes its place

    def rewrite(self, step: Deferred) -> None:
        """The halves of a step; of a real one the step itself, or another if what it needs is another."""
        arrays = needed(step)
        if step.function is part_of_several and type(self.known.get(arrays[0].number)) is list:
            found = self.known[arrays[0].number][step.arguments[1]]
        elif step.dtype.kind == "c" or _gives_complex(step) or any([other.dtype.kind == "c" for other in arrays]):
            ways = (self._by_formula, self._by_halves, self._by_products, self._called)
            found = next(made for way in ways if (made := way(step)) is not None)
        elif any([self.known.get(other.number, other) is not other for other in arrays]):
            found = _like(step, step.function, self._filled(step.arguments), self._filled(step.options))
        else:
            return
        self.known[step.number] = found

    def result(self, step: Deferred) -> Deferred:
        """What takes the place of a result."""
        if step.dtype.kind != "c":
            found: Deferred = self.known.get(step.number, step)
            return found
        real, imag = self.halves(step)
        imag = _settled(step, np.zeros_like(real) if imag is None else imag)
        return Deferred(step.recording, joined, (real, imag), {}, step.shape, step.dtype)

    def halves(self, value: Any) -> Halves:
        """An argument of a step."""
        if type(value) is Deferred:
            found = self.known.get(value.number, value)
            if type(found) is Halves:
                return found
            if found.dtype.kind != "c":
                return Halves(found)
            own = _part_of(value.dtype)  # it is an argument of the function, or outside
            parts = [Deferred(value.recording, part, (value,), {}, value.shape, own) for part in (REAL, IMAG)]
            made = self.known[value.number] = Halves(*parts)
            return made
        if isinstance(value, complex | np.complexfloating | np.ndarray) and np.iscomplexobj(value):
            return Halves(value.real, value.imag)
        return Halves(value)

    def _filled(self, value: Any) -> Any:
        """Arguments of a real step, with what takes the place of steps."""
        kind = type(value)
        if kind is Deferred:
            return self.known.get(value.number, value)
        if kind in (tuple, list):
            return kind([self._filled(entry) for entry in value])
        if kind is slice:
            return slice(*[self._filled(end) for end in (value.start, value.stop, value.step)])
        return {name: self._filled(entry) for name, entry in value.items()} if kind is dict else value

    def _by_formula(self, step: Deferred) -> Any:
        formula = FORMULAS.get(step.function)
        if step.options or formula is None:
            return None
        found = formula(*map(self.halves, step.arguments))
        if found is None:
            return None
        if step.dtype.kind != "c":
            return _settled(step, found.real if type(found) is Halves else found)
        return Halves(_settled(step, found.real), None if found.imag is None else _settled(step, found.imag))

    def _by_halves(self, step: Deferred) -> Halves | None:
        """What a function does that moves the numbers of some arguments, or adds them."""
        where = DATA.get(step.function)
        if where is None or step.dtype.kind != "c" or _has_complex((_without(step.arguments, where), step.options)):
            return None
        data = step.arguments[where]
        return Halves(*[self._in_place(step, where, [self._half(value, part) for value in data]) for part in range(2)])

    def _in_place(self, step: Deferred, where: slice, arrays: Sequence[Any]) -> Deferred:
        """A step on real arrays in the place of some of its arguments."""
        arguments = [*self._filled(step.arguments)]
        arguments[where] = arrays
        options = self._filled(step.options)
        if "dtype" in options:
            options["dtype"] = _part_of(step.dtype)
        return _like(step, step.function, tuple(arguments), options, _part_of(step.dtype))

    def _half(self, value: Any, part: int) -> Any:
        if type(value) in (tuple, list):
            return type(value)([self._half(entry, part) for entry in value])
        real, imag = self.halves(value)
        return real if part == 0 else np.zeros_like(real) if imag is None else imag

    def _by_products(self, step: Deferred) -> Halves | None:
        """A product expanded: of n factors with both halves, 2ⁿ products of real ones."""
        where = FACTORS.get(step.function)
        if where is None or step.dtype.kind != "c" or _has_complex(step.options):
            return None
        factors = [self.halves(value) for value in step.arguments[where]]
        totals: list[Any] = [None, None]
        for chosen in product(range(2), repeat=len(factors)):
            taken = [factor[part] for factor, part in zip(factors, chosen, strict=True)]
            if any([half is None for half in taken]):
                continue
            term = self._in_place(step, where, taken)
            turns = sum(chosen)  # i to this power
            combine = minus if turns % 4 > 1 else plus
            totals[turns % 2] = combine(totals[turns % 2], term)
        return Halves(*totals)

    def _called(self, step: Deferred) -> Any:
        """Python's function, on complex arrays that it puts together, and whose halves it gives."""
        flat: list[Any] = []
        arguments, options = (self._slots(given, flat) for given in (step.arguments, step.options))
        if step.dtype == object:
            shapes = [np.asarray(part) for part in step.known or ()]
        else:
            shapes = [np.broadcast_to(np.zeros((), step.dtype), step.shape)]
        seen: list[Any] = []
        for array in shapes:
            seen += [array.real, array.imag] if array.dtype.kind == "c" else [array]
        whole = Deferred(step.recording, _OnHalves(step.function, arguments, options), flat, {}, (), np.dtype(object))
        whole.known = tuple(seen)
        parts = [
            Deferred(step.recording, part_of_several, (whole, place), {}, array.shape, array.dtype)
            for place, array in enumerate(seen)
        ]
        rest = iter(parts)
        found = [Halves(next(rest), next(rest)) if array.dtype.kind == "c" else next(rest) for array in shapes]
        return found if step.dtype == object else found[0]

    def _slots(self, value: Any, flat: list[Any]) -> Any:
        """Arguments with the places of arrays in a list, instead of these."""
        kind = type(value)
        if kind is Deferred:
            real, imag = self.halves(value)
            flat += [real] if imag is None else [real, imag]
            return _Slot(len(flat) - (1 if imag is None else 2), imag is not None, value.dtype.kind == "c")
        if kind in (tuple, list):
            return kind([self._slots(entry, flat) for entry in value])
        return {name: self._slots(entry, flat) for name, entry in value.items()} if kind is dict else value


def _like(step: Deferred, function: Any, arguments: Any, options: Any, dtype: Any = None) -> Deferred:
    """A step with other arguments."""
    made = Deferred(step.recording, function, arguments, options, step.shape, step.dtype if dtype is None else dtype)
    made.is_measured, made.known = step.is_measured, step.known if step.dtype == object else None
    return made


def _settled(step: Deferred, half: Any) -> Deferred:
    """A half of a step's result, or a real result, in its shape and dtype."""
    dtype = _part_of(step.dtype) if step.dtype.kind == "c" else step.dtype
    if type(half) is not Deferred:
        half = step.recording.captured(np.asarray(half, dtype))  # type: ignore[attr-defined]
    if half.shape != step.shape:
        half = step.recording.write(np.broadcast_to, (half, step.shape), {})
    if half.dtype != dtype:
        half = step.recording.write(np.ndarray.astype, (half, dtype), {})
    found: Deferred = half
    return found


def _without(arguments: Sequence[Any], where: slice) -> list[Any]:
    """The other arguments."""
    rest = [*arguments]
    del rest[where]
    return rest


def _gives_complex(step: Deferred) -> bool:
    """Whether there are complex arrays among several results."""
    return step.dtype == object and any([np.iscomplexobj(part) for part in step.known or ()])


def _has_complex(value: Any) -> bool:
    """Whether there are complex numbers among arguments."""
    if type(value) in (tuple, list):
        return any([_has_complex(entry) for entry in value])
    if isinstance(value, Mapping):
        return any([_has_complex(entry) for name, entry in value.items() if name != "dtype"])
    if isinstance(value, Deferred | np.ndarray | np.dtype):
        return (value if isinstance(value, np.dtype) else value.dtype).kind == "c"
    return isinstance(value, complex | np.complexfloating) or value in (complex, np.complex64, np.complex128)


class _Slot(NamedTuple):
    """An argument: its place among arrays, whether it takes two, and whether it is complex."""

    place: int
    has_two: bool
    is_complex: bool


class _OnHalves:
    """A function as one of real arrays that gives real arrays."""

    def __init__(self, function: Any, arguments: Any, options: Any) -> None:
        self.function = function
        self.arguments = arguments
        self.options = options

    def __call__(self, *arrays: Any) -> Any:
        found = run_step(self.function, _put_together(self.arguments, arrays), _put_together(self.options, arrays))
        given: list[Any] = []
        for array in found if isinstance(found, tuple | list) else (found,):
            given += [array.real, array.imag] if np.iscomplexobj(array) else [array]
        return given


def _put_together(value: Any, arrays: Sequence[Any]) -> Any:
    kind = type(value)
    if kind is _Slot:
        array = arrays[value.place]
        if value.has_two:
            return joined(array, arrays[value.place + 1])
        return array.astype(np.result_type(array.dtype, np.complex64)) if value.is_complex else array
    if kind in (tuple, list):
        return kind([_put_together(entry, arrays) for entry in value])
    return {name: _put_together(entry, arrays) for name, entry in value.items()} if kind is dict else value
