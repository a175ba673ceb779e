"""Masks with other weights: what a choice lets through, and what it should stop, each times a number."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from chainrule.check.chain.fits import Trial
from chainrule.check.chain.links import Link
from chainrule.check.chain.masks import masking
from chainrule.check.chain.point import Point
from chainrule.check.rules.variation import Variation

__all__ = ["leaks"]

Array = np.ndarray[Any, np.dtype[Any]]


def leaks(trial: Trial, link: Link, wanted: Array) -> Iterator[Variation]:
    """For a link that masks: the share of what is stopped that comes through all the same, solved for."""
    point = trial.points[0]
    reach = point.sure_reach
    if reach.shape(link.head) != reach.shape(link.tail) or not masking(link.terms(reach)) or len(wanted) < 4:
        return
    through, stopped = (trial.seen(link.tail, partial(_side, link, side)) for side in (True, False))
    if through is None or stopped is None:
        return
    columns = np.stack([through, stopped], axis=1)
    solution, _, rank, _ = np.linalg.lstsq(columns, wanted, rcond=1e-10)
    off = float(np.linalg.norm(columns @ solution - wanted))
    if rank == 2 and off <= 1e-8 * float(np.linalg.norm(wanted)) and abs(solution[0]) > 1e-9:
        share = float(solution[1] / solution[0])
        if abs(share) > 1e-9 and abs(share - 1) > 1e-9:
            yield Variation("mask", "leaks", 5.3, partial(_leaking, share), f"{share:.6g}")


def _side(link: Link, side: bool, point: Point) -> Array:
    reach = point.sure_reach
    return np.asarray(reach.adjoints[link.head] * ((link.derivative_of(reach) != 0) == side))


def _leaking(share: float, point: Point, link: Link, cotangent: Any) -> Any:
    return cotangent * np.where(link.derivative_of(point.sure_reach) != 0, 1.0, share)
