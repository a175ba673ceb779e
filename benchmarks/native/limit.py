"""The limit: C written by hand, compiled when it is first needed and called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.native.row import Row

NAMES = ("kernels", "grids", "stencils", "matrices", "hands", "bundle")
SOURCES = [Path(__file__).parent / f"{name}.c" for name in NAMES]
FLAGS = ["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-fopenmp-simd", "-fPIC"]


def compiler() -> str | None:
    """The C compiler, if there is one: gcc, whose vectors and functions of vectors the kernels are written for."""
    return os.environ.get("CC") or shutil.which("gcc")


@functools.cache
def kernels() -> ctypes.CDLL | None:
    """The kernels as a library, or None without a compiler."""
    command = compiler()
    if command is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        objects = [f"{folder}/{source.stem}.o" for source in SOURCES]
        for source, made in zip(SOURCES, objects, strict=True):
            subprocess.run([command, *FLAGS, "-c", source, "-o", made], check=True)
        # Linked without -ffast-math: with it, gcc turns denormal numbers off in the whole process.
        subprocess.run([command, "-shared", *objects, "-lmvec", "-lm", "-o", f"{folder}/kernels.so"], check=True)
        return ctypes.CDLL(f"{folder}/kernels.so")


def by_hand(row: Row) -> Callable[[], list[Any]] | None:
    """A call of the limit: [value, gradients], or Jacobians, in arrays that are there; None without a compiler."""
    if not isinstance(row.limit, str):
        return functools.partial(row.limit, *row.arguments)
    if kernels() is None:
        return None
    inputs = [np.array(argument, order="C") for argument in row.arguments]
    outputs = [*map(np.empty, row.entries)] or [np.empty_like(one) for one in inputs[: row.count]]
    call = called(row.limit, inputs, outputs, row.sizes)
    return (lambda: call()[1:]) if row.entries else call


def called(name: str, inputs: list[Any], outputs: list[Any], sizes: Sequence[int]) -> Callable[[], list[Any]]:
    """A call of a kernel on arrays in C order, which there must be a compiler for: what it returns, and the outputs."""
    library = kernels()
    assert library is not None
    kernel = library[name]
    kernel.restype = ctypes.c_double
    handed = _addresses(inputs), _addresses(outputs), (ctypes.c_long * len(sizes))(*sizes)

    def call(_alive: Any = inputs) -> list[Any]:
        return [kernel(*handed), *outputs]

    return call


def _addresses(arrays: list[Any]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
