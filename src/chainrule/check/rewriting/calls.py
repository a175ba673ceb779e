"""Rewrites calls in which plain arrays do not notice that they meet a tensor, for when the code is run on tensors.

These are arrays that are made to be filled, and the method `dot`::

h = np.zeros(5)                 h = __chainrule__.blank(np.zeros(5))
a.dot(b)                        __chainrule__.dot(a, b)
"""

from __future__ import annotations

import ast

from chainrule.check.rewriting.site import hook

__all__ = ["hook_calls", "is_room"]

FILLED = frozenset("zeros empty ones full zeros_like empty_like ones_like full_like".split())


def hook_calls(tree: ast.Module) -> ast.Module:
    """Rewrite these calls in place.

    >>> ast.unparse(hook_calls(ast.parse("a.dot(np.zeros(5))")))
    '__chainrule__.dot(a, __chainrule__.blank(np.zeros(5)))'
    """
    _Calls().visit(tree)
    return tree


def is_room(value: ast.expr | None) -> bool:
    """Whether an expression makes an array that is to be filled: `np.zeros(n)`."""
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    owner = value.func.value
    return value.func.attr in FILLED and isinstance(owner, ast.Name) and owner.id in {"np", "numpy"}


class _Calls(ast.NodeTransformer):
    """Replaces calls in which arrays do not notice that they meet a tensor."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute):
            return node
        name, owner = node.func.attr, node.func.value
        if is_room(node):
            return ast.copy_location(hook("blank", node), node)
        if name == "dot" and len(node.args) == 1 and not node.keywords:
            return ast.copy_location(hook("dot", owner, node.args[0]), node)
        return node
