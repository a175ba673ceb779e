"""Where the slopes of the two sides differ, every slope between them is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.check.function.numeric import sides
from chainrule.check.function.subject import Run

__all__ = ["Kink", "kink_at"]

Array = np.ndarray[Any, np.dtype[Any]]
MOST = 12  # entries that are looked at


class Kink:
    """Entries of an argument at which the function has a kink, with the slopes of one of them."""

    def __init__(self, places: list[tuple[int, ...]], left: float, right: float) -> None:
        self.places, self.left, self.right = places, left, right


def kink_at(run: Run, name: str, claimed: Array, true: Array, allowed: float = 0.0) -> Kink | None:
    """The kinks that explain why a claim differs from the truth by more than is ``allowed``; None if there are none."""
    if claimed.shape != true.shape or np.iscomplexobj(claimed) or np.iscomplexobj(true):
        return None

    def loss(moved: Array) -> float:
        return float(np.sum(run.seed * run.with_leaf(name, moved)))

    return _between_slopes(loss, run.leaf(name), claimed, true, run.subject.eps(name), allowed)


def _between_slopes(
    loss: Callable[[Array], float], point: Array, claimed: Array, true: Array, eps: float, allowed: float
) -> Kink | None:
    off = np.abs(claimed - true)
    order = np.argsort(off, axis=None)[::-1]
    scale = float(np.max(np.abs(true), initial=0.0))
    places, slopes = [], (0.0, 0.0)
    for flat in order[:MOST]:
        index = tuple([int(k) for k in np.unravel_index(flat, point.shape)])
        if off[index] <= max(1e-6 * max(scale, float(np.max(off))), allowed):
            break
        left, right, error = sides(loss, point, index, eps)
        low, high = min(left, right), max(left, right)
        differ = high - low > 4 * error + 1e-3 * max(abs(low), abs(high), 1e-300)
        if not differ or not low - error <= claimed[index] <= high + error:
            return None
        places.append(index)
        slopes = (left, right)
    return Kink(places, *slopes) if places else None
