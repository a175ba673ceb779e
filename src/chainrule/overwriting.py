"""Writes in place: a tensor gets another value and another history, and so do all views of the same memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import DtypeError, LeafError, ShapeError
from chainrule.linear.functions import overwritten
from chainrule.ops.index import build_index, getitem, overwrite, overwrite_flat, parse_index
from chainrule.program.deferred import Deferred, UnrecordableError
from chainrule.program.node import NO_PARAMS, Node, mark_written, owner, tick, written
from chainrule.program.recording import about_to_overwrite, deferred_call
from chainrule.tape import Tracked, enabled, explained, history_begins, is_traced, make_node, notify

__all__ = ["assigned", "holds", "stacked", "write", "write_at"]


def holds(value: Any) -> bool:
    """Whether a tensor is somewhere in nested lists and tuples."""
    return isinstance(value, Tracked) or (isinstance(value, list | tuple) and any(map(holds, value)))


def stacked(value: Any) -> Any:
    """Nested lists of numbers and tensors as one tensor, as `np.array` would put them together."""
    if isinstance(value, Tracked):
        return value
    if not holds(value):
        return np.asarray(value)
    return np.stack([stacked(entry) for entry in value]) if len(value) else np.asarray(value)


def assigned(target: Tracked, result: Any) -> Any:
    """What ``target += …`` leaves, whose sum is ``result``: an array is overwritten.

    A number is another one then, as in NumPy: whoever holds the old one keeps it.
    """
    if not target.value.ndim and is_traced() and not target.is_array and target.root is None:
        return result
    return write(target, result)


def write(target: Tracked, result: Any) -> Any:
    """Overwrite ``target`` with ``result`` (a tensor or an array of its shape): value, history and family of views."""
    vertex = result.vertex if isinstance(result, Tracked) else None
    value = result.value if isinstance(result, Tracked) else np.asarray(result)
    check_writable(target, vertex)
    if value.shape != target.value.shape:
        try:
            value = np.broadcast_to(value, target.value.shape)
        except ValueError:
            raise ShapeError(
                f"output with shape {list(target.value.shape)} doesn't match the broadcast shape {list(value.shape)}\n"
                "An in-place operation cannot change the shape of what it overwrites."
            ) from None
    if not np.can_cast(value.dtype, target.value.dtype, "same_kind"):
        raise DtypeError(
            f"result type {value.dtype} can't be cast to the desired output type {target.value.dtype}\n"
            "An in-place operation cannot change the dtype of what it overwrites."
        )
    if type(target.value) is Deferred or type(value) is Deferred:
        replace(target, value)
        if enabled():
            rebind(target, vertex)
        return target
    if isinstance(vertex, Node):
        keep_apart(vertex, target.value)
    about_to_overwrite(target.value)
    np.copyto(target.value, value, casting="same_kind")
    if isinstance(vertex, Node):
        mark_written(target.value, vertex.sequence)
        if vertex.out is not None and vertex.out is value:
            vertex.out = target.value
    else:
        mark_written(target.value, tick())
    if enabled():
        rebind(target, vertex)
    notify("write", (target, result), target)
    return target


def replace(target: Tracked, value: Any) -> None:
    """Let a deferred array be another from now on; so are the array that it is a view of, and all views of that.

    A deferred array is never written to: what was computed from the one before stays right.
    """
    root = target if target.root is None else target.root
    if type(root.value) is Deferred and root.value.function is None and not root.is_own:
        raise UnrecordableError("it writes into an array that it was given")
    step = target
    if value.dtype != target.value.dtype:
        value = value.astype(target.value.dtype)
    target.value = value
    while step is not root:
        assert step.recipe is not None
        parent, operation, arguments, params = step.recipe
        if operation is not getitem:
            raise UnrecordableError(f"it writes into a view that {operation.name} made")
        index = build_index(params["index"], arguments[1:])
        parent.value = deferred_call(overwritten, [parent.value, step.value, index], {})
        step = parent
    alive = [known for known in root.views or () if known() is not None]
    root.views = alive
    for view in [known() for known in alive]:
        if view is not None:
            parent, operation, arguments, params = view.recipe
            view.value = deferred_call(operation.forward, [parent.value, *arguments[1:]], params)


def keep_apart(node: Node, array: Any) -> None:
    """Let ``node`` keep copies of its values that share the memory of ``array``, which is about to be overwritten.

    So `y *= x` can be differentiated by x although y is then gone. What was overwritten before is left to be noticed.
    """
    base = owner(array)
    kept = [isinstance(value, np.ndarray) and owner(value) is base for value in node.values or ()]
    last = written.get(id(base))
    if any(kept) and (last is None or last[1] < node.sequence):
        assert node.values is not None
        node.values = [value.copy() if mine else value for value, mine in zip(node.values, kept, strict=True)]


def check_writable(target: Tracked, vertex: Any) -> None:
    """A leaf that requires grad (or a view of one) may only be written where nothing is recorded."""
    if not enabled():
        return
    root = target if target.root is None else target.root
    if root.tracked and root.node is None:
        kind = (
            "a leaf Variable that requires grad" if target is root else "a view of a leaf Variable that requires grad"
        )
        raise LeafError(
            f"{kind} is being used in an in-place operation.\nIts gradient would have no value to belong to. Compute a "
            "new tensor, or write under `with no_grad():` if the change is not part of the computation."
        )


def rebind(target: Tracked, vertex: Any) -> None:
    """Give ``target`` a new history, and through it the tensor that it is a view of."""
    root = target.root
    if root is None:
        target.node = vertex
        target.tracked = vertex is not None
        target.writes += 1
        return
    if vertex is None and not root.tracked:
        root.writes += 1
        target.seen = root.writes
        return
    before = root.vertex
    shape = root.value.shape
    assert target.recipe is not None
    parent, operation, arguments, params = target.recipe
    if parent is root and operation is getitem:
        values = (root.value, target.value, *arguments[1:])
        shapes = tuple([value.shape for value in values])
        parents = (before, vertex) + (None,) * (len(arguments) - 1)
        root.node = make_node(overwrite, parents, values, root.value, shapes, {"index": params["index"]})
        root.tracked = True
        root.writes += 1
        return
    is_part = root.value.dtype.kind == "c" and target.value.dtype.kind != "c"
    positions = np.arange(root.value.size).reshape(shape)
    if is_part:  # of real and imaginary parts in turn
        positions = 2 * positions + 1j * (2 * positions + 1)
    path: list[Tracked] = []
    step: Tracked = target
    while step is not root:
        path.append(step)
        assert step.recipe is not None
        step = step.recipe[0]
    for step in reversed(path):
        assert step.recipe is not None
        _, operation, arguments, params = step.recipe
        positions = operation.forward(positions, *arguments[1:], **params)
    if is_part:
        whole: Any = Tracked.plain(root.value, before, before is not None)
        parts: Any = np.stack([np.real(whole), np.imag(whole)], -1)
        node = _overwritten(parts.value, parts.vertex, target, vertex, positions.astype(int))
        parts = Tracked.plain(parts.value, node, True)
        node = (parts[..., 0] + 1j * parts[..., 1]).vertex
    else:
        node = _overwritten(root.value, before, target, vertex, positions)
    root.node = node
    root.tracked = True
    root.writes += 1


def _overwritten(whole: Any, before: Any, target: Tracked, vertex: Any, positions: Any) -> Node:
    """The node of an array with a part written at positions of its elements."""
    values = (whole, target.value, positions)
    shapes = tuple([value.shape for value in values])
    return make_node(overwrite_flat, (before, vertex, None), values, whole, shapes, NO_PARAMS)


def is_same_memory(a: Any, b: Any) -> bool:
    """Whether two arrays are the same elements in the same order."""
    if type(a) is Deferred:
        return a is b
    if not type(a) is type(b) is np.ndarray or a.shape != b.shape or a.strides != b.strides or a.dtype != b.dtype:
        return False
    same: bool = a.__array_interface__["data"] == b.__array_interface__["data"]
    return same


def write_at(target: Tracked, index: Any, value: Any) -> None:
    """``target[index] = value``, recorded."""
    template, arrays = parse_index(index)
    value = stacked(value) if type(value) in (list, tuple) and holds(value) else value
    vertex = value.vertex if isinstance(value, Tracked) else None
    plain = value.value if isinstance(value, Tracked) else np.asarray(value)
    check_writable(target, vertex)
    place = build_index(template, arrays)
    before = target.vertex
    is_deferred = type(target.value) is Deferred or type(plain) is Deferred
    old = target.value
    try:
        if isinstance(value, Tracked) and value.root is not None and is_same_memory(target.value[place], plain):
            return  # the end of `x[i] += y`, in which the view x[i] has been written already
        if is_deferred:
            replace(target, deferred_call(overwritten, [old, plain, place], {}))
        else:
            if before is None and vertex is not None:
                history_begins(target.value if target.root is None else target.root.value)
            about_to_overwrite(target.value)
            target.value[place] = plain
    except (ValueError, IndexError) as problem:
        raise explained(overwrite, (target.value, plain), {}, problem) from problem
    notify("setitem", (target, index, value), target)
    if is_deferred and (before is not None or vertex is not None) and enabled():
        arguments = (old, plain, *arrays)
        shapes = tuple([argument.shape for argument in arguments])
        parents = (before, vertex) + (None,) * len(arrays)
        rebind(target, make_node(overwrite, parents, arguments, target.value, shapes, {"index": template}))
        return
    if is_deferred:
        if enabled():
            rebind(target, None)
        return
    if not enabled() or (before is None and vertex is None):
        mark_written(target.value, tick())
        if enabled():
            rebind(target, None)
        return
    arguments = (target.value, plain, *arrays)
    parents = (before, vertex) + (None,) * len(arrays)
    shapes = tuple([argument.shape for argument in arguments])
    node = make_node(overwrite, parents, arguments, target.value, shapes, {"index": template})
    mark_written(target.value, node.sequence)
    rebind(target, node)
