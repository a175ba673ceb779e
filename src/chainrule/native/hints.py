"""What LLVM is told of a loop: whether it may be written out, and how wide its vectors are to be."""

from __future__ import annotations

from chainrule.native.schedule import Leaf, Loop
from chainrule.native.text import ROLLED, WIDE

__all__ = ["is_often", "of_any_loop", "of_long_text"]

_LONG = 64  # turns of the innermost loop from which it pays to compile more text for a function of vectors
_VECTORS, _LANES = 16, 8  # turns from which a loop is left to become vectors: whole ones, or twice as many
_WRITTEN_OUT = 64  # turns of nested loops together up to which LLVM may write them out


def of_any_loop(loop: Loop) -> str:
    """A loop is not to be written out if with loops inside it is too large, or if it is to become vectors."""
    volume, inner = loop.label.size, [item for item in loop.body if isinstance(item, Loop)]
    if not inner:
        return ROLLED if volume >= _VECTORS and (volume % _LANES == 0 or volume >= 2 * _VECTORS) else ""
    while inner:
        volume *= max([item.label.size for item in inner])
        inner = [item for outer in inner for item in outer.body if isinstance(item, Loop)]
    return ROLLED if volume > max(_WRITTEN_OUT, loop.label.size) else ""


def of_long_text(loop: Loop) -> str:
    """One over numbers of eight bytes has vectors that fill the registers."""
    if not _is_of_vectors(loop, _VECTORS):
        return ""
    return (
        WIDE if all([target.dtype.itemsize == 8 for leaf in loop.leaves() for target in leaf.statement.targets]) else ""
    )


def is_often(loop: Loop) -> bool:
    """Whether what is in it is done very often, and for many numbers at once."""
    return _is_of_vectors(loop, _LONG)


def _is_of_vectors(loop: Loop, turns: int) -> bool:
    """Whether a loop has many turns, which may be done at once."""
    leaves = [item for item in loop.body if isinstance(item, Leaf)]
    in_order = any([leaf.statement.turns is not None and leaf.path[0] is loop for leaf in leaves])
    return loop.label.size >= turns and len(leaves) == len(loop.body) and not in_order
