"""Watches chainrule's own tensors while a notebook runs, and reads derivatives off their tape."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.backward import cotangents_of
from chainrule.check.chain.contributions import contributions
from chainrule.check.verdicts.compare import Truth, Value
from chainrule.check.watching.backend import Observer, replace_while
from chainrule.check.watching.history import History
from chainrule.check.watching.pulling import pulled
from chainrule.errors import ChainruleError
from chainrule.explain.computation import Computation
from chainrule.linear.apply import push
from chainrule.linear.jacobian import Jacobian
from chainrule.linear.term import Term
from chainrule.program.node import Node
from chainrule.program.sweep import schedule
from chainrule.tape import journal, observe
from chainrule.tensor import Tensor
from chainrule.transforms.jacobian import tape_jacobian

__all__ = ["Tape"]

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST = 2_000_000  # entries of a Jacobian that is compared
LARGEST_GRAPH = 20_000  # nodes of a graph whose rounding is estimated
FAR = 1 / 4  # the power of eps, relative, up to which rounding is thought of
PROBES = 8  # random directions in which rounding is imitated; fewer may all cancel in some element


class Tape:
    """chainrule's tensors, as a check sees them.

    While it watches, nodes keep their values after `backward`, so that derivatives can still be taken; for the notebook
    a freed graph stays a freed graph. ``seeder`` seeds the random numbers that the notebook draws.
    """

    name = "chainrule"

    def __init__(self, seeder: Callable[[int], object] = lambda number: None) -> None:
        self._seeder = seeder
        self._asking = False
        self._history = History()
        self._told: tuple[Node, Computation | None] | None = None  # the latest, which is asked for again and again

    def owns(self, value: object) -> bool:
        """Whether ``value`` is one of chainrule's tensors."""
        return isinstance(value, Tensor)

    def array(self, tensor: Any) -> tuple[Array, str, float]:
        """A copy of the numbers."""
        array = np.array(tensor.value, copy=True)
        eps = float(np.finfo(array.dtype).eps) if array.dtype.kind in "fc" else 2.0**-52
        return array, str(array.dtype), eps

    def tracked(self, tensor: Any) -> bool:
        """Whether it requires grad."""
        return bool(tensor.requires_grad)

    def leaf(self, tensor: Any) -> bool:
        """Whether it is a leaf."""
        return bool(tensor.is_leaf)

    def leaves(self, output: Any) -> Sequence[Any]:
        """The leaves below ``output``."""
        return list(schedule([output.vertex])[1]) if output.vertex is not None else []

    def seed(self, number: int) -> None:
        """Seed the random numbers."""
        self._seeder(number)

    @contextlib.contextmanager
    def watch(self, observer: Observer) -> Iterator[None]:
        """See every operation, and every backward pass, of chainrule's tensors."""
        with contextlib.ExitStack() as undo:
            self._keep_graphs(undo)
            self._notice_backward(undo, observer)
            undo.enter_context(
                observe(lambda name, arguments, result: self._pass_on(observer, name, arguments, result))
            )
            undo.enter_context(journal(self._take_note))
            yield

    def _pass_on(self, observer: Observer, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        if not self._asking:
            observer(name, arguments, result)

    def _take_note(self, *note: Any) -> None:
        if not self._asking:
            self._history.note(*note)

    def bind(self, name: str, value: Any, lent: bool = False) -> None:
        """A variable of the notebook got a value."""
        if isinstance(value, Tensor):
            self._history.bind(name, value, lent)

    def guard(self, output: Any) -> float:
        """The largest of the tiny constants on the way to ``output``."""
        return self._history.guard(output)

    def is_by_hand(self, output: Any) -> bool:
        """Whether a derivative that the user wrote is on the way to ``output``."""
        nodes, _ = schedule([output.vertex]) if output.vertex is not None else ([], [])
        return any(rule.by_hand for node in nodes for rule in node.operation.rules.values())

    def name_of(self, tensor: Any) -> str:
        """What the notebook's functions called a tensor."""
        return self._history.name_of(tensor.node) if isinstance(tensor.node, Node) else ""

    def _keep_graphs(self, undo: contextlib.ExitStack) -> None:
        """Nodes say that they are released, and keep their values for us."""
        saved = Node.saved

        def release(node: Node) -> None:
            if node.values is not None or node.out is not None:
                node.released = True

        def read(node: Node) -> tuple[Any, Sequence[Any]]:
            released = node.released
            node.released = released and not self._asking
            try:
                return saved(node)
            finally:
                node.released = released

        replace_while(undo, Node, "release", release)
        replace_while(undo, Node, "saved", read)

    def _notice_backward(self, undo: contextlib.ExitStack, observer: Observer) -> None:
        backward = Tensor.backward

        def noticed(tensor: Any, gradient: Any = None, *args: Any, **kwargs: Any) -> None:
            backward(tensor, gradient, *args, **kwargs)
            observer("backward", (tensor, gradient), None)

        replace_while(undo, Tensor, "backward", noticed)

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        before = self._asking
        self._asking = True
        try:
            yield
        finally:
            self._asking = before

    # -- derivatives --------------------------------------------------------------------------------------------------

    def derivative(self, output: Any, argument: Any) -> Truth | None:
        """∂output/∂argument, composed from the local Jacobians on the tape."""
        with self._aside():
            if output.value.size * argument.value.size > LARGEST:
                return None
            try:
                jacobian = (
                    Jacobian.identity(output.value.shape, output.value.dtype)
                    if output is argument
                    else tape_jacobian(output, argument)
                )
                dense = np.asarray(jacobian.dense())
            except ChainruleError:  # no path, or a value was overwritten
                return None
            eps = max(float(np.finfo(tensor.value.dtype).eps) for tensor in (output, argument))
            value = Value(dense.astype(np.float64), eps, str(argument.value.dtype))
            return Truth(value, tuple(output.value.shape), tuple(argument.value.shape), None, str(jacobian.structure))

    def loss(self, output: Any, cotangent: Any, argument: Any, off: Array | None = None) -> Array | None:
        """The magnitudes of all contributions added up, and how the gradient moves when every result is rounded."""
        with self._aside(), np.errstate(all="ignore"):
            if output.vertex is None or argument.vertex is None:
                return None
            nodes, leaves = schedule([output.vertex])
            if len(nodes) > LARGEST_GRAPH:
                return None
            try:
                back = self._size(nodes, output, cotangent, argument)
                is_known = back is None or _is_far(off, back, argument.value.dtype)
                forward = None if is_known else self._moved(nodes, output, cotangent, argument)
            except ChainruleError:
                return None
            if back is None:
                return None
            longest = max([argument.value.size, output.value.size, *(leaf.value.size for leaf in leaves)])
            growth = math.sqrt(len(nodes) + math.log2(longest + 1))
            lost: Array = growth * (back if forward is None else back + forward)
            return lost if np.isfinite(lost).all() else None

    @staticmethod
    def _size(nodes: Sequence[Node], output: Any, cotangent: Any, argument: Any) -> Array | None:
        """The size of what comes back to the argument."""
        weights = np.ones(output.value.shape) if cotangent is None else getattr(cotangent, "value", cotangent)
        size = contributions(argument.vertex, ((node, _edges(node)) for node in nodes), {output.vertex: weights}, {})
        return None if size is None else np.broadcast_to(size, argument.value.shape)

    def _moved(self, nodes: Sequence[Node], output: Any, cotangent: Any, argument: Any) -> Array | None:
        """How far the gradient moves when the result of every operation moves by its own size, in random directions.

        Operations means those of the notebook and those of the gradient, which is recorded for the purpose. Moves are
        pushed forward through their local Jacobians: what rounding does, to first order.
        """
        values = {node: self._history.result(node) for node in nodes}

        def note(name: str, arguments: tuple[Any, ...], result: Any) -> None:
            if isinstance(result, Tensor) and isinstance(result.node, Node):
                values[result.node] = result.value

        with observe(note), _hooks_aside(nodes):
            found = cotangents_of([output], [cotangent], [argument.vertex], True, True)
        vertex = getattr(found.get(argument.vertex), "vertex", None)
        if vertex is None:
            return None
        program, leaves = schedule([vertex])
        if len(program) > LARGEST_GRAPH:
            return None
        random = np.random.default_rng(0)
        total = np.zeros(argument.value.shape)
        for _ in range(PROBES):
            total += np.abs(_pushed(program, leaves, values, random))  # not squares, which underflow
        moved: Array = total / PROBES
        return moved

    def given(self, output: Any, cotangent: Any, argument: Any, known: Sequence[tuple[Any, Array]]) -> Array | None:
        """The gradient by ``argument`` if those by the tensors in ``known`` were as they are said to be."""
        with self._aside():
            computation = self._retold(output)
            if computation is None:
                return None
            book = computation.journal
            steps = {step.node or book.tensor(step): step for step in computation.steps if step.is_tracked}
            target = steps.get(argument.vertex)
            if target is None:
                return None
            upstream = None if cotangent is None else getattr(cotangent, "value", cotangent)
            said = {steps[tensor.vertex]: array for tensor, array in known if tensor.vertex in steps}
            with np.errstate(all="ignore"):
                return pulled(computation, target, upstream, said)

    def _retold(self, output: Any) -> Computation | None:
        """The computation of a result, told once; what was written into its values since does not matter."""
        vertex = output.vertex
        if not isinstance(vertex, Node):
            return None
        if self._told is None or self._told[0] is not vertex:
            self._told = (vertex, self._history.computation(output, {}))
        return self._told[1]

    def computation(self, output: Any, scope: Mapping[str, Any]) -> Computation | None:
        """The steps that led to ``output``, under the names that ``scope`` and the notebook's functions give them."""
        with self._aside():
            return self._history.computation(output, scope)


def _is_far(off: Array | None, size: Array, dtype: Any) -> bool:
    """Whether a claim is off by more than rounding could do, of contributions of that size."""
    if off is None or off.shape != size.shape or dtype.kind != "f":
        return False
    return bool(np.any(off > np.finfo(dtype).eps ** FAR * size))


@contextlib.contextmanager
def _hooks_aside(nodes: Sequence[Node]) -> Iterator[None]:
    """Without the notebook's hooks, which are for its own passes."""
    hooks = [(node, node.hooks) for node in nodes]
    for node in nodes:
        node.hooks = None
    try:
        yield
    finally:
        for node, kept in hooks:
            node.hooks = kept


def _pushed(program: Sequence[Node], leaves: Sequence[Any], values: Mapping[Any, Any], random: Any) -> Any:
    """The tangent of the latest node when every node adds a move of the size of its value."""

    def move(value: Any) -> Any:
        return value * random.choice([-1.0, 1.0], value.shape)

    tangents: dict[Any, Any] = {leaf: move(leaf.value) for leaf in leaves}
    for node in reversed(program):
        value = values.get(node)
        total = np.zeros(node.shape) if value is None else move(value)
        for parent, terms in _edges(node):
            for term in terms:
                total = total + push(term.pattern, tangents[parent], term.factors, term.tables)
        tangents[node] = total
    return tangents[program[0]]


def _edges(node: Node) -> Iterator[tuple[Any, Sequence[Term]]]:
    out, values = node.saved()
    for position, parent in enumerate(node.parents):
        if parent is not None:
            yield parent, node.operation.rule(position).terms(node, position, out, values)
