"""Arrays of other libraries as NumPy's, and back into the type that a function was given: by what they can do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from chainrule.tape import Tracked

__all__ = ["is_foreign", "library_of", "like", "plain", "spacing_of"]

_OWN = (np.ndarray, np.generic, float, int, complex, bool)


def is_foreign(value: Any) -> bool:
    """Whether a value is an array of another library: neither NumPy's nor Python's own, but something with a shape.

    A tensor that stands in for another library's is meant as one of those.
    """
    own = isinstance(value, _OWN) or (isinstance(value, Tracked) and library_of(value) != "torch")
    return not own and hasattr(value, "shape")


def plain(value: Any) -> Any:
    """The numbers of an array of any library, as NumPy has them; what is no array stays as it is."""
    if isinstance(value, Tracked):
        return value.value
    if isinstance(value, _OWN) or not hasattr(value, "shape"):
        return value
    if hasattr(value, "detach"):  # a tensor that is on a tape, or on another device
        value = value.detach()
    if hasattr(value, "cpu"):
        value = value.cpu()
    if not hasattr(value, "numpy"):
        array = np.asarray(value)
        return array.astype(np.float32) if array.dtype.kind == "V" else array  # a type that NumPy has not
    try:
        return value.numpy()
    except TypeError:  # the same
        return value.float().numpy()


def spacing_of(value: Any) -> float | None:
    """The spacing at 1 of the numbers of an array of another library; None if it does not say."""
    dtype = getattr(value, "dtype", None)
    for library in ("torch", "ml_dtypes"):
        information = getattr(sys.modules.get(library), "finfo", None)
        if information is not None:
            try:
                return float(information(dtype).eps)
            except (TypeError, ValueError):
                continue
    return None


def library_of(value: Any) -> str:
    """The package that an array comes from, or that it stands in for.

    >>> library_of(np.ones(2))
    'numpy'
    """
    return type(value).__module__.removeprefix("chainrule.").partition(".")[0].removesuffix("lib")


def like(template: Any, array: Any) -> Any:
    """``array`` as the type, and with the number type, of ``template``.

    >>> like(np.float32(1), np.float64(2)).dtype, like(1.0, np.array(2.0))
    (dtype('float32'), 2.0)
    """
    if isinstance(template, bool | int | float | complex):
        return type(template)(array)
    if isinstance(template, np.ndarray | np.generic):
        return np.asarray(array).astype(template.dtype)
    if isinstance(template, Tracked):
        return type(template)(np.asarray(array, template.value.dtype), None, False)
    library = sys.modules.get(type(template).__module__.partition(".")[0])
    if hasattr(library, "from_numpy"):
        made = library.from_numpy(np.array(array))  # type: ignore[union-attr]
        return made.to(template)
    jax = sys.modules.get("jax")
    if jax is not None and hasattr(template, "at"):
        return jax.numpy.asarray(array, dtype=template.dtype)
    return type(template)(array)
