"""A claim that is another array which is at hand, or the gradient with one added: exchanged, stale, conjugated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate, related
from chainrule.check.chain.phrases import called
from chainrule.check.chain.point import Point
from chainrule.check.mistakes.layouts import variable
from chainrule.check.mistakes.ratios import ratio_of

__all__ = ["likenesses"]

Array = np.ndarray[Any, np.dtype[Any]]


def likenesses(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """The claim is something else that is at hand: another gradient, a value, what is left of another step."""
    found, true, name = point.claimed, point.true, point.subject
    yield from _single_precision(point)
    if np.iscomplexobj(found) and point.near(found, np.conj(true)):
        message = f"{name} is the complex conjugate of the gradient."
        yield related(point, likenesses, "conjugate", "conjugate", 1.0, message, f"np.conj({name})")
    elif np.iscomplexobj(found) and found.shape == true.shape and point.near(np.abs(found), np.abs(true)):
        message = f"{name} has the right magnitudes and wrong phases: a factor is to be conjugated."
        yield related(
            point, likenesses, "phases", "conjugate", 2.0, message, "take the conjugate of the local derivative"
        )
    if not np.any(found) or not np.any(true):
        return
    yield from _exchanged(point)
    for known in point.at_hand(("value", "pool")):
        if found.shape != known.array.shape or found.size < 2:
            continue
        ratio = ratio_of_any(point, found, known.array)
        if ratio is None:
            continue
        times = "" if abs(ratio - 1) < 1e-9 else f"{ratio:.6g} times "
        message = f"{name} is {times}{known.name} itself, not a gradient."
        stale = known.kind == "pool"
        mistake, cost = (
            ("stale", 2.6)
            if stale and not times
            else (
                "wrong-tensor",
                5.4 + (0.0 if not times else 0.05 if round(abs(ratio), 9) in (0.5, 1.0, 2.0) else 0.5),
            )
        )
        yield related(point, likenesses, f"is {known.name}", mistake, cost, message, f"do not use {known.name} here")


def _single_precision(point: Point) -> Iterator[Candidate]:
    """Right, but computed with fewer digits than it is kept in."""
    found, true, name = point.claimed, point.true, point.subject
    if found.shape != true.shape or np.iscomplexobj(found) or not np.any(found):
        return
    off = float(np.max(np.abs(found - true))) / float(np.max(np.abs(true), initial=1e-300))
    narrow = bool(np.all(found.astype(np.float32) == found))
    if not narrow and ratio_of(point, found, true) is not None:
        return  # noise has no constant ratio
    if off < (1e-4 if narrow else 2e-6) and (narrow or off > 1e-9):
        message = (
            f"{name} is right to {max(1, int(-np.log10(off)))} digits: it was computed in single precision (float32)."
        )
        yield related(
            point, likenesses, "rounding", "rounding", 0.0, message, "compute in float64, or allow for rounding"
        )


def _exchanged(point: Point) -> Iterator[Candidate]:
    """The claim is the gradient by another argument, and the other way round unless that one is known to be right."""
    reach, found, name = point.reach, point.claimed, point.subject
    if reach is None:
        return
    for known in point.adjoints:
        step = reach.steps[known.number]
        if known.number == reach.target or not step.is_input or not point.near(found, known.array):
            continue
        claims = point.claim.others
        other = None if claims is None else claims.get(step.name)
        if claims is None or (other is not None and point.near(np.asarray(other), point.true)):
            message = f"{name} is the gradient of {called(step)}: the two are exchanged."
            fix = f"exchange {name} and {known.name}"
            yield related(point, likenesses, f"swapped {known.number}", "swapped", 2.1, message, fix)
        else:
            message = f"{name} is the gradient of {called(step)}."
            fix = f"do for {variable(point)} what was done for {called(step)}"
            yield related(point, likenesses, f"gradient {known.number}", "wrong-tensor", 2.3, message, fix)


def ratio_of_any(point: Point, found: Array, array: Array) -> float | None:
    """The constant, 1 included, that ``found`` is times ``array``."""
    return 1.0 if point.near(found, array) else ratio_of(point, found, array)


def leftovers(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """What is over, or lacking, is something that lay about: a part of the sum, the gradient of the step before."""
    found, true, name = point.claimed, point.true, point.subject
    if found.shape != true.shape or np.iscomplexobj(found):
        return
    over = found - true
    for known in point.pool:
        if known.array.shape != true.shape or not np.any(known.array):
            continue
        ratio = float(np.vdot(known.array, over) / np.vdot(known.array, known.array))
        if abs(ratio) > 1e-9 and point.near(over, ratio * known.array, 0.0) and true.size > 1:
            times = "" if abs(ratio - 1) < 1e-9 else f"{ratio:.6g} times "
            mistake, message, fix = (
                "stale",
                f"{name} is the gradient plus {times}{known.name}: what was there before is still in it.",
                "clear the buffer before adding to it",
            )
            if abs(ratio + 1) <= point.tolerance:
                mistake, message, fix = "path-missing", f"{name} lacks {known.name}.", f"add {known.name}"
            elif abs(ratio + 2) <= point.tolerance:
                message = f"{name} has {known.name} in it with the wrong sign."
                mistake, fix = "path-sign", f"turn the sign of {known.name}"
            yield related(point, leftovers, f"plus {known.name}", mistake, 2.8, message, fix)
