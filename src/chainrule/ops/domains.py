"""`np.emath`: functions whose results are complex outside the domain of the real ones, which then is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import DtypeError
from chainrule.op import REGISTRY
from chainrule.ops.options import plain
from chainrule.ops.shape import arrayed

__all__: list[str] = []


def _negative(x: Any) -> Any:
    return x < 0


def _beyond_one(x: Any) -> Any:
    return np.absolute(x) > 1


def _logarithm(n: Any, x: Any) -> Any:
    return np.log(x) / np.log(n)


# a function of np.emath, the real one, and where a result is not real, for each argument (None: nowhere)
_FUNCTIONS: tuple[tuple[Any, Callable[..., Any], tuple[Any, ...]], ...] = (
    (np.emath.sqrt, np.sqrt, (_negative,)),
    (np.emath.log, np.log, (_negative,)),
    (np.emath.log2, np.log2, (_negative,)),
    (np.emath.log10, np.log10, (_negative,)),
    (np.emath.logn, _logarithm, (_negative, _negative)),
    (np.emath.power, np.power, (_negative, None)),
    (np.emath.arccos, np.arccos, (_beyond_one,)),
    (np.emath.arcsin, np.arcsin, (_beyond_one,)),
    (np.emath.arctanh, np.arctanh, (_beyond_one,)),
)


def _real(name: str, function: Callable[..., Any], outside: tuple[Any, ...]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        for argument, is_outside in zip(arguments, outside, strict=True):
            if is_outside is not None and np.any(is_outside(plain(arrayed(argument)))):
                raise DtypeError(
                    f"np.emath.{name}: an entry outside the domain of the real function, whose result would be "
                    "complex, and complex numbers are not differentiated yet."
                )
        return function(*arguments)

    return call


for _function, _real_one, _outside in _FUNCTIONS:
    REGISTRY[_function] = _real(_function.__name__, _real_one, _outside)
