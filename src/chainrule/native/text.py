"""LLVM's assembly as text: a function being written, one instruction a line."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["ALONE", "METADATA", "ROLLED", "VECTORS", "WIDE", "Body", "literal", "memory_type", "value_type"]

_TYPES = {"f8": "double", "f4": "float", "i8": "i64", "i4": "i32", "i2": "i16", "i1": "i8", "b1": "i1"}


def value_type(dtype: np.dtype[Any]) -> str:
    """The type of a number in a register."""
    return _TYPES[dtype.str[1:].replace("u", "i")]


def memory_type(dtype: np.dtype[Any]) -> str:
    """The type of a number in an array; of one that is no type of the machine's, its bytes."""
    if dtype.str[1:].replace("u", "i") not in _TYPES:
        return f"[{dtype.itemsize} x i8]"
    return "i8" if dtype.kind == "b" else value_type(dtype)


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """A number as LLVM writes it; floating point by its bits."""
    if dtype.kind == "f":
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(dtype.type(value))))[0]:016X}"
    if dtype.kind == "b":
        return "true" if value else "false"
    return str(int(value))


METADATA = """!0 = !{!"branch_weights", i32 1000, i32 1}
!1 = !{!"branch_weights", i32 1, i32 1000}
!2 = !{!"llvm.loop.unroll.disable"}
!3 = !{!"llvm.loop.interleave.count", i32 1}
!4 = distinct !{}
!5 = !{!"llvm.loop.parallel_accesses", !4}
!6 = !{!"llvm.loop.vectorize.width", i32 4}
!7 = !{!"llvm.loop.vectorize.width", i32 8}
!8 = !{!"llvm.loop.vectorize.width", i32 NUMBERS}
"""  # NUMBERS: how many of eight bytes a register holds
ROLLED = "!2"  # of a loop: it is not to be written out
ONCE = "!3"  # of a loop of vectors: one is enough for the processor to do at once
VECTORS = {8: "!3, !5, !6", 4: "!3, !5, !7"}  # of a short loop over numbers of so many bytes
WIDE = "!8"  # of a loop over numbers of eight bytes: its vectors fill the registers
ALONE = ", !llvm.access.group !4"  # of what no other turn of such a loop reads or writes
_NOTES = 9  # the first number for others
_LONG = 900  # lines of a loop for which LLVM takes long to weigh how wide its vectors should be


class Body:
    """The instructions of one function; ``prologue`` comes first, whenever it was written."""

    def __init__(self, notes: list[str] | None = None) -> None:
        self.prologue: list[str] = []
        self.lines: list[str] = []
        self.block = "start"
        self.notes: list[str] = [] if notes is None else notes  # metadata of the loops in a module
        self.is_long = False  # whether one turn of the loop that is written is enough for the processor to do at once
        self._count = 0

    def fresh(self, hint: str = "v") -> str:
        """A name that is not taken."""
        self._count += 1
        return f"%{hint}{self._count}"

    def put(self, text: str, hint: str = "v") -> str:
        """An instruction with a result; its name is returned."""
        name = self.fresh(hint)
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append(f"  {text}")

    def start(self, block: str) -> None:
        """Begin a block."""
        self.lines.append(f"{block}:")
        self.block = block

    def reserve(self, text: str, hint: str = "m") -> str:
        """An instruction in the prologue."""
        name = self.fresh(hint)
        self.prologue.append(f"  {name} = {text}")
        return name

    @contextmanager
    def loop(self, end: int | str, hints: str = "", begin: str = "0", if_long: str = "") -> Iterator[str]:
        """A loop that is done at least once; gives the name of its index. ``hints`` are what LLVM is told of it.

        It is told more ``if_long``, if that is how the body becomes.
        """
        index, following = self.fresh("i"), self.fresh("n")
        head, after = self.fresh("head")[1:], self.fresh("end")[1:]
        before = self.block
        self.do(f"br label %{head}")
        self.start(head)
        place = len(self.lines)
        yield index
        latch = self.block
        self.lines.insert(place, f"  {index} = phi i64 [{begin}, %{before}], [{following}, %{latch}]")
        self.do(f"{following} = add nuw nsw i64 {index}, 1")
        again = self.put(f"icmp ult i64 {following}, {end}")
        note = ""
        said = [hints] * bool(hints) + [ONCE] * (self.is_long and ONCE not in hints)
        said += [if_long] * (bool(if_long) and len(self.lines) - place > _LONG)
        if said:
            number = len(self.notes) + _NOTES
            self.notes.append(f"!{number} = distinct !{{{', '.join([f'!{number}', *said])}}}")
            note = f", !llvm.loop !{number}"
        self.is_long = False
        self.do(f"br i1 {again}, label %{head}, label %{after}{note}")
        self.start(after)

    @contextmanager
    def when(self, condition: str, rarely: bool = False) -> Iterator[None]:
        """What is done only if a condition holds."""
        inside, after = self.fresh("when")[1:], self.fresh("after")[1:]
        self.do(f"br i1 {condition}, label %{inside}, label %{after}{', !prof !1' if rarely else ''}")
        self.start(inside)
        yield
        self.do(f"br label %{after}")
        self.start(after)

    def text(self) -> str:
        """The body of the function."""
        return "\n".join(["start:", *self.prologue, *self.lines])
