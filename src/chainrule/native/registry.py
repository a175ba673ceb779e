"""The rules by which calls of functions are lowered, found by the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.native.value import Value

__all__ = ["PRODUCTS", "RULES", "Rule", "both", "rule"]

Rule = Callable[..., Value]
RULES: dict[Any, Rule] = {}
PRODUCTS: set[Any] = set()
"""The functions that read each element of their arguments several times."""


def rule(*functions: Any, reads_again: bool = False) -> Callable[[Rule], Rule]:
    """Register how calls of functions are lowered, and whether these read each element of arguments several times."""

    def register(made: Rule) -> Rule:
        for function in functions:
            RULES[function] = made
        if reads_again:
            PRODUCTS.update(functions)
        return made

    return register


def both(name: str) -> tuple[Any, Any]:
    """A function of NumPy's and the method of its name."""
    return getattr(np, name), getattr(np.ndarray, name)
