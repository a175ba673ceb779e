"""Tells whether a claimed gradient is one of the slopes at a kink, where max, abs or relu is just at its corner.

There is no one derivative at a kink. The computation is run again a little beside the point, in several directions:
where its gradient jumps from one to the next there is a kink, and whatever lies between the slopes is as good.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.check.watching.pulling import pulled
from chainrule.explain.computation import Computation, Step

__all__ = ["is_a_slope"]

Array = np.ndarray[Any, np.dtype[Any]]
DIRECTIONS = 12
ENOUGH = 4  # directions after which one believes that there is no kink
DISTANCE = 1e-6  # relative to the size of what is moved
JUMP = 1e-3  # relative: how far a gradient moves at a kink, and nowhere else for so small a step
CLOSE = 1e-4  # relative: how far it may move between kinks


def is_a_slope(claimed: Array, computation: Computation, target: Step, upstream: Array | None, slack: float) -> bool:
    """Whether a claim lies between the slopes at a kink; False where there is none.

    >>> from chainrule.explain.record import record
    >>> run = record(lambda x: np.sum(np.maximum(x, 0)), (np.array([0.0, 1.0, -2.0]),))
    >>> x = run.inputs["x"]
    >>> [is_a_slope(np.array([slope, 1.0, 0.0]), run, x, None, 0.0) for slope in (0.0, 1.0, 0.5, 3.0)]
    [True, True, True, False]
    >>> is_a_slope(np.array([0.0, 2.0, 0.0]), run, x, None, 0.0)
    False
    """
    if claimed.shape != target.shape or np.iscomplexobj(claimed) or not np.isfinite(claimed).all():
        return False
    random = np.random.default_rng(0)
    low = high = None
    for number in range(DIRECTIONS):
        found = _gradient_beside(computation, target, upstream, random)
        if found is None:
            return False
        low = found if low is None else np.minimum(low, found)
        high = found if high is None else np.maximum(high, found)
        if number + 1 == ENOUGH and not _jumps(low, high):
            return False
    assert low is not None and high is not None
    allowed = slack + CLOSE * float(np.max(np.abs([low, high])))
    return bool(np.all(claimed >= low - allowed) and np.all(claimed <= high + allowed))


def _jumps(low: Array, high: Array) -> bool:
    largest = float(np.max(np.abs([low, high]), initial=0.0))
    return float(np.max(high - low, initial=0.0)) > JUMP * largest


def _gradient_beside(computation: Computation, target: Step, upstream: Array | None, random: Any) -> Array | None:
    """The gradient a little beside the recorded point; None if it cannot be computed."""
    values: dict[Step, Any] = {}
    try:
        for step in computation.steps:
            if step.operation is not None:
                values[step] = step.forward([values[argument] for argument in step.arguments])
            else:
                values[step] = _moved(step.given, random if step.is_input else None)
        found = pulled(computation, target, upstream, values=values)
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return None
    return found if found is not None and np.isfinite(found).all() else None


def _moved(value: Any, random: Any) -> Any:
    """A value in double precision, so that rounding is no jump, and a little beside itself if ``random`` is given."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    wide = array.astype(np.float64)
    if random is None:
        return wide
    scale = max(float(np.mean(np.abs(wide))) if wide.size else 0.0, 0.1)
    return wide + DISTANCE * scale * random.normal(size=wide.shape)
