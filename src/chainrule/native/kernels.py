"""From a recording to a kernel: all steps lowered, what is wanted in arrays of its own, and what calls hand over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.choices import USUAL, usual
from chainrule.native import abi
from chainrule.native.checks import Guards, Leaf, Same
from chainrule.native.choice import is_better_interpreted
from chainrule.native.emit import Kernel, write_kernel
from chainrule.native.entry import Call
from chainrule.native.halves import real_steps
from chainrule.native.lowering import NotLowerableError, Value, is_native, require_native
from chainrule.native.options import PLAIN, Options
from chainrule.native.recorded import NUMBERS, Recorded
from chainrule.native.registry import PRODUCTS
from chainrule.native.rolling import Roll, rolled
from chainrule.native.rules import Lowering
from chainrule.native.scalar import Expression, Index, Memory, Number, Place
from chainrule.native.schedule import Schedule
from chainrule.native.straight import interpreted
from chainrule.native.strips import cut_into_strips
from chainrule.native.turns import Turns
from chainrule.native.unrolling import unrolled
from chainrule.native.work import Kept, Make, Statement, used
from chainrule.program.deferred import Deferred, needed
from chainrule.program.replay import steps_for

__all__ = ["kernel_of", "lowered"]

_MOST = 3000  # steps and loops of a recording: LLVM would take long, and NumPy's own work counts for more
_UNROLLED = 2000  # steps of a loop up to which it may be written out, if it must


def lowered(
    made: Recorded, arguments: Sequence[Any], blas: bool, python: bool = False, options: Options = PLAIN
) -> tuple[Kernel, Call]:
    """The kernel of a recording, and what its calls hand over; with ``python`` it may call Python for some steps."""
    results_are = made.structure, made.kinds, _guards(made)
    return kernel_of(made.inputs, made.wanted, arguments, results_are, blas, python, options, made.guards)


def kernel_of(
    inputs: Sequence[Deferred],
    wanted: Sequence[Deferred],
    arguments: Sequence[Any],
    results_are: tuple[Any, list[type], Guards],
    blas: bool,
    python: bool,
    options: Options,
    deciding: Sequence[Deferred] = (),
) -> tuple[Kernel, Call]:
    """The kernel of recorded steps; of results the containers, the types, and what has to be as it was are given.

    Steps that are ``deciding`` have to be as true as they were, or there is no answer.
    """
    count, truths, wanted = len(wanted), [bool(step.known) for step in deciding], [*wanted, *deciding]
    if not python:
        for step in (*inputs, *wanted):
            require_native(step.dtype)
    steps = steps_for(wanted)
    as_real = real_steps(steps, wanted)
    if as_real is not wanted:
        wanted, steps = [*as_real], steps_for(as_real)
    memories = [Memory.of(step.known) for step in inputs]
    low = _loops_or_instructions(lambda: _begun(inputs, memories, steps, wanted, blas, python), inputs, steps, wanted)
    results, check = _results(low, wanted[:count])
    if truths:
        check = _guarded(low, check, zip(wanted[count:], truths, strict=True))
    given = [*memories, *[memory for memory, _ in low.captured], *results, *([check] if check is not None else [])]
    schedule = Schedule(unrolled(used(low.statements)))
    cut_into_strips(schedule)
    kernel = write_kernel(schedule, low.pool, given, options)
    for made in low.kept:  # results outlive the recording, which is large
        made.statements.clear()
    leaves = iter(memories)
    specs = [_spec(value, leaves) for value in arguments]
    structure, kinds, guards = results_are
    return kernel, Call(specs, memories, low.captured, results, kinds, check, structure, guards)


def _loops_or_instructions(
    begun: Callable[[], Lowering], inputs: Sequence[Deferred], steps: Sequence[Deferred], wanted: Sequence[Deferred]
) -> Lowering:
    """All steps as loops; for the interpreter, where there are no loops or they are not worth compiling."""
    loops, problem = begun(), None
    try:
        _lower(loops, steps)
    except NotLowerableError as found:
        if len(steps) <= _UNROLLED:
            raise
        problem = found
    is_complex = any([step.dtype.kind == "c" for step in (*inputs, *wanted)])
    if is_complex and problem is not None:
        raise problem
    if is_complex or (problem is None and not is_better_interpreted(loops.statements)):
        return loops
    low = begun()
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


def _results(low: Lowering, wanted: Sequence[Deferred]) -> tuple[list[Any], Any]:
    """Arrays for what is wanted, each of its own, and a number that is finite if all of it is."""
    results: list[Kept] = []
    total = None
    for step in wanted:
        value = low.value(step)
        target: Any = value.source
        if value.dtype.kind == "c":
            target = _in_pairs(low, value)
        elif type(target) is not Kept or not _may_be_result(target):
            target = low.new(value.shape, value.dtype)
            low.fill(target, value.shape, low.copying(value, value.dtype))
        target.is_wanted = True
        results.append(target)
        if is_native(target.dtype) and target.dtype.kind == "f":
            total = total or _new_total(low)
            _check(low, total, target)
    return results, total


def _in_pairs(low: Lowering, value: Value) -> Kept:
    """Complex numbers in memory of their own."""
    target = low.new((*value.shape, 2), value.several[0].dtype)
    target.is_complex = True
    for place, half in enumerate(value.several):
        low.fill(target, value.shape, _putting(half, Index(place)))
    return target


def _putting(half: Value, last: Index) -> Make:
    return lambda place: ((*place, last), half.at(place))


def _new_total(low: Lowering) -> Kept:
    """A number that is finite if all that is added to it is."""
    total = low.new((), np.float64, np.add)
    total.is_wanted = True
    return total


def _guarded(low: Lowering, check: Any, guards: Iterable[tuple[Deferred, bool]]) -> Any:
    """The check, which is not finite if a guard is not as true as it was."""
    total = check or _new_total(low)
    for step, truth in guards:
        low.fill(total, (), _unless(low, low.value(step), truth))
    return total


def _unless(low: Lowering, value: Value, truth: bool) -> Make:
    numbers = [Number(number, np.dtype(np.float64)) for number in ((0.0, np.nan) if truth else (np.nan, 0.0))]

    def make(place: Place) -> tuple[Place, Expression]:
        found = low.pool.cast(value.at((Index(),) * len(value.shape)), bool)
        return (), low.pool.apply(np.where, (found, *numbers), np.float64)

    return make


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


def _guards(made: Recorded) -> Guards:
    """What was read, as machine code checks it."""
    reads, replaced = made.reads, made.replaced
    spaces: dict[int, tuple[Any, list[Any], int]] = {}
    for space, name, value in reads.names:
        known = spaces.setdefault(id(space), (space, [], -1))
        known[1].append((name, abi.ABSENT if value is reads.missing else value))
    lists: list[Any] = [] if made.choices is None else [(usual, [USUAL])]
    rest = bool(reads.classes or reads.objects)
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
