"""The right numbers in the wrong places, or in places that should be 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.check.chain.candidate import Candidate, related
from chainrule.check.chain.point import Point

__all__ = ["misplaced", "other_entries", "placements", "zeros"]

Array = np.ndarray[Any, np.dtype[Any]]
LARGE = 20_000  # elements above which permutations are not looked for


def placements(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """The right numbers at wrong places."""
    found, true, name = point.claimed, point.true, point.subject
    if found.shape != true.shape or true.size < 3 or true.size > LARGE or point.near(found, true):
        return
    for axis, size in enumerate(true.shape):
        if size < 2:
            continue
        if point.near(np.flip(found, axis), true):
            message = f"{name} is the gradient in reverse order along axis {axis}."
            yield related(point, placements, f"flip {axis}", "permuted", 2.4, message, f"np.flip({name}, {axis})")
        for shift in range(1, size):
            if point.near(np.roll(found, -shift, axis), true):
                by = shift if shift <= size // 2 else shift - size
                message = f"{name} is the gradient shifted by {by} along axis {axis}."
                fix = f"np.roll({name}, {-by}, {axis})"
                yield related(point, placements, f"roll {axis} {shift}", "shifted", 2.4, message, fix, shift=by)
                return
        yield from _moved(point, axis, size)
        if true.ndim > 1:
            yield from _reordered(point, axis)
    distinct = np.unique(np.round(true / np.max(np.abs(true)), 9)).size > 2
    if distinct and point.near(np.sort(found, axis=None), np.sort(true, axis=None)):
        message = f"{name} has the right numbers at the wrong places: its entries are permuted."
        yield related(
            point, placements, "permuted", "permuted", 2.9, message, "put each entry back where its value came from"
        )


def _moved(point: Point, axis: int, size: int) -> Iterator[Candidate]:
    """Shifted, where the entries that come in from outside are something else."""
    found, true, name = np.moveaxis(point.claimed, axis, 0), np.moveaxis(point.true, axis, 0), point.subject
    for shift in range(1, max(2, size // 2 + 1)):
        if size - shift < 3 or (size - shift) * (true.size // size) < 4:
            break
        for sign in (1, -1):
            inner = (found[shift:], true[:-shift]) if sign > 0 else (found[:-shift], true[shift:])
            if np.any(inner[1]) and np.ptp(inner[1]) > 0 and point.near(*inner):
                message = f"{name} is the gradient shifted by {sign * shift} along axis {axis}."
                fix = f"move the entries by {-sign * shift} along axis {axis}"
                yield related(
                    point, placements, f"shift {axis} {sign * shift}", "shifted", 2.6, message, fix, shift=sign * shift
                )
                return


def _reordered(point: Point, axis: int) -> Iterator[Candidate]:
    """Whole rows (or columns, or slices) in another order."""
    found, true, name = np.moveaxis(point.claimed, axis, 0), np.moveaxis(point.true, axis, 0), point.subject
    rows, wanted = found.reshape(len(found), -1), true.reshape(len(true), -1)
    if len(rows) < 3 or rows.shape[1] < 2:
        return
    order = []
    for row in rows:
        off = np.max(np.abs(wanted - row), axis=1)
        nearest = int(np.argmin(off))
        if off[nearest] > point.tolerance * max(float(np.max(np.abs(wanted))), 1e-300):
            return
        order.append(nearest)
    if sorted(order) == list(range(len(order))):
        message = f"{name} has the right slices along axis {axis} in another order: {order}."
        fix = "put each slice back where it came from"
        yield related(point, placements, f"reordered {axis}", "permuted", 2.5, message, fix, order=order)


def zeros(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """Entries that should be 0 and are not, while the others are right; or the other way round."""
    found, true, name = point.claimed, point.true, point.subject
    if found.shape != true.shape or true.size < 2:
        return
    scale = float(np.max(np.abs(true)))
    zero, absent = np.abs(true) <= point.tolerance * scale, np.abs(found) <= point.tolerance * scale
    off = np.abs(found - true) > point.tolerance * max(scale, float(np.max(np.abs(found))))
    if not np.any(zero) or np.all(zero):
        return
    if np.all(zero[off]) and np.any(off):
        count = int(np.sum(off))
        message = (
            f"{name} is right where the gradient is not 0, but {count} of its {true.size} entries should be 0: "
            "nothing comes back to what was masked or not chosen."
        )
        yield related(point, zeros, "mask", "mask-missing", 3.2, message, "multiply by the mask", entries=count)
    elif np.any(~absent) and np.array_equal(absent, ~zero):
        message = f"{name} is 0 exactly where the gradient is not: the mask is upside down."
        yield related(point, zeros, "upside down", "wrong-mask", 3.3, message, "turn the mask around")


def misplaced(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """All that is left of it is the total: contributions are there, but land elsewhere."""
    found, true, name = point.claimed, point.true, point.subject
    if found.shape != true.shape or true.size < 6 or np.iscomplexobj(true):
        return
    total, size = float(true.sum()), float(np.abs(true).sum())
    if abs(total) > 0.05 * size and abs(float(found.sum()) - total) <= point.tolerance * size and np.any(found):
        message = f"The entries of {name} add up to what they should; what they are made of lands in the wrong places."
        yield related(point, misplaced, "total", "shifted", 6.4, message, "look at where each contribution is added")


def other_entries(point: Point, points: Sequence[Point]) -> Iterator[Candidate]:
    """The claim and the gradient take, times a number, entries of one array; but not the same ones."""
    found, true, name = point.claimed, point.true, point.subject
    if found.shape != true.shape or true.size < 3:
        return
    for known in point.at_hand(("value", "upstream")):
        if known.array.shape != true.shape or not np.all(known.array):
            continue
        one, other = found / known.array, true / known.array
        if _two_valued(point, one) and _two_valued(point, other) and not point.near(one, other):
            message = f"{name} takes other entries of {known.name} than the gradient does."
            yield related(
                point,
                other_entries,
                f"entries of {known.name}",
                "wrong-mask",
                3.6,
                message,
                "use the mask of the forward pass",
            )
            return


def _two_valued(point: Point, array: Array) -> bool:
    """Whether all entries are 0 or one other number, and both occur."""
    largest = float(np.max(np.abs(array)))
    zero = np.abs(array) <= point.tolerance * largest
    rest = array[~zero]
    return bool(np.any(zero)) and rest.size > 0 and float(np.ptp(rest)) <= point.tolerance * largest
