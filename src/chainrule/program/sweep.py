"""The sweeps over a recorded program: pullback of cotangents, pushforward of tangents.

Both are the chain rule on the same local Jacobians: a sweep visits the nodes in order, asks each for its terms, and
applies them transposed, or applies them. Whole Jacobians are composed in :mod:`chainrule.program.accumulate`.
"""

from __future__ import annotations

from cmath import isfinite
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from chainrule.errors import NotFiniteError
from chainrule.linear.apply import pull, push
from chainrule.linear.slices import add_pull
from chainrule.linear.term import Term
from chainrule.op import Diagonal, broadcast
from chainrule.program.careful import careful_product, careful_terms
from chainrule.program.debugging import debug_mode, is_finite, line_of, not_finite, told
from chainrule.program.deferred import Deferred
from chainrule.program.node import LARGE, Node, dtype_of
from chainrule.program.ownership import FORWARDED, LOCAL, PASSED
from chainrule.program.plan import plan_of, pull_terms, taken

__all__ = ["Wrap", "dependents", "pullback", "pushforward", "saved_for", "schedule"]

_by_sequence = attrgetter("sequence")
NOTHING: frozenset[Any] = frozenset()
_ARRAYS = (np.ndarray, Deferred)

Wrap = Callable[[Any, Any], Any]  # (value, vertex) -> the tracked tensor of that value: makes a sweep record itself


def schedule(roots: Iterable[Any]) -> tuple[list[Node], list[Any]]:
    """The nodes that ``roots`` depend on, latest first, and the leaves. No recursion: a chain may be a million long."""
    nodes: list[Node] = []
    leaves: list[Any] = []
    seen: set[Any] = set()
    stack = list(roots)
    while stack:
        vertex = stack.pop()
        if vertex in seen:
            continue
        seen.add(vertex)
        if type(vertex) is Node:
            nodes.append(vertex)
            for parent in vertex.parents:
                if parent is not None:
                    stack.append(parent)
        else:
            leaves.append(vertex)
    nodes.sort(key=_by_sequence, reverse=True)
    return nodes, leaves


def dependents(nodes: Sequence[Node], targets: Iterable[Any]) -> set[Any]:
    """The targets and the vertices among ``nodes`` (latest first) that depend on one of them."""
    found = set(targets)
    for node in reversed(nodes):
        for parent in node.parents:
            if parent is not None and parent in found:
                found.add(node)
                break
    return found


class Recall(NDArrayOperatorsMixin):
    """An argument that remembers which functions of it the program has computed."""

    def __init__(self, array: Any, results: Mapping[tuple[Any, int], Any]) -> None:
        self.array = array
        self.results = results

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and len(inputs) == 1 and not options:
            found = self.results.get((function, id(self.array)))
            if found is not None:
                return found
        plain = [value.array if type(value) is Recall else value for value in inputs]
        return getattr(function, method)(*plain, **options)


def _pull_diagonal(rule: Diagonal, cotangent: Any, out: Any, values: Any, last: bool) -> Any:
    """The transposed elementwise Jacobian applied, where the argument was not broadcast; reuses large buffers."""
    derivative = rule.value(out, values)
    if type(derivative) in (int, float):
        if derivative == 1:
            return cotangent
    elif rule.choice and type(cotangent) in _ARRAYS and type(derivative) in _ARRAYS:
        return taken(cotangent, derivative)
    elif type(derivative) is np.ndarray and derivative.size >= LARGE and type(cotangent) is np.ndarray:
        # A buffer that only this frame refers to can take the product: no new memory is touched.
        if getrefcount(derivative) == LOCAL and derivative.base is None and derivative.dtype == cotangent.dtype:
            if _spans(derivative, cotangent):
                return np.multiply(derivative, cotangent, out=derivative)
        elif (
            last
            and getrefcount(cotangent) == FORWARDED
            and cotangent.base is None
            and derivative.dtype == cotangent.dtype
            and _spans(cotangent, derivative)
        ):
            return np.multiply(cotangent, derivative, out=cotangent)
    return cotangent * derivative


def _spans(whole: Any, other: Any) -> bool:
    """Whether ``other`` broadcasts to the shape of ``whole``: both may be thin, and along different axes."""
    shape, part = whole.shape, other.shape
    if shape == part:
        return True
    skipped = len(shape) - len(part)
    return skipped >= 0 and all([n in (1, m) for m, n in zip(shape[skipped:], part, strict=True)])


def pullback(
    seeds: Sequence[tuple[Any, Any]],
    targets: Sequence[Any] | None = None,
    *,
    wrap: Wrap | None = None,
    retain: bool = True,
    nodes: list[Node] | None = None,
) -> dict[Any, Any]:
    """Pull cotangents back from the seeds to the targets (or, by default, to every leaf).

    ``seeds`` are (vertex, cotangent). Returns the cotangent of each target or leaf that something reached; it may be
    *thin* (size 1 along axes on which it does not vary) and may share memory with other cotangents. With ``wrap`` the
    sweep is itself recorded. ``retain=False`` frees the values that nodes kept, when the sweep is done. ``nodes`` is
    the schedule of the seeds, where it is known.

    The cotangent of a complex number z is that of :mod:`chainrule` and PyTorch: ∂L/∂Re z + i ∂L/∂Im z. The sweep itself
    carries its conjugate, which local Jacobians pull back transposed, as those of real numbers.

    Where a cotangent is exactly zero nothing is passed on, even by an infinite derivative: a path that is not taken
    contributes nothing. Because that costs, it is done only when the plain sweep met a number that is not finite.
    """
    if nodes is None:
        nodes, _ = schedule([vertex for vertex, _ in seeds])
    needed = None if targets is None else dependents(nodes, targets)
    captured = NOTHING if targets is None else frozenset(targets)
    if Node.meets_complex:
        seeds = [(vertex, conjugated(cotangent)) for vertex, cotangent in seeds]
    if debug_mode.on:
        _watched(nodes, seeds, needed)
    # Hooks must run once only, so a program with hooks is swept carefully from the start.
    careful = Node.hooked and any(node.hooks is not None for node in nodes)
    arrived = _pullback(nodes, seeds, needed, captured, wrap, careful)
    if not careful and not all(map(_is_finite, arrived.values())):
        arrived = _pullback(nodes, seeds, needed, captured, wrap, True)
    if not retain:
        for node in nodes:
            node.release()
    if Node.meets_complex:
        return {vertex: conjugated(cotangent) for vertex, cotangent in arrived.items()}
    return arrived


def is_complex(value: Any) -> bool:
    """Whether a cotangent is of complex numbers."""
    return bool(getattr(value, "value", value).dtype.kind == "c")


def conjugated(value: Any) -> Any:
    """The conjugate of complex numbers; real ones as they are."""
    return np.conjugate(value) if is_complex(value) else value


def in_dtype(value: Any, dtype: Any) -> Any:
    """Numbers in the dtype of what they belong to: of complex ones that belong to real ones, the real part."""
    if value.dtype.kind == "c" and dtype.kind != "c":
        value = np.real(value)
    return value if value.dtype == dtype else value.astype(dtype)


def _watched(nodes: Sequence[Node], seeds: Sequence[tuple[Any, Any]], needed: set[Any] | None) -> None:
    """A sweep on plain numbers, part by part, that raises at the first step whose derivative cannot be taken."""
    pending: dict[Any, Any] = {}
    for vertex, cotangent in seeds:
        plain = getattr(cotangent, "value", cotangent)
        pending[vertex] = plain if vertex not in pending else pending[vertex] + plain
    for node in nodes:
        cotangent = pending.pop(node, None)
        if cotangent is None or (needed is not None and node not in needed):
            continue
        where = told(node.operation.name, line_of(node))
        try:
            out, values = node.saved()
            for position, parent in enumerate(node.parents):
                if parent is None or (needed is not None and parent not in needed):
                    continue
                part = _pull_part(node, position, cotangent, out, values, True, pending)
                if part is None:
                    continue
                if not is_finite(part) and all(map(is_finite, (cotangent, *values))):
                    name = (node.operation.arguments or ("",) * len(node.parents))[position]
                    raise not_finite(f"the derivative with respect to {name or f'argument {position}'}", where)
                _collect(pending, parent, part)
        except NotFiniteError:
            raise
        except Exception as problem:
            problem.add_note(f"in the derivative of {where}")
            raise


def _is_finite(cotangent: Any) -> bool:
    """Whether every number is finite; squares that overflow only cost a second, careful sweep."""
    raw = getattr(cotangent, "value", cotangent)
    if type(raw) is Deferred:
        return True  # for whoever runs the recording to see
    rank = raw.ndim
    if rank != 1:
        if not rank:
            return isfinite(raw)
        raw = raw.ravel()
    return isfinite(raw.dot(raw))


def _pullback(
    nodes: Sequence[Node],
    seeds: Sequence[tuple[Any, Any]],
    needed: set[Any] | None,
    captured: frozenset[Any],
    wrap: Wrap | None,
    careful: bool,
) -> dict[Any, Any]:
    """One sweep of `pullback` over its nodes."""
    pending: dict[Any, Any] = {}
    arrived: dict[Any, Any] = {}
    for vertex, cotangent in seeds:
        pending[vertex] = cotangent if vertex not in pending else pending[vertex] + cotangent
    cotangent = None
    plain = wrap is None and not careful
    results = _Results(nodes)
    for node in nodes:
        cotangent = pending.pop(node, None)
        if cotangent is None or (needed is not None and node not in needed):
            continue
        if node.hooks is not None:
            cotangent = _run_hooks(node, cotangent)
        if node in captured:
            arrived[node] = cotangent
        if plain and _follow_plan(node, cotangent, needed, pending):
            continue
        out, values = results.saved(node) if wrap is None else saved_for(node, wrap)
        for position, parent in enumerate(node.parents):
            if parent is None or (needed is not None and parent not in needed):
                continue
            part = _pull_part(node, position, cotangent, out, values, careful, pending)
            if part is not None:
                _collect(pending, parent, part)
            part = None
        cotangent = None
    if needed is None:
        return {vertex: value for vertex, value in pending.items() if type(vertex) is not Node}
    for target in captured:
        if target in pending:
            arrived[target] = pending[target]
    return arrived


def _follow_plan(node: Node, cotangent: Any, needed: set[Any] | None, pending: dict[Any, Any]) -> bool:
    """Pull back through a node by its plan, where there is one that computes only what is needed; says whether."""
    plan = None if node.operation.indexed else plan_of(node, cotangent)
    if plan is None:
        return False
    function, positions = plan
    parents = node.parents
    if needed is not None and not all([parents[position] in needed for position in positions]):
        return False
    out, values = node.saved()
    for position, part in zip(positions, function(node, cotangent, out, values), strict=True):
        parent = parents[position]
        dtype = parent.dtype if type(parent) is Node else parent.value.dtype
        if part.dtype is dtype and parent not in pending:
            pending[parent] = part
        else:
            _collect(pending, parent, part)
    return True


def _pull_part(
    node: Node, position: int, cotangent: Any, out: Any, values: Any, careful: bool, pending: dict[Any, Any]
) -> Any:
    """The cotangent of one argument; None if it was added in place to what is pending for it."""
    rule = node.operation.rule(position)
    if type(rule) is Diagonal:
        if careful:
            product = careful_product(rule, cotangent, rule.value(out, values))
            return pull(broadcast(node, position), product, (), ())
        if node.shapes[position] == node.shape:
            later = node.parents[position + 1 :]
            return _pull_diagonal(rule, cotangent, out, values, last=all([parent is None for parent in later]))
    terms = rule.terms(node, position, out, values)
    if careful:
        terms = careful_terms(terms, cotangent, forward=False)
    if rule.indexed and _add_scattered(pending.get(node.parents[position]), terms, cotangent):
        return None
    if rule.conjugates:
        return np.conjugate(cotangent)
    return pull_terms(terms, cotangent, node.shapes[position], node.dtype)


def _collect(pending: dict[Any, Any], parent: Any, part: Any) -> None:
    """Add a part to what is pending for its vertex, in the vertex's dtype and into a large buffer if one is free."""
    dtype = dtype_of(parent)
    if part.dtype is not dtype:
        part = in_dtype(part, dtype)
    present = pending.get(parent)
    if present is None:
        pending[parent] = part
    elif part.size < LARGE or type(part) is not np.ndarray or type(present) is not np.ndarray:
        pending[parent] = present + part
    elif present.base is None and getrefcount(present) == LOCAL + 1 and _spans(present, part):  # and the dictionary
        np.add(present, part, out=present)
    elif part.base is None and getrefcount(part) == PASSED and _spans(part, present):
        pending[parent] = np.add(part, present, out=part)
    else:
        pending[parent] = present + part


class _Results:
    """What the program computed of which array, for operations that are another's derivative."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.known: dict[tuple[Any, int], Any] | None = None

    def saved(self, node: Node) -> tuple[Any, Sequence[Any]]:
        """What the node kept; arguments that may have been put through its companion remember the results."""
        out, values = node.saved()
        if node.operation.companion is None or node.out is None:
            return out, values
        if self.known is None:
            self.known = {
                (other.operation.forward, id(other.values[0])): other.out
                for other in self.nodes
                if other.operation.companion is not None and other.out is not None and other.values is not None
            }
        known = self.known
        return out, [Recall(value, known) for value in values]


def _add_scattered(present: Any, terms: Sequence[Term], cotangent: Any) -> bool:
    """Add a pulled part of an array in place, if nobody else refers to what is ``present``; says whether it was done.

    Reading an array row by row would otherwise fill and add as many arrays of its size as it has rows.
    """
    if (
        type(present) is not np.ndarray
        or len(terms) != 1
        or present.base is not None
        or getrefcount(present) != PASSED  # one reference is the dictionary of pending cotangents
        or present.shape != terms[0].pattern.column_shape
        or present.dtype != cotangent.dtype
        or not isinstance(cotangent, np.ndarray | np.generic)
    ):
        return False
    return add_pull(terms[0].pattern, cotangent, present)


def _run_hooks(node: Node, cotangent: Any) -> Any:
    for hook in node.hooks or ():
        changed = hook(conjugated(cotangent))
        if changed is not None:
            cotangent = conjugated(changed)
    return cotangent


def pushforward(seeds: Mapping[Any, Any], roots: Sequence[Any], *, wrap: Wrap | None = None) -> dict[Any, Any]:
    """Push tangents forward from the vertices in ``seeds`` to ``roots``; a root that nothing reaches is left out."""
    nodes, _ = schedule(roots)
    arrived = _pushforward(nodes, seeds, roots, wrap, False)
    if not all(_is_finite(value) for value in arrived.values()):
        arrived = _pushforward(nodes, seeds, roots, wrap, True)
    return arrived


def _pushforward(
    nodes: Sequence[Node], seeds: Mapping[Any, Any], roots: Sequence[Any], wrap: Wrap | None, careful: bool
) -> dict[Any, Any]:
    """One sweep of `pushforward` over its nodes."""
    tangents: dict[Any, Any] = dict(seeds)
    for node in reversed(nodes):
        if node in tangents or not any(parent is not None and parent in tangents for parent in node.parents):
            continue
        total = None
        out, values = saved_for(node, wrap)
        for position, parent in enumerate(node.parents):
            if parent is None or parent not in tangents:
                continue
            tangent = tangents[parent]
            rule = node.operation.rule(position)
            if type(rule) is Diagonal and careful:
                spread = push(broadcast(node, position), tangent, (), ())
                parts = [careful_product(rule, spread, rule.value(out, values), forward=True)]
            else:
                terms = rule.terms(node, position, out, values)
                if careful:
                    terms = careful_terms(terms, tangent, forward=True)
                parts = [push(term.pattern, tangent, term.factors, term.tables) for term in terms]
                if rule.conjugates:
                    parts = list(map(np.conjugate, parts))
            for part in parts:
                total = part if total is None else total + part
        if total is not None:
            tangents[node] = in_dtype(total, node.dtype)
    return {root: tangents[root] for root in roots if root in tangents}


def saved_for(node: Node, wrap: Wrap | None) -> tuple[Any, Sequence[Any]]:
    """What the node kept; as tracked tensors if the sweep is to be recorded."""
    out, values = node.saved()
    if wrap is None:
        return out, values
    return None if out is None else wrap(out, node), [
        value if value is None or parent is None else wrap(value, parent)
        for value, parent in zip(values, node.parents, strict=True)
    ]
