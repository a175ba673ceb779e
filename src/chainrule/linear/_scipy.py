"""The parts of SciPy that need time to load, loaded when an attribute of them is first asked for."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["blas", "csgraph", "lapack", "linalg", "signal", "sparse", "sparse_linalg", "spatial", "special"]


class _Lazy:
    """A module that is imported at its first use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            self._module = import_module(self._name)
        value = getattr(self._module, attribute)
        setattr(self, attribute, value)  # the next look-up does not come here
        return value


sparse = _Lazy("scipy.sparse")
sparse_linalg = _Lazy("scipy.sparse.linalg")
linalg = _Lazy("scipy.linalg")
blas = _Lazy("scipy.linalg.blas")
csgraph = _Lazy("scipy.sparse.csgraph")
lapack = _Lazy("scipy.linalg.lapack")
signal = _Lazy("scipy.signal")
spatial = _Lazy("scipy.spatial")
special = _Lazy("scipy.special")
