"""Calls of BLAS and LAPACK, which count by columns, and take everything by its address."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np

from chainrule.native.scalar import Index, Label, Place, Source
from chainrule.native.text import ROLLED, Body, literal, value_type
from chainrule.native.work import Multiplication, Operand, Routine

__all__ = ["is_square_of", "write_multiplication", "write_routine"]

_SQUARE = 64  # rows and columns of A from which A Aᵀ is a product of its own kind
_COLUMNS = 8  # that are copied at once: about as many as a line of the cache has
_OTHER = {"N": "T", "T": "N"}
_UNCOPIED = 10**6  # multiplications up to which OpenBLAS reads matrices where they are
_PARTS = 64  # up to which it is worth it: more is for all threads that BLAS may use
_NARROW = 32  # rows and columns of a result, up to which it is in registers meanwhile
_THIN = 1 << 14  # of two of the three sizes, up to which they are read fast enough there


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

    def besides(self, text: str) -> None:
        """A function in assembly that the kernel calls."""

    def outside(self, function: Any) -> str:
        """The address of a function of another library."""

    def end_if(self, condition: str) -> None:
        """Leave the kernel without an answer."""


def write_multiplication(writer: Writer, made: Multiplication) -> None:
    """A call of BLAS, which counts by columns: what is C = A B to us is Cᵀ = Bᵀ Aᵀ to it."""
    if is_square_of(made):
        _write_square(writer, made)
        return
    rows, inner, columns = made.left.row.size, made.left.column.size, made.right.column.size
    kind = value_type(made.target.dtype)
    name = f"{'d' if kind == 'double' else 's'}gemm"
    pairs, outer = [_matrix(writer, made.right), _matrix(writer, made.left)], (columns, rows)
    by_columns, result, result_step = _matrix(writer, made.result)
    if by_columns == "T":
        pairs, outer = [(_OTHER[letter], where, step) for letter, where, step in reversed(pairs)], (rows, columns)
    letters = [letter for letter, _, _ in pairs]
    steps = [*[step for _, _, step in pairs], result_step]
    call = _Call(name, letters, (*outer, inner), [*[where for _, where, _ in pairs], result], steps, made.target.dtype)
    parts = _parts(call)
    if parts == 1:
        _write_product(writer, call)
    else:
        _write_parts(writer, call, parts)


class _Call(NamedTuple):
    """A product for BLAS: three matrices, of which it takes two as they are or transposed."""

    name: str
    letters: list[str]
    sizes: tuple[int, int, int]  # the rows and the columns of the result, and what is summed
    pointers: list[str]
    steps: list[int]  # from column to column
    dtype: np.dtype[Any]


def _write_product(writer: Writer, call: _Call, size: tuple[int, str] | None = None, begun: str = "") -> None:
    """The call; perhaps of another ``size`` in one direction, and added to what is there if that is ``begun``."""
    kind = value_type(call.dtype)
    words = [writer.word(ord(letter), "i8") for letter in call.letters]
    sizes = [writer.word(each, "i32") for each in call.sizes]
    if size is not None:
        sizes[size[0]] = size[1]
    one, zero = (writer.constant(literal(number, call.dtype), kind) for number in (1, 0))
    before = writer.body.put(f"select i1 {begun}, ptr {one}, ptr {zero}") if begun else zero
    first, second, result = zip(call.pointers, [writer.word(step, "i32") for step in call.steps], strict=True)
    arguments = ", ".join([f"ptr {each}" for each in (*words, *sizes, one, *first, *second, before, *result)])
    writer.body.do(f"call void {writer.outside(('blas', call.name))}({arguments})")


def _parts(call: _Call) -> int:
    """In how many parts a product is done: for few multiplications OpenBLAS does not copy matrices before."""
    rows, columns, _ = call.sizes
    size = prod(call.sizes)
    parts, is_thin = -(-size // _UNCOPIED), size // max(call.sizes) <= _THIN
    is_slow = call.letters == ["T", "N"] and max(rows, columns) > _NARROW  # it goes across both of them
    return parts if is_thin and not is_slow and parts <= _PARTS else 1


def _write_parts(writer: Writer, call: _Call, parts: int) -> None:
    """The product in parts along its longest side."""
    body, axis = writer.body, max(range(3), key=lambda axis: call.sizes[axis])
    (first, second), (along, across, result) = call.letters, call.steps
    strides = [
        (1 if first == "N" else along, 0, 1),
        (0, across if second == "N" else 1, result),
        (along if first == "N" else 1, 1 if second == "N" else across, 0),
    ][axis]
    length = -(-call.sizes[axis] // parts)
    size = body.reserve("alloca i32")
    with body.loop(-(-call.sizes[axis] // length), ROLLED) as part:
        begin = body.put(f"mul i64 {part}, {length}")
        left = body.put(f"trunc i64 {body.put(f'sub i64 {call.sizes[axis]}, {begin}')} to i32")
        is_last = body.put(f"icmp ult i32 {left}, {length}")
        body.do(f"store i32 {body.put(f'select i1 {is_last}, i32 {left}, i32 {length}')}, ptr {size}")
        moved = [
            body.put(
                f"getelementptr {value_type(call.dtype)}, ptr {pointer}, i64 {body.put(f'mul i64 {begin}, {stride}')}"
            )
            for pointer, stride in zip(call.pointers, strides, strict=True)
        ]
        begun = body.put(f"icmp ne i64 {part}, 0") if axis == 2 else ""
        _write_product(writer, call._replace(pointers=moved), (axis, size), begun)


def is_square_of(made: Multiplication) -> bool:
    """Whether a product is A Aᵀ, and so large that it is better to compute half of it and copy the other half."""
    left, right = made.left, made.right
    if left.source is not right.source or min(left.row.size, left.column.size) < _SQUARE:
        return False
    moved = {left.row: right.column, left.column: right.row}
    return all([_moved(one, moved) == _moved(other, {}) for one, other in zip(left.place, right.place, strict=True)])


def _moved(index: Index, labels: dict[Label, Label]) -> tuple[int, dict[Label, int], Any]:
    """A position with other labels."""
    return index.start, {labels.get(label, label): by for label, by in index.steps}, index.looked_up


def _write_square(writer: Writer, made: Multiplication) -> None:
    """A call of BLAS that fills what is below the diagonal to us, above it to BLAS; and the copy."""
    kind = value_type(made.target.dtype)
    letter, matrix, step = _matrix(writer, made.left)
    _, result, result_step = _matrix(writer, made.result)
    words = [writer.word(ord(word), "i8") for word in ("U", _OTHER[letter])]
    sizes = [writer.word(size, "i32") for size in (made.left.row.size, made.left.column.size)]
    one, zero = [writer.constant(literal(number, made.target.dtype), kind) for number in (1, 0)]
    matrices = [one, matrix, writer.word(step, "i32"), zero, result, writer.word(result_step, "i32")]
    function = writer.outside(("blas", f"{'d' if kind == 'double' else 's'}syrk"))
    arguments = ", ".join([f"ptr {argument}" for argument in (*words, *sizes, *matrices)])
    writer.body.do(f"call void {function}({arguments})")
    writer.besides(_mirror(kind))
    writer.body.do(f"call void @mirror.{kind}(ptr {result}, i64 {made.left.row.size}, i64 {result_step})")


def _mirror(kind: str) -> str:
    """A function that copies what is below the diagonal of a matrix to above it, a few columns at once."""
    body = Body()
    blocks = body.put(f"udiv i64 {body.put(f'add i64 %size, {_COLUMNS - 1}')}, {_COLUMNS}")
    with body.loop(blocks) as block:
        first = body.put(f"mul i64 {block}, {_COLUMNS}")
        with body.loop("%size", begin=first) as row:
            start = body.put(f"mul i64 {row}, %step")
            left = body.put(f"add i64 {body.put(f'sub i64 {row}, {first}')}, 1")
            is_near = body.put(f"icmp ult i64 {left}, {_COLUMNS}")
            count = body.put(f"select i1 {is_near}, i64 {left}, i64 {_COLUMNS}")
            with body.loop(count) as place:
                column = body.put(f"add i64 {first}, {place}")
                there = body.put(f"add i64 {body.put(f'mul i64 {column}, %step')}, {row}")
                below, above = [
                    body.put(f"getelementptr {kind}, ptr %matrix, i64 {at}")
                    for at in (body.put(f"add i64 {start}, {column}"), there)
                ]
                body.do(f"store {kind} {body.put(f'load {kind}, ptr {below}')}, ptr {above}")
    body.do("ret void")
    return f"define internal void @mirror.{kind}(ptr %matrix, i64 %size, i64 %step) noinline {{\n{body.text()}\n}}"


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
