"""Results of any shape as one number, whose gradient says something of every entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["weighed"]


def weighed(f: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """The sum of what a function gives, in the shape that it gives at ``x``, with weights that are all different."""
    out = np.asarray(f(x.copy()))
    weights = np.cos(np.arange(out.size) + 0.5).reshape(out.shape)

    def scalar(x: Any) -> Any:
        return np.sum(f(x) * weights)

    return scalar
