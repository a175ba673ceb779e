"""The call: a function that Python calls directly, made by LLVM: it reads arguments, calls the kernel, wraps results.

What it checks, in machine code: the type, dtype, shape, strides and alignment of every array, that objects which are
no data are the same ones, and that what the function reads outside is what it was (`Guards`). If anything differs it
hands the call on to the next function in line, in the end to Python. Its assembly has no addresses in it: objects are
in a table that is filled in afterwards, so that the code can be kept on disk.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

from chainrule.native import abi
from chainrule.native.checks import Guards
from chainrule.native.emit import Kernel
from chainrule.native.results import Results
from chainrule.native.scalar import Memory, Source, row_major
from chainrule.native.text import Body, memory_type

__all__ = ["Call", "Entry", "write_entry"]

_DECLARED = """declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyTuple_New(i64)
declare ptr @PyList_New(i64)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare ptr @PyDict_New()
declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)
declare i32 @PyDict_SetItem(ptr, ptr, ptr)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare void @PyErr_Clear()
declare i32 @memcmp(ptr, ptr, i64)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyMem_Malloc(i64)
declare void @PyMem_Free(ptr)
declare ptr @llvm.ptrmask.p0.i64(ptr, i64)
"""


class Entry(NamedTuple):
    """The assembly, and the objects that its table is filled with."""

    text: str
    objects: list[Any]  # kept alive; the address of each goes into the table
    numbers: list[int]  # words of this process: addresses, and what was seen of dictionaries
    arena: int  # bytes of memory that a call needs for itself


class _EntryWriter(Results):
    # --- results that the caller gives ---

    def given(self, pointer: str, structure: Any, results: Sequence[Source], data: dict[Source, str]) -> None:
        """Check that an array of the right kind is there for each result; their data is noted."""
        if structure is None:
            self.equal(pointer, self.held(None))
        elif isinstance(structure, int):
            source = results[structure]
            self.leaves.append(pointer)
            shape, dtype = source.seen
            data[source] = self.array(pointer, shape, row_major(shape), dtype)
            flags = self.body.put(f"and i32 {self.field(pointer, abi.ARRAY['flags'], 'i32')}, {abi.WRITEABLE}")
            self.require(self.body.put(f"icmp ne i32 {flags}, 0"))
        else:
            kind, children = structure
            pairs = children if kind is dict else list(enumerate(children))
            for inner, (_, child) in zip(
                self.parts(pointer, kind, [key for key, _ in pairs], in_order=False), pairs, strict=True
            ):
                self.given(inner, child, results, data)

    def apart(self, results: Sequence[Source], others: Sequence[Memory], data: dict[Source, str]) -> None:
        """Check that results share no memory with other arrays, nor with each other."""
        extents = [(source, 0, prod(source.shape)) for source in results]
        extents += [(memory, *_reach(memory)) for memory in others]
        table = self.body.reserve(f"alloca [{2 * len(extents)} x ptr]")
        for k, (source, *ends) in enumerate(extents):
            for place, count in enumerate(ends, 2 * k):
                at = self.body.put(f"getelementptr i8, ptr {data[source]}, i64 {count * source.dtype.itemsize}")
                self.body.do(f"store ptr {at}, ptr {self.slot(table, str(place))}")
        found = self.body.reserve("alloca i1")
        self.body.do(f"store i1 false, ptr {found}")
        with self.body.loop(len(results)) as first, self.body.loop(len(extents)) as second:
            start, end, other_start, other_end = [
                self.body.put(f"load ptr, ptr {self.slot(table, self.body.put(f'add i64 {twice}, {more}'))}")
                for twice in [self.body.put(f"mul i64 {index}, 2") for index in (first, second)]
                for more in (0, 1)
            ]
            tests = [f"ne i64 {first}, {second}", f"ult ptr {start}, {other_end}", f"ult ptr {other_start}, {end}"]
            shared = self.body.put(f"load i1, ptr {found}")
            both = "true"
            for test in tests:
                both = self.body.put(f"and i1 {both}, {self.body.put(f'icmp {test}')}")
            self.body.do(f"store i1 {self.body.put(f'or i1 {shared}, {both}')}, ptr {found}")
        self.require(self.body.put(f"xor i1 {self.body.put(f'load i1, ptr {found}')}, true"))

    def slot(self, table: str, place: str) -> str:
        return self.body.put(f"getelementptr ptr, ptr {table}, i64 {place}", "p")

    @contextmanager
    def let_in(self) -> Iterator[None]:
        """What other threads of Python run beside; what the caller handed over stays there meanwhile."""
        for leaf in self.leaves:
            self.body.do(f"call void @Py_IncRef(ptr {leaf})")
        state = self.body.put("call ptr @PyEval_SaveThread()")
        yield
        self.body.do(f"call void @PyEval_RestoreThread(ptr {state})")
        for leaf in self.leaves:
            self.body.do(f"call void @Py_DecRef(ptr {leaf})")

    def is_out(self) -> None:
        """Check that the call has one named argument, out."""
        self.require(self.body.put("icmp ne ptr %names, null"))
        self.equal(self.field("%names", abi.SIZE, "i64"), "1", "i64")
        self.equal(self.field("%names", abi.ITEMS), self.held(sys.intern("out")))


def _reach(memory: Memory) -> tuple[int, int]:
    """The first element that an array has, and one after the last, counted from where its data begins."""
    ends = [(size - 1) * step for size, step in zip(memory.shape, memory.strides, strict=True)]
    return sum([end for end in ends if end < 0]), sum([end for end in ends if end > 0]) + 1


class Call(NamedTuple):
    """What one kind of calls hands over and gets back."""

    arguments: list[Any]  # a `Leaf`, a `Same` or (kind, entries) for each
    memories: list[Memory]  # of the leaves, in order
    captured: list[tuple[Memory, Any]]
    results: list[Source]
    kinds: list[type]  # of the results: arrays, NumPy's numbers, floats
    check: Source | None  # a number that is finite if all results are
    structure: Any
    guards: Guards


def write_entry(kernel: Kernel, call: Call, again: Any, other: Any, into: bool = False) -> Entry:
    """The function ``entry``, for calls of one kind; with ``into``, for those that give ``out=``.

    ``again`` is called where the kernel cannot answer (if it is None, the next function in line), ``other`` (by the
    function ``last``) where the call is not one that was compiled.
    """
    writer = _EntryWriter()
    body = writer.body
    count = body.put("and i64 %flags, 9223372036854775807")
    writer.equal(count, str(len(call.arguments)), "i64")
    if into:
        writer.is_out()
    else:
        writer.require(body.put("icmp eq ptr %names, null"))
    data: dict[Source, str] = {}
    for k, spec in enumerate(call.arguments):
        writer.argument(writer.field("%args", 8 * k), spec, data)
    writer.guards(call.guards)
    for memory, array in call.captured:
        data[memory] = writer.array(writer.held(array), memory.shape, memory.strides, memory.dtype)
    if into:
        out = writer.field("%args", 8 * len(call.arguments))
        writer.given(out, call.structure, call.results, data)
        if call.results:
            writer.apart(call.results, [*call.memories, *[memory for memory, _ in call.captured]], data)
    else:
        data |= writer.fresh(call.results, call.kinds)
    fine, arena = _run(writer, kernel, data, call.check)
    with body.when(body.put(f"xor i1 {fine}, true"), rarely=True):
        for found in writer.made:
            body.do(f"call void @Py_DecRef(ptr {found})")
        if again is None:
            body.do("br label %mismatch")
        else:
            writer.leave_to(again)
        body.start(writer.label("never"))
    if into:
        body.do(f"call void @Py_IncRef(ptr {out})")
    body.do(f"ret ptr {out if into else writer.built(call.structure)}")
    body.start("mismatch")
    following = body.put("load ptr, ptr @following")
    body.do(f"ret ptr {body.put(f'musttail call ptr {following}(ptr %self, ptr %args, i64 %flags, ptr %names)')}")
    writer.give_up()
    main = body.text()
    writer.body = body = Body()
    writer.leave_to(other)
    objects, numbers = max(len(writer.objects), 1), max(len(writer.numbers), 1)
    text = (
        f"{_DECLARED}@objects = global [{objects} x ptr] zeroinitializer\n"
        f"@numbers = global [{numbers} x i64] zeroinitializer\n"
        "@following = global ptr @last\n@arena = global ptr null\n@running = global i64 0\n"
        f"define ptr @entry(ptr %self, ptr %args, i64 %flags, ptr %names) #2 {{\n{main}\n}}\n"
        f"define ptr @last(ptr %self, ptr %args, i64 %flags, ptr %names) #2 {{\n{body.text()}\n}}\n"
        + "".join(writer.functions)
    )
    return Entry(text, writer.objects, writer.numbers, arena)


def _run(writer: _EntryWriter, kernel: Kernel, data: dict[Source, str], check: Source | None) -> tuple[str, int]:
    """Call the kernel: whether it could answer, and the bytes of the arena that it needs."""
    body = writer.body
    if check is not None:
        data[check] = body.reserve(f"alloca {memory_type(check.dtype)}")
    inner = [source for source in kernel.arrays if source not in data]  # they are no longer than a call: in the arena
    starts = [0, *accumulate([source.room for source in inner])]
    is_shared = kernel.calls_python or kernel.is_long  # other threads may come in meanwhile
    if inner:
        arena = body.put("load ptr, ptr @arena", "t")
    if inner and is_shared:
        own, arena = _own_arena(writer, arena, starts[-1])
    for source, start in zip(inner, starts, strict=False):
        data[source] = body.put(f"getelementptr i8, ptr {arena}, i64 {start}", "t")
    arguments_text = ", ".join([f"ptr {data[source]}" for source in kernel.arrays])
    with writer.running() if is_shared else nullcontext(), writer.let_in() if kernel.is_long else nullcontext():
        status = body.put(f"call i32 @kernel({arguments_text})")
    if inner and is_shared:
        body.do(f"call void @PyMem_Free(ptr {own})")
    fine = body.put(f"icmp eq i32 {status}, 0")
    if check is not None:
        kind = memory_type(check.dtype)
        total = body.put(f"load {kind}, ptr {data[check]}")
        fine = body.put(f"and i1 {fine}, {body.put(f'fcmp ord {kind} {total}, {total}')}")
    return fine, starts[-1]


def _own_arena(writer: _EntryWriter, arena: str, size: int) -> tuple[str, str]:
    """Memory for a call that others are under way beside, or null; and the arena that it works in."""
    body = writer.body
    places = [body.reserve("alloca ptr") for _ in range(2)]
    for place, pointer in zip(places, ("null", arena), strict=True):
        body.do(f"store ptr {pointer}, ptr {place}")
    with body.when(body.put(f"icmp ne i64 {body.put('load i64, ptr @running')}, 0"), rarely=True):
        own = body.put(f"call ptr @PyMem_Malloc(i64 {size + 64})")
        writer.require(body.put(f"icmp ne ptr {own}, null"))
        end = body.put(f"getelementptr i8, ptr {own}, i64 63")
        aligned = body.put(f"call ptr @llvm.ptrmask.p0.i64(ptr {end}, i64 -64)")
        for place, pointer in zip(places, (own, aligned), strict=True):
            body.do(f"store ptr {pointer}, ptr {place}")
    own, arena = [body.put(f"load ptr, ptr {place}") for place in places]
    return own, arena
