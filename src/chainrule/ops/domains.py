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


def _above(least: float) -> Callable[..., Any]:
    return lambda x: x >= least


def _up_to_one(x: Any) -> Any:
    return np.absolute(x) <= 1


def _powered(x: Any, p: Any) -> Any:
    return np.power(x, p)


def _logarithm(n: Any, x: Any) -> Any:
    return np.log(x) / np.log(n)


# a function of np.emath, the real one, and where a result is real, for each argument (None: everywhere)
_FUNCTIONS: tuple[tuple[Any, Callable[..., Any], tuple[Any, ...]], ...] = (
    (np.emath.sqrt, np.sqrt, (_above(0.0),)),
    (np.emath.log, np.log, (_above(0.0),)),
    (np.emath.log2, np.log2, (_above(0.0),)),
    (np.emath.log10, np.log10, (_above(0.0),)),
    (np.emath.logn, _logarithm, (_above(0.0), _above(0.0))),
    (np.emath.power, _powered, (_above(0.0), None)),
    (np.emath.arccos, np.arccos, (_up_to_one,)),
    (np.emath.arcsin, np.arcsin, (_up_to_one,)),
    (np.emath.arctanh, np.arctanh, (_up_to_one,)),
)


def _real(name: str, function: Callable[..., Any], domains: tuple[Any, ...]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        for argument, domain in zip(arguments, domains, strict=True):
            if domain is not None and not np.all(domain(plain(arrayed(argument)))):
                raise DtypeError(
                    f"np.emath.{name}: an entry outside the domain of the real function, whose result would be "
                    "complex, and complex numbers are not differentiated yet."
                )
        return function(*arguments)

    return call


for _function, _real_one, _domains in _FUNCTIONS:
    REGISTRY[_function] = _real(_function.__name__, _real_one, _domains)
