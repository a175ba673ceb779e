"""The call: a function that Python calls directly, made by LLVM: it reads arguments, calls the kernel, wraps results.

What it checks, in machine code: the type, dtype, shape, strides and alignment of every array, that objects which are
no data are the same ones, and that what the function reads outside is what it was (`Guards`). If anything differs it
hands the call on to the next function in line, in the end to Python. Its assembly has no addresses in it: objects are
in a table that is filled in afterwards, so that the code can be kept on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import numpy as np

from chainrule.native import abi
from chainrule.native.emit import Kernel
from chainrule.native.scalar import Memory, Source
from chainrule.native.text import METADATA, Body, memory_type

__all__ = ["Entry", "Guards", "Leaf", "Same", "write_entry"]

_DECLARED = """declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyTuple_New(i64)
declare ptr @PyList_New(i64)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare void @PyErr_Clear()
declare i32 @memcmp(ptr, ptr, i64)
"""


class Leaf(NamedTuple):
    """An argument that is data: an array, or a float (``kind`` is its type)."""

    source: Memory
    kind: type


class Same(NamedTuple):
    """An argument that has to be this object."""

    value: Any


class Entry(NamedTuple):
    """The assembly, and the objects that its table is filled with."""

    text: str
    objects: list[Any]  # kept alive; the address of each goes into the table
    numbers: list[int]  # words of this process: addresses, and what was seen of dictionaries
    arena: int  # bytes of memory that a call needs for itself


class Guards(NamedTuple):
    """What the function reads outside, as machine code can look at it; ``rest`` is a Python function for all else."""

    cells: list[tuple[Any, Any]]
    spaces: list[tuple[dict[Any, Any], list[tuple[Any, Any]], int]]  # a dictionary, its entries; its size or -1
    sequences: list[tuple[Any, list[Any]]]
    codes: list[tuple[Any, Any]]
    contents: list[tuple[Any, bytearray]]
    rest: Any


class _EntryWriter:
    def __init__(self) -> None:
        self.body = Body()
        self.objects: list[Any] = []
        self.places: dict[int, int] = {}
        self.numbers: list[int] = []
        self.blocks = 0

    # --- small things ---

    def label(self, hint: str) -> str:
        self.blocks += 1
        return f"{hint}.{self.blocks}"

    def held(self, value: Any) -> str:
        """The address of an object."""
        place = self.places.get(id(value))
        if place is None:
            place = self.places[id(value)] = len(self.objects)
            self.objects.append(value)
        return self.body.put(f"load ptr, ptr getelementptr (ptr, ptr @objects, i64 {place})", "o")

    def number(self, value: int) -> str:
        """A word of this process, such as an address."""
        place = len(self.numbers)
        self.numbers.append(value)
        return self.body.put(f"load i64, ptr getelementptr (i64, ptr @numbers, i64 {place})", "w")

    def field(self, base: str, offset: int, kind: str = "ptr") -> str:
        pointer = self.body.put(f"getelementptr i8, ptr {base}, i64 {offset}", "p") if offset else base
        return self.body.put(f"load {kind}, ptr {pointer}")

    def require(self, condition: str, otherwise: str = "mismatch") -> None:
        """Go on if it holds."""
        after = self.label("ok")
        self.body.do(f"br i1 {condition}, label %{after}, label %{otherwise}, !prof !0")
        self.body.start(after)

    def equal(self, a: str, b: str, kind: str = "ptr") -> None:
        self.require(self.body.put(f"icmp eq {kind} {a}, {b}"))

    def call(self, function: Any, arguments: str, flags: str, names: str) -> str:
        """The result of a Python function, by the vectorcall protocol."""
        return self.body.put(
            f"call ptr @PyObject_Vectorcall(ptr {self.held(function)}, ptr {arguments}, i64 {flags}, ptr {names})"
        )

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Instructions that are done if the condition holds."""
        inside, after = self.label("when"), self.label("after")
        self.body.do(f"br i1 {condition}, label %{inside}, label %{after}, !prof !1")
        self.body.start(inside)
        yield
        self.body.do(f"br label %{after}")
        self.body.start(after)

    # --- arguments ---

    def argument(self, pointer: str, spec: Any, data: dict[Source, str]) -> None:
        """Check one argument; the data of leaves is noted."""
        if isinstance(spec, Same):
            self.equal(pointer, self.held(spec.value))
        elif isinstance(spec, Leaf):
            data[spec.source] = self.leaf(pointer, spec)
        else:
            kind, entries = spec
            self.equal(self.field(pointer, abi.TYPE), self.held(kind))
            if kind is dict:
                self.equal(self.field(pointer, abi.DICT_SIZE, "i64"), str(len(entries)), "i64")
                for name, inner in entries:
                    found = self.body.put(f"call ptr @PyDict_GetItemWithError(ptr {pointer}, ptr {self.held(name)})")
                    self.require(self.body.put(f"icmp ne ptr {found}, null"))
                    self.argument(found, inner, data)
                return
            self.equal(self.field(pointer, abi.SIZE, "i64"), str(len(entries)), "i64")
            items = self.field(pointer, abi.LIST_ITEMS) if kind is list else None
            for k, inner in enumerate(entries):
                item = self.field(items, 8 * k) if items else self.field(pointer, abi.ITEMS + 8 * k)
                self.argument(item, inner, data)

    def leaf(self, pointer: str, spec: Leaf) -> str:
        if spec.kind is np.ndarray:
            return self.array(pointer, spec.source.shape, spec.source.strides, spec.source.dtype)
        self.equal(self.field(pointer, abi.TYPE), self.held(spec.kind))
        return self.body.put(f"getelementptr i8, ptr {pointer}, i64 {abi.FLOAT}", "d")

    def array(self, pointer: str, shape: Sequence[int], strides: Sequence[int], dtype: np.dtype[Any]) -> str:
        """Check an array; the address of its data."""
        self.equal(self.field(pointer, abi.TYPE), self.held(np.ndarray))
        self.equal(self.field(pointer, abi.ARRAY["dtype"]), self.held(dtype))
        self.equal(self.field(pointer, abi.ARRAY["ndim"], "i32"), str(len(shape)), "i32")
        flags = self.body.put(f"and i32 {self.field(pointer, abi.ARRAY['flags'], 'i32')}, {abi.ALIGNED}")
        self.require(self.body.put(f"icmp ne i32 {flags}, 0"))
        if shape:
            sizes = self.field(pointer, abi.ARRAY["shape"])
            steps = self.field(pointer, abi.ARRAY["strides"])
            for k, (size, step) in enumerate(zip(shape, strides, strict=True)):
                self.equal(self.field(sizes, 8 * k, "i64"), str(size), "i64")
                if size > 1:
                    self.equal(self.field(steps, 8 * k, "i64"), str(step * dtype.itemsize), "i64")
        return self.field(pointer, abi.ARRAY["data"])

    # --- guards ---

    def guards(self, guards: Guards) -> None:
        """Check that what the function reads outside is what it was."""
        for cell, value in guards.cells:
            self.equal(self.field(self.held(cell), abi.CELL), self.held(value))
        offset = abi.code_offset()
        for function, code in guards.codes:
            self.equal(self.field(self.held(function), offset or 0), self.held(code))
        for space, entries, size in guards.spaces:
            self.space(self.held(space), entries, size)
        for sequence, entries in guards.sequences:
            pointer = self.held(sequence)
            self.equal(self.field(pointer, abi.SIZE, "i64"), str(len(entries)), "i64")
            items = self.field(pointer, abi.LIST_ITEMS) if isinstance(sequence, list) else None
            for k, value in enumerate(entries):
                item = self.field(items, 8 * k) if items else self.field(pointer, abi.ITEMS + 8 * k)
                self.equal(item, self.held(value))
        for array, numbers in guards.contents:
            steps = [step // array.itemsize for step in array.strides]
            data = self.array(self.held(array), array.shape, steps, array.dtype)
            same = self.body.put(f"call i32 @memcmp(ptr {data}, ptr {self.copy_of(numbers)}, i64 {len(numbers)})")
            self.equal(same, "0", "i32")
        if guards.rest is not None:
            found = self.call(guards.rest, "null", "0", "null")
            failed = self.body.put(f"icmp eq ptr {found}, null")
            with self.when(failed):
                self.body.do("call void @PyErr_Clear()")
            self.require(self.body.put(f"xor i1 {failed}, true"))
            self.body.do(f"call void @Py_DecRef(ptr {found})")
            self.equal(found, self.held(True))

    def copy_of(self, numbers: bytearray) -> str:
        held = np.frombuffer(numbers, np.uint8)
        self.objects.append(held)
        return self.body.put(f"inttoptr i64 {self.number(held.ctypes.data)} to ptr")

    def space(self, pointer: str, entries: Sequence[tuple[Any, Any]], size: int) -> None:
        """Check entries of a dictionary; not if it has not changed since they were last seen to be right."""
        if not abi.has_tags():
            self.entries(pointer, entries, size)
            return
        place = len(self.numbers)
        self.numbers.append(0)
        seen = f"getelementptr (i64, ptr @numbers, i64 {place})"
        tag = self.field(pointer, abi.DICT_TAG, "i64")
        before = self.body.put(f"load i64, ptr {seen}")
        with self.when(self.body.put(f"icmp ne i64 {tag}, {before}")):
            self.entries(pointer, entries, size)
            self.body.do(f"store i64 {tag}, ptr {seen}")

    def entries(self, pointer: str, entries: Sequence[tuple[Any, Any]], size: int) -> None:
        if size >= 0:
            self.equal(self.field(pointer, abi.DICT_SIZE, "i64"), str(size), "i64")
        for name, value in entries:
            found = self.body.put(f"call ptr @PyDict_GetItemWithError(ptr {pointer}, ptr {self.held(name)})")
            self.equal(found, "null" if value is abi.ABSENT else self.held(value))

    # --- results ---

    def fresh(self, shape: Sequence[int], dtype: np.dtype[Any]) -> tuple[str, str]:
        """A new array, or a number of NumPy's: the object, and where its data goes."""
        if not shape:
            kind = self.held(dtype.type)
            made = self.body.put(f"call ptr @PyType_GenericAlloc(ptr {kind}, i64 0)")
            return made, self.body.put(f"getelementptr i8, ptr {made}, i64 {abi.FLOAT}", "d")
        sizes = self.body.reserve(f"alloca [{len(shape)} x i64]")
        for k, size in enumerate(shape):
            at = f"getelementptr (i64, ptr {sizes}, i64 {k})"
            self.body.do(f"store i64 {size}, ptr {self.body.put(at.replace('(', '').replace(')', ''))}")
        kind = self.held(dtype)
        self.body.do(f"call void @Py_IncRef(ptr {kind})")
        function = self.body.put(f"inttoptr i64 {self.number(abi.empty_address())} to ptr")
        made = self.body.put(f"call ptr {function}(i32 {len(shape)}, ptr {sizes}, ptr {kind}, i32 0)")
        return made, self.field(made, abi.ARRAY["data"])

    def built(self, structure: Any, results: Sequence[str]) -> str:
        """The results in tuples and lists."""
        if structure is None:
            found = self.held(None)
            self.body.do(f"call void @Py_IncRef(ptr {found})")
            return found
        if isinstance(structure, int):
            return results[structure]
        kind, children = structure
        inner = [self.built(child, results) for child in children]
        name = "PyList_New" if kind is list else "PyTuple_New"
        made = self.body.put(f"call ptr @{name}(i64 {len(inner)})")
        items = self.field(made, abi.LIST_ITEMS) if kind is list else None
        for k, value in enumerate(inner):
            start, offset = (items, 8 * k) if items else (made, abi.ITEMS + 8 * k)
            at = self.body.put(f"getelementptr i8, ptr {start}, i64 {offset}")
            self.body.do(f"store ptr {value}, ptr {at}")
        return made


def write_entry(
    kernel: Kernel,
    arguments: Sequence[Any],
    captured: Sequence[tuple[Memory, Any]],
    results: Sequence[Source],
    check: Source | None,
    structure: Any,
    guards: Guards,
    again: Any,
    other: Any,
) -> Entry:
    """The function ``entry``, for a call with ``arguments``.

    ``again`` is called where the kernel cannot answer, ``other`` (by the function ``last``) where the call is not one
    that was compiled.
    """
    writer = _EntryWriter()
    body = writer.body
    count = body.put("and i64 %flags, 9223372036854775807")
    writer.equal(count, str(len(arguments)), "i64")
    writer.require(body.put("icmp eq ptr %names, null"))
    data: dict[Source, str] = {}
    for k, spec in enumerate(arguments):
        writer.argument(writer.field("%args", 8 * k), spec, data)
    writer.guards(guards)
    for memory, array in captured:
        data[memory] = writer.array(writer.held(array), memory.shape, memory.strides, memory.dtype)
    made = []
    for source in results:
        found, data[source] = writer.fresh(source.shape, source.dtype)
        made.append(found)
    if check is not None:
        data[check] = body.reserve(f"alloca {memory_type(check.dtype)}")
    start, arena = 0, ""
    for source in kernel.arrays:
        if source not in data:  # it is no longer than a call: in the arena
            arena = arena or body.put("load ptr, ptr @arena", "t")
            data[source] = body.put(f"getelementptr i8, ptr {arena}, i64 {start}", "t") if start else arena
            start += -(-prod(source.shape) * source.dtype.itemsize // 64) * 64
    arguments_text = ", ".join([f"ptr {data[source]}" for source in kernel.arrays])
    status = body.put(f"call i32 @kernel({arguments_text})")
    fine = body.put(f"icmp eq i32 {status}, 0")
    if check is not None:
        kind = memory_type(check.dtype)
        total = body.put(f"load {kind}, ptr {data[check]}")
        fine = body.put(f"and i1 {fine}, {body.put(f'fcmp ord {kind} {total}, {total}')}")
    with writer.when(body.put(f"xor i1 {fine}, true")):
        for found in made:
            body.do(f"call void @Py_DecRef(ptr {found})")
        answer = writer.call(again, "%args", "%flags", "%names")
        body.do(f"ret ptr {answer}")
        body.start(writer.label("never"))
    body.do(f"ret ptr {writer.built(structure, made)}")
    body.start("mismatch")
    following = body.put("load ptr, ptr @following")
    body.do(f"ret ptr {body.put(f'tail call ptr {following}(ptr %self, ptr %args, i64 %flags, ptr %names)')}")
    main = body.text()
    writer.body = body = Body()
    answer = writer.call(other, "%args", "%flags", "%names")
    body.do(f"ret ptr {answer}")
    objects, numbers = max(len(writer.objects), 1), max(len(writer.numbers), 1)
    text = (
        f"{_DECLARED}@objects = global [{objects} x ptr] zeroinitializer\n"
        f"@numbers = global [{numbers} x i64] zeroinitializer\n"
        "@following = global ptr @last\n@arena = global ptr null\n"
        f"define ptr @entry(ptr %self, ptr %args, i64 %flags, ptr %names) #0 {{\n{main}\n}}\n"
        f"define ptr @last(ptr %self, ptr %args, i64 %flags, ptr %names) #0 {{\n{body.text()}\n}}\n"
        f"{METADATA}"
    )
    return Entry(text, writer.objects, writer.numbers, start)
