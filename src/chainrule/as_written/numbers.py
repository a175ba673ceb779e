"""Python's numbers and its `math`, for tracked values: they stay tracked."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from chainrule.tensor import Tensor

__all__ = ["MATH", "Float"]


class _AlsoFloats(type(float)):  # type: ignore[misc]
    """The type of `Float`: every float is an instance."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, float)


class Float(float, metaclass=_AlsoFloats):
    """`float` in code that is run as it stands: of a tracked number it makes the number itself, still tracked."""

    dtype = np.dtype(float)  # so that NumPy takes it for what it stands for

    def __new__(cls, value: Any = 0.0) -> Any:
        if isinstance(value, Tensor) and value.size == 1:
            return value.reshape(()) if value.dtype == cls.dtype else value.reshape(()).astype(float)
        return float(value)


def _of_math(function: Callable[..., Any], on_arrays: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any) -> Any:
        if any([isinstance(value, Tensor) for value in arguments]):
            return on_arrays(*arguments)
        return function(*arguments)

    return call


def _log(value: Any, base: Any = None) -> Any:
    return np.log(value) if base is None else np.log(value) / np.log(base)


_NAMES = {  # in math: in NumPy
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "log1p", "log2", "log10")},
    **{name: name for name in ("sqrt", "cbrt", "exp2", "hypot", "copysign", "fabs", "degrees", "radians", "floor")},
    **{name: name for name in ("ceil", "trunc", "isnan", "isinf", "isfinite", "fmod", "isclose")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "pow": "power",
    "fsum": "sum",
}
MATH: dict[str, Any] = {
    **{
        name: _of_math(getattr(math, name), getattr(np, other)) for name, other in _NAMES.items() if hasattr(math, name)
    },
    "log": _of_math(math.log, _log),
}
"""By the names of `math`, what takes their place."""
