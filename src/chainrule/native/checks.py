"""What a call looks at before it runs machine code, in assembly: arguments, and what the function reads outside.

Objects are in a table that is filled in afterwards: the assembly has no addresses in it, so that the code can be kept
on disk. Where something is not as it should be, control goes to the block ``mismatch``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from chainrule.native import abi
from chainrule.native.scalar import Memory, Source
from chainrule.native.text import Body

__all__ = ["Checks", "Guards", "Leaf", "Same"]


class Leaf(NamedTuple):
    """An argument that is data: an array, or a float (``kind`` is its type)."""

    source: Memory
    kind: type


class Same(NamedTuple):
    """An argument that has to be this object."""

    value: Any


class Guards(NamedTuple):
    """What the function reads outside, as machine code can look at it; ``rest`` is a Python function for all else."""

    cells: list[tuple[Any, Any]]
    spaces: list[tuple[dict[Any, Any], list[tuple[Any, Any]], int]]  # a dictionary, its entries; its size or -1
    lists: list[tuple[list[Any], list[Any]]]
    codes: list[tuple[Any, Any]]
    contents: list[tuple[Any, bytearray]]
    rest: Any


class Checks:
    """A function being written, with the objects and the numbers that its tables are to hold."""

    def __init__(self) -> None:
        self.body = Body()
        self.objects: list[Any] = []
        self.places: dict[int, int] = {}
        self.numbers: list[int] = []
        self.leaves: list[str] = []  # objects of the caller's whose data is used
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

    def side_by_side(self, values: Sequence[Any]) -> int:
        """The place of the first of several objects that are neighbours in the table."""
        self.objects += values
        return len(self.objects) - len(values)

    def each(self, pairs: Sequence[tuple[Any, Any]], check: Callable[[str, str], None]) -> None:
        """Instructions that are done for each pair of objects: one text for all, because LLVM takes its time."""
        if not pairs:
            return
        place = self.side_by_side([value for pair in pairs for value in pair])
        with self.body.loop(len(pairs)) as index:
            at = f"getelementptr [2 x ptr], ptr getelementptr (ptr, ptr @objects, i64 {place}), i64 {index}, i64"
            both = [self.body.put(f"{at} {k}", "p") for k in (0, 1)]
            first, second = [self.body.put(f"load ptr, ptr {pointer}", "o") for pointer in both]
            check(first, second)

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
        return self.body.put(self.calling(function, arguments, flags, names))

    def calling(self, function: Any, arguments: str, flags: str, names: str) -> str:
        held = self.held(function)
        return f"call ptr @PyObject_Vectorcall(ptr {held}, ptr {arguments}, i64 {flags}, ptr {names})"

    def leave_to(self, function: Any) -> None:
        """Let a Python function answer. No frame of this module is left: it may be thrown away meanwhile."""
        answer = self.body.put("musttail " + self.calling(function, "%args", "%flags", "%names"))
        self.body.do(f"ret ptr {answer}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """What Python goes on in meanwhile; it is counted, so that nobody throws the module away."""
        for by in (1, -1):
            count = self.body.put("load i64, ptr @running")
            self.body.do(f"store i64 {self.body.put(f'add i64 {count}, {by}')}, ptr @running")
            if by == 1:
                yield

    # --- arguments ---

    def argument(self, pointer: str, spec: Any, data: dict[Source, str]) -> None:
        """Check one argument; the data of leaves is noted."""
        if isinstance(spec, Same):
            self.equal(pointer, self.held(spec.value))
        elif isinstance(spec, Leaf):
            data[spec.source] = self.leaf(pointer, spec)
        else:
            kind, entries = spec
            pairs = entries if kind is dict else list(enumerate(entries))
            for inner, (_, entry) in zip(self.parts(pointer, kind, [key for key, _ in pairs]), pairs, strict=True):
                self.argument(inner, entry, data)

    def parts(self, pointer: str, kind: type, keys: Sequence[Any], in_order: bool = True) -> Iterator[str]:
        """Check that an object is a container of a kind with these keys; its entries, one after the other."""
        self.equal(self.field(pointer, abi.TYPE), self.held(kind))
        if kind is dict:
            self.equal(self.field(pointer, abi.DICT_SIZE, "i64"), str(len(keys)), "i64")
            yield from self.entries_in_order(pointer, keys) if in_order else self.entries_by_name(pointer, keys)
            return
        self.equal(self.field(pointer, abi.SIZE, "i64"), str(len(keys)), "i64")
        items = self.field(pointer, abi.LIST_ITEMS) if kind is list else None
        for k in range(len(keys)):
            yield self.field(items, 8 * k) if items else self.field(pointer, abi.ITEMS + 8 * k)

    def entries_in_order(self, pointer: str, keys: Sequence[Any]) -> Iterator[str]:
        """The values of a dictionary, whose keys are the same and in the same order: a function may go by that."""
        at, key, value = [self.body.reserve(f"alloca {kind}") for kind in ("i64", "ptr", "ptr")]
        self.body.do(f"store i64 0, ptr {at}")
        for name in keys:
            arguments = ", ".join([f"ptr {given}" for given in (pointer, at, key, value)])
            self.body.put(f"call i32 @PyDict_Next({arguments})")
            self.equal(self.body.put(f"load ptr, ptr {key}"), self.held(name))
            yield self.body.put(f"load ptr, ptr {value}")

    def entries_by_name(self, pointer: str, keys: Sequence[Any]) -> Iterator[str]:
        """The values of a dictionary that has these keys, in whatever order."""
        for name in keys:
            found = self.body.put(f"call ptr @PyDict_GetItemWithError(ptr {pointer}, ptr {self.held(name)})")
            self.require(self.body.put(f"icmp ne ptr {found}, null"))
            yield found

    def leaf(self, pointer: str, spec: Leaf) -> str:
        self.leaves.append(pointer)
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
        self.fields(guards.cells, abi.CELL)
        self.fields(guards.codes, abi.code_offset() or 0)
        for space, entries, size in guards.spaces:
            self.space(self.held(space), entries, size)
        for held, entries in guards.lists:
            pointer = self.held(held)
            self.equal(self.field(pointer, abi.SIZE, "i64"), str(len(entries)), "i64")
            table = f"getelementptr (ptr, ptr @objects, i64 {self.side_by_side(entries)})"
            self.same_bytes(self.field(pointer, abi.LIST_ITEMS), table, 8 * len(entries))
        for array, numbers in guards.contents:
            steps = [step // array.itemsize for step in array.strides]
            data = self.array(self.held(array), array.shape, steps, array.dtype)
            self.same_bytes(data, self.copy_of(numbers), len(numbers))
        if guards.rest is not None:
            with self.running():
                found = self.call(guards.rest, "null", "0", "null")
            failed = self.body.put(f"icmp eq ptr {found}, null")
            with self.body.when(failed, rarely=True):
                self.body.do("call void @PyErr_Clear()")
            self.require(self.body.put(f"xor i1 {failed}, true"))
            self.body.do(f"call void @Py_DecRef(ptr {found})")
            self.equal(found, self.held(True))

    def fields(self, pairs: Sequence[tuple[Any, Any]], offset: int) -> None:
        """Check that objects refer to others."""
        self.each(pairs, lambda holder, value: self.equal(self.field(holder, offset), value))

    def same_bytes(self, one: str, other: str, count: int) -> None:
        found = self.body.put(f"call i32 @memcmp(ptr {one}, ptr {other}, i64 {count})")
        self.equal(found, "0", "i32")

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
        with self.body.when(self.body.put(f"icmp ne i64 {tag}, {before}"), rarely=True):
            self.entries(pointer, entries, size)
            self.body.do(f"store i64 {tag}, ptr {seen}")

    def entries(self, pointer: str, entries: Sequence[tuple[Any, Any]], size: int) -> None:
        if size >= 0:
            self.equal(self.field(pointer, abi.DICT_SIZE, "i64"), str(size), "i64")

        def found(name: str) -> str:
            return self.body.put(f"call ptr @PyDict_GetItemWithError(ptr {pointer}, ptr {name})")

        there = [entry for entry in entries if entry[1] is not abi.ABSENT]
        self.each(there, lambda name, value: self.equal(found(name), value))
        rest = [entry for entry in entries if entry[1] is abi.ABSENT]
        self.each(rest, lambda name, _: self.equal(found(name), "null"))
