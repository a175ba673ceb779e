"""Python's numbers, its `math` and its `cmath`, for tracked values: they stay tracked."""

from __future__ import annotations

import cmath
import math
import sys
from collections.abc import Callable, Mapping
from functools import reduce, wraps
from typing import Any

import numpy as np

from chainrule.as_written.making import holds, instead, numbers_of, stacked
from chainrule.linear._scipy import special
from chainrule.program.deferred import Deferred
from chainrule.tensor import Tensor

__all__ = ["BUILTINS", "CMATH", "MATH", "NUMBERS", "is_scalar", "of_statistics"]


_FSUM, _ISSCALAR = math.fsum, np.isscalar


class _Also(type):
    """The type of `Float`, `Complex` and their kin: every float, or complex number, is an instance."""

    plain: type

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.plain

    def __hash__(cls) -> int:
        return hash(cls.plain)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.plain)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.plain)


class Float(float, metaclass=_Also):
    """`float` in code that is run as it stands: of a tracked number it makes the number itself, still tracked."""

    plain, dtype = float, np.dtype(float)  # so that NumPy takes it for what it stands for

    def __new__(cls, value: Any = 0.0) -> Any:
        if isinstance(value, Tensor) and value.size == 1:
            return value.reshape(()) if value.dtype == cls.dtype else value.reshape(()).astype(float)
        return float(value)


class Complex(complex, metaclass=_Also):
    """`complex` in the same way."""

    plain, dtype = complex, np.dtype(complex)

    def __new__(cls, real: Any = 0, imag: Any = None) -> Any:
        if holds((real, imag)):
            return _as_complex(real) if imag is None else _as_complex(real) + 1j * _as_complex(imag)
        return complex(real) if imag is None else complex(real, imag)


def _of_numpy(kind: type[np.generic]) -> type[np.generic]:
    """A class of NumPy's in the same way: of tracked numbers it makes numbers or arrays of its dtype, still tracked."""

    def make(cls: Any, *values: Any) -> Any:
        if not any(map(holds, values)):
            return kind(*values)
        made = stacked(values[0])
        return (made if made.ndim else made.reshape(())).astype(cls.dtype)

    return _Also(kind.__name__, (kind,), {"plain": kind, "dtype": np.dtype(kind), "__new__": make})  # type: ignore[return-value]


def _as_complex(value: Any) -> Any:
    return value.reshape(()).astype(complex) if isinstance(value, Tensor) else complex(value)


def _is_array(tensor: Tensor) -> bool:
    return bool(tensor.ndim or tensor.is_array)


def is_instance(value: Any, kinds: Any) -> bool:
    """`isinstance` in code that is run as it stands: a tensor is what NumPy would have in its place."""
    if isinstance(value, kinds):
        return True
    if not isinstance(value, Tensor):
        return False
    return isinstance(np.zeros(()) if _is_array(value) else value.dtype.type(0), kinds)


class Kind:
    """`type` in code that is run as it stands, in the same way; all else that `type` is for, it does as well."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """The kind of one value, or a new class."""
        if len(arguments) != 1 or not isinstance(arguments[0], Tensor):
            return type(*arguments, **options)
        return np.ndarray if _is_array(arguments[0]) else arguments[0].dtype.type

    def __mro_entries__(self, bases: Any) -> tuple[type]:
        return (type,)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, type)

    def __subclasscheck__(self, kind: type) -> bool:
        return issubclass(kind, type)

    def __eq__(self, other: object) -> bool:
        return other is self or other is type

    def __hash__(self) -> int:
        return hash(type)

    def __getattr__(self, name: str) -> Any:
        return getattr(type, name)


def is_scalar(element: Any) -> bool:
    """`np.isscalar` of a tensor: what NumPy would have in its place has no axes, or has some."""
    return not _is_array(element) if isinstance(element, Tensor) else bool(_ISSCALAR(element))


BUILTINS: dict[str, Any] = {"float": Float, "complex": Complex, "isinstance": is_instance, "type": Kind()}
"""By the names of Python's own, what takes their place in code that is run as it stands."""

_OF_NUMPY = {kind: _of_numpy(kind) for kind in (np.float64, np.float32, np.float16, np.complex128, np.complex64)}
NUMBERS: dict[str, Any] = {
    name: _OF_NUMPY[kind] for name, kind in vars(np).items() if isinstance(kind, type) and kind in _OF_NUMPY
}
"""By the names of NumPy's classes of numbers, `np.double` for one, what takes their place."""


def _of_math(function: Callable[..., Any], on_arrays: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any) -> Any:
        if not any(map(holds, arguments)):
            return function(*arguments)
        if sys._getframe(1).f_code.co_exceptiontable or not _are_deferred(arguments):
            function(*numbers_of(arguments))  # an error that Python's own raises, and that code may wait for
        return on_arrays(*arguments)

    return call


def _are_deferred(value: Any) -> bool:
    """Whether the number of some tensor in nested lists and tuples is not known yet."""
    if isinstance(value, Tensor):
        return type(value.value) is Deferred
    return isinstance(value, list | tuple) and any(map(_are_deferred, value))


def _log(value: Any, base: Any = None) -> Any:
    return np.log(value) if base is None else np.log(value) / np.log(base)


def _whole(function: Callable[..., Any]) -> Callable[[Any], int]:
    return lambda value: int(function(value))


def _fsum(seq: Any) -> Any:
    entries = seq if isinstance(seq, Tensor) else [*seq]
    return sum(entries) if holds(entries) else _FSUM(entries)


def _distance(p: Any, q: Any) -> Any:
    return np.linalg.norm(stacked(p) - stacked(q))


def _length(*coordinates: Any) -> Any:
    return reduce(np.hypot, coordinates, 0.0) if len(coordinates) != 2 else np.hypot(*coordinates)


def _remainder(x: Any, y: Any) -> Any:
    return x - y * np.rint(x / y)


def _special(name: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        return getattr(special, name)(value)  # SciPy is loaded now, if it was not

    return call


_SPECIAL = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln"}  # in math: in scipy.special
_NAMES = {  # in math: in NumPy
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "log1p", "log2", "log10")},
    **{name: name for name in ("sqrt", "cbrt", "exp2", "copysign", "fabs", "degrees", "radians", "ldexp", "frexp")},
    **{name: name for name in ("modf", "isnan", "isinf", "isfinite", "fmod", "isclose")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "pow": "power",
}
MATH: dict[str, Any] = {
    **{
        name: _of_math(getattr(math, name), getattr(np, other)) for name, other in _NAMES.items() if hasattr(math, name)
    },
    **{name: _of_math(getattr(math, name), _special(other)) for name, other in _SPECIAL.items()},
    **{name: _of_math(getattr(math, name), _whole(getattr(np, name))) for name in ("floor", "ceil", "trunc")},
    "log": _of_math(math.log, _log),
    "fsum": _fsum,
    "dist": _of_math(math.dist, _distance),
    "hypot": _of_math(math.hypot, _length),
    "remainder": _of_math(math.remainder, _remainder),
}
"""By the names of `math`, what takes their place."""


def _of_complex(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: function(_as_complex(value))


def _polar(value: Any) -> tuple[Any, Any]:
    return np.abs(value), np.angle(value)


def _rectangular(r: Any, phi: Any) -> Any:
    return r * np.exp(1j * phi)


def _log_of_complex(value: Any, base: Any = None) -> Any:
    return _log(_as_complex(value), base if base is None else _as_complex(base))


CMATH: dict[str, Any] = {
    **{
        name: _of_math(getattr(cmath, name), _of_complex(getattr(np, _NAMES[name])))
        for name in ("sqrt", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh")
    },
    "log": _of_math(cmath.log, _log_of_complex),
    "phase": _of_math(cmath.phase, np.angle),
    "polar": _of_math(cmath.polar, _polar),
    "rect": _of_math(cmath.rect, _rectangular),
}
"""By the names of `cmath`, what takes their place."""


def of_statistics(module: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What takes the place of functions of Python's `statistics`."""
    made: dict[str, Callable[..., Any]] = {
        **{name: lambda data: np.mean(stacked(data)) for name in ("mean", "fmean")},
        "median": lambda data: np.median(stacked(data)),
        "variance": lambda data: np.var(stacked(data), ddof=1),
        "stdev": lambda data: np.std(stacked(data), ddof=1),
        "pvariance": lambda data: np.var(stacked(data)),
        "pstdev": lambda data: np.std(stacked(data)),
    }
    return [(module, {name: instead(getattr(module, name), function) for name, function in made.items()})]
