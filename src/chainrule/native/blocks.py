"""Instructions that follow each other again and again, as one: a loop that Python ran leaves the same ones each turn.

Of each instruction it is found out where its operands were made and how long its result is needed. Pairs of neighbours
that occur often, with the same answers, become one, and so do pairs of these. In such a block what one instruction
makes for another stays in a register, and what nobody needs afterwards is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.native.interpreter import CALL, CHOOSE, END, Block, Instruction, Loop, Made, Operation, Outside, Step

__all__ = ["LATER", "blocks"]

LATER = 1 << 40  # from here on are places of numbers that are known, which are settled when all others are
_READ = (2, 3, 1)  # the words that say what an instruction reads; the third is where the result goes
_FAR = 63  # instructions: what was made longer ago is as good as any number
_GOOD = 127  # the answer for a result that is needed longer
_OFTEN = 32  # times that two instructions have to follow each other
_LONGEST = 48  # instructions of a block
_MOST = 32  # blocks that are made of pairs at a time
_BITS = 7
_MASK = (1 << _BITS) - 1


def blocks(
    code: Any, operations: Sequence[Operation | Loop], constants: Sequence[float], others: Sequence[int]
) -> tuple[list[Instruction], Any]:
    """The operations of a program, some of them blocks, and its words.

    ``code`` has a row for each instruction. For a number that is its operation, the place of its result, and those of
    two operands. For all else it is where among ``others`` its words begin, and how many they are.
    """
    signatures = _signatures(code, operations)
    known, symbols = np.unique(signatures, return_inverse=True)
    members: list[tuple[int, ...]] = [(k,) for k in range(len(known))]
    first = np.arange(len(code))
    while True:
        symbols, first, found = _paired(symbols, first, members, known < 0)
        if not found:
            break
    makers = [_block(known[[*made]].tolist(), operations, constants) for made in members]
    return _written(code, symbols, first, makers, np.asarray(others, np.int64))


def _is_alone(made: Operation | Loop) -> bool:
    """Whether an instruction is always by itself."""
    return isinstance(made, Loop) or made.function in (END, CALL)


def _signatures(code: Any, operations: Sequence[Operation | Loop]) -> Any:
    """What is the same of instructions that may stand for each other, in one integer.

    Its operation; for each operand how many instructions ago it was made (0 if that is far), or which number it is; for
    how many instructions its result is needed. Those that are always by themselves have negative ones.
    """
    function = code[:, 0]
    alone = np.array([_is_alone(made) for made in operations])[function]
    if alone.all():
        return -1 - function
    reads = np.array([_operands(made) for made in operations])[function] & ~alone[:, None]
    ago, needed = _distances(code, reads, alone)
    ago[ago > _FAR] = 0
    needed[needed > _FAR] = _GOOD
    number = code[:, _READ] - LATER
    is_number = reads & (number >= 0) & (number < _FAR)
    ago[is_number] = number[is_number] + _FAR + 1
    signature = function.astype(np.int64)
    for answer in (*ago.T, needed):
        signature = (signature << _BITS) | answer
    return np.where(alone, -1 - function, signature)


def _distances(code: Any, reads: Any, alone: Any) -> tuple[Any, Any]:
    """How many instructions ago what is read was written (0: not known), and in how many it is read for the last time.

    Reads and writes are put in order by place and time: what is read was written by the last write before it, and is
    needed until the last read before the next. What vectors and calls read and write is not followed: nothing is known
    of numbers on the other side of one.
    """
    row, column = np.nonzero(reads)
    writers = np.nonzero(~alone)[0]
    places = np.concatenate([code[:, _READ][row, column], code[writers, 1]])
    times = np.concatenate([2 * row, 2 * writers + 1])  # an instruction reads before it writes
    order = np.lexsort((times, places))
    places, times = places[order], times[order]
    instruction, stretch = times // 2, np.cumsum(alone)[times // 2]
    writes, at = times % 2 == 1, np.arange(len(order))
    before = np.concatenate([[-1], np.maximum.accumulate(np.where(writes, at, -1))[:-1]])
    after = np.concatenate([np.minimum.accumulate(np.where(writes, at, len(at))[::-1])[-2::-1], [len(at)]])

    def distance(other: Any, to: Any, otherwise: int) -> Any:
        there = (other >= 0) & (other < len(at))
        known = there & (places == places[other % len(at)]) & (stretch == stretch[other % len(at)])
        return np.where(known, np.abs(instruction - instruction[to % len(at)]), otherwise)

    in_order = np.empty((2, len(at)), np.int64)
    in_order[:, order] = distance(before, before, 0), distance(after, after - 1, _GOOD)
    ago, needed = np.zeros(reads.shape, np.int64), np.zeros(len(code), np.int64)
    ago[row, column] = in_order[0, : len(row)]
    needed[writers] = in_order[1, len(row) :]
    return ago, needed


def _operands(made: Operation | Loop) -> list[bool]:
    """Which of the words that it may read an operation does read."""
    if isinstance(made, Loop):
        return [False] * len(_READ)
    return [len(made.arguments) > 0, len(made.arguments) > 1, made.function == CHOOSE]


def _paired(symbols: Any, first: Any, members: list[tuple[int, ...]], alone: Any) -> tuple[Any, Any, bool]:
    """The sequence with neighbours that occur often as one; each symbol is in one kind of pair at most."""
    size = np.array([len(made) for made in members])
    apart = np.zeros(len(members), bool)
    apart[: len(alone)] = alone
    one, other = symbols[:-1], symbols[1:]
    key = one * len(members) + other
    fits = ~(apart[one] | apart[other]) & (size[one] + size[other] <= _LONGEST)
    kinds, counts = np.unique(key[fits], return_counts=True)
    least = max(_OFTEN, len(symbols) // 2000)
    chosen: dict[int, int] = {}
    used: set[int] = set()
    for kind in kinds[np.argsort(-counts, kind="stable")][: (counts >= least).sum()]:
        pair = set(divmod(int(kind), len(members)))
        if used.isdisjoint(pair) and len(chosen) < _MOST:
            used |= pair
            chosen[int(kind)] = 0
    if not chosen:
        return symbols, first, False
    for kind in chosen:
        a, b = divmod(kind, len(size))
        chosen[kind] = len(members)
        members.append(members[a] + members[b])
    sought = np.array(sorted(chosen))
    place = np.minimum(np.searchsorted(sought, key), len(sought) - 1)
    begins = fits & (sought[place] == key)
    begins &= ~(_turn_of(begins & (one == other)) % 2 == 1)  # of three alike, the first two
    symbols = symbols.copy()
    symbols[:-1][begins] = np.array([chosen[int(kind)] for kind in sought])[place[begins]]
    stays = np.concatenate([[True], ~begins])
    return symbols[stays], first[stays], True


def _turn_of(runs: Any) -> Any:
    """How many in a row hold before each that holds; 0 elsewhere."""
    at = np.arange(len(runs))
    start = np.maximum.accumulate(np.where(~runs, at + 1, 0))
    return np.where(runs, at - start, 0)


class _Maker(NamedTuple):
    """An operation, and the words of its instructions: which row after the first, which column; or they are apart."""

    operation: Instruction
    words: list[tuple[int, int]] | None


def _block(signatures: Sequence[int], operations: Sequence[Any], constants: Sequence[float]) -> _Maker:
    """What some instructions are as one."""
    if signatures[0] < 0:
        return _Maker(operations[-1 - signatures[0]], None)
    steps: list[Step] = []
    outside: list[tuple[int, int]] = []
    results: list[tuple[int, int]] = []
    for k, signature in enumerate(signatures):
        answers = [(signature >> (_BITS * (3 - j))) & _MASK for j in range(4)]
        made = operations[signature >> (_BITS * 4)]
        operands: list[Any] = []
        for column, (is_read, answer) in enumerate(zip(_operands(made), answers, strict=False)):
            if not is_read:
                continue
            if answer > _FAR:
                operands.append(float(constants[answer - _FAR - 1]))
            elif 0 < answer <= k:
                operands.append(Made(k - answer))
            else:
                operands.append(Outside(len(outside), answer - k if answer and len(signatures) > 1 else 0))
                outside.append((k, _READ[column]))
        is_kept = answers[3] > len(signatures) - 1 - k
        if is_kept:
            results.append((k, 1))
        steps.append(Step(made, tuple(operands), is_kept))
    return _Maker(Block(tuple(steps)), outside + results)


def _written(
    code: Any, symbols: Any, first: Any, makers: Sequence[_Maker], others: Any
) -> tuple[list[Instruction], Any]:
    """The operations that occur, and the words of all instructions."""
    numbers: dict[Instruction, int] = {}
    counts = np.array([-1 if made.words is None else len(made.words) for made in makers])[symbols]
    alone = np.nonzero(counts < 0)[0]
    begin, count = code[first[alone], 1], code[first[alone], 2]
    counts[alone] = count
    position = np.cumsum(1 + counts) - 1 - counts
    words = np.zeros(int((1 + counts).sum()), np.int64)
    order = np.argsort(symbols, kind="stable")
    kinds, begins = np.unique(symbols[order], return_index=True)
    for kind, where in zip(kinds, np.split(order, begins[1:]), strict=True):
        made = makers[kind]
        words[position[where]] = numbers.setdefault(made.operation, len(numbers))
        for k, (row, column) in enumerate(made.words or (), 1):
            words[position[where] + k] = code[first[where] + row, column]
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    words[np.repeat(position[alone] + 1, count) + within] = others[np.repeat(begin, count) + within]
    return [*numbers], words
