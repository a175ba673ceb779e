"""Instructions that become blocks: what is left in the numbers is what the instructions one by one leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.native.blocks import LATER, blocks
from chainrule.native.interpreter import CALL, CHOOSE, COPY, END, Block, Loop, Made, Operation, Outside, Step
from tests.native.agreement import agree

NUMBER, TRUTH = np.dtype(float), np.dtype(bool)
OPERATIONS: list[Operation | Loop] = [
    Operation(END, (), NUMBER),
    Operation(np.add, (NUMBER, NUMBER), NUMBER),
    Operation(np.subtract, (NUMBER, NUMBER), NUMBER),
    Operation(np.remainder, (NUMBER, NUMBER), NUMBER),
    Operation(COPY, (NUMBER,), NUMBER),
    Operation(CHOOSE, (TRUTH, NUMBER), NUMBER),
    Loop(Block((Step(Operation(np.add, (NUMBER, NUMBER), NUMBER), (Outside(0, 0), Outside(1, 0)), True),)), (1, 1, 1)),
    Operation(CALL, (), NUMBER),
]
ADD, SUBTRACT, REMAINDER, COPIED, CHOSEN, VECTOR, CALLED = range(1, 8)
CONSTANTS = [97.0, 3.0]
PLACES = 24


def value(made: Operation, numbers: Sequence[float]) -> float:
    if made.function == COPY:
        return numbers[0]
    if made.function == CHOOSE:
        return numbers[1] if numbers[0] != 0 else numbers[2]
    if made.function == np.remainder:
        return numbers[0] % numbers[1] if numbers[1] else 0.0
    return float(made.function(*numbers))


def vector(words: Any, numbers: Any) -> None:
    one, other, result, length = [int(word) for word in words]
    for k in range(length):
        numbers[result + k] = (numbers[one + k] + numbers[other + k]) % 97


def one_by_one(code: Any, others: Any, numbers: Any) -> list[list[int]]:
    """What the instructions leave, and what was called in which order."""
    calls = []
    for row in code:
        made = OPERATIONS[row[0]]
        words = others[row[1] : row[1] + row[2]]
        if row[0] == VECTOR:
            vector(words, numbers)
        elif row[0] == CALLED:
            calls.append([int(word) for word in words])
        elif row[0]:
            assert isinstance(made, Operation)
            operands = [numbers[row[word]] for word in (2, 3, 1)]
            numbers[row[1]] = value(made, operands if row[0] == CHOSEN else operands[: len(made.arguments)])
    return calls


def in_blocks(operations: Sequence[Any], words: Any, numbers: Any) -> list[list[int]]:
    """The same of the words that blocks have."""
    at = 0
    calls: list[list[int]] = []
    while True:
        made = operations[words[at]]
        if isinstance(made, Block):
            at = block(made, words, at, numbers)
        elif isinstance(made, Loop):
            vector(words[at + 1 : at + 5], numbers)
            at += 5
        elif made.function == END:
            return calls
        else:
            calls.append([int(word) for word in words[at + 1 : at + 3 + words[at + 2]]])
            at += 3 + words[at + 2]


def block(made: Block, words: Any, at: int, numbers: Any) -> int:
    """Do a block, which reads all that it reads from outside at once; gives where the next begins."""
    outside = [v for step in made.steps for v in step.operands if isinstance(v, Outside)]
    read = [numbers[words[at + 1 + v.word]] for v in outside]
    results: list[float] = []
    for step in made.steps:
        operands = [
            results[v.step] if isinstance(v, Made) else read[v.word] if isinstance(v, Outside) else v
            for v in step.operands
        ]
        results.append(value(step.operation, operands))
    at += 1 + len(outside)
    for step, result in zip(made.steps, results, strict=True):
        if step.is_kept:
            numbers[words[at]] = result
            at += 1
    return at


place = st.integers(0, PLACES - 1)
operand = st.one_of(place, st.sampled_from([LATER, LATER + 1]))
instruction = st.tuples(st.sampled_from([ADD, SUBTRACT, REMAINDER, COPIED, CHOSEN]), place, operand, operand)
moved = st.lists(st.booleans(), min_size=3, max_size=3)
between = st.one_of(
    st.none(),
    st.tuples(st.just(VECTOR), *[st.integers(0, PLACES - 5)] * 3),
    st.tuples(st.just(CALLED), place, place, place),
    instruction,
)


@given(st.lists(st.tuples(instruction, moved), min_size=1, max_size=9), st.lists(between, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_blocks_do_what_their_instructions_do(body: Any, others: Any) -> None:
    """A body that is repeated, some of whose places move on from turn to turn, with others in between now and then."""
    code: list[tuple[int, ...]] = []
    words_of_others: list[int] = []
    for turn in range(100):
        for (number, *places), moves in body:
            shifted = [(p + turn) % PLACES if move and p < LATER else p for p, move in zip(places, moves, strict=True)]
            code.append((number, *shifted))
            code.append((REMAINDER, shifted[0], shifted[0], LATER))  # so that all stays exact
        other = others[turn % len(others)] if turn % 35 == 34 else None
        if other is not None and other[0] in (CALLED, VECTOR):
            more = [turn, 3, *other[1:]] if other[0] == CALLED else [*other[1:], 5]
            code.append((other[0], len(words_of_others), len(more), 0))
            words_of_others += more
        elif other is not None:
            code.append(other)
    code.append((0, 0, 0, 0))
    rows = np.array(code, np.int64)
    operations, words = blocks(rows, OPERATIONS, CONSTANTS, words_of_others)
    settled = rows.copy()
    settled[:, 1:4][settled[:, 1:4] >= LATER] += PLACES - LATER
    words[words >= LATER] += PLACES - LATER
    expected = np.concatenate([np.arange(PLACES, dtype=float), CONSTANTS])
    found = expected.copy()
    called = one_by_one(settled, words_of_others, expected)
    told = in_blocks(operations, words, found)
    assert np.array_equal(found, expected)
    assert told == called


def test_a_loop_is_few_long_instructions() -> None:
    turns = [(ADD, 5, 0, 1), (SUBTRACT, 6, 5, 2), (ADD, 0, 6, 3)] * 1000
    operations, words = blocks(np.array([*turns, (0, 0, 0, 0)], np.int64), OPERATIONS, CONSTANTS, [])
    longest = max([len(made.steps) for made in operations if isinstance(made, Block)])
    assert longest > 24
    assert len(words) < len(turns) * 2


def lattice(A: Any) -> Any:
    A = A.copy()
    for _ in range(3):
        for i in range(1, len(A) - 1):
            for j in range(1, len(A) - 1):
                A[i, j] = (A[i, j - 1] + A[i - 1, j] * 0.5 + A[i + 1, j] + A[i, j + 1] - A[i, j]) / 4
                if i > j:
                    A[j, i] = np.where(A[i, j] > 0.2, A[i, j], A[j, i] * A[i, i])
    return np.sum(A**2)


def aligned(a: Any, b: Any) -> Any:
    table = np.zeros((len(a) + 1, len(b) + 1), a.dtype)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            match = table[i - 1, j - 1] + a[i - 1] * b[j - 1]
            table[i, j] = np.maximum(np.maximum(match, table[i - 1, j] - 0.1), table[i, j - 1] - 0.1)
    return table[-1, -1]


def factor(A: Any) -> Any:
    L = A.copy()
    for j in range(len(A)):
        for k in range(j):
            for i in range(j, len(A)):
                L[i, j] = L[i, j] - L[i, k] * L[j, k]
        L[j, j] = np.sqrt(L[j, j])
        for i in range(j + 1, len(A)):
            L[i, j] = L[i, j] / L[j, j]
    return np.sum(np.log(L.diagonal()))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_programs_of_many_alike_instructions(dtype: Any) -> None:
    draw = np.random.default_rng(3)
    root = draw.normal(size=(16, 16))
    for function, argnums, arguments in (
        (lattice, 0, (draw.normal(size=(14, 14)),)),
        (aligned, (0, 1), (draw.normal(size=17), draw.normal(size=19))),
        (factor, 0, (root @ root.T + 16 * np.eye(16),)),
    ):
        given = [argument.astype(dtype) for argument in arguments]
        whole = cr.value_and_grad(function, argnums)
        compiled = cr.compile(whole)
        agree(compiled(*given), whole(*given))
        assert compiled.recordings == ["machine code"]
