"""Whether a program is loops in machine code, or instructions for the interpreter, where it could be either."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from chainrule.native.work import Routine, Work

__all__ = ["is_better_interpreted"]

_PIECES = 200  # loops of other sizes than those before them, from which it is the interpreter's
_SMALL = 4096  # elements that such a loop goes over, if it is worth compiling


def is_better_interpreted(statements: Sequence[Work]) -> bool:
    """Whether there are so many small loops of their own that LLVM would take longer than they are worth."""
    if any([isinstance(made, Routine) for made in statements]):
        return False  # the interpreter knows no LAPACK
    sizes = [tuple([label.size for label in made.labels]) for made in statements]
    pieces = sum([size != before and prod(size) > 1 for before, size in pairwise(sizes)])
    return pieces > _PIECES and sum(map(prod, sizes)) < _SMALL * len(sizes)
