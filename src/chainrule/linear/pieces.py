"""An array of destinations as a few strided pieces, so that writing there needs no index array."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.linear.functions import steps_of

__all__ = ["Piece", "pieces_of"]

_MOST = 12  # pieces into which a grid may fall
_FEW = 3  # pieces of a grid that is small
_ENOUGH = 64  # entries that a piece must have on the average: below, an index array is as good


class Piece(NamedTuple):
    """``destination[part] = offset + Σ stride·label``; ``part`` is None for the whole grid."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    part: tuple[slice, ...] | None = None


def pieces_of(destination: Any) -> list[Piece] | None:
    """Pieces that cover the grid, each affine; None if there would be too many.

    >>> pieces_of(np.array([0, 2, 4, 9, 10]))
    [Piece(offset=0, shape=(3,), strides=(2,), part=(slice(0, 3, None),)), Piece(offset=9, shape=(2,), strides=(1,), \
part=(slice(3, 5, None),))]
    """
    whole = _affine(destination)
    if whole is not None:
        return [whole]
    small = destination.size < _ENOUGH
    allowed = _FEW if small else min(_MOST, destination.size // _ENOUGH)
    # Where to cut can, as a rule, be seen along a few lines; whether it was right, each piece is asked.
    for everywhere in (False, True):
        cuts: list[list[int]] = []
        for axis in range(destination.ndim):
            cuts.append(_cuts(destination, axis, allowed, everywhere))
            if prod([len(found) - 1 for found in cuts]) > allowed:
                return None
        found = _split(destination, cuts)
        if found is not None:
            return found
    return None


def _split(destination: Any, cuts: Sequence[Sequence[int]]) -> list[Piece] | None:
    found = []
    for ranges in product(*[list(pairwise(each)) for each in cuts]):
        part = tuple([slice(*bounds) for bounds in ranges])
        piece = _affine(destination[part])
        if piece is None:
            return None
        found.append(piece._replace(part=part))
    return found


def _affine(destination: Any) -> Piece | None:
    """The whole array as one piece."""
    shape = destination.shape
    if 0 in shape:
        return Piece(0, shape, (0,) * len(shape))
    steps = steps_of(destination)
    return None if steps is None else Piece(steps[0], shape, tuple(steps[1]))


def _cuts(destination: Any, axis: int, allowed: int, everywhere: bool) -> list[int]:
    """Where to cut an axis so that steps along it are equal within a piece (more than ``allowed`` are not listed)."""
    size = destination.shape[axis]
    if size < 3:
        return [0, size]
    if not everywhere:
        ends = [[slice(None)] if k == axis else sorted({0, n // 2, n - 1}) for k, n in enumerate(destination.shape)]
        destination, axis = np.stack([destination[line] for line in product(*ends)]), 1
    steps = np.diff(destination, axis=axis)
    bend = np.diff(steps, axis=axis) != 0
    others = tuple([k for k in range(destination.ndim) if k != axis])
    bends = np.flatnonzero(bend.any(axis=others) if others else bend)
    if len(bends) > 2 * allowed:
        return list(range(len(bends) + 1))
    cuts = [0]
    for bend_at in bends.tolist():
        if bend_at >= cuts[-1]:  # steps bend_at and bend_at + 1 differ: the first of them is the last of its piece
            cuts.append(bend_at + 2)
    return [*[cut for cut in cuts if cut < size], size]
