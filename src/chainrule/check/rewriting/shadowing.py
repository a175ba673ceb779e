"""Rewrites a notebook that differentiates plain NumPy code by hand, so that its parameters are tracked.

Which they are is told by the names of their derivatives: `W1` where there is a `dW1`::

    W1 = np.random.randn(5, 3)      W1 = __chainrule__.tracked(np.random.randn(5, 3))
    dz = p - y                      dz = __chainrule__.plain(p - y)
    dW1 = X.T @ dz                  dW1 = __chainrule__.derived(X.T @ dz)
    W1 = W1 - 0.1 * dW1             W1 = __chainrule__.stepped(W1 - 0.1 * dW1)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chainrule.check.rewriting.calls import is_room
from chainrule.check.rewriting.names import derived_variables
from chainrule.check.rewriting.site import GRADIENTS, base_of, hook, is_derivative_name

__all__ = ["Shadows", "hook_shadows", "shadows_of"]

OTHERS = frozenset("torch tensorflow jax autograd mxnet theano tinygrad keras cupy chainrule".split())
PARAMETERS = re.compile(r"param|weights|theta", re.IGNORECASE)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Shadows:
    """What is rewritten in a notebook: the variables that become tracked, and the names of their gradients."""

    variables: frozenset[str]
    gradients: frozenset[str]


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
    if not isinstance(node, ast.Subscript) or not GRADIENTS.match(base_of(node.value)):
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
    _rewrite_scope(tree, shadows)
    return ast.fix_missing_locations(tree)


def _rewrite_scope(scope: ast.AST, shadows: Shadows) -> None:
    """Rewrite the statements of a function or a cell, and of the functions inside it."""
    own = list(_own(scope))
    filled = {
        base_of(target)
        for node in own
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Subscript) and not _key(target)
    }
    for node in own:
        inner = node is not scope and isinstance(node, SCOPES)
        for name in () if inner else ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                block[:] = [part for statement in block for part in _rewritten(statement, shadows, filled)]
        if inner:
            _rewrite_scope(node, shadows)


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, the functions and classes in it but not what is inside them."""
    yield scope
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, SCOPES):
            yield child
        else:
            yield from _own(child)


def _rewritten(statement: ast.stmt, shadows: Shadows, filled: set[str]) -> Iterator[ast.stmt]:
    yield statement
    targets: list[ast.expr]
    if isinstance(statement, ast.AugAssign | ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        return
    if isinstance(statement.value, ast.Dict) and not GRADIENTS.match(base_of(targets[0])):
        _track_entries(statement.value, shadows)
    method = _method(targets[0], statement, shadows)
    if method == "tracked" and base_of(targets[0]) in filled and is_room(statement.value):
        return  # an array that is filled later, by what is tracked
    if method is not None and statement.value is not None:
        if method == "plain":
            method = "derived" if any(map(is_derivative_name, _names_in(statement.value))) else "plain"
            statement.value = hook(method, statement.value)
        elif not isinstance(statement, ast.AugAssign):
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
    base = base_of(target)
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
    names = _names_in(value) - shadows.variables
    return bool(names & shadows.gradients) or any(GRADIENTS.match(name) for name in names)


def _names_in(value: ast.expr) -> set[str]:
    """The names, attributes and keys in an expression."""
    return {name for node in ast.walk(value) for name in _mentioned(node)}


def _key(target: ast.expr) -> str:
    if not isinstance(target, ast.Subscript):
        return ""
    value = target.slice.value if isinstance(target.slice, ast.Constant) else None
    return value if isinstance(value, str) else ""
