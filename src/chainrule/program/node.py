"""A node of the tape: the operation, where its arguments came from, and the values that its rules need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Protocol
from weakref import ref

import numpy as np

from chainrule.errors import DtypeError, FreedGraphError, ModifiedError
from chainrule.linear.functions import beneath
from chainrule.op import Operation

__all__ = [
    "LARGE",
    "NO_PARAMS",
    "Leaf",
    "Node",
    "Vertex",
    "dtype_of",
    "mark_written",
    "meets",
    "tick",
    "write_count",
    "written",
]

NO_PARAMS: Mapping[str, Any] = {}
LARGE = 4096  # elements from which memory traffic costs more than the bookkeeping that avoids it
COMPLEX = (
    "{name} has no derivative at complex numbers here; it was given or would make {dtype}.\nWrite it with the real and "
    "the imaginary part as two real arrays (z.real, z.imag), or pass z.detach() where no gradient is wanted."
)
tick = count(1).__next__  # the order of events: nodes made and buffers overwritten, over all threads


class Leaf(Protocol):
    """Where a graph begins: a tensor that holds its own gradient."""

    shape: tuple[int, ...]
    value: Any  # the array, of that shape

    def accumulate(self, cotangent: Any) -> None:
        """Add to the gradient."""


class Node:
    """One recorded application of an operation.

    ``parents[k]`` is the vertex (a node, or a leaf) that argument k came from, or None when it is not tracked; bit k of
    ``mask`` says that it is tracked (the highest bit, how many arguments there are); ``values[k]`` is its plain value
    and ``out`` the plain result, where some rule needs them. ``sequence`` grows with time, so that every argument has
    a smaller one than the node: sorting by it is a topological order.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "hooks",
        "mask",
        "operation",
        "out",
        "params",
        "parents",
        "released",
        "sequence",
        "shape",
        "shapes",
        "values",
    )

    hooked = False  # whether any node was ever given a hook
    meets_complex = False  # whether any vertex was ever one of complex numbers

    def __init__(
        self,
        operation: Operation,
        parents: Sequence[Any],
        values: Sequence[Any] | None,
        out: Any,
        shapes: tuple[tuple[int, ...], ...],
        shape: tuple[int, ...],
        dtype: Any,
        params: Mapping[str, Any],
        mask: int,
    ) -> None:
        if dtype.kind == "c" or Node.meets_complex:
            _check_complex(operation, parents, dtype)
        self.operation = operation
        self.parents = parents
        self.values = values
        self.out = out
        self.shapes = shapes
        self.shape = shape
        self.dtype = dtype
        self.params = params
        self.mask = mask
        self.sequence = tick()
        self.released = False
        self.hooks: list[Callable[[Any], Any]] | None = None

    def __repr__(self) -> str:
        return f"<{self.operation.label}Backward>"

    @property
    def name(self) -> str:
        """The operation's name as PyTorch would print it for ``grad_fn``."""
        return f"{self.operation.label}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The vertices of the arguments, as (vertex or None, 0)."""
        return tuple([(parent, 0) for parent in self.parents])

    def release(self) -> None:
        """Let go of the values; a later derivative that needs them is a :class:`FreedGraphError`."""
        if self.values is not None or self.out is not None:
            self.values = None
            self.out = None
            self.released = True

    def saved(self) -> tuple[Any, Sequence[Any]]:
        """The result and the arguments, checked: neither freed nor overwritten since."""
        if self.released:
            raise FreedGraphError(
                f"{self.operation.name}: the values that this step kept were freed by an earlier backward(). Call the "
                "earlier one with retain_graph=True, or compute the result again before differentiating it again."
            )
        if written:
            self.check_unwritten()
        return self.out, self.values if self.values is not None else (None,) * len(self.parents)

    def is_overwritten(self) -> bool:
        """Whether a kept value shares memory with a buffer overwritten later."""
        try:
            self.check_unwritten()
        except ModifiedError:
            return True
        return False

    def check_unwritten(self) -> None:
        """Raise :class:`ModifiedError` if a kept value shares memory with a buffer overwritten later."""
        needed = [(value, True) for value in self.values or ()] + [(self.out, False)]
        for value, is_argument in needed:
            if isinstance(value, np.ndarray):
                last = written.get(id(owner(value)))
                if last is not None and (last[1] > self.sequence or (is_argument and last[1] == self.sequence)):
                    problem = ModifiedError(
                        f"{self.operation.name}: one of the values needed to differentiate this step (shape "
                        f"{value.shape}, its {'argument' if is_argument else 'result'}) was overwritten by an in-place "
                        "operation after it was used. Write `y = y + 1` instead of `y += 1`, or overwrite a copy."
                    )
                    problem.value, problem.writes = value, last[2]
                    problem.whose = self.operation.label if not is_argument else "".join(last[3:])
                    raise problem


Vertex = Node | Leaf


def meets(dtype: Any) -> None:
    """Note that there are complex numbers, if these are such."""
    if dtype.kind == "c":
        Node.meets_complex = True


def dtype_of(vertex: Any) -> Any:
    """The dtype of a vertex's value; a leaf may have its own way to speak of dtypes."""
    return vertex.dtype if type(vertex) is Node else vertex.value.dtype


def _check_complex(operation: Operation, parents: Sequence[Any], dtype: Any) -> None:
    """Raise :class:`DtypeError` if an operation whose rules are of real numbers meets complex ones."""
    kinds = [dtype, *[dtype_of(parent) for parent in parents if parent is not None]]
    found = next((kind for kind in kinds if kind.kind == "c"), None)
    if found is None:
        return
    Node.meets_complex = True
    if not operation.takes_complex:
        raise DtypeError(COMPLEX.format(name=operation.name, dtype=found))


# Buffers that were overwritten in place: id of the array that owns the memory -> [weak reference, time, count].
written: dict[int, list[Any]] = {}


def owner(array: Any) -> Any:
    """The array that owns the memory of ``array``."""
    while isinstance(base := beneath(array), np.ndarray):
        array = base
    return array


def mark_written(array: Any, time: int) -> None:
    """Note that the memory of ``array`` was overwritten at ``time``."""
    base = owner(array)
    key = id(base)
    entry = written.get(key)
    if entry is None:
        written[key] = [ref(base, lambda _, key=key: written.pop(key, None)), time, 1]  # type: ignore[misc]
    else:
        entry[1] = time
        entry[2] += 1


def write_count(array: Any) -> int:
    """How often the memory of ``array`` was overwritten in place."""
    entry = written.get(id(owner(array)))
    return 0 if entry is None else int(entry[2])
