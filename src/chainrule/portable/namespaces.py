"""Which namespace an array belongs to, in the form of the array API standard."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.errors import LibraryMissingError, SourceError
from chainrule.portable.helpers import special

__all__ = ["functions_in", "missing_in", "namespace_of"]


def namespace_of(leaves: Iterable[Any]) -> Any:
    """The namespace of the arrays among ``leaves``: that of NumPy gives way to another.

    JAX's arrays name their own; for those of PyTorch, CuPy and Dask array_api_compat has one.

    >>> namespace_of([np.ones(3), 2.0]).__name__
    'numpy'
    """
    found: dict[str, Any] = {}
    for leaf in leaves:
        if isinstance(leaf, np.ndarray | np.generic) or not hasattr(leaf, "shape"):
            continue
        namespace = _own(leaf)
        found[namespace.__name__] = namespace
    if len(found) > 1:
        raise SourceError(f"arrays of several libraries were given: {', '.join(sorted(found))}")
    return next(iter(found.values()), np)


def _own(array: Any) -> Any:
    library = type(array).__module__.partition(".")[0]
    if library not in ("torch", "cupy", "dask") and hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    try:
        compat = import_module("array_api_compat")
    except ImportError:
        raise LibraryMissingError(
            f"for arrays of {library} array_api_compat is needed: pip install array-api-compat"
        ) from None
    try:
        return compat.array_namespace(array)
    except TypeError:
        raise SourceError(f"{type(array).__name__} is no array of a namespace that is known") from None


def functions_in(text: str) -> list[str]:
    """What a program calls of ``xp``, and of the special functions beside it.

    >>> functions_in("xp.sum(xp.linalg.inv(special(xp).erf(x)))")
    ['linalg.inv', 'special.erf', 'sum']
    """
    found = re.findall(r"\bxp\.((?:linalg\.|fft\.)?\w+)", text)
    return sorted({*found, *[f"special.{name}" for name in re.findall(r"\bspecial\(xp\)\.(\w+)", text)]})


def missing_in(xp: Any, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that a library does not have."""
    return [name for name in names if not _has(xp, name)]


def _has(xp: Any, name: str) -> bool:
    first, _, last = name.rpartition(".")
    place = special(xp) if first == "special" else getattr(xp, first, None) if first else xp
    return hasattr(place, last)
