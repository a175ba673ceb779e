"""The tiny constants that keep a logarithm or a quotient from 0, as in `log(p + 1e-12)`: formulas leave them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.check.chain.reach import Reach
from chainrule.check.chain.sweeps import ILLEGAL
from chainrule.check.mistakes.reruns import rerun
from chainrule.explain.computation import Computation, Step

__all__ = ["move_of_guards", "unguarded"]

Array = np.ndarray[Any, np.dtype[Any]]
TINY = 1e-6


def unguarded(computation: Computation, target: Step, seeds: Mapping[Step, Array]) -> Array | None:
    """The gradient without these constants; None if there are none.

    >>> from chainrule.explain.record import record
    >>> run = record(lambda x: np.log(x + 1e-7), (np.array(0.01),))
    >>> gradient = unguarded(run, run.inputs["x"], {run.output: np.ones(())})
    >>> float(gradient) if gradient is not None else None
    100.0
    """
    tiny = [
        number
        for number, step in enumerate(computation.steps)
        if step.is_constant
        and step.value.size == 1
        and step.value.dtype.kind == "f"
        and 0 < abs(float(step.value)) <= TINY
    ]
    if not tiny:
        return None
    try:
        other, became = rerun(computation, dict.fromkeys(tiny, _zero))
        now = dict(zip(computation.steps, became, strict=True))
        moved = {now[step]: np.broadcast_to(seed, step.shape) for step, seed in seeds.items()}
        return Reach(other, now[target], moved).true
    except ILLEGAL:
        return None


def move_of_guards(computation: Computation, target: Step, seeds: Mapping[Step, Array], true: Array) -> float:
    """How far the gradient moves when these constants are left out."""
    found = unguarded(computation, target, seeds)
    if found is None or found.shape != true.shape or not np.isfinite(found).all():
        return 0.0
    return float(np.max(np.abs(found - true), initial=0.0))


def _zero(step: Step) -> list[Step]:
    return [replace(step, given=np.zeros(step.shape))]
