"""Scheduled loops as LLVM's assembly: where each array lives, and the instructions of every loop body."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.native import hints, splitting
from chainrule.native.fortran import write_multiplication, write_routine
from chainrule.native.inner import InnerLoop
from chainrule.native.interpreter import write_interpreter
from chainrule.native.libraries import pthreads
from chainrule.native.numbers import Declarations, write_apply, write_combined
from chainrule.native.options import Options
from chainrule.native.retained import Retained, retained
from chainrule.native.rooms import Rooms, lifetimes
from chainrule.native.scalar import (
    Apply,
    Expression,
    Index,
    Label,
    Memory,
    Number,
    Place,
    Pool,
    Read,
    Source,
    row_major,
)
from chainrule.native.schedule import Leaf, Loop, Schedule
from chainrule.native.segmented import Segmented, said
from chainrule.native.splitting import Parameters, Split
from chainrule.native.storage import Storage, stored
from chainrule.native.text import ROLLED, Body, literal, memory_type, value_type
from chainrule.native.work import (
    COMBINATIONS,
    Callback,
    Interpreted,
    Kept,
    Multiplication,
    Routine,
    Statement,
    base_of,
)

__all__ = ["Kernel", "write_kernel"]


@dataclass
class Kernel:
    """A function in LLVM's assembly; its arguments point to ``arrays``, in order; it gives 0 if all went well."""

    text: str
    arrays: list[Source]
    declared: Declarations
    functions: list[Any]  # of other libraries: what ``@functions`` has to hold
    calls_python: bool
    is_long: bool  # whether other threads of Python should go on meanwhile
    memory: int  # bytes that it works in
    turns: str = ""  # what is said of the turns of loops that stay in memory


class _Writer:
    def __init__(self, schedule: Schedule, pool: Pool, given: Sequence[Source], plan: Retained, threads: int) -> None:
        self.schedule = schedule
        self.pool = pool
        self.plan = plan
        self.declared = Declarations()
        self.storages: dict[Kept, Storage] = {}
        self.starts: dict[int, list[Kept]] = {}  # what is filled with its first value before an item of a body
        self.segmented = Segmented(self, plan)
        self.rooms = Rooms(given)
        self.functions: list[Any] = []
        self.functions_besides: list[str] = []  # in assembly
        self.notes: list[str] = []
        self.calls_python = False
        loops = [item for item in schedule.body if isinstance(item, Loop)]
        found = {loop: splitting.split_of(loop, threads, plan.arrays) for loop in loops}
        self.splits = {loop: split for loop, split in found.items() if split is not None}
        self.begin({source: f"%a{k}" for k, source in enumerate(given)})

    def begin(self, pointers: dict[Source, str]) -> None:
        """Begin a function that is handed pointers to arrays."""
        self.body = Body(self.notes)
        self.pointers = pointers
        self.index: dict[Label, str] = {}
        self.known: list[dict[int, str]] = [{}]
        self.constants: dict[tuple[str, str], str] = {}
        self.status = self.body.reserve("alloca i1")
        self.body.prologue.append(f"  store i1 false, ptr {self.status}")

    # --- where arrays live ---

    def allocate(self) -> None:
        """Decide the memory of every kept array."""
        spans = lifetimes(self.schedule)
        for target, leaves in sorted(self.schedule.writers.items(), key=lambda item: spans[item[0]][0]):
            readers = self.schedule.readers.get(target, [])
            rows = self.segmented.rows(target)
            storage, own = stored(target, leaves, readers, rows)
            self.storages[target] = storage
            split = self.splits.get(own[0]) if own else None
            if split is not None and splitting.is_private(storage, own[0], leaves[0]):
                split.rooms.append(target)
            elif target not in self.pointers:
                lifetime = None if self.plan.segments else spans[target]  # turns of segments are done twice
                self.pointers[target] = self.room(storage.size, target.dtype, lifetime)
            if rows is not None:
                self.segmented.reserve(target)
            elif target.start is not None:
                first = leaves[0].path[len(own)] if len(leaves[0].path) > len(own) else leaves[0]
                self.starts.setdefault(id(first), []).append(target)

    def room(self, size: int, dtype: np.dtype[Any], lifetime: tuple[int, int] | None = None) -> str:
        """A pointer to memory that is no longer than a call, or than a lifetime."""
        return self.rooms.room(self.body, size, dtype, lifetime)

    # --- addresses ---

    def address(self, source: Source, place: Place) -> str:
        """The pointer to an element."""
        return self.element(source.dtype, *self.located(source, place))

    def located(self, source: Source, place: Place) -> tuple[str, Index]:
        """The pointer to an array, and where in it an element is."""
        base = base_of(source)
        strides: Sequence[int | None] = row_major(source.shape)
        pointer, flat = self.pointers[base], Index()
        if isinstance(source, Memory):
            strides, flat = source.strides, Index(source.begin)
        elif isinstance(source, Kept):
            strides, flat = self.storages[source].strides, self.storages[source].before
        if isinstance(base, Kept) and self.segmented.rows(base) is not None:
            pointer, flat = self.segmented.located(base, place[0])
            place, strides = place[1:], strides[1:]
        for index, stride in zip(place, strides, strict=True):
            if stride is not None:
                flat = flat.plus(index.shifted(0, stride) if stride else Index())
        return pointer, flat

    def element(self, dtype: np.dtype[Any], pointer: str, flat: Index) -> str:
        """The pointer to an element of an array."""
        offset = self.offset(flat)
        if offset == "0":
            return pointer
        return self.body.put(f"getelementptr inbounds {memory_type(dtype)}, ptr {pointer}, i64 {offset}", "p")

    def offset(self, index: Index) -> str:
        """A position as a number."""
        parts = [(self.index[label], by) for label, by in index.steps]
        parts += [(self.expression(value), by) for value, by in index.looked_up]
        total = ""
        for value, by in parts:
            term = value if by == 1 else self.body.put(f"mul nsw i64 {value}, {by}")
            total = self.body.put(f"add nsw i64 {total}, {term}") if total else term
        if not total:
            return str(index.start)
        return self.body.put(f"add nsw i64 {total}, {index.start}") if index.start else total

    # --- numbers ---

    def expression(self, made: Expression) -> str:
        """The name of a number in the current body."""
        if type(made) is Number:
            return literal(made.value, made.dtype)
        for known in reversed(self.known):
            found = known.get(id(made))
            if found is not None:
                return found
        if type(made) is Read:
            found = self.load(made.dtype, self.address(made.source, made.place))
        else:
            assert isinstance(made, Apply)
            parts = [self.expression(part) for part in made.parts]
            if type(made.function) is InnerLoop:
                found = self.inner_loop(made, parts)
            else:
                found = write_apply(self.body, self.declared, made, parts, self.fail)
        self.known[-1][id(made)] = found
        return found

    def load(self, dtype: np.dtype[Any], pointer: str) -> str:
        found = self.body.put(f"load {memory_type(dtype)}, ptr {pointer}")
        return self.body.put(f"trunc i8 {found} to i1") if dtype.kind == "b" else found

    def inner_loop(self, made: Apply, parts: Sequence[str]) -> str:
        """One turn of a loop of NumPy's: it takes pointers to arrays, their length, their steps, and its data."""
        dtypes = [*[part.dtype for part in made.parts], made.dtype]
        slots = [self.body.reserve(f"alloca {memory_type(dtype)}, align 16") for dtype in dtypes]
        table = self.body.reserve(f"alloca [{len(slots)} x ptr]")
        steps = self.body.reserve(f"alloca [{len(slots)} x i64]")
        for k, slot in enumerate(slots):
            for base, kind, value in ((table, "ptr", slot), (steps, "i64", "0")):
                at = self.body.reserve(f"getelementptr {kind}, ptr {base}, i64 {k}")
                self.body.prologue.append(f"  store {kind} {value}, ptr {at}")
        for part, dtype, slot in zip(parts, dtypes, slots, strict=False):
            self.store(part, dtype, slot)
        function, data = self.outside(made.function.function), self.outside(made.function.data)
        self.body.do(f"call void {function}(ptr {table}, ptr {self.word(1, 'i64')}, ptr {steps}, ptr {data})")
        return self.load(made.dtype, slots[-1])

    def store(self, value: str, dtype: np.dtype[Any], pointer: str) -> None:
        if dtype.kind == "b":
            value = self.body.put(f"zext i1 {value} to i8")
        self.body.do(f"store {memory_type(dtype)} {value}, ptr {pointer}")

    def fail(self, condition: str) -> None:
        """Note that a position is not there."""
        before = self.body.put(f"load i1, ptr {self.status}")
        self.body.do(f"store i1 {self.body.put(f'or i1 {before}, {condition}')}, ptr {self.status}")

    # --- loops ---

    def write(self) -> None:
        """All loops, in order."""
        self.items(self.schedule.body)
        failed = self.body.put(f"load i1, ptr {self.status}")
        self.body.do(f"ret i32 {self.body.put(f'zext i1 {failed} to i32')}")
        self.body.start("unanswered")
        self.body.do("ret i32 1")

    def items(self, body: Sequence[Loop | Leaf], only: set[Loop | Leaf] | None = None) -> None:
        """What is in a body, in order; or of it only some statements."""
        for item in body:
            if only is not None and item not in only:
                continue
            for target in self.starts.get(id(item), ()):
                self.fill(target)
            if isinstance(item, Leaf):
                self.leaf(item)
            elif item in self.splits:
                self.split(item, self.splits[item])
            elif not self.segmented.writes(item):
                self.turns(item, self.end_of(item), only=only)

    def leaf(self, leaf: Leaf) -> None:
        """What is done in one turn of all loops around it."""
        made = leaf.statement
        for label, loop in leaf.loops.items():
            self.index[label] = self.index[loop.label]
        if isinstance(made, Multiplication):
            write_multiplication(self, made)
        elif isinstance(made, Routine):
            write_routine(self, made)
        elif isinstance(made, Callback):
            self.call_back(made)
        elif isinstance(made, Interpreted):
            self.interpret(made)
        else:
            self.statement(leaf, made)

    def turns(self, loop: Loop, end: int | str, begin: str = "0", only: set[Loop | Leaf] | None = None) -> None:
        """Turns of a loop; of what is done in them perhaps only some statements."""
        with self.body.loop(end, hints.of_any_loop(loop), begin, hints.of_long_text(loop)) as index:
            self.index[loop.label] = self.position(loop, index)
            self.declared.is_often = hints.is_often(loop)
            self.known.append({})
            if only is None:
                self.segmented.begin(loop)
            self.items(loop.body, only)
            self.known.pop()
        self.declared.is_often = False

    def end_of(self, loop: Loop) -> int | str:
        """How many turns of a loop there are: fewer, if it is the last of the strips that it is about."""
        if loop.strip is None or loop.label.size % loop.turns == 0:
            return loop.turns
        rest = self.body.put(f"sub nsw i64 {loop.label.size}, {self.index[loop.strip.label]}")
        is_last = self.body.put(f"icmp ult i64 {rest}, {loop.turns}")
        return self.body.put(f"select i1 {is_last}, i64 {rest}, i64 {loop.turns}")

    def position(self, loop: Loop, turn: str) -> str:
        """Where along its label a turn of a loop is."""
        if loop.strip is not None:
            return self.body.put(f"add nuw nsw i64 {self.index[loop.strip.label]}, {turn}")
        return self.body.put(f"mul nuw nsw i64 {turn}, {loop.length}") if loop.length > 1 else turn

    def split(self, loop: Loop, split: Split) -> None:
        """A loop of which threads do parts: a function of its own, with memory for what each part has for itself."""
        part, name = copy(self), f"part{len(self.functions_besides)}"
        parameters = Parameters()
        part.rooms = copy(self.rooms)  # its stack is its own
        part.begin(parameters)
        apart: dict[Source, tuple[str, int]] = {}
        for target in (*split.rooms, *split.sums):
            pointer = (
                part.rooms.on_stack(part.body, self.storages[target].size, target.dtype)
                if target in split.rooms
                else None
            )
            if pointer is not None:
                parameters[target] = pointer
                continue
            step = splitting.step_of(target, self.storages[target])
            apart[target] = self.rooms.in_memory(split.count * step, target.dtype), step
        for target in split.sums:
            part.fill(target, start=COMBINATIONS[target.combine])
        part.turns(loop, "%end", "%begin")
        part.body.do(f"ret i1 {part.body.put(f'load i1, ptr {part.status}')}")
        given = [apart.get(source) or (self.pointers[source], 0) for source in parameters.asked]
        arrays = [
            (pointer, step * source.dtype.itemsize)
            for (pointer, step), source in zip(given, parameters.asked, strict=True)
        ]
        self.functions_besides.append(
            splitting.write_part(name, part.body, [parameters[source] for source in parameters.asked])
        )
        functions = [self.outside(function) for function in pthreads()]
        self.fail(splitting.write_fork(self.body, name, (split.count, loop.turns), arrays, functions))
        for target in split.sums:
            self.gather(target, split.count, *apart[target])

    def gather(self, target: Kept, parts: int, rooms: str, step: int) -> None:
        """Add up what parts have summed, in their order."""
        kind, own = value_type(target.dtype), self.pointers[target]
        with self.body.loop(parts, ROLLED) as part, self.body.loop(self.storages[target].size) as index:
            place = self.body.put(f"add i64 {self.body.put(f'mul i64 {part}, {step}')}, {index}")
            pointers = [
                self.body.put(f"getelementptr {kind}, ptr {base}, i64 {at}", "p")
                for base, at in ((own, index), (rooms, place))
            ]
            before, value = [self.body.put(f"load {kind}, ptr {pointer}") for pointer in pointers]
            self.store(self._combined(target, kind, before, value), target.dtype, pointers[0])

    def fill(self, target: Kept, pointer: str = "", size: int = 0, start: Any = None) -> None:
        """The first value of every element, or of so many from a place on."""
        value = literal(target.start if start is None else start, target.dtype)
        pointer, size = pointer or self.pointers[target], size or self.storages[target].size
        if size == 1:
            self.store(value, target.dtype, pointer)
            return
        with self.body.loop(size) as index:
            at = self.body.put(f"getelementptr inbounds {memory_type(target.dtype)}, ptr {pointer}, i64 {index}")
            self.store(value, target.dtype, at)

    def word(self, value: int, kind: str) -> str:
        return self.constant(str(value), kind)

    def constant(self, value: str, kind: str) -> str:
        """A number in memory, because Fortran takes everything by its address."""
        found = self.constants.get((value, kind))
        if found is None:
            found = self.constants[value, kind] = self.body.reserve(f"alloca {kind}")
            self.body.prologue.append(f"  store {kind} {value}, ptr {found}")
        return found

    def outside(self, function: Any) -> str:
        """The address of a function of another library."""
        if function not in self.functions:
            self.functions.append(function)
        place = self.functions.index(function)
        return self.body.put(f"load ptr, ptr getelementptr (ptr, ptr @functions, i64 {place})")

    def besides(self, text: str) -> None:
        """A function in assembly that is called, once in a module."""
        if text not in self.functions_besides:
            self.functions_besides.append(text)

    def interpret(self, made: Interpreted) -> None:
        """A call of the interpreter, which comes into the module with the operations that are needed."""
        dtype = made.numbers.dtype
        self.functions_besides.append(
            write_interpreter(made.operations, dtype, self.declared, len(self.functions), self.notes)
        )
        self.functions += made.functions
        self.calls_python = self.calls_python or bool(made.functions)
        code, numbers = self.pointers[made.code], self.pointers[made.numbers]
        status = self.body.put(f"call i32 @interpret(ptr {code}, ptr {numbers})")
        self.end_if(self.body.put(f"icmp ne i32 {status}, 0"))

    def call_back(self, made: Callback) -> None:
        """A call with a table of pointers, unless something went wrong before; the kernel ends if it does now."""
        self.calls_python = True
        table = self.body.reserve(f"alloca [{len(made.arrays)} x ptr]")
        for k, (source, place) in enumerate(made.arrays):
            at = self.body.put(f"getelementptr ptr, ptr {table}, i64 {k}", "p")
            self.body.do(f"store ptr {self.address(source, place)}, ptr {at}")
        self.end_if(self.body.put(f"load i1, ptr {self.status}"))
        status = self.body.put(f"call i32 {self.outside(made.function)}(ptr {table})")
        self.end_if(self.body.put(f"icmp ne i32 {status}, 0"))

    def end_if(self, condition: str) -> None:
        """Leave the kernel without an answer."""
        after = self.body.fresh("on")[1:]
        self.body.do(f"br i1 {condition}, label %unanswered, label %{after}, !prof !1")
        self.body.start(after)

    def statement(self, leaf: Leaf, statement: Statement) -> None:
        target = statement.target
        place, expression = statement.made([leaf.loops[label].label for label in statement.labels])
        value = self.expression(expression)
        pointer = self.address(target, place)
        if target.combine is None:
            self.store(value, target.dtype, pointer)
            self.known[-1][id(self.pool.read(target, place))] = value
            return
        kind = value_type(target.dtype)
        before = self.body.put(f"load {kind}, ptr {pointer}")
        self.store(self._combined(target, kind, before, value), target.dtype, pointer)

    def _combined(self, target: Kept, kind: str, before: str, value: str) -> str:
        combine = target.combine
        if target.dtype.kind != "f":
            name = {np.add: "add", np.multiply: "mul"}[combine]
            return self.body.put(f"{name} {kind} {before}, {value}")
        return write_combined(self.body, self.declared, combine, kind, before, value)


def write_kernel(schedule: Schedule, pool: Pool, given: Sequence[Source], options: Options) -> Kernel:
    """The function that does all loops; ``given`` are the arrays in memory that it is handed, results among them."""
    plan = retained(schedule, options.checkpoint)
    writer = _Writer(schedule, pool, given, plan, options.threads if pthreads() else 1)
    writer.allocate()
    writer.write()
    if writer.splits:
        writer.functions_besides.append(splitting.write_in_threads(writer.notes))
    arrays = writer.rooms.arrays
    arguments = ", ".join([f"ptr noalias %a{k}" for k in range(len(arrays))])
    count = max(len(writer.functions), 1)
    text = f"@functions = global [{count} x ptr] zeroinitializer\n"
    text += f"define internal i32 @kernel({arguments}) #0 {{\n{writer.body.text()}\n}}\n"
    text += "\n".join([*writer.functions_besides, *writer.notes, ""])
    is_long = not writer.calls_python and splitting.is_long(schedule.leaves.values())
    memory = writer.rooms.stack + sum([source.room for source in arrays[len(given) :]])
    turns = said(plan, schedule, writer.storages) if options.checkpoint is not None else ""
    return Kernel(text, arrays, writer.declared, writer.functions, writer.calls_python, is_long, memory, turns)
