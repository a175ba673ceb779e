"""NumPy's own inner loops of ufuncs, by address: any function of numbers, of whatever library, is one of them.

A ufunc is a public structure (PyUFuncObject in numpy/ufuncobject.h); where it is not as expected there are no loops.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from chainrule.native import abi
from chainrule.native.libraries import Address

__all__ = ["InnerLoop", "inner_loop"]

_LOOP = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)


class _Fields(ctypes.Structure):
    _fields_ = (
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
    )


@dataclass(frozen=True)
class InnerLoop:
    """A function of numbers as a loop of NumPy's, and what it is handed as its last argument."""

    function: Address
    data: Address

    @property
    def __name__(self) -> str:
        return str(self.function.owner.__name__)


def inner_loop(function: Any, dtypes: Sequence[np.dtype[Any]]) -> InnerLoop | None:
    """The loop of a ufunc for arguments and a result of these types, if it has one.

    >>> inner_loop(np.logaddexp2, [np.dtype(float)] * 3) is not None
    True
    """
    if not abi.usable() or not _usable():
        return None
    for place, types in enumerate(function.types):
        if [np.dtype(letter) for letter in types.replace("->", "")] == list(dtypes):
            fields = _fields(function)
            begin = fields.functions[place]
            data = fields.data[place] if fields.data else None
            return InnerLoop(Address(begin, function), Address(data or 0, function)) if begin else None
    return None


def _fields(function: Any) -> Any:
    return _Fields.from_address(id(function) + object.__basicsize__)


@cache
def _usable() -> bool:
    """Whether ufuncs lie in memory as this file says, and their loops do what they should."""
    for function in (np.add, np.logaddexp2, np.isnan, np.modf):
        fields = _fields(function)
        counts = fields.nin, fields.nout, fields.nargs, fields.ntypes
        if counts != (function.nin, function.nout, function.nargs, function.ntypes):
            return False
        if fields.name.decode() != function.__name__:
            return False
    return _calculates()


def _calculates() -> bool:
    place = np.hypot.types.index("dd->d")
    fields = _fields(np.hypot)
    numbers = np.array([3.0, 4.0, 0.0])
    pointers = (ctypes.c_void_p * 3)(*[numbers.ctypes.data + 8 * k for k in range(3)])
    length, steps = ctypes.c_int64(1), (ctypes.c_int64 * 3)()
    data = fields.data[place] if fields.data else None
    _LOOP(fields.functions[place])(ctypes.addressof(pointers), ctypes.addressof(length), ctypes.addressof(steps), data)
    return bool(numbers[2] == 5.0)
