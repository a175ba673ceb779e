"""Python's numbers and its `math`, for tracked values: they stay tracked."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import holds
from chainrule.linear._scipy import special
from chainrule.tensor import Tensor

__all__ = ["BUILTINS", "MATH"]


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


def is_instance(value: Any, kinds: Any) -> bool:
    """`isinstance` in code that is run as it stands: a tensor is what NumPy would have in its place."""
    if isinstance(value, kinds):
        return True
    if not isinstance(value, Tensor):
        return False
    return isinstance(np.zeros(()) if value.ndim else value.dtype.type(0), kinds)


BUILTINS: dict[str, Any] = {"float": Float, "isinstance": is_instance}
"""By the names of Python's own, what takes their place in code that is run as it stands."""


def _of_math(function: Callable[..., Any], on_arrays: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any) -> Any:
        if any(map(holds, arguments)):
            return on_arrays(*arguments)
        return function(*arguments)

    return call


def _log(value: Any, base: Any = None) -> Any:
    return np.log(value) if base is None else np.log(value) / np.log(base)


def _special(name: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        return getattr(special, name)(value)  # SciPy is loaded now, if it was not

    return call


_SPECIAL = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln"}  # in math: in scipy.special
_NAMES = {  # in math: in NumPy
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "log1p", "log2", "log10")},
    **{name: name for name in ("sqrt", "cbrt", "exp2", "hypot", "copysign", "fabs", "degrees", "radians", "floor")},
    **{name: name for name in ("ceil", "trunc", "isnan", "isinf", "isfinite", "fmod", "isclose")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "pow": "power",
}
MATH: dict[str, Any] = {
    **{
        name: _of_math(getattr(math, name), getattr(np, other)) for name, other in _NAMES.items() if hasattr(math, name)
    },
    **{name: _of_math(getattr(math, name), _special(other)) for name, other in _SPECIAL.items()},
    "log": _of_math(math.log, _log),
    "fsum": _of_math(math.fsum, sum),
}
"""By the names of `math`, what takes their place."""
