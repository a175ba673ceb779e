"""An interpreter in machine code: what a program of very many small steps is given to as data, not as text.

An instruction is some words of 32 bits. The first is the operation. For a block of operations on numbers the others are
the places, in one array of numbers, of what it reads and of what it leaves. For an operation on vectors they are the
places of its result and of two operands, the length and the three strides. Each ends with a jump to the next, so that
the processor learns which follow each other. Truths are numbers too: 1 and 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.numbers import Declarations, write_apply
from chainrule.native.scalar import Apply, Read, Source
from chainrule.native.text import Body, literal, value_type

__all__ = [
    "CALL",
    "CHOOSE",
    "COPY",
    "END",
    "WORDS",
    "Block",
    "Made",
    "Operation",
    "Outside",
    "Step",
    "write_interpreter",
]

WORDS = 8  # of an operation on vectors, and of a call
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


class Made(NamedTuple):
    """What a step of the same block made."""

    step: int


class Outside(NamedTuple):
    """A number that is there when a block begins: the word that says where, and how long ago it was made (0: long)."""

    word: int
    age: int


class Step(NamedTuple):
    """An operation on numbers in a block; ``is_kept`` says that its result is needed after it."""

    operation: Operation
    operands: tuple[Made | Outside | float, ...]
    is_kept: bool


class Block(NamedTuple):
    """Operations on numbers, one after the other."""

    steps: tuple[Step, ...]


def write_interpreter(
    operations: Sequence[Operation | Block], dtype: np.dtype[Any], declared: Declarations, functions: int
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


def _operation(name: str, made: Operation | Block, dtype: np.dtype[Any], declared: Declarations, functions: int) -> str:
    body = Body()
    if isinstance(made, Block):
        words = _Numbers(body, made, dtype, declared).write()
        _jump(body, body.put(f"getelementptr i32, ptr %code, i64 {words}"))
        return _definition(name, body)
    if made.function == END:
        body.do("ret i32 0")
        return _definition(name, body)
    if made.function == CALL:
        _call(body, value_type(dtype), functions)
    else:
        _vector(body, made, dtype, declared)
    _jump(body, body.put(f"getelementptr i32, ptr %code, i64 {WORDS}"))
    return _definition(name, body)


def _definition(name: str, body: Body) -> str:
    return f"define internal i32 @{name}(ptr %code, ptr %numbers) #0 {{\n{body.text()}\n}}"


class _Numbers:
    """Writes a block. Nothing that it reads from outside is written before in it, so all of that is read at once."""

    def __init__(self, body: Body, made: Block, dtype: np.dtype[Any], declared: Declarations) -> None:
        self.body, self.made, self.dtype, self.declared = body, made, dtype, declared
        self.kind = value_type(dtype)
        self.results: list[str] = []
        self.uses = Counter([value for step in made.steps for value in step.operands if isinstance(value, Made)])

    def write(self) -> int:
        """The instructions; gives how many words the block takes."""
        steps = self.made.steps
        words = sum([isinstance(value, Outside) for step in steps for value in step.operands])
        for step in steps:
            self.results.append(self.step(step))
        for step, result in zip(steps, self.results, strict=True):
            if step.is_kept:
                words += 1
                self.body.do(f"store {self.kind} {result}, ptr {self.pointer(words)}")
        return words + 1

    def pointer(self, word: int) -> str:
        return _place(self.body, self.kind, word)

    def number(self, value: Made | Outside | float) -> str:
        if isinstance(value, Made):
            return self.results[value.step]
        if isinstance(value, Outside):
            return self.body.put(f"load {self.kind}, ptr {self.pointer(value.word + 1)}")
        return literal(value, self.dtype)

    def step(self, made: Step) -> str:
        """The result of a step; the sum of several numbers begins with those that were there first."""
        if made.operation.function is np.add:
            terms = self.terms(made)
            terms.sort(key=self.begun)
            total = self.number(terms[0])
            for term in terms[1:]:
                total = self.body.put(f"fadd contract {self.kind} {total}, {self.number(term)}")
            return total
        divisor = made.operands[-1]
        if made.operation.function is np.divide and isinstance(divisor, float) and self.has_reciprocal(divisor):
            return self.body.put(
                f"fmul contract {self.kind} {self.number(made.operands[0])}, {literal(1 / divisor, self.dtype)}"
            )
        numbers = [self.number(value) for value in made.operands]
        return _applied(self.body, made.operation, numbers, self.dtype, self.declared)

    def has_reciprocal(self, divisor: float) -> bool:
        """Whether 1 over a number has as many digits as any other."""
        limits = np.finfo(self.dtype)
        return bool(limits.tiny <= abs(divisor) <= 1 / float(limits.tiny))

    def terms(self, made: Step) -> list[Made | Outside | float]:
        """What a sum consists of, where its parts are sums that nobody else needs."""
        found: list[Made | Outside | float] = []
        for value in made.operands:
            if isinstance(value, Made) and self.uses[value] == 1:
                inner = self.made.steps[value.step]
                if inner.operation.function is np.add and not inner.is_kept:
                    found += self.terms(inner)
                    continue
            found.append(value)
        return found

    def begun(self, value: Made | Outside | float) -> float:
        """When a number is there, counted from the beginning of the block."""
        if isinstance(value, Made):
            return value.step
        return -value.age if isinstance(value, Outside) and value.age else -inf


def _vector(body: Body, made: Operation, dtype: np.dtype[Any], declared: Declarations) -> None:
    """An operation on vectors: for each number of each operand."""
    kind = value_type(dtype)
    places = (_RESULT, *_OPERANDS[: len(made.arguments)])
    starts = [_place(body, kind, place) for place in places]
    length = _word(body, _LENGTH)
    strides = [_word(body, place) for place in _STRIDES[: len(places)]]
    with body.loop(length) as index:
        moved = [body.put(f"mul i64 {index}, {by}") for by in strides]
        pointers = [
            body.put(f"getelementptr {kind}, ptr {start}, i64 {by}") for start, by in zip(starts, moved, strict=True)
        ]
        read = [*pointers[1:], pointers[0]] if made.function == CHOOSE else pointers[1:]
        numbers = [body.put(f"load {kind}, ptr {pointer}") for pointer in read]
        body.do(f"store {kind} {_applied(body, made, numbers, dtype, declared)}, ptr {pointers[0]}")


def _applied(body: Body, made: Operation, numbers: Sequence[str], dtype: np.dtype[Any], declared: Declarations) -> str:
    """The result of an operation on numbers; the last for a choice is what was there."""
    kind = value_type(dtype)
    parts = [
        body.put(f"fcmp une {kind} {number}, {literal(0, dtype)}") if argument == _TRUTH else number
        for number, argument in zip(numbers, made.arguments, strict=False)
    ]
    if made.function == COPY:
        return numbers[0]
    if made.function == CHOOSE:
        return body.put(f"select i1 {parts[0]}, {kind} {parts[1]}, {kind} {numbers[2]}")
    sample = Apply(made.function, tuple([Read(_NOWHERE, (), argument) for argument in made.arguments]), made.result)
    result = write_apply(body, declared, sample, parts, _never)
    return body.put(f"uitofp i1 {result} to {kind}") if made.result == _TRUTH else result


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


def _word(body: Body, place: int) -> str:
    """A word of the instruction, as a number of 64 bits."""
    return body.put(f"sext i32 {_short(body, place)} to i64")


def _short(body: Body, place: int) -> str:
    at = body.put(f"getelementptr i32, ptr %code, i64 {place}", "p") if place else "%code"
    return body.put(f"load i32, ptr {at}")


def _place(body: Body, kind: str, place: int) -> str:
    """Where the number is whose place a word says."""
    return body.put(f"getelementptr {kind}, ptr %numbers, i32 {_short(body, place)}", "p")


def _jump(body: Body, code: str) -> None:
    """Go on with the instruction at ``code``."""
    which = body.put(f"sext i32 {body.put(f'load i32, ptr {code}')} to i64")
    function = body.put(f"load ptr, ptr {body.put(f'getelementptr ptr, ptr @operations, i64 {which}')}")
    body.do(f"ret i32 {body.put(f'musttail call i32 {function}(ptr {code}, ptr %numbers)')}")
