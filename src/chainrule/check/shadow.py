"""Lets a notebook that differentiates plain NumPy code by hand be judged: its parameters become tracked tensors.

Nothing in such a notebook knows the true gradients. But a variable that has a derivative, `W1` where there is a `dW1`,
can be put on the tape when it gets its value, and NumPy's functions then record what is done with it. What is derived
by hand stays plain arrays, so that writing into it cannot spoil the record::

    W1 = np.random.randn(5, 3)      W1 = __chainrule__.tracked(np.random.randn(5, 3))
    dW1 = X.T @ dz                  dW1 = __chainrule__.plain(X.T @ dz)
    W1 = W1 - 0.1 * dW1             W1 = __chainrule__.stepped(W1 - 0.1 * dW1)

A derivative is then taken of the loss that is at hand, or of the value `out` whose gradient `dout` is given.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.check.containers import entries
from chainrule.check.names import derived_variables
from chainrule.check.site import GRADIENTS, hook, is_derivative_name
from chainrule.tensor import Tensor, no_grad

__all__ = [
    "Assumed",
    "Shadows",
    "assumed_passes",
    "blank",
    "dot",
    "hook_shadows",
    "plain",
    "shadows_of",
    "stepped",
    "tracked",
]

OTHERS = frozenset("torch tensorflow jax autograd mxnet theano tinygrad keras cupy chainrule".split())
PARAMETERS = re.compile(r"param|weights|theta", re.IGNORECASE)
FILLED = frozenset("zeros empty ones full zeros_like empty_like ones_like full_like".split())
LOSS = re.compile(r"loss|cost|^(mse|ce|bce|nll|obj|objective|[lje])$", re.IGNORECASE)


class Shadow(Tensor):
    """A tensor that code written for arrays may change in place, which arrays on a tape may not.

    A parameter is stepped unrecorded: that is no part of what is differentiated. Any other value is replaced by a new
    one, so that the old one is there when a derivative needs it.
    """

    @property
    def _is_parameter(self) -> bool:
        return self.tracked and self.node is None

    def _change(self, in_place: str, anew: str, other: Any) -> Any:
        if not self._is_parameter:
            return getattr(self, anew)(other)
        with no_grad():
            return getattr(super(), in_place)(other)

    def __iadd__(self, other: Any) -> Any:
        return self._change("__iadd__", "__add__", other)

    def __isub__(self, other: Any) -> Any:
        return self._change("__isub__", "__sub__", other)

    def __imul__(self, other: Any) -> Any:
        return self._change("__imul__", "__mul__", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._change("__itruediv__", "__truediv__", other)

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._is_parameter:
            with no_grad():
                super().__setitem__(index, value)
            return
        if self.root is None:
            self.value = np.array(self.value)
        super().__setitem__(index, value)

    def copy(self, order: str = "C") -> Any:
        """A copy, recorded."""
        return np.copy(self)

    def __getattr__(self, name: str) -> Any:
        """What only arrays have, of the array: nothing differentiable."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(np.array(self.value), name)


def tracked(value: Any) -> Any:
    """A real array or number as a parameter; what is tracked already, or is no real number, as it is."""
    if isinstance(value, Tensor) and not value.tracked:
        value = value.value
    if isinstance(value, np.ndarray | np.floating | float) and np.asarray(value).dtype.kind == "f":
        return Shadow(np.array(value), None, True)
    return value


def stepped(value: Any) -> Any:
    """The value of an update as a new parameter, so that the record of one step does not grow into the next."""
    return tracked(plain(value))


def plain(value: Any) -> Any:
    """A tensor as an array of its own; everything else as it is."""
    return np.array(value.value) if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Shadows:
    """What is rewritten in a notebook: the variables that become tracked, and the names of their gradients."""

    variables: frozenset[str]
    gradients: frozenset[str]


def blank(value: Any) -> Any:
    """An array that is to be filled, so that it may be filled with what is tracked."""
    return Shadow(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def dot(left: Any, right: Any) -> Any:
    """`left.dot(right)`, also where only the right one is a tensor."""
    return np.dot(left, right) if type(left) is np.ndarray and isinstance(right, Tensor) else left.dot(right)


def shadows_of(sources: Iterable[str]) -> Shadows | None:
    """The variables of a notebook that have derivatives; None if there are none, or if a library differentiates there.

    >>> shadows_of(["import numpy as np", "W1 = f()", "dW1 = X.T @ dz", "data = g()"])
    Shadows(variables=frozenset({'W1'}), gradients=frozenset({'dW1'}))
    """
    assigned: set[str] = set()
    mentioned: set[str] = set()
    keys: set[str] = set()
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if _imported(node) & OTHERS:
                return None
            assigned |= _assigned(node)
            mentioned |= _mentioned(node)
            keys |= _gradient_key(node)
    gradients = {name: derived_variables(name) & assigned for name in mentioned if is_derivative_name(name)}
    variables = frozenset().union(*gradients.values()) | keys
    named = frozenset(name for name, found in gradients.items() if found)
    return Shadows(frozenset(variables), named) if variables else None


def _imported(node: ast.AST) -> set[str]:
    """The packages that a node imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def _assigned(node: ast.AST) -> set[str]:
    """The names that a node gives a value: variables, attributes, parameters, keys."""
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return {node.id if isinstance(node, ast.Name) else node.attr}
    if isinstance(node, ast.arg):
        return {node.arg}
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def _mentioned(node: ast.AST) -> set[str]:
    """The names, attributes and keys in a node."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def _gradient_key(node: ast.AST) -> set[str]:
    """The `W1` of `grads["W1"]`."""
    if not isinstance(node, ast.Subscript) or not GRADIENTS.match(_base(node.value)):
        return set()
    key = _key(node)
    return {key} if key and not is_derivative_name(key) else set()


def hook_shadows(tree: ast.Module, shadows: Shadows) -> ast.Module:
    """Rewrite the assignments of a parsed cell in place.

    >>> shadows = Shadows(frozenset("Wb"), frozenset({"dW"}))
    >>> print(ast.unparse(hook_shadows(ast.parse("W = f()\\ndW += g()\\nW -= dW\\nW, b = h()"), shadows)))
    W = __chainrule__.tracked(f())
    dW += __chainrule__.plain(g())
    W -= dW
    W, b = h()
    W = __chainrule__.tracked(W)
    b = __chainrule__.tracked(b)
    """
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                block[:] = [part for statement in block for part in _rewritten(statement, shadows)]
    _Calls().visit(tree)
    return ast.fix_missing_locations(tree)


class _Calls(ast.NodeTransformer):
    """Replaces calls in which arrays do not notice that they meet a tensor."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute):
            return node
        name, owner = node.func.attr, node.func.value
        if name in FILLED and isinstance(owner, ast.Name) and owner.id in {"np", "numpy"}:
            return ast.copy_location(hook("blank", node), node)
        if name == "dot" and len(node.args) == 1 and not node.keywords:
            return ast.copy_location(hook("dot", owner, node.args[0]), node)
        return node


def _rewritten(statement: ast.stmt, shadows: Shadows) -> Iterator[ast.stmt]:
    yield statement
    targets: list[ast.expr]
    if isinstance(statement, ast.AugAssign | ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        return
    if isinstance(statement.value, ast.Dict) and not GRADIENTS.match(_base(targets[0])):
        _track_entries(statement.value, shadows)
    method = _method(targets[0], statement, shadows)
    if method is not None and statement.value is not None:
        if method == "plain" or not isinstance(statement, ast.AugAssign):
            statement.value = hook(method, statement.value)
        return
    for target in targets:
        for item in target.elts if isinstance(target, ast.Tuple | ast.List) else []:
            method = _method(item, statement, shadows)
            if method is not None and isinstance(item, ast.Name):
                again = ast.Assign([ast.Name(item.id, ast.Store())], hook(method, ast.Name(item.id, ast.Load())))
                yield ast.copy_location(again, statement)


def _track_entries(written: ast.Dict, shadows: Shadows) -> None:
    """`{"W1": f()}`: the entry becomes tracked."""
    for place, key in enumerate(written.keys):
        if isinstance(key, ast.Constant) and key.value in shadows.variables:
            written.values[place] = hook("tracked", written.values[place])


def _method(target: ast.expr, statement: ast.stmt, shadows: Shadows) -> str | None:
    """What is to be done with a value for a target: tracked, stepped, made plain; None for nothing."""
    value = getattr(statement, "value", None)
    base = _base(target)
    inside = isinstance(target, ast.Subscript)
    if base in shadows.gradients or (inside and GRADIENTS.match(base)):
        return "plain"
    if inside and not (_key(target) in shadows.variables or PARAMETERS.search(base)):
        return None
    if value is None or not (inside or base in shadows.variables):
        return None
    return "stepped" if _is_step(target, value, shadows) else "tracked"


def _is_step(target: ast.expr, value: ast.expr, shadows: Shadows) -> bool:
    """Whether a value is an update by a gradient: `W - rate * dW`."""
    if (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Sub)
        and ast.unparse(value.left) == ast.unparse(target)
    ):
        return True
    names = {name for node in ast.walk(value) for name in _mentioned(node)} - shadows.variables
    return bool(names & shadows.gradients) or any(GRADIENTS.match(name) for name in names)


def _base(node: ast.expr) -> str:
    """The name that a target writes to: `dW` of `dW[0]`, of `self.dW`."""
    while isinstance(node, ast.Subscript | ast.Starred):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _key(target: ast.expr) -> str:
    if not isinstance(target, ast.Subscript):
        return ""
    value = target.slice.value if isinstance(target.slice, ast.Constant) else None
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, eq=False)
class Assumed:
    """What a hand-derived gradient may be the gradient of: a result, and the cotangent that is given for it.

    ``strict`` says that a multiple of the gradient is a mistake.
    """

    result: Any
    cotangent: Any = None
    strict: bool = True


def assumed_passes(
    scope: Mapping[str, Any],
    name_of: Callable[[Any], str],
    number: Callable[[Any], Any],
    is_derived: Callable[[Any], bool],
    converted: Sequence[tuple[float, Any]],
) -> Iterator[Assumed]:
    """The losses at hand, then the results `out` of which a gradient `dout` is at hand.

    ``name_of`` tells what functions called a tensor, ``number`` gives the array of an array or a number,
    ``is_derived`` says whether one was itself derived by hand: then it may leave a constant to the last step.
    ``converted`` are the latest tensors that became Python numbers, `cost = float(cost)`.
    """
    numbers = dict(converted)
    variables = [
        (name, numbers.get(value, value) if isinstance(value, float) else value)
        for name, value in [*entries(scope), ("_", scope.get("_"))]
    ]
    results = [(name, value) for name, value in variables if isinstance(value, Tensor) and value.node is not None]
    losses = [(name, value) for name, value in results if value.size == 1 and LOSS.search(name)]
    losses.sort(key=lambda pair: not re.search("loss|cost", pair[0], re.IGNORECASE))
    for _, value in losses:
        yield Assumed(value)
    arrays = {name: value for name, value in variables if is_derivative_name(name) and not isinstance(value, Tensor)}
    for name, value in results:
        for called in dict.fromkeys((name, name_of(value))):
            for written in (f"d{called}", f"d_{called}", f"grad_{called}"):
                given = number(arrays.get(written))
                if given is not None and given.shape == value.shape:
                    yield Assumed(value, Tensor(given), not is_derived(arrays[written]))
