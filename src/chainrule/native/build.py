"""From a recording to what answers calls: machine code called by its address or through ctypes, or a NumPy program."""

from __future__ import annotations

import ctypes
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import count
from typing import Any, ClassVar

import numpy as np

from chainrule.native import abi, callables
from chainrule.native.checks import Guards, Leaf, Same
from chainrule.native.choice import is_better_interpreted
from chainrule.native.emit import Kernel, write_kernel
from chainrule.native.entry import Call, write_entry
from chainrule.native.foreign import Foreign, Replayed
from chainrule.native.libraries import addresses, can_be_called, llvm
from chainrule.native.lowering import NotLowerableError, is_native, require_native
from chainrule.native.machine import Code, module_text
from chainrule.native.options import PLAIN, Options
from chainrule.native.recorded import NUMBERS, Recorded
from chainrule.native.registry import PRODUCTS
from chainrule.native.rolling import Roll, rolled
from chainrule.native.rules import Lowering
from chainrule.native.scalar import Expression, Memory, Number
from chainrule.native.schedule import Schedule
from chainrule.native.straight import interpreted
from chainrule.native.turns import Turns
from chainrule.native.unrolling import unrolled
from chainrule.native.work import Kept, Make, Statement
from chainrule.program.deferred import Deferred, needed
from chainrule.program.replay import steps_for
from chainrule.transforms.recorded import Run, is_finite, replayed

__all__ = ["Built", "build", "lowered", "program"]

_MOST = 3000  # steps and loops of a recording: LLVM would take long, and NumPy's own work counts for more
_UNROLLED = 2000  # steps of a loop up to which it may be written out, if it must
_OUT = ("out",)
NOTHING = Guards([], [], [], [], [], None)


@cache
def _call_type() -> Any:
    """The vectorcall protocol, as ctypes has it."""
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p)


class Entrance:
    """A function that Python calls by its address, with everything that it points to.

    The collector of garbage ends objects in any order: code is in ``codes`` until nobody needs it.
    """

    codes: ClassVar[set[Code]] = set()
    left: ClassVar[set[Code]] = set()  # those whose functions are gone; some call will come back to them

    def __init__(self, kernel: Kernel, call: Call, again: Any, other: Any, into: bool) -> None:
        entry = write_entry(kernel, call, again, other, into)
        self.code = code = Code(module_text([entry.text, kernel.text], kernel.declared))
        self.objects = entry.objects
        self.functions = kernel.functions
        code.fill("objects", [id(value) for value in entry.objects])
        code.fill("numbers", entry.numbers)
        code.fill("functions", addresses(kernel.functions))
        self.arena = np.empty(entry.arena + 64, np.uint8)
        code.fill("arena", [-(-self.arena.ctypes.data // 64) * 64])
        self.address = code.address("entry")
        self.call = _call_type()(self.address)
        self.codes.add(code)

    def hand_on(self, following: Entrance | None) -> None:
        """Hand calls of other kinds on to the next entrance; to Python if there is none."""
        self.code.fill("following", [following.address if following else self.code.address("last")])

    def __del__(self) -> None:
        """Let go of the code, unless a call is still running in it: Python went on meanwhile, and dropped this.

        Nothing here may ask for `vars`: a dictionary made during a search for garbage keeps all of it until the next.
        """
        if not hasattr(self, "call"):  # it was never finished
            return
        self.code.held = self.objects, self.functions, self.arena
        self.left.add(self.code)
        for code in [*self.left]:
            if not code.is_running:
                self.left.discard(code)
                self.codes.discard(code)
                code.held = None


class Built:
    """Machine code for one kind of arguments, which Python calls directly."""

    def __init__(self, kernel: Kernel, call: Call, made: Recorded, this: Any, slow: Callable[..., Any]) -> None:
        self.how = f"machine code{kernel.turns}"
        self.kernel = kernel
        self.kind = call
        self.is_current = made.is_current
        self.this = this
        self.slow = slow
        self.results = call.results
        self.structure = call.structure
        self.captured = [array for _, array in call.captured]
        self.plain = Entrance(kernel, call, self._again, self._other, into=False)
        self.into: Entrance | None = None
        self._callers: set[int] = set()

    @property
    def memory(self) -> int:
        """The bytes that calls work in."""
        return self.kernel.memory * len(self.entrances)

    @property
    def code(self) -> Code:
        """The code of the call without ``out=``."""
        return self.plain.code

    def make_into(self) -> None:
        """Make the call with ``out=``."""
        self.into = Entrance(self.kernel, self.kind, self._again, self._other, into=True)

    @property
    def entrances(self) -> list[Entrance]:
        """Those that there are by now."""
        return [self.plain] if self.into is None else [self.plain, self.into]

    def _other(self, *arguments: Any, **options: Any) -> Any:
        return self.slow(self.this, *arguments, **options)

    def _again(self, *arguments: Any, **out: Any) -> Any:
        return self.this.again(arguments, **out)

    def refuses(self) -> bool:
        """Whether this thread is in a call that came back, because something was not as recorded."""
        return threading.get_ident() in self._callers

    def called(self, arguments: Sequence[Any], leaves: Sequence[Any], out: Any, arrays: Sequence[Any] | None) -> Any:
        """A call with arguments of this kind; of them, objects that are no data are replaced by those recorded."""
        rest = iter(leaves)
        arguments = [_filled(spec, rest) for spec in self.kind.arguments]
        held = (ctypes.py_object * (len(arguments) + 1))(*arguments, out)
        entrance, names = (self.plain, None) if arrays is None or self.into is None else (self.into, id(_OUT))
        thread = threading.get_ident()
        self._callers.add(thread)
        try:
            return entrance.call(self.this, ctypes.addressof(held), len(arguments), names)
        finally:
            self._callers.discard(thread)


def _filled(spec: Any, leaves: Any) -> Any:
    """An argument of a kind with new leaves."""
    if isinstance(spec, Same):
        return spec.value
    if isinstance(spec, Leaf):
        leaf = next(leaves)
        # There may be several objects for one dtype, of which machine code knows one.
        return leaf.view(spec.source.dtype) if spec.kind is np.ndarray else leaf
    kind, entries = spec
    if kind is dict:
        return {name: _filled(inner, leaves) for name, inner in entries}
    return kind([_filled(inner, leaves) for inner in entries])


def build(
    this: Any, slow: Callable[..., Any], made: Recorded, arguments: Sequence[Any]
) -> Built | Foreign | Replayed | str:
    """What answers calls of a recorded kind; or why nothing does."""
    if llvm is None:
        return Replayed(made, this)
    try:
        kernel, call = lowered(made, arguments, can_be_called(), can_be_called(), this.options)
    except NotLowerableError as problem:
        return str(problem)
    if not abi.usable():
        return Foreign(kernel, call, made, this)
    return Built(kernel, call, made, this, slow)


def lowered(
    made: Recorded, arguments: Sequence[Any], blas: bool, python: bool = False, options: Options = PLAIN
) -> tuple[Kernel, Call]:
    """The kernel of a recording, and what its calls hand over; with ``python`` it may call Python for some steps."""
    results_are = made.structure, made.kinds, _guards(made.reads, made.replaced)
    return _lowered(made.inputs, made.wanted, arguments, results_are, blas, python, options)


def program(inputs: Sequence[Deferred], wanted: Sequence[Deferred], options: Options = PLAIN) -> Run:
    """A recording as a function in machine code, which takes the inputs as arrays and gives a tuple of arrays.

    What `chainrule.transforms.recorded.replayed` makes stands in for it, where there is no machine code, where an array
    is laid out otherwise, and where a result is not finite.
    """
    plain = replayed(inputs, wanted)
    if llvm is None or not abi.usable():
        return plain
    arguments = [np.asarray(step.known) for step in inputs]
    places = count()
    structure = tuple, [Same(step.known) if step.is_captured else next(places) for step in wanted]
    made = [step for step in wanted if not step.is_captured]
    kinds: list[type] = [np.ndarray] * len(made)
    native = can_be_called()
    try:
        kernel, call = _lowered(inputs, made, arguments, (structure, kinds, NOTHING), native, native, options)
    except NotLowerableError:
        return plain
    native_run = Program(kernel, call, plain)
    unseen = [place for place, step in enumerate(wanted) if step.is_captured or not is_native(step.dtype)]
    if not unseen:
        return native_run

    def checked(*leaves: Any) -> Sequence[Any] | None:
        arrays: Any = native_run(*leaves)
        return arrays if arrays is not None and all([is_finite(arrays[place]) for place in unseen]) else None

    return checked


class Program(callables.Callable):  # type: ignore[misc]
    """Machine code that Python calls directly; calls that it cannot answer, ``plain`` does."""

    def __init__(self, kernel: Kernel, call: Call, plain: Run, takes_out: bool = False) -> None:
        self.parts = kernel, call, plain
        self.writing: Program | None = None
        otherwise = _put(plain) if takes_out else plain
        self.entrance = Entrance(kernel, call, otherwise, otherwise, takes_out)
        callables.point(self, self.entrance.address)

    def into(self, arrays: tuple[Any, ...], leaves: Sequence[Any]) -> Any:
        """The results written into ``arrays``; None, and nothing of use in these, if not all are finite."""
        if self.writing is None:
            self.writing = Program(*self.parts, takes_out=True)
        return self.writing(*leaves, out=arrays)


def _put(plain: Run) -> Callable[..., Any]:
    def put(*leaves: Any, out: Sequence[Any]) -> Any:
        found = plain(*leaves)
        if found is None:
            return None
        for array, numbers in zip(out, found, strict=True):
            array[...] = numbers
        return out

    return put


callables.direct(Program)


def _lowered(
    inputs: Sequence[Deferred],
    wanted: Sequence[Deferred],
    arguments: Sequence[Any],
    results_are: tuple[Any, list[type], Guards],
    blas: bool,
    python: bool,
    options: Options,
) -> tuple[Kernel, Call]:
    steps = steps_for(wanted)
    memories = [_memory(step.known) for step in inputs]
    if not python:
        for step in inputs:
            require_native(step.dtype)
    low = _loops_or_instructions(inputs, memories, steps, wanted, blas, python)
    results, check = _results(low, wanted)
    given = [*memories, *[memory for memory, _ in low.captured], *results, *([check] if check is not None else [])]
    kernel = write_kernel(Schedule(unrolled(low.statements)), low.pool, given, options)
    for made in low.kept:  # results outlive the recording, which is large
        made.statements.clear()
    leaves = iter(memories)
    specs = [_spec(value, leaves) for value in arguments]
    structure, kinds, guards = results_are
    return kernel, Call(specs, memories, low.captured, results, kinds, check, structure, guards)


def _loops_or_instructions(
    inputs: Sequence[Deferred],
    memories: Sequence[Memory],
    steps: Sequence[Deferred],
    wanted: Sequence[Deferred],
    blas: bool,
    python: bool,
) -> Lowering:
    """All steps as loops; for the interpreter, where there are no loops or they are not worth compiling."""
    loops, problem = _begun(inputs, memories, steps, wanted, blas, python), None
    try:
        _lower(loops, steps)
    except NotLowerableError as found:
        if len(steps) <= _UNROLLED:
            raise
        problem = found
    if problem is None and not is_better_interpreted(loops.statements):
        return loops
    low = _begun(inputs, memories, steps, wanted, blas, python)
    try:
        interpreted(low, inputs, steps, wanted)
    except NotLowerableError:
        if problem is not None:
            raise
        return loops
    return low


def _begun(
    inputs: Sequence[Deferred],
    memories: Sequence[Memory],
    steps: Sequence[Deferred],
    wanted: Sequence[Deferred],
    blas: bool,
    python: bool,
) -> Lowering:
    """A lowering that knows the arguments."""
    used = [*[other for step in steps for other in needed(step)], *wanted]
    low = Lowering(Counter([step.number for step in used]), blas, python)
    low.factors = {other.number for step in steps if step.function in PRODUCTS for other in needed(step)}
    for step, memory in zip(inputs, memories, strict=True):
        low.values[step.number] = low.memory(memory)
    return low


def _lower(low: Lowering, steps: Sequence[Deferred]) -> None:
    """Lower all steps; loops as loops, unless they cannot be."""
    turns = Turns(low, steps)
    items = rolled(steps)
    if len(items) > _MOST:
        raise NotLowerableError(f"{len(items)} steps are left when loops are found, more than {_MOST}")
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
    """Arrays for what is wanted, each of its own, and a number that is finite if all of it is."""
    results: list[Kept] = []
    total = None
    for step in wanted:
        value = low.value(step)
        target: Any = value.source
        if type(target) is not Kept or not _may_be_result(target):
            target = low.new(value.shape, value.dtype)
            low.fill(target, value.shape, low.copying(value, value.dtype))
        target.is_wanted = True
        results.append(target)
        if is_native(value.dtype) and value.dtype.kind == "f":
            if total is None:
                total = low.new((), np.float64, np.add)
                total.is_wanted = True
            _check(low, total, target)
    return results, total


def _may_be_result(target: Kept) -> bool:
    """Whether an array may be filled where the result is to be; a single sum is better off in memory of its own."""
    is_one_sum = target.combine is not None and len(target.statements) == 1
    return not (is_one_sum or target.turns or target.is_wanted)


def _check(low: Lowering, total: Kept, target: Kept) -> None:
    """Add every element times 0, which is 0 unless it is not finite: as it is written, if each is written once."""
    writers = [made for made in target.statements if isinstance(made, Statement)]
    if len(writers) < len(target.statements) or target.combine is not None:
        low.fill(total, target.shape, lambda place: ((), _zero_of(low, low.pool.read(target, place))))
        return
    for made in writers:
        low.do(Statement(total, made.labels, made.starts, _zeros(low, made.make)))


def _zeros(low: Lowering, make: Make) -> Make:
    return lambda place: ((), _zero_of(low, make(place)[1]))


def _zero_of(low: Lowering, element: Expression) -> Expression:
    zero = Number(0.0, np.dtype(np.float64))
    return low.pool.apply(np.multiply, (low.pool.cast(element, np.float64), zero), np.float64)


def _spec(value: Any, leaves: Any) -> Any:
    kind = type(value)
    if kind is np.ndarray or kind in NUMBERS:
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
    lists, rest = [], bool(reads.classes or reads.objects)
    for container, entries in reads.containers:
        if isinstance(container, dict):
            known = spaces.setdefault(id(container), (container, [], -1))
            known[1].extend(zip(entries[::2], entries[1::2], strict=True))
            spaces[id(container)] = (container, known[1], len(container))
        elif isinstance(container, list):
            lists.append((container, list(entries)))
        else:
            rest = True
    compared = [found for key, found in reads.arrays.items() if key not in replaced]  # the others are read at each call
    contents = [(found.array, found.numbers) for found in compared if found.order == "C"]
    rest = rest or any([found.order != "C" for found in compared])
    codes = [(function, code) for function, code, *_ in reads.codes]
    return Guards(
        reads.cells,
        list(spaces.values()),
        lists,
        codes,
        contents,
        partial(reads.unchanged, replaced) if rest else None,
    )
