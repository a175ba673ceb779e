"""Calls without the interpreter's structures: machine code through ctypes, or the recording as a NumPy program.

They answer what the direct call answers, for interpreters on which that cannot be made: Python has looked at the
arguments, which costs some microseconds.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from math import isfinite, prod
from typing import Any

import numpy as np

from chainrule.native.emit import Kernel
from chainrule.native.entry import Call
from chainrule.native.libraries import addresses
from chainrule.native.machine import Code, module_text
from chainrule.native.recorded import Recorded
from chainrule.native.scalar import Source
from chainrule.native.text import Body
from chainrule.program.replay import ChangedError, compiled
from chainrule.transforms.trees import unflatten

__all__ = ["Foreign", "Replayed"]

_RUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


def _write_call(kernel: Kernel) -> str:
    """The function ``call``, which takes the kernel's arguments from a table."""
    body = Body()
    pointers = []
    for k in range(len(kernel.arrays)):
        at = body.put(f"getelementptr ptr, ptr %table, i64 {k}")
        pointers.append(f"ptr {body.put(f'load ptr, ptr {at}')}")
    status = body.put(f"call i32 @kernel({', '.join(pointers)})")
    body.do(f"ret i32 {status}")
    return f"define i32 @call(ptr %table) #2 {{\n{body.text()}\n}}\n"


def _of_kind(value: Any, kind: type) -> Any:
    """A result as the type that the function gives."""
    array = np.asarray(value)
    return array if kind is np.ndarray else kind(array) if kind in (float, complex) else array[()]


class Foreign:
    """Machine code for one kind of arguments, called through ctypes; the memory of each call is its own."""

    def __init__(self, kernel: Kernel, call: Call, made: Recorded, this: Any) -> None:
        self.how = f"machine code through ctypes{kernel.turns}"
        self.memory = kernel.memory
        self.is_current = made.is_current
        self.has_ways = bool(made.way)
        self.this = this
        self.results = [Source(*source.seen) for source in call.results]
        self.structure = call.structure
        self.kinds = call.kinds
        self.captured = [array for _, array in call.captured]
        self.code = Code(module_text([_write_call(kernel), kernel.text], kernel.declared))
        self.code.fill("functions", addresses(kernel.functions))
        known = [*call.results, *call.memories, *[memory for memory, _ in call.captured]]
        rest = [source for source in kernel.arrays if source not in known]  # they are no longer than a call
        self._order = [[*known, *rest].index(source) for source in kernel.arrays]
        self._rest = [((max(prod(source.shape), 1),), source.dtype) for source in rest]
        self._check = len(known) + rest.index(call.check) if call.check is not None else None
        self.functions = kernel.functions
        self._table = ctypes.c_void_p * len(kernel.arrays)
        self._run = _RUN(self.code.address("call"))

    def refuses(self) -> bool:
        """It takes whatever has the right kind."""
        return False

    def called(self, arguments: Sequence[Any], leaves: Sequence[Any], out: Any, arrays: Sequence[Any] | None) -> Any:
        """A call with arguments of this kind."""
        made = arrays if arrays is not None else [np.empty(source.shape, source.dtype) for source in self.results]
        data = [*made, *map(np.asarray, leaves), *self.captured, *[np.empty(*kind) for kind in self._rest]]
        table = self._table(*[data[place].ctypes.data for place in self._order])
        status = self._run(ctypes.addressof(table))
        if status or (self._check is not None and not isfinite(data[self._check][0])):
            return self.this.in_python(arguments, out)
        if arrays is not None:
            return out
        return unflatten(self.structure, [_of_kind(*pair) for pair in zip(made, self.kinds, strict=True)])


class Replayed:
    """A recording as NumPy calls, one after the other: where there is no LLVM."""

    how = "a NumPy program"
    memory = None

    def __init__(self, made: Recorded, this: Any) -> None:
        self.is_current = made.is_current
        self.has_ways = bool(made.way)
        self.this = this
        self.results = made.wanted
        self.structure = made.structure
        self.kinds = made.kinds
        self.captured = [step.known for step in made.recording.constants.values()]
        self._truths = [bool(step.known) for step in made.guards]
        self._run = compiled(made.inputs, [*made.wanted, *made.guards])

    def refuses(self) -> bool:
        """It takes whatever has the right kind."""
        return False

    def called(self, arguments: Sequence[Any], leaves: Sequence[Any], out: Any, arrays: Sequence[Any] | None) -> Any:
        """A call with arguments of this kind."""
        raised: Any = "raise" if self._truths else None  # beside a guard, it may be the wrong way that warns
        try:
            with np.errstate(divide=raised, over=raised, invalid=raised):
                found = self._run(*[np.asarray(leaf) for leaf in leaves])
        except (ChangedError, np.linalg.LinAlgError, FloatingPointError):  # what is raised then says more
            return self.this.in_python(arguments, out)
        count = len(self.results)
        if self._truths != [bool(array) for array in found[count:]]:
            return self.this.in_python(arguments, out)
        found = found[:count]
        if arrays is None:
            return unflatten(self.structure, [_of_kind(*pair) for pair in zip(found, self.kinds, strict=True)])
        for array, value in zip(arrays, found, strict=True):
            np.copyto(array, value)
        return out
