"""Arrays of other libraries as NumPy's, and back into the type that a function was given: by what they can do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from chainrule.tape import Tracked

__all__ = ["is_foreign", "like", "plain"]

_OWN = (np.ndarray, np.generic, float, int, complex, bool)


def is_foreign(value: Any) -> bool:
    """Whether a value is an array of another library: neither NumPy's nor Python's own, but something with a shape."""
    return not isinstance(value, _OWN) and not isinstance(value, Tracked) and hasattr(value, "shape")


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
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


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
