"""The right derivation of a wrong forward pass: a step left out, an axis or a sign changed, an older array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate
from chainrule.check.chain.fits import Trial
from chainrule.check.chain.masks import masking
from chainrule.check.chain.phrases import called, place
from chainrule.check.chain.point import Point
from chainrule.check.chain.reach import Reach
from chainrule.check.chain.sweeps import ILLEGAL
from chainrule.check.rules.wordings import Wording
from chainrule.explain.computation import Computation, Step
from chainrule.op import Diagonal, define

__all__ = ["rerun", "reruns"]

Array = np.ndarray[Any, np.dtype[Any]]
Change = Callable[[Step], list[Step]]
MOST_AXES = 4
MINUS = define("turned in sign", np.negative, Diagonal(-1, ("x",)), listed=False)


def rerun(computation: Computation, changes: Mapping[int, Change]) -> tuple[Computation, list[Step]]:
    """The computation again, with some steps changed and everything after them computed anew; and what each became.

    A change gives the steps that stand in place of one, of which the last is what others use.

    >>> from chainrule.explain.record import record
    >>> run = record(lambda x: np.sum(2 * x), (np.ones(3),))
    >>> float(rerun(run, {0: lambda step: [replace(step, given=np.zeros(3))]})[0].output.value)
    0.0
    """
    became: dict[Step, Step] = {}
    steps: list[Step] = []
    known: set[Step] = set()
    for number, step in enumerate(computation.steps):
        arguments = tuple([became[argument] for argument in step.arguments])
        fresh = step
        if any(new is not old for new, old in zip(arguments, step.arguments, strict=True)):
            fresh = replace(step, arguments=arguments)
            fresh = replace(fresh, given=np.asarray(fresh.forward([argument.given for argument in arguments])))
        made = changes[number](fresh) if number in changes else [fresh]
        steps += [step for step in made if step not in known]
        known.update(made)
        became[step] = made[-1]
    inputs = {name: became[step] for name, step in computation.inputs.items()}
    run = Computation(tuple(steps), inputs, tuple([became[step] for step in computation.outputs]))
    return run, [became[step] for step in computation.steps]


def _gradient(point: Point, changes: Mapping[int, Change]) -> Array | None:
    """The gradient by the target of the changed run; None where that cannot be run."""
    reach = point.sure_reach
    try:
        run, became = rerun(reach.computation, changes)
        seeds = {became[number]: np.broadcast_to(seed, became[number].shape) for number, seed in reach.seeds.items()}
        return Reach(run, became[reach.target], seeds, reach).true
    except ILLEGAL:
        return None


class _Idea:
    """What is changed: the steps of one place, how, and what is said about it."""

    def __init__(
        self, key: str, cost: float, steps: Sequence[int], change: Any, say: Callable[[Point], Wording]
    ) -> None:
        self.key, self.cost, self.steps, self.change, self.say = key, cost, steps, change, say

    def changes(self, point: Point) -> dict[int, Change]:
        return {number: partial(self.change, point) for number in self.steps}


def reruns(trial: Trial) -> Iterator[Candidate]:
    """Explanations in which the gradient is right, but that of a slightly different function."""
    point = trial.points[0]
    for idea in trial.budget.each(sorted(_ideas(point), key=lambda idea: idea.cost)):
        found = _gradient(point, idea.changes(point))
        if found is None or found.shape != point.claimed.shape or point.near(found, point.true):
            continue
        if point.near(found, point.claimed):
            yield _candidate(trial, idea)


def _candidate(trial: Trial, idea: _Idea) -> Candidate:
    def holds(point: Point) -> bool:
        if point not in trial.points:
            return False
        found = _gradient(point, idea.changes(point))
        return found is not None and point.near(found, point.claimed)

    point = trial.points[0]
    wording = idea.say(point)
    step = place(point.sure_reach.steps[idea.steps[0]], point.claim.computation)
    return Candidate(idea.key, wording.mistake, idea.cost + wording.extra, wording.message, wording.fix, holds, step)


def _ideas(point: Point) -> Iterator[_Idea]:
    reach, places = point.sure_reach, point.places
    feeding = _feeding(reach)
    for members in list(places.members.values()):
        steps = [number for number in members if number in feeding]
        if not steps:
            continue
        step = reach.steps[steps[0]]
        if step.operation is None:
            yield from _older(point, steps[0]) if len(steps) == 1 else ()
            continue
        for position, argument in enumerate(step.arguments):
            if argument.value.dtype.kind != "f":
                continue
            if argument.shape == step.shape:
                say = partial(_said_left_out, steps[0], position)
                yield _Idea(f"left out {steps} {position}", 5.3, steps, partial(_left_out, position), say)
                say = partial(_said_gone, steps[0], position)
                yield _Idea(f"gone {steps} {position}", 5.55, steps, partial(_gone, position), say)
            say = partial(_said_negated, steps[0], position)
            yield _Idea(f"negated {steps} {position}", 5.5, steps, partial(_negated, position), say)
        axis = step.params.get("axis")
        if isinstance(axis, int) or axis is None:
            for other in _other_axes(step.arguments[0].shape if step.arguments else (), axis):
                if "axis" in step.params:
                    say = partial(_said_axis, steps[0], other)
                    yield _Idea(f"axis {steps} {other}", 5.0, steps, partial(_with_axis, other), say)


def _feeding(reach: Reach) -> set[int]:
    """The steps that the seeds were computed from."""
    found: set[int] = set(reach.seeds)
    for number in range(len(reach.steps) - 1, -1, -1):
        if number in found:
            found.update(reach.number_of[argument] for argument in reach.steps[number].arguments)
    return found


def _other_axes(shape: Sequence[int], axis: Any) -> Iterator[Any]:
    if not 1 < len(shape) <= MOST_AXES:
        return
    axis = axis % len(shape) if isinstance(axis, int) else axis
    yield from (other for other in (*range(len(shape)), None) if other != axis)


def _left_out(position: int, point: Point, step: Step) -> list[Step]:
    """The argument for the result; the rule of the step stays."""
    return [replace(step, given=step.arguments[position].given)]


def _gone(position: int, point: Point, step: Step) -> list[Step]:
    """The argument for the result, in its derivative too."""
    return [step.arguments[position]]


def _negated(position: int, point: Point, step: Step) -> list[Step]:
    argument = step.arguments[position]
    turned = Step(-1, -argument.value, MINUS, (argument,), is_tracked=argument.is_tracked)
    arguments = (*step.arguments[:position], turned, *step.arguments[position + 1 :])
    given = [argument.given for argument in arguments]
    return [turned, replace(step, given=np.asarray(step.forward(given)), arguments=arguments)]


def _with_axis(axis: Any, point: Point, step: Step) -> list[Step]:
    other = replace(step, params={**step.params, "axis": axis})
    return [replace(other, given=np.asarray(other.forward([argument.given for argument in step.arguments])))]


def _older(point: Point, number: int) -> Iterator[_Idea]:
    """An input, or an array that the code reads, as it was before."""
    step = point.sure_reach.steps[number]
    for known in point.pool:
        if known.array.shape == step.shape and not np.iscomplexobj(known.array) and step.value.dtype.kind == "f":
            say = partial(_said_older, number, known.name)
            yield _Idea(f"older {number} {known.name}", 4.6, [number], partial(_from_pool, known.name), say)


def _from_pool(name: str, point: Point, step: Step) -> list[Step]:
    return [replace(step, given=next(known.array for known in point.pool if known.name == name))]


# -- what is said ------------------------------------------------------------------------------------------------------


def _said_left_out(number: int, position: int, point: Point) -> Wording:
    reach = point.sure_reach
    step = reach.steps[number]
    kept, whole = called(step.arguments[position]), called(step)
    try:
        mask = masking(step.local(position))
    except ILLEGAL:
        mask = False
    message = f"{point.subject} is what it would be if {whole} were {kept}: {kept} stands in its place."
    mistake = "mask-missing" if mask else "wrong-tensor"
    return Wording(mistake, -0.2 * mask, message, f"use {whole} where {kept} is used")


def _said_gone(number: int, position: int, point: Point) -> Wording:
    step = point.sure_reach.steps[number]
    kept, whole = called(step.arguments[position]), called(step)
    message = f"{point.subject} is the gradient of something else: as if {whole} were {kept}."
    added = all(not term.factors for term in step.local(position))  # what is left out was only added
    return Wording("path-missing" if added else "local-factor", 0.0, message, f"take {whole} into account")


def _said_negated(number: int, position: int, point: Point) -> Wording:
    step = point.sure_reach.steps[number]
    argument = called(step.arguments[position])
    message = f"{point.subject} is what it would be if {argument} had the other sign in {called(step)}."
    mistake = "path-sign" if step.is_tracked else "wrong-mask"
    return Wording(mistake, 0.0 if step.is_tracked else -0.3, message, f"look at the sign of {argument}")


def _said_axis(number: int, axis: Any, point: Point) -> Wording:
    step = point.sure_reach.steps[number]
    over = "everything" if axis is None else f"axis {axis}"
    message = f"{point.subject} is what it would be if {called(step)} were taken over {over}."
    return Wording("wrong-axis", 0.0, message, f"take it over axis {step.params['axis']}, as in the forward pass")


def _said_older(number: int, name: str, point: Point) -> Wording:
    step = called(point.sure_reach.steps[number])
    message = f"{point.subject} is the gradient at {name}, not at {step}."
    return Wording("stale", 0.0, message, f"compute it with {step}")
