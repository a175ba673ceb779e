"""Calls of BLAS and LAPACK, which count by columns, and take everything by its address."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from chainrule.native.scalar import Index, Place, Source
from chainrule.native.text import Body, literal, value_type
from chainrule.native.work import Multiplication, Operand, Routine

__all__ = ["write_multiplication", "write_routine"]

_OTHER = {"N": "T", "T": "N"}


class Writer(Protocol):
    """What a call needs of whoever writes the kernel around it."""

    body: Body

    def located(self, source: Source, place: Place) -> tuple[str, Index]:
        """The pointer to an array, and where in it an element is."""

    def element(self, dtype: np.dtype[Any], pointer: str, flat: Index) -> str:
        """The pointer to an element of an array."""

    def address(self, source: Source, place: Place) -> str:
        """The pointer to an element."""

    def word(self, value: int, kind: str) -> str:
        """An integer in memory."""

    def constant(self, value: str, kind: str) -> str:
        """A number in memory."""

    def outside(self, function: Any) -> str:
        """The address of a function of another library."""

    def end_if(self, condition: str) -> None:
        """Leave the kernel without an answer."""


def write_multiplication(writer: Writer, made: Multiplication) -> None:
    """A call of BLAS, which counts by columns: what is C = A B to us is Cᵀ = Bᵀ Aᵀ to it."""
    rows, inner, columns = made.left.row.size, made.left.column.size, made.right.column.size
    kind = value_type(made.target.dtype)
    name = f"{'d' if kind == 'double' else 's'}gemm"
    pairs, outer = [_matrix(writer, made.right), _matrix(writer, made.left)], (columns, rows)
    by_columns, result, result_step = _matrix(writer, made.result)
    if by_columns == "T":
        pairs, outer = [(_OTHER[letter], where, step) for letter, where, step in reversed(pairs)], (rows, columns)
    words = [writer.word(ord(letter), "i8") for letter, _, _ in pairs]
    sizes = [writer.word(size, "i32") for size in (*outer, inner)]
    dtype = made.target.dtype
    one, zero = (writer.constant(literal(number, dtype), kind) for number in (1, 0))
    matrices = [[address, writer.word(step, "i32")] for _, address, step in pairs]
    arguments = [*words, *sizes, one, *matrices[0], *matrices[1], zero, result, writer.word(result_step, "i32")]
    function = writer.outside(("blas", name))
    writer.body.do(f"call void {function}({', '.join([f'ptr {argument}' for argument in arguments])})")


def _matrix(writer: Writer, operand: Operand) -> tuple[str, str, int]:
    """Whether BLAS is to take a matrix transposed, where it begins, and from row to row."""
    pointer, flat = writer.located(operand.source, operand.place)
    steps = dict(flat.steps)
    assert 1 in (steps[operand.row], steps[operand.column])
    down, across = steps.pop(operand.row), steps.pop(operand.column)
    address = writer.element(operand.source.dtype, pointer, flat._replace(steps=tuple(steps.items())))
    return ("N", address, down) if across == 1 else ("T", address, across)


def write_routine(writer: Writer, made: Routine) -> None:
    """A call of LAPACK, after which the kernel ends if that could not do it."""
    info = writer.body.reserve("alloca i32")
    arguments = [*[_handed_over(writer, argument) for argument in made.arguments], info]
    function = writer.outside(("lapack", made.name))
    writer.body.do(f"call void {function}({', '.join([f'ptr {argument}' for argument in arguments])})")
    writer.end_if(writer.body.put(f"icmp ne i32 {writer.body.put(f'load i32, ptr {info}')}, 0"))


def _handed_over(writer: Writer, argument: Any) -> str:
    """Where an argument of Fortran's is."""
    if isinstance(argument, tuple):
        return writer.address(*argument)
    return writer.word(argument, "i32") if isinstance(argument, int) else writer.word(ord(argument), "i8")
