"""`np.emath`: functions whose results are complex outside the domain of the real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import REGISTRY
from chainrule.ops.options import is_complex, plain
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


def _continued(function: Callable[..., Any], outside: tuple[Any, ...]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        return function(*map(_widened, arguments, outside))

    return call


def _widened(argument: Any, is_outside: Any) -> Any:
    """The argument as complex numbers, if one of it is outside."""
    argument = arrayed(argument)
    if is_outside is None or is_complex(argument) or not np.any(is_outside(plain(argument))):
        return argument
    return argument.astype(np.result_type(plain(argument), np.complex64))


for _function, _real_one, _outside in _FUNCTIONS:
    REGISTRY[_function] = _continued(_real_one, _outside)
