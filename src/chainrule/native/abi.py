"""How Python's and NumPy's objects lie in memory on this interpreter, checked by looking before anything relies on it.

CPython's and NumPy's structures are public (Include/cpython, numpy/ndarraytypes.h) but differ between builds; where one
is not as expected `usable` is false, and calls go through ctypes.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
import weakref
from functools import cache
from typing import Any

import numpy as np

__all__ = ["ARRAY", "COUNT", "DICT_TAG", "FLOAT", "ITEMS", "empty_address", "has_tags", "usable"]

ARRAY = {"data": 16, "ndim": 24, "shape": 32, "strides": 40, "dtype": 56, "flags": 64, "weak": 72}
"""Where the fields of an array are, in bytes."""
COUNT = 0  # of references, in 32 bits
TYPE = 8
FLOAT = 16  # the number of a float, of a complex number, and of NumPy's scalars
SIZE, ITEMS, LIST_ITEMS = 16, 24, 24  # of tuples, the entries themselves; of lists, where the pointer to them is
CELL = 16
ABSENT = object()  # what a dictionary without the entry has
DICT_SIZE, DICT_TAG = 16, 24
ALIGNED, WRITEABLE = 0x100, 0x400
_EMPTY = 184  # of NumPy's table of functions: PyArray_Empty


def _at(address: int, kind: Any) -> Any:
    return kind.from_address(address).value


@cache
def _table() -> Any:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    return ctypes.cast(pointer(capsule, None), ctypes.POINTER(ctypes.c_void_p))


@cache
def empty_address() -> int:
    """The address of PyArray_Empty."""
    return int(_table()[_EMPTY])


@cache
def usable() -> bool:
    """Whether objects lie in memory as this file says."""
    if sys.implementation.name != "cpython" or any(map(sysconfig.get_config_var, ("Py_GIL_DISABLED", "Py_REF_DEBUG"))):
        return False
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    array = np.arange(6.0).reshape(2, 3)[:, ::2]
    base, word, pointer = id(array), ctypes.c_int64, ctypes.c_void_p
    shape, strides = _at(base + ARRAY["shape"], pointer), _at(base + ARRAY["strides"], pointer)
    unknown = _at(base + ARRAY["weak"], pointer)
    reference = weakref.ref(array)
    looks = [
        _counts(array),
        unknown is None and _at(base + ARRAY["weak"], pointer) == id(reference),
        _at(base + TYPE, pointer) == id(np.ndarray),
        _at(base + ARRAY["data"], pointer) == array.ctypes.data,
        _at(base + ARRAY["ndim"], ctypes.c_int32) == 2,
        [_at(shape + 8 * k, word) for k in range(2)] == [2, 2],
        [_at(strides + 8 * k, word) for k in range(2)] == [24, 16],
        _at(base + ARRAY["dtype"], pointer) == id(np.dtype(np.float64)),
        _at(base + ARRAY["flags"], ctypes.c_int32) & ALIGNED != 0,
        _at(id(1.5) + FLOAT, ctypes.c_double) == 1.5,
    ]
    scalar, narrow, pair, entries = np.float64(2.5), np.float32(2.5), (array, 7), [array, 7]
    cell = _cell()
    looks += [
        _at(id(scalar) + FLOAT, ctypes.c_double) == 2.5,
        *[_at(id(pair) + FLOAT + 8, ctypes.c_double) == 0.5 for pair in (1.5 + 0.5j, np.complex128(1.5 + 0.5j))],
        _at(id(narrow) + FLOAT, ctypes.c_float) == 2.5,
        _at(id(np.int8(-5)) + FLOAT, ctypes.c_int8) == -5,
        _at(id(np.longlong(7)) + FLOAT, word) == 7,
        _at(id(pair) + SIZE, word) == 2 and _at(id(pair) + ITEMS, pointer) == base,
        _at(id(entries) + SIZE, word) == 2 and _at(_at(id(entries) + LIST_ITEMS, pointer), pointer) == base,
        _at(id(cell) + CELL, pointer) == id(_at),
    ]
    known = {1: 2}
    looks.append(_at(id(known) + DICT_SIZE, word) == 1)
    return all(looks) and _makes_arrays()


def _counts(value: Any) -> bool:
    """Whether the number of references to an object is where it is looked for."""
    before = _at(id(value) + COUNT, ctypes.c_uint32)
    more = [value, value, value]
    return bool(_at(id(value) + COUNT, ctypes.c_uint32) == before + len(more))


def _cell() -> Any:
    held = _at
    return (lambda: held).__closure__[0]  # type: ignore[index]


def _makes_arrays() -> bool:
    """Whether the function taken for PyArray_Empty is it."""
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_int, ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(
        empty_address()
    )
    shape = (ctypes.c_int64 * 2)(3, 4)
    dtype = np.dtype(np.float32)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dtype))  # it takes a reference over
    made = make(2, ctypes.addressof(shape), dtype, 0)
    return isinstance(made, np.ndarray) and made.shape == (3, 4) and made.dtype == dtype


@cache
def has_tags() -> bool:
    """Whether a dictionary has a number that changes whenever it does."""
    if sys.version_info >= (3, 14):
        return False
    known = {"a": object()}
    seen = [_at(id(known) + DICT_TAG, ctypes.c_uint64)]
    known["a"] = object()
    seen.append(_at(id(known) + DICT_TAG, ctypes.c_uint64))
    known["b"] = object()
    seen.append(_at(id(known) + DICT_TAG, ctypes.c_uint64))
    return len(set(seen)) == 3


@cache
def code_offset() -> int | None:
    """Where a function has its code object."""
    address = id(_cell)
    for at in range(16, 128, 8):
        if _at(address + at, ctypes.c_void_p) == id(_cell.__code__):
            return at
    return None
