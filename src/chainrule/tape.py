"""What a tensor is to the tape: a value and where it came from; recording, and views."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import ref

import numpy as np

from chainrule.errors import ChainruleError, DtypeError, ShapeError
from chainrule.linear.functions import beneath
from chainrule.op import Diagonal, Operation
from chainrule.program.debugging import debug_mode, is_finite, not_finite, note_line, place_of, told
from chainrule.program.deferred import Deferred
from chainrule.program.node import LARGE, NO_PARAMS, Node, meets
from chainrule.program.recording import deferred_call, recordings

__all__ = [
    "Tracked",
    "enabled",
    "history_begins",
    "is_traced",
    "journal",
    "keeping_copies",
    "observe",
    "record",
    "set_enabled",
    "tracing",
]

ndarray, asarray = np.ndarray, np.asarray
FLOAT64 = np.dtype(np.float64)
# What a journal is told of an operation: its node (None where nothing is tracked), the operation, the plain values of
# its arguments, the plain result, and the parameters.
Note = Callable[[Node | None, Operation, Sequence[Any], Any, Mapping[str, Any]], None]


class _Mode(threading.local):
    """Whether operations are recorded, and with copies of what they used; for each thread by itself."""

    enabled = True
    keeps_copies = False
    traces = 0  # functions of transforms that are running: derivatives are taken of their results
    seen: dict[int, tuple[Any, Any]] | None = None  # plain arrays that were used, and how they looked
    refusals = 0  # how often a plain number of a tracked value was refused: some callers hide the error


_mode = _Mode()
_observer: Callable[[str, tuple[Any, ...], Any], None] | None = None
_journal: Note | None = None
_hold: Callable[[Any], None] | None = None


def enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return _mode.enabled


def set_enabled(value: bool) -> bool:
    """Turn recording on or off in this thread; returns what it was."""
    before = _mode.enabled
    _mode.enabled = value
    return before


@contextmanager
def observe(callback: Callable[[str, tuple[Any, ...], Any], None]) -> Iterator[None]:
    """Call ``callback(name, arguments, result)`` for every operation on a tensor, tracked or not, while inside.

    Reading ``.grad`` is reported as ``("grad", (tensor,), gradient)``.
    """
    global _observer
    before = _observer
    _observer = callback
    try:
        yield
    finally:
        _observer = before


def notify(name: str, arguments: tuple[Any, ...], result: Any) -> None:
    """Tell the observer, if there is one."""
    if _observer is not None:
        _observer(name, arguments, result)


@contextmanager
def journal(note: Note, hold: Callable[[Any], None] | None = None) -> Iterator[None]:
    """Call ``note`` for every operation, with all its values, also those that no rule needs, while inside.

    ``hold`` is called with an array whose history begins, before the first number is written into it.
    """
    global _journal, _hold
    before = _journal, _hold
    _journal, _hold = note, hold
    try:
        yield
    finally:
        _journal, _hold = before


def history_begins(array: Any) -> None:
    """Tell the journal, if there is one, that the history of an array begins."""
    if _hold is not None:
        _hold(array)


class Tracked:
    """A value and the vertex of the tape that it came from (None: a leaf, or not tracked).

    ``tracked`` says that operations on it are recorded. A view (a tensor that shares the memory of another) also keeps
    its ``recipe``, so that a write to either is seen by both: ``root`` is the tensor that the family of views
    started from, and ``writes`` of the root counts the writes to any of them.
    """

    value: Any
    node: Any = None
    tracked: bool = False
    is_array: bool = False  # of what has no axes: whether it stands for an array, and not for a number
    is_own: bool = False  # an array that NumPy makes anew, although its numbers are those of another
    starts: Any = None  # the run of a transform that took it, to take derivatives at
    plain: type[Tracked]  # the class of tensors whose results take the class of other arguments
    root: Tracked | None = None
    recipe: tuple[Tracked, Operation, tuple[Any, ...], Mapping[str, Any]] | None = None
    views: list[Any] | None = None  # of deferred arrays: weak references to all views of this one
    seen: int = 0
    writes: int = 0

    def __init__(self, value: Any, node: Any = None, tracked: bool = False) -> None:
        self.value = value
        if tracked:
            self.node = node
            self.tracked = True
            if node is None:
                meets(value.dtype)

    __hash__ = object.__hash__

    @property
    def shape(self) -> Any:
        """The shape of the value."""
        return self.value.shape

    @property
    def vertex(self) -> Any:
        """The vertex that stands for this tensor in the graph: a node, or the leaf tensor; None if not tracked."""
        if self.root is not None and self.root.writes != self.seen:
            self.refresh()
        if not self.tracked:
            return None
        return self if self.node is None else self.node

    def refresh(self) -> None:
        """Make the node of a view again after a write to its family."""
        root, recipe = self.root, self.recipe
        assert root is not None and recipe is not None
        self.seen = root.writes
        parent, operation, arguments, params = recipe
        vertex = parent.vertex
        self.tracked = vertex is not None
        if vertex is None:
            self.node = None
            return
        parents = (vertex,) + (None,) * (len(arguments) - 1)
        values = (parent.value, *arguments[1:])
        shapes = tuple([getattr(value, "shape", ()) for value in values])
        self.node = make_node(operation, parents, values, self.value, shapes, params)


@contextmanager
def keeping_copies() -> Iterator[None]:
    """Within the block nodes keep copies, so that code may overwrite what it has used."""
    before, _mode.keeps_copies = _mode.keeps_copies, True
    try:
        yield
    finally:
        _mode.keeps_copies = before


class tracing:  # noqa: N801 (it is called like a function)
    """Within the block the function of a transform runs. What it gives says whether that overwrites what it used.

    NumPy does not say when a plain array is written to, so that what was seen of it is compared. It is a class because
    a generator would cost a small gradient some percent.
    """

    __slots__ = ("before", "seen")

    def __enter__(self) -> tracing:
        mode = _mode
        self.before = mode.seen
        self.seen: dict[int, tuple[Any, Any]] = {} if mode.seen is None else mode.seen
        mode.seen = self.seen
        mode.traces += 1
        return self

    def __exit__(self, *problem: object) -> None:
        _mode.traces -= 1
        _mode.seen = self.before

    def overwrites(self) -> bool:
        """Whether an array that was used looks otherwise by now; the outermost asks."""
        if self.before is None:
            for array, before in self.seen.values():
                if _looks(array) != before:
                    return True
        return False


_SEEN_WHOLE, _SAMPLES = 4096, 256  # elements up to which all are compared; how many of more are


def _looks(array: Any) -> bytes:
    """The numbers of an array, or some of many: enough to see whether it was overwritten."""
    if array.size <= _SEEN_WHOLE:
        return array.tobytes()  # type: ignore[no-any-return]
    while array.ndim > 1:
        array = array.reshape(-1) if array.flags.c_contiguous else array[:: max(1, array.shape[0] // _SAMPLES), ..., -1]
    return array[:: max(1, array.shape[0] // _SAMPLES)].tobytes()  # type: ignore[no-any-return]


def refusals() -> int:
    """How often this thread was refused a plain number of something tracked."""
    return _mode.refusals


def refused() -> None:
    """Note that it was."""
    _mode.refusals += 1


def is_traced() -> bool:
    """Whether the function of a transform is running in this thread."""
    return _mode.traces > 0


def _copied(value: Any) -> Any:
    return value.copy() if type(value) is ndarray else value


def make_node(
    operation: Operation,
    parents: Sequence[Any],
    values: Sequence[Any],
    out: Any,
    shapes: tuple[tuple[int, ...], ...],
    params: Mapping[str, Any],
    mask: int = 0,
) -> Node:
    """A node that keeps only what the rules of its tracked arguments need; ``mask`` names them, where it is known."""
    if not mask:
        mask = 1 << len(parents)
        for position, parent in enumerate(parents):
            if parent is not None:
                mask |= 1 << position
    keeps_out, dropped = operation.keeps.get(mask) or operation.needed(mask)
    kept: list[Any] | None = None
    if dropped is not None:
        kept = list(values)
        for position in dropped:
            kept[position] = None
    if not keeps_out and operation.companion is not None:
        keeps_out = out.size >= LARGE
    if _mode.keeps_copies:
        kept = None if kept is None else [_copied(value) for value in kept]
        out = _copied(out) if keeps_out else out
    node = Node(operation, parents, kept, out if keeps_out else None, shapes, out.shape, out.dtype, params, mask)
    if _journal is not None:
        _journal(node, operation, values, out, params)
    if debug_mode.on:
        note_line(node)
    return node


def record(operation: Operation, arguments: Sequence[Any], params: Mapping[str, Any] = NO_PARAMS) -> Any:
    """Run an operation on tensors, arrays and numbers; note it on the tape if an argument is tracked."""
    values: list[Any] = []
    parents: list[Any] = []
    shapes: list[tuple[int, ...]] = []
    mask = 0
    bit = 1
    kind: Any = None
    seen = _mode.seen
    for argument in arguments:
        if isinstance(argument, Tracked):
            if kind is None or kind is Tracked.plain:
                kind = type(argument)
            value = argument.value
            values.append(value)
            shapes.append(value.shape)
            if argument.root is not None:
                vertex = argument.vertex
            elif argument.tracked:
                node = argument.node
                vertex = argument if node is None else node
            else:
                vertex = None
            parents.append(vertex)
            if vertex is not None:
                mask |= bit
        else:
            plain = type(argument)
            if plain is ndarray:
                shapes.append(argument.shape)
                if seen is not None and id(argument) not in seen:
                    seen[id(argument)] = argument, _looks(argument)
            elif plain is float or plain is int:
                shapes.append(())
            else:
                if plain not in _PLAIN:
                    argument = plain_value(argument, operation)
                shapes.append(getattr(argument, "shape", ()))
            values.append(argument)
            parents.append(None)
        bit += bit
    try:
        if recordings:
            out = deferred_call(operation.forward, values, params)
        else:
            out = operation.forward(*values, **params) if params else operation.forward(*values)
    except ChainruleError:
        raise  # said by the operation itself
    except (ValueError, TypeError, IndexError) as problem:
        raise explained(operation, values, params, problem) from problem
    if type(out) is not ndarray and type(out) is not Deferred:
        out = asarray(out)
    dtype = out.dtype
    if mask and _mode.enabled and (dtype is FLOAT64 or dtype.kind in "fc") and operation.differentiable:
        node = make_node(operation, parents, values, out, tuple(shapes), params, mask | bit)
        result = kind(out, node, True)
    else:
        if dtype.kind not in "fbiuc":
            raise DtypeError(f"{operation.name}: the result has dtype {dtype}: give arrays of numbers, not of objects.")
        result = kind(out, None)
        if _journal is not None:
            _journal(None, operation, values, out, params)
    if debug_mode.on and not is_finite(out) and all(map(is_finite, values)):
        raise not_finite("a result", told(operation.name, place_of()))
    if out.base is not None or recordings:
        note_view(result, arguments, operation, values, params)
    if _observer is not None:
        _observer(operation.name, tuple(arguments), result)
    return result


_PLAIN = {np.ndarray, float, int, bool, complex, np.float64, np.float32, np.int64, np.bool_, type(None), Deferred}


def plain_value(argument: Any, operation: Operation) -> Any:
    """An argument that is not a tensor as an array or number; nested lists may be given."""
    if isinstance(argument, np.generic | float | int | complex):
        return argument
    array = plain_array(argument, operation.name)
    if array.dtype.kind not in "fciub":
        raise DtypeError(
            f"{operation.name}: cannot compute with {type(argument).__name__} {argument!r:.60}; expected numbers or "
            "arrays of numbers."
        )
    return array


def plain_array(value: Any, where: str) -> Any:
    """``value`` as a plain array; a subclass whose elements or operators mean something else is refused."""
    if isinstance(value, np.matrix):
        raise DtypeError(f"{where}: `*` of a np.matrix is a matrix product, of arrays it is elementwise: pass m.A.")
    if isinstance(value, np.ma.MaskedArray):
        raise DtypeError(
            f"{where}: a masked array would lose its mask, so that what it hides would count: pass m.filled(0.0), or "
            "choose with np.where(mask, 0.0, x)."
        )
    return np.asarray(value)


def note_view(result: Tracked, arguments: Sequence[Any], operation: Operation, values: Any, params: Any) -> None:
    """Remember how a result that shares its argument's memory was made from it."""
    source, mine = arguments[0], result.value
    instead = mine.recording.instead_of if type(mine) is Deferred else None
    is_view = instead[1] if instead is not None and instead[0] is mine else None  # None: its base tells
    result.is_own = is_view is False
    if result.is_own or not isinstance(source, Tracked):
        return
    base, other = beneath(mine), source.value
    if is_view is None and (base is None or (base is not other and base is not beneath(other))):
        return
    result.root = root = source if source.root is None else source.root
    result.recipe = (source, operation, tuple(values), params)
    result.seen = root.writes
    if recordings:
        if root.views is None:
            root.views = []
        root.views.append(ref(result))


def explained(operation: Operation, values: Sequence[Any], params: Mapping[str, Any], problem: Exception) -> Exception:
    """NumPy's complaint, with the operation, the shapes and the axes that do not fit."""
    shapes = [getattr(value, "shape", ()) for value in values if value is not None]
    kinds = {getattr(value, "dtype", np.dtype(float)).kind for value in values if value is not None}
    if kinds - set("fciub"):
        return DtypeError(
            f"{operation.name}: expected numbers, got dtypes "
            f"{', '.join(str(getattr(value, 'dtype', type(value).__name__)) for value in values)}."
        )
    if isinstance(problem, TypeError) and not isinstance(problem, ValueError):
        return DtypeError(f"{operation.name}: {problem}")
    if isinstance(problem, IndexError):
        return IndexError(f"{operation.name} of shape {shapes[0]}: {problem}")
    given = " and ".join(str(tuple(shape)) for shape in shapes)
    return ShapeError(f"{operation.name}: shapes {given} do not fit: {which_axis(operation, shapes) or problem}")


def which_axis(operation: Operation, shapes: Sequence[tuple[int, ...]]) -> str:
    """The first pair of axes that should agree and does not, in words; empty if none stands out."""
    if len(shapes) != 2 or not all(shapes):
        return ""
    a, b = shapes
    if isinstance(operation.rule(0), Diagonal):
        pairs = [(len(a) - back, len(b) - back) for back in range(1, min(len(a), len(b)) + 1)]
    else:
        pairs = [(len(a) - 1, max(len(b) - 2, 0))]  # the axes that a product sums over
    for first, second in pairs:
        if a[first] != b[second] and (len(pairs) == 1 or 1 not in (a[first], b[second])):
            return f"axis {first} of the first has {a[first]} and axis {second} of the second has {b[second]}"
    return ""
