"""From a recording to machine code that Python can call: lowering, scheduling, assembly, the entry, the table."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.native import abi
from chainrule.native.emit import write_kernel
from chainrule.native.entry import Guards, Leaf, Same, write_entry
from chainrule.native.libraries import address_of
from chainrule.native.lowering import NotLowerableError
from chainrule.native.machine import Code, module_text
from chainrule.native.rolling import Roll, rolled
from chainrule.native.rules import Lowering
from chainrule.native.scalar import Memory, Number
from chainrule.native.schedule import Schedule
from chainrule.native.turns import Turns
from chainrule.program.deferred import Deferred, needed
from chainrule.program.replay import steps_for

__all__ = ["Built", "build"]

_UNROLLED = 2000  # steps of a loop up to which it may be written out, if it must
_CALL = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p)


class Built:
    """Machine code for one kind of arguments, with everything that it points to."""

    def __init__(self, this: Any, entry: Any, kernel: Any, code: Code, reads: Any, replaced: Any) -> None:
        self.this = this
        self.code = code
        self.reads = reads
        self.replaced = replaced  # arrays that are read at each call, by id
        self.objects = entry.objects
        table = (ctypes.c_void_p * max(len(entry.objects), 1)).from_address(code.address("objects"))
        table[: len(entry.objects)] = [id(value) for value in entry.objects]
        words = (ctypes.c_int64 * max(len(entry.numbers), 1)).from_address(code.address("numbers"))
        words[: len(entry.numbers)] = entry.numbers
        functions = (ctypes.c_void_p * max(len(kernel.functions), 1)).from_address(code.address("functions"))
        functions[: len(kernel.functions)] = [address_of(*name) for name in kernel.functions]
        self.arena = np.empty(entry.arena + 64, np.uint8)
        start = -(-self.arena.ctypes.data // 64) * 64
        ctypes.c_void_p.from_address(code.address("arena")).value = start
        self.address = code.address("entry")
        self._call = _CALL(self.address)

    def follow(self, address: int) -> None:
        """Hand calls of other kinds on to the code at an address."""
        ctypes.c_void_p.from_address(self.code.address("following")).value = address

    def called(self, arguments: Sequence[Any]) -> Any:
        """A call with arguments of this kind."""
        held = (ctypes.py_object * len(arguments))(*arguments)
        return self._call(self.this, ctypes.addressof(held), len(arguments), None)


def build(
    this: Any,
    slow: Any,
    arguments: Sequence[Any],
    recorded: Any,
    reads: Any,
) -> Built | str:
    """Machine code for a recorded run; or why there is none."""
    wanted = recorded.wanted
    steps = steps_for(wanted)
    uses: dict[int, int] = {}
    for used in [*[other for step in steps for other in needed(step)], *wanted]:
        uses[used.number] = uses.get(used.number, 0) + 1
    low = Lowering(uses)
    given: list[Any] = []
    memories = []
    for step in recorded.inputs:
        memory = _memory(step.known)
        memories.append(memory)
        given.append(memory)
        low.values[step.number] = low.memory(memory)
    for step in recorded.recording.constants.values():
        if uses.get(step.number):
            low.values[step.number] = low.capture(step.known)
    try:
        _lower(low, steps)
        results, check = _results(low, wanted)
    except NotLowerableError as problem:
        return str(problem)
    given += [memory for memory, _ in low.captured] + results + ([check] if check is not None else [])
    kernel = write_kernel(Schedule(low.statements), low.pool, given)
    leaves = iter(memories)
    specs = [_spec(value, leaves) for value in arguments]

    def other(*values: Any) -> Any:
        return slow(this, *values)

    entry = write_entry(
        kernel,
        specs,
        low.captured,
        results,
        check,
        recorded.structure,
        _guards(reads, recorded.replaced),
        this.function,
        other,
    )
    return Built(
        this, entry, kernel, Code(module_text([entry.text, kernel.text], kernel.declared)), reads, recorded.replaced
    )


def _lower(low: Lowering, steps: Sequence[Deferred]) -> None:
    """Lower all steps; loops as loops, unless they cannot be."""
    turns = Turns(low, steps)
    items = rolled(steps)
    for item in items:
        if not isinstance(item, Roll):
            low.add(item)
            continue
        mark = low.mark()
        try:
            turns.add(item)
        except NotLowerableError:
            low.reset(mark)
            if item.count * item.length > _UNROLLED:
                raise
            for step in steps[item.first : item.first + item.count * item.length]:
                low.add(step)


def _memory(array: Any) -> Memory:
    return Memory(array.shape, array.dtype, tuple([step // array.itemsize for step in array.strides]))


def _results(low: Lowering, wanted: Sequence[Deferred]) -> tuple[list[Any], Any]:
    """Fresh arrays for what is wanted, and a number that is finite if all of it is."""
    results, total = [], None
    for step in wanted:
        value = low.value(step)
        target = low.new(value.shape, value.dtype)
        target.is_wanted = True
        low.fill(target, value.shape, low.copying(value, value.dtype))
        results.append(target)
        if value.dtype.kind == "f":
            if total is None:
                total = low.new((), np.float64, np.add)
                total.is_wanted = True
            low.fill(total, value.shape, _zeros_of(low, target))
    return results, total


def _zeros_of(low: Lowering, target: Any) -> Any:
    """Every element times 0, which is 0 unless it is not finite."""
    zero = Number(0.0, np.dtype(np.float64))

    def make(place: Any) -> Any:
        element = low.pool.cast(low.pool.read(target, place), np.float64)
        return (), low.pool.apply(np.multiply, (element, zero), np.float64)

    return make


def _spec(value: Any, leaves: Any) -> Any:
    kind = type(value)
    if kind is np.ndarray or kind in (float, np.float64, np.float32):
        return Leaf(next(leaves), kind)
    if kind in (tuple, list):
        return kind, [_spec(entry, leaves) for entry in value]
    if kind is dict:
        return kind, [(name, _spec(entry, leaves)) for name, entry in value.items()]
    return Same(value)


def _guards(reads: Any, replaced: Any) -> Guards:
    """What was read, as machine code checks it."""
    spaces: dict[int, tuple[Any, list[Any], int]] = {}
    for space, name, value in reads.names:
        known = spaces.setdefault(id(space), (space, [], -1))
        known[1].append((name, abi.ABSENT if value is reads.missing else value))
    sequences, rest = [], bool(reads.classes or reads.objects)
    for container, entries in reads.containers:
        if isinstance(container, dict):
            known = spaces.setdefault(id(container), (container, [], -1))
            known[1].extend(zip(entries[::2], entries[1::2], strict=True))
            spaces[id(container)] = (container, known[1], len(container))
        elif isinstance(container, list | tuple):
            sequences.append((container, list(entries)))
        else:
            rest = True
    compared = [found for key, found in reads.arrays.items() if key not in replaced]  # the others are read at each call
    contents = [(found.array, found.numbers) for found in compared if found.order == "C"]
    rest = rest or any([found.order != "C" for found in compared])
    codes = [(function, code) for function, code, *_ in reads.codes]
    return Guards(
        reads.cells,
        list(spaces.values()),
        sequences,
        codes,
        contents,
        partial(reads.unchanged, replaced) if rest else None,
    )
