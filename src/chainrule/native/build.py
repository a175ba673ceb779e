"""From a recording to what answers calls: machine code called by its address or through ctypes, or a NumPy program."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from typing import Any, ClassVar

import numpy as np

from chainrule.choices import USUAL, usual
from chainrule.native import abi, callables
from chainrule.native.checks import Guards, Leaf, Same
from chainrule.native.emit import Kernel
from chainrule.native.entry import Call, write_entry
from chainrule.native.foreign import Foreign, Replayed
from chainrule.native.kernels import kernel_of, lowered
from chainrule.native.libraries import addresses, can_be_called, llvm
from chainrule.native.lowering import NotLowerableError, is_native
from chainrule.native.machine import Code, module_text
from chainrule.native.options import PLAIN, Options
from chainrule.native.recorded import Recorded
from chainrule.native.scalar import Source
from chainrule.program.deferred import Deferred
from chainrule.transforms.recorded import Run, is_finite, replayed

__all__ = ["WASTED", "Built", "build", "program"]

WASTED = 3  # recordings in a row that served no call, after which no more are made

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


class Ways:
    """The ways that a function goes by what numbers say, each with machine code of its own.

    ``taken`` are those that are known, as the truths on the way, ``others`` the machine code of all but the first;
    ``steps`` is how many steps these have in all.
    """

    most = 8
    steps_at_most = 30_000

    def __init__(self, made: Recorded) -> None:
        self.taken = {made.way}
        self.steps = made.size
        self.others: list[Built] = []
        self.wasted = 0  # recordings in a row that were no new way
        self.may_be_several = bool(made.way)

    @property
    def are_open(self) -> bool:
        """Whether there may be more: as many as there may be are enough."""
        is_full = len(self.taken) >= self.most or self.steps >= self.steps_at_most
        return self.may_be_several and not is_full and self.wasted <= WASTED

    def add(self, built: Built, made: Recorded) -> None:
        """One more."""
        self.taken.add(made.way)
        self.others.append(built)
        self.steps += made.size
        self.wasted = 0


class Built:
    """Machine code for one kind of arguments, which Python calls directly."""

    def __init__(
        self,
        kernel: Kernel,
        call: Call,
        made: Recorded,
        this: Any,
        slow: Callable[..., Any],
        otherwise: Callable[..., Any] | None,
    ) -> None:
        self.turns = kernel.turns
        self.otherwise = otherwise  # what answers where the code goes another way; None: the next in line
        self.ways = Ways(made)
        self.has_ways = bool(made.way)
        self.kernel = kernel
        self.kind = call
        self.is_current = made.is_current
        self.has_choices = made.choices is not None
        self.this = this
        self.slow = slow
        self.results = [Source(*source.seen) for source in call.results]
        self.structure = call.structure
        self.captured = [array for _, array in call.captured]
        self.plain = self._entrance(into=False)
        self.into: Entrance | None = None
        self._callers: set[int] = set()

    def _entrance(self, into: bool) -> Entrance:
        return Entrance(self.kernel, self.kind, self._again if self.otherwise else None, self._other, into=into)

    @property
    def memory(self) -> int:
        """The bytes that calls work in."""
        own = self.kernel.memory * (1 + (self.into is not None))
        return own + sum([other.memory for other in self.ways.others])

    @property
    def code(self) -> Code:
        """The code of the call without ``out=``."""
        return self.plain.code

    def make_into(self) -> None:
        """Make the call with ``out=``."""
        self.into = self._entrance(into=True)
        for other in self.ways.others:
            other.make_into()

    @property
    def how(self) -> str:
        """What became of this kind of arguments, in words."""
        count = len(self.ways.others) + 1
        return f"machine code{self.turns}" + (f" for {count} ways that numbers choose" if count > 1 else "")

    @property
    def entrances(self) -> list[Entrance]:
        """Those that there are by now, the newest way first."""
        others = [entrance for other in reversed(self.ways.others) for entrance in other.entrances]
        return [*others, self.plain] if self.into is None else [*others, self.plain, self.into]

    def _other(self, *arguments: Any, **options: Any) -> Any:
        return self.slow(self.this, *arguments, **options)

    def _again(self, *arguments: Any, **out: Any) -> Any:
        assert self.otherwise is not None
        if self.ways.are_open:
            return self.otherwise(self.this, self, arguments, **out)
        return self.this.again(arguments, **out)

    def refuses(self) -> bool:
        """Whether this thread is in a call that came back, because something was not as recorded."""
        return threading.get_ident() in self._callers

    def called(self, arguments: Sequence[Any], leaves: Sequence[Any], out: Any, arrays: Sequence[Any] | None) -> Any:
        """A call with arguments of this kind; of them, objects that are no data are replaced by those recorded."""
        if self.has_choices and usual[0] is not USUAL:  # in another thread; machine code would not answer
            return self.this.in_python(arguments, out)
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
    this: Any,
    slow: Callable[..., Any],
    made: Recorded,
    arguments: Sequence[Any],
    otherwise: Callable[..., Any] | None = None,
) -> Built | Foreign | Replayed | str:
    """What answers calls of a recorded kind; or why nothing does.

    Where numbers choose another way than the recorded one, ``otherwise`` answers, or the next in line.
    """
    if llvm is None:
        return Replayed(made, this)
    try:
        kernel, call = lowered(made, arguments, can_be_called(), can_be_called(), this.options)
    except NotLowerableError as problem:
        return str(problem)
    if not abi.usable() or made.choices not in (None, USUAL):
        return Foreign(kernel, call, made, this)
    return Built(kernel, call, made, this, slow, otherwise)


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
        kernel, call = kernel_of(inputs, made, arguments, (structure, kinds, NOTHING), native, native, options)
    except NotLowerableError:
        return plain
    native_run = Program(kernel, call, plain)
    unseen = [
        place
        for place, step in enumerate(wanted)
        if step.is_captured or not (is_native(step.dtype) or step.dtype.kind == "c")
    ]
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
