"""How much a gradient can lose to rounding: the sizes of all contributions, and how it moves with its arguments."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.check.chain.contributions import contributions
from chainrule.check.chain.reach import Reach
from chainrule.check.chain.sweeps import ILLEGAL
from chainrule.check.function.subject import Run
from chainrule.check.mistakes import guards
from chainrule.check.mistakes.reruns import rerun
from chainrule.explain.computation import Step
from chainrule.linear.term import Term

__all__ = ["lost", "move_of_guards", "size_of", "unguarded"]

Array = np.ndarray[Any, np.dtype[Any]]
NUDGE = 2.0**-26  # relative, by which numbers are moved


def lost(run: Run, name: str) -> Array | None:
    """Per unit of eps, what computing the gradient by an argument can lose; None where nothing is known."""
    if run.computation is None:
        return None
    size = size_of(run, run.step(name))
    if size is None:
        return None
    longest = max([step.value.size for step in run.computation.inputs.values()])
    growth = math.sqrt(len(run.computation.steps) + math.log2(longest + 1))
    total: Array = growth * (size + _moved(run, name))
    return total if np.isfinite(total).all() else None


def size_of(run: Run, step: Step, given: Mapping[Step, Array] | None = None) -> Array | None:
    """The size of what comes back to a step; ``given`` are cotangents that are taken as they are said to be."""
    computation = run.computation
    assert computation is not None
    steps = computation.between(list(computation.inputs.values()))
    known = set(steps)
    if step not in known or computation.output not in known:
        return None
    way = ((here, _edges(here, known)) for here in reversed(steps))
    seeds = {computation.output: np.broadcast_to(run.seed, computation.output.shape)}
    size = contributions(step, way, seeds, given or {})
    return np.zeros(step.shape) if size is None else np.broadcast_to(size, step.shape)


def _edges(step: Step, known: Collection[Step]) -> Iterator[tuple[Step, Sequence[Term]]]:
    for position, argument in enumerate(step.arguments):
        if argument in known:
            yield argument, step.local(position)


def _moved(run: Run, name: str) -> Any:
    """How far the gradient moves, per relative move of every number on the way, in random directions."""
    computation, seed = run.computation, run.seed
    assert computation is not None
    random = np.random.default_rng(3)
    exact = {number for number, step in enumerate(computation.steps) if _is_exact(step)}

    def nudged(step: Step) -> list[Step]:
        value = step.value
        return [replace(step, given=value * (1 + NUDGE * random.choice([-1.0, 1.0], value.shape)))]

    changes = {number: nudged for number in range(len(computation.steps)) if number not in exact}
    total: Any = 0.0
    with np.errstate(all="ignore"):
        for _ in range(2):
            try:
                other, became = rerun(computation, changes)
                target = became[computation.steps.index(run.step(name))]
                found = Reach(other, target, {other.output: np.broadcast_to(seed, other.output.shape)}).true
            except ILLEGAL:
                return total
            move = np.abs(found - run.gradients[name]) / NUDGE
            total = np.maximum(total, np.where(np.isfinite(move), move, 0.0))
    return total


def _is_exact(step: Step) -> bool:
    """Whether a value is meant exactly: integers, truth values, numbers written in the code."""
    return step.value.dtype.kind != "f" or (step.is_constant and step.value.size == 1)


def unguarded(run: Run, name: str) -> Array | None:
    """The gradient without the tiny constants that keep a logarithm or a quotient from 0; None if there are none."""
    assert run.computation is not None
    return guards.unguarded(run.computation, run.step(name), {run.computation.output: run.seed})


def move_of_guards(run: Run, name: str) -> float:
    """How far the gradient moves when these are left out."""
    if run.computation is None:
        return 0.0
    return guards.move_of_guards(
        run.computation, run.step(name), {run.computation.output: run.seed}, run.gradients[name]
    )
