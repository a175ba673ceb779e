"""Other libraries: LLVM if it is installed, and BLAS, LAPACK (as SciPy links them) and threads, by address."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["Address", "address_of", "addresses", "can_be_called", "llvm", "pthreads"]

_MODULES = {"blas": "scipy.linalg.cython_blas", "lapack": "scipy.linalg.cython_lapack"}


def _llvm() -> Any:
    try:
        found = import_module("llvmlite.binding")
        found.check_jit_execution()
    except (ImportError, OSError):  # it is absent, or the system lets no program make code
        return None
    return found


llvm = _llvm()
"""LLVM, as llvmlite brings it; None if there is none."""


def can_be_called() -> bool:
    """Whether functions of other libraries can be found by address, in 64 bits."""
    return hasattr(ctypes, "pythonapi") and ctypes.sizeof(ctypes.c_void_p) == 8


@cache
def address_of(library: str, name: str) -> int:
    """Where a function of ``blas`` or ``lapack`` begins; it takes all arguments by address, as Fortran does."""
    capsule = import_module(_MODULES[library]).__pyx_capi__[name]
    title: Any = ctypes.pythonapi.PyCapsule_GetName
    title.restype, title.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer: Any = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, title(capsule)))


class Address(NamedTuple):
    """A function of this process, and the object that it lives as long as."""

    address: int
    owner: Any


def addresses(functions: Sequence[Address | tuple[str, str]]) -> list[int]:
    """Where functions begin: those that have an address, and those named by library and name."""
    return [found.address if isinstance(found, Address) else address_of(*found) for found in functions]


@cache
def pthreads() -> tuple[Address, ...]:
    """The functions that begin a thread and that wait for its end; none where the system has others."""
    if os.name != "posix":
        return ()
    library = ctypes.CDLL(None)
    names = "pthread_create", "pthread_join"
    if not all([hasattr(library, name) for name in names]):
        return ()
    return tuple([Address(ctypes.cast(library[name], ctypes.c_void_p).value or 0, library) for name in names])
