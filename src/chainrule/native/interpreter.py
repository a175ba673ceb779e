"""An interpreter in machine code: what a program of very many small steps is given to as data, not as text.

An instruction is some words of 32 bits. The first is the operation. The others are the places, in one array of numbers,
of what it reads and of what it leaves; a loop over vectors has its strides and its length besides. Each ends with a
jump to the next, so that the processor learns which follow each other. Truths are numbers too: 1 and 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.numbers import Declarations, write_apply, write_combined
from chainrule.native.scalar import Apply, Read, Source
from chainrule.native.text import ALONE, VECTORS, Body, literal, value_type

__all__ = [
    "CALL",
    "CHOOSE",
    "COPY",
    "END",
    "STRIDED",
    "Block",
    "Instruction",
    "Loop",
    "Made",
    "Operation",
    "Outside",
    "Step",
    "write_interpreter",
]

STRIDED = 2  # the stride of what lies neither at one place nor side by side: a word says which
_TRUTH = np.dtype(bool)


class Operation(NamedTuple):
    """A function of numbers, and the kinds of its arguments and of its result."""

    function: Any
    arguments: tuple[np.dtype[Any], ...]
    result: np.dtype[Any]


END, COPY, CHOOSE, CALL, WITHIN, LOOKED_UP = "end", "copy", "choose", "call", "within", "looked up"
"""What is no ufunc: to stop, to copy a number, to copy one where another is true, to call a function outside.

In loops besides: a position along an axis of some size, counted from the end if it is below zero; and the number that
is so far from a place.
A call takes the place of the function among others, how many arrays it has, and their places.
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


class Loop(NamedTuple):
    """Operations on vectors: a block for each turn of a loop.

    ``strides`` are those of what is read, in the order of words, and of the one result: 0, 1, -1, or `STRIDED`. With
    ``combine`` that is added, or the like, to what is there, or to ``start`` if the result is one number. What is read
    and what is written are the same places or meet nowhere, unless the turns are to be done ``in_order``. The result
    goes to a place that is ``offset`` further, if there is one.
    """

    block: Block
    strides: tuple[int, ...]
    combine: Any = None
    start: float | None = None
    in_order: bool = False
    offset: Made | Outside | None = None


Instruction = Operation | Block | Loop


def write_interpreter(
    operations: Sequence[Instruction], dtype: np.dtype[Any], declared: Declarations, functions: int, notes: list[str]
) -> str:
    """The function ``interpret(code, numbers)``; an instruction's first word is the place of its operation.

    It gives 0 if all went well. Those that it calls are in the table ``@functions``, from ``functions`` on. What is to
    be known of its loops goes to ``notes``.
    """
    written = []
    for k, made in enumerate(operations):
        body = Body(notes)
        _instruction(body, made, dtype, declared, functions)
        written.append(_definition(f"operation{k}", body))
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


def _instruction(body: Body, made: Instruction, dtype: np.dtype[Any], declared: Declarations, functions: int) -> None:
    if isinstance(made, Block):
        words: int | str = _Numbers(body, made, dtype, declared).write()
    elif isinstance(made, Loop):
        words = _Vectors(body, made, dtype, declared).write()
    elif made.function == END:
        body.do("ret i32 0")
        return
    else:
        words = _call(body, value_type(dtype), functions)
    _jump(body, body.put(f"getelementptr i32, ptr %code, i64 {words}"))


def _definition(name: str, body: Body) -> str:
    return f"define internal i32 @{name}(ptr %code, ptr %numbers) #3 {{\n{body.text()}\n}}"


class _Numbers:
    """Writes a block. Nothing that it reads from outside is written before in it, so all of that is read at once."""

    def __init__(self, body: Body, made: Block, dtype: np.dtype[Any], declared: Declarations) -> None:
        self.body, self.made, self.dtype, self.declared = body, made, dtype, declared
        self.kind = value_type(dtype)
        self.results: list[str] = []
        self.uses = Counter([value for step in made.steps for value in step.operands if isinstance(value, Made)])
        self.words = len({value.word for step in made.steps for value in step.operands if isinstance(value, Outside)})

    def write(self) -> int:
        """The instructions; gives how many words the block takes."""
        words, steps = self.words, self.made.steps
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
            return self.outside(value.word)
        return literal(value, self.dtype)

    def outside(self, word: int) -> str:
        """A number that is there when the block begins."""
        return self.body.put(f"load {self.kind}, ptr {self.pointer(word + 1)}")

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


class _Vectors(_Numbers):
    """Writes a loop. Vectors are half as wide as could be: most loops are short, and read what was just stored."""

    def __init__(self, body: Body, made: Loop, dtype: np.dtype[Any], declared: Declarations) -> None:
        super().__init__(body, made.block, dtype, declared)
        self.loop, self.declared = made, declared
        self.access = "" if made.in_order else ALONE
        self.read: dict[int, str] = {}
        self.places: list[str] = []
        self.failed = ""

    def write(self) -> int:
        """The instructions; gives how many words the loop takes."""
        strides = self.loop.strides
        starts = [self.pointer(word + 1) for word in range(len(strides))]
        apart = [word for word, stride in enumerate(strides) if stride == STRIDED]
        steps = {word: _word(self.body, len(strides) + 1 + k) for k, word in enumerate(apart)}
        steps.update({word: "-1" for word, stride in enumerate(strides) if stride == -1})
        words = len(strides) + len(apart) + 1
        for word, start in enumerate(starts[:-1]):
            if strides[word] == 0:
                self.read[word] = self.load(start)
        total = self.total(starts[-1]) if strides[-1] == 0 and self.loop.offset is None else ""
        if any([step.operation.function == WITHIN for step in self.made.steps]):
            self.failed = self.body.reserve("alloca i1")
            self.body.do(f"store i1 false, ptr {self.failed}")
        hints = "" if self.loop.in_order else VECTORS[self.dtype.itemsize]
        with self.body.loop(_word(self.body, words), hints) as index:
            for word, start in enumerate(starts):
                if strides[word]:
                    by = self.body.put(f"mul nsw i64 {index}, {steps[word]}") if word in steps else index
                    starts[word] = self.body.put(f"getelementptr inbounds {self.kind}, ptr {start}, i64 {by}")
            self.leave(starts, total)
        if total:
            self.body.do(f"store {self.kind} {self.load(total)}, ptr {starts[-1]}")
        if self.failed:
            _end_if(self.body, self.body.put(f"load i1, ptr {self.failed}"))
        return words + 1

    def leave(self, places: Sequence[str], total: str) -> None:
        """One turn: its result goes to the last place, or to the total."""
        self.places = [*places]
        for step in self.made.steps:
            self.results.append(self.step(step))
        target, access, result = total or places[-1], "" if total else self.access, self.results[-1]
        if self.loop.offset is not None:
            target = self.further(target, self.loop.offset)
        if self.loop.combine is not None:
            before = self.load(target, access)
            result = write_combined(self.body, self.declared, self.loop.combine, self.kind, before, result)
        self.body.do(f"store {self.kind} {result}, ptr {target}{access}")

    def total(self, start: str) -> str:
        """Where a sum is while it grows."""
        where = self.body.reserve(f"alloca {self.kind}")
        begin = self.load(start) if self.loop.start is None else literal(self.loop.start, self.dtype)
        self.body.do(f"store {self.kind} {begin}, ptr {where}")
        return where

    def load(self, place: str, access: str = "") -> str:
        return self.body.put(f"load {self.kind}, ptr {place}{access}")

    def outside(self, word: int) -> str:
        """A number that is read in this turn, or the same in all."""
        if word not in self.read:
            self.read[word] = self.load(self.places[word], self.access)
        return self.read[word]

    def step(self, made: Step) -> str:
        """The result of a step; positions are numbers, too."""
        if made.operation.function == WITHIN:
            return self.within(*[self.number(value) for value in made.operands])
        if made.operation.function == LOOKED_UP:
            offset, there = made.operands
            assert isinstance(there, Outside)
            return self.load(self.further(self.places[there.word], offset), self.access)
        return super().step(made)

    def further(self, place: str, offset: Made | Outside | float) -> str:
        """The place that is so far from another."""
        by = self.body.put(f"fptosi {self.kind} {self.number(offset)} to i64")
        return self.body.put(f"getelementptr inbounds {self.kind}, ptr {place}, i64 {by}")

    def within(self, entry: str, size: str) -> str:
        """A position along an axis; the first, if there is none, which is noted."""
        kind, zero = self.kind, literal(0, self.dtype)
        below = self.body.put(f"fcmp olt {kind} {entry}, {zero}")
        moved = self.body.put(f"fadd {kind} {entry}, {size}")
        moved = self.body.put(f"select i1 {below}, {kind} {moved}, {kind} {entry}")
        above = self.body.put(f"fcmp oge {kind} {moved}, {size}")
        outside = self.body.put(f"or i1 {above}, {self.body.put(f'fcmp olt {kind} {moved}, {zero}')}")
        before = self.body.put(f"load i1, ptr {self.failed}")
        self.body.do(f"store i1 {self.body.put(f'or i1 {before}, {outside}')}, ptr {self.failed}")
        return self.body.put(f"select i1 {outside}, {kind} {zero}, {kind} {moved}")


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


def _call(body: Body, kind: str, functions: int) -> str:
    """A call with a table of pointers; if it has no answer, nor has the program. Gives how many words it takes."""
    which, count = [_word(body, place) for place in (1, 2)]
    table = body.put(f"alloca ptr, i64 {count}")
    places = body.put(f"getelementptr i32, ptr %code, i64 {_BEFORE}")
    with body.loop(count) as index:
        place = body.put(f"load i32, ptr {body.put(f'getelementptr i32, ptr {places}, i64 {index}')}")
        pointer = body.put(f"getelementptr {kind}, ptr %numbers, i32 {place}")
        body.do(f"store ptr {pointer}, ptr {body.put(f'getelementptr ptr, ptr {table}, i64 {index}')}")
    at = body.put(f"getelementptr ptr, ptr @functions, i64 {body.put(f'add i64 {which}, {functions}')}")
    status = body.put(f"call i32 {body.put(f'load ptr, ptr {at}')}(ptr {table})")
    _end_if(body, body.put(f"icmp ne i32 {status}, 0"))
    return body.put(f"add i64 {count}, {_BEFORE}")


def _end_if(body: Body, failed: str) -> None:
    """Leave the program without an answer."""
    body.do(f"br i1 {failed}, label %unanswered, label %on")
    body.start("unanswered")
    body.do("ret i32 1")
    body.start("on")


_BEFORE = 3  # words of a call before the places of its arrays
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
