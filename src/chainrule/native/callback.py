"""Steps that have no native form, as functions that machine code calls: Python's function on arrays over its memory.

The function is handed a table of pointers, and says with 1 that it has no answer: it raised, or its result is not of
the kind that was recorded. What that means is found out by running everything in Python.
"""

from __future__ import annotations

import ctypes
from _thread import interrupt_main
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.libraries import Address
from chainrule.program.deferred import Deferred, run_step

__all__ = ["Extent", "callback", "filled"]

_FUNCTION = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class Extent(NamedTuple):
    """An array of which only the place in memory is not known; strides are counted in elements."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]

    def viewer(self, writes: bool) -> Callable[[int], Any]:
        """The function from where the first element is to the array."""
        steps = [step * self.dtype.itemsize for step in self.strides]
        ends = [(size - 1) * step for size, step in zip(self.shape, steps, strict=True)]
        before = -sum([end for end in ends if end < 0])
        empty = not prod(self.shape)
        extent = 0 if empty else before + sum([end for end in ends if end > 0]) + self.dtype.itemsize
        memory = ctypes.c_char * extent

        def view(pointer: int) -> Any:
            held: Any = memory.from_address(pointer - before)
            array: Any = np.ndarray(self.shape, self.dtype, held, before, None if empty else steps)
            array.flags.writeable = writes
            return array

        return view


class _Handed(NamedTuple):
    """An argument that is in the table: the step that makes it would hold all that was recorded before it."""

    place: int


def callback(step: Deferred, operands: Mapping[int, Extent], results: Sequence[Extent]) -> Address:
    """The function of one step, whose arguments are ``operands`` by number; the table has them, then the results."""
    reads = [extent.viewer(writes=False) for extent in operands.values()]
    writes = [extent.viewer(writes=True) for extent in results]
    table = ctypes.c_void_p * (len(reads) + len(writes))
    places = {number: _Handed(place) for place, number in enumerate(operands)}
    function, arguments, options = (
        step.function,
        filled(tuple(step.arguments), places),
        filled(dict(step.options), places),
    )
    has_several = step.dtype == object

    def call(address: int) -> int:
        try:
            pointers: Any = table.from_address(address)
            given = [view(pointer) for view, pointer in zip(reads, pointers, strict=False)]
            found = run_step(function, filled(arguments, given), filled(options, given))
            for value, view, pointer in zip(
                found if has_several else (found,), writes, pointers[len(reads) :], strict=True
            ):
                array, target = np.asarray(value), view(pointer)
                if (array.shape, array.dtype) != (target.shape, target.dtype):
                    return 1
                target[...] = array
        except KeyboardInterrupt:
            interrupt_main()  # nothing may be raised through machine code
            return 1
        except BaseException:  # it is raised again when the function is run in Python
            return 1
        return 0

    made = _FUNCTION(call)
    address = ctypes.cast(made, ctypes.c_void_p).value
    assert address is not None
    return Address(address, made)


def filled(value: Any, given: Mapping[int, Any] | Sequence[Any]) -> Any:
    """Arguments with arrays in the place of deferred ones, or of what stands for these."""
    kind = type(value)
    if kind is _Handed:
        return given[value.place]
    if kind is Deferred:
        return value.known if value.is_captured else given[value.number]
    if kind in (tuple, list):
        return kind([filled(entry, given) for entry in value])
    return {name: filled(entry, given) for name, entry in value.items()} if kind is dict else value
