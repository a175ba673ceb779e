"""An interpreter in machine code: what a program of very many small steps is given to as data, not as text.

An instruction is eight words of 32 bits: the operation, the places in one array of numbers of the result and of two
operands, and, for the operations of vectors, their length and the three strides. Each operation ends with a jump to the
next, so that the processor learns which follow each other. Truths are numbers too: 1 and 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.numbers import Declarations, write_apply
from chainrule.native.scalar import Apply, Read, Source
from chainrule.native.text import Body, literal, value_type

__all__ = ["CALL", "CHOOSE", "COPY", "END", "WORDS", "Operation", "write_interpreter"]

WORDS = 8
_RESULT, _OPERANDS, _LENGTH, _STRIDES = 1, (2, 3), 4, (5, 6, 7)
_TRUTH = np.dtype(bool)


class Operation(NamedTuple):
    """A function of numbers, the kinds of its arguments and of its result, and whether it is done for a vector."""

    function: Any
    arguments: tuple[np.dtype[Any], ...]
    result: np.dtype[Any]
    is_vector: bool


END, COPY, CHOOSE, CALL = "end", "copy", "choose", "call"
"""What is no ufunc: to stop, to copy a number, to copy one where another is true, to call a function outside.

A call takes the place of the function among others, where in the code the places of its arrays are, and how many.
"""


def write_interpreter(
    operations: Sequence[Operation], dtype: np.dtype[Any], declared: Declarations, functions: int
) -> str:
    """The function ``interpret(code, numbers)``; an instruction's first word is the place of its operation.

    It gives 0 if all went well. Those that it calls are in the table ``@functions``, from ``functions`` on.
    """
    written = [_operation(f"operation{k}", made, dtype, declared, functions) for k, made in enumerate(operations)]
    names = ", ".join([f"ptr @operation{k}" for k in range(len(operations))])
    body = Body()
    _jump(body, "%code")
    return "\n".join(
        [
            f"@operations = internal constant [{len(operations)} x ptr] [{names}]",
            *written,
            f"define internal i32 @interpret(ptr %code, ptr %numbers) #0 {{\n{body.text()}\n}}",
            "",
        ]
    )


def _operation(name: str, made: Operation, dtype: np.dtype[Any], declared: Declarations, functions: int) -> str:
    body = Body()
    if made.function == END:
        body.do("ret i32 0")
        return _definition(name, body)
    if made.function == CALL:
        _call(body, value_type(dtype), functions)
        _jump(body, body.put(f"getelementptr i32, ptr %code, i64 {WORDS}"))
        return _definition(name, body)
    operands = _OPERANDS[: len(made.arguments)]
    if made.is_vector:
        length = _word(body, _LENGTH)
        strides = [_word(body, place) for place in _STRIDES[: 1 + len(operands)]]
        with body.loop(length) as index:
            _once(body, made, operands, dtype, declared, [body.put(f"mul i64 {index}, {by}") for by in strides])
    else:
        _once(body, made, operands, dtype, declared, [])
    _jump(body, body.put(f"getelementptr i32, ptr %code, i64 {WORDS}"))
    return _definition(name, body)


def _definition(name: str, body: Body) -> str:
    return f"define internal i32 @{name}(ptr %code, ptr %numbers) #0 {{\n{body.text()}\n}}"


def _once(
    body: Body,
    made: Operation,
    operands: Sequence[int],
    dtype: np.dtype[Any],
    declared: Declarations,
    moved: Sequence[str],
) -> None:
    """The operation for one number of each operand, ``moved`` from where those begin."""
    kind = value_type(dtype)
    pointers = []
    for k, place in enumerate((_RESULT, *operands)):
        at = body.put(f"getelementptr {kind}, ptr %numbers, i64 {_word(body, place, before_loop=True)}")
        pointers.append(body.put(f"getelementptr {kind}, ptr {at}, i64 {moved[k]}") if moved else at)
    numbers = [body.put(f"load {kind}, ptr {pointer}") for pointer in pointers[1:]]
    zero = literal(0, dtype)
    parts = [
        body.put(f"fcmp une {kind} {number}, {zero}") if argument == _TRUTH else number
        for number, argument in zip(numbers, made.arguments, strict=True)
    ]
    if made.function == COPY:
        result = numbers[0]
    elif made.function == CHOOSE:
        there = body.put(f"load {kind}, ptr {pointers[0]}")
        result = body.put(f"select i1 {parts[0]}, {kind} {parts[1]}, {kind} {there}")
    else:
        sample = Apply(made.function, tuple([Read(_NOWHERE, (), argument) for argument in made.arguments]), made.result)
        result = write_apply(body, declared, sample, parts, _never)
        if made.result == _TRUTH:
            result = body.put(f"uitofp i1 {result} to {kind}")
    body.do(f"store {kind} {result}, ptr {pointers[0]}")


def _call(body: Body, kind: str, functions: int) -> None:
    """A call with a table of pointers; if it has no answer, nor has the program."""
    which, away, count = [_word(body, place) for place in (1, 2, 3)]
    table = body.put(f"alloca ptr, i64 {count}")
    places = body.put(f"getelementptr i32, ptr %code, i64 {away}")
    with body.loop(count) as index:
        place = body.put(f"load i32, ptr {body.put(f'getelementptr i32, ptr {places}, i64 {index}')}")
        pointer = body.put(f"getelementptr {kind}, ptr %numbers, i32 {place}")
        body.do(f"store ptr {pointer}, ptr {body.put(f'getelementptr ptr, ptr {table}, i64 {index}')}")
    at = body.put(f"getelementptr ptr, ptr @functions, i64 {body.put(f'add i64 {which}, {functions}')}")
    status = body.put(f"call i32 {body.put(f'load ptr, ptr {at}')}(ptr {table})")
    failed = body.put(f"icmp ne i32 {status}, 0")
    body.do(f"br i1 {failed}, label %unanswered, label %on")
    body.start("unanswered")
    body.do("ret i32 1")
    body.start("on")


_NOWHERE = Source((), np.dtype(np.float64))


def _never(condition: str) -> None:
    raise AssertionError("an operation of numbers that can fail")


def _word(body: Body, place: int, before_loop: bool = False) -> str:
    """A word of the instruction, as a number of 64 bits."""
    if before_loop:
        at = body.reserve(f"getelementptr i32, ptr %code, i64 {place}")
        return body.reserve(f"sext i32 {body.reserve(f'load i32, ptr {at}')} to i64")
    at = body.put(f"getelementptr i32, ptr %code, i64 {place}")
    return body.put(f"sext i32 {body.put(f'load i32, ptr {at}')} to i64")


def _jump(body: Body, code: str) -> None:
    """Go on with the instruction at ``code``."""
    which = body.put(f"sext i32 {body.put(f'load i32, ptr {code}')} to i64")
    function = body.put(f"load ptr, ptr {body.put(f'getelementptr ptr, ptr @operations, i64 {which}')}")
    body.do(f"ret i32 {body.put(f'musttail call i32 {function}(ptr {code}, ptr %numbers)')}")
