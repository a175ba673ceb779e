"""A class whose instances Python calls at an address: as cheap as a function written in C.

CPython's vectorcall protocol (PEP 590) wants the address in the object and its place in the type; the type is made
through the C interface, and a class in Python inherits from it. Where objects do not lie in memory as `abi` says there
is no such type, and no instance is pointed anywhere.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from chainrule.native import abi

__all__ = ["Callable", "direct", "point"]

_PLACE = 16  # of the address in the object, after the reference count and the type
_DEFAULT, _BASE, _VECTORCALL = 1 << 18, 1 << 10, 1 << 11
_CALL, _MEMBERS = 50, 72  # numbers of slots in Include/typeslots.h
_SSIZE, _READONLY = 19, 1


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("value", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


def _made() -> tuple[type, Any]:
    members = (_Member * 2)(_Member(b"__vectorcalloffset__", _SSIZE, _PLACE, _READONLY, None))
    call = ctypes.cast(ctypes.pythonapi.PyVectorcall_Call, ctypes.c_void_p).value
    slots = (_Slot * 3)(_Slot(_CALL, call), _Slot(_MEMBERS, ctypes.addressof(members)))
    spec = _Spec(b"chainrule.native.Callable", _PLACE + 8, 0, _DEFAULT | _BASE | _VECTORCALL, slots)
    make = ctypes.pythonapi.PyType_FromSpec
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p]
    return make(ctypes.addressof(spec)), (members, slots, spec)


Callable, _kept = _made() if abi.usable() else (object, None)


def direct(kind: type) -> type:
    """Let Python call instances of a subclass at their address too; before 3.12 it does so for C's own types only."""
    if sys.version_info < (3, 12) and abi.usable():
        for at in range(64, 256, 8):  # the flags are where their value is
            field = ctypes.c_ulong.from_address(id(kind) + at)
            if field.value == kind.__flags__:
                field.value |= _VECTORCALL
                break
    return kind


def point(instance: Any, address: int) -> None:
    """Set the address at which an instance is called."""
    ctypes.c_void_p.from_address(id(instance) + _PLACE).value = address
