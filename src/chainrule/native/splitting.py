"""Loops that threads share: which of them may be split, into how many parts, and the functions that do so.

A part is a range of turns. They are independent where no turn needs what another wrote. What is summed over all of them
is summed by each part in memory of its own, and then in the order of the parts: it is the same at every call.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

from chainrule.native.functions import cost_of
from chainrule.native.inner import InnerLoop
from chainrule.native.scalar import Apply, Expression, Label, Place, Source, parts
from chainrule.native.schedule import Leaf, Loop, is_of_same_turn
from chainrule.native.storage import Storage
from chainrule.native.text import ROLLED, Body
from chainrule.native.work import Callback, Interpreted, Kept, Multiplication, Routine, Statement, Work

__all__ = [
    "PART",
    "Parameters",
    "Split",
    "cost_of_part",
    "is_free",
    "is_long",
    "is_private",
    "reads_its_own",
    "split_of",
    "step_of",
    "work_of",
    "write_fork",
    "write_in_threads",
    "write_part",
]

PART = 1 << 21  # multiplications, or what costs as much, from which a part is worth a thread
_GATHERED = 4  # what a number costs that is summed for a part and then once more
_LINE = 128  # bytes that two threads should not share: a line, and the one that is fetched with it


@dataclass
class Split:
    """A loop in ``count`` parts."""

    count: int
    sums: list[Kept]  # over all turns
    rooms: list[Kept] = field(default_factory=list)  # what each turn has for itself, one after the other


class Parameters(dict[Source, str]):
    """The pointers that a part is handed: an array that is asked for becomes one."""

    def __init__(self) -> None:
        self.asked: list[Source] = []

    def __missing__(self, source: Source) -> str:
        self[source] = f"%a{len(self.asked)}"
        self.asked.append(source)
        return self[source]


def split_of(loop: Loop, threads: int, partial: Container[Kept] = ()) -> Split | None:
    """The parts of a loop; None if one thread is to do all. Of arrays that are ``partial`` not all turns stay."""
    if threads < 2:
        return None
    leaves = list(loop.leaves())
    work = sum([work_of(leaf) for leaf in leaves])
    count = int(min(threads, loop.turns, work / PART if PART else threads))
    if count < 2 or not all([is_free(leaf.statement) and reads_its_own(leaf, loop, leaves) for leaf in leaves]):
        return None
    writers: dict[Kept, list[Leaf]] = {}
    for leaf in leaves:
        for target in leaf.statement.targets:
            writers.setdefault(target, []).append(leaf)
    read = [source for leaf in leaves for source, _ in leaf.statement.needs]
    if any([source in partial for source in (*writers, *read)]):
        return None
    sums = [target for target, its in writers.items() if not _is_apart(target, loop, its)]
    if any([target.combine is None for target in sums]):
        return None
    if PART and count * sum([prod(target.shape) for target in sums]) * _GATHERED > work / count:
        return None
    return Split(count, sums)


def work_of(leaf: Leaf) -> float:
    """Roughly what a statement costs in all, in multiplications."""
    made = leaf.statement
    turns = prod([loop.turns for loop in leaf.path])
    if isinstance(made, Multiplication):
        return turns * made.left.row.size * made.left.column.size * made.right.column.size
    if isinstance(made, Interpreted):
        return prod(made.code.shape)
    if isinstance(made, Routine):
        *_, rows, columns = made.targets[0].shape
        return turns * rows * columns * columns
    if isinstance(made, Callback):
        return 0
    return turns * (1 + sum([cost_of_part(part) for part in parts(made.expression)]))


def is_long(leaves: Iterable[Leaf]) -> bool:
    """Whether all is so much that other threads of Python should go on meanwhile, and nothing may need them to wait."""
    return sum([work_of(leaf) for leaf in leaves]) >= PART and not any([_is_foreign(leaf.statement) for leaf in leaves])


def step_of(target: Kept, storage: Storage) -> int:
    """How many elements lie between the arrays of two parts."""
    lines = -(-storage.size * target.dtype.itemsize // _LINE)
    return -(-lines * _LINE // target.dtype.itemsize)


def is_private(storage: Storage, loop: Loop, leaf: Leaf) -> bool:
    """Whether a turn of a loop puts its part of an array, which nobody else reads, where the turn before had it."""
    label, place = leaf.label_of(loop), leaf.statement.place
    assert place is not None
    if storage.strip is not None and storage.strip.loop is loop:
        return True
    kept = [index for index, stride in zip(place, storage.strides, strict=True) if stride is not None]
    return not any([label is other for index in kept for other, _ in index.steps])


def cost_of_part(made: Expression) -> float:
    """Roughly what a part of an expression costs by itself, in multiplications."""
    return cost_of(made.function) if isinstance(made, Apply) and made.function is not None else 1.0


def is_free(made: Work) -> bool:
    """Whether work needs nothing of the turn before, and may be done in several threads at once; BLAS may."""
    return made.turns is None and isinstance(made, Statement | Multiplication) and not _is_foreign(made)


def reads_its_own(leaf: Leaf, loop: Loop, leaves: Sequence[Leaf]) -> bool:
    """Whether a statement reads of what is written in a loop only what the same turn wrote."""
    label = leaf.label_of(loop)
    assert label is not None
    written = [
        (writer, place)
        for source, place in leaf.statement.needs
        for writer in leaves
        if source in writer.statement.targets
    ]
    return all([place is not None and is_of_same_turn(writer, place, loop, label) for writer, place in written])


def _is_foreign(made: Work) -> bool:
    """Whether work is done by loops that belong to NumPy, which may call Python."""
    return isinstance(made, Statement) and any(
        [isinstance(part, Apply) and type(part.function) is InnerLoop for part in parts(made.expression)]
    )


def _is_apart(target: Kept, loop: Loop, writers: Sequence[Leaf]) -> bool:
    """Whether each turn of a loop writes elements of its own."""
    written = [(leaf.statement.place or (), leaf.label_of(loop)) for leaf in writers]
    if target.combine is None:  # each element is written once, but by those that look up where to write
        return all([_moves_with(place, label) for place, label in written])
    ways = [{_along(place, label, axis) for place, label in written} for axis in range(len(target.shape))]
    return any([len(way) == 1 and None not in way for way in ways])


def _moves_with(place: Place, label: Label | None) -> bool:
    """Whether a place differs from turn to turn."""
    return any([any([label is other for other, _ in index.steps]) and not index.looked_up for index in place])


def _along(place: Place, label: Label | None, axis: int) -> tuple[int, int] | None:
    """Where in an axis the turns of a loop are, if each has a position for itself."""
    index = place[axis]
    if len(index.steps) != 1 or index.looked_up or index.steps[0][0] is not label:
        return None
    return index.start, index.steps[0][1]


# --- the functions ---


def write_part(name: str, body: Body, pointers: Sequence[str]) -> str:
    """A part as a function of its turns and its arrays; and that as one of a frame, which a thread begins with.

    A frame has words for the status that is given back, the first turn, the one after the last, and the arrays.
    """
    arguments = ", ".join(["i64 %begin", "i64 %end", *[f"ptr noalias {pointer}" for pointer in pointers]])
    start, given = Body(), []
    for place, kind in enumerate(["i64", "i64", *["ptr"] * len(pointers)], 1):
        at = start.put(f"getelementptr i64, ptr %frame, i64 {place}")
        given.append(f"{kind} {start.put(f'load {kind}, ptr {at}')}")
    status = start.put(f"call i1 @{name}({', '.join(given)})")
    start.do(f"store i64 {start.put(f'zext i1 {status} to i64')}, ptr %frame")
    start.do("ret ptr null")
    return (
        f"define internal i1 @{name}({arguments}) noinline #0 {{\n{body.text()}\n}}\n"
        f"define internal ptr @start.{name}(ptr %frame) #2 {{\n{start.text()}\n}}\n"
    )


def write_fork(
    body: Body, name: str, sizes: tuple[int, int], arrays: Sequence[tuple[str, int]], functions: Sequence[str]
) -> str:
    """Let threads do the parts, and wait for them: whether one of them failed.

    ``sizes`` are how many parts and turns there are, ``arrays`` the pointers of the first part, and how many bytes
    further those of the next are.
    """
    count, turns = sizes
    words = 3 + len(arrays)
    frames = body.reserve(f"alloca [{count * words} x i64], align 64")
    with body.loop(count, ROLLED) as index:
        frame = body.put(f"getelementptr [{words} x i64], ptr {frames}, i64 {index}")
        following = body.put(f"add i64 {index}, 1")
        ends = [body.put(f"udiv i64 {body.put(f'mul i64 {k}, {turns}')}, {count}") for k in (index, following)]
        values = [f"i64 {end}" for end in ends]
        for pointer, step in arrays:
            further = body.put(f"mul i64 {index}, {step}") if step else ""
            values.append(f"ptr {body.put(f'getelementptr i8, ptr {pointer}, i64 {further}') if step else pointer}")
        for place, value in enumerate(values, 1):
            body.do(f"store {value}, ptr {body.put(f'getelementptr i64, ptr {frame}, i64 {place}')}")
    pointers = ", ".join([f"ptr {pointer}" for pointer in (f"@start.{name}", frames, *functions)])
    return body.put(f"call i1 @in_threads({pointers}, i64 {8 * words}, i64 {count})")


def write_in_threads(notes: list[str]) -> str:
    """The function that begins a thread for each frame but the first; where none can be had it does the part itself."""
    body = Body(notes)
    threads, refusals = [body.reserve(f"alloca {kind}, i64 %count") for kind in ("i64", "i32")]
    failed = body.reserve("alloca i64")
    others = body.put("sub i64 %count, 1")

    def places(index: str) -> list[str]:
        offset = body.put(f"mul i64 {body.put(f'add i64 {index}, 1')}, %bytes")
        found = ("i8", "%frames", offset), ("i64", threads, index), ("i32", refusals, index)
        return [body.put(f"getelementptr {kind}, ptr {base}, i64 {place}") for kind, base, place in found]

    with body.loop(others, ROLLED) as index:
        frame, thread, refusal = places(index)
        refused = body.put(f"call i32 %create(ptr {thread}, ptr null, ptr %begin, ptr {frame})")
        body.do(f"store i32 {refused}, ptr {refusal}")
    body.put("call ptr %begin(ptr %frames)")
    body.do(f"store i64 {body.put('load i64, ptr %frames')}, ptr {failed}")
    with body.loop(others, ROLLED) as index:
        frame, thread, refusal = places(index)
        is_there = body.put(f"icmp eq i32 {body.put(f'load i32, ptr {refusal}')}, 0")
        body.do(f"br i1 {is_there}, label %wait, label %do")
        body.start("do")
        body.put(f"call ptr %begin(ptr {frame})")
        body.do("br label %done")
        body.start("wait")
        body.put(f"call i32 %join(i64 {body.put(f'load i64, ptr {thread}')}, ptr null)")
        body.do("br label %done")
        body.start("done")
        either = body.put(f"or i64 {body.put(f'load i64, ptr {failed}')}, {body.put(f'load i64, ptr {frame}')}")
        body.do(f"store i64 {either}, ptr {failed}")
    total = body.put(f"load i64, ptr {failed}")
    body.do(f"ret i1 {body.put(f'icmp ne i64 {total}, 0')}")
    arguments = "ptr %begin, ptr %frames, ptr %create, ptr %join, i64 %bytes, i64 %count"
    return f"define internal i1 @in_threads({arguments}) #2 {{\n{body.text()}\n}}\n"
