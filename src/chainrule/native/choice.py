"""Whether a program is loops in machine code, or instructions for the interpreter, where it could be either."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from chainrule.linear.functions import overwritten, scatter
from chainrule.native.regions import with_writes, written_by
from chainrule.native.scalar import Apply
from chainrule.native.work import Statement, Work
from chainrule.program.deferred import Deferred

__all__ = ["is_better_interpreted"]

_PIECES = 200  # loops of other sizes than those before them, from which it is the interpreter's
_SMALL = 4096  # elements that such a loop goes over, if it is worth compiling
_WRITES = 64  # writes into parts of arrays, from which it is seen what they cost one by one
_WASTE = 8  # times as much as they cost one by one


def is_better_interpreted(statements: Sequence[Work], steps: Sequence[Deferred], wanted: Sequence[Deferred]) -> bool:
    """Whether loops are not worth compiling: very many small ones, or such as do nothing for most elements."""
    return _is_in_pieces(statements) or _is_wasteful(statements, steps, wanted)


def _is_in_pieces(statements: Sequence[Work]) -> bool:
    """Whether there are so many small loops of their own that LLVM would take longer than they are worth."""
    sizes = [tuple([label.size for label in made.labels]) for made in statements]
    pieces = sum([size != before and prod(size) > 1 for before, size in pairwise(sizes)])
    return pieces > _PIECES and sum(map(prod, sizes)) < _SMALL * len(sizes)


def _is_wasteful(statements: Sequence[Work], steps: Sequence[Deferred], wanted: Sequence[Deferred]) -> bool:
    """Whether every element of large arrays looks at many places that only a few of them are."""
    if sum([step.function in (scatter, overwritten) for step in steps]) < _WRITES:
        return False
    known: dict[int, int] = {}
    loops = sum([prod([label.size for label in made.labels]) * _size_of(made, known) for made in statements])
    return loops > _WASTE * sum(map(written_by, with_writes(steps, wanted)))


def _size_of(made: Work, known: dict[int, int]) -> int:
    """The operations in the expression of a statement that no other has counted."""
    before, open_ = len(known), [made.expression] if isinstance(made, Statement) else []
    while open_:
        expression = open_.pop()
        if id(expression) not in known and isinstance(expression, Apply):
            known[id(expression)] = len(known)
            open_ += expression.parts
    return len(known) - before
