"""The series of `np.polynomial` at tracked points: their code asks whether it was given an array, and a tensor is none.

Where there are several series at once, the axes of the coefficients stand before those of the points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from chainrule.as_written.making import stacked
from chainrule.tensor import Tensor

__all__ = ["VALUES", "of_polynomials"]

_SERIES = ("polynomial", "chebyshev", "legendre", "laguerre", "hermite", "hermite_e")
_PREFIXES = ("poly", "cheb", "leg", "lag", "herm", "herme")

VALUES = {
    *[prefix + name for prefix in _PREFIXES for name in ("val", "val2d", "val3d", "grid2d", "grid3d")],
    "polyvalfromroots",
}
"""The functions that would otherwise take points of several axes for coefficients of fewer."""


def _values(plain: Callable[..., Any]) -> Callable[..., Any]:
    form = signature(plain)  # x, the coefficients or roots, tensor

    @wraps(plain)
    def call(*arguments: Any, **options: Any) -> Any:
        given = form.bind(*arguments, **options)
        given.apply_defaults()
        x, c, tensor = given.args
        if not isinstance(x, Tensor):
            return plain(x, c, tensor)
        c = np.atleast_1d(stacked(c))
        return plain(x, c.reshape(c.shape + (1,) * x.ndim) if tensor else c, False)

    return call


def of_polynomials(package: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of the functions that give values, by module."""
    modules = [getattr(package, name) for name in _SERIES]
    return [
        (
            module,
            {name: _values(plain) for name, plain in vars(module).items() if name in VALUES and not name.endswith("d")},
        )
        for module in modules
    ]
