"""Pulls a cotangent back through a computation that is remembered, also where some on its way are said to be others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.explain.computation import Computation, Step
from chainrule.linear.apply import pull

__all__ = ["pulled"]

Array = np.ndarray[Any, np.dtype[Any]]


def pulled(
    computation: Computation,
    target: Step,
    upstream: Any = None,
    known: Mapping[Step, Array] | None = None,
    values: Mapping[Step, Any] | None = None,
) -> Array | None:
    """The cotangent of ``target`` from that of the output (ones by default); None if no path leads there.

    The cotangents of steps in ``known`` are taken as they are said to be. ``values`` are those of the steps, where they
    are not the recorded ones.

    >>> from chainrule.explain.record import record
    >>> run = record(lambda x: np.sum((y := x * 3.0) * y), (np.array([1.0, 2.0]),))
    >>> x, y = run.inputs["x"], run.steps[2]
    >>> pulled(run, x), pulled(run, x, known={y: np.array([1.0, 1.0])})
    (array([18., 36.]), array([3., 3.]))
    """
    steps = computation.between([target])
    if target not in steps:
        return None
    known = known or {}
    output = computation.output
    arrived: dict[Step, Any] = {step: np.zeros(step.shape) for step in steps}
    arrived[output] = np.ones(output.shape) if upstream is None else np.asarray(upstream, dtype=float)
    for step in reversed(steps):
        if step is target:
            break
        cotangent = known.get(step, arrived[step])
        given = [argument.given if values is None else values[argument] for argument in step.arguments]
        out = step.value if values is None else values[step]
        for position, argument in enumerate(step.arguments):
            if argument in arrived:
                for made, factors, tables in step.local(position, out, given):
                    part = pull(made, cotangent, factors, tables)
                    arrived[argument] = arrived[argument] + np.broadcast_to(part, argument.shape)
    return np.array(arrived[target], dtype=np.float64)
