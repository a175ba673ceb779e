"""The rules by which calls of functions are lowered, found by the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.native.value import Value

__all__ = ["BOTH", "DATA", "FACTORS", "FIRST", "LATER", "PLACES", "PRODUCTS", "RULES", "Rule", "both", "rule"]

Rule = Callable[..., Value]
FIRST, BOTH, LATER = slice(0, 1), slice(0, 2), slice(1, None)
"""Which arguments of a function are meant."""
RULES: dict[Any, Rule] = {}
PRODUCTS: set[Any] = set()
"""The functions that read each element of their arguments several times."""
PLACES: set[Any] = set()
"""The functions whose integers say where; they may be others in each turn of a loop."""

DATA: dict[Any, slice] = {}
"""Of functions that move or add the numbers of some arguments, which ones: of complex arrays, half by half."""
FACTORS: dict[Any, slice] = {}
"""Of functions that multiply arrays and add products, which arguments are the factors."""


def rule(
    *functions: Any,
    reads_again: bool = False,
    places: bool = False,
    data: slice | None = None,
    factors: slice | None = None,
) -> Callable[[Rule], Rule]:
    """Register how calls of functions are lowered, and whether these read each element of arguments several times.

    What `PLACES`, `DATA` or `FACTORS` say of them is ``places``, ``data`` or ``factors``.
    """

    def register(made: Rule) -> Rule:
        for function in functions:
            RULES[function] = made
            if data is not None:
                DATA[function] = data
            if factors is not None:
                FACTORS[function] = factors
        if reads_again:
            PRODUCTS.update(functions)
        if places:
            PLACES.update(functions)
        return made

    return register


def both(name: str) -> tuple[Any, Any]:
    """A function of NumPy's and the method of its name."""
    return getattr(np, name), getattr(np.ndarray, name)
