"""What a call gives back: numbers and arrays, made or used again, in tuples, lists and dictionaries; in assembly.

To make an array and to end it costs more than a kernel for ten numbers, and a longer one may be pages that the system
has to give first. So the two newest objects for each result are kept, and one that nobody else holds any longer, and
that is as it was made, is given out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from chainrule.native import abi
from chainrule.native.checks import Checks, Same
from chainrule.native.scalar import Source
from chainrule.native.text import Body

__all__ = ["Results"]

_LARGE = 1 << 25  # bytes up to which C libraries keep memory, too, instead of giving it back to the system
_KEPT = 2  # a caller that holds one result while the next is computed finds the one before it free


class Results(Checks):
    """The part of a call that makes what it gives back."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []
        self.functions: list[str] = []
        self._makers: dict[Any, str] = {}

    def fresh(self, results: Sequence[Source], kinds: Sequence[type]) -> dict[Source, str]:
        """New arrays, or numbers, in ``made``; where their data goes."""
        kept = [
            kind is not np.ndarray or prod(source.shape) * source.dtype.itemsize <= _LARGE
            for source, kind in zip(results, kinds, strict=True)
        ]
        first = self.field(self.held([None] * (_KEPT * sum(kept))), abi.LIST_ITEMS)
        data, place = {}, 0
        for source, kind, is_kept in zip(results, kinds, kept, strict=True):
            maker = self._maker(*source.seen, kind, is_kept)
            at = self.body.put(f"getelementptr i8, ptr {first}, i64 {8 * place}")
            found = self.body.put(f"call ptr @{maker}(ptr {at})")
            self.require(self.body.put(f"icmp ne ptr {found}, null"), f"without.{len(self.made)}")
            self.made.append(found)
            if kind is np.ndarray:
                data[source] = self.field(found, abi.ARRAY["data"])
            else:
                data[source] = self.body.put(f"getelementptr i8, ptr {found}, i64 {abi.FLOAT}", "d")
            place += _KEPT * is_kept
        return data

    def give_up(self) -> None:
        """The blocks that end a call for which memory was missing: what is made already goes."""
        for k in reversed(range(len(self.made))):
            self.body.start(f"without.{k}")
            if k:
                self.body.do(f"call void @Py_DecRef(ptr {self.made[k - 1]})")
            self.body.do(f"br label %without.{k - 1}" if k else "ret ptr null")

    def _maker(self, shape: tuple[int, ...], dtype: np.dtype[Any], kind: type, is_kept: bool) -> str:
        """The name of a function that gives an object of a kind, with the address of those that are kept."""
        key = (shape, dtype, kind)
        if key in self._makers:
            return self._makers[key]
        name = self._makers[key] = f"fresh.{len(self._makers)}"
        body, self.body = self.body, Body()
        for k in range(_KEPT * is_kept):
            found = self.field("%kept", 8 * k)
            self._idle(found, shape, dtype, kind, f"busy.{k}")
            self.body.do(f"store i32 2, ptr {found}")
            self.body.do(f"ret ptr {found}")
            self.body.start(f"busy.{k}")
        made = self._new(shape, dtype, kind)
        if is_kept:
            self._keep(made)
        self.body.do(f"ret ptr {made}")
        self.functions.append(f"define internal ptr @{name}(ptr %kept) #2 {{\n{self.body.text()}\n}}\n")
        self.body = body
        return name

    def _idle(self, found: str, shape: tuple[int, ...], dtype: np.dtype[Any], kind: type, busy: str) -> None:
        """Go on if nobody else holds an object, weakly or otherwise, and nobody changed what it is."""

        def equal(offset: int, wanted: str, type_: str, base: str = found) -> None:
            self.require(self.body.put(f"icmp eq {type_} {self.field(base, offset, type_)}, {wanted}"), busy)

        equal(abi.COUNT, "1", "i32")
        if kind is not np.ndarray:
            return
        equal(abi.ARRAY["weak"], "null", "ptr")
        equal(abi.ARRAY["dtype"], self.held(dtype), "ptr")
        equal(abi.ARRAY["ndim"], str(len(shape)), "i32")
        example = np.empty(shape, dtype)
        equal(abi.ARRAY["flags"], str(example.flags.num), "i32")
        for name, numbers in (("shape", shape), ("strides", example.strides)):
            table = self.field(found, abi.ARRAY[name]) if shape else ""
            for k, number in enumerate(numbers):
                equal(8 * k, str(number), "i64", table)

    def _new(self, shape: tuple[int, ...], dtype: np.dtype[Any], kind: type) -> str:
        if kind is not np.ndarray:
            return self.body.put(f"call ptr @PyType_GenericAlloc(ptr {self.held(kind)}, i64 0)")
        sizes = self.body.reserve(f"alloca [{len(shape)} x i64]")
        for k, size in enumerate(shape):
            self.body.do(f"store i64 {size}, ptr {self.body.put(f'getelementptr i64, ptr {sizes}, i64 {k}')}")
        held = self.held(dtype)
        self.body.do(f"call void @Py_IncRef(ptr {held})")
        function = self.body.put(f"inttoptr i64 {self.number(abi.empty_address())} to ptr")
        return self.body.put(f"call ptr {function}(i32 {len(shape)}, ptr {sizes}, ptr {held}, i32 0)")

    def _keep(self, made: str) -> None:
        """Put a new object in the place of the oldest that is kept."""
        with self.body.when(self.body.put(f"icmp ne ptr {made}, null")):
            self.body.do(f"call void @Py_IncRef(ptr {made})")
            before = made
            for k in range(_KEPT):
                at = self.body.put(f"getelementptr i8, ptr %kept, i64 {8 * k}")
                there = self.body.put(f"load ptr, ptr {at}")
                self.body.do(f"store ptr {before}, ptr {at}")
                before = there
            self.body.do(f"call void @Py_DecRef(ptr {before})")  # last: it may run code of the user's

    # --- containers ---

    def built(self, structure: Any) -> str:
        """The results in tuples, lists and dictionaries."""
        if structure is None:
            found = self.held(None)
            self.body.do(f"call void @Py_IncRef(ptr {found})")
            return found
        if isinstance(structure, int):
            return self.made[structure]
        if isinstance(structure, Same):
            found = self.held(structure.value)
            self.body.do(f"call void @Py_IncRef(ptr {found})")
            return found
        kind, children = structure
        if kind is dict:
            return self.dictionary([(key, self.built(child)) for key, child in children])
        inner = [self.built(child) for child in children]
        name = "PyList_New" if kind is list else "PyTuple_New"
        made = self.body.put(f"call ptr @{name}(i64 {len(inner)})")
        items = self.field(made, abi.LIST_ITEMS) if kind is list else None
        for k, value in enumerate(inner):
            start, offset = (items, 8 * k) if items else (made, abi.ITEMS + 8 * k)
            at = self.body.put(f"getelementptr i8, ptr {start}, i64 {offset}")
            self.body.do(f"store ptr {value}, ptr {at}")
        return made

    def dictionary(self, entries: Sequence[tuple[Any, str]]) -> str:
        made = self.body.put("call ptr @PyDict_New()")
        for key, value in entries:
            self.body.put(f"call i32 @PyDict_SetItem(ptr {made}, ptr {self.held(key)}, ptr {value})")
            self.body.do(f"call void @Py_DecRef(ptr {value})")
        return made
